"""What is written short in French and said long: units, abbreviations, letters, letter-names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MONTHS: Final = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)

MONTH_ABBREVIATIONS: Final = {
    "janv": "janvier",
    "févr": "février",
    "fév": "février",
    "avr": "avril",
    "juil": "juillet",
    "sept": "septembre",
    "oct": "octobre",
    "nov": "novembre",
    "déc": "décembre",
}

DAY_ABBREVIATIONS: Final = {
    "lun": "lundi",
    "mar": "mardi",
    "mer": "mercredi",
    "jeu": "jeudi",
    "ven": "vendredi",
    "sam": "samedi",
    "dim": "dimanche",
}


@dataclass(frozen=True)
class Unit:
    """``one``: what is said after a number below two; ``many``: after the others."""

    one: str
    many: str
    feminine: bool = False


def _unit(one: str, *, per: str = "", feminine: bool = False) -> Unit:
    return Unit(one + per, one + "s" + per, feminine)


_SECOND = " par seconde"
UNITS: Final = {
    "Ko": _unit("kilooctet"),
    "Mo": _unit("mégaoctet"),
    "Go": _unit("gigaoctet"),
    "To": _unit("téraoctet"),
    "Ko/s": _unit("kilooctet", per=_SECOND),
    "Mo/s": _unit("mégaoctet", per=_SECOND),
    "Go/s": _unit("gigaoctet", per=_SECOND),
    **{f"kb{end}": _unit("kilobit", per=_SECOND) for end in ("/s", "it/s", "ps", "its/s")},
    **{f"Mb{end}": _unit("mégabit", per=_SECOND) for end in ("/s", "it/s", "ps", "its/s")},
    **{f"Gb{end}": _unit("gigabit", per=_SECOND) for end in ("/s", "it/s", "ps", "its/s")},
    "km/h": Unit("kilomètre-heure", "kilomètres-heure"),
    "km": _unit("kilomètre"),
    "m": _unit("mètre"),
    "cm": _unit("centimètre"),
    "mm": _unit("millimètre"),
    "m2": Unit("mètre carré", "mètres carrés"),
    "kg": _unit("kilo"),
    "g": _unit("gramme"),
    "l": _unit("litre"),
    "dB": _unit("décibel"),
    "db": _unit("décibel"),
    "dBm": Unit("dé bé emme", "dé bé emme"),
    "dBµV": Unit("décibel microvolt", "décibels microvolts"),
    "Hz": Unit("hertz", "hertz"),
    "kHz": Unit("kilohertz", "kilohertz"),
    "MHz": Unit("mégahertz", "mégahertz"),
    "GHz": Unit("gigahertz", "gigahertz"),
    "V": _unit("volt"),
    "W": _unit("watt"),
    "kWh": Unit("kilowattheure", "kilowattheures"),
    "A": _unit("ampère"),
    "°C": Unit("degré", "degrés"),
    "°": Unit("degré", "degrés"),
    "px": _unit("pixel"),
    "Mpx": _unit("mégapixel"),
    "ms": _unit("milliseconde", feminine=True),
    "s": _unit("seconde", feminine=True),
    "sec": _unit("seconde", feminine=True),
    "min": _unit("minute", feminine=True),
    "mn": _unit("minute", feminine=True),
    "h": _unit("heure", feminine=True),
    "j": _unit("jour"),
    "ans": Unit("an", "ans"),
    "pts": _unit("point"),
    "%": Unit("pour cent", "pour cent"),
}

PER: Final = {
    "mois": "mois",
    "an": "an",
    "jour": "jour",
    "j": "jour",
    "semaine": "semaine",
    "sem": "semaine",
    "heure": "heure",
    "h": "heure",
    "minute": "minute",
    "min": "minute",
    "mn": "minute",
    "seconde": "seconde",
    "s": "seconde",
    "appel": "appel",
    "SMS": "SMS",
}
"""After a slash: ``€/mois`` is "euros par mois"."""

FEMININE_NOUNS: Final = (
    "adresse",
    "année",
    "box",
    "chaîne",
    "connexion",
    "date",
    "demande",
    "facture",
    "fois",
    "formule",
    "heure",
    "journée",
    "ligne",
    "mensualité",
    "minute",
    "offre",
    "option",
    "panne",
    "personne",
    "réduction",
    "réponse",
    "seconde",
    "semaine",
    "télécommande",
    "touche",
    "vidéo",
)
"""What subscribers count that makes 1 "une"."""

ABBREVIATIONS: Final = {
    r"MM\.(?= )": "messieurs",
    r"M(?:r\b\.?|\.)(?= ?[A-ZÀ-Ý•])": "monsieur",
    r"Mmes\b": "mesdames",
    r"Mme\b\.?(?= ?[^ ])": "madame",
    r"Mme\b": "madame",
    r"Mlles\b": "mesdemoiselles",
    r"Mlle\b": "mademoiselle",
    r"Dr\b\.?(?= ?[A-ZÀ-Ý])": "docteur",
    r"Ste(?=[- ][A-ZÀ-Ý])": "Sainte",
    r"St(?=[- ][A-ZÀ-Ý])": "Saint",
    r"[Bb]d\b\.?(?= [A-ZÀ-Ýd])": "boulevard",
    r"[Aa]v\.(?= )": "avenue",
    r"[Rr]éf\.": "référence",
    r"[Tt]él\.": "téléphone",
    r"[Ee]nv\.": "environ",
    r"[Mm]ax\.": "maximum",
    r"[Mm]in\.(?= )": "minimum",
    r"[Pp]\. ?ex\.": "par exemple",
    r"[Ee]x\.(?= ?:?)": "exemple",
    r"[Cc]\.-à-d\.": "c'est-à-dire",
    r"[Cc]f\.": "voir",
    r"etc(?:\.|\b)\.*(?=$|\s+[A-ZÀ-Ý])": "et cetera.",
    r"etc(?:\.|\b)": "et cetera",
    r"[Ss]\.?[Vv]\.?[Pp]\b\.?": "s'il vous plaît",
    r"[Rr][Dd][Vv]\b": "rendez-vous",
    r"CB\b": "carte bancaire",
    r"TTC\b": "toutes taxes comprises",
    r"HT\b": "hors taxes",
    r"CP\b(?= ?\d)": "code postal",
    r"[Nn][°º](?=\W|\d|$)": "numéro",
    r"[Nn]os?\.? ?(?=\d)": "numéro ",
    r"[Mm]in(?= de connexion)": "minutes",
    r"Wi-?Fi\b": "wifi",
}
"""Pattern, matched where no word character goes before → what is said."""

# Capitals read letter by letter although they hold a vowel; the others are read as words (SEPA, IBAN, SIM, LED).
SPELLED: Final = frozenset(
    {
        "ADSL",
        "API",
        "APL",
        "CSA",
        "FAI",
        "FAQ",
        "HDMI",
        "ID",
        "IP",
        "ISO",
        "LCI",
        "ONT",
        "QR",
        "RIB",
        "SAV",
        "SVOD",
    }
    | {"TVA", "UHD", "URL", "USB", "VOD", "WPA"}
)

LETTER_NAMES: Final = {"W": "double vé", "Y": "i grec"}
"""Letters that a voice may not name by itself when they stand alone."""

ACCENTS: Final = {
    "resilier": "résilier",
    "resiliation": "résiliation",
    "acces": "accès",
    "abonne": "abonné",
    "abonnes": "abonnés",
    "reclamation": "réclamation",
    "demenagement": "déménagement",
    "securite": "sécurité",
    "telephone": "téléphone",
    "television": "télévision",
    "tele": "télé",
}
"""Words of an address, which has no accents, as they are said."""
