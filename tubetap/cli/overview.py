"""The summary table that ends `tubetap demo`: what was seen, by type and by node."""

import shutil
import sys
from pathlib import Path

import click
import numpy as np

from decoders.text import safe
from recordings.recording import Recording

_GAP = "  "
_OTHERS = "others"


def print_overview(path: Path) -> None:
    """Print how many messages of each type each node sent, and where the recording is."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo("\n" + "\n".join(overview(path, width)))
    click.echo(f"\nRecording: {path}\nLook again with: tubetap view {path}")


def overview(path: Path, width: int | None = None) -> list[str]:
    """Return the lines of the table, no wider than `width` characters: the rarest types go together."""
    with Recording.open(path) as recording:
        rows = recording.rows
        counts = np.zeros((len(rows.names), len(rows.types)), dtype=np.int64)
        np.add.at(counts, (rows.sender, rows.type), 1)
        columns = {safe(name) or "raw": counts[:, code] for code, name in enumerate(rows.types)}
        columns = {name: column for name, column in columns.items() if column.any()}
        names = {safe(name): code for code, name in enumerate(rows.names) if counts[code].any()}
    table = _table(names, columns)
    while width is not None and len(table[0]) > width and len(columns) > 2:
        rarest = min((name for name in columns if name != _OTHERS), key=lambda name: int(columns[name].sum()))
        columns[_OTHERS] = columns.pop(_OTHERS, 0) + columns.pop(rarest)
        table = _table(names, columns)
    return table


def _table(names: dict[str, int], columns: dict[str, np.ndarray]) -> list[str]:
    """The lines of the table: one a name, which has its counts at a place of all columns, and their sums."""
    lines = [["node", *columns, "total"]]
    for name, code in names.items():
        counts = [int(column[code]) for column in columns.values()]
        lines.append([name, *(f"{count:,}" for count in (*counts, sum(counts)))])
    sums = [int(column.sum()) for column in columns.values()]
    lines.append(["total", *(f"{count:,}" for count in (*sums, sum(sums)))])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return [
        _GAP.join(
            [cells[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        )
        for cells in lines
    ]
