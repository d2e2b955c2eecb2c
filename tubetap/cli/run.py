"""`tubetap run`: start a program with tubetap in the path of its sockets. See `proxy.run`."""

from pathlib import Path

import click

from proxy.output import say
from proxy.run import CommandError, run
from tubetap.cli.recording import (
    buffer_option,
    check_terminal,
    keeping_options,
    output_options,
    overflow_option,
    read_keeping,
)
from tubetap.cli.watching import watch_live


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.argument("program", nargs=-1, type=click.UNPROCESSED, required=True, metavar="-- PROGRAM [ARGS]...")
@output_options
@buffer_option
@overflow_option
@keeping_options
def command(
    program: tuple[str, ...],
    output: Path | None,
    force: bool,
    tui: bool,
    buffer: int,
    on_overflow: str,
    rotate: tuple[int | None, int | None] | None,
    keep: int | None,
    ring: int | None,
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
      tubetap run -o long.mcap --rotate 500MB --keep 5 -- python my_tube.py
      tubetap run -o crash.mcap --ring 60s -- python my_tube.py
    """
    keeping = read_keeping(rotate, keep, ring, tui=tui)
    check_terminal(tui)
    try:
        result = run(
            program,
            output=output,
            force=force,
            tui=tui,
            buffer_bytes=buffer,
            on_overflow="block" if on_overflow == "block" else "drop",
            keeping=keeping,
        )
    except CommandError as error:
        say(str(error))
        return error.exit_code
    return result.exit_code


def main(arguments: list[str]) -> None:
    """Show a growing recording; `tubetap run --tui` starts this as a process of its own."""
    watch_live(arguments[0], "The program still runs. End it?")
