"""The app: four screens over one recording, a timer that pulls what is new, and what all screens share.

`TubetapApp(recording, live=True).run()` follows a growing file; without `live` it shows a finished one. The
app only ever reads recordings; closing it changes nothing for whoever writes them.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from recordings.errors import RecordingError
from recordings.recording import Recording
from tui import clipboard, keys, text
from tui.hangup import leave_with_terminal
from tui.keys import KEYS, Keymap, bindings
from tui.memory import give_back
from tui.saved import SavedFilters
from tui.screens.ask import Ask, Choose, Help
from tui.screens.base import RecordingScreen
from tui.screens.epochs import EpochsScreen
from tui.screens.log import LogScreen
from tui.screens.messages import MessagesScreen
from tui.screens.nodes import NodesScreen
from tui.theme import THEMES
from tui.type_ahead import TypeAhead
from tui.viewer import Viewer
from tui.widgets import line_styles

TICKS_PER_SECOND = 20
TICKS_PER_SECOND_REMOTE = 10
"""Over SSH every painted line is sent."""
SLOW_EVERY_S = 0.25
LATE_FACTOR = 1.5
"""A tick that comes so many times its interval after the one before counts as late."""

SCREENS: tuple[tuple[str, type[RecordingScreen]], ...] = (
    ("messages", MessagesScreen),
    ("nodes", NodesScreen),
    ("epochs", EpochsScreen),
    ("log", LogScreen),
)


class TubetapApp(TypeAhead):
    """The viewer of a recording.

    `live` starts following; `filter` is in force from the start; `decoder` decodes all messages (the one that
    fits best by default); `keymap` changes keys; `saved` keeps filters
    (the user's by default). `leaving` is asked before quitting: a text it returns is put to the person as a
    question, for when quitting stops a program.
    """

    TITLE = "tubetap"
    COMPONENT_CLASSES: ClassVar[set[str]] = line_styles.COMPONENTS
    DEFAULT_CSS = line_styles.CSS
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[Any]] = bindings(
        "screen.messages",
        "screen.nodes",
        "screen.epochs",
        "screen.log",
        "help",
        "palette",
        "open",
        "quit",
        "pause",
        "times",
    )

    def __init__(
        self,
        recording: Recording,
        *,
        live: bool = False,
        filter: str = "",
        decoder: str | None = None,
        keymap: Keymap | None = None,
        saved: SavedFilters | None = None,
        leaving: Callable[[], str] | None = None,
        theme: str | None = None,
    ) -> None:
        # Textual chooses its filter for NO_COLOR before a theme can be set.
        no_color = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if no_color else None)
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme or ("ansi-dark" if no_color else THEMES[0].name)
        self.viewer = Viewer(recording, live=live, filter=filter, decoder=decoder)
        self.saved = saved or SavedFilters.load()
        self.user_keys = keymap if keymap is not None else keys.load()
        self.ticks = self.late_ticks = 0
        self._leaving = leaving
        self._shown: dict[str, RecordingScreen] = {}
        self._opened = 0
        self._collect_later = False
        self._slow_s = self._tick_s = 0.0
        self.set_keymap(dict(self.user_keys.keys))

    @property
    def tick_s(self) -> float:
        """The time between two ticks."""
        remote = os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY")
        return 1 / (TICKS_PER_SECOND_REMOTE if remote else TICKS_PER_SECOND)

    def on_mount(self) -> None:
        """Show the messages and start the timer."""
        self._make_screens()
        self.push_screen(self._shown["messages"])
        self.call_after_refresh(self._start)  # first show what there is
        for problem in (*self.user_keys.problems, self.viewer.notes_problem):
            if problem:
                self.notify(text.safe(problem, 300), severity="warning", markup=False)

    def _start(self) -> None:
        self.set_interval(self.tick_s, self._tick)
        if self._collect_later:
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            gc.enable()

    def _make_screens(self) -> None:
        """Make the screens for this viewer; installed, so that they live on while another one is shown."""
        self._opened += 1
        self._shown = {name: screen(self.viewer) for name, screen in SCREENS}
        for name, screen in self._shown.items():
            self.install_screen(screen, f"{name}-{self._opened}")

    def _tick(self) -> None:
        reading = self.viewer.recording.progress < 1
        changes = self.viewer.tick()
        if reading and self.viewer.recording.progress == 1:
            give_back()
        now = time.monotonic()
        if self.ticks and now - self._tick_s > LATE_FACTOR * self.tick_s:
            self.late_ticks += 1
        self._tick_s = now
        self.release_keys()
        slow = now - self._slow_s >= SLOW_EVERY_S
        if slow:
            self._slow_s = now
        self.ticks += 1
        base = self.current_screen
        if base is not None and base.is_running:
            base.ticked(changes, slow=slow)

    @property
    def current_screen(self) -> RecordingScreen | None:
        """The screen under any window."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, RecordingScreen):
                return screen
        return None

    @property
    def messages_screen(self) -> MessagesScreen:
        """The screen of messages."""
        screen = self._shown["messages"]
        assert isinstance(screen, MessagesScreen)
        return screen

    # Actions of all screens

    def action_screen(self, name: str) -> None:
        """Show one of the four screens."""
        wanted = self._shown[name]
        if self.screen is not wanted:
            self.switch_screen(wanted)

    def show_filtered(self, filter_text: str) -> None:
        """Show the messages under a filter, coming from another screen."""
        self.action_screen("messages")
        self.call_after_refresh(self.messages_screen.filter_line.set_text, filter_text)

    def show_message(self, row: int) -> None:
        """Show a message, coming from another screen."""
        self.action_screen("messages")
        self.call_after_refresh(self.messages_screen.jump, row)

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(Help(dict(self.user_keys.keys)))

    def action_pause(self) -> None:
        """Stop the display, or let it go on; recording always goes on."""
        self.viewer.paused = not self.viewer.paused
        if not self.viewer.paused:
            self.viewer.tick()
        self._show_again()

    def unpause(self) -> None:
        """Let the display go on."""
        if self.viewer.paused:
            self.action_pause()

    def action_times(self) -> None:
        """Change how times are shown."""
        self.viewer.next_times()
        self._show_again()

    def _show_again(self) -> None:
        from tui.viewer import Changes

        if (screen := self.current_screen) is not None:
            screen.ticked(Changes(True, True), slow=True)

    def copy(self, copied: str) -> None:
        """Copy a text to the clipboard, and say how."""
        how = clipboard.copy(copied, self.copy_to_clipboard)
        self.notify(f"copied {text.plural(len(copied), 'character')} {how}", markup=False)

    def action_leave(self) -> None:
        """Quit, asking first where that stops something."""
        question = self._leaving() if self._leaving is not None else ""
        if not question:
            self.exit()
            return

        def decide(choice: int | None) -> None:
            if choice == 0:
                self.exit()

        self.push_screen(Choose(question, [[("quit", "")], [("stay", "")]]), decide)

    def action_help_quit(self) -> None:
        """Ctrl-C where there is nothing to copy: whoever types it wants to leave."""
        self.action_leave()

    def action_open_file(self) -> None:
        """Ask for another recording and open it."""

        def check(answer: str) -> str:
            try:
                Recording.open(Path(answer).expanduser()).close()
            except RecordingError as error:
                return str(error)
            return ""

        def show(answer: str | None) -> None:
            if answer is not None:
                self._open(Path(answer).expanduser())

        folder = str(self.viewer.recording.path.parent)
        self.push_screen(Ask("Open a recording", value=folder + os.sep, check=check), show)

    def _open(self, path: Path) -> None:
        old = self.viewer
        recording = Recording.open(path, follow=True)
        self.show_viewer(Viewer(recording, live=recording.state == "growing", decoder=old.decoder))
        old.recording.close()

    def show_viewer(self, viewer: Viewer) -> None:
        """Look at something else: new screens over another viewer; the old viewer is closed."""
        old, screens = self.viewer, list(self._shown.values())
        self.viewer = viewer
        self._make_screens()
        self.switch_screen(self._shown["messages"])
        old.close()
        for screen in screens:
            self.uninstall_screen(screen)
            if screen.is_running:
                screen.remove()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every action of this screen in the palette, as `Area: Verb`."""
        active = {found.binding.id: found for found in screen.active_bindings.values()}
        for key in KEYS:
            found = active.get(key.id)
            if found is not None and key.area != "Moving":
                yield SystemCommand(
                    f"{key.area}: {key.label}", key.help, self._runner(found.node, found.binding)
                )
        yield SystemCommand("Display: Theme", "choose other colours", self.action_change_theme)

    def _runner(self, node: Any, binding: Binding) -> Callable[[], Any]:
        async def run() -> None:
            await self.run_action(binding.action, node)

        return run

    def run(self, *arguments: Any, **options: Any) -> None:
        """Run in this terminal until the person quits; arguments are those of Textual's `run`.

        The collector waits until something is shown, then leaves alone what start-up has made, and comes less
        often: its pauses are what one sees when thousands of messages a second come in.
        """
        gc.disable()
        self._collect_later = True
        leave_with_terminal()
        super().run(*arguments, **options)

    async def on_unmount(self) -> None:
        """End the background work."""
        self.viewer.close()


def show(recording: Recording, *, mouse: bool = True, **options: Any) -> None:
    """Run the app in this terminal until the person quits; `options` are those of `TubetapApp`."""
    app = TubetapApp(recording, **options)
    app.run(mouse=mouse)
    if app.return_code:
        sys.exit(app.return_code)
