"""What a caller says reaches the dialogue in lower case, with numbers, dates and amounts in one form."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.french.numbers import normalise, spoken_to_figures
from bot.french.soundalike import number_words

TODAY = date(2026, 11, 22)  # a Sunday

HEARD = {
    # articles and other words that look like numbers
    "J'ai un problème depuis deux jours": "j'ai un problème depuis 2 jours",
    "j'en ai un": "j'en ai un",
    "l'un des deux": "l'un des 2",
    "un ou deux": "un ou 2",
    "une": "une",
    "une minute": "une minute",
    "J'ai une facture de cent vingt euros": "j'ai une facture de 120 euros",
    "un décodeur neuf": "un décodeur neuf",
    "tout neuf": "tout neuf",
    "la première fois": "la première fois",
    "C'est la deuxième fois que j'appelle.": "c'est la deuxième fois que j'appelle",
    "mille merci": "mille merci",
    "vingt pour cent": "20 pour cent",
    "aujourd'hui": "aujourd'hui",
    "une seconde": "une seconde",
    "trente et une chaînes": "31 chaînes",
    # numbers
    "un": "1",
    "huit": "8",
    "dix sur dix": "10 sur 10",
    "numéro un": "numéro 1",
    "tapez un": "tapez 1",
    "la chaîne un ne marche pas": "la chaîne 1 ne marche pas",
    "vingt et un": "21",
    "soixante et onze": "71",
    "soixante-dix-huit": "78",
    "quatre-vingt": "80",
    "quatre-vingt-douze": "92",
    "septante-huit": "78",
    "nonante-deux": "92",
    "huitante": "80",
    "le neuf": "le 9",
    "Il est neuf heures.": "il est 9 heures",
    "Ça fait trois fois que j'appelle": "ça fait 3 fois que j'appelle",
    "attendez deux secondes": "attendez 2 secondes",
    "quinze jours": "15 jours",
    "il y a six mois": "il y a 6 mois",
    "deux mille vingt-six": "2026",
    "prélevé le cinq": "prélevé le 5",
    "le 5, le 10 ou le 15": "le 5 le 10 ou le 15",
    "5, 10, 15": "5 10 15",
    "non soixante-treize": "non 73",
    "pas 12, 13": "pas 12 13",
    "à 14 heures": "à 14 heures",
    "14h30": "14h30",
    # amounts
    "quarante-deux euros quatre-vingt-dix": "42.90 euros",
    "quarante-deux euros et quatre-vingt-dix centimes": "42.90 euros",
    "quarante-deux virgule neuf euros": "42.90 euros",
    "42,9 euros": "42.90 euros",
    "42,90 €": "42.90 euros",
    "J'ai payé 42€90 !": "j'ai payé 42.90 euros",
    "septante-huit euros nonante": "78.90 euros",
    "c'est quarante-deux euros cinq": "c'est 42.05 euros",
    "deux cents euros": "200 euros",
    "c'est neuf cents euros": "c'est 900 euros",
    "1 200 euros": "1200 euros",
    "mille deux cents euros": "1200 euros",
    "je paie 10 euros 2 fois par mois": "je paie 10 euros 2 fois par mois",
    "l'option à 5 euros": "l'option à 5 euros",
    "il me manque 3,50 €": "il me manque 3.50 euros",
    # dictated numbers
    "Mon numéro c'est le douze, trente-quatre, cinquante-six, soixante-quatorze.": "mon numéro c'est le 12345674",
    "Mon numéro c'est le 12, 34, 56, 74.": "mon numéro c'est le 12345674",
    "12.34.56.74": "12345674",
    "1234, 5674": "12345674",
    "un deux trois quatre cinq six sept quatre": "12345674",
    "zéro six onze vingt-deux trente-trois quarante-quatre": "0611223344",
    "06.11.22.33.44": "0611223344",
    "06-11-22-33-44": "0611223344",
    "+33 6 11 22 33 44": "0611223344",
    "75 011": "75011",
    "soixante-quinze mille onze": "75011",
    "soixante-quinze zéro onze": "75011",
    # codes and channels
    "le code p treize": "le code p13",
    "le code P-13": "le code p13",
    "pé treize": "p13",
    "la box affiche e deux cent un": "la box affiche e201",
    "tf un": "tf1",
    "m six": "m6",
    "france deux": "france 2",
    "j'y vais": "j'y vais",
    # dates
    "le quinze mars": "le 2027-03-15",
    "le quinze mars deux mille vingt-sept": "le 2027-03-15",
    "C'est le 5 mars.": "c'est le 2027-03-05",
    "le premier mars": "le 2027-03-01",
    "à partir du 1er janvier": "à partir du 2027-01-01",
    "résilier au 31 décembre": "résilier au 2026-12-31",
    "le 15/03": "le 2027-03-15",
    "le 15/03/2028": "le 2028-03-15",
    "demain": "2026-11-23",
    "après-demain matin": "2026-11-24 matin",
    "mardi prochain": "2026-11-24",
    "rappelez-moi samedi": "rappelez-moi 2026-11-28",
    "rappelez-moi dans trois jours": "rappelez-moi 2026-11-25",
    "je suis née le douze mars mille neuf cent quatre-vingts": "je suis née le 1980-03-12",
    "je suis né le 3 avril 75": "je suis né le 1975-04-03",
    "le 31/02": "le 31/02",
    "j'ai appelé hier": "j'ai appelé hier",
    "depuis lundi": "depuis lundi",
    "tous les mardis": "tous les mardis",
    "le lundi": "le lundi",
    # noise
    "/human_request": "human_request",
    "// bonjour": "bonjour",
    "euh, alors euh oui": "alors oui",
    "Hum.": "",
    "Mm-hm.": "",
    "  Oui ,  d'accord  !": "oui d'accord",
    "L’écran est noir…": "l'écran est noir",
    "": "",
}


ARTICLES = """
je voudrais faire une réclamation|je veux faire une réclamation|je vais faire une pause|vous pouvez faire un geste|
je fais une demande de copie|faire un test|faire un transfert|il faut faire une mise à jour|taper un code|
tapez un code|appuyez un coup|c'est un numéro un peu long|j'ai une option une semaine gratuite|
sur la chaîne un message apparaît|il y a sur cette chaîne un écran noir|en note une phrase|le code une fois|
une étape un peu longue|le numéro un jour change|il reste une touche un peu dure|sur le canal un film|
une box et une télécommande|une facture et une réclamation|j'ai une question et une réclamation|
faire une réclamation et une demande|la une|j'en ai un|il y en a une|une heure|un an|un mois
"""
FIGURES = {
    "tapez un": "tapez 1",
    "tapez un pour la facture": "tapez 1 pour la facture",
    "j'ai fait tapez un et rien": "j'ai fait tapez 1 et rien",
    "faire un": "faire 1",
    "appuyez sur la touche un": "appuyez sur la touche 1",
    "la touche un s'il vous plaît": "la touche 1 s'il vous plaît",
    "numéro un merci": "numéro 1 merci",
    "l'option une": "l'option 1",
    "l'option un ou deux": "l'option 1 ou 2",
    "étape un puis deux": "étape 1 puis 2",
    "la chaîne un ne marche plus": "la chaîne 1 ne marche plus",
    "la chaîne un n'affiche rien": "la chaîne 1 n'affiche rien",
    "la chaîne un est noire": "la chaîne 1 est noire",
    "je suis sur le canal un": "je suis sur le canal 1",
    "numéro un deux trois": "numéro 1 2 3",
    "code un huit": "code 1 8",
    "deux virgule un": "2,1",
    "vingt et une chaînes et une réclamation": "21 chaînes et une réclamation",
    "soixante et un euros et un centime": "61 euros et un centime",
}


@pytest.mark.parametrize("said", [part for part in ARTICLES.replace("\n", "").split("|") if part])
def test_an_article_stays_a_word(said: str) -> None:
    assert normalise(said, today=TODAY) == said


@pytest.mark.parametrize("said", FIGURES)
def test_a_one_that_is_keyed_or_counted_is_a_figure(said: str) -> None:
    assert normalise(said, today=TODAY) == FIGURES[said]


@given(
    st.sampled_from(
        ["je veux faire", "taper", "sur la chaîne", "le numéro", "c'est l'étape", "appuyez", "l'option"]
    ),
    st.sampled_from(["un", "une"]),
    st.sampled_from(
        ["réclamation", "geste", "demande", "coup", "peu long", "fois de plus", "écran noir", "facture"]
    ),
)
def test_before_a_noun_it_is_an_article_whatever_comes_first(before: str, one: str, noun: str) -> None:
    assert normalise(f"{before} {one} {noun}", today=TODAY) == f"{before} {one} {noun}"


@pytest.mark.parametrize("heard", HEARD)
def test_heard_is_written(heard: str) -> None:
    assert normalise(heard, today=TODAY) == HEARD[heard]


@pytest.mark.parametrize("heard", HEARD)
def test_what_is_normal_stays(heard: str) -> None:
    assert normalise(HEARD[heard], today=TODAY) == HEARD[heard]


@pytest.mark.parametrize(
    "sentence",
    [
        "je voudrais résilier mon abonnement",
        "est-ce que je peux parler à un conseiller s'il vous plaît",
        "j'ai plus d'image sur ma télé",
        "c'est inadmissible vous vous moquez de moi",
        "y a-t-il une solution",
        "quelqu'un peut me rappeler",
        "ma box fait un bruit bizarre",
        "je ne l'ai pas sous la main",
        "d'accord c'est un peu cher",
        "j'ai déjà tout débranché et rebranché",
        "non merci ça ne m'intéresse pas",
        "l'écran est tout noir mais le son marche",
        "allez-y je vous écoute",
        "mon mari est décédé",
        "canal plus et la fibre",
    ],
)
def test_ordinary_sentences_are_left_alone(sentence: str) -> None:
    assert normalise(sentence, today=TODAY) == sentence


@given(st.integers(2, 999))
def test_every_spoken_number_is_read(value: int) -> None:
    assert normalise(number_words(value), today=TODAY) == str(value)


@given(st.integers(0, 999), st.integers(1, 99))
def test_every_amount_is_read(euros: int, cents: int) -> None:
    # "un euro" stays in words, as any article does, so a single one is said as a figure here.
    said = " et ".join(
        f"{number_words(count) if count != 1 else 1} {unit}"
        for count, unit in ((euros, "euros"), (cents, "centimes"))
    )
    assert normalise(said, today=TODAY) == f"{euros}.{cents:02} euros"


@given(st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True), st.sampled_from([" ", ".", "-", ", "]))
def test_every_telephone_number_is_joined(number: str, between: str) -> None:
    pairs = between.join(number[at : at + 2] for at in range(0, 10, 2))
    assert normalise(f"C'est le {pairs}.", today=TODAY) == f"c'est le {number}"


@given(st.text(max_size=80))
def test_anything_can_be_normalised_and_no_slash_leads(text: str) -> None:
    result = normalise(text, today=TODAY)
    assert not result.startswith("/")
    assert result == " ".join(result.split())


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzéèêàçùœ'- ", max_size=60))
def test_text_without_number_words_or_dates_keeps_its_letters(text: str) -> None:
    if spoken_to_figures(text, every=True) == text and not any(
        c.isdigit() for c in normalise(text, today=TODAY)
    ):
        kept = normalise(text, today=TODAY)
        assert set(kept) <= set(text.lower()) | {" "}
