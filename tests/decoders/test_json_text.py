"""JSON from strangers: what a lenient reader accepts, what it reports, and what it refuses to swallow."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import json_text
from decoders.json_text import MAX_DEPTH, read_json
from decoders.problems import Problem, Unread
from tests.support_fuzz import fuzz


@pytest.mark.parametrize("padding", [b"", b" " * 1000])
@pytest.mark.parametrize(
    ("data", "value"),
    [(b"5", 5), (b'"x"', "x"), (b"null", None), (b"[]", []), (b'{"a":[1.5]}', {"a": [1.5]}), (b"-0", 0)],
)
def test_values(data: bytes, value: Any, padding: bytes) -> None:
    assert read_json(padding + data) == (value, [])


def test_integers_stay_exact() -> None:
    assert read_json(str(2**127 + 1).encode()) == (2**127 + 1, [])


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (
            b'{"a":{"b":1,"b":2,"c":[{"d":1,"d":1}]}}',
            ["a.b: a key that comes twice", "a.c[0].d: a key that comes twice"],
        ),
        (b"[NaN,[Infinity]]", ["[0]: nan is not JSON", "[1][0]: inf is not JSON"]),
        (b'["\\uD83D\\uDE00"]', []),
        (b'["\\ud83d"]', ["[0]: a lone surrogate"]),
        (b'{"\xff":"\xfe"}', ["\udcff: not UTF-8", "\udcff: not UTF-8"]),
    ],
)
def test_oddities_have_paths(data: bytes, problems: list[str]) -> None:
    assert [str(problem) for problem in read_json(data)[1]] == problems


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"{", "not JSON: "),
        (b"01", "not JSON: "),
        (b"\x00", "not JSON: "),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested more than 200 levels deep"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "nested more than 200 levels deep"),
        (b"[" * 1_000_000, "nested more than 200 levels deep"),
        (b"[" + b"0," * 5_000_000 + b"0]", "more than 5,000,000 JSON values"),
    ],
)
def test_what_is_not_read(data: bytes, reason: str) -> None:
    value, problems = read_json(data)
    assert isinstance(value, Unread)
    assert value.reason.startswith(reason)
    assert problems == [Problem("", value.reason)]


def test_the_deepest_that_is_read() -> None:
    value, problems = read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert (type(value), problems) == (list, [])


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 10)
    assert isinstance(read_json(b'"123456789"')[0], Unread)


@pytest.mark.parametrize("inner", [b"[],", b"{},", b'{"a":1},', b'[["["]],'])
def test_lists_and_objects_are_bounded(inner: bytes) -> None:
    value, problems = read_json(b"[" + inner * 1_000_000 + b"0]")
    assert value == Unread("more than 1,000,000 JSON lists and objects")
    assert problems == [Problem("", value.reason)]


def test_problems_are_bounded() -> None:
    value, problems = read_json(b"[" + b"NaN," * 300_000 + b"NaN]")
    assert len(value) == 300_001
    assert len(problems) == 100
    value, problems = read_json(b"[" + b"0," * 300_000 + b"NaN]")
    assert "only the first 200,000 values" in problems[0].reason


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.booleans())
@fuzz
def test_agrees_with_json(value: Any, escape: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=escape).encode()) == (value, [])


@given(
    st.binary(max_size=50) | st.text(st.sampled_from('[]{}":,0NaInfity\\ud8'), max_size=30).map(str.encode)
)
@fuzz
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    value, problems = read_json(data)
    assert isinstance(problems, list)
    try:
        same = json.loads(data.decode())
    except (ValueError, UnicodeDecodeError):
        return
    assert (
        value == same
        or isinstance(value, Unread)
        or (isinstance(same, float) and math.isnan(same))
        or problems
    )
