"""Where a relay listens and what is behind it: one bound socket of the target program.

The advertised path is where everybody connects, the real path a second name for the program's own socket.
This is the one place that knows how the two are told apart, put back and cleaned up.
"""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["Endpoint", "Journal", "put_back_all", "read_journal"]


@dataclass(frozen=True)
class Endpoint:
    """A unix-socket endpoint under relay, as the agent reported it.

    `path` is the advertised path, `real` the other name of the program's socket, `staging` where the relay's
    socket is made before the agent moves it to `path`. `inode` is the real socket's, so that nobody else's
    file is ever touched. `wildcard` marks a path that libzmq chose (`ipc://*`) and whose folder goes with it.
    """

    id: int
    path: str
    real: str
    staging: str
    inode: int
    socket_type: str
    pid: int
    command_line: tuple[str, ...] = ()
    parent: int | None = None
    routing_id: str = ""
    wildcard: bool = False

    @classmethod
    def from_report(cls, id: int, report: dict[str, Any]) -> Self:
        """Build one from the agent's report; raises KeyError, TypeError or ValueError if it is none."""
        return cls(
            id=id,
            path=str(report["path"]),
            real=str(report["real"]),
            staging=str(report["staging"]),
            inode=int(report["inode"]),
            socket_type=str(report["socket_type"]),
            pid=int(report["pid"]),
            command_line=tuple(str(part) for part in report.get("command_line", ())),
            parent=report.get("parent"),
            routing_id=str(report.get("routing_id", "")),
            wildcard=bool(report.get("wildcard", False)),
        )

    @property
    def address(self) -> str:
        """The ZeroMQ address that the program bound."""
        return f"ipc://{self.path}"

    def put_back(self) -> bool:
        """Let the advertised path lead to the real socket again, in one step; False if that socket is gone.

        A peer that reconnects (ZeroMQ tries every 100 ms) then reaches the program itself.
        """
        if _inode(self.real) != self.inode:
            return False
        try:
            os.rename(self.real, self.path)
        except OSError:
            return False
        return True

    def clean_up(self, relay_inode: int) -> None:
        """Remove the second name; the advertised one stays behind, as it does without tubetap.

        The relay's own socket (`relay_inode`) goes if the agent did not move it, or not yet.
        """
        self._remove(self.real, self.inode)
        self._remove(self.staging, relay_inode)
        if self.wildcard and not os.path.exists(self.path):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(self.path))

    @staticmethod
    def _remove(path: str, inode: int) -> None:
        if _inode(path) == inode:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_ino
    except OSError:
        return None


class Journal:
    """The relay's list of endpoints on disk, for whoever has to put them back when the relay was killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def relayed(self, endpoint: Endpoint) -> None:
        """Note an endpoint before its advertised path changes hands."""
        self._file.write(json.dumps(asdict(endpoint)) + "\n")

    def retired(self, endpoint: Endpoint) -> None:
        """Note that an endpoint needs no more care."""
        self._file.write(json.dumps({"id": endpoint.id, "retired": True}) + "\n")

    def remove_folder(self) -> None:
        """Remove the run's private folder, where the journal is; for a relay that outlived its supervisor."""
        shutil.rmtree(self._path.parent, ignore_errors=True)


def read_journal(path: Path) -> list[Endpoint]:
    """Return the endpoints that a relay still stood in front of; a torn last line is passed over."""
    endpoints: dict[int, Endpoint] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            entry = json.loads(line)
            if entry.get("retired"):
                endpoints.pop(entry["id"], None)
            else:
                endpoints[entry["id"]] = Endpoint.from_report(entry["id"], entry)
        except (ValueError, KeyError, TypeError):
            continue
    return list(endpoints.values())


def put_back_all(journal: Path) -> None:
    """Let all addresses that a dead relay stood in front of lead to the program's own sockets again."""
    for endpoint in read_journal(journal):
        endpoint.put_back()
