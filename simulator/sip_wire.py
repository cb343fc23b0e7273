"""What the SIP child process and its parent say to each other: messages over two pipes. Pure; imports nothing.

A message is one byte of kind, four bytes of length (little-endian) and its body:

- ``j``: a JSON object: an order to the child, or a report from it;
- ``p``: sound to play, 16-bit samples at 16 kHz (to the child);
- ``i``: sound to play over and over whenever there is nothing else; silence at first (to the child);
- ``t``: one tick of 20 ms: the child's clock (seconds of ``CLOCK_MONOTONIC``, which parent and child share), the frame
  that went out in it and the frame that was heard in it (from the child).
"""

from __future__ import annotations

import json
import struct
from typing import Any

RATE = 16_000
"""Hz of all sound between parent and child; the SIP stack resamples from and to the codec's 8 kHz."""

FRAME_BYTES = RATE // 50 * 2
"""20 ms."""

ORDER = REPORT = b"j"
PLAY = b"p"
IDLE = b"i"
TICK = b"t"

HEAD = struct.Struct("<cI")
CLOCK = struct.Struct("<d")


def packed(kind: bytes, body: bytes) -> bytes:
    """A message as it goes over the pipe."""
    return HEAD.pack(kind, len(body)) + body


def as_json(**fields: Any) -> bytes:
    """An order or a report as it goes over the pipe."""
    return packed(ORDER, json.dumps(fields).encode())


def tick(clock: float, sent: bytes, heard: bytes) -> bytes:
    """A tick as it goes over the pipe; both frames are of :data:`FRAME_BYTES`."""
    return packed(TICK, CLOCK.pack(clock) + sent + heard)


def read_tick(body: bytes) -> tuple[float, bytes, bytes]:
    """Clock, frame sent, frame heard."""
    (clock,) = CLOCK.unpack_from(body)
    return clock, body[CLOCK.size : CLOCK.size + FRAME_BYTES], body[CLOCK.size + FRAME_BYTES :]
