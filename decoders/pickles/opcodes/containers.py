"""Opcodes that make and fill lists, tuples, sets and dicts."""

from decoders.pickles.machine import BrokenPickleError, Machine
from decoders.pickles.opcodes.table import opcode
from decoders.pickles.values import Call, Collection, Mapping, Operation, Value


@opcode(b"]")
def _empty_list(machine: Machine) -> None:
    machine.push(Collection("list", []))


@opcode(b")")
def _empty_tuple(machine: Machine) -> None:
    machine.push(Collection("tuple", []))


@opcode(b"}")
def _empty_dict(machine: Machine) -> None:
    machine.push(Mapping([], []))


@opcode(b"\x8f")
def _empty_set(machine: Machine) -> None:
    machine.push(Collection("set", []))


@opcode(b"l")
def _list(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(Collection("list", items))


@opcode(b"t")
def _tuple(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(Collection("tuple", items))


@opcode(b"\x91")
def _frozenset(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(Collection("frozenset", items))


@opcode(b"d")
def _dict(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(_mapping(items))


@opcode(b"\x85")
def _tuple1(machine: Machine) -> None:
    machine.push(Collection("tuple", [machine.stack.pop()]))


@opcode(b"\x86")
def _tuple2(machine: Machine) -> None:
    last = machine.stack.pop()
    machine.push(Collection("tuple", [machine.stack.pop(), last]))


@opcode(b"\x87")
def _tuple3(machine: Machine) -> None:
    last, middle = machine.stack.pop(), machine.stack.pop()
    machine.push(Collection("tuple", [machine.stack.pop(), middle, last]))


@opcode(b"a")
def _append(machine: Machine) -> None:
    item = machine.stack.pop()
    _extend(machine, [item])


@opcode(b"e")
@opcode(b"\x90")
def _appends(machine: Machine) -> None:  # also ADDITEMS
    items = machine.pop_mark()
    _extend(machine, items)


@opcode(b"s")
def _setitem(machine: Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _set_items(machine, [key, value])


@opcode(b"u")
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
        machine.stack.pop()
        machine.push(Operation("APPENDS", [target, Collection("list", items)]))


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
        machine.stack.pop()
        machine.push(Operation("SETITEMS", [target, more]))


def _mapping(items: list[Value]) -> Mapping:
    if len(items) % 2:
        raise BrokenPickleError("it has a dict with a key but no value")
    return Mapping(items[::2], items[1::2])
