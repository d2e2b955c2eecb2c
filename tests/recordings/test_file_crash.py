"""What a recording is worth when its writer is killed, the disk is full, or the place is not writable."""

import errno
import mmap
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.envelope import read_envelope
from recordings.errors import DiskError, RecordingError
from recordings.layout import CHUNK_AGE_NS
from recordings.recording import Recording
from recordings.ring import RingWriter
from recordings.rotation import RotatingWriter
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, check, event, introduce, run_mcap

KILLS = int(os.environ.get("TUBETAP_KILLS", "12"))
"""How often the writer is killed; 50 for the claim in the documentation."""

MOST = 40_000
"""Most messages that a writer is left to write."""


def message(number: int) -> tuple[bytes, ...]:
    return event("a", number, '"' + "x" * (number % 700) + '"', number)


def write_until_killed(path: Path, told: mmap.mmap, pause_s: float) -> None:
    """Write messages, and tell after each from when it is."""
    writer = RecordingWriter(path, facts={})
    for number in range(MOST):
        now = time.time_ns()
        frames = message(number)
        writer.message(now, 0, 0, "out", frames, read_envelope(frames))
        told[8 * number : 8 * number + 8] = now.to_bytes(8, sys.byteorder)
        if pause_s:
            time.sleep(pause_s)
            writer.tick(time.time_ns())
    signal.pause()


def kill_a_writer(path: Path, told: mmap.mmap, after: int, pause_s: float) -> NDArray[np.int64]:
    """Run a writer in a process of its own and kill it once it has written `after` messages; their times."""
    child = os.fork()
    if child == 0:
        try:
            write_until_killed(path, told, pause_s)
        finally:
            os._exit(1)
    try:
        while not any(told[8 * after : 8 * after + 8]):
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the writer ended by itself"
            time.sleep(0.001)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    times = np.frombuffer(told[:], dtype=np.int64)
    return times[: int(np.count_nonzero(times))]


def test_kill_loses_at_most_the_last_100_ms(tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    path = tmp_path / "killed.mcap"
    kept = lost = 0
    for round_ in range(KILLS):
        slow = round_ % 3 == 0
        after = chance.randrange(50, 200) if slow else chance.randrange(1000, 30_000)
        with mmap.mmap(-1, 8 * MOST) as told:
            times = kill_a_writer(path, told, after, 0.002 if slow else 0)
        with Recording.open(path) as recording:
            assert recording.state == "cut off"
            rows = len(recording.rows)
            # The one that was being written when the writer was killed may be there without having been told.
            assert rows <= len(times) + 1
            assert (recording.rows.time_ns[: len(times)] == times[:rows]).all()
            assert (times[rows:] >= times[-1] - CHUNK_AGE_NS).all()
            for number in range(0, rows, 7):
                assert recording.frames(number) == message(number)
        kept, lost = kept + rows, lost + max(len(times) - rows, 0)
        if round_ == 0:
            run_mcap("recover", path, "-o", tmp_path / "theirs.mcap")
            assert run_mcap("doctor", tmp_path / "theirs.mcap").returncode == 0
        path.unlink()
    assert kept > 10 * lost > 0


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file can be larger for a while: the next best thing to a full disk that needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_costs_what_does_not_fit_and_is_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    writer = RecordingWriter(path, facts={}, compression="none", chunk_age_ns=1_000_000_000)
    traffic = Traffic(writer)
    traffic.events(50)
    writer.flush()
    kept_before = writer.size
    lost = lost_bytes = 0
    with file_size_limit(kept_before + 2000):
        introduce(writer, traffic.now_ns)
        for round_ in range(3):
            traffic.events(50, first=50 + 50 * round_)
            with pytest.raises(DiskError, match="File too large") as caught:
                writer.flush()
            lost += caught.value.messages
            lost_bytes += caught.value.bytes
            assert writer.size == path.stat().st_size == kept_before
        with Recording.open(path) as recording:
            check(recording, traffic.sent[:50])
    assert lost == 150
    traffic.events(50, first=200)
    writer.close()
    assert run_mcap("doctor", path).returncode == 0
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        assert recording.rows.epoch.tolist() == [*range(50), *range(200, 250)]
        assert [recording.rows.id_of(row) for row in (49, 50)] == [49, 200]
        assert recording.deliveries(50)[0].delay_ns == 0
        (loss,) = recording.session.losses
        assert (loss.stage, loss.messages, loss.bytes) == ("disk", 150, lost_bytes)
        assert loss.since_ns == traffic.sent[50].time_ns - 1_000_000
        assert recording.session.nodes["a"].pid == 11
        assert len(recording.session.connections) == 7


def test_a_full_disk_at_the_end_leaves_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.events(50)
    writer.flush()
    with file_size_limit(writer.size + 10), pytest.raises(DiskError):
        writer.close()
    writer.close()
    with Recording.open(path) as recording:
        assert recording.state == "cut off"
        check(recording, traffic.sent)


def test_a_ring_that_finds_no_room_keeps_what_it_has(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "ring.mcap", facts={}, ring_ns=10_000_000_000)
    traffic = Traffic(writer)
    traffic.events(50)
    with file_size_limit(2000), pytest.raises(DiskError):
        writer.dump()
    (tmp_path / "ring.mcap").unlink(missing_ok=True)
    assert writer.dump() == tmp_path / "ring.mcap"
    with Recording.open(tmp_path / "ring.mcap") as recording:
        check(recording, traffic.sent)


@pytest.mark.parametrize("make", [RecordingWriter, RotatingWriter], ids=["one file", "rotation"])
@pytest.mark.parametrize(
    ("code", "says"),
    [(errno.EACCES, "record elsewhere"), (errno.EROFS, "record elsewhere"), (errno.ENOSPC, "No space left")],
)
def test_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., object], code: int, says: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(RecordingError, match=says):
        make(tmp_path / "a.mcap", facts={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordingError, match="record elsewhere"):
        RecordingWriter(tmp_path / "a.mcap", facts={})


def test_a_deleted_file_harms_nobody_and_is_told_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.events(5)
    path.unlink()
    traffic.events(5, first=5)
    writer.flush()
    with pytest.raises(DiskError, match="was deleted"):
        writer.close()
    assert not path.exists()


def test_a_last_chunk_that_does_not_fit_is_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    writer = RecordingWriter(path, facts={}, compression="none")
    traffic = Traffic(writer)
    traffic.events(50)
    writer.flush()
    traffic.message(event("a", 50, '"' + "x" * 100_000 + '"'))
    with file_size_limit(writer.size + 20_000), pytest.raises(DiskError):
        writer.close()
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        check(recording, traffic.sent[:50])
        assert [loss.messages for loss in recording.session.losses] == [1]


def test_chunks_are_written_when_they_are_old_or_large(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    empty = writer.size
    frames = event("a", 1)
    writer.message(T0, 0, 0, "out", frames, read_envelope(frames))
    writer.tick(T0 + CHUNK_AGE_NS - 1)
    assert writer.size == empty
    writer.tick(T0 + CHUNK_AGE_NS)
    assert writer.size > empty
    aged = writer.size
    writer.tick(T0 + 10 * CHUNK_AGE_NS)
    assert writer.size == aged
    now = T0 + 20 * CHUNK_AGE_NS
    for _ in range(2):
        writer.message(now, 0, 0, "out", frames, read_envelope(frames))
        now += CHUNK_AGE_NS
    assert writer.size > aged
    writer.flush()
    before = writer.size
    big = event("a", 2, '"' + "x" * (1 << 20) + '"')
    for _ in range(3):
        writer.message(now, 0, 0, "out", big, read_envelope(big))
    assert writer.size == before
    writer.message(now, 0, 0, "out", big, read_envelope(big))
    assert writer.size > before
    before = writer.size
    smaller = event("a", 2, '"' + "x" * (1 << 16) + '"')
    for _ in range(16):
        writer.message(now, 0, 0, "out", smaller, read_envelope(smaller))
    assert writer.size > before
    writer.delivered(1, 0, now)
    before = writer.size
    writer.tick(now + CHUNK_AGE_NS)
    assert writer.size > before
    writer.close()
