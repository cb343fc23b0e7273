"""Numbers and headers as networks and strangers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.caller import MAX_USER_TO_USER, e164, user_to_user, user_to_user_header


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("0612345678", "+33612345678"),
        ("06 12 34 56 78", "+33612345678"),
        ("01.80.88.00.00", "+33180880000"),
        ("+33612345678", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("33612345678", "+33612345678"),
        ("+212522000000", "+212522000000"),
        ("00261202222222", "+261202222222"),
        ("0692123456", "+262692123456"),
        ("0596123456", "+596596123456"),
        ("", ""),
        ("anonymous", ""),
        ("Anonymous", ""),
        ("restricted", ""),
        ("1021", ""),
        ("3900", ""),
        ("+0612345678", ""),
        ("+331", ""),
        ("+33612345678901234", ""),
        ("+33612345678\r\nX: y", ""),
        ("+٣٣٦١٢٣٤٥٦٧٨", ""),
        ("0" * 5000, ""),
    ],
)
def test_numbers(told: str, number: str) -> None:
    assert e164(told) == number


@given(st.text(max_size=60))
def test_any_text_gives_a_number_or_nothing(told: str) -> None:
    number = e164(told)
    assert number == "" or (number[0] == "+" and number[1:].isdecimal() and number.isascii())


TOKEN = "h1.eyJ4IjoxfQ.c2ln"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (user_to_user_header(TOKEN), TOKEN),
        (user_to_user_header("é"), "é"),
        (TOKEN.encode().hex(), TOKEN),
        (TOKEN.encode().hex().upper() + ";encoding=HEX;purpose=isdn-uui;content=isdn-uui", TOKEN),
        (f'"{TOKEN.encode().hex()}" ; encoding = hex', TOKEN),
        (user_to_user_header(TOKEN) + ", 6162;encoding=hex", TOKEN),
        ("", ""),
        ("zz;encoding=hex", ""),
        ("616;encoding=hex", ""),
        ("6162;encoding=base64", ""),
        ("6162;encoding=hex;encoding=hex", ""),
        (b"a\r\nX-Evil: 1".hex() + ";encoding=hex", ""),
        (b"\x00".hex(), ""),
        (b"\xff\xfe".hex(), ""),
        ("61" * 4096 + ";encoding=hex", ""),
        ("61" * MAX_USER_TO_USER + ";encoding=hex", "a" * MAX_USER_TO_USER),
        ("61" * (MAX_USER_TO_USER + 1) + ";encoding=hex", ""),
    ],
)
def test_user_to_user(header: str, text: str) -> None:
    assert user_to_user(header) == text


@given(st.text(max_size=2000))
def test_any_header_gives_a_printable_text_or_nothing(header: str) -> None:
    text = user_to_user(header)
    assert text.isprintable()
    assert len(text) <= MAX_USER_TO_USER


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=MAX_USER_TO_USER))
def test_what_is_written_is_read(text: str) -> None:
    assert user_to_user(user_to_user_header(text)) == text
