"""`tubetap run`: start a program with tubetap in the path of its sockets. See `proxy.run`."""

import sys
from pathlib import Path

import click

from decoders.text import safe
from proxy.run import CommandError, run

_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}


def _size(text: str) -> int:
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    if not number.isdigit() or not int(number):
        raise click.BadParameter(f"{text!r} is no size; write 500M or 2G")
    return int(number) * unit


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.argument("program", nargs=-1, type=click.UNPROCESSED, required=True, metavar="-- PROGRAM [ARGS]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to record (FILE.mcap).")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option(
    "--tui/--no-tui",
    default=False,
    help="Watch the messages live. Default: leave the terminal to the program.",
)
@click.option(
    "--buffer",
    type=_size,
    metavar="SIZE",
    default="256M",
    show_default=True,
    help="What may wait for a slow disk, in bytes.",
)
@click.option(
    "--on-overflow",
    type=click.Choice(["drop", "block"]),
    default="drop",
    show_default=True,
    help="When that is full: leave messages out of the recording and count them, or hold up the program.",
)
def command(
    program: tuple[str, ...], output: Path | None, force: bool, tui: bool, buffer: int, on_overflow: str
) -> int:
    """Run PROGRAM with tubetap in the path of its ZeroMQ sockets, and record what crosses them.

    The program needs no change and keeps its terminal, input, output, signals and exit code; with --tui the
    viewer has the terminal, the program reads nothing, and what it prints is in the viewer's log. Leaving the
    viewer ends the program: SIGINT first, then SIGTERM and SIGKILL after 5 seconds each.

    Recordings go to a private folder of yours unless -o says where.

    \b
    Examples:
      tubetap run -- python my_tube.py
      tubetap run --tui -- noob run my-tube --runner zmq -n 20
      tubetap run -o test.mcap -- pytest tests/test_tube.py
    """
    if tui and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "--tui needs a terminal; leave it out, and open the recording with tubetap view"
        )
    try:
        result = run(
            program,
            output=output,
            force=force,
            tui=tui,
            buffer_bytes=buffer,
            on_overflow="block" if on_overflow == "block" else "drop",
        )
    except CommandError as error:
        print(f"tubetap: {safe(str(error))}", file=sys.stderr)
        return error.exit_code
    return result.exit_code


def main(arguments: list[str]) -> None:
    """Show a growing recording; `tubetap run --tui` starts this as a process of its own."""
    from recordings.recording import Recording
    from tui.app import TubetapApp

    with Recording.open(Path(arguments[0]), follow=True) as recording:

        def leaving() -> str:
            return "The program still runs. End it?" if recording.state == "growing" else ""

        app = TubetapApp(recording, live=True, leaving=leaving)
        app.run()
        sys.exit(app.return_code or 0)
