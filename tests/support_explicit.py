"""`tubetap proxy` and `tubetap attach` as processes beside the programs of a test."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support_proxy import Place, until

TAKE_TERMINAL = (
    "import os, fcntl, termios, sys; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


_started: "list[subprocess.Popen[Any]]" = []


def own_place(root: Path) -> Iterator[Place]:
    """A test's folders, for a fixture; what still runs in them after a failure is told to stop."""
    yield Place.make(root)
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.terminate()
            process.wait(30)


class Standing:
    """A `tubetap` that records until it is told to stop; `said` is what it has said so far."""

    def __init__(self, place: Place, verb: str, *options: str, ready: str = "recording until") -> None:
        self.place = place
        command = [sys.executable, "-m", "tubetap", verb, *options, "-o", str(place.recording)]
        self.process = place.start(command, start_new_session=True)
        _started.append(self.process)
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: ready in self.said or self.process.poll() is not None)
        assert ready in self.said, self.said

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def says(self, text: str) -> None:
        """Wait until it has said something."""
        until(lambda: text in self.said)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Signal it as a terminal would, wait for it, and return its exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(30)
        self._reader.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


def talk(process: "subprocess.Popen[str]", line: str) -> tuple[str, str]:
    """Give a program its last line and return what it then printed."""
    return process.communicate(line + "\n", timeout=60)


def program(place: Place, code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a small program."""
    command: Sequence[str] = [sys.executable, "-c", code, *arguments]
    return place.start(command)


class Terminal:
    """A pseudo terminal with `tubetap VERB --tui` in it."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self.parent, child = pty.openpty()
        tubetap = [sys.executable, "-m", "tubetap", *arguments, "--tui", "-o", str(place.recording)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *tubetap],
            stdin=child,
            stdout=child,
            stderr=child,
            env={**place.env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
        )
        _started.append(self.process)
        os.close(child)
        self.output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.parent, 65536):
                self.output += data
        except OSError:
            pass

    def shows(self, text: bytes) -> None:
        until(lambda: text in self.output)

    def leave(self, *, asked: bool = True) -> int:
        """Press q, say yes if asked, and return the exit code."""
        os.write(self.parent, b"q")
        if asked:
            self.shows(b"End it?")
            os.write(self.parent, b"\r")
        return self.end()

    def end(self) -> int:
        """Wait for its end and return the exit code."""
        code = self.process.wait(30)
        self._reader.join(5)
        os.close(self.parent)
        return code
