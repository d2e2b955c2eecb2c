"""A recording read from front to back, part by part, as its writer put it down: for copying it.

Unlike `Recording`, which answers questions, this gives everything once and in order: control records, rows,
copies.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recordings.block import Block
from recordings.columns import Integers
from recordings.container import Channel, Damage
from recordings.control import decode_control
from recordings.errors import RecordingError
from recordings.frames import MessageChannel
from recordings.layout import MAGIC, Kind
from recordings.recording import Recording
from recordings.records import Record
from recordings.scan import read_chunk, scan
from recordings.walk import FoundChunk, Walk


@dataclass(frozen=True)
class Copies:
    """Deliveries as columns: message ids, and the connections and times at which a copy was seen."""

    message: Integers
    connection: Integers
    time_ns: Integers


@dataclass(frozen=True)
class Part:
    """What one chunk holds. `first` is the number of its first row, `ids` are the rows' message ids."""

    first: int
    ids: Integers
    kinds: list[Kind]
    kind: Integers
    records: list[Record]
    copies: Copies

    def kind_of(self, row: int) -> Kind:
        """Say what is known of a row by its channel: endpoint, connection, direction."""
        return self.kinds[int(self.kind[row - self.first])]


def parts(recording: Recording) -> Iterator[Part]:
    """Yield the parts of a recording that has been read; raises RecordingError if the file can't be read.

    The rows are those of `recording.rows`, under the same numbers. What is damaged has been left out there,
    too.
    """
    try:
        file = os.open(recording.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RecordingError(f"can't open {recording.path}: {error.strerror}") from None
    try:
        yield from _parts(file, recording)
    except OSError as error:
        raise RecordingError(f"can't read {recording.path}: {error.strerror}") from None
    finally:
        os.close(file)


def longest_delays(recording: Recording) -> Integers:
    """Give for each row how long after its first copy the last one was seen, in ns; -1 where no copy is
    known.
    """
    rows = recording.rows
    delays = np.full(len(rows), -1, dtype=np.int64)
    for part in parts(recording):
        numbers = rows.rows_of(part.copies.message)
        known = (numbers >= 0) & (numbers < len(delays))
        numbers = numbers[known]
        np.maximum.at(delays, numbers, part.copies.time_ns[known] - rows.time_ns[numbers])
    return delays


def _parts(file: int, recording: Recording) -> Iterator[Part]:
    channels: dict[int, MessageChannel] = {}
    total = len(recording.rows)
    first = 0
    next_id = 0
    for found in Walk(file, len(MAGIC)).steps(os.fstat(file).st_size, final=True):
        if isinstance(found, Channel):
            channels[found.id] = MessageChannel.of(found)
        if not isinstance(found, FoundChunk):
            continue
        block = found.block or _scanned(file, found.offset, channels, next_id)
        if block is None or first + len(block) > total:
            continue
        yield Part(first, block.id, block.kinds, block.kind, _records(block), _copies(block))
        first += len(block)
        if len(block):
            next_id = int(block.id[-1]) + 1


def _scanned(file: int, offset: int, channels: dict[int, MessageChannel], next_id: int) -> Block | None:
    try:
        chunk = read_chunk(file, offset)
        known: Mapping[int, MessageChannel] = channels
        block = scan(chunk, known, next_id)
    except Damage:
        return None
    channels.update(chunk.channels)
    return block


def _records(block: Block) -> list[Record]:
    records = []
    for kind, data in block.records:
        try:
            records.append(decode_control(kind, data))
        except Damage:
            continue
    return records


def _copies(block: Block) -> Copies:
    columns: list[tuple[Integers, Integers, Integers]] = []
    for runs in block.runs.batches():
        repeated = np.repeat(np.arange(len(runs)), runs.count)
        steps = np.arange(len(repeated)) - np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
        columns.append((runs.message[repeated] + steps, runs.connection[repeated], runs.time_ns[repeated]))
    if not columns:
        nothing = np.empty(0, dtype=np.int64)
        return Copies(nothing, nothing, nothing)
    message, connection, time_ns = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Copies(message, connection, time_ns)
