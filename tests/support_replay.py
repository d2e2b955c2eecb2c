"""A real noob tube recorded by `tubetap run`, once for all replay tests, and ways to change its code.

Stateful nodes, a map, numpy frames, an object of a class of its own, and (in a second recording) an error.
"""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recordings.recording import Recording

NODES = """
from collections.abc import Generator
from typing import Annotated as A

import numpy as np
from noob import Name


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


def count(start: int = 0) -> Generator[A[int, Name("index")], None, None]:
    index = start
    while True:
        yield index
        index += 1


class Total:
    def __init__(self) -> None:
        self.total = 0

    def process(self, index: int) -> A[int, Name("total")]:
        self.total += index
        return self.total


def frame(index: int) -> A[np.ndarray, Name("frame")]:
    return np.arange(48 * 64, dtype="float32").reshape(48, 64) * index


def mean(frame: np.ndarray) -> A[float, Name("mean")]:
    return float(frame.mean())


def parts(index: int) -> A[list[int], Name("parts")]:
    return [index, index + 1, index + 2]


def double(part: int) -> A[int, Name("doubled")]:
    return part * 2


def point(index: int) -> A[Point, Name("point")]:
    return Point(index, -index)


def norm(point: Point) -> A[int, Name("norm")]:
    return abs(point.x) + abs(point.y)


def picky(index: int, limit: int = 1000) -> A[int, Name("picked")]:
    if index >= limit:
        raise ValueError("too much", index)
    return index
"""

EPOCHS = 6
"""How many epochs the recorded program runs."""

PROGRAM = """
import json, sys
from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner

if __name__ == "__main__":
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    runner = ZMQRunner(Tube.from_specification(sys.argv[1]))
    with runner:
        try:
            for _ in range(3):
                print(json.dumps(runner.process()), flush=True)
            for result in runner.run(n=3):
                print(json.dumps(result), flush=True)
        except ValueError as error:
            print("raised", error.args, flush=True)
"""

ALONE = """
import json, sys
from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner
import noob.runner.zmq.runner as noob_runner

played = sys.argv[3].split(",")


class Processes:
    # Stands in for multiprocessing: starts only the nodes that are not played by a replay.
    Event = noob_runner.mp.Event
    Real = noob_runner.mp.Process

    def Process(self, *, name, **options):
        if "all" not in played and name.split(".")[-1] not in played:
            return self.Real(name=name, **options)
        return Played(name)


class Played:
    def __init__(self, name):
        self.name = name

    def start(self): ...
    def terminate(self): ...

    def is_alive(self):
        return False


if __name__ == "__main__":
    noob_runner.mp = Processes()
    # A process that noob forks while pydantic sets up for its first message hangs at its own.
    Message.from_bytes([PingMsg(node_id="").to_bytes()])
    runner = ZMQRunner(Tube.from_specification(sys.argv[1]))
    runner._runner_id = sys.argv[2]
    with runner:
        try:
            for _ in range(int(sys.argv[4])):
                print(json.dumps(runner.process()), flush=True)
            if int(sys.argv[5]):
                for result in runner.run(n=int(sys.argv[5])):
                    print(json.dumps(result), flush=True)
        except ValueError as error:
            print("raised", error.args, flush=True)
"""

TUBE = """
noob_id: replayed
noob_model: noob.tube.TubeSpecification
noob_version: 1003.0.0
nodes:
  count:
    type: replayed_nodes.count
  total:
    type: replayed_nodes.Total
    depends:
    - index: count.index
  frame:
    type: replayed_nodes.frame
    depends:
    - index: count.index
  mean:
    type: replayed_nodes.mean
    depends:
    - frame: frame.frame
  parts:
    type: replayed_nodes.parts
    depends:
    - index: count.index
  each:
    type: map
    depends:
    - value: parts.parts
  double:
    type: replayed_nodes.double
    depends:
    - part: each.value
  point:
    type: replayed_nodes.point
    depends:
    - index: count.index
  norm:
    type: replayed_nodes.norm
    depends:
    - point: point.point
  picky:
    type: replayed_nodes.picky
    params:
      limit: 1000
    depends:
    - index: count.index
  result:
    type: return
    depends:
    - total: total.total
    - mean: mean.mean
    - picked: picky.picked
"""


@dataclass(frozen=True)
class Recorded:
    """A recording, the folder with its tube's code, and what the program printed."""

    path: Path
    folder: Path
    printed: tuple[str, ...]

    @property
    def tube(self) -> Path:
        return self.folder / "tube.yaml"

    def changed(self, folder: Path, changes: Mapping[str, str]) -> "Recorded":
        """The same recording beside a copy of the code in which texts are replaced."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        for old, new in changes.items():
            for name in ("replayed_nodes.py", "tube.yaml"):
                text = (folder / name).read_text()
                if old in text:
                    (folder / name).write_text(text.replace(old, new))
                    break
            else:
                raise AssertionError(f"nothing to change: {old}")
        return Recorded(self.path, folder, self.printed)


def environment(folder: Path) -> dict[str, str]:
    """An environment in which noob and tubetap keep everything below a short folder of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TUBETAP_", "PYTHON"))}
    folder.mkdir(mode=0o700, exist_ok=True)
    return {
        **kept,
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "NOOB_TMP_DIR": str(folder / "noob"),
        "NOOB_LOGS__DIR": str(folder / "logs"),
    }


@functools.cache
def root() -> Path:
    """A short folder for all that the tests of replay write; gone when they are."""
    folder = Path(tempfile.mkdtemp(prefix="ttr-", dir="/tmp"))  # a socket's path is short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def recorded(limit: int = 1000) -> Recorded:
    """The recording of the tube whose node `picky` fails from index `limit` on."""
    folder = root() / f"tube-{limit}"
    folder.mkdir()
    (folder / "tube.yaml").write_text(TUBE.replace("limit: 1000", f"limit: {limit}"))
    (folder / "replayed_nodes.py").write_text(NODES)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "alone.py").write_text(ALONE)
    path = root() / f"run-{limit}.mcap"
    for _ in range(10):
        printed = _record(path, folder)
        if printed is not None and not _ran_ahead(path):
            return Recorded(path, folder, printed)
    raise AssertionError("noob hung or ran ahead, ten times")


def _ran_ahead(path: Path) -> bool:
    """Whether a node began an epoch more than was asked for.

    At the end of `run(n=3)` noob asks for one more and says stop at once; now and then a source is quicker.
    """
    with Recording.open(path) as recording:
        return int(recording.rows.epoch.max()) >= EPOCHS


def _record(path: Path, folder: Path) -> tuple[str, ...] | None:
    """What the program printed while it was recorded; None if it hung.

    noob, with or without tubetap, sometimes does not notice a node's error: two threads use its scheduler.
    """
    run = (sys.executable, "-m", "tubetap", "run", "--force", "-o", str(path), "--")
    process = subprocess.Popen(
        [*run, sys.executable, "program.py", "tube.yaml"],
        cwd=folder,
        env=environment(root() / "run"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    assert process.returncode == 0, err
    return _results(out)


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that a replay in this process leaves no folder with sockets and no process behind."""
    yield
    assert stages(os.getpid()) == []
    assert node_processes() == []


def stages(pid: int) -> list[Path]:
    """The folders with sockets that a process's replays have."""
    return list(Path("/tmp").glob(f"ttreplay-{pid}-*"))


def node_processes() -> list[str]:
    """The node runners that replays have started and that still run."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True)
    return [
        line
        for line in listed.stdout.splitlines()
        if "replay_node.py" in line and str(root()) in line and str(os.getpid()) in line.split()[:2]
    ]


@dataclass
class Alone:
    """A program with a real command node whose nodes are played."""

    process: subprocess.Popen[str]
    runner_id: str
    root: Path

    @property
    def addresses(self) -> tuple[str, str]:
        base = f"ipc://{self.root}/noob/{self.runner_id}/command"
        return f"{base}/outbox", f"{base}/inbox"

    def printed(self) -> tuple[str, ...]:
        out, err = self.process.communicate(timeout=15)
        assert self.process.returncode == 0, err
        return _results(out)


def _results(printed: str) -> tuple[str, ...]:
    """What the program itself printed, without noob's log."""
    return tuple(line for line in printed.splitlines() if line.startswith(("{", "raised")))


@contextmanager
def command_alone(
    source: Recorded, runner_id: str, *, played: str = "all", process: int = 3, run: int = 3
) -> Iterator[Alone]:
    """Run the tube's program with only its command node, or with all nodes but those that are `played`."""
    folder = root() / "alone"
    running = subprocess.Popen(
        [sys.executable, "alone.py", "tube.yaml", runner_id, played, str(process), str(run)],
        cwd=source.folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Alone(running, runner_id, folder)
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()
