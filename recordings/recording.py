"""A recording opened for reading: finished, cut off, or still growing; all three through the same doors.

Rows and session come from the row index of a finished file, else from its blocks, else from the chunks
themselves; payloads are fetched one by one when asked for. Whatever a file contains, only RecordingError is
raised; what can't be read in it is told in the session's log and left out.
"""

import math
import os
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from types import MappingProxyType, TracebackType
from typing import Final, Literal

import msgspec
import numpy as np

from decoders.envelope import Envelope, read_envelope
from recordings.block import BYTES_PER_ROW, Block, decode_content, read_head
from recordings.container import Attachment, Channel, Damage
from recordings.deliveries import DeliveryIndex, Place, copies_of
from recordings.errors import RecordingError
from recordings.frames import MessageChannel
from recordings.layout import END_METADATA, FORMAT, MAGIC, METADATA, ROW_INDEX
from recordings.locks import is_being_written
from recordings.payloads import Payloads
from recordings.rows import Rows
from recordings.scan import read_chunk, scan
from recordings.session import Session
from recordings.summary import read_summary
from recordings.walk import (
    FoundChunk,
    FoundDamage,
    FoundEnd,
    FoundMessage,
    FoundMetadata,
    Walk,
    read_attachment,
    read_exactly,
)

State = Literal["complete", "growing", "cut off"]

FIRST_BUDGET_S: Final = 0.2
"""How long `open` reads on in a file that is followed, before it lets a caller show what there is."""
_CACHED_BLOCKS: Final = 4


class Delivery(msgspec.Struct, frozen=True):
    """A copy of a message as one connection carried it; `delay_ns` counts from when the message was first
    seen."""

    connection: int
    time_ns: int
    delay_ns: int


class Recording:
    """An open recording; use `Recording.open`, as a context manager or with `close`.

    `rows` and `session` grow with `refresh`. One thread may refresh while others read.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.session = Session()
        self.rows = Rows(self.session)
        self.state: State = "growing"
        self._file = file
        self._facts: dict[str, str] = {}
        self._size = os.fstat(file).st_size
        self._walk = Walk(file, len(MAGIC))
        self._parts: deque[Attachment] = deque()
        self._part_count = 0
        self._walking = True
        self._ended = False
        self._channels: dict[int, MessageChannel] = {}
        self._payloads = Payloads(file, self._channels)
        self._chunks: list[int] = []
        self._chunk_last = -1
        self._attachments: list[Attachment] = []
        self._next_id = 0
        self._names_version = 0
        self._loose_messages = 0
        self._deliveries = DeliveryIndex()
        self._blocks: OrderedDict[Place, Block] = OrderedDict()
        self._lock = RLock()

    @classmethod
    def open(cls, path: str | Path, *, follow: bool = False) -> "Recording":
        """Open a recording, or what can be read of any other MCAP file.

        Reads all rows, unless `follow` is set: then only for a moment, and `refresh` brings the rest and
        whatever is still being written. Raises RecordingError.
        """
        path = Path(path)
        try:
            file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise RecordingError(f"can't open {path}: {os.strerror(error.errno or 0)}") from None
        try:
            recording = cls(path, file)
            recording._begin()
            recording._read_on(FIRST_BUDGET_S if follow else math.inf)
        except Damage as error:
            os.close(file)
            raise RecordingError(f"{path}: {error}") from None
        except OSError as error:
            os.close(file)
            raise RecordingError(f"can't read {path}: {os.strerror(error.errno or 0)}") from None
        except BaseException:
            os.close(file)
            raise
        return recording

    @property
    def facts(self) -> Mapping[str, str]:
        """What the recorder noted of the session: versions, host, command line, "started_ns"; of a finished
        recording "ended_ns" and "messages" too."""
        return MappingProxyType(self._facts)

    @property
    def format_version(self) -> int:
        """The version of the layout; 0 for a file that tubetap did not write."""
        text = self._facts.get("format", "0")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def size(self) -> int:
        """Bytes in the file when it was last looked at."""
        return self._size

    @property
    def progress(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        if self._parts:
            return 1 - len(self._parts) / self._part_count
        if not self._walking or self._ended:
            return 1.0
        return min(self._walk.position / self._size, 1.0) if self._size else 1.0

    def refresh(self, budget_s: float = 0.05) -> bool:
        """Read what is new or not yet read, for about `budget_s` seconds; True if anything has changed."""
        with self._lock:
            self._check_open()
            before = (
                len(self.rows),
                self._walk.position,
                len(self._parts),
                self.state,
                len(self.session.log),
            )
            try:
                self._read_on(budget_s)
            except OSError as error:
                raise RecordingError(f"can't read {self.path}: {os.strerror(error.errno or 0)}") from None
            after = (len(self.rows), self._walk.position, len(self._parts), self.state, len(self.session.log))
            return before != after

    def frames(self, row: int) -> tuple[bytes, ...]:
        """The frames of a row's message, bit for bit. Raises RecordingError if its chunk is damaged."""
        rows = self.rows
        self._check_open()
        if not 0 <= row < len(rows):
            raise RecordingError(f"there is no message {row}; the recording has {len(rows)}")
        try:
            return self._payloads.frames(self._chunks[rows.chunk[row]], int(rows.offset[row]))
        except (Damage, OSError) as error:
            raise RecordingError(f"message {row} can't be read: {error}") from None

    def envelope(self, row: int) -> Envelope:
        """The envelope of a row's message, read from its frames."""
        return read_envelope(self.frames(row))

    def deliveries(self, row: int) -> list[Delivery]:
        """The copies of a row's message in the order of time: for "in" messages, the one on its own
        connection."""
        rows = self.rows
        self._check_open()
        if not 0 <= row < len(rows):
            raise RecordingError(f"there is no message {row}; the recording has {len(rows)}")
        message, seen = rows.id_of(row), int(rows.time_ns[row])
        receivers = rows.receiver_connections(row)
        if receivers and receivers[0] < 0:
            return [Delivery(int(rows.connection[row]), seen, 0)]
        copies = []
        for place in self._deliveries.places(message):
            copies += copies_of(self._block(place).runs, message)
        copies.sort(key=lambda copy: copy[1])
        return [Delivery(connection, time_ns, time_ns - seen) for connection, time_ns in copies]

    def attachments(self) -> list[str]:
        """The names of the files that are attached, without the row index."""
        return [found.name for found in self._attachments if found.name != ROW_INDEX]

    def attachment(self, name: str) -> bytes:
        """The bytes of an attachment. Raises RecordingError if there is none of that name."""
        self._check_open()
        for found in reversed(self._attachments):
            if found.name == name:
                try:
                    return read_attachment(self._file, found)
                except (Damage, OSError) as error:
                    raise RecordingError(f"attachment {name!r} can't be read: {error}") from None
        raise RecordingError(f"{self.path} has no attachment {name!r}")

    def close(self) -> None:
        """Close the file; rows and session stay usable."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._file < 0:
            raise RecordingError(f"{self.path} is closed")

    def _begin(self) -> None:
        """Check what kind of file this is, read the facts, and find out from where its rows can be had."""
        start = os.pread(self._file, len(MAGIC), 0)
        if not start:
            raise RecordingError(f"{self.path} is empty: nothing was recorded yet")
        if not MAGIC.startswith(start):
            raise RecordingError(f"{self.path} is no recording: it does not begin like an MCAP file")
        if len(start) < len(MAGIC):
            raise RecordingError(f"{self.path} was cut off before anything was recorded")
        for found in Walk(self._file, len(MAGIC)).steps(self._size):
            if isinstance(found, FoundMetadata):
                self._metadata(found.name, found.entries)
            if found is not None:
                break
        if self.format_version > FORMAT:
            raise RecordingError(
                f"{self.path} was recorded by a newer tubetap (format {self.format_version};"
                f" this one reads up to {FORMAT}): upgrade tubetap to open it"
            )
        summary = read_summary(self._file, self._size)
        if summary is None:
            return
        self.state = "complete"
        parts = [found for found in summary.attachments if found.name == ROW_INDEX]
        if parts and self.format_version:
            self._attachments = summary.attachments
            for name, entries in summary.metadata.items():
                self._metadata(name, entries)
            self._parts = deque(sorted(parts, key=lambda part: part.offset))
            self._part_count = len(parts)
            self._walking = False
            self._reserve()

    def _metadata(self, name: str, entries: Mapping[str, str]) -> None:
        if name in (METADATA, END_METADATA):
            self._facts = {**entries, **self._facts}

    def _reserve(self) -> None:
        """Make room for all rows of the row index at once."""
        rows = 0
        for part in self._parts:
            try:
                rows += read_head(read_exactly(self._file, _data_offset(part), 64))[0]
            except Damage:
                return
        if rows * BYTES_PER_ROW <= self._size:
            self.rows.reserve(rows)

    def _read_on(self, budget_s: float) -> None:
        deadline = time.monotonic() + budget_s
        while self._parts:
            part = self._parts.popleft()
            try:
                block = decode_content(read_attachment(self._file, part))
                if (len(self.rows) + len(block)) * BYTES_PER_ROW > self._size:
                    raise Damage("the row index claims more rows than there can be")
            except Damage as error:
                self._problem(f"{error}; going on without the row index")
                self._leave_index()
                break
            if block.home != part.offset:
                self._leave_index()
                break
            self._add(block, ("block", _data_offset(part), part.data_size))
            if time.monotonic() > deadline:
                return
        if self._walking and not self._ended:
            self._walk_on(deadline)

    def _leave_index(self) -> None:
        """Go on behind the last chunk that the row index told of: the chunks tell the same, only slower."""
        self._parts.clear()
        self._walking = True
        if self._chunks:
            self._chunk_last = self._chunks[-1]
            self._walk = Walk(self._file, self._chunk_last)

    def _walk_on(self, deadline: float) -> None:
        """Go on from record to record, as far as the file reaches or the time allows."""
        live = self.state != "complete" and is_being_written(self._file)
        if self.state != "complete":
            self.state = "growing" if live else "cut off"
        self._size = os.fstat(self._file).st_size
        if self._size < self._walk.position:
            self._problem(f"the file shrank to {self._size:,} bytes while it was read")
            self._ended, self.state = True, "cut off"
            return
        for found in self._walk.steps(self._size, final=not live):
            if isinstance(found, FoundChunk):
                self._chunk(found)
            elif isinstance(found, Attachment):
                self._attachments.append(found)
            elif isinstance(found, Channel):
                self._channels[found.id] = MessageChannel.of(found)
            elif isinstance(found, FoundDamage):
                self._problem(found.text)
            elif isinstance(found, FoundMetadata):
                self._metadata(found.name, found.entries)
            elif isinstance(found, FoundMessage):
                self._loose_message()
            elif isinstance(found, FoundEnd):
                self._ended = True
            if time.monotonic() > deadline:
                return
        if self._ended:
            self.state = "complete"
        self._ended |= not live

    def _chunk(self, found: FoundChunk) -> None:
        if found.offset <= self._chunk_last:
            return
        block, place = found.block, ("block", *found.block_place)
        if block is None:
            try:
                chunk = read_chunk(self._file, found.offset)
                block = scan(chunk, self._channels, self._next_id)
            except Damage as error:
                self._problem(f"{error}; its messages are left out")
                return
            self._channels.update(chunk.channels)
            place = ("chunk", found.offset, 0)
        block.chunks = [(found.offset, len(block))]
        self._expect(len(block), found.offset)
        self._add(block, place)

    def _add(self, block: Block, place: Place) -> None:
        """Take in a block: records first, so that names are known, then rows, then who received them."""
        first = len(self._chunks)
        self._chunks += [offset for offset, _ in block.chunks]
        chunks = np.repeat(np.arange(first, len(self._chunks)), [count for _, count in block.chunks])
        self.session.add_records(block, len(self.rows))
        if self.session.names_version != self._names_version:
            self._names_version = self.session.names_version
            self.rows.rename()
        new = self.rows.append(block, chunks)
        self.session.add_rows(block, new.start)
        for runs in block.runs.batches():
            self.session.add_copies(self.rows, self.rows.deliver(runs))
        self._deliveries.add(block.runs, place)
        if len(block):
            self._next_id = int(block.id[-1]) + 1

    def _expect(self, more: int, position: int) -> None:
        """Make room for as many rows as the rest of the file will have if it goes on like this."""
        rows = len(self.rows) + more
        if rows > self.rows.capacity and position:
            expected = min(int(rows * 1.05 * self._size / position), self._size // BYTES_PER_ROW)
            self.rows.reserve(max(expected, int(rows * 1.2)))

    def _block(self, place: Place) -> Block:
        with self._lock:
            if place in self._blocks:
                self._blocks.move_to_end(place)
                return self._blocks[place]
            kind, offset, length = place
            try:
                if kind == "chunk":
                    block = scan(read_chunk(self._file, offset), self._channels, 0)
                else:
                    block = decode_content(read_exactly(self._file, offset, length))
            except (Damage, OSError) as error:
                raise RecordingError(f"deliveries can't be read: {error}") from None
            self._blocks[place] = block
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
            return block

    def _problem(self, text: str) -> None:
        rows = self.rows
        self.session.problem(int(rows.time_ns[-1]) if len(rows) else 0, text)

    def _loose_message(self) -> None:
        if not self._loose_messages:
            self._problem("messages outside of chunks are not shown")
        self._loose_messages += 1


def _data_offset(part: Attachment) -> int:
    return part.offset + part.length - 4 - part.data_size
