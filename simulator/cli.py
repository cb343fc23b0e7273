"""``decroche call``: the command line of the simulated subscriber, a typer command to be mounted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bot.errors import DecrocheError, InputError
from simulator import report
from simulator import script as scripts
from simulator.api import DEFAULT_URL, Server
from simulator.call import Options
from simulator.doors.sip import DEFAULT_URI as SIP_URI
from simulator.suite import Planned, run_calls
from simulator.way import Way

EXIT_DIFFERENT = 1
EXIT_BAD_INPUT = 2
EXIT_NOT_PLACED = 3


def call(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="SCRIPT", help="Scripts (.yml) and directories of them.", show_default=False),
    ],
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything about the call here.")
    ] = None,
    wav: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Record both sides here: left caller, right bot. For several, a directory."
        ),
    ] = None,
    url: Annotated[str, typer.Option(envvar="DECROCHE_URL", help="Where the bot is.")] = DEFAULT_URL,
    text: Annotated[
        bool, typer.Option("--text", help="Without sound: typed turns, a second or two a call.")
    ] = False,
    channel: Annotated[
        Way | None, typer.Option(help="Through this door instead of the script's own: phone, sip or browser.")
    ] = None,
    sip: Annotated[
        str, typer.Option(metavar="URI", envvar="DECROCHE_SIP", help="Where a call by --channel sip goes.")
    ] = SIP_URI,
    parallel: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="Calls at a time.")] = 1,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only scripts with this tag; may be repeated.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show the scripts, place no call.")] = False,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--quiet", help="Print the call as it goes. By default a single one is, several are not."
        ),
    ] = None,
) -> None:
    """Call the bot as a subscriber would, and check what comes of it.

    A script says who calls, what they say, key or leave unsaid, and what must come of it (docs/simulator.md). It is
    played in real time through the same doors as real calls; with --text the same script is typed.

    [bold]decroche call scripts/sample.yml[/]: one call, printed live

    [bold]decroche call scripts/ --text[/]: all of them, typed

    [bold]decroche call scripts/ --parallel 4[/]: all of them with sound, four at a time

    [bold]decroche call scripts/sample.yml --wav call.wav --json call.json[/]: with a recording of both sides

    Exit status: 0 all calls came out as expected, 1 some did not, 2 a script or an option is wrong,
    3 a call could not be placed.
    """
    console = Console(highlight=False)
    errors = Console(stderr=True, highlight=False)
    try:
        if channel is Way.TEXT:
            raise InputError("--channel text: say --text instead")
        options = Options(Server.found(url), text=text, channel=channel, sip=sip)
        plan = _plan(paths, set(tag or ()))
        if list_only:
            console.print(_listing(plan))
            return
        if wav is not None and text:
            raise InputError("--wav: there is nothing to record with --text")
        status = asyncio.run(_play(plan, options, console, parallel, json_out, wav, live))
    except InputError as err:
        errors.print(f"[red]{_escape(err)}")
        raise typer.Exit(EXIT_BAD_INPUT) from err
    except DecrocheError as err:
        errors.print(f"[red]{_escape(err)}")
        raise typer.Exit(EXIT_NOT_PLACED) from err
    except KeyboardInterrupt as err:
        raise typer.Exit(130) from err  # 128 + SIGINT, as shells report it
    raise typer.Exit(status)


async def _play(
    plan: Sequence[Planned],
    options: Options,
    console: Console,
    parallel: int,
    json_out: Path | None,
    wav: Path | None,
    live: bool | None,
) -> int:
    began = time.monotonic()
    alone = len(plan) == 1
    shown = alone if live is None else live
    if shown and not alone and parallel > 1:
        raise InputError("--live: calls at the same time cannot be printed as they go; leave --parallel out")
    done = await run_calls(
        plan,
        options,
        parallel=parallel,
        observer=report.LiveReport(console) if shown else None,
        wav=wav,
        on_result=None if shown else lambda result: console.print(report.suite_line(result)),
    )
    if not alone:
        console.print()
        console.print(report.suite_table([one.result for one in done], time.monotonic() - began))
    if json_out is not None:
        _write(json_out, report.suite_json([one.result for one in done]))
    if any(one.not_placed for one in done):
        return EXIT_NOT_PLACED
    return 0 if all(one.result.held for one in done) else EXIT_DIFFERENT


def _plan(paths: Sequence[Path], tags: set[str]) -> list[Planned]:
    """Every script, all read before the first call: a mistake in one is told at once."""
    plan, faults = [], []
    for path in scripts.find(paths):
        try:
            plan.append(Planned(path, scripts.load(path)))
        except InputError as err:
            faults.append(str(err))
    if faults:
        raise InputError("\n".join(faults))
    chosen = [one for one in plan if tags <= set(one.script.tags)]
    if not chosen:
        raise InputError(f"no script has the tag {' and '.join(sorted(tags))}")
    return chosen


def _listing(plan: Sequence[Planned]) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("script", no_wrap=True)
    for heading in ("what happens", "channel", "tags"):
        table.add_column(heading)
    for one in plan:
        table.add_row(one.path.stem, one.script.title, one.script.channel, " ".join(one.script.tags))
    return table


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n", encoding="utf-8")
    except OSError as err:
        raise InputError(f"{path}: cannot be written: {err}") from err


def _escape(err: Exception) -> str:
    return str(err).replace("[", r"\[")
