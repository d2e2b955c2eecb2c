"""A chunk read from its bytes: unfolded, checked, and its rows found again from the messages themselves.

This is how files are read that have no blocks, because another program has recovered, filtered or written
them. Row for row it says the same as the block that the writer would have put in front of the chunk.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.envelope import Envelope, read_envelope
from recordings.block import MAX_ROWS, MAX_RUN, Block, Runs, no_runs
from recordings.chunks import read_heads
from recordings.columns import Integers
from recordings.compression import decompress
from recordings.container import (
    CHUNK,
    MAX_TIME,
    MESSAGE,
    MESSAGE_FIELDS,
    RECORD,
    Damage,
    Opcode,
    check_crc,
    read_channel,
    read_chunk_head,
)
from recordings.control import TYPES, decode_control
from recordings.flags import Flag
from recordings.frames import MessageChannel
from recordings.layout import BIG, CONTROL_PREFIX, MAX_SESSION_PAYLOAD, SESSION_TYPES, Kind
from recordings.records import Deliveries
from recordings.walk import read_exactly

_MAX_32 = (1 << 32) - 1
_MAX_COMPRESSION_NAME = 64


@dataclass(frozen=True, slots=True)
class ChunkData:
    """An unfolded chunk: its records, the channels defined in it, and where its messages begin.

    `definitions` are the schema and channel records themselves, by opcode and id.
    """

    data: bytes
    channels: Mapping[int, MessageChannel]
    messages: Integers
    definitions: Mapping[tuple[int, int], bytes]


def unfold(file: int, offset: int) -> bytes:
    """The records of the chunk whose record is at `offset`; Damage if its checksum is wrong."""
    opcode, length = RECORD.unpack(read_exactly(file, offset, RECORD.size))
    if opcode != Opcode.CHUNK or length < CHUNK.size:
        raise Damage("there is no chunk where one should be")
    content = memoryview(read_exactly(file, offset + RECORD.size, length))
    head = read_chunk_head(content, length)
    data = decompress(head.compression, content[head.records_offset :], head.uncompressed_size)
    check_crc(data, head.crc, f"the chunk at byte {offset:,}")
    return data


def read_chunk(file: int, offset: int) -> ChunkData:
    """The chunk whose record is at `offset`."""
    data = unfold(file, offset)
    channels: dict[int, MessageChannel] = {}
    definitions: dict[tuple[int, int], bytes] = {}
    messages = []
    position, end = 0, len(data)
    unpack = RECORD.unpack_from
    head = RECORD.size
    while position + head <= end:
        opcode, length = unpack(data, position)
        if opcode == 5:
            messages.append(position)
        elif opcode in (Opcode.CHANNEL, Opcode.SCHEMA) and position + head + length <= end:
            record = data[position : position + head + length]
            content = record[head:]
            definitions[opcode, int.from_bytes(content[:2], "little")] = record
            if opcode == Opcode.CHANNEL:
                channel = read_channel(content)
                channels[channel.id] = MessageChannel.of(channel)
        position += head + length
    if position != end:
        raise Damage(f"the records of the chunk at byte {offset:,} do not fill it")
    return ChunkData(data, channels, np.array(messages, dtype=np.int64), definitions)


def scan(chunk: ChunkData, known: Mapping[int, MessageChannel], next_id: int) -> Block:
    """The block of a chunk. `known` are channels defined before it, `next_id` the id that the first row
    should have."""
    data, offsets = chunk.data, chunk.messages
    if len(offsets) > MAX_ROWS:
        raise Damage("a chunk has too many messages")
    if len(offsets) and int(offsets[-1]) + MESSAGE.size > len(data):
        raise Damage("a message is too short")
    heads = read_heads(data, offsets)
    lengths = heads["length"].astype(np.int64)
    if len(lengths) and int(lengths.min()) < MESSAGE_FIELDS:
        raise Damage("a message is too short")
    times = np.minimum(heads["log_time"], MAX_TIME).astype(np.int64)
    scanned = _Scanned(data, offsets, lengths - MESSAGE_FIELDS)
    foreign = False
    for number in np.unique(heads["channel"]).tolist():
        channel = chunk.channels.get(number) or known.get(number)
        where = np.flatnonzero(heads["channel"] == number)
        if channel is None:
            raise Damage("a message is in a channel that was never defined")
        topic = channel.channel.topic
        if topic.startswith(CONTROL_PREFIX) and topic[len(CONTROL_PREFIX) :] in TYPES:
            scanned.control(topic[len(CONTROL_PREFIX) :], where)
        elif channel.kind is not None and channel.prefix is not None:
            scanned.usual(channel.kind, channel.prefix, where)
        else:
            foreign |= channel.kind is None and not channel.overflow
            scanned.unusual(channel, where)
    rows = np.flatnonzero(scanned.kind >= 0)
    ids = _widen(heads["sequence"][rows], next_id)
    if foreign:
        ids = np.arange(next_id, next_id + len(rows), dtype=np.int64)
    return scanned.block(rows, ids, times)


class _Scanned:
    """Columns over all messages of a chunk, filled in channel by channel."""

    def __init__(self, data: bytes, offsets: Integers, sizes: Integers) -> None:
        self._data = data
        self._offsets = offsets
        self._sizes = sizes
        self._kinds: dict[Kind, int] = {}
        self.kind = np.full(len(offsets), -1, dtype=np.int64)
        self._size = np.zeros(len(offsets), dtype=np.int64)
        self._epoch = np.full(len(offsets), -1, dtype=np.int64)
        self._flags = np.zeros(len(offsets), dtype=np.int64)
        self._payloads: list[tuple[int, bytes]] = []
        self._records: list[tuple[int, str, bytes]] = []
        self._runs: list[Runs] = []

    def control(self, kind: str, where: Integers) -> None:
        """Messages of a control channel; one that can't be read is left out."""
        for position in where.tolist():
            data = self._content(position)
            try:
                record = decode_control(kind, data)
            except Damage:
                continue
            if isinstance(record, Deliveries):
                self._runs.append(_columns(record))
            else:
                self._records.append((position, kind, data))

    def usual(self, kind: Kind, prefix: tuple[bytes, ...], where: Integers) -> None:
        """Messages that are one JSON object each behind constant frames."""
        self.kind[where] = self._code(kind)
        self._size[where] = self._sizes[where] + sum(map(len, prefix))
        if kind.type == "error":
            self._flags[where] |= Flag.ERROR
        if kind.type in _TYPES_WITH_EPOCH:
            for position in where.tolist():
                envelope = read_envelope((self._content(position),))
                self._epoch[position] = envelope.epoch
                if envelope.sub_epoch:
                    self._flags[position] |= Flag.SUB_EPOCH
        elif kind.type in SESSION_TYPES:
            for position in where[self._sizes[where] <= MAX_SESSION_PAYLOAD].tolist():
                self._payloads.append((position, self._content(position)))

    def unusual(self, channel: MessageChannel, where: Integers) -> None:
        """Messages that are lists of frames, or of another program."""
        for position in where.tolist():
            data = self._content(position)
            try:
                if channel.overflow:
                    place, frames = channel.overflow_message(data)
                else:
                    frames = channel.frames(data)
                    place = channel.kind or Kind(0, -1, "out", "", channel.channel.topic)
            except Damage:
                place, frames = channel.kind or Kind(0, -1, "out", "", channel.channel.topic), (data,)
            envelope = (
                Envelope("", "") if channel.kind is None and not channel.overflow else read_envelope(frames)
            )
            kind = place
            if channel.overflow:
                kind = Kind(
                    place.endpoint, place.connection, place.direction, envelope.type, envelope.node_id
                )
            self.kind[position] = self._code(kind)
            self._size[position] = sum(map(len, frames))
            self._epoch[position] = envelope.epoch
            self._flags[position] = (
                Flag.MULTIPART
                | (Flag.ERROR if kind.type == "error" else 0)
                | (Flag.UNDECODED if envelope.problem else 0)
                | (Flag.SUB_EPOCH if envelope.sub_epoch else 0)
            )
            if kind.type in SESSION_TYPES and len(frames[-1]) <= MAX_SESSION_PAYLOAD:
                self._payloads.append((position, frames[-1]))

    def block(self, rows: Integers, ids: Integers, times: Integers) -> Block:
        """The block of those messages that are rows."""
        size = np.minimum(self._size[rows], _MAX_32)
        flags = self._flags[rows]
        flags[size >= BIG] |= Flag.BIG
        row_of = {position: row for row, position in enumerate(rows.tolist())} if self._payloads else {}
        return Block(
            kinds=list(self._kinds),
            id=ids,
            time_ns=times[rows],
            kind=self.kind[rows],
            size=size,
            epoch=self._epoch[rows],
            flags=flags,
            offset=self._offsets[rows],
            runs=_join(self._runs),
            records=[(kind, data) for _, kind, data in sorted(self._records)],
            payloads=[(row_of[position], data) for position, data in sorted(self._payloads)],
            chunks=[(0, len(rows))],
        )

    def _content(self, position: int) -> bytes:
        start = int(self._offsets[position]) + MESSAGE.size
        return self._data[start : start + int(self._sizes[position])]

    def _code(self, kind: Kind) -> int:
        return self._kinds.setdefault(kind, len(self._kinds))


_TYPES_WITH_EPOCH = frozenset({"event", "process", "epoch_ended"})


def _columns(record: Deliveries) -> Runs:
    try:
        runs = np.array(record.runs, dtype=np.int64).reshape(-1, 3)
        base = np.array([record.message, 0, record.time_ns], dtype=np.int64)
    except OverflowError:
        return no_runs()
    runs = runs + base
    fits = (runs[:, 0] >= 0) & (runs[:, 1] >= 1) & (runs[:, 1] <= MAX_RUN) & (runs[:, 2] >= 0)
    runs = runs[fits & (0 <= record.connection < 1 << 32)]
    return Runs(np.full(len(runs), record.connection, dtype=np.int64), runs[:, 0], runs[:, 1], runs[:, 2])


def _join(parts: list[Runs]) -> Runs:
    if not parts:
        return no_runs()
    return Runs(
        np.concatenate([part.connection for part in parts]),
        np.concatenate([part.message for part in parts]),
        np.concatenate([part.count for part in parts]),
        np.concatenate([part.time_ns for part in parts]),
    )


def _widen(sequence: NDArray[np.uint32], next_id: int) -> Integers:
    """Ids from their low 32 bits: those nearest to where the previous chunk ended."""
    low = sequence.astype(np.int64)
    ids = (next_id & ~_MAX_32) | low
    ids[ids - next_id > 1 << 31] -= 1 << 32
    ids[next_id - ids > 1 << 31] += 1 << 32
    ids[ids < 0] = 0
    return ids
