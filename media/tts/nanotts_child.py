"""The child process of ``media.tts.nanotts``: reads texts, writes samples, until its parent is gone.

Run by path with the number of an inherited pipe as its argument. It imports nothing of the project, so it is ready
in a few hundredths of a second.

Request: JSON ``{"text", "speed", "pitch"}``. Answer: one byte, 0 and the samples (16 kHz, 16-bit little-endian)
or 1 and the name of the failure.
"""

from __future__ import annotations

import json
import signal
import sys
from multiprocessing.connection import Connection

import py_nanotts


def main() -> None:
    """Serve until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides the end
    pipe = Connection(int(sys.argv[1]))
    engine = py_nanotts.NanoTTS()
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            answer = b"\0" + engine.speak(
                request["text"], voice="fr-FR", speed=request["speed"], pitch=request["pitch"]
            )
        except (RuntimeError, ValueError, MemoryError) as err:
            answer = b"\1" + type(err).__name__.encode()
        pipe.send_bytes(answer)


if __name__ == "__main__":
    main()
