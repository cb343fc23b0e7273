"""The line between the caller's mouth and the bot's door, and back: what each channel does to sound. Pure."""

from __future__ import annotations

import numpy as np

from bot.models import Channel, Pcm
from media.audio import PHONE_RATE, alaw_decode, alaw_encode, mix, resample, telephone_band
from simulator.sounds import noise
from simulator.voices import RATE

FRAME = RATE // 50
"""Samples in 20 ms, the step of every call."""

FRAME_S = 0.02


def into_telephone(samples: Pcm) -> Pcm:
    """A 16 kHz clip after a telephone's microphone: 300–3400 Hz. Same length, no delay."""
    return telephone_band(samples, RATE)


def by_telephone(samples: Pcm) -> Pcm:
    """A 16 kHz clip after a telephone: 300–3400 Hz, 8 kHz, A-law, and back to 16 kHz as Asterisk hands it on.

    Same length, no delay.
    """
    narrow = resample(telephone_band(samples, RATE), RATE, PHONE_RATE)
    wide = resample(alaw_decode(alaw_encode(narrow)), PHONE_RATE, RATE)
    return mix(wide, np.zeros(len(samples), dtype=np.int16))[: len(samples)]


class Line:
    """The caller's side of one call: clips as they are sent, and what is sent between them.

    ``coded``: the telephone's codec is acted here too; False where a real telephone does it.
    """

    def __init__(self, channel: Channel, noise_db: float | None, *, coded: bool = True) -> None:
        self._telephone = channel is Channel.PHONE
        self._coded = coded
        room = np.zeros(FRAME, dtype=np.int16) if noise_db is None else noise(noise_db)
        self._room = room
        self._idle = self._sent(room)
        self._place = 0

    def clip(self, samples: Pcm) -> Pcm:
        """The clip in the caller's room, as it is sent: whole frames."""
        length = -(-len(samples) // FRAME) * FRAME
        room = np.resize(self._room, length)
        return self._sent(mix(samples, room))

    def idle(self) -> Pcm:
        """The next frame of a caller who is silent; a line is never without sound."""
        frame = self._idle[self._place : self._place + FRAME]
        self._place = (self._place + FRAME) % len(self._idle)
        return frame

    def _sent(self, samples: Pcm) -> Pcm:
        if not self._telephone:
            return samples
        return by_telephone(samples) if self._coded else into_telephone(samples)
