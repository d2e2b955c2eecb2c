"""The model of a session, built up from a recording: nodes, names, subscriptions, epochs and the log."""

from pathlib import Path

import pytest

from recordings.epochs import EpochTable
from recordings.recording import Recording
from recordings.records import Connection, Endpoint, Loss, Note, Output, Peer, Process, Subscription
from recordings.session import Session
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, event, introduce, plain

MS = 1_000_000


def identify(node: str, status: str) -> tuple[bytes, ...]:
    value = (
        f'{{"node_id":"{node}","outbox":"ipc://{node}","status":"{status}","signals":["value"],"slots":null,'
        '"subscribed_to":[],"subscribers":[]}'
    )
    return (plain("identify", node, value),)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A short run of a tube with nodes a and b, one after the other through everything that is modelled."""
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    traffic = Traffic(writer)
    introduce(writer)
    traffic.message(identify("a", "waiting"), endpoint=3, connection=5, direction="in")
    traffic.message(
        (
            b"announce",
            plain(
                "announce",
                "command",
                '{"inbox":"i","nodes":{"a":{"status":"ready"},"c":{"status":"waiting"}}}',
            ),
        ),
        endpoint=0,
        connection=3,
        copies=[4],
    )
    traffic.message((plain("status", "a", '"running"'),), endpoint=3, connection=5, direction="in")
    traffic.message((plain("status", "b", '"ready"'),), endpoint=3, connection=6, direction="in")
    for epoch in (0, 1, 2):
        traffic.message(
            (b"process", plain("process", "command", f'{{"epoch":{epoch},"input":null}}')),
            endpoint=0,
            connection=3,
            copies=[4],
        )
        traffic.message(event("a", epoch), endpoint=1, connection=0, copies=[1])
        if epoch < 2:
            traffic.message(event("b", epoch), endpoint=2, connection=2)
            traffic.message(
                (b"epoch_ended", plain("epoch_ended", "command", str(epoch))),
                endpoint=0,
                connection=3,
                copies=[4],
            )
    traffic.message((plain("error", "b", '"pck__gASVAA=="'),), endpoint=3, connection=6, direction="in")
    now = traffic.now_ns
    writer.record(Subscription(time_ns=now, connection=1, topic=b"", subscribe=False))
    writer.record(Output(time_ns=now, stream="stdout", text="hello \x1b[2J"))
    writer.record(
        Loss(time_ns=now, stage="tee", bytes=1000, since_ns=T0, messages=3, reason="the buffer was full")
    )
    writer.record(Note(time_ns=now, message=2, text="look here"))
    writer.record(Connection(time_ns=now + MS, id=6, endpoint=3, state="closed", reason="reset"))
    writer.record(Process(time_ns=now + 2 * MS, pid=12, state="exited", exit_code=1))
    writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        return recording.session


def test_nodes_have_states_pids_and_counts(session: Session) -> None:
    assert set(session.nodes) == {"command", "a", "b", "c"}
    a, b = session.nodes["a"], session.nodes["b"]
    assert (a.state, a.since_ns) == ("running", T0 + 3 * MS)
    assert [state for _, state in a.history] == ["waiting", "running"]
    assert (a.pid, a.outbox, a.signals, a.slots) == (11, "ipc://a", ("value",), None)
    assert [state for _, state in b.history] == ["ready", "gone"]
    assert session.nodes["c"].state == "waiting"
    assert (a.sent, a.received, a.errors) == (5, 6, 0)
    assert (b.sent, b.errors) == (4, 1)
    assert session.nodes["command"].received == 9


def test_who_listens_to_whom(session: Session) -> None:
    assert session.nodes["a"].subscribers == ("b", "command")
    assert session.nodes["b"].subscribed_to == ("a", "command")
    b = session.connections[1]
    assert b.subscriptions == {b"__subscriber__:b": T0}
    assert [topic for topic, _, _ in b.ended_subscriptions] == [b""]


def test_endpoints_and_connections(session: Session) -> None:
    assert session.runner == "r1"
    assert session.endpoints[3].role == "command inbox"
    closed = session.connections[6]
    assert (closed.name, closed.state, closed.reason, closed.peer_pid) == ("b", "closed", "reset", 12)
    assert closed.closed_ns is not None
    assert closed.handshaken_ns == T0
    assert session.processes[12].exit_code == 1
    assert session.connections[1].copies == 3


def test_epochs(session: Session) -> None:
    epochs = session.epochs
    assert len(epochs) == 3
    done, open_ = epochs[0], epochs[2]
    assert done.asked_ns == T0 + 5 * MS
    assert done.ended_ns == T0 + 8 * MS
    assert done.emitted_ns == {"a": T0 + 6 * MS, "b": T0 + 7 * MS}
    assert done.received_ns == {"a": T0 + 5 * MS, "b": T0 + 6 * MS + 1000, "command": T0 + 7 * MS}
    assert (open_.ended_ns, set(open_.emitted_ns)) == (0, {"a"})
    assert epochs.index_of(2) == 2
    assert epochs.index_of(3) is None


def test_the_log_is_in_order_and_tells_all(session: Session) -> None:
    times = [entry.time_ns for entry in session.log]
    assert times == sorted(times)
    kinds = {entry.kind for entry in session.log}
    assert kinds == {
        "process",
        "endpoint",
        "connection",
        "subscription",
        "node",
        "error",
        "output",
        "loss",
        "note",
    }
    texts = [entry.text for entry in session.log]
    assert "b subscribes to everything of a" in texts
    assert "a is running" in texts
    assert "b is gone" in texts
    assert "lost at the tee: 3 messages, 1,000 bytes: the buffer was full" in texts
    error = next(entry for entry in session.log if entry.kind == "error")
    assert (error.node, error.row) == ("b", 14)
    assert [loss.messages for loss in session.losses] == [3]
    assert [note.text for note in session.notes] == ["look here"]


def test_names_by_what_is_known(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    writer.record(Endpoint(time_ns=T0, id=0, address="tcp://h:1", socket_type="XPUB"))
    writer.record(Connection(time_ns=T0, id=0, endpoint=0, state="opened"))
    writer.record(Connection(time_ns=T0, id=1, endpoint=0, state="opened", peer_pid=77))
    writer.record(Connection(time_ns=T0, id=2, endpoint=0, state="opened", peer_pid=78))
    peer = Peer(version=(3, 1), mechanism="NULL", routing_id=b"\xff\x00id")
    writer.record(Connection(time_ns=T0, id=3, endpoint=0, state="handshaken", peer=peer))
    writer.record(Endpoint(time_ns=T0, id=1, address="ipc://x", socket_type="XPUB", node="n", pid=78))
    writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        session = recording.session
        assert [session.name_of(number) for number in range(5)] == [
            "connection 0",
            "pid 77",
            "n",
            "\\xff\x00id",
            "connection 4",
        ]
        assert session.owner_of(0) == "tcp://h:1"
        assert session.owner_of(1) == "n"
        assert session.owner_of(9) == "endpoint 9"


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recordings.logbook.MAX_LOG", 100)
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    for number in range(250):
        writer.record(Output(time_ns=T0 + number, stream="stdout", text=str(number)))
    writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        session = recording.session
        assert len(session.log) + session.log_dropped == 250
        assert len(session.log) <= 100
        assert session.log[-1].text == "stdout: 249"


def test_epochs_in_any_order_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    table = EpochTable()
    numbers = np.array([5, 3, 9, 3, 7], dtype=np.int64)
    table.emitted("a", numbers, numbers * 10 + np.arange(5))
    table.received("b", np.array([3, 4, 9, 9]), np.array([1, 2, 3, 2]))
    assert table.number.tolist() == [3, 5, 7, 9]
    assert table.emitted_ns[:, 0].tolist() == [31, 50, 74, 92]
    assert table.received_ns[:, 1].tolist() == [1, 0, 0, 3]
    table.asked(np.array([4, 1]), np.array([44, 11]))
    assert table.number.tolist() == [1, 3, 4, 5, 7, 9]
    assert table.emitted_ns[:, 0].tolist() == [0, 31, 0, 50, 74, 92]
    monkeypatch.setattr("recordings.epochs.MAX_CELLS", 100)
    for start in range(10, 500, 7):
        table.ended(np.arange(start, start + 7), np.arange(start, start + 7))
    assert len(table) * 4 <= 100
    assert table.number[-1] == 503 or table.number[-1] > 490
    assert table.ended_ns.tolist() == table.number.tolist()
    assert table.forgotten > 0


def test_who_listened_to_whom_is_still_known_after_the_end(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    introduce(writer)
    second = 1_000_000_000
    writer.record(Connection(time_ns=T0 + 10 * second, id=4, endpoint=0, state="closed"))
    with Recording.open(tmp_path / "a.mcap", follow=True) as recording:
        writer.flush()
        recording.refresh(9)
        assert recording.session.nodes["command"].subscribers == ("a",)
        for number in (0, 1, 2, 3):
            time_ns = T0 + 60 * second + number
            writer.record(Connection(time_ns=time_ns, id=number, endpoint=1, state="closed"))
        writer.close()
        recording.refresh(9)
        nodes = recording.session.nodes
        assert nodes["a"].subscribers == ("b", "command")
        assert nodes["command"].subscribers == ("a",)
