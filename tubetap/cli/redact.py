"""`tubetap redact`: a copy of a recording without what should not be given away."""

from pathlib import Path

import click
import msgspec
import numpy as np

from decoders.text import safe
from recordings.export.jsonl import json_line
from recordings.filters import parse
from recordings.filters.values import Mask
from recordings.output_files import OutputError, whole_output
from recordings.recording import Recording
from recordings.redaction import LeakError, Redacted, Rules, describe, read_rules, redact
from tubetap.cli.figures import table
from tubetap.cli.files import Stages, chosen_rows, force_option, open_whole

SHOWN = 20
"""How many secrets of a kind a preview lists."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--rules", "rules_file", type=click.Path(path_type=Path, dir_okay=False), help="A file of rules (TOML)."
)
@click.option("--print-rules", is_flag=True, help="Print the default rules, as a file to start from.")
@click.option("--dry-run", is_flag=True, help="Only show what would be replaced; the list holds the secrets.")
@click.option(
    "--filter", "filter_text", default="", metavar="TEXT", help="Copy only messages that pass this filter."
)
@click.option(
    "--keep-pickles", is_flag=True, help="Leave pickled values in; the final search looks inside them."
)
@click.option(
    "--map",
    "map_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what each stand-in stands for to this file, for yourself.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Make the stand-ins with this file's content, so that several recordings get the same ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")
@force_option
def command(
    file: Path | None,
    out: Path | None,
    rules_file: Path | None,
    print_rules: bool,
    dry_run: bool,
    filter_text: str,
    keep_pickles: bool,
    map_file: Path | None,
    key_file: Path | None,
    as_json: bool,
    force: bool,
) -> int:
    """Write a copy OUT of the recording FILE without names, paths, secrets and payload data.

    Replaced are home directories, user and host names, tokens, e-mail and network addresses, and values of
    keys named like secrets, each by the same stand-in wherever it stands. Pickles, base64 and binary data are
    replaced by what they are and how large; errors keep their type, arguments and traceback. Message types,
    nodes, epochs, sizes of what is left, and times stay. At the end the copy is searched for everything that
    was taken out, in base64, pickles and compressed parts too: if anything is found, nothing is written, and
    the exit code is 1.

    Look at the copy yourself before you publish it: rules can't know what your own words mean.

    \b
    Examples:
      tubetap redact run.mcap public.mcap
      tubetap redact run.mcap --dry-run
      tubetap redact --print-rules > rules.toml
      tubetap redact run.mcap public.mcap --rules rules.toml --filter 'epoch:40..45'
    """
    if print_rules:
        click.echo(describe())
        return 0
    context = click.get_current_context()
    if file is None or (out is None and not dry_run):
        raise click.UsageError("name the recording and the copy to write, or add --dry-run", context)
    rules = read_rules(rules_file) if rules_file else Rules()
    if keep_pickles:
        payloads = msgspec.structs.replace(rules.payloads, pickles="keep")
        rules = msgspec.structs.replace(rules, payloads=payloads)
    if map_file is not None and map_file.exists() and not force:
        raise OutputError(f"{map_file} exists already: choose another name, or add --force to replace it")
    with open_whole(file) as recording:
        rows = _rows(recording, filter_text)
        if rows is not None and not rows.any():
            click.echo("tubetap: no message passes the filter; nothing was written", err=True)
            return 1
        with Stages() as shown:
            try:
                redacted = redact(
                    recording,
                    None if dry_run else out,
                    rules,
                    rows=rows,
                    key=key_file.read_bytes() if key_file else None,
                    force=force,
                    progress=shown,
                )
            except LeakError as error:
                shown.done()
                return report_leaks(error, as_json)
    if map_file is not None:
        with whole_output(map_file, force=force) as output:
            output.write(msgspec.json.format(msgspec.json.encode(redacted.secrets)))
    _report(redacted, out, dry_run, as_json)
    return 0


def _rows(recording: Recording, text: str) -> Mask | None:
    if not text:
        return None
    rows = np.zeros(len(recording.rows), dtype=np.bool_)
    rows[chosen_rows(recording, parse(text))] = True
    return rows


def _report(redacted: Redacted, out: Path | None, dry_run: bool, as_json: bool) -> None:
    if as_json:
        secrets = {"secrets": redacted.secrets} if dry_run else {}
        click.echo(json_line(redacted.manifest | secrets | {"messages": redacted.copied.messages}))
        return
    if redacted.counts:
        for line in table(
            ("rule", "replaced"), ((rule, f"{count:,}") for rule, count in sorted(redacted.counts.items()))
        ):
            click.echo(line)
    else:
        click.echo("nothing to replace was found")
    for left_out in redacted.left_out:
        click.echo(safe(f"left out: {left_out}"))
    if not dry_run:
        click.echo(
            f"{redacted.copied.messages:,} messages written to {out}; none of what was taken out is in it"
        )
        return
    for category, found in redacted.secrets.items():
        click.echo(f"\n{category}:")
        for stand_in, original in list(found.items())[:SHOWN]:
            click.echo(f"  {safe(original, 60)} -> {safe(stand_in)}")
        if len(found) > SHOWN:
            click.echo(f"  and {len(found) - SHOWN:,} more")


def report_leaks(error: LeakError, as_json: bool) -> int:
    """List what is still in a copy, and give the exit code for that."""
    if as_json:
        click.echo(json_line({"leaks": error.leaks}))
    click.echo(f"tubetap: {error}", err=True)
    for leak in error.leaks[:SHOWN]:
        wrapping = f" inside {leak.wrapping}" if leak.wrapping else ""
        click.echo(safe(f"  {leak.place}{wrapping}: {leak.found}"), err=True)
    return 1
