"""What a reader needs of the summary section of a finished file: its attachments and metadata."""

from typing import Final, NamedTuple

from recordings.container import (
    RECORD,
    Attachment,
    Cursor,
    Damage,
    Opcode,
    read_attachment_index,
    read_metadata,
)
from recordings.layout import MAGIC
from recordings.walk import read_exactly

FOOTER_BYTES: Final = RECORD.size + 20 + len(MAGIC)
"""Bytes of the footer and the magic behind it, with which a finished file ends."""
_MAX_GROUP: Final = 16 << 20


class Summary(NamedTuple):
    """Where the attachments of a finished file lie, and its metadata records by name."""

    attachments: list[Attachment]
    metadata: dict[str, dict[str, str]]


def read_summary(file: int, size: int) -> Summary | None:
    """The summary of a finished file of `size` bytes; None if the file has no proper end."""
    try:
        return _read_summary(file, size)
    except (Damage, OSError):
        return None


def _read_summary(file: int, size: int) -> Summary | None:
    start, offsets_start = read_footer(file, size)
    end = size - FOOTER_BYTES
    summary = Summary([], {})
    if not start:
        return summary
    if not start <= offsets_start <= end:
        return None
    for content in _contents(file, offsets_start, end - offsets_start, size):
        cursor = Cursor(content)
        opcode, group_start, group_length = cursor.integer(1), cursor.integer(8), cursor.integer(8)
        if opcode == Opcode.ATTACHMENT_INDEX:
            found = map(read_attachment_index, _contents(file, group_start, group_length, size))
            summary.attachments.extend(place for place in found if _fits(place, size))
        elif opcode == Opcode.METADATA_INDEX:
            for index in _contents(file, group_start, group_length, size):
                cursor = Cursor(index)
                for record in _contents(file, cursor.integer(8), cursor.integer(8), size):
                    name, entries = read_metadata(record)
                    summary.metadata[name] = entries
    return summary


def read_footer(file: int, size: int) -> tuple[int, int]:
    """Where the summary and its offsets begin, from the footer of a file of `size` bytes; 0 for none.

    Raises Damage if it has no footer.
    """
    if size < FOOTER_BYTES:
        raise Damage("the file has no footer")
    tail = read_exactly(file, size - FOOTER_BYTES, FOOTER_BYTES)
    opcode, length = RECORD.unpack_from(tail)
    if opcode != Opcode.FOOTER or length != 20 or not tail.endswith(MAGIC):
        raise Damage("the file has no footer")
    cursor = Cursor(tail[RECORD.size :])
    return cursor.integer(8), cursor.integer(8)


def _fits(found: Attachment, size: int) -> bool:
    return found.offset + found.length <= size and found.data_size + RECORD.size < found.length


def _contents(file: int, start: int, length: int, size: int) -> list[memoryview]:
    """The contents of the records that fill a part of the file."""
    if length > _MAX_GROUP or start + length > size:
        raise Damage("a part of the summary lies outside of the file")
    data = memoryview(read_exactly(file, start, length))
    contents = []
    position = 0
    while position + RECORD.size <= len(data):
        _, record_length = RECORD.unpack_from(data, position)
        position += RECORD.size
        if position + record_length > len(data):
            raise Damage("a part of the summary is cut off")
        contents.append(data[position : position + record_length])
        position += record_length
    return contents
