"""The bits that mark a row."""

from enum import IntFlag


class Flag(IntFlag):
    """What a row is marked with, beyond its columns."""

    ERROR = 1
    """A noob `error` message."""
    UNDECODED = 2
    """Not a noob message, or its envelope could not be read whole."""
    SUB_EPOCH = 4
    """It belongs to a sub-epoch; `epoch` is the root one."""
    LATE = 8
    """A copy was delivered more than `layout.LATE_NS` after the message was first seen."""
    BIG = 16
    """At least `layout.BIG` bytes."""
    MULTIPART = 32
    """Stored as a list of frames rather than as one JSON object behind constant frames."""
