"""`tubetap attach`: listen to a tube that already runs. See `proxy.attach`."""

from pathlib import Path

import click

from proxy.attach import attach
from tubetap.cli.ps import folder_option
from tubetap.cli.recording import (
    buffer_option,
    check_terminal,
    keeping_options,
    output_options,
    read_keeping,
)
from tubetap.cli.watching import watch_live


@click.command()
@click.argument("runner", required=False, default="")
@folder_option
@output_options
@buffer_option
@keeping_options
def command(
    runner: str,
    folders: tuple[Path, ...],
    output: Path | None,
    force: bool,
    tui: bool,
    buffer: int,
    rotate: tuple[int | None, int | None] | None,
    keep: int | None,
    ring: int | None,
) -> int:
    """Listen to a noob tube that already runs, and record what it publishes.

    RUNNER is the tube's id as tubetap ps lists it, or the beginning of it; it can be left out when only one
    tube runs. Nothing is restarted and the tube is not disturbed: tubetap subscribes to the command node and
    to every node. Ends with the tube, or with Ctrl-C.

    Not seen this way: what nodes tell the command node (identify, status, error), who else received a
    message, and anything before. tubetap run sees all of it, but has to start the program.

    \b
    Examples:
      tubetap attach
      tubetap attach e4dc --tui
      tubetap attach -o live.mcap
    """
    keeping = read_keeping(rotate, keep, ring, tui=tui)
    check_terminal(tui)
    result = attach(
        runner,
        folders=[folder.absolute() for folder in folders],
        output=output,
        force=force,
        tui=tui,
        buffer_bytes=buffer,
        keeping=keeping,
    )
    return result.exit_code


def main(arguments: list[str]) -> None:
    """Show a growing recording; `tubetap attach --tui` starts this as a process of its own."""
    watch_live(arguments[0], "The recording still goes on. End it?")
