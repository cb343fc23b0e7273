"""What a recogniser makes up, told apart from what a caller said. Pure functions on text and scores.

Whisper was trained on subtitles: on silence, music or a cough it writes subtitle credits, thanks the
viewers, repeats one word for ever, or writes the prompt back.
"""

from __future__ import annotations

import re
import unicodedata

# Whisper's own rule asks for 0.6 and -1.0 together (Radford et al. 2022, §4.5). With a short mel the two
# sides lie further apart: telephone speech, noisy too, stays under 0.25; noise, hum, tones, knocks and breath
# are above 0.47, and fluent nonsense on a pure tone (score -0.5) above 0.8.
_NO_SPEECH = 0.4
_LOW_SCORE = -0.9
_SURELY_NO_SPEECH = 0.8
_WORDS_PER_SECOND = 9.0  # fast French is 5 to 6 words a second; the rest is slack for short words
_RATE_FROM_WORDS = 6  # below, a short clip makes the rate meaningless
_LOOP_REPEATS = 5  # an angry "non non non non" is four
_DIGIT_LOOP_REPEATS = 9  # eight equal digits may be dictated
_LOOP_WORDS = 12  # longest repeated unit looked for
_ECHO_WORDS = 4

# Matched on letters and digits only, without accents, one sentence at a time.
_CREDITS = re.compile(
    r"""
    sous[ ]?titr\w*(?=.*\b(?:par|st|de|du|fr|la|amara|societe|radio|communaute|realise\w*|soustitreurs)\b).*
    | sous[ ]?titr(?:es|age)
    | .*\bamara\b.*
    | .*\bsoustitreur\w*\b.*
    | .*\bst[ ]?501\b.*
    | merci(?:[ ]a(?:[ ]toutes[ ]et[ ]a)?[ ]tous)?[ ](?:d[ ]avoir|de[ ]m[ ]avoir|pour[ ]avoir)
      [ ](?:regarde|visionne|suivi|ecoute)\b.*
    | merci[ ](?:de|pour)[ ](?:votre[ ])?visionnage.*
    | .*\b(?:abonnez[ ]vous|abonne[ ]toi)\b.*
    | .*\bn[ ]oubliez[ ]pas[ ]de[ ](?:vous[ ]abonner|liker|partager).*
    | .*\b(?:cette|la)[ ]video\b[ ](?:est[ ]terminee|vous[ ]a[ ]plu).*
    | (?:a|on[ ]se[ ]retrouve)\b.*\b(?:prochaine[ ]video|une[ ]prochaine[ ]video).*
    | traduction[ ](?:de|par)\b.*
    | transcription[ ](?:de|par)\b.*
    | (?:musique|generique|applaudissements|rires)(?:[ ]de[ ](?:fin|debut))?
    """,
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_NOTES = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]+\*|[♪♫♬]+")


def clean(text: str, *, score: float, no_speech: float, seconds: float, prompt: str = "") -> str:
    """``text`` without what was made up; empty when nothing else is left.

    ``score``: mean log-probability a token. ``no_speech``: probability 0–1 of no speech.
    ``seconds``: length of the clip. ``prompt``: what the decoder was conditioned on.
    """
    if is_silence(score, no_speech):
        return ""
    text = collapse_loops(without_credits(_NOTES.sub(" ", text)))
    if is_echo(text, prompt) or is_too_fast(text, seconds):
        return ""
    return text


def is_silence(score: float, no_speech: float) -> bool:
    """Whether the decoder's own numbers say that nobody spoke."""
    return no_speech > _SURELY_NO_SPEECH or (no_speech > _NO_SPEECH and score < _LOW_SCORE)


def without_credits(text: str) -> str:
    """``text`` without sentences that only a subtitle file contains."""
    return " ".join(
        sentence for sentence in _SENTENCE_END.split(text.strip()) if not _CREDITS.fullmatch(_plain(sentence))
    ).strip()


def collapse_loops(text: str) -> str:
    """``text`` with each group of words that is repeated endlessly kept once."""
    words = text.split()
    plain = [_plain(word) for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        for size in range(1, min(_LOOP_WORDS, (len(words) - at) // 2) + 1):
            unit = plain[at : at + size]
            repeats = 1
            while plain[at + repeats * size : at + (repeats + 1) * size] == unit:
                repeats += 1
            figures = all(word.isdigit() for word in unit)
            if repeats >= (_DIGIT_LOOP_REPEATS if figures else _LOOP_REPEATS):
                kept += words[at : at + size]
                at += repeats * size
                # A loop that the length limit cut short ends in the beginning of its unit.
                if plain[at:] == unit[: len(plain) - at]:
                    at = len(words)
                break
        else:
            kept.append(words[at])
            at += 1
    return " ".join(kept)


def is_echo(text: str, prompt: str) -> bool:
    """Whether ``text`` is a run of words of the prompt, long enough not to be a coincidence."""
    said, given = _plain(text).split(), _plain(prompt).split()
    if len(said) < min(_ECHO_WORDS, len(given)) or not said:
        return False
    return any(given[at : at + len(said)] == said for at in range(len(given) - len(said) + 1))


def is_too_fast(text: str, seconds: float) -> bool:
    """Whether nobody could have said ``text`` in ``seconds``."""
    words = _plain(text).split()
    return len(words) >= _RATE_FROM_WORDS and len(words) > _WORDS_PER_SECOND * seconds


def _plain(text: str) -> str:
    """Lower-case letters and digits, single spaces, no accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    return " ".join(
        re.sub(r"[^a-z0-9]+", " ", "".join(c for c in decomposed if not unicodedata.combining(c))).split()
    )
