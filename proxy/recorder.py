"""The recorder's process: writes what the relay moves into a file.

Until there is something to record it only waits. It ends when both the relay and the supervisor have ended.
If it is killed, traffic goes on and the supervisor starts another one, which writes to a file of its own. If
everybody else was killed, it puts the program's sockets back.
"""

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from proxy.endpoint import put_back_all
from proxy.frames import Kind
from proxy.garbage import collect_seldom
from proxy.processes import Stream
from proxy.reservation import remove_empty

__all__ = ["main", "order_bytes"]

_LENGTH = 8
_LOADING_AFTER_S = 0.15
"""After which wait what it takes to record is loaded although nothing has come: a short program ends before,
and with a longer one it would compete just when that begins to talk, as when noob starts its nodes."""


def main(arguments: list[str]) -> None:
    """Record; the entry of the recorder's process, which has no arguments.

    What to do comes first on standard input (see `order_bytes`): `path`, `force`, `keeping`, `facts`,
    `journal`, whether to begin `at_once`, the file descriptors `tee`, `stdout` and `stderr` (or null) and
    `attachments` as (name, media type, file). Further orders follow (see `proxy.intake`). On standard output:
    a line when recording begins ("recording"), or why it does not ("error", "unneeded"), one whenever there
    are other files ("files"), and one with the counts at the end ("recorded"). SIGUSR1 has a flight recorder
    write what it has.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    dumps: SimpleQueue[None] = SimpleQueue()
    signal.signal(signal.SIGUSR1, lambda number, frame: dumps.put(None))
    order = json.loads(_read(int(_read(_LENGTH), 16)))
    tee = socket.socket(fileno=order["tee"])
    if order["at_once"] or _something_comes(tee):
        _record(order, tee, dumps)
    else:
        remove_empty(Path(order["path"]))
        _say({"kind": "unneeded"})


def order_bytes(order: dict[str, Any]) -> bytes:
    """Return what a recorder is told first: its length in hexadecimal digits, then JSON."""
    data = json.dumps(order).encode()
    return f"{len(data):0{_LENGTH}x}".encode() + data


def _read(size: int) -> bytes:
    """Read so much of standard input and no more: further orders may have come already."""
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            raise SystemExit("the supervisor ended before it said what to record")
        data += part
    return data


def _something_comes(tee: socket.socket) -> bool:
    """Wait for the first word of the relay; False if it is that there is nothing to record."""
    tee.setblocking(True)
    with contextlib.suppress(OSError):
        if not select.select([tee], [], [], _LOADING_AFTER_S)[0]:
            importlib.import_module("proxy.intake")  # and with it all that `_record` needs
            select.select([tee], [], [])
        first = tee.recv(1, socket.MSG_PEEK)
        return bool(first) and first[0] != Kind.END
    return False


def _record(order: dict[str, Any], tee: socket.socket, dumps: SimpleQueue[None]) -> None:
    # Only now, or while it waits: it takes more time than all else of a run that has nothing to record.
    from proxy.intake import Intake
    from recordings.errors import RecordingError
    from recordings.keeping import Keeping
    from recordings.writers import let_go, writer_for

    collect_seldom()
    try:
        keeping = Keeping(**order["keeping"])
        writer = writer_for(keeping, Path(order["path"]), facts=order["facts"], force=order["force"])
    except RecordingError as error:
        _say({"kind": "error", "reason": str(error)})
        sys.exit(3)
    streams: tuple[Stream, ...] = ("stdout", "stderr")
    outputs = {stream: order[stream] for stream in streams if order[stream] is not None}
    intake = Intake(writer, tee, sys.stdin.fileno(), outputs, _say, dumps)
    _say({"kind": "recording", "path": order["path"]})
    intake.say_files()
    for name, media_type, file in order["attachments"]:
        try:
            writer.attach(name, media_type, Path(file).read_bytes())
        except (OSError, RecordingError):
            continue
    intake.run()
    if intake.left_alone:
        journal = Path(order["journal"])
        put_back_all(journal)
        shutil.rmtree(journal.parent, ignore_errors=True)
    capture = intake.capture
    capture.close()
    intake.say_files()
    _say(
        {
            "kind": "recorded",
            "messages": capture.messages - capture.lost_messages - let_go(writer),
            "let_go": let_go(writer),
            "endpoints": capture.endpoints,
            "connections": capture.connections,
            "opaque": capture.opaque,
            "lost_messages": capture.lost_messages,
            "lost_bytes": capture.lost_bytes,
            "disk_error": capture.disk_error,
        }
    )


def _say(fact: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(fact).encode() + b"\n")
