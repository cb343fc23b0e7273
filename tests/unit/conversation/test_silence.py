"""Silence: followed up once, then the keypad, then a person."""

from __future__ import annotations

from bot.conversation.silence import SilenceLadder, SilenceStep
from bot.models import ExpectKind


def climb(
    ladder: SilenceLadder, until_ms: int, kind: ExpectKind = ExpectKind.OPEN
) -> list[tuple[int, SilenceStep]]:
    """Every step taken, each followed by a prompt of two seconds."""
    steps, now = [], 0
    ladder.floor_free(0)
    while now < until_ms:
        if step := ladder.tick(now, kind):
            steps.append((now, step))
            now += 2000
            ladder.floor_free(now)
        now += 100
    return steps


def test_three_rungs_in_order_and_never_again() -> None:
    steps = climb(SilenceLadder(), 120_000)
    assert [step for _, step in steps] == [SilenceStep.REPROMPT, SilenceStep.KEYPAD, SilenceStep.HUMAN]
    assert steps[0][0] == 7000


def test_an_answer_starts_from_the_first_rung() -> None:
    ladder = SilenceLadder()
    climb(ladder, 8000)
    ladder.answered()
    assert [step for _, step in climb(ladder, 8000)] == [SilenceStep.REPROMPT]


def test_a_caller_busy_at_the_box_is_left_in_peace() -> None:
    assert climb(SilenceLadder(), 29_000, ExpectKind.STEP) == []


def test_silence_does_not_count_while_somebody_speaks() -> None:
    ladder = SilenceLadder()
    ladder.floor_free(0)
    ladder.floor_busy()
    assert ladder.tick(60_000, ExpectKind.OPEN) is None


def test_the_end_of_a_call_is_not_followed_up() -> None:
    assert climb(SilenceLadder(), 60_000, ExpectKind.NOTHING) == []
