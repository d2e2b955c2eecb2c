"""An exception that was raised in another process, as plain data and as an exception of our own.

noob sends it as a pickle. The pickle is read, not run, so neither the remote class nor anything else it names
is ever imported; the way back writes the few opcodes of such a pickle by hand.
"""

import base64
import struct
from typing import Any

from typing_extensions import TypedDict

from decoders import pickles
from decoders.errors import DecodeError
from decoders.pickled import PickledValue
from decoders.text import ELLIPSIS

_MAX_DEPTH = 20
_SHOWN_ARGUMENTS = 20
_LONGEST_ARGUMENT = 1000


class ErrorValue(TypedDict):
    """What went wrong in a node."""

    err_type: str
    """The exception's class by its dotted name; noob has the class itself here."""
    err_args: tuple[Any, ...]
    """Its arguments; what is no plain value stays a symbol of `decoders.pickles`."""
    traceback: str
    """The traceback as text, "" where the sender gave none."""


class RemoteError(Exception):
    """An exception that was raised in a node of the tube; the remote class itself is never built.

    `type_name` is the dotted name of its class, `remote_args` its arguments, `remote_traceback` its
    traceback as text ("" if not known), `node_id` the node that reported it.
    """

    type_name: str
    remote_args: tuple[Any, ...]
    remote_traceback: str
    node_id: str

    def __init__(
        self, type_name: str, remote_args: tuple[Any, ...], remote_traceback: str = "", node_id: str = ""
    ) -> None:
        self.type_name = type_name
        self.remote_args = remote_args
        self.remote_traceback = remote_traceback
        self.node_id = node_id
        where = f" in node {node_id}" if node_id else ""
        super().__init__(f"{call_text(type_name, remote_args)}{where}")
        if remote_traceback:
            self.add_note(
                f"Traceback in node {node_id}:\n{remote_traceback}" if node_id else remote_traceback
            )


def call_text(type_name: str, args: tuple[Any, ...]) -> str:
    """Return an exception as people write it: `ValueError('boom')`."""
    shown = [pickles.one_line(argument, _LONGEST_ARGUMENT) for argument in args[:_SHOWN_ARGUMENTS]]
    more = [ELLIPSIS] if len(args) > _SHOWN_ARGUMENTS else []
    return f"{type_name.removeprefix('builtins.')}({', '.join([*shown, *more])})"


def read_error(value: Any) -> ErrorValue:
    """Return what an error message's value says, in any release's form.

    Those are a pickled dict (since noob 1000), a pickled exception object (before), or such a dict as plain
    JSON. Raises DecodeError with the reason when it is none of them.
    """
    if isinstance(value, PickledValue):
        return error_value(read_pickled_error(value))
    if isinstance(value, dict) and isinstance(value.get("err_type"), str):
        args, traceback = value.get("err_args"), value.get("traceback")
        return ErrorValue(
            err_type=value["err_type"],
            err_args=tuple(args) if isinstance(args, list | tuple) else (),
            traceback=traceback if isinstance(traceback, str) else "",
        )
    raise DecodeError("expected a pickled exception")


def read_pickled_error(value: PickledValue) -> pickles.PickledError:
    """Return the error in a pickle. Raises DecodeError with the reason when there is none."""
    tree = value.read()
    if isinstance(tree, pickles.Unreadable):
        raise DecodeError(f"a pickle that can't be read: {tree.reason}")
    error = pickles.pickled_error(tree)
    if error is None:
        raise DecodeError("a pickle, but of no exception")
    return error


def error_value(error: pickles.PickledError) -> ErrorValue:
    """Return an error read from a pickle as plain data."""
    return ErrorValue(
        err_type=f"{error.module}.{error.name}".removeprefix("."),
        err_args=pickles.plain_all(error.args),
        traceback=error.traceback,
    )


def pickle_error(value: ErrorValue) -> PickledValue:
    """Return an error as noob reads it: a pickle of its fields, the class by reference.

    Raises DecodeError when the class has no dotted name or an argument is not plain data.
    """
    body = (
        b"\x80\x04}("
        + _pickled("err_type", 0)
        + _class_reference(value["err_type"])
        + b"".join(
            _pickled(part, 0)
            for part in ("err_args", tuple(value["err_args"]), "traceback", value["traceback"])
        )
        + b"u."
    )
    return PickledValue(pickles.PREFIX + base64.b64encode(body).decode())


def _class_reference(path: str) -> bytes:
    """Return the opcode that looks up a class; its module ends before the first capitalised name."""
    parts = path.split(".")
    place = next((place for place, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    module, name = ".".join(parts[:place]), ".".join(parts[place:])
    if not module or not all(part.isidentifier() for part in parts):
        raise DecodeError(f"an exception's class needs a name like builtins.ValueError, not {path[:80]!r}")
    return f"c{module}\n{name}\n".encode()


def _pickled(value: Any, depth: int) -> bytes:
    """Return the opcodes (pickletools names them) that put a plain value on the stack."""
    if depth > _MAX_DEPTH:
        raise DecodeError("an error's argument is nested too deep to be written")
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if value.bit_length() <= 10_000:
            return f"L{value}L\n".encode()
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(text)) + text
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case tuple():
            return b"(" + b"".join(_pickled(item, depth + 1) for item in value) + b"t"
        case list():
            return b"](" + b"".join(_pickled(item, depth + 1) for item in value) + b"e"
        case dict():
            pairs = (_pickled(part, depth + 1) for pair in value.items() for part in pair)
            return b"}(" + b"".join(pairs) + b"u"
        case _:
            raise DecodeError(f"an error's argument of type {type(value).__name__} can't be written back")
