"""How a conversation begins, and what it knows before anybody has spoken."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ports import CallbackContext
from bot.record.case import EarlierCall

WEB_CALLBACK = "web"
"""The kind of a callback that the subscriber asked for on a page; the others were promised by us, for a person."""


@dataclass(frozen=True)
class Opening:
    """The plain welcome, unless said otherwise.

    ``user_to_user``: what came with the call in ``User-to-User``, or empty. ``cut``: the call of the same caller that a
    failure cut and that goes on here. ``callback_id``: of the callback that this call keeps (we rang them), or empty;
    ``callback``: what is known of it; ``earlier``: the call in which it was promised.
    """

    user_to_user: str = ""
    cut: EarlierCall | None = None
    callback_id: str = ""
    callback: CallbackContext | None = None
    earlier: EarlierCall | None = None

    @property
    def case_id(self) -> str:
        """The case that goes on, or empty for a new one."""
        if self.cut:
            return self.cut.case_id
        return (self.callback.case_id if self.callback else "") or (
            self.earlier.case_id if self.earlier else ""
        )

    @property
    def dialogue_id(self) -> str:
        """Whose dialogue goes on, or empty for a new one. Whoever answers a callback begins one of their own."""
        return self.cut.dialogue_id if self.cut else ""

    def metadata(self) -> dict[str, str]:
        """What the dialogue is told of it with every turn (``docs/contract.md``)."""
        return {
            "user_to_user": self.user_to_user,
            "callback": self.callback_id,
            "resumes": self.cut.call_id if self.cut else "",
        }
