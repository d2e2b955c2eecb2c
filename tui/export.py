"""Writing messages out of a recording: as JSON lines, as the bare payload, or as a smaller recording.

The ending of the file's name says which; files are private to the user and appear whole or not at all.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recordings.edit.slicing import cut
from recordings.export.fields import choose, messages
from recordings.export.jsonl import DEFAULT_FIELDS, json_lines
from recordings.output_files import whole_output
from recordings.recording import Recording


def write(recording: Recording, rows: NDArray[np.uint32], path: Path, *, why: str = "") -> int:
    """Write rows to a new file and return how many messages were written.

    `why` is noted in a recording: the filter, usually. Raises RecordingError where the recording can't be
    read or the file can't be written, and rather than writing over a file.
    """
    return KINDS[path.suffix.lower()](recording, rows, path, why)


def _lines(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str) -> int:
    with whole_output(path) as file:
        for line in json_lines(messages(recording, rows.tolist()), choose(DEFAULT_FIELDS)):
            file.write(line.encode())
    return len(rows)


def _payloads(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str) -> int:
    with whole_output(path) as file:
        for row in rows.tolist():
            file.write(b"".join(recording.frames(row)[-1:]))
    return len(rows)


def _recording(recording: Recording, rows: NDArray[np.uint32], path: Path, why: str) -> int:
    mask = np.zeros(len(recording.rows), dtype=np.bool_)
    mask[rows] = True
    return cut(recording, mask, path, why=why or "chosen in the viewer").messages


KINDS: dict[str, Callable[[Recording, NDArray[np.uint32], Path, str], int]] = {
    ".json": _lines,
    ".jsonl": _lines,
    ".bin": _payloads,
    ".mcap": _recording,
}
"""What each ending makes."""
