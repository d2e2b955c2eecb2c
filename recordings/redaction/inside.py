"""Everything that is inside a recording, piece by piece, for the last look at a redacted one.

Not what the reader makes of the file, but what is in it: unfolded chunks with their channels and schemas, the
index in front of each, metadata, attachments, the index at the end.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from recordings.block import Block, decode_content
from recordings.container import Attachment, Damage
from recordings.errors import RecordingError
from recordings.layout import MAGIC, ROW_INDEX
from recordings.recording import Recording
from recordings.scan import unfold
from recordings.walk import FoundChunk, FoundDamage, FoundMetadata, Walk, read_attachment

Piece = tuple[str, bytes]
"""Where it is, in words, and what it is."""


def pieces(path: Path) -> Iterator[Piece]:
    """Yield all pieces; raises RecordingError if one can't be read, since it can't be looked at then."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RecordingError(f"can't open {path}: {error.strerror}") from None
    try:
        for found in Walk(file, len(MAGIC)).steps(os.fstat(file).st_size, final=True):
            if isinstance(found, FoundChunk):
                yield f"chunk at byte {found.offset:,}", unfold(file, found.offset)
                if found.block is not None:
                    yield from _of_block(f"index of the chunk at byte {found.offset:,}", found.block)
            elif isinstance(found, FoundMetadata):
                for name, value in found.entries.items():
                    yield "facts", f"{name}: {value}".encode("utf-8", "surrogatepass")
            elif isinstance(found, Attachment):
                yield from _of_attachment(file, found)
            elif isinstance(found, FoundDamage):
                raise RecordingError(f"{path} was damaged while it was written: {found.text}")
    except Damage as error:
        raise RecordingError(f"{path} was damaged while it was written: {error}") from None
    finally:
        os.close(file)
    with Recording.open(path) as recording:
        for row in range(len(recording.rows)):
            for frame in recording.frames(row):
                # Text was seen as part of its chunk; what may be packed has to be looked at by itself.
                if frame[:1] not in (b"{", b"[", b'"') and not frame.isascii():
                    yield f"message {row}", frame


def _of_attachment(file: int, found: Attachment) -> Iterator[Piece]:
    data = read_attachment(file, found)
    yield "attachments", f"{found.name} {found.media_type}".encode("utf-8", "surrogatepass")
    if found.name == ROW_INDEX:
        yield from _of_block("index at the end", decode_content(data))
    else:
        yield f"attachment {found.name}", data


def _of_block(place: str, block: Block) -> Iterator[Piece]:
    yield place, msgspec.json.encode(block.kinds)
    for _, record in block.records:
        yield place, record
    for _, payload in block.payloads:
        yield place, payload
