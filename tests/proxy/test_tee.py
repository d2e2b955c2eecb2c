"""The tee: whole frames however they are cut, a bounded buffer, and every loss counted."""

import asyncio
import json
import random
import socket

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.frames import FrameReader, Kind, fact_frame, header
from proxy.tee import Tee

LIMIT = 256 << 20


async def read_all(sock: socket.socket, *, acknowledge: bool = False) -> list[tuple[Kind, int, int, bytes]]:
    """Read frames until the other end closes."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    reader = FrameReader()
    frames = []
    taken = 0
    while data := await loop.sock_recv(sock, 65536):
        taken += len(data)
        frames += [
            (kind, connection, time_ns, bytes(payload))
            for kind, connection, time_ns, payload in reader.feed(data)
        ]
        if acknowledge:
            await loop.sock_sendall(sock, taken.to_bytes(8, "little"))
    return frames


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.binary(max_size=50)), max_size=20), st.data())
def test_frames_survive_any_cut(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    facts = [fact_frame(Kind(kind), 7, 9, {"data": payload.hex()}) for kind, payload in frames]
    stream = b"".join(part for fact in facts for part in fact)
    reader = FrameReader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += [
            (int(kind), json.loads(bytes(payload))) for kind, _, _, payload in reader.feed(stream[:size])
        ]
        stream = stream[size:]
    assert found == [(kind, {"data": payload.hex()}) for kind, payload in frames]


def test_a_long_chunk_is_given_out_piece_by_piece_and_never_copied() -> None:
    chunk = random.Random(1).randbytes(100_000)
    facts = fact_frame(Kind.NOTE, 0, 9, {"text": "x" * 50_000})
    stream = header(Kind.OUT, 7, 8, len(chunk)) + chunk + b"".join(facts) + header(Kind.IN, 7, 9, 3) + b"abc"
    for size in (1, 1000, 16_384, 40_000, 100_016, 100_017, 100_018, 120_000, len(stream)):
        reader = FrameReader()
        reads = [stream[start : start + size] for start in range(0, len(stream), size)]
        found = [frame for read in reads for frame in reader.feed(read)]
        out = [part for kind, *about, part in found if kind is Kind.OUT and about == [7, 8]]
        assert b"".join(out) == chunk
        assert (len(out) == 1) == (size < 16_384 or size >= 100_017)
        others = [(kind, bytes(part)) for kind, _, _, part in found if kind is not Kind.OUT]
        assert others == [(Kind.NOTE, facts[1]), (Kind.IN, b"abc")]
        if size >= 40_000:
            assert all(any(part.obj is read for read in reads) for part in out)


async def test_everything_arrives_in_order() -> None:
    ours, theirs = socket.socketpair()
    tee = Tee(asyncio.get_running_loop(), limit=LIMIT)
    tee.attach(ours, 1)
    reading = asyncio.create_task(read_all(theirs))
    chunks = [bytes([index % 256]) * (index * 37 % 5000) for index in range(2000)]
    for index, chunk in enumerate(chunks):
        tee.chunk(Kind.OUT, 3, index, chunk)
        if index % 50 == 0:
            await asyncio.sleep(0)
    assert await tee.finish(5000, 10) == 0
    *frames, end = await reading
    assert frames == [(Kind.OUT, 3, index, chunk) for index, chunk in enumerate(chunks)]
    assert end[0] is Kind.END


async def test_past_the_limit_chunks_are_counted_and_the_gap_is_told() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=10_000)
    sizes = {4: 0, 5: 0}
    for index in range(100):
        tee.chunk(Kind.IN, 4 + index % 2, index, bytes(500))
        sizes[4 + index % 2] += 500
    assert tee.waiting <= 10_000 + 500 + 17
    ours, theirs = socket.socketpair()
    tee.attach(ours, 100)
    reading = asyncio.create_task(read_all(theirs))
    while tee.waiting:
        await asyncio.sleep(0)
    tee.chunk(Kind.IN, 4, 101, b"after")
    assert await tee.finish(200, 10) == 0
    frames = await reading
    for connection, size in sizes.items():
        arrived = sum(
            len(f[3]) for f in frames if f[0] is Kind.IN and f[1] == connection and f[3] != b"after"
        )
        lost = [json.loads(f[3]) for f in frames if f[0] is Kind.LOST and f[1] == connection]
        assert [set(fact) for fact in lost] == [{"kind", "bytes", "since_ns"}]
        assert arrived + lost[0]["bytes"] == size
    kinds = [f[0] for f in frames]
    assert kinds.index(Kind.LOST) < next(i for i, f in enumerate(frames) if f[3] == b"after")


async def test_each_gap_is_told_before_what_follows_it() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=20_000)
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    tee.attach(ours, 1)
    reading = asyncio.create_task(read_all(theirs))
    for index in range(600):
        tee.chunk(Kind.OUT, 1, index, (index * 500).to_bytes(8, "big") + bytes(492))
        while index % 100 == 99 and tee.waiting > 9_000:
            await asyncio.sleep(0)
    assert await tee.finish(5000, 10) == 0
    position = gaps = 0
    for kind, _, _, payload in await reading:
        if kind is Kind.OUT:
            assert int.from_bytes(payload[:8], "big") == position
            position += len(payload)
        elif kind is Kind.LOST:
            position += json.loads(payload)["bytes"]
            gaps += 1
    assert position == 600 * 500
    assert gaps > 1


async def test_a_recorder_that_dies_is_replaced_and_whole_frames_go_on() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=LIMIT)
    first, theirs = socket.socketpair()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    tee.attach(first, 1)
    chunks = [bytes([index]) * 3000 for index in range(100)]
    for index, chunk in enumerate(chunks):
        tee.chunk(Kind.OUT, 1, index, chunk)
    await asyncio.sleep(0.01)
    theirs.close()
    second, theirs = socket.socketpair()
    tee.attach(second, 50, list(fact_frame(Kind.OPENED, 1, 50, {"again": True})))
    reading = asyncio.create_task(read_all(theirs))
    assert await tee.finish(200, 10) == 0
    opened, lost, *frames, end = await reading
    assert opened[0] is Kind.OPENED
    assert lost[0] is Kind.LOST
    assert json.loads(lost[3])["stage"] == "recorder"
    numbers = [f[2] for f in frames]
    assert numbers == list(range(numbers[0], 100))
    assert all(f[3] == chunks[f[2]] for f in frames)
    assert end[0] is Kind.END
    # What the first one had taken, and no more than that, is in doubt.
    assert json.loads(lost[3])["bytes"] >= numbers[0] * 3000


async def test_what_was_acknowledged_is_not_in_doubt() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=LIMIT)
    ours, theirs = socket.socketpair()
    tee.attach(ours, 1)
    reading = asyncio.create_task(read_all(theirs, acknowledge=True))
    tee.chunk(Kind.OUT, 1, 1, bytes(1000))
    while tee.in_doubt or tee.waiting:
        await asyncio.sleep(0.001)
    reading.cancel()
    theirs.close()
    second, theirs = socket.socketpair()
    tee.attach(second, 2)
    reading = asyncio.create_task(read_all(theirs))
    await tee.finish(3, 10)
    assert [f[0] for f in await reading] == [Kind.END]


async def test_blocking_asks_to_stop_instead_of_dropping() -> None:
    drained = asyncio.Event()
    tee = Tee(asyncio.get_running_loop(), limit=5000, block=True, on_drained=drained.set)
    while not tee.full:
        tee.chunk(Kind.OUT, 1, 1, bytes(1000))
    ours, theirs = socket.socketpair()
    reading = asyncio.create_task(read_all(theirs))
    tee.attach(ours, 1)
    await asyncio.wait_for(drained.wait(), 10)
    assert not tee.full
    assert await tee.finish(2, 10) == 0
    assert {f[0] for f in await reading} == {Kind.OUT, Kind.END}


async def test_without_a_recorder_everything_is_counted() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=LIMIT)
    tee.chunk(Kind.OUT, 1, 1, bytes(1000))
    tee.stop()
    tee.chunk(Kind.OUT, 1, 2, bytes(500))
    assert 1500 <= await tee.finish(3, 0.1) <= 1600


async def test_a_gap_is_told_before_its_connection_closes() -> None:
    tee = Tee(asyncio.get_running_loop(), limit=1000)
    for index in range(10):
        tee.chunk(Kind.OUT, 1, index, bytes(500))
    tee.say(Kind.CLOSED, 1, 11, {"reason": "closed"})
    ours, theirs = socket.socketpair()
    tee.attach(ours, 12)
    reading = asyncio.create_task(read_all(theirs))
    assert await tee.finish(13, 10) == 0
    assert [f[0] for f in await reading] == [Kind.OUT, Kind.OUT, Kind.LOST, Kind.CLOSED, Kind.END]
