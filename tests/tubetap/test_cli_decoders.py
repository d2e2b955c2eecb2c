"""Decoders on the command line: chosen by name, trees below messages, and what goes wrong with either."""

import json
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from decoders import registry
from recordings.writer import RecordingWriter
from tests.support_cli import Tubetap
from tests.support_mcap import Traffic, plain
from tests.support_proxy import Place
from tubetap.cli.decoders import HELP

FRAMES: list[tuple[bytes, ...]] = [
    (b"status", plain("status", "a", '"ready"')),
    (b"topic", msgspec.msgpack.encode({"n": [1, 2]})),
    (b"\xff\x00",),
]


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    for frames in FRAMES:
        traffic.message(frames)
    writer.close()
    return path


def test_the_best_decoder_is_used_unless_one_is_named(tubetap: Tubetap, mixed: Path) -> None:
    def summaries(*options: str) -> list[str]:
        return tubetap("cat", mixed, "--fields", "summary", *options).lines

    assert summaries() == ["ready", "topic | {n: [1, 2]}", "0xff00"]
    assert summaries("--decoder", "raw") == [
        f"2 frames, {sum(map(len, FRAMES[0]))} bytes",
        "2 frames, 11 bytes",
        "1 frame, 2 bytes",
    ]
    as_json = summaries("--decoder", "json")
    assert as_json[0].startswith("status | {type: 'status', node_id: 'a'")
    assert as_json[1].startswith("(json: not JSON: ")
    assert tubetap("cat", mixed, "--decoder", "json").lines[0].endswith(as_json[0])


def test_an_unknown_decoder_is_one_line_and_exit_code_2(tubetap: Tubetap, mixed: Path) -> None:
    for verb in ("cat", "view"):
        result = tubetap(verb, mixed, "--decoder", "proto\x1bbuf")
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert r"there is no decoder 'proto\x1bbuf'; there are noob, jupyter, json, msgpack" in result.err


def test_the_help_names_the_shipped_ones() -> None:
    assert ", ".join(entry.name for entry in registry.SHIPPED) in HELP


def test_trees(tubetap: Tubetap, mixed: Path) -> None:
    lines = tubetap("cat", mixed, "--tree", "--fields", "row").lines
    assert lines == [
        "0",
        "          StatusMsg",
        "            node_id: 'a'",
        "            timestamp: 2026-11-25T01:33:46.894827+00:00",
        "            value: 'ready'",
        "            shape: any release",
        "1",
        "          2 frames: 1 key",
        "            frame 1: 'topic'",
        "            frame 2: 1 key",
        "              n: 2 items",
        "                0: 1",
        "                1: 2",
        "2",
        "          1 frame, 2 bytes",
        "            frame 1: 2 bytes  ff 00",
    ]
    forced = tubetap("cat", mixed, "--tree", "--fields", "row", "--decoder", "jupyter", "type:raw").lines
    assert forced[1] == "          (raw) jupyter: no <IDS|MSG> delimiter among the frames"


def test_trees_in_json(tubetap: Tubetap, mixed: Path) -> None:
    first, second, _ = (
        json.loads(line)["decoded"] for line in tubetap("cat", mixed, "--json", "--tree").lines
    )
    assert (first["decoder"], first["summary"], first["problem"]) == ("noob", "ready", None)
    assert first["tree"]["text"] == "StatusMsg"
    assert second["decoder"] == "msgpack"
    assert second["tree"]["children"][1]["children"][0] == {
        "name": "n",
        "kind": "array",
        "text": "2 items",
        "children": [
            {"name": "0", "kind": "number", "text": "1"},
            {"name": "1", "kind": "number", "text": "2"},
        ],
    }
    assert "decoded" not in json.loads(tubetap("cat", mixed, "--json").lines[0])


KERNEL = """
import sys
from jupyter_client.manager import KernelManager

manager = KernelManager(kernel_name="python3", transport="ipc", ip=sys.argv[1])
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
for code in ("x = 41; print('hello')", "x + 1", "1 / 0"):
    client.execute_interactive(code, timeout=60)
client.stop_channels()
manager.shutdown_kernel(now=True)
"""


def test_a_real_jupyter_kernel_under_run(tubetap: Tubetap, tmp_path: Path) -> None:
    """Not noob at all: the sockets of a kernel on ipc, recorded by `tubetap run` and read by `cat`."""
    place = Place.make(tmp_path)
    own = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "run"), "IPYTHONDIR": str(tmp_path / "state")}
    with tempfile.TemporaryDirectory(prefix="k") as folder:  # a short name, for paths of unix sockets
        done = place.tap([sys.executable, "-c", KERNEL, f"{folder}/k"], env=own)
    assert done.returncode == 0, done.stderr
    summaries = tubetap("cat", place.recording, "--fields", "summary").lines
    assert [line for line in summaries if line.startswith("execute_request")] == [
        "execute_request  x = 41; print('hello')",
        "execute_request  x + 1",
        "execute_request  1 / 0",
    ]
    for line in (
        "status  busy",
        "status  idle",
        "stream  stdout: hello",
        "execute_result  42",
        "error  ZeroDivisionError: division by zero",
        "execute_reply  ok",
        "execute_reply  error",
    ):
        assert line in summaries, summaries
    tree = tubetap("cat", place.recording, "--decoder", "jupyter", "--tree", "execute_request").lines
    assert """              code: "x = 41; print('hello')\"""" in tree
