"""Messages given to the writer in batches: the same recording as one by one, and all of them taken."""

from pathlib import Path

import pytest

from decoders.envelope import Envelope, read_envelope
from recordings.errors import DiskError
from recordings.layout import CHUNK_AGE_NS
from recordings.recording import Recording
from recordings.records import Endpoint
from recordings.writer import RecordingWriter

ENDPOINT = Endpoint(time_ns=1, id=1, address="ipc:///x", socket_type="XPUB", role="node outbox", node="a")


def messages(count: int) -> list[tuple[tuple[bytes, ...], Envelope]]:
    """Events of a node, with something unusual now and then."""
    made: list[tuple[tuple[bytes, ...], Envelope]] = []
    for number in range(count):
        epoch = f'[{number},["map",1]]' if number % 5 == 0 else str(number)
        text = (
            f'{{"type":"event","node_id":"a","timestamp":"2026-01-01T00:00:00Z",'
            f'"value":[{{"id":{number},"epoch":{epoch},"value":1}}]}}'
        )
        frames = (b"event", text.encode()) if number % 7 else (b"\x00", b"not noob's", b"%d" % number)
        made.append((frames, read_envelope(frames)))
    return made


def content(path: Path) -> list[tuple[object, ...]]:
    with Recording.open(path) as recording:
        return [
            (recording.frames(row), recording.rows[row], recording.deliveries(row))
            for row in range(len(recording.rows))
        ]


@pytest.mark.parametrize("direction", ["out", "in"])
def test_a_batch_is_the_same_as_one_by_one(tmp_path: Path, direction: str) -> None:
    given = messages(200)
    for name in ("single", "batch"):
        with RecordingWriter(tmp_path / name, facts={}, chunk_bytes=2000) as writer:
            writer.record(ENDPOINT)
            for start in range(0, 200, 40):
                part, time_ns = given[start : start + 40], 1000 + start
                if name == "batch":
                    writer.message_batch(time_ns, 1, 3, direction, part)  # type: ignore[arg-type]
                else:
                    for frames, envelope in part:
                        writer.message(time_ns, 1, 3, direction, frames, envelope)  # type: ignore[arg-type]
                assert writer.messages == start + 40
    assert len(content(tmp_path / "batch")) == 200
    assert content(tmp_path / "batch") == content(tmp_path / "single")


def test_what_follows_a_refused_write_is_still_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = messages(100)
    writer = RecordingWriter(tmp_path / "run", facts={}, chunk_bytes=2000)
    writer.record(ENDPOINT)
    flush, flushed = writer.flush, 0

    def refuse_the_second() -> None:
        nonlocal flushed
        flushed += 1
        flush()
        if flushed in (1, 3):
            raise DiskError("the disk is full", messages=5, size=100)

    monkeypatch.setattr(writer, "flush", refuse_the_second)
    with pytest.raises(DiskError) as refused:
        writer.message_batch(1000, 1, 3, "out", given)
    assert (refused.value.messages, refused.value.bytes) == (10, 200)
    assert flushed > 3
    assert writer.messages == 100
    monkeypatch.undo()
    writer.close()
    assert [frames for frames, _, _ in content(tmp_path / "run")] == [frames for frames, _ in given]


def test_copies_are_told_in_runs(tmp_path: Path) -> None:
    for name in ("single", "run"):
        with RecordingWriter(tmp_path / name, facts={}) as writer:
            writer.record(ENDPOINT)
            writer.message_batch(1000, 1, 3, "out", messages(20))
            if name == "run":
                writer.delivered(4, 0, 1010, 7)
                writer.delivered(4, 6, 1010, 2)  # 6 again: told already
                writer.delivered(4, 9, 1020, 11)
            else:
                for number in (*range(8), *range(9, 20)):
                    writer.delivered(4, number, 1010 if number < 8 else 1020)
    told = content(tmp_path / "run")
    assert told == content(tmp_path / "single")
    copies = [deliveries for _, _, deliveries in told]
    assert [len(each) for each in copies] == [2] * 8 + [1] + [2] * 11  # type: ignore[arg-type]


def test_a_writer_that_lags_makes_no_small_chunks(tmp_path: Path) -> None:
    now, step = 10**12, CHUNK_AGE_NS // 10
    with RecordingWriter(tmp_path / "run", facts={}) as writer:
        start = writer.size
        writer.tick(now)
        for _ in range(9):
            now += step
            writer.message_batch(now - 10**10, 1, 3, "out", messages(3))  # ten seconds behind
            writer.tick(now)
        assert writer.size == start
        writer.tick(now + step)
        assert writer.size > start
