"""Two values side by side: JSON and pickles, numbers and arrays, without unpickling anything."""

import base64
import pickle
import sys
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.pickled import PickledValue
from recordings.replay.outputs import Raised
from recordings.replay.paths import parse_pattern, path_text
from recordings.replay.values import MOST, Tolerance, compare_values, value_text


@dataclass
class Point:
    x: float
    y: float
    tags: tuple[str, ...] = ()


def pck(value: object, protocol: int = pickle.DEFAULT_PROTOCOL) -> PickledValue:
    return PickledValue("pck__" + base64.b64encode(pickle.dumps(value, protocol)).decode())


def differences(
    then: Any, now: Any, *ignore: str, **tolerance: float
) -> list[tuple[str, str | None, str | None]]:
    found = compare_values(
        then,
        now,
        ("out",),
        tolerance=Tolerance(**tolerance),
        ignore=[parse_pattern(text) for text in ignore],
    )
    return [(path_text(one.path), one.recorded, one.replayed) for one in found]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150)
@given(json_values)
def test_a_value_is_the_same_as_itself(value: object) -> None:
    assert differences(value, value) == []
    assert differences(pck(value), pck(value, 0)) == []


@settings(max_examples=150)
@given(json_values, json_values)
def test_differences_are_found_and_symmetric(then: object, now: object) -> None:
    one, other = differences(then, now), differences(now, then)
    assert bool(one) == bool(other)
    if repr(then) != repr(now) and not one:
        # Only what Python itself calls equal may differ in writing (1 and 1.0, key order, zero signs).
        assert then == now or "nan" in repr(then)


def test_places_and_both_values_are_told() -> None:
    then = {"a": [1, 2, {"b": "x"}], "gone": None, "same": True}
    now = {"a": [1, 3, {"b": "y"}], "new": [0], "same": True}
    assert differences(then, now) == [
        ("out.a[1]", "2", "3"),
        ("out.a[2].b", '"x"', '"y"'),
        ("out.gone", "null", None),
        ("out.new", None, "[0]"),
    ]
    assert differences(then, now, "**.b", "out.gone", "out.new") == [("out.a[1]", "2", "3")]


def test_kinds_are_told_apart() -> None:
    assert differences(1, True)
    assert differences(0, None)
    assert differences("1", 1)
    assert differences([1], {"0": 1})
    assert differences(pck((1, 2)), pck([1, 2])) == [("out", "(1, 2)", "[1, 2]")]
    assert not differences(1, 1.0)


def test_numbers_within_a_tolerance() -> None:
    assert differences(1.0, 1.0 + 1e-9)
    assert not differences(1.0, 1.0 + 1e-9, relative=1e-8)
    assert not differences(0.0, 1e-9, absolute=1e-8)
    assert not differences(float("nan"), float("nan"))
    assert differences(float("nan"), 1.0, relative=1.0)
    assert not differences({"x": [100]}, {"x": [101]}, relative=0.02)
    assert differences(10**400, 1.5, relative=0.1)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_number_by_number(protocol: int) -> None:
    then = np.arange(12, dtype="float32").reshape(3, 4)
    now = then.copy()
    assert differences(pck(then, protocol), pck(now, 5)) == []
    now[1, 2] += 0.5
    assert differences(pck(then, protocol), pck(now, protocol)) == [("out[1, 2]", "6.0", "6.5")]
    assert differences(pck(then, protocol), pck(now, protocol), absolute=0.6) == []
    found = compare_values(pck(then), pck(now), ("out",), tolerance=Tolerance())
    assert found[0].detail == "1 of 12 elements differ, by at most 0.5"


def test_arrays_of_every_kind() -> None:
    pairs: list[tuple[Any, Any]] = [
        (np.array([1, 2], "u1"), np.array([1, 3], "u1")),
        (np.array([1, 2], ">i8"), np.array([1, 3], ">i8")),
        (np.array([1 + 1j]), np.array([1 + 2j])),
        (np.array(["a", "b"]), np.array(["a", "c"])),
        (np.array([True, False]), np.array([True, True])),
        (np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-02"], "M8[D]")),
        (np.array(3.5), np.array(3.25)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(3, "f4"), np.zeros(3, "f8")),
        (np.float64(1), np.float64(2)),
        (np.array([1, "x"], dtype=object), np.array([1, "y"], dtype=object)),
    ]
    for then, now in pairs:
        assert differences(pck(then), pck(then.copy())) == []
        assert len(differences(pck(then), pck(now))) == 1, then
    nan = np.array([np.nan, np.inf, -np.inf])
    assert differences(pck(nan), pck(nan.copy())) == []
    assert differences(pck(np.asfortranarray(np.ones((2, 3)))), pck(np.ones((2, 3)))) == []


def test_objects_by_their_parts() -> None:
    assert differences(pck(Point(1, 2, ("a",))), pck(Point(1, 2, ("a",)), 2)) == []
    assert differences(pck(Point(1, 2, ("a",))), pck(Point(1, 5, ("b",)))) == [
        ("out.y", "2", "5"),
        ("out.tags[0]", '"a"', '"b"'),
    ]
    assert differences(pck({"p": [Point(1, 2)]}), pck({"p": [Point(1, 2.5)]}), relative=0.3) == []
    assert differences(pck(Point(1, 2)), pck(Decimal(1)))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)),
        (PurePosixPath("/a"), PurePosixPath("/b")),
        (Decimal("1.0"), Decimal("1.1")),
        (OrderedDict(a=1), OrderedDict(a=2)),
        (Counter("aab"), Counter("abb")),
        (b"x" * 10_000, b"x" * 9_999 + b"y"),
        (bytearray(b"abc"), bytearray(b"abd")),
        ("s" * 100_000, "s" * 99_999 + "t"),
        (2**3000, 2**3000 + 1),
        (ValueError("a"), ValueError("b")),
        (range(3), range(4)),
    ],
)
def test_known_classes(then: object, now: object) -> None:
    assert differences(pck(then), pck(then, 2)) == []
    assert differences(pck(then), pck(now)) != []


def test_sets_and_dicts_without_order() -> None:
    assert differences(pck({"a", "b", "c", "d", "e"}), pck({"e", "d", "c", "b", "a"})) == []
    assert differences(pck({"a", "b"}), pck({"a", "c"})) == [
        ("out", '"b"', None),
        ("out", None, '"c"'),
    ]
    assert differences(pck({1: "a", 2: "b"}), pck({2: "b", 1: "a"})) == []
    assert differences(pck({1: "a"}), pck({1: "b"})) == [("out['1']", '"a"', '"b"')]


def test_memory_addresses_are_not_compared() -> None:
    assert differences("<Camera object at 0x7f0011223344>", "<Camera object at 0x7fffeeddccbb>") == []
    assert differences("at 0x10", "at 0x20")


def test_errors_by_class_and_arguments() -> None:
    assert differences(Raised("builtins.ValueError", ["boom"]), Raised("builtins.ValueError", ["boom"])) == []
    assert differences(Raised("builtins.ValueError", ["boom"]), Raised("builtins.ValueError", ["bang"])) == [
        ("out.args[0]", '"boom"', '"bang"')
    ]
    assert differences(Raised("builtins.ValueError", []), Raised("builtins.KeyError", [])) == [
        ("out", "ValueError()", "KeyError()")
    ]


def test_values_that_hold_themselves_come_to_an_end() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert differences(pck(loop), pck(loop, 2)) == []
    bomb: list[Any] = []
    for _ in range(60):
        bomb = [bomb, bomb, bomb]
    assert differences(pck(bomb), pck(bomb, 2)) == []
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    other: list[Any] = ["x"]
    for _ in range(400):
        other = [other]
    assert len(differences(pck(deep), pck(other))) == 1


def test_many_differences_are_cut_short() -> None:
    found = differences(list(range(1000)), list(range(1, 1001)))
    assert len(found) == MOST + 1
    assert found[-1][1:] == ("…", "…")


def test_broken_pickles_are_values_too() -> None:
    broken = PickledValue("pck__" + base64.b64encode(b"\x80\x04garbage").decode())
    assert differences(broken, broken) == []
    assert differences(broken, pck(1))
    assert value_text(broken)


def test_nothing_is_unpickled() -> None:
    """A pickle that would run something is only read."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("unpickled",)

    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("pickle.find_class", "os.system", "exec", "compile"):
            opened.append(event)

    sys.addaudithook(watch)
    try:
        value = pck([Evil(), Point(1, 2), np.ones(3)])
        assert differences(value, pck([Evil(), Point(1, 3), np.ones(3)])) == [("out[1].y", "2", "3")]
        assert value_text(value)
    finally:
        watching = False
    assert opened == []
