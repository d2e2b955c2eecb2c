"""The program of a run, as a process: how it is started, signalled and ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.errors import ProxyError
from proxy.processes import Stream

__all__ = ["CommandError", "Pipes", "Program"]

_PATIENCE_S = 5.0
_GRACE_S = 1.0
_GLANCE_S = 0.02


class CommandError(ProxyError):
    """The command can't be run; `exit_code` is what a shell would exit with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Pipes:
    """The program's standard output and error on their way into the recording."""

    def __init__(self) -> None:
        self.read_ends: dict[Stream, int] = {}
        self.write_ends: dict[Stream, int] = {}
        streams: tuple[Stream, ...] = ("stdout", "stderr")
        for stream in streams:
            self.read_ends[stream], self.write_ends[stream] = os.pipe()

    def close_write_ends(self) -> None:
        """Leave them to the program."""
        for descriptor in self.write_ends.values():
            os.close(descriptor)
        self.write_ends.clear()


class Program:
    """A running program.

    With `pipes` it writes to them, reads nothing, and has a session of its own: the terminal belongs to the
    viewer, and all it started can be ended with it. Without, it shares our terminal and process group.

    Raises CommandError if it can't be run.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], pipes: Pipes | None) -> None:
        self._apart = pipes is not None
        options: dict[str, Any] = {}
        if pipes is not None:
            # Through a pipe Python would hold back lines until it has 8 KiB of them.
            env = {"PYTHONUNBUFFERED": "1", **env}
            options = {str(name): end for name, end in pipes.write_ends.items()}
            options |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
        try:
            self._process = subprocess.Popen(command, env=env, **options)
        except FileNotFoundError:
            raise CommandError(f"cannot run {command[0]}: no such program", 127) from None
        except OSError as error:
            raise CommandError(f"cannot run {command[0]}: {error.strerror}", 126) from None
        finally:
            if pipes is not None:
                pipes.close_write_ends()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether its end has been seen, by `poll`, `wait` or `end`."""
        return self._process.returncode is not None

    def poll(self) -> bool:
        """Look whether it has ended."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait for its end; return its exit code, 128 + n if signal n ended it."""
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def hand_on(self, number: int) -> None:
        """Signal it as we have been signalled: what a terminal's key or hang-up sends goes to everything it
        started, and does so by itself where we share the terminal."""
        if number not in _OF_THE_TERMINAL:
            self._signal(number)
        elif self._apart:
            self._signal_all(number)
        elif number == signal.SIGHUP or not _in_foreground():
            self._signal(number)

    def end(self) -> bool:
        """End it as a person would, by Ctrl-C and then more firmly; after it, what it has left behind.

        Returns whether something had to be killed.
        """
        killed = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            killed = number == signal.SIGKILL
            self._signal(number)
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                continue
            break
        return (self._apart and self._end_rest()) or killed

    def _end_rest(self) -> bool:
        """Kill what is left of the session's process group after a moment; return whether anything was."""
        deadline = time.monotonic() + _GRACE_S
        while self._signal_all(0):
            if time.monotonic() > deadline:
                return self._signal_all(signal.SIGKILL)
            time.sleep(_GLANCE_S)
        return False

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _signal_all(self, number: int) -> bool:
        """Signal the process group; return False if nothing of it is left (macOS: only zombies)."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


_OF_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def _in_foreground() -> bool:
    """Tell whether our process group has the terminal, so that its keys signal the program too."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
