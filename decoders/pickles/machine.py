"""The pickle machine's parts: where it reads, its stack with marks, and its memo, all within limits.

It follows CPython's `pickle.py` in what each part means. The opcodes themselves are in `opcodes`; nothing
here or there makes an object of a class that the pickle names.
"""

import struct

import msgspec

from decoders.pickles.sources import Blob, Encoding, Source, decoded
from decoders.pickles.values import Call, Collection, Global, Mapping, OutOfBand, Value, python3_path


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a pickle is read; one that goes beyond becomes `Unreadable` with its pieces.

    `opcodes` is the deadline: the reader does about two million a second, and each costs at most the copy of
    its own argument. Sizes are in bytes.
    """

    opcodes: int = 2_000_000
    structs: int = 200_000
    """Lists, dicts, calls and all else that is more than a number or a string. One byte of a pickle can make
    one of up to 300 bytes."""
    size: int = 1 << 30
    memo: int = 400_000
    depth: int = 10_000
    """Open marks at a time; a pickler opens one or two for each level of nesting."""
    inline: int = 4096
    """Longer byte strings are left where they are, as a `Blob`."""
    string: int = 65_536
    """Longer strings are left where they are, as a `Blob`."""
    line: int = 16 << 20
    """The longest line-terminated argument of protocol 0."""
    window: int = 1 << 16
    """How much of a base64 text is decoded at a time, at most."""


class BrokenPickleError(ValueError):
    """The rule that a stream breaks; never leaves this package."""


class LimitError(BrokenPickleError):
    """The limit that a stream meets."""


_FIRST_OF_PYTHON_3 = 3
_LONGEST_FIXED = 9  # bytes, of an opcode and its argument
_FIRST_WINDOW = 2048


class Machine:
    """The state of one reading. `position` counts from the start of `window`, which begins at byte `base`."""

    __slots__ = (
        "base",
        "buffers",
        "globals",
        "horizon",
        "limits",
        "marks",
        "memo",
        "position",
        "protocol",
        "source",
        "stack",
        "step",
        "structs",
        "window",
    )

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.window = b""
        self.base = 0
        self.position = 0
        self.horizon = 0
        """From this position on the next opcode may need bytes beyond the window."""
        self.step = min(_FIRST_WINDOW, limits.window)
        self.stack: list[Value] = []
        self.marks: list[list[Value]] = []
        self.memo: dict[int, Value] = {}
        self.globals: dict[tuple[str, str, bool], Global] = {}
        self.protocol = 0
        self.buffers = 0
        self.structs = 0

    # Where it reads

    def refill(self) -> None:
        """Move the window on so that the next opcode and its fixed-size argument lie within it."""
        start = self.base + self.position
        size = self.source.size
        if start >= size:
            raise BrokenPickleError("it is cut off before its end (no STOP opcode)")
        stop = min(start + self.step, size)
        self.step = min(2 * self.step, self.limits.window)
        self.window = self.source.read(start, stop)
        self.base = start
        self.position = 0
        self.horizon = len(self.window) - (0 if stop == size else _LONGEST_FIXED)

    def number(self, format: struct.Struct) -> int:
        """Read a fixed-size number."""
        if self.position + format.size > len(self.window):
            raise BrokenPickleError("it is cut off in the middle of an opcode")
        value: int = format.unpack_from(self.window, self.position)[0]
        self.position += format.size
        return value

    def take(self, length: int) -> bytes:
        """Read `length` bytes."""
        start = self.position
        stop = start + length
        if stop <= len(self.window):
            self.position = stop
            return self.window[start:stop]
        begin, end = self._skip(length)
        return self.source.read(begin, end)

    def payload(self, length: int) -> bytes | Blob:
        """Read `length` bytes, or pass over them and say where they are if they are many."""
        if length <= self.limits.inline:
            return self.take(length)
        return Blob(self.source, *self._skip(length))

    def string(self, length: int) -> str | Blob:
        """Read a string of `length` bytes of UTF-8, or pass over it if it is long."""
        if length <= self.limits.string:
            return decoded(self.take(length), "utf-8")
        return Blob(self.source, *self._skip(length), "utf-8")

    def line(self) -> bytes:
        """Read up to the next line feed and pass it."""
        start = self.position
        stop = self.window.find(b"\n", start)
        if stop >= 0:
            self.position = stop + 1
            return self.window[start:stop]
        begin, end = self._far_line()
        return self.source.read(begin, end)

    def string_line(self, encoding: Encoding) -> str | Blob:
        """Read a string up to the next line feed, or pass over it if it is long."""
        begin = self.base + self.position
        line = self.line()
        if len(line) <= self.limits.string:
            return decoded(line, encoding)
        return Blob(self.source, begin, begin + len(line), encoding)

    def _skip(self, length: int) -> tuple[int, int]:
        begin = self.base + self.position
        end = begin + length
        if end > self.source.size:
            missing = end - self.source.size
            raise BrokenPickleError(f"it is cut off: {missing:,} bytes of a string of {length:,} are missing")
        self._move_to(end)
        return begin, end

    def _far_line(self) -> tuple[int, int]:
        begin = self.base + self.position
        furthest = min(self.source.size, begin + self.limits.line)
        start, step = begin, self.limits.window
        while start < furthest:
            stop = min(start + step, furthest)
            found = self.source.read(start, stop).find(b"\n")
            if found >= 0:
                self._move_to(start + found + 1)
                return begin, start + found
            start, step = stop, 2 * step
        if furthest < self.source.size:
            raise LimitError(f"a line of it is longer than {self.limits.line:,} bytes")
        raise BrokenPickleError("it is cut off in the middle of a line")

    def _move_to(self, place: int) -> None:
        position = place - self.base
        if position <= len(self.window):
            self.position = position
        else:
            self.base, self.window, self.position, self.horizon = place, b"", 0, 0

    # Its stack

    def push(self, value: Value) -> None:
        """Put a new struct on the stack, within the limit on them."""
        self.count()
        self.stack.append(value)

    def count(self) -> None:
        """Count a new struct."""
        self.structs += 1
        if self.structs > self.limits.structs:
            raise LimitError(f"it has more than {self.limits.structs:,} lists, dicts, calls and the like")

    def mark(self) -> None:
        """Begin a new part of the stack (MARK)."""
        if len(self.marks) >= self.limits.depth:
            raise LimitError(f"it is nested more than {self.limits.depth:,} levels deep")
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Value]:
        """Take everything above the last mark."""
        if not self.marks:
            raise BrokenPickleError("it takes a mark that it never set")
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def pieces(self) -> list[Value]:
        """Return what is on the stack, open containers filled with what was meant for them, and empty it."""
        inner = self.stack
        while self.marks:
            outer = self.marks.pop()
            if inner:
                _fill(outer, inner)
            inner = outer
        self.stack = []
        return inner

    # What it makes

    def reference(self, module: str, name: str) -> Global:
        """Return the class or function of that name, one struct for all its uses."""
        old = self.protocol < _FIRST_OF_PYTHON_3
        found = self.globals.get((module, name, old))
        if found is None:
            self.count()
            path = python3_path(module, name) if old else f"{module}.{name}"
            found = self.globals[module, name, old] = Global(module, name, path)
        return found

    def next_buffer(self) -> OutOfBand:
        """Return the next out-of-band buffer."""
        self.buffers += 1
        return OutOfBand(self.buffers - 1)


def _fill(outer: list[Value], inner: list[Value]) -> None:
    """Put what stands after a mark where the opcode that never came would have, as far as one can tell."""
    top = outer[-1] if outer else None
    if isinstance(top, Collection) and top.kind in ("list", "set"):
        top.items.extend(inner)
    elif isinstance(top, Mapping):
        top.keys.extend(inner[: len(inner) // 2 * 2 : 2])
        top.values.extend(inner[1::2])
    elif isinstance(top, Call) and not top.states:
        top.states = [Collection("tuple", inner)]
    else:
        outer.append(Collection("tuple", inner))
