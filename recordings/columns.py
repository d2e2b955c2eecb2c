"""Columns of integers as few bytes: each as the narrowest differences from its least value.

Not a general compressor: zstd comes behind it and likes what this leaves.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from recordings.container import Damage

Integers = NDArray[np.int64]

_WIDTHS: Final = {0: None, 1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}


class Column(msgspec.Struct, frozen=True, array_like=True):
    """A packed column: `base` (64 bit, signed), bytes a value, and whether values are steps from one to
    the next."""

    base: int
    width: int
    steps: bool
    data: bytes


def pack(values: NDArray[np.generic], *, steps: bool = False) -> Column:
    """Pack integers; `steps` for columns that mostly rise, such as times and positions."""
    column = np.ascontiguousarray(values, dtype=np.int64)
    if steps and len(column):
        first, levels = int(column[0]), column
        column = np.empty_like(levels)
        np.subtract(levels[1:], levels[:-1], out=column[1:])
        column[0] = column[1] if len(column) > 1 else 0
    else:
        first = 0
        steps = False
    if not len(column):
        return Column(0, 0, False, b"")
    base = int(np.minimum.reduce(column))
    spread = (column - base).view(np.uint64)
    top = int(np.maximum.reduce(spread))
    width = 0 if top == 0 else 1 if top < 1 << 8 else 2 if top < 1 << 16 else 4 if top < 1 << 32 else 8
    dtype = _WIDTHS[width]
    data = b"" if dtype is None else spread.astype(dtype).tobytes()
    if steps:
        data = first.to_bytes(8, "little", signed=True) + data
    return Column(base, width, steps, data)


def unpack(column: Column, count: int) -> Integers:
    """The `count` values of a packed column; Damage if it does not hold exactly that many."""
    data, base = column.data, column.base
    start = 8 if column.steps else 0
    if column.width not in _WIDTHS or len(data) != start + column.width * count:
        raise Damage("a column of the row index has the wrong length")
    if not -(1 << 63) <= base < 1 << 63:
        raise Damage("a column of the row index begins out of range")
    dtype = _WIDTHS[column.width]
    if dtype is None or not count:
        values = np.empty(count, dtype=np.int64)
        values.fill(base)
    else:
        values = np.frombuffer(data, dtype=dtype, offset=start).astype(np.int64)
        if base:
            values += base
    if column.steps and count:
        values[0] = int.from_bytes(data[:8], "little", signed=True)
        np.add.accumulate(values, out=values)
    return values


def distinct(values: Integers) -> Integers:
    """The values that occur, rising; quick where they are almost sorted already."""
    if not len(values):
        return values
    ordered = np.sort(values, kind="stable")
    new = np.empty(len(ordered), dtype=bool)
    new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def groups(values: NDArray[np.integer[Any]]) -> Iterator[tuple[int, Integers]]:
    """Each value that occurs, with the positions where it does, which rise."""
    if not len(values):
        return
    # numpy sorts 16-bit integers by radix, several times as fast.
    short = int(values.min()) >= 0 and int(values.max()) < 1 << 16
    order = np.argsort(values.astype(np.uint16) if short else values, kind="stable")
    ordered = values[order]
    starts = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield int(ordered[start]), order[start:end]
