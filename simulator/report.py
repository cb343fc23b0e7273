"""What a person sees of a call: each line as it comes, then what came of it; of a suite, a line a call and a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulator.result import CallResult, Event
from simulator.run import Do
from simulator.script import Act, Deed, Script

_OUTCOME_STYLES = {
    "resolved": "green",
    "handoff": "cyan",
    "callback": "cyan",
    "abandoned": "yellow",
    "failed": "red",
}


class LiveReport:
    """Prints one call while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def placed(self, name: str, script: Script, channel: str, url: str) -> None:
        """The head of the page."""
        caller = script.caller
        who = _phone_number(caller.number) if caller.number else "number withheld"
        how = "" if channel == "text" else f" · voice {caller.voice}"
        noise = "" if channel == "text" or caller.noise_db is None else f" · noise {caller.noise_db:g} dBFS"
        title = script.title or name
        self._console.print()
        self._console.rule(f"[bold]{escape(title)}", align="left", style="dim")
        self._console.print(f"[dim]{channel} · {who}{how}{noise} → {escape(url)}[/]")
        self._console.print()

    def bot_said(self, at: float, text: str) -> None:
        """A sentence of the bot."""
        self._line(at, "bot", "bold blue", Text(text, style="blue"))

    def acting(self, at: float, do: Do) -> None:
        """What the caller does."""
        style = "bold green" if do.act.addressed else "dim"
        body = Text(deed_text(do.act), style="green" if do.act.addressed else "dim italic")
        if do.interrupts:
            body.append("  (into the bot's speech)", style="dim")
        self._line(at, "caller", style, body)

    def event(self, at: float, event: Event) -> None:
        """What the bot made of it."""
        text = event_text(event)
        if text is not None:
            self._line(None, "", "", text)

    def finished(self, result: CallResult) -> None:
        """The verdict."""
        self._console.print()
        self._console.print(verdict(result))

    def _line(self, at: float | None, who: str, style: str, body: Text) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=6, justify="right", style="dim", no_wrap=True)
        grid.add_column(width=6, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_row("" if at is None else f"{at:.1f}", Text(who, style=style), body)
        self._console.print(grid)


def deed_text(act: Act) -> str:
    """An act as one reads it."""
    match act.deed:
        case Deed.SAY:
            return act.say or ""
        case Deed.KEYS:
            return "keys " + " ".join(act.keys or "")
        case Deed.PLAY:
            return f"plays {act.play.name if act.play else ''}" + (f": {act.text}" if act.text else "")
        case Deed.SILENCE:
            return f"is silent for {act.silence:g} s"
        case Deed.NOISE:
            return f"({act.noise})"
        case _:
            return act.deed


def event_text(event: Event) -> Text | None:
    """A line of the journal as one reads it; None for what is shown otherwise or not at all."""
    match event.get("type"):
        case "caller_said" if event.get("mode") == "voice":
            return _note("heard", f"«{event.get('raw')}»", f"{float(event.get('confidence') or 0):.0%}")
        case "understood":
            detail = " ".join(
                f"{one.get('entity')}={one.get('value')}" for one in event.get("entities") or ()
            )
            intent = Text(str(event.get("intent")), style="magenta")
            return _note("intent", intent, f"{float(event.get('confidence') or 0):.0%}", detail)
        case "action_done":
            sign = "done" if event.get("ok") else "failed"
            action = Text(str(event.get("action")), style="yellow")
            return _note("action", action, sign, event.get("reference"), event.get("result"))
        case "identified":
            known = "verified" if event.get("verified") else "not verified"
            return _note("identity", known, event.get("how"), (event.get("subscriber") or {}).get("name"))
        case "offer":
            return _note("offer", event.get("offer"), event.get("answer"), event.get("terms"))
        case "handoff_requested":
            video = "with video" if event.get("video") else ""
            return _note(
                "handoff", Text(str(event.get("reason")), style="cyan"), f"to {event.get('skill')}", video
            )
        case "callback_promised":
            return _note("callback", event.get("reason"), event.get("due_at"))
        case "silence":
            return _note("silence", event.get("step"))
        case "bot_interrupted":
            return _note("interrupted", f"after «{event.get('heard')}»")
        case "fault":
            return _note("fault", Text(str(event.get("code")), style="red"), event.get("stage"))
        case "turn_timed":
            return _timed(event)
        case "call_ended":
            return _note("ended", f"by the {event.get('by')}", event.get("outcome"))
        case _:
            return None


def verdict(result: CallResult) -> Panel:
    """How the call came out, turn by turn, and whether it is what was expected."""
    parts: list[Text | Table] = []
    if result.turns:
        parts.append(_turns(result))
    summary = Text.assemble(
        "outcome ",
        (result.outcome or "none", _OUTCOME_STYLES.get(result.outcome, "")),
        f" · {len(result.turns)} turns · {result.duration_s:.0f} s",
        f" · voice to voice {median_ms([result])} (median)" if result.channel != "text" else "",
        f" · call {result.call_id}",
    )
    parts.append(summary)
    parts += [
        Text(f"! {one}", style="yellow") for one in (*result.warnings, *result.fidelity.protocol_faults)
    ]
    if result.fidelity.late_ms > 100:
        parts.append(Text(f"! this machine was late by up to {result.fidelity.late_ms} ms", style="yellow"))
    parts += [Text(f"✗ {one}", style="red") for one in (*result.problems, *result.differences)]
    title = "[green]as expected" if result.held else "[red]not as expected"
    return Panel(
        Group(*parts), title=title, title_align="left", border_style="green" if result.held else "red"
    )


def suite_line(result: CallResult) -> Text:
    """One call of a suite."""
    line = Text.assemble(
        ("✓ ", "green") if result.held else ("✗ ", "bold red"),
        (f"{_name(result):<34}", "" if result.held else "bold"),
        (f"{result.outcome or '–':<10}", _OUTCOME_STYLES.get(result.outcome, "")),
        f"{len(result.turns):>2} turns {result.duration_s:>6.1f} s",
    )
    for one in (*result.problems, *result.differences):
        line.append(f"\n    {one}", style="red")
    return line


def suite_table(results: Sequence[CallResult], seconds: float) -> Table:
    """All calls of a suite and their totals. ``seconds``: real time that it took."""
    sound = any(result.channel != "text" for result in results)
    failed = sum(not result.held for result in results)
    caption = f"{len(results) - failed} of {len(results)} calls as expected in {seconds:.1f} s"
    if sound:
        caption += f" · voice to voice {median_ms(results)} (median)"
    table = Table(
        caption=caption, caption_style="bold red" if failed else "bold green", caption_justify="left"
    )
    table.add_column("call", no_wrap=True)
    table.add_column("channel", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("turns", justify="right", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    if sound:
        table.add_column("v2v", justify="right", no_wrap=True)
    table.add_column("held", no_wrap=True)
    for result in results:
        row: list[str | Text] = [
            escape(_name(result)),
            result.channel,
            Text(result.outcome or "–", style=_OUTCOME_STYLES.get(result.outcome, "")),
            str(len(result.turns)),
            f"{result.duration_s:.0f} s",
        ]
        if sound:
            row.append(median_ms([result]))
        row.append(Text("yes", style="green") if result.held else Text("no", style="bold red"))
        table.add_row(*row)
    return table


def suite_json(results: Sequence[CallResult]) -> str:
    """A single call's result as it is, several under ``calls``."""
    if len(results) == 1:
        return json.dumps(results[0].to_json(), ensure_ascii=False, indent=2, default=str)
    whole = {"held": all(one.held for one in results), "calls": [one.to_json() for one in results]}
    return json.dumps(whole, ensure_ascii=False, indent=2, default=str)


def median_ms(results: Sequence[CallResult]) -> str:
    """Median of the voice-to-voice times measured, or a dash."""
    measured = [
        turn.voice_to_voice_ms for one in results for turn in one.turns if turn.voice_to_voice_ms is not None
    ]
    return f"{median(measured):.0f} ms" if measured else "–"


def _turns(result: CallResult) -> Table:
    sound = result.channel != "text"
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("said")
    if sound:
        table.add_column("heard")
    table.add_column("intent", style="magenta")
    table.add_column("sure", justify="right")
    if sound:
        table.add_column("v2v", justify="right")
        table.add_column("bot says", justify="right", style="dim")
    for turn in result.turns:
        row = [escape(turn.said), turn.intent, f"{turn.confidence:.0%}"]
        if sound:
            row.insert(1, escape(turn.heard))
            row += [_ms(turn.voice_to_voice_ms), _ms(turn.server_voice_to_voice_ms)]
        table.add_row(*row)
    return table


def _timed(event: Event) -> Text:
    parts = {
        "end of turn": "endpoint_ms",
        "recognition": "recognition_ms",
        "dialogue": "dialogue_ms",
        "first sound": "first_audio_ms",
    }
    detail = ", ".join(
        f"{name} {event.get(key)}" for name, key in parts.items() if event.get(key) is not None
    )
    return _note("answered in", f"{event.get('voice_to_voice_ms')} ms", f"({detail})")


def _note(label: str, *parts: object) -> Text:
    text = Text(f"{label} ", style="dim")
    for part in parts:
        if not part:
            continue
        text.append(" ")
        text.append(part if isinstance(part, Text) else Text(str(part), style="dim"))
    return text


def _name(result: CallResult) -> str:
    return result.script.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _ms(value: int | None) -> str:
    return "–" if value is None else f"{value} ms"


def _phone_number(e164: str) -> str:
    if e164.startswith("+33") and len(e164) == 12:
        rest = "0" + e164[3:]
        return " ".join(rest[place : place + 2] for place in range(0, 10, 2))
    return e164
