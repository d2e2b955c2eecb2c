"""One real node runner, fed from a recording that `tubetap run` made of a real tube, and judged."""

from pathlib import Path
from typing import Any

import pytest

from recordings.recording import Recording
from recordings.replay import ReplayError, Traffic, Verdict
from tests.support_replay import Recorded, nothing_left, recorded
from tubetap.pytest_plugin import replay_node

PLAIN_NODES = ("count", "total", "frame", "mean", "parts", "each", "double", "point", "picky")


def replay(source: Recorded, node: str, **options: Any) -> Verdict:
    with nothing_left():
        return replay_node(source.path, node, tube=source.tube, directory=source.folder, **options)


def told(verdict: Verdict) -> list[str]:
    return [one.line().split("  [")[0] for one in verdict.differences]


@pytest.mark.parametrize("node", ["count", "total", "frame", "each"])
def test_unchanged_nodes_do_the_same_again(node: str) -> None:
    verdict = replay(recorded(), node)
    assert told(verdict) == []
    assert verdict
    assert verdict.recorded == 6 * {"each": 4}.get(node, 1)
    assert verdict.same == verdict.recorded


def test_at_the_recorded_pace_too() -> None:
    verdict = replay(recorded(), "total", rate=1.0)
    assert verdict
    assert verdict.deviation.count == verdict.sent > 6
    assert [line.partition(" by ")[0] for line in verdict.lines()][-2] == "sends were late"


def test_changed_code_is_told_where_it_makes_a_difference_and_nowhere_else(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path, {"self.total += index": "self.total += index + (1 if index == 4 else 0)"}
    )
    verdict = replay(changed, "total")
    assert told(verdict) == [
        "changed    epoch 4 total.total: 10 -> 11",
        "changed    epoch 5 total.total: 15 -> 16",
    ]
    assert verdict.summary() == "different: 4 of 6 outputs of total are the same; 2 changed"
    row = verdict.differences[0].row
    assert row is not None
    with Recording.open(recorded().path) as recording:
        assert recording.rows[row].sender == "total"
        assert recording.rows[row].epoch == 4
    # The nodes beside it did not change.
    assert replay(changed, "mean")


def test_a_single_number_in_a_frame(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path,
        {
            'return np.arange(48 * 64, dtype="float32").reshape(48, 64) * index': (
                'made = np.arange(48 * 64, dtype="float32").reshape(48, 64) * index\n'
                "    made[7, 9] += 0.25 if index == 2 else 0\n"
                "    return made"
            )
        },
    )
    verdict = replay(changed, "frame")
    assert told(verdict) == [
        "changed    epoch 2 frame.frame[7, 9]: 914.0 -> 914.25 (1 of 3,072 elements differ, by at most 0.25)"
    ]
    assert replay(changed, "frame", atol=0.3)
    assert replay(changed, "frame", rtol=0.001)
    assert replay(changed, "frame", ignore=["frame"])


def test_outputs_of_a_map_are_told_by_their_sub_epoch(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"return part * 2": "return part * 2 + (part == 3)"})
    assert told(replay(changed, "double")) == [
        "changed    epoch 1.each[2] double.doubled: 6 -> 7",
        "changed    epoch 2.each[1] double.doubled: 6 -> 7",
        "changed    epoch 3.each[0] double.doubled: 6 -> 7",
    ]


def test_a_list_that_got_shorter(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"[index, index + 1, index + 2]": "[index, index + 1]"})
    verdict = replay(changed, "parts", filter="epoch:3")
    assert told(verdict) == ["changed    epoch 3 parts.parts[2]: 5 (no longer there)"]
    assert replay(changed, "parts", ignore=["parts[2]"])


def test_the_same_error_is_the_same() -> None:
    verdict = replay(recorded(limit=2), "picky")
    assert verdict, told(verdict)
    assert verdict.recorded == 3


def test_another_error_is_told(tmp_path: Path) -> None:
    changed = recorded(limit=2).changed(
        tmp_path, {'ValueError("too much", index)': 'ValueError("far too much", index)'}
    )
    assert told(replay(changed, "picky")) == ['changed    picky.error.args[0]: "too much" -> "far too much"']


def test_an_error_that_was_mended_is_told_without_waiting_for_it(tmp_path: Path) -> None:
    changed = recorded(limit=2).changed(tmp_path, {"if index >= limit:": "if index < 0:"})
    verdict = replay(changed, "picky", timeout=100)
    assert "missing    picky.error: ValueError('too much', 2)" in told(verdict)
    assert not verdict
    assert verdict.elapsed_ns < 50e9


def test_a_new_error_is_told_with_all_that_it_costs(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"if index >= limit:": "if index >= 4:"})
    verdict = replay(changed, "picky")
    assert told(verdict) == [
        "extra      picky.error: ValueError('too much', 4)",
        "missing    epoch 4 picky.picked: 4",
        "missing    epoch 5 picky.picked: 5",
    ]
    assert "after its error the node ended" in verdict.notes


def test_a_slow_output_is_late_and_still_compared(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path, {"self.total += index": "import time; time.sleep(1.2 * (index == 1)); self.total += index"}
    )
    verdict = replay(changed, "total", timeout=0.5)
    assert "late       epoch 1 total.total" in told(verdict)
    assert not any("changed" in line or "missing" in line for line in told(verdict))


def test_a_node_that_just_dies_is_told(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {"return float(frame.mean())": "import os; os._exit(3)"})
    verdict = replay(changed, "mean", timeout=100)
    assert told(verdict)[-1] == "stopped    mean.process: exit code 3 (it ran on then)"
    assert len(verdict.differences) == 7
    assert verdict.elapsed_ns < 50e9


def test_other_signals_are_told_as_a_change_of_setup(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path, {'Name("mean")': 'Name("average")'})
    verdict = replay(changed, "mean")
    assert told(verdict)[0] == 'setup      mean.signals: ["mean"] -> ["average"]'
    kinds = [one.kind for one in verdict.differences]
    assert (kinds.count("extra"), kinds.count("missing")) == (6, 6)


def test_a_new_dependency_is_noted(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path,
        {
            "def double(part: int)": "def double(part: int, mean: float = 0.0)",
            "- part: each.value": "- part: each.value\n    - mean: mean.mean",
        },
    )
    verdict = replay(changed, "double", timeout=0.3)
    assert any("depends on mean now" in note for note in verdict.notes)
    assert "missing" in {one.kind for one in verdict.differences}


def test_a_part_of_a_recording() -> None:
    verdict = replay(recorded(), "double", filter="epoch:2..4")
    assert verdict, told(verdict)
    assert verdict.recorded == 9
    # A stateful node that begins in the middle begins with an empty state: that is told, as it should be.
    assert told(replay(recorded(), "total", filter="epoch:4")) == ["changed    epoch 4 total.total: 10 -> 4"]


def test_a_node_with_another_name_today(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path,
        {
            "\n  mean:\n": "\n  average:\n",
            "frame: frame.frame": "frame: camera.frame",
            "\n  frame:\n": "\n  camera:\n",
            "mean: mean.mean": "mean: average.mean",
        },
    )
    verdict = replay(changed, "mean", remap={"mean": "average", "frame": "camera"})
    assert verdict, told(verdict)
    assert verdict.recorded == 6


def test_objects_of_foreign_classes_need_trust() -> None:
    """`norm` is fed Points: to unpickle them, noob imports the module the recording names."""
    with (
        nothing_left(),
        pytest.raises(ReplayError, match=r"a call of replayed_nodes\.Point.*add --trust-recording"),
    ):
        replay(recorded(), "norm")
    verdict = replay(recorded(), "norm", trust_recording=True)
    assert verdict, told(verdict)
    assert verdict.recorded == 6


def test_foreign_objects_are_compared_without_trust(tmp_path: Path) -> None:
    """What the node sends is only read, so comparing it needs none."""
    changed = recorded().changed(tmp_path, {"Point(index, -index)": "Point(index, -index - (index == 5))"})
    assert told(replay(changed, "point")) == ["changed    epoch 5 point.point.y: -5 -> -6"]


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    changed = recorded().changed(
        tmp_path, {"def mean(frame": "import nowhere_to_be_found\n\n\ndef mean(frame"}
    )
    with nothing_left(), pytest.raises(ReplayError) as raised:
        replay(changed, "mean")
    assert "exit code 1 before it was ready" in str(raised.value)
    assert "nowhere_to_be_found" in str(raised.value)


def test_what_is_missing_is_said() -> None:
    source = recorded()
    with pytest.raises(ReplayError, match="no node nobody in the recording; it has count, double"):
        replay(source, "nobody")
    with pytest.raises(ReplayError, match=r"holds no tube \(.*noob run.*\): give its file or id with --tube"):
        replay_node(source.path, "mean")
    with pytest.raises(ReplayError, match="has no noob: give the interpreter"):
        replay(source, "mean", python="/bin/false")
    with pytest.raises(ReplayError, match="can't run /nonexistent"):
        replay(source, "mean", python="/nonexistent")


def test_the_recording_knows_deliveries_and_identities() -> None:
    with Recording.open(recorded().path) as recording:
        traffic = Traffic(recording)
        assert traffic.knows_deliveries
        assert traffic.upstream("double") == ["each"]
        assert traffic.upstream("count") == []
        assert set(traffic.nodes) == {*PLAIN_NODES, "norm"}
