"""The last look at a redacted file: is anything that was taken out still in it, in whatever wrapping?

Looks through text in upper and lower case, JSON escapes, base64, hexadecimal, URL escapes, UTF-16, gzip and
zlib, and the strings and bytes of pickles, one inside the other. Pickles are read as a tree and never run.
"""

import binascii
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from decoders import pickles
from recordings.redaction.blobs import from_base64
from recordings.redaction.detectors import chosen
from recordings.redaction.scrubber import Scrubber

MAX_LAYERS = 4
"""How many wrappings are opened one inside the other."""

MAX_UNPACKED = 64 << 20
"""What a compressed part may unfold to, in bytes; more is not looked at."""

MAX_VALUES = 200_000
"""How many values of one pickle are looked at."""

MAX_LEAKS = 1000
"""More are not listed."""

MAX_OLD_PICKLE = 1 << 20
"""Pickles of protocols 0 and 1 can't be told by how they begin; longer data is not taken for one."""

MAX_SHIFTED = 4096
"""Base64 of fewer characters is decoded from each of its first four."""

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_BASE64_LINES = re.compile(
    rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{40,}(?:(?:\r?\n|(?:\\r)?\\n)[ \t]*[A-Za-z0-9+/_-]{1,200})+={0,2}"
)
"""Base64 in lines, as MIME and Python's `encodebytes` write it; in JSON the line breaks are escaped."""

_LINE_BREAK = re.compile(rb"(?:\r?\n|(?:\\r)?\\n)[ \t]*")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class Leak(msgspec.Struct, frozen=True, order=True):
    """A secret that is still there: where, in which wrapping, and the beginning of what it is."""

    place: str
    wrapping: str
    found: str


class LeakScan:
    """Searches for what was taken out, and for what looks as if it should have been."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._detectors = chosen(scrubber.rules)
        self._learnt = scrubber.searched()
        self.leaks: set[Leak] = set()

    def look(self, place: str, data: bytes | str) -> None:
        """Search one piece of the output and everything wrapped in it; adds to `leaks`."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        for wrapping, layer in layers(data):
            self._search(place, wrapping, layer.decode("utf-8", "replace"))

    def _search(self, place: str, wrapping: str, text: str) -> None:
        if self._learnt is not None:
            for found in self._learnt.finditer(text):
                self._report(place, wrapping, found[0])
        # In bytes that are no text, forms such as addresses turn up by chance.
        if wrapping and not text.isprintable():
            return
        for begin, end, category, _ in self._detectors.find(text):
            if not self._scrubber.is_harmless(category, text[begin:end]):
                self._report(place, wrapping, text[begin:end])

    def _report(self, place: str, wrapping: str, value: str) -> None:
        if len(self.leaks) < MAX_LEAKS:
            self.leaks.add(Leak(place, wrapping, value[:40]))


def layers(data: bytes, wrapping: str = "", depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield data and all that can be unwrapped from it, each with the names of its wrappings."""
    yield wrapping, data
    if depth == MAX_LAYERS:
        return
    for name, inner in _unwrapped(data):
        yield from layers(inner, f"{wrapping} > {name}".removeprefix(" > "), depth + 1)


def _unwrapped(data: bytes) -> Iterator[tuple[str, bytes]]:
    if b"\\" in data:
        yield "JSON escape", _ESCAPE.sub(_unescaped, data)
    yield from _together("base64", _from_base64(data))
    yield from _together("hexadecimal", (binascii.unhexlify(found[0]) for found in _HEX_RUN.finditer(data)))
    if b"%" in data:
        plain = urllib.parse.unquote_to_bytes(data)
        if plain != data:
            yield "URL escape", plain
    if b"\0" in data:
        yield "UTF-16", data.replace(b"\0", b"")
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        unpacked = _inflated(data)
        if unpacked:
            yield "compression", unpacked
    if data[:1] == b"\x80" or (data[-1:] == b"." and len(data) < MAX_OLD_PICKLE):
        yield from _together("pickle", pickle_pieces(data))


def _together(name: str, found: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Give what may be wrapped once more by itself, and everything else in one piece, which is quicker."""
    small: list[bytes] = []
    for each in found:
        if each[:1] in (b"\x80", b"\x1f", b"\x78") or each[-1:] == b".":
            yield name, each
        else:
            small.append(each)
    if small:
        yield name, b"\n".join(small)


def _from_base64(data: bytes) -> Iterator[bytes]:
    runs = [_LINE_BREAK.sub(b"", found[0]) for found in _BASE64_LINES.finditer(data)]
    runs += [found[0] for found in _BASE64_RUN.finditer(data)]
    for each in runs:
        run = each.removeprefix(b"pck__").decode("ascii")
        # What stands right in front of a text may have been taken for a part of it.
        for skipped in range(4 if len(run) < MAX_SHIFTED else 1):
            inner = from_base64(run[skipped:])
            if inner:
                yield inner


def _unescaped(found: "re.Match[bytes]") -> bytes:
    if found[1] is not None:
        return chr(int(found[1], 16)).encode("utf-8", "replace")
    # Of the letters, only what they begin is lost.
    return b"\n" if found[2] in (b"n", b"r", b"t", b"b", b"f") else bytes(found[2])


def _inflated(data: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj(wbits=47)
        return unpacker.decompress(data, MAX_UNPACKED)
    except zlib.error:
        return b""


def pickle_pieces(data: bytes) -> Iterator[bytes]:
    """Yield the strings and bytes of a pickle, and the names in it."""
    waiting: list[pickles.Value] = [pickles.read(data)]
    if isinstance(waiting[0], pickles.Unreadable) and not waiting[0].pieces:
        return
    seen: set[int] = set()
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if value is None or isinstance(value, int | float) or id(value) in seen:
            continue
        seen.add(id(value))  # a pickle of a few bytes can hold the same text a million times
        match value:
            case str():
                yield value.encode("utf-8", "surrogatepass")
            case bytes():
                yield value
            case pickles.Blob():
                yield (
                    value.read() if value.encoding is None else value.text().encode("utf-8", "surrogatepass")
                )
            case pickles.Global():
                yield value.path.encode("utf-8", "surrogatepass")
            case _:
                waiting += _members(value)


def _members(value: pickles.Value) -> list[pickles.Value]:
    match value:
        case pickles.Collection():
            return list(value.items)
        case pickles.Mapping():
            return [*value.keys, *value.values]
        case pickles.Call():
            members = [value.function, *value.args, value.kwargs, *value.states, *value.items]
            return [*members, *([value.mapping] if value.mapping else [])]
        case pickles.Operation():
            return list(value.operands)
        case pickles.Persistent():
            return [value.id]
        case pickles.Unreadable():
            return list(value.pieces)
        case _:
            return []
