"""The ways into the bot that a call can take."""

from __future__ import annotations

from enum import StrEnum

from bot.models import Channel


class Way(StrEnum):
    """``phone`` and ``sip`` are both telephone calls: the first is Asterisk's side of the media WebSocket, acted here;
    the second a SIP user agent that really calls through Asterisk."""

    PHONE = "phone"
    SIP = "sip"
    BROWSER = "browser"
    TEXT = "text"

    @property
    def channel(self) -> Channel:
        """What the bot takes it for."""
        return Channel.PHONE if self is Way.SIP else Channel(self.value)
