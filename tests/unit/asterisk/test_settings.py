"""From the settings and operator.yml to Asterisk's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.asterisk import asterisk_config
from bot.cli import cli
from bot.errors import ConfigurationError
from bot.operator import Operator, load_operator
from bot.settings import ROOT, AsteriskSettings
from media.asterisk.config import AsteriskConfig
from media.asterisk.installed import Installed, find_asterisk

INSTALLED = Installed(Path("/opt/asterisk"), Path("/opt/modules"), Path("/opt/data"), "22.10.1")


@pytest.fixture(scope="module")
def operator() -> Operator:
    return load_operator(ROOT / "operator.yml")


def configured(operator: Operator, tmp_path: Path, **settings: object) -> AsteriskConfig:
    chosen = AsteriskSettings(var=tmp_path, **settings)  # type: ignore[arg-type]
    return asterisk_config(chosen, operator, tmp_path / "asterisk", INSTALLED)


def test_a_fresh_checkout_has_a_line_on_this_machine_alone(operator: Operator, tmp_path: Path) -> None:
    config = configured(operator, tmp_path)
    assert config.loopback_only
    assert (config.ari.host, config.ari.port) == ("127.0.0.1", 8088)
    assert config.bot_media == "ws://127.0.0.1:8080/media"
    assert config.sounds == tmp_path / "sounds"
    assert (config.modules, config.data) == (Path("/opt/modules"), Path("/opt/data"))
    assert config.number == operator.telephony.number
    assert config.sites == tuple(site.sip for site in operator.sites)


def test_the_bot_and_asterisk_agree_on_a_password_made_once(operator: Operator, tmp_path: Path) -> None:
    first, again = configured(operator, tmp_path), configured(operator, tmp_path)
    assert first.ari.password == again.ari.password == AsteriskSettings(var=tmp_path).resolved_ari_password()
    assert len(first.ari.password) >= 32
    assert (tmp_path / "ari-password").stat().st_mode & 0o077 == 0


def test_the_rest_interface_may_listen_elsewhere_than_the_bot_calls_it(
    operator: Operator, tmp_path: Path
) -> None:
    config = configured(operator, tmp_path, ari_url="http://asterisk:9088/ari", ari_bind="0.0.0.0")
    assert (config.ari.host, config.ari.port) == ("0.0.0.0", 9088)


def test_an_address_that_is_not_of_a_rest_interface_is_refused(operator: Operator, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="/ari"):
        configured(operator, tmp_path, ari_url="http://127.0.0.1:8088")


def test_a_certificate_needs_its_key(operator: Operator, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="go together"):
        configured(operator, tmp_path, tls_certificate=tmp_path / "certificate.pem")


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECROCHE_TLS_CERTIFICATE", "")
    monkeypatch.setenv("DECROCHE_TRUNK_PEERS", '["192.0.2.0/24"]')
    settings = AsteriskSettings()
    assert settings.tls_certificate is None
    assert settings.trunk_peers == ["192.0.2.0/24"]


def test_render_writes_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECROCHE_VAR", str(tmp_path / "var"))
    result = CliRunner().invoke(cli, ["asterisk", "render", "--system", str(tmp_path / "asterisk")])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "asterisk" / "etc" / "asterisk.conf") in result.output.replace("\n", "")
    assert "astmoddir" not in (tmp_path / "asterisk" / "etc" / "asterisk.conf").read_text(encoding="utf-8")


def test_render_refuses_a_value_of_the_operator_that_would_be_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "operator.yml").read_text(encoding="utf-8")
    evil = text.replace('sip: "sip:rennes@127.0.0.1:5090"', 'sip: "sip:rennes@127.0.0.1;x=1,System(id)"')
    assert evil != text
    (tmp_path / "operator.yml").write_text(evil, encoding="utf-8")
    monkeypatch.setenv("DECROCHE_OPERATOR_FILE", str(tmp_path / "operator.yml"))
    monkeypatch.setenv("DECROCHE_VAR", str(tmp_path / "var"))
    result = CliRunner().invoke(cli, ["asterisk", "render", "--system", str(tmp_path / "asterisk")])
    assert isinstance(result.exception, ConfigurationError)
    assert "sites.sip" in str(result.exception)
    assert not (tmp_path / "asterisk").exists()


def test_an_asterisk_that_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ops/asterisk\.sh"):
        find_asterisk(tmp_path)
    (tmp_path / "paths").write_text("binary=/none\nmodules=/none\ndata=/none\nversion=22.10.1\n")
    with pytest.raises(ConfigurationError, match="gone"):
        find_asterisk(tmp_path)
