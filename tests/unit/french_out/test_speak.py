"""Written French said aloud. The table is the promise; the properties hold for any text at all."""

from __future__ import annotations

import datetime
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.french.speak import verbalise

AMOUNTS = {
    "42,90 €": "quarante-deux euros quatre-vingt-dix",
    "42,9 €": "quarante-deux euros quatre-vingt-dix",
    "42.90 €": "quarante-deux euros quatre-vingt-dix",
    "42.90 euros": "quarante-deux euros quatre-vingt-dix",
    "42€90": "quarante-deux euros quatre-vingt-dix",
    "42,90€": "quarante-deux euros quatre-vingt-dix",
    "42,90\u202f€": "quarante-deux euros quatre-vingt-dix",
    "42,90 EUR": "quarante-deux euros quatre-vingt-dix",
    "10,00 €": "dix euros",
    "-10,00 €": "moins dix euros",
    "−10,00 €": "moins dix euros",
    "+4,00 €": "plus quatre euros",
    "1 234,50 €": "mille deux cent trente-quatre euros cinquante",
    "1.234,50 €": "mille deux cent trente-quatre euros cinquante",
    "1 €": "un euro",
    "1,50 €": "un euro cinquante",
    "0 €": "zéro euro",
    "0,00 €": "zéro euro",
    "0,50 €": "cinquante centimes",
    "0,01 €": "un centime",
    "-0,50 €": "moins cinquante centimes",
    "12,05 €": "douze euros et cinq centimes",
    "80 €": "quatre-vingts euros",
    "21,00 €": "vingt et un euros",
    "200 €": "deux cents euros",
    "1 000 000 €": "un million d'euros",
    "0,065 €": "zéro virgule zéro soixante-cinq euro",
    "29,99 €/mois": "vingt-neuf euros quatre-vingt-dix-neuf par mois",
    "348 €/an": "trois cent quarante-huit euros par an",
    "de 12 à 15 €": "de douze à quinze euros",
    "12-15 €": "douze à quinze euros",
    "€ 42": "quarante-deux euros",
    "Le total est de 42,90 €.": "Le total est de quarante-deux euros quatre-vingt-dix.",
    "42,90 €, soit 4,00 € de plus": "quarante-deux euros quatre-vingt-dix, soit quatre euros de plus",
}

DATES = {
    "15/03/2027": "quinze mars deux mille vingt-sept",
    "01/08/2027": "premier août deux mille vingt-sept",
    "15.03.2027": "quinze mars deux mille vingt-sept",
    "15/03/27": "quinze mars deux mille vingt-sept",
    "2027-03-15": "quinze mars deux mille vingt-sept",
    "2027-03-15T18:30:00+01:00": "quinze mars deux mille vingt-sept à dix-huit heures trente",
    "15 mars 2027": "quinze mars deux mille vingt-sept",
    "1er mars": "premier mars",
    "1 mars": "premier mars",
    "le 15/03": "le quinze mars",
    "lun. 15 mars": "lundi quinze mars",
    "mardi 21 sept. 2027": "mardi vingt et un septembre deux mille vingt-sept",
    "depuis févr. 2019": "depuis février deux mille dix-neuf",
    "du 1 au 15 mars": "du premier au quinze mars",
    "du 1er au 31 décembre": "du premier au trente et un décembre",
    "né le 05/11/1987": "né le cinq novembre mille neuf cent quatre-vingt-sept",
    "Prélèvement le 5 de chaque mois": "Prélèvement le cinq de chaque mois",
}

TIMES = {
    "18h30": "dix-huit heures trente",
    "18 h 30": "dix-huit heures trente",
    "18:30": "dix-huit heures trente",
    "8 h": "huit heures",
    "8h": "huit heures",
    "08:00": "huit heures",
    "1h": "une heure",
    "21h05": "vingt et une heures cinq",
    "8h-20h": "de huit heures à vingt heures",
    "de 8h à 20h": "de huit heures à vingt heures",
    "de 8h–20h": "de huit heures à vingt heures",
    "entre 8 h et 12 h 30": "entre huit heures et douze heures trente",
    "08:00-12:00": "de huit heures à douze heures",
    "24h/24 et 7j/7": "vingt-quatre heures sur vingt-quatre et sept jours sur sept",
    "sous 48 h": "sous quarante-huit heures",
    "dans 5 min": "dans cinq minutes",
    "1 min": "une minute",
    "21 min": "vingt et une minutes",
    "30 s": "trente secondes",
}

IDENTIFIERS = {
    "06 11 22 33 44": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "0611223344": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "06.11.22.33.44": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "+33611223344": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "+33 6 11 22 33 44": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "+33 (0)6 11 22 33 44": "zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "0 800 123 456": "zéro huit cents, cent vingt-trois, quatre cent cinquante-six",
    "12 34 56 74": "douze, trente-quatre, cinquante-six, soixante-quatorze",
    "12345674": "douze, trente-quatre, cinquante-six, soixante-quatorze",
    "07 00 01 10": "zéro sept, zéro zéro, zéro un, dix",
    "1234 5674": "douze, trente-quatre, cinquante-six, soixante-quatorze",
    "J'ai noté le 12 34 56 74. C'est bien cela ?": (
        "J'ai noté le douze, trente-quatre, cinquante-six, soixante-quatorze. C'est bien cela ?"
    ),
    "code postal 75011": "code postal soixante-quinze, zéro onze",
    "votre code postal est bien le 75011": "votre code postal est bien le soixante-quinze, zéro onze",
    "code postal 86000": "code postal quatre-vingt-six mille",
    "code postal 01000": "code postal zéro un, zéro zéro zéro",
    "86000 Poitiers": "quatre-vingt-six mille Poitiers",
    "35042 Rennes": "trente-cinq, zéro quarante-deux Rennes",
    "••••5674": "se terminant par cinquante-six, soixante-quatorze",
    "•••• 56 74": "se terminant par cinquante-six, soixante-quatorze",
    "le compte se terminant par ••••5674": "le compte se terminant par cinquante-six, soixante-quatorze",
    "le compte qui se termine par 2185.": "le compte qui se termine par vingt et un, quatre-vingt-cinq.",
    "au numéro qui se termine par 33 44": "au numéro qui se termine par trente-trois, quarante-quatre",
    "****1234": "se terminant par douze, trente-quatre",
    "XXXX 1234": "se terminant par douze, trente-quatre",
    "FR76 •••• •••• 0185": "se terminant par zéro un, quatre-vingt-cinq",
    "IBAN FR76 3000 6000 0112 3456 7890 189": "IBAN se terminant par zéro un, quatre-vingt-neuf",
    "4970 1234 5678 9012": "se terminant par quatre-vingt-dix, douze",
    "06 •• •• •• 44": "commençant par zéro six, se terminant par quarante-quatre",
    "D-4F7K2": "D, quatre, F, sept, K, deux",
    "votre référence est D-4F7K2.": "votre référence est D, quatre, F, sept, K, deux.",
    "R-9Y2W8": "R, neuf, i grec, deux, double vé, huit",
    "facture F-2027-0315": "facture F, vingt, vingt-sept, zéro trois, quinze",
    "facture F2027031": "facture F, vingt, vingt-sept, zéro trente et un",
    "P13": "P treize",
    "le code d'erreur P05": "le code d'erreur P zéro cinq",
    "E-401": "E quatre cent un",
    "votre code est le 482915": "votre code est le quarante-huit, vingt-neuf, quinze",
    "composez le 3900": "composez le trente-neuf, zéro zéro",
    "n° 12345674": "numéro douze, trente-quatre, cinquante-six, soixante-quatorze",
    "n°12": "numéro douze",
    "N° de client": "numéro de client",
}

MEASURES = {
    "20 %": "vingt pour cent",
    "19,6 %": "dix-neuf virgule six pour cent",
    "-5 %": "moins cinq pour cent",
    "500 Mo": "cinq cents mégaoctets",
    "1 Go": "un gigaoctet",
    "1,5 Go": "un virgule cinq gigaoctet",
    "2 To": "deux téraoctets",
    "300 Mb/s": "trois cents mégabits par seconde",
    "8 Mbit/s": "huit mégabits par seconde",
    "12 km": "douze kilomètres",
    "-12 dB": "moins douze décibels",
    "62,5 dBµV": "soixante-deux virgule cinq décibels microvolts",
    "5 GHz": "cinq gigahertz",
    "20 °C": "vingt degrés",
    "30 m²": "trente mètres carrés",
    "2e étage": "deuxième étage",
    "1re chaîne": "première chaîne",
    "1ère fois": "première fois",
    "80e": "quatre-vingtième",
    "21ème": "vingt et unième",
    "2nd essai": "second essai",
    "3,5": "trois virgule cinq",
    "12,05": "douze virgule zéro cinq",
    "1 234": "mille deux cent trente-quatre",
    "1/2": "un demi",
    "3/4": "trois quarts",
    "5/10": "cinq sur dix",
    "½ litre": "un demi litre",
    "2 x 10 €": "deux fois dix euros",
    "12-24 mois": "douze à vingt-quatre mois",
    "1 facture": "une facture",
    "21 chaînes": "vingt et une chaînes",
    "11 chaînes": "onze chaînes",
    "version 2.10.3": "version deux point dix point trois",
    "192.168.1.1": "cent quatre-vingt-douze point cent soixante-huit point un point un",
}

WORDS = {
    "M. Durand": "monsieur Durand",
    "Bonjour M. Durand.": "Bonjour monsieur Durand.",
    "Mme D.": "madame D.",
    "Mmes et MM. les abonnés": "mesdames et messieurs les abonnés",
    "Dr Martin": "docteur Martin",
    "HDMI": "H D M I",
    "HDMI2": "H D M I deux",
    "le câble HDMI et la prise USB": "le câble H D M I et la prise U S B",
    "Lumia TV": "Lumia T V",
    "par SMS": "par S M S",
    "IBAN": "IBAN",
    "SEPA": "SEPA",
    "TF1": "T F un",
    "4K": "quatre K",
    "Wi-Fi": "wifi",
    "Canal+": "Canal plus",
    "la touche #": "la touche dièse",
    "tapez *": "tapez étoile",
    "films, séries, etc.": "films, séries, et cetera.",
    "etc. et le reste": "et cetera et le reste",
    "RDV le 5 mai": "rendez-vous le cinq mai",
    "19,90 € TTC": "dix-neuf euros quatre-vingt-dix toutes taxes comprises",
    "par CB": "par carte bancaire",
    "tél. 06 11 22 33 44": "téléphone zéro six, onze, vingt-deux, trente-trois, quarante-quatre",
    "St-Denis": "Saint-Denis",
    "Son & image": "Son et image",
}

ADDRESSES = {
    "camille.durand@lumia.example": "camille point durand arobase lumia point example",
    "c.durand75@orange.fr": "c point durand soixante-quinze arobase orange point fr",
    "jean-marc_b@free.fr": "jean tiret marc tiret bas b arobase free point fr",
    "c•••@orange.fr": "c et la suite arobase orange point fr",
    "lumia.example": "lumia point example",
    "lumia.example/resilier": "lumia point example barre oblique résilier",
    "https://lumia.example/resilier": "lumia point example barre oblique résilier",
    "www.lumia.example": "trois double vé point lumia point example",
    "Allez sur lumia.example/resilier.": "Allez sur lumia point example barre oblique résilier.",
    "https://lumia.example/v/abc": "lumia point example barre oblique v barre oblique abc",
}

SIGNS = {
    "dire « conseiller » pour": "dire conseiller pour",
    'dites "oui"': "dites oui",
    "Il y a un achat : « Film », pour 4,99 €.": (
        "Il y a un achat : Film, pour quatre euros quatre-vingt-dix-neuf."
    ),
    "Voici : (ceci)": "Voici : ceci",
    "votre facture (la dernière) est payée": "votre facture, la dernière, est payée",
    "votre facture (la dernière).": "votre facture, la dernière.",
    "**Important** : rappelez": "Important : rappelez",
    "Merci 😀 !": "Merci !",
    "👍🏽 C'est noté": "C'est noté",
    "<b>Bonjour</b>": "Bonjour",
    '<genfile file="x.wav">Bonjour</genfile>': "Bonjour",
    "[notre site](https://lumia.example)": "notre site",
    "- un abonnement\n- une option": "un abonnement. une option",
    "Un instant… Je vérifie": "Un instant. Je vérifie",
    "Attendez... je vérifie": "Attendez, je vérifie",
    "Vraiment ?!": "Vraiment ?",
    "et/ou": "et ou",
    "film – série – sport": "film, série, sport",
    "l’abonnement": "l'abonnement",
    "bonjour   \t à vous": "bonjour à vous",
    "": "",
    "…": "",
    "•••": "",
    "Êtes-vous là ?": "Êtes-vous là ?",
    "①②": "douze",
    "٣": "trois",
    "２０ €": "vingt euros",
}

TABLE = {**AMOUNTS, **DATES, **TIMES, **IDENTIFIERS, **MEASURES, **WORDS, **ADDRESSES, **SIGNS}


@pytest.mark.parametrize(("written", "said"), TABLE.items(), ids=TABLE)
def test_is_read_as_a_person_reads_it(written: str, said: str) -> None:
    assert verbalise(written) == said


PIECES = st.sampled_from(
    [
        *TABLE,
        *"0123456789",
        *" .,;:!?-/+*#%€$£°@&=()[]{}<>«»\"'_~|\\…•–—\n\t\u00a0",
        *"aàbcdeéhjmsxzABCDEHMPSTVWYZ²½③٣๓𝟘\u0301\u200d😀\ud800",
        *[
            "€/mois",
            " janvier ",
            "h",
            " Mo",
            "er ",
            "FR76",
            "www.",
            ".fr",
            "code postal ",
            "x",
            "M. ",
            "se terminant par ",
        ],
    ]
)
ANY_TEXT = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=25).map("".join))
PLAIN_WORDS = """bonjour votre facture est payée l'abonnement d'accord aujourd'hui peut-être quatre-vingt-dix
Poitiers où ça Noël cœur être voulez-vous rappelez-moi Durand P treize D deux"""
WORDS_ONLY = st.lists(st.sampled_from(PLAIN_WORDS.split()), min_size=1, max_size=12).map(" ".join)


@given(ANY_TEXT)
@example("9" * 5000)
@example("1 " * 500)
@example("0,0,0€€" * 50)
def test_no_digit_and_no_euro_sign_is_left_for_the_voice(text: str) -> None:
    said = verbalise(text)
    assert not any(char.isdigit() for char in said)
    assert not set(said) & set("€<>*#_`|\\[]{}()\n\t")
    assert said == said.strip()
    assert "  " not in said


@pytest.mark.parametrize("said", sorted(set(TABLE.values())))
def test_what_is_said_is_not_changed_again(said: str) -> None:
    assert verbalise(said) == said


@given(WORDS_ONLY, st.sampled_from([".", " ?", " !", ""]))
def test_plain_words_come_back_untouched(words: str, end: str) -> None:
    assert verbalise(words + end) == words + end


@given(st.integers(0, 9_999_999), st.integers(0, 99))
def test_every_amount_names_its_euros_or_cents(whole: int, cents: int) -> None:
    said = verbalise(f"{whole},{cents:02d} €")
    assert "euro" in said or "centime" in said
    assert said == verbalise(f"{whole:,}".replace(",", " ") + f",{cents:02d} €")


@given(st.from_regex(r"[0-9]{8}", fullmatch=True))
def test_subscriber_numbers_are_told_by_four_pairs_however_written(number: str) -> None:
    by_pairs = " ".join(number[i : i + 2] for i in range(0, 8, 2))
    assert verbalise(number) == verbalise(by_pairs)
    assert verbalise(number).count(",") == 3


@given(st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True).filter(lambda number: number[1] != "8"))
def test_telephone_numbers_are_told_by_five_pairs_however_written(number: str) -> None:
    by_pairs = " ".join(number[i : i + 2] for i in range(0, 10, 2))
    said = {
        verbalise(written) for written in (number, by_pairs, "+33" + number[1:], by_pairs.replace(" ", "."))
    }
    assert len(said) == 1
    assert said.pop().count(",") == 4


@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_dates_are_told_alike_however_written(date: datetime.date) -> None:
    iso = f"{date:%Y-%m-%d}"
    assert verbalise(iso) == verbalise("/".join(reversed(iso.split("-"))))


def test_a_typical_reply_takes_a_millisecond() -> None:
    reply = "Votre facture du 15/03/2027 est de 42,90 €, prélevée le 5 avril sur le compte se terminant par ••••0185."
    verbalise(reply)
    began = time.perf_counter()
    for _ in range(100):
        verbalise(reply)
    assert (time.perf_counter() - began) / 100 < 0.005  # 1 ms, five times over


NASTY = [
    "1",
    "1 ",
    "1,",
    "1.1",
    "1/",
    "a",
    "A1",
    "AB12",
    "a-",
    "a@",
    "/a",
    "M.",
    "• ",
    "•",
    "***",
    "*a* ",
    "<",
    "[",
    " ",
    "\n",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_no_text_takes_long(nasty: str) -> None:
    began = time.perf_counter()
    verbalise(nasty * (20_000 // len(nasty)))
    assert time.perf_counter() - began < 5
