"""The file behind a writer: created privately, locked while it is written, appended to in whole chunks.

A write that the system refuses is undone, so that what is in the file is always whole chunks. What makes it
complete (row index, summary) is collected on the way: see `ending`.
"""

import errno
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from mcap.records import Attachment, AttachmentIndex, Header, Metadata, MetadataIndex

from decoders.text import encodable
from recordings.block import decode_content, encode_content
from recordings.chunks import SealedChunk
from recordings.container import RECORD, encode
from recordings.ending import RowIndex, Summary
from recordings.errors import DiskError, RecordingError
from recordings.layout import (
    END_METADATA,
    FORMAT,
    MAGIC,
    METADATA,
    ROW_INDEX,
    ROW_INDEX_MEDIA_TYPE,
)
from recordings.locks import lock_for_writing
from recordings.version import VERSION

CACHED: Final = 32 << 20
"""Bytes at the end of a growing file that are left in the system's cache, for who follows it."""
_GIVE_BACK_EVERY: Final = 8 << 20


class Definitions(Protocol):
    """Who knows the schemas and channels of a file."""

    def summary(self) -> tuple[bytes, int, bytes, int]:
        """All schema records and their number, all channel records and their number."""


class Sink(Protocol):
    """Where a writer's chunks go."""

    @property
    def path(self) -> Path:
        """The file that they end up in."""

    @property
    def size(self) -> int:
        """Bytes taken so far."""

    def write(self, sealed: SealedChunk) -> None:
        """Take a chunk; DiskError if that is not possible, and then nothing of it is kept."""

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Take an attachment."""

    def finish(self, vocabulary: Definitions) -> None:
        """Make the recording complete."""

    def close(self) -> None:
        """Let go of it as it is."""


class FileSink:
    """Appends chunks and attachments to a new file, and ends it."""

    def __init__(self, path: Path, facts: Mapping[str, str], *, force: bool = False) -> None:
        self._path = path
        self._size = 0
        self._given_back = 0
        self._summary = Summary()
        self._row_index = RowIndex()
        self._attachments: list[AttachmentIndex] = []
        self._metadata: list[MetadataIndex] = []
        self._file = _create(path, force=force)
        lock_for_writing(self._file)
        library = f"tubetap {VERSION}"
        try:
            self._add_metadata(
                METADATA,
                {"format": str(FORMAT), "started_ns": str(time.time_ns()), "library": library, **facts},
                before=MAGIC + encode(Header(profile="", library=library)),
            )
        except DiskError:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def write(self, sealed: SealedChunk) -> None:
        """Append a chunk, and a part of the row index when there is enough for one."""
        offset = self._size + len(sealed.parts[0])
        self._append(sealed.parts)
        self._summary.add_chunk(sealed, offset)
        self._row_index.add(sealed.block or decode_content(sealed.parts[0][RECORD.size :]), offset)
        if self._row_index.full:
            # If it can't be written now, its blocks are kept for the next attempt.
            with suppress(DiskError):
                self._write_row_index()

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Append an attachment."""
        name = encodable(name)
        now = time.time_ns()
        record = encode(
            Attachment(create_time=now, log_time=now, name=name, media_type=media_type, data=data)
        )
        offset = self._size
        self._append([record])
        self._attachments.append(
            AttachmentIndex(
                offset=offset,
                length=len(record),
                log_time=now,
                create_time=now,
                data_size=len(data),
                name=name,
                media_type=media_type,
            )
        )

    def finish(self, vocabulary: Definitions) -> None:
        """Append row index and summary; DiskError if the file was deleted meanwhile."""
        if os.fstat(self._file).st_nlink == 0:
            reason = "the file was deleted while it was being recorded"
            raise DiskError(f"nothing is left of {self._path}: {reason}", reason=reason)
        self._write_row_index()
        statistics = self._summary.statistics
        self._add_metadata(END_METADATA, {"ended_ns": str(time.time_ns()), "messages": str(statistics.rows)})
        definitions = vocabulary.summary()
        self._append([self._summary.encode(self._size, definitions, self._attachments, self._metadata)])

    def close(self) -> None:
        """Close the file as it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write_row_index(self) -> None:
        part = self._row_index.part()
        if part is not None:
            part.home = self._size
            self.attach(ROW_INDEX, ROW_INDEX_MEDIA_TYPE, encode_content(part))
            self._row_index.clear()

    def _add_metadata(self, name: str, entries: Mapping[str, str], before: bytes = b"") -> None:
        record = encode(
            Metadata(name=name, metadata={key: encodable(value) for key, value in entries.items()})
        )
        offset = self._size + len(before)
        self._append([before, record])
        self._metadata.append(MetadataIndex(offset=offset, length=len(record), name=name))

    def _append(self, parts: Sequence[bytes]) -> None:
        total = sum(map(len, parts))
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            _write_all(self._file, parts, total)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise DiskError(f"can't write to {self._path}: {reason}", reason=reason, size=total) from None
        self._size += total
        if self._size - self._given_back >= _GIVE_BACK_EVERY:
            self._given_back = self._size
            self._give_back_cache()

    def _give_back_cache(self) -> None:
        """Give the cache of what was written some time ago back to the system.

        A large recording would push all else out of it, and every page of it be a new one: writing costs a
        multiple then. What is not on the disk yet stays, but is sent there: the next call, or one of those
        after it, gives it back.
        """
        end = self._size - CACHED
        if end > 0 and hasattr(os, "posix_fadvise"):
            begin = max(0, end - CACHED)
            with suppress(OSError):
                os.posix_fadvise(self._file, begin, end - begin, os.POSIX_FADV_DONTNEED)


def _write_all(file: int, parts: Sequence[bytes], total: int) -> None:
    """One writev in the usual case; the rest piece by piece where the system takes only a part."""
    written = os.writev(file, [part for part in parts if part])
    if written == total:
        return
    left = memoryview(b"".join(parts))[written:]
    while left:
        left = left[os.write(file, left) :]


def _create(path: Path, *, force: bool) -> int:
    """A new private file, open for reading and writing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    if path.exists() and not path.is_file():
        raise RecordingError(f"{path} is no file that could be replaced: record elsewhere with -o")
    try:
        if not force:
            return os.open(path, flags, 0o600)
        # Made beside it and renamed: whoever looks for the file always finds one.
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        file = os.open(beside, flags, 0o600)
        try:
            os.replace(beside, path)
        except OSError:
            os.close(file)
            beside.unlink()
            raise
        return file
    except FileExistsError:
        raise RecordingError(f"{path} exists: choose another name, or --force to replace it") from None
    except FileNotFoundError:
        raise RecordingError(
            f"{path.parent} does not exist: make it first, or record elsewhere with -o"
        ) from None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RecordingError(f"can't write to {path.parent}: record elsewhere with -o") from None
        raise RecordingError(f"can't create {path}: {error.strerror}") from None
