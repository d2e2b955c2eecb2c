"""What of a session is to be kept: everything in one file, the last files of many, or only what happened just
before something went wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Keeping:
    """What is to be kept: by default everything, in one file.

    With `rotate_bytes` or `rotate_ns` a new file is begun when one is that large or old, and only the last
    `keep` of them stay. With `ring_ns` only that long a time before an error, a dump or the end is written.
    """

    rotate_bytes: int | None = None
    rotate_ns: int | None = None
    keep: int | None = None
    ring_ns: int | None = None


EVERYTHING = Keeping()
"""One file with everything."""
