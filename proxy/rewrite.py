"""Addresses replaced in a ZMTP stream on its way: where noob's `identify` and `announce` say that a node
can be reached.

Bytes in, bytes out, no I/O. Only the bytes of an address and the length of its frame change; everything
else, and a stream that stops making sense from there on, passes as it came.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from decoders.zmtp.encoding import COMMAND, LONG, MORE, frame_bytes

__all__ = ["AddressRewriter", "Place", "Route", "addresses", "rewrite_addresses"]

Route = Callable[["Place"], str]
"""Gives the address to write in a place; the one that is there leaves it as it is."""

MAX_FRAME = 16 << 20
"""The largest frame in bytes that is held back for its addresses; a tube of 60,000 nodes announces that."""

_WHOLE = 64 << 10  # frames up to this size are looked at whole, larger ones by their head
_HEAD = 512
_GREETING = 64
_MECHANISMS = (b"NULL", b"PLAIN")
_TYPES = ("identify", "announce")


class Place(NamedTuple):
    """Where an address stands in a payload: the position of its JSON string, quotes included, and what it
    is: the "outbox" of `node`, or the "inbox" of the command node."""

    start: int
    stop: int
    address: str
    what: str
    node: str


class AddressRewriter:
    """One direction of one connection, on which `route` is asked for each address.

    A frame that may hold addresses is held back until it is whole; all others go on as they come.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._greeting: bytes | None = b""  # as far as it has come; None once it is done
        self._held = bytearray()
        self._needed = 0  # bytes of `_held` at which there is something new to find out
        self._passing = 0  # bytes of the frame under way that go on as they come
        self._as_it_comes = False

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and return what goes on by now."""
        if self._as_it_comes:
            return data
        if self._greeting is not None:
            data, first = self._greet(data)
            return first + (self.feed(data) if data else b"")
        out: list[bytes] = []
        if self._passing:
            out.append(data[: self._passing])
            self._passing -= len(out[0])
            data = data[len(out[0]) :]
        self._held += data
        while len(self._held) >= max(self._needed, 2) and not self._passing:
            self._needed = 0
            taken = self._next(out)
            if not taken:
                break
        return out[0] if len(out) == 1 else b"".join(out)

    def finish(self) -> bytes:
        """Return what is held back, the stream having ended."""
        rest = bytes(self._held)
        self._held.clear()
        self._as_it_comes = True
        return rest

    def _greet(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes of the greeting, which go on at once; return what follows, and them."""
        assert self._greeting is not None
        first, data = data[: _GREETING - len(self._greeting)], data[_GREETING - len(self._greeting) :]
        self._greeting += first
        if not _may_be_greeting(self._greeting):
            self._as_it_comes = True
        elif len(self._greeting) == _GREETING:
            self._greeting = None
        return data, first

    def _next(self, out: list[bytes]) -> bool:
        """Let the frame at the start of what is held go on, or more of it; False if it has to wait."""
        held = self._held
        flags = held[0]
        begin = 9 if flags & LONG else 2
        if len(held) < begin:
            return self._wait(begin)
        size = int.from_bytes(held[1:begin], "big")
        if flags > 7 or (flags & COMMAND and flags & MORE) or size >> 63:
            out.append(self.finish())
            return False
        if flags & (COMMAND | MORE) or size > MAX_FRAME:
            return self._pass(out, begin + size)
        if size > _WHOLE:
            if len(held) < begin + _HEAD:
                return self._wait(begin + _HEAD)
            if not any(f'"{name}"'.encode() in held[begin : begin + _HEAD] for name in _TYPES):
                return self._pass(out, begin + size)
        if len(held) < begin + size:
            return self._wait(begin + size)
        payload = bytes(held[begin : begin + size])
        changed = rewrite_addresses(payload, self._route)
        # What did not change keeps its header too, which need not be the shortest that there is.
        out.append(bytes(held[: begin + size]) if changed is payload else frame_bytes(changed, flags & ~LONG))
        del held[: begin + size]
        return True

    def _wait(self, needed: int) -> bool:
        self._needed = needed
        return False

    def _pass(self, out: list[bytes], length: int) -> bool:
        part = bytes(self._held[:length])
        out.append(part)
        del self._held[:length]
        self._passing = length - len(part)
        return True


def _may_be_greeting(data: bytes) -> bool:
    """Whether a stream may begin so that is ZMTP 3 (RFC 23) and not encrypted."""
    if (
        data[:1] not in (b"", b"\xff")
        or (len(data) > 9 and not data[9] & 1)
        or (len(data) > 10 and data[10] < 3)
    ):
        return False
    return len(data) < _GREETING or data[12:32].rstrip(b"\0") in _MECHANISMS


def rewrite_addresses(payload: bytes, route: Route) -> bytes:
    """Return a message's payload with other addresses, or the same object if there are none to change."""
    parts: list[bytes] = []
    position = 0
    for place in addresses(payload):
        new = route(place)
        if new != place.address:
            parts += (payload[position : place.start], json.dumps(new).encode())
            position = place.stop
    return b"".join((*parts, payload[position:])) if parts else payload


def addresses(payload: bytes) -> list[Place]:
    """Find the addresses in the payload of an `identify` or `announce` message; none in any other."""
    if b'"outbox"' not in payload and b'"inbox"' not in payload:
        return []
    # As Latin-1 each byte is a character, so that positions in the text are those in the payload.
    text = payload.decode("latin-1")
    try:
        message = json.loads(payload.decode("utf-8"))
        if not isinstance(message, dict):
            return []
        if message.get("type") not in _TYPES or not isinstance(message.get("value"), dict):
            return []
        return list(_in_message(text, message))
    except (ValueError, RecursionError):
        return []


def _in_message(text: str, message: dict[str, Any]) -> Iterator[Place]:
    for key, begin, _ in _members(text, _skip(text, 0)):
        if key != "value":
            continue
        if message["type"] == "identify":
            yield from _strings(text, begin, "outbox", str(message.get("node_id", "")))
            continue
        yield from _strings(text, begin, "inbox", "command")
        for name, nodes, _ in _members(text, begin):
            if name == "nodes":
                for node, each, _ in _members(text, nodes):
                    yield from _strings(text, each, "outbox", node)


def _strings(text: str, begin: int, wanted: str, node: str) -> Iterator[Place]:
    """The members of an object that are called `wanted` and hold text."""
    for key, start, stop in _members(text, begin):
        if key == wanted and text[start] == '"':
            address = json.loads(text[start:stop].encode("latin-1"))
            yield Place(start, stop, address, wanted, node)


_decode = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\r\n]*")


def _skip(text: str, position: int) -> int:
    found = _space.match(text, position)
    assert found is not None
    return found.end()


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """The members of the object that begins at `position`: key, and from where to where the value goes.

    Nothing if no object begins there. The text is known to be JSON.
    """
    if text[position : position + 1] != "{":
        return
    position = _skip(text, position + 1)
    while text[position] != "}":
        begin = position
        key, position = _decode(text, begin)
        if not key.isascii():
            key = json.loads(text[begin:position].encode("latin-1"))
        start = _skip(text, _skip(text, position) + 1)  # behind the colon
        _, stop = _decode(text, start)
        yield key, start, stop
        position = _skip(text, stop)
        if text[position] == ",":
            position = _skip(text, position + 1)
