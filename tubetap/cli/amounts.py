"""Sizes and durations on the command line, written as in filters."""

from collections.abc import Callable

import click

from recordings.amounts import AmountError, duration, size


def read_size(text: str) -> int:
    """Read a size in bytes: 500MB, 64KiB, 2G; raises BadParameter."""
    return _positive(text, size, "a size must be larger than 0")


def read_duration(text: str) -> int:
    """Read a duration in nanoseconds: 60s, 10min, 1.5h; raises BadParameter."""
    return _positive(text, duration, "a duration must be longer than 0")


def read_rotation(text: str) -> tuple[int | None, int | None]:
    """Read a size in bytes or a duration in nanoseconds, whichever it is; raises BadParameter."""
    if text.strip("0123456789.") == "m":
        raise _wrong(f'"{text}" can be read in two ways: write {text}in or {text[:-1]}MB')
    try:
        return read_size(text), None
    except click.BadParameter:
        pass
    try:
        return None, read_duration(text)
    except click.BadParameter:
        raise _wrong(f'"{text}" is neither a size nor a duration; write 500MB, 2GB, 10min or 1h') from None


def _positive(text: str, read: Callable[[str], int], otherwise: str) -> int:
    try:
        amount = read(text)
    except AmountError as error:
        raise _wrong(str(error)) from None
    if not amount:
        raise _wrong(otherwise)
    return amount


def _wrong(message: str) -> click.BadParameter:
    return click.BadParameter(message, click.get_current_context(silent=True))
