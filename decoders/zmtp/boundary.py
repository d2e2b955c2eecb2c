"""Where in bytes from the middle of a stream a message begins, for a parser that was begun late.

There is no mark between frames, so this is a judgement: headers must follow each other without a
contradiction to the end of the chunk, and there must be enough of them to rule out chance. Text and base64,
nearly all of what a payload holds, contradict at once: their first byte has a reserved flag bit set. The
place is the start of a chunk, as that is often the start of what a peer sent, or, where a message of the same
stream is known, one that looks like that message's beginning.
"""

from collections.abc import Sequence
from typing import NamedTuple

from decoders.zmtp.encoding import COMMAND, LONG, MORE

_KNOWN_COMMANDS = (b"\x09SUBSCRIBE", b"\x06CANCEL", b"\x04PING", b"\x04PONG")
_ENOUGH = 4
_ENOUGH_FRAMES = 1000
_PATTERN = 8
_LEAST_PATTERN = 4
_MOST_PLACES = 64  # in one chunk
_MOST_PARTS = 64  # bytes that are all 0x01 look like a message of endless parts


class Beginning(NamedTuple):
    """What messages of a stream begin with: `pattern`, which stands `offset` bytes behind the boundary."""

    pattern: bytes
    offset: int


def beginning_of(frames: Sequence[bytes]) -> Beginning:
    """Return how a message begins on the wire: its topic with the header, else the start of its data."""
    first = frames[0]
    if len(first) > 255:
        return Beginning(first[:_PATTERN], 9)
    if len(frames) > 1:
        return Beginning(bytes((MORE, len(first))) + first, 0)
    return Beginning(first[:_PATTERN], 2)


def find_message(data: bytes, max_message: int, like: Beginning | None) -> int:
    """Return the first place where a message of at most `max_message` bytes plausibly begins, else -1."""
    # Where messages have several frames, a chunk that starts with a last one starts within a message.
    several = like is not None and not like.offset
    if begins_a_frame(data, 0, max_message) and (data[0] & MORE or not several):
        return 0
    if like is None or len(like.pattern) < _LEAST_PATTERN:
        return -1
    place = -1
    for _ in range(_MOST_PLACES):
        place = data.find(like.pattern, place + 1)
        if place < 0:
            break
        if place >= like.offset and begins_a_frame(data, place - like.offset, max_message, _ENOUGH - 3):
            return place - like.offset
    return -1


def begins_a_frame(data: bytes, position: int, max_message: int, evidence: int = 0) -> bool:
    """Return whether a frame of a message of at most `max_message` bytes plausibly begins at `position`.

    Counts evidence, beside what there is already: a non-empty short frame 1, a long frame's size 3, a known
    command 4, frames that end exactly with the chunk 3.
    """
    first = evidence
    frames = 0
    parts = 0
    end = len(data)
    while position < end and frames < _ENOUGH_FRAMES:
        flags = data[position]
        if flags > 6 or (flags & COMMAND and flags & MORE):
            return False
        start = position + (9 if flags & LONG else 2)
        if start > end:
            break
        size = int.from_bytes(data[position + 1 : start], "big")
        if flags & LONG:
            if not 255 < size <= max_message:
                return False
            evidence += 3
        elif size and start + size <= end:
            evidence += 1
        if flags & COMMAND:
            if not data.startswith(_KNOWN_COMMANDS, start):
                return False
            evidence += 4
        position = start + size
        frames += 1
        parts = parts + 1 if flags & MORE else 0
        if parts > _MOST_PARTS:
            return False
    if position == end and evidence > first:
        evidence += 3
    return evidence >= _ENOUGH
