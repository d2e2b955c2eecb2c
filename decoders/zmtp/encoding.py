"""Frames as bytes: the little of ZMTP that a proxy must write when it changes a message on its way."""

from collections.abc import Sequence

MORE = 0x01
LONG = 0x02
COMMAND = 0x04


def message_bytes(frames: Sequence[bytes]) -> bytes:
    """Return a multipart message as it goes over the wire; `frames` must not be empty."""
    if not frames:
        raise ValueError("a message has at least one frame")
    last = len(frames) - 1
    return b"".join(frame_bytes(frame, 0 if index == last else MORE) for index, frame in enumerate(frames))


def command_bytes(name: bytes, body: bytes = b"") -> bytes:
    """Return a command frame; `name` is 1 to 255 bytes."""
    if not 0 < len(name) < 256:
        raise ValueError("a command's name has 1 to 255 bytes")
    return frame_bytes(bytes([len(name)]) + name + body, COMMAND)


def frame_bytes(body: bytes, flags: int) -> bytes:
    """Return one frame with the short size when it fits, the long one when not, as every peer writes it."""
    if len(body) < 256:
        return bytes((flags, len(body))) + body
    return bytes((flags | LONG,)) + len(body).to_bytes(8, "big") + body
