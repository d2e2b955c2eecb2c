"""Completion and the manual, both made from the operators."""

from pathlib import Path

import pytest

from recordings import filters
from recordings.recording import Recording
from tests.support_sample_files import record_sample

MANUAL = Path(__file__).parents[2] / "docs" / "filters.md"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording.open(record_sample(tmp_path_factory.mktemp("completion") / "basic.mcap"))


def offered(text: str, recording: Recording | None = None) -> list[str]:
    """Complete at the `^`, and give the texts that would result."""
    cursor = text.index("^")
    text = text.replace("^", "")
    completions = filters.complete(text, cursor, recording)
    return [text[: each.start] + each.text + text[each.end :] for each in completions]


def test_operators_are_offered_where_a_term_begins() -> None:
    assert "type:" in offered("^")
    assert offered("ty^") == ["type:"]
    assert offered("type:event !(fr^") == ["type:event !(from:"]
    assert offered("la^") == ["late"]


def test_observed_values_are_offered_most_frequent_first(recording: Recording) -> None:
    types = offered("type:^", recording)
    assert types[0] == "type:event"
    assert "type:epoch_ended" in types
    assert offered("type:event,sta^ from:a", recording) == [
        "type:event,status from:a",
        "type:event,start from:a",
    ]
    assert set(offered("to:^", recording)) == {"to:command", "to:a", "to:b"}
    (event,) = filters.complete("type:even", 9, recording)
    assert event.detail == "10 messages"


def test_fields_of_the_payload_are_offered(recording: Recording) -> None:
    assert offered("body.value.sig^", recording) == ["body.value.signal", "body.value.signals"]


def test_nothing_is_offered_inside_a_text_or_behind_a_slip(recording: Recording) -> None:
    assert offered('"ty^', recording) == []
    assert offered("~ty^", recording) == []
    assert offered("nosuch:x^", recording) == []


def test_what_is_offered_parses(recording: Recording) -> None:
    for operator in filters.OPERATORS:
        for value, _ in operator.observed(recording):
            filters.parse(f"{operator.name}:{filters.quote(value)}")


def test_every_operator_has_help_and_examples() -> None:
    for operator in filters.OPERATORS:
        assert operator.help.endswith((".", ")"))
        assert operator.examples
    manual = filters.plain()
    assert all(example.text in manual for operator in filters.OPERATORS for example in operator.examples)


def test_the_manual_in_docs_is_up_to_date() -> None:
    assert MANUAL.read_text("utf-8") == filters.markdown(), (
        "made by: tubetap filters --markdown > docs/filters.md"
    )
