"""A filter at work in a thread of its own, for terms that must read payloads.

The thread goes through the rows block by block and hands over the matching row numbers; the app takes what
there is on its timer. While a scan runs, Python switches threads every millisecond, which keeps keys answered
at once.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from recordings.errors import RecordingError
from recordings.filters import Filter
from recordings.recording import Recording

RowNumbers = NDArray[np.uint32]

BLOCK_ROWS = 2_000
SWITCH_INTERVAL_S = 0.001


class Scan:
    """Finds the rows that match, from row `first` to the end, then from 0 up to `first`.

    With `backwards` it goes from the last row to the first. `scanned` counts the rows looked at; rows that
    are added later are scanned too, once `extend` tells of them.
    """

    running = 0
    _usual_interval = 0.0

    def __init__(
        self,
        recording: Recording,
        filter: Filter,
        *,
        first: int = 0,
        stop: int = 0,
        backwards: bool = False,
    ) -> None:
        self.filter = filter
        self._backwards = backwards
        self.first = stop if backwards else min(first, stop)
        self.scanned = 0
        self.problem = ""
        self._recording = recording
        self._stop = stop
        self._wrapped = 0
        self._found: deque[RowNumbers] = deque()
        self._wake = threading.Event()
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self._thread.start()

    @property
    def total(self) -> int:
        """How many rows there are to look at, as far as is known."""
        return self._stop

    @property
    def done(self) -> bool:
        """Tell whether all known rows were looked at."""
        return self.scanned >= self._stop or bool(self.problem)

    @property
    def due(self) -> bool:
        """Tell whether there is, or will be, something to take."""
        return not self.done or bool(self._found)

    def extend(self, stop: int) -> None:
        """Tell that there are more rows now."""
        if stop > self._stop:
            self._stop = stop
            self._wake.set()

    def take(self) -> list[RowNumbers]:
        """Take what was found since the last call: arrays of rising row numbers."""
        found = []
        while self._found:
            found.append(self._found.popleft())
        return found

    def cancel(self) -> None:
        """Stop, within one block."""
        self._cancelled = True
        self._wake.set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the thread has ended."""
        self._thread.join(timeout_s)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        position, before, down = self.first, 0, self.first
        while not self._cancelled:
            if position < self._stop:
                end = min(position + BLOCK_ROWS, self._stop)
                yield position, end
                position = end
            elif self._backwards and down > 0:
                start = max(0, down - BLOCK_ROWS)
                yield start, down
                down = start
            elif not self._backwards and before < self.first:
                end = min(before + BLOCK_ROWS, self.first)
                yield before, end
                before = end
            else:
                self._idle()

    def _idle(self) -> None:
        self._wake.clear()
        if self.scanned >= self._stop and not self._cancelled:
            _quick_switches(-1)
            self._wake.wait()
            _quick_switches(+1)

    def _run(self) -> None:
        _quick_switches(+1)
        try:
            for start, end in self._blocks():
                for batch in self.filter.select(self._recording, start, end, lambda: self._cancelled):
                    if len(batch):
                        self._found.append(np.asarray(batch, dtype=np.uint32))
                self.scanned += end - start
        except (RecordingError, OSError) as error:
            self.problem = str(error)
        finally:
            _quick_switches(-1)


_switching = threading.Lock()


def _quick_switches(change: int) -> None:
    with _switching:
        if not Scan.running:
            Scan._usual_interval = sys.getswitchinterval()
        Scan.running += change
        sys.setswitchinterval(SWITCH_INTERVAL_S if Scan.running else Scan._usual_interval)
