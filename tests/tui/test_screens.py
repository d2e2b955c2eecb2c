"""The other screens and windows: nodes, epochs, log, help, palette, opening, quitting; and any size."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support_recordings import small_recording
from tests.support_tui import viewing
from tui.keys import Keymap


async def test_nodes(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("2")
        await viewed.sees("[2 Nodes]", "command", "gone", "4102", "subscribed to")
        await viewed.press("j", "j")
        await viewed.sees("outbox          ipc:///run/user/1000/noob/e4dc7deb/nodes/b/outbox")
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.filter_text == "node:b", "the node's messages")
        await viewed.sees("[1 Messages]", "86 of 110")


async def test_epochs(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("3")
        await viewed.sees("[3 Epochs]", "3.80 ms", "+1.20 ms", "WAITED FOR", "waits for a")
        await viewed.press("G", "enter")
        await viewed.sees("[1 Messages]", "epoch:20", "1 of 110")


async def test_the_log(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("4")
        await viewed.sees("[4 Log]", "starting the tube", "XPUB bound to", "handshaken")
        await viewed.press("/")
        await viewed.type("reports an error")
        await viewed.press("enter")
        await viewed.sees(">", "b reports an error")
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.rows[viewed.messages.current].type == "error", "the error")


async def test_help_lists_all_keys_as_they_are_bound(small: Path):
    async with viewing(small, keymap=Keymap({"filter": "ctrl+f", "mark": "z"})) as viewed:
        await viewed.press("?")
        await viewed.sees("tubetap: keys", "screen.messages", "one line down")
        await viewed.press("space", "space")
        await viewed.sees("^f")
        await viewed.press("q")
        await viewed.until(lambda: "tubetap: keys" not in viewed.text(), "the messages")
        await viewed.press("z")
        assert viewed.viewer.marked_rows() == [0]
        await viewed.press("ctrl+f")
        await viewed.until(lambda: viewed.app.messages_screen.filter_line.input.has_focus, "the filter line")


async def test_the_palette_finds_actions_by_name(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("colon")
        await viewed.until(lambda: viewed.app.screen.focused, "the palette")
        await viewed.type("marks: mark")
        await viewed.sees("Marks: Mark")
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.marked_rows() == [0], "the mark")


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quitting(small: Path, key: str):
    async with viewing(small) as viewed:
        await viewed.press(key)
        await viewed.until(lambda: viewed.app._exit, "the end")


async def test_quitting_asks_where_it_stops_something(small: Path):
    async with viewing(small, leaving=lambda: "The program is still running.") as viewed:
        await viewed.press("q")
        await viewed.sees("The program is still running.", "stay")
        await viewed.press("j", "enter")
        assert not viewed.app._exit
        await viewed.press("q", "enter")
        await viewed.until(lambda: viewed.app._exit, "the end")


async def test_opening_another_recording(small: Path, tmp_path: Path):
    small_recording(tmp_path / "other.mcap", epochs=3)
    async with viewing(small) as viewed:
        await viewed.press("O")
        await viewed.type("nowhere.mcap")
        await viewed.press("enter")
        await viewed.sees("can't open")
        await viewed.press("ctrl+u")
        await viewed.type(str(tmp_path / "other.mcap"))
        await viewed.press("enter")
        await viewed.until(lambda: viewed.viewer.recording.path.name == "other.mcap", "the other recording")
        await viewed.sees("20 messages" if len(viewed.viewer.rows) == 20 else "messages in")
        await viewed.press("j", "2")
        await viewed.sees("[2 Nodes]")
        viewed.viewer.recording.close()


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_any_size(small: Path, size: tuple[int, int]):
    async with viewing(small, size=size) as viewed:
        for key in (
            "1",
            "s",
            "escape",
            "enter",
            "d",
            "escape",
            "f",
            "escape",
            "2",
            "3",
            "4",
            "?",
            "escape",
            "1",
        ):
            await viewed.press(key)
            assert all(cell_len(line) <= size[0] for line in viewed.lines())
        await viewed.sees("ENDED")
        assert len(viewed.lines()) == size[1]


async def test_resizing_while_it_runs(small: Path):
    async with viewing(small) as viewed:
        await viewed.go(50)
        for size in ((60, 15), (140, 50), (80, 24), (120, 36)):
            await viewed.pilot.resize_terminal(*size)
            await viewed.pilot.pause()
            await viewed.until(lambda: any(line.startswith(">") for line in viewed.lines()), "the cursor")
        assert viewed.messages.cursor == 50


async def test_a_small_screen_keeps_filters_one_key_away(small: Path):
    async with viewing(small, size=(80, 24)) as viewed:
        assert "[x] e event" not in viewed.text()
        await viewed.press("s")
        await viewed.sees("[x] e event")
        await viewed.press("s")
        await viewed.until(lambda: "[x] e event" not in viewed.text(), "the list alone")


async def test_a_low_screen_opens_the_detail_whole(small: Path):
    async with viewing(small, size=(80, 15)) as viewed:
        assert "[Decoded]" not in viewed.text()
        await viewed.press("enter")
        await viewed.sees("[Decoded]", "IdentifyMsg")
        await viewed.press("escape")
        await viewed.until(lambda: "[Decoded]" not in viewed.text(), "the list")


async def test_a_frame_is_shown_as_a_picture(small: Path):
    async with viewing(small, filter='"ndarray"') as viewed:
        await viewed.until(lambda: len(viewed.viewer.shown) == 1, "the frame")
        await viewed.press("enter")
        await viewed.sees("ndarray (48, 64) uint8", "▀▀▀▀")


async def test_without_colours_the_picture_is_made_of_characters(
    small: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    async with viewing(small, filter='"ndarray"') as viewed:
        await viewed.until(lambda: len(viewed.viewer.shown) == 1, "the frame")
        await viewed.press("enter")
        await viewed.sees("ndarray (48, 64) uint8", "%%%%")
        strips = viewed.app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
        assert {style.color.name for style in styles if style.color is not None} <= {"default"}
        assert {style.bgcolor.name for style in styles if style.bgcolor is not None} <= {"default"}


@pytest.mark.parametrize("theme", ["ansi-dark", "tubetap-light", "textual-dark"])
async def test_themes(small: Path, theme: str):
    async with viewing(small, theme=theme) as viewed:
        await viewed.sees("e event", "[x] a", "[Decoded]")


async def test_hostile_text_reaches_no_line_of_any_screen(hostile: Path):
    async with viewing(hostile) as viewed:
        keys = ["1", "d", "d", "d", "d", "G", "2", "G", "3", "4", "G", "1", "s", "G", "escape", "o", "escape"]
        keys += ["g", *"jjjjjjjjjjjjjjjjjjjj"]
        for key in keys:
            await viewed.press(key)
            for line in viewed.lines():
                assert line.isprintable(), repr(line)
                assert "\u202e" not in line
        await viewed.press("f")
        await viewed.type("from:")
        await viewed.pilot.pause(0.2)
        assert all(line.isprintable() for line in viewed.lines())
        await viewed.type("\x1b]0;typed\x07")
        assert all(line.isprintable() for line in viewed.lines())
        await viewed.press("escape", "C")
        await viewed.pilot.pause(0.2)
        assert all(line.isprintable() for line in viewed.lines())
