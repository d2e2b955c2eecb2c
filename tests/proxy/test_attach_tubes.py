"""Finding tubes by their sockets: who runs, who is dead, who was left behind, what may be removed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.addresses import probe
from proxy.processes import is_alive
from proxy.tubes import Tube, argv_of, find_tubes, remove_dead, runtime_folders
from tests.support_proxy import SMALL_TUBE, Place, load, until

NODES = {"source", "double", "picture", "merge"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


@pytest.fixture
def tube(place: Place) -> "Iterator[subprocess.Popen[str]]":
    """A real tube, half-way through its epochs."""
    process = place.start([sys.executable, SMALL_TUBE, "--epochs", "3", "--hold"])
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    yield process
    for found in find_tubes([place.root / "noob"]):
        for pid in (found.command_pid, *found.nodes.values()):
            if pid is not None and is_alive(pid):
                os.kill(pid, signal.SIGKILL)
    process.communicate()


def only(place: Place) -> Tube:
    (found,) = find_tubes([place.root / "noob"])
    return found


def test_a_running_tube(place: Place, tube: "subprocess.Popen[str]") -> None:
    found = only(place)
    assert found.state == "running"
    assert found.command_pid == tube.pid
    assert set(found.nodes) == NODES
    assert len(set(found.nodes.values()) | {tube.pid}) == 5
    assert {(each.role, each.node) for each in found.sockets} == {
        ("command outbox", "command"),
        ("command inbox", "command"),
        *(("node outbox", node) for node in NODES),
    }
    assert not found.stale
    assert not any(each.tapped for each in found.sockets)
    assert Path(found.folder) == place.root / "noob" / found.runner
    assert SMALL_TUBE in argv_of(tube.pid)
    assert len(found.outboxes) == 5
    # Being looked at changes nothing.
    out, err = tube.communicate("go\n", timeout=60)
    assert tube.returncode == 0, err
    assert '"total": 15' in out
    assert "rror" not in err
    dead = only(place)
    assert dead.state == "dead"
    assert len(dead.stale) == 6
    assert dead.nodes == {}


def test_a_tube_under_tubetap_run_is_asked_behind_its_relay(place: Place) -> None:
    process = place.start(place.command([sys.executable, SMALL_TUBE, "--epochs", "3", "--hold"]))
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    found = only(place)
    assert found.state == "running"
    assert all(each.tapped for each in found.sockets)
    assert len(found.sockets) == 6
    assert SMALL_TUBE in argv_of(found.command_pid or 0)
    _, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, err
    with load(place.recording) as recording:
        peers = {info.peer_pid for info in recording.session.connections.values()}
        assert os.getpid() not in peers


def test_orphans_of_a_killed_parent(place: Place, tube: "subprocess.Popen[str]") -> None:
    nodes = only(place).nodes
    tube.kill()
    tube.wait()
    found = only(place)
    assert found.state == "orphaned"
    assert found.nodes == nodes
    assert found.command_pid == tube.pid
    # The children inherited the command node's sockets: open, but served by nobody.
    assert {each.probe for each in found.sockets if each.node == "command"} <= {"listening", "dead"}
    assert not any(each.in_use for each in found.sockets if each.node == "command")
    for pid in nodes.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    until(lambda: only(place).state == "dead")


def test_only_dead_sockets_are_removed(place: Place, tube: "subprocess.Popen[str]") -> None:
    live = only(place)
    assert not any(remove_dead(each.path) for each in live.sockets)
    assert only(place).sockets == live.sockets
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place.root / "dead"))
    (place.root / "file").write_text("precious")
    (place.root / "link").symlink_to(place.root / "dead")
    for name in ("file", "link", "nothing"):
        assert not remove_dead(str(place.root / name))
    assert (place.root / "link").is_symlink()
    assert (place.root / "file").read_text() == "precious"
    assert remove_dead(str(place.root / "dead"))
    assert not (place.root / "dead").exists()
    tube.communicate("go\n", timeout=60)
    folder = Path(only(place).folder)
    assert sum(remove_dead(each.path) for each in only(place).stale) == 6
    assert not [path for path in folder.rglob("*") if not path.is_dir()]
    assert find_tubes([place.root / "noob"]) == []


def test_a_socket_that_came_alive_meanwhile_gets_its_name_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        assert probe(str(path)) == "dead"
        rename = os.rename

        def and_listen(source: str, target: str) -> None:
            sock.listen()
            rename(source, target)

        monkeypatch.setattr(os, "rename", and_listen)
        assert not remove_dead(str(path))
        assert probe(str(path)) == "listening"
    assert os.listdir(tmp_path) == ["socket"]


def test_where_noob_puts_its_sockets(tmp_path: Path) -> None:
    environment = {"NOOB_TMP_DIR": str(tmp_path / "a"), "XDG_RUNTIME_DIR": str(tmp_path / "b")}
    folders = runtime_folders(environment)
    assert folders[0] == tmp_path / "a"
    assert tmp_path / "b" / "noob" in folders
    assert any(f"runtime-{os.getuid()}" in str(folder) for folder in folders)
    assert len(set(folders)) == len(folders)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of all sockets")
def test_a_tube_in_a_folder_of_its_own_is_found(place: Place, tube: "subprocess.Popen[str]") -> None:
    assert place.root / "noob" in runtime_folders({})


def test_what_is_no_tube_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "run1" / "command").mkdir(parents=True)
    (tmp_path / "run1" / "command" / "outbox").write_text("no socket")
    (tmp_path / "run2").write_text("no folder")
    (tmp_path / "run3" / "nodes" / "a").mkdir(parents=True)
    (tmp_path / "run3" / "nodes" / "a" / "outbox").symlink_to(tmp_path / "nowhere")
    assert find_tubes([tmp_path, tmp_path / "missing"]) == []
