"""All that a recorder takes in: the tee, the program's output and the supervisor's orders, on their way into
one recording.
"""

import contextlib
import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from proxy.capture import Capture
from proxy.frames import FrameReader, Kind
from proxy.processes import Stream
from proxy.scheduling import ask_for_long_slices, give_way
from recordings import records
from recordings.errors import DiskError
from recordings.writers import Writer, dump, files_of

__all__ = ["Intake"]

_READ_BYTES = 1 << 20
_TICK_S = 0.02
_LONGEST_LINE = 64 << 10
_GRACE_S = 0.2
_ON_ITS_WAY_S = 0.1
"""How long a flight recorder that is told to write waits for what the relay has already passed on."""

_FRAMES_AT_ONCE = 8
_BEHIND_BYTES = 128 << 10
_BEHIND_NS = 20_000_000
"""A recorder that gets so many bytes at once, or bytes that are so old, does not keep up, and stops giving
way. Until then what it has to do between two batches of the tee is not to hold up anybody who waits for the
same processor."""


class _Lines:
    """The program's standard output or error, line by line."""

    def __init__(self, stream: Stream, pid: int | None) -> None:
        self._stream = stream
        self._pid = pid
        self._rest = b""

    def feed(self, data: bytes, time_ns: int) -> list[records.Output]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [self._output(line, time_ns) for line in lines]

    def finish(self, time_ns: int) -> list[records.Output]:
        rest, self._rest = self._rest, b""
        return [self._output(rest, time_ns)] if rest else []

    def _output(self, line: bytes, time_ns: int) -> records.Output:
        text = line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
        return records.Output(time_ns=time_ns, stream=self._stream, text=text, pid=self._pid)


class Intake:
    """Everything that comes in, written to one recording.

    `tee` is the relay's socket, `orders` the supervisor's pipe (JSON lines), `outputs` the program's
    output pipes by stream name. `say` tells the supervisor. For each entry in `dumps` a flight recorder
    writes what it has.
    """

    def __init__(
        self,
        writer: Writer,
        tee: socket.socket,
        orders: int,
        outputs: Mapping[Stream, int],
        say: Callable[[dict[str, Any]], None],
        dumps: SimpleQueue[None],
    ) -> None:
        self._writer = writer
        self._say = say
        self._tee: socket.socket | None = tee
        self._orders: int | None = orders
        self._orders_rest = b""
        self._finish_ordered = False
        self._frames = FrameReader()
        self._taken = 0
        self._size = 0
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._lines: dict[int, _Lines] = {}
        self._files: tuple[Path, ...] = ()
        self._dumps = dumps
        self._dump_s: float | None = None  # when to do so
        self.capture = Capture(writer)
        tee.setblocking(False)
        self._listen(tee.fileno(), self._read_tee)
        self._listen(orders, self._read_orders)
        for stream, descriptor in outputs.items():
            self._lines[descriptor] = _Lines(stream, None)
            self._listen(descriptor, partial(self._read_output, descriptor))

    @property
    def left_alone(self) -> bool:
        """Whether the supervisor and the relay have both gone without a word, as when they were killed."""
        return self._orders is None and not self._finish_ordered and self._tee is None and not self._ended

    def run(self) -> None:
        """Record until both the relay and the supervisor are done, or gone."""
        ask_for_long_slices()
        while self._tee is not None or self._orders is not None:
            self._turn(_TICK_S)
        # What the program wrote last may still be on its way; a pipe that a stray process holds open is not.
        deadline = time.monotonic() + _GRACE_S
        while self._lines and time.monotonic() < deadline:
            if not self._turn(0.02):
                break
        now = time.time_ns()
        for descriptor in list(self._lines):
            self._close_output(descriptor, now)

    def say_files(self) -> None:
        """Tell the supervisor which files there are, when they have changed."""
        files = files_of(self._writer)
        if files != self._files:
            self._files = files
            self._say({"kind": "files", "paths": [str(path) for path in files]})

    def _listen(self, descriptor: int, react: Callable[[], None]) -> None:
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, selectors.EVENT_READ, react)

    def _turn(self, timeout: float) -> bool:
        ready = self._selector.select(timeout)
        for key, _ in ready:
            key.data()
        self.capture.tick(time.time_ns())
        if self._dump_s is None and not self._dumps.empty():
            self._dumps.get()
            self._dump_s = time.monotonic() + _ON_ITS_WAY_S
        if self._dump_s is not None and time.monotonic() >= self._dump_s:
            self._dump_s = None
            try:
                dump(self._writer)
            except DiskError as error:
                self.capture.refused(error)
        self.say_files()
        if self._writer.size != self._size:
            self._size = self._writer.size
            self._acknowledge()
        return bool(ready)

    def _read_tee(self) -> None:
        assert self._tee is not None
        try:
            data = self._tee.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(self._tee.fileno())
            self._tee.close()
            self._tee = None
            if not self._ended:
                now = time.time_ns()
                text = "the relay ended before the program: from here on nothing is recorded"
                self.capture.record(
                    records.Loss(time_ns=now, stage="tee", bytes=0, since_ns=now, reason=text)
                )
            return
        self._taken += len(data)
        frame = self.capture.frame
        keeps_up = len(data) < _BEHIND_BYTES
        for number, (kind, connection, time_ns, payload) in enumerate(self._frames.feed(data), 1):
            frame(kind, connection, time_ns, payload)
            if keeps_up and not number % _FRAMES_AT_ONCE:
                keeps_up = time.time_ns() - time_ns < _BEHIND_NS
                give_way()
            if kind is Kind.END:
                self._ended = True

    def _acknowledge(self) -> None:
        # All that was taken before the chunk just written is safe. The relay counts the rest as lost if we
        # die.
        if self._tee is not None:
            with contextlib.suppress(OSError):
                self._tee.send(self._taken.to_bytes(8, "little"))

    def _read_orders(self) -> None:
        assert self._orders is not None
        data = self._read(self._orders)
        if data is None:
            return
        *lines, self._orders_rest = (self._orders_rest + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        if not data or self._finish_ordered:
            self._selector.unregister(self._orders)
            os.close(self._orders)
            self._orders = None

    def _obey(self, fact: dict[str, Any]) -> None:
        now = time.time_ns()
        if fact["kind"] == "started":
            self.capture.process(fact["time_ns"], fact["pid"], fact["parent"], fact["command_line"])
            for lines in self._lines.values():
                lines._pid = fact["pid"]
        elif fact["kind"] == "exited":
            self.capture.process_ended(fact["time_ns"], fact["pid"], fact["exit_code"])
        elif fact["kind"] == "finish":
            self._finish_ordered = True
        elif fact["kind"] == "dump":
            self._dumps.put(None)
        elif fact["kind"] == "note":
            self.capture.record(records.Note(time_ns=now, message=None, text=fact["text"], mark=False))

    def _read_output(self, descriptor: int) -> None:
        data = self._read(descriptor)
        if data is None:
            return
        now = time.time_ns()
        if not data:
            self._close_output(descriptor, now)
            return
        for output in self._lines[descriptor].feed(data, now):
            self.capture.record(output)

    def _close_output(self, descriptor: int, now: int) -> None:
        for output in self._lines.pop(descriptor).finish(now):
            self.capture.record(output)
        self._selector.unregister(descriptor)
        os.close(descriptor)

    @staticmethod
    def _read(descriptor: int) -> bytes | None:
        try:
            return os.read(descriptor, 1 << 16)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""
