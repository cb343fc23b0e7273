"""What the caller lived, measured on the recording alone. Pure.

Voice to voice is the time from the last sample of the caller's speech to the first sample of the bot's, both taken
from one stereo recording on one clock, so it holds everything: the line, the end of turn, recognition, dialogue,
voice and the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.models import Pcm
from media.audio import FULL_SCALE
from simulator.result import Acted, Timing

_STEP_S = 0.005
_SPEECH_DBFS = -45.0
_ABOVE_NOISE_DB = 12.0
_JOIN_S = 0.15  # shorter gaps are inside a word, such as the closure of a stop
_SHORTEST_S = 0.03  # shorter bursts are clicks
_PAUSE_S = 0.6  # longer than the bot's pauses between words and sentences
_EDGE_S = 0.1  # an act's sound may begin this much beside its tick


@dataclass(frozen=True)
class Span:
    """Seconds from ``start`` to ``end``."""

    start: float
    end: float


def speech_spans(samples: Pcm, rate: int) -> list[Span]:
    """Where there is speech, to 5 ms: louder than −45 dBFS and 12 dB above the recording's own background."""
    size = round(_STEP_S * rate)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(whole):
        return []
    rms = np.sqrt(np.mean(np.square(whole, dtype=np.float64), axis=1))
    levels = 20 * np.log10(np.maximum(rms, 1.0) / FULL_SCALE)
    threshold = max(_SPEECH_DBFS, float(np.quantile(levels, 0.1)) + _ABOVE_NOISE_DB)
    # A recording of nothing but speech has no background to stand out of.
    loud = np.concatenate([[False], levels > min(threshold, -25.0), [False]])
    edges = np.flatnonzero(loud[1:] != loud[:-1]) * size / rate
    spans: list[Span] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if spans and start - spans[-1].end < _JOIN_S:
            spans[-1] = Span(spans[-1].start, float(end))
        else:
            spans.append(Span(float(start), float(end)))
    return [span for span in spans if span.end - span.start >= _SHORTEST_S]


def timings(acts: Sequence[Acted], caller: Pcm, bot: Pcm, rate: int) -> list[Timing]:
    """One timing for each act, in order. ``caller`` and ``bot``: the two sides of the recording at ``rate`` Hz."""
    caller_spans, bot_spans = speech_spans(caller, rate), speech_spans(bot, rate)
    ends = [*(act.began for act in acts[1:]), len(bot) / rate][: len(acts)]
    return [
        _timing(act, until, caller_spans, bot_spans)
        if act.deed in ("say", "play") and act.addressed
        else Timing()
        for act, until in zip(acts, ends, strict=True)
    ]


def _timing(act: Acted, until: float, caller: Sequence[Span], bot: Sequence[Span]) -> Timing:
    spoken = [span for span in caller if span.end > act.began - _EDGE_S and span.start < act.ended + _EDGE_S]
    if not spoken:
        return Timing()
    began, ended = spoken[0].start, min(spoken[-1].end, act.ended + _EDGE_S)
    stopped = _stopped(began, ended, bot)
    return Timing(_answered(ended, until, bot), None if stopped is None else _ms(stopped - began))


def _stopped(began: float, ended: float, bot: Sequence[Span]) -> float | None:
    """When the bot fell silent for a caller who spoke from ``began`` to ``ended``; None when it was silent already.

    Pauses between words do not count as silence, and what begins after the caller's last word is an answer.
    """
    stopped = None
    for span in bot:
        speaking_at = began if stopped is None else stopped + _PAUSE_S
        if span.start < speaking_at and span.end > began and (stopped is None or span.start < ended):
            stopped = span.end
    return stopped


def _answered(ended: float, until: float, bot: Sequence[Span]) -> int | None:
    """Milliseconds to the bot's answer; None when it was speaking already, or never answered."""
    if any(span.start < ended < span.end for span in bot):
        return None
    answer = next((span for span in bot if ended <= span.start < until), None)
    return None if answer is None else _ms(answer.start - ended)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
