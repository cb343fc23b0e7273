"""The sound of a browser caller's call, carried as a :class:`~media.webrtc.patch.Patch` says.

The bot's voice and the music are made faster than they are heard, and wait to be taken; what people say comes at its
own pace, and what piles up of it is dropped.
"""

from __future__ import annotations

import asyncio
from functools import cache

from bot.ports import HeadsetLeg
from media.audio import to_bytes
from media.telephony.music import hold_music
from media.webrtc.audio_out import FRAME_MS, OutboundAudio
from media.webrtc.patch import Patch, Source

_TOGETHER = Patch()


class Board:
    """One call's sound. ``caller``: what they hear. ``close`` it."""

    def __init__(self, caller: OutboundAudio) -> None:
        self.patch = _TOGETHER
        self._caller = caller
        self._agent: HeadsetLeg | None = None
        self._music: asyncio.Task[None] | None = None

    @property
    def sample_rate(self) -> int:
        """Hz, of everything here."""
        return self._caller.sample_rate

    # --- what comes

    async def bot_says(self, pcm: bytes) -> None:
        """Return when it is about to be heard; where nobody hears the bot, when it would have been."""
        if self.patch.caller_hears is Source.BOT:
            await self._caller.write(pcm)
        elif self.patch.agent_hears is Source.BOT and self._agent is not None:
            await self._agent.say(pcm)
        else:
            await asyncio.sleep(len(pcm) / 2 / self.sample_rate)

    async def cut_bot(self) -> None:
        """Drop what nobody has heard of the bot's voice yet."""
        if self.patch.caller_hears is Source.BOT:
            await self._caller.flush()
        elif self.patch.agent_hears is Source.BOT and self._agent is not None:
            await self._agent.flush()

    def caller_says(self, pcm: bytes) -> bool:
        """Whether it is for the bot."""
        if self.patch.agent_hears is Source.CALLER and self._agent is not None:
            self._agent.play(pcm)
        return self.patch.bot_hears is Source.CALLER

    def agent_says(self, pcm: bytes) -> None:
        """Live sound of the agent's headset."""
        if self.patch.caller_hears is Source.AGENT:
            self._caller.push(pcm)

    # --- who hears whom

    async def take_agent(self, agent: HeadsetLeg | None) -> None:
        """An agent's leg is there from now on, or none; the last one is ended."""
        last, self._agent = self._agent, agent
        if last is not None and last is not agent:
            await last.end()

    async def follow(self, patch: Patch) -> None:
        """Change who hears whom."""
        before, self.patch = self.patch, patch
        if before.agent_hears is not patch.agent_hears and self._agent is not None:
            await self._agent.flush()
        if before.caller_hears is patch.caller_hears:
            return
        if before.caller_hears is Source.MUSIC:
            await self._stop_music()
        if patch.caller_hears is Source.MUSIC:
            self._music = asyncio.create_task(self._play_music(), name="hold-music")

    async def close(self) -> None:
        """End it all."""
        await self.take_agent(None)
        await self._stop_music()

    async def _play_music(self) -> None:
        loop = music_loop(self.sample_rate)
        size = self.sample_rate * FRAME_MS // 1000 * 2
        at = 0
        while True:
            await self._caller.write(loop[at : at + size])
            at = (at + size) % len(loop)

    async def _stop_music(self) -> None:
        music, self._music = self._music, None
        if music is not None:
            music.cancel()
            await asyncio.gather(music, return_exceptions=True)
            await self._caller.flush()


@cache
def music_loop(sample_rate: int) -> bytes:
    """What a caller on hold hears, over and over. Kept: it takes a while to make, which the door does in a thread."""
    return to_bytes(hold_music(sample_rate))
