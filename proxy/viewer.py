"""The viewer beside a recording that is being made: a process of its own, which has the terminal while it
lives."""

import contextlib
import os
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

from proxy.launch import python_command

__all__ = ["Viewer"]


class Viewer:
    """The viewer's process on a growing recording.

    `module` is the one whose `main([FILE])` shows it; by name, as it belongs to a layer above.
    """

    def __init__(self, path: Path, module: str) -> None:
        self._terminal = _terminal_state()
        self._tidied = False
        self._process = subprocess.Popen(python_command(module, str(path)))

    def exit_code(self) -> int | None:
        """Return None while the viewer lives, 0 when a person has left it, else what broke it."""
        return self._process.poll()

    def wait(self) -> None:
        """Wait until the person has seen enough."""
        while True:
            try:
                self._process.wait()
            except KeyboardInterrupt:
                continue
            break
        if self._process.returncode != 0:
            self.tidy_terminal()

    def close(self) -> None:
        """End the viewer."""
        self._process.terminate()
        self.wait()

    def tidy_terminal(self) -> None:
        """Make the terminal usable again after the viewer broke; once, as it moves the cursor back."""
        if self._terminal is not None and sys.stdout.isatty() and not self._tidied:
            self._tidied = True
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._terminal)
            # Leave the alternate screen, stop mouse and paste reports, show the cursor (xterm control
            # sequences).
            os.write(1, b"\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h")


def _terminal_state() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except (termios.error, OSError):
        return None
