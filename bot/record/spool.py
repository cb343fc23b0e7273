"""A file where journal entries wait while the database cannot take them.

Lines of JSON, appended with one ``write`` and ``fsync`` each time, in ``*.jsonl`` files of one folder. A
line cut by a crash is skipped when read; reading an entry twice is harmless, because entries have an
identity. Blocking: call from a thread, except :meth:`Spool.write` without ``sync``, which only reaches the
operating system's cache.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bot.errors import StoreError
from bot.record.codec import Entry, event_from_json


class Spool:
    """Entries on disk, in the order they came. One process owns the folder.

    ``max_bytes``: what one run of the program may leave there.
    """

    def __init__(self, folder: Path, *, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._written = 0
        self._files = 0
        self._current: Path | None = None
        self._lock = threading.Lock()

    def write(self, entries: Iterable[Entry], *, sync: bool = True) -> None:
        """Append entries.

        Raises:
            StoreError: the disk refuses, or the spool is full.
        """
        lines = "".join(
            json.dumps({"call_id": e.call_id, "seq": e.seq, "event": e.event.to_json()}, ensure_ascii=False)
            + "\n"
            for e in entries
        )
        data = lines.encode("utf-8", "replace")
        with self._lock:
            if self._written + len(data) > self._max_bytes:
                raise StoreError(f"the spool {self._folder} holds {self._max_bytes} bytes already")
            try:
                self._append(data, sync)
            except OSError as err:
                raise StoreError(f"the spool {self._folder} cannot be written: {err.strerror}") from err
            self._written += len(data)

    def _append(self, data: bytes, sync: bool) -> None:
        if self._current is None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._files += 1
            self._current = self._folder / f"{time.time_ns()}-{os.getpid()}-{self._files}.jsonl"
        descriptor = os.open(self._current, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def set_aside(self, entries: Iterable[Entry]) -> None:
        """Keep entries that the database refuses in ``refused/``, for a person to look at.

        Raises:
            StoreError: as for :meth:`write`.
        """
        Spool(self._folder / "refused", max_bytes=self._max_bytes).write(entries)

    def take(self) -> list[Path]:
        """The files to replay, oldest first; what is written from now on goes to a new one."""
        with self._lock:
            self._current = None
            self._written = 0
            return sorted(self._folder.glob("*.jsonl"))

    def read(self, path: Path) -> Iterator[Entry]:
        """The entries of one file; lines that are not whole are skipped.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    entry = _entry(line)
                    if entry is not None:
                        yield entry
        except OSError as err:
            raise StoreError(f"the spool file {path} cannot be read: {err.strerror}") from err

    def drop(self, path: Path) -> None:
        """Forget a file whose entries are in the database."""
        path.unlink(missing_ok=True)


def _entry(line: str) -> Entry | None:
    try:
        value = json.loads(line)
        return Entry(str(value["call_id"]), int(value["seq"]), event_from_json(value["event"]))
    except (ValueError, KeyError, TypeError, AttributeError):  # a torn line
        return None
