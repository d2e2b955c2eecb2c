"""Recordings by strangers: whatever they hold, a replay refuses it in words or plays it, and never more."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.recording import Recording
from recordings.replay import NodesOptions, Pace, ReplayError, Tolerance, Traffic, replay_as_nodes
from recordings.replay.answers import plan_answers
from recordings.replay.comparison import Comparison
from recordings.replay.feed import plan_feed
from recordings.replay.handshake import NodeRole, identity
from recordings.replay.outputs import OutputReader
from recordings.replay.rewriting import Rewriter
from recordings.replay.target import Stage
from recordings.replay.timing import Deviation
from tests.support_recordings import Tube, hostile_recording
from tests.support_replay import nothing_left

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=8)
    | st.just("pck__gASVAAA="),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["epoch", "value", "nodes", "signals", "subscribed_to", "node_id", "signal", "a"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from(
    ["process", "start", "stop", "event", "error", "epoch_ended", "identify", "announce", "status", "zzz"]
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(kinds, st.sampled_from(["command", "a", "b"]), anything), min_size=1, max_size=8))
def test_any_content_is_planned_or_refused(tmp_path: Path, messages: list[tuple[str, str, Any]]) -> None:
    tube = Tube(tmp_path / "run.mcap", force=True)
    tube.start()
    tube.epoch(0)
    for kind, sender, value in messages:
        payload = json.dumps({"type": kind, "node_id": sender, "value": value}).encode()
        tube.publish(sender, (kind.encode(), payload))
    tube.writer.close()
    with Recording.open(tube.path) as recording:
        traffic = Traffic(recording)
        for plan in (lambda: plan_answers(traffic), lambda: plan_feed(traffic, "b")):
            with suppress(ReplayError):
                plan()
        feed = plan_feed(traffic, "b")
        comparison = Comparison(traffic, feed, OutputReader(), tolerance=Tolerance())
        for row in feed.expected:
            comparison.arrived(recording.frames(row))
        verdict = comparison.verdict(sent=0, elapsed_ns=0, deviation=Deviation(0, 0, 0, 0))
        assert verdict, list(verdict.lines())
        rewriter = Rewriter({"a": "x"}, shift=1, signals=traffic.signals)
        for row in range(len(recording.rows)):
            with suppress(ReplayError):
                rewriter.frames(recording.frames(row))
        for node in traffic.nodes:
            role = NodeRole(node, identity(node, traffic.identities.get(node)), frozenset(traffic.nodes))
            for row in range(len(recording.rows)):
                role.commanded(traffic.decoded(row))


def test_hostile_names_are_refused_or_harmless(tmp_path: Path) -> None:
    tube = hostile_recording(tmp_path / "hostile.mcap")
    with Recording.open(tube.path) as recording:
        traffic = Traffic(recording)
        options = NodesOptions(pace=Pace(None), timeout_ns=300_000_000, trust_recording=True)
        with nothing_left(), pytest.raises(ReplayError) as raised:
            replay_as_nodes(traffic, "ipc:///tmp/ttr-nowhere", "ipc:///tmp/ttr-nowhere2", options)
    assert "gave up waiting" in str(raised.value)


def test_no_name_leads_out_of_the_private_folder() -> None:
    with Stage() as stage:
        assert stage.path.stat().st_mode & 0o777 == 0o700
        for name in ("..", "a/b", "../../etc", "", "a\0b"):
            with pytest.raises(ReplayError, match="use another name"):
                stage.address("replay", "nodes", name, "outbox")
        with pytest.raises(ReplayError, match="too long for the system"):
            stage.address("replay", "nodes", "n" * 100, "outbox")
        assert list(stage.path.iterdir()) == []
    assert not stage.path.exists()
