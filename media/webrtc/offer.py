"""What an SDP offer must look like before a peer connection is spent on it. Pure: no I/O, no peer."""

from __future__ import annotations

from typing import Any, Final

from aiortc.sdp import SessionDescription

from bot.errors import InputError

MAX_OFFER_BYTES: Final = 65_536
"""Longest request body or SDP taken. A browser's audio offer is 2–6 kB."""

MAX_CANDIDATES: Final = 64
"""Most ICE candidates taken in one offer: each one costs connectivity checks against an address of its choice."""

AUDIO_CODECS: Final = frozenset({"opus", "g722", "pcmu", "pcma"})
"""Audio encodings that the media stack decodes, lower case."""


def check_offer(sdp: str, kind: str = "offer", *, data: bool = True) -> None:
    """Refuse an offer that could not become a call: one audio section both ways and one for data.

    ``sdp``: RFC 8866 text. ``kind``: the ``type`` that came with it. ``data``: False: there must be no section for it.

    Raises:
        InputError: what is wrong, in words for the person who wrote the client.
    """
    if kind != "offer":
        raise InputError('type: must be "offer"')
    if len(sdp.encode("utf-8", "replace")) > MAX_OFFER_BYTES:
        raise InputError(f"sdp: longer than {MAX_OFFER_BYTES} bytes")
    if not sdp.startswith("v=0"):
        raise InputError("sdp: does not begin with v=0")
    description = _parse(sdp)
    sections = [str(media.kind) for media in description.media]
    if sections.count("audio") != 1:
        raise InputError("sdp: exactly one audio section is needed")
    if data and sections.count("application") != 1:
        raise InputError('sdp: a data section is needed, for the "events" channel')
    if set(sections) - ({"audio", "application"} if data else {"audio"}):
        raise InputError(
            "sdp: only audio and data sections are taken" if data else "sdp: only audio is taken"
        )
    for media in description.media:
        _check_section(media)


def _parse(sdp: str) -> Any:
    try:
        return SessionDescription.parse(sdp)
    except Exception as err:  # the parser asserts, indexes and converts whatever text it is given
        raise InputError("sdp: cannot be read") from err


def _check_section(media: Any) -> None:
    if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
        raise InputError("sdp: ICE user fragment or password is missing")
    if media.dtls is None or not media.dtls.fingerprints:
        raise InputError("sdp: DTLS fingerprint is missing")
    if media.dtls.role not in {"auto", "client", "server"}:
        raise InputError("sdp: DTLS setup is missing")
    if len(media.ice_candidates) > MAX_CANDIDATES:
        raise InputError(f"sdp: more than {MAX_CANDIDATES} candidates in a section")
    if media.kind != "audio":
        return
    if media.direction not in {None, "sendrecv"}:
        raise InputError("sdp: audio must be sendrecv")
    offered = {codec.mimeType.lower().removeprefix("audio/") for codec in media.rtp.codecs}
    if not offered & AUDIO_CODECS:
        raise InputError("sdp: no audio codec in common (opus is preferred)")
