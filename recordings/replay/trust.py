"""Which pickles of a recording may be sent to a real noob process, that will unpickle them.

To unpickle is to run what the pickle's author wrote, and a recording may come from a stranger. So a pickle
passes only if it is plain data through and through: it uses nothing but the opcodes an honest pickler of
plain data uses, calls nothing but constructors that do nothing else, and leaves nothing behind. Everything
else needs `--trust-recording`. Nothing is unpickled to find out.
"""

import binascii
import builtins
import json
import pickletools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from decoders.pickles import PREFIX, BigInteger, Blob, Call, Collection, Global, Mapping, Value, read
from recordings.recording import Recording
from recordings.replay.errors import ReplayError

_MOST_VALUES = 2_000_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OPCODES = _words(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT "
    "BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE "
    "SHORT_BINUNICODE BINUNICODE BINUNICODE8 EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET GET BINGET LONG_BINGET "
    "PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD"
)

_ERRORS = frozenset(
    f"builtins.{name}"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
)

_CONSTRUCTORS = _ERRORS | _words(
    "builtins.set builtins.frozenset builtins.bytearray builtins.complex builtins.range builtins.slice "
    "_codecs.encode collections.OrderedDict collections.deque collections.Counter datetime.date "
    "datetime.datetime datetime.time datetime.timedelta datetime.timezone decimal.Decimal "
    "fractions.Fraction uuid.UUID pathlib.Path pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath "
    "pathlib.PureWindowsPath pathlib.WindowsPath pathlib._local.PosixPath pathlib._local.PurePosixPath "
    "numpy.dtype numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct "
    "numpy.core.multiarray.scalar numpy._core.multiarray.scalar numpy.core.numeric._frombuffer "
    "numpy._core.numeric._frombuffer"
)
"""Functions and classes that make a value of their arguments and do nothing else."""

_CLASSES = _ERRORS | {"numpy.ndarray"}
"""Classes that may be named without being called: noob's errors name one, numpy names its array."""

_STATEFUL = _words(
    "numpy.dtype numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct uuid.UUID"
)
"""Constructors whose results take their content in a second step (BUILD)."""

_HARMLESS_FLAGS = (0, 8)  # 8: memory is cleared first, as text needs it

_PLAIN_DTYPE = re.compile(r"[|<>=]?(?:[?bBhHiIlLqQefdgFDG]|[biufc]\d{1,2}|[SUV]\d{1,9}|[mM]8(?:\[\w+\])?)")


def unsafe_pickle(frames: Sequence[bytes]) -> str:
    """Say what in a noob message must not be unpickled for a stranger; "" if nothing.

    Looks at every text in the JSON that noob would take for a pickle, whatever its place.
    """
    if not frames:
        return ""
    payload = frames[-1]
    if PREFIX.encode() not in payload and b"\\u" not in payload:
        return ""
    try:
        value = json.loads(payload, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return "a payload that is no JSON"
    for text in _texts(value):
        if text.startswith(PREFIX):
            try:
                data = binascii.a2b_base64(text[len(PREFIX) :])
            except ValueError:
                return "a pickle whose base64 is broken"
            reason = why_not_plain(data)
            if reason:
                return reason
    return ""


def refuse_foreign_code(recording: Recording, rows: Sequence[int]) -> None:
    """Raise ReplayError if the message of any of these rows holds a pickle that could run code."""
    for row in rows:
        reason = unsafe_pickle(recording.frames(row))
        if reason:
            raise ReplayError(
                f"message {row} holds {reason}, and the peer unpickles what it gets: that can run any code "
                "the recording's maker chose; if you trust who made it, add --trust-recording"
            )


def why_not_plain(data: bytes) -> str:
    """Say why a pickle is more than plain data and numpy arrays; "" if it is not."""
    return _odd_opcodes(data) or _odd_values(read(data))


def _texts(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        match stack.pop():
            case str(text):
                yield text
            case list() | tuple() as items:
                stack.extend(items)


def _odd_opcodes(data: bytes) -> str:
    """Check the stream itself: what it throws away would not be in the tree of its result."""
    depths = [0]
    try:
        for opcode, _argument, position in pickletools.genops(data):
            if opcode.name not in _OPCODES or (opcode.name == "PROTO" and position):
                return f"a pickle with the opcode {opcode.name}"
            before, after = opcode.stack_before, opcode.stack_after
            if pickletools.markobject in after:
                depths.append(0)
                continue
            if pickletools.markobject in before:
                if len(depths) < 2:
                    return "a broken pickle"
                depths.pop()
                before = before[: before.index(pickletools.markobject)]
            depths[-1] += len(after) - len(before)
            if depths[-1] < 0:
                return "a broken pickle"
    except Exception as error:  # pickletools promises ValueError and raises more
        return f"a broken pickle ({type(error).__name__})"
    return "" if depths == [0] else "a pickle that leaves something on its stack"


def _odd_values(root: Value) -> str:
    """Check what the pickle builds, by the names that unpickling would look up."""
    stack: list[Value] = [root]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        match value:
            case None | bool() | int() | float() | str() | bytes() | Blob() | BigInteger():
                continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > _MOST_VALUES:
            return "a pickle of too many values to look at"
        match value:
            case Collection():
                stack.extend(value.items)
            case Mapping():
                stack.extend(value.keys)
                stack.extend(value.values)
            case Global() if value.path in _CLASSES:
                pass
            case Global():
                return f"a reference to {value.path}"
            case Call(function=Global() as function) if function.path in _CONSTRUCTORS:
                if value.states and function.path not in _STATEFUL:
                    return f"a {function.path} with a state of its own"
                if function.path == "numpy.dtype":
                    reason = _odd_dtype(value)
                    if reason:
                        return reason
                if value.kwargs is not None:
                    return f"a call of {function.path} with names"
                stack += [*value.args, *value.states, *value.items]
                if value.mapping is not None:
                    stack.append(value.mapping)
            case Call(function=Global() as function):
                return f"a call of {function.path}"
            case _:
                return f"a pickle with {type(value).__name__.lower()} content"
    return ""


def _odd_dtype(call: Call) -> str:
    """Only numbers and strings: an object array holds arbitrary objects, and crafted flags corrupt memory."""
    code = call.args[0] if call.args else None
    if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
        return "an array of other things than numbers and text"
    for state in call.states:
        parts = state.items if isinstance(state, Collection) else []
        if len(parts) < 8 or any(part is not None for part in parts[2:5]) or parts[7] not in _HARMLESS_FLAGS:
            return "an array with a dtype of its own making"
    return ""
