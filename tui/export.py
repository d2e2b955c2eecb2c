"""Writing messages out of a recording: as JSON lines, as the bare payload, or as a smaller recording.

The ending of the file's name says which; files are private to the user and appear whole or not at all. What
writes them is imported when it is needed: the viewer opens sooner.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recordings.output_files import whole_output
from recordings.recording import Recording

ADVANCE_EVERY = 64
"""After so many messages an export says how far it is, and may be stopped."""


class Stopped(Exception):
    """The export was stopped; nothing was written."""


class Job:
    """An export at work: `done` is how much of it is, 0 to 1. `stop` ends it from another thread."""

    def __init__(self) -> None:
        self.done = 0.0
        self.stopped = False

    def stop(self) -> None:
        """End the export soon."""
        self.stopped = True

    def advance(self, done: float) -> None:
        """Say how much is done; raises Stopped once it was stopped."""
        self.done = done
        if self.stopped:
            raise Stopped

    def rows(self, rows: NDArray[np.uint32]) -> Iterator[int]:
        """Give the rows one by one, and say how far that is."""
        for place, row in enumerate(rows.tolist()):
            if place % ADVANCE_EVERY == 0:
                self.advance(place / len(rows))
            yield row


def write(
    recording: Recording, rows: NDArray[np.uint32], path: Path, *, why: str = "", job: Job | None = None
) -> int:
    """Write rows to a new file and return how many messages were written.

    `why` is noted in a recording: the filter, usually. Raises RecordingError where the recording can't be
    read or the file can't be written, and rather than writing over a file; Stopped when the job was.
    """
    return KINDS[path.suffix.lower()](recording, rows, path, why, job or Job())


def _lines(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str, job: Job) -> int:
    from recordings.export.fields import choose, messages
    from recordings.export.jsonl import DEFAULT_FIELDS, json_lines

    with whole_output(path) as file:
        for line in json_lines(messages(recording, job.rows(rows)), choose(DEFAULT_FIELDS)):
            file.write(line.encode())
    return len(rows)


def _payloads(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str, job: Job) -> int:
    with whole_output(path) as file:
        for row in job.rows(rows):
            file.write(b"".join(recording.frames(row)[-1:]))
    return len(rows)


def _recording(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str, job: Job) -> int:
    from recordings.edit.slicing import cut

    mask = np.zeros(len(recording.rows), dtype=np.bool_)
    mask[rows] = True
    why = why or "chosen in the viewer"
    return cut(recording, mask, path, why=why, progress=job.advance).messages


KINDS: dict[str, Callable[[Recording, NDArray[np.uint32], Path, str, Job], int]] = {
    ".json": _lines,
    ".jsonl": _lines,
    ".bin": _payloads,
    ".mcap": _recording,
}
"""What each ending makes."""
