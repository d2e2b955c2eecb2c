"""`tubetap replay` from the shell: exit codes, reports, keys, debuggers, and nothing left after Ctrl-C."""

import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.support_cli import Tubetap
from tests.support_recordings import Tube
from tests.support_replay import Recorded, command_alone, environment, node_processes, recorded, root, stages


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def node(source: Recorded, name: str, *options: str) -> list[str]:
    return [
        *("replay", str(source.path), "--as", "command", "--node", name, "--tube", str(source.tube)),
        *("--directory", str(source.folder), "--python", sys.executable, "--asap", *options),
    ]


@contextmanager
def started(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The verb as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tubetap", *arguments],
        env=environment(root() / "cli"),
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
    if process.returncode != -signal.SIGKILL:
        assert stages(process.pid) == []


def read_until(process: subprocess.Popen[str], text: str, *, seconds: float = 30) -> str:
    """Read standard error until a text turns up in it."""
    assert process.stderr is not None
    seen, deadline = "", time.monotonic() + seconds
    descriptor = process.stderr.fileno()
    while text not in seen:
        left = deadline - time.monotonic()
        assert left > 0, seen
        if select.select([descriptor], [], [], left)[0]:
            data = os.read(descriptor, 65536).decode()
            assert data, f"ended with: {seen}"
            seen += data
    return seen


# Compare


def test_same_is_0_and_different_is_1(tubetap: Tubetap, tmp_path: Path) -> None:
    result = tubetap(*node(recorded(), "total"))
    assert (result.code, result.lines[-1]) == (0, "same: 6 of 6 outputs of total are the same")
    changed = recorded().changed(tmp_path, {"self.total += index": "self.total += index + (index == 5)"})
    result = tubetap(*node(changed, "total"))
    assert result.code == 1
    assert re.fullmatch(r"changed    epoch 5 total\.total: 15 -> 16  \[message \d+\]", result.lines[0])
    assert result.lines[-1] == "different: 5 of 6 outputs of total are the same; 1 changed"
    assert tubetap(*node(changed, "total", "--ignore", "total")).code == 0
    assert tubetap(*node(changed, "total", "--atol", "1")).code == 0
    assert tubetap(*node(changed, "total", "--end", "0.0001")).code == 2


def test_json_has_it_all(tubetap: Tubetap, tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"return part * 2": "return part * 3"})
    result = tubetap(*node(changed, "double", "--json", "epoch:0"))
    assert result.code == 1
    data = json.loads(result.out)
    assert data["same"] is False
    assert data["outputs"] == {"recorded": 3, "replayed": 3, "same": 1, "beyond": 0}
    assert [one["epoch"] for one in data["differences"]] == ["0.each[1]", "0.each[2]"]
    assert (data["differences"][1]["recorded"], data["differences"][1]["replayed"]) == ("4", "6")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to do"),
        (["--as", "nodes", "--to", "view"], "say what to do"),
        (["--as", "command"], "--node NAME"),
        (["--as", "command", "--node", "a,b"], "--node NAME"),
        (["--as", "nodes"], "where is the command node?"),
        (["--as", "nodes", "--runner-id", "x", "--late", "slip"], "the command node sets the pace"),
        (["--as", "command", "--node", "total", "--late", "skip"], "something else than it got"),
        (["--as", "command", "--node", "total", "--asap", "--rate", "2"], "exclude each other"),
        (["--as", "command", "--node", "total", "--remap", "x"], "NAME=VALUE"),
        (["--as", "command", "--node", "total", "--ignore", "[", "--tube", "t"], r"can't read the path"),
        (["--as", "command", "--node", "nobody"], "there is no node nobody"),
        (["--as", "command", "--node", "total"], "holds no tube"),
        (["--as", "command", "--node", "total", "--loop"], "--loop is for --to view or --publish"),
        (["--to", "view", "--remap", "a=b"], "--remap is for --as command or --as nodes or --publish"),
        (["--publish", "tcp://127.0.0.1:9", "--node", "total"], "--node is for --as command or --as nodes"),
        (["--publish", "tcp://127.0.0.1:9", "--remap", "typo=cam1"], "there is no node typo"),
        (["--to", "view"], "needs a terminal"),
        (["--publish", "tcp://127.0.0.1:9", "node:("], "tubetap: "),
        (["--publish", "tcp://127.0.0.1:9", "epoch:99"], "nothing to replay"),
    ],
)
def test_mistakes_are_one_line_and_2(tubetap: Tubetap, arguments: list[str], message: str) -> None:
    result = tubetap("replay", recorded().path, *arguments)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""


def test_foreign_code_is_refused_in_one_line(tubetap: Tubetap) -> None:
    result = tubetap(*node(recorded(), "norm"))
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "a call of replayed_nodes.Point" in result.err
    assert "--trust-recording" in result.err
    assert tubetap(*node(recorded(), "norm", "--trust-recording")).code == 0


def test_a_node_that_cannot_start_is_2(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"class Total:": "import no_such_thing\n\n\nclass Total:"})
    with started(*node(changed, "total")) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "No module named 'no_such_thing'" in err
    assert err.splitlines()[-1].startswith("tubetap: the node runner ended with exit code 1")


# By hand, by key, under a debugger


def test_a_node_started_by_hand() -> None:
    source = recorded()
    arguments = [*node(source, "mean"), "--print-addresses"]
    with started(*arguments) as process:
        told = read_until(process, "start the node with: ")
        told += read_until(process, "\n") if not told.endswith("\n") else ""
        assert "command outbox: ipc://" in told
        assert "command router: ipc://" in told
        (line,) = [line for line in told.splitlines() if line.startswith("start the node with: ")]
        by_hand = subprocess.run(
            shlex.split(line.removeprefix("start the node with: ")),
            cwd=source.folder,
            env=environment(root() / "cli"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert out.splitlines()[-1] == "same: 6 of 6 outputs of mean are the same"
    assert not (root() / "cli" / "noob" / "replay").exists()
    assert by_hand.returncode in (0, -2, 130, 1), by_hand.stderr  # noob's way to end


def test_one_epoch_a_key() -> None:
    source = recorded()
    arguments = [argument for argument in node(source, "total") if argument != "--asap"]
    with started(*arguments, "--step", "epoch", stdin=subprocess.PIPE) as process:
        told = read_until(process, "keys: ")
        assert "e next epoch" in told
        assert process.stdin is not None
        process.stdin.write("eee  q")
        process.stdin.flush()
        process.communicate(timeout=60)
    assert process.returncode == 130
    with started(*arguments, "--step", "message", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(" " * 100)  # then the end of input: go on
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "same: 6 of 6" in out


def test_pdb_stops_in_the_node_s_process() -> None:
    source = recorded()
    arguments = node(source, "double", "--debugger", "pdb", "epoch:0")
    with started(*arguments, stdin=subprocess.PIPE) as run:
        out, err = run.communicate("p ('part', part)\nc\nc\nc\n" + "c\n" * 20, timeout=90)
    assert "('part', 0)" in out, err
    assert "return part * 2" in out
    assert out.endswith("same: 3 of 3 outputs of double are the same\n")
    assert run.returncode == 0


def test_debugpy_waits_for_a_debugger() -> None:
    pytest.importorskip("debugpy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--debugger", "debugpy", "--debug-port", str(port))
    with started(*node(recorded(), "total", *options)) as process:
        told = read_until(process, "the node goes on when a debugger is attached", seconds=60)
        assert f"127.0.0.1:{port}" in told
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert node_processes() == []


# Ends


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, code: int, tmp_path: Path) -> None:
    slow = recorded().changed(tmp_path, {"self.total += index": "import time; time.sleep(4 * (index == 3))"})
    with started(*node(slow, "total", "--timeout", "0")) as process:
        read_until(process, "waiting for event of epoch 3 from node runner total", seconds=60)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == code
    assert remaining(slow.folder) == []


def test_a_killed_replay_takes_its_node_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    # As noob does for its sockets now and then, and all the time: make the folder that is about to go.
    make = "os.makedirs(os.path.join(os.environ['NOOB_TMP_DIR'], 'again'), exist_ok=True)"
    making = f"import os\n        while index == 3: {make}"
    slow = recorded().changed(tmp_path / "code", {"self.total += index": making})
    with started(*node(slow, "total", "--timeout", "0")) as process:
        read_until(process, "waiting for event of epoch 3", seconds=60)
        process.kill()
        process.wait()
    deadline = time.monotonic() + 10
    while (remaining(slow.folder) or stages(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert remaining(slow.folder) == []
    assert stages(process.pid) == []
    assert list(temporary.iterdir()) == []


def remaining(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(folder) in line and "replay_node" in line]


# The other modes


def test_as_nodes_from_the_shell() -> None:
    source = recorded()
    with command_alone(source, "shell") as alone:
        arguments = ("replay", str(source.path), "--as", "nodes", "--runner-id", alone.runner_id, "--asap")
        environ = {**environment(alone.root)}
        done = subprocess.run(
            [sys.executable, "-m", "tubetap", *arguments, "--trust-recording", "--json"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert alone.printed() == source.printed
    data = json.loads(done.stdout)
    assert data["complete"] is True
    assert data["ended"][:6] == [0, 1, 2, 3, 4, 5]


def test_the_program_of_the_guide_works() -> None:
    """docs/replay.md shows how to run a command node without its nodes; here tubetap is there first."""
    guide = (Path(__file__).parents[2] / "docs" / "replay.md").read_text("utf-8")
    (program,) = [
        part.split("```")[0] for part in guide.split("```python\n") if "NoProcess" in part.split("```")[0]
    ]
    source = recorded()
    options = ("--as", "nodes", "--runner-id", "1a2b3c4d", "--asap", "--trust-recording", "--json")
    with started("replay", str(source.path), *options) as process:
        read_until(process, f"waiting for the command node at ipc://{root()}/cli/noob/1a2b3c4d")
        printed = subprocess.run(
            [sys.executable, "-c", program],
            cwd=source.folder,
            env=environment(root() / "cli"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        out, err = process.communicate(timeout=60)
    assert printed.returncode == 0, printed.stderr
    assert str(json.loads(source.printed[0])) in printed.stdout
    assert process.returncode == 0, err
    data = json.loads(out)
    assert (data["sent"], data["ended"]) == (12, [0])


def test_nobody_to_answer_is_2(tubetap: Tubetap) -> None:
    result = tubetap(
        *("replay", recorded().path, "--as", "nodes", "--trust-recording", "--timeout", "1.1"),
        *("--command-outbox", "ipc:///tmp/ttr-none", "--command-router", "ipc:///tmp/ttr-none-either"),
    )
    assert result.code == 2
    assert "tubetap: waiting for the command node at ipc:///tmp/ttr-none" in result.err
    assert "gave up waiting" in result.err


def test_publish_from_the_shell(tmp_path: Path) -> None:
    tube = Tube(tmp_path / "run.mcap")
    tube.start()
    tube.epoch(0)
    tube.writer.close()
    address = f"ipc:///tmp/ttpub-{os.getpid()}"
    with started("replay", str(tube.path), "--publish", address, "type:event", "--json") as process:
        with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.setsockopt(zmq.SUBSCRIBE, b"")
            subscriber.connect(address)
            got = []
            for _ in range(3):
                assert subscriber.poll(30_000)
                got.append(subscriber.recv_multipart()[0])
        out, err = process.communicate(timeout=30)
    assert got == [b"event"] * 3
    assert process.returncode == 0, err
    assert json.loads(out)["sent"] == 3


def test_an_endless_loop_reports_when_it_is_interrupted(tmp_path: Path) -> None:
    tube = Tube(tmp_path / "run.mcap")
    tube.start()
    tube.epoch(0)
    tube.writer.close()
    arguments = ("--publish", "tcp://127.0.0.1:*", "--loop", "--rate", "100")
    with started("replay", str(tube.path), *arguments) as process:
        told = read_until(process, "publishing at ")
        told += read_until(process, "\n") if not told.endswith("\n") else ""
        with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
            subscriber.linger = 0
            subscriber.setsockopt(zmq.SUBSCRIBE, b"epoch_ended")
            subscriber.connect(told.split("publishing at ")[1].split()[0])
            for _ in range(3):
                assert subscriber.poll(30_000)
                subscriber.recv_multipart()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.match(r"sent \d+ messages", out)
