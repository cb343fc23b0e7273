"""What Asterisk's files say, for the settings there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigurationError
from bot.operator import load_operator
from bot.settings import ROOT
from media.asterisk.config import Ari, AsteriskConfig, Rescue, Trunk
from media.asterisk.render import render, write
from tests.unit.asterisk.configs import config, section, sections, tls


def values(config: AsteriskConfig, file: str) -> list[str]:
    return [
        value
        for named in sections(render(config)[file]).values()
        for one in named
        for key, several in one.items()
        for value in several
        if key != "()"
    ]


# --- who can reach us


def test_by_default_every_address_that_is_listened_at_is_loopback() -> None:
    files = render(config())
    for key in ("bind", "bindaddr", "media_address"):
        for text in files.values():
            for address in re.findall(rf"^{key} = (\S+)", text, flags=re.MULTILINE):
                assert address.split(":")[0] == "127.0.0.1", key
    assert set(sections(files["pjsip.conf"])) == {
        "global", "system", "udp", "leg", "plain", "trunk", "sites",
    }  # fmt: skip


def test_the_rest_interface_is_at_its_address_with_its_user() -> None:
    one = config(ari=Ari("10.0.0.4", 9088, "bot", "correct-horse", app="frontdoor"))
    assert section(one, "http.conf", "general")["bindaddr"] == ["10.0.0.4"]
    assert section(one, "http.conf", "general")["bindport"] == ["9088"]
    assert section(one, "ari.conf", "bot")["password"] == ["correct-horse"]
    assert "Stasis(frontdoor,inbound)" in render(one)["extensions.conf"]
    assert "Stasis(frontdoor,rescue)" in render(one)["extensions.conf"]


def test_a_call_is_the_trunk_s_by_its_address_only() -> None:
    one = config(trunk=Trunk("sbc.carrier.example:5070"))
    assert section(one, "pjsip.conf", "trunk", type="identify")["match"] == ["sbc.carrier.example"]
    assert section(one, "pjsip.conf", "leg")["identify_by"] == ["ip"]
    assert "endpoint_identifier_user" not in render(one)["modules.conf"]
    assert "identifier_anonymous" not in render(one)["modules.conf"]
    several = config(trunk=Trunk("sbc.carrier.example", ("192.0.2.0/24", "198.51.100.7")))
    assert section(several, "pjsip.conf", "trunk", type="identify")["match"] == [
        "192.0.2.0/24",
        "198.51.100.7",
    ]


def test_no_call_comes_in_from_a_site() -> None:
    pjsip, dialplan = (sections(render(config())[name]) for name in ("pjsip.conf", "extensions.conf"))
    assert pjsip["sites"][0]["context"] == ["decroche-nobody"]
    assert dialplan["decroche-nobody"] == [{"()": [""]}]
    assert [one["endpoint"] for one in pjsip["trunk"] if one.get("type") == ["identify"]] == [["trunk"]]


@pytest.mark.parametrize(
    "module", ["refer", "registrar.so", "logger", "manager", "agi", "func_shell", "app_system"]
)
def test_what_could_be_turned_against_us_is_not_loaded(module: str) -> None:
    assert not [line for line in values(config(), "modules.conf") if module in line]


def test_only_g711_and_g722_are_offered_the_best_first() -> None:
    leg = section(config(), "pjsip.conf", "leg")
    assert (leg["disallow"], leg["allow"]) == (["all"], ["g722,alaw,ulaw"])
    assert section(config(codecs=("alaw",)), "pjsip.conf", "leg")["allow"] == ["alaw"]
    for codec in ("ulaw", "alaw", "g722"):
        assert f"codec_{codec}.so" in values(config(), "modules.conf")


# --- the public side


def test_with_a_certificate_the_trunk_is_spoken_to_over_tls_and_srtp_only(tmp_path: Path) -> None:
    one = config(tls=tls(tmp_path, port=5071), trunk=Trunk("sbc.carrier.example"))
    transport = section(one, "pjsip.conf", "tls")
    assert transport["bind"] == ["0.0.0.0:5071"]
    assert transport["cert_file"] == [str(tmp_path / "certificate.pem")]
    assert transport["verify_server"] == ["yes"]
    encrypted = section(one, "pjsip.conf", "encrypted")
    assert encrypted["media_encryption"] == ["sdes"]
    assert encrypted["media_encryption_optimistic"] == ["no"]
    assert section(one, "pjsip.conf", "trunk", context="from-trunk")["()"] == ["leg", "encrypted"]
    assert section(one, "pjsip.conf", "trunk", type="aor")["contact"] == ["sips:sbc.carrier.example"]
    assert {"res_srtp.so", "res_crypto.so"} <= set(values(one, "modules.conf"))


def test_sites_are_encrypted_when_their_addresses_say_so(tmp_path: Path) -> None:
    plain = config(tls=tls(tmp_path))
    assert section(plain, "pjsip.conf", "sites")["()"] == ["leg", "plain"]
    secret = config(tls=tls(tmp_path), sites=("sips:rennes@site.example", "sip:a@b.example;transport=tls"))
    assert section(secret, "pjsip.conf", "sites")["()"] == ["leg", "encrypted"]


def test_behind_a_router_the_public_address_is_told_and_the_local_networks_are_not() -> None:
    one = config(sip_host="0.0.0.0", public_address="203.0.113.9", local_networks=("10.0.0.0/8",))
    transport = section(one, "pjsip.conf", "udp")
    assert transport["external_signaling_address"] == ["203.0.113.9"]
    assert transport["external_media_address"] == ["203.0.113.9"]
    assert transport["local_net"] == ["10.0.0.0/8"]
    assert "media_address" not in section(one, "pjsip.conf", "plain")


def test_an_account_at_the_carrier_and_a_registration_are_there_when_asked_for() -> None:
    none = sections(render(config())["pjsip.conf"])["trunk"]
    assert {kind for one in none for kind in one.get("type", [])} == {"aor", "identify"}
    one = config(trunk=Trunk("sbc.carrier.example", user="lumia", password="p4ss!word", register=True))
    assert section(one, "pjsip.conf", "trunk", type="auth")["password"] == ["p4ss!word"]
    registration = section(one, "pjsip.conf", "trunk", type="registration")
    assert registration["client_uri"] == ["sip:lumia@sbc.carrier.example"]
    assert "res_pjsip_outbound_registration.so" in values(one, "modules.conf")


# --- what callers without a bot meet


def test_a_rescued_caller_is_asked_for_a_bot_a_bounded_number_of_times() -> None:
    dialplan = render(config(rescue=Rescue(retry_s=2, tries=7, times=4)))["extensions.conf"]
    assert "MusicOnHold(decroche,2)" in dialplan
    assert "${DECROCHE_TRY} > 7" in dialplan
    assert "${DECROCHE_RESCUES} > 4" in dialplan


def test_the_fallback_number_is_rung_through_the_trunk_with_music() -> None:
    dialplan = render(config(trunk=Trunk("sbc.carrier.example:5070"), rescue=Rescue(ring_s=25)))
    assert (
        "Dial(PJSIP/trunk/sip:+33180880099@sbc.carrier.example:5070,25,m(decroche))"
        in dialplan["extensions.conf"]
    )


def test_every_sentence_that_the_dialplan_plays_is_a_phrase_of_the_operator() -> None:
    played = set(re.findall(r"Playback\(\$\{SENTENCES\}/(\w+)\)", render(config())["extensions.conf"]))
    assert played == set(load_operator(ROOT / "operator.yml").phrases.of_the_line())


def test_no_log_holds_what_a_call_says_of_a_person() -> None:
    levels = section(config(), "logger.conf", "logfiles")["console"][0].split(",")
    assert set(levels) == {"warning", "error"}
    assert sections(render(config())["logger.conf"])["logfiles"][0].keys() == {"()", "console"}
    assert section(config(), "asterisk.conf", "options")["verbose"] == ["0"]
    assert section(config(), "cdr.conf", "general")["enable"] == ["no"]


# --- nothing gets in by a value

HOSTILE = st.sampled_from(
    [
        "\n",
        "\r",
        "\n[evil]\n",
        "\nexten => _X.,1,System(id)",
        ";",
        "; comment",
        "\x00",
        "\x0b",
        "\u2028",
        "${SHELL(id)}",
    ]
)


@pytest.mark.parametrize(
    "change",
    [
        lambda evil: config(number="+33180880000" + evil),
        lambda evil: config(fallback="+331" + evil + "80880099"),
        lambda evil: config(trunk=Trunk("host" + evil)),
        lambda evil: config(trunk=Trunk("host", ("10.0.0.0/8" + evil,))),
        lambda evil: config(trunk=Trunk("host", user="user" + evil, password="p")),
        lambda evil: config(trunk=Trunk("host", user="user", password="pass" + evil)),
        lambda evil: config(sites=("sip:rennes@127.0.0.1" + evil,)),
        lambda evil: config(ari=Ari("127.0.0.1", 8088, "decroche" + evil, "password")),
        lambda evil: config(ari=Ari("127.0.0.1", 8088, "decroche", "password" + evil)),
        lambda evil: config(ari=Ari("127.0.0.1", 8088, "decroche", "password", app="app" + evil)),
        lambda evil: config(bot_media="ws://127.0.0.1/media" + evil),
        lambda evil: config(sip_host="127.0.0.1" + evil),
        lambda evil: config(public_address="203.0.113.9" + evil),
        lambda evil: config(local_networks=("10.0.0.0/8" + evil,)),
        lambda evil: config(folder=Path("/var/decroche" + evil)),
        lambda evil: config(sounds=Path("/var/sounds" + evil)),
        lambda evil: config(codecs=("ulaw" + evil,)),
    ],
)
@given(evil=HOSTILE)
def test_a_value_that_could_end_its_line_is_refused(change, evil: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigurationError):
        change(evil)


@given(
    user=st.text(max_size=30),
    host=st.text(min_size=1, max_size=40),
    password=st.text(min_size=8, max_size=40),
)
def test_whatever_is_accepted_leaves_the_files_with_the_lines_they_had(
    user: str, host: str, password: str
) -> None:
    try:
        one = config(
            trunk=Trunk(host, user=user or "user", password=password),
            ari=Ari("127.0.0.1", 8088, "x", password),
        )
    except ConfigurationError:
        return
    usual = render(
        config(
            trunk=Trunk("host", user="user", password="secret-word"),
            ari=Ari("127.0.0.1", 8088, "x", "12345678"),
        )
    )
    for name, text in render(one).items():
        assert len(text.splitlines()) == len(usual[name].splitlines()), name


def test_a_refusal_names_the_key_and_never_shows_a_password() -> None:
    with pytest.raises(ConfigurationError, match="telephony.fallback: '0180880099' is not a E.164"):
        config(fallback="0180880099")
    with pytest.raises(ConfigurationError) as refused:
        Trunk("host", user="user", password="hidden word")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"rtp_first": 20000, "rtp_last": 20001},
        {"rtp_first": 0},
        {"sip_port": 70000},
        {"codecs": ()},
        {"codecs": ("opus",)},
        {"bot_media": "http://127.0.0.1/media"},
        {"sites": ("sips:rennes@site.example",)},
    ],
)
def test_what_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        config(**change)


def test_a_mix_of_encrypted_and_plain_sites_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="every site"):
        config(tls=tls(tmp_path), sites=("sips:a@b.example", "sip:c@d.example"))


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a file"):
        tls(tmp_path, authority=tmp_path / "none.pem")


# --- on disk


def test_files_are_written_for_their_owner_only(tmp_path: Path) -> None:
    conf = write(config(folder=tmp_path / "asterisk"))
    assert conf == tmp_path / "asterisk" / "etc" / "asterisk.conf"
    assert conf.parent.stat().st_mode & 0o777 == 0o700
    written = sorted(conf.parent.iterdir())
    assert [path.name for path in written] == sorted(render(config()))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in written)


def test_writing_again_leaves_what_the_new_values_say(tmp_path: Path) -> None:
    write(config(folder=tmp_path))
    write(config(folder=tmp_path, sip_port=5070))
    assert "127.0.0.1:5070" in (tmp_path / "etc" / "pjsip.conf").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write(config(folder=tmp_path / "file" / "asterisk"))


def test_every_file_says_why_it_is_as_it_is() -> None:
    for name, text in render(config()).items():
        assert any(line.startswith(";") for line in text.splitlines()), name
