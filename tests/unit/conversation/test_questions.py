"""The bot's own questions: what is a yes, what is a no, when a call back is promised, how that is said."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.callback_offer import LATER, SOON, is_bad_time, promised_at, spoken_time, wants_callback
from bot.conversation.questions import Next, Question, after, read_answer
from bot.french.speak import verbalise
from bot.operator import load_operator
from bot.settings import ROOT

PARIS = ZoneInfo("Europe/Paris")
HOURS = load_operator(ROOT / "operator.yml").hours


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rappelez-moi demain matin", True),
        ("oui s'il vous plaît", True),
        ("volontiers, dans une heure", True),
        ("non ce n'est pas la peine", False),
        ("c'est moi qui vous rappellerai, je vous rappelle", False),
        ("surtout ne me rappelez pas", False),
        ("inutile de me rappeler", False),
        ("le temps est gris", None),
        ("", None),
    ],
)
def test_answers_to_the_offer(text: str, wanted: bool | None) -> None:
    assert wants_callback(text) is wanted


@pytest.mark.parametrize("text", ["rappelez-moi plus tard", "je conduis là", "ce n'est pas le bon moment"])
def test_a_bad_time(text: str) -> None:
    assert is_bad_time(text)
    assert read_answer(Question.GOOD_TIME, text, text) is False


def test_a_request_at_once_is_no_bad_time() -> None:
    assert not is_bad_time("oui c'est pour ma facture")
    assert read_answer(Question.GOOD_TIME, "x", "oui c'est pour ma facture") is None


@given(
    question=st.sampled_from(Question),
    yes=st.sampled_from([True, False, None]),
    said=st.booleans(),
    again=st.booleans(),
)
def test_every_answer_leads_somewhere_and_a_question_is_asked_twice_at_most(
    question: Question, yes: bool | None, said: bool, again: bool
) -> None:
    follows = after(question, yes, said=said, again=again)
    assert follows is not Next.ASK_AGAIN or not again
    if question is Question.CALLBACK and yes is None and again:
        assert follows is Next.PROMISE, "who asked for a person is not lost"
    if yes is False:
        assert follows in (Next.DECLINED, Next.OFFER_LATER, Next.GOODBYE)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=PARIS)),
    ahead=st.sampled_from([SOON, LATER]),
)
def test_the_promised_time_is_open_not_too_soon_and_a_round_one(now: datetime, ahead: timedelta) -> None:
    due = promised_at(HOURS.next_open, now, ahead)
    assert HOURS.is_open(due)
    assert due >= now + ahead
    assert (due.minute % 15, due.second, due.microsecond) == (0, 0, 0)
    if HOURS.is_open(now + ahead + timedelta(minutes=15)):
        assert due <= now + ahead + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("due", "said"),
    [
        (datetime(2026, 11, 23, 15, 30), "aujourd'hui vers quinze heures trente"),
        (datetime(2026, 11, 24, 8, 0), "demain à partir de huit heures"),
        (datetime(2026, 11, 26, 9, 15), "jeudi à partir de neuf heures quinze"),
    ],
)
def test_the_time_is_said_as_a_person_says_it(due: datetime, said: str) -> None:
    assert verbalise(spoken_time(due, date(2026, 11, 23))) == said
