"""Whether bytes from the middle of a stream start with a frame, for a parser that was begun late.

There is no mark between frames, so this is a judgement: headers must follow each other without a
contradiction to the end of the chunk, and there must be enough of them to rule out chance. Text and base64,
nearly all of what a payload holds, contradict at once: their first byte has a reserved flag bit set.
"""

from decoders.zmtp.encoding import COMMAND, LONG, MORE

_KNOWN_COMMANDS = (b"\x09SUBSCRIBE", b"\x06CANCEL", b"\x04PING", b"\x04PONG")
_ENOUGH = 4
_ENOUGH_FRAMES = 1000
_MOST_PARTS = 64  # bytes that are all 0x01 look like a message of endless parts


def begins_a_frame(data: bytes, max_message: int) -> bool:
    """Return whether `data` plausibly starts with a frame of a message of at most `max_message` bytes.

    Counts evidence: a non-empty short frame 1, a long frame's size 3, a known command 4, frames that end
    exactly with the chunk 3.
    """
    evidence = 0
    position = 0
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
    if position == end and evidence:
        evidence += 3
    return evidence >= _ENOUGH
