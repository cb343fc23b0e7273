"""What is picked out of a sentence, in the forms callers and recognisers give it."""

from __future__ import annotations

import pytest

from bench.nlu import Model


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("mon numéro c'est le 12345674", {"number": "12345674"}),
        ("12 34 56 74", {"number": "12 34 56 74"}),
        ("75011 paris", {"number": "75011"}),
        ("non pas 63 73", {"number": ["63", "73"]}),
        ("prélevez-moi le 10 au lieu du 25", {"number": ["10", "25"]}),
        ("je suis né le 1961-04-22", {"date": "1961-04-22"}),
        ("c'est quoi ces 12.99 euros", {"amount": "12.99"}),
        ("c'est quoi ces 15 euros de frais", {"amount": "15"}),
        ("je payais 24.90 et maintenant 34.90", {"amount": ["24.90", "34.90"]}),
        ("la box affiche P13", {"equipment": "box", "error_code": "P13"}),
        ("y a marqué p 13", {"error_code": "P13"}),
        ("erreur p13 à l'écran", {"error_code": "P13"}),
        ("erreur p treize", {"error_code": "P13"}),
        ("le code e zéro quatre", {"error_code": "E04"}),
        ("j'ai e 4 qui clignote", {"error_code": "E04"}),
        ("c'est s 03", {"error_code": "S03"}),
        ("envoyez-la par courriel", {"delivery": "email"}),
        ("par mail s'il vous plaît", {"delivery": "email"}),
        ("par texto", {"delivery": "sms"}),
        ("ma zapette marche plus", {"equipment": "télécommande"}),
        ("mon décodeur s'allume plus", {"equipment": "box"}),
        ("la parabole a bougé", {"equipment": "parabole"}),
        ("rappelez-moi lundi", {"weekday": "lundi"}),
        ("je reçois plus france 2", {"channel_name": "france 2"}),
        ("je voudrais résilier mon abonnement", {}),
        ("ça fait cinq ans que je suis abonnée", {}),
    ],
)
def test_entities_are_picked_out(nlu: Model, text: str, entities: dict[str, str | list[str]]) -> None:
    [parsed] = nlu.parse([text])
    found: dict[str, list[str]] = {}
    for entity in parsed["entities"]:
        found.setdefault(entity["entity"], []).append(entity["value"])
    wanted = {name: value if isinstance(value, list) else [value] for name, value in entities.items()}
    assert found == wanted
