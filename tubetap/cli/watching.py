"""The app beside a recording that is being made, a process of its own: it goes where the recording goes."""

import gc
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from decoders.text import safe

if TYPE_CHECKING:
    from tui.app import TubetapApp

_GLANCE_S = 0.25
_NOTICE_S = 20.0


def watch_live(file: str, question: str) -> None:
    """Show a growing recording and exit; `question` is asked before leaving while it still grows.

    When the recorder is replaced the next file is shown; when whoever started this is gone, it ends.
    """
    gc.disable()  # until the app shows: what is made by then stays
    from recordings.recording import Recording
    from tui.app import TubetapApp

    with Recording.open(Path(file), follow=True) as recording:

        def leaving() -> str:
            return question if app.viewer.recording.state == "growing" else ""

        app = TubetapApp(recording, live=True, leaving=leaving)
        threading.Thread(target=_look_after, args=(app, os.getppid()), daemon=True).start()
        app.run()
        sys.exit(app.return_code or 0)


def _look_after(app: "TubetapApp", parent: int) -> None:
    from proxy.parts import continued_in

    while True:
        time.sleep(_GLANCE_S)
        if os.getppid() != parent:
            app.call_from_thread(app.exit)
            return
        shown = app.viewer.recording
        following = continued_in(shown.path, shown.facts) if shown.state == "cut off" else None
        if following is not None:
            app.call_from_thread(_go_on, app, following)


def _go_on(app: "TubetapApp", path: Path) -> None:
    from recordings.recording import Recording
    from tui.viewer import Viewer

    before = app.viewer
    recording = Recording.open(path, follow=True)
    app.show_viewer(Viewer(recording, live=True, filter=before.filter_text))
    before.recording.close()
    app.notify(
        f"The recorder died, another one goes on. What was before is in {safe(before.recording.path.name)}",
        severity="warning",
        timeout=_NOTICE_S,
        markup=False,
    )
