"""A live node's outputs beside the recorded ones: missing, extra, reordered, late, beyond the recording."""

import json
from pathlib import Path
from typing import Any

import pytest

from recordings.recording import Recording
from recordings.replay import Tolerance, Traffic, Verdict, parse_pattern
from recordings.replay.comparison import Comparison
from recordings.replay.feed import plan_feed
from recordings.replay.outputs import OutputReader
from recordings.replay.timing import Deviation
from tests.support_recordings import HOSTILE, Tube


def event(epoch: Any, value: Any, node: str = "b", signal: str = "value") -> tuple[bytes, ...]:
    one = {
        "id": (77 << 32) ^ 5,
        "timestamp": "2030-01-01T00:00:00+00:00",
        "node_id": node,
        "signal": signal,
        "epoch": epoch,
        "value": value,
    }
    body = {"type": "event", "node_id": node, "timestamp": "2030-01-01T00:00:00Z", "value": [one]}
    return b"event", json.dumps(body).encode()


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    """b sent 0, 2, 4, 6 in the epochs 0 to 3; epoch 3 was not seen to its end."""
    tube = Tube(tmp_path / "run.mcap")
    tube.start()
    for number in range(3):
        tube.epoch(number)
    tube.epoch(3, end=False)
    tube.writer.close()
    return Traffic(Recording.open(tube.path))


def judge(traffic: Traffic, said: list[tuple[bytes, ...]], *, late: int = -1, **options: Any) -> Verdict:
    options.setdefault("tolerance", Tolerance())
    reader = options.pop("reader", OutputReader())
    comparison = Comparison(traffic, plan_feed(traffic, "b"), reader, **options)
    for number, frames in enumerate(said):
        comparison.arrived(frames, late=number == late)
    return comparison.verdict(sent=1, elapsed_ns=2_000_000_000, deviation=Deviation(0, 0, 0, 0))


def told(verdict: Verdict) -> list[str]:
    return [one.line().split("  [")[0] for one in verdict.differences]


SAME = [event(number, number * 2) for number in range(4)]


def test_the_same_is_the_same_whatever_ids_and_times_say(traffic: Traffic) -> None:
    verdict = judge(traffic, SAME)
    assert verdict
    assert (verdict.recorded, verdict.replayed, verdict.same) == (4, 4, 4)
    assert list(verdict.lines()) == ["same: 4 of 4 outputs of b are the same"]


def test_missing_and_extra(traffic: Traffic) -> None:
    verdict = judge(traffic, [*SAME[:2], event(1, 99), event(2, 4, signal="other"), SAME[3]])
    assert told(verdict) == [
        "extra      epoch 1 b.value: 99",
        "extra      epoch 2 b.other: 4",
        "missing    epoch 2 b.value: 4",
    ]
    assert verdict.summary() == "different: 3 of 4 outputs of b are the same; 2 extra, 1 missing"


def test_what_the_recording_did_not_follow_to_its_end_is_not_judged(traffic: Traffic) -> None:
    verdict = judge(traffic, [*SAME, event(3, 1), event([3, ["m", 0]], 1), event(4, 8)])
    assert verdict
    assert verdict.beyond == 3
    assert "3 outputs belong to epochs that the recording does not follow to their end" in verdict.notes[0]
    assert not judge(traffic, [*SAME, event([2, ["m", 0]], 1)])


def test_the_fewest_outputs_are_called_reordered(traffic: Traffic) -> None:
    moved = [SAME[1], SAME[2], SAME[0], SAME[3]]
    assert told(judge(traffic, moved)) == ["reordered  epoch 0 b.value: output 1 -> output 3"]
    assert judge(traffic, moved, ignore_order=True)
    backwards = judge(traffic, SAME[::-1])
    assert [one.kind for one in backwards.differences] == ["reordered"] * 3
    assert backwards.same == 1


def test_late_outputs_are_compared_too(traffic: Traffic) -> None:
    assert told(judge(traffic, SAME, late=2)) == ["late       epoch 2 b.value"]
    changed = [*SAME[:2], event(2, 5), SAME[3]]
    assert told(judge(traffic, changed, late=2)) == [
        "late       epoch 2 b.value",
        "changed    epoch 2 b.value: 4 -> 5",
    ]
    assert judge(traffic, changed, ignore=[parse_pattern("value")])


def test_names_and_epochs_are_brought_back(traffic: Traffic) -> None:
    reader = OutputReader({"cam1": "b"}, shift=2)
    said = [event(number - 2, number * 2, node="cam1") for number in range(2, 4)]
    verdict = judge(traffic, said, reader=reader)
    assert [one.epoch for one in verdict.differences] == ["0", "1"]
    assert {one.kind for one in verdict.differences} == {"missing"}


def test_setup_and_the_end(traffic: Traffic) -> None:
    comparison = Comparison(traffic, plan_feed(traffic, "b"), OutputReader(), tolerance=Tolerance())
    now = {"signals": ["value", "more"], "slots": ["image"], "subscribed_to": ["c", "a"], "outbox": "x"}
    comparison.introduced(now, traffic.identities["b"])
    for frames in SAME:
        comparison.arrived(frames)
    comparison.ended(-11)
    verdict = comparison.verdict(sent=1, elapsed_ns=1, deviation=Deviation(0, 0, 0, 0))
    assert told(verdict) == [
        'setup      b.signals: ["value"] -> ["value", "more"]',
        'setup      b.subscribed_to: ["a"] -> ["a", "c"]',
        "stopped    b.process: signal 11 (it ran on then)",
    ]


def test_for_programs(traffic: Traffic) -> None:
    data = judge(traffic, [*SAME[:3], event(3, {"x": [1]})]).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["same"] is False
    assert data["outputs"] == {"recorded": 4, "replayed": 4, "same": 3, "beyond": 0}
    (difference,) = data["differences"]
    message = difference.pop("message")
    assert traffic.sender_of(message) == "b"
    assert difference == {
        "kind": "changed",
        "epoch": "3",
        "node": "b",
        "signal": "value",
        "path": "",
        "recorded": "6",
        "replayed": '{"x": [1]}',
        "detail": "",
    }


def test_nothing_foreign_reaches_the_terminal(traffic: Traffic) -> None:
    verdict = judge(traffic, [*SAME[:3], event(3, HOSTILE), event(2, HOSTILE, signal=HOSTILE)])
    lines = list(verdict.lines())
    assert len(lines) >= 3
    assert all(line.isprintable() for line in lines)


def test_long_reports_are_cut(traffic: Traffic) -> None:
    verdict = judge(traffic, [*SAME, *[event(2, number) for number in range(200)]])
    lines = list(verdict.lines(most=10))
    assert lines[10] == "… and 190 more differences"
    assert len(lines) == 12
