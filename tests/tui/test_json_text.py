"""JSON laid out in lines without being parsed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def plain(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


@given(VALUES)
def test_what_is_laid_out_is_the_same_json(value: object):
    assert json.loads(plain(json_text.layout(json.dumps(value)))) == value


def test_layout():
    text = '{"a":[1,{"b":null}],"c":{},"d":"x"}'
    expected = '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ],\n  "c": {},\n  "d": "x"\n}'
    assert plain(json_text.layout(text)) == expected


def test_numbers_and_doubles_stay_as_they_were_sent():
    text = '{"id":340282366920938463463374607431768211455,"id":1.10,"e":1E5}'
    shown = plain(json_text.layout(text))
    assert "340282366920938463463374607431768211455" in shown
    assert "1.10" in shown
    assert shown.count('"id"') == 2


def test_long_strings_are_folded():
    shown = plain(json_text.layout(json.dumps({"value": "x" * 1_000_000})))
    assert len(shown) < 1_000
    assert "more characters" in shown


@given(st.text(max_size=200))
def test_anything_is_laid_out_and_safe(text: str):
    assert plain(json_text.layout(text)).replace("\n", "").isprintable()


def test_lines_are_bounded():
    assert len(json_text.layout("[" + "1," * 10_000, line_limit=100)) == 101


@pytest.mark.timeout(60)
def test_hostile_texts_take_no_longer_than_their_length():
    for text in ('"' + '\\"' * 500_000, "[" * 200_000, '{"a":' * 100_000, '"\\' * 300_000):
        json_text.layout(text)
