"""Records until somebody says that it is enough: Ctrl-C or SIGTERM, a person who leaves the viewer, or a
relay that has nothing more to do.

For the ways in that start no program of their own, so that there is none whose end would be the end.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from proxy.output import closing_line, say
from proxy.report import SessionReport
from proxy.run import RunResult
from proxy.session import Session
from proxy.viewer import Viewer

__all__ = ["record_until_told", "say_result"]

_GLANCE_S = 0.05
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DUMP = signal.SIGUSR1

FAILED = 3
"""The exit code where something that was needed all along ended too early."""


def record_until_told(
    session: Session, path: Path, *, viewer: str = "", started: Callable[[], None] = lambda: None
) -> SessionReport:
    """Start a session that records to `path`, keep it until told, and report.

    `viewer` is the module of the viewer that gets the terminal, if any; `started` is called once the session
    runs. A second Ctrl-C does not wait for what is still to be written: KeyboardInterrupt. SIGUSR1 has a
    flight recorder write what it has.
    """
    shown = None
    with _signals(session) as told:
        try:
            session.start()
            started()
            if viewer and session.wait_recording():
                shown = Viewer(path, viewer)
            while not (told.is_set() or session.ended.is_set()):
                if shown is not None and (code := shown.exit_code()) is not None:
                    if code == 0:
                        break
                    shown.tidy_terminal()
                    shown = None
                    session.note(f"the viewer ended with code {code}; the recording went on")
                    say("the viewer broke; the recording goes on (Ctrl-C ends it)")
                time.sleep(_GLANCE_S)
            report = session.finish()
        except BaseException:
            if shown is not None:
                shown.close()
            session.abandon()
            raise
        if shown is not None:
            # The person looks on as long as he likes; whoever sends a signal does not wait for him.
            while shown.exit_code() is None and not told.is_set():
                time.sleep(_GLANCE_S)
            shown.close()
    return report


@contextlib.contextmanager
def _signals(session: Session) -> Iterator[threading.Event]:
    """Turn the signals that end a program into an event; the second one is a KeyboardInterrupt,
    but for a hang-up, which is no impatience."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if number == _DUMP:
            session.dump()
            return
        if told.is_set() and number != signal.SIGHUP:
            raise KeyboardInterrupt
        told.set()

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (*_SIGNALS, _DUMP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, stop)
    try:
        yield told
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def say_result(report: SessionReport, notes: list[str], *, quiet: bool, tail: str = "") -> RunResult:
    """Say on standard error what came of it, unless `quiet`, and return it.

    `notes` are what a person should know besides the report's problems; `tail` ends the closing line.
    """
    notes = [*report.problems, *notes]
    if not quiet:
        for note in notes:
            say(note)
        if report.recordings:
            say(closing_line(report) + tail)
    failed = any(problem.startswith("the relay ") for problem in report.problems)
    return RunResult(FAILED if failed else 0, report.recordings, report.messages, report.losses, notes)
