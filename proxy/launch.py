"""Starts our own processes: with this interpreter and this import path, whatever the environment says.

The user's PYTHONPATH and working folder are the target program's business; a `proxy.py` in them must not be
taken for ours. The processes get a process group of their own, so that a terminal's keys do not reach them
(they ignore its hang-up), but no session: Linux shares the processors out among sessions, and we are not to
have more of them than the program.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

__all__ = ["ALLOCATION", "last_line", "python_command", "start", "working_folder"]

ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""With these in its environment glibc keeps freed megabytes for the next large message: fresh pages from the
kernel cost more than copying into them. Other systems' allocators don't look at it."""


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `main(arguments)` of one of our modules in a fresh interpreter."""
    # `python -m tubetap` puts the working folder on the path, which is the program's and not ours.
    root = str(Path(__file__).parent.parent)
    path = [entry for entry in sys.path if entry not in ("", working_folder())]
    if root not in path:
        path.append(root)
    code = f"import sys; sys.path[:] = {path!r}; from {module} import main; main(sys.argv[1:])"
    return [sys.executable, "-I", "-c", code, *arguments]


def start(
    module: str,
    *arguments: str,
    descriptors: Sequence[int] = (),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start one of our modules in the background; it inherits `descriptors` under the same numbers."""
    return subprocess.Popen(
        python_command(module, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(descriptors),
        process_group=0,
        cwd="/",
        env={**ALLOCATION, **os.environ},
    )


def last_line(log: Path) -> str:
    """Return what a process of ours complained of last, as " (...)"; empty if there is nothing."""
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines else ""


def working_folder() -> str:
    """Return the working folder, empty if it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""
