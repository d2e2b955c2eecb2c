"""From collected messages to the bytes of one chunk: block, chunk and message index records.

Collecting must be cheap, so it is plain appends to lists (done by the writer); everything else happens here
once a chunk, on whole columns. Schema and channel records stand at the front of every chunk that uses them:
a chunk is then readable on its own, and files recovered by other tools stay valid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from recordings.block import MAX_RUN, Block, Runs, encode_record, no_runs
from recordings.checksum import crc32
from recordings.columns import Integers, groups
from recordings.compression import Compression, compress
from recordings.container import CHUNK, MAX_TIME, MESSAGE, MESSAGE_FIELDS, RECORD, Opcode
from recordings.control import ControlRecord, encode_control, kind_of
from recordings.flags import Flag
from recordings.layout import BIG, Kind

HEAD_DTYPE: Final = np.dtype(
    [
        ("opcode", "<u1"),
        ("length", "<u8"),
        ("channel", "<u2"),
        ("sequence", "<u4"),
        ("log_time", "<u8"),
        ("publish_time", "<u8"),
    ]
)
"""Head of a message record, as `container.MESSAGE`."""

_HEAD_BYTES: Final = np.arange(MESSAGE.size)
_MAX_32: Final = (1 << 32) - 1
_MOST_PARTS: Final = 32  # one copy of a usual chunk costs less than so many parts


@dataclass(frozen=True, slots=True)
class WrittenChannel:
    """A channel as the writer knows it: its records for the front of a chunk, and what its messages share.

    `kind` and `prefix_size` (bytes of the constant frames) are None and 0 for control channels and for the
    channel that takes what others can't.
    """

    id: int
    schema_id: int
    schema_record: bytes
    record: bytes
    kind: Kind | None = None
    prefix_size: int = 0


@dataclass(slots=True)
class Pending:
    """What has been collected for the next chunk.

    `parts` are the message records, heads and data in turn; `epochs` has an entry for each record that is a
    row. `others` lists the records that are none, as (position, kind, JSON). `unusual` has kind and size of
    rows whose channel does not tell them. `delivered` holds runs for each connection: first message id,
    count and time in turn.
    """

    first: int
    parts: list[bytes] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    others: list[tuple[int, str, bytes]] = field(default_factory=list)
    unusual: dict[int, tuple[Kind, int]] = field(default_factory=dict)
    flags: dict[int, int] = field(default_factory=dict)
    payloads: list[tuple[int, bytes]] = field(default_factory=list)
    delivered: dict[int, list[int]] = field(default_factory=dict)
    records: list[ControlRecord] = field(default_factory=list)
    opened_ns: int = 0
    latest_ns: int = 0
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.parts or self.delivered)

    def deliver(self, connection: int, message: int, count: int, time_ns: int) -> None:
        """Collect that a connection carried `count` messages from `message` on."""
        runs = self.delivered.setdefault(connection, [])
        if runs and runs[-1] == time_ns and runs[-3] + runs[-2] == message:
            message, count = runs[-3], runs[-2] + count
            del runs[-3:]
        while count > MAX_RUN:
            runs += (message, MAX_RUN, time_ns)
            message, count = message + MAX_RUN, count - MAX_RUN
        runs += (message, count, time_ns)

    def add_record(self, record: ControlRecord, channel: WrittenChannel, log_ns: int = 0) -> None:
        """Collect a control record, logged at its own time or, if that is later, at `log_ns`."""
        data = encode_control(record)
        time_ns = min(max(record.time_ns, log_ns, 0, self.latest_ns), MAX_TIME)
        if not self:
            self.opened_ns = time_ns
        self.latest_ns = time_ns
        self.others.append((len(self.parts) // 2, kind_of(record), data))
        head = MESSAGE.pack(Opcode.MESSAGE, MESSAGE_FIELDS + len(data), channel.id, 0, time_ns, time_ns)
        self.parts += (head, data)
        self.size += MESSAGE.size + len(data)
        self.records.append(record)


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """What the summary must know of a chunk; `index_offsets`, by channel, count from the chunk's start."""

    start_time: int
    end_time: int
    length: int
    compression: str
    compressed_size: int
    uncompressed_size: int
    index_offsets: dict[int, int]
    index_length: int


@dataclass(frozen=True, slots=True)
class SealedChunk:
    """A chunk ready to be written: `parts` are the records of block, chunk and message indexes.

    `counts` are records by channel, `records` the control records. `block` is None where it must not take up
    memory; the first of `parts` tells the same.
    """

    parts: tuple[bytes, ...]
    place: ChunkPlace
    rows: int
    errors: int
    counts: dict[int, int]
    block: Block | None
    records: tuple[ControlRecord, ...] = ()

    @property
    def start_time(self) -> int:
        """Time of the earliest record."""
        return self.place.start_time

    @property
    def end_time(self) -> int:
        """Time of the latest record."""
        return self.place.end_time

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return sum(map(len, self.parts))


def read_heads(data: bytes, offsets: Integers) -> NDArray[np.void]:
    """The heads of the message records that begin at the given offsets, as a table with HEAD_DTYPE's
    columns."""
    table = np.frombuffer(data, dtype=np.uint8)[offsets[:, None] + _HEAD_BYTES]
    heads: NDArray[np.void] = table.view(HEAD_DTYPE)[:, 0]
    return heads


def collect_runs(delivered: Mapping[int, list[int]]) -> tuple[Runs, list[bytes]]:
    """Deliveries as columns, and as the JSON of one Deliveries record a connection."""
    columns = []
    records = []
    for connection, flat in delivered.items():
        ids, counts, times = np.array(flat, dtype=np.int64).reshape(-1, 3).T
        columns.append((np.full(len(ids), connection, dtype=np.int64), ids, counts, times))
        message, time_ns = int(ids[0]), int(times.min())
        runs = np.stack([ids - message, counts, times - time_ns], axis=1).tolist()
        fields = {"time_ns": time_ns, "connection": connection, "message": message, "runs": runs}
        records.append(msgspec.json.encode(fields))
    return Runs(*(np.concatenate(column) for column in zip(*columns, strict=True))), records


def seal(
    pending: Pending,
    channels: Mapping[int, WrittenChannel],
    deliveries: WrittenChannel,
    mode: Compression,
) -> SealedChunk:
    """The bytes of the chunk that holds everything pending; `deliveries` is the channel for these."""
    runs = no_runs()
    if pending.delivered:
        runs, records = collect_runs(pending.delivered)
        latest = max(pending.latest_ns, int(runs.time_ns.max()))
        for data in records:
            head = MESSAGE.pack(Opcode.MESSAGE, MESSAGE_FIELDS + len(data), deliveries.id, 0, latest, latest)
            pending.others.append((len(pending.parts) // 2, "deliveries", data))
            pending.parts += (head, data)

    parts = pending.parts
    heads = np.frombuffer(b"".join(parts[::2]), dtype=HEAD_DTYPE)
    used = [channels[number] for number in np.flatnonzero(np.bincount(heads["channel"])).tolist()]
    schemas = {channel.schema_id: channel.schema_record for channel in used}
    front = b"".join((*schemas.values(), *(channel.record for channel in used)))
    lengths = heads["length"].astype(np.int64) + RECORD.size
    offsets = np.cumsum(lengths) - lengths + len(front)
    contents = [front, *parts]
    if len(contents) > _MOST_PARTS:
        contents = [b"".join(contents)]
    times = heads["log_time"].astype(np.int64)
    block = _block(pending, used, heads, times, offsets)
    block.runs = runs
    sealed = seal_data(contents, block, heads["channel"], times, offsets, mode)
    return replace(sealed, records=tuple(pending.records))


def seal_data(
    data: Sequence[bytes],
    block: Block,
    channel: NDArray[np.uint16],
    times: Integers,
    offsets: Integers,
    mode: Compression,
) -> SealedChunk:
    """The bytes of the chunk with these records, which may be cut anywhere; its messages have the given
    channels, times and offsets."""
    compression, packed = compress(data, mode)
    size, packed_size = sum(map(len, data)), sum(map(len, packed))
    crc = 0
    for part in data:
        crc = crc32(part, crc)
    name = compression.encode()
    start, end = int(times.min()), int(times.max())
    length = CHUNK.size + 4 + len(name) + 8 + packed_size
    head = b"".join(
        (
            RECORD.pack(Opcode.CHUNK, length),
            CHUNK.pack(start, end, size, crc),
            len(name).to_bytes(4, "little"),
            name,
            packed_size.to_bytes(8, "little"),
        )
    )
    chunk_length = len(head) + packed_size
    index, index_offsets, counts = _message_index(channel, times, offsets, chunk_length)
    block.chunks = [(0, len(block))]
    return SealedChunk(
        parts=(encode_record(block, chunk_length + len(index)), head, *packed, index),
        place=ChunkPlace(start, end, chunk_length, compression, packed_size, size, index_offsets, len(index)),
        rows=len(block),
        errors=int(np.count_nonzero(block.flags & Flag.ERROR)),
        counts=counts,
        block=block,
    )


def _message_index(
    channel: NDArray[np.uint16], times: Integers, offsets: Integers, base: int
) -> tuple[bytes, dict[int, int], dict[int, int]]:
    """Message index records, one a channel in order of time; by channel, where each begins from the chunk's
    start, and how many entries it has."""
    parts = []
    places = {}
    counts = {}
    pairs = np.stack([times, offsets], axis=1).astype("<u8")
    for number, mine in groups(channel):
        entries = pairs[mine]
        if (entries[1:, 0] < entries[:-1, 0]).any():
            entries = entries[np.argsort(entries[:, 0], kind="stable")]
        data = entries.tobytes()
        places[number] = base
        counts[number] = len(entries)
        record = RECORD.pack(Opcode.MESSAGE_INDEX, 6 + len(data))
        parts.append(record + number.to_bytes(2, "little") + len(data).to_bytes(4, "little") + data)
        base += len(parts[-1])
    return b"".join(parts), places, counts


def _block(
    pending: Pending, used: list[WrittenChannel], heads: NDArray[np.void], times: Integers, offsets: Integers
) -> Block:
    """The rows of the chunk: what channels tell for most of them, what was noted for the others."""
    is_row = np.ones(len(heads), dtype=bool)
    if pending.others:
        is_row[[position for position, _, _ in pending.others]] = False
        heads, times, offsets = heads[is_row], times[is_row], offsets[is_row]
    count = len(heads)
    kinds: dict[Kind, int] = {}
    kind_of_channel, extra_size, flags_of_channel = np.zeros((3, used[-1].id + 1), dtype=np.int64)
    for channel in used:
        if channel.kind is not None:
            kind_of_channel[channel.id] = kinds.setdefault(channel.kind, len(kinds))
            extra_size[channel.id] = channel.prefix_size - MESSAGE_FIELDS
            flags_of_channel[channel.id] = Flag.ERROR if channel.kind.type == "error" else 0
    number = heads["channel"]
    kind = kind_of_channel[number]
    size = heads["length"].astype(np.int64) + extra_size[number]
    flags = flags_of_channel[number]
    for row, (row_kind, row_size) in pending.unusual.items():
        kind[row] = kinds.setdefault(row_kind, len(kinds))
        size[row] = row_size
        flags[row] = (Flag.ERROR if row_kind.type == "error" else 0) | Flag.MULTIPART
    for row, flag in pending.flags.items():
        flags[row] |= flag
    np.minimum(size, _MAX_32, out=size)
    flags[size >= BIG] |= Flag.BIG
    return Block(
        kinds=list(kinds),
        id=np.arange(pending.first, pending.first + count, dtype=np.int64),
        time_ns=times,
        kind=kind,
        size=size,
        epoch=np.array(pending.epochs, dtype=np.int64),
        flags=flags,
        offset=offsets,
        records=[(name, data) for _, name, data in pending.others if name != "deliveries"],
        payloads=pending.payloads,
    )
