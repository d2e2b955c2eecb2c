"""How many messages and bytes a second, over all and by node, asked from the time column when needed.

Rows come in the order of time, so that any window is found by bisection; nothing is kept up to date per
message.
"""

import numpy as np
from numpy.typing import NDArray

from recordings.rows import Rows

SECOND_NS = 1_000_000_000


def window(rows: Rows, start_ns: int, end_ns: int) -> slice:
    """Give the rows from `start_ns` up to `end_ns`."""
    first, last = np.searchsorted(rows.time_ns[: len(rows)], (start_ns, end_ns))
    return slice(int(first), int(last))


def per_second(rows: Rows, end_ns: int, span_ns: int = SECOND_NS) -> tuple[float, float]:
    """Give messages and bytes a second in the span that ends at `end_ns`."""
    part = window(rows, end_ns - span_ns, end_ns)
    seconds = span_ns / SECOND_NS
    return (part.stop - part.start) / seconds, float(rows.size[part].sum(dtype=np.int64)) / seconds


def by_sender(rows: Rows, end_ns: int, span_ns: int = 2 * SECOND_NS) -> dict[str, float]:
    """Give each sender's messages a second in the span that ends at `end_ns`."""
    part = window(rows, end_ns - span_ns, end_ns)
    counts = np.bincount(rows.sender[part], minlength=len(rows.names))
    return {name: int(counts[code]) * SECOND_NS / span_ns for code, name in enumerate(rows.names)}


def buckets(rows: Rows, start_ns: int, end_ns: int, number: int) -> NDArray[np.int64]:
    """Count the messages in `number` equal parts of the time from `start_ns` to `end_ns`."""
    if end_ns <= start_ns or number < 1:
        return np.zeros(max(0, number), dtype=np.int64)
    edges = start_ns + np.arange(number + 1, dtype=np.int64) * ((end_ns - start_ns) // number or 1)
    edges[-1] = end_ns + 1
    return np.diff(np.searchsorted(rows.time_ns[: len(rows)], edges)).astype(np.int64)


SPARKS = " ▁▂▃▄▅▆▇█"
ASCII_SPARKS = " .:-=+*#@"


def spark(counts: NDArray[np.int64], *, ascii_only: bool = False) -> str:
    """Draw counts as a row of bars, one character each."""
    sparks = ASCII_SPARKS if ascii_only else SPARKS
    top = int(counts.max()) if len(counts) else 0
    if not top:
        return " " * len(counts)
    return "".join(sparks[0 if not n else 1 + int(n) * (len(sparks) - 2) // top] for n in counts)
