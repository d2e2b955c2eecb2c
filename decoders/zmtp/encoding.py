"""Frames as bytes: the little of ZMTP that a proxy must write when it changes a message on its way."""

from collections.abc import Sequence
from struct import Struct

MORE = 0x01
LONG = 0x02
COMMAND = 0x04


def message_bytes(frames: Sequence[bytes]) -> bytes:
    """Return a multipart message as it goes over the wire; `frames` must not be empty."""
    if not frames:
        raise ValueError("a message has at least one frame")
    parts: list[bytes] = []
    for frame in frames:
        size = len(frame)
        parts += (_MORE_HEADS[size] if size < 256 else long_head(MORE, size), frame)
    size = len(frames[-1])
    parts[-2] = _LAST_HEADS[size] if size < 256 else long_head(0, size)
    return b"".join(parts)


def command_bytes(name: bytes, body: bytes = b"") -> bytes:
    """Return a command frame; `name` is 1 to 255 bytes."""
    if not 0 < len(name) < 256:
        raise ValueError("a command's name has 1 to 255 bytes")
    return frame_bytes(bytes([len(name)]) + name + body, COMMAND)


def frame_bytes(body: bytes, flags: int) -> bytes:
    """Return one frame as every peer writes it."""
    return frame_head(len(body), flags) + body


def frame_head(size: int, flags: int) -> bytes:
    """Return what stands before a body: its size in the short form if it fits, in the long one if not."""
    return bytes((flags, size)) if size < 256 else long_head(flags, size)


def long_head(flags: int, size: int) -> bytes:
    """Return the flags and the size of a frame of `size` bytes, in the long form."""
    return _LONG_HEAD.pack(flags | LONG, size)


_LONG_HEAD = Struct(">BQ")
_LAST_HEADS = [bytes((0, size)) for size in range(256)]
_MORE_HEADS = [bytes((MORE, size)) for size in range(256)]
