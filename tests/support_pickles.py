"""Objects to pickle, and how they should look when read: the corpus of the pickle tests.

Run by any Python from 3.8 on, with whatever of numpy, pandas and pydantic it has, this writes what it pickles
as JSON; tests/data/pickles holds such files of old and new releases:

    python -m tests.support_pickles > tests/data/pickles/python3.13-numpy2.5-pandas3.1.json
"""

from __future__ import annotations

import array
import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import pathlib
import pickle
import re
import sys
import types
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import numpy as np
except ImportError:
    np = None
try:
    import pandas as pd
except ImportError:
    pd = None
try:
    import PIL.Image
except ImportError:
    PIL = None
try:
    import pydantic
except ImportError:
    pydantic = None


class Case(NamedTuple):
    """An object, and the line it should be shown as (or one of several, where releases differ)."""

    make: Callable[[], Any]
    text: str | tuple[str, ...]


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int = 1
    y: str = "a"


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int = 1


class Slotted:
    __slots__ = ("p", "q")

    def __init__(self) -> None:
        self.p = 1
        self.q = None


class Plain:
    def __init__(self) -> None:
        self.name = "plain"


class Listed(list):
    pass


class Mapped(dict):
    pass


class NodeError(Exception):
    def __init__(self, node: str, code: int) -> None:
        super().__init__(node)
        self.code = code


Pair = collections.namedtuple("Pair", "left right")
Recursive: list[Any] = []
Recursive.append(Recursive)


def with_note() -> Exception:
    error = ValueError("boom")
    error.__dict__["__notes__"] = ["a hint"]
    error.__dict__["extra"] = 5
    return error


CASES: dict[str, Case] = {
    "none": Case(lambda: None, "None"),
    "bools": Case(lambda: [True, False], "[True, False]"),
    "integers": Case(
        lambda: [0, -1, 255, 65535, -(2**31), 2**40, -(2**70)],
        "[0, -1, 255, 65535, -2147483648, 1099511627776, -1180591620717411303424]",
    ),
    "floats": Case(lambda: (1.5, float("inf"), -0.0), "(1.5, inf, -0.0)"),
    "text": Case(lambda: "grün \u202e \x1b[2J \ud800", r"'grün \u202e \x1b[2J \ud800'"),
    "bytes": Case(lambda: b"\x00\xff", r"b'\x00\xff'"),
    "bytearray": Case(lambda: [bytearray(b"abc")], ("[b'abc']", "[bytearray(b'abc')]")),
    "empty": Case(
        lambda: [[], (), {}, set(), frozenset(), b"", ""], ("[[], (), {}, set(), frozenset(), b'', '']",)
    ),
    "single": Case(lambda: (1,), "(1,)"),
    "nested": Case(lambda: {"a": [1, {"b": (2, 3, 4, 5)}]}, "{'a': [1, {'b': (2, 3, 4, 5)}]}"),
    "set": Case(lambda: {7}, "{7}"),
    "frozenset": Case(lambda: frozenset([7]), "frozenset({7})"),
    "recursive": Case(lambda: Recursive, "[[[[[[[[[…]]]]]]]]]"),
    "class": Case(lambda: collections.OrderedDict, "collections.OrderedDict"),
    "constants": Case(
        lambda: [Ellipsis, NotImplemented, type(None), int], "[Ellipsis, NotImplemented, NoneType, int]"
    ),
    "complex": Case(lambda: 1 + 2j, "(1+2j)"),
    "range": Case(lambda: [range(3), range(1, 9, 2)], "[range(0, 3), range(1, 9, 2)]"),
    "slice": Case(lambda: slice(1, 2), "slice(1, 2, None)"),
    "ordered": Case(lambda: collections.OrderedDict(a=1), "OrderedDict({'a': 1})"),
    "defaultdict": Case(lambda: collections.defaultdict(list, a=[1]), "defaultdict(list, {'a': [1]})"),
    "counter": Case(lambda: collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
    "deque": Case(lambda: collections.deque([1, 2], 3), "deque([1, 2], maxlen=3)"),
    "namedtuple": Case(lambda: Pair(1, 2), "Pair(1, 2)"),
    "namespace": Case(lambda: types.SimpleNamespace(a=1), "SimpleNamespace(a=1)"),
    "datetime": Case(
        lambda: datetime.datetime(2024, 1, 2, 3, 4, 5, 6, datetime.timezone(datetime.timedelta(0))),
        "2024-01-02 03:04:05.000006+00:00",
    ),
    "naive": Case(lambda: datetime.datetime(2024, 1, 2, fold=1), "2024-01-02 00:00:00"),
    "date": Case(lambda: datetime.date(2024, 1, 2), "2024-01-02"),
    "time": Case(lambda: datetime.time(1, 2, 3), "01:02:03"),
    "timedelta": Case(lambda: datetime.timedelta(1, 2, 3), "1 day, 0:00:02.000003"),
    "timezone": Case(lambda: datetime.timezone(datetime.timedelta(hours=-2)), "UTC-02:00"),
    "uuid": Case(lambda: uuid.UUID(int=5), "UUID('00000000-0000-0000-0000-000000000005')"),
    "decimal": Case(lambda: decimal.Decimal("1.50"), "Decimal('1.50')"),
    "fraction": Case(lambda: fractions.Fraction(1, 3), ("Fraction(1, 3)", "Fraction('1/3')")),
    "path": Case(lambda: pathlib.PurePosixPath("/a/b c"), "PurePosixPath('/a/b c')"),
    "windows path": Case(
        lambda: pathlib.PureWindowsPath("x/y"), ("PureWindowsPath('x/y')", r"PureWindowsPath('x\\y')")
    ),
    "pattern": Case(lambda: re.compile("a+"), "re.compile('a+')"),
    "address": Case(lambda: ipaddress.ip_address("10.0.0.1"), "IPv4Address('10.0.0.1')"),
    "array": Case(
        lambda: array.array("h", [1, -2]), ("array (2,) int16 [1, -2]", "array.array('h', [1, -2])")
    ),
    "partial": Case(lambda: functools.partial(int, base=2), "functools.partial(int, base=2)"),
    "enum": Case(lambda: Color.RED, ("Color(1)", "Color.RED")),
    "dataclass": Case(Point, "Point(x=1, y='a')"),
    "frozen": Case(Frozen, "Frozen(x=1)"),
    "slotted": Case(Slotted, "Slotted(p=1, q=None)"),
    "plain": Case(Plain, "Plain(name='plain')"),
    "list subclass": Case(lambda: Listed([1, 2]), "Listed([1, 2])"),
    "dict subclass": Case(lambda: Mapped(a=1), "Mapped({'a': 1})"),
    "exception": Case(with_note, "ValueError('boom')"),
    "os error": Case(
        lambda: FileNotFoundError(2, "gone", "/x"),
        (
            "FileNotFoundError(2, 'gone', '/x')",
            "OSError(2, 'gone', '/x')",
        ),
    ),
    "own exception": Case(lambda: NodeError("a", 3), "NodeError('a')"),
    "noob error": Case(
        lambda: {
            "err_type": ValueError,
            "err_args": ("boom",),
            "traceback": "Traceback:\n  line 1\nValueError: boom",
        },
        "ValueError('boom')",
    ),
}

if np is not None:
    CASES.update(
        {
            "ndarray": Case(lambda: np.arange(6, dtype="<i4").reshape(2, 3), "ndarray (2, 3) int32"),
            "small ndarray": Case(lambda: np.array([1.5, 2.0]), "ndarray (2,) float64 [1.5, 2.0]"),
            "no axes": Case(lambda: np.array(3, "u1"), "ndarray () uint8 3"),
            "no elements": Case(lambda: np.zeros((0, 3)), "ndarray (0, 3) float64"),
            "fortran": Case(
                lambda: np.asfortranarray(np.ones((2, 3))), "ndarray (2, 3) float64 Fortran order"
            ),
            "big-endian": Case(lambda: np.array([1, 256], ">u2"), "ndarray (2,) >u2 [1, 256]"),
            "booleans": Case(lambda: np.array([True, False]), "ndarray (2,) bool [True, False]"),
            "strings": Case(lambda: np.array(["ab", "c"]), "ndarray (2,) <U2 ['ab', 'c']"),
            "byte strings": Case(lambda: np.array([b"ab", b"c"]), "ndarray (2,) |S2 [b'ab', b'c']"),
            "times": Case(
                lambda: np.array(["2024-01-02T03:04:05"], "M8[ms]"),
                "ndarray (1,) datetime64[ms] [2024-01-02T03:04:05]",
            ),
            "time steps": Case(
                lambda: np.array([3], "m8[10s]"), "ndarray (1,) timedelta64[10s] [30 seconds]"
            ),
            "records": Case(
                lambda: np.array([(1, 2.5)], [("x", "<i4"), ("y", "<f8")]),
                "ndarray (1,) [('x', '<i4'), ('y', '<f8')] [(1, 2.5)]",
            ),
            "objects": Case(lambda: np.array([1, "x", None], object), "ndarray (3,) object [1, 'x', None]"),
            "matrix": Case(lambda: np.eye(2).view(np.matrix), "matrix (2, 2) float64"),
            "masked": Case(lambda: np.ma.array([1, 2], mask=[0, 1], dtype="<i8"), "MaskedArray (2,) int64"),
            "scalars": Case(
                lambda: [np.float32(1.5), np.int64(-3), np.datetime64("2024-01-02")],
                "[np.float32(1.5), np.int64(-3), np.datetime64('2024-01-02')]",
            ),
            "dtype": Case(lambda: np.dtype("<f4"), "dtype('float32')"),
            "frame": Case(
                lambda: (np.arange(64 * 48 * 3) % 251).astype("u1").reshape(48, 64, 3),
                "ndarray (48, 64, 3) uint8",
            ),
        }
    )

PERIODS = "[{}]".format(
    ", ".join(
        f"Period('{text}')"
        for text in (
            "2024",
            "2024Q2",
            "2024-05",
            "2024-05-06",
            "2024-05-06 07",
            "2024-05-06 07:08",
            "2024-05-06 07:08:00",
        )
    )
)

if pd is not None:
    CASES.update(
        {
            "table": Case(
                lambda: pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5], "c": ["x", "y"]}),
                tuple(
                    f"DataFrame 2 rows × 3 columns: a int64, b float64, c {text}"
                    for text in ("object", "str", "StringDType")
                ),
            ),
            "indexed table": Case(
                lambda: pd.DataFrame({"a": [1]}, index=pd.to_datetime(["2024-01-02"]).tz_localize("UTC")),
                "DataFrame 1 row × 1 column: a int64",
            ),
            "series": Case(lambda: pd.Series([1, 2], name="n", index=["a", "b"]), "Series n (2,) int64"),
            "categories": Case(lambda: pd.Series(["a", "b", "a"], dtype="category"), "Series (3,) category"),
            "nullable": Case(lambda: pd.Series([1, None], dtype="Int64"), "Series (2,) Int64"),
            "index": Case(lambda: pd.RangeIndex(5), "RangeIndex (5,) int64"),
            "levels": Case(
                lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]]), "MultiIndex (4,) tuples"
            ),
            "timestamp": Case(
                lambda: pd.Timestamp("2024-01-02 03:04:05", tz="UTC"), "2024-01-02 03:04:05+00:00"
            ),
            "timestamp with fraction": Case(
                lambda: pd.Timestamp("2024-01-02 03:04:05.25"), "2024-01-02 03:04:05.25"
            ),
            "pandas timedelta": Case(lambda: pd.Timedelta("1 day"), "1 day, 0:00:00"),
            "periods": Case(
                lambda: [
                    pd.Period("2024-05-06 07:08", unit) for unit in ("Y", "Q", "M", "D", "h", "min", "s")
                ],
                PERIODS,
            ),
            "missing": Case(lambda: [pd.NaT, pd.NA], "[NaT, <NA>]"),
        }
    )

GRAYS = (
    "[Image L (2, 3) uint8, Image F (2, 3) float32, Image I;16 (2, 3) uint16, "
    r"Image({}, '1', (3, 2), None, b'\x00\x00')]"
)
REFUSED = (
    "ValidationError('Model', a='Input should be a valid integer, unable to parse string as an integer')"
)

if PIL is not None:
    CASES["picture"] = Case(
        lambda: PIL.Image.frombytes("RGB", (48, 32), bytes(range(256)) * 18), "Image RGB (32, 48, 3) uint8"
    )
    CASES["gray pictures"] = Case(
        lambda: [PIL.Image.new(mode, (3, 2)) for mode in ("L", "F", "I;16", "1")], GRAYS
    )

if pydantic is not None:

    class Model(pydantic.BaseModel):
        a: int
        b: str = "x"
        _hidden: int = pydantic.PrivateAttr(3)

    def refused() -> Exception:
        try:
            Model(a="x")
        except pydantic.ValidationError as error:
            return error
        raise AssertionError

    CASES["pydantic"] = Case(lambda: Model(a=1), "Model(a=1, b='x', _hidden=3)")
    CASES["refused by pydantic"] = Case(refused, REFUSED)


def pickled(name: str, protocol: int) -> bytes:
    return pickle.dumps(CASES[name].make(), protocol)


def main() -> None:
    """Write every case in every protocol of this Python as JSON."""
    made: dict[str, dict[str, str]] = {}
    for name in CASES:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            try:
                data = pickled(name, protocol)
            except Exception as error:  # some classes refuse old protocols
                print(f"{name}, protocol {protocol}: {error}", file=sys.stderr)
                continue
            made.setdefault(name, {})[str(protocol)] = base64.b64encode(data).decode()
    made["frame"] = {"4": made["frame"]["4"]} if "frame" in made else {}
    lines = (f"{json.dumps(name)}: {json.dumps(pickles)}" for name, pickles in made.items())
    print("{" + ",\n".join(lines) + "}")


if __name__ == "__main__":
    main()
