"""Many calls, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import DecrocheError
from simulator.call import Options, place, way_of
from simulator.observer import Observer, Unobserved
from simulator.result import CallResult
from simulator.script import Script
from simulator.voices import Voices

_APART_S = 0.15
"""Between the first ticks of two calls that start together: a machine should not do all their work in one instant."""


@dataclass(frozen=True)
class Planned:
    """A call to place."""

    path: Path
    script: Script


@dataclass(frozen=True)
class Done:
    """A call that was tried. ``not_placed``: nothing can be said of the bot, only that it could not be called."""

    path: Path
    result: CallResult
    not_placed: bool = False


async def run_calls(
    plan: Sequence[Planned],
    options: Options,
    *,
    parallel: int = 1,
    observer: Observer | None = None,
    wav: Path | None = None,
    on_result: Callable[[CallResult], None] | None = None,
) -> list[Done]:
    """Place the calls, ``parallel`` at a time; results in the order of ``plan``.

    ``wav``: a file for one call, a directory for several. ``on_result``: told of each as it is over.

    Raises:
        DecrocheError: only for a single call; in a suite it is a problem of its own row.
    """
    voices = Voices()
    watcher = observer or Unobserved()
    if len(plan) == 1:
        return [Done(plan[0].path, await place(plan[0].path, plan[0].script, options, watcher, voices, wav))]
    lines = asyncio.Semaphore(parallel)

    async def one(place_in_plan: int, planned: Planned) -> Done:
        if place_in_plan < parallel:
            await asyncio.sleep(place_in_plan * _APART_S)
        async with lines:
            recording = wav / f"{planned.path.stem}.wav" if wav is not None else None
            done = await _tried(planned, options, watcher, voices, recording)
        if on_result is not None:
            on_result(done.result)
        return done

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one(number, planned), name=f"call-{planned.path.stem}")
            for number, planned in enumerate(plan)
        ]
    return [task.result() for task in tasks]


async def _tried(
    planned: Planned, options: Options, observer: Observer, voices: Voices, wav: Path | None
) -> Done:
    try:
        return Done(planned.path, await place(planned.path, planned.script, options, observer, voices, wav))
    except DecrocheError as err:
        way = way_of(planned.script, options)
        result = CallResult(str(planned.path), planned.script.title, way, problems=(str(err),))
        return Done(planned.path, result, not_placed=True)
