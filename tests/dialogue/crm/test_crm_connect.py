"""What the action server gets from its environment, and the seeding command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from actions.crm import connect
from actions.crm.database import Database
from actions.crm.port import CrmUnavailableError
from actions.crm.seed import main
from actions.crm.seeding import ensure_seeded
from actions.crm.sql import SqlCrm

from .conftest import PARIS, TODAY, crm_at, named


def test_the_default_set_up_works_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    crm, box = connect({})
    found = crm.find_by_number("12345674")
    assert found is not None
    assert box.test(crm.box(found.id)).fault == "none"
    assert (tmp_path / "var" / "crm.db").exists()
    assert crm.slots(found.id, "technician", datetime.now(PARIS))


def test_connecting_again_keeps_what_was_booked(tmp_path: Path) -> None:
    env = {"DECROCHE_CRM_URL": f"sqlite:///{tmp_path}/crm.db"}
    crm, _ = connect(env)
    crm.change_payment_day(1, 25, "k1")
    assert connect(env)[0].contract(1).payment_day == 25


def test_a_day_can_be_chosen(tmp_path: Path) -> None:
    env = {"DECROCHE_CRM_URL": f"sqlite:///{tmp_path}/crm.db", "DECROCHE_CRM_TODAY": "2027-03-15"}
    crm, _ = connect(env)
    assert crm.invoices(1, limit=1)[0].issued_on == date(2027, 3, 1)
    slot = crm.slots(1, "callback", datetime(2027, 3, 15, 8, tzinfo=PARIS), limit=1)[0]
    assert crm.book(1, "callback", slot.id, "k1")


def test_postgresql_is_not_filled_unless_asked(fresh_postgresql: Callable[[], str], cluster: object) -> None:
    url = fresh_postgresql()
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    database.dispose()
    with pytest.raises(CrmUnavailableError):
        connect({"DECROCHE_CRM_URL": url})[0].contract(1)
    crm, _ = connect({"DECROCHE_CRM_URL": url, "DECROCHE_CRM_SEED": "1"})
    assert crm.contract(1)
    booking = crm.book(1, "technician", crm.slots(1, "technician", datetime.now(PARIS), limit=1)[0].id, "k1")
    assert booking.reference.startswith("V-")


@pytest.mark.parametrize(
    ("name", "value"),
    [("DECROCHE_CRM_SEED", "maybe"), ("DECROCHE_CRM_TODAY", "demain"), ("DECROCHE_CRM_TIMEOUT_S", "soon")],
)
def test_a_malformed_setting_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValueError):
        connect({"DECROCHE_CRM_URL": f"sqlite:///{tmp_path}/crm.db", name: value})


def test_slots_of_coming_days_are_opened_at_each_start(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/crm.db")
    assert ensure_seeded(database, date(2027, 3, 15), size=40)
    assert not ensure_seeded(database, date(2027, 5, 3), size=40)
    crm = SqlCrm(f"sqlite:///{tmp_path}/crm.db")
    assert crm.slots(1, "technician", datetime(2027, 5, 20, tzinfo=PARIS), limit=1)


def test_seeding_twice_adds_nothing_and_reset_starts_afresh(
    crm_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    who = named("steady")
    crm = crm_at(crm_url)
    crm.change_payment_day(who, 25, "k1")
    crm.log_offer(who, "call-1", "fidelity12", "proposed")
    crm.close()
    arguments = ["--url", crm_url, "--today", TODAY.isoformat()]
    assert main(arguments) == 0
    assert "nothing added" in capsys.readouterr().out
    assert crm.contract(who).payment_day == 25
    crm.close()
    assert main([*arguments, "--reset"]) == 0
    assert "500 subscribers added as of 2027-03-15" in capsys.readouterr().out
    assert crm.contract(who).payment_day == 15
    assert not crm.change_payment_day(who, 25, "k1").repeated


def test_seeding_where_nothing_answers_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "crm.db").write_bytes(b"this is not a database" * 100)
    assert main(["--url", f"sqlite:///{tmp_path}/crm.db"]) == 1
    assert "crm.unavailable" in capsys.readouterr().err
