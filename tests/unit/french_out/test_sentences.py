"""Where one sentence ends and the next begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.french.sentences import SHORTEST, sentences

CASES: dict[str, list[str]] = {
    "": [],
    "  \n ": [],
    "Un instant, je vérifie.": ["Un instant, je vérifie."],
    "Votre facture est payée. Autre chose à voir ensemble ?": [
        "Votre facture est payée.",
        "Autre chose à voir ensemble ?",
    ],
    "Je ne vous entends pas. Vous êtes toujours là ?": ["Je ne vous entends pas.", "Vous êtes toujours là ?"],
    # short ones join the next, the last one joins the one before
    "Bonjour. Que puis-je faire pour vous ?": ["Bonjour. Que puis-je faire pour vous ?"],
    "Votre demande est enregistrée. Merci.": ["Votre demande est enregistrée. Merci."],
    "Oui. Non.": ["Oui. Non."],
    # abbreviations
    "Bonjour M. Durand, votre facture est prête.": ["Bonjour M. Durand, votre facture est prête."],
    "Je vous passe le Dr. Martin dans un instant.": ["Je vous passe le Dr. Martin dans un instant."],
    "Bonjour et bienvenue Mme D. Votre facture est prête.": [
        "Bonjour et bienvenue Mme D.",
        "Votre facture est prête.",
    ],
    "Un courrier signé J. Dupont vous parviendra.": ["Un courrier signé J. Dupont vous parviendra."],
    "Votre réf. D-4F7K2 est à garder. Merci de l'avoir notée.": [
        "Votre réf. D-4F7K2 est à garder.",
        "Merci de l'avoir notée.",
    ],
    "Films, séries, etc. Tout est compris dans la formule.": [
        "Films, séries, etc.",
        "Tout est compris dans la formule.",
    ],
    # numbers, addresses
    "Il reste 42.90 euros à payer. C'est noté pour le 5.": [
        "Il reste 42.90 euros à payer.",
        "C'est noté pour le 5.",
    ],
    "Allez sur lumia.example/resilier. C'est gratuit et immédiat.": [
        "Allez sur lumia.example/resilier.",
        "C'est gratuit et immédiat.",
    ],
    "Il vous reste ceci à payer. 42,90 € au total.": ["Il vous reste ceci à payer.", "42,90 € au total."],
    # quotations and hesitation
    "Dites « conseiller. » Je vous passe quelqu'un.": ["Dites « conseiller. »", "Je vous passe quelqu'un."],
    "Attendez… je regarde votre dossier.": ["Attendez… je regarde votre dossier."],
    "Je regarde cela… Votre box répond bien.": ["Je regarde cela…", "Votre box répond bien."],
    "Vraiment, c'est bien cela ?! Je recommence alors.": [
        "Vraiment, c'est bien cela ?!",
        "Je recommence alors.",
    ],
    "Première ligne du texte\nDeuxième ligne du texte": [
        "Première ligne du texte",
        "Deuxième ligne du texte",
    ],
}


@pytest.mark.parametrize(("text", "cut"), CASES.items())
def test_sentences_end_where_a_reader_stops(text: str, cut: list[str]) -> None:
    assert sentences(text) == cut


@given(st.one_of(st.text(max_size=200), st.text(alphabet="aM. !?\n«»…Béà,1", max_size=80)))
def test_nothing_is_lost_whatever_the_text(text: str) -> None:
    cut = sentences(text)
    assert " ".join(cut) == " ".join(text.split())
    assert all(cut)
    assert len(cut) <= 1 or all(len(sentence) >= SHORTEST for sentence in cut)
