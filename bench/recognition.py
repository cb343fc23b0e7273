"""Recognition: our call of Whisper beside the stock one, on the same clips in the same run.

    .venv/bin/python -m bench.recognition [--prompts]

Renders subscribers' sentences in the caller voices of this machine, decodes each at 16 kHz and through the
telephone (8 kHz A-law), and prints latency (p50, p95) and word error rate pooled over voices. Stock is
``faster_whisper.WhisperModel.transcribe(language="fr")`` as shipped, on all cores. Both decode one clip at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
import structlog
from faster_whisper import WhisperModel

from bench import callers
from bench.results import table
from bot.french.numbers import spoken_to_figures
from bot.french.prompts import OPEN_PROMPT
from bot.models import Pcm, RecognitionHint
from media.modelstore import find_whisper
from media.stt.whisper import WhisperTranscriber

SENTENCES = (
    "Bonjour, je vous appelle parce que ma facture a augmenté ce mois-ci.",
    "Je voudrais résilier mon abonnement.",
    "J'ai plus d'image sur ma télé depuis hier soir.",
    "L'écran est noir et la box ne répond plus.",
    "Est-ce que je peux parler à un conseiller s'il vous plaît ?",
    "Oui, c'est bien ça.",
    "Non, pas du tout.",
    "J'ai été prélevé deux fois, je veux contester.",
    "La télécommande ne marche plus, j'ai changé les piles.",
    "Pouvez-vous m'envoyer une copie de ma facture par mail ?",
    "Je suis encore engagé jusqu'à quand ?",
    "Je déménage le mois prochain, comment je fais ?",
    "La box affiche un code erreur, j'ai déjà redémarré.",
    "Attendez, je vais voir derrière la télé.",
    "C'est fait, j'ai débranché la prise.",
    "Ça ne marche toujours pas, c'est inadmissible.",
    "Je voudrais changer la date de mon prélèvement.",
    "Pouvez-vous répéter s'il vous plaît ?",
)

PROMPTS = {
    "no prompt": "",
    "list of words": "Facture, prélèvement, abonnement, box, télécommande, décodeur, résilier, conseiller, écran noir.",
    "sentences": OPEN_PROMPT,
}


@dataclass
class Score:
    """Running totals. ``seconds``: one figure a clip."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    words: int = 0

    def add(self, said: str, heard: str, seconds: float) -> None:
        reference, hypothesis = words(said), words(heard)
        self.seconds.append(seconds)
        self.errors += edit_distance(reference, hypothesis)
        self.words += len(reference)

    @property
    def wer(self) -> float:
        return 100 * self.errors / max(self.words, 1)

    def percentile(self, share: float) -> float:
        return float(np.percentile(self.seconds, share))


def words(text: str) -> list[str]:
    """Lower-case words, numbers in figures on both sides, no punctuation."""
    figures = spoken_to_figures(text.lower().replace("’", "'").replace("-", " "))
    return re.findall(r"\w+", figures)


def edit_distance(said: list[str], heard: list[str]) -> int:
    """Substitutions, deletions and insertions of words."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, start=1):
        diagonal, row[0] = row[0], at
        for index, other in enumerate(heard, start=1):
            diagonal, row[index] = (
                row[index],
                min(diagonal + (word != other), row[index] + 1, row[index - 1] + 1),
            )
    return row[-1]


Decoder = Callable[[Pcm], Awaitable[str]]


async def measure(clips: list[tuple[str, Pcm]], decoders: dict[str, Decoder]) -> dict[str, Score]:
    """Every clip through every decoder in turn, so that a busy machine slows them alike."""
    scores = {name: Score() for name in decoders}
    for decode in decoders.values():
        await decode(clips[0][1])  # warm-up, not counted
    for said, sound in clips:
        for name, decode in decoders.items():
            started = time.perf_counter()
            heard = await decode(sound)
            scores[name].add(said, heard, time.perf_counter() - started)
    return scores


async def bench(options: argparse.Namespace) -> None:
    """Render, decode, count."""
    model = find_whisper().path
    voices = callers.voices()
    spoken = [
        (text, callers.speak(text, voices[(at + step) % len(voices)]))
        for at, text in enumerate(SENTENCES)
        for step in range(min(options.voices, len(voices)))
    ]
    lines = {"16 kHz": spoken, "telephone": [(text, callers.through_phone(sound)) for text, sound in spoken]}

    transcriber = await WhisperTranscriber.load(model, workers=1)

    def ours(prompt: str) -> Decoder:
        async def decode(sound: Pcm) -> str:
            return (await transcriber.transcribe(sound, RecognitionHint(prompt))).text

        return decode

    rows: dict[str, Decoder] = {}
    if options.prompts:
        rows = {name: ours(prompt) for name, prompt in PROMPTS.items()}
    else:
        stock = WhisperModel(str(model), device="cpu", compute_type="int8")

        async def stock_decode(sound: Pcm) -> str:
            segments, _ = stock.transcribe(sound.astype(np.float32) / 32768, language="fr")
            return "".join(segment.text for segment in segments)

        rows = {"stock faster-whisper": stock_decode, "ours": ours(OPEN_PROMPT)}

    length = sum(len(sound) for _, sound in spoken) / len(spoken) / callers.RATE
    out = [["line", "decoder", "p50 s", "p95 s", "WER %", "p50 ratio", "WER ratio"]]
    for line, clips in lines.items():
        scores = await measure(clips, rows)
        first = next(iter(scores.values()))
        for name, score in scores.items():
            out.append(
                [
                    line,
                    name,
                    f"{score.percentile(50):.2f}",
                    f"{score.percentile(95):.2f}",
                    f"{score.wer:.1f}",
                    f"{score.percentile(50) / first.percentile(50):.2f}",
                    f"{score.wer / first.wer:.2f}" if first.wer else "–",
                ]
            )
    await transcriber.close()
    table(
        "recognition-prompts" if options.prompts else "recognition",
        f"Recognition: {len(spoken)} clips a line, {length:.1f} s on average, {len(voices)} voices",
        out,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--prompts", action="store_true", help="compare prompts instead of comparing with stock"
    )
    parser.add_argument(
        "--voices", type=int, default=2, help="voices a sentence is said in (default: %(default)s)"
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
