"""Where things are and how big they may be, read once from the environment by the composition root."""

from __future__ import annotations

import secrets
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
MIN_KEY_BYTES = 16


class Settings(BaseSettings):
    """Settings of the bot process. Every field is an environment variable with the prefix ``DECROCHE_``."""

    model_config = SettingsConfigDict(env_prefix="DECROCHE_", env_ignore_empty=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = 8080
    operator_file: Path = ROOT / "operator.yml"
    var: Path = ROOT / "var"
    """Folder of what this process writes: database, spool, API token."""
    database_url: str = ""
    """Call record, async SQLAlchemy URL. Empty: SQLite in ``var``."""
    api_token: SecretStr = SecretStr("")
    """Bearer token of ``/api``. Empty: made at first start and kept in ``var/api-token``."""
    media_token: SecretStr = SecretStr("")
    """Shared secret a telephone edge sends to open ``/media``. Empty: only loopback peers may."""
    handoff_key: SecretStr = SecretStr("")
    """Signs the references to a case that travel with a call to a site. Empty: made at first start and kept in
    ``var/handoff-key``."""

    site_keys: dict[str, SecretStr] = {}
    """Site id → key of that site's own system, which exchanges references for packets. Empty: nobody can."""

    oidc_issuer: str = ""
    """Agents sign in through this OpenID Connect provider too. Empty: with a password only."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")

    rasa_url: str = "http://127.0.0.1:5005"
    dialogue_timeout_s: float = 8.0
    """Longest wait for one dialogue turn."""

    whisper_model: Path | None = None
    decoders: int = 2
    """Utterances decoded at once, one thread each."""
    decode_queue: int = 16
    """Utterances waiting at most; one more is refused (``recognition.busy``)."""

    piper_voice: str = "fr_FR-siwis-medium"
    voice_model: Path | None = None
    phrase_cache_mb: int = 64

    ari_url: str = ""
    """Asterisk's REST interface, as ``http://127.0.0.1:8088/ari``. Empty: no telephone line."""
    ari_user: str = "decroche"
    ari_password: SecretStr = SecretStr("")
    """Empty: made once and kept in ``var/ari-password``, where the Asterisk started beside us finds it too."""
    ari_app: str = "decroche"
    trunk_host: str = "127.0.0.1:5080"
    """Where calls to subscribers are sent: the carrier's host, or host:port."""
    sounds: Path | None = None
    """Folder of the sentences and the music that Asterisk plays by itself. None: ``var/sounds``."""

    max_calls: int = 50
    rehearsal: bool = False
    """Simulated callers may say who they are and what time it is. For tests and demonstrations on one machine only:
    with it, a browser's caller number is believed."""
    log_json: bool = False

    ice_servers: list[str] = []
    """STUN and TURN servers of both sides, as ``["stun:host:3478", "turn:host:3478?transport=tcp"]``."""
    turn_secret: SecretStr = SecretStr("")
    """What coturn has as ``static-auth-secret``: each call gets a TURN password of its own made from it."""
    turn_validity_s: int = Field(default=14_400, ge=600)
    """How long that password lasts: longer than any call, because coturn asks again on refresh."""
    trusted_proxies: str = "127.0.0.1,::1"
    """Peers whose ``X-Forwarded-*`` are believed: addresses and networks, separated by commas. Empty: nobody's."""

    def resolved_database_url(self) -> str:
        """The URL to use: the one set, or SQLite in ``var``."""
        return self.database_url or f"sqlite+aiosqlite:///{self.var / 'calls.db'}"

    def resolved_api_token(self) -> str:
        """The token to use: the one set, or one made once and kept readable by the owner only."""
        return self.api_token.get_secret_value() or self._kept("api-token")

    def resolved_handoff_key(self) -> bytes:
        """The key to use, as :meth:`resolved_api_token`.

        Raises:
            ConfigurationError: the one set is too short to be a secret.
        """
        key = (self.handoff_key.get_secret_value() or self._kept("handoff-key")).encode()
        if len(key) < MIN_KEY_BYTES:
            raise ConfigurationError(f"DECROCHE_HANDOFF_KEY: shorter than {MIN_KEY_BYTES} bytes")
        return key

    def resolved_site_keys(self) -> dict[str, str]:
        """The keys of the sites.

        Raises:
            ConfigurationError: one is too short to be a secret.
        """
        keys = {site: key.get_secret_value() for site, key in self.site_keys.items()}
        if short := [site for site, key in keys.items() if len(key) < MIN_KEY_BYTES]:
            raise ConfigurationError(
                f"DECROCHE_SITE_KEYS: {', '.join(short)}: shorter than {MIN_KEY_BYTES} bytes"
            )
        return keys

    def resolved_ari_password(self) -> str:
        """The password to use, as :meth:`resolved_api_token`."""
        return self.ari_password.get_secret_value() or self._kept("ari-password")

    def resolved_sounds(self) -> Path:
        """The folder to use: the one set, or ``sounds`` in ``var``."""
        return (self.sounds or self.var / "sounds").resolve()

    def _kept(self, name: str) -> str:
        path = self.var / name
        if not path.exists():
            self.var.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32))
        return path.read_text().strip()


class AsteriskSettings(Settings):
    """Settings of the Asterisk that Décroche configures: those of the bot, which must agree, and its own."""

    ari_bind: str = ""
    """Address that the REST interface listens at. Empty: the host of ``ari_url``."""
    bot_media_url: str = ""
    """The bot's media door as Asterisk reaches it. Empty: ``/media`` on ``port`` of this machine."""

    sip_host: str = "127.0.0.1"
    """Address of unencrypted SIP. The default is for this machine alone."""
    sip_port: int = 5060
    rtp_first: int = 20000
    rtp_last: int = 20399
    """UDP ports of the sound, two a leg."""
    rescue_tries: int = 12
    """How often a caller without a bot has one looked for, three seconds apart, before the fallback number is rung."""
    trunk_peers: list[str] = []
    """Addresses or networks that calls may come from, as a JSON list. Empty: the host of ``trunk_host``."""
    trunk_user: str = ""
    trunk_password: SecretStr = SecretStr("")
    trunk_register: bool = False
    """Tell the carrier where we are (SIP REGISTER), for carriers that ask for it."""

    tls_certificate: Path | None = None
    """PEM file. With it and ``tls_key``, the carrier is spoken to over TLS and SRTP."""
    tls_key: Path | None = None
    tls_authority: Path | None = None
    """PEM file of the authorities that sign the carrier's certificate. None: the system's."""
    tls_host: str = "0.0.0.0"
    tls_port: int = 5061
    public_address: str = ""
    """Our address as the carrier sees it, when a router translates addresses."""
    local_networks: list[str] = []
    """Networks on our side of that router, as a JSON list."""
