"""The Asterisk beside the bot: its configuration from our settings and ``operator.yml``, its sentences, its start."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import NoReturn

import httpx

from bot.errors import ConfigurationError
from bot.french.sentences import sentences
from bot.french.speak import verbalise
from bot.operator import Operator
from bot.ports import Voice
from bot.settings import AsteriskSettings, Settings
from media.asterisk.config import Ari, AsteriskConfig, Rescue, Tls, Trunk
from media.asterisk.installed import Installed
from media.asterisk.render import write
from media.telephony.sounds import make_sounds
from media.tts.factory import VoiceSettings, open_voice

DEFAULT_ARI_URL = "http://127.0.0.1:8088/ari"


def asterisk_config(
    settings: AsteriskSettings, operator: Operator, folder: Path, installed: Installed | None
) -> AsteriskConfig:
    """The configuration of an Asterisk that lives in ``folder``. ``installed``: None for the system's own.

    Raises:
        ConfigurationError: a setting or a value of ``operator.yml`` that Asterisk's files cannot hold; says which.
    """
    ari = httpx.URL(settings.ari_url or DEFAULT_ARI_URL)
    if ari.path.rstrip("/") != "/ari":
        raise ConfigurationError(f"DECROCHE_ARI_URL: {str(ari)!r} does not end in /ari")
    return AsteriskConfig(
        folder=folder.resolve(),
        sounds=settings.resolved_sounds(),
        number=operator.telephony.number,
        fallback=operator.telephony.fallback,
        trunk=Trunk(
            settings.trunk_host,
            tuple(settings.trunk_peers),
            settings.trunk_user,
            settings.trunk_password.get_secret_value(),
            settings.trunk_register,
        ),
        sites=tuple(site.sip for site in operator.sites),
        ari=Ari(
            settings.ari_bind or ari.host,
            ari.port or 80,
            settings.ari_user,
            settings.resolved_ari_password(),
            settings.ari_app,
        ),
        bot_media=settings.bot_media_url or f"ws://127.0.0.1:{settings.port}/media",
        sip_host=settings.sip_host,
        sip_port=settings.sip_port,
        rtp_first=settings.rtp_first,
        rtp_last=settings.rtp_last,
        tls=_tls(settings),
        public_address=settings.public_address,
        local_networks=tuple(settings.local_networks),
        most_calls=2 * settings.max_calls,
        rescue=Rescue(tries=settings.rescue_tries),
        modules=installed.modules if installed else None,
        data=installed.data if installed else None,
    )


async def prepare_sounds(settings: Settings, operator: Operator, *, anew: bool = False) -> tuple[str, ...]:
    """Have the sentences and the music ready in the folder of sounds; returns the names of those that were made.

    ``anew``: make them all again, for a voice that has become available since.

    Raises:
        ConfigurationError: the folder cannot be written.
        VoiceError: the voice failed.
    """
    wanted = VoiceSettings(name=settings.piper_voice, path=settings.voice_model)

    async def opened() -> Voice:
        return await asyncio.to_thread(open_voice, wanted)

    pieces = {
        name: tuple(map(verbalise, sentences(text))) for name, text in operator.phrases.of_the_line().items()
    }
    return await make_sounds(
        settings.resolved_sounds(), pieces, voice_key=f"{wanted.name} {wanted.path or ''}", open_voice=opened,
        anew=anew,
    )  # fmt: skip


def run_asterisk(config: AsteriskConfig, installed: Installed) -> NoReturn:
    """Write the configuration and become Asterisk: same process id, faults on standard output.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    conf = write(config)
    # -f: stay in the foreground. -n: no colours. -U and -G are not used: it runs as whoever started it.
    os.execv(installed.binary, [str(installed.binary), "-C", str(conf), "-n", "-f"])


def _tls(settings: AsteriskSettings) -> Tls | None:
    if settings.tls_certificate is None and settings.tls_key is None:
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigurationError("DECROCHE_TLS_CERTIFICATE and DECROCHE_TLS_KEY go together")
    return Tls(
        settings.tls_certificate.absolute(),
        settings.tls_key.absolute(),
        settings.tls_host,
        settings.tls_port,
        settings.tls_authority and settings.tls_authority.absolute(),
    )
