"""A redacted file holds none of what was taken out, looked at with other eyes than ours."""

import base64
import gzip
import json
import pickle
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader

from decoders.envelope import read_envelope
from recordings import filters
from recordings.notes import Notes
from recordings.recording import Recording
from recordings.records import (
    Connection,
    Endpoint,
    Loss,
    Node,
    Note,
    Output,
    Peer,
    Process,
    Subscription,
)
from recordings.redaction import LeakError, Rules, parse_rules, redact
from recordings.redaction.leaks import LeakScan
from recordings.redaction.pseudonyms import Pseudonyms
from recordings.redaction.redacting import MANIFEST
from recordings.redaction.scrubber import Scrubber
from recordings.writer import RecordingWriter
from tests.support_sample_files import record_sample

SECRETS = ["alicejones", "labmachine7", "hunter2hunter2", "dave@lab.example.org", "10.20.30.40"]
HOME = "/home/alicejones"


def with_secrets(path: Path, body: object = None, attachments: dict[str, bytes] | None = None) -> Path:
    """Write a recording in which every corner holds a secret."""
    command = ("python", "--token", "hunter2hunter2", f"{HOME}/tube.py")
    facts = {
        "host": "labmachine7",
        "user": "alicejones",
        "command": json.dumps(command),
        "cwd": f"{HOME}/lab",
        "api_key": "hunter2hunter2",
    }
    writer = RecordingWriter(path, facts=facts)
    peer = Peer(version=(3, 1), mechanism="NULL", socket_type="DEALER", routing_id=b"alicejones-cam")
    writer.record(Process(time_ns=1, pid=7, command_line=command))
    writer.record(
        Endpoint(
            time_ns=2,
            id=1,
            address=f"ipc://{HOME}/rt/noob/ab/command/inbox",
            socket_type="ROUTER",
            role="command inbox",
            node="command",
            runner="ab",
            command_line=command,
        )
    )
    writer.record(Connection(time_ns=3, id=1, endpoint=1, state="handshaken", peer=peer))
    writer.record(Connection(time_ns=4, id=1, endpoint=1, state="closed", reason="10.20.30.40 went away"))
    writer.record(Subscription(time_ns=5, connection=1, topic=b"alicejones/frames", subscribe=True))
    payload = {
        "type": "event",
        "node_id": "alicejones-cam",
        "timestamp": "2026-01-01T00:00:00Z",
        "value": [
            {
                "epoch": 1,
                "value": body if body is not None else {"mail": "Dave@lab.example.org", "alicejones": 1},
            }
        ],
    }
    bodies = [
        json.dumps(payload).encode(),
        b"plain text of AliceJones at labmachine7",
        b"\x00\x01binary alicejones",
    ]
    for number, data in enumerate(bodies):
        frames = [b"alicejones", data]
        message = writer.message(10 + number, 1, 1, "in", frames, read_envelope(frames))
        frames = [b"event", data]
        message = writer.message(20 + number, 1, 1, "out", frames, read_envelope(frames))
        writer.delivered(2, message, 30)
    writer.record(
        Node(time_ns=39, name="alicejones-cam", outbox=f"ipc://{HOME}/outbox", signals=("alicejones",))
    )
    writer.record(Output(time_ns=40, stream="stderr", text=f"Traceback {HOME}/x.py hunter2hunter2"))
    writer.record(Note(time_ns=41, message=0, text="ask dave@lab.example.org"))
    writer.record(Loss(time_ns=42, stage="disk", bytes=1, since_ns=1, reason=f"{HOME} is full"))
    for name, data in (
        attachments or {"tube.yaml": f"path: {HOME}\npassword: hunter2hunter2\n".encode()}
    ).items():
        writer.attach(name, "application/yaml", data)
    writer.close()
    Notes(path).set(1, mark=True, text="alicejones was here")
    return path


def everything_in(path: Path) -> bytes:
    """Read a file with the official MCAP reader: all it says, and what its base64 holds."""
    found: list[bytes] = [path.read_bytes()]
    with path.open("rb") as file:
        reader = make_reader(file)
        for schema, channel, message in reader.iter_messages(log_time_order=True):
            found += [message.data, channel.topic.encode(), json.dumps(channel.metadata).encode()]
            found += [schema.data] if schema else []
            found += [base64.b64decode(frame) for frame in json.loads(channel.metadata.get("frames", "[]"))]
        found += [json.dumps(record.metadata).encode() for record in reader.iter_metadata()]
        for attachment in reader.iter_attachments():
            found += [attachment.name.encode(), attachment.data]
    return b"\n".join(found).lower()


def test_secrets_are_nowhere_in_the_copy(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "in.mcap")
    before = everything_in(path)
    assert all(secret.encode() in before for secret in SECRETS)
    with Recording.open(path) as recording:
        redacted = redact(recording, tmp_path / "out.mcap", Rules())
        after = everything_in(tmp_path / "out.mcap")
        assert [secret for secret in SECRETS if secret.encode() in after] == []
        # Whatever a binary frame held is told by its size alone.
        assert b"binary" not in after.replace(b'"binary"', b"")
        with Recording.open(tmp_path / "out.mcap") as copy:
            assert len(copy.rows) == len(recording.rows)
            assert copy.rows.time_ns.tolist() == recording.rows.time_ns.tolist()
            assert [copy.rows[row].type for row in range(len(copy.rows))] == [
                recording.rows[row].type for row in range(len(recording.rows))
            ]
            sender = copy.rows[0].sender
            assert sender == copy.session.connections[1].name
            assert sender.endswith("-cam")
            manifest = json.loads(copy.attachment(MANIFEST))
            assert manifest["replaced"] == redacted.counts
            assert "tube.yaml" in copy.attachments()
    assert set(redacted.secrets) == {"user", "host", "secret", "email", "address"}
    assert "alicejones" in redacted.secrets["user"].values()


def test_a_rehearsal_writes_nothing_and_says_the_same(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "in.mcap")
    with Recording.open(path) as recording:
        rehearsed = redact(recording, None, Rules(), key=b"x")
        redacted = redact(recording, tmp_path / "out.mcap", Rules(), key=b"x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mcap", "in.mcap.notes.jsonl", "out.mcap"]
    assert rehearsed.secrets == redacted.secrets
    # The notes kept beside the file are not part of a rehearsal's counts.
    assert rehearsed.counts.keys() == redacted.counts.keys()


def test_the_original_and_an_existing_file_stay_as_they_are(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "in.mcap")
    before = path.read_bytes()
    (tmp_path / "out.mcap").write_text("precious")
    with Recording.open(path) as recording:
        with pytest.raises(Exception, match="exists already"):
            redact(recording, tmp_path / "out.mcap", Rules())
        redact(recording, tmp_path / "out.mcap", Rules(), force=True)
    assert path.read_bytes() == before
    assert (tmp_path / "out.mcap").stat().st_mode & 0o777 == 0o600


def test_a_part_of_a_recording(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "in.mcap")
    with Recording.open(path) as recording:
        rows = filters.parse("type:event").rows(recording.rows)
        redacted = redact(recording, tmp_path / "out.mcap", Rules(), rows=rows)
        assert redacted.copied.messages == int(rows.sum())


@pytest.mark.parametrize("what", ["pickle", "blob", "binary"])
def test_a_secret_in_what_is_kept_fails_the_whole_copy(tmp_path: Path, what: str) -> None:
    data = pickle.dumps({"path": f"{HOME}/x", "array": bytes(50)})
    text = base64.b64encode(data).decode()
    bodies = {"pickle": f"pck__{text}", "blob": base64.b64encode(data * 5).decode(), "binary": "nothing"}
    rules = {
        "pickle": "[payloads]\npickles = 'keep'",
        "blob": "[payloads]\nblobs = 'keep'",
        "binary": "[payloads]\nbinary = 'keep'",
    }
    path = with_secrets(tmp_path / "in.mcap", bodies[what])
    with Recording.open(path) as recording, pytest.raises(LeakError) as caught:
        redact(recording, tmp_path / "out.mcap", parse_rules(rules[what]))
    assert any("alicejones" in leak.found for leak in caught.value.leaks)
    assert not (tmp_path / "out.mcap").exists()
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".tmp")]


def test_kept_pickles_without_secrets_stay_bit_for_bit(tmp_path: Path) -> None:
    pickled = "pck__" + base64.b64encode(pickle.dumps([1, 2, "three"])).decode()
    path = with_secrets(tmp_path / "in.mcap", pickled)
    with Recording.open(path) as recording:
        redact(recording, tmp_path / "out.mcap", parse_rules("[payloads]\npickles = 'keep'"))
    with Recording.open(tmp_path / "out.mcap") as copy:
        assert json.loads(copy.frames(0)[-1])["value"][0]["value"] == pickled


def test_whatever_the_scrubber_misses_the_last_look_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_secrets(tmp_path / "in.mcap")
    monkeypatch.setattr(Scrubber, "octets", lambda self, data: data)
    with Recording.open(path) as recording, pytest.raises(LeakError) as caught:
        redact(recording, tmp_path / "out.mcap", Rules())
    assert caught.value.leaks
    assert not (tmp_path / "out.mcap").exists()


def test_output_may_be_dropped(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "in.mcap")
    with Recording.open(path) as recording:
        redact(recording, tmp_path / "out.mcap", parse_rules("[payloads]\noutput = 'drop'"))
    with Recording.open(tmp_path / "out.mcap") as copy:
        assert not [entry for entry in copy.session.log if entry.kind == "output"]


def test_attachments_that_are_no_text_are_left_out_and_told(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "in.mcap", attachments={"alicejones.bin": b"\x00\x01", "a.txt": b"fine"})
    with Recording.open(path) as recording:
        redacted = redact(recording, tmp_path / "out.mcap", Rules())
    with Recording.open(tmp_path / "out.mcap") as copy:
        assert set(copy.attachments()) == {"a.txt", MANIFEST}
    assert len(redacted.left_out) == 1
    assert "alicejones" not in redacted.left_out[0]


WRAPPINGS = {
    "base64": base64.b64encode,
    "urlsafe": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "lines": lambda data: base64.encodebytes(b"." * 50 + data if data.isascii() else data),
    "utf-16": lambda data: data.decode("latin-1").encode("utf-16-le"),
    "hex": lambda data: data.hex().encode(),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "pickle": lambda data: pickle.dumps([data, {"x": 1}]),
    "pickle0": lambda data: pickle.dumps(data.decode("latin-1"), protocol=0),
    "json": lambda data: json.dumps({"v": data.decode("latin-1")}).encode(),
    "escaped": lambda data: "".join(f"\\u{byte:04x}" for byte in data).encode(),
    "padded": lambda data: b"some text before " + data + b" and after",
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(WRAPPINGS)), max_size=3))
def test_secrets_are_found_in_any_wrapping(names: list[str]) -> None:
    scrubber = Scrubber(Rules(), Pseudonyms())
    scrubber.learn("secret", "hunter2hunter2", "keys")
    scrubber.freeze()
    data = b"my hunter2hunter2 is long enough"
    for name in names:
        if name in ("json", "pickle0", "escaped", "utf-16") and not data.isascii():
            data = base64.b64encode(data)
        # Compressed or pickled data inside text is base64, or it would be no text.
        if name == "padded" and not data.isascii():
            data = base64.b64encode(data)
        data = WRAPPINGS[name](data)
    scan = LeakScan(scrubber)
    scan.look("here", data)
    assert [leak.found for leak in scan.leaks if leak.found == "hunter2hunter2"], data
