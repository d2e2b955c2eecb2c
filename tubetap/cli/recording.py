"""What the verbs that record have in common: where to, how it is watched, and what a slow disk may cost."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from recordings.keeping import EVERYTHING, Keeping
from tubetap.cli.amounts import read_duration, read_rotation, read_size

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def output_options(function: Decorated) -> Decorated:
    """Declare -o, --force and --tui."""
    watch = click.option(
        "--tui/--no-tui", default=False, help="Watch the messages live. Default: leave the terminal alone."
    )
    force = click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
    output = click.option(
        "-o", "--output", type=click.Path(path_type=Path), help="Where to record (FILE.mcap)."
    )
    return output(force(watch(function)))


def buffer_option(function: Decorated) -> Decorated:
    """Declare --buffer."""
    return click.option(
        "--buffer",
        type=read_size,
        metavar="SIZE",
        default="256MB",
        show_default=True,
        help="What may wait for a slow disk.",
    )(function)


def overflow_option(function: Decorated) -> Decorated:
    """Declare --on-overflow."""
    return click.option(
        "--on-overflow",
        type=click.Choice(["drop", "block"]),
        default="drop",
        show_default=True,
        help="When that is full: leave messages out of the recording and count them, or hold up the program.",
    )(function)


def keeping_options(function: Decorated) -> Decorated:
    """Declare --rotate, --keep and --ring; `read_keeping` makes one thing of them."""
    rotate = click.option(
        "--rotate",
        type=read_rotation,
        metavar="SIZE|TIME",
        help="Go on in a new file (FILE.2.mcap, ...) when one is so large or so long: 500MB, 10min.",
    )
    keep = click.option(
        "--keep",
        type=click.IntRange(1),
        metavar="N",
        help="With --rotate: of the files, keep only the last N.",
    )
    ring = click.option(
        "--ring",
        type=read_duration,
        metavar="TIME",
        help="Flight recorder: hold only the last TIME in memory, and write it to a file 2 s after an error "
        "message, on SIGUSR1 to tubetap, and at the end.",
    )
    return rotate(keep(ring(function)))


def read_keeping(
    rotate: tuple[int | None, int | None] | None, keep: int | None, ring: int | None, *, tui: bool
) -> Keeping:
    """What the options of `keeping_options` ask for; raises UsageError where they do not go together."""
    if rotate is None and keep is None and ring is None:
        return EVERYTHING
    context = click.get_current_context()
    if ring is not None and (rotate is not None or keep is not None):
        raise click.UsageError("--ring writes no file until something happens: leave out --rotate", context)
    if rotate is None and keep is not None:
        raise click.UsageError("--keep needs --rotate, which says when a new file begins", context)
    if tui:
        raise click.UsageError(
            "--tui shows one file while it grows: leave it out with --rotate and --ring, and open the files "
            "with tubetap view",
            context,
        )
    size, time_ns = rotate or (None, None)
    return Keeping(rotate_bytes=size, rotate_ns=time_ns, keep=keep, ring_ns=ring)


def check_terminal(tui: bool) -> None:
    """Refuse --tui where there is no terminal."""
    if tui and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "--tui needs a terminal; leave it out, and open the recording with tubetap view",
            click.get_current_context(),
        )
