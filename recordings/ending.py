"""What makes a recording complete: the row index, of which parts are made while it is written, and MCAP's
summary section at its end. Little is kept in memory for that, however long the recording becomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import zstandard
from mcap.records import (
    AttachmentIndex,
    DataEnd,
    Footer,
    MetadataIndex,
    SummaryOffset,
)
from mcap.records import (
    Statistics as StatisticsRecord,
)

from recordings.block import Block, merge
from recordings.checksum import crc32
from recordings.chunks import ChunkPlace, SealedChunk
from recordings.container import RECORD, Opcode, encode
from recordings.layout import MAGIC

PART_ROWS: Final = 1 << 16
"""A part of the row index is made when it has this many rows,"""
PART_BYTES: Final = 8 << 20
"""or this many bytes of control records and payloads,"""
PART_RUNS: Final = 1 << 19
"""or this many runs of deliveries,"""
PART_BLOCKS: Final = 1 << 10
"""or this many chunks."""
_BATCH: Final = 1 << 10


@dataclass(slots=True)
class Statistics:
    """What the statistics record counts."""

    rows: int = 0
    chunks: int = 0
    start_time: int = 0
    end_time: int = 0
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, sealed: SealedChunk) -> None:
        """Count a chunk."""
        self.start_time = min(self.start_time, sealed.start_time) if self.chunks else sealed.start_time
        self.end_time = max(self.end_time, sealed.end_time)
        self.chunks += 1
        self.rows += sealed.rows
        for channel, count in sealed.counts.items():
            self.counts[channel] = self.counts.get(channel, 0) + count


class RowIndex:
    """Collects the blocks of written chunks for the next part of the row index."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._rows = self._bytes = self._runs = 0

    @property
    def full(self) -> bool:
        """Whether it is time to write a part."""
        return (
            self._rows >= PART_ROWS
            or self._bytes >= PART_BYTES
            or self._runs >= PART_RUNS
            or len(self._blocks) >= PART_BLOCKS
        )

    def add(self, block: Block, offset: int) -> None:
        """The block of a chunk whose record is at an offset of the file."""
        block.chunks = [(offset, len(block))]
        self._blocks.append(block)
        self._rows += len(block)
        self._runs += len(block.runs)
        self._bytes += sum(len(data) for _, data in block.records) + sum(
            len(data) for _, data in block.payloads
        )

    def part(self) -> Block | None:
        """All that was collected as one block; None if there is nothing. `clear` when it has been written."""
        return merge(self._blocks) if self._blocks else None

    def clear(self) -> None:
        """Begin the next part."""
        self._blocks = []
        self._rows = self._bytes = self._runs = 0


def end_of_file(offset: int, groups: Sequence[tuple[int, bytes]]) -> bytes:
    """Everything from the end of the data section, which is at `offset`, to the end of the file.

    `groups` are the records of the summary section by opcode; empty ones are left out.
    """
    data_end = encode(DataEnd(data_section_crc=0))
    summary_start = position = offset + len(data_end)
    offsets = []
    for opcode, data in groups:
        if data:
            offsets.append(SummaryOffset(group_opcode=opcode, group_start=position, group_length=len(data)))
            position += len(data)
    body = b"".join(data for _, data in groups) + encode(*offsets)
    footer = Footer(summary_start=summary_start, summary_offset_start=position, summary_crc=0)
    head = encode(footer)[:-4]
    crc = crc32(head, crc32(body))
    return b"".join((data_end, body, head, crc.to_bytes(4, "little"), MAGIC))


class Summary:
    """Collects what the summary section says, and encodes it."""

    def __init__(self) -> None:
        self.statistics = Statistics()
        self._chunks: list[bytes] = []
        self._batches: list[bytes] = []

    def add_chunk(self, sealed: SealedChunk, offset: int) -> None:
        """A chunk whose record is at an offset of the file."""
        self.statistics.add(sealed)
        self._chunks.append(_chunk_index(offset, sealed.place))
        if len(self._chunks) >= _BATCH:
            self._batches.append(zstandard.compress(b"".join(self._chunks), 1))
            self._chunks = []

    def encode(
        self,
        offset: int,
        definitions: tuple[bytes, int, bytes, int],
        attachments: Sequence[AttachmentIndex],
        metadata: Sequence[MetadataIndex],
    ) -> bytes:
        """Everything from the end of the data section, which is at `offset`, to the end of the file.

        `definitions` are all schema records and their number, all channel records and their number.
        """
        schemas, schema_count, channels, channel_count = definitions
        chunks = [*(zstandard.decompress(batch) for batch in self._batches), *self._chunks]
        counted = self.statistics
        statistics = StatisticsRecord(
            attachment_count=len(attachments),
            channel_count=channel_count,
            channel_message_counts={channel: count for channel, count in counted.counts.items() if count},
            chunk_count=counted.chunks,
            message_count=sum(counted.counts.values()),
            message_start_time=counted.start_time,
            message_end_time=counted.end_time,
            metadata_count=len(metadata),
            schema_count=schema_count,
        )
        groups = [
            (Opcode.SCHEMA, schemas),
            (Opcode.CHANNEL, channels),
            (Opcode.STATISTICS, encode(statistics)),
            (Opcode.CHUNK_INDEX, b"".join(chunks)),
            (Opcode.ATTACHMENT_INDEX, encode(*attachments)),
            (Opcode.METADATA_INDEX, encode(*metadata)),
        ]
        return end_of_file(offset, groups)


def _chunk_index(offset: int, place: ChunkPlace) -> bytes:
    name = place.compression.encode()
    offsets = b"".join(
        channel.to_bytes(2, "little") + (offset + start).to_bytes(8, "little")
        for channel, start in place.index_offsets.items()
    )
    content = b"".join(
        (
            b"".join(
                value.to_bytes(8, "little")
                for value in (place.start_time, place.end_time, offset, place.length)
            ),
            len(offsets).to_bytes(4, "little"),
            offsets,
            place.index_length.to_bytes(8, "little"),
            len(name).to_bytes(4, "little"),
            name,
            place.compressed_size.to_bytes(8, "little"),
            place.uncompressed_size.to_bytes(8, "little"),
        )
    )
    return RECORD.pack(Opcode.CHUNK_INDEX, len(content)) + content
