"""A secret told once in a call is hidden wherever it comes back in it."""

from __future__ import annotations

import json
import logging
from math import nan

import pytest

from bot.events import ActionDone, BotSaid, CallerSaid, CallStarted, Understood
from bot.record.logs import RedactingFilter, redact_processor
from bot.record.redact_events import CallRedactor, redact_event


def said(raw: str, text: str = "", *, turn: int = 1, secret: bool = False) -> CallerSaid:
    return CallerSaid(0, turn, raw, text or raw, "voice", 0.9, 0, 0, secret)


def dump(redactor: CallRedactor, *events: object) -> str:
    return json.dumps([redactor.event(e).to_json() for e in events], ensure_ascii=False)  # type: ignore[arg-type]


def test_a_secret_turn_comes_back_nowhere() -> None:
    kept = dump(
        CallRedactor(),
        said("quinze mars quatre-vingt-cinq", "15031985", secret=True),
        Understood(
            1, 1, "inform_number", 0.9,
            ({"entity": "number", "value": "15031985"},),
            {"number": "15031985", "digits": "1985-03-15", "subscriber_number": "12345674"},
        ),
        BotSaid(2, 1, "J'ai noté le 15/03/1985.", True),
        ActionDone(3, 2, "check", True, "", "contrôle 15 03 1985 réussi"),
    )  # fmt: skip
    for trace in ("1985", "quinze", "mars", "15031985", "19850315"):
        assert trace not in kept
    assert "12345674" in kept


def test_a_birth_date_volunteered_comes_back_nowhere() -> None:
    kept = dump(
        CallRedactor(),
        said("je suis née le 15 mars 2001", "je suis née le 2001-03-15"),
        Understood(
            1, 1, "inform_date", 0.9, ({"entity": "date", "value": "2001-03-15"},), {"date": "2001-03-15"}
        ),
        BotSaid(2, 3, "Le 15032001, c'est bien cela ?", True),
    )
    assert "2001" not in kept


def test_one_call_does_not_hide_what_another_said() -> None:
    dump(CallRedactor(), said("12041985", secret=True))
    assert "12041985" in dump(CallRedactor(), said("mon numéro 12041985"))


def test_identifiers_and_the_calling_number_stay_whole() -> None:
    event = CallStarted(
        0, 0, "1234567890123456", "9" * 16, "phone", "+33611223344", "2027-03-15T09:00:00+00:00"
    )
    assert CallRedactor().event(event) == event


def test_an_event_can_always_be_stored() -> None:
    event = redact_event(CallerSaid(0, 1, "a\x00b\ud800", "é", "voice", nan, 0, 0))
    assert isinstance(event, CallerSaid)
    assert (event.raw, event.confidence) == ("ab?", 0.0)


def test_our_logs_pass_through_the_redactor() -> None:
    entry = {
        "event": "caller said 06 11 22 33 44",
        "caller_number": "+33611223344",
        "call_id": "12345678901234567890",
        "heard": "née le 15/03/1985",
        "count": 3,
    }
    assert redact_processor(None, "info", entry) == {
        "event": "caller said [numéro masqué]",
        "caller_number": "[numéro masqué]",
        "call_id": "12345678901234567890",
        "heard": "née le [date masquée]",
        "count": 3,
    }


def test_a_traceback_in_our_logs_is_redacted_and_shows_no_variables() -> None:
    said_by_the_caller = "passez-moi monsieur Untel"
    try:
        raise ValueError("card 4970 1012 3456 7893")
    except ValueError as err:
        entry = redact_processor(None, "error", {"event": "failed", "exc_info": err})
    assert "ValueError: card [carte masquée]" in entry["exception"]
    assert said_by_the_caller not in str(entry)
    assert "exc_info" not in entry


def test_the_logs_of_libraries_pass_through_the_redactor(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RedactingFilter())
    logger = logging.getLogger("some.library")
    logger.warning("got %s for %s", "FR7630006000011234567890189", "0611223344")
    logger.warning("a wrong format %d", "4970101234567893")
    try:
        raise ValueError("card 4970 1012 3456 7893")
    except ValueError:
        logger.exception("failed")
    for trace in ("7630006", "0611223344", "4970"):
        assert trace not in caplog.text
    assert "[IBAN masqué]" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        """< TEXT '{"event":"DTMF_END","channel_id":"bot-0c1c","digit":"7"}' [88 bytes]""",
        """< TEXT '{"type": "ChannelDtmfReceived", "digit": "7"}'""",
        r"""> "{\"digit\": \"7\"}\"""",
        "{'digit': '7'}",
    ],
)
def test_a_key_on_the_wire_is_in_no_log(message: str) -> None:
    record = logging.LogRecord("uvicorn.error", logging.DEBUG, "", 0, message, None, None)
    assert RedactingFilter().filter(record)
    assert "digit" in record.getMessage()
    assert "7" not in record.getMessage()
