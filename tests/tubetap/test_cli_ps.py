"""`tubetap ps` as it is typed: what it lists, as text and as JSON, and what --clean does."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.support_cli import Tubetap
from tests.support_proxy import SMALL_TUBE, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def test_a_tube_from_its_start_to_its_remains(place: Place, tubetap: Tubetap) -> None:
    folder = place.root / "noob"
    assert tubetap("ps", "--dir", folder) == (0, f"no tube runs (looked in {folder})\n", "")
    process = place.start([sys.executable, SMALL_TUBE, "--epochs", "2", "--hold"])
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    listed = tubetap("ps", "--dir", folder)
    assert listed.code == 0
    assert " running since " in listed.lines[0]
    assert f"started by {process.pid}: {sys.executable} {SMALL_TUBE}" in listed.lines[1]
    assert [line.split()[0] for line in listed.lines[3:9]] == [
        "command",
        "command",
        "double",
        "merge",
        "picture",
        "source",
    ]
    assert all(line.endswith("outbox  in use") for line in listed.lines[4:9])
    assert "stale" not in listed.out
    facts = json.loads(tubetap("ps", "--dir", folder, "--json").out)
    (tube,) = facts["tubes"]
    assert (tube["state"], tube["pid"], facts["stale"], facts["orphans"]) == ("running", process.pid, [], [])
    assert set(tube["nodes"]) == {"source", "double", "picture", "merge"}
    assert {each["role"] for each in tube["sockets"]} == {"command outbox", "command inbox", "node outbox"}
    # Nothing of a tube that runs is removed.
    assert tubetap("ps", "--dir", folder, "--clean").out.endswith("removed 0 socket files\n")

    process.kill()
    process.wait()
    orphaned = tubetap("ps", "--dir", folder)
    assert " orphaned since " in orphaned.lines[0]
    assert f"its command process {process.pid} is gone; end the nodes with: kill " in orphaned.lines[1]
    facts = json.loads(tubetap("ps", "--dir", folder, "--json").out)
    assert {each["node"] for each in facts["orphans"]} == {"source", "double", "picture", "merge"}
    for orphan in facts["orphans"]:
        os.kill(orphan["pid"], signal.SIGKILL)
    process.communicate()

    while len(json.loads(tubetap("ps", "--dir", folder, "--json").out)["stale"]) < 6:
        pass
    left = tubetap("ps", "--dir", folder)
    assert left.lines[1] == "6 stale socket files (1 dead tubes)"
    assert left.lines[-1] == "remove them with: tubetap ps --clean"
    cleaned = tubetap("ps", "--dir", folder, "--clean")
    assert cleaned.lines[2:8] == left.lines[2:8]
    assert cleaned.lines[-1] == "removed 6 socket files"
    assert not [path for path in folder.rglob("*") if path.is_socket()]
    assert tubetap("ps", "--dir", folder).out == f"no tube runs (looked in {folder})\n"


def test_a_long_list_is_cut_short_unless_it_is_to_go(tmp_path: Path, tubetap: Tubetap) -> None:
    for number in range(30):
        folder = tmp_path / f"r{number}" / "command"
        folder.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(folder / "outbox"))
    listed = tubetap("ps", "--dir", tmp_path)
    assert "30 stale socket files (30 dead tubes)" in listed.out
    assert "  ... 10 more" in listed.lines
    cleaned = tubetap("ps", "--dir", tmp_path, "--clean")
    assert sum(line.endswith("/command/outbox") for line in cleaned.lines) == 30
    assert cleaned.lines[-1] == "removed 30 socket files"


def test_names_of_strangers_are_made_safe(tmp_path: Path, tubetap: Tubetap) -> None:
    folder = tmp_path / "\x1b[31mred" / "command"
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / "outbox"))
    listed = tubetap("ps", "--dir", tmp_path)
    assert "\x1b" not in listed.out
    assert "\\x1b[31mred" in listed.out
    assert "\x1b" not in tubetap("ps", "--dir", tmp_path, "--json").out


def test_a_folder_that_is_not_there(tmp_path: Path, tubetap: Tubetap) -> None:
    result = tubetap("ps", "--dir", tmp_path / "missing")
    assert result.code == 2
    assert "does not exist" in result.err
