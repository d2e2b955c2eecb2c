"""What a reader needs of the summary section of a finished file: the attachments, and where the data end."""

from typing import Final

from recordings.container import RECORD, Attachment, Cursor, Damage, Opcode, read_attachment_index
from recordings.layout import MAGIC
from recordings.walk import read_exactly

_FOOTER: Final = RECORD.size + 20 + len(MAGIC)
_MAX_GROUP: Final = 16 << 20


def read_attachments(file: int, size: int) -> list[Attachment] | None:
    """The attachments that the summary of a finished file lists; None if the file has no proper end."""
    if size < _FOOTER:
        return None
    try:
        tail = read_exactly(file, size - _FOOTER, _FOOTER)
        opcode, length = RECORD.unpack_from(tail)
        if opcode != Opcode.FOOTER or length != 20 or not tail.endswith(MAGIC):
            return None
        cursor = Cursor(tail[RECORD.size :])
        summary_start, offsets_start = cursor.integer(8), cursor.integer(8)
        if not summary_start:
            return []
        if not offsets_start or not summary_start <= offsets_start <= size - _FOOTER:
            return None
        if size - _FOOTER - offsets_start > _MAX_GROUP:
            return None
        attachments = []
        for group_opcode, start, group_length in _groups(file, offsets_start, size - _FOOTER):
            if group_opcode == Opcode.ATTACHMENT_INDEX:
                if group_length > _MAX_GROUP or start + group_length > size:
                    return None
                group = memoryview(read_exactly(file, start, group_length))
                attachments += [read_attachment_index(content) for content in _contents(group)]
    except (Damage, OSError):
        return None
    return [
        found
        for found in attachments
        if found.offset + found.length <= size and found.data_size < found.length
    ]


def _groups(file: int, start: int, end: int) -> list[tuple[int, int, int]]:
    data = memoryview(read_exactly(file, start, end - start))
    groups = []
    for content in _contents(data):
        cursor = Cursor(content)
        groups.append((cursor.integer(1), cursor.integer(8), cursor.integer(8)))
    return groups


def _contents(data: memoryview) -> list[memoryview]:
    """The contents of the records that fill `data`."""
    contents = []
    position = 0
    while position + RECORD.size <= len(data):
        _, length = RECORD.unpack_from(data, position)
        position += RECORD.size
        if position + length > len(data):
            raise Damage("a summary group is cut off")
        contents.append(data[position : position + length])
        position += length
    return contents
