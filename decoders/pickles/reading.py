"""Reads a pickle without running it: the opcodes become a tree of what they would have made.

The reader never raises, never imports or calls what a pickle names, and stops at limits. It can start from
the base64 text that noob puts into JSON (`pck__…`), of which it decodes no more than it looks at.
"""

import binascii
from typing import NoReturn

from decoders.pickles.machine import BrokenPickleError, LimitError, Limits, Machine
from decoders.pickles.opcodes import STOP, TABLE
from decoders.pickles.sources import Base64Source, PlainSource, Source, is_clean
from decoders.pickles.values import Unreadable, Value

PREFIX = "pck__"
"""What noob writes before the base64 text of a pickle."""

_LIMITS = Limits()
_HAVE_ONE_BYTE = frozenset(b"KhqUC\x8c\x8a\x82\x80")


def read(data: bytes | bytearray | memoryview, *, limits: Limits = _LIMITS) -> Value:
    """Return what a pickle says, as a tree of values; `Unreadable` with a reason where it can't be read.

    What follows the STOP opcode is ignored, as `pickle.loads` does. Long strings stay in `data`.
    """
    return read_source(PlainSource(bytes(data)), limits)


def read_base64(text: str | bytes, *, limits: Limits = _LIMITS) -> Value:
    """Return what a base64 text says, with or without noob's `pck__` before it; see `read`.

    Characters that are not base64 are passed over, as noob does; then, and only then, the whole text is
    decoded.
    """
    offset = after_prefix(text)
    if is_clean(text, offset):
        return read_source(Base64Source(text, offset), limits)
    try:
        data = binascii.a2b_base64(text[offset:])
    except ValueError as error:
        value = read_source(Base64Source(text, offset), limits)
        pieces: list[Value] = value.pieces if isinstance(value, Unreadable) else [value]
        return Unreadable(f"its base64 text is broken: {error}", pieces=pieces)
    return read(data, limits=limits)


def after_prefix(text: str | bytes) -> int:
    """Return where the base64 text begins: after noob's prefix if it is there."""
    found = text.startswith(PREFIX) if isinstance(text, str) else text.startswith(PREFIX.encode())
    return len(PREFIX) if found else 0


def read_source(source: Source, limits: Limits) -> Value:
    """Return what the pickle in a source says; see `read`."""
    if source.size > limits.size:
        return Unreadable(f"it has {source.size:,} bytes; the limit is {limits.size:,}", limited=True)
    machine = Machine(source, limits)
    try:
        return _run(machine)
    except (ValueError, OverflowError, MemoryError) as error:
        place = machine.base + machine.position
        pieces = machine.pieces()
        return Unreadable(
            str(error) or "it needs more memory than there is", place, pieces, isinstance(error, LimitError)
        )


def _run(machine: Machine) -> Value:
    table = TABLE
    code = -1
    try:
        for _ in range(machine.limits.opcodes):
            if machine.position >= machine.horizon:
                machine.refill()
            code = machine.window[machine.position]
            machine.position += 1
            if code == STOP:
                return machine.stack.pop()
            table[code](machine)
    except IndexError:
        _explain_shortage(machine, code)
    except KeyError as error:
        raise BrokenPickleError(f"it recalls memo entry {error}, which it never made") from None
    raise LimitError(f"it has more than {machine.limits.opcodes:,} opcodes")


def _explain_shortage(machine: Machine, code: int) -> NoReturn:
    if machine.position >= len(machine.window) and code in _HAVE_ONE_BYTE:
        raise BrokenPickleError("it is cut off in the middle of an opcode") from None
    raise BrokenPickleError(f"opcode 0x{code:02x} needs more than the stack holds") from None
