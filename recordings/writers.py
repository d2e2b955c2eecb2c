"""The writers from which a recorder chooses one, and what it needs of any of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from decoders.envelope import Envelope
from recordings.control import ControlRecord
from recordings.keeping import Keeping
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
        connection: int | None,
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


def writer_for(keeping: Keeping, path: Path, *, facts: Mapping[str, str], force: bool = False) -> Writer:
    """The writer that keeps this, beginning at `path`; raises RecordingError if that can't be created."""
    if keeping.ring_ns is not None:
        return RingWriter(path, facts=facts, ring_ns=keeping.ring_ns, force=force)
    if keeping.rotate_bytes is not None or keeping.rotate_ns is not None:
        return RotatingWriter(
            path,
            facts=facts,
            rotate_bytes=keeping.rotate_bytes,
            rotate_ns=keeping.rotate_ns,
            keep=keeping.keep,
            force=force,
        )
    return RecordingWriter(path, facts=facts, force=force)


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
