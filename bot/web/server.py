"""The HTTP server: how requests reach the application, and whose word is taken for where they come from."""

from __future__ import annotations

import ipaddress

import uvicorn
from fastapi import FastAPI

from bot.errors import ConfigurationError
from bot.settings import Settings

_WS_BYTES = 131_072
_SHUTDOWN_S = 10


def http_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How ``app`` is served.

    Behind a trusted proxy that ends TLS, a request counts as https and as coming from the caller: ``X-Forwarded-Proto``
    and ``X-Forwarded-For`` are read from those peers only, for anybody else could claim to be on this machine.

    Raises:
        ConfigurationError: ``trusted_proxies`` holds something that is no address, network or ``*``.
    """
    proxies = trusted_proxies(settings.trusted_proxies)
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False,
        ws_max_size=_WS_BYTES, timeout_graceful_shutdown=_SHUTDOWN_S,
        proxy_headers=bool(proxies), forwarded_allow_ips=proxies,
    )  # fmt: skip


def trusted_proxies(value: str) -> list[str]:
    """The addresses and networks of a list separated by commas.

    Raises:
        ConfigurationError: one of them is neither; uvicorn would take it for a name and trust nobody.
    """
    found = [part.strip() for part in value.split(",") if part.strip()]
    for part in found:
        try:
            if part != "*":
                ipaddress.ip_network(part)
        except ValueError as err:
            raise ConfigurationError(f"DECROCHE_TRUSTED_PROXIES: {part!r}: {err}") from err
    return found
