"""Keys typed faster than the app acts on them still mean what they meant to the person."""

from pathlib import Path

from textual import events

from tests.support_tui import viewing


def burst(app, keys: str) -> None:
    """Let keys come in all at once, as over a slow line."""
    for key in keys:
        name = {"?": "question_mark", "/": "slash", ":": "colon", "\r": "enter", ";": "semicolon"}.get(
            key, key
        )
        app.post_message(events.Key(name, key if key.isprintable() else None))


async def test_a_filter_and_then_a_command_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        burst(viewed.app, "ftype:error\rm")
        await viewed.until(lambda: viewed.viewer.marked_rows(), "the mark")
        assert viewed.viewer.filter_text == "type:error"
        assert viewed.viewer.rows[viewed.viewer.marked_rows()[0]].type == "error"


async def test_letters_after_a_window_opens_go_into_it(small: Path):
    async with viewing(small) as viewed:
        burst(viewed.app, ";quick\rj")
        await viewed.until(lambda: viewed.messages.cursor == 1, "the next line")
        assert viewed.viewer.comment_on(0) == "quick"
        assert not viewed.app._exit


async def test_a_search_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        burst(viewed.app, "/boom\rm")
        await viewed.until(lambda: viewed.viewer.marked_rows(), "the mark")
        await viewed.sees("1 match")


async def test_screens_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        burst(viewed.app, "2341jj")
        await viewed.until(lambda: viewed.messages.cursor == 2, "two lines down")


async def test_a_window_closed_and_a_screen_chosen_in_one_burst(small: Path):
    async with viewing(small) as viewed:
        burst(viewed.app, "?q4j")
        await viewed.sees("[4 Log]")
        await viewed.until(lambda: viewed.app.current_screen.log_list.cursor == 1, "the next line")
        burst(viewed.app, "?q1")
        await viewed.sees("[1 Messages]", "IdentifyMsg")
