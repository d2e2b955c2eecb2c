"""The summary table that ends `tubetap demo`: what was seen, by type and by node."""

from pathlib import Path

import click
import numpy as np

from decoders.text import safe
from recordings.recording import Recording


def print_overview(path: Path) -> None:
    """Print how many messages of each type each node sent, and where the recording is."""
    with Recording.open(path) as recording:
        while recording.refresh():
            pass
        rows = recording.rows
        counts = np.zeros((len(rows.names), len(rows.types)), dtype=np.int64)
        np.add.at(counts, (rows.sender, rows.type), 1)
        types = [code for code in range(len(rows.types)) if counts[:, code].any()]
        names = [code for code in range(len(rows.names)) if counts[code].any()]
        header = ["node", *(rows.types[code] or "raw" for code in types), "total"]
        table = [
            [rows.names[code], *(f"{counts[code, kind]:,}" for kind in types), f"{counts[code].sum():,}"]
            for code in names
        ]
        table.append(["total", *(f"{counts[:, kind].sum():,}" for kind in types), f"{counts.sum():,}"])
        widths = [max(len(row[column]) for row in [header, *table]) for column in range(len(header))]
        click.echo()
        for row in [header, *table]:
            cells = [safe(row[0]).ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            click.echo("  ".join(cells))
    click.echo(f"\nRecording: {path}\nLook again with: tubetap view {path}")
