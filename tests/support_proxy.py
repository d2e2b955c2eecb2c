"""Running programs directly and through `tubetap run`, and looking at what came of it."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recordings.recording import Recording

PROGRAMS = Path(__file__).parent / "proxy" / "programs"
SMALL_TUBE = str(PROGRAMS / "small_tube.py")
TIMEOUT_S = 60.0


@dataclass
class Place:
    """A test's own folders: everything a run could leave behind lands in here."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path) -> "Place":
        place = cls(root)
        for name in ("tmp", "noob", "run", "state", "transcripts"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        place.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("TUBETAP_", "PYTHON"))},
            "TMPDIR": str(root / "tmp"),
            "XDG_RUNTIME_DIR": str(root / "run"),
            "XDG_STATE_HOME": str(root / "state"),
            "NOOB_TMP_DIR": str(root / "noob"),
            "NOOB_LOGS__DIR": str(root / "logs"),
        }
        return place

    @property
    def recording(self) -> Path:
        return self.root / "out.mcap"

    def command(self, program: Sequence[str], *options: str) -> list[str]:
        """`tubetap run` of a program, recording to `self.recording`."""
        return [sys.executable, "-m", "tubetap", "run", "-o", str(self.recording), *options, "--", *program]

    def run(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        kwargs.setdefault("stdin", subprocess.DEVNULL if "input" not in kwargs else None)
        if "input" in kwargs:
            del kwargs["stdin"]
        return subprocess.run(
            command,
            env={**self.env, **(env or {})},
            text=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            **kwargs,
        )

    def tap(self, program: Sequence[str], *options: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        return self.run(self.command(program, *options), **kwargs)

    def start(self, command: Sequence[str], **kwargs: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env={**self.env, **kwargs.pop("env", {})},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **kwargs,
        )

    def leftovers(self) -> list[str]:
        """What tubetap must not leave: private folders, second names of sockets."""
        return [
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.name.startswith(("tubetap-", "~")) or path.name.endswith((".tap", "+"))
        ]


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def processes(place: Place, needle: str) -> list[int]:
    """The pids of processes that run in this test's folders and have `needle` in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            line = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
            env = (folder / "environ").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if needle in line and str(place.root) in env:
            found.append(int(folder.name))
    return found


def answer(output: str) -> dict[str, Any]:
    """The JSON that the small tube prints last."""
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def load(path: Path) -> Recording:
    """Open a recording with everything read."""
    recording = Recording.open(path)
    while recording.refresh():
        pass
    return recording


Transcript = dict[tuple[str, str, str], list[tuple[bytes, ...]]]
"""Messages received, in order, by (receiving process, socket type, sender)."""


def transcript(folder: Path) -> Transcript:
    """What the target's own hook wrote down of what came in."""
    found: Transcript = defaultdict(list)
    for process, socket, frames in _written(folder, "received"):
        found[process, socket, json.loads(frames[-1])["node_id"]].append(frames)
    return found


def sent(folder: Path) -> dict[tuple[str, str], list[tuple[bytes, ...]]]:
    """What the target's own hook wrote down of what went out, by (sending process, socket type)."""
    found: dict[tuple[str, str], list[tuple[bytes, ...]]] = defaultdict(list)
    for process, socket, frames in _written(folder, "sent"):
        found[process, socket].append(frames)
    return found


def _written(folder: Path, direction: str) -> Iterator[tuple[str, str, tuple[bytes, ...]]]:
    for path in sorted(folder.glob("*.jsonl")):
        process = path.stem.rpartition("-")[0]
        process = "command" if process == "MainProcess" else process
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["direction"] == direction:
                yield process, entry["socket"], tuple(bytes.fromhex(frame) for frame in entry["frames"])


def recorded(recording: Recording) -> Transcript:
    """The same from a recording: who carried which message to whom."""
    found: Transcript = defaultdict(list)
    session = recording.session
    per_connection: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in range(len(recording.rows)):
        frames = recording.frames(row)
        connection = session.connections[int(recording.rows.connection[row])]
        endpoint = session.endpoints[connection.endpoint]
        if endpoint.socket_type == "ROUTER":
            routing_id = connection.peer.routing_id if connection.peer else b""
            found["command", "ROUTER", json.loads(frames[-1])["node_id"]].append((routing_id, *frames))
            continue
        for delivery in recording.deliveries(row):
            per_connection[delivery.connection].append((delivery.time_ns, row))
    for number, carried in per_connection.items():
        receiver = session.name_of(number)
        for _, row in carried:
            frames = recording.frames(row)
            found[receiver, "SUB", json.loads(frames[-1])["node_id"]].append(frames)
    return found


def without_times(frames: tuple[bytes, ...], runner: str) -> tuple[Any, ...]:
    """A message without what differs between two runs of the same tube: times, ids, the runner's name."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items() if key not in ("timestamp", "id")}
        if isinstance(value, list):
            return [clean(part) for part in value]
        return value.replace(runner, "RUNNER") if isinstance(value, str) and runner else value

    return (*frames[:-1], json.dumps(clean(json.loads(frames[-1])), sort_keys=True))
