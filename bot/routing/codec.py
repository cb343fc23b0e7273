"""A choice and all that it rests on, as JSON and back: what the record keeps and ``decroche route replay`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.errors import InputError
from bot.events import SiteChosen
from bot.routing.model import Choice, RouteCase

_CASE = TypeAdapter(RouteCase)
_CHOICE = TypeAdapter(Choice)


def case_to_json(case: RouteCase) -> dict[str, Any]:
    """Plain JSON values."""
    return dict(_CASE.dump_python(case, mode="json"))


def case_from_json(data: Mapping[str, Any]) -> RouteCase:
    """The case of :func:`case_to_json`.

    Raises:
        InputError: it is none; names the first key that is wrong.
    """
    try:
        return _CASE.validate_python(dict(data))
    except ValidationError as err:
        raise InputError(f"not a routing case: {_where(err)}") from err


def choice_to_json(choice: Choice) -> dict[str, Any]:
    """Plain JSON values."""
    return dict(_CHOICE.dump_python(choice, mode="json"))


def choice_from_json(data: Mapping[str, Any]) -> Choice:
    """The choice of :func:`choice_to_json`.

    Raises:
        InputError: it is none; names the first key that is wrong.
    """
    try:
        return _CHOICE.validate_python(dict(data))
    except ValidationError as err:
        raise InputError(f"not a choice of site: {_where(err)}") from err


def site_chosen(at_ms: int, turn: int, case: RouteCase, choice: Choice) -> SiteChosen:
    """The fact for the journal."""
    return SiteChosen(
        at_ms,
        turn,
        case.request.skill,
        choice.order,
        dict(choice.due),
        choice_to_json(choice),
        case_to_json(case),
    )


def _where(err: ValidationError) -> str:
    first = err.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or '(whole)'}: {first['msg']}"
