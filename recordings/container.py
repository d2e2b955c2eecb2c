"""MCAP records as bytes and back.

Encoding of the infrequent records is left to the `mcap` package; decoding is our own, over bytes already in
memory and with every length checked, because a file comes from a stranger. Source: the MCAP specification.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import McapRecord

from recordings.checksum import crc32
from recordings.errors import RecordingError

RECORD: Final = struct.Struct("<BQ")
"""Head of every record: opcode, length of the content."""
MESSAGE: Final = struct.Struct("<BQHIQQ")
"""Head of a message record: opcode, length, channel, sequence, log time, publish time; then the data."""
MESSAGE_FIELDS: Final = MESSAGE.size - RECORD.size
CHUNK: Final = struct.Struct("<QQQI")
"""First fields of a chunk: start and end time, uncompressed size, CRC; then compression and records."""
MAX_TIME: Final = (1 << 63) - 1
"""Latest time that columns can hold (year 2262)."""


class Damage(RecordingError):
    """Bytes that do not follow the format; caught where reading can go on behind them."""


def encode(*records: McapRecord) -> bytes:
    """The records as they stand in a file."""
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    return bytes(builder.end())  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema record."""

    id: int
    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel record."""

    id: int
    schema_id: int
    topic: str
    message_encoding: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where an attachment lies: the whole record, and its data inside the file."""

    offset: int
    length: int
    log_time: int
    create_time: int
    data_size: int
    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """A chunk without its records: times, sizes in bytes, and where the records begin behind the record
    head."""

    start_time: int
    end_time: int
    uncompressed_size: int
    crc: int
    compression: str
    records_offset: int
    records_length: int


class Cursor:
    """Reads fields from bytes in memory; running over the end is Damage."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0
        self._end = len(data)

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._position

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self._end - self._position

    def integer(self, size: int) -> int:
        """An unsigned little-endian integer of `size` bytes."""
        return int.from_bytes(self.bytes(size), "little")

    def bytes(self, length: int) -> bytes:
        """The next `length` bytes."""
        if length > self.left:
            raise Damage(f"a field of {length} bytes runs over the end of its record")
        start = self._position
        self._position += length
        return bytes(self._data[start : self._position])

    def text(self) -> str:
        """A string behind its length; bytes that are no UTF-8 are replaced."""
        return self.bytes(self.integer(4)).decode("utf-8", "replace")

    def mapping(self) -> dict[str, str]:
        """A map of strings behind its length in bytes."""
        inner = Cursor(self.bytes(self.integer(4)))
        result = {}
        while inner.left:
            key = inner.text()
            result[key] = inner.text()
        return result


def read_schema(content: bytes | memoryview) -> Schema:
    """A schema from the content of its record."""
    cursor = Cursor(content)
    return Schema(cursor.integer(2), cursor.text(), cursor.text(), cursor.bytes(cursor.integer(4)))


def read_channel(content: bytes | memoryview) -> Channel:
    """A channel from the content of its record."""
    cursor = Cursor(content)
    return Channel(cursor.integer(2), cursor.integer(2), cursor.text(), cursor.text(), cursor.mapping())


def read_metadata(content: bytes | memoryview) -> tuple[str, dict[str, str]]:
    """Name and entries from the content of a metadata record."""
    cursor = Cursor(content)
    return cursor.text(), cursor.mapping()


def read_attachment_index(content: bytes | memoryview) -> Attachment:
    """Where an attachment lies, from the content of an attachment index record."""
    cursor = Cursor(content)
    offset, length, log_time, create_time, size = (cursor.integer(8) for _ in range(5))
    return Attachment(offset, length, log_time, create_time, size, cursor.text(), cursor.text())


def read_attachment_head(content: bytes, offset: int, length: int) -> tuple[Attachment, int]:
    """An attachment, and where its data begin in `content`, from the first bytes of its record's content.

    `offset` and `length` are those of the whole record in the file.
    """
    cursor = Cursor(content)
    log_time, create_time = cursor.integer(8), cursor.integer(8)
    name, media_type = cursor.text(), cursor.text()
    size = cursor.integer(8)
    if cursor.position + size + 4 != length - RECORD.size:
        raise Damage(f"attachment {name!r} does not fill its record")
    return Attachment(offset, length, log_time, create_time, size, name, media_type), cursor.position


def read_chunk_head(content: bytes | memoryview, length: int) -> ChunkHead:
    """The head of a chunk from the first bytes of its record's content, which is `length` bytes long."""
    cursor = Cursor(content)
    start, end, size, crc = CHUNK.unpack(cursor.bytes(CHUNK.size))
    compression = cursor.bytes(cursor.integer(4)).decode("utf-8", "replace")
    records_length = cursor.integer(8)
    if cursor.position + records_length != length:
        raise Damage("the records of a chunk do not fill it")
    return ChunkHead(start, end, size, crc, compression, cursor.position, records_length)


def check_crc(data: bytes | memoryview, expected: int, what: str) -> None:
    """Damage unless the CRC32 of `data` is `expected`, or `expected` is 0 (not given)."""
    if expected and crc32(data) != expected:
        raise Damage(f"{what}: wrong checksum, the file is damaged there")


__all__ = [
    "CHUNK",
    "MAX_TIME",
    "MESSAGE",
    "MESSAGE_FIELDS",
    "RECORD",
    "Attachment",
    "Channel",
    "ChunkHead",
    "Cursor",
    "Damage",
    "Opcode",
    "Schema",
    "check_crc",
    "encode",
    "read_attachment_head",
    "read_attachment_index",
    "read_channel",
    "read_chunk_head",
    "read_metadata",
    "read_schema",
]
