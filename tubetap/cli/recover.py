"""`tubetap recover`: a clean file of a cut-off or damaged one."""

from pathlib import Path

import click

from decoders.text import safe
from recordings.maintain import recover
from recordings.output_files import OutputError, whole_file
from tubetap.cli.figures import quantity
from tubetap.cli.files import force_option, recording_argument


@click.command()
@recording_argument()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@force_option
def command(file: Path, out: Path, force: bool) -> int:
    """Copy all that can be read of FILE to the new recording OUT, with a proper end.

    tubetap itself reads cut-off files as they are; other programs like them better this way. FILE is left
    alone. Exits with 1 if something could not be read.

    \b
    Examples:
      tubetap recover killed.mcap whole.mcap
    """
    if out.exists() and file.exists() and out.samefile(file):
        raise OutputError(f"{out} is the file to recover: choose another name for the result")
    with whole_file(out, force=force) as temporary:
        recovered = recover(file, temporary)
    size = quantity(out.stat().st_size)
    click.echo(f"{recovered.messages:,} messages in {recovered.chunks:,} chunks written to {out} ({size})")
    for problem in recovered.problems:
        click.echo(safe(f"not readable: {problem}"), err=True)
    return 1 if recovered.problems else 0
