"""Runs the viewer without a terminal: open a recording, press keys, wait for conditions, read the screen as
text.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual import events
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot
from textual.widgets import Input

from recordings.recording import Recording
from tui.app import TubetapApp
from tui.keys import Keymap
from tui.saved import SavedFilters

TIMEOUT_S = 10.0
STEP_S = 0.01


class Viewed:
    """A viewer that runs, with what tests need of it."""

    def __init__(self, app: TubetapApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def viewer(self) -> Any:
        """The state behind the screens."""
        return self.app.viewer

    @property
    def messages(self) -> Any:
        """The list of messages."""
        return self.app.messages_screen.messages

    def post(self, *keys: str) -> None:
        """Let keys come in, all at once."""
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 else key
            self.app.post_message(events.Key(name, key_to_character(name)))

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until each has been acted on."""
        self.post(*keys)
        await asyncio.sleep(0)
        await self.until(lambda: self.app.keys_done, "an answer to the keys")
        await self.settle()

    async def settle(self) -> None:
        """Wait until the queues of the app and its screen are worked off."""
        for node in (self.app.screen, self.app):
            done = asyncio.Event()
            if node.call_later(done.set):
                await asyncio.wait_for(done.wait(), TIMEOUT_S)

    async def type(self, text: str) -> None:
        """Type a text into the field that has the focus."""
        field = self.app.focused
        assert isinstance(field, Input), f"nothing to type into\n{self.text()}"
        field.delete_selection()
        field.insert_text_at_cursor(text)
        await self.settle()

    async def go(self, line: int) -> None:
        """Put the cursor on a line of the list."""
        self.messages.show(line)
        await self.settle()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until a condition holds."""
        waited = 0.0
        while not condition():
            assert waited < TIMEOUT_S, f"never came: {what}\n{self.text()}"
            await asyncio.sleep(STEP_S)
            waited += STEP_S

    async def sees(self, *texts: str) -> None:
        """Wait until all of these texts stand on the screen."""
        await self.until(lambda: all(text in self.text() for text in texts), " and ".join(texts))

    def lines(self) -> list[str]:
        """Give the screen's lines."""
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    def text(self) -> str:
        """Give the screen as text."""
        return "\n".join(self.lines())


@asynccontextmanager
async def viewing(
    path: Path, size: tuple[int, int] = (120, 36), *, follow: bool = False, **options: Any
) -> AsyncIterator[Viewed]:
    """Open a recording in the viewer, with filters kept beside it."""
    options.setdefault("keymap", Keymap({}))
    options.setdefault("saved", SavedFilters.load(path.parent, path.parent))
    with Recording.open(path, follow=follow) as recording:
        app = TubetapApp(recording, **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            viewed = Viewed(app, pilot)
            await viewed.until(lambda: app.current_screen is not None and app.current_screen.focused)
            await viewed.settle()
            yield viewed
