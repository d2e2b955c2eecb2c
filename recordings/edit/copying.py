"""Copies recordings, whole or in part, into one new recording; what slicing, merging and redaction have in
common.

Numbers of endpoints, connections and messages are given anew where several recordings meet; times can be
shifted. Each message keeps its deliveries, its frames bit for bit unless a `Rewrite` changes them, and its
order in time.
"""

import heapq
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from decoders.envelope import read_envelope
from recordings.control import ControlRecord
from recordings.edit.parts import Part, parts
from recordings.errors import RecordingError
from recordings.filters.values import Mask
from recordings.notes import added_notes
from recordings.recording import Recording
from recordings.records import Connection, Endpoint, Loss, Note, Record, Subscription
from recordings.rows import NO_CONNECTION
from recordings.writer import RecordingWriter

CHUNK_AGE_NS = 10_000_000_000
"""A copy is not watched live, so its chunks may span more time than those of a recorder."""

OWN_FACTS = ("format", "library", "ended_ns", "messages")
"""Facts that every file has of its own."""

RECORD, ROW, COPY = range(3)
"""What comes first at the same time: records say who is who, copies follow their message."""


class Rewrite(Protocol):
    """Changes what is copied."""

    def record(self, record: ControlRecord) -> ControlRecord | None:
        """Give what to write instead of a record; None leaves it out."""

    def frames(self, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Give the frames to write instead."""


class Unchanged:
    """Changes nothing."""

    def record(self, record: ControlRecord) -> ControlRecord | None:
        """Give the same record."""
        return record

    def frames(self, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Give the same frames."""
        return frames


@dataclass
class Source:
    """One recording to copy from.

    `rows` marks the rows to copy (None: all), `keep` says which records to copy. `time_ns` is added to its
    times, `endpoints` and `connections` to its numbers.
    """

    recording: Recording
    rows: Mask | None = None
    keep: Callable[[Record], bool] = lambda record: True
    time_ns: int = 0
    endpoints: int = 0
    connections: int = 0
    ids: "np.ndarray[tuple[int], np.dtype[np.int64]]" = field(init=False)

    def __post_init__(self) -> None:
        # The new message id of each row, -1 while it has none.
        self.ids = np.full(len(self.recording.rows), -1, dtype=np.int64)

    def __len__(self) -> int:
        """How many rows are to be copied."""
        return len(self.ids) if self.rows is None else int(np.count_nonzero(self.rows))


class Copied(msgspec.Struct, frozen=True):
    """What a copy holds, and how many messages could not be read."""

    messages: int
    copies: int
    unreadable: int


class _Event(NamedTuple):
    time_ns: int
    kind: int
    order: int
    source: Source
    what: Any


def copy(
    sources: Sequence[Source],
    writer: RecordingWriter,
    *,
    rewrite: Rewrite | None = None,
    progress: Callable[[float], None] | None = None,
) -> Copied:
    """Copy messages, deliveries and records in the order of time; the caller closes the writer.

    Notes added to the sources become part of the copy. A message whose chunk is damaged is left out and
    counted. Raises RecordingError where a file can't be read or written at all.
    """
    copier = _Copier(writer, rewrite or Unchanged())
    total = max(1, sum(len(source) for source in sources))
    streams = [_events(source, order) for order, source in enumerate(sources)]
    for event in heapq.merge(*streams, key=lambda event: event[:3]):
        copier.take(event)
        if progress is not None and event.kind == ROW and copier.messages % 256 == 0:
            progress(copier.messages / total)
    for source in sources:
        for note in added_notes(source.recording):
            copier.notes.append((source, note))
    copier.write_notes()
    return Copied(copier.messages, copier.copies, copier.unreadable)


def attach_all(source: Source, writer: RecordingWriter, change: Callable[[str, bytes], bytes | None]) -> None:
    """Copy the attachments, each as `change` gives it back from its name and data; None leaves it out."""
    for name in source.recording.attachments():
        data = change(name, source.recording.attachment(name))
        if data is not None:
            writer.attach(name, mimetypes.guess_type(name)[0] or "application/octet-stream", data)


def facts_of(recording: Recording, **more: str) -> dict[str, str]:
    """Give the facts for a copy of a recording: its own, and how the copy came about."""
    return {name: value for name, value in recording.facts.items() if name not in OWN_FACTS} | more


def new_writer(path: Path, facts: Mapping[str, str]) -> RecordingWriter:
    """Begin the file of a copy; raises RecordingError if that can't be done."""
    return RecordingWriter(path, facts=facts, chunk_age_ns=CHUNK_AGE_NS)


class _Copier:
    """Writes what comes, under new numbers."""

    def __init__(self, writer: RecordingWriter, rewrite: Rewrite) -> None:
        self._writer = writer
        self._rewrite = rewrite
        self.messages = 0
        self.copies = 0
        self.unreadable = 0
        self.notes: list[tuple[Source, Note]] = []

    def take(self, event: _Event) -> None:
        """Write one event."""
        if event.kind == RECORD:
            self._record(event.source, event.what)
        elif event.kind == ROW:
            self._message(event.source, *event.what)
        else:
            self._copy(event.source, *event.what)

    def write_notes(self) -> None:
        """Write the notes, now that all messages have their numbers."""
        for source, note in self.notes:
            if note.message is None:
                self._write(source, note)
                continue
            row = int(source.recording.rows.rows_of(np.array([note.message], dtype=np.int64))[0])
            if row >= 0 and source.ids[row] >= 0:
                self._write(source, msgspec.structs.replace(note, message=int(source.ids[row])))

    def _record(self, source: Source, record: Record) -> None:
        if isinstance(record, Note):
            self.notes.append((source, record))
        elif isinstance(record, ControlRecord):
            self._write(source, record)

    def _write(self, source: Source, record: ControlRecord) -> None:
        changed = self._rewrite.record(renumbered(record, source))
        if changed is not None:
            self._writer.record(changed)

    def _message(self, source: Source, row: int, part: Part) -> None:
        try:
            frames = self._rewrite.frames(source.recording.frames(row))
        except RecordingError:
            self.unreadable += 1
            return
        kind = part.kind_of(row)
        outward = kind.direction == "out"
        connection = int(source.recording.rows.connection[row]) if outward else max(kind.connection, 0)
        carried = connection != NO_CONNECTION
        source.ids[row] = self._writer.message(
            int(source.recording.rows.time_ns[row]) + source.time_ns,
            kind.endpoint + source.endpoints,
            connection + source.connections if carried else None,
            "out" if outward else "in",
            frames,
            read_envelope(frames),
            None,
        )
        self.messages += 1
        self.copies += outward and carried

    def _copy(self, source: Source, row: int, connection: int, time_ns: int) -> None:
        rows = source.recording.rows
        first = connection == int(rows.connection[row]) and time_ns - source.time_ns == int(rows.time_ns[row])
        if not first and source.ids[row] >= 0:
            self._writer.delivered(connection + source.connections, int(source.ids[row]), time_ns)
            self.copies += 1


def renumbered(record: ControlRecord, source: Source) -> ControlRecord:
    """Give a record the numbers and the time that it has in the copy."""
    changes: dict[str, Any] = {}
    if source.time_ns:
        changes["time_ns"] = max(0, record.time_ns + source.time_ns)
        if isinstance(record, Loss):
            changes["since_ns"] = max(0, record.since_ns + source.time_ns)
    if isinstance(record, Endpoint):
        changes["id"] = record.id + source.endpoints
    elif isinstance(record, Connection):
        changes["id"] = record.id + source.connections
        changes["endpoint"] = record.endpoint + source.endpoints
    elif isinstance(record, Subscription | Loss) and record.connection is not None:
        changes["connection"] = record.connection + source.connections
    return msgspec.structs.replace(record, **changes) if changes else record


def _events(source: Source, order: int) -> Iterator[_Event]:
    """Give what is in a recording as events, each part in the order of time; messages stay in their own
    order.
    """
    rows = source.recording.rows
    latest = 0
    for part in parts(source.recording):
        stop = part.first + len(part.ids)
        numbers = np.arange(part.first, stop)
        if source.rows is not None:
            numbers = numbers[source.rows[part.first : stop]]
        times = np.maximum(np.maximum.accumulate(rows.time_ns[numbers]), latest)
        events = [
            _Event(time_ns + source.time_ns, ROW, order, source, (row, part))
            for row, time_ns in zip(numbers.tolist(), times.tolist(), strict=True)
        ]
        latest = int(times[-1]) if len(times) else latest
        events += [
            _Event(record.time_ns + source.time_ns, RECORD, order, source, record)
            for record in part.records
            if source.keep(record)
        ]
        events += _copy_events(source, order, part, latest)
        events.sort(key=lambda event: event[:3])
        yield from events


def _copy_events(source: Source, order: int, part: Part, latest: int) -> Iterator[_Event]:
    """Give the deliveries that a part tells of, behind all its messages: a copy can't come before its
    message.
    """
    rows = source.recording.rows.rows_of(part.copies.message)
    known = rows >= 0
    if source.rows is not None:
        known &= source.rows[np.maximum(rows, 0)]
    columns = (rows[known], part.copies.connection[known], part.copies.time_ns[known])
    for row, connection, time_ns in zip(*(column.tolist() for column in columns), strict=True):
        shifted = time_ns + source.time_ns
        yield _Event(max(shifted, latest + source.time_ns), COPY, order, source, (row, connection, shifted))
