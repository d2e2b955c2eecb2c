"""Pandas' tables, columns, indexes and times, of releases 1.x to 3.x.

A DataFrame pickles its BlockManager: blocks of columns of one type, each with the places of its columns. The
manager is a call with blocks and axes, or (before 1.3, and for a Series) has them in a state.
"""

import datetime
from collections.abc import Mapping as AbstractMapping

import numpy as np

from decoders.arrays import ArrayView
from decoders.errors import DecodeError
from decoders.pickles.columns import Column, array_or_none, cell_text, column_of, index_column
from decoders.pickles.known_python import Recogniser, zone_text
from decoders.pickles.look import (
    Look,
    Part,
    function_path,
    integer,
    items_of,
    label,
    of_parts,
    path_of,
    problem,
)
from decoders.pickles.values import Call, Mapping, Value
from decoders.tree import counted

_MOST_COLUMNS = 500
_UNITS = {7: "s", 8: "ms", 9: "us", 10: "ns"}  # pandas' NPY_DATETIMEUNIT numbers


def _frame(call: Call) -> Look | None:
    manager = _manager(call)
    if manager is None:
        return None
    try:
        axes, blocks = _blocks(manager)
        names = index_column(axes[0]) if axes else None
        if len(axes) != 2 or names is None:
            return None
        columns = _columns(names, blocks)
    except DecodeError as error:
        return problem(f"a DataFrame that can't be shown: {error}", [Part("manager", manager)])
    rows = index_column(axes[1])
    count = rows.count if rows is not None else next((c.count for _, c, _ in columns if c is not None), 0)
    kinds = ", ".join(
        f"{name} {column.dtype if column is not None else '?'}" for name, column, _ in columns[:20]
    )
    parts = [
        Part(name, column_look("", column, rows) if column is not None else values)
        for name, column, values in columns
    ]
    parts.append(Part("index", axes[1]))
    title = f"DataFrame {counted(count, 'row')} × {counted(names.count, 'column')}"
    return of_parts("object", f"{title}: {kinds}" if kinds else title, parts, brackets=None)


def _columns(names: Column, blocks: list[tuple[Value, Value]]) -> list[tuple[str, Column | None, Value]]:
    """Return name, cells and raw value of each column, in the order of the table."""
    count = min(names.count, _MOST_COLUMNS)
    found: dict[int, tuple[Column | None, Value]] = {}
    for values, placement in blocks[:_MOST_COLUMNS]:
        for row, place in enumerate(_places(placement, count)):
            if place not in found:
                found[place] = (column_of(values, row), values)
    return [(cell_text(names.cell(place)), *found.get(place, (None, None))) for place in range(count)]


def _series(call: Call) -> Look | None:
    manager = _manager(call)
    if manager is None or not isinstance(call.state, Mapping):
        return None
    try:
        axes, blocks = _blocks(manager)
        column = column_of(blocks[0][0]) if blocks else None
        rows = index_column(axes[0]) if axes else None
    except DecodeError as error:
        return problem(f"a Series that can't be shown: {error}", [Part("manager", manager)])
    if column is None:
        return None
    name = call.state.get("_name") or call.state.get("name")
    return column_look(f"Series{f' {label(name)}' if name is not None else ''}", column, rows)


def column_look(title: str, column: Column, rows: Column | None = None) -> Look:
    """Return the look of a column, its cells under the labels of the rows."""

    def part(index: int) -> Part:
        try:
            name = cell_text(rows.cell(index)) if rows is not None and index < rows.count else ""
            return Part(name, column.cell(index))
        except (DecodeError, ValueError, IndexError) as error:
            return Part("", problem(str(error)))

    shown = f"{title} ({column.count},) {column.dtype}".strip()
    return Look("ndarray", shown, count=column.count, part=part)


def _manager(call: Call) -> Call | None:
    if not isinstance(call.state, Mapping):
        return None
    manager = call.state.get("_mgr")
    if manager is None:
        manager = call.state.get("_data")
    return manager if isinstance(manager, Call) and path_of(manager.function).endswith("Manager") else None


def _blocks(manager: Call) -> tuple[list[Value], list[tuple[Value, Value]]]:
    """Return the axes, and the values and placement of each block."""
    if len(manager.args) == 2:
        blocks = [block for block in items_of(manager.args[0]) if isinstance(block, Call)]
        pairs = [(block.args[0], block.args[1]) for block in blocks if len(block.args) > 1]
        return items_of(manager.args[1], "list"), pairs
    facts = next((item for item in items_of(manager.state) if isinstance(item, Mapping)), None)
    inner = facts.get("0.14.1") if facts is not None else None
    if not isinstance(inner, Mapping):
        return [], []
    blocks_of = [block for block in items_of(inner.get("blocks"), "list") if isinstance(block, Mapping)]
    pairs = [(block.get("values"), block.get("mgr_locs")) for block in blocks_of]
    return items_of(inner.get("axes"), "list"), pairs


def _places(placement: Value, count: int) -> list[int]:
    """Return which columns the rows of a block are: pandas writes a slice or an array of places."""
    if isinstance(placement, Call) and placement.args and function_path(placement).endswith("BlockPlacement"):
        placement = placement.args[0]
    if (
        isinstance(placement, Call)
        and len(placement.args) == 3
        and function_path(placement) == "builtins.slice"
    ):
        start, stop, step = (integer(arg) for arg in placement.args)
        end = count if stop is None else min(stop, count)
        return list(range(max(start or 0, 0), end, max(step or 1, 1)))
    view = array_or_none(placement)
    if not isinstance(view, ArrayView) or len(view.shape) != 1:
        return []
    places = [view.item(index) for index in range(min(len(view), count))]
    return [place for place in places if isinstance(place, int)]


def _index(call: Call) -> Look | None:
    try:
        column = index_column(call)
    except DecodeError as error:
        return problem(f"an index that can't be shown: {error}", [Part("", arg) for arg in call.args])
    if column is None:
        return None
    facts = call.args[1]
    title = path_of(call.args[0]).rpartition(".")[2]
    name = facts.get("name") if isinstance(facts, Mapping) else None
    return column_look(title if name is None else f"{title} {label(name)}", column)


def _array(call: Call) -> Look | None:
    try:
        column = column_of(call)
    except DecodeError as error:
        return problem(f"an array that can't be shown: {error}")
    name = path_of(call.args[0] if call.args else call.function).rpartition(".")[2]
    return column_look(name, column) if column is not None else None


def _arrow(call: Call) -> Look | None:
    try:
        column = column_of(Call(None, [], "NEWOBJ", states=[Mapping(["_pa_array"], [call])]))
    except DecodeError as error:
        return problem(f"an Arrow array that can't be shown: {error}")
    return column_look("pyarrow.Array", column) if column is not None else None


# Times


def _timestamp(call: Call) -> Look | None:
    moment = _in_unit(call, 3)
    if moment is None or abs(moment[0]) >= 1 << 63:
        return None
    text = str(np.array(moment[0]).astype(f"M8[{moment[1]}]")).replace("T", " ")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    zone = zone_text(call.args[2]) if len(call.args) > 2 else ""
    if zone:
        text += "+00:00" + (f" ({zone})" if zone != "UTC" else "")
    return Look("time", text)


def _timedelta(call: Call) -> Look | None:
    moment = _in_unit(call, 1)
    if moment is None:
        return None
    nanoseconds = moment[0] * {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[moment[1]]
    try:
        return Look("time", str(datetime.timedelta(microseconds=nanoseconds / 1000)))
    except OverflowError:
        return None


def _in_unit(call: Call, place: int) -> tuple[int, str] | None:
    value = integer(call.args[0]) if call.args else None
    number = integer(call.args[place]) if len(call.args) > place else 10
    return (value, _UNITS[number]) if value is not None and number in _UNITS else None


def _period(call: Call) -> Look | None:
    """Return the look of a span of time; pandas keeps its number among those of its length since 1970."""
    match call.args:
        case [None, Call() as length, int() as number] if abs(number) < 1 << 62:
            kind = function_path(length).rpartition(".")[2]
            if kind == "QuarterEnd":
                return Look("time", f"Period('{1970 + number // 4}Q{number % 4 + 1}')")
            if kind in _LENGTHS:
                moment = np.array(number).astype(f"M8[{_LENGTHS[kind]}]")
                return Look("time", f"Period('{str(moment).replace('T', ' ')}')")
    return None


_LENGTHS = {
    "YearEnd": "Y",
    "MonthEnd": "M",
    "Day": "D",
    "Hour": "h",
    "Minute": "m",
    "Second": "s",
    "Milli": "ms",
    "Micro": "us",
    "Nano": "ns",
}


def _nat(call: Call) -> Look | None:
    return Look("time", "NaT")


_ARRAYS = (
    "integer.IntegerArray",
    "floating.FloatingArray",
    "boolean.BooleanArray",
    "string_.StringArray",
    "string_arrow.ArrowStringArray",
    "arrow.array.ArrowExtensionArray",
)

KNOWN: AbstractMapping[str, Recogniser] = {
    "pandas.core.frame.DataFrame": _frame,
    "pandas.DataFrame": _frame,
    "pandas.core.series.Series": _series,
    "pandas.Series": _series,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.datetimes._new_DatetimeIndex": _index,
    "pandas.core.indexes.period._new_PeriodIndex": _index,
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked": _array,
    "pandas._libs.tslibs.timestamps._unpickle_timestamp": _timestamp,
    "pandas._libs.tslibs.timedeltas._timedelta_unpickle": _timedelta,
    "pandas.Period": _period,
    "pandas._libs.tslibs.period.Period": _period,
    "pandas._libs.tslibs.nattype.__nat_unpickle": _nat,
    "pandas._libs.tslibs.nattype._nat_unpickle": _nat,
    "pyarrow.lib._restore_array": _arrow,
    "pyarrow.lib.chunked_array": _arrow,
    **{f"pandas.core.arrays.{name}": _array for name in _ARRAYS},
    **{f"pandas.arrays.{name.rpartition('.')[2]}": _array for name in _ARRAYS},
}
"""Which function reads the arguments of which class or function."""
