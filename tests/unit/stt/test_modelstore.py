"""Models are found in order, verified, fetched once, and their absence is explained."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.errors import ModelUnavailableError
from media import modelstore
from media.hub import HubError
from media.modelstore import ModelSource, ModelStore

FILES = {"model.bin": b"weights" * 1000, "config.json": b"{}"}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


WANTED = modelstore.Wanted(
    title="toy",
    folder="toy",
    entry="",
    required=("model.bin", "config.json"),
    repository="someone/toy",
    hub_files={name: name for name in FILES},
    packages={
        "model.bin": modelstore.Part(("one/part1", "two/part2"), sha(FILES["model.bin"])),
        "config.json": modelstore.Part(("two/config.json",), sha(FILES["config.json"])),
    },
)


class Hub:
    """A hub that holds ``files``; offline when there are none."""

    def __init__(
        self, files: Mapping[str, bytes] | None = None, announced: Mapping[str, str] | None = None
    ) -> None:
        self.files, self.announced, self.asked = files or {}, announced or {}, 0

    def __call__(self, repository: str, files: Mapping[str, str], into: Path) -> dict[str, str]:
        self.asked += 1
        if not self.files:
            raise HubError("offline")
        for name, remote in files.items():
            (into / name).write_bytes(self.files[remote])
        return dict(self.announced)


class Registry:
    """An installer that lays out the packages; ``broken`` times with a flipped byte first."""

    def __init__(self, broken: int = 0, fault: str = "") -> None:
        self.broken, self.fault, self.installed = broken, fault, 0

    def __call__(self, target: Path, *, afresh: bool = False) -> None:
        self.installed += 1
        if self.fault:
            raise ModelUnavailableError(self.fault)
        data = FILES["model.bin"]
        if self.broken:
            self.broken -= 1
            data = b"\0" + data[1:]
        for name, piece in {
            "one/part1": data[:3000],
            "two/part2": data[3000:],
            "two/config.json": b"{}",
        }.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(piece)


def store(tmp_path: Path, hub: Hub | None = None, registry: Registry | None = None) -> ModelStore:
    return ModelStore(
        tmp_path / "models", tmp_path / "cache" / "packages", hub or Hub(), registry or Registry()
    )


def test_the_hub_comes_before_the_registry_and_is_asked_once(tmp_path: Path) -> None:
    hub, registry = Hub(FILES, {"model.bin": sha(FILES["model.bin"])}), Registry()
    models = store(tmp_path, hub, registry)
    assert models.find(WANTED, None).source is ModelSource.HUB
    again = models.find(WANTED, None)
    assert again.source is ModelSource.MODELS
    assert (again.path / "model.bin").read_bytes() == FILES["model.bin"]
    assert (hub.asked, registry.installed) == (1, 0)


def test_offline_the_packages_are_joined_and_verified(tmp_path: Path) -> None:
    found = store(tmp_path).find(WANTED, None)
    assert found.source is ModelSource.PACKAGES
    assert {p.name: p.read_bytes() for p in found.path.iterdir() if p.name in FILES} == FILES


def test_a_hub_file_with_another_checksum_is_refused(tmp_path: Path) -> None:
    found = store(tmp_path, Hub(FILES, {"model.bin": sha(b"other")})).find(WANTED, None)
    assert found.source is ModelSource.PACKAGES


def test_a_broken_package_is_installed_again(tmp_path: Path) -> None:
    registry = Registry(broken=1)
    assert store(tmp_path, registry=registry).find(WANTED, None).source is ModelSource.PACKAGES
    assert registry.installed == 2


def test_a_package_that_stays_broken_is_refused(tmp_path: Path) -> None:
    models = store(tmp_path, registry=Registry(broken=9))
    with pytest.raises(ModelUnavailableError, match=r"model\.bin does not have the expected checksum"):
        models.find(WANTED, None)
    assert not (tmp_path / "models" / "toy").exists()


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "manifest"])
def test_a_damaged_model_is_fetched_again(tmp_path: Path, damage: str) -> None:
    models = store(tmp_path)
    weights = models.find(WANTED, None).path / "model.bin"
    match damage:
        case "truncate":
            weights.write_bytes(FILES["model.bin"][:100])
        case "flip":
            weights.write_bytes(b"\0" + FILES["model.bin"][1:])
        case "remove":
            weights.unlink()
        case "manifest":
            (weights.parent / "manifest.json").write_text("[]")
    assert models.find(WANTED, None).source is ModelSource.PACKAGES
    assert weights.read_bytes() == FILES["model.bin"]


def test_a_model_put_there_by_hand_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(b"mine")
    hub = Hub(FILES)
    assert store(tmp_path, hub).find(WANTED, None).source is ModelSource.MODELS
    assert hub.asked == 0


def test_the_settings_come_first_and_are_never_papered_over(tmp_path: Path) -> None:
    models = store(tmp_path, Hub(FILES))
    mine = tmp_path / "mine"
    with pytest.raises(ModelUnavailableError, match=r"mine.*\(settings\) lacks model\.bin, config\.json"):
        models.find(WANTED, mine)
    mine.mkdir()
    for name in FILES:
        (mine / name).write_bytes(b"mine")
    found = models.find(WANTED, mine)
    assert (found.path, found.source) == (mine, ModelSource.SETTINGS)


def test_the_error_says_everything_that_was_tried(tmp_path: Path) -> None:
    models = store(tmp_path, registry=Registry(fault="no installer"))
    with pytest.raises(ModelUnavailableError) as caught:
        models.find(WANTED, None)
    for part in ("models/toy: absent", "hub: offline", "packages: no installer"):
        assert part in str(caught.value)


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        store(tmp_path, registry=Registry(broken=9)).find(WANTED, None)
    assert [p.name for p in (tmp_path / "models").iterdir() if not p.name.endswith(".lock")] == []


def test_two_starting_together_fetch_once(tmp_path: Path) -> None:
    registry = Registry()
    models = store(tmp_path, registry=registry)
    found: list[ModelSource] = []
    threads = [
        threading.Thread(target=lambda: found.append(models.find(WANTED, None).source)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [ModelSource.MODELS] * 3 + [ModelSource.PACKAGES]
    assert registry.installed == 1


def test_a_voice_is_fetched_from_its_place_on_the_hub(tmp_path: Path) -> None:
    wanted = modelstore.voice_model("fr_FR-siwis-medium")
    assert wanted.hub_files["fr_FR-siwis-medium.onnx"] == "fr/fr_FR/siwis/medium/fr_FR-siwis-medium.onnx"
    remote = {path: name.encode() for name, path in wanted.hub_files.items()}
    found = store(tmp_path, Hub(remote)).find(wanted, None)
    assert found.path.name == "fr_FR-siwis-medium.onnx"
    assert found.path.with_name(found.path.name + ".json").is_file()


def test_offline_there_is_no_french_voice_and_the_english_one_is_only_given_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="no package carries it"):
        store(tmp_path).find(modelstore.voice_model(modelstore.DEFAULT_VOICE), None)
    assert modelstore.voice_model("en_US-joe-medium").packages


def test_a_configured_voice_needs_its_configuration_beside_it(tmp_path: Path) -> None:
    voice = tmp_path / "my.onnx"
    voice.write_bytes(b"x")
    wanted = modelstore.voice_model(modelstore.DEFAULT_VOICE)
    with pytest.raises(ModelUnavailableError, match=r"lacks my\.onnx\.json"):
        store(tmp_path).find(wanted, voice)
    (tmp_path / "my.onnx.json").write_text("{}")
    assert store(tmp_path).find(wanted, voice).path == voice


@pytest.mark.parametrize("name", ["", "siwis", "../../etc-x-y", "fr_FR-a/b-medium", "fr FR-siwis-medium"])
def test_what_is_no_voice_name_is_refused(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="not the name of a Piper voice"):
        modelstore.voice_model(name)


def test_the_cache_follows_the_desktop_specification(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert modelstore.cache_root() == tmp_path / "decroche"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/invalid")
    assert modelstore.cache_root() == Path.home() / ".cache" / "decroche"


def test_the_models_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DECROCHE_MODELS", str(tmp_path))
    assert modelstore.models_root() == tmp_path
    monkeypatch.delenv("DECROCHE_MODELS")
    assert modelstore.models_root() == modelstore.PROJECT_ROOT / "models"
