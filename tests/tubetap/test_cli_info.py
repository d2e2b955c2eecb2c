"""`tubetap info`: the sums are right, for finished, growing and cut-off files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from recordings.recording import Recording
from recordings.records import Loss
from tests.support_cli import Tubetap
from tests.support_sample_files import record_sample


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def test_what_is_counted(tubetap: Tubetap, tmp_path: Path) -> None:
    loss = Loss(time_ns=1, stage="tee", bytes=5000, since_ns=0, messages=3, reason="buffer full")
    path = record_sample(tmp_path / "run.mcap", "error", also=[loss])
    told = json.loads(tubetap("info", path, "--json").out)
    with Recording.open(path) as recording:
        rows = [recording.rows[number] for number in range(len(recording.rows))]
    assert told["messages"] == len(rows)
    assert told["message_bytes"] == sum(row.size for row in rows)
    assert {each["name"]: each["messages"] for each in told["types"]} == Counter(row.type for row in rows)
    assert {each["name"]: each["sent"] for each in told["nodes"]} == Counter(row.sender for row in rows)
    assert told["start_ns"] == min(row.time_ns for row in rows)
    assert told["error_count"] == 1
    assert "boom" in told["errors"][0]["text"]
    assert told["losses"] == [
        {"stage": "tee", "times": 1, "messages": 3, "bytes": 5000, "reason": "buffer full"}
    ]
    assert told["connections"] == {"closed": len(recording.session.connections)}
    text = tubetap("info", path).out
    assert "lost at the tee: 3 messages" in text
    assert "ValueError('boom')" in text
    assert "lab-pc-7" in text


def test_a_node_whose_connection_closed_is_gone(tubetap: Tubetap, tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    told = json.loads(tubetap("info", path, "--json").out)
    assert {node["name"]: node["state"] for node in told["nodes"]} == {
        "command": "",
        "a": "gone",
        "b": "gone",
    }


def test_epochs(tubetap: Tubetap, tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    epochs = json.loads(tubetap("info", path, "--json").out)["epochs"]
    assert (epochs["first"], epochs["last"], epochs["ended"]) == (0, 4, 5)
    assert 0 < epochs["median_ns"] <= epochs["longest_ns"]


def test_a_file_without_its_end(tubetap: Tubetap, tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap", close=False)
    data = path.read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[:-7])
    result = tubetap("info", cut)
    assert result.code == 0
    assert "cut off" in result.out
    assert "torn" in result.out


def test_not_a_recording(tubetap: Tubetap, tmp_path: Path) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(b"hello, this is no recording at all")
    result = tubetap("info", path)
    assert (result.code, result.err.count("\n")) == (2, 1)
