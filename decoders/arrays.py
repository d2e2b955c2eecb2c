"""What the bytes of an n-dimensional array say: shape, type, and its numbers where somebody looks at them.

An `ArrayView` reads the few bytes it needs from a buffer that may still be base64 text inside a message, so
that a camera frame costs nothing until it is opened. Types are made from a closed list of number and text
types, never `object`; numpy only interprets bytes here, it never unpickles.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from decoders.errors import DecodeError
from decoders.text import safe, safe_bytes

Order: TypeAlias = Literal["C", "F", "K"]
DType: TypeAlias = "np.dtype[Any]"

_MOST_AXES = 64
_MOST_EMPTY = 1 << 20  # elements that take no bytes, so that no buffer bounds their number
_SMALLEST_PICTURE = 16  # pixels a side; anything smaller is a matrix to people
_SAMPLES = 4  # per pixel and axis, when a picture is made smaller
_CODE = re.compile(r"(?:b1|i[1248]|u[1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[SUV]\d{1,9}|[Mm]8)\Z")
_UNIT = re.compile(r"(?:\d{1,9})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)\Z")


class Buffer(Protocol):
    """Bytes somewhere: `len()` of them, readable by range; ValueError if they can't be read after all."""

    def __len__(self) -> int: ...

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes `start` to `stop`."""


class BytesBuffer:
    """Bytes in memory as a `Buffer`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return a slice."""
        return self._data[start:stop]


class ArrayView:
    """An array in a buffer; one of more than one axis has views as parts (`sub`), all on the same bytes.

    `shape` is in elements, `dtype` numpy's name of the type ("uint8", ">f4"), `order` how the elements lie:
    "C" last axis together, "F" first axis together, "K" some other permutation. `name` is the class
    ("ndarray").
    """

    __slots__ = ("_buffer", "_dtype", "_offset", "_strides", "name", "order", "shape")

    def __init__(
        self,
        buffer: Buffer,
        dtype: DType,
        shape: Sequence[int],
        *,
        order: Order = "C",
        axes: Sequence[int] | None = None,
        name: str = "ndarray",
    ) -> None:
        """Raise DecodeError when the buffer has not the size that shape and type need.

        With order "K", `axes` is the permutation that `numpy.transpose` takes to get from C order to `shape`.
        """
        if not _is_shape(shape):
            raise DecodeError(f"no array can have the shape {tuple(shape)[:8]}")
        if dtype.hasobject:
            raise DecodeError("an array of objects has no bytes to look at")
        if not dtype.itemsize and math.prod(shape) > _MOST_EMPTY:
            raise DecodeError(f"{tuple(shape)} elements of no bytes are too many")
        needed = math.prod(shape) * dtype.itemsize
        if needed != len(buffer):
            raise DecodeError(
                f"{tuple(shape)} {dtype} needs {needed:,} bytes, the buffer has {len(buffer):,}"
            )
        self._buffer = buffer
        self._dtype = dtype
        self._offset = 0
        self.name = name
        self.order: Order = order
        self.shape = tuple(shape)
        self._strides = _strides(self.shape, dtype.itemsize, order)
        if order == "K" and axes is not None:
            if sorted(axes) != list(range(len(shape))):
                raise DecodeError(f"{tuple(axes)[:8]} is no permutation of {len(shape)} axes")
            self.shape = tuple(shape[axis] for axis in axes)
            self._strides = tuple(self._strides[axis] for axis in axes)

    @property
    def dtype(self) -> str:
        """Numpy's name of the type."""
        return str(self._dtype)

    @property
    def kind(self) -> str:
        """Numpy's letter for the type: b, i, u, f, c (numbers), S, U (text), M, m (times), V (fields)."""
        return self._dtype.kind

    @property
    def size(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the elements take."""
        return self.size * self._dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    def __repr__(self) -> str:
        return f"<ArrayView {self.summary()}>"

    def summary(self) -> str:
        """Return class, shape and type in one line, such as `ndarray (480, 640, 3) uint8`."""
        order = {"C": "", "F": " Fortran order", "K": " permuted axes"}[self.order if self.size > 1 else "C"]
        return safe(f"{self.name} {self.shape} {self.dtype}{order}", 200)

    def sub(self, index: int) -> "ArrayView":
        """Return the part at `index` of the first axis; IndexError when there is none."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside of an axis of {len(self)}")
        return self._part(self._offset + index * self._strides[0], self.shape[1:], self._strides[1:])

    def transposed(self, axes: Sequence[int]) -> "ArrayView":
        """Return the same elements with permuted axes."""
        shape = tuple(self.shape[axis] for axis in axes)
        return self._part(self._offset, shape, tuple(self._strides[axis] for axis in axes))

    def item(self, index: int | Sequence[int]) -> object:
        """Return one element as a Python value: a number, str, bytes, a tuple of fields; times as ISO text.

        Raises IndexError outside of the shape, and ValueError when the bytes can't be read.
        """
        try:
            scalar = self._scalar(index)
            return str(scalar) if self.kind in "Mm" else scalar.item()
        except SystemError as error:  # numpy's answer to code points that are none
            raise ValueError(str(error)) from None

    def text(self, index: int | Sequence[int]) -> str:
        """Return one element as a short text that is safe to show."""
        try:
            return _cell(self._scalar(index))
        except (ValueError, OverflowError, SystemError) as error:
            return safe(f"<{error}>", 40)

    def elements(self, count: int, start: int = 0) -> list[str]:
        """Return `count` elements of a one-dimensional view as texts, from `start` on, fewer at its end."""
        count = max(0, min(count, len(self) - start))
        try:
            array = self._line(self._offset + start * self._strides[0], count, self._strides[0])
            return [_cell(scalar) for scalar in array]
        except (ValueError, OverflowError, SystemError):
            return [self.text(index) for index in range(start, start + count)]

    def preview(self, rows: int = 8, cols: int = 8) -> list[list[str]]:
        """Return the elements as a table of at most `rows` times `cols` short texts.

        The table shows the last two axes at the first index of the others; of a long axis its two ends,
        with `…` between them. A view of one axis gives one row, of none one cell, an empty one no rows.
        """
        if self.size == 0:
            return []
        view = self
        while len(view.shape) > 2:
            view = view.sub(0)
        if not view.shape:
            return [[view.text(())]]
        if len(view.shape) == 1:
            return [view._ends(cols)]
        table: list[list[str]] = []
        for index in _shown(len(view), rows):
            if index is None:
                table.append(["…"] * min(cols, view.shape[1]))
            else:
                table.append(view.sub(index)._ends(cols))
        return table

    def numpy(self) -> npt.NDArray[Any]:
        """Return the array itself, read-only, with all its bytes decoded; ValueError when they can't be."""
        if self.size == 0:
            return np.empty(self.shape, self._dtype)
        last = sum((length - 1) * stride for length, stride in zip(self.shape, self._strides, strict=True))
        data = self._buffer.read(self._offset, self._offset + last + self._dtype.itemsize)
        return np.ndarray(self.shape, self._dtype, data, 0, self._strides)

    @property
    def picture(self) -> tuple[int, int] | None:
        """Height and width in pixels if people would look at this as a picture, else None."""
        view = self._as_picture()
        return (view.shape[0], view.shape[1]) if view is not None else None

    def to_gray(self, width: int, height: int) -> list[list[int]]:
        """Return the picture in `height` rows of `width` gray values from 0 to 255, scaled to that size.

        Bytes and booleans keep their brightness; other numbers are stretched between the smallest and the
        largest one seen, with what is not finite as black. Raises DecodeError when this is no picture.
        """
        view = self._as_picture()
        if view is None:
            raise DecodeError(f"{self.summary()} is no picture")
        if width < 1 or height < 1:
            return []
        rows, row_samples = _sampled(view.shape[0], height)
        columns, column_samples = _sampled(view.shape[1], width)
        with np.errstate(all="ignore"):
            pixels = _brightness(view._pixels(rows, columns))
            grid = pixels.reshape(height, row_samples, width, column_samples).mean(axis=(1, 3))
            if self._dtype.itemsize == 1 and self.kind in "bu":
                gray = grid * (255.0 if self.kind == "b" else 1.0)
            else:
                gray = _stretched(grid)
            shown: list[list[int]] = np.clip(np.rint(gray), 0, 255).astype(np.uint8).tolist()
        return shown

    def _part(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> "ArrayView":
        part = object.__new__(ArrayView)
        part._buffer, part._dtype, part._offset = self._buffer, self._dtype, offset
        part.name, part.order = self.name, self.order
        part.shape, part._strides = shape, strides
        return part

    def _scalar(self, index: int | Sequence[int]) -> Any:
        places = (index,) if isinstance(index, int) else tuple(index)
        if len(places) != len(self.shape):
            raise IndexError(f"an element of {self.shape} has {len(self.shape)} indices")
        view = self
        for place in places:
            view = view.sub(place)
        return view._line(view._offset, 1, 0)[0]

    def _line(self, offset: int, count: int, stride: int) -> npt.NDArray[Any]:
        size = self._dtype.itemsize
        if stride == size or count <= 1:
            data = self._buffer.read(offset, offset + count * size)
        else:
            starts = range(offset, offset + count * stride, stride) if stride else [offset] * count
            data = b"".join(self._buffer.read(start, start + size) for start in starts)
        return np.ndarray((count,), self._dtype, data)

    def _ends(self, cols: int) -> list[str]:
        shown = _shown(len(self), cols)
        if None not in shown:
            return self.elements(len(shown))
        before = shown.index(None)
        after = len(shown) - before - 1
        return [*self.elements(before), "…", *self.elements(after, len(self) - after)]

    def _as_picture(self) -> "ArrayView | None":
        view = self
        while len(view.shape) > 2 and view.shape[0] == 1:
            view = view.sub(0)
        if len(view.shape) == 3 and view.shape[2] not in (1, 3, 4) and view.shape[0] in (3, 4):
            view = view.transposed((1, 2, 0))
        flat = len(view.shape) == 2 or (len(view.shape) == 3 and view.shape[2] in (1, 3, 4))
        if not flat or self.kind not in "biufc" or min(view.shape[:2]) < _SMALLEST_PICTURE:
            return None
        return view

    def _pixels(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """Return these rows and columns; reads only those rows if they are few and each lies together."""
        row_bytes = math.prod(self.shape[1:]) * self._dtype.itemsize
        span = sum((n - 1) * s for n, s in zip(self.shape[1:], self._strides[1:], strict=True))
        if span > 4 * row_bytes or 3 * len(rows) > len(self):
            whole: npt.NDArray[Any] = self.numpy()[rows][:, columns]
            return whole
        return np.stack([self.sub(row).numpy()[columns] for row in rows.tolist()])


def number_dtype(code: str, byte_order: str = "|", unit: str = "") -> DType:
    """Return the numpy type of an array-protocol code such as `f8` or `U12`; DecodeError if not on the list.

    `byte_order` is one of `<`, `>`, `|`, `=`; `unit` is that of a time type, such as `ns` or `25s`.
    """
    if not _CODE.match(code) or byte_order not in ("<", ">", "|", "="):
        raise DecodeError(f"{code[:20]!r} is no type of plain numbers or text")
    if unit:
        if code[0] not in "Mm" or not _UNIT.match(unit):
            raise DecodeError(f"{unit[:20]!r} is no unit of time")
        code = f"{code}[{unit}]"
    return _dtype(f"{byte_order}{code}" if byte_order != "=" else code)


class RecordField(NamedTuple):
    """A field of records: its name, type and offset in bytes, and the other name that numpy lets it have."""

    name: str
    dtype: DType
    offset: int
    title: str | None = None


def record_dtype(fields: Sequence[RecordField], itemsize: int) -> DType:
    """Return the type of records of `itemsize` bytes that have these fields; DecodeError if there is none."""
    for field in fields:
        if not 0 <= field.offset <= itemsize - field.dtype.itemsize:
            raise DecodeError(f"field {field.name[:40]!r} lies outside of its record")
    return _dtype(
        {
            "names": [field.name for field in fields],
            "formats": [field.dtype for field in fields],
            "offsets": [field.offset for field in fields],
            "titles": [field.title for field in fields],
            "itemsize": itemsize,
        }
    )


def nested_dtype(base: DType, shape: Sequence[int]) -> DType:
    """Return the type of a field that is itself a small array; DecodeError if it can't be."""
    if not _is_shape(shape):
        raise DecodeError(f"no field can have the shape {tuple(shape)[:8]}")
    return _dtype((base, tuple(shape)))


def _dtype(spec: Any) -> DType:
    try:
        made: DType = np.dtype(spec)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise DecodeError(f"numpy knows no such type: {error}") from None
    if made.hasobject:
        raise DecodeError("an array of objects has no bytes to look at")
    return made


def _is_shape(shape: Sequence[int]) -> bool:
    return len(shape) <= _MOST_AXES and all(0 <= length < 1 << 63 for length in shape)


def _strides(shape: tuple[int, ...], itemsize: int, order: Order) -> tuple[int, ...]:
    strides: list[int] = []
    step = itemsize
    for length in shape if order == "F" else reversed(shape):
        strides.append(step)
        step *= length
    return tuple(strides if order == "F" else reversed(strides))


def _shown(length: int, most: int) -> list[int | None]:
    """Return the indices to show of an axis, with None for a gap."""
    if length <= most:
        return list(range(length))
    if most < 3:
        return list(range(most))
    before = most // 2
    after = most - before - 1
    return [*range(before), None, *range(length - after, length)]


def _cell(scalar: Any) -> str:
    if isinstance(scalar, np.floating | np.complexfloating):
        text = str(scalar)
        if len(text) <= 10:
            return text
        with np.errstate(invalid="ignore"):  # of a signalling NaN
            return f"{scalar:.6g}"
    if isinstance(scalar, np.bytes_ | np.void) and not scalar.dtype.names:
        return f"b'{safe_bytes(scalar.tobytes().rstrip(bytes(1)), 40)}'"
    if isinstance(scalar, np.datetime64):
        text = str(scalar)
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(scalar, str):
        return f"'{safe(scalar, 40)}'"
    return safe(str(scalar), 80)


def _sampled(length: int, target: int) -> tuple[npt.NDArray[np.intp], int]:
    """Return which of `length` pixels make up `target` pixels, and how many make up one."""
    samples = max(1, min(_SAMPLES, length // target))
    places = (np.arange(target * samples) + 0.5) * (length / (target * samples))
    return np.minimum(places.astype(np.intp), length - 1), samples


def _brightness(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    if pixels.ndim == 2:
        return pixels.astype(np.float64)
    # RGB or BGR is not known, so channels count the same; the fourth is transparency
    channels = [pixels[:, :, channel].astype(np.float64) for channel in range(min(3, pixels.shape[2]))]
    brightness: npt.NDArray[np.float64] = sum(channels[1:], channels[0]) / len(channels)
    return brightness


def _stretched(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros_like(values)
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return np.where(np.isfinite(values), 127.0, 0.0)
    gray = (values - low) * (255.0 / (high - low)) if high - low < math.inf else np.zeros_like(values)
    return np.where(np.isfinite(gray), gray, 0.0)
