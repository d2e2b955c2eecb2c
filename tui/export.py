"""Writing messages out of a recording: as JSON lines, as the bare payload, or as a smaller recording."""

import base64
import os
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from recordings.recording import Recording
from recordings.writer import RecordingWriter

KINDS = (".json", ".jsonl", ".bin", ".mcap")
"""The endings that say what is written."""


def write(recording: Recording, rows: NDArray[np.uint32], path: Path) -> int:
    """Write rows to a new file; its ending says how. Returns how many messages were written.

    Raises FileExistsError rather than writing over a file, and RecordingError where the recording can't be
    read.
    """
    if path.suffix.lower() == ".mcap":
        return _write_recording(recording, rows, path)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        for row in rows.tolist():
            if path.suffix.lower() == ".bin":
                frames = recording.frames(row)
                file.write(frames[-1] if frames else b"")
            else:
                file.write(_json_line(recording, row) + b"\n")
    return len(rows)


def _json_line(recording: Recording, number: int) -> bytes:
    row = recording.rows[number]
    frames = recording.frames(number)
    line: dict[str, object] = {
        "number": number,
        "time_ns": row.time_ns,
        "type": row.type,
        "from": row.sender,
        "to": row.receivers,
        "epoch": row.epoch if row.epoch >= 0 else None,
        "frames": [_frame(frame) for frame in frames[:-1]],
    }
    if frames:
        try:
            line["message"] = msgspec.Raw(_checked(frames[-1]))
        except (msgspec.DecodeError, RecursionError):
            line["payload"] = _frame(frames[-1])
    return msgspec.json.encode(line)


def _checked(payload: bytes) -> bytes:
    """Give a payload that is JSON on one line, so that it can stand in a JSON line as it is."""
    msgspec.json.decode(payload)
    return msgspec.json.format(payload, indent=-1)


def _frame(frame: bytes) -> object:
    try:
        return frame.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(frame).decode("ascii")}


def _write_recording(recording: Recording, rows: NDArray[np.uint32], path: Path) -> int:
    session = recording.session
    writer = RecordingWriter(path, facts={**recording.facts, "exported_from": recording.path.name})
    try:
        for endpoint in session.endpoints.values():
            writer.record(endpoint)
        for number in rows.tolist():
            endpoint = session.endpoints[int(recording.rows.endpoint[number])]
            deliveries = recording.deliveries(number)
            incoming = endpoint.socket_type in ("ROUTER", "PULL", "REP", "SUB")
            connection = int(recording.rows.connection[number])
            message = writer.message(
                int(recording.rows.time_ns[number]),
                endpoint.id,
                connection,
                "in" if incoming else "out",
                recording.frames(number),
                recording.envelope(number),
                endpoint,
            )
            for delivery in deliveries:
                writer.delivered(delivery.connection, message, delivery.time_ns)
    finally:
        writer.close()
    return len(rows)
