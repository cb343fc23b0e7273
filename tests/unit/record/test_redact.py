"""What must never be kept never is, however it was said or typed; what is needed stays readable."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from num2words import num2words
from stdnum import iban as stdnum_iban
from stdnum import luhn

from bot.record.redact import Level, redact, redact_secret, redact_value

FRAMES = [
    "{}",
    "mon numéro c'est le {} voilà",
    "euh alors {}, et ma facture a augmenté",
    "c'est {} je répète non attendez",
    "prélevez sur {} s'il vous plaît, ma box affiche le code P13",
    "Bonjour. {} Merci.",
    "il y a 3 semaines j'ai donné {}, expire 12 27",
]
frames = st.sampled_from(FRAMES)
separators = st.sampled_from([" ", "-", ".", "", "  ", "\u00a0", "\u202f", ", ", " - ", "/", "\u200b"])
COUNTRIES = {"FR": 23, "DE": 18, "BE": 12, "ES": 20, "LU": 16, "IT": 23, "MA": 24, "MG": 23}


@st.composite
def spaced(draw: st.DrawFn, value: str) -> str:
    """``value`` cut anywhere, its pieces apart by anything a person or a program may write."""
    cuts = sorted(draw(st.sets(st.integers(1, len(value) - 1), max_size=9)))
    pieces = [value[a:b] for a, b in zip([0, *cuts], [*cuts, len(value)], strict=True)]
    out = pieces[0]
    for piece in pieces[1:]:
        out += draw(separators) + piece
    return out


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(COUNTRIES)))
    body = draw(st.text("0123456789", min_size=COUNTRIES[country], max_size=COUNTRIES[country]))
    value = f"{country}{stdnum_iban.calc_check_digits(country + '00' + body)}{body}"
    return draw(st.sampled_from([value, value.lower()]))


@st.composite
def cards(draw: st.DrawFn) -> str:
    length = draw(st.integers(12, 18))
    body = draw(st.sampled_from("3456")) + draw(
        st.text("0123456789", min_size=length - 1, max_size=length - 1)
    )
    return body + luhn.calc_check_digit(body)


births = st.dates(date(1920, 1, 1), date(2012, 12, 31))
MONTHS = [
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
]  # fmt: skip


def written_dates(day: date) -> list[str]:
    """The ways a person, a recogniser or a program writes a date."""
    month = MONTHS[day.month - 1]
    words = [num2words(day.day, lang="fr"), month, num2words(day.year, lang="fr")]
    return [
        f"{day:%d/%m/%Y}",
        f"{day:%d %m %Y}",
        f"{day:%d-%m-%Y}",
        f"{day:%d.%m.%Y}",
        f"{day:%d%m%Y}",
        f"{day:%Y-%m-%d}",
        f"{day.day} {month} {day.year}",
        f"{day.day} {month} {day:%y}",
        f"{'1er' if day.day == 1 else day.day} {month.capitalize()} {day.year}",
        " ".join(words),
        " ".join(words).replace("-", " "),
        f"{words[0]} {num2words(day.month, lang='fr')} {num2words(day.year % 100, lang='fr')}",
    ]


BIRTH_FRAMES = [
    "je suis né le {}",
    "Je suis née le {}, à Poitiers",
    "ma date de naissance c'est le {} voilà",
    "date de naissance : {}",
    "née un {} je crois",
    "{}, c'est ma date de naissance",
    "mon mari est né le {} et ma facture est de 42,90 €",
]


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@given(ibans().flatmap(lambda v: st.tuples(st.just(v), spaced(v))), frames)
def test_no_iban_survives_in_any_spacing(value: tuple[str, str], frame: str) -> None:
    whole, written = value
    kept = redact(frame.format(written))
    assert whole.lower() not in re.sub(r"[\W_]", "", kept).lower()
    assert digits(whole) not in digits(kept)


@given(cards().flatmap(lambda v: st.tuples(st.just(v), spaced(v))), frames)
def test_no_card_number_survives_in_any_spacing(value: tuple[str, str], frame: str) -> None:
    whole, written = value
    assert whole not in digits(redact(frame.format(written)))


@given(cards(), frames, st.sampled_from([1, 2]))
def test_no_card_number_survives_spoken_in_words(card: str, frame: str, size: int) -> None:
    groups = [card[i : i + size] for i in range(0, len(card), size)]
    assume(size == 1 or not any(g.endswith("0") for g in groups))  # "vingt cinq" may be 20 5 or 25
    spoken = " ".join(
        " ".join(num2words(int(d), lang="fr") for d in g) if g[0] == "0" else num2words(int(g), lang="fr")
        for g in groups
    )
    assert spoken not in redact(frame.format(spoken))


@given(births, st.sampled_from(BIRTH_FRAMES), st.data())
def test_no_birth_date_survives_however_it_is_said(day: date, frame: str, data: st.DataObject) -> None:
    written = data.draw(st.sampled_from(written_dates(day)))
    kept = redact(frame.format(written))
    assert written not in kept
    assert "[date masquée]" in kept


@given(births, st.data())
def test_no_number_survives_a_secret_turn(day: date, data: st.DataObject) -> None:
    written = data.draw(st.sampled_from(written_dates(day)))
    kept = redact_secret(f"alors euh le {written} et je veux un conseiller")
    assert not re.search(r"\d", kept)
    assert not any(month in kept for month in MONTHS if month in written)
    assert kept.endswith("un conseiller")


@given(st.text("12", min_size=1, max_size=1), st.integers(0, 10**14 - 1), frames)
def test_no_social_security_number_survives(sex: str, rest: int, frame: str) -> None:
    number = f"{sex}{rest:014d}"
    written = (
        f"{number[0]} {number[1:3]} {number[3:5]} {number[5:7]} {number[7:10]} {number[10:13]} {number[13:]}"
    )
    for text in (number, written, number[:13]):
        assert digits(text) not in digits(redact(frame.format(text)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cryptogramme 123", "cryptogramme [code masqué]"),
        ("le CVV c'est le 4 5 6", "le CVV c'est le [code masqué]"),
        (
            "le code de sécurité au dos c'est cent vingt-trois",
            "le code de sécurité au dos c'est [code masqué]",
        ),
        ("4970 1012 3456 7893 et 123 au dos", "[carte masquée] et [code masqué] au dos"),
        ("jean.dupont@free.fr", "j•••@free.fr"),
        ("jean point dupont arobase free point fr", "[e-mail masqué]"),
        ("fr76 3000 6000 0112 3456 7890 189 et voilà", "[IBAN masqué] et voilà"),
        ("F R 7 6 3 0 0 0 6 0 0 0 0 1 1 2 3 4 5 6 7 8 9 0 1 8 9", "[IBAN masqué]"),
        ("FR7630006000011234567890188", "[IBAN masqué]"),  # misheard: wrong check digits
        ("15 mars 1962", "[date masquée]"),  # nothing but a birth date is told so
        ("née le 15 mars 1985, facture du 12 avril 2027", "née le [date masquée], facture du 12 avril 2027"),
    ],
)
def test_what_is_hidden_names_what_it_was(text: str, kept: str) -> None:
    assert redact(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "votre dernière facture est de 42,90 €",
        "mille quatre cent quatre-vingt-dix-neuf euros quatre-vingt-dix-neuf",
        "un total de 1 249,90 euros dont 12,90 € et 14,50 €",
        "facture F-2027-03-004512 du 12 mars 2027",
        "facture 202703-00012 du 12 mars 2027",
        "prélèvement le 2027-03-15 puis le 2027-04-15, facture du 2027-02-15",
        "votre référence est D-4F7K2",
        "la box affiche le code P13",
        "rappelez-moi au 06 11 22 33 44",
        "mon numéro d'abonné c'est le 12345674",
        "douze trente-quatre cinquante-six soixante-quatorze",
        "le code postal c'est 86000",
        "il ne le sait pas, je ne le vois pas le 12",
        "abonné depuis le 3 mars 1998",
        "carte qui se termine par 4242",
        "le 123 rue de la carte",
        "appel 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "rendez-vous le jeudi 18 mars 2027 entre 8 h et 10 h",
    ],
)
def test_what_the_operator_needs_stays(text: str) -> None:
    assert redact(text) == text


amounts = st.decimals(0, 9999, places=2).map(lambda d: f"{d}".replace(".", ",") + " €")
references = st.from_regex(r"[DRC]-[0-9A-HJKMNP-TV-Z]{5}", fullmatch=True)
invoices = st.from_regex(r"F-20(2[0-9])-(0[1-9]|1[0-2])-[0-9]{6}", fullmatch=True)
recent = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@given(amounts, references, invoices, recent, st.data())
def test_amounts_references_and_invoices_survive(
    amount: str, reference: str, invoice: str, day: date, data: st.DataObject
) -> None:
    issued = data.draw(st.sampled_from(written_dates(day)))
    text = f"la facture {invoice} du {issued}, d'un montant de {amount}, porte la référence {reference}."
    assert redact(text) == text


ALPHABET = "0123456789 abcéefnrx.,-/@+€:'\n[]•" + "\u00a0\ud800\x00"
WORDS = [
    "né", "née", "naissance", "le", "du", "est", "c'est", "ma", "date", "de", "facture", "carte", "cvv", "arobase",
    "point", "et", "un", "vingt", "quatre", "cent", "mille", "15", "mars", "1985", "2027", "4970", "1012", "FR76",
    "12/03/1985", "2027-03-15", "[date masquée]", "[carte masquée]", "euros", "123", ",", ".", "-", "je", "suis", "ne",
    "depuis",
]  # fmt: skip
messy = st.one_of(
    st.text(),
    st.text(ALPHABET, max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join),
)


@settings(max_examples=200)
@given(messy, st.sampled_from(Level))
@example("CVC0A0A0A0A0A0A0A0A0AROBAS0A000", Level.STORE)
def test_redacting_again_changes_nothing(text: str, level: Level) -> None:
    once = redact(text, level)
    assert redact(once, level) == once
    assert redact_secret(redact_secret(text)) == redact_secret(text)


@given(st.sampled_from(["+33611223344", "06 11 22 33 44", "0611223344", "12345674", "12 34 56 74"]), frames)
def test_logs_show_no_telephone_nor_subscriber_number(number: str, frame: str) -> None:
    assert digits(number) not in digits(redact(frame.format(number), Level.LOG))


@pytest.mark.parametrize(
    "text",
    [
        "took 0.12345678 s",
        "2026-11-22 21:05:03,123",
        "call 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "F-2027-03-004512",
    ],
)
def test_logs_keep_times_and_identifiers(text: str) -> None:
    assert redact(text, Level.LOG) == text


def test_values_are_redacted_by_their_name_too() -> None:
    value = {
        "birth_date": "15 mars",
        "note": ["née le 15/03/1985", 3, None, True],
        "iban": "whatever",
        "entities": {"entity": "birth_date", "value": "le quinze"},
        "account": 4970101234567893,
    }
    assert redact_value(value) == {
        "birth_date": "[secret masqué]",
        "note": ["née le [date masquée]", 3, None, True],
        "iban": "[secret masqué]",
        "entities": {"entity": "birth_date", "value": "[secret masqué]"},
        "account": "[numéro masqué]",
    }


@pytest.mark.parametrize(
    "piece", ["1 ", "fr76", "né le ", "a@", "a.", "vingt ", "12/", "F R 7 6 ", "arobase ", "[date", "1-"]
)
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def cost(size: int) -> float:
        text = piece * (size // len(piece))
        start = time.thread_time()  # what others do on this machine meanwhile does not count
        redact(text, Level.LOG)
        return time.thread_time() - start

    cost(2_000)
    small = min(cost(8_000) for _ in range(2))
    assert cost(64_000) < max(8 * small * 5, 0.5)  # eight times the text, five times of slack


@given(st.text("bdfghjkmpqwéàô ,.;:!?'«»—()", max_size=200))
def test_a_text_without_numbers_is_never_touched(text: str) -> None:
    assert redact(text) == text
