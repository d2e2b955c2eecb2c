"""Writes a recording, message by message, so that what is older than a chunk's age is safe from `kill -9`.

A chunk is closed at about 1 MiB or 50 ms, then handed to the operating system in one go; nothing is kept
back in buffers of our own, and nothing grows with the length of the recording. All on the caller's thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from decoders.envelope import Envelope
from recordings.chunks import Pending, SealedChunk, WrittenChannel, seal
from recordings.compression import Compression
from recordings.container import MAX_TIME, MESSAGE
from recordings.control import ControlRecord, kind_of
from recordings.errors import DiskError
from recordings.flags import Flag
from recordings.frames import encode_frames, encode_overflow
from recordings.layout import (
    CHUNK_AGE_NS,
    CHUNK_BYTES,
    CHUNK_FEW,
    MAX_PREFIX,
    MAX_PREFIX_FRAMES,
    MAX_SESSION_PAYLOAD,
    SESSION_TYPES,
    Kind,
)
from recordings.records import Endpoint, Loss
from recordings.sink import FileSink, Sink
from recordings.vocabulary import Vocabulary

_MAX_CARRIED: Final = 10_000
"""Most control records that are kept for the next chunk when one could not be written."""


class RecordingWriter:
    """A recording being written.

    `facts` are what is known of the session (versions, host, command line); they and the format version
    stand at the front of the file. The file is created with mode 0600 and is never written over unless
    `force` is set. `compression` "auto" leaves alone what would not shrink. `first_id` is the id of the
    first message, for a recording that continues another; `sink` takes the chunks instead of a file at
    `path`, and `vocabulary` knows their channels.

    Raises RecordingError if the file can't be created; later on DiskError for whatever the system refuses to
    write, after which writing may go on: the writer itself records what was lost as soon as it can.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        facts: Mapping[str, str],
        force: bool = False,
        chunk_bytes: int = CHUNK_BYTES,
        chunk_age_ns: int = CHUNK_AGE_NS,
        compression: Compression = "auto",
        first_id: int = 0,
        sink: Sink | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self._vocabulary = vocabulary or Vocabulary()
        self._chunk_bytes = chunk_bytes
        self._chunk_age_ns = chunk_age_ns
        self._compression = compression
        self._channels: dict[tuple[object, ...], WrittenChannel] = {}
        self._pending = Pending(first_id)
        self._ticked_ns = self._begun_ns = 0  # the last tick, and the last one before the chunk was begun
        self._next = first_id
        self._loss: Loss | None = None
        self._closed = False
        self._sink: Sink = sink or FileSink(Path(path), facts, force=force)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._sink.path

    @property
    def size(self) -> int:
        """Bytes in the file so far; what is collected for the next chunk is not counted."""
        return self._sink.size

    @property
    def messages(self) -> int:
        """How many messages have been given, which is the id of the next one."""
        return self._next

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
        """Record a message and return its id: 0, 1, 2, … in one recording.

        "out" is from the binding side to the connecting side, "in" the other way. For "out" this counts as
        the delivery on `connection`, None if none carried it; further copies are told by `delivered`.
        `endpoint_record` names the channel; by default the one given to `record` is used.
        """
        number = self._next
        self.message_batch(time_ns, endpoint, connection, direction, ((frames, envelope),), endpoint_record)
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
        """Record messages that a connection carried at the same time, as `message` does each of them; their
        ids follow each other.

        All of them are taken, even where the system refuses to write: one DiskError, for all that was
        refused, comes at the end.
        """
        out = direction == "out"
        source = -1 if out or connection is None else connection
        channels, pack, limit = self._channels, MESSAGE.pack, self._chunk_bytes
        number = self._next
        failure = pending = None
        size = 0
        for frames, envelope in messages:
            if pending is None:
                pending = self._pending
                parts, epochs, size = pending.parts, pending.epochs, pending.size
                pending.opened_ns = pending.opened_ns or time_ns
                pending.latest_ns = time_ns
                first = number
            publish = envelope.timestamp_ns
            if publish is None or not 0 <= publish <= MAX_TIME:
                publish = time_ns
            type_ = envelope.type
            channel = None
            # The usual case, and the path that has to be fast: one JSON object behind frames seen before.
            if type_ and not envelope.problem:
                data = frames[-1]
                key: tuple[object, ...]
                if len(frames) == 2:
                    key = (endpoint, source, type_, envelope.node_id, frames[0])
                else:
                    key = (endpoint, source, type_, envelope.node_id, *frames[:-1])
                channel = channels.get(key)
                if channel is None:
                    kind = Kind(endpoint, source, direction, type_, envelope.node_id)
                    channel = self._open_channel(key, kind, frames[:-1], endpoint_record)
            if channel is None:
                channel, data = self._multipart(
                    endpoint, source, direction, frames, envelope, endpoint_record
                )
            length = len(data)
            parts += (pack(5, 22 + length, channel.id, number & 0xFFFFFFFF, time_ns, publish), data)
            if envelope.sub_epoch:
                self._flag(len(epochs), Flag.SUB_EPOCH)
            if type_ in SESSION_TYPES and len(frames[-1]) <= MAX_SESSION_PAYLOAD:
                pending.payloads.append((len(epochs), frames[-1]))
            epochs.append(envelope.epoch)
            number += 1
            size += 31 + length
            if size >= limit and (len(epochs) >= CHUNK_FEW or size >= 4 * limit):
                if out and connection is not None:
                    pending.deliver(connection, first, number - first, time_ns)
                failure = self._close_chunk(pending, number, size, failure)
                pending = None
        if pending is not None:
            self._next, pending.size = number, size
            if out and connection is not None:
                pending.deliver(connection, first, number - first, time_ns)
            if time_ns - pending.opened_ns >= self._chunk_age_ns:
                failure = self._close_chunk(pending, number, size, failure)
        if failure is not None:
            raise failure

    def delivered(self, connection: int, message: int, time_ns: int, count: int = 1) -> None:
        """Record that `connection` carried copies of `count` messages from `message` on (an id returned by
        `message`) at `time_ns`."""
        pending = self._pending
        runs = pending.delivered.get(connection)
        if runs is None:
            if not pending:
                pending.opened_ns = time_ns
        elif runs[-3] + runs[-2] - 1 == message:  # told already
            message, count = message + 1, count - 1
        if count:
            pending.deliver(connection, message, count, time_ns)

    def record(self, record: ControlRecord, *, log_ns: int = 0) -> None:
        """Record a fact of the session; `log_ns` is when it is told, if that is later than when it was so."""
        self._add_record(record, log_ns)
        if self._pending.size >= self._chunk_bytes:
            self.flush()

    def tick(self, now_ns: int) -> None:
        """Close and write the chunk if it is older than its age; to be called every few tens of
        milliseconds.

        Messages that come late (the recorder lags behind the traffic) don't make a chunk old: its age counts
        from the tick before it was begun at the earliest.
        """
        if not self._pending:
            self._begun_ns = now_ns
        elif now_ns - max(self._pending.opened_ns, self._begun_ns) >= self._chunk_age_ns:
            self.flush()
        self._ticked_ns = now_ns

    def flush(self) -> None:
        """Close the chunk and hand it to the operating system."""
        if self._loss is not None:
            self._add_record(self._loss)
        if not self._pending:
            return
        pending = self._pending
        rows = len(pending.epochs)
        self._pending = Pending(self._next)
        self._begun_ns = self._ticked_ns
        sealed = seal(
            pending, self._vocabulary.channels, self._vocabulary.control("deliveries"), self._compression
        )
        try:
            self._sink.write(sealed)
        except DiskError as error:
            self._lose(pending, sealed, error.reason)
            raise DiskError(str(error), reason=error.reason, messages=rows, size=sealed.size) from None
        self._loss = None

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Add a file to the recording, such as the tube's specification."""
        self.flush()
        self._sink.attach(name, media_type, data)

    def close(self) -> None:
        """Write what is pending, the row index and the summary, and close the file.

        Raises DiskError if there is no room for that, or if the file was deleted meanwhile. It is closed
        all the same, and readable as a cut-off one.
        """
        if self._closed:
            return
        self._closed = True
        failure = None
        # A last chunk that does not fit leaves room, perhaps, for the account of its loss and for the end.
        for step in (self.flush, self.flush, self._finish):
            try:
                step()
            except DiskError as error:
                failure = failure or error
        self._sink.close()
        if failure is not None:
            raise failure

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_chunk(
        self, pending: Pending, number: int, size: int, before: DiskError | None
    ) -> DiskError | None:
        """Write the chunk within a batch; return what was refused, with what was `before`."""
        self._next, pending.size = number, size
        try:
            self.flush()
        except DiskError as error:
            if before is not None:
                error.messages += before.messages
                error.bytes += before.bytes
            return error
        return before

    def _finish(self) -> None:
        self._sink.finish(self._vocabulary)

    def _add_record(self, record: ControlRecord, log_ns: int = 0) -> None:
        if isinstance(record, Endpoint):
            self._vocabulary.endpoints[record.id] = record
        self._pending.add_record(record, self._vocabulary.control(kind_of(record)), log_ns)

    def _open_channel(
        self, key: tuple[object, ...], kind: Kind, prefix: Sequence[bytes], endpoint: Endpoint | None
    ) -> WrittenChannel | None:
        """A channel for usual messages; None if their constant frames are too many or channels ran out."""
        if len(prefix) > MAX_PREFIX_FRAMES or sum(map(len, prefix)) > MAX_PREFIX:
            return None
        channel = self._vocabulary.message(kind, tuple(prefix), endpoint)
        if channel is not None:
            self._channels[key] = channel
        return channel

    def _multipart(
        self,
        endpoint: int,
        source: int,
        direction: Literal["out", "in"],
        frames: Sequence[bytes],
        envelope: Envelope,
        endpoint_record: Endpoint | None,
    ) -> tuple[WrittenChannel, bytes]:
        """Channel and data of an unusual message: all its frames as a list."""
        kind = Kind(endpoint, source, direction, envelope.type, envelope.node_id)
        channel = self._channels.get((kind,))
        if channel is None:
            channel = self._vocabulary.message(kind, None, endpoint_record)
            if channel is not None:
                self._channels[(kind,)] = channel
        if channel is None:
            channel = self._vocabulary.overflow()
            data = encode_overflow(kind, frames)
        else:
            data = encode_frames(frames)
        row = len(self._pending.epochs)
        self._pending.unusual[row] = (kind, sum(map(len, frames)))
        if envelope.problem:
            self._flag(row, Flag.UNDECODED)
        return channel, data

    def _flag(self, row: int, flag: Flag) -> None:
        flags = self._pending.flags
        flags[row] = flags.get(row, 0) | flag

    def _lose(self, pending: Pending, sealed: SealedChunk, reason: str) -> None:
        """Keep account of a chunk that could not be written, and keep its control records for the next
        one."""
        before = self._loss
        self._loss = Loss(
            time_ns=sealed.end_time,
            stage="disk",
            bytes=sealed.size + (before.bytes if before else 0),
            since_ns=before.since_ns if before else pending.opened_ns,
            messages=len(pending.epochs) + ((before.messages or 0) if before else 0),
            reason=reason,
        )
        for record in pending.records[-_MAX_CARRIED:]:
            if record is not before:
                self._add_record(record)
        self._pending.opened_ns = sealed.end_time
