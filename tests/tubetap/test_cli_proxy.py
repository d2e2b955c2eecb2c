"""`tubetap proxy` as it is typed: a plain pyzmq program step by step, mistakes, and the viewer."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.interpose import remedy
from tests.support_cli import Tubetap
from tests.support_explicit import Standing, Terminal, own_place
from tests.support_proxy import Place, load, processes, until

FEED = """
import sys, zmq
socket = zmq.Context().socket(zmq.PUB)
socket.bind(sys.argv[1])
print(socket.last_endpoint.decode(), flush=True)
while not socket.poll(0) and sys.stdin.readline():
    socket.send_multipart([b"weather", b"rain"])
"""
READER = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.subscribe("")
socket.connect(sys.argv[1])
print(socket.recv_multipart(), flush=True)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from own_place(tmp_path)


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture
def feed(place: Place) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """A publisher on a tcp port of its choice; it sends whenever it reads a line."""
    process = place.start([sys.executable, "-c", FEED, "tcp://127.0.0.1:*"])
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.communicate("", timeout=20)


def publish_until(process: "subprocess.Popen[str]", done: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    while done.poll() is None:
        process.stdin.write("\n")
        process.stdin.flush()
        try:
            done.wait(0.02)
        except subprocess.TimeoutExpired:
            continue


def test_a_plain_tcp_program_step_by_step(place: Place, feed: "tuple[subprocess.Popen[str], str]") -> None:
    publisher, bound = feed
    proxy = Standing(place, "proxy", "--link", f"tcp://:*={bound}")
    listen = proxy.said.split()[1]
    assert proxy.said.splitlines() == [
        f"tubetap: {listen} leads to {bound}",
        "tubetap: recording until Ctrl-C",
    ]
    reader = place.start([sys.executable, "-c", READER, listen])
    publish_until(publisher, reader)
    assert reader.communicate()[0] == "[b'weather', b'rain']\n"
    assert proxy.stop() == 0
    with load(place.recording) as recording:
        assert recording.frames(0) == (b"weather", b"rain")
        (endpoint,) = recording.session.endpoints.values()
        assert (endpoint.address, endpoint.socket_type) == (bound, "PUB")


def test_what_run_tells_of_a_tcp_program_leads_here(place: Place) -> None:
    code = (
        "import zmq; c = zmq.Context(); a, b = c.socket(zmq.PUB), c.socket(zmq.PULL);"
        f"a.bind('tcp://*:*'); print(a.last_endpoint.decode()); b.bind('ipc://{place.root}/noob/x')"
    )
    done = place.tap([sys.executable, "-c", code])
    bound = done.stdout.strip().replace("0.0.0.0", "127.0.0.1")
    link = f"tcp://127.0.0.1:*={bound}"
    assert "left alone, as tubetap run sees only ipc: tcp://0.0.0.0:" in done.stderr
    assert f"start `tubetap proxy --link {link}` beside it" in done.stderr
    # The command it names is one that works.
    proxy = Standing(place, "proxy", "--force", "--link", link)
    assert f" leads to {bound}" in proxy.said
    assert proxy.stop() == 0


def test_the_remedy_names_every_address_that_can_be_relayed() -> None:
    assert remedy(["tcp://[::]:5 (PUB)", "ipc://@name (REP)", "udp://h:1 (DISH)"]) == (
        "start `tubetap proxy --link tcp://127.0.0.1:*=tcp://127.0.0.1:5 "
        "--link tcp://127.0.0.1:*=ipc://@name` beside it, and let the others connect where it says"
    )
    assert remedy(["udp://h:1 (DISH)"]) == "tubetap relays only tcp:// and ipc://"


def test_mistakes_are_one_line_and_code_2(place: Place, tubetap: Tubetap) -> None:
    assert tubetap("proxy").code == 2
    assert "Missing option '--link'" in tubetap("proxy").err
    result = tubetap("proxy", "--link", "tcp://*:1=tcp://h:2", "-o", place.recording)
    assert result.code == 2
    assert result.err.startswith("tubetap: tcp://*:1 would be open to the network: write tcp://127.0.0.1:1")
    assert result.err.count("\n") == 1
    assert (
        "more --role than --link" in tubetap("proxy", "--link=tcp://:1=tcp://h:2", *["--role=other"] * 2).err
    )
    assert "is no role" in tubetap("proxy", "--link=tcp://:1=tcp://h:2", "--role=inbox").err
    assert "needs a terminal" in tubetap("proxy", "--link=tcp://:1=tcp://h:2", "--tui").err
    place.recording.write_text("precious")
    result = tubetap("proxy", "--link=tcp://:*=tcp://h:2", "-o", place.recording)
    assert (result.code, "--force" in result.err) == (2, True)
    assert place.recording.read_text() == "precious"


def test_live_in_the_viewer(place: Place, feed: "tuple[subprocess.Popen[str], str]") -> None:
    publisher, bound = feed
    terminal = Terminal(place, "proxy", f"--link=ipc://{place.root}/tapped={bound}")
    until(lambda: (place.root / "tapped").exists())
    reader = place.start([sys.executable, "-c", READER, f"ipc://{place.root}/tapped"])
    publish_until(publisher, reader)
    reader.communicate()
    terminal.shows(b"rain")
    assert terminal.leave() == 0
    assert b"recorded in" in terminal.output
    assert not (place.root / "tapped").exists()
    with load(place.recording) as recording:
        assert recording.state == "complete"


def test_a_signal_ends_it_with_the_viewer(place: Place) -> None:
    terminal = Terminal(place, "proxy", f"--link=ipc://{place.root}/tapped=ipc://{place.root}/x")
    terminal.shows(b"\x1b[?1049h")
    terminal.process.terminate()
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.output  # back from the alternate screen
    assert not (place.root / "tapped").exists()
    until(lambda: not processes(place, "tubetap.cli.proxy"))


def test_a_flight_recorder_and_parts(place: Place, feed: "tuple[subprocess.Popen[str], str]") -> None:
    publisher, bound = feed
    proxy = Standing(place, "proxy", "--ring", "60s", f"--link=ipc://{place.root}/y={bound}")
    reader = place.start([sys.executable, "-c", READER, f"ipc://{place.root}/y"])
    publish_until(publisher, reader)
    reader.communicate()
    proxy.process.send_signal(signal.SIGUSR1)
    proxy.says(f"{place.recording} written")
    with load(place.recording) as recording:
        assert recording.frames(0) == (b"weather", b"rain")
    assert proxy.stop() == 0
    proxy = Standing(place, "proxy", "--force", "--rotate", "1s", f"--link=ipc://{place.root}/y={bound}")
    reader = place.start([sys.executable, "-c", READER, f"ipc://{place.root}/y"])
    publish_until(publisher, reader)
    reader.communicate()
    assert proxy.stop() == 0
    with load(place.recording) as recording:
        assert recording.frames(0) == (b"weather", b"rain")
