"""One call from end to end: the script is played, the bot's record fetched, both folded into a judged result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from bot.errors import TransportError
from simulator.api import Server, fetch_record, live_events
from simulator.doors.sip import DEFAULT_URI as SIP_URI
from simulator.doors.text import TextDoor
from simulator.expect import differences
from simulator.line import Line
from simulator.measure import timings
from simulator.observer import Observer
from simulator.recording import bot_as_heard, save_stereo
from simulator.result import CallResult, Event, Fidelity, Observed, fold
from simulator.run import Patience, Player
from simulator.script import Script
from simulator.sound_call import SoundCall, open_door, render
from simulator.text_call import TextCall
from simulator.voices import RATE, Voices, available
from simulator.way import Way

CALL_LIMIT_S = 600.0
"""Real seconds that a call may take in all, whatever the script."""

_LAST_LINES_S = 2.0
"""How long the journal's last lines may take to arrive after the call."""


@dataclass(frozen=True)
class Options:
    """How to place calls. ``text``: without sound. ``channel``: instead of each script's own.

    ``sip``: the SIP URI that calls by SIP go to.
    """

    server: Server
    text: bool = False
    channel: Way | None = None
    sip: str = SIP_URI
    patience: Patience = field(default_factory=Patience)


def way_of(script: Script, options: Options) -> Way:
    """The way that the call of ``script`` takes."""
    return Way.TEXT if options.text else options.channel or Way(script.channel)


async def place(
    path: Path, script: Script, options: Options, observer: Observer, voices: Voices, wav: Path | None = None
) -> CallResult:
    """Play ``script``, read from ``path``. ``wav``: where to write the recording of a call with sound.

    A door that fails in mid-call is a problem noted in the result; what keeps a call from being placed is raised.

    Raises:
        InputError: the recording cannot be written.
        TransportError: the call could not be placed, or its record could not be read.
        VoiceError: the caller's voice failed.
    """
    way = way_of(script, options)
    result = CallResult(script=str(path), title=script.title, channel=way)
    observer.placed(path.stem, script, way, options.sip if way is Way.SIP else options.server.url)
    if options.text:
        result = await _by_text(script, result, options, observer)
    else:
        result = await _by_sound(script, way, result, options, observer, voices, wav)
    result = replace(result, differences=differences(script.expect, result))
    observer.finished(result)
    return result


async def _by_text(script: Script, result: CallResult, options: Options, observer: Observer) -> CallResult:
    server = options.server
    now = script.moment(date.today())
    async with TextDoor(server) as door:
        call = TextCall(Player(script.turns, script.reactions, options.patience), door, observer)
        call_id = await door.start(script.caller.number, now.isoformat() if now else None)

        def watch(event: Event) -> None:
            if event.get("type") != "bot_said":  # the door itself said so already
                observer.event(call.now, event)

        async with _followed(server, call_id, lambda: call.now, watch) as journal:
            problems = await _played(call.run(), call.problems)
    result = replace(
        result,
        call_id=call_id,
        acts=tuple(call.acts),
        duration_s=round(call.now, 2),
        problems=problems,
        warnings=journal.troubles,
    )
    return fold(result, await fetch_record(server, call_id))  # the journal trails the virtual clock


async def _by_sound(
    script: Script,
    way: Way,
    result: CallResult,
    options: Options,
    observer: Observer,
    voices: Voices,
    wav: Path | None,
) -> CallResult:
    server = options.server
    voice, warning = available(script.caller.voice)
    clips = await render(script, voices)
    async with open_door(way, server, script, sip=options.sip) as door:
        player = Player(script.turns, script.reactions, options.patience)
        line = Line(way.channel, script.caller.noise_db, coded=way is Way.PHONE)
        call = SoundCall(player, door, line, clips, observer)
        async with _followed(server, door.call_id, lambda: call.now, call.journal) as journal:
            problems = await _played(call.run(), call.problems)
    bot = bot_as_heard(call.tape.bot, telephone=way is Way.PHONE)
    if wav is not None:
        save_stereo(wav, call.tape.caller, bot)
    measured = await asyncio.to_thread(timings, call.acts, call.tape.caller, bot, RATE)
    result = replace(
        result,
        call_id=door.call_id,
        acts=tuple(call.acts),
        duration_s=round(call.now, 2),
        voice=voice,
        problems=problems,
        warnings=((warning,) if warning else ()) + journal.troubles,
        fidelity=Fidelity(late_ms=round(call.late_s * 1000), protocol_faults=tuple(door.faults)),
    )
    return fold(result, await fetch_record(server, door.call_id), journal.observed, measured)


async def _played(call: Coroutine[Any, Any, None], problems: list[str]) -> tuple[str, ...]:
    """Run the call to its end; what went wrong, in order."""
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            await call
    except TransportError as err:
        problems.append(str(err))
    except TimeoutError:
        problems.append(f"the call was not over after {CALL_LIMIT_S:g} s")
    return tuple(problems)


@dataclass
class _Journal:
    """The bot's journal of a call as it came in, each line with the call's time. ``troubles``: why it did not."""

    observed: list[Observed] = field(default_factory=list)
    troubles: tuple[str, ...] = ()


@asynccontextmanager
async def _followed(
    server: Server, call_id: str, clock: Callable[[], float], tell: Callable[[Event], None]
) -> AsyncIterator[_Journal]:
    """The journal, followed live for as long as the call lasts and a moment longer."""
    journal = _Journal()

    async def follow() -> None:
        try:
            async for event in live_events(server, call_id):
                journal.observed.append(Observed(clock(), event))
                tell(event)
        except TransportError as err:  # the call goes on: what came of it is read from the record
            journal.troubles = (f"the journal could not be followed: {err}",)

    task = asyncio.create_task(follow(), name=f"journal-{call_id[:8]}")
    try:
        yield journal
        with suppress(TimeoutError):
            await asyncio.wait_for(task, _LAST_LINES_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
