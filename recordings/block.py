"""The block: what a viewer needs to know of a chunk, without the chunk's payloads.

The writer puts one in front of each chunk as a private record, so that a growing or cut-off file opens as
fast as a finished one; at a clean end the blocks are merged into the row index. It is an index and no
source: whatever it says can be found again by scanning the chunk (`scan`), and that is done where a block
is missing or damaged.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
import numpy as np
import zstandard

from recordings.checksum import crc32
from recordings.columns import Column, Integers, pack, unpack
from recordings.compression import decompress
from recordings.container import RECORD, Damage
from recordings.layout import BLOCK_OPCODE, CONTROL_KINDS, MAX_BLOCK, MAX_DECOMPRESSED, Kind

SIGNATURE: Final = b"tubetap\x01"
"""First bytes of a block's content, and of a part of the row index; the last one is its version."""

_HEAD: Final = struct.Struct("<8sIIQQ")
"""Signature, CRC32 of all that comes after it, rows, first message id, bytes of the chunk with its
indexes."""

BLOCK_HEAD: Final = RECORD.size + _HEAD.size
"""Bytes of a block record that say where the next one is."""

MAX_ROWS: Final = 1 << 20
MAX_RUNS: Final = 1 << 22
MAX_ENTRIES: Final = 1 << 18
"""Most kinds, control records, payloads or chunks in a block."""
MAX_RUN: Final = 1 << 16
"""Most messages in one run of deliveries."""
BYTES_PER_ROW: Final = 16
"""A row takes at least this much of the file, in its message index: what bounds the rows that are
believed."""


@dataclass(slots=True)
class Runs:
    """Deliveries as columns: `count` messages from id `message` on were seen on `connection` at `time_ns`."""

    connection: Integers
    message: Integers
    count: Integers
    time_ns: Integers

    def __len__(self) -> int:
        return len(self.message)

    def batches(self, copies: int = 4 * MAX_RUN) -> Iterator["Runs"]:
        """The same in parts of about `copies` deliveries, whose expansion fits in memory whatever a file
        claims."""
        total = np.cumsum(self.count)
        start = 0
        while start < len(total):
            done = int(total[start - 1]) if start else 0
            end = max(int(np.searchsorted(total, done + copies, side="right")), start + 1)
            part = slice(start, end)
            yield Runs(self.connection[part], self.message[part], self.count[part], self.time_ns[part])
            start = end


def no_runs() -> Runs:
    """No deliveries."""
    return Runs(*(np.empty(0, dtype=np.int64) for _ in range(4)))


@dataclass(slots=True)
class Block:
    """The rows, deliveries and control records of one chunk, or of several that follow each other.

    `kind` holds positions in `kinds`, `offset` that of the message record in the uncompressed chunk.
    `records` are control records as (kind, JSON), `payloads` the messages of the session types as (position
    of the row, payload). `chunks` are (offset of the chunk record in the file, rows); a block that stands in
    front of its chunk says 0. `home` is the offset of the record that a part of the row index was written to:
    elsewhere it is not to be believed, for another program has copied it from a file with other offsets.
    """

    kinds: list[Kind]
    id: Integers
    time_ns: Integers
    kind: Integers
    size: Integers
    epoch: Integers
    flags: Integers
    offset: Integers
    runs: Runs = field(default_factory=no_runs)
    records: list[tuple[str, bytes]] = field(default_factory=list)
    payloads: list[tuple[int, bytes]] = field(default_factory=list)
    chunks: list[tuple[int, int]] = field(default_factory=list)
    home: int = 0

    def __len__(self) -> int:
        return len(self.id)


# A few bytes can unfold to millions of small objects; the lengths of lists are checked before they are made.
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))]
_Few = msgspec.Meta(max_length=16)
_Many = msgspec.Meta(max_length=MAX_ENTRIES)


class _Body(msgspec.Struct, array_like=True):
    rows: int
    kinds: Annotated[list[Kind], _Many]
    columns: Annotated[list[Column], _Few]
    runs: int
    run_columns: Annotated[list[Column], _Few]
    records: Annotated[list[tuple[int, bytes]], _Many]
    payloads: Annotated[list[tuple[int, bytes]], _Many]
    chunks: Annotated[list[tuple[_Number, _Number]], _Many]
    home: int


_KIND_NUMBER: Final = {kind: number for number, kind in enumerate(CONTROL_KINDS)}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)
_compressor = zstandard.ZstdCompressor(level=1)


def encode_content(block: Block, follows: int = 0) -> bytes:
    """The block as the content of a record, or as a part of the row index; `follows` as in `read_head`."""
    runs = block.runs
    body = _Body(
        rows=len(block),
        kinds=block.kinds,
        columns=[
            pack(block.id, steps=True),
            pack(block.time_ns, steps=True),
            pack(block.kind),
            pack(block.size),
            pack(block.epoch, steps=True),
            pack(block.flags),
            pack(block.offset, steps=True),
        ],
        runs=len(runs),
        run_columns=[
            pack(runs.connection),
            pack(runs.message, steps=True),
            pack(runs.count),
            pack(runs.time_ns, steps=True),
        ],
        records=[(_KIND_NUMBER[kind], data) for kind, data in block.records],
        payloads=block.payloads,
        chunks=block.chunks,
        home=block.home,
    )
    packed = _compressor.compress(_encoder.encode(body))
    first = int(block.id[0]) if len(block) else 0
    head = _HEAD.pack(SIGNATURE, 0, len(block), first, follows)
    crc = crc32(packed, crc32(head[12:]))
    return b"".join((SIGNATURE, crc.to_bytes(4, "little"), head[12:], packed))


def encode_record(block: Block, follows: int) -> bytes:
    """The block as a record in front of its chunk."""
    content = encode_content(block, follows)
    return RECORD.pack(BLOCK_OPCODE, len(content)) + content


def read_head(content: bytes | memoryview) -> tuple[int, int, int]:
    """Rows, first message id, and bytes of the chunk and message index records that follow the block."""
    if len(content) < _HEAD.size:
        raise Damage("a block is too short")
    signature, _, rows, first, follows = _HEAD.unpack_from(content)
    if signature != SIGNATURE:
        raise Damage("a block has another version or is damaged")
    return rows, first, follows


def decode_content(content: bytes | memoryview) -> Block:
    """The block that `encode_content` made; Damage for anything that could not be one."""
    rows, _, follows = read_head(content)
    if rows > MAX_ROWS or (follows and rows * BYTES_PER_ROW > follows):
        raise Damage("a block claims more rows than there can be")
    if crc32(memoryview(content)[12:]) != int.from_bytes(content[8:12], "little"):
        raise Damage("a block has the wrong checksum")
    packed = decompress("zstd", content[_HEAD.size :], None, limit=min(MAX_BLOCK, MAX_DECOMPRESSED))
    try:
        body = _decoder.decode(packed)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Damage(f"a block can't be read: {error}") from None
    return _from_body(body, rows)


def _from_body(body: _Body, rows: int) -> Block:
    if body.rows != rows or not 0 <= body.runs <= MAX_RUNS:
        raise Damage("a block contradicts itself")
    if len(body.columns) != 7 or len(body.run_columns) != 4:
        raise Damage("a block has the wrong number of columns")
    id_, time_ns, kind, size, epoch, flags, offset = (unpack(column, rows) for column in body.columns)
    runs = Runs(*(unpack(column, body.runs) for column in body.run_columns))
    if rows:
        _check_below(kind, len(body.kinds))
        _check_below(size, 1 << 32)
        _check_below(flags, 1 << 8)
        _check_below(offset, 1 << 32)
        _check_below(id_, 1 << 62)
        _check_below(time_ns, 1 << 63)
    if body.runs:
        _check_below(runs.connection, 1 << 32)
        _check_below(runs.message, 1 << 62)
        _check_below(runs.count - 1, MAX_RUN)
        _check_below(runs.time_ns, 1 << 63)
    for entry in body.kinds:
        if not (0 <= entry.endpoint < 1 << 16 and -1 <= entry.connection < 1 << 32):
            raise Damage("a block names an endpoint or connection out of range")
        if entry.direction not in ("in", "out"):
            raise Damage("a block has a message that went neither in nor out")
    if any(not 0 <= number < len(CONTROL_KINDS) for number, _ in body.records):
        raise Damage("a block has a control record of unknown kind")
    if any(not 0 <= row < rows for row, _ in body.payloads):
        raise Damage("a block has a payload for no row")
    if len(body.kinds) > rows:
        raise Damage("a block has more kinds of messages than messages")
    if sum(count for _, count in body.chunks) != rows:
        raise Damage("a block does not say in which chunks its rows are")
    records = [(CONTROL_KINDS[number], data) for number, data in body.records]
    return Block(
        body.kinds,
        id_,
        time_ns,
        kind,
        size,
        epoch,
        flags,
        offset,
        runs,
        records,
        body.payloads,
        body.chunks,
        body.home,
    )


def _check_below(values: Integers, end: int) -> None:
    """Damage unless all values are at least 0 and less than `end`; negative ones are large when unsigned."""
    if int(np.maximum.reduce(values.view(np.uint64))) >= end:
        raise Damage("a block has a value out of range")


def merge(blocks: Sequence[Block]) -> Block:
    """One block for several that follow each other; their `chunks` must hold absolute offsets."""
    kinds: dict[Kind, int] = {}
    codes = []
    payloads = []
    start = 0
    for block in blocks:
        table = np.array([kinds.setdefault(kind, len(kinds)) for kind in block.kinds] or [0], dtype=np.int64)
        codes.append(table[block.kind])
        payloads += [(start + row, payload) for row, payload in block.payloads]
        start += len(block)
    return Block(
        kinds=list(kinds),
        id=_join([block.id for block in blocks]),
        time_ns=_join([block.time_ns for block in blocks]),
        kind=_join(codes),
        size=_join([block.size for block in blocks]),
        epoch=_join([block.epoch for block in blocks]),
        flags=_join([block.flags for block in blocks]),
        offset=_join([block.offset for block in blocks]),
        runs=Runs(
            _join([block.runs.connection for block in blocks]),
            _join([block.runs.message for block in blocks]),
            _join([block.runs.count for block in blocks]),
            _join([block.runs.time_ns for block in blocks]),
        ),
        records=[record for block in blocks for record in block.records],
        payloads=payloads,
        chunks=[place for block in blocks for place in block.chunks],
    )


def _join(columns: Sequence[Integers]) -> Integers:
    return np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
