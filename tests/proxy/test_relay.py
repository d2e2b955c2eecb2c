"""The relay: every byte both ways, ends passed on, nobody held up but by the other side, files as found."""

import asyncio
import json
import os
import random
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proxy.endpoint import Journal, read_journal
from proxy.frames import FrameReader, Kind
from proxy.relay import Relay

WAIT_S = 20


@dataclass
class Bench:
    """A relay in this process, with a plain unix server as the program's socket."""

    folder: Path
    relay: Relay
    task: "asyncio.Task[None]"
    supervisor: socket.socket
    control: str
    servers: list[asyncio.Server] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, path: Path, react: Any, **kwargs: Any) -> None:
        """Bind `path` as a program would, then give it to the relay as the agent would."""
        server = await asyncio.start_unix_server(react, path, **kwargs)
        self.servers.append(server)
        await self.hand_over(path)

    async def hand_over(self, path: Path, pid: int = 0, *, finish: bool | None = True) -> dict[str, Any]:
        """Rename and report; then move the relay's socket, give up (False), or do neither (None)."""
        real = f"{path}.tap"
        inode = path.stat().st_ino
        os.rename(path, real)
        reader, writer = await asyncio.open_unix_connection(self.control)
        report = {
            "kind": "bind",
            "path": str(path),
            "real": real,
            "staging": real + "+",
            "inode": inode,
            "socket_type": "XPUB",
            "pid": pid or os.getpid(),
        }
        writer.write(json.dumps(report).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        if finish is None:
            self.writers.append(writer)
            return answer
        if finish and "listening" in answer:
            os.rename(real + "+", path)
            writer.write(b"done\n")
        writer.close()
        return answer

    async def connect(self, path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(path)
        self.writers.append(writer)
        return reader, writer

    async def finish(self) -> None:
        self.supervisor.send(b"finish\n")
        await asyncio.wait_for(self.task, WAIT_S)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(tmp_path / "control"))
    control.listen()
    ours, theirs = socket.socketpair()
    relay = Relay(control=control, supervisor=theirs, journal=Journal(tmp_path / "journal"), limit=256 << 20)
    bench = Bench(tmp_path, relay, asyncio.create_task(relay.run()), ours, str(tmp_path / "control"))
    await asyncio.sleep(0)
    yield bench
    for server in bench.servers:
        server.close()
    if not bench.task.done():
        await bench.finish()
    for writer in bench.writers:
        writer.close()
    ours.close()


def record(bench: Bench) -> "asyncio.Task[list[tuple[Kind, int, int, bytes]]]":
    """Attach a recorder and collect what it gets."""
    ours, theirs = socket.socketpair()
    socket.send_fds(bench.supervisor, [b"recorder\n"], [ours.fileno()])
    ours.close()
    theirs.setblocking(False)

    async def collect() -> list[tuple[Kind, int, int, bytes]]:
        frames: list[tuple[Kind, int, int, bytes]] = []
        reader = FrameReader()
        with theirs:
            while data := await asyncio.get_running_loop().sock_recv(theirs, 1 << 16):
                frames += [(*frame[:3], bytes(frame[3])) for frame in reader.feed(data)]
        return frames

    return asyncio.create_task(collect())


async def test_every_byte_both_ways_and_into_the_tee(bench: Bench) -> None:
    path = bench.folder / "socket"
    recorder = record(bench)
    to_client, to_server = random.Random(1).randbytes(3_000_000), random.Random(2).randbytes(2_000_000)
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sending = asyncio.create_task(send(writer, to_client))
        got.set_result(await reader.read(-1))
        await sending
        writer.close()

    await bench.serve(path, react)
    reader, writer = await bench.connect(path)
    sending = asyncio.create_task(send(writer, to_server))
    assert await reader.readexactly(len(to_client)) == to_client
    await sending
    assert await asyncio.wait_for(got, WAIT_S) == to_server  # read(-1) returns: the half-close was passed on
    assert await reader.read() == b""
    await bench.finish()
    frames = await recorder
    chunks = {kind: b"".join(f[3] for f in frames if f[0] is kind) for kind in (Kind.IN, Kind.OUT)}
    assert chunks == {Kind.IN: to_server, Kind.OUT: to_client}
    times = [f[2] for f in frames]
    assert times == sorted(times)
    opened = [json.loads(f[3]) for f in frames if f[0] is Kind.OPENED]
    assert opened == [{"endpoint": 1, "peer_pid": os.getpid()}]


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    for start in range(0, len(data), 100_000):
        writer.write(data[start : start + 100_000])
        await writer.drain()
    writer.write_eof()


async def test_what_was_sent_before_an_abrupt_end_arrives(bench: Bench) -> None:
    path = bench.folder / "socket"
    data = random.Random(3).randbytes(150_000)
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"never read by the client")
        got.set_result(await reader.read(-1))
        writer.close()

    await bench.serve(path, react)
    client = socket.socket(socket.AF_UNIX)
    await asyncio.to_thread(client.connect, str(path))
    await asyncio.to_thread(client.sendall, data)
    client.close()  # with unread data in it: a reset
    assert await asyncio.wait_for(got, WAIT_S) == data


async def test_a_client_is_told_when_the_program_closes(bench: Bench) -> None:
    path = bench.folder / "socket"

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    await bench.serve(path, react)
    reader, _ = await bench.connect(path)
    assert await asyncio.wait_for(reader.read(-1), WAIT_S) == b"bye"


async def test_a_full_client_holds_up_the_program_and_nobody_else(bench: Bench) -> None:
    path = bench.folder / "socket"
    sent = [0, 0]

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index = int(await reader.readexactly(1))
        try:
            while True:
                writer.write(bytes(10_000))
                await writer.drain()
                sent[index] += 10_000
        except OSError:
            pass

    await bench.serve(path, react)
    slow_reader, slow = await asyncio.open_unix_connection(path, limit=1000)
    slow.write(b"0")
    fast_reader, fast = await bench.connect(path)
    fast.write(b"1")
    await fast_reader.readexactly(30_000_000)
    # Only what the sockets' own buffers and one chunk in the relay hold has left the program.
    assert sent[0] < 4_000_000
    before = sent[0]
    await slow_reader.readexactly(2 * before + 2_000_000)
    slow.close()


async def test_many_at_once_reach_a_program_with_a_small_backlog(bench: Bench) -> None:
    path = bench.folder / "socket"

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    await bench.serve(path, react, backlog=1)

    async def one(index: int) -> bytes:
        reader, writer = await bench.connect(path)
        writer.write(b"%d\n" % index)
        return await reader.readline()

    answers = await asyncio.wait_for(asyncio.gather(*map(one, range(300))), WAIT_S)
    assert answers == [b"%d\n" % index for index in range(300)]


async def test_a_program_that_is_gone_refuses_as_it_would_without_us(bench: Bench) -> None:
    path = bench.folder / "socket"
    await bench.serve(path, lambda reader, writer: writer.close())
    bench.servers.pop().close()
    reader, _ = await bench.connect(path)
    assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_unix_connection(path)
    assert not Path(f"{path}.tap").exists()
    assert read_journal(bench.folder / "journal") == []


async def test_when_it_ends_the_path_leads_to_the_program_itself(bench: Bench) -> None:
    path = bench.folder / "socket"

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()

    server = await asyncio.start_unix_server(react, path)
    bench.servers.append(server)
    os.chmod(path, 0o640)
    inode = path.stat().st_ino
    await bench.hand_over(path)
    assert path.stat().st_ino != inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [endpoint.path for endpoint in read_journal(bench.folder / "journal")] == [str(path)]
    await bench.finish()
    assert path.stat().st_ino == inode
    left = {entry.name for entry in bench.folder.iterdir()}
    assert left - {"control"} == {"journal", "socket"}  # asyncio removes what it listened to since 3.13
    reader, _ = await bench.connect(path)
    assert await reader.read() == b"here"


async def test_the_journal_can_put_everything_back(bench: Bench) -> None:
    path = bench.folder / "socket"
    await bench.serve(path, lambda reader, writer: writer.close())
    inode = Path(f"{path}.tap").stat().st_ino
    (endpoint,) = read_journal(bench.folder / "journal")
    assert endpoint.put_back()
    assert path.stat().st_ino == inode
    assert not Path(f"{path}.tap").exists()
    assert not endpoint.put_back()
    assert path.exists()


async def test_binding_the_same_path_again_replaces_the_endpoint(bench: Bench) -> None:
    path = bench.folder / "socket"

    def speaker(text: bytes) -> Any:
        async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(text)
            writer.close()

        return react

    await bench.serve(path, speaker(b"first"))
    path.unlink()
    Path(f"{path}.tap").unlink()
    await bench.serve(path, speaker(b"second"))
    reader, _ = await bench.connect(path)
    assert await reader.read() == b"second"
    assert Path(f"{path}.tap").exists()


async def test_an_agent_that_gives_up_leaves_nothing_behind(bench: Bench) -> None:
    path = bench.folder / "socket"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    bench.servers.append(server)
    assert await bench.hand_over(path, finish=False) == {"listening": True}
    while Path(f"{path}.tap+").exists() or Path(f"{path}.tap").exists():
        await asyncio.sleep(0.001)
    assert read_journal(bench.folder / "journal") == []


async def test_a_relay_that_ends_before_the_agent_has_moved_its_socket_takes_it_away(bench: Bench) -> None:
    path = bench.folder / "socket"

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the program")
        writer.close()

    bench.servers.append(await asyncio.start_unix_server(speak, path))
    assert await bench.hand_over(path, finish=None) == {"listening": True}
    assert Path(f"{path}.tap+").exists()
    await bench.finish()
    assert not Path(f"{path}.tap+").exists()
    reader, _ = await bench.connect(path)  # the name is the program's again
    assert await reader.read() == b"the program"


@pytest.mark.parametrize(
    "report", [b"\n", b"[]\n", b'{"kind":"bind"}\n', b"\xff\xfe\n", b'{"kind":"bind","path":1}\n']
)
async def test_a_strange_report_is_answered_and_hurts_nobody(bench: Bench, report: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(bench.control)
    writer.write(report)
    assert b"error" in await asyncio.wait_for(reader.read(), WAIT_S)
    writer.close()
    assert not bench.task.done()


async def test_without_a_supervisor_it_goes_on_until_the_program_is_gone(bench: Bench) -> None:
    path = bench.folder / "socket"
    program = await asyncio.create_subprocess_exec("sleep", "60")

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_unix_server(react, path)
    bench.servers.append(server)
    await bench.hand_over(path, pid=program.pid)
    bench.supervisor.close()
    reader, writer = await bench.connect(path)
    writer.write(b"still here\n")
    assert await asyncio.wait_for(reader.read(), WAIT_S) == b"still here\n"
    writer.close()
    assert not bench.task.done()
    program.kill()
    await asyncio.wait_for(bench.task, WAIT_S)
    await program.wait()


async def test_a_later_recorder_hears_of_connections_that_ended_before_it_came(bench: Bench) -> None:
    path = bench.folder / "socket"
    first = record(bench)
    served: asyncio.Queue[bytes] = asyncio.Queue()

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.put_nowait(await reader.readexactly(5))
        served.put_nowait(await reader.read())
        writer.close()

    await bench.serve(path, react)
    _, writer = await bench.connect(path)
    writer.write(b"first")
    assert await asyncio.wait_for(served.get(), WAIT_S) == b"first"
    while bench.relay.tee.passed != bench.relay.tee.taken:
        await asyncio.sleep(0.005)
    first.cancel()  # its end of the tee is closed with it
    await asyncio.gather(first, return_exceptions=True)
    writer.write(b"last")
    writer.write_eof()
    assert await asyncio.wait_for(served.get(), WAIT_S) == b"last"
    while bench.relay.links:
        await asyncio.sleep(0.005)
    second = record(bench)
    await bench.finish()
    frames = await asyncio.wait_for(second, WAIT_S)
    kinds = [kind for kind, *_ in frames]
    assert (
        kinds.index(Kind.ENDPOINT)
        < kinds.index(Kind.OPENED)
        < kinds.index(Kind.IN)
        < kinds.index(Kind.CLOSED)
    )
    (opened,) = [json.loads(payload) for kind, _, _, payload in frames if kind is Kind.OPENED]
    assert bytes.fromhex(opened["heads"][str(int(Kind.IN))]) == b"firstlast"
    assert [payload for kind, _, _, payload in frames if kind is Kind.IN] == [b"last"]


async def test_connections_whose_last_words_are_written_are_forgotten(bench: Bench) -> None:
    path = bench.folder / "socket"
    recorder = record(bench)

    async def react(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await bench.serve(path, react)
    for _ in range(20):
        reader, writer = await bench.connect(path)
        writer.write_eof()
        assert await reader.read() == b""
    while bench.relay.links or bench.relay.tee.waiting:
        await asyncio.sleep(0.005)
    assert bench.relay.catch_up(0) == []
    await bench.finish()
    await recorder
