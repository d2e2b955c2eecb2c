"""Numpy's arrays, scalars and types: every way that numpy pickles them becomes an `ArrayView` on the bytes.

Protocol 5 writes `_frombuffer(buffer, dtype, shape, order)`, the others rebuild an empty array and give it a
state. Releases 1.x say `numpy.core` where 2.x say `numpy._core`. Types are made anew from what the state
says; an array of objects or of variable strings is shown as its list of values.
"""

from collections.abc import Mapping as AbstractMapping
from typing import NamedTuple

from decoders.arrays import ArrayView, DType, Order, RecordField, nested_dtype, number_dtype, record_dtype
from decoders.errors import DecodeError
from decoders.pickles.known_python import Recogniser
from decoders.pickles.look import (
    Look,
    Part,
    bytes_of,
    function_path,
    integer,
    items_of,
    of_array,
    of_items,
    of_parts,
    path_of,
    problem,
)
from decoders.pickles.values import Call, Collection, Global, Mapping, OutOfBand, Value

_DEEPEST_DTYPE = 8
_MOST_FIELDS = 1000


class ObjectArray(NamedTuple):
    """An array of anything but numbers, as its values in C order."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    values: list[Value]


def array_of(value: Value) -> ArrayView | ObjectArray | None:
    """Return the array that a value stands for, None if it is no array; DecodeError if it is a wrong one."""
    if not isinstance(value, Call):
        return None
    path = _plain(function_path(value))
    if path.endswith(("multiarray._reconstruct", "_mareconstruct")):
        return _rebuilt(value)
    if path == "numpy.core.numeric._frombuffer":
        return _from_buffer(value)
    return None


def dtype_of(value: Value, depth: int = 0) -> DType:
    """Return the type that a pickled dtype stands for; DecodeError if it is none of plain numbers or text."""
    if depth > _DEEPEST_DTYPE:
        raise DecodeError("its type is nested too deep")
    if not isinstance(value, Call) or function_path(value) != "numpy.dtype" or not value.args:
        raise DecodeError("its type is none of numpy's plain ones")
    state = items_of(value.state)
    _, order, nested, names, fields, size, *rest = [*state, *([None] * 9)][:9]
    if isinstance(nested, Collection) and len(nested.items) == 2:
        return nested_dtype(dtype_of(nested.items[0], depth + 1), _shape(nested.items[1]))
    if isinstance(names, Collection) and isinstance(fields, Mapping):
        return record_dtype(_fields(names, fields, depth), integer(size) or 0)
    code = value.args[0]
    if isinstance(code, Global):
        raise DecodeError(f"its type is {code.path}")
    return number_dtype(
        code if isinstance(code, str) else "?", order if isinstance(order, str) else "|", _unit(rest[-1])
    )


def _fields(names: Collection, fields: Mapping, depth: int) -> list[RecordField]:
    if max(len(names.items), len(fields.keys)) > _MOST_FIELDS:
        raise DecodeError(f"its type has more than {_MOST_FIELDS:,} fields")
    found = []
    for name in names.items:
        entry = items_of(fields.get(name)) if isinstance(name, str) else []
        offset = integer(entry[1]) if len(entry) > 1 else None
        if not isinstance(name, str) or offset is None:
            raise DecodeError("a field of its type has no place")
        title = entry[2] if len(entry) > 2 else None
        found.append(
            RecordField(
                name, dtype_of(entry[0], depth + 1), offset, title if isinstance(title, str) else None
            )
        )
    return found


def _unit(metadata: Value) -> str:
    """Return the unit of a time type, which numpy keeps as ({...}, (unit, count, denominator, events))."""
    match metadata:
        case Collection(items=[_, Collection(items=[unit, int() as count, *_])]):
            buffer = bytes_of(unit)
            name = buffer.read(0, 20).decode("latin-1") if buffer is not None else ""
            return f"{count}{name}" if count != 1 else name
    return ""


def _shape(value: Value) -> tuple[int, ...]:
    if (length := integer(value)) is not None:
        return (length,)
    lengths = [integer(item) for item in items_of(value)]
    if None in lengths or not isinstance(value, Collection):
        raise DecodeError("its shape is not made of integers")
    return tuple(length for length in lengths if length is not None)


def _rebuilt(call: Call) -> ArrayView | ObjectArray:
    name = path_of(call.args[0]).rpartition(".")[2] if call.args else ""
    state = _array_state(call)
    if state is None:
        raise DecodeError("it has no state")
    shape, dtype, fortran, data, *_ = state
    if data is None:
        raise DecodeError(f"{_shape(shape)} {dtype_of(dtype)}, but its bytes are cut off")
    return _array(name or "ndarray", _shape(shape), dtype, data, "F" if fortran is True else "C")


def _array_state(call: Call) -> list[Value] | None:
    """Return shape, dtype, order and data: subclasses hide that state in one of their own."""
    candidates = [items_of(state) for state in call.states[:8]]
    candidates += [items_of(item) for state in candidates for item in state[:4]]
    for state in candidates:
        if len(state) > 3 and integer(state[0]) is not None:
            state = state[1:]  # the version
        if len(state) > 2 and isinstance(state[0], Collection) and isinstance(state[1], Call):
            return [*state, None]
    return None


def _from_buffer(call: Call) -> ArrayView | ObjectArray:
    if len(call.args) < 4:
        raise DecodeError("it lacks a part")
    data, dtype, shape, order, *rest = call.args
    if order != "K" or not rest:
        return _array("ndarray", _shape(shape), dtype, data, "F" if order == "F" else "C")
    buffer = bytes_of(data)
    if buffer is None:
        raise DecodeError(_no_bytes(data))
    return ArrayView(buffer, dtype_of(dtype), _shape(shape), order="K", axes=_shape(rest[0]))


def _array(
    name: str, shape: tuple[int, ...], dtype: Value, data: Value, order: Order
) -> ArrayView | ObjectArray:
    if isinstance(data, Collection) and data.kind == "list":
        text = "StringDType" if "stringdtype" in function_path(dtype).lower() else "object"
        return ObjectArray(name, shape, text, data.items)
    buffer = bytes_of(data)
    if buffer is None:
        raise DecodeError(_no_bytes(data))
    return ArrayView(buffer, dtype_of(dtype), shape, order=order, name=name)


def _no_bytes(data: Value) -> str:
    if isinstance(data, OutOfBand):
        return "its bytes were sent beside the pickle, as an out-of-band buffer"
    return "its data are not bytes"


def _plain(path: str) -> str:
    return path.replace("numpy._core.", "numpy.core.", 1)


# Looks


def array_look(call: Call) -> Look:
    """Return the look of an array."""
    try:
        array = array_of(call)
    except DecodeError as error:
        return problem(f"ndarray that can't be shown: {error}", [Part("", arg) for arg in call.args])
    if isinstance(array, ArrayView):
        return _with_mask(array, call)
    if array is None:
        return problem("ndarray that can't be shown: it lacks a part")
    title = f"{array.name} {array.shape} {array.dtype}"
    return of_items("ndarray", f"{title} ", ("[", "]"), array.values)


def _with_mask(array: ArrayView, call: Call) -> Look:
    """Return the look of an array, with the mask of a masked one (its state has bytes of booleans for it)."""
    state = items_of(call.state)
    mask = bytes_of(state[5]) if array.name == "MaskedArray" and len(state) > 5 else None
    if mask is None or len(mask) != array.size:
        return of_array(array)
    masked = ArrayView(mask, number_dtype("b1"), array.shape)
    parts = [Part("data", array), Part("mask", masked)]
    return of_parts("ndarray", array.summary(), parts, brackets=None, value=array)


def _scalar(call: Call) -> Look | None:
    if len(call.args) != 2:
        return None
    buffer = bytes_of(call.args[1])
    if buffer is None:
        return None
    try:
        view = ArrayView(buffer, dtype_of(call.args[0]), ())
    except DecodeError:
        return None
    text = f"'{view.text(())}'" if view.kind in "Mm" else view.text(())
    return Look("time" if view.kind in "Mm" else "number", f"np.{_scalar_name(view)}({text})")


def _scalar_name(view: ArrayView) -> str:
    return {"U": "str_", "S": "bytes_", "V": "void", "M": "datetime64", "m": "timedelta64"}.get(
        view.kind, view.dtype.lstrip("<>|=")
    )


def _dtype(call: Call) -> Look | None:
    try:
        return Look("object", f"dtype({str(dtype_of(call))!r})")
    except DecodeError:
        return Look("object", "dtype('O')") if call.args and str(call.args[0])[:1] == "O" else None


KNOWN: AbstractMapping[str, Recogniser] = {
    "numpy.dtype": _dtype,
    "numpy.ma.core._mareconstruct": array_look,
    "numpy.ma._mareconstruct": array_look,
    **{
        f"numpy.{core}.{name}": look
        for core in ("core", "_core")
        for name, look in {
            "multiarray._reconstruct": array_look,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": array_look,
        }.items()
    },
}
"""Which function reads the arguments of which class or function."""
