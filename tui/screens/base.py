"""What the four screens share: the status line above, the keys below, and being told of each tick."""

from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.screen import Screen

from tui.viewer import Changes, Viewer
from tui.widgets.key_bar import KeyBar
from tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from tui.app import TubetapApp

WIDE = 100
ROOMY = 150
TALL = 20


class RecordingScreen(Screen[Any]):
    """One of the four screens over a recording."""

    AUTO_FOCUS = None
    name_in_bar = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (ROOMY, "-roomy")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (TALL, "-tall")]  # noqa: RUF012

    DEFAULT_CSS = """
    RecordingScreen { background: $background; layers: base above; }
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.status = StatusLine(viewer)
        self.key_bar = KeyBar(self.name_in_bar)

    @property
    def owner(self) -> "TubetapApp":
        """The app."""
        app: Any = self.app
        return app  # type: ignore[no-any-return]

    def compose(self) -> ComposeResult:
        """Status, body, keys."""
        self._fit()
        yield self.status
        yield from self.body()
        yield self.key_bar

    def _fit(self) -> None:
        """Have the classes of the terminal's size before there are widgets, so that each is styled once."""
        for size, points in zip(
            self.app.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True
        ):
            self.add_class(next(name for least, name in reversed(points) if least <= size), update=False)

    def body(self) -> ComposeResult:
        """What stands between the status and the keys."""
        yield from ()

    def on_mount(self) -> None:
        """Show what there is."""
        self.watch(self, "focused", lambda: self.key_bar.repaint(), init=False)
        self.show_anew()

    def on_screen_resume(self) -> None:
        """Catch up with what has happened while another screen was shown."""
        self.show_anew()

    def show_anew(self) -> None:
        """Show all there is to see now, even while the display is stopped."""
        self.ticked(Changes(True, True), slow=True)

    def ticked(self, changes: Changes, *, slow: bool) -> None:
        """Show what a tick has changed; `slow` is true a few times a second, for what need not be quicker."""
        if slow:
            self.status.repaint()
