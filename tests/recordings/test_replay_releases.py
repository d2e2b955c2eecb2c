"""Recordings of older noob releases, played to the noob of today: it takes them and does the same again."""

import json
from pathlib import Path

import pytest

from recordings.recording import Recording
from recordings.replay import NodesOptions, Pace, Traffic, replay_as_nodes
from tests.support_replay import ALONE, Recorded, command_alone, nothing_left, root
from tests.support_sample_files import record_sample
from tubetap.pytest_plugin import replay_node

NODES = """
from collections.abc import Generator
from typing import Annotated as A

from noob import Name


def index() -> Generator[A[int, Name("index")], None, None]:
    number = 0
    while True:
        yield number
        number += 1


def words() -> A[list[str], Name("words")]:
    return ["ab", "cd", "ef"]


def double(x: int) -> int:
    return x * 2


def boom(x: int) -> int:
    raise ValueError("boom")
"""

TUBES = {
    "basic": """
  a: {type: old_nodes.index}
  b: {type: old_nodes.double, depends: [{x: a.index}]}
  r: {type: return, depends: [{value: b.value}]}
""",
    "map": """
  a: {type: old_nodes.words}
  m: {type: map, depends: [{value: a.words}]}
""",
    "gather": """
  a: {type: old_nodes.index}
  g: {type: gather, params: {n: 2}, depends: [{value: a.index}]}
""",
    "error": """
  a: {type: old_nodes.index}
  b: {type: old_nodes.boom, depends: [{x: a.index}]}
""",
}

HEAD = "noob_id: old\nnoob_model: noob.tube.TubeSpecification\nnoob_version: 1003.0.0\nnodes:"


def old_run(folder: Path, release: str, scenario: str) -> Recorded:
    """What an older noob put on the wire, and the same tube for the noob of today."""
    folder.mkdir(exist_ok=True)
    (folder / "old_nodes.py").write_text(NODES)
    (folder / "tube.yaml").write_text(HEAD + TUBES[scenario])
    (folder / "alone.py").write_text(ALONE)
    return Recorded(record_sample(folder / "run.mcap", scenario, f"noob-{release}"), folder, ())


@pytest.mark.parametrize("release", ["1000.0.0", "1001.0.0"])
@pytest.mark.parametrize(
    ("scenario", "node", "outputs"),
    [("basic", "b", 3), ("map", "m", 12), ("gather", "g", 3), ("error", "b", 1)],
)
def test_a_node_of_today_is_fed_from_an_old_recording(
    tmp_path: Path, release: str, scenario: str, node: str, outputs: int
) -> None:
    old = old_run(tmp_path, release, scenario)
    with nothing_left():
        verdict = replay_node(old.path, node, tube=old.tube, directory=old.folder)
    assert verdict, list(verdict.lines())
    assert verdict.same == verdict.recorded >= outputs


def test_a_command_node_of_today_is_answered_from_an_old_recording() -> None:
    old = old_run(root() / "old", "1000.0.0", "basic")
    with command_alone(old, "old", process=3, run=0) as alone, Recording.open(old.path) as recording:
        options = NodesOptions(pace=Pace(None), timeout_ns=20_000_000_000)
        with nothing_left():
            assert replay_as_nodes(Traffic(recording), *alone.addresses, options)
        assert [json.loads(line) for line in alone.printed()] == [{"value": 0}, {"value": 2}, {"value": 4}]
