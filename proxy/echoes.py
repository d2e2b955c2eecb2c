"""What a publisher sent last, as the bytes on the wire: copies are found in it without being parsed.

Each subscriber is sent the same bytes. Once they were parsed on the connection where they came first, those
of the others need only be compared. `Publications` knows where in the list of messages each connection
stands; here it is a place in the bytes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from decoders.zmtp.encoding import message_bytes

__all__ = ["Echoed", "Echoes"]


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
        self._data = bytearray()
        self._base = 0  # the place of the first byte
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
        self._data += message_bytes(frames)
        item.end = self._base + len(self._data)
        self._ends.append(item.end)
        self._items.append(item)
        self._numbers.append(item.message)
        if len(self._data) > 2 * self._most_bytes:
            self._drop(bisect_right(self._ends, item.end - self._most_bytes))

    def __contains__(self, connection: int) -> bool:
        """Tell whether a connection follows, so that its parser is not up to date."""
        return connection in self._places or connection in self._cut

    def begin(self, connection: int, end: int, begun: bytes) -> bool:
        """Let a connection follow after the message that ends at `end`, of the next one of which it had
        `begun`; False if that is not what comes next."""
        if end < self._base or not self._data.startswith(begun, end - self._base):
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
        size = min(len(data), self._base + len(self._data) - place)
        if size <= 0 or not self._data.startswith(data[:size], place - self._base):
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
        begin = self._ends[complete - 1] if complete else self._base
        return bytes(self._data[begin - self._base : place - self._base])

    def _break(self) -> None:
        """Forget all: what comes next does not follow on what was before."""
        self._stop_all(self._base + len(self._data) + 1)
        self._base += len(self._data) + 1
        for kept in (self._data, self._ends, self._items, self._numbers):
            kept.clear()

    def _drop(self, count: int) -> None:
        """Forget the oldest messages."""
        base = self._ends[count - 1]
        self._stop_all(base)
        del self._data[: base - self._base]
        del self._ends[:count], self._items[:count], self._numbers[:count]
        self._base = base

    def _stop_all(self, before: int) -> None:
        for connection, place in list(self._places.items()):
            if place < before:
                self._cut[connection] = self.stop(connection)
