"""The table that ends the demo."""

from pathlib import Path

import pytest

from tubetap.cli.overview import overview

SAMPLE = Path(__file__).parents[2] / "recordings" / "samples" / "camera.mcap"


@pytest.mark.parametrize("width", [None, 80, 60, 40])
def test_the_table_fits_and_still_counts_everything(width: int | None) -> None:
    table = overview(SAMPLE, width)
    whole = overview(SAMPLE)
    assert width is None or all(len(line) <= width for line in table)
    assert [(line.split()[0], line.split()[-1]) for line in table] == [
        (line.split()[0], line.split()[-1]) for line in whole
    ]
    for line in table[1:]:
        *parts, total = (int(cell.replace(",", "")) for cell in line.split()[1:])
        assert sum(parts) == total
