"""Single keys from the terminal while something runs."""

import os
import sys
import termios
import tty
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class Keyboard:
    """Reads keys without waiting for Enter, as a context manager that leaves the terminal as it was.

    `words` says what each key means; `quit_keys` raise KeyboardInterrupt. Without a terminal on standard
    input, characters of lines count as keys.
    """

    def __init__(self, words: Mapping[str, str], *, quit_keys: str = "q") -> None:
        self._words = words
        self._quit_keys = quit_keys
        self._descriptor = sys.stdin.fileno()
        self._saved: list[Any] | None = None
        self._ended = False

    def __enter__(self) -> Self:
        if os.isatty(self._descriptor):
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._saved is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def fileno(self) -> int:
        """The descriptor to watch for input."""
        return self._descriptor

    def read(self) -> list[str]:
        """The words of the keys that were pressed; at the end of a piped input, "go"."""
        data = os.read(self._descriptor, 1024)
        if not data:
            ended, self._ended = self._ended, True
            return [] if ended else ["go"]
        keys = data.decode("utf-8", "replace")
        if any(key in self._quit_keys for key in keys):
            raise KeyboardInterrupt
        return [self._words[key] for key in keys if key in self._words]
