"""`tubetap report`: the bundle for a bug report."""

from pathlib import Path

import click
import numpy as np

from decoders.text import safe
from recordings.filters import Filter
from recordings.redaction import LeakError, Rules, read_rules
from recordings.report import report
from tubetap.cli.amounts import read_size
from tubetap.cli.figures import quantity
from tubetap.cli.files import (
    Stages,
    chosen_rows,
    filter_argument,
    force_option,
    open_whole,
    recording_argument,
)
from tubetap.cli.redact import report_leaks


@click.command()
@recording_argument()
@filter_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The bundle to write. Default: the recording's name with -report.zip, in the current folder.",
)
@click.option(
    "--max-size",
    type=read_size,
    default="20MB",
    show_default=True,
    metavar="SIZE",
    help="How large the bundle may get.",
)
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Rules for redaction (TOML).",
)
@force_option
def command(
    file: Path, filter: Filter, output: Path | None, max_size: int, rules_file: Path | None, force: bool
) -> int:
    """Bundle what a bug report needs into one zip file that can be attached.

    report.md sums up versions, nodes and their states, errors with tracebacks, unfinished epochs, what
    happened around the trouble, and losses; recording.mcap is the part of FILE that belongs to it (or what
    passes FILTER), redacted as by tubetap redact. Messages nearest to an error, a loss, an epoch that never
    ended, or else the end come first.

    Look at both before you publish them.

    \b
    Examples:
      tubetap report run.mcap
      tubetap report run.mcap --max-size 5MB -o issue-17.zip
      tubetap report run.mcap 'epoch:40..45' --rules rules.toml
    """
    output = output or Path(f"{file.stem}-report.zip")
    rules = read_rules(rules_file) if rules_file else Rules()
    with open_whole(file) as recording:
        allowed = None
        if not filter.empty:
            allowed = np.zeros(len(recording.rows), dtype=np.bool_)
            allowed[chosen_rows(recording, filter)] = True
        with Stages() as shown:
            try:
                bundle = report(
                    recording,
                    output,
                    max_size=max_size,
                    rules=rules,
                    allowed=allowed,
                    force=force,
                    progress=shown,
                )
            except LeakError as error:
                shown.done()
                return report_leaks(error, as_json=False)
    click.echo(
        f"{output} ({quantity(bundle.size)}) holds report.md and {bundle.messages:,} of "
        f"{bundle.of_messages:,} messages, with {sum(bundle.redacted.counts.values()):,} replacements"
    )
    for left_out in bundle.redacted.left_out:
        click.echo(safe(f"left out: {left_out}"))
    return 0
