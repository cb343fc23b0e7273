"""docker-compose.yml names things that exist."""

from __future__ import annotations

import pytest
import yaml

from bot.settings import ROOT, AsteriskSettings, Settings

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


@pytest.mark.parametrize(
    ("service", "settings"),
    [("bot", Settings), ("rescue", Settings), ("asterisk-config", AsteriskSettings)],
)
def test_a_service_knows_every_setting_it_is_given(service: str, settings: type[Settings]) -> None:
    known = {f"DECROCHE_{name.upper()}" for name in settings.model_fields}
    assert set(COMPOSE["services"][service]["environment"]) <= known


def test_nothing_of_the_telephone_runs_unless_asked_for() -> None:
    phone = {name for name, service in COMPOSE["services"].items() if service.get("profiles") == ["phone"]}
    assert phone == {"asterisk-config", "asterisk", "rescue"}
    assert not phone & set(COMPOSE["services"]["bot"]["depends_on"])


def test_the_rest_interface_is_not_published() -> None:
    assert not [port for port in COMPOSE["services"]["asterisk"]["ports"] if "8088" in port]


def test_services_wait_for_those_they_need_to_be_healthy_or_done() -> None:
    for name, service in COMPOSE["services"].items():
        for needed, condition in service.get("depends_on", {}).items():
            ends = "restart" not in COMPOSE["services"][needed]
            expected = "service_completed_successfully" if ends else "service_healthy"
            assert condition == {"condition": expected}, name
            assert ends or "healthcheck" in COMPOSE["services"][needed], needed
