"""The actions' view of ``operator.yml``: read strictly, refused with file, key and reason."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.operator import OperatorError, load_operator

SHIPPED = Path(__file__).resolve().parents[3] / "operator.yml"


def test_the_shipped_file_is_read() -> None:
    operator = load_operator(SHIPPED)
    assert operator.policy.early_termination_share == Decimal("0.25")
    assert operator.offer("pause3").min_tenure_months == 6
    assert operator.timezone.key == "Europe/Paris"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda raw: raw.pop("policy"), "policy: missing"),
        (lambda raw: raw["policy"].pop("notice_days"), "policy.notice_days: missing"),
        (lambda raw: raw["policy"].update(notice_days="thirty"), "policy.notice_days: a number"),
        (lambda raw: raw["policy"].update(notice_days=1.5), "policy.notice_days: 1.5 is out of range"),
        (lambda raw: raw["policy"].update(early_termination_share=1.2), "out of range"),
        (lambda raw: raw["policy"].update(payment_dates=[31]), "days from 1 to 28"),
        (lambda raw: raw["offers"][1].pop("terms"), r"offers\[1\].terms: missing"),
        (lambda raw: raw["brand"].update(timezone="Mars/Olympus"), "unknown time zone"),
        (lambda raw: raw["brand"].update(name=7), "brand.name: a text"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(
    change: Callable[[Any], object], complaint: str, tmp_path: Path
) -> None:
    raw = yaml.safe_load(SHIPPED.read_text())
    change(raw)
    wrong = tmp_path / "operator.yml"
    wrong.write_text(yaml.safe_dump(raw))
    with pytest.raises(OperatorError, match=complaint):
        load_operator(wrong)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere\.yml"):
        load_operator(tmp_path / "nowhere.yml")
