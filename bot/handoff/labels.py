"""French an agent reads for the dialogue's words: intents, actions, reasons, skills, signals.

An intent, action or reason missing here is shown by its own name, so a new dialogue never breaks a packet;
a test holds the table to ``dialogues/domain/intents.yml``.
"""

from __future__ import annotations

from collections.abc import Mapping

REQUESTS: Mapping[str, str] = {
    "billing_amount": "le montant de sa facture",
    "billing_increase": "une facture en hausse",
    "billing_due": "la date de son prélèvement",
    "billing_dispute": "une somme contestée",
    "billing_payment_date": "un changement de date de prélèvement",
    "billing_copy": "une copie de facture",
    "billing_difficulty": "une difficulté de paiement",
    "contract_info": "une question sur son abonnement",
    "box_no_signal": "une absence de signal",
    "box_black_screen": "un écran noir",
    "box_error_code": "un code d'erreur sur la box",
    "box_remote": "un problème de télécommande",
    "box_network": "un problème de connexion de la box",
    "box_recordings": "un problème d'enregistrements",
    "box_broken": "une box en panne",
    "box_appointment": "un rendez-vous technique",
    "video_request": "une assistance en vidéo",
    "cancel_contract": "une résiliation",
    "cancel_oblique": "un départ envisagé",
    "cancel_position": "une question sur son engagement",
    "cancel_withdraw": "une résiliation abandonnée",
    "move_house": "un déménagement",
    "bereavement": "le décès du titulaire",
    "callback_request": "une demande de rappel",
}
"""Intents that are a reason to call, as "appelle pour …" continues. The others steer the conversation."""

ACTIONS_DONE: Mapping[str, str] = {
    "tell_amount": "le montant de la facture a été donné",
    "tell_due_date": "la date et le mode de paiement ont été donnés",
    "tell_contract": "l'abonnement a été rappelé",
    "tell_position": "la situation du contrat a été rappelée",
    "tell_appointment": "le rendez-vous prévu a été rappelé",
    "explain_invoice": "l'explication de la facture a été donnée",
    "open_dispute": "une contestation a été ouverte",
    "change_payment_date": "la date de prélèvement a été changée",
    "send_invoice": "la facture a été envoyée",
    "line_test": "un test à distance a été fait",
    "guided_step": "un dépannage guidé a été suivi",
    "troubleshoot": "le dépannage a abouti",
    "box_reboot": "la box a été redémarrée à distance",
    "book_replacement": "un remplacement de box a été réservé",
    "book_technician": "une visite de technicien a été réservée",
    "book_appointment": "un rendez-vous a été pris",
    "book_callback": "un rappel a été convenu",
    "cancel_contract": "la résiliation a été enregistrée",
    "accept_offer": "l'offre acceptée a été enregistrée",
}
"""Reported actions that succeeded, as a clause of their own."""

ACTIONS_FAILED: Mapping[str, str] = {
    "line_test": "le test à distance montre un défaut",
    "box_reboot": "le redémarrage à distance n'a pas suffi",
    "guided_step": "une étape du dépannage n'a rien changé",
    "troubleshoot": "le dépannage n'a pas suffi",
}
"""Reported actions that were done without the success hoped for; of the others, that they failed is all to say."""

REASONS: Mapping[str, str] = {
    "human_request": "demande un conseiller",
    "not_understood": "n'a pas été compris par l'assistant",
    "identification_failed": "n'a pas pu être identifié",
    "upset": "est mécontent",
    "technical": "a besoin d'un technicien",
    "retention": "veut parler de son départ",
    "policy": "a une demande qui revient à une personne",
    "silence": "ne répond plus à l'assistant",
    "fault": "a été coupé par un incident technique de l'assistant",
    "bereavement": "signale un décès",
}
"""Handoff reasons as "elle …" continues, in the masculine; :mod:`bot.handoff.summary` makes them agree."""

REASON_TITLES: Mapping[str, str] = {
    "human_request": "Demande d'un conseiller",
    "not_understood": "Incompris par l'assistant",
    "identification_failed": "Identification impossible",
    "upset": "Mécontentement",
    "technical": "Expertise technique",
    "retention": "Fidélisation",
    "policy": "Décision humaine requise",
    "silence": "Silence de l'appelant",
    "fault": "Incident technique de l'assistant",
    "bereavement": "Décès",
}

SKILL_TITLES: Mapping[str, str] = {
    "billing": "Facturation",
    "technical": "Technique",
    "retention": "Fidélisation",
    "general": "Général",
}

RING_RESULTS: Mapping[str, str] = {
    "answered": "a pris l'appel",
    "busy": "occupé",
    "no_answer": "pas de réponse",
    "declined": "a refusé",
    "failed": "injoignable",
}
"""How ringing a site ended."""

IDENTIFIERS: Mapping[str, str] = {
    "caller_number": "numéro d'appelant",
    "subscriber_number": "numéro d'abonné",
    "postcode": "code postal",
    "birth_date": "date de naissance",
}
"""What an identification rested on; ``how`` joins them with ``+``."""


def identified_by(how: str) -> str:
    """``caller_number+postcode`` → "numéro d'appelant et code postal"; empty for an unknown or failed way."""
    parts = [IDENTIFIERS[p] for p in how.split("+") if p in IDENTIFIERS]
    return " et ".join(parts)
