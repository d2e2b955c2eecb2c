"""Repair of recordings: what can be read of a cut-off or damaged file, in a new file with a proper end."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from recordings.chunks import read_heads, seal_data
from recordings.container import MAX_TIME, Attachment, Damage, Opcode
from recordings.errors import RecordingError
from recordings.frames import MessageChannel
from recordings.layout import FORMAT, MAGIC, METADATA, ROW_INDEX
from recordings.locks import is_being_written
from recordings.scan import read_chunk, scan
from recordings.sink import FileSink
from recordings.walk import FoundChunk, FoundDamage, FoundMetadata, Walk, read_attachment


class Recovered(msgspec.Struct, frozen=True):
    """What a recovery brought: `problems` say what could not be read, in words."""

    messages: int
    chunks: int
    problems: tuple[str, ...]


@dataclass
class _Definitions:
    """Schema and channel records as they are found."""

    records: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def summary(self) -> tuple[bytes, int, bytes, int]:
        """As `sink.Definitions`."""
        schemas = [record for (opcode, _), record in self.records.items() if opcode == Opcode.SCHEMA]
        channels = [record for (opcode, _), record in self.records.items() if opcode == Opcode.CHANNEL]
        return b"".join(schemas), len(schemas), b"".join(channels), len(channels)


def recover(source: str | Path, target: str | Path, *, force: bool = False) -> Recovered:
    """Copy every whole chunk and attachment of `source` to the new file `target`, and end that properly.

    Each chunk is checked against its checksum; damaged ones are left out and told of. Works on complete files
    too, whose row index is made anew. Raises RecordingError if `source` is not a recording of tubetap's or is
    still being written, or if `target` can't be made.
    """
    source, target = Path(source), Path(target)
    try:
        file = os.open(source, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise RecordingError(f"can't open {source}: {os.strerror(error.errno or 0)}") from None
    try:
        if is_being_written(file):
            raise RecordingError(f"{source} is still being recorded: recover it when that has ended")
        if target.exists() and target.samefile(source):
            raise RecordingError(f"{target} is the file to recover: choose another name for the result")
        return _recover(file, source, target, force=force)
    except OSError as error:
        raise RecordingError(f"can't read {source}: {os.strerror(error.errno or 0)}") from None
    finally:
        os.close(file)


def _recover(file: int, source: Path, target: Path, *, force: bool) -> Recovered:
    facts = _facts(file, source)
    sink = FileSink(target, {**facts, "recovered_from": source.name}, force=force)
    definitions = _Definitions()
    channels: dict[int, MessageChannel] = {}
    problems = []
    messages = chunks = next_id = 0
    try:
        for found in Walk(file, len(MAGIC)).steps(os.fstat(file).st_size, final=True):
            try:
                if isinstance(found, FoundChunk):
                    chunk = read_chunk(file, found.offset)
                    channels.update(chunk.channels)
                    if found.block is not None and len(found.block):
                        next_id = int(found.block.id[0])
                    block = scan(chunk, channels, next_id)
                    if not len(chunk.messages):
                        continue
                    heads = read_heads(chunk.data, chunk.messages)
                    times = heads["log_time"].clip(max=MAX_TIME).astype("int64")
                    sink.write(
                        seal_data((chunk.data,), block, heads["channel"], times, chunk.messages, "auto")
                    )
                    definitions.records.update(chunk.definitions)
                    messages += len(block)
                    chunks += 1
                    next_id = int(block.id[-1]) + 1 if len(block) else next_id
                elif isinstance(found, Attachment) and found.name != ROW_INDEX:
                    sink.attach(found.name, found.media_type, read_attachment(file, found))
                elif isinstance(found, FoundDamage):
                    problems.append(found.text)
            except Damage as error:
                problems.append(str(error))
        sink.finish(definitions)
    finally:
        sink.close()
    return Recovered(messages, chunks, tuple(problems))


def _facts(file: int, source: Path) -> dict[str, str]:
    """The facts at the front of the file."""
    if os.pread(file, len(MAGIC), 0) == MAGIC:
        for found in Walk(file, len(MAGIC)).steps(os.fstat(file).st_size):
            if isinstance(found, FoundMetadata) and found.name == METADATA:
                if found.entries.get("format") != str(FORMAT):
                    raise RecordingError(
                        f"{source} has format {found.entries.get('format')!r}, not {FORMAT}: upgrade tubetap"
                    )
                return found.entries
            if found is not None:
                break
    raise RecordingError(f"{source} does not begin like a recording of tubetap's: nothing can be recovered")
