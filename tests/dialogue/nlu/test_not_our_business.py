"""What is not our business is not taken for a request, and least of all for a sure yes or no."""

from __future__ import annotations

import pytest

from actions.base import NO, SURE_ANSWER, YES
from bench.nlu import FALLBACK, Model

NAMED = (  # once taken for a date, a yes, a cancellation, a person asked for
    "météo de demain",
    "météo de 2026-11-24",
    "ouistiti",
    "chocolat",
    "parlez-moi de la révolution française",
    "envoie un message à paul",
    "je cherche un emploi",
)
WORDS = """
cacahuète grenouille oiseau ouragan ouate ouïe ouvre-boîte nonne nombril rhinocéros moustache pantoufle abricot atchoum
sifflet oups bof pfff tambourin noisette nonobstant ouï-dire accordéon
""".split()  # noqa: SIM905  # words are read, not a list


@pytest.mark.parametrize("said", NAMED)
def test_it_is_told_so_or_asked_again(nlu: Model, said: str) -> None:
    (found,) = nlu.parse([said])
    assert found["intent"]["name"] in ("out_of_scope", FALLBACK), found["intent"]


def test_a_word_that_only_sounds_like_a_yes_or_a_no_is_seldom_taken_for_one(nlu: Model) -> None:
    found = dict(zip(WORDS, (one["intent"] for one in nlu.parse(WORDS)), strict=True))
    taken = {
        word for word, one in found.items() if one["name"] in YES | NO and one["confidence"] >= SURE_ANSWER
    }
    assert len(taken) <= 1, taken  # "accordéon" holds "accord"
