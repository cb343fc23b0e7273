"""``/rappel``: the page on which a subscriber asks to be rung. A form and an answer, without a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import jinja2
import structlog
from fastapi import APIRouter, Request, Response

from bot.callbacks.french import REFUSALS, promise, when
from bot.callbacks.model import Callback
from bot.callbacks.numbers import MAX_LENGTH
from bot.callbacks.service import CallbackService, Wanted
from bot.errors import CapacityError, DecrocheError, InputError, NumberRefusedError, RateLimitedError
from bot.web.browser import STATIC
from bot.web.guard import AddressLimit, FormGuard, FormKey

log = structlog.get_logger(__name__)

COOKIE: Final = "decroche_rappel"
MAX_BODY_BYTES: Final = 8192
MAX_REASON: Final = 300

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    # Stricter than the rest of the site in everything but forms: this page runs no script at all.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
}

_EXPIRED = "La page est restée ouverte trop longtemps. Vérifiez votre numéro, puis envoyez de nouveau."
_TOO_OFTEN = "Vous avez demandé plusieurs rappels en peu de temps. Réessayez plus tard, ou appelez-nous."
_NO_LINE = "Nous ne pouvons pas vous rappeler en ce moment. Appelez-nous, ou réessayez dans quelques minutes."
_MALFORMED = "Votre demande n’a pas pu être lue. Vérifiez votre numéro, puis envoyez de nouveau."


@dataclass(frozen=True)
class PageTexts:
    """What the page says of the operator. ``number``: ours, E.164: what the subscriber will see ringing."""

    brand: str
    number: str


class _Refused(Exception):
    """The form comes back. ``field``: whether the number itself is what is wrong."""

    def __init__(self, status: int, sentence: str, *, field: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.field = field


def callback_page_router(
    callbacks: CallbackService,
    texts: PageTexts,
    guard: FormGuard,
    addresses: AddressLimit,
) -> APIRouter:
    """The page and its form."""
    router = APIRouter(include_in_schema=False)
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(STATIC), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = pages.get_template("rappel.html")
    base = {
        "brand": texts.brand,
        "ours": french_number(texts.number),
        "max_number": MAX_LENGTH,
        "max_reason": MAX_REASON,
    }

    def render(
        request: Request, status: int, values: Mapping[str, str], refused: _Refused | None
    ) -> Response:
        now = callbacks.now()
        opens = callbacks.opens(now)
        key = guard.issue(request.cookies.get(COOKIE, ""))
        body = template.render(
            **base,
            token=key.token,
            opens=when(opens, "Europe/Paris", now) if opens else "",
            values=values,
            error=refused.sentence if refused else "",
            error_at_number=bool(refused and refused.field),
            done="",
            end="",
        )
        return _keep(request, key, _page(body, status))

    @router.get("/rappel")
    async def page(request: Request) -> Response:
        return render(request, 200, {}, None)

    @router.post("/rappel")
    async def ask(request: Request) -> Response:
        values: Mapping[str, str] = {}
        try:
            if not addresses.allow(request.client.host if request.client else ""):
                raise _Refused(429, _TOO_OFTEN)
            values = await _form(request)
            _ours(request, values, guard)
            callback = await _request(callbacks, values)
        except _Refused as err:
            return render(request, err.status, values, err)
        body = template.render(
            **base, token="", opens="", values={}, error="", error_at_number=False,
            done=promise(callback, callbacks.now()), end=callback.number[-2:],
        )  # fmt: skip
        return _page(body, 200)

    return router


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _Refused(415, _MALFORMED)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _Refused(413, _MALFORMED)
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, keep_blank_values=True, errors="strict")
    except ValueError as err:
        raise _Refused(422, _MALFORMED) from err
    return {name: values[-1] for name, values in fields.items()}


def _ours(request: Request, values: Mapping[str, str], guard: FormGuard) -> None:
    """Refuse what our own page did not send.

    Browsers say in ``Sec-Fetch-Site`` where a form comes from; the token holds also for those that do not. Only a
    program fills in the field that people do not see.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _Refused(403, _EXPIRED)
    if not guard.holds(request.cookies.get(COOKIE, ""), values.get("token", "")):
        raise _Refused(403, _EXPIRED)
    if values.get("website"):
        log.info("callback.form_filled_by_a_program")
        raise _Refused(422, _MALFORMED)


async def _request(callbacks: CallbackService, values: Mapping[str, str]) -> Callback:
    if len(values.get("reason", "")) > MAX_REASON:
        raise _Refused(422, f"Décrivez votre demande en {MAX_REASON} caractères au plus.")
    try:
        requested = await callbacks.request(Wanted(values.get("number", ""), values.get("reason", "")))
    except NumberRefusedError as err:
        raise _Refused(422, REFUSALS.get(err.reason, REFUSALS["not_listed"]), field=True) from err
    except RateLimitedError as err:
        raise _Refused(429, _TOO_OFTEN) from err
    except InputError as err:
        raise _Refused(422, _MALFORMED) from err
    except CapacityError as err:
        raise _Refused(503, _NO_LINE) from err
    except DecrocheError as err:
        log.error("callback.page_failed", code=err.code)
        raise _Refused(503, _NO_LINE) from err
    return requested.callback


def _page(body: str, status: int) -> Response:
    return Response(body, status, media_type="text/html; charset=utf-8", headers=dict(_HEADERS))


def _keep(request: Request, key: FormKey, response: Response) -> Response:
    """Let the browser keep the cookie that its token is good with."""
    response.set_cookie(
        COOKIE, key.cookie, max_age=86_400, path="/rappel", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


def french_number(number: str) -> str:
    """``+33180880000`` → ``01 80 88 00 00``, kept on one line; others stay as they are."""
    if number.startswith("+33") and len(number) == 12:
        digits = "0" + number[3:]
        return "\u00a0".join(digits[i : i + 2] for i in range(0, 10, 2))
    return number
