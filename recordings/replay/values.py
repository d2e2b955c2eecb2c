"""Compares two values as they were on the wire: JSON, and pickles read as trees, never unpickled.

Numbers may differ within a tolerance, arrays are compared number by number, sets and dicts without regard to
order. Each difference says where it is and gives both sides as text.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from decoders.arrays import ArrayView
from decoders.pickled import PickledValue
from decoders.pickles.lines import one_line
from decoders.pickles.look import bytes_of
from decoders.pickles.recognise import look
from decoders.pickles.sources import Blob
from decoders.pickles.values import Call, Collection, Mapping, Unreadable
from decoders.text import safe
from recordings.replay.outputs import Raised
from recordings.replay.paths import Path, Pattern, Step

MOST = 20
"""How many differences of one value are listed."""

DEEPEST = 100
"""How deep values are compared."""

MOST_IN_SETS = 10_000
"""How many members a set may have to be compared; each is written as text for it."""

SHOWN = 2000
"""How many characters of a value are kept as text."""

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,16}\b")  # as Python prints an object without a text of its own


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much numbers may differ: |a - b| <= max(relative * max(|a|, |b|), absolute)."""

    relative: float = 0.0
    absolute: float = 0.0

    def allows(self, then: float, now: float) -> bool:
        """Whether two numbers count as the same; NaN is the same as NaN."""
        if then == now or (then != then and now != now):
            return True
        return math.isclose(then, now, rel_tol=self.relative, abs_tol=self.absolute)


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """One place where two values differ; None for what is not there on that side."""

    path: Path
    recorded: str | None
    replayed: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A value as something to compare: a leaf with its Python value, or a container with members."""

    kind: Literal["leaf", "array", "sequence", "mapping", "set", "object"]
    title: str
    leaf: Any = None
    members: Sequence[tuple[Step, Any]] = ()


def compare_values(
    recorded: Any,
    replayed: Any,
    path: Path = (),
    *,
    tolerance: Tolerance,
    ignore: Sequence[Pattern] = (),
) -> list[ValueDifference]:
    """The differences between two values, at most `MOST`, none when they are the same."""
    found: list[ValueDifference] = []
    for difference in _Walk(tolerance, ignore).compare(recorded, replayed, path, DEEPEST):
        if len(found) == MOST:
            found.append(ValueDifference(path, "…", "…", "and more"))
            break
        found.append(difference)
    return found


def value_text(value: Any, limit: int = SHOWN) -> str:
    """A value in one line."""
    if isinstance(value, Raised):
        return safe(str(value), limit)
    if isinstance(value, PickledValue):
        return one_line(value.read(), limit)
    if not isinstance(value, None | bool | int | float | str | list | dict):
        return one_line(value, limit)
    try:
        return safe(json.dumps(value, ensure_ascii=False, default=lambda part: one_line(part, limit)), limit)
    except (TypeError, ValueError, RecursionError):
        return "a value that is nested too deep to show"


class _Walk:
    def __init__(self, tolerance: Tolerance, ignore: Sequence[Pattern]) -> None:
        self._tolerance = tolerance
        self._ignore = ignore
        self._seen: set[tuple[int, int]] = set()
        self._alive: list[tuple[Any, Any]] = []  # so that no id is given twice

    def compare(self, recorded: Any, replayed: Any, path: Path, depth: int) -> Iterator[ValueDifference]:
        if any(pattern.covers(path) for pattern in self._ignore):
            return
        if isinstance(recorded, str | PickledValue) and recorded == replayed:
            return
        pair = (id(recorded), id(replayed))
        if pair in self._seen:
            return
        if isinstance(recorded, Blob):  # of many megabytes, and a pickle can hold it many times
            self._seen.add(pair)
            self._alive.append((recorded, replayed))
        then, now = _open(recorded), _open(replayed)
        if then.kind == "leaf" or now.kind == "leaf" or then.kind != now.kind:
            if then.kind != now.kind or not self._same(then.leaf, now.leaf):
                yield ValueDifference(path, value_text(recorded), value_text(replayed))
            return
        if then.kind == "array":
            yield from self._arrays(then.leaf, now.leaf, path)
            return
        self._seen.add(pair)
        self._alive.append((recorded, replayed))
        if depth == 0 or then.title != now.title:
            detail = (
                f"{then.title} -> {now.title}" if then.title != now.title else "nested too deep to compare"
            )
            yield ValueDifference(path, value_text(recorded), value_text(replayed), detail)
            return
        if then.kind == "set":
            yield from self._sets(then, now, path)
            return
        others = dict(now.members)
        for step, value in then.members:
            if step in others:
                yield from self.compare(value, others.pop(step), (*path, step), depth - 1)
            elif not self._ignored((*path, step)):
                yield ValueDifference((*path, step), value_text(value), None, "no longer there")
        for step, value in others.items():
            if not self._ignored((*path, step)):
                yield ValueDifference((*path, step), None, value_text(value), "not there then")

    def _ignored(self, path: Path) -> bool:
        return any(pattern.covers(path) for pattern in self._ignore)

    def _same(self, then: Any, now: Any) -> bool:
        if isinstance(then, bool) or isinstance(now, bool):
            return then is now
        if isinstance(then, int | float) and isinstance(now, int | float):
            try:
                return self._tolerance.allows(then, now)
            except OverflowError:
                return False
        if isinstance(then, str) and isinstance(now, str):
            return then == now or _ADDRESS.sub("", then) == _ADDRESS.sub("", now)
        return type(then) is type(now) and bool(then == now)

    def _sets(self, then: _Opened, now: _Opened, path: Path) -> Iterator[ValueDifference]:
        if max(len(then.members), len(now.members)) > MOST_IN_SETS:
            then_text, now_text = (f"a set of {len(side.members):,}" for side in (then, now))
            yield ValueDifference(path, then_text, now_text, "too many members to compare")
            return
        old = {value_text(value): value for _, value in then.members}
        new = {value_text(value): value for _, value in now.members}
        for text in old.keys() - new.keys():
            yield ValueDifference(path, text, None, "no longer in the set")
        for text in new.keys() - old.keys():
            yield ValueDifference(path, None, text, "not in the set then")

    def _arrays(self, then: ArrayView, now: ArrayView, path: Path) -> Iterator[ValueDifference]:
        if then.shape != now.shape or then.dtype != now.dtype:
            yield ValueDifference(path, then.summary(), now.summary())
            return
        try:
            old, new = then.numpy(), now.numpy()
        except ValueError as error:
            yield ValueDifference(path, then.summary(), now.summary(), str(error))
            return
        if old.tobytes() == new.tobytes():
            return
        differ = self._differing(old, new)
        count = int(differ.sum())
        if not count:
            return
        first = tuple(int(places[0]) for places in np.nonzero(np.atleast_1d(differ)))
        index = first if old.ndim else ()
        detail = f"{count:,} of {old.size:,} elements differ"
        if old.dtype.kind in "biuf":
            with np.errstate(all="ignore"):
                most = np.nanmax(np.abs(new[differ].astype(np.float64) - old[differ].astype(np.float64)))
            detail += f", by at most {most:.6g}"
        yield ValueDifference((*path, index) if index else path, then.text(index), now.text(index), detail)

    def _differing(self, old: Any, new: Any) -> Any:
        if old.dtype.kind not in "fc":
            if old.dtype.kind in "iu" and self._tolerance != Tolerance():
                return ~np.isclose(
                    new.astype(np.float64),
                    old.astype(np.float64),
                    self._tolerance.relative,
                    self._tolerance.absolute,
                )
            return old != new
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(old), np.abs(new))
            near = np.abs(new - old) <= np.maximum(self._tolerance.relative * size, self._tolerance.absolute)
            return ~(near | (old == new) | (np.isnan(old) & np.isnan(new)))


def _open(value: Any) -> _Opened:
    """See what a value is, one level deep."""
    if isinstance(value, PickledValue):
        value = value.read()
    match value:
        case Blob():
            return _Opened("leaf", "", value.read() if value.encoding is None else value.text())
        case None | bool() | int() | float() | str() | bytes():
            return _Opened("leaf", "", value)
        case Raised():
            return _Opened("object", value.type, members=[("args", value.args)])
        case dict():
            return _Opened("mapping", "dict", members=list(value.items()))
        case list() | tuple():
            return _Opened("sequence", type(value).__name__, members=list(enumerate(value)))
        case Collection(kind="set" | "frozenset"):
            return _Opened("set", value.kind, members=list(enumerate(value.items)))
        case Collection():
            return _Opened("sequence", value.kind, members=list(enumerate(value.items)))
        case Mapping():
            return _Opened("mapping", "dict", members=_keyed(value))
        case Unreadable():
            return _Opened("leaf", "", f"a pickle that can't be read: {value.reason}")
        case ArrayView():
            return _Opened("array", "", value)
    if isinstance(value, Call) and (data := bytes_of(value)) is not None:
        return _Opened("leaf", "", data.read())
    shown = look(value)
    if isinstance(shown.value, ArrayView):
        return _Opened("array", "", shown.value)
    if shown.part is None or not shown.count:
        return _Opened("leaf", "", shown.title)
    parts = [shown.part(index) for index in range(shown.count)]
    members: list[tuple[Step, Any]] = [
        (one_line(part.key, 200) if shown.keyed else part.name or index, part.value)
        for index, part in enumerate(parts)
    ]
    return _Opened("object", shown.title, members=members)


def _keyed(mapping: Mapping) -> list[tuple[Step, Any]]:
    return [
        (key if isinstance(key, str) else one_line(key, 200), value)
        for key, value in zip(mapping.keys, mapping.values, strict=True)
    ]
