"""A recording that plays: at any moment it looks as it did then, and in the end as it is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.errors import RecordingError
from recordings.recording import Recording
from recordings.replay.playback import LOOP_GAP_NS, SPEEDS, Playback, PlayingRecording
from tests.support_recordings import SECOND, Tube, small_recording

COLUMNS = ("time_ns", "type", "sender", "receivers", "size", "epoch", "endpoint", "connection", "flags")


@pytest.fixture(scope="module", params=["complete", "cut off"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both ways to get rows: from the row index, and from the chunks."""
    path: Path = tmp_path_factory.mktemp("playback") / "run.mcap"
    small_recording(path, close=request.param == "complete").writer.flush()
    return path


@pytest.fixture
def playing(path: Path) -> Iterator[PlayingRecording]:
    with PlayingRecording.load(path) as recording:
        yield recording


def same_rows(one: Recording, other: Recording, count: int) -> bool:
    return all(
        np.array_equal(getattr(one.rows, name)[:count], getattr(other.rows, name)[:count]) for name in COLUMNS
    )


def test_it_begins_before_the_first_message(playing: PlayingRecording) -> None:
    assert len(playing.rows) == 0
    assert playing.next_time_ns() == playing.first_ns
    assert playing.progress == 1.0


def test_in_the_end_it_is_the_whole_recording(path: Path, playing: PlayingRecording) -> None:
    whole = Recording.open(path)
    step = (playing.last_ns - playing.first_ns) // 37
    seen = [0]
    for part in range(40):
        playing.advance(playing.first_ns + part * step)
        seen.append(len(playing.rows))
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    playing.advance(playing.last_ns + 10 * SECOND)
    assert len(playing.rows) == len(whole.rows)
    assert same_rows(playing, whole, len(whole.rows))
    assert playing.next_time_ns() is None
    assert playing.state == "complete"
    for row in range(0, len(whole.rows), 7):
        assert playing.frames(row) == whole.frames(row)
        assert playing.deliveries(row) == whole.deliveries(row)
    assert playing.session.nodes.keys() == whole.session.nodes.keys()
    assert len(playing.session.log) == len(whole.session.log)


def test_the_future_is_not_shown(playing: PlayingRecording) -> None:
    middle = (playing.first_ns + playing.last_ns) // 2
    playing.advance(middle)
    assert len(playing.rows) > 0
    assert int(playing.rows.time_ns[-1]) <= middle
    assert all(entry.time_ns <= middle for entry in playing.session.log)
    for row in range(len(playing.rows)):
        assert all(delivery.time_ns <= middle for delivery in playing.deliveries(row))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1.1), min_size=1, max_size=8))
def test_the_way_to_a_moment_does_not_matter(playing: PlayingRecording, stops: list[float]) -> None:
    span = playing.last_ns - playing.first_ns
    moments = sorted(playing.first_ns + round(stop * span) for stop in stops)
    playing.rewind(playing.first_ns - 1)
    for moment in moments:
        playing.advance(moment)
    count = len(playing.rows)
    columns = {name: getattr(playing.rows, name).copy() for name in COLUMNS}
    log = len(playing.session.log)
    playing.rewind(moments[-1])
    assert len(playing.rows) == count
    for name, column in columns.items():
        if name not in ("receivers", "sender", "type"):  # codes are given in the order of arrival
            assert np.array_equal(getattr(playing.rows, name), column), name
    assert len(playing.session.log) == log


def test_play_pause_speed_and_the_end(playing: PlayingRecording) -> None:
    playback = Playback(playing, speed=1.0)
    assert len(playing.rows) == 0
    assert not playback.playing
    assert not playback.toggle(0)
    playback.tick(SECOND // 10)
    shown = len(playing.rows)
    assert shown > 0
    assert playing.position_ns == playing.first_ns + SECOND // 10
    playback.toggle(SECOND // 10)
    playback.tick(10 * SECOND)
    assert len(playing.rows) == shown
    playback.toggle(10 * SECOND)
    assert playback.change_speed(10 * SECOND, 1) == 2.0
    playback.tick(10 * SECOND + SECOND // 20)
    assert playing.position_ns == playing.first_ns + SECOND // 5
    assert playback.change_speed(10 * SECOND, 99) == SPEEDS[-1]
    playback.tick(100 * SECOND)
    assert playback.ended
    assert not playback.playing
    # Play at the end begins again.
    assert playback.toggle(101 * SECOND)
    assert len(playing.rows) < shown


def test_steps_show_one_message_at_a_time(playing: PlayingRecording) -> None:
    playback = Playback(playing)
    counts = []
    for _ in range(12):
        playback.step(0)
        counts.append(len(playing.rows))
    assert counts == list(range(1, 13))
    assert not playback.playing
    playback.toggle(5 * SECOND)
    playback.tick(5 * SECOND)
    assert len(playing.rows) == 12  # it goes on from there


def test_seeking_back_says_that_all_must_be_shown_anew(playing: PlayingRecording) -> None:
    playback = Playback(playing)
    middle = (playing.first_ns + playing.last_ns) // 2
    assert not playback.seek(0, middle)
    shown, session = len(playing.rows), playing.session
    assert playback.seek(0, playing.first_ns)
    assert len(playing.rows) < shown
    assert playing.session is not session
    assert not playback.seek(0, 10**30)
    assert playback.ended


def test_a_range_and_a_loop(path: Path, playing: PlayingRecording) -> None:
    first = playing.first_ns + SECOND // 10
    last = playing.first_ns + SECOND // 5
    playback = Playback(playing, first_ns=first, last_ns=last, loop=True)
    playback.toggle(0)
    playback.tick(SECOND)
    assert playing.position_ns == last
    rows = len(playing.rows)
    whole = Recording.open(path)
    assert rows == int((whole.rows.time_ns <= last).sum())
    assert not playback.tick(SECOND + LOOP_GAP_NS - 1)
    assert playback.tick(SECOND + LOOP_GAP_NS)
    assert len(playing.rows) < rows
    assert playback.playing
    with pytest.raises(RecordingError, match="the range holds nothing"):
        Playback(playing, first_ns=playing.last_ns + 1)


def test_nothing_to_play(tmp_path: Path) -> None:
    tube = Tube(tmp_path / "empty.mcap")
    tube.bind()
    tube.writer.close()
    with pytest.raises(RecordingError, match="holds no messages"):
        PlayingRecording.load(tube.path)
