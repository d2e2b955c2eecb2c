"""Marks and comments: beside a recording at first, then in it, where every tool that reads it finds them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recordings import annotate
from recordings.annotate import attach_notes
from recordings.container import Opcode
from recordings.edit.slicing import cut
from recordings.errors import RecordingError
from recordings.filters import parse
from recordings.layout import NOTES
from recordings.notes import Notes, notes_path
from recordings.overview import sum_up
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_mcap import Traffic, introduce, run_mcap


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.mcap"
    write(path).close()
    return path


def write(path: Path) -> RecordingWriter:
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    introduce(writer)
    traffic.events(50)
    writer.attach("tube.yaml", "application/yaml", b"nodes: {}\n")
    return writer


def note(path: Path, *changes: Callable[[Notes], None]) -> None:
    """Open a recording, change its notes, put them into it."""
    with Recording.open(path) as recording:
        notes = Notes.of(recording)
    for change in changes:
        change(notes)
    notes.keep()


def noted(path: Path) -> tuple[list[int], dict[int, str]]:
    with Recording.open(path) as recording:
        notes = Notes.of(recording)
    return notes.marked, notes.texts


def test_notes_move_into_the_recording_and_change_nothing_else(path: Path) -> None:
    os.chmod(path, 0o640)
    before = path.read_bytes()
    note(path, lambda notes: notes.set(3, mark=True), lambda notes: notes.set(7, mark=False, text="odd"))
    assert not notes_path(path).exists()
    assert noted(path) == ([3], {7: "odd"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    end = before.rindex(bytes([Opcode.DATA_END, 4, 0, 0, 0, 0, 0, 0, 0]))
    assert path.read_bytes()[:end] == before[:end]
    assert len(before) - end < 4_000
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        assert len(recording.rows) == 50
        assert recording.attachments() == ["tube.yaml"]
        assert recording.attachment("tube.yaml") == b"nodes: {}\n"
        assert sum_up(recording).notes == 2
        assert np.concatenate(list(parse("marked").select(recording))).tolist() == [3, 7]


def test_another_reader_finds_no_fault(path: Path) -> None:
    for message in (3, 4):  # the second time in the place of the first
        note(path, lambda notes, message=message: notes.set(message, mark=True))  # type: ignore[misc]
        assert run_mcap("doctor", path).returncode == 0
    listed = run_mcap("list", "attachments", path).stdout
    assert listed.count(NOTES) == 1
    assert "tube.yaml" in listed
    assert run_mcap("info", path).stdout.count("attachments: 3") == 1


def test_later_notes_stand_in_the_place_of_earlier_ones(path: Path) -> None:
    note(path, lambda notes: notes.set(3, mark=True), lambda notes: notes.set(4, mark=True, text="here"))
    size = path.stat().st_size
    note(path, lambda notes: notes.set(3, mark=False))
    assert noted(path) == ([4], {4: "here"})
    note(path, lambda notes: notes.set(3, mark=True))
    assert noted(path) == ([3, 4], {4: "here"})
    assert path.stat().st_size - size < 100


def test_two_viewers_keep_each_others_notes(path: Path) -> None:
    with Recording.open(path) as recording:
        ours, theirs = Notes.of(recording), Notes.of(recording)
    ours.set(1, mark=True)
    theirs.set(2, mark=True)
    ours.keep()
    theirs.set(5, mark=True)
    theirs.keep()
    assert noted(path) == ([1, 2, 5], {})


def test_a_growing_recording_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "live.mcap"
    writer = write(path)
    writer.tick(1 << 62)
    before = path.read_bytes()
    with Recording.open(path, follow=True) as recording:
        notes = Notes.of(recording)
        notes.set(3, mark=True)
        with pytest.raises(RecordingError, match="still being written"):
            notes.keep()
        assert path.read_bytes() == before
        assert notes_path(path).exists()
    writer.close()
    assert noted(path) == ([3], {})
    note(path)
    assert not notes_path(path).exists()
    assert noted(path) == ([3], {})


def test_a_recording_that_was_cut_off_is_left_alone(path: Path) -> None:
    whole = path.read_bytes()
    for size in (0, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(RecordingError, match="no proper end"):
            attach_notes(path, lambda before: b"")
        assert path.read_bytes() == whole[:size]


@pytest.mark.parametrize("where", range(1, 60))
def test_a_damaged_end_never_costs_the_recording(path: Path, where: int) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[-where] ^= 0xFF
    path.write_bytes(damaged)
    try:
        note(path, lambda notes: notes.set(3, mark=True))
    except RecordingError:
        assert path.read_bytes() == damaged
    assert noted(path) == ([3], {})


def test_what_fails_halfway_leaves_the_recording_and_the_notes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    with Recording.open(path) as recording:
        notes = Notes.of(recording)
    notes.set(3, mark=True)

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(annotate, "_new_end", full)
    with pytest.raises(RecordingError, match="No space left"):
        notes.keep()
    assert path.read_bytes() == before
    assert noted(path) == ([3], {})
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, notes_path(path).name]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mcap"
    link.symlink_to(path)
    note(link, lambda notes: notes.set(3, mark=True))
    assert link.is_symlink()
    assert noted(path) == ([3], {})


def test_a_slice_takes_the_notes_along(path: Path, tmp_path: Path) -> None:
    note(path, lambda notes: notes.set(30, mark=True, text="here"))
    with Recording.open(path) as recording:
        cut(recording, recording.rows.epoch >= 20, tmp_path / "part.mcap", why="epoch>=20")
    marked, texts = noted(tmp_path / "part.mcap")
    assert texts == {10: "here"}
    assert marked == [10]
