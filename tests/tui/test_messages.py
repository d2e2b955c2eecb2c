"""The messages screen, driven by keys: moving, filtering, searching, marking, following."""

from pathlib import Path

import pytest

from recordings.notes import Notes, notes_path
from recordings.recording import Recording
from tests.support_recordings import Tube
from tests.support_tui import viewing


def types(viewed) -> set[str]:
    shown = viewed.viewer.shown
    return {viewed.viewer.row(line).type for line in range(len(shown))}


async def test_the_list_shows_what_was_sent(small: Path):
    async with viewing(small) as viewed:
        await viewed.sees("i identify", "a > command", "ENDED", "110 messages", "epoch 20 did not end")
        await viewed.sees("[Decoded]", "IdentifyMsg")
        assert viewed.lines()[3].startswith(">  ")


async def test_moving(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("j", "j", "down", "k")
        assert viewed.messages.cursor == 2
        await viewed.press("space")
        page = viewed.messages.cursor
        assert page > 10
        await viewed.press("b")
        assert viewed.messages.cursor == 2
        await viewed.press("ctrl+d")
        assert 2 < viewed.messages.cursor < page
        await viewed.press("G")
        assert viewed.messages.cursor == 109
        await viewed.press("g", "k")
        assert viewed.messages.cursor == 0


async def test_the_detail_shows_the_message_under_the_cursor(small: Path):
    async with viewing(small) as viewed:
        await viewed.go(8)
        await viewed.sees("EventMsg", "index: 0", "|event|")
        await viewed.press("d")
        await viewed.sees("[JSON]", '"node_id": "a"')
        await viewed.press("d")
        await viewed.sees("[Frames/hex]", "frame 2/2")
        await viewed.press("d")
        await viewed.sees("[Deliveries]", "delivered", "+0.15 ms")
        await viewed.press("]")
        await viewed.sees("#9 ")


async def test_enter_enlarges_the_detail_and_escape_goes_back(small: Path):
    async with viewing(small) as viewed:
        before = viewed.app.messages_screen.detail.size.height
        await viewed.press("enter")
        await viewed.until(lambda: viewed.app.messages_screen.detail.size.height > before, "a larger detail")
        assert viewed.app.focused is viewed.app.messages_screen.detail.view
        await viewed.press("escape")
        await viewed.until(lambda: viewed.app.focused is viewed.messages, "the list")
        await viewed.until(lambda: viewed.app.messages_screen.detail.size.height == before, "the old size")


async def test_a_filter_works_while_it_is_typed(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("f")
        await viewed.type("type:err")
        await viewed.sees("No message matches", "never seen")
        await viewed.type("or")
        await viewed.until(lambda: types(viewed) == {"error"}, "errors alone")
        await viewed.press("enter")
        await viewed.sees("type:error", "1 of 110", "ValueError")
        assert viewed.app.focused is viewed.messages


async def test_a_faulty_filter_leaves_the_last_good_one_in_force_and_says_where(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("f")
        await viewed.type("type:event ")
        await viewed.type("(")
        await viewed.sees("a term is missing here", "^")
        assert types(viewed) == {"event"}
        await viewed.press("escape")
        await viewed.until(lambda: len(viewed.viewer.shown) == 110, "all messages again")
        assert "a term is missing" not in viewed.text()


async def test_observed_values_are_offered_and_taken(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("f")
        await viewed.type("type:")
        await viewed.sees("event", "61 messages")
        await viewed.press("down", "down")
        await viewed.press("tab")
        assert viewed.app.messages_screen.filter_line.input.value.startswith("type:")
        assert len(viewed.app.messages_screen.filter_line.input.value) > len("type:")


async def test_an_empty_filter_line_offers_history_and_saved_filters(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("f")
        await viewed.type("type:event")
        await viewed.press("enter", "S")
        await viewed.type("events")
        await viewed.press("enter", "X", "f")
        await viewed.sees("saved as events", "used before")
        await viewed.press("down", "enter")
        await viewed.until(lambda: types(viewed) == {"event"}, "the saved filter")
        await viewed.press("escape", "X", "ctrl+o")
        await viewed.sees("Filters", "events")
        await viewed.press("enter")
        await viewed.until(lambda: types(viewed) == {"event"}, "the saved filter")


async def test_filtering_keeps_the_message_under_the_cursor(small: Path):
    async with viewing(small) as viewed:
        await viewed.go(13)
        row = viewed.messages.current
        await viewed.press("f")
        await viewed.type("type:event")
        await viewed.press("enter")
        assert viewed.messages.current == row
        await viewed.press("X")
        assert viewed.messages.current == row


async def test_filtering_by_cell(small: Path):
    async with viewing(small) as viewed:
        await viewed.go(8)
        await viewed.press("plus")
        assert viewed.viewer.filter_text == "type:event"
        assert types(viewed) == {"event"}
        await viewed.press("l", "minus")
        assert viewed.viewer.filter_text == "type:event !from:a"
        await viewed.press("backspace")
        assert viewed.viewer.filter_text == "type:event"
        await viewed.press("backspace")
        assert len(viewed.viewer.shown) == 110


@pytest.mark.parametrize("row", [0, 8, 108])
async def test_every_cell_gives_a_term_that_its_own_message_passes(small: Path, row: int):
    async with viewing(small) as viewed:
        for column in range(len(viewed.messages.columns)):
            viewed.viewer.set_filter("")
            viewed.messages.refreshed()
            viewed.messages.show_row(row)
            viewed.messages.column = column
            await viewed.press("plus")
            await viewed.until(
                lambda: viewed.viewer.shown.has(row), f"{row} passes {viewed.viewer.filter_text}"
            )


async def test_the_side_panel_toggles(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("s")
        side = viewed.app.messages_screen.side
        assert side.has_focus
        await viewed.press("j", "space")
        assert viewed.viewer.filter_text == "!from:a"
        await viewed.sees("[ ] a")
        await viewed.press("o")
        assert viewed.viewer.filter_text == "node:a"
        await viewed.press("a")
        assert viewed.viewer.filter_text == "!from:a"
        await viewed.press("space")
        assert viewed.viewer.filter_text == ""
        while side._entries[side.cursor].kind != "type":
            await viewed.press("j")
        await viewed.press("o")
        assert types(viewed) == {"event"}
        await viewed.press("escape")
        assert viewed.app.focused is viewed.messages


async def test_search_with_highlights(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("/")
        await viewed.type("boom")
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.row(viewed.messages.cursor).type == "error", "the error")
        await viewed.sees("/boom", "1 match")
        await viewed.press("escape")
        await viewed.until(lambda: viewed.viewer.search is None, "no search")
        await viewed.press("/")
        await viewed.type('"index":3')
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.row(viewed.messages.cursor).epoch == 3, "epoch 3")


async def test_the_next_match_is_one_of_the_shown_messages(small: Path):
    async with viewing(small, filter="from:a") as viewed:
        await viewed.press("/")
        await viewed.type("event")
        await viewed.press("enter")
        seen = []
        for _ in range(3):
            await viewed.until(lambda: viewed.viewer.search and not viewed.viewer.search.pending, "a match")
            seen.append(viewed.messages.current)
            await viewed.press("n")
        assert len(set(seen)) == 3
        assert all(viewed.viewer.rows[row].sender == "a" for row in seen)
        await viewed.press("N")
        await viewed.until(lambda: viewed.messages.current == seen[2], "the match before")


async def test_a_search_that_finds_nothing_and_one_that_is_wrong(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("/")
        await viewed.type("never sent")
        await viewed.press("enter")
        await viewed.sees("no match among the shown messages")
        await viewed.press("/")
        await viewed.type("~(")
        await viewed.press("enter")
        await viewed.sees("regular expression")


async def test_errors_and_marks_are_jumped_to(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("j", "j", "m", "e")
        assert viewed.viewer.row(viewed.messages.cursor).type == "error"
        await viewed.press("m", "U")
        assert viewed.messages.cursor == 2
        await viewed.press("u")
        assert viewed.viewer.row(viewed.messages.cursor).type == "error"
        await viewed.press("M")
        assert len(viewed.viewer.shown) == 2
        await viewed.press("M")
        assert len(viewed.viewer.shown) == 110
        assert len(Notes(small).marked) == 2  # beside it, as long as it is being viewed
    assert not notes_path(small).exists()
    with Recording.open(small) as recording:
        assert len(Notes.of(recording).marked) == 2


async def test_comments_are_kept_and_shown(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("j", "j", "semicolon")
        await viewed.type("look here")
        await viewed.press("enter")
        await viewed.sees("; look here", "*")
    async with viewing(small) as viewed:
        await viewed.sees("; look here")


async def test_times(small: Path):
    async with viewing(small) as viewed:
        await viewed.sees("09:20:00.001")
        await viewed.press("T")
        await viewed.sees("since before", "+1.40 ms")
        await viewed.press("T")
        await viewed.sees("since start", "+0.000")
        await viewed.press("T")
        await viewed.sees("09:20:00.001")


async def test_going_to_a_place(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("ctrl+g")
        await viewed.type("nowhere")
        await viewed.press("enter")
        await viewed.sees("write a number")
        await viewed.press("ctrl+u")
        await viewed.type("epoch 11")
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.row(viewed.messages.cursor).epoch == 11, "epoch 11")


async def test_related_messages(small: Path):
    async with viewing(small, filter="type:event") as viewed:
        await viewed.press("j", "o")
        await viewed.sees("Related messages", "its input: the event of a", "the process that asked for it")
        await viewed.press("j", "enter")
        await viewed.until(
            lambda: viewed.viewer.rows[viewed.messages.current].type == "process", "the process"
        )
        assert viewed.viewer.filter_text == ""


async def test_copying_says_how(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("c")
        await viewed.sees("OSC 52")
        assert viewed.app.clipboard == "i identify"
        await viewed.press("C")
        assert '"type":"identify"' in viewed.app.clipboard


async def test_exporting(small: Path, tmp_path: Path):
    async with viewing(small, filter="type:error") as viewed:
        await viewed.press("w")
        await viewed.sees("Export 1 shown message")
        field = viewed.app.screen.query_one("Answer")
        field.value = str(tmp_path / "part.mcap")
        await viewed.press("enter")
        await viewed.sees("wrote 1 message")
    with Recording.open(tmp_path / "part.mcap") as part:
        assert part.rows[0].type == "error"


async def test_a_live_recording_is_followed(tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    tube.writer.flush()
    async with viewing(tube.path, follow=True, live=True) as viewed:
        await viewed.sees("LIVE > FOLLOW")
        tube.epoch(1)
        tube.writer.flush()
        await viewed.sees("value={index: 1}")
        assert viewed.messages.cursor == len(viewed.viewer.rows) - 1
        await viewed.press("k")
        assert not viewed.viewer.follow
        here = viewed.messages.current
        tube.epoch(2)
        tube.writer.flush()
        await viewed.until(lambda: len(viewed.viewer.rows) == tube.writer.messages, "the messages")
        assert viewed.messages.current == here
        await viewed.press("F")
        await viewed.until(lambda: viewed.messages.cursor == len(viewed.viewer.rows) - 1, "the newest")
        tube.writer.close()
        await viewed.sees("ENDED")


async def test_pausing_stops_the_display_and_nothing_else(tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    tube.writer.flush()
    async with viewing(tube.path, follow=True, live=True) as viewed:
        await viewed.press("p")
        shown = len(viewed.viewer.shown)
        tube.epoch(1)
        tube.writer.flush()
        await viewed.sees("PAUSED +5")
        assert len(viewed.viewer.shown) == shown
        await viewed.press("p")
        await viewed.until(lambda: len(viewed.viewer.shown) == shown + 5, "the rest")
        tube.writer.close()


async def test_a_stuck_tube_is_obvious(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    for number in range(10):
        tube.epoch(number)
    tube.command("process", {"epoch": 10, "input": None})
    tube.event("a", 10, 1)
    tube.writer.flush()
    async with viewing(tube.path, follow=True, live=True) as viewed:
        monkeypatch.setattr(type(viewed.viewer), "now_ns", lambda viewer: tube.now_ns + 3_200_000_000)
        await viewed.sees("epoch 10 waits for b, 3.2 s")
        tube.writer.close()


async def test_waiting_for_the_first_message(tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.bind()
    tube.writer.flush()
    async with viewing(tube.path, follow=True, live=True) as viewed:
        await viewed.sees("Waiting for the first message", "Log (4)")
        tube.writer.close()
        await viewed.sees("holds no messages")


async def test_losses_are_told(tmp_path: Path):
    from recordings.records import Loss

    tube = Tube(tmp_path / "lost.mcap")
    tube.start()
    tube.writer.record(
        Loss(time_ns=tube.now_ns, stage="tee", bytes=5_000, messages=12, since_ns=tube.now_ns, reason="full")
    )
    tube.writer.close()
    async with viewing(tube.path) as viewed:
        await viewed.sees("LOST 12 messages")
