"""Ends the viewer when its terminal is gone.

Only the session's leader is told of that by a signal. For everybody else reading a terminal that is gone ends
at once and writing fails, on which Textual would wait, or turn in circles, for ever.
"""

import os
import select
import signal
import sys
import threading

__all__ = ["leave_with_terminal"]


def leave_with_terminal() -> None:
    """From now on end this process when the terminal on its standard input is closed."""
    if sys.stdin is None or not sys.stdin.isatty():
        return
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), name="hangup", daemon=True).start()


def _watch(terminal: int) -> None:
    hangup = select.poll()
    hangup.register(terminal, 0)  # what is reported anyway: POLLHUP, POLLERR, and POLLNVAL where unsupported
    if any(happened & select.POLLHUP for _, happened in hangup.poll()):
        os._exit(128 + signal.SIGHUP)  # nothing is left to be said, and nobody to say it to
