"""Which copy belongs to which message: a publisher sends every subscriber a copy of its own.

Each subscriber's stream is a subsequence of what was published, in the same order. So the messages of one
publisher form a list, every connection has its place in it, and a copy is looked for only after that
place: two equal messages in a row stay two. What no connection still has before it is forgotten.
"""

from collections.abc import Sequence
from hashlib import blake2b

__all__ = ["Publications"]

_MOST_MESSAGES = 1 << 14
_MOST_BYTES = 64 << 20

Frames = Sequence[bytes]


class _Publication:
    """A message on the list; `places` counts the connections whose last copy was this one."""

    __slots__ = ("digest", "frames", "message", "next", "places", "size")

    def __init__(self, message: int, frames: Frames | None, size: int) -> None:
        self.message = message
        self.frames = frames
        self.size = size
        self.digest = b""
        self.places = 0
        self.next: _Publication | None = None


class Publications:
    """The recent messages of one publisher (a bound PUB or XPUB socket) and each connection's place among
    them.

    At most `most_messages` wait for a connection that lags; of those, at most `most_bytes` bytes are kept
    as they are, older ones as a digest. A copy later than that counts as a message of its own.
    """

    def __init__(self, *, most_messages: int = _MOST_MESSAGES, most_bytes: int = _MOST_BYTES) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._head = self._tail = _Publication(-1, None, -1)
        self._places: dict[int, _Publication] = {}
        self._waiting: set[int] = set()  # connections that had no copy yet
        self._count = 0
        self._bytes = 0
        self._first_kept = self._tail  # the oldest one after which frames are still kept
        self._keys: dict[tuple[int, int], int] | None = None

    def join(self, connection: int) -> None:
        """Put a connection at the end: only what is published from now on can reach it."""
        self.leave(connection)
        self._waiting.add(connection)
        self._places[connection] = self._tail
        self._tail.places += 1

    def rejoin(self, connection: int) -> None:
        """Put a connection at the end if it has had no copy yet: it subscribes only now."""
        if connection in self._waiting:
            self.join(connection)

    def leave(self, connection: int) -> None:
        """Forget a connection."""
        self._waiting.discard(connection)
        place = self._places.pop(connection, None)
        if place is not None:
            place.places -= 1
            if place is self._head:
                self._trim()

    def find(self, connection: int, frames: Frames) -> int | None:
        """Return the message that `frames` is a copy of and move the connection there; None if it is new."""
        place = self._places[connection]
        self._waiting.discard(connection)
        candidate = place.next
        if candidate is None:
            return None
        if candidate.frames != frames:
            candidate = self._search(candidate, frames)
            if candidate is None:
                return None
        self._move(connection, place, candidate)
        return candidate.message

    def add(self, connection: int, message: int, frames: Frames) -> None:
        """Put in a new message, first seen on `connection`, where that connection is."""
        place = self._places[connection]
        if place is self._tail and len(self._places) == 1:
            return  # nobody else can still get a copy
        new = _Publication(message, frames, sum(map(len, frames)))
        new.next = place.next
        place.next = new
        if new.next is None:
            self._tail = new
        self._count += 1
        self._bytes += new.size
        if self._keys is not None:
            key = _key(new.size, frames)
            self._keys[key] = self._keys.get(key, 0) + 1
        self._move(connection, place, new)
        if self._bytes > self._most_bytes:
            self._digest()
        if self._count > self._most_messages:
            self._hurry()

    def _move(self, connection: int, old: _Publication, new: _Publication) -> None:
        self._places[connection] = new
        new.places += 1
        old.places -= 1
        if old is self._head and not old.places:
            self._trim()

    def _search(self, candidate: _Publication | None, frames: Frames) -> _Publication | None:
        # The connection misses what others got, or has got what they miss. A look into the index spares
        # walking the list for a message that is not on it.
        size = sum(map(len, frames))
        if self._keys is None:
            self._keys = self._index()
        if _key(size, frames) not in self._keys and self._first_kept is self._head:
            return None
        digest = b""
        while candidate is not None:
            if candidate.size == size:
                if candidate.frames is not None:
                    if candidate.frames == frames:
                        return candidate
                else:
                    digest = digest or _digest(frames)
                    if candidate.digest == digest:
                        return candidate
            candidate = candidate.next
        return None

    def _index(self) -> dict[tuple[int, int], int]:
        keys: dict[tuple[int, int], int] = {}
        publication = self._head.next
        while publication is not None:
            if publication.frames is not None:
                key = _key(publication.size, publication.frames)
                keys[key] = keys.get(key, 0) + 1
            publication = publication.next
        return keys

    def _trim(self) -> None:
        while not self._head.places and self._head.next is not None:
            if self._head is self._first_kept:
                self._first_kept = self._head.next
            self._head = self._head.next
            self._forget_frames(self._head)
            self._count -= 1

    def _digest(self) -> None:
        while self._bytes > self._most_bytes:
            oldest = self._first_kept.next
            if oldest is None:
                return
            if oldest.frames is not None:
                oldest.digest = _digest(oldest.frames)
                self._forget_frames(oldest)
            self._first_kept = oldest

    def _forget_frames(self, publication: _Publication) -> None:
        if publication.frames is None:
            return
        if self._keys is not None:
            key = _key(publication.size, publication.frames)
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
        self._bytes -= publication.size
        publication.frames = None

    def _hurry(self) -> None:
        # Whoever still stands at the oldest place moves on by one: what it missed is too long ago.
        behind = [connection for connection, place in self._places.items() if place is self._head]
        following = self._head.next
        assert following is not None
        for connection in behind:
            self._places[connection] = following
        following.places += len(behind)
        self._head.places = 0
        self._trim()


def _key(size: int, frames: Frames) -> tuple[int, int]:
    last = frames[-1]
    return size, hash(last if len(last) <= 1024 else last[:512] + last[-512:])


def _digest(frames: Frames) -> bytes:
    digest = blake2b(digest_size=16)
    for frame in frames:
        digest.update(len(frame).to_bytes(8, "little"))
        digest.update(frame)
    return digest.digest()
