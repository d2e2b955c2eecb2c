"""Files that appear whole or not at all: written under a temporary name, then put in their place.

Nothing is overwritten unless that was asked for, not even by accident between the check and the end of the
work.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from recordings.errors import RecordingError


class OutputError(RecordingError):
    """A file can't be written; the message says why and what to do."""


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes its name when the block ends well.

    If the block raises, the temporary file is removed and `path` is as it was. Raises OutputError when `path`
    exists and `force` is not set, or when its folder can't be written.
    """
    if not force and (path.exists() or path.is_symlink()):
        raise _exists(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no file that could be replaced: choose another name")
    temporary = path.with_name(f".{path.name[:100]}.{os.urandom(4).hex()}.tmp")
    try:
        yield temporary
        _sync(temporary)
        if force:
            os.replace(temporary, path)
        else:
            _move_to_new(temporary, path)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) not in (temporary, path):
            raise
        raise OutputError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_output(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """Like `whole_file`, with the temporary file open for writing; it is private to the user (0600)."""
    with whole_file(path, force=force) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_to_new(temporary: Path, path: Path) -> None:
    """Rename without replacing what may have come into being meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        # A file system without hard links: the check is all there is.
        if path.exists():
            raise _exists(path) from None
        os.rename(temporary, path)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path} exists already: choose another name, or add --force to replace it")
