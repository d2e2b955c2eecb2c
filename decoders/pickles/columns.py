"""Columns of tables: the arrays that pandas and pyarrow keep, read cell by cell where they lie.

A column may be a row of a numpy block, an array with a mask, category codes, or Arrow's offsets and bytes
(see "Arrow Columnar Format", variable-size binary layout). What is none of these has no cells, only its
value.
"""

from collections.abc import Callable
from dataclasses import dataclass

from decoders.arrays import ArrayView, Buffer, BytesBuffer, number_dtype
from decoders.errors import DecodeError
from decoders.pickles.known_numpy import ObjectArray, array_of
from decoders.pickles.known_python import zone_text
from decoders.pickles.look import (
    Look,
    Shown,
    bytes_of,
    function_path,
    integer,
    items_of,
    label,
    of_element,
    path_of,
)
from decoders.pickles.values import Call, Mapping, Value


@dataclass(frozen=True, slots=True)
class Column:
    """`count` cells of type `dtype`; `cell(i)` is one of them."""

    dtype: str
    count: int
    cell: Callable[[int], Shown]


MISSING = Look("null", "<NA>")


def column_of(values: Value, row: int | None = None, levels: int = 4) -> Column | None:
    """Return the column in an array, or in one row of a two-dimensional one, None if it is of another kind.

    Arrays may wrap others, `levels` deep. Raises DecodeError for arrays that contradict themselves.
    """
    array = array_of(values)
    if isinstance(array, ArrayView):
        return _of_view(array if row is None or len(array.shape) < 2 else _row(array, row))
    if isinstance(array, ObjectArray):
        cells = array.values
        if row is not None and len(array.shape) == 2:
            cells = cells[row * array.shape[1] : (row + 1) * array.shape[1]]
        return Column(array.dtype, len(cells), cells.__getitem__)
    if not isinstance(values, Call) or not levels:
        return None
    if function_path(values).endswith(".__pyx_unpickle_NDArrayBacked") and values.args:
        return _backed(path_of(values.args[0]).rpartition(".")[2], items_of(values.state), row, levels - 1)
    state = values.state
    if isinstance(state, Mapping):
        if state.get("_mask") is not None:
            return _masked(state, levels - 1)
        arrow = state.get("_pa_array") or state.get("_data")
        if isinstance(arrow, Call) and function_path(arrow).startswith("pyarrow."):
            return arrow_column(arrow)
        if (inner := state.get("_ndarray")) is not None:
            return column_of(inner, row, levels - 1)
    return None


def _row(view: ArrayView, row: int) -> ArrayView:
    if row >= len(view):
        raise DecodeError("a block has fewer columns than places for them")
    return view.sub(row)


def _of_view(view: ArrayView, dtype: str = "", suffix: str = "") -> Column:
    def cell(index: int) -> Shown:
        if len(view.shape) != 1:
            return view.sub(index)
        element = of_element(view, index)
        return Look(element.kind, element.title + suffix) if suffix else element

    return Column(dtype or view.dtype, len(view), cell)


def _backed(name: str, state: list[Value], row: int | None, levels: int) -> Column | None:
    """Return the column of what pandas keeps as a numpy array and a type that says what its numbers mean."""
    data = next((item for item in state[:8] if array_or_none(item) is not None), None)
    if data is None:
        return None
    column = column_of(data, row, levels)
    dtype = next((item.state for item in state[:8] if isinstance(item, Call) and item is not data), None)
    if column is None or not isinstance(dtype, Mapping):
        return column
    if name == "Categorical":
        return _categories(column, data, dtype, levels)
    zone = zone_text(dtype.get("tz"))
    array = array_of(data)
    if zone and isinstance(array, ArrayView):
        view = array if row is None or len(array.shape) < 2 else _row(array, row)
        return _of_view(view, f"{view.dtype.removesuffix(']')}, {zone}]", "+00:00")
    return column


def array_or_none(value: Value) -> ArrayView | ObjectArray | None:
    """Return the array that a value stands for, None if it is none or a wrong one."""
    try:
        return array_of(value)
    except DecodeError:
        return None


def _categories(codes: Column, data: Value, dtype: Mapping, levels: int) -> Column | None:
    view = array_or_none(data)
    categories = index_column(dtype.get("categories"), levels)
    if not isinstance(view, ArrayView) or categories is None or len(view.shape) != 1:
        return None

    def cell(index: int) -> Shown:
        code = view.item(index)
        if isinstance(code, int) and 0 <= code < categories.count:
            return categories.cell(code)
        return MISSING

    return Column("category", codes.count, cell)


def _masked(state: Mapping, levels: int) -> Column | None:
    data = column_of(state.get("_data"), None, levels)
    mask = array_or_none(state.get("_mask"))
    if data is None or not isinstance(mask, ArrayView) or mask.shape != (data.count,):
        return None

    def cell(index: int) -> Shown:
        return MISSING if mask.item(index) else data.cell(index)

    return Column(data.dtype[:1].upper() + data.dtype[1:], data.count, cell)


# Indexes: labels of rows and columns


def index_column(value: Value, levels: int = 4) -> Column | None:
    """Return the labels of a pandas index as a column, None if it is of an unknown kind."""
    if not levels or not isinstance(value, Call) or len(value.args) != 2:
        return None
    if not isinstance(value.args[1], Mapping):
        return None
    kind, facts = path_of(value.args[0]).rpartition(".")[2], value.args[1]
    bounds = [integer(facts.get(name)) for name in ("start", "stop", "step")]
    if kind == "RangeIndex":
        start, stop, step = (bound if bound is not None and abs(bound) < 1 << 60 else 0 for bound in bounds)
        places = range(start, stop, step or 1)
        return Column("int64", len(places), places.__getitem__)
    if kind == "MultiIndex" and levels > 2:
        return _levels(items_of(facts.get("levels"), "list"), items_of(facts.get("codes"), "list"))
    data = facts.get("data")
    return index_column(data, levels - 1) or column_of(data, None, levels - 1)


def _levels(levels: list[Value], codes: list[Value]) -> Column | None:
    labels = [index_column(level, 2) for level in levels[:16]]
    places = [array_or_none(code) for code in codes[:16]]
    views = [view for view in places if isinstance(view, ArrayView) and len(view.shape) == 1]
    if not views or len(views) != len(labels) or None in labels or len({len(view) for view in views}) != 1:
        return None

    def cell(index: int) -> Shown:
        texts = []
        for known, view in zip(labels, views, strict=True):
            code = view.item(index)
            if known is not None and isinstance(code, int) and 0 <= code < known.count:
                texts.append(cell_text(known.cell(code)))
            else:
                texts.append(MISSING.title)
        return Look("array", f"({', '.join(texts)})")

    return Column("tuples", len(views[0]), cell)


def cell_text(cell: Shown) -> str:
    """Return a cell as a short text."""
    if isinstance(cell, Look):
        return cell.title
    return cell.summary() if isinstance(cell, ArrayView) else label(cell)


# Arrow


def arrow_column(value: Value) -> Column | None:
    """Return the column of a pickled `pyarrow` array, chunked or not; None unless of numbers or strings."""
    if isinstance(value, Call) and function_path(value) == "pyarrow.lib.chunked_array" and value.args:
        chunks = items_of(value.args[0], "list")
        return _chunks([_arrow_array(chunk) for chunk in chunks]) if len(chunks) <= _MOST_CHUNKS else None
    return _arrow_array(value)


def _arrow_array(value: Value) -> Column | None:
    if (
        not isinstance(value, Call)
        or len(value.args) != 1
        or function_path(value) != "pyarrow.lib._restore_array"
    ):
        return None
    match items_of(value.args[0]):
        case [Call(args=[str() as alias]), int() as length, _, int() as offset, buffers, *_]:
            parts = [bytes_of(item) for item in items_of(buffers, "list")]
            valid = parts[0] if parts else None
            if alias in _ARROW_STRINGS and len(parts) == 3:
                return _arrow_strings(alias, length, offset, valid, parts[1], parts[2])
            if alias in _ARROW_NUMBERS and len(parts) == 2 and parts[1] is not None:
                dtype = number_dtype(_ARROW_NUMBERS[alias], "<")
                count = len(parts[1]) // dtype.itemsize
                data = parts[1].read(0, count * dtype.itemsize)
                view = ArrayView(BytesBuffer(data), dtype, (count,))
                return _arrow(alias, length, offset, valid, count, lambda i: of_element(view, i))
    return None


_ARROW_STRINGS = {"string": 4, "utf8": 4, "large_string": 8, "large_utf8": 8}
_ARROW_NUMBERS = {
    f"{kind}int{bits}": f"{kind or 'i'}{bits // 8}" for kind in ("", "u") for bits in (8, 16, 32, 64)
}
_ARROW_NUMBERS |= {"float": "f4", "double": "f8", "halffloat": "f2"}
_LONGEST_CELL = 4096
_MOST_CHUNKS = 1000


def _arrow_strings(
    alias: str, length: int, offset: int, valid: Buffer | None, places: Buffer | None, data: Buffer | None
) -> Column | None:
    if places is None:
        return None
    width = _ARROW_STRINGS[alias]

    def cell(index: int) -> Shown:
        pair = places.read(width * index, width * (index + 2))
        start, stop = int.from_bytes(pair[:width], "little"), int.from_bytes(pair[width:], "little")
        text = data.read(start, min(stop, start + _LONGEST_CELL)) if data is not None else b""
        return text.decode("utf-8", "backslashreplace")

    return _arrow("str", length, offset, valid, len(places) // width - 1, cell)


def _arrow(
    dtype: str, length: int, offset: int, valid: Buffer | None, count: int, cell: Callable[[int], Shown]
) -> Column | None:
    if offset < 0 or not 0 <= length <= count - offset:
        raise DecodeError("an Arrow array is longer than its buffers")
    bits = valid.read() if valid is not None else None

    def present(index: int) -> Shown:
        place = offset + index
        if bits is not None and (place // 8 >= len(bits) or not bits[place // 8] >> place % 8 & 1):
            return MISSING
        return cell(place)

    return Column(dtype, length, present)


def _chunks(chunks: list[Column | None]) -> Column | None:
    known = [chunk for chunk in chunks if chunk is not None]
    if not known or len(known) != len(chunks):
        return None

    def cell(index: int) -> Shown:
        for chunk in known:
            if index < chunk.count:
                return chunk.cell(index)
            index -= chunk.count
        return MISSING

    return Column(known[0].dtype, sum(chunk.count for chunk in known), cell)
