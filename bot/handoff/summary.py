"""The two sentences an agent reads and the few words said in their ear. Pure; French."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.handoff import labels


@dataclass(frozen=True)
class Story:
    """What the sentences are made of.

    ``name``: masked (``Mme D.``) or empty. ``how``: as in the contract (``caller_number+postcode``).
    ``intents``: in order. ``tried``: (action, ok, result). ``offers``: (terms, last answer).
    ``reason``: of the handoff, empty without one. ``callback``: a call back was promised.
    """

    name: str = ""
    verified: bool = False
    how: str = ""
    intents: tuple[str, ...] = ()
    tried: tuple[tuple[str, bool, str], ...] = ()
    offers: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    callback: bool = False
    upset: bool = False
    recording_refused: bool = False

    @property
    def feminine(self) -> bool:
        """Whether words about the caller take the feminine: "Mme" or, unnamed, "une personne"."""
        return not self.name.startswith("M.")


def summarise(story: Story) -> str:
    """Two sentences: who calls for what, then what was done and what is asked; a third when recording was refused.

    "Madame D., identifiée par numéro d'appelant et code postal, appelle pour une facture en hausse.
    L'explication de la facture a été donnée, elle demande un conseiller."
    """
    clauses = [*_done(story), *_offers(story), _ending(story)]
    refused = " Enregistrement refusé." if story.recording_refused else ""
    return f"{_who(story)} {_wants(story)}. {_capital(', '.join(clauses))}.{refused}"


def whisper(story: Story) -> str:
    """A few words, five to ten seconds spoken: "Madame D., identifiée, pour une facture en hausse. Elle …"."""
    parts = [_caller(story), _agree("identifié" if story.verified else "non identifié", story)]
    subjects = _subjects(story)
    if subjects:
        parts.append(f"pour {subjects[-1]}")
    return f"{', '.join(parts)}. {_capital(_ending(story))}."


def _caller(story: Story) -> str:
    if not story.name:
        return "Une personne"
    title, _, rest = story.name.partition(" ")
    return f"{ {'Mme': 'Madame', 'M.': 'Monsieur', 'Mlle': 'Madame'}.get(title, title) } {rest}".strip()


def _who(story: Story) -> str:
    if story.verified:
        how = labels.identified_by(story.how)
        return f"{_caller(story)}, {_agree('identifié', story)}{f' par {how}' if how else ''},"
    return f"{_caller(story)}, {_agree('non identifié', story)},"


def _subjects(story: Story) -> list[str]:
    """What the call is about, each once, in order."""
    return list(dict.fromkeys(labels.REQUESTS[i] for i in story.intents if i in labels.REQUESTS))


def _wants(story: Story) -> str:
    subjects = _subjects(story)
    if not subjects:
        return "appelle sans avoir dit pourquoi" if not story.intents else "appelle sans motif reconnu"
    shown = subjects[-3:]  # the last ones: what the caller wants now
    return f"appelle pour {_list(shown)}"


def _done(story: Story) -> list[str]:
    """What was tried: the last two that worked, and the last of all when it did not."""
    done = [labels.ACTIONS_DONE.get(action) or _clause(result) for action, ok, result in story.tried if ok]
    clauses = [clause for clause in dict.fromkeys(done) if clause][-2:]
    if story.tried and not story.tried[-1][1]:
        action, _, result = story.tried[-1]
        subject = "la dernière tentative" if clauses else "ce qui a été tenté"
        failed = labels.ACTIONS_FAILED.get(action, f"{subject} n'a pas abouti")
        why = _clause(result)
        clauses.append(f"{failed} ({why})" if why else failed)
    return clauses


def _clause(result: str) -> str:
    """A short result phrase used as a clause, without its capital and final stop."""
    text = result.strip().rstrip(".")
    return text[:1].lower() + text[1:] if 0 < len(text) <= 120 else ""


def _offers(story: Story) -> list[str]:
    answers = [answer for _, answer in story.offers]
    if not answers:
        return []
    if "accepted" in answers:
        return ["une offre a été acceptée"]
    count = "une offre a été proposée" if len(answers) == 1 else f"{len(answers)} offres ont été proposées"
    if "proposed" in answers:
        return [f"{count} sans réponse"]
    return [f"{count} et {'refusée' if len(answers) == 1 else 'refusées'}"]


def _ending(story: Story) -> str:
    pronoun = "elle" if story.feminine else "il"
    asks = labels.REASONS.get(story.reason, "demande une personne") if story.reason else "attend un rappel"
    upset = " et se dit mécontent" if story.upset and story.reason != "upset" else ""
    promised = " et attend un rappel" if story.callback and story.reason else ""
    return _agree(f"{pronoun} {asks}{upset}{promised}", story)


_AGREEING = re.compile(r"\b(identifié|mécontent|compris|coupé)\b")


def _agree(text: str, story: Story) -> str:
    return _AGREEING.sub(r"\1e", text) if story.feminine else text


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} et {items[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
