"""A real command node whose node runners are played from a recording that `tubetap run` made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recordings.recording import Recording
from recordings.replay import Conversation, NodesOptions, Pace, ReplayError, Traffic, choose, replay_as_nodes
from tests.support_replay import Alone, Recorded, command_alone, nothing_left, recorded

SECOND = 1_000_000_000


@contextmanager
def traffic(source: Recorded, filter: str = "") -> Iterator[Traffic]:
    with Recording.open(source.path) as recording:
        yield Traffic(recording, chosen=choose(recording, filter))


def play(source: Recorded, alone: Alone, filter: str = "", **options: Any) -> Conversation:
    options.setdefault("trust_recording", True)  # `point` sends objects of the tube's own class
    options.setdefault("pace", Pace(None))
    options.setdefault("timeout_ns", 20 * SECOND)
    with nothing_left(), traffic(source, filter) as found:
        return replay_as_nodes(found, *alone.addresses, NodesOptions(**options))


def test_a_command_node_gets_the_recorded_results() -> None:
    source = recorded()
    with command_alone(source, "all") as alone:
        conversation = play(source, alone)
        assert alone.printed() == source.printed
    assert conversation
    assert conversation.left == 0
    assert conversation.asked[:3] == (0, 1, 2)
    assert conversation.ended[:6] == (0, 1, 2, 3, 4, 5)
    assert len(source.printed) == 6


def test_at_the_recorded_pace_too() -> None:
    source = recorded()
    with command_alone(source, "paced") as alone:
        conversation = play(source, alone, pace=Pace(1.0))
        assert alone.printed() == source.printed
    assert conversation.deviation.count == conversation.sent
    assert conversation.left == 0


def test_a_free_run_can_be_asked_for_epoch_by_epoch() -> None:
    source = recorded()
    with command_alone(source, "single", process=6, run=0) as alone:
        conversation = play(source, alone)
        assert alone.printed() == source.printed
    assert conversation.asked == (0, 1, 2, 3, 4, 5)


def test_the_recorded_error_is_raised_again() -> None:
    source = recorded(limit=2)
    assert source.printed[-1] == "raised ('too much', 2)"
    for attempt in range(3):  # noob does not always notice an error: two of its threads use one scheduler
        with command_alone(source, f"error{attempt}") as alone:
            conversation = play(source, alone, timeout_ns=6 * SECOND)
            if conversation:
                assert alone.printed() == source.printed
                return
    raise AssertionError("noob never noticed the error")


@pytest.mark.parametrize("played", ["mean", "count,total"])
def test_some_nodes_are_played_and_the_others_are_real(played: str) -> None:
    source = recorded()
    with command_alone(source, f"some-{len(played)}", played=played) as alone:
        conversation = play(source, alone, nodes=tuple(played.split(",")))
        assert alone.printed() == source.printed
    assert conversation.sent == 6 * len(played.split(","))


def test_played_nodes_speak_to_real_ones_whose_code_has_changed(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"return float(frame.mean())": "return -float(frame.mean())"})
    with command_alone(changed, "changed", played="frame") as alone:
        play(changed, alone, nodes=("frame",))
        printed = [json.loads(line) for line in alone.printed()]
    recorded_results = [json.loads(line) for line in recorded().printed]
    assert [one["mean"] for one in printed] == [-one["mean"] for one in recorded_results]
    assert [one["total"] for one in printed] == [one["total"] for one in recorded_results]


def test_a_part_of_a_recording_for_a_command_node_that_begins_at_0() -> None:
    source = recorded()
    with command_alone(source, "part", process=2, run=0) as alone:
        conversation = play(source, alone, "epoch:4..5")
        assert alone.printed() == source.printed[4:6]
    assert conversation


def test_nodes_with_other_names_today(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path, {"\n  mean:\n": "\n  average:\n", "mean: mean.mean": "mean: average.mean"}
    )
    with command_alone(changed, "renamed") as alone:
        play(changed, alone, remap={"mean": "average"})
        assert alone.printed() == recorded().printed


def test_an_epoch_that_is_not_recorded_is_told() -> None:
    source = recorded()
    with command_alone(source, "more", process=8, run=0) as alone:
        conversation = play(source, alone, timeout_ns=60 * SECOND)
        alone.process.kill()
    assert not conversation
    assert conversation.unknown == (6,)
    assert "the command node asked for epoch 6, which is not in the recording" in conversation.lines()
    assert conversation.to_json()["complete"] is False


def test_what_is_waited_for_is_said_and_given_up() -> None:
    source = recorded()
    said: list[str] = []
    with nothing_left(), traffic(source) as found, pytest.raises(ReplayError) as raised:
        replay_as_nodes(
            found,
            "ipc:///tmp/nobody-here",
            "ipc:///tmp/nobody-here-either",
            NodesOptions(timeout_ns=1_200_000_000, trust_recording=True),
            say=said.append,
        )
    assert said == ["waiting for the command node at ipc:///tmp/nobody-here"]
    assert "gave up waiting for the command node at ipc:///tmp/nobody-here" in str(raised.value)


def test_a_quiet_command_node_is_waited_for_by_name() -> None:
    source = recorded()
    said: list[str] = []
    with command_alone(source, "quiet", process=0, run=0) as alone, traffic(source) as found:
        alone.process.send_signal(19)  # SIGSTOP: it is there, and asks for nothing
        with pytest.raises(ReplayError, match="gave up waiting"):
            replay_as_nodes(
                found,
                *alone.addresses,
                NodesOptions(timeout_ns=1_200_000_000, trust_recording=True),
                say=said.append,
            )
    assert len(said) == 1


def test_foreign_classes_need_trust() -> None:
    with traffic(recorded()) as found, pytest.raises(ReplayError, match="--trust-recording"):
        replay_as_nodes(found, "ipc:///tmp/x", "ipc:///tmp/y")
    with traffic(recorded()) as found, pytest.raises(ReplayError, match="nobody"):
        replay_as_nodes(found, "ipc:///tmp/x", "ipc:///tmp/y", NodesOptions(nodes=("nobody",)))
