"""Both sides of a call on one clock: one tick of the call is one frame of each."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from bot.errors import InputError
from bot.models import Pcm
from media.audio import to_bytes
from simulator.line import by_telephone
from simulator.voices import RATE


class Tape:
    """The recording of one call: left the caller as sent, right the bot as heard. 16 kHz."""

    def __init__(self) -> None:
        self._caller: list[Pcm] = []
        self._bot: list[Pcm] = []

    def add(self, caller: Pcm, bot: Pcm) -> None:
        """One frame of each side; both are of the same length.

        Raises:
            ValueError: they are not.
        """
        if len(caller) != len(bot):
            raise ValueError(f"the sides would part: {len(caller)} and {len(bot)} samples")
        self._caller.append(caller)
        self._bot.append(bot)

    @property
    def caller(self) -> Pcm:
        """The caller's side so far."""
        return np.concatenate(self._caller) if self._caller else np.zeros(0, dtype=np.int16)

    @property
    def bot(self) -> Pcm:
        """The bot's side so far, as it came in."""
        return np.concatenate(self._bot) if self._bot else np.zeros(0, dtype=np.int16)


def bot_as_heard(bot: Pcm, *, telephone: bool) -> Pcm:
    """The bot's side as the caller's ear had it."""
    return by_telephone(bot) if telephone else bot


def save_stereo(path: Path, caller: Pcm, bot: Pcm) -> None:
    """Write a stereo wav file of 16 kHz: left ``caller``, right ``bot``, of one length.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(to_bytes(np.stack([caller, bot], axis=1).reshape(-1)))
    except OSError as err:
        raise InputError(f"{path}: the recording cannot be written: {err}") from err
