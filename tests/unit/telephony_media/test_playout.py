"""The bot's voice against Asterisk's rules: what is sent, what is played, what is known of it. No socket, no clock."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.telephony.playout import (
    FLUSH,
    LEAD,
    MAX_BINARY_BYTES,
    MAX_COMMAND_BYTES,
    PACKET_BYTES,
    PACKET_S,
    Place,
    Playout,
    command,
)
from simulator.doors.asterisk import MediaChannel

MARKED = {"event": "MEDIA_MARK_PROCESSED"}


def packet(number: int) -> bytes:
    return number.to_bytes(2, "little") * (PACKET_BYTES // 2)


def number(frame: bytes | None) -> int | None:
    return None if frame is None else int.from_bytes(frame[:2], "little")


class Line:
    """A playout, an Asterisk, and the network between them: ``delay`` ticks of 20 ms each way."""

    def __init__(self, delay: int = 0) -> None:
        self.playout = Playout()
        self.asterisk = MediaChannel("c")
        self.ticks = 0
        self.sent: list[str | bytes] = []
        self.heard: list[int] = []
        self.longest_queue = 0
        self._delay = delay
        self._there: deque[tuple[int, str | bytes]] = deque()
        self._back: deque[tuple[int, dict[str, Any]]] = deque()

    @property
    def now(self) -> float:
        return self.ticks * PACKET_S

    def tick(self, *, sender_runs: bool = True) -> None:
        """20 ms pass. ``sender_runs``: whether our event loop finds the time to send."""
        while self._back and self._back[0][0] <= self.ticks:
            self.playout.take(self._back.popleft()[1], self.now)
        while sender_runs and (message := self.playout.next(self.now)) is not None:
            self._post(message)
        while self._there and self._there[0][0] <= self.ticks:
            message = self._there.popleft()[1]
            answers = (
                self.asterisk.text(message) if isinstance(message, str) else self.asterisk.binary(message)
            )
            self._answer(answers)
        self.longest_queue = max(self.longest_queue, self.asterisk.queue_length)
        frame, events = self.asterisk.tick()
        if frame is not None:
            self.heard.append(number(frame) or 0)
        self._answer(events)
        self.ticks += 1

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()

    def flush(self) -> None:
        if flush := self.playout.flush():
            self._post(flush)

    def say(self, *numbers: int) -> None:
        for one in numbers:
            self.playout.feed(packet(one))
        self.playout.end()

    def _post(self, message: str | bytes) -> None:
        self.sent.append(message)
        self._there.append((self.ticks + self._delay, message))

    def _answer(self, events: list[dict[str, Any]]) -> None:
        self._back.extend((self.ticks + 1 + self._delay, event) for event in events)


def commands(line: Line) -> list[str]:
    return [json.loads(message)["command"] for message in line.sent if isinstance(message, str)]


def test_an_utterance_goes_between_start_and_stop_with_marks() -> None:
    line = Line()
    line.say(*range(1, 36))
    line.run(45)
    assert line.heard == list(range(1, 36))
    assert commands(line) == [
        "START_MEDIA_BUFFERING", "MARK_MEDIA", "MARK_MEDIA", "STOP_MEDIA_BUFFERING",
    ]  # fmt: skip
    assert [len(message) for message in line.sent if isinstance(message, bytes)] == [
        LEAD * PACKET_BYTES,
        5 * PACKET_BYTES,
    ]
    assert line.asterisk.faults == []
    assert line.playout.drained


def test_the_first_packet_goes_at_once() -> None:
    line = Line()
    line.playout.feed(packet(1))
    line.tick()
    assert line.heard == [1]


def test_an_odd_end_is_filled_with_silence() -> None:
    line = Line()
    line.playout.feed(packet(7) + b"\x07\x00")
    line.playout.end()
    line.run(3)
    assert line.heard == [7, 7]
    assert line.asterisk.faults == []


def test_nothing_is_sent_while_nothing_is_said() -> None:
    line = Line()
    line.say(1, 2, 3)
    line.run(20)
    sent = len(line.sent)
    line.run(5000)
    assert len(line.sent) == sent
    assert line.playout.pause_s(line.now) is None


def test_an_empty_utterance_is_none() -> None:
    line = Line()
    line.playout.end()
    line.run(3)
    assert line.sent == []
    assert line.playout.flush() is None


def test_a_flush_is_silence_at_once_and_nothing_stale_follows() -> None:
    line = Line()
    line.say(*range(1, 101))
    line.run(30)
    before = len(line.heard)
    line.flush()
    line.say(*range(200, 210))
    line.run(40)
    assert line.heard[before:] == list(range(200, 210))
    assert commands(line).count("FLUSH_MEDIA") == 1
    assert commands(line).count("START_MEDIA_BUFFERING") == 2, "a flush ends buffering mode"
    assert line.asterisk.faults == []


def test_marks_dropped_by_a_flush_are_not_waited_for_nor_taken_for_others() -> None:
    playout = Playout()
    playout.feed(packet(1) * 10)
    while playout.next(0.0):
        pass
    playout.flush()
    assert playout.drained
    playout.feed(packet(2) * 10)
    while playout.next(1.0):
        pass
    playout.take(MARKED | {"correlation_id": "m1"}, 1.0)  # was on its way when the flush went out
    assert playout.played(1.0) == 0
    playout.take(MARKED | {"correlation_id": "m2"}, 1.2)
    assert playout.played(1.2) == 10


def test_a_mark_that_is_out_is_not_passed_by_the_clock() -> None:
    playout = Playout()
    playout.feed(packet(1) * 100)
    while playout.next(0.0):
        pass
    assert playout.played(0.1) == 5
    assert playout.played(2.0) == LEAD, (
        "Asterisk has not said that it played the batch, nor anything after it"
    )
    assert playout.next(2.0) is not None, "the clock makes room all the same"


def test_sound_is_held_back_at_xoff_and_goes_on_at_xon() -> None:
    playout = Playout()
    playout.take({"event": "MEDIA_XOFF"}, 0.0)
    playout.feed(packet(1) * 10)
    assert playout.next(0.1) == command("GET_STATUS")
    assert playout.next(0.1) is None
    playout.take({"event": "MEDIA_XON"}, 0.2)
    assert playout.next(0.2) == command("START_MEDIA_BUFFERING")


def test_an_xoff_that_stays_is_flushed() -> None:
    playout = Playout()
    playout.take({"event": "MEDIA_XOFF"}, 0.0)
    playout.feed(packet(1) * 10)
    playout.next(0.0)
    assert playout.next(2.9) is None
    assert playout.next(3.1) == FLUSH
    assert playout.drained
    playout.feed(packet(2))
    assert playout.next(3.2) == command("START_MEDIA_BUFFERING")


def test_what_is_never_played_is_given_up() -> None:
    playout = Playout()
    playout.feed(packet(1) * 100)
    while playout.next(0.0):
        pass
    place = playout.follow()
    assert place is not None
    moment = 0.0
    while (message := playout.next(moment)) != FLUSH:
        assert moment < 5
        moment += 0.02 if message is None else 0.0
    assert playout.drained
    assert playout.is_gone(place)


@pytest.mark.parametrize(("length", "flushed"), [(0, False), (LEAD, False), (LEAD + 11, True), (1000, True)])
def test_a_backlog_is_flushed(length: int, flushed: bool) -> None:
    playout = Playout()
    playout.take({"event": "STATUS", "queue_length": length}, 0.0)
    assert (playout.next(0.0) == FLUSH) is flushed


def test_the_queue_is_looked_at_in_a_long_speech() -> None:
    line = Line()
    line.say(*range(1, 501))
    line.run(520)
    assert 4 <= commands(line).count("GET_STATUS") <= 6
    assert line.longest_queue <= LEAD
    assert "FLUSH_MEDIA" not in commands(line)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event": None},
        {"event": "STATUS"},
        {"event": "STATUS", "queue_length": "many"},
        {"event": "MEDIA_MARK_PROCESSED"},
        {"event": "MEDIA_MARK_PROCESSED", "correlation_id": ["m1"]},
        {"event": "MEDIA_XON"},
    ],
)
def test_events_that_say_nothing_change_nothing(event: dict[str, Any]) -> None:
    playout = Playout()
    playout.feed(packet(1) * 10)
    while playout.next(0.0):
        pass
    playout.take(event, 0.1)
    assert playout.played(0.1) == 5
    assert playout.next(0.1) is None


def test_more_than_a_reply_can_hold_is_dropped() -> None:
    playout = Playout()
    for _ in range(400):
        playout.feed(bytes(PACKET_BYTES * 50))
    places = 0
    while playout.follow():
        places += 1
    assert 15_000 <= places <= 15_050


def test_a_packet_begins_when_those_before_it_have_been_played() -> None:
    line = Line()
    line.say(*range(1, 51))
    late: list[int] = []
    place = line.playout.follow()
    for _ in range(60):
        line.tick()
        while place is not None and line.playout.due_s(place, line.now - PACKET_S) <= 0:
            late.append(len(line.heard) - (place.position + 1))
            place = line.playout.follow()
    assert len(late) == 50
    assert set(late) <= {0, 1}


def test_a_packet_is_not_begun_before_it_is_sent() -> None:
    playout = Playout()
    playout.take({"event": "MEDIA_XOFF"}, 0.0)
    playout.feed(packet(1))
    place = playout.follow()
    assert place == Place(0, 0)
    assert playout.due_s(place, 1.0) > 0


def test_a_hiccup_of_our_event_loop_is_not_heard() -> None:
    line = Line()
    line.say(*range(1, 201))
    silence = 0
    for tick in range(230):
        heard = len(line.heard)
        line.tick(sender_runs=tick % 40 < 20)
        silence += len(line.heard) == heard and heard not in (0, 200)
    assert line.heard == list(range(1, 201))
    assert silence == 0, "a loop that is late by 0.4 s leaves no hole"


Step = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 120)),
    st.tuples(st.just("feed"), st.integers(1, 4000)),
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("late"), st.integers(1, 40)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(Step, max_size=25), st.integers(0, 5))
def test_whatever_happens_asterisk_is_content_and_we_know_what_was_played(
    steps: list[tuple[str, int]], delay: int
) -> None:
    line = Line(delay)
    fed = 0
    for what, amount in steps:
        match what:
            case "say":
                line.say(*(range(fed + 1, fed + amount + 1)))
                fed += amount
            case "feed":
                line.playout.feed(packet(60_000)[:2] * amount)
                line.playout.end()
            case "wait":
                line.run(amount)
            case "late":
                for _ in range(amount):
                    line.tick(sender_runs=False)
            case "flush":
                line.flush()
                epoch_starts = len(line.heard)
                line.run(delay + 1)
                assert line.playout.played(line.now) == 0
                assert len(line.heard) <= epoch_starts + delay
    line.run(LEAD + 3 * delay + 10)
    line.playout.end()
    for _ in range(20_000):
        if line.playout.drained:
            break
        line.tick()
    line.run(2 * delay + 3)
    assert line.playout.drained
    assert line.asterisk.queue_length == 0
    assert line.asterisk.faults == []
    assert line.longest_queue <= LEAD
    assert commands(line).count("FLUSH_MEDIA") <= sum(what == "flush" for what, _ in steps), (
        "nothing given up"
    )
    spoken = [one for one in line.heard if one < 60_000]
    assert spoken == sorted(spoken), "in order, and nothing twice"
    assert len(spoken) == len(set(spoken))
    for message in line.sent:
        if isinstance(message, bytes):
            assert 0 < len(message) <= MAX_BINARY_BYTES
            assert len(message) % PACKET_BYTES == 0
        else:
            assert len(message.encode()) < MAX_COMMAND_BYTES


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 300), st.integers(0, 5), st.integers(0, 200))
def test_what_we_say_was_played_is_what_was_heard(packets: int, delay: int, until: int) -> None:
    line = Line(delay)
    line.say(*range(1, packets + 1))
    for _ in range(until):
        line.tick()
        known, heard = line.playout.played(line.now), len(line.heard)
        assert known <= heard + delay + 1, "never ahead of the caller by more than the network is slow"
        assert known >= heard - delay - 2, "nor behind"
