"""The warm transfer on a line in memory, in virtual time: whatever people do, the caller is somewhere and hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import CallerGoneError, LineError
from bot.events import AgentJoined, AgentLeft, CallEvent, SiteRung
from bot.handoff.transfer import Times, Transfer, TransferEnd, Words
from bot.models import RingResult
from bot.operator import Site, load_operator
from bot.settings import ROOT
from tests.fake_line import Agent, FakeLine
from tests.virtual_time import run_virtual

OPERATOR = load_operator(ROOT / "operator.yml")
SITES = {site.id: site for site in OPERATOR.sites}
WORDS = Words(
    wait="Je vous mets en relation avec un conseiller.",
    news="Merci de patienter, je cherche toujours quelqu'un.",
    whisper="Chuchotement confidentiel réservé au collègue. Tapez 1 pour accepter, 2 pour refuser.",
)
SECRET = set(WORDS.whisper.split())
TIMES = Times(ring_s=20, accept_s=15, news_s=25)
TWO = (SITES["poitiers"], SITES["marrakech"])
ACCEPTS = Agent(key="1", key_s=6)


@dataclass
class Played:
    """How a transfer went."""

    line: FakeLine
    events: list[CallEvent] = field(default_factory=list)
    end: TransferEnd | None = None
    error: Exception | None = None
    took_s: float = 0.0

    def results(self) -> list[tuple[str, str]]:
        return [(e.site, e.result) for e in self.events if isinstance(e, SiteRung)]

    def of(self, kind: type) -> list[CallEvent]:
        return [e for e in self.events if isinstance(e, kind)]


def play(
    agents: dict[str, Agent],
    *,
    sites: Sequence[Site] = TWO,
    hang_up_s: float | None = None,
    cancel_s: float | None = None,
    fails: Sequence[str] = (),
    telephones: bool = True,
) -> Played:
    async def script() -> Played:
        loop = asyncio.get_running_loop()
        played = Played(FakeLine(agents, list(fails), telephones))
        transfer = Transfer(
            played.line,
            played.line,
            sites=sites,
            token_of=lambda site: f"token-{site}",
            words=WORDS,
            times=TIMES,
            note=played.events.append,
            turn=3,
            now_ms=lambda: round(loop.time() * 1000),
        )
        if hang_up_s is not None:
            loop.call_later(hang_up_s, played.line.caller_hangs_up)
        running = asyncio.create_task(transfer.run())
        if cancel_s is not None:
            loop.call_later(cancel_s, running.cancel)
        try:
            played.end = await asyncio.wait_for(running, 10_000)
        except (LineError, asyncio.CancelledError) as err:
            played.error = err if isinstance(err, Exception) else None
        played.took_s = loop.time()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not {t.get_name() for t in left} - {"fake-voice"}, left
        return played

    return run_virtual(script())


def test_an_agent_who_accepts_is_put_through_and_the_caller_comes_back() -> None:
    played = play({"poitiers": ACCEPTS})
    assert played.end is TransferEnd.AGENT_LEFT
    assert played.line.caller == "bot"
    assert played.results() == [("poitiers", "answered")]
    (joined,) = played.of(AgentJoined)
    (left,) = played.of(AgentLeft)
    assert isinstance(joined, AgentJoined) and isinstance(left, AgentLeft)
    assert 10_000 < joined.waited_ms < 12_000  # five seconds of ringing, six until the key
    assert 59_000 < left.talked_ms < 61_000
    assert played.line.words("caller") == WORDS.wait
    assert set(played.line.words("agent").split()) <= SECRET
    assert played.line.tokens == ["token-poitiers"]


def test_the_agent_hears_the_whole_whisper_when_they_wait_for_it() -> None:
    played = play({"poitiers": replace(ACCEPTS, key_s=12)})
    assert played.line.words("agent") == WORDS.whisper


@pytest.mark.parametrize(
    ("first", "result"),
    [
        (Agent(RingResult.BUSY, 1), "busy"),
        (Agent(RingResult.FAILED, 0), "failed"),
        (Agent(RingResult.DECLINED, 3), "declined"),
        (Agent(RingResult.NO_ANSWER, 20), "no_answer"),
        (Agent(rings_s=30), "no_answer"),
        (Agent(key="2", key_s=4), "declined"),
        (Agent(), "no_answer"),  # a voicemail: it answers and presses nothing
        (Agent(key="7", key_s=4), "no_answer"),
        (Agent(leaves_s=2), "declined"),
    ],
)
def test_a_site_that_does_not_take_the_call_is_followed_by_the_next(first: Agent, result: str) -> None:
    played = play({"poitiers": first, "marrakech": ACCEPTS})
    assert played.results() == [("poitiers", result), ("marrakech", "answered")]
    assert played.end is TransferEnd.AGENT_LEFT
    assert not set(played.line.words("caller").split()) & (SECRET - set(WORDS.wait.split()))
    if first.result is RingResult.ANSWERED and first.rings_s < 20:
        assert "drop_agent" in played.line.orders


def test_a_busy_site_costs_the_caller_no_time() -> None:
    played = play({"poitiers": Agent(RingResult.BUSY, 0.1), "marrakech": ACCEPTS})
    (joined,) = played.of(AgentJoined)
    assert isinstance(joined, AgentJoined)
    assert joined.waited_ms < 11_500


def test_when_nobody_takes_it_the_caller_is_back_with_the_bot() -> None:
    played = play({"poitiers": Agent(RingResult.BUSY, 1), "marrakech": Agent(key="2")})
    assert played.end is TransferEnd.NOBODY
    assert (played.line.caller, played.line.bot) == ("bot", "caller")
    assert not played.of(AgentJoined)


def test_without_a_site_there_is_nothing_to_ring() -> None:
    played = play({}, sites=())
    assert played.end is TransferEnd.NOBODY
    assert played.line.caller == "bot"


def test_a_caller_in_the_browser_is_not_put_through_to_telephones_and_no_site_is_blamed() -> None:
    played = play({"poitiers": ACCEPTS}, telephones=False)
    assert played.end is TransferEnd.NOBODY
    assert played.results() == []
    assert not [order for order in played.line.orders if order.startswith("ring")]
    assert played.line.caller == "bot"


def test_the_caller_hears_news_while_sites_ring() -> None:
    slow = {site: Agent(RingResult.NO_ANSWER, 20) for site in SITES}
    played = play(slow, sites=tuple(SITES.values()))
    told = [at for at, word in played.line.heard_by["caller"] if word == "Merci"]
    assert len(told) == 3  # eighty seconds of ringing
    gaps = [b - a for a, b in zip([2.4, *told], told, strict=False)]
    assert all(25 <= gap <= 28 for gap in gaps), gaps
    assert played.line.words("caller").count(WORDS.news) == 3


def test_news_wait_while_the_bot_is_with_the_agent() -> None:
    played = play({"poitiers": Agent(rings_s=18), "marrakech": ACCEPTS})
    assert played.results() == [("poitiers", "no_answer"), ("marrakech", "answered")]
    whispered = [at for at, _ in played.line.heard_by["agent"]]
    told = [at for at, word in played.line.heard_by["caller"] if word == "Merci"]
    assert told, "news were due when the first agent had pressed nothing"
    assert not any(whispered[0] < at < whispered[0] + 15 for at in told)


def test_an_answer_cuts_the_news() -> None:
    played = play({"poitiers": Agent(RingResult.NO_ANSWER, 20), "marrakech": replace(ACCEPTS, rings_s=6)})
    assert "Merci" in played.line.words("caller")
    assert WORDS.news not in played.line.words("caller")
    assert played.end is TransferEnd.AGENT_LEFT


@pytest.mark.parametrize("at", [0.5, 3.0, 6.0, 7.9, 9.0, 12.0, 13.49, 20.0])
def test_a_caller_who_hangs_up_ends_it_at_once(at: float) -> None:
    played = play({"poitiers": replace(ACCEPTS, key_s=6)}, hang_up_s=at)
    assert isinstance(played.error, CallerGoneError)
    assert played.took_s < at + 1.5  # at most the sentence being said
    assert not played.of(AgentLeft)


def test_cancelling_stops_the_ringing() -> None:
    played = play({"poitiers": Agent(rings_s=19)}, cancel_s=8)
    assert "stop ringing poitiers" in played.line.orders
    assert played.end is None


@pytest.mark.parametrize("order", ["ring", "whisper", "join", "drop_agent"])
def test_an_order_that_fails_at_one_site_does_not_end_the_transfer(order: str) -> None:
    first = Agent(key="2") if order == "drop_agent" else ACCEPTS
    played = play({"poitiers": first, "marrakech": ACCEPTS}, fails=[order])
    assert played.end is TransferEnd.AGENT_LEFT
    assert played.results()[-1] == ("marrakech", "answered")


def test_two_who_talk_are_not_parted_because_the_line_cannot_be_asked() -> None:
    played = play({"poitiers": ACCEPTS}, fails=["agent_left", "agent_left"])
    (left,) = played.of(AgentLeft)
    assert isinstance(left, AgentLeft)
    assert left.talked_ms > 59_000


AGENTS = st.builds(
    Agent,
    result=st.sampled_from(RingResult),
    rings_s=st.floats(0, 40),
    key=st.sampled_from(["", "1", "2", "9"]),
    key_s=st.floats(0.1, 40),
    leaves_s=st.none() | st.floats(0.1, 40),
    talks_s=st.floats(0.1, 600),
)


@settings(max_examples=300, deadline=None)
@given(
    agents=st.lists(AGENTS, min_size=4, max_size=4),
    hang_up_s=st.none() | st.floats(0, 200),
    fails=st.lists(st.sampled_from(["ring", "whisper", "join", "drop_agent", "agent_left"]), max_size=4),
)
def test_whatever_happens_the_caller_is_somewhere_and_never_hears_the_whisper(
    agents: list[Agent], hang_up_s: float | None, fails: list[str]
) -> None:
    played = play(
        dict(zip(SITES, agents, strict=True)), sites=tuple(SITES.values()), hang_up_s=hang_up_s, fails=fails
    )
    line = played.line
    if isinstance(played.error, CallerGoneError):
        assert line.caller == "gone"
    else:
        assert played.error is None
        assert (line.caller, line.bot) == ("bot", "caller")
        assert played.end is not None
    told = set(line.words("caller").split())
    assert not told & (SECRET - set(WORDS.wait.split()) - set(WORDS.news.split()))
    assert not line.heard_by["aside"] or line.caller == "gone"
    assert max(line.silences, default=0) < 2.0
    joined, left = played.of(AgentJoined), played.of(AgentLeft)
    assert len(left) == (1 if played.end is TransferEnd.AGENT_LEFT else 0)
    assert len(left) <= len(joined) <= 1
    assert [site for site, _ in played.results()] == list(SITES)[: len(played.results())]
