"""What is asked of a recording for display: rates, counts, relations, deliveries, what is stuck."""

from pathlib import Path

import numpy as np
import pytest

from recordings.recording import Recording
from tests.support_recordings import SECOND, START_NS, Tube
from tui import rates
from tui.deliveries import outcomes
from tui.facets import Facets
from tui.related import related
from tui.stuck import stuck
from tui.viewer import Viewer, find_place


def row_of(recording: Recording, type: str, sender: str = "", epoch: int = -1, *, last: bool = False) -> int:
    found = [
        number
        for number in range(len(recording.rows))
        if (row := recording.rows[number]).type == type
        and (not sender or row.sender == sender)
        and (epoch < 0 or row.epoch == epoch)
    ]
    return found[-1 if last else 0]


def test_rates_of_a_window(recording: Recording):
    rows = recording.rows
    first = int(rows.time_ns[0])
    messages, size = rates.per_second(rows, first + SECOND, SECOND)
    inside = (rows.time_ns >= first) & (rows.time_ns < first + SECOND)
    assert messages == inside.sum()
    assert size == rows.size[inside].sum()
    by_sender = rates.by_sender(rows, first + SECOND, SECOND)
    assert sum(by_sender.values()) == messages
    counts = rates.buckets(rows, first, int(rows.time_ns[-1]), 10)
    assert counts.sum() == len(rows)


def test_rates_of_nothing(tmp_path: Path):
    tube = Tube(tmp_path / "empty.mcap")
    tube.bind()
    tube.writer.close()
    with Recording.open(tube.path) as recording:
        assert rates.per_second(recording.rows, START_NS) == (0, 0)
        assert rates.by_sender(recording.rows, START_NS) == {}
        assert rates.buckets(recording.rows, 5, 5, 3).tolist() == [0, 0, 0]


def test_sparks():
    assert rates.spark(np.array([0, 1, 8])) == " ▁█"
    assert rates.spark(np.array([0, 0])) == "  "
    assert rates.spark(np.array([0, 1, 7]), ascii_only=True).isascii()


def test_counts_follow_the_rest_of_the_filter(recording: Recording):
    facets = Facets("type:event from:a")
    facets.update(recording, len(recording.rows))
    types = dict(zip(recording.rows.types, facets.types.counts.tolist(), strict=True))
    senders = dict(zip(recording.rows.names, facets.senders.counts.tolist(), strict=True))
    assert types["event"] == 21
    assert types["status"] == 1
    assert types["process"] == 0
    assert senders["b"] == 20


def test_counts_are_the_same_in_one_step_and_in_many(recording: Recording):
    once, often = Facets("node:b"), Facets("node:b")
    once.update(recording, len(recording.rows))
    for stop in range(0, len(recording.rows) + 1, 7):
        often.update(recording, stop)
    often.update(recording, len(recording.rows))
    assert once.types.counts.tolist() == often.types.counts.tolist()
    assert once.senders.counts.tolist() == often.senders.counts.tolist()


def why(recording: Recording, row: int) -> dict[str, int]:
    return {found.why: found.row for found in related(recording, row)}


def test_what_belongs_to_an_event(recording: Recording):
    event = row_of(recording, "event", "b", 3)
    found = why(recording, event)
    assert found["its input: the event of a"] == row_of(recording, "event", "a", 3)
    assert found["the process that asked for it"] == row_of(recording, "process", epoch=3)
    assert found["what c made of it"] == row_of(recording, "event", "c", 3)
    assert found["the end of this epoch"] == row_of(recording, "epoch_ended", epoch=3)


def test_what_belongs_to_an_announce_and_an_error(recording: Recording):
    found = why(recording, row_of(recording, "announce"))
    assert found["the identify of b behind it"] == row_of(recording, "identify", "b")
    found = why(recording, row_of(recording, "error"))
    assert found["the last event of this node before it failed"] == row_of(recording, "event", "b", last=True)


def test_related_messages_are_listed_once_and_never_the_message_itself(recording: Recording):
    for number in range(len(recording.rows)):
        rows = [found.row for found in related(recording, number)]
        assert len(rows) == len(set(rows))
        assert number not in rows


def test_outcomes_of_an_event(recording: Recording):
    good = {
        outcome.name: outcome.state for outcome in outcomes(recording, row_of(recording, "event", "a", 3))
    }
    assert good == {"command": "delivered", "b": "delivered", "c": "delivered"}
    late = {outcome.name: outcome for outcome in outcomes(recording, row_of(recording, "event", "a", 5))}
    assert late["b"].state == "late"
    assert late["b"].delay_ns == 310_000_000
    lost = {
        outcome.name: outcome.state for outcome in outcomes(recording, row_of(recording, "event", "a", 7))
    }
    assert lost == {"command": "delivered", "b": "delivered", "c": "missing"}


def test_outcomes_of_a_report_and_of_a_message_before_the_subscription(recording: Recording):
    assert [outcome.name for outcome in outcomes(recording, row_of(recording, "status", "a"))] == ["command"]


def test_who_was_not_there_or_not_subscribed(tmp_path: Path):
    tube = Tube(tmp_path / "late.mcap")
    tube.bind()
    tube.connect("command", "a", topics=(b"",))
    tube.connect("b", "a", topics=(b"other",))
    tube.event("a", 1, 1, delays_ms={"b": None})
    tube.connect("c", "a", topics=(b"",))
    tube.event("a", 2, 1, delays_ms={"b": None})
    tube.close("c", "a")
    tube.event("a", 3, 1, delays_ms={"b": None, "c": None})
    tube.now_ns += 2 * SECOND
    tube.event("a", 4, 1, delays_ms={"b": None, "c": None})
    tube.writer.close()
    with Recording.open(tube.path) as recording:
        states = [{outcome.state for outcome in outcomes(recording, row)} for row in range(3)]
    assert states[0] == {"delivered", "not subscribed", "connected later"}
    assert states[1] == {"delivered", "not subscribed"}
    assert states[2] == {"delivered", "not subscribed", "gone"}


def test_a_tube_that_goes_on_is_not_stuck(recording: Recording):
    ended = int(recording.session.epochs.ended_ns.max())
    assert stuck(recording.session, ended) is None


def test_a_stuck_epoch_names_the_node_it_waits_for(tmp_path: Path):
    tube = Tube(tmp_path / "stuck.mcap")
    tube.start()
    for number in range(10):
        tube.epoch(number)
    tube.command("process", {"epoch": 10, "input": None})
    begun = tube.now_ns
    tube.event("a", 10, 1)
    tube.writer.close()
    with Recording.open(tube.path) as recording:
        late = stuck(recording.session, begun + 4 * SECOND)
        assert late is not None
        assert (late.epoch, late.nodes) == (10, ("b",))
        assert late.since_ns == pytest.approx(4 * SECOND, rel=0.01)
        assert stuck(recording.session, begun + SECOND // 2) is None
        over = stuck(recording.session, begun, over=True)
        assert over is not None
        assert over.over


@pytest.mark.parametrize(("wanted", "type"), [("#3", "announce"), ("3", "announce"), ("epoch 3", "process")])
def test_going_to_a_number_or_an_epoch(recording: Recording, wanted: str, type: str):
    place = find_place(Viewer(recording), wanted)
    assert recording.rows[place.row].type == type


def test_going_to_a_time(recording: Recording):
    viewer = Viewer(recording)
    assert find_place(viewer, "+0").row == 0
    assert find_place(viewer, "+2.2s").row == len(recording.rows) - 1
    assert find_place(viewer, "09:20:00").row == 0
    for wrong in ("nowhere", "epoch x", "epoch 999", "99999", "+x", "1:2:3:4"):
        with pytest.raises(ValueError, match=r".+"):
            find_place(viewer, wrong)


def test_counting_many_rows_is_spread_over_updates(recording: Recording, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.facets.BLOCK_ROWS", 10)
    whole, bit_by_bit = Facets("node:a"), Facets("node:a")
    assert whole.update(recording, len(recording.rows))
    assert not bit_by_bit.update(recording, len(recording.rows), budget_s=0)
    while not bit_by_bit.update(recording, len(recording.rows), budget_s=0):
        pass
    assert bit_by_bit.types.counts.tolist() == whole.types.counts.tolist()
    assert bit_by_bit.senders.counts.tolist() == whole.senders.counts.tolist()
