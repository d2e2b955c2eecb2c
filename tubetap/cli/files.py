"""What the verbs that read recordings have in common: opening one whole, with progress, and choosing rows."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from decoders.text import safe
from recordings.filters import Filter, parse
from recordings.filters.query import RowNumbers
from recordings.recording import Recording

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

STEP_S = 0.1
"""How long a recording is read on before the progress is shown again."""

QUIET_S = 1.0
"""Work that is done within this time shows no progress."""


def recording_argument(name: str = "file") -> Callable[[Decorated], Decorated]:
    """Declare the argument that names a recording."""
    return click.argument(name, type=click.Path(path_type=Path, dir_okay=False))


def force_option(function: Decorated) -> Decorated:
    """Declare --force."""
    return click.option("--force", is_flag=True, help="Replace the output file if it exists.")(function)


class Progress:
    """A line on standard error that says how far the work has come; nothing where that is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = False
        self._next = time.monotonic() + QUIET_S
        self._active = sys.stderr.isatty()

    def __call__(self, fraction: float) -> None:
        """Show how much is done, from 0 to 1; at most ten times a second."""
        now = time.monotonic()
        if self._active and now >= self._next:
            self._next = now + STEP_S
            self._shown = True
            sys.stderr.write(f"\r{self._what} {max(0.0, min(fraction, 1.0)):4.0%} ")
            sys.stderr.flush()

    def done(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * (len(self._what) + 6) + "\r")
            sys.stderr.flush()
            self._shown = False


class Stages:
    """Progress of work in several stages, one after the other."""

    def __init__(self) -> None:
        self._what = ""
        self._shown: Progress | None = None

    def __call__(self, what: str, fraction: float) -> None:
        """Show what is being done, and how much of it is."""
        if what != self._what or self._shown is None:
            self.done()
            self._what, self._shown = what, Progress(what)
        self._shown(fraction)

    def done(self) -> None:
        """Take the line away."""
        if self._shown is not None:
            self._shown.done()

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *_: object) -> None:
        self.done()


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Show the progress of a block of work."""
    shown = Progress(what)
    try:
        yield shown
    finally:
        shown.done()


@contextmanager
def open_whole(path: Path) -> Iterator[Recording]:
    """Open a recording and read all rows that it has by now; raises RecordingError."""
    with Recording.open(path, follow=True) as recording:
        with progress(f"reading {safe(path.name, 40)}") as shown:
            while recording.refresh(STEP_S) and recording.progress < 1:
                shown(recording.progress)
        yield recording


def chosen_rows(recording: Recording, filter: Filter) -> RowNumbers:
    """Find all rows that a filter lets through, and hint at names that never occur if there are none."""
    total = len(recording.rows)
    with progress("searching") as shown:
        batches = list(filter.select(recording, progress=lambda done: shown(done / max(total, 1))))
    if not batches:
        warn_of_unseen(recording, filter)
        return np.empty(0, dtype=np.int64)
    return np.concatenate(batches)


def warn_of_unseen(recording: Recording, filter: Filter) -> None:
    """Say on standard error which names of a filter occur nowhere, and what could have been meant."""
    for unseen in filter.unseen(recording):
        meant = " or ".join(f'"{name}"' for name in unseen.suggestions)
        hint = f"; did you mean {meant}?" if meant else ""
        click.echo(safe(f'tubetap: nothing has {unseen.term}: "{unseen.name}" never occurs{hint}'), err=True)


def filter_argument(function: Decorated) -> Decorated:
    """Declare the filter that ends a command line; several words are one filter."""

    def parsed(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> Filter:
        return parse(" ".join(words))

    return click.argument("filter", nargs=-1, callback=parsed)(function)


def warn_of_damage(count: int) -> int:
    """Say on standard error how many messages could not be read, and give the exit code for that."""
    if count:
        click.echo(f"tubetap: {count:,} messages are damaged and could not be read", err=True)
    return 1 if count else 0
