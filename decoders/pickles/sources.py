"""Where a pickle's bytes come from: plain bytes, or base64 text that is decoded window by window.

A long string or byte string of a pickle is left where it is, as a `Blob`: a camera frame inside a message is
decoded when its numbers are looked at, and then only where they are looked at.
"""

import binascii
import codecs
from typing import Literal, Protocol, TypeAlias

codecs.lookup("raw-unicode-escape")  # loads it now: reading imports nothing

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


Encoding: TypeAlias = Literal["utf-8", "raw-unicode-escape", "latin-1"]


class Source(Protocol):
    """Random access to the bytes of one pickle; `size` is in bytes."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop`, which lie within `size`; ValueError if they can't be decoded."""


class PlainSource:
    """A pickle that is in memory as it is."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, stop: int) -> bytes:
        """Return a slice."""
        return self.data[start:stop]


class Base64Source:
    """A pickle as base64 text (RFC 4648, section 4) of which only the windows asked for are decoded.

    `text` is padded and has no line breaks or other characters: see `is_clean`. The text begins at `offset`.
    """

    def __init__(self, text: str | bytes, offset: int = 0) -> None:
        self.text = text
        self.offset = offset
        length = (len(text) - offset) // 4 * 4
        tail = text[offset + length - 2 : offset + length] if length else ""
        padding = tail.count("=") if isinstance(tail, str) else tail.count(b"=")
        self.size = length // 4 * 3 - padding

    def read(self, start: int, stop: int) -> bytes:
        """Decode the groups of four characters that hold the bytes `start` to `stop`."""
        first = start // 3
        last = -(-stop // 3)
        group = binascii.a2b_base64(self.text[self.offset + 4 * first : self.offset + 4 * last])
        data = group[start - 3 * first : stop - 3 * first]
        if len(data) != stop - start:
            raise ValueError("the base64 text has characters that don't belong there")
        return data


def is_clean(text: str | bytes, offset: int = 0) -> bool:
    """Return whether `text` from `offset` on is base64 and nothing else, complete and padded."""
    data = memoryview(text.encode("ascii", "replace") if isinstance(text, str) else text)[offset:]
    rest = bytes(data).translate(None, _ALPHABET)
    return len(data) % 4 == 0 and rest in (b"", b"=", b"==") and bytes(data[-2:]).endswith(rest)


class Blob:
    """A long string or byte string, still where it came from.

    `encoding` is None for bytes, else how a str is encoded. `len()` is its size in bytes as pickled.
    """

    __slots__ = ("_latin1", "encoding", "source", "start", "stop")

    def __init__(
        self,
        source: Source,
        start: int,
        stop: int,
        encoding: Encoding | None = None,
    ) -> None:
        self.source = source
        self.start = start
        self.stop = stop
        self.encoding = encoding
        self._latin1: bytes | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes `start` to `stop`, counted from the blob's beginning; ValueError if not base64."""
        end = self.stop if stop is None else min(self.start + stop, self.stop)
        return self.source.read(min(self.start + start, end), end)

    def text(self, limit: int | None = None) -> str:
        """Return the string, or about its first `limit` characters, with what can't be decoded escaped."""
        text = decoded(self.read(0, None if limit is None else 4 * limit), self.encoding or "latin-1")
        return text if limit is None else text[:limit]

    def latin1(self) -> bytes:
        """Return the bytes that protocols 0 to 2 wrote as a string of such characters; ValueError if not."""
        if self._latin1 is None:
            self._latin1 = self.text().encode("latin-1")
        return self._latin1


def decoded(data: bytes, encoding: Encoding) -> str:
    """Return a pickled string; lone surrogates are kept, as pickle does, and what is wrong is escaped."""
    try:
        return data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        return data.decode(encoding, "backslashreplace")
