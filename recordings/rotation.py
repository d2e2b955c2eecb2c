"""A long recording as several files, of which the oldest may be dropped.

Each file is complete in itself: it begins with what exists at that moment (endpoints, connections,
subscriptions) and its message ids go on from the file before.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from decoders.envelope import Envelope
from recordings.chunks import SealedChunk
from recordings.control import ControlRecord
from recordings.errors import DiskError, RecordingError
from recordings.preamble import Preamble
from recordings.records import Endpoint
from recordings.sink import FileSink
from recordings.writer import RecordingWriter

_RETRY_NS: Final = 10_000_000_000


def part_path(path: Path, number: int) -> Path:
    """The name of the part `number` (from 1) of a recording: `run.mcap`, then `run.2.mcap`, `run.3.mcap`."""
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def free_part(path: Path, number: int) -> int:
    """The number of the next part, from `number` on, whose name is free; the first part has the name that
    was asked for."""
    while number > 1 and part_path(path, number).exists():
        number += 1
    return number


class _Part(FileSink):
    """A file that tells the preamble of the next one what nodes say of themselves."""

    def __init__(self, path: Path, facts: Mapping[str, str], preamble: Preamble, *, force: bool) -> None:
        super().__init__(path, facts, force=force)
        self._preamble = preamble

    def write(self, sealed: SealedChunk) -> None:
        super().write(sealed)
        if sealed.block is not None:
            self._preamble.remember_nodes(sealed.block)


class RotatingWriter:
    """As RecordingWriter, but goes on in a new file when one has `rotate_bytes` or lasts `rotate_ns`.

    Of the files, only the last `keep` stay. `paths` are those that are there, the current one last. Facts
    "part" and "continues" (name of the file before) stand in each file. `force` is for `path` alone: later
    parts go round files that are there. Further arguments are RecordingWriter's.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        facts: Mapping[str, str],
        rotate_bytes: int | None = None,
        rotate_ns: int | None = None,
        keep: int | None = None,
        force: bool = False,
        **options: Any,
    ) -> None:
        if keep is not None and keep < 1:
            raise ValueError("keep must be at least 1")
        self._base = Path(path)
        self._facts = dict(facts)
        self._rotate_bytes = rotate_bytes
        self._rotate_ns = rotate_ns
        self._keep = keep
        self._options = options
        self._preamble = Preamble()
        self._part = 0
        self._began_ns: int | None = None
        self._parts: deque[tuple[Path, int]] = deque()
        self._force = force
        self._not_before_ns = 0
        self._writer = self._open(0, 0)

    @property
    def path(self) -> Path:
        """The current file."""
        return self._writer.path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of this recording that are kept, in order."""
        return tuple(path for path, _ in self._parts)

    @property
    def let_go(self) -> int:
        """How many messages were in files that are no longer kept."""
        return self._parts[0][1]

    @property
    def size(self) -> int:
        """Bytes in the current file."""
        return self._writer.size

    @property
    def messages(self) -> int:
        """How many messages have been given in all."""
        return self._writer.messages

    def message(
        self,
        time_ns: int,
        endpoint: int,
        connection: int | None,
        direction: Literal["out", "in"],
        frames: Sequence[bytes],
        envelope: Envelope,
        endpoint_record: Endpoint | None = None,
    ) -> int:
        """As RecordingWriter.message; ids go on through all files."""
        number = self._writer.message(
            time_ns, endpoint, connection, direction, frames, envelope, endpoint_record
        )
        if self._began_ns is None:
            self._began_ns = time_ns
        if self._due(time_ns):
            self._rotate(time_ns)
        return number

    def message_batch(
        self,
        time_ns: int,
        endpoint: int,
        connection: int | None,
        direction: Literal["out", "in"],
        messages: Iterable[tuple[Sequence[bytes], Envelope]],
        endpoint_record: Endpoint | None = None,
    ) -> None:
        """As RecordingWriter.message_batch, all of it into one file."""
        self._writer.message_batch(time_ns, endpoint, connection, direction, messages, endpoint_record)
        if self._began_ns is None:
            self._began_ns = time_ns
        if self._due(time_ns):
            self._rotate(time_ns)

    def delivered(self, connection: int, message: int, time_ns: int, count: int = 1) -> None:
        """As RecordingWriter.delivered. A copy of a message in an earlier file is noted in the current
        one."""
        self._writer.delivered(connection, message, time_ns, count)

    def record(self, record: ControlRecord) -> None:
        """As RecordingWriter.record."""
        self._preamble.remember(record)
        self._writer.record(record)

    def tick(self, now_ns: int) -> None:
        """As RecordingWriter.tick."""
        self._writer.tick(now_ns)
        if self._due(now_ns):
            self._rotate(now_ns)

    def flush(self) -> None:
        """As RecordingWriter.flush."""
        self._writer.flush()

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """As RecordingWriter.attach, to the current file."""
        self._writer.attach(name, media_type, data)

    def close(self) -> None:
        """As RecordingWriter.close."""
        self._writer.close()

    def _due(self, now_ns: int) -> bool:
        if now_ns < self._not_before_ns:
            return False
        if self._rotate_bytes is not None and self._writer.size >= self._rotate_bytes:
            return True
        began = self._began_ns
        return self._rotate_ns is not None and began is not None and now_ns - began >= self._rotate_ns

    def _rotate(self, now_ns: int) -> None:
        """Go on in a new file; while none can be made, in the old one."""
        old = self._writer
        old.flush()
        try:
            self._writer = self._open(old.messages, now_ns)
        except RecordingError:
            self._not_before_ns = now_ns + _RETRY_NS
            return
        self._began_ns = None
        # Without its end the old file is still readable; what is being recorded now matters more.
        with suppress(DiskError):
            old.close()
        while self._keep is not None and len(self._parts) > self._keep:
            with suppress(OSError):
                self._parts.popleft()[0].unlink()

    def _open(self, first_id: int, now_ns: int) -> RecordingWriter:
        part = free_part(self._base, self._part + 1)
        facts = {**self._facts, "part": str(part)}
        if self._parts:
            facts["continues"] = self._parts[-1][0].name
        path = part_path(self._base, part)
        sink = _Part(path, facts, self._preamble, force=self._force and part == 1)
        writer = RecordingWriter(path, facts=facts, first_id=first_id, sink=sink, **self._options)
        for record in self._preamble.records():
            writer.record(record, log_ns=now_ns)
        self._part = part
        self._parts.append((path, first_id))
        return writer
