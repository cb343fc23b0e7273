"""Live sound into Asterisk's queue: nothing piles up there, whoever's clock runs fast."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.telephony.livefeed import AHEAD_S, ASK_EVERY_S, BACKLOG, LiveFeed
from media.telephony.playout import FLUSH, PACKET_BYTES, PACKET_S

PACKET = b"\1\0" * (PACKET_BYTES // 2)


def sent(messages: list[str | bytes]) -> int:
    return sum(isinstance(message, bytes) for message in messages)


def test_a_steady_microphone_is_sent_whole() -> None:
    feed = LiveFeed()
    assert sum(sent(feed.feed(PACKET, place * PACKET_S)) for place in range(500)) == 500
    assert feed.dropped == 0


def test_odd_pieces_become_whole_packets() -> None:
    feed = LiveFeed()
    messages = [one for _ in range(4) for one in feed.feed(PACKET[:480], 0.0)]
    assert [len(message) for message in messages] == [PACKET_BYTES] * 3


def test_a_fast_microphone_is_never_heard_late() -> None:
    feed = LiveFeed()
    total = sum(sent(feed.feed(PACKET, place * PACKET_S * 0.9)) for place in range(5000))
    assert total * PACKET_S <= 5000 * PACKET_S * 0.9 + AHEAD_S + 2 * PACKET_S
    assert feed.dropped


def test_a_lump_after_a_gap_is_cut_to_what_jitter_asks_for() -> None:
    feed = LiveFeed()
    assert sent(feed.feed(PACKET * 250, 10.0)) == round(AHEAD_S / PACKET_S) + 1


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 4 * PACKET_BYTES)), max_size=200))
def test_what_is_at_asterisk_is_bounded_whatever_comes(arrivals: list[tuple[float, int]]) -> None:
    feed, now, queue = LiveFeed(), 0.0, 0.0
    for pause, size in arrivals:
        now, queue = now + pause, max(0.0, queue - pause)
        queue += sent(feed.feed(b"\0" * size, now)) * PACKET_S
        assert queue <= AHEAD_S + PACKET_S + 1e-6


def test_a_queue_that_grew_behind_our_back_is_emptied_before_anything_more() -> None:
    feed, asked = LiveFeed(), []
    for place in range(round(2 * ASK_EVERY_S / PACKET_S) + 2):
        asked += [one for one in feed.feed(PACKET, place * PACKET_S) if isinstance(one, str)]
    assert len(asked) == 2
    feed.take({"event": "STATUS", "queue_length": BACKLOG})
    assert FLUSH not in feed.feed(PACKET, 20.0)
    feed.take({"event": "STATUS", "queue_length": BACKLOG + 1})
    assert feed.feed(PACKET, 20.02)[:2] == [FLUSH, PACKET]


def test_a_queue_that_asterisk_calls_full_is_emptied() -> None:
    feed = LiveFeed()
    feed.take({"event": "MEDIA_XOFF"})
    assert feed.feed(PACKET, 1.0) == [FLUSH, PACKET]
    assert feed.feed(PACKET, 1.02) == [PACKET]
