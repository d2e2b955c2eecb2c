"""Brings the blocks of a file, in order and as fast as the file allows: from the row index of a finished
file, else from the blocks in front of its chunks, else from the chunks themselves.

Reading goes on where it stopped, until the file has ended; what can't be read is told and passed over.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from recordings.block import BYTES_PER_ROW, Block, decode_content, merge, read_head
from recordings.container import Attachment, Channel, Damage
from recordings.deliveries import Place
from recordings.errors import RecordingError
from recordings.frames import MessageChannel
from recordings.layout import END_METADATA, FORMAT, MAGIC, METADATA, ROW_INDEX
from recordings.locks import is_being_written
from recordings.scan import read_chunk, scan
from recordings.summary import read_summary
from recordings.walk import (
    Found,
    FoundChunk,
    FoundDamage,
    FoundEnd,
    FoundMessage,
    FoundMetadata,
    Walk,
    read_attachment,
    read_exactly,
)

GATHER_BLOCKS: Final = 256
GATHER_SIZE: Final = 1 << 14
"""Blocks are given away together until there are this many, or this many rows and runs of deliveries in
them."""

State = Literal["complete", "growing", "cut off"]
"""A file with a proper end; one that is being written; one that will have no end."""


class Loader:
    """Reads an open file from beginning to end, in steps.

    `facts`, `attachments` and `channels` (those that are defined before they are used) fill up on the way.
    Blocks go to `take`, with where they can be had again; what can't be read is told to `complain`.
    """

    def __init__(
        self, path: Path, file: int, take: Callable[[Block, Place], None], complain: Callable[[str], None]
    ) -> None:
        self.state: State = "growing"
        self.facts: dict[str, str] = {}
        self.attachments: list[Attachment] = []
        self.channels: dict[int, MessageChannel] = {}
        self.size = os.fstat(file).st_size
        self._path = path
        self._file = file
        self._take = take
        self._complain = complain
        self._parts: deque[Attachment] = deque()
        self._part_count = 0
        self._walk = Walk(file, len(MAGIC))
        self._ended = False
        self._rows = 0
        self._next_id = 0
        self._last_chunk = -1
        self._loose_messages = False
        self._gathered: list[Block] = []
        self._gathered_size = 0
        self._span = 0

    @property
    def format_version(self) -> int:
        """The version of the layout; 0 for a file that tubetap did not write."""
        text = self.facts.get("format", "0")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def progress(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        if self._parts:
            return 1 - len(self._parts) / self._part_count
        if self._ended or not self.size:
            return 1.0
        return min(self._walk.position / self.size, 1.0)

    @property
    def position(self) -> tuple[int, int, str]:
        """Something that changes whenever anything has been read or noticed."""
        return self._walk.position, len(self._parts), self.state

    def begin(self) -> None:
        """Check what kind of file this is, read the facts, and find out from where its rows can be had.

        Raises RecordingError if this is no recording, or one that is too new.
        """
        start = os.pread(self._file, len(MAGIC), 0)
        if not start:
            raise RecordingError(f"{self._path} is empty: nothing was recorded yet")
        if not MAGIC.startswith(start):
            raise RecordingError(f"{self._path} is no recording: it does not begin like an MCAP file")
        if len(start) < len(MAGIC):
            raise RecordingError(f"{self._path} was cut off before anything was recorded")
        for found in Walk(self._file, len(MAGIC)).steps(self.size):
            if isinstance(found, FoundMetadata):
                self._metadata(found.name, found.entries)
            if found is not None:
                break
        if self.format_version > FORMAT:
            raise RecordingError(
                f"{self._path} was recorded by a newer tubetap (format {self.format_version};"
                f" this one reads up to {FORMAT}): upgrade tubetap to open it"
            )
        summary = read_summary(self._file, self.size)
        if summary is None:
            return
        self.state = "complete"
        parts = [found for found in summary.attachments if found.name == ROW_INDEX]
        if parts and self.format_version:
            self.attachments = summary.attachments
            for name, entries in summary.metadata.items():
                self._metadata(name, entries)
            self._parts = deque(sorted(parts, key=lambda part: part.offset))
            self._part_count = len(parts)
            self._ended = True

    def expected_rows(self) -> int:
        """About how many rows there will be in all, so far as can be told; never more than there can be."""
        most = self.size // BYTES_PER_ROW
        if self._parts:
            try:
                heads = [read_exactly(self._file, _data_offset(part), 64) for part in self._parts]
                return min(self._rows + sum(read_head(head)[0] for head in heads), most)
            except Damage:
                return 0
        return min(int(self._rows * 1.05 * self.size / max(self._walk.position, 1)), most)

    def read_on(self, budget_s: float) -> None:
        """Read for about `budget_s` seconds, or to the end of what there is."""
        deadline = time.monotonic() + budget_s
        while self._parts:
            if not self._read_part(self._parts.popleft()):
                break
            if time.monotonic() > deadline:
                return
        if not self._ended:
            self._walk_on(deadline)

    def block(self, place: Place) -> Block:
        """A block once more."""
        kind, start, end = place
        if kind == "part":
            return decode_content(read_exactly(self._file, start, end))
        blocks = []
        for found in Walk(self._file, start).steps(end):
            if isinstance(found, FoundChunk):
                with suppress(Damage):
                    blocks.append(self._block_of(found))
        return merge(blocks)

    def _read_part(self, part: Attachment) -> bool:
        """Take a part of the row index; if that can't be, go on without: the chunks tell the same, but
        slower."""
        try:
            block = decode_content(read_attachment(self._file, part))
            if (self._rows + len(block)) * BYTES_PER_ROW > self.size:
                raise Damage("the row index claims more rows than there can be")
        except Damage as error:
            self._complain(f"{error}; going on without the row index")
        else:
            if block.home == part.offset:
                self._give(block, ("part", _data_offset(part), part.data_size))
                return True
        self._parts.clear()
        self._ended = False
        if self._last_chunk >= 0:
            self._walk = Walk(self._file, self._last_chunk)
        return False

    def _walk_on(self, deadline: float) -> None:
        """Go on from record to record."""
        live = False
        if self.state != "complete":
            live = is_being_written(self._file)
            self.state = "growing" if live else "cut off"
        self.size = os.fstat(self._file).st_size
        if self.size < self._walk.position:
            self._complain(f"the file shrank to {self.size:,} bytes while it was read")
            self._ended, self.state = True, "cut off"
            return
        self._span = self._walk.position
        for found in self._walk.steps(self.size, final=not live):
            self._found(found)
            if time.monotonic() > deadline:
                self._give_gathered()
                return
        self._give_gathered()
        if self._ended:
            self.state = "complete"
        self._ended |= not live

    def _found(self, found: Found) -> None:
        if isinstance(found, FoundChunk):
            self._chunk(found)
        elif isinstance(found, Attachment):
            if all(known.offset != found.offset for known in self.attachments):
                self.attachments.append(found)
        elif isinstance(found, Channel):
            self.channels[found.id] = MessageChannel.of(found)
        elif isinstance(found, FoundMetadata):
            self._metadata(found.name, found.entries)
        elif isinstance(found, FoundDamage):
            self._tell(found.text)
        elif isinstance(found, FoundEnd):
            self._ended = True
        elif isinstance(found, FoundMessage) and not self._loose_messages:
            self._loose_messages = True
            self._tell("messages outside of chunks are not shown")

    def _chunk(self, found: FoundChunk) -> None:
        """Gather the block of a chunk: many small ones are taken in far quicker as one."""
        if found.offset <= self._last_chunk:
            return
        try:
            block = self._block_of(found)
        except Damage as error:
            self._tell(f"{error}; its messages are left out")
            return
        block.chunks = [(found.offset, len(block))]
        self._gathered.append(block)
        self._gathered_size += len(block) + len(block.runs)
        if len(block):
            self._next_id = int(block.id[-1]) + 1
        if len(self._gathered) >= GATHER_BLOCKS or self._gathered_size >= GATHER_SIZE:
            self._give_gathered()

    def _block_of(self, found: FoundChunk) -> Block:
        """The block of a chunk, from its messages if it has none of its own."""
        if found.block is not None:
            return found.block
        chunk = read_chunk(self._file, found.offset)
        block = scan(chunk, self.channels, self._next_id)
        self.channels.update(chunk.channels)
        return block

    def _give_gathered(self) -> None:
        blocks = self._gathered
        if blocks:
            self._gathered, self._gathered_size = [], 0
            self._give(
                blocks[0] if len(blocks) == 1 else merge(blocks), ("span", self._span, self._walk.position)
            )
        self._span = self._walk.position

    def _give(self, block: Block, place: Place) -> None:
        self._rows += len(block)
        if len(block):
            self._next_id = int(block.id[-1]) + 1
        if block.chunks:
            self._last_chunk = block.chunks[-1][0]
        self._take(block, place)

    def _tell(self, text: str) -> None:
        """Complain, after all that came before."""
        self._give_gathered()
        self._complain(text)

    def _metadata(self, name: str, entries: Mapping[str, str]) -> None:
        if name in (METADATA, END_METADATA):
            self.facts = {**entries, **self.facts}


def _data_offset(part: Attachment) -> int:
    return part.offset + part.length - 4 - part.data_size
