"""Opcodes for the stack, the memo and the stream itself."""

from decoders.pickles.machine import BrokenPickleError, LimitError, Machine
from decoders.pickles.opcodes.table import U4, U8, opcode
from decoders.pickles.values import (
    OutOfBand,
)

HIGHEST_PROTOCOL = 5

# The stack and the memo


@opcode(b"(")
def _mark(machine: Machine) -> None:
    machine.mark()


@opcode(b"0")
def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()


@opcode(b"1")
def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


@opcode(b"2")
def _dup(machine: Machine) -> None:
    machine.stack.append(machine.stack[-1])


@opcode(b"\x94")
def _memoize(machine: Machine) -> None:
    _memoize_as(machine, len(machine.memo))


@opcode(b"q")
def _binput(machine: Machine) -> None:
    index = machine.window[machine.position]
    machine.position += 1
    _memoize_as(machine, index)


@opcode(b"r")
def _long_binput(machine: Machine) -> None:
    _memoize_as(machine, machine.number(U4))


@opcode(b"p")
def _put(machine: Machine) -> None:
    _memoize_as(machine, _memo_index(machine))


@opcode(b"h")
def _binget(machine: Machine) -> None:
    index = machine.window[machine.position]
    machine.position += 1
    machine.stack.append(machine.memo[index])


@opcode(b"j")
def _long_binget(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.number(U4)])


@opcode(b"g")
def _get(machine: Machine) -> None:
    machine.stack.append(machine.memo[_memo_index(machine)])


def _memoize_as(machine: Machine, index: int) -> None:
    if len(machine.memo) >= machine.limits.memo:
        raise LimitError(f"it remembers more than {machine.limits.memo:,} values")
    machine.memo[index] = machine.stack[-1]


def _memo_index(machine: Machine) -> int:
    line = machine.line()
    try:
        return int(line[:20])
    except ValueError:
        raise BrokenPickleError(f"{line[:20]!r} is no place in the memo") from None


# The stream itself


@opcode(b"\x80")
def _proto(machine: Machine) -> None:
    protocol = machine.window[machine.position]
    machine.position += 1
    if protocol > HIGHEST_PROTOCOL:
        raise BrokenPickleError(
            f"it says it is of protocol {protocol}; {HIGHEST_PROTOCOL} is the highest known"
        )
    machine.protocol = protocol


@opcode(b"\x95")
def _frame(machine: Machine) -> None:
    machine.number(U8)  # a hint for reading ahead, of no use here


@opcode(b"\x97")
def _next_buffer(machine: Machine) -> None:
    machine.push(machine.next_buffer())


@opcode(b"\x98")
def _readonly_buffer(machine: Machine) -> None:
    buffer = machine.stack[-1]
    if isinstance(buffer, OutOfBand):
        machine.stack[-1] = OutOfBand(buffer.index, readonly=True)
