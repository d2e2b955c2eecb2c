"""Editing filters term by term: what the side panel and the cell keys do to the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.filters import FilterError, parse
from tui import terms

NAMES = ["a", "b", "command"]


def test_splits_at_spaces_outside_quotes_and_parentheses():
    assert terms.split("""type:a,b "x y" (a | b) !from:'q r'""") == [
        "type:a,b",
        '"x y"',
        "(a | b)",
        "!from:'q r'",
    ]
    assert terms.split('a "never closed b') == ["a", '"never closed b']
    assert terms.split("   ") == []


def test_or_at_the_top_is_told_from_or_inside():
    assert terms.has_or("a | b")
    assert not terms.has_or("a (b | c)")
    assert not terms.has_or('"a | b"')


def test_adding_a_term_narrows_the_whole_filter():
    assert terms.add("type:event", "node:b") == "type:event node:b"
    assert terms.add("type:event", "type:event") == "type:event"
    assert terms.add("a | b", "node:b") == "(a | b) node:b"


def test_dropping_the_last_term():
    assert terms.drop_last("type:event node:b") == "type:event"
    assert terms.drop_last("node:b") == ""
    assert terms.drop_last("a | b") == ""


def test_toggling_hides_and_shows_again():
    hidden = terms.toggle("size>1k", "node", "from", "a", NAMES)
    assert hidden == "size>1k !from:a"
    assert not terms.is_shown(hidden, "node", "from", "a")
    assert terms.is_shown(hidden, "node", "from", "b")
    both = terms.toggle(hidden, "node", "from", "b", NAMES)
    assert both == "size>1k !from:a,b"
    assert (
        terms.toggle(terms.toggle(both, "node", "from", "a", NAMES), "node", "from", "b", NAMES) == "size>1k"
    )


def test_only_then_toggling_adds_to_what_is_shown():
    only = terms.only("!from:a size>1k", "node", "from", "b")
    assert only == "size>1k node:b"
    assert terms.is_shown(only, "node", "from", "b")
    assert not terms.is_shown(only, "node", "from", "a")
    assert terms.toggle(only, "node", "from", "a", NAMES) == "size>1k node:b,a"
    assert terms.toggle(only, "node", "from", "b", NAMES) == "size>1k"
    assert terms.only(only, "node", "from", "b") == "size>1k"


def test_showing_every_name_drops_the_term():
    assert terms.toggle("node:a,b", "node", "from", "command", NAMES) == ""


def test_all_but_one():
    but = terms.all_but("node:b", "node", "from", "a")
    assert but == "!from:a"
    assert terms.all_but(but, "node", "from", "a") == ""


def test_names_that_need_quotes_come_back_as_they_are():
    name = 'x, "y" \\z'
    text = terms.only("", "node", "from", name)
    assert terms.values(text, "node") == [name]
    parse(text)


@given(st.text(max_size=40), st.sampled_from(["toggle", "only", "all_but"]), st.text(min_size=1, max_size=10))
def test_edits_of_a_good_filter_give_a_good_filter(text: str, edit: str, name: str):
    try:
        parse(text)
    except FilterError:
        return
    if edit == "toggle":
        edited = terms.toggle(text, "node", "from", name, [*NAMES, name])
    else:
        edited = getattr(terms, edit)(text, "node", "from", name)
    parse(edited)


@given(st.text(max_size=60))
def test_splitting_loses_nothing_but_spaces(text: str):
    assert "".join("".join(terms.split(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["(", '"', "a )", "!!", "a |"])
def test_edits_of_a_faulty_filter_do_not_fail(text: str):
    terms.toggle(text, "type", "type", "event", ["event"])
    terms.only(text, "type", "type", "event")
    terms.drop_last(text)
