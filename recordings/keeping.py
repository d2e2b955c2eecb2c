"""What of a session is to be kept, and the writer that does so: everything in one file, the last files of
many, or only what happened just before something went wrong."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from decoders.envelope import Envelope
from recordings.control import ControlRecord
from recordings.records import Endpoint
from recordings.ring import RingWriter
from recordings.rotation import RotatingWriter
from recordings.writer import RecordingWriter


class Writer(Protocol):
    """What a recorder needs of any of the writers; see RecordingWriter."""

    @property
    def path(self) -> Path:
        """The current file."""

    @property
    def size(self) -> int:
        """Bytes in it, or kept."""

    @property
    def messages(self) -> int:
        """How many messages have been given, which is the id of the next one."""

    def message_batch(
        self,
        time_ns: int,
        endpoint: int,
        connection: int,
        direction: Literal["out", "in"],
        messages: Iterable[tuple[Sequence[bytes], Envelope]],
        endpoint_record: Endpoint | None = None,
    ) -> None:
        """Record messages that a connection carried at the same time."""

    def delivered(self, connection: int, message: int, time_ns: int, count: int = 1) -> None:
        """Record copies."""

    def record(self, record: ControlRecord) -> None:
        """Record a fact of the session."""

    def tick(self, now_ns: int) -> None:
        """Close a chunk that is old enough."""

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Add a file."""

    def close(self) -> None:
        """End the recording."""


class Keeping(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be kept: by default everything, in one file.

    With `rotate_bytes` or `rotate_ns` a new file is begun when one is that large or old, and only the last
    `keep` of them stay. With `ring_ns` only that long a time before an error, a dump or the end is written.
    """

    rotate_bytes: int | None = None
    rotate_ns: int | None = None
    keep: int | None = None
    ring_ns: int | None = None

    def writer(self, path: Path, *, facts: Mapping[str, str], force: bool = False) -> Writer:
        """The writer that does so, beginning at `path`; raises RecordingError if that can't be created."""
        if self.ring_ns is not None:
            return RingWriter(path, facts=facts, ring_ns=self.ring_ns, force=force)
        if self.rotate_bytes is not None or self.rotate_ns is not None:
            return RotatingWriter(
                path,
                facts=facts,
                rotate_bytes=self.rotate_bytes,
                rotate_ns=self.rotate_ns,
                keep=self.keep,
                force=force,
            )
        return RecordingWriter(path, facts=facts, force=force)


EVERYTHING = Keeping()
"""One file with everything."""


def files_of(writer: Writer) -> tuple[Path, ...]:
    """The files of a recording that are there so far."""
    return writer.paths if isinstance(writer, RingWriter | RotatingWriter) else (writer.path,)


def let_go(writer: Writer) -> int:
    """How many messages are in no file any more, as was asked for."""
    return writer.let_go if isinstance(writer, RingWriter | RotatingWriter) else 0


def dump(writer: Writer) -> Path | None:
    """Have a flight recorder write what it has; None if the writer is none, or has nothing.

    Raises DiskError if the system refuses.
    """
    return writer.dump() if isinstance(writer, RingWriter) else None
