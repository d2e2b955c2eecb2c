"""From record to record through a file, complete or not, without reading what is in between.

A walk stops where the file ends inside a record and can go on from there when the file has grown. Where
bytes do not follow the format it looks for the next block, whose signature can be searched for.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recordings.block import BLOCK_HEAD, SIGNATURE, Block, decode_content, read_head
from recordings.container import (
    RECORD,
    Attachment,
    Channel,
    Damage,
    Opcode,
    check_crc,
    read_attachment_head,
    read_channel,
    read_metadata,
)
from recordings.layout import BLOCK_OPCODE, MAGIC, MAX_BLOCK, MAX_RECORD

MAX_SMALL: Final = 16 << 20
"""Longest metadata or channel record that is read."""
_ATTACHMENT_HEAD: Final = 64 << 10
_WINDOW: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A whole chunk at `offset`, with its block if it has one; `block_place` is offset and length of its
    content."""

    offset: int
    block: Block | None = None
    block_place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class FoundMetadata:
    """A metadata record."""

    name: str
    entries: dict[str, str]


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message outside of chunks, which only other programs write."""


@dataclass(frozen=True, slots=True)
class FoundDamage:
    """Something that can't be read; the walk goes on behind it if it can."""

    text: str


@dataclass(frozen=True, slots=True)
class FoundEnd:
    """The footer: the file was closed."""


Found = FoundChunk | FoundMetadata | FoundMessage | FoundDamage | FoundEnd | Attachment | Channel | None
"""What one step came upon; None for records that say nothing of interest."""


def read_exactly(file: int, offset: int, length: int) -> bytes:
    """The bytes at an offset; Damage if the file ends before."""
    data = os.pread(file, length, offset)
    while len(data) < length:
        more = os.pread(file, length - len(data), offset + len(data))
        if not more:
            raise Damage("the file ends inside a record")
        data += more
    return data


def read_attachment(file: int, found: Attachment) -> bytes:
    """The data of an attachment; Damage if its checksum is wrong."""
    content = read_exactly(file, found.offset + RECORD.size, found.length - RECORD.size)
    crc = int.from_bytes(content[-4:], "little")
    check_crc(memoryview(content)[:-4], crc, f"attachment {found.name!r}")
    start = len(content) - 4 - found.data_size
    return content[start : start + found.data_size]


class Walk:
    """A walk through the records from `position` on."""

    def __init__(self, file: int, position: int) -> None:
        self.position = position
        self._file = file

    def steps(self, size: int, *, final: bool = False) -> Iterator[Found]:
        """What can be found in a file of `size` bytes; `final` if it will not grow, so that what is torn
        is damage."""
        while self.position < size:
            before = self.position
            try:
                found = self._step(size)
            except Damage as error:
                if self.position == before:
                    self.position = self._resync(before + 1, size)
                found = FoundDamage(f"byte {before:,}: {error}")
            if found is _TORN:
                if not final:
                    return
                self.position = self._resync(before + 1, size)
                torn = (
                    f"the last {size - before:,} bytes are torn" if self.position >= size else "a torn record"
                )
                found = FoundDamage(f"byte {before:,}: {torn}")
            assert found is None or not isinstance(found, _Torn)
            yield found
            if isinstance(found, FoundEnd):
                return

    def _step(self, size: int) -> "Found | _Torn":
        position = self.position
        if position + RECORD.size > size:
            return _TORN
        head = read_exactly(self._file, position, min(BLOCK_HEAD, size - position))
        opcode, length = RECORD.unpack_from(head)
        if opcode == 0 or length > MAX_RECORD:
            raise Damage("not a record")
        start = position + RECORD.size
        end = start + length
        if end > size:
            return _TORN
        if opcode == BLOCK_OPCODE and head[RECORD.size :].startswith(SIGNATURE):
            return self._block(start, length, size)
        found: Found = None
        if opcode == Opcode.CHUNK:
            found = FoundChunk(position)
        elif opcode == Opcode.ATTACHMENT:
            content = read_exactly(self._file, start, min(length, _ATTACHMENT_HEAD))
            found = read_attachment_head(content, position, RECORD.size + length)[0]
        elif opcode in (Opcode.METADATA, Opcode.CHANNEL) and length <= MAX_SMALL:
            content = read_exactly(self._file, start, length)
            found = (
                FoundMetadata(*read_metadata(content)) if opcode == Opcode.METADATA else read_channel(content)
            )
        elif opcode == Opcode.MESSAGE:
            found = FoundMessage()
        elif opcode == Opcode.FOOTER:
            if end + len(MAGIC) > size:
                return _TORN
            if read_exactly(self._file, end, len(MAGIC)) != MAGIC:
                raise Damage("the file does not end as it should")
            found = FoundEnd()
        self.position = end
        return found

    def _block(self, start: int, length: int, size: int) -> "Found | _Torn":
        """A block and the chunk behind it, as one: rows without their chunk are of no use."""
        end = start + length
        if length > MAX_BLOCK:
            raise Damage("a block is too long")
        if end + RECORD.size > size:
            return _TORN
        content = read_exactly(self._file, start, length + RECORD.size)
        opcode, chunk_length = RECORD.unpack_from(content, length)
        follows = read_head(content)[2]
        if opcode != Opcode.CHUNK or RECORD.size + chunk_length > follows:
            raise Damage("no chunk behind its block")
        if end + follows > size:
            return _TORN
        try:
            block = decode_content(memoryview(content)[:length])
        except Damage:
            # The chunk itself tells the same, only slower.
            self.position = end
            return None
        self.position = end + follows
        return FoundChunk(end, block, (start, length))

    def _resync(self, position: int, size: int) -> int:
        """Where the next block is, or the end of the file."""
        while position < size:
            window = os.pread(self._file, _WINDOW, position)
            if not window:
                return size
            found = window.find(SIGNATURE, RECORD.size)
            if found >= 0:
                return position + found - RECORD.size
            position += max(len(window) - RECORD.size - len(SIGNATURE), 1)
        return size


class _Torn:
    """The file ends inside the record."""


_TORN: Final = _Torn()
