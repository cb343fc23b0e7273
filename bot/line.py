"""The telephone line from the settings: for the bot, and for the watch that helps its callers when it dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from bot.errors import ConfigurationError
from bot.operator import Operator
from bot.ports import Headset
from bot.settings import Settings
from media.telephony.ari import AriClient, AriSettings
from media.telephony.line import AsteriskLine
from media.telephony.orders import RESCUE_CONTEXT, LineSettings
from media.telephony.rescue import watch_over


def open_line(
    settings: Settings, operator: Operator, headsets: Callable[[str], Headset | None]
) -> AsteriskLine | None:
    """The line, not started yet; None where the settings name no Asterisk.

    ``headsets(agent id)``: that agent's, if they have one.
    """
    if not settings.ari_url:
        return None
    return AsteriskLine(
        _client(settings),
        LineSettings(
            operator.telephony.number, settings.trunk_host, app=settings.ari_app, rehearsal=settings.rehearsal
        ),
        headsets=headsets,
    )


async def rescue(settings: Settings) -> NoReturn:
    """Watch over the line's callers until cancelled.

    Raises:
        ConfigurationError: the settings name no Asterisk.
    """
    if not settings.ari_url:
        raise ConfigurationError("DECROCHE_ARI_URL: there is no telephone line to watch over")
    client = _client(settings)
    try:
        await watch_over(client, settings.ari_app, RESCUE_CONTEXT)
    finally:
        await client.stop()


def _client(settings: Settings) -> AriClient:
    return AriClient(
        AriSettings(settings.ari_url, settings.ari_user, settings.resolved_ari_password(), settings.ari_app)
    )
