"""operator.yml: what is wrong is refused with file, key and reason."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from bot.errors import ConfigurationError
from bot.operator import load_operator
from bot.settings import ROOT

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def data() -> dict:
    return yaml.safe_load((ROOT / "operator.yml").read_text(encoding="utf-8"))


def written(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "operator.yml"
    path.write_text(
        data if isinstance(data, str) else yaml.safe_dump(data, allow_unicode=True), encoding="utf-8"
    )
    return path


def test_the_shipped_operator_is_valid_and_branded() -> None:
    operator = load_operator(ROOT / "operator.yml")
    assert operator.brand.name in operator.phrases.welcome
    assert "automatique" in operator.phrases.welcome
    assert "conseiller" in operator.phrases.welcome
    assert "enregistr" not in operator.phrases.welcome, "no sound is kept (docs/record.md): none is announced"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("brand.timezone", "Europe/Pariss", "unknown time zone"),
        ("brand.colour", "blue", "Extra inputs"),
        ("hours.close", "07:00", "open must be before close"),
        ("hours.days", ["lundi"], "mon"),
        ("identification.attempts", 0, "greater than or equal"),
        ("policy.payment_dates", [31], "less than or equal"),
        ("offers.0.commitment_months", 60, "less than or equal"),
        ("sites.1.id", "rennes", "stands twice"),
        ("sites.0.skills", ["cooking"], "billing"),
        ("sites.0.country", "ZZ", "no public holidays are known"),
        ("sites.0.country", "fr", "pattern"),
        ("sites.0.share", 101, "less than or equal"),
        ("sites.0.quality", 4.2, "less than or equal"),
        ("sites.0.hours.0.close", "07:00", "open must be before close"),
        ("routing.quality_weight", 21, "less than or equal"),
        ("sites.0.sip", "accueil@127.0.0.1", "match pattern"),
        ("sites.0.sip", "sip:two words@127.0.0.1", "match pattern"),
        ("telephony.number", "0180880000", "match pattern"),
        ("telephony.fallback", "+33 1 80 88 00 99", "match pattern"),
        ("telephony.ring_s", 0, "greater than"),
        ("telephony.accept_s", 61, "less than or equal"),
        ("telephony.news_s", 2, "greater than or equal"),
        ("telephony.voicemail", True, "Extra inputs"),
        ("phrases.welcome", None, "valid string"),
        ("phrases.handoff_closed", "Un conseiller vous rappelle {wen}.", "handoff_closed: nothing but"),
        ("phrases.handoff_whisper", "Appel {brand}. {case", "{brand} and {case} is filled in"),
        ("phrases.line_sorry", "Nous vous rappelons {when}.", "line_sorry: nothing but {brand} is"),
        ("callbacks.ring_hours.close", "07:00", "open must be before close"),
        ("callbacks.prefixes", ["06"], "match pattern"),
        ("callbacks.prefixes", [], "at least 1"),
        ("callbacks.retries", [{"after_min": 0}], "greater than or equal"),
        ("callbacks.retries", [{"after_min": 10}] * 11, "at most 10"),
        ("callbacks.line_retry_s", 0, "greater than"),
        ("callbacks.ring_s", 121, "less than or equal"),
        ("callbacks.late_after_min", 0, "greater than or equal"),
        ("callbacks.give_up_after_h", 400, "less than or equal"),
        ("callbacks.concurrent", 0, "greater than or equal"),
        ("callbacks.limits.per_hour", 0, "greater than or equal"),
        ("callbacks.limits.per_number_day", 0, "greater than or equal"),
        ("callbacks.limits.per_address_hour", -1, "greater than or equal"),
    ],
)
def test_a_wrong_value_names_file_key_and_reason(
    tmp_path: Path, data: dict, path: str, value: object, reason: str
) -> None:
    *parents, last = path.split(".")
    node = data
    for key in parents:
        node = node[int(key) if key.isdigit() else key]
    node[last] = value
    file = written(tmp_path, data)
    with pytest.raises(ConfigurationError) as caught:
        load_operator(file)
    message = str(caught.value)
    assert str(file) in message
    assert parents[0] in message
    assert reason in message


@pytest.mark.parametrize("section", ["policy", "telephony", "callbacks"])
def test_a_missing_section_is_named(tmp_path: Path, data: dict, section: str) -> None:
    del data[section]
    with pytest.raises(ConfigurationError, match=f"{section}: Field required"):
        load_operator(written(tmp_path, data))


@pytest.mark.parametrize("text", ["brand: [", "", "- a\n- b\n"])
def test_what_is_no_operator_at_all_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"operator\.yml"):
        load_operator(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_operator(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("at", "is_open", "next_open"),
    [
        ("2026-11-23 09:00", True, "2026-11-23 09:00"),  # Monday
        ("2026-11-23 07:59", False, "2026-11-23 08:00"),
        ("2026-11-23 20:00", False, "2026-11-24 08:00"),
        ("2026-11-21 21:00", False, "2026-11-23 08:00"),  # Saturday night: closed on Sunday
    ],
)
def test_hours(at: str, is_open: bool, next_open: str) -> None:
    hours = load_operator(ROOT / "operator.yml").hours
    moment = datetime.fromisoformat(at).replace(tzinfo=PARIS)
    assert hours.is_open(moment) is is_open
    assert hours.next_open(moment) == datetime.fromisoformat(next_open).replace(tzinfo=PARIS)


def test_somebody_must_have_a_share_of_the_calls(tmp_path: Path, data: dict) -> None:
    for site in data["sites"]:
        site["share"] = 0
    with pytest.raises(ConfigurationError, match="none has a share"):
        load_operator(written(tmp_path, data))
