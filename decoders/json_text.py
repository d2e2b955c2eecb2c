"""JSON as it comes from strangers: read within bounds, everything odd about it reported and nothing lost.

Accepts what noob's own reader accepts and more: integers of any size, NaN and Infinity, lone surrogates,
bytes that are not UTF-8 (as surrogate escapes), keys that come twice (the last one counts).
"""

import json
from typing import Any

from decoders.problems import Problem, Unread

MAX_BYTES = 256 << 20
"""The largest JSON text that is read."""

MAX_VALUES = 5_000_000
"""The most values in one text; a Python object takes up to twenty times the bytes of its text."""

MAX_CONTAINERS = 1_000_000
"""The most lists and objects in one text; these take up to a hundred times the bytes."""

MAX_DEPTH = 200
"""The deepest nesting that is read, the same as in noob's reader."""

MAX_DIGITS = 4000
"""The longest integer that is read, in digits."""

_RARE = 1000
_MAX_PROBLEMS = 100
_MAX_SEARCHED = 200_000


def read_json(data: bytes) -> tuple[Any, list[Problem]]:
    """Return the value of a JSON text and what is odd about it; never raises.

    Text that can't be read gives an `Unread` and a problem with the path "".
    """
    odd = _Oddities()
    try:
        value = odd.read(data)
    except RecursionError:
        reason = f"nested more than {MAX_DEPTH} levels deep"
    except (ValueError, MemoryError) as error:
        reason = str(error) or "too large"
    else:
        return value, odd.found(value)
    return Unread(reason), [Problem("", reason)]


class _Repeated(dict[str, Any]):
    """An object in which keys came more than once."""

    __slots__ = ("repeated",)
    repeated: set[str]


class _Oddities:
    """Reads one text and remembers whether it must be searched for the places of what is odd."""

    def __init__(self) -> None:
        self.any = False
        self.not_utf8 = False

    def read(self, data: bytes) -> Any:
        if not data:
            raise ValueError("empty")
        if len(data) > MAX_BYTES:
            raise ValueError(f"{len(data):,} bytes of JSON; at most {MAX_BYTES:,} are read")
        if len(data) > MAX_CONTAINERS:
            containers = _count(data, b"[") + _count(data, b"{")  # in strings too: it is an upper bound
            if containers > MAX_CONTAINERS:
                raise ValueError(f"more than {MAX_CONTAINERS:,} JSON lists and objects")
            if containers + _count(data, b",") > MAX_VALUES:
                raise ValueError(f"more than {MAX_VALUES:,} JSON values")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("utf-8", "surrogateescape")
            self.any = self.not_utf8 = True
        if "\\" in text and ("\\ud" in text or "\\uD" in text):
            self.any = True
        try:
            value = json.loads(
                text, parse_constant=self._constant, parse_int=self._integer, object_pairs_hook=self._object
            )
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error.msg} at character {error.pos:,}") from None
        if len(data) > 2 * MAX_DEPTH and _depth(value) > MAX_DEPTH:
            raise RecursionError
        return value

    def _integer(self, digits: str) -> int | Unread:
        if len(digits) > MAX_DIGITS:
            self.any = True
            return Unread(f"an integer of {len(digits):,} digits")
        return int(digits)

    def _constant(self, name: str) -> float:
        self.any = True
        return float(name)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        self.any = True
        repeated = _Repeated(made)
        seen: set[str] = set()
        repeated.repeated = {key for key, _ in pairs if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
        return repeated

    def found(self, value: Any) -> list[Problem]:
        """Return the problems in the order they stand in the text, as far as a bounded search finds them."""
        problems: list[Problem] = []
        if not self.any:
            return problems
        pending: list[tuple[str, Any]] = [("", value)]
        for _ in range(_MAX_SEARCHED):
            if not pending or len(problems) >= _MAX_PROBLEMS:
                return problems
            path, value = pending.pop()
            if isinstance(value, dict):
                if isinstance(value, _Repeated):
                    problems.extend(
                        Problem(_member(path, key), "a key that comes twice") for key in value.repeated
                    )
                pending.extend((_member(path, key), value[key]) for key in reversed(value))
                problems.extend(problem for key in value if (problem := self._text(_member(path, key), key)))
            elif isinstance(value, list):
                pending.extend((f"{path}[{index}]", value[index]) for index in reversed(range(len(value))))
            elif isinstance(value, str):
                problem = self._text(path, value)
                if problem:
                    problems.append(problem)
            elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
                problems.append(Problem(path, f"{value} is not JSON"))
            elif isinstance(value, Unread):
                problems.append(Problem(path, value.reason))
        problems.append(Problem("", f"only the first {_MAX_SEARCHED:,} values were searched for what is odd"))
        return problems

    def _text(self, path: str, text: str) -> Problem | None:
        if text.isascii():
            return None
        try:
            text.encode()
        except UnicodeEncodeError as error:
            escape = self.not_utf8 and "\udc80" <= text[error.start] <= "\udcff"
            return Problem(path, "not UTF-8" if escape else "a lone surrogate")
        return None


def _count(data: bytes, byte: bytes) -> int:
    """Return how often a byte occurs; quickly where it is rare, as in a camera frame."""
    place = -1
    for count in range(_RARE):
        place = data.find(byte, place + 1)
        if place < 0:
            return count
    return data.count(byte)


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _depth(value: Any) -> int:
    """Return how deep a value is nested, level by level: a value may be deeper than the stack."""
    depth = 0
    level = [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
    return depth
