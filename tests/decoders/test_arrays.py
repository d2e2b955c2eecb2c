"""Array views against numpy: every type, order and pickling protocol gives the same elements."""

import base64
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from decoders.arrays import ArrayView, BytesBuffer, RecordField, number_dtype, record_dtype
from decoders.errors import DecodeError
from decoders.pickles import ObjectArray, array_of, one_line, read, read_base64, to_item

SCALARS = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?")
    | hnp.unicode_string_dtypes(endianness="?", max_len=5)
    | hnp.byte_string_dtypes(max_len=5)
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
)
DTYPES = SCALARS | hnp.array_dtypes(SCALARS, max_size=3) | hnp.nested_dtypes(SCALARS, max_leaves=4)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    dtype = draw(DTYPES.filter(lambda dtype: dtype.subdtype is None))
    shape = draw(SHAPES)
    size = int(np.prod(shape)) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    if any(kind in str(dtype) for kind in "U"):  # random bytes are no characters
        return draw(hnp.arrays(dtype, shape))
    array = np.frombuffer(data, dtype).reshape(shape) if size else np.zeros(shape, dtype)
    way = draw(st.sampled_from(["C", "F", "transposed", "strided", "copy"]))
    if way == "F":
        return np.asfortranarray(array)
    if way == "transposed":
        return array.transpose(draw(st.permutations(range(array.ndim))))
    if way == "strided" and array.ndim:
        return array[::2]
    return array.copy()


@settings(max_examples=100, deadline=None)
@given(arrays(), st.integers(0, 5))
def test_arrays_come_back(array: np.ndarray[Any, Any], protocol: int) -> None:
    pickled = pickle.dumps(array, protocol)
    for value in (read(pickled), read_base64(base64.b64encode(pickled))):
        view = array_of(value)
        assert isinstance(view, ArrayView)
        assert view.shape == array.shape
        assert view.dtype == str(array.dtype)
        assert view.nbytes == array.nbytes
        seen = view.numpy()
        assert seen.dtype == array.dtype
        assert seen.tobytes() == array.tobytes()
        for row in view.preview(4, 4):
            assert len(row) <= 4
            assert all(cell.isprintable() for cell in row)
        one_line(value)
        to_item("", value)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_single_elements_are_those_of_numpy(data: st.DataObject) -> None:
    dtype = data.draw(hnp.integer_dtypes(endianness="?") | hnp.boolean_dtypes() | hnp.unicode_string_dtypes())
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=4)))
    order = data.draw(st.sampled_from(["C", "F"]))
    view = array_of(read(pickle.dumps(np.asarray(array, order=order))))
    assert isinstance(view, ArrayView)
    index = data.draw(st.tuples(*(st.integers(0, length - 1) for length in array.shape)))
    assert view.item(index) == array[index].item()
    part = view
    for place in index[:-1]:
        part = part.sub(place)
    assert part.item(index[-1]) == array[index].item()


def view_of(array: np.ndarray[Any, Any]) -> ArrayView:
    view = array_of(read(pickle.dumps(array)))
    assert isinstance(view, ArrayView)
    return view


def test_preview_shows_both_ends_of_long_axes() -> None:
    assert view_of(np.arange(100).reshape(10, 10)).preview(3, 4) == [
        ["0", "1", "…", "9"],
        ["…", "…", "…", "…"],
        ["90", "91", "…", "99"],
    ]
    assert view_of(np.arange(3)).preview() == [["0", "1", "2"]]
    assert view_of(np.arange(24).reshape(2, 3, 4)).preview(2, 2) == [["0", "1"], ["4", "5"]]
    assert view_of(np.zeros((3, 0))).preview() == []
    assert view_of(np.array(7)).preview() == [["7"]]


def test_cells_are_short_and_safe() -> None:
    assert view_of(np.array([1 / 3, 1e-300, 2.0])).preview() == [["0.333333", "1e-300", "2.0"]]
    assert view_of(np.array(["\x1b[2J"])).preview() == [["'\\x1b[2J'"]]
    assert view_of(np.array([b"\x1b["])).preview() == [["b'\\x1b['"]]
    assert view_of(np.array(["2024-01-02T03:04:05.500"], "M8[ns]")).preview() == [["2024-01-02T03:04:05.5"]]
    no_character = ArrayView(BytesBuffer(b"\xff\xff\xff\x7f"), number_dtype("U1", "<"), (1,))
    assert len(no_character.text(0)) <= 41
    assert no_character.preview()


def test_only_the_bytes_that_are_shown_are_read() -> None:
    class Counting(BytesBuffer):
        read_bytes = 0

        def read(self, start: int = 0, stop: int | None = None) -> bytes:
            data = super().read(start, stop)
            self.read_bytes += len(data)
            return data

    buffer = Counting(bytes(480 * 640 * 3))
    view = ArrayView(buffer, number_dtype("u1"), (480, 640, 3))
    view.preview(8, 8)
    view.item((479, 639, 2))
    assert buffer.read_bytes < 100
    view.to_gray(40, 20)
    assert buffer.read_bytes < 480 * 640 * 3 / 2
    fortran = Counting(bytes(1000 * 1000))
    ArrayView(fortran, number_dtype("u1"), (1000, 1000), order="F").preview(8, 8)
    assert fortran.read_bytes < 100


@pytest.mark.parametrize("shape", [(32, 64), (32, 64, 1), (32, 64, 3), (32, 64, 4), (1, 32, 64), (3, 32, 64)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i4", "<f2", "<f4", ">f8", "?", "<c8"])
def test_pictures_of_every_kind(shape: tuple[int, ...], dtype: str) -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 64), (32, 64))  # dark on the left, bright on the right
    if len(shape) == 3:
        ramp = ramp[None] if shape[-1] == 64 else ramp[:, :, None]
        ramp = np.broadcast_to(ramp, shape)
    array = (ramp * 250 if dtype != "?" else ramp > 0.5).astype(dtype)
    view = view_of(array)
    assert view.picture == (32, 64)
    gray = view.to_gray(16, 8)
    assert [len(row) for row in gray] == [16] * 8
    assert all(isinstance(pixel, int) and 0 <= pixel <= 255 for row in gray for pixel in row)
    assert all(row == sorted(row) for row in gray)
    assert gray[0][0] < 20
    assert gray[0][-1] > 235
    assert view_of(np.asfortranarray(array)).to_gray(16, 8) == gray
    assert len(view.to_gray(200, 100)) == 100  # larger than the picture itself


def test_brightness_of_bytes_is_kept_and_of_other_numbers_stretched() -> None:
    assert view_of(np.full((20, 20), 40, np.uint8)).to_gray(1, 1) == [[40]]
    assert view_of(np.full((20, 20), 40, np.uint16)).to_gray(1, 1) == [[127]]
    camera = np.full((20, 20), 1000, np.uint16)
    camera[:10] = 1100
    assert view_of(camera).to_gray(1, 2) == [[255], [0]]


def test_what_is_not_finite_is_black() -> None:
    array = np.ones((20, 20), np.float32)
    array[0:10] = np.nan
    array[10:15] = -np.inf
    array[15:17] = 0
    gray = view_of(array).to_gray(20, 20)
    assert gray[0][0] == gray[12][0] == gray[15][0] == 0
    assert gray[19][0] == 255
    assert view_of(np.full((20, 20), np.nan)).to_gray(2, 2) == [[0, 0], [0, 0]]
    huge = np.array([[-1.7e308, 1.7e308] * 10] * 20)
    assert len(view_of(huge).to_gray(4, 4)) == 4


def test_what_is_no_picture_says_so() -> None:
    for array in (np.zeros((3, 3)), np.zeros(1000), np.zeros((32, 32), "S3"), np.zeros((0, 100))):
        view = view_of(array)
        assert view.picture is None
        with pytest.raises(DecodeError, match="is no picture"):
            view.to_gray(10, 10)


def test_object_arrays_are_lists_of_values() -> None:
    array = array_of(read(pickle.dumps(np.array([[1, "x"], [None, 2.5]], object))))
    assert array == ObjectArray("ndarray", (2, 2), "object", [1, "x", None, 2.5])


@pytest.mark.parametrize(
    ("shape", "code", "size"), [((3,), "u1", 2), ((-1,), "u1", 1), ((2**70,), "u1", 8), ((1,) * 65, "u1", 1)]
)
def test_views_that_contradict_their_buffer_are_refused(shape: tuple[int, ...], code: str, size: int) -> None:
    with pytest.raises(DecodeError):
        ArrayView(BytesBuffer(bytes(size)), number_dtype(code), shape)


def test_types_are_made_from_a_closed_list() -> None:
    for code in (
        "O",
        "O8",
        "object",
        "i3",
        "f8,f8",
        "(2,)f8",
        "V",
        "U99999999999",
        "datetime64",
        "i8;import os",
        "",
    ):
        with pytest.raises(DecodeError):
            number_dtype(code)
    with pytest.raises(DecodeError):
        number_dtype("M8", "<", "lightyears")
    with pytest.raises(DecodeError):
        number_dtype("f8", "<", "ns")
    byte = number_dtype("u1")
    for fields, size in (
        ([RecordField("a", byte, 5)], 4),
        ([RecordField("a", byte, -1)], 4),
        ([RecordField("a", byte, 0), RecordField("a", byte, 1)], 4),
        ([RecordField("a", byte, 0), RecordField("b", byte, 1, "a")], 4),
    ):
        with pytest.raises(DecodeError):
            record_dtype(fields, size)


def test_an_array_of_a_hostile_shape_is_a_problem_not_an_error() -> None:
    good = pickle.dumps(np.arange(6, dtype="u1").reshape(2, 3), 2)
    assert good.count(b"K\x02K\x03") == 1
    for shape in (b"K\x02K\x04", b"K\x02N\x00"[:3] + b"K\x03"[:2], b"J\xff\xff\xff\xffK\x03"):
        line = one_line(read(good.replace(b"K\x02K\x03", shape)))
        assert "can't be shown" in line or "unreadable" in line
