"""The cost of looking at a message: envelope, summary, typed message, beside what else reads JSON."""

import base64
import json
import pickle
import timeit
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import numpy as np
from noob.network.message import Message as NoobMessage
from noob.network.message import MessageAdapter as NoobAdapter

from benchmarks.results import Goal, Row, Values, at_least, at_most, find, interleave
from decoders.envelope import read_envelope
from decoders.messages import EventMsg, Message
from decoders.summary import summarize
from decoders.zmtp import StreamParser, message_bytes

TITLE = "Decoding: one event, of 200 bytes and with a camera frame of 1.2 MB"

_EVENT = (
    b'{"type":"event","node_id":"a","timestamp":"2026-11-25T01:42:41.409466Z","value":[{"id":8667704724469841920,'
    b'"timestamp":"2026-11-25T01:42:41.409286+00:00","node_id":"a","signal":"index","epoch":41,"value":%b}]}'
)
_BASE = "tubetap, envelope"
_SIZES = ("200 B", "1.2 MB")


def run(quick: bool) -> list[Row]:
    """All readers in turn on both sizes, then the ZMTP parser on a stream of each."""
    readers: dict[str, Callable[[list[bytes]], object]] = {
        _BASE: read_envelope,
        "tubetap, summary": summarize,
        "tubetap, typed message": Message.from_bytes,
        "json.loads": lambda frames: json.loads(frames[-1]),
        "msgspec, to dicts": lambda frames: msgspec.json.decode(frames[-1]),
        "pydantic, our model": lambda frames: EventMsg.model_validate_json(frames[-1]),
        "noob's decoder": NoobMessage.from_bytes,
        "noob's models alone": lambda frames: NoobAdapter.validate_json(frames[-1]),
    }
    seconds, rounds = (0.005, 1) if quick else (0.1, 5)
    messages = _messages()
    cases: dict[str, Callable[[], Values]] = {
        name: partial(_read, reader, messages, seconds) for name, reader in readers.items()
    }
    rows = interleave("decoders", cases, rounds)
    for size in _SIZES:
        rows += _times_base(rows, size)
    cases = {"tubetap, ZMTP parser": partial(_parse, messages, seconds)}
    return rows + interleave("decoders", cases, rounds)


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What issue and architecture ask of the envelope and the parser."""
    small, large = (find(rows, _BASE, f"{size}, µs") for size in _SIZES)
    growth = Row("decoders", _BASE, "growth", (large.median / small.median,))
    parser = "tubetap, ZMTP parser"
    return [
        at_most(rows, _BASE, "200 B, µs", 1.5, "the envelope of a 200-byte message takes less than 1.5 µs"),
        at_most([growth], _BASE, "growth", 2, "the envelope of a camera frame takes at most twice that"),
        at_least(
            rows, parser, "200 B, msg/s", 1e6, "the ZMTP parser reads a million small messages a second"
        ),
    ]


def _messages() -> dict[str, list[bytes]]:
    frame = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    value = b'"pck__%b"' % base64.b64encode(pickle.dumps(frame))
    return {"200 B": [b"event", _EVENT % b"41"], "1.2 MB": [b"event", _EVENT % value]}


def _read(
    reader: Callable[[list[bytes]], object], messages: dict[str, list[bytes]], seconds: float
) -> Values:
    """The time a reader takes for one message of each size, the best of three tries."""
    return {
        f"{size}, µs": _microseconds(partial(reader, frames), seconds) for size, frames in messages.items()
    }


def _parse(messages: dict[str, list[bytes]], seconds: float) -> Values:
    """How many messages of each size a second the stream parser reads, in chunks of 64 KiB."""
    figures = {}
    for size, frames in messages.items():
        stream = message_bytes(frames)
        count = max(1, 65536 // len(stream))
        stream *= count
        chunks = [stream[start : start + 65536] for start in range(0, len(stream), 65536)]
        parser = StreamParser()
        parser.resync()

        def feed(parser: StreamParser = parser, chunks: list[bytes] = chunks) -> None:
            for chunk in chunks:
                parser.feed(chunk)

        figures[f"{size}, msg/s"] = count * 1e6 / _microseconds(feed, seconds)
        if parser.opaque is not None:
            raise RuntimeError(parser.opaque)
    return figures


def _microseconds(run: Callable[[], object], seconds: float) -> float:
    once = max(timeit.timeit(run, number=1), 1e-7)
    number = max(1, int(seconds / 3 / once))
    return min(timeit.repeat(run, number=number, repeat=3)) / number * 1e6


def _times_base(rows: Sequence[Row], size: str) -> list[Row]:
    """Rows that hold every reader against the envelope, round by round."""
    base = find(rows, _BASE, f"{size}, µs")
    return [
        Row(row.benchmark, row.case, f"{size}, × envelope", _ratio(row.values, base.values))
        for row in rows
        if row.figure == base.figure and row.case != _BASE
    ]


def _ratio(values: Sequence[float], base: Sequence[float]) -> tuple[float, ...]:
    return tuple(value / other for value, other in zip(values, base, strict=True))
