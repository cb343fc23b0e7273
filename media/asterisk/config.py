"""What the configuration of Asterisk is made from. Values are checked here, before any file is written.

Asterisk's files have no quoting: a line break starts a new setting, a semicolon a comment, and in the dialplan a
comma, a bracket or a dollar sign starts something else. So every value must have a form that holds none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from bot.errors import ConfigurationError

CODECS = ("g722", "alaw", "ulaw")
"""What we can speak, the best first: G.722 carries twice the band, which recognition hears."""

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_PORT = r"(?::[0-9]{1,5})?"
_PASSWORD = "password of letters, digits and !#%*+,./:=?@^_~-"
_PATH = "absolute path without , ; & | $ quotes or brackets"
_FORMS = {
    "host": re.compile(_HOST),
    "host[:port]": re.compile(_HOST + _PORT),
    "E.164 number": re.compile(r"\+[1-9][0-9]{5,14}"),
    "name": re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"),
    "account": re.compile(r"[A-Za-z0-9+_.@-]{0,120}"),
    _PASSWORD: re.compile(r"[A-Za-z0-9!#%*+,./:=?@^_~-]{0,120}"),
    "ws:// or wss:// URL without query": re.compile(r"wss?://" + _HOST + _PORT + r"(?:/[A-Za-z0-9._~/-]*)?"),
    "sip: or sips: URI": re.compile(
        r"sips?:[A-Za-z0-9+_.-]{1,64}@" + _HOST + _PORT + r"(?:;transport=(?:udp|tcp|tls))?"
    ),
    _PATH: re.compile(r"/[^\x00-\x1f\x7f-\x9f\u2028\u2029;,&|$\"'`\\()<>{}\[\]]*"),
}


def _check(key: str, form: str, value: str | Path) -> None:
    if not _FORMS[form].fullmatch(str(value)):
        shown = "" if form is _PASSWORD else f" {str(value)[:60]!r}"
        raise ConfigurationError(f"asterisk: {key}:{shown} is not a {form}")


def _check_port(key: str, value: int) -> None:
    if not 1 <= value <= 65535:
        raise ConfigurationError(f"asterisk: {key}: {value} is not a port")


def _check_network(key: str, value: str) -> None:
    """An address, a network (10.0.0.0/8) or a host name."""
    try:
        ip_network(value, strict=False)
    except ValueError:
        _check(key, "host", value)


@dataclass(frozen=True)
class Trunk:
    """The carrier.

    ``host``: where calls are sent, host[:port]. ``peers``: addresses, networks or hosts that calls may come from;
    empty: ``host``. ``user``, ``password``: our account there; empty: the carrier knows us by address. ``register``:
    tell the carrier where we are, for those who ask for it.
    """

    host: str
    peers: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    register: bool = False

    def __post_init__(self) -> None:
        _check("trunk host", "host[:port]", self.host)
        for peer in self.peers:
            _check_network("trunk peer", peer)
        _check("trunk user", "account", self.user)
        _check("trunk password", _PASSWORD, self.password)
        if self.register and not self.user:
            raise ConfigurationError("asterisk: a trunk that we register with needs a user")

    @property
    def matches(self) -> tuple[str, ...]:
        """Whom a call must come from, without ports."""
        return self.peers or (re.sub(r":[0-9]+$", "", self.host),)


@dataclass(frozen=True)
class Ari:
    """The REST interface that the bot uses. ``host``: address to listen at. ``app``: the bot's application."""

    host: str
    port: int
    user: str
    password: str
    app: str = "decroche"

    def __post_init__(self) -> None:
        _check("ARI host", "host", self.host)
        _check_port("ARI port", self.port)
        _check("ARI user", "name", self.user)
        _check("ARI password", _PASSWORD, self.password)
        _check("ARI application", "name", self.app)
        if len(self.password) < 8:
            raise ConfigurationError("asterisk: the ARI password needs 8 characters or more")


@dataclass(frozen=True)
class Tls:
    """The public side: signalling over TLS at ``host``:``port``, media over SRTP.

    ``certificate``, ``key``: PEM files. ``authority``: PEM file of whom we trust; none: the system's.
    """

    certificate: Path
    key: Path
    host: str = "0.0.0.0"
    port: int = 5061
    authority: Path | None = None

    def __post_init__(self) -> None:
        for key, path in (
            ("certificate", self.certificate),
            ("key", self.key),
            ("authority", self.authority),
        ):
            if path is not None:
                _check(f"TLS {key}", _PATH, path)
                if not path.is_file():
                    raise ConfigurationError(f"asterisk: TLS {key}: {path} is not a file")
        _check("TLS host", "host", self.host)
        _check_port("TLS port", self.port)


@dataclass(frozen=True)
class Rescue:
    """What the dialplan does for callers that no bot answers.

    ``retry_s``: seconds of music between two tries to reach a bot. ``tries``: how many, each time. ``times``: how
    often one caller may come here before they are passed to the fallback number. ``ring_s``: how long that is rung.
    """

    retry_s: int = 3
    tries: int = 12
    times: int = 3
    ring_s: int = 30


@dataclass(frozen=True)
class AsteriskConfig:
    """Everything the templates need.

    ``folder``: Asterisk's own, holding ``etc`` and all that it writes. ``sounds``: the pre-rendered sentences and
    the hold music. ``number``, ``fallback``: ours and the one rung when no bot is there, E.164. ``sites``: SIP URIs
    of the sites. ``bot_media``: the bot's media door as Asterisk reaches it. ``sip_host``, ``sip_port``: where
    unencrypted SIP is spoken (UDP). ``rtp_first``, ``rtp_last``: UDP ports for media, two a leg. ``public_address``,
    ``local_networks``: our address as the carrier sees it, when a router translates addresses, and the networks on
    this side of it. ``modules``, ``data``: of an Asterisk that is not installed in the system's usual place.

    Raises:
        ConfigurationError: a value that a configuration file cannot hold; says which.
    """

    folder: Path
    sounds: Path
    number: str
    fallback: str
    trunk: Trunk
    sites: tuple[str, ...]
    ari: Ari
    bot_media: str
    sip_host: str = "127.0.0.1"
    sip_port: int = 5060
    rtp_first: int = 20000
    rtp_last: int = 20399
    codecs: tuple[str, ...] = CODECS
    tls: Tls | None = None
    public_address: str = ""
    local_networks: tuple[str, ...] = ()
    most_calls: int = 100
    rescue: Rescue = Rescue()
    modules: Path | None = None
    data: Path | None = None

    def __post_init__(self) -> None:
        for key, path in (
            ("folder", self.folder), ("sounds", self.sounds), ("modules", self.modules), ("data", self.data),
        ):  # fmt: skip
            if path is not None:
                _check(key, _PATH, path)
        _check("telephony.number", "E.164 number", self.number)
        _check("telephony.fallback", "E.164 number", self.fallback)
        for site in self.sites:
            _check("sites.sip", "sip: or sips: URI", site)
        _check("bot media", "ws:// or wss:// URL without query", self.bot_media)
        _check("SIP host", "host", self.sip_host)
        _check_port("SIP port", self.sip_port)
        _check_port("first RTP port", self.rtp_first)
        _check_port("last RTP port", self.rtp_last)
        if self.rtp_last - self.rtp_first < 3:
            raise ConfigurationError("asterisk: the RTP range is too small for one call: four ports")
        if not self.codecs or set(self.codecs) - set(CODECS):
            raise ConfigurationError(f"asterisk: codecs are among {', '.join(CODECS)}")
        if self.public_address:
            _check("public address", "host", self.public_address)
        for network in self.local_networks:
            _check_network("local network", network)
        if self.sites_encrypted and self.tls is None:
            raise ConfigurationError("asterisk: sites.sip: a sips: site needs a TLS certificate")
        if self.sites_encrypted and not all(map(_is_encrypted, self.sites)):
            raise ConfigurationError("asterisk: sites.sip: either every site is sips: or none is")

    @property
    def sites_encrypted(self) -> bool:
        """Whether sites are rung over TLS with SRTP: their URIs say so."""
        return any(map(_is_encrypted, self.sites))

    @property
    def media_address(self) -> str:
        """Where media on the unencrypted side is bound; empty: everywhere."""
        return "" if self.sip_host in ("0.0.0.0", "[::]") else self.sip_host.strip("[]")

    @property
    def loopback_only(self) -> bool:
        """Whether nothing but this machine can reach us."""
        return self.tls is None and self.sip_host in ("127.0.0.1", "[::1]", "localhost")


def _is_encrypted(uri: str) -> bool:
    return uri.startswith("sips:") or uri.endswith(";transport=tls")
