"""The command line: ``decroche``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot.agents_cli import add_demo_agents, agent
from bot.errors import ConfigurationError, DecrocheError
from bot.logs import configure_logs
from bot.operator import Operator, load_operator
from bot.routing.command import route
from bot.settings import ROOT, AsteriskSettings, Settings
from bot.stack import PARTS, PHONE_PARTS, Stack, fresh_stack
from media.asterisk.installed import find_asterisk
from simulator.cli import call

cli = typer.Typer(
    name="decroche",
    help="Décroche: the voice front door of a pay-TV operator's subscriber service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli.command("call")(call)
asterisk = typer.Typer(help="The Asterisk that carries the telephone line.", no_args_is_help=True)
cli.add_typer(asterisk, name="asterisk")
cli.add_typer(agent, name="agent")
cli.add_typer(route, name="route")
console = Console()

_SICK_S = 20.0
"""A part that lives no longer than this would only die again."""

SAMPLE_CALL = ROOT / "scripts" / "sample.yml"


@cli.command()
def serve() -> None:
    """Run the bot process alone; Rasa and the action server are expected to run already."""
    from bot.app import serve as run  # the speech libraries take seconds to import: only when needed

    run(Settings())


@cli.command()
def rescue() -> None:
    """Watch over the telephone's callers: those whose bot died are sent to a sentence, and to a bot again."""
    from bot.line import rescue as watch

    settings = Settings()
    configure_logs(as_json=settings.log_json)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(watch(settings))


@cli.command()
def up(
    sample_call: Annotated[bool, typer.Option(help="Place one simulated call and show it live.")] = False,
    quiet: Annotated[bool, typer.Option(help="Say nothing while starting.")] = False,
    fresh: Annotated[
        bool,
        typer.Option(help="On free ports with newly seeded data, gone at the end: for suites and benches."),
    ] = False,
    then: Annotated[str, typer.Option(help="Run this command once everything answers, then stop.")] = "",
    phone: Annotated[bool, typer.Option(help="With the telephone line: Asterisk and the rescue.")] = False,
    demo_agents: Annotated[
        bool, typer.Option(help="Make an agent for each site, and print their passwords.")
    ] = False,
) -> None:
    """Start everything on this machine: Rasa, the action server and the bot. Ctrl-C ends them all."""
    parts: tuple[str, ...] = PARTS
    if phone:
        find_asterisk()  # says what to do when there is none, before anything is started
        parts += PHONE_PARTS
    with contextlib.ExitStack() as scope:
        if fresh:
            stack = fresh_stack(Path(scope.enter_context(tempfile.TemporaryDirectory())), parts=parts)
        else:
            stack = Stack(parts=parts)
        if demo_agents:
            settings = Settings(var=stack.var)
            for login, password in add_demo_agents(load_operator(settings.operator_file), settings):
                console.print(f"[bold]▸ agent[/] {login}  {escape(password)}", highlight=False)
        raise typer.Exit(asyncio.run(_up(stack, sample_call=sample_call, quiet=quiet, then=then)))


@cli.command()
def check(
    operator: Annotated[Path, typer.Argument(help="The file to check.")] = ROOT / "operator.yml",
) -> None:
    """Validate operator.yml."""
    loaded = load_operator(operator)
    console.print(f"{operator}: {loaded.brand.name}, {len(loaded.sites)} sites, {len(loaded.offers)} offers")


@asterisk.command()
def render(
    folder: Annotated[Path, typer.Argument(help="Asterisk's own folder: etc/ is written in it.")],
    system: Annotated[
        bool, typer.Option(help="For an Asterisk installed in the system's usual place.")
    ] = False,
) -> None:
    """Write Asterisk's configuration, from the settings and operator.yml."""
    from bot.asterisk import asterisk_config
    from media.asterisk.render import write

    settings, operator = _asterisk_inputs()
    installed = None if system else find_asterisk()
    conf = write(asterisk_config(settings, operator, folder, installed))
    console.print(f"{conf}: start with asterisk -C {conf}", soft_wrap=True)


@asterisk.command()
def sounds(
    anew: Annotated[bool, typer.Option(help="Make them all again, as for a new voice.")] = False,
) -> None:
    """Make the sentences and the music that Asterisk plays by itself, where the texts or the voice changed."""
    from bot.asterisk import prepare_sounds

    settings, operator = _asterisk_inputs()
    made = asyncio.run(prepare_sounds(settings, operator, anew=anew))
    console.print(f"{settings.resolved_sounds()}: {len(made)} made", soft_wrap=True)


@asterisk.command()
def run(
    folder: Annotated[
        Path | None, typer.Argument(help="Asterisk's own folder; default: asterisk in var.")
    ] = None,
) -> None:
    """Make the sounds, write the configuration and become Asterisk, in the foreground."""
    from bot.asterisk import asterisk_config, prepare_sounds, run_asterisk

    settings, operator = _asterisk_inputs()
    installed = find_asterisk()
    config = asterisk_config(settings, operator, folder or settings.var / "asterisk", installed)
    asyncio.run(prepare_sounds(settings, operator))
    run_asterisk(config, installed)


def _asterisk_inputs() -> tuple[AsteriskSettings, Operator]:
    settings = AsteriskSettings()
    return settings, load_operator(settings.operator_file)


def how_to_call(sip_port: int) -> str:
    """What to enter in a softphone, and how far the line reaches."""
    settings = AsteriskSettings()
    number = load_operator(settings.operator_file).telephony.number
    if settings.sip_host.startswith("127."):
        reach = (
            "only this machine can call; for a network set DECROCHE_SIP_HOST=<this machine's address>\n"
            """  and DECROCHE_TRUNK_PEERS='["<network>/24"]'; for a carrier see docs/asterisk.md"""
        )
    else:
        reach = f"calls are taken from {', '.join(settings.trunk_peers) or settings.trunk_host}"
    return (
        f"[bold]▸ by telephone[/]: call [bold]sip:{number}@{settings.sip_host}:{sip_port}[/] from a softphone\n"
        f"  UDP, no account, no registration, G.722 or G.711, keys by RFC 4733\n  {escape(reach)}"
    )


async def _up(stack: Stack, *, sample_call: bool, quiet: bool, then: str) -> int:
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)

    def say(line: str) -> None:
        if not quiet:
            console.print(line)

    try:
        say("[bold]▸ starting[/] (Rasa takes half a minute)")
        await stack.start(lambda name: say(f"  [green]✓[/] {name}"))
        say(f"[bold]▸ Décroche answers at[/] [link]{stack.url}[/]")
        if "asterisk" in stack.parts:
            say(how_to_call(stack.ports.sip))
        if sample_call:
            say("[bold]▸ a sample call[/]")
            await _run(stack, sys.executable, "-m", "bot.cli", "call", str(SAMPLE_CALL), "--live")
        if then:
            return await _run(stack, *shlex.split(then))
        say("[bold]▸ serving[/]: Ctrl-C to stop")
        failed = await _keep_up(stack, say)
        console.print(f"[red]✗ {failed} ended by itself[/]; its log ends:\n{stack.log_tail(failed)}")
        return 1
    except asyncio.CancelledError:
        say("\n[bold]▸ stopping[/]")
        return 0
    finally:
        await asyncio.shield(stack.stop())


async def _keep_up(stack: Stack, say: Callable[[str], None]) -> str:
    """Return the name of a part that ended and stays ended.

    With a telephone line, a bot that dies is started again: its callers wait for it, with music.
    """
    loop = asyncio.get_running_loop()
    while True:
        since = loop.time()
        failed = await stack.watch()
        if "asterisk" not in stack.parts or failed not in ("bot", "rescue") or loop.time() - since < _SICK_S:
            return failed
        say(
            f"[yellow]▸ {failed} ended by itself, starting it again[/]; its log ends:\n{stack.log_tail(failed)}"
        )
        await stack.begin(failed)


async def _run(stack: Stack, *command: str) -> int:
    """Run a command that calls the bot to its end; when we are cancelled, it is ended first."""
    env = {
        **os.environ, **stack.env, "PYTHONUNBUFFERED": "1", "DECROCHE_URL": stack.url, "DECROCHE_SIP": stack.sip,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


def main() -> None:
    """Entry point: an expected error is one line on standard error and exit code 2."""
    try:
        cli()
    except (ConfigurationError, DecrocheError) as err:
        print(f"decroche: {err} [{err.code}]", file=sys.stderr)  # noqa: T201
        sys.exit(2)


if __name__ == "__main__":
    main()
