"""What a large recording leaves in the system's cache: its end, and not all of it."""

import ctypes
import mmap
import os
import sys
from pathlib import Path

import pytest

from decoders.envelope import read_envelope
from recordings.recording import Recording
from recordings.writer import RecordingWriter

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="asks Linux for its cached pages"
)

KIB = 1 << 10
MIB = 1 << 20


def cached(path: Path, start: int, stop: int) -> float:
    """The share of the pages of a part of a file that are in the system's cache (mincore(2))."""
    pages = (stop - start + mmap.PAGESIZE - 1) // mmap.PAGESIZE
    found = (ctypes.c_ubyte * pages)()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), stop - start, offset=start) as view:
        first = ctypes.c_char.from_buffer(view)
        code = ctypes.CDLL(None, use_errno=True).mincore(
            ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(stop - start), found
        )
        del first
    assert code == 0, os.strerror(ctypes.get_errno())
    return sum(page & 1 for page in found) / pages


def can_give_back(path: Path) -> bool:
    """Whether this file system has a cache of its own, as those in memory have not."""
    path.write_bytes(os.urandom(MIB))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, MIB, os.POSIX_FADV_DONTNEED)
    return cached(path, 0, MIB) < 0.5


def test_what_was_written_some_time_ago_leaves_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_give_back(tmp_path / "probe"):
        pytest.skip("a file system in memory")
    monkeypatch.setattr("recordings.sink.CACHED", 2 * MIB)
    monkeypatch.setattr("recordings.sink._GIVE_BACK_EVERY", 256 * KIB)
    path = tmp_path / "run.mcap"
    pictures = [os.urandom(64 * KIB) for _ in range(128)]
    with RecordingWriter(path, facts={}, chunk_bytes=128 * KIB) as writer:
        for number, picture in enumerate(pictures):
            frames = (b"frame", picture)
            writer.message(1000 + number, 1, 3, "out", frames, read_envelope(frames))
            if number % 8 == 7:
                with path.open("rb") as file:
                    os.fsync(file.fileno())
    size = path.stat().st_size // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    assert size > 7 * MIB
    assert cached(path, 0, 4 * MIB) < 0.1
    assert cached(path, size - MIB, size) > 0.9
    with Recording.open(path) as recording:
        assert [recording.frames(row)[-1] for row in range(len(recording.rows))] == pictures
