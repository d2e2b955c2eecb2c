"""The relay's end of the tee: every chunk is taken at once, and written when the recorder reads.

Forwarding never waits for it: what the recorder has not read yet is kept up to a limit, and past that
dropped and counted.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from proxy.frames import Kind, fact_frame, header

__all__ = ["Tee"]

_BATCH_BYTES = 128 << 10
_BATCH_DELAY_S = 0.01
_IOV_MAX = 256


class Tee:
    """The relay's end: takes every chunk at once and writes when the recorder reads.

    `limit` bounds the bytes that wait. Past it chunks are dropped and counted per direction, or, with
    `block`, `full` asks the relay to stop reading until `on_drained` is called.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit: int,
        block: bool = False,
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._limit = limit
        self._block = block
        self._on_drained = on_drained
        self._socket: socket.socket | None = None
        self._parts: deque[bytes] = deque()
        self._sent = 0  # bytes of the first part that are already written
        self._header = b""  # the header of the first part, when that header is already written
        self._written_total = 0
        self._acknowledged = 0
        self._acknowledged_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = False
        self._losses: dict[tuple[int, Kind], list[int]] = {}
        self._unrecorded = 0
        self.waiting = 0
        self.taken = 0
        """All bytes ever taken; `passed` says how many of them no longer wait."""

    @property
    def full(self) -> bool:
        """Whether the relay should stop reading (only with `block`)."""
        return self._block and self.waiting >= self._limit

    @property
    def passed(self) -> int:
        """How many of the bytes taken a recorder has got, or nobody will get."""
        return self.taken - self.waiting

    @property
    def in_doubt(self) -> int:
        """Bytes that the recorder took but has not said to be safe in its file."""
        return self._written_total - self._acknowledged

    def attach(self, sock: socket.socket, time_ns: int, first: list[bytes] | None = None) -> None:
        """Write to `sock` from now on, in the place of any recorder before it.

        `first` are frames that bring a recorder which comes later up to date; they go before all that waits.
        """
        self._detach()
        sock.setblocking(False)
        self._socket = sock
        unsure = self.in_doubt
        if unsure:
            loss = {"stage": "recorder", "bytes": unsure, "since_ns": self._acknowledged_ns or time_ns}
            first = [*(first or ()), *fact_frame(Kind.LOST, 0, time_ns, loss)]
        self._written_total = self._acknowledged = 0
        self._acknowledged_ns = time_ns
        for part in reversed(first or ()):
            self._parts.appendleft(part)
            self.waiting += len(part)
        self._loop.add_reader(sock.fileno(), self._read_acknowledgements)
        self._flush()

    def stop(self) -> None:
        """Take no more chunks: there will be no recorder. What waits is dropped; losses are still counted."""
        self._detach()
        self._limit = 0
        self._block = False
        self._parts.clear()
        self._unrecorded += self.waiting
        self.waiting = 0
        self._on_drained()

    def chunk(self, kind: Kind, connection: int, time_ns: int, data: bytes) -> None:
        """Take a chunk of traffic; drop and count it when the buffer is full."""
        # After an overload wait for real room, so that it makes one gap and not thousands.
        room = self._limit // 2 if self._losses else self._limit
        if self.waiting >= room and not self._block:
            self._drop(kind, connection, time_ns, len(data))
            return
        if self._losses:
            self._report_losses(time_ns)
        self._put(header(kind, connection, time_ns, len(data)), data)

    def say(self, kind: Kind, connection: int, time_ns: int, fact: dict[str, Any]) -> None:
        """Take a fact that is no traffic; never dropped."""
        if kind is Kind.CLOSED and self._losses:
            self._report_losses(time_ns)
        self._put(*fact_frame(kind, connection, time_ns, fact))

    async def finish(self, time_ns: int, timeout: float) -> int:
        """Write out what waits, for at most `timeout` seconds, and close.

        Returns the bytes that no recorder was told of, not even as a loss.
        """
        if self._socket is not None:
            self._report_losses(time_ns)
        self.say(Kind.END, 0, time_ns, {})
        deadline = self._loop.time() + timeout
        while self._parts and self._socket is not None and self._loop.time() < deadline:
            self._flush()
            await asyncio.sleep(0.005)
        self._detach()
        lost = sum(size for size, _ in self._losses.values())
        waiting = self.waiting if self._parts else 0
        return self._unrecorded + waiting + lost

    def _put(self, head: bytes, data: bytes) -> None:
        self._parts.append(head)
        self._parts.append(data)
        size = len(head) + len(data)
        self.taken += size
        self.waiting += size
        if self._blocked:
            return
        if self.waiting >= _BATCH_BYTES:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_BATCH_DELAY_S, self._flush)

    def _drop(self, kind: Kind, connection: int, time_ns: int, size: int) -> None:
        loss = self._losses.setdefault((connection, kind), [0, time_ns])
        loss[0] += size

    def _report_losses(self, time_ns: int) -> None:
        losses, self._losses = self._losses, {}
        for (connection, kind), (size, since_ns) in losses.items():
            self.say(Kind.LOST, connection, time_ns, {"kind": int(kind), "bytes": size, "since_ns": since_ns})

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        parts = self._parts
        while parts and self._socket is not None:
            batch: list[bytes | memoryview] = []
            size = 0
            for part in parts:
                batch.append(part)
                size += len(part)
                if size >= 4 * _BATCH_BYTES or len(batch) >= _IOV_MAX:
                    break
            if self._sent:
                batch[0] = memoryview(batch[0])[self._sent :]
            try:
                written = self._socket.sendmsg(batch)
            except (BlockingIOError, InterruptedError):
                self._wait()
                return
            except OSError:
                self._detach()
                return
            self._forget(written)
        self._unwait()
        if self._block and not self.full:
            self._on_drained()

    def _forget(self, written: int) -> None:
        parts = self._parts
        self._written_total += written
        self.waiting -= written
        size = written + self._sent
        while parts and size >= len(parts[0]):
            part = parts.popleft()
            size -= len(part)
            self._header = b"" if self._header else part
        self._sent = size

    def _read_acknowledgements(self) -> None:
        # The recorder answers with the number of bytes that are safe in its file, eight bytes at a time.
        if self._socket is None:
            return
        try:
            data = self._socket.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._detach()
        elif len(data) >= 8:
            self._acknowledged = int.from_bytes(data[-8:], "little")
            self._acknowledged_ns = time.time_ns()

    def _wait(self) -> None:
        if not self._blocked and self._socket is not None:
            self._blocked = True
            self._loop.add_writer(self._socket.fileno(), self._flush)

    def _unwait(self) -> None:
        if self._blocked and self._socket is not None:
            self._blocked = False
            self._loop.remove_writer(self._socket.fileno())

    def _detach(self) -> None:
        if self._socket is None:
            return
        self._unwait()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        # A frame that was written in part goes again, whole, to the next recorder.
        self.waiting += self._sent
        self._sent = 0
        if self._header:
            self._parts.appendleft(self._header)
            self.waiting += len(self._header)
            self._header = b""
