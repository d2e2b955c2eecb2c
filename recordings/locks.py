"""Whether somebody is writing a file: an advisory lock that its writer holds, and that the system drops
when the writer dies. Where locks don't work (some network file systems), a file that changed a moment ago
counts as being written."""

import os
import time
from contextlib import suppress
from typing import Final

try:
    import fcntl
except ImportError:  # pragma: no cover  (no such system is supported, but reading should work there)
    fcntl = None  # type: ignore[assignment]

_RECENT_S: Final = 3.0


def lock_for_writing(file: int) -> None:
    """Mark the open file as being written; silently nothing where locks don't work."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_being_written(file: int) -> bool:
    """Whether another process (or another open file of this one) writes the file."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
        else:
            fcntl.flock(file, fcntl.LOCK_UN)
            return False
    return time.time() - os.fstat(file).st_mtime < _RECENT_S
