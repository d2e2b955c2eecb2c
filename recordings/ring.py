"""A flight recorder: the last minute is kept in memory and written to a file when something happens.

What is kept are finished chunks, so that keeping costs nothing that recording does not, and writing is a
copy. Until then nothing is on disk: if the recorder is killed, its ring is gone.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from decoders.envelope import Envelope
from recordings.block import Block
from recordings.chunks import Pending, SealedChunk, seal
from recordings.control import ControlRecord, kind_of
from recordings.errors import DiskError, RecordingError
from recordings.preamble import Preamble, told
from recordings.records import Endpoint
from recordings.rotation import free_part, part_path
from recordings.sink import Definitions, FileSink
from recordings.vocabulary import Vocabulary
from recordings.writer import RecordingWriter

RING_BYTES: Final = 256 << 20
_RETRY_NS: Final = 10_000_000_000
AFTER_ERROR_NS: Final = 2_000_000_000
"""How long a ring waits after an `error` message, so that what the error led to is in the file as well."""


class Ring:
    """A sink that keeps the chunks of the last `keep_ns`, but at most about `keep_bytes`."""

    def __init__(self, path: Path, keep_ns: int, keep_bytes: int) -> None:
        self.chunks: deque[SealedChunk] = deque()
        self.attachments: list[tuple[str, str, bytes]] = []
        self.preamble = Preamble()
        self.last_error_ns: int | None = None
        self.let_go = 0
        self._told: deque[Block | None] = deque()
        self._path = path
        self._keep_ns = keep_ns
        self._keep_bytes = keep_bytes
        self._size = 0

    @property
    def path(self) -> Path:
        """Where the ring will be written."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    def write(self, sealed: SealedChunk) -> None:
        """Keep a chunk, and let go of those that are too old by now."""
        self.chunks.append(replace(sealed, block=None))
        self._told.append(None if sealed.block is None else told(sealed.block))
        self._size += sealed.size
        if sealed.errors and self.last_error_ns is None:
            self.last_error_ns = sealed.end_time
        oldest = sealed.end_time - self._keep_ns
        while self.chunks[0].end_time < oldest or (self._size > self._keep_bytes and len(self.chunks) > 1):
            self.let_go += self.chunks[0].rows
            self._drop()

    def clear(self) -> None:
        """Let go of everything but what exists at this moment."""
        while self.chunks:
            self._drop()
        self.last_error_ns = None

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Keep an attachment for good."""
        self.attachments.append((name, media_type, data))

    def finish(self, vocabulary: Definitions) -> None:
        """Nothing: a ring has no end."""

    def close(self) -> None:
        """Nothing."""

    def _drop(self) -> None:
        dropped = self.chunks.popleft()
        self._size -= dropped.size
        for record in dropped.records:
            self.preamble.remember(record)
        block = self._told.popleft()
        if block is not None:
            self.preamble.remember_nodes(block)


class RingWriter:
    """As RecordingWriter, but writes only the last `ring_ns` before an `error` message, a `dump` or the end.

    Each time a new file is made: `path`, then `part_path`. `paths` are those that were. `force` is for `path`
    alone: later files go round those that are there. Further arguments are RecordingWriter's.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        facts: Mapping[str, str],
        ring_ns: int,
        ring_bytes: int = RING_BYTES,
        on_error: bool = True,
        force: bool = False,
        **options: Any,
    ) -> None:
        self._base = Path(path)
        self._facts = dict(facts)
        self._on_error = on_error
        self._force = force
        self._after_error_ns = min(AFTER_ERROR_NS, ring_ns // 2)
        self._part = 0
        self._paths: list[Path] = []
        self._not_before_ns = 0
        self._vocabulary = Vocabulary()
        self._ring = Ring(self._base, ring_ns, ring_bytes)
        self._writer = RecordingWriter(
            path, facts=facts, sink=self._ring, vocabulary=self._vocabulary, **options
        )

    @property
    def path(self) -> Path:
        """The file that was written last, or will be."""
        return self._paths[-1] if self._paths else self._base

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files written so far, in order."""
        return tuple(self._paths)

    @property
    def let_go(self) -> int:
        """How many messages became too old before anything had them written."""
        return self._ring.let_go

    @property
    def size(self) -> int:
        """Bytes kept in memory."""
        return self._ring.size

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
        """As RecordingWriter.message."""
        return self._writer.message(
            time_ns, endpoint, connection, direction, frames, envelope, endpoint_record
        )

    def message_batch(
        self,
        time_ns: int,
        endpoint: int,
        connection: int | None,
        direction: Literal["out", "in"],
        messages: Iterable[tuple[Sequence[bytes], Envelope]],
        endpoint_record: Endpoint | None = None,
    ) -> None:
        """As RecordingWriter.message_batch."""
        self._writer.message_batch(time_ns, endpoint, connection, direction, messages, endpoint_record)

    def delivered(self, connection: int, message: int, time_ns: int, count: int = 1) -> None:
        """As RecordingWriter.delivered."""
        self._writer.delivered(connection, message, time_ns, count)

    def record(self, record: ControlRecord) -> None:
        """As RecordingWriter.record."""
        self._writer.record(record)

    def tick(self, now_ns: int) -> None:
        """As RecordingWriter.tick; a while after an `error` message it writes the file.

        Raises DiskError if that can't be done; it is tried again later.
        """
        self._writer.tick(now_ns)
        seen = self._ring.last_error_ns
        if (
            not self._on_error
            or seen is None
            or now_ns < max(seen + self._after_error_ns, self._not_before_ns)
        ):
            return
        self._not_before_ns = now_ns + _RETRY_NS
        self.dump()
        self._not_before_ns = 0

    def flush(self) -> None:
        """As RecordingWriter.flush."""
        self._writer.flush()

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """As RecordingWriter.attach, to every file."""
        self._writer.attach(name, media_type, data)

    def dump(self) -> Path | None:
        """Write what is kept to a new file, and begin anew; None if nothing was kept.

        Raises DiskError if the file can't be made or written; the ring is kept then.
        """
        self._writer.flush()
        if not self._ring.chunks:
            return None
        part = free_part(self._base, self._part + 1)
        path = part_path(self._base, part)
        try:
            sink = FileSink(
                path, {**self._facts, "ring": "yes", "part": str(part)}, force=self._force and part == 1
            )
        except DiskError:
            raise
        except RecordingError as error:
            raise DiskError(str(error), reason=str(error)) from None
        try:
            for sealed in [*self._preamble(), *self._ring.chunks]:
                sink.write(sealed)
            for attachment in self._ring.attachments:
                sink.attach(*attachment)
            sink.finish(self._vocabulary)
        except DiskError:
            with suppress(OSError):
                path.unlink()
            raise
        finally:
            sink.close()
        self._part = part
        self._paths.append(path)
        self._ring.clear()
        return path

    def close(self) -> None:
        """Write what is kept; DiskError, which says how much is lost, if that can't be done."""
        try:
            self.dump()
        except DiskError as error:
            messages, size = sum(sealed.rows for sealed in self._ring.chunks), self._ring.size
            self._ring.let_go += messages
            raise DiskError(str(error), reason=error.reason, messages=messages, size=size) from None

    def _preamble(self) -> list[SealedChunk]:
        """What existed before the first chunk, as a chunk of its own."""
        pending = Pending(0)
        start = self._ring.chunks[0].start_time
        for record in self._ring.preamble.records():
            pending.add_record(record, self._vocabulary.control(kind_of(record)), start)
        if not pending:
            return []
        return [seal(pending, self._vocabulary.channels, self._vocabulary.control("deliveries"), "auto")]
