"""`tubetap run --tui` around the viewer: what becomes of the program when the viewer leaves or breaks."""

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support_proxy import Place, load, processes, until

TAKE_TERMINAL = (
    "import os, fcntl, termios, sys; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
PROGRAM = """
import pathlib, signal, sys, time, zmq
c = zmq.Context(); a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)
a.bind("ipc://ROOT/noob/s"); b.connect("ipc://ROOT/noob/s")
b.send(b"hello"); a.recv()
print("line one")
print("to stderr", file=sys.stderr)
print("stdin:", repr(sys.stdin.read()))
signal.signal(signal.SIGINT, lambda *a: sys.exit(44))
pathlib.Path("ROOT/ready").touch()
while not pathlib.Path("ROOT/go").exists():
    time.sleep(0.01)
print("last line")
sys.exit(5)
"""
DEAF_CHILD = """
import os, pathlib, signal, sys, time, zmq
c = zmq.Context(); a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)
a.bind("ipc://ROOT/noob/s"); b.connect("ipc://ROOT/noob/s")
b.send(b"hello"); a.recv()
if os.fork() == 0:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pathlib.Path("ROOT/ready").write_text(str(os.getpid()))
    time.sleep(300)
signal.signal(signal.SIGINT, lambda *a: sys.exit(44))
while True:
    time.sleep(0.01)
"""


class Terminal:
    """A pseudo terminal with `tubetap run --tui` in it, `under` another program if there is one."""

    def __init__(self, place: Place, *under: str, program: str = PROGRAM) -> None:
        self.parent, child = pty.openpty()
        code = program.replace("ROOT", str(place.root))
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                TAKE_TERMINAL,
                *under,
                *place.command([sys.executable, "-c", code], "--tui"),
            ],
            stdin=child,
            stdout=child,
            stderr=child,
            env={**place.env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
        )
        os.close(child)
        self.output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: (place.root / "ready").exists())

    def _read(self) -> None:
        try:
            while data := os.read(self.parent, 65536):
                self.output += data
        except OSError:
            pass

    def type(self, keys: bytes) -> None:
        os.write(self.parent, keys)

    def wait(self) -> int:
        code = self.process.wait(30)
        self._reader.join(5)
        os.close(self.parent)
        return code


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def viewer(place: Place) -> int:
    found: list[int] = []

    def one() -> bool:
        found[:] = processes(place, "tubetap.cli.run")
        return len(found) == 1

    until(one)
    return found[0]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def output_lines(place: Place) -> list[str]:
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert recording.frames(0) == (b"hello",)
        return [entry.text.partition(": ")[2] for entry in recording.session.log if entry.kind == "output"]


def test_a_viewer_that_is_killed_takes_nothing_with_it(place: Place) -> None:
    terminal = Terminal(place)
    pid = viewer(place)
    until(lambda: b"\x1b[?1049h" in terminal.output)
    os.kill(pid, signal.SIGKILL)
    until(lambda: b"the viewer broke" in terminal.output)
    assert b"\x1b[?1049l" in terminal.output  # back from the alternate screen
    (place.root / "go").touch()
    assert terminal.wait() == 5
    lines = output_lines(place)
    assert [line for line in lines if "line" in line or "stdin" in line] == [
        "line one",
        "stdin: ''",
        "last line",
    ]
    assert "to stderr" in lines
    assert b"the viewer ended with code -9" in terminal.output
    assert not place.leftovers()


def test_leaving_the_viewer_ends_the_program_as_ctrl_c_would(place: Place) -> None:
    terminal = Terminal(place)
    until(lambda: b"\x1b[?1049h" in terminal.output and b"hello" in terminal.output)
    terminal.type(b"q")
    until(lambda: b"End it?" in terminal.output)
    terminal.type(b"\r")
    assert terminal.wait() == 44
    assert "line one" in output_lines(place)
    assert not place.leftovers()


def test_the_viewer_stays_when_the_program_has_ended(place: Place) -> None:
    terminal = Terminal(place)
    until(lambda: b"\x1b[?1049h" in terminal.output and b"hello" in terminal.output)
    (place.root / "go").touch()
    until(lambda: not processes(place, "proxy.recorder"))
    viewer(place)
    until(lambda: b"ENDED" in terminal.output)
    terminal.type(b"q")
    assert terminal.wait() == 5
    assert "last line" in output_lines(place)


def test_the_viewer_goes_on_with_the_next_file_when_the_recorder_died(place: Place) -> None:
    terminal = Terminal(place)
    until(lambda: b"\x1b[?1049h" in terminal.output and b"hello" in terminal.output)
    (recorder,) = processes(place, "proxy.recorder")
    os.kill(recorder, signal.SIGKILL)
    until(lambda: b"The recorder died" in terminal.output)
    (place.root / "go").touch()
    until(lambda: b"ENDED" in terminal.output)
    terminal.type(b"q")
    assert terminal.wait() == 5
    first = f"{place.recording.name}"
    with load(place.recording) as recording:
        assert recording.state == "cut off"
    with load(place.recording.with_name("out-2.mcap")) as recording:
        assert recording.facts["continues"] == first
        assert any(first in note.text and "died" in note.text for note in recording.session.notes)
        assert any("last line" in entry.text for entry in recording.session.log)


def test_the_viewer_of_a_killed_supervisor_gives_the_terminal_back(place: Place) -> None:
    terminal = Terminal(place, "sh", "-c", '"$@"; read line', "sh")
    until(lambda: b"\x1b[?1049h" in terminal.output and b"hello" in terminal.output)
    viewer(place)
    (supervisor,) = set(processes(place, "--tui")) - {terminal.process.pid}
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not processes(place, "tubetap.cli.run") and b"\x1b[?1049l" in terminal.output)
    (place.root / "go").touch()
    until(lambda: not processes(place, "proxy.re"))
    assert "last line" in output_lines(place)
    assert not place.leftovers()
    terminal.process.kill()
    terminal.wait()


def test_leaving_the_viewer_ends_what_the_program_leaves_behind(place: Place) -> None:
    """As a noob node does that was forked at a bad moment: it hears nothing but SIGKILL."""
    terminal = Terminal(place, program=DEAF_CHILD)
    until(lambda: b"hello" in terminal.output)
    deaf = int((place.root / "ready").read_text())
    terminal.type(b"q")
    until(lambda: b"End it?" in terminal.output)
    terminal.type(b"\r")
    assert terminal.wait() == 44
    assert b"had to be killed" in terminal.output
    until(lambda: not alive(deaf))
    assert not place.leftovers()


def test_a_terminal_that_is_closed_leaves_a_complete_recording(place: Place) -> None:
    """The viewer goes at once, the program takes its time: by then there is nobody to tell that it broke."""
    slow = PROGRAM.replace("signal.SIGINT, lambda *a:", "signal.SIGHUP, lambda *a: time.sleep(1) or")
    terminal = Terminal(place, program=slow)
    viewer(place)
    until(lambda: b"hello" in terminal.output)
    os.close(terminal.parent)
    terminal.process.wait(30)
    assert "line one" in output_lines(place)
    assert not place.leftovers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_program_beside_a_viewer(place: Place, number: signal.Signals) -> None:
    """It has a session of its own, so that no key or hang-up of the terminal reaches it but through us."""
    terminal = Terminal(place, program=PROGRAM.replace("signal.SIGINT", f"signal.{number.name}"))
    viewer(place)
    terminal.process.send_signal(number)
    until(lambda: not processes(place, "proxy.recorder"))
    until(lambda: b"ENDED" in terminal.output)
    terminal.type(b"q")
    assert terminal.wait() == 44
