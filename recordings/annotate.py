"""Puts a person's notes into a finished recording, as the attachment `tubetap.notes`.

Nothing that stands in the file changes but its end: the attachment is put before it, and the summary section
is written anew with one entry more. That happens in a copy, which takes the recording's name when it is
whole.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from mcap.records import Attachment as AttachmentRecord
from mcap.records import AttachmentIndex

from recordings.container import RECORD, Damage, Opcode, encode, read_attachment_index
from recordings.ending import end_of_file
from recordings.errors import RecordingError
from recordings.layout import NOTES
from recordings.locks import is_being_written
from recordings.output_files import whole_output
from recordings.summary import FOOTER_BYTES, read_footer
from recordings.walk import read_attachment, read_exactly

MAX_BYTES: Final = 1 << 30
"""A larger recording is not copied for the sake of a note."""

_COPY_BYTES: Final = 4 << 20
_DATA_END: Final = RECORD.size + 4
_ATTACHMENT_COUNT: Final = RECORD.size + 8 + 2 + 4
"""Where the number of attachments stands in a statistics record (behind messages, schemas and channels)."""


def attach_notes(path: Path, merge: Callable[[bytes], bytes]) -> None:
    """Attach notes (JSON Lines) to the recording at `path`: what `merge` makes of those it has, b"" for none.

    Raises RecordingError where that can't be done safely: not finished, being written, read-only, or larger
    than MAX_BYTES. The recording is then as it was.
    """
    path = path.resolve()  # a link stays a link
    try:
        file = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise RecordingError(f"{path} can't be changed: {error.strerror}") from None
    try:
        size = os.fstat(file).st_size
        if size > MAX_BYTES:
            raise RecordingError(f"{path} is too large to be copied for its notes")
        if is_being_written(file):
            raise RecordingError(f"{path} is still being written")
        end, records = _read_end(file, size)
        before = [
            read_attachment_index(content) for opcode, content in records if opcode == Opcode.ATTACHMENT_INDEX
        ]
        old = next((found for found in before if found.name == NOTES), None)
        data = merge(read_attachment(file, old) if old is not None else b"")
        if old is not None and old.offset + old.length == end:
            end = old.offset  # the last thing before the end: written over
        with whole_output(path, force=True) as target, os.fdopen(os.dup(file), "rb") as source:
            source.seek(0)
            _copy(source, target, end)
            target.write(_new_end(end, records, data))
            os.fchmod(target.fileno(), os.fstat(file).st_mode & 0o777)
    except Damage as error:
        raise RecordingError(f"{path} has no proper end to add notes to: {error}") from None
    except OSError as error:
        raise RecordingError(f"the notes can't be put into {path}: {error.strerror}") from None
    finally:
        os.close(file)


def _read_end(file: int, size: int) -> tuple[int, list[tuple[int, bytes]]]:
    """Where the data section ends, and the records of the summary section as (opcode, content)."""
    start, offsets = read_footer(file, size)
    if not _DATA_END <= start <= offsets <= size - FOOTER_BYTES:
        raise Damage("the summary lies outside of the file")
    if RECORD.unpack(read_exactly(file, start - _DATA_END, RECORD.size)) != (Opcode.DATA_END, 4):
        raise Damage("the data section has no end")
    return start - _DATA_END, list(_records(read_exactly(file, start, offsets - start)))


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + RECORD.size > len(data):
            raise Damage("the summary is cut off")
        opcode, length = RECORD.unpack_from(data, position)
        position += RECORD.size
        if position + length > len(data):
            raise Damage("the summary is cut off")
        yield opcode, data[position : position + length]
        position += length


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    while length:
        part = source.read(min(length, _COPY_BYTES))
        if not part:
            raise Damage("it became shorter meanwhile")
        target.write(part)
        length -= len(part)


def _new_end(end: int, records: list[tuple[int, bytes]], data: bytes) -> bytes:
    now = time.time_ns()
    attachment = encode(
        AttachmentRecord(create_time=now, log_time=now, name=NOTES, media_type="application/jsonl", data=data)
    )
    groups: dict[int, bytes] = {}
    for opcode, content in records:
        if opcode == Opcode.ATTACHMENT_INDEX and read_attachment_index(content).name == NOTES:
            continue
        groups[opcode] = groups.get(opcode, b"") + RECORD.pack(opcode, len(content)) + content
    index = AttachmentIndex(
        offset=end,
        length=len(attachment),
        create_time=now,
        log_time=now,
        data_size=len(data),
        name=NOTES,
        media_type="application/jsonl",
    )
    attachments = groups.get(Opcode.ATTACHMENT_INDEX, b"") + encode(index)
    groups[Opcode.ATTACHMENT_INDEX] = attachments
    if Opcode.STATISTICS in groups:
        count = sum(1 for _ in _records(attachments))
        statistics = bytearray(groups[Opcode.STATISTICS])
        statistics[_ATTACHMENT_COUNT : _ATTACHMENT_COUNT + 4] = count.to_bytes(4, "little")
        groups[Opcode.STATISTICS] = bytes(statistics)
    return attachment + end_of_file(end + len(attachment), list(groups.items()))
