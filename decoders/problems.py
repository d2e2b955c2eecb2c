"""What is said when something could not be decoded: where, and why."""

from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a message: `path` says where (`value[0].epoch`, "": all of it), `reason` what."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class Unread(msgspec.Struct, frozen=True):
    """Stands where a value would be that was not read; its bytes are in the message's payload."""

    reason: str


def found(value: Any) -> str:
    """Return in a few words what stands in a place where something else was expected."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str() if value.startswith("pck__"):
            return "a pickle"
        case str():
            return f"the text {value[:40]!r}"
        case int() if value.bit_length() > 128:
            return f"an integer of {value.bit_length():,} bits"
        case int() | float():
            return f"the number {value}"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return f"a {type(value).__name__}"
