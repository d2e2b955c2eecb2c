"""The viewer in a real terminal (tmux), with everything encoded: start, live, resize, quit, hostile text."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recordings.recording import Recording
from tests.support_recordings import Tube, hostile_recording

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

TIMEOUT_S = 30


class Terminal:
    """A tmux session of its own with a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "tmux")
        self.folder = folder

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command."""
        command = ["tmux", "-S", self.socket, "-f", os.devnull, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return done.stdout

    def start(self, width: int = 120, height: int = 36) -> None:
        """Open a shell that shows a prompt we know, with nothing of the person's in its environment."""
        environment = [
            "env",
            "-i",
            f"PATH={os.environ['PATH']}",
            f"HOME={self.folder}",
            f"PYTHONPATH={Path(__file__).parents[2]}",
            "TERM=xterm-256color",
            "LANG=C.UTF-8",
            "TZ=UTC",
            "PS1=ready:",
            "sh",
        ]
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), shlex.join(environment))
        self.sees("ready:")

    def view(self, path: Path, *options: str) -> None:
        """Start the viewer."""
        self.type(shlex.join([sys.executable, "-m", "tubetap", "view", str(path), *options]))
        self.keys("Enter")

    def type(self, text: str) -> None:
        """Type a text."""
        self.tmux("send-keys", "-l", text)

    def keys(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self.tmux("send-keys", *keys)

    def text(self) -> str:
        """Give what is on the screen."""
        return self.tmux("capture-pane", "-p")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"never came: {what}\n{self.text()}"
            time.sleep(0.03)

    def sees(self, *texts: str) -> None:
        """Wait until all of these texts stand on the screen."""
        self.until(lambda: all(text in self.text() for text in texts), " and ".join(texts))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.tmux("kill-server")


def test_start_filter_and_quit_restores_the_screen(terminal: Terminal, small: Path):
    terminal.start()
    terminal.view(small)
    terminal.sees("ENDED", "e event", "[x] a", "IdentifyMsg")
    terminal.keys("f")
    terminal.type("type:error")
    terminal.sees("1 of 110", "ValueError")
    terminal.keys("Enter", "q")
    terminal.until(lambda: "ENDED" not in terminal.text(), "the shell")
    terminal.sees("tubetap view", "ready:")
    terminal.type("echo still $((40 + 2))")
    terminal.keys("Enter")
    terminal.sees("still 42")


def test_a_growing_recording_is_shown_live(terminal: Terminal, tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    tube.writer.flush()
    terminal.start()
    terminal.view(tube.path)
    terminal.sees("LIVE > FOLLOW", "s status")
    for number in range(1, 30):
        tube.epoch(number)
    tube.writer.flush()
    terminal.sees("value={index: 29}")
    tube.writer.close()
    terminal.sees("ENDED")


def test_plus_and_minus_filter_by_the_cell(terminal: Terminal, small: Path):
    terminal.start()
    terminal.view(small)
    terminal.sees("IdentifyMsg")
    terminal.keys("+")
    terminal.sees("type:identify", "3 of 110")
    terminal.keys("BSpace")
    terminal.keys("-")
    terminal.sees("!type:identify", "107 of 110")


def test_resizing(terminal: Terminal, small: Path):
    terminal.start()
    terminal.view(small)
    terminal.sees("[x] a")
    terminal.tmux("resize-window", "-x", "60", "-y", "15")
    terminal.until(lambda: "[x] a" not in terminal.text() and "type" in terminal.text(), "a small screen")
    assert all(len(line) <= 60 for line in terminal.text().splitlines())
    terminal.tmux("resize-window", "-x", "150", "-y", "45")
    terminal.sees("[x] a", "IdentifyMsg")


def test_hostile_text_does_nothing_to_the_terminal(terminal: Terminal, tmp_path: Path):
    path = tmp_path / "hostile.mcap"
    hostile_recording(path)
    terminal.start()
    terminal.tmux("select-pane", "-T", "untouched")
    terminal.view(path)
    terminal.sees("ENDED", r"\x1b]0;owned")
    for key in (
        "d",
        "d",
        "d",
        "d",
        "G",
        "2",
        "3",
        "4",
        "G",
        "1",
        "C",
        "k",
        "k",
        "k",
        "d",
        "d",
        "?",
        "q",
    ):
        terminal.keys(key)
    terminal.keys("4")
    terminal.sees("[4 Log]", "stdout")
    terminal.keys("1")
    terminal.sees("[1 Messages]")
    title = terminal.tmux("display-message", "-p", "#{pane_title}").strip()
    assert "owned" not in title
    assert "raw" not in title
    terminal.keys("q")
    terminal.until(lambda: "[1 Messages]" not in terminal.text(), "the shell")
    assert "untouched" in terminal.tmux("display-message", "-p", "#{pane_title}")


def test_without_a_mouse_and_without_colours(terminal: Terminal, small: Path):
    terminal.start(80, 24)
    terminal.type("export NO_COLOR=1")
    terminal.keys("Enter")
    terminal.view(small, "--no-mouse")
    terminal.sees("ENDED", "e event")
    assert terminal.tmux("display-message", "-p", "#{mouse_any_flag}").strip() == "0"
    colours = terminal.tmux("capture-pane", "-p", "-e")
    assert "\x1b[38;" not in colours
    assert "\x1b[48;" not in colours


def test_faults_are_told_in_one_line(terminal: Terminal, tmp_path: Path):
    terminal.start()
    terminal.view(tmp_path / "none.mcap")
    terminal.sees("tubetap: can't open")
    (tmp_path / "text.mcap").write_text("no recording at all")
    terminal.view(tmp_path / "text.mcap")
    terminal.sees("is no recording")
    assert "Traceback" not in terminal.text()


def test_closing_the_terminal_leaves_nothing_running(terminal: Terminal, tmp_path: Path):
    """The session's leader hears of it, here that is tubetap itself; the viewer must find out alone."""
    path = tmp_path / "closed.mcap"
    terminal.start()
    terminal.type(shlex.join(["exec", sys.executable, "-m", "tubetap", "demo", "-o", str(path)]))
    terminal.keys("Enter")
    terminal.sees("LIVE > FOLLOW", "running")
    leader = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
    started = _descendants(leader)
    assert len(started) >= 1 + 3 + 8, "tubetap, its relay, recorder and viewer, the program and its nodes"
    terminal.tmux("kill-server")
    deadline = time.monotonic() + TIMEOUT_S
    while left := started & _processes().keys():
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        assert len(recording.rows) > 0


def _processes() -> dict[int, int]:
    """Map each running process to its parent."""
    done = subprocess.run(["ps", "-Ao", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in lines if not state.startswith("Z")}


def _descendants(leader: int) -> set[int]:
    """Give a process and all that came from it."""
    found = {leader}
    parents = _processes()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found
