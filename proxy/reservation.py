"""Takes a file name for a recording before anything runs, so that a person hears of a mistake at once."""

import contextlib
import os
from pathlib import Path

from proxy.errors import ProxyError

__all__ = ["CONTINUES", "FileExists", "remove_empty", "reserve", "reserve_next"]

CONTINUES = "continues"
"""The fact of a recording that names the file it goes on from, after a recorder that died."""


class FileExists(ProxyError):
    """The recording's name is taken."""


def reserve(path: Path, *, force: bool = False) -> Path:
    """Create an empty file that only the user can read, so that the name is ours; ProxyError if it can't be.

    An existing file is an error unless `force`.
    """
    if path.is_dir():
        raise ProxyError(f"{path} is a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise ProxyError(f"{path} is no file: recordings go into files of their own")
    flags = os.O_CREAT | os.O_WRONLY | (0 if force else os.O_EXCL)
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        raise FileExists(f"{path} exists: choose another file, or --force to write over it") from None
    except FileNotFoundError:
        raise ProxyError(f"cannot write {path}: there is no folder {path.parent}; make it first") from None
    except OSError as error:
        raise ProxyError(f"cannot write {path}: {error.strerror}; choose another place with -o") from None
    return path


def reserve_next(path: Path) -> Path:
    """Reserve the first free one of NAME-2, NAME-3, … beside a recording."""
    for number in range(2, 10_000):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not candidate.exists():
            return reserve(candidate)
    raise ProxyError(f"too many recordings beside {path}")


def remove_empty(path: Path) -> None:
    """Remove a reserved file that nothing was written to."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
