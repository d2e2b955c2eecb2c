"""Which copy belongs to which message: a publisher sends every subscriber a copy of its own.

Each subscriber's stream is a subsequence of what was published, in the same order. So the messages of one
publisher form a list, in the order they were first seen, and every connection has its place in it: a copy
is the next equal message after that place, which keeps two equal messages in a row apart. Only where a
subscriber got a message that others missed can the list's order differ from the publisher's; then a message
that the connection passed over is looked at as well. What no connection still has before it is forgotten.
"""

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b

from decoders.zmtp import StreamParser
from proxy.echoes import Echoes

__all__ = ["Publications"]

_MOST_MESSAGES = 1 << 17
_MOST_BYTES = 64 << 20
_MOST_MISSED = 1 << 12
_MOST_MISSED_BYTES = 16 << 20
_MOST_ECHOED = 4 << 20
_MOST_BEGUN = 64 << 10

Frames = Sequence[bytes]
Key = tuple[int, int]


class _Publication:
    """A message on the list; `places` counts the connections whose last copy was this one.

    Of a message whose `frames` were let go there is still its `digest`.
    """

    __slots__ = ("digest", "end", "frames", "key", "message", "next", "places", "size")

    def __init__(self, message: int, frames: Frames | None, size: int) -> None:
        self.message = message
        self.frames = frames
        self.size = size
        self.key: Key | None = None
        self.digest = b""
        self.end = -1  # see `echoes.Echoed`
        self.places = 0
        self.next: _Publication | None = None

    def equals(self, frames: Frames) -> bool:
        if self.frames is not None:
            return self.frames == frames
        return bool(self.digest) and self.digest == _digest(frames)

    def let_go(self) -> None:
        """Keep only what is needed to recognise a copy."""
        if self.frames is not None:
            self.key = self.key or _key(self.size, self.frames)
            self.digest = _digest(self.frames)
            self.frames = None


class _Missed:
    """What a connection passed over, oldest first, as far as it may still turn up."""

    def __init__(self) -> None:
        self._order: deque[_Publication] = deque()
        self._by_key: dict[Key, deque[_Publication]] = {}
        self._bytes = 0

    def add(self, publication: _Publication) -> None:
        if publication.frames is None:
            return
        publication.key = key = publication.key or _key(publication.size, publication.frames)
        self._order.append(publication)
        self._by_key.setdefault(key, deque()).append(publication)
        self._bytes += publication.size
        while len(self._order) > _MOST_MISSED or self._bytes > _MOST_MISSED_BYTES:
            self._remove(self._order[0])

    def take(self, key: Key, frames: Frames) -> _Publication | None:
        """Find and remove the oldest that equals `frames`."""
        for publication in self._by_key.get(key, ()):
            if publication.equals(frames):
                self._remove(publication)
                return publication
        return None

    def _remove(self, publication: _Publication) -> None:
        assert publication.key is not None
        self._order.remove(publication)
        self._bytes -= publication.size
        bucket = self._by_key[publication.key]
        bucket.remove(publication)
        if not bucket:
            del self._by_key[publication.key]


class Publications:
    """The recent messages of one publisher (a bound PUB or XPUB socket) and each connection's place among
    them.

    At most `most_messages` wait for a connection that lags; of those, at most `most_bytes` bytes are kept
    as they are, older ones as a digest. A copy later than that counts as a message of its own. Copies within
    the last `most_echoed` bytes, or up to twice as many, are found without being parsed.
    """

    def __init__(
        self,
        *,
        most_messages: int = _MOST_MESSAGES,
        most_bytes: int = _MOST_BYTES,
        most_echoed: int = _MOST_ECHOED,
    ) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._head = self._tail = _Publication(-1, None, -1)
        self._places: dict[int, _Publication] = {}
        self._missed: dict[int, _Missed] = {}
        self._waiting: set[int] = set()  # connections that had no copy yet
        self._count = 0
        self._bytes = 0
        self._first_kept = self._head  # the last one whose frames were let go, or the head
        self._index: dict[Key, deque[_Publication]] | None = None  # made when first needed
        self._echoes = Echoes[_Publication](most_echoed)
        self._echoed: dict[int, Frames | None] = {}  # the last message found so, of each that follows

    @property
    def waiting(self) -> int:
        """How many messages some connection may still get a copy of."""
        return self._count

    @property
    def kept_bytes(self) -> int:
        """The bytes of those that are kept as they are."""
        return self._bytes

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
        """Forget a connection; `settle` it first if its parser is still needed."""
        self._waiting.discard(connection)
        self._echoed.pop(connection, None)
        if connection in self._echoes:
            self._echoes.stop(connection)
        self._missed.pop(connection, None)
        place = self._places.pop(connection, None)
        if place is not None:
            place.places -= 1
            if place is self._head:
                self._trim()

    def echoes(self, connection: int, data: memoryview, parser: StreamParser) -> tuple[int, Sequence[int]]:
        """Take the copies that `data` begins with without parsing them.

        Returns how many bytes those are, and the messages' numbers. The rest is for `parser`, which is the
        one of what the connection carries, and up to date then.
        """
        echoes = self._echoes
        place = self._places[connection]
        if connection not in echoes:
            if place.next is None or not parser.placed or parser.unfinished > _MOST_BEGUN:
                return 0, ()
            if not echoes.begin(connection, place.end, parser.begun):
                return 0, ()
        size, numbers, last = echoes.follow(connection, data)
        if size:
            self._waiting.discard(connection)
        if last is not None:
            self._echoed[connection] = last.frames
            if last.message > place.message:
                self._move(connection, place, last)
        if size < len(data):
            self.settle(connection, parser)
        return size, numbers

    def settle(self, connection: int, parser: StreamParser) -> None:
        """Bring the parser of what a connection carries up to date."""
        if connection in self._echoes:
            parser.restart(self._echoes.stop(connection), after=self._echoed.pop(connection, None))

    def numbers(self, connection: int, messages: Sequence[Frames], first_new: int) -> Sequence[int]:
        """Return the number of each of `messages`, which a connection carried one after the other: that of
        the message it is a copy of, or, if it is new, the next one from `first_new` on."""
        place = self._places[connection]
        if len(self._places) == 1 and place is self._tail and connection not in self._missed:
            self._waiting.discard(connection)
            return range(first_new, first_new + len(messages))  # nobody else can still get a copy
        found: list[int] = []
        position, count = 0, len(messages)
        while position < count:
            start, candidate = place, place.next
            while position < count and candidate is not None and candidate.frames == messages[position]:
                found.append(candidate.message)
                place, candidate = candidate, candidate.next
                position += 1
            if place is not start:
                self._waiting.discard(connection)
                self._move(connection, start, place)
            if position < count:
                frames = messages[position]
                number = self.find(connection, frames)
                if number is None:
                    number, first_new = first_new, first_new + 1
                    self.add(connection, number, frames)
                found.append(number)
                place = self._places[connection]
                position += 1
        return found

    def find(self, connection: int, frames: Frames) -> int | None:
        """Return the message that `frames` is a copy of and move the connection there; None if it is new."""
        place = self._places[connection]
        self._waiting.discard(connection)
        candidate = place.next
        if candidate is None and connection not in self._missed:
            return None
        if candidate is None or candidate.frames != frames:
            return self._search(connection, place, frames)
        self._move(connection, place, candidate)
        return candidate.message

    def add(self, connection: int, message: int, frames: Frames) -> None:
        """Put in a new message, first seen on `connection`."""
        place = self._places[connection]
        if place is self._tail:
            if len(self._places) == 1:
                return  # nobody else can still get a copy
        else:
            self._pass_over(connection, place, None)
        new = _Publication(message, frames, sum(map(len, frames)))
        self._tail.next = new
        self._tail = new
        self._echoes.append(new, frames, new.size)
        self._count += 1
        self._bytes += new.size
        if self._index is not None:
            self._enter(new)
        self._move(connection, place, new)
        while self._bytes > self._most_bytes and self._first_kept.next is not None:
            self._first_kept = self._first_kept.next
            self._bytes -= self._first_kept.size
            self._first_kept.let_go()
        if self._count > self._most_messages:
            self._hurry()

    def _search(self, connection: int, place: _Publication, frames: Frames) -> int | None:
        # The connection misses what others got, or has got what they miss.
        key = _key(sum(map(len, frames)), frames)
        if self._index is None:
            self._index = {}
            publication = self._head.next
            while publication is not None:
                self._enter(publication)
                publication = publication.next
        for publication in self._index.get(key, ()):
            if publication.message > place.message and publication.equals(frames):
                self._pass_over(connection, place, publication)
                self._move(connection, place, publication)
                return publication.message
        missed = self._missed.get(connection)
        publication = missed.take(key, frames) if missed is not None else None
        return publication.message if publication is not None else None

    def _pass_over(self, connection: int, place: _Publication, end: _Publication | None) -> None:
        missed = self._missed.setdefault(connection, _Missed())
        publication = place.next
        while publication is not end and publication is not None:
            missed.add(publication)
            publication = publication.next

    def _move(self, connection: int, old: _Publication, new: _Publication) -> None:
        self._places[connection] = new
        new.places += 1
        old.places -= 1
        if old is self._head and not old.places:
            self._trim()

    def _enter(self, publication: _Publication) -> None:
        assert self._index is not None
        if publication.key is None and publication.frames is not None:
            publication.key = _key(publication.size, publication.frames)
        if publication.key is not None:
            self._index.setdefault(publication.key, deque()).append(publication)

    def _trim(self) -> None:
        while not self._head.places and self._head.next is not None:
            if self._head is self._first_kept:
                self._first_kept = self._head.next
            self._head = head = self._head.next
            self._count -= 1
            if head.frames is not None:
                self._bytes -= head.size
            if self._index is not None and head.key is not None:
                bucket = self._index[head.key]
                bucket.popleft()
                if not bucket:
                    del self._index[head.key]

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


def _key(size: int, frames: Frames) -> Key:
    last = frames[-1] if frames else b""
    return size, hash(last if len(last) <= 1024 else last[:512] + last[-512:])


def _digest(frames: Frames) -> bytes:
    digest = blake2b(digest_size=16)
    for frame in frames:
        digest.update(len(frame).to_bytes(8, "little"))
        digest.update(frame)
    return digest.digest()
