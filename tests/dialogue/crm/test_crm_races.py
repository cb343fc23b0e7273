"""Two workers, or one worker and its own retry, act at the same moment: still one booking."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from actions.crm.port import Booking, ConflictError
from actions.crm.sql import SqlCrm

from .conftest import NOW, TODAY, crm_at, named

WORKERS = 8
ROOT = Path(__file__).parents[3]


def at_once(work: Callable[[int], Booking | str]) -> list[Booking | str]:
    """Runs ``work(0)`` … ``work(WORKERS - 1)`` in threads that start together; a ConflictError becomes a string."""
    barrier = threading.Barrier(WORKERS)

    def one(worker: int) -> Booking | str:
        barrier.wait(timeout=30)
        try:
            return work(worker)
        except ConflictError:
            return "conflict"

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


@pytest.fixture
def patient_crm(crm_url: str) -> SqlCrm:
    """With time enough for every worker's turn on a busy machine."""
    return crm_at(crm_url, timeout_s=30.0)


def test_one_key_raced_by_threads_books_once(patient_crm: SqlCrm) -> None:
    for attempt in range(5):
        ends_on, who = TODAY + timedelta(days=30), 10 + attempt
        results = at_once(
            lambda _, who=who, day=ends_on: patient_crm.cancel_contract(who, day, "", f"key-{who}")
        )
        assert len({result.reference for result in results if isinstance(result, Booking)}) == 1
        assert Counter(result.repeated for result in results if isinstance(result, Booking)) == {
            False: 1,
            True: WORKERS - 1,
        }


def test_one_key_raced_for_different_subscribers_goes_to_one(patient_crm: SqlCrm) -> None:
    results = at_once(lambda worker: patient_crm.change_payment_day(1 + worker, 25, "the same key"))
    assert Counter(results)["conflict"] == WORKERS - 1
    changed = [who for who in range(1, 1 + WORKERS) if patient_crm.contract(who).payment_day == 25]
    assert len(changed) == 1


def test_a_cancellation_raced_under_different_keys_is_registered_once(patient_crm: SqlCrm) -> None:
    ends_on = TODAY + timedelta(days=30)
    results = at_once(lambda worker: patient_crm.cancel_contract(1, ends_on, "", f"key-{worker}"))
    assert results.count("conflict") == WORKERS - 1


def test_a_dispute_raced_under_different_keys_is_opened_once(patient_crm: SqlCrm) -> None:
    results = at_once(
        lambda worker: patient_crm.open_dispute(1, 13, "Film", Decimal("4.99"), f"key-{worker}")
    )
    assert len({result.reference for result in results if isinstance(result, Booking)}) == 1
    assert len(patient_crm.disputes(1)) == 1


def test_a_discount_raced_under_different_keys_is_given_once(patient_crm: SqlCrm) -> None:
    who = named("free_of_commitment")
    at_once(lambda worker: patient_crm.accept_offer(who, "fidelity12", 12, Decimal("10.00"), f"key-{worker}"))
    assert patient_crm.contract(who).monthly_price == Decimal("49.90")


def test_the_last_places_of_a_slot_are_not_sold_twice(patient_crm: SqlCrm) -> None:
    slot = patient_crm.slots(1, "technician", NOW + timedelta(days=10), limit=1)[0]
    results = at_once(lambda worker: patient_crm.book(1 + worker, "technician", slot.id, f"key-{worker}"))
    assert results.count("conflict") == WORKERS - 3  # three places


def test_subscribers_who_exchange_their_slots_do_not_block_each_other(patient_crm: SqlCrm) -> None:
    slots = patient_crm.slots(1, "technician", NOW + timedelta(days=10), limit=2)

    def swap(worker: int) -> Booking:
        for turn in range(6):
            slot = slots[(turn + worker) % 2]
            last = patient_crm.book(1 + worker % 2, "technician", slot.id, f"{worker}-{turn}")
        return last

    assert "conflict" not in at_once(swap)


def run_two(*arguments: str) -> list[str]:
    """Runs Python twice at once and gives what each printed."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            )
            for _ in range(2)
        ]
        said = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    return said


def test_keys_raced_by_processes_book_once(crm_url: str) -> None:
    # Ids 1 to 20: the named subscribers with a running contract. Sixty keys, so that the two do overlap.
    program = (
        "import json, sys; from actions.crm.sql import SqlCrm; crm = SqlCrm(sys.argv[1], timeout_s=30.0); "
        "print(json.dumps([vars(crm.change_payment_day(1 + n % 20, 20, f'key-{n}')) for n in range(60)]))"
    )
    answers = [json.loads(said) for said in run_two("-c", program, crm_url)]
    for first, second in zip(*answers, strict=True):
        assert first["reference"] == second["reference"]
        assert first["repeated"] != second["repeated"]


def test_processes_that_start_together_seed_once(tmp_path: Path) -> None:
    said = run_two("-m", "actions.crm.seed", "--url", f"sqlite:///{tmp_path}/crm.db", "--today", f"{TODAY}")
    assert sorted(said) == [f"500 subscribers added as of {TODAY}\n", "already filled, nothing added\n"]
