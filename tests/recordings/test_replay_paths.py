"""Paths into values, and the patterns that leave them out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.replay.errors import ReplayError
from recordings.replay.paths import Step, parse_pattern, path_text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("mean",), "mean"),
        (("frame", (3, 4)), "frame[3, 4]"),
        (("result", "items", 2, "x"), "result.items[2].x"),
        (("result", "a b", "c.d"), "result['a b']['c.d']"),
    ],
)
def test_paths_are_written_as_people_write_them(path: tuple[Step, ...], text: str) -> None:
    assert path_text(path) == text
    assert parse_pattern(text).covers(path)


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("result", ("result", "x"), True),
        ("result.x", ("result",), False),
        ("result.*", ("result", "x"), True),
        ("result.*.t", ("result", "x", "t"), True),
        ("result.*.t", ("result", "t"), False),
        ("**.t", ("result", "x", 3, "t", "deep"), True),
        ("**.t", ("t",), True),
        ("**.t", ("result", "x"), False),
        ("items[*].id", ("items", 7, "id"), True),
        ("items[7]", ("items", 8), False),
        ("frame[3,4]", ("frame", (3, 4)), True),
    ],
)
def test_patterns(pattern: str, path: tuple[Step, ...], covered: bool) -> None:
    assert parse_pattern(pattern).covers(path) is covered


@pytest.mark.parametrize("text", ["", "a[", "a]", "a[b]", "[", "a['x]", "."])
def test_a_faulty_pattern_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ReplayError, match=r"result\.items\[0\]\.x"):
        parse_pattern(text)


@settings(max_examples=150)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="'\"\\*", exclude_categories=["C", "Z"]), min_size=1)
        | st.integers(0, 99),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_can_be_read_back(steps: list[Step]) -> None:
    path = ("signal", *steps)
    assert parse_pattern(path_text(path)).covers(path)
