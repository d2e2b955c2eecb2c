"""What is kept beside recordings and for the person: notes, filters, keys; and how text leaves: clipboard,
export.
"""

import base64
import json
import stat
from pathlib import Path

import numpy as np
import pytest

from recordings.errors import RecordingError
from recordings.notes import Notes, notes_path
from recordings.recording import Recording
from tui import clipboard, export, keys
from tui.saved import SavedFilters

# Notes


def test_notes_are_kept_beside_the_recording(small: Path):
    notes = Notes(small)
    notes.set(3, mark=True)
    notes.set(5, mark=True, text="here it begins")
    notes.set(3, mark=False)
    again = Notes(small)
    assert again.marked == [5]
    assert again.texts == {5: "here it begins"}
    assert stat.S_IMODE(notes_path(small).stat().st_mode) == 0o600


def test_lines_that_are_no_notes_are_passed_over(small: Path):
    notes = Notes(small)
    notes.set(3, mark=True)
    with notes_path(small).open("ab") as file:
        file.write(b'garbage\n{"message": "x"}\n\xff\n' + b"[" * 100_000 + b"\n")
    Notes(small).set(4, mark=True)
    assert Notes(small).marked == [3, 4]


def test_a_note_that_cannot_be_kept_holds_for_now_and_says_so(tmp_path: Path):
    folder = tmp_path / "gone"
    notes = Notes(folder / "run.mcap")
    with pytest.raises(RecordingError, match="can't be kept"):
        notes.set(3, mark=True)
    assert notes.marked == [3]


def test_a_huge_notes_file_is_refused(small: Path):
    with notes_path(small).open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(RecordingError, match="move it away"):
        Notes(small)


# Filters


def test_saved_filters_come_back(tmp_path: Path):
    saved = SavedFilters.load(tmp_path, tmp_path)
    saved.used("type:event")
    saved.used("node:b")
    saved.used("type:event")
    assert saved.save('my "own"', '~"a b" \\x') == ""
    again = SavedFilters.load(tmp_path, tmp_path)
    assert again.recent == ["node:b", "type:event"]
    assert again.named == {'my "own"': '~"a b" \\x'}


def test_faulty_filter_files_only_cost_the_filters(tmp_path: Path):
    (tmp_path / "filters.jsonl").write_text("{not json")
    (tmp_path / "filters.toml").write_text("= wrong")
    saved = SavedFilters.load(tmp_path, tmp_path)
    assert (saved.recent, saved.named) == ([], {})


# Keys


def test_every_key_has_one_meaning():
    assert keys.clashes({}) == []
    assert len({key.id for key in keys.KEYS}) == len(keys.KEYS)
    assert all(key.help and key.label for key in keys.KEYS)


def test_at_most_seven_keys_are_at_the_bottom():
    assert sum(1 for key in keys.KEYS if key.footer) <= 7


def test_keys_are_changed_by_id(tmp_path: Path):
    path = tmp_path / "keys.toml"
    path.write_text('filter = "ctrl+f"\nmove.down = ["j", "down", "ctrl+n"]\n"move.up" = "k"\n')
    keymap = keys.load(path)
    assert keymap.problems == ()
    assert keymap.keys == {"filter": "ctrl+f", "move.down": "j,down,ctrl+n", "move.up": "k"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("filter = 3", "filter wants a key"),
        ('nonsense = "x"', "no key has the id nonsense"),
        ('filter = "hyper+x"', "no key hyper+x"),
        ('filter = "p"', "p is given to both"),
        ("filter = ", "keys.toml:"),
    ],
)
def test_faulty_keys_are_told_and_left_out(tmp_path: Path, text: str, problem: str):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    assert problem in keys.load(path).problems[0]


def test_no_key_file_is_no_problem(tmp_path: Path):
    assert keys.load(tmp_path / "none.toml") == keys.Keymap({})


# Clipboard


def fake_tool(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def test_the_native_tool_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake_tool(tmp_path, "xclip", f'cat > "{tmp_path}/copied"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    asked: list[str] = []
    how = clipboard.copy("text", asked.append, {"DISPLAY": ":0"})
    assert how == "with xclip"
    assert (tmp_path / "copied").read_text() == "text"
    assert asked == []


def test_the_terminal_is_asked_when_the_tool_fails_or_is_far_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fake_tool(tmp_path, "xclip", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    asked: list[str] = []
    assert "OSC 52" in clipboard.copy("one", asked.append, {"DISPLAY": ":0"})
    assert "OSC 52" in clipboard.copy("two", asked.append, {"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"})
    assert asked == ["one", "two"]


def test_what_is_too_long_for_the_terminal_is_said(tmp_path: Path):
    asked: list[str] = []
    assert "export" in clipboard.copy("x" * 200_000, asked.append, {})
    assert asked == []


# Export


def test_json_lines(recording: Recording, tmp_path: Path):
    path = tmp_path / "out.jsonl"
    assert export.write(recording, np.array([3, 7], dtype=np.uint32), path) == 2
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2
    assert lines[1]["type"] == "process"
    assert lines[1]["body"] == json.loads(recording.frames(7)[-1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(RecordingError, match="exists"):
        export.write(recording, np.array([3], dtype=np.uint32), path)


def test_payloads_that_are_no_json(hostile: Path, tmp_path: Path):
    with Recording.open(hostile) as recording:
        raw = next(row for row in range(len(recording.rows)) if recording.rows[row].type == "")
        path = tmp_path / "out.json"
        export.write(recording, np.array([raw], dtype=np.uint32), path)
        line = json.loads(path.read_text())
        assert base64.b64decode(line["frames"][-1]["base64"]) == recording.frames(raw)[-1]
        payload = tmp_path / "out.bin"
        export.write(recording, np.array([raw], dtype=np.uint32), payload)
        assert payload.read_bytes() == recording.frames(raw)[-1]


def test_a_smaller_recording(recording: Recording, tmp_path: Path):
    path = tmp_path / "part.mcap"
    rows = np.arange(20, 40, dtype=np.uint32)
    export.write(recording, rows, path)
    with Recording.open(path) as part:
        assert len(part.rows) == 20
        for place, row in enumerate(rows.tolist()):
            assert part.frames(place) == recording.frames(row)
            assert part.rows[place].receivers == recording.rows[row].receivers
            assert part.rows[place].sender == recording.rows[row].sender


@pytest.mark.parametrize("ending", ["jsonl", "bin", "mcap"])
def test_an_export_says_how_far_it_is_and_can_be_stopped(
    big: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
):
    job = export.Job()
    advance, seen = job.advance, []

    def watched(done: float) -> None:
        seen.append(done)
        if len(seen) == 3:
            job.stop()
        advance(done)

    monkeypatch.setattr(job, "advance", watched)
    path = tmp_path / f"part.{ending}"
    with Recording.open(big) as recording:
        rows = np.arange(len(recording.rows), dtype=np.uint32)
        with pytest.raises(export.Stopped):
            export.write(recording, rows, path, job=job)
    assert seen == sorted(seen)
    assert list(tmp_path.glob("*part*")) == []
