"""`tubetap slice`: part of a recording as a recording of its own."""

from pathlib import Path

import click
import numpy as np

from recordings.edit.slicing import cut
from recordings.filters import Filter
from tubetap.cli.figures import quantity
from tubetap.cli.files import (
    chosen_rows,
    filter_argument,
    force_option,
    open_whole,
    progress,
    recording_argument,
    warn_of_damage,
)


@click.command()
@recording_argument()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@filter_argument
@click.option(
    "--context", type=click.IntRange(0), default=0, metavar="N", help="N messages around each, too."
)
@force_option
def command(file: Path, out: Path, filter: Filter, context: int, force: bool) -> int:
    """Copy the messages of FILE that pass FILTER to the new recording OUT.

    What is known of nodes, endpoints, connections and subscriptions comes along; the program's output as far
    as it lies between the first and the last message. Exits with 1, and writes nothing, if no message passes.

    \b
    Examples:
      tubetap slice run.mcap part.mcap 'epoch:40..45'
      tubetap slice run.mcap part.mcap 'time:12:04..12:05'
      tubetap slice run.mcap errors.mcap error --context 50
    """
    with open_whole(file) as recording:
        chosen = chosen_rows(recording, filter)
        if not len(chosen):
            click.echo(f"tubetap: no message of {file} passes the filter; nothing was written", err=True)
            return 1
        rows = np.zeros(len(recording.rows), dtype=np.bool_)
        for row in chosen.tolist():
            rows[max(0, row - context) : row + context + 1] = True
        with progress("copying") as shown:
            copied = cut(recording, rows, out, why=filter.text or "everything", force=force, progress=shown)
    size = quantity(out.stat().st_size)
    click.echo(f"{copied.messages:,} messages with {copied.copies:,} copies written to {out} ({size})")
    return warn_of_damage(copied.unreadable)
