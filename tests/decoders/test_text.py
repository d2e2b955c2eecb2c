"""Nothing that a stranger writes may act on a terminal, hide, or break a line."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.text import safe, safe_bytes, safe_json
from tests.support_fuzz import fuzz


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain", "plain"),
        ("naïve 日本 😀", "naïve 日本 😀"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x7f\x80\x9b2J", r"\x7f\x80\x9b2J"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("a\u200bb\ufeffc\u2028", r"a\u200bb\ufeffc\u2028"),
        ("\ud800", r"\ud800"),
        ("\ue000\U0010ffff", r"\ue000\U0010ffff"),
        ("\u3164\ufe0f\u115f", r"\u3164\ufe0f\u115f"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_limits() -> None:
    assert safe("abcdef", 6) == "abcdef"
    assert safe("abcdef", 5) == "abcd…"
    assert safe("abcdef", 1) == "…"
    assert safe("abcdef", 0) == ""
    assert safe("ab\x1bcd", 8) == r"ab\x1bcd"
    assert safe("ab\x1bcd", 6) == "ab…"  # an escape is not cut in two
    assert safe("ab\x1b", 6) == r"ab\x1b"


def test_bytes() -> None:
    assert safe_bytes(b"event") == "event"
    assert safe_bytes(b"\x01\xff") == r"\x01\xff"
    assert safe_bytes("é".encode() * 10, 4) == "ééé…"


@given(st.text(st.characters(), max_size=60), st.none() | st.integers(0, 40))
@fuzz
def test_always_one_harmless_line(text: str, limit: int | None) -> None:
    shown = safe(text, limit)
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert not any(unicodedata.category(character) in ("Zl", "Zp") for character in shown)
    assert len(shown.splitlines()) <= 1
    assert limit is None or len(shown) <= limit
    shown.encode()


@given(st.text(st.sampled_from("ab\x1b\u200b"), max_size=12), st.integers(1, 14))
@fuzz
def test_a_limit_keeps_as_much_as_fits(text: str, limit: int) -> None:
    full = safe(text)
    shown = safe(text, limit)
    if len(full) <= limit:
        assert shown == full
    else:
        assert shown.endswith("…")
        assert full.startswith(shown[:-1])
        assert len(shown) > limit - len("\\u200b")


@given(
    st.recursive(
        st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=6,
    )
)
@fuzz
def test_json_stays_what_it_says_and_does_nothing(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # lone surrogates: JSON has no form of its own for them
        return
    shown = safe_json(text)
    assert json.loads(shown) == value
    assert safe(shown) == shown


def test_json_escapes() -> None:
    assert safe_json('{"a": "\x7f\u202e\U000e0001é"}') == r'{"a": "\u007f\u202e\udb40\udc01é"}'
