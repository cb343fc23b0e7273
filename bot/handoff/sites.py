"""In what order sites are rung for a call. Pure.

By skill and weight alone: who is free there is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from bot.operator import Operator, Site


def sites_in_order(operator: Operator, skill: str, *, at: datetime, seed: str) -> Sequence[Site]:
    """The sites to ring, first choice first; none when people do not answer at ``at`` (aware, in the brand's zone).

    Those with the skill, heaviest first. Equal weights stand in an order that ``seed`` (the call) decides, so that
    none of them is always second and the same call always gives the same order.
    """
    if not operator.hours.is_open(at):
        return ()
    able = [site for site in operator.sites if skill in site.skills]
    return tuple(sorted(able, key=lambda site: (-site.weight, _lot(seed, site.id))))


def _lot(seed: str, site: str) -> bytes:
    return sha256(f"{seed}:{site}".encode()).digest()
