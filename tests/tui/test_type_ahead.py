"""Keys typed faster than the app acts on them still mean what they meant to the person."""

from pathlib import Path

from tests.support_tui import viewing


async def test_a_filter_and_then_a_command_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        viewed.post(*"ftype:error", "enter", "m")
        await viewed.until(lambda: viewed.viewer.marked_rows(), "the mark")
        assert viewed.viewer.filter_text == "type:error"
        assert viewed.viewer.rows[viewed.viewer.marked_rows()[0]].type == "error"


async def test_letters_after_a_window_opens_go_into_it(small: Path):
    async with viewing(small) as viewed:
        viewed.post(*";quick", "enter", "j")
        await viewed.until(lambda: viewed.messages.cursor == 1, "the next line")
        assert viewed.viewer.comment_on(0) == "quick"
        assert not viewed.app._exit


async def test_a_search_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        viewed.post(*"/boom", "enter", "m")
        await viewed.until(lambda: viewed.viewer.marked_rows(), "the mark")
        await viewed.sees("1 match")


async def test_screens_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        viewed.post(*"2341jj")
        await viewed.until(lambda: viewed.messages.cursor == 2, "two lines down")


async def test_a_window_closed_and_a_screen_chosen_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        viewed.post(*"?q4j")
        await viewed.sees("[4 Log]")
        await viewed.until(lambda: viewed.app.current_screen.log_list.cursor == 1, "the next line")
        viewed.post(*"?q1")
        await viewed.sees("[1 Messages]", "IdentifyMsg")
