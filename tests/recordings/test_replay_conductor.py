"""What may be sent when: order, causes, distances, and what happens to those who come late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.replay.conductor import Cause, Conductor, Send
from recordings.replay.pacing import Pace, Pacer, Patience

MS = 1_000_000


def play(conductor: Conductor, position: int) -> list[int | None]:
    """Send everything that is due at a position, on time."""
    rows = []
    while (head := conductor.head()) is not None and head[0] <= position:
        conductor.sent(head[1], head[0])
        rows.append(head[1].row)
    return rows


def test_one_lane_keeps_the_recorded_distances() -> None:
    conductor = Conductor([Send(row, row * 100 * MS) for row in range(4)])
    assert play(conductor, 150 * MS) == [0, 1]
    assert play(conductor, 199 * MS) == []
    assert play(conductor, 300 * MS) == [2, 3]
    assert conductor.done
    assert conductor.deviations.summary().max_ns == 0


def test_a_send_waits_for_its_cause_and_then_thinks() -> None:
    conductor = Conductor([Send(0, 0), Send(1, 70 * MS, after=(Cause("answer", 50 * MS),)), Send(2, 80 * MS)])
    assert play(conductor, 10_000 * MS) == [0]
    assert [cause.key for _, causes in conductor.waiting() for cause in causes] == ["answer"]
    conductor.happened("answer", 500 * MS)
    assert conductor.head() == (520 * MS, Send(1, 70 * MS, after=(Cause("answer", 50 * MS),)))
    assert play(conductor, 520 * MS) == [1]
    assert conductor.head() == (530 * MS, Send(2, 80 * MS))  # slip: what follows keeps its distance


def test_nothing_is_waited_for_while_it_is_our_turn() -> None:
    """What a peer does next may depend on a message that a person or a slow pace holds back."""
    conductor = Conductor([Send(0, 0, lane="a"), Send(1, 0, lane="b", after=(Cause("answer", 0),))])
    assert conductor.waiting() == []
    assert play(conductor, 0) == [0]
    assert [cause.key for _, causes in conductor.waiting() for cause in causes] == ["answer"]


def test_burst_catches_up_after_a_late_cause() -> None:
    sends = [Send(0, 0), Send(1, 70 * MS, after=(Cause("answer", 50 * MS),)), Send(2, 80 * MS)]
    conductor = Conductor(sends, late="burst")
    play(conductor, 0)
    conductor.happened("answer", 500 * MS)
    assert play(conductor, 520 * MS) == [1, 2]


def test_our_own_lateness_moves_the_rest_only_with_slip() -> None:
    for late, due in (("slip", 1100 * MS), ("burst", 200 * MS)):
        conductor = Conductor([Send(0, 0), Send(1, 100 * MS), Send(2, 200 * MS)], late=late)  # type: ignore[arg-type]
        play(conductor, 0)
        head = conductor.head()
        assert head is not None
        conductor.sent(head[1], 1000 * MS)
        following = conductor.head()
        assert following is not None
        assert following[0] == due
        assert conductor.deviations.summary().max_ns == 900 * MS


def test_skip_leaves_out_what_is_overdue() -> None:
    conductor = Conductor([Send(row, row * 100 * MS) for row in range(5)], late="skip")
    pacer = Pacer(conductor, Pace(late="skip"))
    pacer.begin(0, 0)
    sent = []
    for now in (0, 310 * MS, 400 * MS):
        while (send := pacer.next(now)) is not None:
            pacer.sent(send, now)
            sent.append(send.row)
    assert sent == [0, 3, 4]
    assert conductor.skipped == 2
    assert conductor.done


def test_lanes_go_independently_when_only_causes_say_when() -> None:
    first = Send(0, 100 * MS, "a", (Cause("asked", 90 * MS),), key="said")
    second = Send(1, 130 * MS, "b", (Cause("asked", 90 * MS), Cause("said", 100 * MS)))
    conductor = Conductor([second, first], chained=False)
    assert conductor.head() is None
    conductor.happened("asked", 5000 * MS)
    assert play(conductor, 5039 * MS) == [0]
    assert play(conductor, 5040 * MS) == [1]


def test_the_first_time_counts_and_can_be_taken_back() -> None:
    conductor = Conductor([Send(0, 10, after=(Cause("x", 0),))])
    assert conductor.happened("x", 100)
    assert not conductor.happened("x", 200)
    assert conductor.head() == (110, Send(0, 10, after=(Cause("x", 0),)))
    conductor.withdraw("x")
    assert conductor.head() is None
    assert conductor.remaining == 1
    assert conductor.drop_waiting() == 1
    assert conductor.done


@settings(max_examples=150)
@given(st.data())
def test_everything_goes_out_once_in_order_and_after_its_causes(data: st.DataObject) -> None:
    times = sorted(data.draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=30)))
    answers = data.draw(st.sets(st.integers(0, len(times) - 1)))
    sends = []
    for row, time_ns in enumerate(times):
        after = (Cause(("answer", row - 1), times[row - 1]),) if row - 1 in answers else ()
        sends.append(Send(row, time_ns, data.draw(st.sampled_from(["a", "b"])), after))
    chained = data.draw(st.booleans())
    conductor = Conductor(sends, chained=chained, late=data.draw(st.sampled_from(["slip", "burst"])))
    position = times[0]
    sent: list[int] = []
    outstanding: list[int] = []
    for _ in range(10_000):
        if conductor.done:
            break
        head = conductor.head()
        if head is not None:
            due, send = head
            position = max(position, due)
            assert all(cause.key[1] not in outstanding and cause.key[1] in sent for cause in send.after)  # type: ignore[index]
            conductor.sent(send, position)
            assert send.row is not None
            sent.append(send.row)
            if send.row in answers:
                outstanding.append(send.row)
        elif outstanding:
            position += data.draw(st.integers(0, 10**8))
            answered = outstanding.pop(0)
            conductor.happened(("answer", answered), position)
        else:
            break  # a cause in a lane whose own send is behind it: nobody plans that
        for lane in ("a", "b"):
            rows = [row for row in sent if sends[row].lane == lane]
            assert rows == sorted(rows)
    assert len(sent) == len(set(sent))
    if conductor.done:
        assert sorted(sent) == list(range(len(times)))


def test_steps_go_message_by_message_and_epoch_by_epoch() -> None:
    sends = [Send(row, row * MS, epoch=row // 2) for row in range(6)]
    conductor = Conductor(sends)
    pacer = Pacer(conductor, Pace(step="message"))
    pacer.begin(0, 0)

    def ask(word: str) -> list[int | None]:
        pacer.wish(word, 0)
        rows = []
        while (send := pacer.next(0)) is not None:
            pacer.sent(send, 0)
            rows.append(send.row)
        return rows

    assert pacer.next(10**12) is None
    assert ask("message") == [0]
    assert ask("epoch") == [1]
    assert ask("epoch") == [2, 3]
    assert ask("nonsense") == []
    pacer.wish("go", 0)
    assert not pacer.held
    assert pacer.next(0) is None  # the clock goes on from the last message
    assert pacer.pause_ns(0, 10**9) == MS
    assert pacer.next(MS) == sends[4]
    pacer.wish("hold", MS)
    assert pacer.next(10 * MS) is None


def test_as_fast_as_possible_is_not_timed() -> None:
    conductor = Conductor([Send(0, 0), Send(1, 10**12)])
    pacer = Pacer(conductor, Pace(speed=None))
    pacer.begin(0, 0)
    for row in range(2):
        send = pacer.next(row)
        assert send is not None
        pacer.sent(send, row)
    assert conductor.done
    assert conductor.deviations.summary().count == 0


def test_a_full_pipe_is_tried_again_soon_but_not_at_once() -> None:
    pacer = Pacer(Conductor([Send(0, 0)]), Pace())
    pacer.begin(0, 0)
    assert pacer.pause_ns(5 * MS, 10**9) == 0
    assert pacer.pause_ns(5 * MS, 10**9, full=True) == MS


def test_patience_says_what_it_waits_for_and_ends() -> None:
    said: list[str] = []
    patience = Patience(4_000 * MS, said.append)
    waits = [("x", "event of epoch 3 from node b", 0)]
    assert patience.look(0, waits) == []
    assert patience.look(999 * MS, waits) == []
    assert said == []
    assert patience.look(1_000 * MS, waits) == []
    assert patience.look(2_000 * MS, waits) == []
    assert said == ["waiting for event of epoch 3 from node b"]
    assert patience.look(4_001 * MS, waits) == ["x"]
    # A peer that does not answer is waited for less and less, until it does.
    other = [("y", "event of epoch 4 from node b", 0)]
    patience.look(5_000 * MS, other)
    assert patience.look(6_001 * MS, other) == ["y"]
    patience.answered()
    third = [("z", "event of epoch 5 from node b", 0)]
    patience.look(7_000 * MS, third)
    assert patience.look(10_000 * MS, third) == []


@pytest.mark.parametrize("extra", [0, 9_000 * MS])
def test_what_took_long_then_may_take_long_now(extra: int) -> None:
    patience = Patience(1_000 * MS, lambda text: None)
    waits = [("x", "it", extra)]
    patience.look(0, waits)
    assert patience.look(5_000 * MS, waits) == ([] if extra else ["x"])


def test_no_limit_means_no_limit() -> None:
    patience = Patience(None, lambda text: None)
    patience.look(0, [("x", "it", 0)])
    assert patience.look(10**18, [("x", "it", 0)]) == []
