"""The noob tubes of this machine, by the sockets in noob's runtime folders: which run, which are dead, and
whose node processes were left behind.

Nothing here speaks to a tube. Whether a socket is in use is found out by connecting and hanging up at once
(`proxy.addresses.probe_peer`), and so is whose it is.
"""

import os
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proxy.addresses import Probe, probe_peer
from proxy.layout import place
from proxy.processes import command_line, is_alive
from recordings.records import Role

__all__ = ["SocketFile", "State", "Tube", "argv_of", "find_tubes", "remove_dead", "runtime_folders"]

State = Literal["running", "orphaned", "dead"]
"""Running: its command process lives. Orphaned: only node processes do. Dead: nobody does."""

SECOND_NAME = ".tap"
"""What `tubetap run` adds to the name of a program's socket when it stands in front of it."""


_SETTLE_S = 0.02
"""Where a full backlog refuses connections (BSD), time for the program to empty it."""


@dataclass(frozen=True)
class SocketFile:
    """One socket of a tube. `pid` is the process that bound it, None where the system does not tell.

    `since` is when it was bound, in seconds since the Unix epoch. `tapped` says that `tubetap run` stands in
    front of it.
    """

    path: str
    role: Role
    node: str | None
    probe: Probe
    pid: int | None
    since: float
    tapped: bool = False

    @property
    def in_use(self) -> bool:
        """Whether the process that bound it lives: forked children keep a socket open without serving it."""
        return self.probe == "listening" and (self.pid is None or is_alive(self.pid))


@dataclass(frozen=True)
class Tube:
    """A runner's folder and the sockets in it: those of the command node first."""

    runner: str
    folder: str
    sockets: tuple[SocketFile, ...]

    @property
    def state(self) -> State:
        """What becomes of its processes, as far as their sockets tell."""
        if any(each.in_use for each in self.sockets if each.node == "command"):
            return "running"
        return "orphaned" if any(each.in_use for each in self.sockets) else "dead"

    @property
    def command_pid(self) -> int | None:
        """The process of the command node, alive or not."""
        return next((each.pid for each in self.sockets if each.node == "command" and each.pid), None)

    @property
    def since(self) -> float:
        """When the first of its sockets in use was bound (of a dead tube: of all), seconds since 1970."""
        live = [each.since for each in self.sockets if each.in_use]
        return min(live or [each.since for each in self.sockets], default=0.0)

    @property
    def nodes(self) -> dict[str, int | None]:
        """The processes of its nodes that live, by node."""
        return {
            each.node: each.pid
            for each in self.sockets
            if each.role == "node outbox" and each.node is not None and each.in_use
        }

    @property
    def outboxes(self) -> tuple[SocketFile, ...]:
        """The sockets in use that publish."""
        return tuple(
            each for each in self.sockets if each.in_use and each.role in ("command outbox", "node outbox")
        )

    @property
    def stale(self) -> tuple[SocketFile, ...]:
        """The sockets that nobody listens on any more."""
        return tuple(each for each in self.sockets if each.probe == "dead")


def runtime_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return where noob puts its sockets: NOOB_TMP_DIR, the user's runtime folder, and, where the system
    tells (Linux), every other folder in which a tube has sockets open."""
    import platformdirs  # as noob does

    folders = [Path(environment["NOOB_TMP_DIR"])] if environment.get("NOOB_TMP_DIR") else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR
        folders.append(Path(platformdirs.user_runtime_dir("noob", "noob")))
    if environment.get("XDG_RUNTIME_DIR"):
        folders.append(Path(environment["XDG_RUNTIME_DIR"]) / "noob")
    folders.append(Path(tempfile.gettempdir()) / f"runtime-{os.getuid()}" / "noob")
    return list(dict.fromkeys(folder.absolute() for folder in [*folders, *_folders_in_use()]))


def _folders_in_use() -> Iterator[Path]:
    # proc_pid_net_unix(5): the last field is the path a socket was bound to, which may have changed hands.
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        path = line[line.find("/") :] if "/" in line else ""
        if path and place(path).runner is not None:
            up = 2 if place(path).node == "command" else 3
            folder = Path(path).parents[up]
            if folder.is_dir():
                yield folder


def find_tubes(folders: Iterable[Path]) -> list[Tube]:
    """Look at every socket in the folders; running tubes come first, the newest of them first."""
    tubes = []
    for folder in folders:
        for runner in _entries(folder):
            sockets = tuple(_sockets(folder / runner))
            if sockets:
                tubes.append(Tube(runner, str(folder / runner), sockets))
    order = ("running", "orphaned", "dead")
    return sorted(tubes, key=lambda tube: (order.index(tube.state), -tube.since))


def _sockets(runner: Path) -> Iterator[SocketFile]:
    folders = [runner / "command", *(runner / "nodes" / node for node in _entries(runner / "nodes"))]
    for folder in folders:
        names = _entries(folder)
        tapped = [
            name
            for name in names
            if name + SECOND_NAME in names and _is_served(folder / (name + SECOND_NAME))
        ]
        for name in names:
            if name.removesuffix(SECOND_NAME) in tapped and name not in tapped:
                continue
            path = str(folder / name)
            # Behind a tubetap the program's own socket is asked: the question must not end up in a recording.
            real = path + SECOND_NAME if name in tapped else path
            try:
                status = os.lstat(real)
            except OSError:
                continue
            if not stat.S_ISSOCK(status.st_mode):
                continue
            probe, pid = probe_peer(real)
            where = place(path)
            yield SocketFile(
                path, where.role, where.node or folder.name, probe, pid, status.st_mtime, name in tapped
            )


def _is_served(path: Path) -> bool:
    return probe_peer(str(path))[0] != "dead"


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def remove_dead(path: str) -> bool:
    """Remove a socket's file if it is provably dead: moved aside, asked again, and only then removed.

    What turns out to be alive, bound meanwhile by a new program, gets its name back. False if it stays.
    """
    aside = os.path.join(os.path.dirname(path), f"~{os.getpid()}")
    if probe_peer(path)[0] != "dead" or os.path.lexists(aside):
        return False
    try:
        os.rename(path, aside)
    except OSError:
        return False
    if not sys.platform.startswith("linux"):
        time.sleep(_SETTLE_S)
    if probe_peer(aside)[0] == "dead":
        os.unlink(aside)
        return True
    if not os.path.lexists(path):
        os.rename(aside, path)
    return False


def argv_of(pid: int) -> tuple[str, ...]:
    """Return a process's arguments, asking `ps` where there is no /proc."""
    found = command_line(pid)
    if found or sys.platform.startswith("linux"):
        return found
    question = ["ps", "-o", "command=", "-p", str(pid)]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(answer.stdout.split())
