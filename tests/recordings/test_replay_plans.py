"""What a recording says is to be sent to whom, after what: plans from made-up recordings of a small tube."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recordings.recording import Recording
from recordings.replay.answers import Asked, Grants, Said, Sent, plan_answers
from recordings.replay.conductor import Conductor
from recordings.replay.errors import ReplayError
from recordings.replay.feed import OutputKey, plan_feed
from recordings.replay.traffic import Traffic, choose
from tests.support_recordings import MS, Tube


@pytest.fixture
def tube(tmp_path: Path) -> Iterator[Tube]:
    tube = Tube(tmp_path / "run.mcap")
    tube.start()
    yield tube
    tube.writer.close()


def traffic(tube: Tube, filter: str = "", **options: Any) -> Traffic:
    tube.writer.close()
    recording = Recording.open(tube.path)
    return Traffic(recording, chosen=choose(recording, filter), **options)


def types(found: Traffic, rows: list[int | None]) -> list[str]:
    return [found.type_of(row) if row is not None else "end" for row in rows]


def test_who_was_there_and_what_reached_whom(tube: Tube) -> None:
    tube.epoch(0)
    found = traffic(tube)
    assert found.nodes == ["a", "b", "c"]
    assert found.upstream("c") == ["a", "b"]
    assert found.runner == "e4dc7deb"
    assert found.identities["c"]["subscribed_to"] == ["a", "b"]
    reached = found.reached("c")
    assert [(found.type_of(one.row), found.sender_of(one.row)) for one in reached] == [
        ("process", "command"),
        ("event", "a"),
        ("event", "b"),
        ("epoch_ended", "command"),
    ]
    # c's copies arrived 0.3 ms after they were seen
    times = found.recording.rows.time_ns
    assert [one.time_ns - int(times[one.row]) for one in reached] == [300_000] * 4


def test_a_node_gets_what_it_got_after_the_outputs_that_came_before(tube: Tube) -> None:
    tube.epoch(0)
    tube.epoch(1)
    found = traffic(tube)
    feed = plan_feed(found, "b")
    assert types(found, [send.row for send in feed.sends]) == [
        "process", "event", "epoch_ended", "process", "event", "epoch_ended", "end",
    ]  # fmt: skip
    waits = [[cause.key for cause in send.after] for send in feed.sends]
    assert waits == [
        [], [], [OutputKey("event", 0, 1)], [], [], [OutputKey("event", 1, 1)], [],
    ]  # fmt: skip
    assert list(feed.expected.values()) == [OutputKey("event", 0, 1), OutputKey("event", 1, 1)]
    assert feed.ended == {0, 1}
    assert feed.first_epoch == 0


def test_what_did_not_reach_the_node_is_not_sent(tube: Tube) -> None:
    tube.epoch(0, delays_ms={"b": None})
    feed = plan_feed(found := traffic(tube), "b")
    assert types(found, [send.row for send in feed.sends]) == ["process", "epoch_ended", "end"]


def test_arrival_counts_not_departure(tube: Tube) -> None:
    tube.command("process", {"epoch": 0, "input": None})
    tube.event("a", 0, 1, delays_ms={"c": 50.0})
    tube.event("b", 0, 2)
    found = traffic(tube)
    feed = plan_feed(found, "c")
    assert [found.sender_of(send.row) for send in feed.sends if send.row is not None] == ["command", "b", "a"]


def test_a_part_begins_with_the_start_that_made_it_possible(tube: Tube) -> None:
    tube.command("start", 5)
    for number in range(5):
        tube.event("a", number, number)
        tube.event("b", number, number)
        tube.command("epoch_ended", number)
    found = traffic(tube, "epoch:3..4")
    feed = plan_feed(found, "b")
    assert types(found, [send.row for send in feed.sends])[:2] == ["start", "event"]
    assert feed.first_epoch == 3
    assert feed.ended == {3, 4}
    assert feed.sends[0].after == ()
    assert feed.sends[1].time_ns - feed.sends[0].time_ns == 1


def test_process_epochs_need_no_start(tube: Tube) -> None:
    tube.command("start", 2)
    tube.command("process", {"epoch": 7, "input": None})
    tube.event("a", 7, 1)
    tube.event("b", 7, 1)
    found = traffic(tube, "epoch:7")
    assert types(found, [send.row for send in plan_feed(found, "b").sends]) == ["process", "event", "end"]


def test_an_error_is_waited_for_too(tube: Tube) -> None:
    tube.command("process", {"epoch": 0, "input": None})
    tube.event("a", 0, 1)
    tube.error("b")
    tube.command("stop", None)
    feed = plan_feed(traffic(tube), "b")
    assert [cause.key for cause in feed.sends[2].after] == [OutputKey("error", -1, 1)]
    assert str(OutputKey("error", -1, 1)) == "an error"
    assert str(OutputKey("event", 3, 2)) == "event 2 of epoch 3"


def test_unknown_nodes_and_empty_choices_are_said(tube: Tube) -> None:
    tube.epoch(0)
    tube.writer.close()
    recording = Recording.open(tube.path)
    with pytest.raises(ReplayError, match="no node x in the recording; it has a, b, c"):
        plan_feed(Traffic(recording), "x")
    with pytest.raises(ReplayError, match="nothing to replay"):
        choose(recording, "epoch:99")
    with pytest.raises(ReplayError, match="nothing to replay"):
        choose(recording, start_ns=10**12)
    with pytest.raises(ReplayError, match="nothing that is chosen reached node b"):
        plan_feed(Traffic(recording, chosen=choose(recording, "type:identify")), "b")
    with pytest.raises(ReplayError, match="no run nope in the recording; it has e4dc7deb"):
        Traffic(recording, runner="nope")


def test_ranges_count_from_the_first_message(tube: Tube) -> None:
    tube.epoch(0)
    tube.epoch(1)
    tube.writer.close()
    recording = Recording.open(tube.path)
    times = recording.rows.time_ns
    begin = int(times[0])
    chosen = choose(recording, start_ns=10 * MS, end_ns=30 * MS)
    assert np.array_equal(chosen, (times >= begin + 10 * MS) & (times <= begin + 30 * MS))


def test_answers_follow_what_their_node_had_got(tube: Tube) -> None:
    tube.epoch(0)
    found = traffic(tube)
    answers = plan_answers(found)
    assert answers.alone
    assert [answers.senders[send.row] for send in answers.sends if send.row is not None] == ["a", "b", "c"]
    assert [[cause.key for cause in send.after] for send in answers.sends] == [[Asked(0, False)]] * 3
    assert {send.lane for send in answers.sends} == {"0"}


def test_played_nodes_among_real_ones_follow_each_other(tube: Tube) -> None:
    tube.epoch(0)
    answers = plan_answers(traffic(tube), ["a", "c"])
    first = next(send.row for send in answers.sends if send.lane == "a")
    assert first is not None
    last = next(send for send in answers.sends if send.lane == "c")
    assert [cause.key for cause in last.after] == [Sent(first), Said("c", "b", 0, 1), Asked(0, False)]


def test_some_nodes_alone_wait_for_the_real_others(tube: Tube) -> None:
    tube.epoch(0)
    answers = plan_answers(traffic(tube), ["c"])
    assert not answers.alone
    (send,) = answers.sends
    assert [cause.key for cause in send.after] == [
        Said("c", "a", 0, 1),
        Said("c", "b", 0, 1),
        Asked(0, False),
    ]
    assert str(Said("c", "b", 0, 1)) == "event of epoch 0 from node b"


def test_answers_keep_the_order_in_which_they_reached_the_command_node(tube: Tube) -> None:
    """The child's event overtakes the parent's: the race that noob is known for, kept as it was."""
    tube.command("process", {"epoch": 0, "input": None})
    tube.event("a", 0, 1, delays_ms={"command": 9.0})
    tube.event("b", 0, 1)
    answers = plan_answers(traffic(tube))
    assert [answers.senders[send.row] for send in answers.sends if send.row is not None] == ["b", "a"]
    conductor = Conductor(answers.sends, chained=False)
    conductor.happened(Asked(0, False), 0)
    while (head := conductor.head()) is not None:
        conductor.sent(head[1], head[0])
    assert conductor.done


def played(tube: Tube) -> tuple[Grants, Conductor]:
    answers = plan_answers(traffic(tube))
    return Grants(answers), Conductor(answers.sends, chained=False)


def free_run(tube: Tube, first: int, count: int) -> None:
    tube.command("start", count)
    for number in range(first, first + count):
        tube.now_ns += 100 * MS
        tube.event("a", number, number)


def epochs(granted: list[tuple[Asked, int]]) -> list[int]:
    return sorted({asked.epoch for asked, _ in granted})


def test_a_command_node_is_given_the_epochs_it_asks_for(tube: Tube) -> None:
    for number in range(3):
        tube.epoch(number)
    free_run(tube, 3, 4)
    grants, _ = played(tube)
    assert epochs(grants.process(0)) == [0]
    assert epochs(grants.process(None)) == [1]
    assert epochs(grants.start(3)) == [2, 3, 4]
    assert epochs(grants.start(None)) == [5, 6]
    assert {asked.epoch for asked in grants.stop()} == {5, 6}
    assert grants.stop() == []
    assert grants.unknown == []
    assert epochs(grants.process(99)) == [99]
    assert grants.unknown == [99]


def test_a_fresh_command_node_begins_at_0_where_a_part_does_not(tube: Tube) -> None:
    for number in range(5):
        tube.epoch(number)
    found = traffic(tube, "epoch:3..4")
    grants = Grants(plan_answers(found))
    assert epochs(grants.process(0)) == [3]
    assert grants.shift == -3
    assert epochs(grants.process(1)) == [4]


def test_a_later_epoch_of_a_free_run_asked_for_alone_is_not_waited_for_from_its_start(tube: Tube) -> None:
    free_run(tube, 0, 10)
    grants, conductor = played(tube)
    for number in range(10):
        for asked, head_start in grants.process(number):
            conductor.happened(asked, number * 1000 * MS - head_start)
        head = conductor.head()
        assert head is not None
        thinking = head[0] - number * 1000 * MS
        assert 0 <= thinking <= 101 * MS
        conductor.sent(head[1], head[0])


def test_recordings_without_deliveries_go_by_subscriptions(tube: Tube) -> None:
    """What `tubetap attach` records: one listener's copies, nobody else's."""
    for number in range(2):
        only = {"a": None, "b": None, "c": None}
        tube.command("process", {"epoch": number, "input": None}, delays_ms={**only, "command": None})
        tube.event("a", number, number, delays_ms={**only, "command": None})
        tube.event("b", number, number, delays_ms={**only, "command": None})
        tube.command("epoch_ended", number, delays_ms={**only, "command": None})
    found = traffic(tube)
    assert not found.knows_deliveries
    feed = plan_feed(found, "b")
    kinds = types(found, [send.row for send in feed.sends])
    assert kinds == ["process", "event", "epoch_ended", "process", "event", "epoch_ended", "end"]
    # Only the epoch before is sure to have been done: the order between sockets is not known.
    assert [cause.key for cause in feed.sends[3].after] == [OutputKey("event", 0, 1)]
