"""`tubetap merge`: several recordings on one time line."""

from contextlib import ExitStack
from pathlib import Path

import click

from recordings.amounts import AmountError, duration
from recordings.edit.merging import Offset, merge
from tubetap.cli.figures import duration as shown_duration
from tubetap.cli.files import force_option, open_whole, progress, warn_of_damage


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The new recording.",
)
@click.option(
    "--offset",
    "offsets",
    multiple=True,
    metavar="TIME",
    help="What to add to a file's times, such as 12ms or -1.5s; one for each file behind the first. "
    "Default: estimated from messages that both recorded.",
)
@click.option("--keep-repeated", is_flag=True, help="Keep a message once for each file that recorded it.")
@force_option
def command(
    files: tuple[Path, ...], output: Path, offsets: tuple[str, ...], keep_repeated: bool, force: bool
) -> int:
    """Put the recordings FILES on one time line, that of the first.

    Clocks of several machines are compared by the messages that both recorded: a message can't have arrived
    before it was sent. Endpoints and connections get new numbers where they would clash.

    \b
    Examples:
      tubetap merge camera-pc.mcap analysis-pc.mcap -o both.mcap
      tubetap merge a.mcap b.mcap --offset -250ms -o both.mcap
    """
    given: list[int | None] = [0, *map(_read_offset, offsets)] if offsets else []
    if len(given) > len(files):
        raise click.UsageError(
            "there are more offsets than files behind the first", click.get_current_context()
        )
    with ExitStack() as stack:
        recordings = [stack.enter_context(open_whole(file)) for file in files]
        with progress("merging") as shown:
            merged = merge(
                recordings,
                output,
                offsets=given,
                keep_repeated=keep_repeated,
                force=force,
                progress=shown,
            )
    for offset in merged.offsets[1:]:
        click.echo(_describe(offset))
    copied = merged.copied
    click.echo(f"{copied.messages:,} messages written to {output}; {merged.repeated:,} were in several files")
    return warn_of_damage(copied.unreadable)


def _describe(offset: Offset) -> str:
    sign = "-" if offset.offset_ns < 0 else "+"
    shift = f"{offset.name}: {sign}{shown_duration(abs(offset.offset_ns))}"
    if not offset.common:
        return f"{shift} (nothing to compare the clocks by)"
    if offset.uncertainty_ns is None:
        return f"{shift}, from {offset.common:,} messages in common (no bound on the error)"
    return (
        f"{shift} within {shown_duration(offset.uncertainty_ns)}, from {offset.common:,} messages in common"
    )


def _read_offset(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * duration(text.lstrip("+-"))
    except AmountError as error:
        raise click.BadParameter(str(error), click.get_current_context()) from None
