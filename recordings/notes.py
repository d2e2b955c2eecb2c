"""A person's marks and comments on messages: those in the recording and those beside it.

What the recorder wrote as Note records is read with the session. What a reader adds goes at once to a small
file next to the recording, `FILE.notes.jsonl`, one Note a line, and from there into the recording itself when
the reader is done (`keep`). Where that can't be, as the recording is read-only or still growing, it stays
beside: copy both files together to hand the notes on. The last note on a message counts.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from recordings.annotate import attach_notes
from recordings.errors import RecordingError
from recordings.recording import Recording
from recordings.records import Note

SUFFIX = ".notes.jsonl"
MAX_FILE_BYTES = 16 << 20
"""A longer notes file is refused: nobody wrote that by hand."""
MAX_TEXT = 10_000
"""Longest comment, in characters."""


def notes_path(recording: Path) -> Path:
    """Say where the notes on a recording are kept."""
    return recording.with_name(recording.name + SUFFIX)


class Notes:
    """The notes on one recording.

    `texts` has the comments by message id. Raises RecordingError when the notes file can't be read.
    """

    def __init__(
        self, recording: Path, recorded: Iterable[Note] = (), *, attached: Sequence[Note] = ()
    ) -> None:
        self.recording = recording
        self.path = notes_path(recording)
        self.texts: dict[int, str] = {}
        self._marked: set[int] = set()
        self._recorded = 0
        self._beside = read_notes(self.path)
        self._added = [*attached, *self._beside]
        self.take(list(recorded))

    @classmethod
    def of(cls, recording: Recording) -> "Notes":
        """The notes on an open recording. Raises RecordingError when those beside it can't be read."""
        return cls(recording.path, recording.session.notes, attached=parse_notes(recording.attached_notes()))

    def take(self, recorded: list[Note]) -> bool:
        """Take in the notes of a recording that grows; tell whether there were new ones."""
        fresh = recorded[self._recorded :]
        if not fresh and self._recorded:
            return False
        self._recorded = len(recorded)
        for note in fresh:
            self._apply(note)
        for note in self._added:
            self._apply(note)
        return bool(fresh)

    @property
    def marked(self) -> list[int]:
        """The ids of the marked messages, rising."""
        return sorted(self._marked)

    def __contains__(self, message: int) -> bool:
        return message in self._marked

    def __len__(self) -> int:
        return len(self._marked)

    def __bool__(self) -> bool:
        return bool(self._marked)

    def set(self, message: int, *, mark: bool, text: str = "") -> None:
        """Mark a message (or take the mark away) and set its comment; kept at once.

        Raises RecordingError when the note can't be written; it then holds for this session only.
        """
        note = Note(time_ns=time.time_ns(), message=message, text=text[:MAX_TEXT], mark=mark)
        self._apply(note)
        self._beside.append(note)
        self._added.append(note)
        append_note(self.path, note)

    def keep(self) -> None:
        """Move the notes that are kept beside the recording into it.

        Raises RecordingError where that can't be done safely; they then stay beside it.
        """
        if not self._beside:
            return
        beside = read_notes(self.path)  # again: another viewer may have added to them

        def merged(before: bytes) -> bytes:
            last = {note.message: note for note in (*parse_notes(before), *beside)}
            return b"".join(msgspec.json.encode(note) + b"\n" for note in last.values())

        attach_notes(self.recording, merged)
        self._beside = []
        self.path.unlink(missing_ok=True)

    def _apply(self, note: Note) -> None:
        if note.message is None:
            return
        if note.mark:
            self._marked.add(note.message)
        else:
            self._marked.discard(note.message)
        if note.text:
            self.texts[note.message] = note.text
        else:
            self.texts.pop(note.message, None)


def read_notes(path: Path) -> list[Note]:
    """Read a notes file; none if there is no such file. Lines that are no note are passed over.

    Raises RecordingError when the file can't be read or is too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(
            f"the notes in {path.name} can't be read ({error.strerror}): check the file's permissions"
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise RecordingError(f"{path.name} is longer than 16 MiB and no notes file: move it away")
    return parse_notes(data)


def added_notes(recording: Recording) -> list[Note]:
    """The notes that were added to a recording later, in it and beside it, in the order they were made.

    Raises RecordingError when they can't be read.
    """
    return [*parse_notes(recording.attached_notes()), *read_notes(notes_path(recording.path))]


def parse_notes(data: bytes) -> list[Note]:
    """Read notes, one a line; lines that are no note are passed over."""
    decoder = msgspec.json.Decoder(Note)
    notes = []
    for line in data.splitlines():
        try:
            notes.append(decoder.decode(line))
        except (msgspec.DecodeError, RecursionError):
            continue
    return notes


def append_note(path: Path, note: Note) -> None:
    """Add one note to a notes file, which is made private to the user (0600) if it is new.

    Raises RecordingError when it can't be written.
    """
    line = msgspec.json.encode(note) + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
    except OSError as error:
        raise RecordingError(
            f"the note can't be kept in {path.name} ({error.strerror}): "
            "it is lost at the end unless the folder becomes writable"
        ) from error
