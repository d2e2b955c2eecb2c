"""The grammar of filters: what parses, and what is said where something does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings import filters
from recordings.filters import FilterError
from recordings.filters.syntax import MAX_DEPTH

TERMS = [example.text for operator in filters.OPERATORS for example in operator.examples]


@pytest.mark.parametrize("text", TERMS)
def test_every_example_of_the_manual_parses(text: str) -> None:
    assert not filters.parse(text).empty


@pytest.mark.parametrize(
    ("text", "position", "end", "says"),
    [
        ("type:", 5, 6, "a value is missing behind type:"),
        ("type: event", 5, 6, "no space is allowed"),
        ("typ:event", 0, 4, 'did you mean "type:"?'),
        ("a nodes:b", 2, 8, 'did you mean "node:"?'),
        ("x=5", 0, 2, "body.value.x="),
        ("(a", 0, 1, "never closed"),
        ("a)", 1, 2, "closes nothing"),
        ("a b|", 4, 5, "a term is missing"),
        ("!", 0, 1, "needs a term behind it"),
        ("size>abc", 5, 8, "no size"),
        ("epoch:7..3", 6, 10, "empty"),
        ("epoch:x", 6, 7, "no whole number"),
        ("time:25:00", 5, 10, "hours go to 23"),
        ("time:5s..12:04", 5, 14, "one kind"),
        ("delta>50", 6, 8, "50ms"),
        ("type<event", 0, 10, "can't be compared with <"),
        ("is:layt", 3, 7, 'did you mean "late"?'),
        ('say "hello', 4, 10, "never closed"),
        ('~"a(b"', 3, 5, "regular expression is wrong here"),
        ("body.a..b=3", 6, 7, "can't follow here"),
        ("body=3", 0, 6, "path"),
        ("type:a,,b", 7, 8, "a value is missing"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(text: str, position: int, end: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        filters.parse(text)
    assert (caught.value.position, caught.value.end) == (position, end)
    assert says in caught.value.message
    assert f"column {position + 1}" in str(caught.value)


def test_nesting_is_bounded() -> None:
    filters.parse("!" * MAX_DEPTH + "a")
    with pytest.raises(FilterError, match="too deep"):
        filters.parse("(" * 5000 + "a")


def test_an_empty_filter_lets_everything_through() -> None:
    assert filters.parse("").empty
    assert filters.parse("  \t ").empty


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("type:event  !from:a ", ["type:event", "!from:a"]),
        ("(a | b) c", ["(a | b)", "c"]),
        ("a | b c", ["a | b c"]),
        ('"a b"', ['"a b"']),
        ("", []),
    ],
)
def test_the_parts_that_must_all_match_are_known(text: str, parts: list[str]) -> None:
    assert [text[begin:end] for begin, end in filters.parse(text).extents] == parts


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"()!|~:,\"'\\. <>=*", "type", "body.", "epoch", "..", "3", "time", "size", "error", "é"]
        ),
        max_size=12,
    ).map("".join)
)
def test_any_text_parses_or_is_refused_with_a_position(text: str) -> None:
    refused = refusal(text)
    if refused is not None:
        assert 0 <= refused.position <= refused.end <= len(text) + 1
        assert refused.message


def refusal(text: str) -> FilterError | None:
    try:
        filters.parse(text)
    except FilterError as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_quoted_name_stands_for_itself(name: str) -> None:
    parsed = filters.parse(f"from:{filters.quote(name)}")
    (term,) = parsed.tree.terms()
    (pattern,) = term.operator.patterns  # type: ignore[attr-defined]
    assert pattern.text == name
    assert pattern.matches(name)
    assert not pattern.matches(name + "x")


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab*?", max_size=8))
def test_globs_match_as_the_regular_expression_does(glob: str, name: str) -> None:
    import re

    from recordings.filters.values import globs

    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)
    assert globs(glob, name) == (re.fullmatch(expression, name) is not None)


def test_hostile_globs_take_no_time() -> None:
    from recordings.filters.values import globs

    assert not globs("*a" * 40 + "b", "a" * 2000)
