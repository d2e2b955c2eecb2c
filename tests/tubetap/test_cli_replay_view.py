"""A recording that plays in the app: keys for playing, and screens that begin anew after a jump back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recordings.replay.playback import Playback, PlayingRecording
from tests.support_recordings import SECOND, small_recording
from tubetap.playing import PlayingApp


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[PlayingRecording]:
    small_recording(tmp_path / "run.mcap", epochs=40)
    with PlayingRecording.load(tmp_path / "run.mcap") as recording:
        yield recording


async def until(pilot: Any, condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await pilot.pause(0.02)


async def test_it_plays_by_itself_and_stops_at_a_key(recording: PlayingRecording) -> None:
    app = PlayingApp(Playback(recording, speed=0.2))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: len(app.viewer.shown) > 30)
        assert app.viewer.now_ns() == recording.position_ns
        assert app.viewer.headline()[0].startswith("REPLAY x0.2 ")
        await pilot.press("P")
        assert app.viewer.headline()[0].startswith("REPLAY PAUSED ")
        stopped = len(recording.rows)
        await pilot.pause(0.2)
        assert len(recording.rows) == stopped
        await pilot.press("full_stop", "full_stop")
        assert len(recording.rows) == stopped + 2
        await until(pilot, lambda: len(app.viewer.shown) == stopped + 2)


async def test_a_step_leads_to_the_next_message_of_the_filter(
    recording: PlayingRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tubetap.playing.STEP_S", 60)  # a busy machine must not end it before
    app = PlayingApp(Playback(recording, speed=0.1), filter="type:epoch_ended epoch:5..")
    async with app.run_test(size=(120, 36)) as pilot:
        for epoch in (5, 6, 7):
            await pilot.press("full_stop")
            last = recording.rows[len(recording.rows) - 1]
            assert (last.type, last.epoch) == ("epoch_ended", epoch)
        await until(pilot, lambda: len(app.viewer.shown) == 3)


async def test_speed_jumps_and_the_start(recording: PlayingRecording) -> None:
    playback = Playback(recording, speed=0.1)
    app = PlayingApp(playback, filter="type:event")
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("greater_than_sign")
        assert playback.speed == 0.2
        await pilot.press("less_than_sign", "less_than_sign")
        assert playback.speed == 0.1
        for _ in range(5):
            await pilot.press("ctrl+right")
        far, first_viewer = recording.position_ns, app.viewer
        assert far > recording.first_ns + (recording.last_ns - recording.first_ns) // 5
        await pilot.press("ctrl+left")
        assert recording.position_ns < far
        assert app.viewer is not first_viewer
        assert app.viewer.filter_text == "type:event"
        await until(pilot, lambda: app.screen.is_current and 0 < len(app.viewer.shown) < len(recording.rows))
        await pilot.press("2")
        await pilot.press("ctrl+home")
        await until(pilot, lambda: recording.position_ns < recording.first_ns + SECOND)


async def test_a_loop_begins_again(recording: PlayingRecording) -> None:
    playback = Playback(recording, speed=100, loop=True)
    app = PlayingApp(playback)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: playback.ended)
        whole = len(recording.rows)
        await until(pilot, lambda: len(recording.rows) < whole)
        assert " LOOP " in app.viewer.headline()[0]
        await pilot.press("L")
        assert not playback.loop
        await until(pilot, lambda: playback.ended and not playback.playing)
        assert app.viewer.headline()[0].startswith("REPLAY ENDED ")
        assert len(recording.rows) == whole
