"""What stands in for values that are no text: what a pickle would have been, how long a base64 text is.

Pickles are read as a tree by `decoders.pickles` and never run. An exception keeps its parts, since they are
what a bug report is about; of anything else only its kind and size are told.
"""

import binascii
import re
from typing import Any

import msgspec

from decoders import pickles
from decoders.arrays import ArrayView
from decoders.errors import DecodeError
from decoders.pickled import PickledValue
from decoders.remote_errors import error_value

MAX_TEXT = 100_000
"""Text inside an exception is cut to this many characters."""

MAX_ITEMS = 100
MAX_DEPTH = 5

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")


class Outline(msgspec.Struct, frozen=True):
    """What is told of a pickle: a line of text, or the fields of an error as noob sends them, in plain
    JSON.
    """

    text: str
    fields: dict[str, Any] | None = None


def is_base64(text: str, minimum: int) -> bool:
    """Tell whether a text of at least `minimum` characters is base64 from start to end."""
    return len(text) >= minimum and _BASE64.fullmatch(text) is not None


def from_base64(text: str) -> bytes | None:
    """Decode base64 in either alphabet, padded or not; None if it is none."""
    data = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(data + "=" * (-len(data) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def outline(text: str) -> Outline:
    """Tell what a `pck__` text holds."""
    pickled = PickledValue(text)
    tree = pickled.read()
    found = pickles.pickled_error(tree)
    if found is None:
        return Outline(f"<pickle of {kind_of(tree)}, {pickled.size:,} bytes>")
    error = error_value(found)
    return Outline(
        "",
        {
            "err_type": error["err_type"],
            "err_args": [in_json(argument) for argument in error["err_args"][:MAX_ITEMS]],
            "traceback": error["traceback"][:MAX_TEXT],
        },
    )


def kind_of(value: Any) -> str:
    """Name what a pickled value is, without telling what is in it."""
    match value:
        case pickles.Mapping():
            return f"dict with {len(value.keys):,} keys"
        case dict():
            return f"dict with {len(value):,} keys"
        case pickles.Collection():
            return f"{value.kind} with {len(value.items):,} items"
        case list() | tuple():
            return f"{type(value).__name__} with {len(value):,} items"
        case pickles.Call():
            return _array(value) or (
                value.function.path if isinstance(value.function, pickles.Global) else "object"
            )
        case pickles.Global():
            return f"class {value.path}"
        case pickles.Unreadable():
            return f"something that can't be read ({value.reason})"
        case pickles.Blob():
            return "bytes" if value.encoding is None else "str"
        case _:
            return type(value).__name__


def in_json(value: Any, depth: int = 0) -> Any:
    """Turn plain data of a pickle into JSON; what is none, or too deep, into its kind."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return [in_json(each, depth + 1) for each in value[:MAX_ITEMS]]
    if depth < MAX_DEPTH and isinstance(value, dict):
        return {key: in_json(each, depth + 1) for key, each in list(value.items())[:MAX_ITEMS]}
    return f"<{kind_of(value)}>"


def _array(call: pickles.Call) -> str:
    try:
        array = pickles.array_of(call)
    except DecodeError:
        return ""
    if isinstance(array, ArrayView):
        return array.summary()
    return "" if array is None else f"{array.name} {array.shape} {array.dtype}"
