"""The gist of a big pickle for a list of messages, from a few kilobytes of its base64 text."""

import binascii
import re

from decoders.pickles.lines import one_line
from decoders.pickles.machine import Limits
from decoders.pickles.reading import after_prefix, read_source
from decoders.pickles.sources import Base64Source, PlainSource
from decoders.pickles.values import Unreadable, Value

_LIMITS = Limits(opcodes=800, memo=800, depth=100, inline=256, string=2048, line=4096, window=2048)
_HEAD = 8192


def head(text: str | bytes, *, limit: int = 120, whole: bool = True) -> str:
    """Return what a pickle is, such as `ndarray (480, 640, 3) uint8`, in at most `limit` safe characters.

    `text` is base64 with or without noob's `pck__`. Only its beginning is decoded, and what comes after long
    strings that are passed over. Say `whole=False` when `text` itself is only the beginning.
    """
    value = _read_head(text)
    if isinstance(value, Unreadable) and value.pieces and (value.limited or not whole):
        line = one_line(value.pieces[0], limit - 2)
        return line if line.endswith("…") else f"{line} …"
    return one_line(value, limit)


def _read_head(text: str | bytes) -> Value:
    offset = after_prefix(text)
    source = Base64Source(text, offset)
    try:
        source.read(0, min(source.size, _LIMITS.window))
    except ValueError:
        return read_source(PlainSource(_picked_out(text, offset)), _LIMITS)
    return read_source(source, _LIMITS)


def _picked_out(text: str | bytes, offset: int) -> bytes:
    """Return what the base64 characters among others at the beginning of a text say."""
    beginning = text[offset : offset + _HEAD]
    data = beginning.encode("ascii", "replace") if isinstance(beginning, str) else bytes(beginning)
    characters = _OTHERS.sub(b"", data)
    whole = characters[: len(characters) // 4 * 4]
    rest = characters[len(whole) :]
    return binascii.a2b_base64(whole + (rest + b"==")[:4] if len(rest) > 1 else whole)


_OTHERS = re.compile(rb"[^A-Za-z0-9+/]+")
