"""SVOX Pico speaks one sentence: a program of its own, text on standard input, 16 kHz samples on standard output.

Run as ``python -m simulator.pico SPEED`` by :mod:`simulator.voices`. A process of its own because the library holds
the interpreter's lock while it synthesises, which would stall every call in progress, and because it reads memory
that it never wrote: only in fresh, zeroed memory does the same sentence sound the same twice.
"""

from __future__ import annotations

import sys

import py_nanotts

ZEROED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""Environment that makes the C library take large blocks from the system, which hands them out zeroed."""


def main() -> None:
    """Speak what comes in."""
    text = sys.stdin.buffer.read().decode()
    markup_free = text.replace("<", " ").replace(">", " ")  # Pico's markup can play and write files
    sys.stdout.buffer.write(py_nanotts.NanoTTS().speak(markup_free, voice="fr-FR", speed=float(sys.argv[1])))


if __name__ == "__main__":
    main()
