"""What the verbs that record have in common: where to, how it is watched, and what a slow disk may cost."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}


def _size(text: str) -> int:
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    if not number.isdigit() or not int(number):
        raise click.BadParameter(f"{text!r} is no size; write 500M or 2G")
    return int(number) * unit


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
        type=_size,
        metavar="SIZE",
        default="256M",
        show_default=True,
        help="What may wait for a slow disk, in bytes.",
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


def check_terminal(tui: bool) -> None:
    """Refuse --tui where there is no terminal."""
    if tui and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "--tui needs a terminal; leave it out, and open the recording with tubetap view",
            click.get_current_context(),
        )


def watch_live(file: str, question: str) -> None:
    """Show a growing recording and exit; `question` is asked before leaving while it still grows."""
    from recordings.recording import Recording
    from tui.app import TubetapApp

    with Recording.open(Path(file), follow=True) as recording:

        def leaving() -> str:
            return question if recording.state == "growing" else ""

        app = TubetapApp(recording, live=True, leaving=leaving)
        app.run()
        sys.exit(app.return_code or 0)
