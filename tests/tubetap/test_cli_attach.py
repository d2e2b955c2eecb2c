"""`tubetap attach` as it is typed: to the only tube, by the beginning of its id, and into the viewer."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from recordings.errors import RecordingError
from tests.support_cli import Tubetap
from tests.support_explicit import Standing, Terminal, own_place
from tests.support_proxy import SMALL_TUBE, Place, load, processes, until


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from own_place(tmp_path)


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture
def tube(place: Place) -> "Iterator[Popen[str]]":
    process = place.start([sys.executable, SMALL_TUBE, "--epochs", "4", "--hold"])
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    yield process
    if process.poll() is None:
        process.communicate("go\n", timeout=60)


def test_by_the_beginning_of_its_id(place: Place, tube: "Popen[str]") -> None:
    (runner,) = [folder.name for folder in (place.root / "noob").iterdir()]
    attached = Standing(place, "attach", runner[:4], "--dir", str(place.root / "noob"))
    assert attached.said.splitlines() == [
        f"tubetap: listening to {runner}: command, double, merge, picture, source",
        "tubetap: not seen this way: what nodes tell the command node (identify, status, error), who else "
        "received a message, and anything before the attaching",
        "tubetap: recording until the tube ends, or Ctrl-C",
    ]
    assert attached.stop() == 0
    assert len(attached.said.splitlines()) == 4


def test_mistakes_are_one_line_and_code_2(place: Place, tubetap: Tubetap) -> None:
    folder = place.root / "noob"
    result = tubetap("attach", "--dir", folder, "-o", place.recording)
    assert result.code == 2
    assert result.err == (
        f"tubetap: no tube runs (looked in {folder}): start one, or say with --dir where its sockets are\n"
    )
    assert not place.recording.exists()
    assert "needs a terminal" in tubetap("attach", "--tui").err


def test_live_in_the_viewer(place: Place, tube: "Popen[str]") -> None:
    terminal = Terminal(place, "attach", "--dir", str(place.root / "noob"))
    terminal.shows(b"\x1b[?1049h")
    until(lambda: len(processes(place, "proxy.subscribing")) == 1)
    until(lambda: open_connections(place) == 5)
    tube.communicate("go\n", timeout=60)
    assert tube.returncode == 0
    terminal.shows(b"source")
    # The tube has ended, and with it the recording; the viewer stays until it is left.
    until(lambda: not processes(place, "proxy."))
    terminal.shows(b"ENDED")
    assert terminal.leave(asked=False) == 0
    assert b"not seen by attaching" in terminal.output
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert len(recording.rows) >= 4 * 6


def open_connections(place: Place) -> int:
    try:
        with load(place.recording) as recording:
            return sum(info.state == "handshaken" for info in recording.session.connections.values())
    except RecordingError:  # not a byte yet
        return 0
