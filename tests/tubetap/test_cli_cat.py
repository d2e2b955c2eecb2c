"""`tubetap cat`, in a shell and out of it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from decoders.envelope import read_envelope
from recordings.recording import Recording
from recordings.walk import FoundChunk, Walk
from recordings.writer import RecordingWriter
from tests.support_cli import Tubetap
from tests.support_sample_files import FACTS, record_sample


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_sample(tmp_path_factory.mktemp("cat") / "basic.mcap")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("tubetap", f"{sys.executable} -m tubetap")],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_a_line_for_each_message(tubetap: Tubetap, basic: Path) -> None:
    result = tubetap("cat", basic)
    assert result.code == 0
    with Recording.open(basic) as recording:
        assert len(result.lines) == len(recording.rows)
        for line, number in zip(result.lines, range(len(recording.rows)), strict=True):
            row = recording.rows[number]
            words = line.split()
            assert words[0] == str(number)
            assert words[2] == row.type
            assert words[3:6] == [row.sender, ">", ",".join(row.receivers) or "-"]


def test_a_filter_may_be_several_words(tubetap: Tubetap, basic: Path) -> None:
    one = tubetap("cat", basic, "type:event from:a")
    two = tubetap("cat", basic, "type:event", "from:a")
    assert one.lines == two.lines
    assert one.lines
    assert all(" a > " in line for line in one.lines)


def test_nothing_found_is_exit_code_1_with_a_hint(tubetap: Tubetap, basic: Path) -> None:
    result = tubetap("cat", basic, "type:evnt")
    assert result.code == 1
    assert result.out == ""
    assert 'did you mean "event"' in result.err


def test_a_wrong_filter_is_one_line_and_exit_code_2(tubetap: Tubetap, basic: Path) -> None:
    result = tubetap("cat", basic, "typ:event")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "column 1" in result.err


def test_a_missing_file_is_one_line_and_exit_code_2(tubetap: Tubetap, tmp_path: Path) -> None:
    result = tubetap("cat", tmp_path / "nosuch.mcap")
    assert result.code == 2
    assert result.err.count("\n") == 1


def test_json_lines_hold_the_payload(tubetap: Tubetap, basic: Path) -> None:
    result = tubetap("cat", basic, "--json", "type:event")
    with Recording.open(basic) as recording:
        for line in result.lines:
            value = json.loads(line)
            frames = recording.frames(value["row"])
            assert value["body"] == json.loads(frames[-1])
            assert value["frames"] == [frame.decode() for frame in frames[:-1]]
            assert value["time_ns"] == int(recording.rows.time_ns[value["row"]])
            assert value["from"] == recording.rows[value["row"]].sender


def test_chosen_fields(tubetap: Tubetap, basic: Path) -> None:
    result = tubetap("cat", basic, "--fields", "row, type,to", "row:3..4")
    with Recording.open(basic) as recording:
        rows = [recording.rows[number] for number in (3, 4)]
    assert result.lines == [f"{row.number}\t{row.type}\t{','.join(row.receivers)}" for row in rows]
    result = tubetap("cat", basic, "--json", "--fields", "row,epoch", "type:process")
    assert [json.loads(line)["epoch"] for line in result.lines] == [0, 1, 2]
    result = tubetap("cat", basic, "--fields", "row,nosuch")
    assert result.code == 2
    assert "known are row" in result.err


@pytest.mark.parametrize("count", [0, 1, 3, 1000])
def test_the_last_lines(tubetap: Tubetap, basic: Path, count: int) -> None:
    everything = tubetap("cat", basic, "from:a").lines
    assert tubetap("cat", basic, "from:a", "-n", count).lines == (everything[-count:] if count else [])


def test_head_ends_it_without_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "long.mcap"
    with_many(path, 20_000)
    result = shell(f"tubetap cat {path} | head -n 1; tubetap cat --json {path} | head -n 1")
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2


def test_hostile_payloads_do_not_reach_the_terminal(tubetap: Tubetap, tmp_path: Path) -> None:
    path = tmp_path / "hostile.mcap"
    hostile = "\x1b]0;pwned\x07\x9b31m\u202e\x7f"
    body = {"type": hostile, "node_id": hostile, "timestamp": "2026-01-01T00:00:00Z", "value": hostile}
    writer = RecordingWriter(path, facts={**FACTS, "host": hostile})
    frames = [hostile.encode(), json.dumps(body, ensure_ascii=False).replace("\x1b", "\\u001b").encode()]
    for each in (frames, [hostile.encode()], [json.dumps(body).encode()]):
        writer.message(10**18, 1, 1, "out", each, read_envelope(each))
    writer.close()
    for arguments in (
        ["cat", path],
        ["cat", path, "--json"],
        ["cat", path, "--fields", "type,from,to,summary,body,problem"],
        ["info", path],
        ["info", path, "--json"],
        ["cat", path, f"type:{hostile}x"],
    ):
        result = tubetap(*arguments)
        for character in ("\x1b", "\x07", "\x9b", "\u202e", "\x7f"):
            assert character not in result.out + result.err, arguments


def test_a_cut_off_file_shows_what_is_there(tubetap: Tubetap, tmp_path: Path, basic: Path) -> None:
    cut = tmp_path / "cut.mcap"
    with_many(cut, 3000, chunk_bytes=20_000)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 3])
    result = tubetap("cat", cut)
    assert result.code == 0
    assert 0 < len(result.lines) < 3000
    assert result.lines[0].split()[0] == "0"


def test_a_damaged_chunk_is_told_line_by_line(tubetap: Tubetap, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mcap"
    with_many(path, 3000, chunk_bytes=50_000)
    file = os.open(path, os.O_RDWR)
    chunks = [found for found in Walk(file, 8).steps(path.stat().st_size) if isinstance(found, FoundChunk)]
    assert len(chunks) > 3
    os.pwrite(file, b"\xff" * 8, chunks[1].offset + 200)
    os.close(file)
    result = tubetap("cat", path)
    assert result.code == 1
    assert len(result.lines) == 3000
    unreadable = [line for line in result.lines if "can't be read" in line]
    assert 0 < len(unreadable) < 3000 / 3
    assert f"{len(unreadable):,} messages are damaged" in result.err
    assert tubetap("cat", path, "--json").lines[0].startswith('{"row":0,')


def test_follow_shows_what_is_written_meanwhile_and_ends_with_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "growing.mcap"
    writer = RecordingWriter(path, facts=FACTS)
    frames = event(0)
    writer.message(10**18, 1, 1, "out", frames, read_envelope(frames))
    writer.flush()
    process = subprocess.Popen(
        [sys.executable, "-m", "tubetap", "cat", str(path), "--follow", "--fields", "row"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    for number in range(1, 5):
        frames = event(number)
        writer.message(10**18 + number * 10**9, 1, 1, "out", frames, read_envelope(frames))
        writer.flush()
    timer = threading.Timer(30, process.kill)
    timer.start()
    assert [process.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
    writer.close()
    assert process.stdout.read() == "4\n"
    assert process.wait() == 0
    timer.cancel()


def test_colours_only_where_they_are_wanted(tubetap: Tubetap, tmp_path: Path) -> None:
    path = record_sample(tmp_path / "error.mcap", "error")
    assert "\x1b[31m" in tubetap("cat", path, "error", "--color").out
    assert "\x1b" not in tubetap("cat", path, "error", "--no-color").out
    assert "\x1b" not in tubetap("cat", path, "error").out


def test_utc(tubetap: Tubetap, basic: Path) -> None:
    with Recording.open(basic) as recording:
        time_ns = int(recording.rows.time_ns[0])
    utc = tubetap("cat", basic, "--utc", "row:0").out.split()[1]
    seconds = time_ns // 10**9 % 86400
    assert (
        utc == f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{time_ns % 10**9 // 1000:06}"
    )


def event(number: int) -> list[bytes]:
    head = {"type": "event", "node_id": "a", "timestamp": "2026-01-01T00:00:00Z"}
    return [b"event", json.dumps({**head, "value": [{"id": number, "epoch": number}]}).encode()]


def with_many(path: Path, count: int, chunk_bytes: int = 1 << 20) -> None:
    writer = RecordingWriter(path, facts=FACTS, chunk_bytes=chunk_bytes)
    for number in range(count):
        frames = event(number)
        writer.message(10**18 + number, 1, 1, "out", frames, read_envelope(frames))
    writer.close()
