"""Opcodes that push a number, a constant, a string or bytes."""

import re
from collections.abc import Callable
from typing import TypeVar

from decoders.pickles.machine import BrokenPickleError, Machine
from decoders.pickles.opcodes.table import F8, I4, TABLE, U2, U4, U8, opcode
from decoders.pickles.sources import Blob
from decoders.pickles.values import (
    BigInteger,
    Value,
)

Number = TypeVar("Number", int, float)

_MOST_DIGITS = 1000
_MOST_BYTES = 400

# Numbers and constants


def _constant(code: bytes, value: bool | None) -> None:
    def constant(machine: Machine) -> None:
        machine.stack.append(value)

    TABLE[code[0]] = constant


_constant(b"N", None)
_constant(b"\x88", True)
_constant(b"\x89", False)


@opcode(b"K")
def _binint1(machine: Machine) -> None:
    machine.stack.append(machine.window[machine.position])
    machine.position += 1


@opcode(b"M")
def _binint2(machine: Machine) -> None:
    machine.stack.append(machine.number(U2))


@opcode(b"J")
def _binint(machine: Machine) -> None:
    machine.stack.append(machine.number(I4))


@opcode(b"G")
def _binfloat(machine: Machine) -> None:
    machine.stack.append(machine.number(F8))


@opcode(b"I")
def _int(machine: Machine) -> None:
    line = machine.line()
    if line in (b"00", b"01"):
        machine.stack.append(line == b"01")
    else:
        machine.stack.append(_integer(line))


@opcode(b"L")
def _long(machine: Machine) -> None:
    machine.stack.append(_integer(machine.line().removesuffix(b"L")))


@opcode(b"\x8a")
def _long1(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))


@opcode(b"\x8b")
def _long4(machine: Machine) -> None:
    length = _length(machine.number(I4))
    data = machine.payload(length)
    if isinstance(data, bytes) and length <= _MOST_BYTES:
        machine.stack.append(int.from_bytes(data, "little", signed=True))
    else:
        machine.push(BigInteger(length, "bytes"))


@opcode(b"F")
def _float(machine: Machine) -> None:
    line = machine.line()
    machine.stack.append(_parsed(float, line[:_MOST_DIGITS]))


def _integer(digits: bytes) -> int | BigInteger:
    if len(digits) > _MOST_DIGITS:
        return BigInteger(len(digits), "decimal digits")
    return _parsed(int, digits)


def _parsed(kind: Callable[[bytes], Number], digits: bytes) -> Number:
    try:
        return kind(digits)
    except ValueError:
        raise BrokenPickleError(f"{digits[:40]!r} is no number") from None


def _length(length: int) -> int:
    if length < 0:
        raise BrokenPickleError(f"it has a string of length {length}")
    return length


# Strings and bytes


@opcode(b"\x8c")
def _short_binunicode(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.string(length))


@opcode(b"X")
def _binunicode(machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(U4)))


@opcode(b"\x8d")
def _binunicode8(machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(U8)))


@opcode(b"V")
def _unicode(machine: Machine) -> None:
    machine.stack.append(machine.string_line("raw-unicode-escape"))


@opcode(b"C")
def _short_binbytes(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.payload(length))


@opcode(b"B")
def _binbytes(machine: Machine) -> None:
    machine.stack.append(machine.payload(machine.number(U4)))


@opcode(b"\x8e")
@opcode(b"\x96")
def _binbytes8(machine: Machine) -> None:  # also BYTEARRAY8
    machine.stack.append(machine.payload(machine.number(U8)))


@opcode(b"U")
def _short_binstring(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(_python2(machine.payload(length)))


@opcode(b"T")
def _binstring(machine: Machine) -> None:
    machine.stack.append(_python2(machine.payload(_length(machine.number(I4)))))


@opcode(b"S")
def _string(machine: Machine) -> None:
    line = machine.line().strip(b" \t\r")
    if len(line) < 2 or line[0] != line[-1] or line[0] not in b"'\"":
        raise BrokenPickleError("it has a string without its quotes")
    machine.stack.append(_python2(_ESCAPE.sub(_unescaped, line[1:-1])))


def _python2(data: bytes | Blob) -> Value:
    """Return a Python 2 `str`, which may have been text or bytes."""
    return data.decode("ascii") if isinstance(data, bytes) and data.isascii() else data


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape: bytes = match[1]
    if escape[:1] == b"x" and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    if escape.isdigit() and escape not in (b"8", b"9"):
        return bytes([int(escape, 8) & 0xFF])
    return _NAMED.get(escape, escape)
