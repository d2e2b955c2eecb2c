"""The explicit proxy between plain pyzmq programs: tcp and ipc, late and lost ones, what it leaves behind."""

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from proxy.addresses import Address, bind, parse, probe
from proxy.errors import ProxyError
from proxy.explicit import parse_link, stand_between
from recordings.errors import RecordingError
from recordings.recording import Recording
from recordings.session import ConnectionInfo
from tests.support_explicit import Standing, own_place
from tests.support_proxy import Place, load, processes, until

WAIT_MS = 20_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from own_place(tmp_path)


@contextmanager
def sockets(*types: int) -> Iterator[Any]:
    """Sockets of a context of their own."""
    context = zmq.Context()
    made = [context.socket(each) for each in types]
    for each in made:
        each.linger = 0
        each.rcvtimeo = each.sndtimeo = WAIT_MS
    try:
        yield made if len(made) > 1 else made[0]
    finally:
        for each in made:
            each.close()
        context.term()


def listens(proxy: Standing) -> list[str]:
    """The addresses that a proxy said it listens on."""
    return [line.split()[1] for line in proxy.said.splitlines() if " leads to " in line]


def frames(recording: Recording) -> list[tuple[bytes, ...]]:
    return [recording.frames(row) for row in range(len(recording.rows))]


IPV6 = socket.has_ipv6 and any(
    info[4][0] == "::1" for info in socket.getaddrinfo("::1", 0, socket.AF_INET6, flags=socket.AI_NUMERICHOST)
)


@pytest.mark.parametrize(
    ("listen", "bound"),
    [
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("tcp://:*", "ipc://ROOT/feed"),
        ("ipc://ROOT/tapped", "tcp://127.0.0.1:*"),
        ("ipc://ROOT/tapped", "ipc://ROOT/feed"),
        ("tcp://[::1]:*", "tcp://[::1]:*"),
        ("tcp://127.0.0.1:*", "tcp://[::1]:*"),
        *([("ipc://@tubetap-TEST-a", "ipc://@tubetap-TEST-b")] if sys.platform.startswith("linux") else []),
    ],
)
def test_requests_answers_and_identities(place: Place, listen: str, bound: str) -> None:
    listen, bound = (
        text.replace("ROOT", str(place.root)).replace("TEST", str(os.getpid())) for text in (listen, bound)
    )
    with sockets(zmq.ROUTER, zmq.DEALER) as (router, dealer):
        router.ipv6 = dealer.ipv6 = "[" in listen + bound
        router.bind(bound)
        bound = router.last_endpoint.decode()
        proxy = Standing(place, "proxy", f"--link={listen}={bound}")
        dealer.identity = b"asker"
        (address,) = listens(proxy)
        dealer.connect(address)
        dealer.send_multipart([b"question", bytes(300_000)])
        assert router.recv_multipart() == [b"asker", b"question", bytes(300_000)]
        router.send_multipart([b"asker", b"answer"])
        assert dealer.recv_multipart() == [b"answer"]
        assert proxy.stop() == 0
    assert proxy.said.splitlines()[-1] == (
        f"tubetap: 2 messages on 1 connections to 1 sockets recorded in {place.recording}"
    )
    assert not (place.root / "tapped").exists()
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert frames(recording) == [(b"question", bytes(300_000)), (b"answer",)]
        (endpoint,) = recording.session.endpoints.values()
        assert (endpoint.address, endpoint.socket_type, endpoint.role) == (bound, "ROUTER", "other")
        assert (endpoint.pid == os.getpid()) == bound.startswith("ipc")
        (connection,) = recording.session.connections.values()
        assert connection.name == "asker"
        assert recording.facts["source"] == "tubetap proxy"
        assert recording.facts["links"] == f"{address}={bound}"


def test_subscribers_of_several_links(place: Place) -> None:
    with sockets(zmq.PUB, zmq.XPUB, zmq.SUB, zmq.SUB) as (pub, xpub, one, two):
        pub.bind("tcp://127.0.0.1:*")
        xpub.bind(f"ipc://{place.root}/x")
        links = [
            f"--link=tcp://:*={pub.last_endpoint.decode()}",
            f"--link=ipc://{place.root}/y=ipc://{place.root}/x",
        ]
        proxy = Standing(place, "proxy", *links, "--role", "node-outbox:camera")
        assert "(node outbox of camera)" in proxy.said
        first, second = listens(proxy)
        for sub in (one, two):
            sub.subscribe(b"a")
            sub.connect(second)
        one.connect(first)
        # Subscriptions pass one by one, as without a proxy: nothing is merged.
        assert xpub.recv() == b"\x01a"
        until(lambda: sum(bool(info.subscriptions) for info in connections(place)) == 3)
        for number in range(50):
            xpub.send_multipart([b"a", b"%d" % number])
        assert [one.recv_multipart()[1] for _ in range(50)] == [b"%d" % number for number in range(50)]
        assert [two.recv_multipart()[1] for _ in range(50)] == [b"%d" % number for number in range(50)]
        assert proxy.stop() == 0
    with load(place.recording) as recording:
        assert len(recording.rows) == 50
        assert all(len(recording.deliveries(row)) == 2 for row in range(50))
        roles = {(e.socket_type, e.role, e.node) for e in recording.session.endpoints.values()}
        assert roles == {("PUB", "node outbox", "camera"), ("XPUB", "other", None)}


@pytest.mark.skipif(not zmq.has("curve"), reason="libzmq without CURVE")
@pytest.mark.parametrize("role", ["other", "command-inbox"])
def test_encrypted_connections_pass_and_are_counted(place: Place, role: str) -> None:
    with sockets(zmq.ROUTER, zmq.DEALER) as (router, dealer):
        public, secret = zmq.curve_keypair()
        router.curve_server, router.curve_secretkey, router.curve_publickey = True, secret, public
        dealer.curve_serverkey = public
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        router.bind(f"ipc://{place.root}/x")
        proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=ipc://{place.root}/x", "--role", role)
        dealer.connect(f"ipc://{place.root}/y")
        for size in (1, 70_000):
            dealer.send(bytes(size))
            assert router.recv_multipart()[-1] == bytes(size)
        assert proxy.stop() == 0
    with load(place.recording) as recording:
        (connection,) = recording.session.connections.values()
        assert any("encrypted by CURVE" in entry.text for entry in recording.session.log)
        assert connection.state == "closed"


def connections(place: Place) -> list[ConnectionInfo]:
    """What the recording has by now of connections."""
    try:
        with load(place.recording) as recording:
            return list(recording.session.connections.values())
    except RecordingError:  # not a byte yet
        return []


def test_the_program_may_come_later_leave_and_come_back(place: Place) -> None:
    bound = f"ipc://{place.root}/late"
    proxy = Standing(place, "proxy", f"--link=tcp://:*={bound}")
    (address,) = listens(proxy)
    with sockets(zmq.PUSH) as push:
        push.connect(address)
        push.send(b"early")
        proxy.says(f"nobody at {bound} yet (No such file or directory)")
        with sockets(zmq.PULL) as pull:
            pull.bind(bound)
            assert pull.recv() == b"early"
        proxy.says(f"{bound} is there now")
        with sockets(zmq.PULL) as pull:
            pull.bind(bound)
            # What is sent before the socket has noticed is lost with the connection, as it is without us.
            until(lambda: push.send(b"again") is None and pull.poll(50) > 0)
            assert pull.recv() == b"again"
        assert proxy.stop() == 0
    with load(place.recording) as recording:
        assert frames(recording)[:2] == [(b"early",), (b"again",)]


def test_a_peer_that_gives_up_waiting_is_let_go(place: Place) -> None:
    proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=tcp://127.0.0.1:{free_port()}")
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(f"{place.root}/y")
            peer.send(b"something that stays unread")
    proxy.says("Connection refused")
    until(lambda: [info.state for info in connections(place)] == ["closed"] * 3)
    assert proxy.stop() == 0
    assert "0 messages on 3 connections" in proxy.said


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_nobody_connected_is_said(place: Place) -> None:
    proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=ipc://{place.root}/x")
    assert stat.S_IMODE((place.root / "y").stat().st_mode) == 0o600
    assert proxy.stop(signal.SIGTERM) == 0
    assert f"programs see the relay only if they connect to ipc://{place.root}/y" in proxy.said
    assert "0 messages" in proxy.said


def test_an_address_that_is_taken_is_refused_and_left_alone(place: Place) -> None:
    path = place.root / "taken"
    with sockets(zmq.PULL, zmq.PUSH) as (pull, push):
        pull.bind(f"ipc://{path}")
        inode = path.stat().st_ino
        with pytest.raises(ProxyError, match="a program listens there"):
            stand_between([parse_link(f"ipc://{path}=ipc://{place.root}/x")], output=place.recording)
        assert path.stat().st_ino == inode
        push.connect(f"ipc://{path}")
        push.send(b"still there")
        assert pull.recv() == b"still there"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.root / "dead"))
    for name, why in (("dead", "rm "), ("file", "a file already"), ("no/folder", "no folder")):
        if name == "file":
            (place.root / name).write_text("precious")
        with pytest.raises(ProxyError, match=why):
            stand_between([parse_link(f"ipc://{place.root}/{name}=ipc://x")], output=place.recording)
    assert (place.root / "file").read_text() == "precious"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ProxyError, match="the port is taken"):
            stand_between([parse_link(f"tcp://:{port}=ipc://x")], output=place.recording)
    assert not place.recording.exists()
    # The first link is given back when the second can't be had.
    links = [parse_link(f"ipc://{place.root}/{name}=ipc://x") for name in ("fine", "dead")]
    with pytest.raises(ProxyError, match="dead"):
        stand_between(links, output=place.recording)
    assert not (place.root / "fine").exists()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("tcp://127.0.0.1:5555", "is no link: write LISTEN=CONNECT"),
        ("5556=5555", "is no link"),
        ("tcp://*:5556=tcp://127.0.0.1:5555", "write tcp://127.0.0.1:5556 for this machine alone"),
        ("tcp://:5556=tcp://*:5555", "to reach it write tcp://127.0.0.1:5555"),
        ("tcp://:5556=tcp://:5555", "names no host"),
        ("tcp://:5556=tcp://127.0.0.1:*", "no port to connect to"),
        ("tcp://:5556=tcp://127.0.0.1", "is no tcp address"),
        ("tcp://:5556=tcp://::1:5555", "IPv6 as tcp://[::1]:PORT"),
        ("tcp://:99999=tcp://127.0.0.1:5555", "no port"),
        ("tcp://:5556=tcp://127.0.0.1:0;127.0.0.1:5555", "write the connecting address alone"),
        ("inproc://a=tcp://127.0.0.1:5555", "inproc:// never leaves its process"),
        ("udp://:1=tcp://127.0.0.1:5555", "write tcp://HOST:PORT or ipc://PATH"),
        ("tcp://127.0.0.1:5555=tcp://127.0.0.1:5555", "on both sides"),
        ("ipc://=tcp://127.0.0.1:5555", "names no path"),
        (f"ipc:///{'x' * 200}=tcp://127.0.0.1:5555", "use a shorter folder"),
    ],
)
def test_what_is_no_link_is_explained(link: str, said: str) -> None:
    with pytest.raises(ProxyError) as raised:
        parse_link(link)
    assert said in str(raised.value)


def test_links_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    link = parse_link("tcp://:5556=ipc://odd=name/run1/nodes/b/outbox")
    assert link.listen == Address(host="127.0.0.1", port=5556)
    assert str(link.connect) == f"ipc://{tmp_path}/odd=name/run1/nodes/b/outbox"
    assert (link.role, link.node) == ("node outbox", "b")
    link = parse_link("tcp://[::1]:1=tcp://example.org:2", "command-inbox")
    assert (str(link.listen), str(link.connect)) == ("tcp://[::1]:1", "tcp://example.org:2")
    assert (link.role, link.node) == ("command inbox", "command")
    for role in ("inbox", "other:x", "node outbox"):
        with pytest.raises(
            ProxyError, match="choose one of command-outbox, command-inbox, node-outbox, other"
        ):
            parse_link("tcp://:1=tcp://h:2", role)
    with pytest.raises(ProxyError, match="two links"):
        stand_between([parse_link("tcp://:1=tcp://h:2"), parse_link("tcp://:1=tcp://h:3")])
    with pytest.raises(ProxyError, match="a loop"):
        stand_between([parse_link("tcp://:1=tcp://h:2"), parse_link("tcp://:2=tcp://127.0.0.1:1")])


def test_loopback_unless_written_out() -> None:
    assert parse("tcp://:1", listen=True).is_local
    for text in ("tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://192.168.1.2:1", "tcp://printer:1"):
        assert not parse(text, listen=True).is_local
    bound = bind(parse("tcp://:*", listen=True))
    assert bound.socket.getsockname() == ("127.0.0.1", bound.address.port)
    bound.socket.close()


def test_an_address_open_to_the_network_is_pointed_out(place: Place) -> None:
    proxy = Standing(place, "proxy", f"--link=tcp://0.0.0.0:*=ipc://{place.root}/x")
    assert "is open to the network, without a password" in proxy.said
    proxy.stop()


def test_a_killed_relay_frees_the_addresses_and_is_told(place: Place) -> None:
    with sockets(zmq.PULL, zmq.PUSH) as (pull, push):
        pull.bind(f"ipc://{place.root}/x")
        proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=ipc://{place.root}/x")
        push.connect(f"ipc://{place.root}/y")
        push.send(b"one")
        assert pull.recv() == b"one"
        (relay,) = processes(place, "proxy.forwarding")
        os.kill(relay, signal.SIGKILL)
        assert proxy.wait() == 3
        assert "the relay ended (code -9)" in proxy.said
        assert f"recorded in {place.recording}" in proxy.said
        assert not (place.root / "y").exists()
        assert probe(f"{place.root}/x") == "listening"
    assert probe(f"{place.root}/x") == "dead"
    assert probe(f"{place.root}/y") == "unknown"


def test_a_killed_recorder_is_not_noticed_and_replaced(place: Place) -> None:
    with sockets(zmq.PULL, zmq.PUSH) as (pull, push):
        pull.bind(f"ipc://{place.root}/x")
        proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=ipc://{place.root}/x")
        push.connect(f"ipc://{place.root}/y")
        push.send(b"one")
        assert pull.recv() == b"one"
        (recorder,) = processes(place, "proxy.recorder")
        os.kill(recorder, signal.SIGKILL)
        until(lambda: processes(place, "proxy.recorder") not in ([], [recorder]))
        push.send_multipart([b"two", bytes(1000)])
        assert pull.recv_multipart() == [b"two", bytes(1000)]
        assert proxy.stop() == 0
    with load(place.recording.with_name("out-2.mcap")) as recording:
        assert frames(recording)[-1] == (b"two", bytes(1000))
        (endpoint,) = recording.session.endpoints.values()
        assert endpoint.socket_type == "PULL"


def test_a_killed_supervisor_lets_the_connections_end_in_peace(place: Place) -> None:
    with sockets(zmq.PULL, zmq.PUSH) as (pull, push):
        pull.bind(f"ipc://{place.root}/x")
        proxy = Standing(place, "proxy", f"--link=ipc://{place.root}/y=ipc://{place.root}/x")
        push.connect(f"ipc://{place.root}/y")
        push.send(b"one")
        assert pull.recv() == b"one"
        proxy.process.kill()
        proxy.wait()
        push.send(b"two")
        assert pull.recv() == b"two"
    until(lambda: not processes(place, "proxy."))
    assert not (place.root / "y").exists()
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert frames(recording) == [(b"one",), (b"two",)]


def test_the_python_function(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    link = parse_link(f"ipc://{place.root}/y=ipc://{place.root}/x")
    done: list[int] = []

    def talk() -> None:
        with sockets(zmq.PULL, zmq.PUSH) as (pull, push):
            pull.bind(f"ipc://{place.root}/x")
            push.connect(f"ipc://{place.root}/y")
            push.send(b"hello")
            done.append(len(pull.recv()))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=talk)
    thread.start()
    result = stand_between([link], output=place.recording, quiet=True)
    thread.join()
    assert done == [5]
    assert (result.exit_code, result.messages, result.recordings) == (0, 1, [place.recording])
    assert result.losses == result.notes == []
    assert capfd.readouterr().err == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
