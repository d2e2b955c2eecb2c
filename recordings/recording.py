"""A recording opened for reading: finished, cut off, or still growing; all three through the same doors.

Rows and session come from the row index of a finished file, else from its blocks, else from the chunks
themselves; payloads are fetched one by one when asked for. Whatever a file contains, only RecordingError is
raised; what can't be read in it is told in the session's log and left out.
"""

import math
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from types import MappingProxyType, TracebackType
from typing import Final

import msgspec
import numpy as np

from decoders.envelope import Envelope, read_envelope
from recordings.block import Block
from recordings.container import Damage
from recordings.deliveries import DeliveryIndex, Place, copies_of
from recordings.errors import RecordingError
from recordings.layout import NOTES, ROW_INDEX
from recordings.loading import Loader, State
from recordings.payloads import Payloads
from recordings.rows import Rows
from recordings.session import Session
from recordings.walk import read_attachment

FIRST_BUDGET_S: Final = 0.02
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

    `rows` and `session` grow with `refresh`, and `state` says whether the file has a proper end, is being
    written, or will have no end. One thread may refresh while others read.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.session = Session()
        self.rows = Rows(self.session)
        self._file = file
        self._loader = Loader(path, file, self._add, self._complain)
        self._payloads = Payloads(file, self._loader.channels)
        self._chunks: list[int] = []
        self._deliveries = DeliveryIndex()
        self._blocks: OrderedDict[Place, Block] = OrderedDict()
        self._names_version = 0
        self._lock = RLock()
        self.state: State = "growing"

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
            recording._loader.begin()
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
        return MappingProxyType(self._loader.facts)

    @property
    def format_version(self) -> int:
        """The version of the layout; 0 for a file that tubetap did not write."""
        return self._loader.format_version

    @property
    def size(self) -> int:
        """Bytes in the file when it was last looked at."""
        return self._loader.size

    @property
    def progress(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._loader.progress

    def refresh(self, budget_s: float = 0.05) -> bool:
        """Read what is new or not yet read, for about `budget_s` seconds; True if anything has changed."""
        with self._lock:
            self._check_open()
            before = self._loader.position, len(self.session.log)
            try:
                self._read_on(budget_s)
            except OSError as error:
                raise RecordingError(f"can't read {self.path}: {os.strerror(error.errno or 0)}") from None
            return before != (self._loader.position, len(self.session.log))

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
        """The names of the files that are attached, without the row index and the notes."""
        names = (found.name for found in self._loader.attachments)
        return [name for name in names if name not in (ROW_INDEX, NOTES)]

    def attached_notes(self) -> bytes:
        """The notes that a person added later (see `recordings.notes`), b"" if there are none.

        Raises RecordingError if they can't be read.
        """
        has_notes = any(found.name == NOTES for found in self._loader.attachments)
        return self.attachment(NOTES) if has_notes else b""

    def attachment(self, name: str) -> bytes:
        """The bytes of an attachment. Raises RecordingError if there is none of that name."""
        self._check_open()
        for found in reversed(self._loader.attachments):
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

    def _read_on(self, budget_s: float) -> None:
        self._loader.read_on(budget_s)
        self.state = self._loader.state

    def _add(self, block: Block, place: Place) -> None:
        """Take in a block: records first, so that names are known, then rows, then who received them."""
        first = len(self._chunks)
        self._chunks += [offset for offset, _ in block.chunks]
        chunks = np.repeat(np.arange(first, len(self._chunks)), [count for _, count in block.chunks])
        self.session.add_records(block, len(self.rows))
        if self.session.names_version != self._names_version:
            self._names_version = self.session.names_version
            self.rows.rename()
        needed = len(self.rows) + len(block)
        if needed > self.rows.capacity:
            self.rows.reserve(max(self._loader.expected_rows(), needed + (needed >> 2)))
        new = self.rows.append(block, chunks)
        self.session.add_rows(block, new.start)
        for runs in block.runs.batches():
            self.session.add_copies(self.rows, self.rows.deliver(runs))
        self._deliveries.add(block.runs, place)

    def _complain(self, text: str) -> None:
        rows = self.rows
        self.session.problem(int(rows.time_ns[-1]) if len(rows) else 0, text)

    def _block(self, place: Place) -> Block:
        with self._lock:
            if place in self._blocks:
                self._blocks.move_to_end(place)
                return self._blocks[place]
            try:
                block = self._loader.block(place)
            except (Damage, OSError) as error:
                raise RecordingError(f"deliveries can't be read: {error}") from None
            self._blocks[place] = block
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
            return block
