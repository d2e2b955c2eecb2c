"""What is said when something could not be decoded: where, and why."""

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
