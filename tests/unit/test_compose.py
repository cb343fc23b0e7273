"""docker-compose.yml names things that exist."""

from __future__ import annotations

import yaml

from bot.settings import ROOT, Settings

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_every_build_has_its_dockerfile_and_every_mount_its_file() -> None:
    for name, service in COMPOSE["services"].items():
        if build := service.get("build"):
            assert (ROOT / build["dockerfile"]).is_file(), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source


def test_what_the_images_copy_exists() -> None:
    for dockerfile in (ROOT / "ops").glob("*.Dockerfile"):
        for line in dockerfile.read_text(encoding="utf-8").splitlines():
            if line.startswith("COPY "):
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), f"{dockerfile.name}: {source}"


def test_the_bot_knows_every_setting_it_is_given() -> None:
    known = {f"DECROCHE_{name.upper()}" for name in Settings.model_fields}
    assert set(COMPOSE["services"]["bot"]["environment"]) <= known


def test_services_wait_for_those_they_need_to_be_healthy() -> None:
    for name, service in COMPOSE["services"].items():
        for needed, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}, name
            assert "healthcheck" in COMPOSE["services"][needed], needed
