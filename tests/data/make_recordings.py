"""Makes the golden recordings of the current format: run it once when the format's number goes up.

    python -m tests.data.make_recordings

Files of older formats stay as they are; a test reads them all and compares with the JSON beside them.
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from recordings.layout import FORMAT
from recordings.recording import Recording
from recordings.records import Connection, Loss, Note, Output, Process
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, event, introduce, plain

HERE = Path(__file__).parent


def write(path: Path) -> int:
    """A bit of everything; returns where the last chunk before the end of the file stops."""
    facts = {"started_ns": str(T0), "host": "example", "command": "noob run tube.yaml"}
    writer = RecordingWriter(path, facts=facts, force=True, chunk_age_ns=20_000_000)
    introduce(writer)
    traffic = Traffic(writer)
    identity = '{"node_id":"a","outbox":"ipc://a","status":"ready","signals":["value"],"slots":null}'
    traffic.message((plain("identify", "a", identity),), endpoint=3, connection=5, direction="in")
    traffic.message((plain("status", "b", '"running"'),), endpoint=3, connection=6, direction="in")
    for epoch in range(8):
        process = plain("process", "command", f'{{"epoch":{epoch},"input":null}}')
        traffic.message((b"process", process), endpoint=0, connection=3, copies=[4])
        traffic.message(event("a", epoch, '"pck__gASVAA=="'), copies=[1])
        traffic.message(event("b", f'[{epoch},["a",1]]'), endpoint=2, connection=2)
        traffic.message(
            (b"epoch_ended", plain("epoch_ended", "command", str(epoch))), endpoint=0, connection=3
        )
    traffic.message((plain("error", "b", '"pck__gASVAA=="'),), endpoint=3, connection=6, direction="in")
    traffic.message((b"", b"\x00\xff", b"raw"), endpoint=1, connection=0)
    traffic.message((), endpoint=1, connection=0)
    now = traffic.now_ns
    writer.record(Output(time_ns=now, stream="stderr", text="Traceback \x1b[31m", pid=12))
    writer.record(Note(time_ns=now, message=3, text="here it begins"))
    writer.record(
        Loss(time_ns=now, stage="tee", bytes=4096, since_ns=now - 5, messages=2, connection=1, reason="full")
    )
    writer.record(Connection(time_ns=now, id=6, endpoint=3, state="closed", reason="reset"))
    writer.record(Process(time_ns=now, pid=12, state="exited", exit_code=1))
    writer.attach("tube.yaml", "application/yaml", b"noob_id: example\n")
    size = writer.size
    writer.close()
    return size


def describe(recording: Recording) -> dict[str, Any]:
    """All that a recording tells, as JSON."""
    rows = recording.rows
    session = recording.session
    return {
        "format": recording.format_version,
        "state": recording.state,
        "host": recording.facts["host"],
        "attachments": {name: recording.attachment(name).decode() for name in recording.attachments()},
        "rows": [
            {
                "row": [
                    row.time_ns,
                    row.type,
                    row.sender,
                    list(row.receivers),
                    row.size,
                    row.epoch,
                    int(row.flags),
                ],
                "frames": [b64encode(frame).decode() for frame in recording.frames(row.number)],
                "copies": [[copy.connection, copy.delay_ns] for copy in recording.deliveries(row.number)],
            }
            for row in (rows[number] for number in range(len(rows)))
        ],
        "nodes": {
            name: [node.state, node.pid, list(node.subscribers), node.sent, node.received, node.errors]
            for name, node in sorted(session.nodes.items())
        },
        "connections": {
            str(info.id): [info.name, info.state, info.reason] for info in session.connections.values()
        },
        "epochs": [
            [line.number, line.asked_ns, line.ended_ns]
            for line in map(session.epochs.__getitem__, range(len(session.epochs)))
        ],
        "log": [[entry.time_ns, entry.kind, entry.text] for entry in session.log],
    }


def main() -> None:
    """Write the files beside this one."""
    whole, cut = HERE / f"format-{FORMAT}.mcap", HERE / f"format-{FORMAT}-cut-off.mcap"
    size = write(whole)
    cut.write_bytes(whole.read_bytes()[: size - 100])
    for path in (whole, cut):
        with Recording.open(path) as recording:
            text = json.dumps(describe(recording), indent=1, ensure_ascii=True)
        path.with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
