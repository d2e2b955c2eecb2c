"""What can be known of a process from outside: who is behind a socket, its command line, when it ends.

Everything here is best effort: where the system does not say, the answer is None.
"""

import os
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import asyncio

__all__ = ["ExitWatch", "Stream", "command_line", "is_alive", "parent_of", "peer_pid", "shortened"]

Stream = Literal["stdout", "stderr"]
"""What a program prints to."""

_CHECK_S = 1.0
_MOST_ARGUMENTS, _LONGEST_ARGUMENT = 100, 400
_UCRED = struct.Struct("3i")
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2  # <sys/un.h> on macOS


def peer_pid(sock: socket.socket) -> int | None:
    """Return the pid of the process at the other end of a unix socket (SO_PEERCRED, LOCAL_PEERPID)."""
    if sock.family != socket.AF_UNIX:
        return None
    try:
        if hasattr(socket, "SO_PEERCRED"):
            pid: int = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[0]
            return pid or None
        if sys.platform == "darwin":
            return sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID) or None
    except OSError:
        pass
    return None


def is_alive(pid: int) -> bool:
    """Tell whether a process exists (a zombie counts as dead where /proc can tell)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return _stat(pid)[0] not in "ZX"
    except (OSError, IndexError):
        return True


def parent_of(pid: int) -> int | None:
    """Return a process's parent."""
    try:
        return int(_stat(pid)[1])
    except (OSError, IndexError, ValueError):
        return None


def _stat(pid: int) -> list[str]:
    # The fields after the program's name: state, parent, … (proc(5)).
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def command_line(pid: int) -> tuple[str, ...]:
    """Return a process's arguments as the system tells them; empty where it does not."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(part.decode("utf-8", "replace") for part in data.split(b"\0")[:-1])


def shortened(arguments: Sequence[str]) -> list[str]:
    """Return as much of a command line as tells one process from another; there may be thousands of file
    names in it."""
    found = [argument[:_LONGEST_ARGUMENT] for argument in arguments[:_MOST_ARGUMENTS]]
    return found if len(arguments) <= _MOST_ARGUMENTS else [*found, "..."]


class ExitWatch:
    """Tells when processes end that are not our children: at once with pidfds, else within a second."""

    def __init__(self, loop: "asyncio.AbstractEventLoop", on_exit: Callable[[int], None]) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self._descriptors: dict[int, int | None] = {}

    def add(self, pid: int) -> None:
        """Watch a process, once."""
        if pid in self._descriptors:
            return
        self._descriptors[pid] = None
        try:
            self._descriptors[pid] = descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._loop.call_later(_CHECK_S, self._check, pid)
        else:
            self._loop.add_reader(descriptor, self._exited, pid)

    def _check(self, pid: int) -> None:
        if is_alive(pid):
            self._loop.call_later(_CHECK_S, self._check, pid)
        else:
            self._exited(pid)

    def _exited(self, pid: int) -> None:
        descriptor = self._descriptors.pop(pid)
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._on_exit(pid)
