"""Copies find their message, whatever each subscriber missed and however the copies interleave."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.publications import Publications


def replay(
    published: Sequence[bytes],
    kept: Sequence[Sequence[int]],
    order: Sequence[int],
    publications: Publications | None = None,
) -> list[list[int]]:
    """Deliver to connection c the published messages `kept[c]`, connections taking turns as `order` says.

    Returns the message numbers that each connection's copies were given.
    """
    publications = publications or Publications()
    for connection in range(len(kept)):
        publications.join(connection)
    waiting = [list(part) for part in kept]
    given_numbers: list[list[int]] = [[] for _ in kept]
    next_number = 0
    turns = [*order, *(c for c, part in enumerate(kept) for _ in part)]
    for turn in turns:
        connection = turn % len(kept)
        if not waiting[connection]:
            continue
        frames = (b"topic", published[waiting[connection].pop(0)])
        number = publications.find(connection, frames)
        if number is None:
            number, next_number = next_number, next_number + 1
            publications.add(connection, number, frames)
        given_numbers[connection].append(number)
    return given_numbers


@st.composite
def losses(draw: st.DrawFn) -> tuple[list[list[int]], list[int], int]:
    count = draw(st.integers(1, 30))
    connections = draw(st.integers(1, 4))
    kept = [sorted(draw(st.sets(st.integers(0, count - 1)))) for _ in range(connections)]
    order = draw(st.lists(st.integers(0, connections - 1), max_size=count * connections))
    return kept, order, count


@settings(max_examples=200, deadline=None)
@given(losses())
def test_different_messages_are_matched_exactly(case: tuple[list[list[int]], list[int], int]) -> None:
    kept, order, count = case
    numbers = replay([b"%d" % index for index in range(count)], kept, order)
    number_of: dict[int, int] = {}
    for part, given_part in zip(kept, numbers, strict=True):
        for index, number in zip(part, given_part, strict=True):
            assert number_of.setdefault(index, number) == number
    assert len(set(number_of.values())) == len(number_of)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b"]), max_size=40), st.lists(st.integers(0, 2), max_size=120))
def test_equal_messages_in_a_row_stay_apart(published: list[bytes], order: list[int]) -> None:
    everything = [list(range(len(published)))] * 3
    assert replay(published, everything, order) == [list(range(len(published)))] * 3


def test_who_joins_late_gets_no_older_message() -> None:
    publications = Publications()
    publications.join(1)
    publications.join(2)
    publications.add(1, 0, (b"x",))
    publications.join(3)
    assert publications.find(3, (b"x",)) is None
    publications.add(3, 1, (b"x",))
    assert publications.find(2, (b"x",)) == 0
    assert publications.find(2, (b"x",)) == 1


def test_subscribing_again_does_not_lose_ones_place() -> None:
    publications = Publications()
    publications.join(1)
    publications.join(2)
    for number in range(3):
        publications.add(1, number, (b"%d" % number,))
    assert publications.find(2, (b"0",)) == 0
    publications.rejoin(2)
    assert publications.find(2, (b"1",)) == 1


def test_large_messages_that_wait_are_kept_as_digests() -> None:
    publications = Publications(most_bytes=4096)
    publications.join(1)
    publications.join(2)
    published = [bytes([index]) * 1000 for index in range(100)]
    for number, message in enumerate(published):
        publications.add(1, number, (message,))
    assert publications.kept_bytes <= 4096
    for number, message in enumerate(published):
        if number % 7:
            assert publications.find(2, (message,)) == number
    assert publications.find(2, (b"\0" * 1000,)) is None
    assert publications.kept_bytes <= 4096


def test_a_subscriber_that_lags_too_far_holds_nothing_back() -> None:
    publications = Publications(most_messages=50)
    publications.join(1)
    publications.join(2)
    for number in range(500):
        publications.add(1, number, (b"%d" % number,))
    assert publications.waiting <= 50
    assert publications.find(2, (b"3",)) is None
    assert publications.find(2, (b"480",)) == 480
    publications.leave(2)
    assert publications.waiting == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(0, 4), max_size=6)), max_size=30))
def test_a_chunk_of_messages_gets_the_numbers_that_they_get_one_by_one(
    chunks: list[tuple[int, list[int]]],
) -> None:
    together, singly = Publications(most_messages=8), Publications(most_messages=8)
    next_number = 0
    joined = 1
    for connection, texts in [(1, []), *chunks]:
        for publications in (together, singly):
            if connection >= joined:
                publications.join(joined)
        joined = max(joined, joined + (connection >= joined))
        connection = min(connection, joined - 1)
        messages = [(b"event", b"%d" % text) for text in texts]
        first_new, expected = next_number, []
        for frames in messages:
            number = singly.find(connection, frames)
            if number is None:
                number, next_number = next_number, next_number + 1
                singly.add(connection, number, frames)
            expected.append(number)
        assert list(together.numbers(connection, messages, first_new)) == expected
        assert together.waiting == singly.waiting
