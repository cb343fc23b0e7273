"""Where Asterisk's REST interface is, and how patient we are with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.errors import ConfigurationError


@dataclass(frozen=True)
class AriSettings:
    """``url``: of the interface itself, as ``http://127.0.0.1:8088/ari``. ``app``: the Stasis application we serve.

    ``request_timeout_s``: for one order, from the connection to the whole answer.
    ``ping_every_s``, ``ping_timeout_s``: a peer that stops answering is noticed within their sum and half a second.
    ``reconcile_timeout_s``: for the owner to put things right after a connection.
    ``backlog``: events that may wait for the owner, in number.
    """

    url: str
    user: str
    password: str = field(repr=False)
    app: str = "decroche"
    request_timeout_s: float = 3.0
    connect_timeout_s: float = 2.0
    ping_every_s: float = 1.5
    ping_timeout_s: float = 2.0
    reconcile_timeout_s: float = 15.0
    backlog: int = 4_096

    def __post_init__(self) -> None:
        """Raises:
        ConfigurationError: ``url`` is not one of HTTP, or there is no application.
        """
        if not self.url.startswith(("http://", "https://")):
            raise ConfigurationError("the ARI address must begin with http:// or https://")
        if not self.app:
            raise ConfigurationError("the ARI application has no name")
