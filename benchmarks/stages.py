"""Where the recorder's time goes: the same traffic through more and more of its stages, in one process."""

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

from benchmarks.programs.publish import FIRST, HEAD, tails
from benchmarks.results import Row, Values, interleave
from benchmarks.routes import folder
from decoders.envelope import read_envelope
from decoders.zmtp import Message, StreamParser, command_bytes, message_bytes
from proxy.capture import Capture
from proxy.frames import FrameReader, Kind, fact_frame, header
from proxy.launch import ALLOCATION
from recordings.writer import RecordingWriter

TITLE = "The recorder's stages: processor time of each, for a message"

_STAGES = ("tee", "ZMTP", "envelope", "copies, batches", "columns, compression, file")
_CHUNK = 1 << 16
_BEGAN_NS = 1_700_000_000_000_000_000


class _Load:
    """What a relay would tell of a publisher's messages to one subscriber, as `reads` of the tee.

    One passes every `every_ns`, `at_once` are in a chunk; a read is what comes within 10 ms, or 1 MiB.
    """

    def __init__(self, size: int, count: int, *, at_once: int, every_ns: int) -> None:
        self.count = count
        values = tails(size, "noise" if size > _CHUNK else "text")
        wire = [
            message_bytes(
                (
                    b"event",
                    HEAD % (number % 1_000_000) + b"%d" % (FIRST + number) + values[number % len(values)],
                )
            )
            for number in range(count)
        ]
        self.reads: list[tuple[int, bytes]] = [(_BEGAN_NS, _introduction())]
        waiting, began_ns = [], _BEGAN_NS
        for first in range(0, count, at_once):
            time_ns = _BEGAN_NS + first * every_ns
            data = b"".join(wire[first : first + at_once])
            for start in range(0, len(data), 4 * _CHUNK):
                piece = data[start : start + 4 * _CHUNK]
                waiting += [header(Kind.OUT, 1, time_ns, len(piece)), piece]
            if time_ns - began_ns >= 10_000_000 or sum(map(len, waiting)) >= 1 << 20:
                self.reads.append((time_ns, b"".join(waiting)))
                waiting, began_ns = [], time_ns
        self.reads.append((_BEGAN_NS + count * every_ns, b"".join(waiting)))


def _introduction() -> bytes:
    endpoint = {"id": 1, "address": "ipc:///tmp/bench", "socket_type": "PUB", "pid": None, "command_line": []}
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(16) + bytes(32)
    parts: list[bytes] = [*fact_frame(Kind.ENDPOINT, 0, _BEGAN_NS, endpoint)]
    parts += fact_frame(Kind.OPENED, 1, _BEGAN_NS, {"endpoint": 1, "peer_pid": None})
    for kind, name, more in ((Kind.IN, b"SUB", command_bytes(b"SUBSCRIBE")), (Kind.OUT, b"PUB", b"")):
        ready = command_bytes(b"READY", b"\x0bSocket-Type" + len(name).to_bytes(4, "big") + name)
        data = greeting + ready + more
        parts += (header(kind, 1, _BEGAN_NS, len(data)), data)
    return b"".join(parts)


class _Nowhere:
    """A writer that writes nothing."""

    path = Path()
    size = messages = 0

    def message_batch(self, time_ns: int, *about: object) -> None:
        self.messages += len(about[3])  # type: ignore[arg-type]

    def delivered(self, connection: int, message: int, time_ns: int, count: int = 1) -> None: ...

    def record(self, record: object) -> None: ...

    def tick(self, now_ns: int) -> None: ...

    def attach(self, name: str, media_type: str, data: bytes) -> None: ...

    def close(self) -> None: ...


def run(quick: bool) -> list[Row]:
    """Small messages in large chunks, as in a burst; one by one, as noob's; and large ones."""
    part, rounds = (100, 1) if quick else (1, 5)
    loads = {
        "300 B, 200 in a chunk": (300, 40_000 // part, 200, 4_000),
        "300 B, one in a chunk, 2,000 a second": (300, 10_000 // part, 1, 500_000),
        "1 MB, 400 a second": (1_000_000, 200 // part, 1, 2_500_000),
    }
    cases: dict[str, Callable[[], Values]] = {}
    for name, load in loads.items():
        cases[name] = partial(_once, *load)
    return interleave("stages", cases, rounds)


def _once(size: int, count: int, at_once: int, every_ns: int) -> Values:
    """In a process that is started as the recorder is, and gone afterwards."""
    with mock.patch.dict(os.environ, ALLOCATION):
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        with pool:
            return pool.submit(_measure, size, count, at_once, every_ns).result()


def _measure(size: int, count: int, at_once: int, every_ns: int) -> Values:
    load = _Load(size, count, at_once=at_once, every_ns=every_ns)
    with folder() as place:
        spent = [
            _timed(_split, load),
            _timed(_parse, load),
            _timed(partial(_parse, look=read_envelope), load),
            _timed(lambda load: _capture(load, Capture(_Nowhere())), load),
            _timed(lambda load: _write(load, place / "stages.mcap"), load),
        ]
    each = [after - before for before, after in zip([0.0, *spent], spent, strict=False)]
    figures = {f"{stage}, µs": value for stage, value in zip(_STAGES, each, strict=True)}
    return {**figures, "all, µs": spent[-1]}


def _timed(stage: Callable[[_Load], int], load: _Load) -> float:
    """Microseconds of processor time a message."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        found = stage(load)
        spent = time.process_time() - began
    finally:
        gc.enable()
    if found != load.count:
        raise RuntimeError(f"{found} messages of {load.count}")
    return spent / load.count * 1e6


def _frames(load: _Load) -> Iterator[tuple[int, Iterable[tuple[Kind, int, int, memoryview]]]]:
    reader = FrameReader()
    for time_ns, data in load.reads:
        yield time_ns, reader.feed(data)


def _split(load: _Load) -> int:
    for _, frames in _frames(load):
        for _ in frames:
            pass
    return load.count


def _parse(load: _Load, look: Callable[[Sequence[bytes]], object] | None = None) -> int:
    parsers = {Kind.IN: StreamParser(), Kind.OUT: StreamParser()}
    found = 0
    for _, frames in _frames(load):
        for kind, _, _, payload in frames:
            if kind <= Kind.OUT:
                for event in parsers[kind].feed(payload):
                    if isinstance(event, Message):
                        found += 1
                        if look is not None:
                            look(event.frames)
    return found


def _capture(load: _Load, capture: Capture) -> int:
    for time_ns, frames in _frames(load):
        for kind, connection, frame_ns, payload in frames:
            capture.frame(kind, connection, frame_ns, payload)
        capture.tick(time_ns)
    return capture.messages


def _write(load: _Load, file: Path) -> int:
    capture = Capture(RecordingWriter(file, facts={}, force=True))
    found = _capture(load, capture)
    capture.close()
    return found
