"""What a publisher sent last, as the bytes on the wire: copies are found in it without being parsed.

Each subscriber is sent the same bytes. Once they were parsed on the connection where they came first, those
of the others need only be compared. `Publications` knows where in the list of messages each connection
stands; here it is a place in the bytes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from decoders.zmtp.encoding import MORE, frame_head, message_bytes

__all__ = ["Echoed", "Echoes"]

_LARGE = 16 << 10  # bytes from which on a frame is not copied
_PIECE = 256 << 10


class Echoed(Protocol):
    """A message on the list."""

    message: int
    end: int
    """Where the message ends in the bytes; less than 0 if it is not among them."""


Item = TypeVar("Item", bound=Echoed)


class Echoes(Generic[Item]):
    """The bytes of consecutive messages, and which connections get nothing else.

    A connection in it follows: it stands at a byte, maybe within a message. Between `most_bytes` and twice
    as many are kept. Places count from the very first byte.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._base = self._end = 0  # the places of the first byte and after the last one
        self._pieces: list[bytes | bytearray] = []
        self._starts: list[int] = []  # the place of each piece's first byte
        self._ends: list[int] = []
        self._items: list[Item] = []
        self._numbers: list[int] = []
        self._places: dict[int, int] = {}
        self._cut: dict[int, bytes] = {}  # of those that had to stop: the message they were in, so far

    def append(self, item: Item, frames: Sequence[bytes], size: int) -> None:
        """Put in the next message, `size` bytes in all."""
        if size > self._most_bytes // 2:
            self._break()
            return
        if size < _LARGE:
            self._add(message_bytes(frames))
        else:
            last = len(frames) - 1
            for number, frame in enumerate(frames):
                self._add(frame_head(len(frame), MORE if number < last else 0))
                self._add(frame)
        item.end = self._end
        self._ends.append(item.end)
        self._items.append(item)
        self._numbers.append(item.message)
        if self._end - self._base > 2 * self._most_bytes:
            self._drop(bisect_right(self._ends, item.end - self._most_bytes))

    def __contains__(self, connection: int) -> bool:
        """Tell whether a connection follows, so that its parser is not up to date."""
        return connection in self._places or connection in self._cut

    def begin(self, connection: int, end: int, begun: bytes) -> bool:
        """Let a connection follow after the message that ends at `end`, of the next one of which it had
        `begun`; False if that is not what comes next."""
        if end < self._base or len(begun) > self._end - end or not self._is_at(end, memoryview(begun)):
            return False
        self._places[connection] = end + len(begun)
        return True

    def follow(self, connection: int, data: memoryview) -> tuple[int, Sequence[int], Item | None]:
        """Compare what a following connection carried.

        Returns how many bytes of `data` are the next ones here (all that are here, or none), the numbers of
        the messages they complete, and the last of these.
        """
        place = self._places.get(connection)
        if place is None:
            return 0, (), None
        size = min(len(data), self._end - place)
        if size <= 0 or not self._is_at(place, data[:size]):
            return 0, (), None
        self._places[connection] = stop = place + size
        first, last = bisect_right(self._ends, place), bisect_right(self._ends, stop)
        return size, self._numbers[first:last], self._items[last - 1] if last > first else None

    def stop(self, connection: int) -> bytes:
        """Let a following connection follow no more; return what it had of the message it was in."""
        cut = self._cut.pop(connection, None)
        if cut is not None:
            return cut
        place = self._places.pop(connection)
        complete = bisect_right(self._ends, place)
        return self._between(self._ends[complete - 1] if complete else self._base, place)

    def _add(self, data: bytes) -> None:
        """Put bytes at the end: small ones together, large ones as they are."""
        pieces = self._pieces
        if len(data) >= _LARGE:
            pieces.append(data)
            self._starts.append(self._end)
        elif pieces and type(pieces[-1]) is bytearray and len(pieces[-1]) < _PIECE:
            pieces[-1] += data
        else:
            pieces.append(bytearray(data))
            self._starts.append(self._end)
        self._end += len(data)

    def _is_at(self, place: int, data: memoryview) -> bool:
        """Tell whether `data`, no more than there is, are the bytes from `place` on."""
        number = bisect_right(self._starts, place) - 1
        while data:
            piece = self._pieces[number]
            start = place - self._starts[number]
            size = min(len(data), len(piece) - start)
            if not piece.startswith(data[:size], start):
                return False
            place, data, number = place + size, data[size:], number + 1
        return True

    def _between(self, place: int, end: int) -> bytes:
        number = bisect_right(self._starts, place) - 1
        parts: list[bytes | bytearray] = []
        while place < end:
            start = place - self._starts[number]
            parts.append(self._pieces[number][start : start + end - place])
            place, number = place + len(parts[-1]), number + 1
        return b"".join(parts)

    def _break(self) -> None:
        """Forget all: what comes next does not follow on what was before."""
        self._stop_all(self._end + 1)
        self._base = self._end = self._end + 1
        for kept in (self._pieces, self._starts, self._ends, self._items, self._numbers):
            kept.clear()

    def _drop(self, count: int) -> None:
        """Forget the oldest messages."""
        base = self._ends[count - 1]
        self._stop_all(base)
        del self._ends[:count], self._items[:count], self._numbers[:count]
        pieces = bisect_right(self._starts, base) - 1
        del self._pieces[:pieces], self._starts[:pieces]
        self._base = base

    def _stop_all(self, before: int) -> None:
        for connection, place in list(self._places.items()):
            if place < before:
                self._cut[connection] = self.stop(connection)
