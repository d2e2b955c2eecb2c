"""Numbers and tables as people read them."""

from collections.abc import Iterable, Iterator, Sequence

from decoders.text import safe

MAX_CELL = 100


def quantity(octets: int) -> str:
    """Write a number of bytes: 217 B, 1.2 kB, 3.4 MB."""
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            return f"{octets:,} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def duration(ns: int) -> str:
    """Write a duration: 850 us, 12.3 ms, 4.56 s, 3 min 20 s, 2 h 5 min."""
    if ns < 1_000_000:
        return f"{ns / 1000:.0f} us"
    if ns < 1_000_000_000:
        return f"{ns / 1e6:.1f} ms"
    seconds = ns / 1e9
    if seconds < 60:
        return f"{seconds:.2f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table: the first column to the left, numbers to the right; foreign text is made safe."""
    cells = [[safe(cell, MAX_CELL) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *cells]) for column in range(len(header))]
    numeric = [
        column > 0 and bool(cells) and all(row[column][:1].isdigit() or row[column] == "-" for row in cells)
        for column in range(len(header))
    ]
    for row in [list(header), *cells]:
        yield "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
