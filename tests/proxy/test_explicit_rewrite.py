"""Addresses rewritten in flight: nothing but the address and its frame's length changes, however bytes are
cut."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.zmtp import Message, StreamParser, command_bytes, message_bytes
from proxy.rewrite import AddressRewriter, Place, addresses, rewrite_addresses
from tests.support_samples import samples

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
READY = command_bytes(b"READY", b"\x0bSocket-Type\0\0\0\x06DEALER")


def identify(outbox: str = "ipc:///run/noob/1/nodes/a/outbox", node: str = "a") -> bytes:
    value = {"node_id": node, "outbox": outbox, "status": "ready", "signals": ["outbox"], "slots": None}
    message = {"type": "identify", "node_id": node, "timestamp": "2026-01-01T00:00:00Z", "value": value}
    return json.dumps(message, separators=(",", ":")).encode()


def announce(*nodes: str) -> bytes:
    value = {
        "inbox": "ipc:///run/noob/1/command/inbox",
        "nodes": {node: json.loads(identify(f"ipc:///{node}", node))["value"] for node in nodes},
    }
    message = {"type": "announce", "node_id": "command", "timestamp": "2026-01-01T00:00:00Z", "value": value}
    return json.dumps(message, separators=(",", ":")).encode()


def moved(place: Place) -> str:
    return f"tcp://127.0.0.1:5/{place.what}/{place.node}"


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        size = sizes.pop() if sizes else len(data)
        yield data[position : position + size]
        position += size


def through(data: bytes, sizes: list[int], rewriter: AddressRewriter | None = None) -> bytes:
    rewriter = rewriter or AddressRewriter(moved)
    out = b"".join(rewriter.feed(chunk) for chunk in cut(data, sizes))
    return out + rewriter.finish()


def messages(stream: bytes) -> list[tuple[bytes, ...]]:
    return [event.frames for event in StreamParser().feed(stream) if isinstance(event, Message)]


def test_the_address_changes_and_not_a_byte_besides() -> None:
    before = identify()
    after = rewrite_addresses(before, moved)
    assert after == before.replace(b"ipc:///run/noob/1/nodes/a/outbox", b"tcp://127.0.0.1:5/outbox/a")
    # Spaces, the order of the keys and odd numbers stay as the sender wrote them.
    odd = b' {"value": { "x":1.50, "outbox" :"ipc:///x"} ,"node_id":"a",  "type":"identify"}\n'
    assert rewrite_addresses(odd, moved) == odd.replace(b"ipc:///x", b"tcp://127.0.0.1:5/outbox/a")


def test_all_addresses_of_an_announcement() -> None:
    before = announce("a", "b", "ü")
    found = addresses(before)
    assert [(place.what, place.node, place.address) for place in found] == [
        ("inbox", "command", "ipc:///run/noob/1/command/inbox"),
        ("outbox", "a", "ipc:///a"),
        ("outbox", "b", "ipc:///b"),
        ("outbox", "ü", "ipc:///ü"),
    ]
    assert all(json.loads(before[place.start : place.stop]) == place.address for place in found)
    only_b = rewrite_addresses(before, lambda place: "X" if place.node == "b" else place.address)
    assert only_b == before.replace(b'"ipc:///b"', b'"X"')


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe outbox",
        b'"outbox"',
        b'{"type":"identify","value":{"outbox":"ipc:///x"}',  # cut off
        b'{"type":"identify","value":{"outbox":7}}',
        b'{"type":"identify","value":["outbox"]}',
        b'{"type":"event","value":{"outbox":"ipc:///x"}}',
        b'{"type":["identify"],"value":{"outbox":"ipc:///x"}}',
        b'{"type":"announce","value":{"outbox":"ipc:///x","nodes":[{"outbox":"ipc:///x"}]}}',
        b'{"type":"identify","value":{"slots":{"outbox":"ipc:///x"}}}',
        b'{"type":"identify","value":{"text":"\\"outbox\\":\\"ipc:///x\\""}}',
        b'{"type":"identify","value":{"outbox":"' + b"[" * 5000 + b'"}, "x":' + b"[" * 200_000,
    ],
)
def test_what_is_no_address_of_a_node_stays(payload: bytes) -> None:
    assert rewrite_addresses(payload, moved) is payload


def test_messages_of_all_releases_are_understood() -> None:
    seen: dict[str, set[str]] = {}
    for file, payload in {(sample.file, sample.frames[-1]) for sample in samples()}:
        found = addresses(payload)
        if not found:
            continue
        message = json.loads(rewrite_addresses(payload, moved))
        seen.setdefault(file, set()).add(message["type"])
        if message["type"] == "identify":
            assert message["value"]["outbox"] == f"tcp://127.0.0.1:5/outbox/{message['node_id']}"
            continue
        assert message["value"]["inbox"] == "tcp://127.0.0.1:5/inbox/command"
        for node, identity in message["value"]["nodes"].items():
            assert identity["outbox"] == f"tcp://127.0.0.1:5/outbox/{node}"
    assert len(seen) == 5
    assert all(types == {"identify", "announce"} for types in seen.values())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([(identify(),), (b"announce", announce("a", "b")), (b"", b""), (b"\x01",)]),
            st.tuples(st.binary(max_size=300)),
            st.tuples(st.just(b"announce"), st.just(announce("a")), st.binary(max_size=9)),
            st.sampled_from([(identify("ipc:///" + "x" * 400),), (announce(*map(str, range(40))),)]),
        ),
        max_size=8,
    ),
    st.lists(st.integers(1, 700), max_size=40),
)
def test_a_stream_carries_the_same_messages_with_other_addresses(
    sent: list[tuple[bytes, ...]], sizes: list[int]
) -> None:
    stream = GREETING + READY + b"".join(map(message_bytes, sent)) + command_bytes(b"PING", b"\0\0")
    out = through(stream, sizes)
    expected = [(*frames[:-1], rewrite_addresses(frames[-1], moved)) for frames in sent]
    assert messages(out) == expected
    # Where nothing is to be changed, all bytes are the sender's.
    assert through(stream, sizes, AddressRewriter(lambda place: place.address)) == stream


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", GREETING, GREETING + READY + message_bytes([b"topic", b"x"])]),
    st.lists(st.integers(1, 50), max_size=30),
)
def test_a_stream_that_makes_no_sense_passes_as_it_is(noise: bytes, first: bytes, sizes: list[int]) -> None:
    assert through(first + noise, sizes) == first + noise


@pytest.mark.parametrize("mechanism", [b"CURVE", b"GSSAPI"])
def test_encrypted_streams_are_left_alone(mechanism: bytes) -> None:
    greeting = GREETING[:12] + mechanism.ljust(20, b"\0") + GREETING[32:]
    stream = greeting + message_bytes([identify()])
    assert through(stream, [1] * len(stream)) == stream


def test_only_frames_that_may_hold_an_address_are_held_back() -> None:
    rewriter = AddressRewriter(moved)
    assert rewriter.feed(GREETING[:10]) == GREETING[:10]
    assert rewriter.feed(GREETING[10:] + READY) == GREETING[10:] + READY
    big = b'{"type":"process","node_id":"command","value":' + b"1" * 1_000_000
    stream = message_bytes([b"process", big])
    assert len(rewriter.feed(stream[:2000])) == 2000
    assert rewriter.held == 0
    assert rewriter.feed(stream[2000:]) == stream[2000:]
    large = announce(*(f"node{number}" for number in range(1000)))
    stream = message_bytes([large])
    assert rewriter.feed(stream[:80_000]) == b""
    assert rewriter.held == 80_000
    assert rewriter.feed(stream[80_000:]) == message_bytes([rewrite_addresses(large, moved)])


def test_a_frame_of_bytes_one_at_a_time_costs_no_more_than_its_length() -> None:
    rewriter = AddressRewriter(moved)
    rewriter.feed(GREETING + READY)
    large = announce(*(f"node{number}" for number in range(600)))
    assert len(large) > 60_000
    stream = message_bytes([large])
    out = b"".join(rewriter.feed(stream[at : at + 1]) for at in range(len(stream)))
    assert out == message_bytes([rewrite_addresses(large, moved)])


def test_too_large_a_frame_is_not_held_back() -> None:
    rewriter = AddressRewriter(moved)
    rewriter.feed(GREETING + READY)
    header = b"\x02" + (1 << 40).to_bytes(8, "big")
    assert rewriter.feed(header + identify()) == header + identify()
    assert rewriter.held == 0
