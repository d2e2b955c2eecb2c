"""Every pickle opcode of protocols 0 to 5, each as a small function on the machine.

`TABLE` has one entry a byte. Names and meanings are those of CPython's `pickletools`; where `pickle` would
import, call or change something, a value that says so is pushed instead.
"""

import re
import struct
from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

from decoders.pickles.machine import BrokenPickleError, Machine
from decoders.pickles.sources import Blob
from decoders.pickles.values import (
    BigInteger,
    Call,
    Collection,
    Extension,
    Mapping,
    Operation,
    OutOfBand,
    Persistent,
    Value,
)

Number = TypeVar("Number", int, float)
Step: TypeAlias = Callable[[Machine], None]

STOP = ord(".")
HIGHEST_PROTOCOL = 5

_U2 = struct.Struct("<H")
_I4 = struct.Struct("<i")
_U4 = struct.Struct("<I")
_U8 = struct.Struct("<Q")
_F8 = struct.Struct(">d")
_MOST_DIGITS = 1000
_MOST_BYTES = 400
_LONGEST_NAME = 4096


def _unknown(machine: Machine) -> None:
    code = machine.window[machine.position - 1]
    raise BrokenPickleError(f"0x{code:02x} is no opcode")


TABLE: list[Step] = [_unknown] * 256


def _opcode(code: bytes) -> Callable[[Step], Step]:
    def register(step: Step) -> Step:
        TABLE[code[0]] = step
        return step

    return register


# Numbers and constants


def _constant(code: bytes, value: bool | None) -> None:
    def constant(machine: Machine) -> None:
        machine.stack.append(value)

    TABLE[code[0]] = constant


_constant(b"N", None)
_constant(b"\x88", True)
_constant(b"\x89", False)


@_opcode(b"K")
def _binint1(machine: Machine) -> None:
    machine.stack.append(machine.window[machine.position])
    machine.position += 1


@_opcode(b"M")
def _binint2(machine: Machine) -> None:
    machine.stack.append(machine.number(_U2))


@_opcode(b"J")
def _binint(machine: Machine) -> None:
    machine.stack.append(machine.number(_I4))


@_opcode(b"G")
def _binfloat(machine: Machine) -> None:
    machine.stack.append(machine.number(_F8))


@_opcode(b"I")
def _int(machine: Machine) -> None:
    line = machine.line()
    if line in (b"00", b"01"):
        machine.stack.append(line == b"01")
    else:
        machine.stack.append(_integer(line))


@_opcode(b"L")
def _long(machine: Machine) -> None:
    machine.stack.append(_integer(machine.line().removesuffix(b"L")))


@_opcode(b"\x8a")
def _long1(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))


@_opcode(b"\x8b")
def _long4(machine: Machine) -> None:
    length = _length(machine.number(_I4))
    data = machine.payload(length)
    if isinstance(data, bytes) and length <= _MOST_BYTES:
        machine.stack.append(int.from_bytes(data, "little", signed=True))
    else:
        machine.stack.append(BigInteger(length, "bytes"))


@_opcode(b"F")
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


@_opcode(b"\x8c")
def _short_binunicode(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.string(length))


@_opcode(b"X")
def _binunicode(machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(_U4)))


@_opcode(b"\x8d")
def _binunicode8(machine: Machine) -> None:
    machine.stack.append(machine.string(machine.number(_U8)))


@_opcode(b"V")
def _unicode(machine: Machine) -> None:
    machine.stack.append(machine.string_line("raw-unicode-escape"))


@_opcode(b"C")
def _short_binbytes(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.payload(length))


@_opcode(b"B")
def _binbytes(machine: Machine) -> None:
    machine.stack.append(machine.payload(machine.number(_U4)))


@_opcode(b"\x8e")
@_opcode(b"\x96")
def _binbytes8(machine: Machine) -> None:  # also BYTEARRAY8
    machine.stack.append(machine.payload(machine.number(_U8)))


@_opcode(b"U")
def _short_binstring(machine: Machine) -> None:
    length = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(_python2(machine.payload(length)))


@_opcode(b"T")
def _binstring(machine: Machine) -> None:
    machine.stack.append(_python2(machine.payload(_length(machine.number(_I4)))))


@_opcode(b"S")
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


# Containers


@_opcode(b"]")
def _empty_list(machine: Machine) -> None:
    machine.stack.append(Collection("list", []))


@_opcode(b")")
def _empty_tuple(machine: Machine) -> None:
    machine.stack.append(Collection("tuple", []))


@_opcode(b"}")
def _empty_dict(machine: Machine) -> None:
    machine.stack.append(Mapping([], []))


@_opcode(b"\x8f")
def _empty_set(machine: Machine) -> None:
    machine.stack.append(Collection("set", []))


@_opcode(b"l")
def _list(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(Collection("list", items))


@_opcode(b"t")
def _tuple(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(Collection("tuple", items))


@_opcode(b"\x91")
def _frozenset(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(Collection("frozenset", items))


@_opcode(b"d")
def _dict(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(_mapping(items))


@_opcode(b"\x85")
def _tuple1(machine: Machine) -> None:
    machine.stack.append(Collection("tuple", [machine.stack.pop()]))


@_opcode(b"\x86")
def _tuple2(machine: Machine) -> None:
    last = machine.stack.pop()
    machine.stack.append(Collection("tuple", [machine.stack.pop(), last]))


@_opcode(b"\x87")
def _tuple3(machine: Machine) -> None:
    last, middle = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(Collection("tuple", [machine.stack.pop(), middle, last]))


@_opcode(b"a")
def _append(machine: Machine) -> None:
    item = machine.stack.pop()
    _extend(machine, [item])


@_opcode(b"e")
@_opcode(b"\x90")
def _appends(machine: Machine) -> None:  # also ADDITEMS
    items = machine.pop_mark()
    _extend(machine, items)


@_opcode(b"s")
def _setitem(machine: Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _set_items(machine, [key, value])


@_opcode(b"u")
def _setitems(machine: Machine) -> None:
    items = machine.pop_mark()
    _set_items(machine, items)


def _extend(machine: Machine, items: list[Value]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Collection) and target.kind in ("list", "set"):
        target.items.extend(items)
    elif isinstance(target, Call):
        if isinstance(target.items, list):
            target.items.extend(items)
        else:
            target.items = items
    else:
        machine.stack[-1] = Operation("APPENDS", [target, Collection("list", items)])


def _set_items(machine: Machine, items: list[Value]) -> None:
    more = _mapping(items)
    target = machine.stack[-1]
    if isinstance(target, Call) and target.mapping is None:
        target.mapping = more
        return
    known = target.mapping if isinstance(target, Call) else target
    if isinstance(known, Mapping):
        known.keys.extend(more.keys)
        known.values.extend(more.values)
    else:
        machine.stack[-1] = Operation("SETITEMS", [target, more])


def _mapping(items: list[Value]) -> Mapping:
    if len(items) % 2:
        raise BrokenPickleError("it has a dict with a key but no value")
    return Mapping(items[::2], items[1::2])


# The stack and the memo


@_opcode(b"(")
def _mark(machine: Machine) -> None:
    machine.mark()


@_opcode(b"0")
def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()


@_opcode(b"1")
def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


@_opcode(b"2")
def _dup(machine: Machine) -> None:
    machine.stack.append(machine.stack[-1])


@_opcode(b"\x94")
def _memoize(machine: Machine) -> None:
    _memoize_as(machine, len(machine.memo))


@_opcode(b"q")
def _binput(machine: Machine) -> None:
    index = machine.window[machine.position]
    machine.position += 1
    _memoize_as(machine, index)


@_opcode(b"r")
def _long_binput(machine: Machine) -> None:
    _memoize_as(machine, machine.number(_U4))


@_opcode(b"p")
def _put(machine: Machine) -> None:
    _memoize_as(machine, _memo_index(machine))


@_opcode(b"h")
def _binget(machine: Machine) -> None:
    index = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.memo[index])


@_opcode(b"j")
def _long_binget(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.number(_U4)])


@_opcode(b"g")
def _get(machine: Machine) -> None:
    machine.stack.append(machine.memo[_memo_index(machine)])


def _memoize_as(machine: Machine, index: int) -> None:
    if len(machine.memo) >= machine.limits.memo:
        raise BrokenPickleError(f"it remembers more than {machine.limits.memo:,} values")
    machine.memo[index] = machine.stack[-1]


def _memo_index(machine: Machine) -> int:
    line = machine.line()
    return _parsed(int, line[:20])


# Classes, functions and the objects made of them


@_opcode(b"c")
def _global(machine: Machine) -> None:
    module = _name(machine)
    machine.stack.append(machine.reference(module, _name(machine)))


@_opcode(b"\x93")
def _stack_global(machine: Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if isinstance(name, str) and isinstance(module, str) and len(name) + len(module) <= _LONGEST_NAME:
        machine.stack.append(machine.reference(module, name))
    else:
        machine.stack.append(Operation("STACK_GLOBAL", [module, name]))


@_opcode(b"\x82")
def _ext1(machine: Machine) -> None:
    machine.stack.append(Extension(machine.window[machine.position]))
    machine.position += 1


@_opcode(b"\x83")
def _ext2(machine: Machine) -> None:
    machine.stack.append(Extension(machine.number(_U2)))


@_opcode(b"\x84")
def _ext4(machine: Machine) -> None:
    machine.stack.append(Extension(machine.number(_I4)))


@_opcode(b"P")
def _persid(machine: Machine) -> None:
    machine.stack.append(Persistent(machine.string_line("utf-8")))


@_opcode(b"Q")
def _binpersid(machine: Machine) -> None:
    machine.stack.append(Persistent(machine.stack.pop()))


@_opcode(b"R")
def _reduce(machine: Machine) -> None:
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "REDUCE")


@_opcode(b"\x81")
def _newobj(machine: Machine) -> None:
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "NEWOBJ")


@_opcode(b"\x92")
def _newobj_ex(machine: Machine) -> None:
    kwargs = machine.stack.pop()
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "NEWOBJ_EX", kwargs)


@_opcode(b"i")
def _inst(machine: Machine) -> None:
    module = _name(machine)
    function = machine.reference(module, _name(machine))
    items = machine.pop_mark()
    machine.stack.append(Call(function, items, "INST"))


@_opcode(b"o")
def _obj(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.stack.append(Call(items[0], items[1:], "OBJ"))


@_opcode(b"b")
def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, Call):
        if isinstance(target.states, list):
            target.states.append(state)
        else:
            target.states = [state]
    else:
        machine.stack[-1] = Operation("BUILD", [target, state])


def _name(machine: Machine) -> str:
    line = machine.line()
    if len(line) > _LONGEST_NAME:
        raise BrokenPickleError(f"it names a class with {len(line):,} characters")
    return line.decode("utf-8", "backslashreplace")


def _call(
    machine: Machine,
    function: Value,
    args: Value,
    by: Literal["REDUCE", "NEWOBJ", "NEWOBJ_EX"],
    kwargs: Value = None,
) -> None:
    if isinstance(args, Collection) and args.kind == "tuple":
        # The list is shared: a tuple that gets its items later is no tuple, so nothing changes it.
        machine.stack.append(Call(function, args.items, by, kwargs))
    else:
        machine.stack.append(Operation(by, [function, args]))


# The stream itself


@_opcode(b"\x80")
def _proto(machine: Machine) -> None:
    protocol = machine.window[machine.position]
    machine.position += 1
    if protocol > HIGHEST_PROTOCOL:
        raise BrokenPickleError(
            f"it says it is of protocol {protocol}; {HIGHEST_PROTOCOL} is the highest known"
        )


@_opcode(b"\x95")
def _frame(machine: Machine) -> None:
    machine.number(_U8)  # a hint for reading ahead, of no use here


@_opcode(b"\x97")
def _next_buffer(machine: Machine) -> None:
    machine.stack.append(machine.next_buffer())


@_opcode(b"\x98")
def _readonly_buffer(machine: Machine) -> None:
    buffer = machine.stack[-1]
    if isinstance(buffer, OutOfBand):
        machine.stack[-1] = OutOfBand(buffer.index, readonly=True)
