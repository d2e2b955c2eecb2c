"""The end of a cleanly closed file: the row index and MCAP's summary section.

Both are made by going through the file once more from block to block, so that a writer need not keep
anything that grows while it records.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

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

from recordings.block import Block, ChunkPlace, merge
from recordings.chunks import SealedChunk
from recordings.container import RECORD, Opcode, encode
from recordings.layout import MAGIC
from recordings.walk import walk_blocks

PART_ROWS: Final = 1 << 16
"""A part of the row index is closed at this many rows,"""
PART_BYTES: Final = 8 << 20
"""or at this many bytes of control records and payloads,"""
PART_COPIES: Final = 1 << 20
"""or at this many runs of deliveries,"""
PART_BLOCKS: Final = 1 << 13
"""or at this many chunks."""


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


def row_index(
    file: int, start: int, end: int, on_chunk: Callable[[int, ChunkPlace], None]
) -> Iterator[Block]:
    """The parts of the row index, over the blocks between two offsets of a file that we wrote.

    Tells `on_chunk` where each chunk is on the way.
    """
    blocks: list[Block] = []
    rows = size = copies = 0
    for offset, block in walk_blocks(file, start, end):
        assert block.place is not None
        on_chunk(offset, block.place)
        block.chunks = [(offset, len(block))]
        blocks.append(block)
        rows += len(block)
        size += sum(len(data) for _, data in block.records) + sum(len(data) for _, data in block.payloads)
        copies += len(block.runs)
        full = rows >= PART_ROWS or size >= PART_BYTES or copies >= PART_COPIES
        if full or len(blocks) >= PART_BLOCKS:
            yield merge(blocks)
            blocks, rows, size, copies = [], 0, 0, 0
    if blocks:
        yield merge(blocks)


class Summary:
    """Collects what the summary section says and encodes it."""

    def __init__(self, vocabulary: tuple[bytes, int, bytes, int], statistics: Statistics) -> None:
        self._schemas, self._schema_count, self._channels, self._channel_count = vocabulary
        self._statistics = statistics
        self._chunks: list[bytes] = []

    def add_chunk(self, offset: int, place: ChunkPlace) -> None:
        """The chunk at an offset of the file."""
        self._chunks.append(_chunk_index(offset, place))

    def encode(
        self, offset: int, attachments: Sequence[AttachmentIndex], metadata: Sequence[MetadataIndex]
    ) -> bytes:
        """Everything from the end of the data section, which is at `offset`, to the end of the file."""
        counted = self._statistics
        statistics = StatisticsRecord(
            attachment_count=len(attachments),
            channel_count=self._channel_count,
            channel_message_counts={channel: count for channel, count in counted.counts.items() if count},
            chunk_count=counted.chunks,
            message_count=sum(counted.counts.values()),
            message_start_time=counted.start_time,
            message_end_time=counted.end_time,
            metadata_count=len(metadata),
            schema_count=self._schema_count,
        )
        groups = [
            (Opcode.SCHEMA, self._schemas),
            (Opcode.CHANNEL, self._channels),
            (Opcode.STATISTICS, encode(statistics)),
            (Opcode.CHUNK_INDEX, b"".join(self._chunks)),
            (Opcode.ATTACHMENT_INDEX, encode(*attachments)),
            (Opcode.METADATA_INDEX, encode(*metadata)),
        ]
        data_end = encode(DataEnd(data_section_crc=0))
        summary_start = offset + len(data_end)
        position = summary_start
        offsets = []
        for opcode, data in groups:
            if data:
                offsets.append(
                    SummaryOffset(group_opcode=opcode, group_start=position, group_length=len(data))
                )
                position += len(data)
        body = b"".join(data for _, data in groups) + encode(*offsets)
        footer = Footer(summary_start=summary_start, summary_offset_start=position, summary_crc=0)
        head = encode(footer)[:-4]
        crc = zlib.crc32(head, zlib.crc32(body))
        return b"".join((data_end, body, head, crc.to_bytes(4, "little"), MAGIC))


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
