"""Where a recording goes, and what is said of it on standard error."""

import contextlib
import os
import platform
import sys
from datetime import datetime
from pathlib import Path

from decoders.text import safe
from proxy.errors import ProxyError
from proxy.launch import working_folder
from proxy.report import SessionReport
from proxy.reservation import FileExists, reserve

__all__ = ["closing_line", "recordings_directory", "reserve_output", "say", "session_facts"]

_MOST_NAMED = 3


def say(text: str) -> None:
    """Tell the person at the terminal, on standard error; in vain if it has been closed, as that must not end
    a recording."""
    with contextlib.suppress(OSError):
        print(f"tubetap: {safe(text)}", file=sys.stderr, flush=True)


def recordings_directory() -> Path:
    """Return the folder where recordings go unless told otherwise (per user, private)."""
    import platformdirs  # only where no file is named

    return platformdirs.user_state_path("tubetap") / "recordings"


def reserve_output(output: Path | None, name: str, *, force: bool) -> Path:
    """Create the file to record to: `output`, or one in `recordings_directory` named by time and `name`.

    Raises ProxyError if it can't be written, or exists and `force` is not set.
    """
    if output is not None:
        return reserve(output.absolute(), force=force)
    folder = recordings_directory()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ProxyError(f"cannot make {folder}: {error.strerror}; name a file with -o") from None
    stem = f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{name}"
    path = folder / f"{stem}.mcap"
    for number in range(1, 1000):
        try:
            return reserve(path)
        except FileExists:
            path = folder / f"{stem}.{number}.mcap"
    raise ProxyError(f"too many recordings named {stem} in {folder}; name a file with -o")


def session_facts() -> dict[str, str]:
    """Return what a recording says of where and how it was made."""
    return {
        "cwd": working_folder(),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "user_pid": str(os.getpid()),
    }


def closing_line(report: SessionReport) -> str:
    """Return the sentence that says what was recorded where, and what was not."""
    files = [str(path) for path in report.recordings]
    if len(files) > _MOST_NAMED:
        files = [f"{len(files)} files from {files[0]} to {files[-1]}"]
    line = (
        f"{report.messages:,} messages on {report.connections:,} connections "
        f"to {report.endpoints:,} sockets recorded in {' and '.join(files)}"
    )
    if report.let_go:
        line += f"; {report.let_go:,} earlier ones not kept, as you asked"
    return line + "".join(f"; {loss}" for loss in report.losses)
