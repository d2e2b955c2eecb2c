"""`tubetap export`: a recording in another program's format."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import click

from recordings.export.formats import FORMATS, Format, byte_pieces, find_format, text_pieces, write_table
from recordings.filters import Filter
from recordings.output_files import whole_file, whole_output
from recordings.recording import Recording
from recordings.version import VERSION
from tubetap.cli.figures import quantity
from tubetap.cli.files import (
    Progress,
    chosen_rows,
    filter_argument,
    force_option,
    open_whole,
    progress,
    recording_argument,
)

FORMAT_HELP = "; ".join(f"{each.name} ({each.help})" for each in FORMATS)


@click.command()
@recording_argument()
@filter_argument
@click.option("--format", "format_name", type=click.Choice([each.name for each in FORMATS]), help=FORMAT_HELP)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The new file, whose name may tell the format. Default, or -: standard output, for text.",
)
@click.option(
    "--fields", metavar="A,B,..", help="Which fields jsonl, csv and parquet have; see tubetap cat --help."
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="How many messages a diagram shows.")
@force_option
def command(
    file: Path,
    filter: Filter,
    format_name: str | None,
    output: Path | None,
    fields: str | None,
    limit: int | None,
    force: bool,
) -> int:
    """Convert the messages of FILE that pass FILTER.

    \b
    Examples:
      tubetap export run.mcap -o run.csv
      tubetap export run.mcap --format mermaid 'epoch:3 !type:status' | xclip
      tubetap export run.mcap -o trace.json            # open in https://ui.perfetto.dev
      tubetap export run.mcap -o part.pcapng 'epoch:3..7'
      tubetap export run.mcap --format jsonl type:error | jq .body
    """
    if output == Path("-"):
        output = None
    chosen = find_format(format_name, output)
    names = [name.strip() for name in fields.split(",")] if fields else []
    with open_whole(file) as recording:
        rows: list[int] = chosen_rows(recording, filter).tolist()
        if output is None:
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(errors="backslashreplace")
            for piece in text_pieces(chosen, recording, rows, fields=names, limit=limit):
                sys.stdout.write(piece)
            return 0 if rows else 1
        with progress(f"writing {output.name}") as shown:
            _write(chosen, recording, rows, output, names, limit, force, shown)
    click.echo(f"{len(rows):,} messages written to {output} ({quantity(output.stat().st_size)})")
    return 0 if rows else 1


def _write(
    chosen: Format,
    recording: Recording,
    rows: Sequence[int],
    output: Path,
    fields: Sequence[str],
    limit: int | None,
    force: bool,
    shown: Progress,
) -> None:
    """Write the file, whole or not at all."""
    counted = _Counted(rows, shown)
    if chosen.name == "parquet":
        with whole_file(output, force=force) as temporary:
            write_table(recording, counted, temporary, fields)
        return
    with whole_output(output, force=force) as file:
        if chosen.text:
            for text in text_pieces(chosen, recording, counted, fields=fields, limit=limit):
                file.write(text.encode("utf-8", "backslashreplace"))
        else:
            for data in byte_pieces(recording, counted, VERSION):
                file.write(data)


class _Counted(Sequence[int]):
    """Rows that tell how far someone has come in reading them."""

    def __init__(self, rows: Sequence[int], shown: Progress) -> None:
        self._rows = rows
        self._shown = shown

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._rows[index]

    def __iter__(self) -> Iterator[int]:
        for done, row in enumerate(self._rows):
            if done % 256 == 0:
                self._shown(done / len(self._rows))
            yield row
