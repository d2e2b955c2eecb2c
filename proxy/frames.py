"""The frames in which the relay tells the recorder what it moved: a header and a payload, on a stream socket.

The header is kind, connection, time and length of the payload, which is the raw bytes of a chunk or, for
the few facts that are no traffic, JSON.
"""

import enum
import json
import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["FrameReader", "Kind", "fact_frame", "header"]

_HEADER = struct.Struct("<BIQI")

_LONG = 16 << 10
"""From so many bytes on, what is there of a chunk is given out at once and not put together with the rest."""


class Kind(enum.IntEnum):
    """What a frame says; `IN` and `OUT` carry traffic, the others JSON."""

    IN = 0
    """A chunk from the connecting side to the binding side."""
    OUT = 1
    """A chunk from the binding side to the connecting side."""
    OPENED = 2
    CLOSED = 3
    ENDPOINT = 4
    PROCESS = 5
    NOTE = 6
    LOST = 7
    """Chunks of one direction of one connection were dropped here: its stream goes on after a gap."""
    END = 8
    """The relay has nothing more to say; a stream that stops without it was cut off."""


def header(kind: Kind, connection: int, time_ns: int, length: int) -> bytes:
    """Return the header of a frame."""
    return _HEADER.pack(kind, connection, time_ns, length)


def fact_frame(kind: Kind, connection: int, time_ns: int, fact: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the two parts of a frame that is no traffic."""
    data = json.dumps(fact).encode()
    return header(kind, connection, time_ns, len(data)), data


class FrameReader:
    """Bytes as they come in, frames out; of a long chunk of traffic in pieces, as they come."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the pieces of a frame that is not whole yet
        self._missing = 0  # what it lacks; 0 while not even its header is there
        self._chunk: tuple[Kind, int, int] | None = None  # of which a piece was given out

    def feed(self, data: bytes) -> Iterator[tuple[Kind, int, int, memoryview]]:
        """Yield `(kind, connection, time_ns, payload)` for each frame or piece; payloads are views."""
        view = memoryview(data)
        if self._chunk is not None:
            piece = view[: self._missing]
            chunk = self._chunk
            self._missing -= len(piece)
            if not self._missing:
                self._chunk = None
            yield *chunk, piece
            view = view[len(piece) :]
        elif self._rest:
            if len(data) < self._missing:
                self._rest.append(data)
                self._missing -= len(data)
                return
            # Only the frame that was cut is put together; what follows stays where it is.
            cut = self._missing or len(data)
            yield from self._split(memoryview(b"".join((*self._rest, view[:cut]))))
            view = view[cut:]
        if view:
            yield from self._split(view)

    def _split(self, view: memoryview) -> Iterator[tuple[Kind, int, int, memoryview]]:
        position, end, header = 0, len(view), _HEADER.size
        self._rest, self._missing = [], 0
        while end - position >= header:
            number, connection, time_ns, length = _HEADER.unpack_from(view, position)
            kind = _KINDS[number]
            stop = position + header + length
            if stop > end:
                self._missing = stop - end
                if kind <= Kind.OUT and end - position >= _LONG:
                    self._chunk = kind, connection, time_ns
                    yield kind, connection, time_ns, view[position + header :]
                    return
                break
            yield kind, connection, time_ns, view[position + header : stop]
            position = stop
        if position < end:
            self._rest = [bytes(view[position:])]


_KINDS = tuple(Kind)
