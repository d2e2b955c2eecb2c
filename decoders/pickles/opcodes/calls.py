"""Opcodes that name classes and functions, and that would make objects of them."""

from typing import Literal

from decoders.pickles.machine import BrokenPickleError, Machine
from decoders.pickles.opcodes.table import I4, U2, opcode
from decoders.pickles.values import (
    Call,
    Collection,
    Extension,
    Global,
    Operation,
    Persistent,
    Value,
)

_LONGEST_NAME = 4096  # characters

_PLAIN_BASES = frozenset(
    f"builtins.{kind.__name__}"
    for kind in (bytearray, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)
)


@opcode(b"c")
def _global(machine: Machine) -> None:
    module = _name(machine)
    machine.stack.append(machine.reference(module, _name(machine)))


@opcode(b"\x93")
def _stack_global(machine: Machine) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if isinstance(name, str) and isinstance(module, str) and len(name) + len(module) <= _LONGEST_NAME:
        machine.stack.append(machine.reference(module, name))
    else:
        machine.push(Operation("STACK_GLOBAL", [module, name]))


@opcode(b"\x82")
def _ext1(machine: Machine) -> None:
    machine.push(Extension(machine.window[machine.position]))
    machine.position += 1


@opcode(b"\x83")
def _ext2(machine: Machine) -> None:
    machine.push(Extension(machine.number(U2)))


@opcode(b"\x84")
def _ext4(machine: Machine) -> None:
    machine.push(Extension(machine.number(I4)))


@opcode(b"P")
def _persid(machine: Machine) -> None:
    machine.push(Persistent(machine.string_line("utf-8")))


@opcode(b"Q")
def _binpersid(machine: Machine) -> None:
    machine.push(Persistent(machine.stack.pop()))


@opcode(b"R")
def _reduce(machine: Machine) -> None:
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "REDUCE")


@opcode(b"\x81")
def _newobj(machine: Machine) -> None:
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "NEWOBJ")


@opcode(b"\x92")
def _newobj_ex(machine: Machine) -> None:
    kwargs = machine.stack.pop()
    args = machine.stack.pop()
    _call(machine, machine.stack.pop(), args, "NEWOBJ_EX", kwargs)


@opcode(b"i")
def _inst(machine: Machine) -> None:
    module = _name(machine)
    function = machine.reference(module, _name(machine))
    items = machine.pop_mark()
    machine.push(Call(function, items, "INST"))


@opcode(b"o")
def _obj(machine: Machine) -> None:
    items = machine.pop_mark()
    machine.push(Call(items[0], items[1:], "OBJ"))


@opcode(b"b")
def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, Call):
        if isinstance(target.states, list):
            target.states.append(state)
        else:
            target.states = [state]
    else:
        machine.stack.pop()
        machine.push(Operation("BUILD", [target, state]))


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
    if not isinstance(args, Collection) or args.kind != "tuple":
        machine.push(Operation(by, [function, args]))
    elif isinstance(function, Global) and function.path.startswith("copyreg."):
        machine.push(_made_by_copyreg(function, args.items))
    else:
        # The list is shared: a tuple that gets its items later is no tuple, so nothing changes it.
        machine.push(Call(function, args.items, by, kwargs))


def _made_by_copyreg(function: Global, args: list[Value]) -> Call:
    """Return what protocols 0 and 1 make with functions of `copyreg` as what protocol 2 has for it.

    A base that is no plain type of Python's stays in sight: unpickling imports and calls it.
    """
    match function.name, args:
        case "_reconstructor", [made, Global(path="builtins.object"), None]:
            return Call(made, [], "NEWOBJ")
        case "_reconstructor", [made, Global(path="builtins.tuple"), Collection(kind="tuple", items=items)]:
            return Call(made, items, "NEWOBJ")
        case "_reconstructor", [made, Global(path=base), state] if base in _PLAIN_BASES:
            return Call(made, [state], "NEWOBJ")
        case "__newobj__", [made, *rest]:
            return Call(made, rest, "NEWOBJ")
        case "__newobj_ex__", [made, Collection(items=rest), keywords]:
            return Call(made, rest, "NEWOBJ_EX", keywords)
    return Call(function, args, "REDUCE")
