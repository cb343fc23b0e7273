"""Who has the floor, on a virtual clock."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from bot.conversation.turns import Decode, Discard, EndTurn, StopBot, TurnTaker
from bot.models import Expectation, ExpectKind, Hypothesis, Recognition

NOTHING = Recognition((), 0.9, 1000, 200)


def said(text: str) -> Recognition:
    return Recognition((Hypothesis(text, -0.2),), 0.0, 1000, 200)


def kinds(acts: list[object]) -> list[type]:
    return [type(act) for act in acts]


def speak(taker: TurnTaker, start: int, stop: int, level: float = -20.0) -> list[object]:
    """Speech confirmed at ``start``, pause confirmed at ``stop``; ticks every 40 ms between."""
    acts: list[object] = list(taker.speech_started(start))
    for now in range(start, stop, 40):
        acts += taker.tick(now, level)
    return acts + list(taker.speech_stopped(stop))


def run_to(taker: TurnTaker, start: int, stop: int) -> list[object]:
    acts: list[object] = []
    for now in range(start, stop, 20):
        acts += taker.tick(now)
    return acts


def test_a_pause_is_decoded_at_once_and_the_turn_ends_after_the_patience() -> None:
    taker = TurnTaker()
    assert speak(taker, 1000, 2200) == [Decode(1)]
    assert taker.recognised(2500, 1, said("ma facture a augmenté"), complete=False, backchannel=False) == []
    acts = run_to(taker, 2500, 3000)
    assert kinds(acts) == [EndTurn]
    end = acts[0]
    assert isinstance(end, EndTurn)
    assert (end.started_ms, end.ended_ms, end.interrupted) == (940, 2000, False)
    assert not taker.caller_speaking


def test_a_sentence_that_was_rounded_off_ends_sooner() -> None:
    taker = TurnTaker()
    speak(taker, 1000, 2200)
    taker.recognised(2500, 1, said("Ma facture a augmenté."), complete=False, backchannel=False)
    assert kinds(run_to(taker, 2500, 2640)) == [EndTurn]


def test_a_request_that_the_dialogue_is_sure_of_ends_sooner_still() -> None:
    taker = TurnTaker()
    speak(taker, 1000, 2200)
    reading = said("Ma facture a augmenté.")
    taker.recognised(2300, 1, reading, complete=False, backchannel=False, understood=True)
    assert kinds(run_to(taker, 2300, 2500)) == [EndTurn]


def lulled(taker: TurnTaker) -> None:
    """A second of speech and a lull from 1000, decoded before the voice detector has confirmed the pause."""
    taker.speech_started(0)
    assert taker.lull(1080, 1000) == []
    assert taker.lull(1100, 1000) == [Decode(1)]
    assert taker.recognised(1250, 1, said("oui"), complete=True, backchannel=False) == []


def test_a_lull_is_decoded_before_the_pause_is_confirmed() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    lulled(taker)
    assert run_to(taker, 1260, 3000) == [], "the voice detector still hears somebody"
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    lulled(taker)
    (end,) = [*taker.speech_stopped(1280), *run_to(taker, 1280, 1520)]
    assert isinstance(end, EndTurn)
    assert end.ended_ms == 1000


def test_a_lull_that_was_none_makes_its_reading_stale() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    lulled(taker)
    taker.lull_over()
    assert taker.speech_stopped(2200) == [Decode(2)]
    assert run_to(taker, 2200, 4000) == []


def test_who_trails_off_under_their_own_level_is_decoded_again() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    lulled(taker)
    assert taker.speech_stopped(1800) == [Decode(2)]


def test_a_lull_is_not_asked_for_while_the_bot_speaks() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    taker.speech_started(100)
    assert taker.lull(600, 400) == []


def test_nothing_read_in_a_lull_is_thrown_out_when_the_pause_is_confirmed() -> None:
    taker = TurnTaker()
    taker.speech_started(0)
    taker.lull(1100, 1000)
    assert taker.recognised(1200, 1, NOTHING, complete=False, backchannel=False) == []
    assert taker.speech_stopped(1300) == [Discard(False)]


def test_a_decode_that_fails_in_a_lull_is_tried_again_when_the_pause_is_confirmed() -> None:
    taker = TurnTaker()
    taker.speech_started(0)
    taker.lull(1100, 1000)
    assert taker.recognition_failed(1200, 1) == []
    assert taker.speech_stopped(1300) == [Decode(2)]


def test_a_whole_yes_ends_the_turn_almost_as_soon_as_it_is_read() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    speak(taker, 0, 500)
    assert taker.recognised(700, 1, said("oui"), complete=True, backchannel=True) == []
    assert kinds(run_to(taker, 700, 820)) == [EndTurn]


def test_speech_that_resumes_makes_the_first_reading_stale() -> None:
    taker = TurnTaker()
    speak(taker, 0, 1000)
    assert speak(taker, 1200, 2000) == [Decode(2)]
    assert taker.recognised(2100, 1, said("ma facture"), complete=False, backchannel=False) == []
    assert run_to(taker, 2100, 4000) == []
    taker.recognised(4000, 2, said("ma facture a augmenté"), complete=False, backchannel=False)
    assert not taker.caller_speaking


def test_a_text_that_ends_in_the_air_is_waited_for() -> None:
    taker = TurnTaker()
    speak(taker, 0, 1000)
    taker.recognised(1200, 1, said("je voudrais savoir pourquoi ma"), complete=False, backchannel=False)
    assert run_to(taker, 1200, 2200) == []
    assert kinds(run_to(taker, 2200, 2400)) == [EndTurn]


def test_dictation_waits_between_the_pairs() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.DIGITS, lengths=(8,)))
    speak(taker, 0, 1000)
    taker.recognised(1200, 1, said("12 34,"), complete=False, backchannel=False)
    assert run_to(taker, 1200, 2500) == []
    assert kinds(run_to(taker, 2500, 2800)) == [EndTurn]


def test_who_does_not_have_the_number_is_not_waited_for() -> None:
    """Found by the bench: half of the slow answers were patience for digits that were not coming."""
    taker = TurnTaker(expectation=Expectation(ExpectKind.DIGITS, lengths=(8,)))
    speak(taker, 0, 1000)
    taker.recognised(1200, 1, said("Je ne l'ai pas sous la main."), complete=False, backchannel=False)
    assert kinds(run_to(taker, 1200, 1440)) == [EndTurn]


def test_sustained_speech_over_the_bot_stops_it_once() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    acts = speak(taker, 1000, 2500)
    assert kinds(acts) == [StopBot, Decode]
    assert acts.count(StopBot()) == 1


def test_a_cough_does_not_stop_the_bot() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    assert kinds(speak(taker, 1000, 1300)) == [Decode]
    assert taker.recognised(1500, 1, NOTHING, complete=False, backchannel=False) == [
        Discard(interrupted=False)
    ]


def test_mm_hm_over_the_bot_does_not_stop_it() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    speak(taker, 1000, 1350)
    assert taker.recognised(1600, 1, said("mm-hm"), complete=False, backchannel=True) == [
        Discard(interrupted=False)
    ]


def test_a_short_stop_over_the_bot_stops_it_when_read() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    speak(taker, 1000, 1350)
    acts = taker.recognised(1600, 1, said("stop"), complete=False, backchannel=False)
    assert kinds(acts) == [StopBot]


def test_yes_before_the_end_of_the_question_is_an_answer() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.YES_NO))
    taker.bot_started(0)
    speak(taker, 1000, 1350)
    acts = taker.recognised(1640, 1, said("oui"), complete=True, backchannel=True)
    assert kinds(acts) == [StopBot, EndTurn]


def test_noise_that_had_stopped_the_bot_is_told_so_that_it_can_resume() -> None:
    taker = TurnTaker()
    taker.bot_started(0)
    assert StopBot() in speak(taker, 1000, 2500)
    taker.bot_stopped(1600)
    assert taker.recognised(2700, 1, NOTHING, complete=False, backchannel=False) == [
        Discard(interrupted=True)
    ]


def test_the_television_behind_the_caller_is_not_the_caller() -> None:
    taker = TurnTaker()
    speak(taker, 0, 1000, level=-18)
    taker.recognised(1200, 1, said("bonjour"), complete=False, backchannel=False)
    run_to(taker, 1200, 2000)
    taker.bot_started(2000)
    acts = speak(taker, 3000, 5000, level=-40)
    assert kinds(acts) == [Discard]


def test_nobody_interrupts_the_goodbye() -> None:
    taker = TurnTaker(expectation=Expectation(ExpectKind.NOTHING))
    taker.bot_started(0)
    assert StopBot() not in speak(taker, 1000, 3000)


def test_a_caller_who_never_pauses_is_taken_at_the_limit() -> None:
    taker = TurnTaker()
    acts = list(taker.speech_started(0))
    for now in range(0, 30_000, 40):
        acts += taker.tick(now, -20.0)
    assert kinds(acts) == [Decode]


def test_a_failed_reading_frees_the_floor() -> None:
    taker = TurnTaker()
    speak(taker, 0, 1000)
    assert taker.recognition_failed(1500, 1) == [Discard(interrupted=False)]
    assert not taker.caller_speaking


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["start", "stop", "read", "read_old", "empty", "fail", "bot_on", "bot_off", "tick"]),
        st.integers(0, 900),
        st.booleans(),
    ),
    max_size=60,
)


@given(EVENTS, st.sampled_from(list(ExpectKind)))
def test_any_order_of_events_keeps_the_floor_sane(
    events: list[tuple[str, int, bool]], kind: ExpectKind
) -> None:
    """Never two ends of one utterance, never an end without a decode, every decode has a fresh number."""
    taker = TurnTaker(expectation=Expectation(kind))
    now, decoded, open_decode = 0, 0, False
    for name, gap, flag in events:
        now += gap
        match name:
            case "start":
                acts = taker.speech_started(now)
            case "stop":
                acts = taker.speech_stopped(now)
            case "read" | "read_old":
                seq = decoded if name == "read" else decoded - 1
                acts = taker.recognised(now, seq, said("oui bien sûr"), complete=flag, backchannel=not flag)
            case "empty":
                acts = taker.recognised(now, decoded, NOTHING, complete=False, backchannel=False)
            case "fail":
                acts = taker.recognition_failed(now, decoded)
            case "bot_on":
                acts = taker.bot_started(now)
            case "bot_off":
                acts = taker.bot_stopped(now)
            case _:
                acts = taker.tick(now, -20.0 if flag else None)
        for act in acts:
            match act:
                case Decode(seq=seq):
                    assert seq >= decoded
                    decoded, open_decode = seq, True
                case EndTurn():
                    assert open_decode and act.recognition.text and act.started_ms <= act.ended_ms
                    open_decode = False
                case StopBot():
                    assert taker.bot_audible
