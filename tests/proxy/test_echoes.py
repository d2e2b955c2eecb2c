"""Copies that are found in the publisher's bytes are the same as those that are parsed."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.zmtp import StreamParser, command_bytes, message_bytes
from proxy import echoes
from proxy.echoes import Echoes
from proxy.frames import Kind
from proxy.publications import Publications
from recordings.recording import Recording
from tests.proxy.test_capture import Script, greeting, ready

PING = command_bytes(b"PING", b"\0\0")
TEXTS = (b"", b"a", b"ab", b"b" * 40, b"b" * 39 + b"c", b"d" * 300, b"d" * 299 + b"e", b"f" * 1200)


@dataclass(frozen=True)
class Case:
    """What some subscribers of a publisher are sent, and how it is cut into chunks."""

    streams: tuple[bytes, ...]
    turns: tuple[tuple[int, int], ...]
    """Whose turn it is, and for how many bytes; 0: the relay loses a chunk of 50."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    message = st.one_of(
        st.tuples(st.sampled_from(TEXTS)),
        st.tuples(st.sampled_from((b"event", b"x")), st.sampled_from(TEXTS)),
    )
    published = draw(st.lists(message, min_size=1, max_size=30))
    streams = []
    for _ in range(draw(st.integers(2, 4))):
        missed = draw(st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(0, len(published) - 1))))
        pinged = draw(st.frozensets(st.integers(0, len(published) - 1), max_size=2))
        stream = b""
        for index, frames in enumerate(published):
            stream += PING if index in pinged else b""
            stream += b"" if index in missed else message_bytes(frames)
        streams.append(stream)
    size = st.one_of(st.integers(1, 60), st.sampled_from([0, 200, 1000, 5000]))
    turn = st.tuples(st.integers(0, len(streams) - 1), size)
    return Case(tuple(streams), tuple(draw(st.lists(turn, max_size=60))))


def play(case: Case, path: Path, most_echoed: int, most_messages: int = 12) -> tuple[Recording, int]:
    """Record it; say how many bytes were not parsed."""
    script = Script(path)
    publications = script.capture._publications[1] = Publications(
        most_echoed=most_echoed, most_messages=most_messages
    )
    echoed = 0
    find = publications.echoes

    def counted(connection: int, data: memoryview, parser: StreamParser) -> tuple[int, object]:
        nonlocal echoed
        size, numbers = find(connection, data, parser)
        echoed += size
        return size, numbers

    publications.echoes = counted  # type: ignore[method-assign, assignment]
    script.endpoint(1, "ipc:///tmp/run1/nodes/a/outbox", "XPUB")
    for connection in range(len(case.streams)):
        script.subscriber(connection)
    left = [memoryview(stream) for stream in case.streams]
    for connection, size in (*case.turns, *((number, 1 << 20) for number in range(len(left)))):
        if size:
            script.raw(Kind.OUT, connection, bytes(left[connection][:size]))
        elif lost := len(left[connection][:50]):
            script.fact(
                Kind.LOST, connection, kind=int(Kind.OUT), bytes=lost, since_ns=script.now, stage="tee"
            )
        left[connection] = left[connection][size or 50 :]
    for connection in range(len(case.streams)):
        script.fact(Kind.CLOSED, connection, reason="closed")
    return script.finish(), echoed


def content(recording: Recording) -> list[object]:
    rows = range(len(recording.rows))
    log = [(entry.kind, entry.time_ns, entry.text) for entry in recording.session.log]
    return [*((recording.frames(row), recording.deliveries(row)) for row in rows), log]


@settings(max_examples=300, deadline=None)
@given(cases(), st.sampled_from([100, 700, 1 << 20]), st.sampled_from([16 << 10, 40]))
def test_they_are_the_same_as_those_that_are_parsed(case: Case, most_echoed: int, large: int) -> None:
    sizes = patch.multiple(echoes, _LARGE=large, _PIECE=2 * large)  # in how many pieces they are kept
    with tempfile.TemporaryDirectory() as folder, sizes:
        found, _ = play(case, Path(folder) / "found.mcap", most_echoed)
        parsed, none = play(case, Path(folder) / "parsed.mcap", 0)
        with found, parsed:
            assert none == 0
            assert content(found) == content(parsed)


def test_what_a_connection_never_got_is_no_example_for_it(tmp_path: Path) -> None:
    """After a gap a message is looked for that begins like the last one of this connection."""
    stream = b"\0(" + b"b" * 40 + b"\0\0" * 11 + b"\0(" + b"b" * 40
    case = Case((PING + stream, stream, stream), ((1, 200), (0, 2), (0, 0)))
    found, _ = play(case, tmp_path / "found.mcap", 100)
    parsed, _ = play(case, tmp_path / "parsed.mcap", 0)
    with found, parsed:
        assert content(found) == content(parsed)


def test_all_but_the_first_copies_are_found_without_being_parsed(tmp_path: Path) -> None:
    stream = b"".join(message_bytes((b"event", b"%d" % number * 30)) for number in range(1000))
    turns = [(connection, 700) for _ in range(len(stream) // 700 + 1) for connection in range(4)]
    recording, echoed = play(Case((stream,) * 4, tuple(turns)), tmp_path / "run.mcap", 1 << 20, 1000)
    with recording:
        assert len(recording.rows) == 1000
        assert all(len(recording.deliveries(row)) == 4 for row in range(1000))
    assert echoed > 2.7 * len(stream)


def test_large_messages_are_not_copied(tmp_path: Path) -> None:
    pictures = [bytes([number]) * (1 << 20) for number in range(12)]
    stream = b"".join(message_bytes((b"event", picture)) for picture in pictures)
    size = len(stream) // 12
    turns = [(connection, size) for _ in range(12) for connection in range(3)]
    recording, echoed = play(Case((stream,) * 3, tuple(turns)), tmp_path / "run.mcap", 4 << 20)
    with recording:
        assert [recording.frames(row)[1] for row in range(12)] == pictures
        assert all(len(recording.deliveries(row)) == 3 for row in range(12))
    assert echoed > 1.8 * len(stream)

    kept = Echoes[_Item](4 << 20)
    for number, picture in enumerate(pictures):
        kept.append(_Item(number), (b"event", picture), 5 + len(picture))
    assert [piece for piece in kept._pieces if len(piece) > 100][-4:] == pictures[-4:]
    assert all(any(piece is picture for piece in kept._pieces) for picture in pictures[-4:])
    assert len(kept._pieces) <= 2 * 10


@dataclass
class _Item:
    message: int
    end: int = -1


@pytest.mark.parametrize("size", [0, 1, 2, 9, 10, 12, 13, 300, 311])
def test_a_parser_can_be_put_into_the_middle_of_another_message(size: int) -> None:
    first, second = message_bytes((b"topic", b"a" * 300)), message_bytes((b"topic", b"b" * 300))
    parser, like = StreamParser(), StreamParser()
    for one in (parser, like):
        one.feed(greeting() + ready(b"XPUB"))
    parser.feed(first[: size // 2])
    assert parser.begun == first[: size // 2]
    parser.restart(second[:size])
    assert (parser.begun, parser.unfinished) == (second[:size], size)
    like.feed(second[:size])
    assert parser.feed(second[size:]) == like.feed(second[size:])
