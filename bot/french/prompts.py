"""What the recogniser is conditioned on when a caller may say anything.

Whisper takes the prompt for what was said before, so it is a caller's sentences, not a list of words:
a list makes it answer with the list ("ma facture, abonnement, conseiller"). ``bench/recognition.py
--prompts`` compares them.
"""

OPEN_PROMPT = (
    "Bonjour, c'est pour la facture et les prélèvements de mon abonnement. La box est en panne : écran noir, "
    "code erreur, télécommande, aucun signal. J'aimerais résilier, passez-moi un conseiller."
)

YES_NO_PROMPT = "Oui. Non. D'accord."
"""For a yes or no: a word of a fifth of a second holds little to go by. The open prompt made "bon" of "oui"."""
