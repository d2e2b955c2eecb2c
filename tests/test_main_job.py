"""The main job, from the command line, on real noob tubes: what a user gets from `tubetap run` and after it.

The tube counts its own messages (callbacks of the command node), so that the recording can be held against
what the program itself saw.
"""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from recordings.recording import Recording

TUBE_PROGRAM = """
import json, sys
from pathlib import Path
from noob import Tube
from noob.network.message import Message, PingMsg
from noob.runner.zmq import ZMQRunner

tube = Tube.from_specification(sys.argv[1])
seen = {"event": 0, "router": 0}
# A process that noob forks while pydantic sets up for its first message hangs at its own.
Message.from_bytes([PingMsg(node_id="").to_bytes()])
with ZMQRunner(tube) as runner:
    async def count_event(message):
        seen["event"] += 1
    runner.command.add_callback("inbox", count_event)
    results = [runner.process() for _ in range(int(sys.argv[2]))]
print(json.dumps({"results": results, "events": seen["event"]}))
"""

NODES = """
from collections.abc import Generator
from typing import Annotated
import numpy as np
from noob import Name

def source() -> Generator[Annotated[int, Name("index")], None, None]:
    index = 0
    while True:
        yield index
        index += 1

def frame(index: int) -> Annotated[np.ndarray, Name("frame")]:
    return np.full((48, 64), index % 256, dtype=np.uint8)

def double(index: int) -> Annotated[int, Name("value")]:
    return index * 2

def merge(value: int, frame: np.ndarray) -> Annotated[int, Name("total")]:
    return value + int(frame.sum())
"""

TUBE = """
noob_id: tubetap-test
noob_model: noob.tube.TubeSpecification
noob_version: 1003.0.0
nodes:
  a: {type: tubetap_test_nodes.source}
  b: {type: tubetap_test_nodes.frame, depends: [{index: a.index}]}
  c: {type: tubetap_test_nodes.double, depends: [{index: a.index}]}
  d: {type: tubetap_test_nodes.merge, depends: [{value: c.value}, {frame: b.frame}]}
  out: {type: return, depends: d.total}
"""

EPOCHS = 12
ROOT = Path(__file__).parent.parent
TUBETAP = [sys.executable, "-m", "tubetap"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as a noob user has it: nodes, a tube and a script."""
    (tmp_path / "tubetap_test_nodes.py").write_text(NODES)
    (tmp_path / "tube.yaml").write_text(TUBE)
    (tmp_path / "script.py").write_text(TUBE_PROGRAM)
    return tmp_path


def environment(project: Path) -> dict[str, str]:
    runtime = project / "rt"
    runtime.mkdir(exist_ok=True)
    return os.environ | {
        "PYTHONPATH": str(project),
        "NOOB_TMP_DIR": str(runtime),
        "XDG_STATE_HOME": str(project / "state"),
        "NOOB_LOGS__DIR": str(project / "logs"),
    }


def tubetap(project: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TUBETAP, *arguments],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=90,
        **options,
    )


def record(project: Path, epochs: int = EPOCHS) -> tuple[dict[str, Any], Path]:
    """Run the script under tubetap; return what it printed and the recording."""
    output = project / "run.mcap"
    done = tubetap(
        project, "run", "-o", str(output), "--", sys.executable, "script.py", "tube.yaml", str(epochs)
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), output


def read(path: Path) -> Recording:
    recording = Recording.open(path)
    while recording.refresh():
        pass
    return recording


def test_results_and_counts_are_those_of_the_program(project: Path) -> None:
    direct = subprocess.run(
        [sys.executable, "script.py", "tube.yaml", str(EPOCHS)],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    printed, path = record(project)
    assert printed["results"] == json.loads(direct.stdout)["results"]
    with read(path) as recording:
        events = [i for i in range(len(recording.rows)) if recording.rows[i].type == "event"]
        assert len(events) == printed["events"] == 4 * EPOCHS
        assert all("command" in recording.rows[i].receivers for i in events)


def test_payloads_are_bit_for_bit_and_event_ids_have_no_gap(project: Path) -> None:
    _, path = record(project)
    sequences: dict[tuple[str, int], list[int]] = {}
    with read(path) as recording:
        for number in range(len(recording.rows)):
            payload = json.loads(recording.frames(number)[-1])
            assert payload["node_id"] == recording.rows[number].sender
            if payload["type"] == "event":
                for event in payload["value"]:
                    key = (event["node_id"], event["id"] >> 32)
                    sequences.setdefault(key, []).append(event["id"] & 0xFFFFFFFF)
    assert {node for node, _ in sequences} == {"a", "b", "c", "d"}
    for sequence in sequences.values():
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))


def test_every_link_is_seen(project: Path) -> None:
    _, path = record(project)
    with read(path) as recording:
        rows = [recording.rows[i] for i in range(len(recording.rows))]
        links = {(row.sender, to, row.type) for row in rows for to in row.receivers}
        assert {
            ("a", "b", "event"),
            ("a", "c", "event"),
            ("b", "d", "event"),
            ("d", "command", "event"),
        } <= links
        assert {("command", node, "process") for node in "abcd"} <= links
        assert {(node, "command", "identify") for node in "abcd"} <= links
        assert all(row.epoch >= 0 for row in rows if row.type in ("event", "process", "epoch_ended"))
        roles = sorted(endpoint.role for endpoint in recording.session.endpoints.values())
        assert roles == ["command inbox", "command outbox", *["node outbox"] * 4]
        connections = recording.session.connections.values()
        # 4 nodes listen to the command and report to it; it listens to 4 nodes; 4 edges between nodes
        assert len(connections) == 4 + 4 + 4 + 4
        assert all(connection.peer is not None for connection in connections)


def test_exit_code_input_and_output_are_the_programs_own(project: Path) -> None:
    code = "import sys; print(sys.stdin.read()[::-1]); print('warn', file=sys.stderr); sys.exit(7)"
    done = tubetap(project, "run", "--no-tui", "--", sys.executable, "-c", code, input="abc")
    assert done.returncode == 7
    assert done.stdout == "cba\n"
    assert done.stderr.startswith("warn\n")
    assert done.stderr.count("\n") >= 2, "one closing line of ours"


def test_never_overwrites_without_force(project: Path) -> None:
    _, path = record(project, epochs=1)
    before = path.read_bytes()
    done = tubetap(project, "run", "-o", str(path), "--", sys.executable, "-c", "print('ran')")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert "ran" not in done.stdout
    assert path.read_bytes() == before


def test_cat_and_info_while_it_is_written_and_cut_off(project: Path) -> None:
    output = project / "live.mcap"
    process = subprocess.Popen(
        [*TUBETAP, "run", "-o", str(output), "--", sys.executable, "-m", "tubetap.demo"],
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # in a terminal's foreground, the program is taken to have had its Ctrl-C
    )
    try:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline().startswith("frame")
        deadline = time.monotonic() + 20
        while True:
            live = tubetap(project, "cat", str(output), "type:event", "--json")
            assert live.returncode == 0, live.stderr
            if live.stdout or time.monotonic() > deadline:
                break
        lines = [json.loads(line) for line in live.stdout.splitlines()]
        assert lines
        assert {line["type"] for line in lines} == {"event"}
        info = tubetap(project, "info", str(output))
        assert info.returncode == 0, info.stderr
        assert "clock" in info.stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    whole = output.read_bytes()
    cut = project / "cut.mcap"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    done = tubetap(project, "cat", str(cut))
    assert done.returncode == 0, done.stderr
    assert "event" in done.stdout
    assert tubetap(project, "info", str(cut)).returncode == 0


def test_two_tubes_at_once(project: Path) -> None:
    arguments = [*TUBETAP, "run", "--no-tui", "-o"]
    program = ["--", sys.executable, "script.py", "tube.yaml", "5"]
    running = [
        subprocess.Popen(
            [*arguments, str(project / f"{name}.mcap"), *program],
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    printed = [json.loads(process.communicate(timeout=90)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert printed[0]["results"] == printed[1]["results"]
    runners = set()
    for name in ("one", "two"):
        with read(project / f"{name}.mcap") as recording:
            runners |= {endpoint.runner for endpoint in recording.session.endpoints.values()}
            types = [recording.rows[i].type for i in range(len(recording.rows))]
            assert types.count("event") == 20
    assert len(runners) == 2


def test_noob_command_line(project: Path) -> None:
    noob = Path(sys.executable).with_name("noob")
    output = project / "noob.mcap"
    done = tubetap(
        project, "run", "-o", str(output), "--", str(noob), "run", "tube.yaml", "--runner", "zmq", "-n", "3"
    )
    assert done.returncode == 0, textwrap.shorten(done.stderr, 2000)
    assert len(json.loads(done.stdout)) == 3
    with read(output) as recording:
        assert len(recording.rows) > 12


def test_no_viewer_without_a_terminal(project: Path) -> None:
    for verb in (["demo"], ["run"]):
        done = tubetap(
            project, *verb, "--tui", *(["--", "true"] if verb == ["run"] else []), stdin=subprocess.DEVNULL
        )
        assert done.returncode == 2
        assert done.stderr.startswith("tubetap: --tui needs a terminal; ")


def test_demo_without_a_terminal(project: Path) -> None:
    done = tubetap(project, "demo", "--epochs", "10", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "camera" in done.stdout
    path = Path(next(line for line in done.stdout.splitlines() if line.startswith("Recording: "))[11:])
    assert path.is_file()
    assert str(path).startswith(str(project / "state"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_demo_from_the_recording_that_comes_along(project: Path) -> None:
    done = tubetap(project, "demo", "--recorded", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "each_disc" in done.stdout


@pytest.mark.parametrize("name", ["camera", "failing"])
def test_samples_and_pictures_are_of_this_format(name: str) -> None:
    with read(ROOT / "recordings" / "samples" / f"{name}.mcap") as recording:
        assert recording.state == "complete"
        assert len(recording.rows) > 50
        assert not recording.session.losses


def test_the_readme_shows_a_picture_that_exists() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
    guides = re.findall(r"\]\((docs/[^)#]+)\)", readme)
    assert pictures
    assert all((ROOT / path).is_file() for path in [*pictures, *guides])
