"""What an agent of the desk does with the call they are in, as orders to its legs."""

from __future__ import annotations

from bot.errors import AgentGoneError, LineError
from bot.ports import CallControl, GiveBack, OfferAnswer


class AgentTalk:
    """One talk: :class:`bot.ports.Talk`. To leave it is to end the agent's leg; the transfer sees that, and why.

    ``then``: what the bot goes on with. ``to``: the colleague who takes the call. ``over``: the talk has ended.
    """

    def __init__(self, control: CallControl) -> None:
        self._control = control
        self.then: GiveBack | None = None
        self.to: OfferAnswer | None = None
        self.over = False

    async def hold(self) -> None:
        """See :class:`bot.ports.Talk`."""
        self._need()
        await self._control.hold()

    async def unhold(self) -> None:
        """See :class:`bot.ports.Talk`."""
        self._need()
        await self._control.join()

    async def give_back(self, then: GiveBack) -> None:
        """See :class:`bot.ports.Talk`."""
        self._need()
        self.then = then
        try:
            await self._control.drop_agent()
        except LineError:
            self.then = None
            raise

    async def hand_over(self, to: OfferAnswer) -> None:
        """See :class:`bot.ports.Talk`."""
        self._need()
        self.to = to
        try:
            await self._control.drop_agent()
        except LineError:
            self.to = None
            raise

    def _need(self) -> None:
        if self.over or self.then or self.to:
            raise AgentGoneError("the talk is over")
