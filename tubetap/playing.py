"""The terminal app over a recording that plays: keys for playing, on top of all others."""

import time
from typing import Any, ClassVar

from recordings.filters import parse
from recordings.replay.playback import Playback
from tui.app import TubetapApp
from tui.viewer import Viewer

SEEK_SHARE = 20
"""One jump is this part of the range."""

STEP_S = 0.2
"""How long one key may look for the next message that the filter lets through, in seconds."""

KEYS = "P play/pause   . one message   < > slower/faster   ctrl+left/right jump   ctrl+home start   L loop"


class PlayingViewer(Viewer):
    """What is being looked at while it plays: "now" is the moment that is played."""

    def __init__(self, playback: Playback, *, filter: str = "") -> None:
        super().__init__(playback.recording, live=True, filter=filter)
        self.playback = playback

    def now_ns(self) -> int:
        """Give the position of the recording."""
        return self.playback.recording.position_ns

    def headline(self) -> tuple[str, str]:
        """Say how fast it plays and where it is."""
        playback = self.playback
        pace = f"x{playback.speed:g}" if playback.playing else "ENDED" if playback.ended else "PAUSED"
        again = " LOOP" if playback.loop else ""
        return f"REPLAY {pace}{again} {position_text(playback)}", "ok" if playback.playing else "bold"


def position_text(playback: Playback) -> str:
    """Write where a recording is in its range: `1.2 s of 4.0 s`."""
    at, of = (
        (time_ns - playback.first_ns) / 1e9 for time_ns in (playback.recording.position_ns, playback.last_ns)
    )
    return f"{max(at, 0):.1f} s of {of:.1f} s"


class PlayingApp(TubetapApp):
    """Plays a recording into the viewer. `playback` moves it; it is begun by the app."""

    BINDINGS: ClassVar[list[Any]] = [
        ("P", "play", "Play"),
        ("full_stop", "one_message", "One message"),
        ("greater_than_sign", "speed(1)", "Faster"),
        ("less_than_sign", "speed(-1)", "Slower"),
        ("ctrl+right", "jump(1)", "Jump on"),
        ("ctrl+left", "jump(-1)", "Jump back"),
        ("ctrl+home", "rewind", "To the start"),
        ("L", "loop", "Loop"),
    ]

    def __init__(self, playback: Playback, **options: Any) -> None:
        super().__init__(playback.recording, live=True, **options)
        self.viewer.close()
        self.viewer = PlayingViewer(playback, filter=options.get("filter", ""))
        self.playback = playback

    def on_mount(self) -> None:
        """Begin to play."""
        super().on_mount()
        self.playback.toggle(time.monotonic_ns())
        self.notify(KEYS, title="playing", timeout=8, markup=False)

    def action_play(self) -> None:
        """Play or pause."""
        if self.playback.toggle(time.monotonic_ns()):
            self._show_anew()
        self._tell("playing" if self.playback.playing else "paused")

    def action_one_message(self) -> None:
        """Show one more message that the filter lets through, or what came by within `STEP_S`."""
        rows, until = self.playback.recording.rows, time.monotonic() + STEP_S
        wanted = parse(self.viewer.filter_text)
        while True:
            before = len(rows)
            self.playback.step(time.monotonic_ns())
            found = any(len(part) for part in wanted.select(self.playback.recording, before, len(rows)))
            if found or len(rows) == before or time.monotonic() > until:
                return

    def action_speed(self, steps: int) -> None:
        """Play faster or slower."""
        self._tell(f"{self.playback.change_speed(time.monotonic_ns(), steps):g} times the recorded pace")

    def action_jump(self, direction: int) -> None:
        """Jump a part of the range."""
        playback = self.playback
        part = max(1, (playback.last_ns - playback.first_ns) // SEEK_SHARE)
        if playback.seek(time.monotonic_ns(), playback.recording.position_ns + direction * part):
            self._show_anew()
        self._tell("")

    def action_rewind(self) -> None:
        """Begin again."""
        if self.playback.seek(time.monotonic_ns(), self.playback.first_ns):
            self._show_anew()

    def action_loop(self) -> None:
        """Play over and over, or only once."""
        self.playback.loop = not self.playback.loop
        self._tell("over and over" if self.playback.loop else "once")

    def _tick(self) -> None:
        if self.playback.tick(time.monotonic_ns()):
            self._show_anew()
        super()._tick()

    def _tell(self, what: str) -> None:
        self.notify(f"{what}  {position_text(self.playback)}".strip(), timeout=2, markup=False)

    def _show_anew(self) -> None:
        """Rebuild the screens: rows only ever grow for them, and now there are fewer."""
        old, screens = self.viewer, list(self._shown.values())
        self.viewer = PlayingViewer(self.playback, filter=old.filter_text)
        self._make_screens()
        self.switch_screen(self._shown["messages"])
        old.close()
        for screen in screens:
            if screen.is_running:
                screen.remove()
