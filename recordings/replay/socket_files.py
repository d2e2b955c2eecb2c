"""The files of ipc addresses: binding one deletes what was there, so that is looked at first."""

import socket
import stat
from pathlib import Path

from recordings.replay.errors import ReplayError


def path_of(address: str) -> Path | None:
    """The file that an address has, if it has one of a known name."""
    scheme, _, rest = address.partition("://")
    return Path(rest) if scheme == "ipc" and rest and rest[0] not in "@*" else None


def require_free(path: Path) -> None:
    """Raise ReplayError if a file of a person or of a program is in the way: ZeroMQ would delete it unasked.

    A socket that nobody listens on any more may go.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ReplayError(f"can't listen on ipc://{path}: there is a file of that name already")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return
    except OSError as error:
        raise ReplayError(f"can't listen on ipc://{path}: {error.strerror or error}") from None
    raise ReplayError(f"can't listen on ipc://{path}: another program does")
