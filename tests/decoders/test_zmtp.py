"""The ZMTP parser: what each side says, whatever the chunks, and nothing but events for nonsense."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.zmtp import (
    Command,
    ErrorCommand,
    Event,
    Greeting,
    Message,
    Opaque,
    Ping,
    Pong,
    Ready,
    Resynced,
    StreamParser,
    Subscription,
    command_bytes,
    message_bytes,
)
from tests.support_fuzz import fuzz
from tests.support_zmtp import greeting, metadata, ready

HANDSHAKE = greeting() + ready(b"XPUB")


def after_handshake(data: bytes, handshake: bytes = HANDSHAKE, **bounds: int) -> list[Event]:
    parser = StreamParser(**bounds)
    parser.feed(handshake)
    return parser.feed(data)


def whole(chunks: list[bytes], **bounds: int) -> list[Event]:
    parser = StreamParser(**bounds)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    assert parser.bytes_seen == sum(map(len, chunks))
    return events


def test_greeting_and_ready() -> None:
    parser = StreamParser()
    assert parser.feed(greeting()[:63]) == []
    assert parser.feed(greeting()[63:]) == [Greeting((3, 1), "NULL", False)]
    assert not parser.ready
    assert parser.feed(ready(b"DEALER", b"node-a")) == [
        Ready("DEALER", b"node-a", {"Socket-Type": b"DEALER", "Identity": b"node-a"})
    ]
    assert parser.ready


def test_property_names_in_any_case() -> None:
    data = command_bytes(b"READY", b"\x0bSOCKET-TYPE\0\0\0\3SUB" + b"\x08identity\0\0\0\1x")
    event = whole([greeting(), data])[-1]
    assert isinstance(event, Ready)
    assert (event.socket_type, event.routing_id) == ("SUB", b"x")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_messages(size: int, count: int) -> None:
    frames = [bytes([index]) * size for index in range(5, 5 + count)]
    assert after_handshake(message_bytes(frames) * 3) == [Message(tuple(frames))] * 3


def test_a_short_frame_may_use_the_long_size() -> None:
    assert after_handshake(b"\x02" + bytes(7) + b"\x01a") == [Message((b"a",))]


def test_subscriptions_as_commands() -> None:
    data = command_bytes(b"SUBSCRIBE", b"event") + command_bytes(b"CANCEL", b"event")
    assert after_handshake(data, greeting() + ready(b"SUB")) == [
        Subscription(b"event", True, "command"),
        Subscription(b"event", False, "command"),
    ]


def test_subscriptions_as_messages_only_from_subscribers() -> None:
    data = message_bytes([b"\x01event"]) + message_bytes([b"\x00event"]) + message_bytes([b"other"])
    assert after_handshake(data, greeting() + ready(b"SUB")) == [
        Subscription(b"event", True, "message"),
        Subscription(b"event", False, "message"),
        Message((b"other",)),
    ]
    assert after_handshake(data) == [Message((b"\x01event",)), Message((b"\x00event",)), Message((b"other",))]


def test_subscription_direction_can_be_told() -> None:
    parser = StreamParser(subscriptions=True)
    parser.feed(greeting() + ready(b"ODD"))
    assert parser.feed(message_bytes([b"\x01t"])) == [Subscription(b"t", True, "message")]


def test_heartbeats_errors_and_unknown_commands() -> None:
    data = (
        command_bytes(b"PING", b"\0\x0cctx")
        + command_bytes(b"PONG", b"ctx")
        + command_bytes(b"ERROR", b"\x05no go")
        + command_bytes(b"JOIN", b"group")
        + command_bytes(b"PING", b"\0")
    )
    assert after_handshake(data) == [
        Ping(1200, b"ctx"),
        Pong(b"ctx"),
        ErrorCommand("no go"),
        Command("JOIN", b"group"),
        Command("PING", b"\0"),
    ]


def test_commands_between_the_frames_of_a_message() -> None:
    first, second = message_bytes([b"a", b"b"])[:3], message_bytes([b"b"])
    assert after_handshake(first + command_bytes(b"PONG") + second) == [Pong(b""), Message((b"a", b"b"))]


def test_plain_hides_the_password() -> None:
    client = greeting(b"PLAIN") + command_bytes(b"HELLO", b"\x05admin\x06secret")
    client += command_bytes(b"INITIATE", metadata(Socket_Type=b"DEALER")) + message_bytes([b"hi"])
    parser = StreamParser()
    events = parser.feed(client)
    assert events[0] == Greeting((3, 1), "PLAIN", False)
    assert isinstance(events[1], Command)
    assert events[1].name == "HELLO"
    assert events[1].body.startswith(b"\x05admin")
    assert b"secret" not in events[1].body
    assert events[2] == Ready("DEALER", b"", {"Socket-Type": b"DEALER"})
    assert events[3:] == [Message((b"hi",))]
    server = greeting(b"PLAIN", as_server=True) + command_bytes(b"WELCOME") + ready(b"ROUTER")
    assert whole([server])[0] == Greeting((3, 1), "PLAIN", True)
    assert whole([server])[1:] == [
        Command("WELCOME", b""),
        Ready("ROUTER", b"", {"Socket-Type": b"ROUTER"}),
    ]


@pytest.mark.parametrize("hello", [b"", b"\x05adm", b"\x01a\x06sec", b"\x00\xffsecret"])
def test_plain_password_of_a_broken_hello_is_hidden_too(hello: bytes) -> None:
    event = whole([greeting(b"PLAIN"), command_bytes(b"HELLO", hello)])[1]
    assert isinstance(event, Command)
    assert b"sec" not in event.body


def test_curve_is_opaque_after_the_handshake() -> None:
    client = greeting(b"CURVE") + command_bytes(b"HELLO", bytes(194)) + command_bytes(b"INITIATE", bytes(300))
    events = whole([client, b"\x04\x20\x07MESSAGE" + bytes(24)])
    assert [event.name for event in events if isinstance(event, Command)] == ["HELLO", "INITIATE"]
    assert events[-1] == Opaque("encrypted by CURVE")


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"GET / HTTP/1.1\r\n", "no ZMTP greeting"),
        (b"\xff" + bytes(9), "signature"),
        (b"\xff" + bytes(8) + b"\x7f\x01", r"ZMTP 2\.0"),
        (greeting(b"GSSAPI"), "GSSAPI"),
        (greeting() + message_bytes([b"too early"]), "before the handshake"),
        (greeting() + command_bytes(b"READY", b"\x0bSocket-Type\0\0\0\xffSUB"), "cut off in its value"),
        (greeting() + command_bytes(b"READY", b"\x0b"), "cut off in its name"),
        (greeting() + b"\x04\x00", "without a name"),
        (greeting() + b"\x04\x03\x05ab", "shorter than its name"),
        (HANDSHAKE + b"\x08\x00", "reserved"),
        (HANDSHAKE + b"\x05\x05\x04PING", "MORE"),
        (HANDSHAKE + b"\x02" + b"\xff" * 8, r"2\*\*63"),
        (HANDSHAKE + b"\x02\0\0\0\0\x80\0\0\0", "more than 1,073,741,824 bytes"),
        (HANDSHAKE + b"\x06\0\0\0\0\x80\0\0\0", "command of"),
        (HANDSHAKE + b"\x01\x00" * 70_000, "frames"),
    ],
)
def test_broken_rules_are_named(data: bytes, rule: str) -> None:
    parser = StreamParser()
    last = parser.feed(data)[-1]
    assert isinstance(last, Opaque)
    assert parser.opaque == last.reason
    with pytest.raises(AssertionError, match=rule):
        raise AssertionError(last.reason)
    assert parser.feed(message_bytes([b"later"])) == []
    assert parser.bytes_seen == len(data) + 7


def test_message_size_is_bounded_over_all_frames() -> None:
    frame = b"\x03" + (600).to_bytes(8, "big") + bytes(600)
    assert after_handshake(frame, max_message=1000) == []
    assert isinstance(after_handshake(frame + frame, max_message=1000)[-1], Opaque)
    one = message_bytes([bytes(600)])
    assert len(after_handshake(one + one, max_message=1000)) == 2
    long_then_short = message_bytes([bytes(600), b"end"])
    short_then_long = message_bytes([b"topic", bytes(600)])
    assert len(after_handshake(long_then_short + short_then_long, max_message=1000)) == 2


def test_a_declared_size_takes_no_memory() -> None:
    parser = StreamParser()
    parser.feed(HANDSHAKE)
    tracemalloc.start()
    parser.feed(b"\x02" + (1 << 29).to_bytes(8, "big") + b"only this")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_small_pieces_of_a_large_frame_take_no_more_than_the_frame() -> None:
    parser = StreamParser()
    size = 300_000
    parser.feed(HANDSHAKE + b"\x02" + size.to_bytes(8, "big"))
    tracemalloc.start()
    for _ in range(size // 3 - 1):
        parser.feed(b"abc")
    assert tracemalloc.get_traced_memory()[0] < 2 * size
    tracemalloc.stop()
    assert parser.feed(b"abc") == [Message((b"abc" * (size // 3),))]


def test_views_and_bytearrays() -> None:
    data = bytearray(HANDSHAKE + message_bytes([b"a", b"b" * 300]))
    parser = StreamParser()
    events = parser.feed(memoryview(data)[:70]) + parser.feed(data[70:])
    data[:] = bytes(len(data))
    assert events[-1] == Message((b"a", b"b" * 300))


FRAMES = st.lists(st.binary(max_size=20) | st.binary(min_size=254, max_size=258), min_size=1, max_size=4)
COMMANDS = st.builds(command_bytes, st.sampled_from([b"PING", b"SUBSCRIBE", b"ODD"]), st.binary(max_size=9))
TRAFFIC = st.lists(st.builds(message_bytes, FRAMES) | COMMANDS, max_size=8).map(b"".join)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted(place % (len(data) + 1) for place in cuts)
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
@fuzz
def test_what_was_sent_comes_out(messages: list[list[bytes]], cuts: list[int]) -> None:
    data = HANDSHAKE + b"".join(map(message_bytes, messages))
    assert whole(cut(data, cuts))[2:] == [Message(tuple(frames)) for frames in messages]


@given(
    st.sampled_from([b"NULL", b"PLAIN", b"CURVE"]),
    st.sampled_from([b"SUB", b"XPUB"]),
    TRAFFIC,
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3),
    st.lists(st.integers(0, 10_000), max_size=12),
)
@fuzz
def test_chunks_make_no_difference(
    mechanism: bytes,
    socket_type: bytes,
    traffic: bytes,
    mutations: list[tuple[int, int]],
    cuts: list[int],
) -> None:
    data = bytearray(greeting(mechanism) + ready(socket_type) + traffic)
    for place, value in mutations:
        data[place % len(data)] = value
    stream = bytes(data)
    bounds = {"max_message": 700, "max_frames": 3, "max_command": 200}
    at_once = whole([stream], **bounds)
    assert whole(cut(stream, cuts), **bounds) == at_once
    assert whole([stream[index : index + 1] for index in range(len(stream))], **bounds) == at_once
    opaque = [event for event in at_once if isinstance(event, Opaque)]
    assert opaque == at_once[-1:] or not opaque


@given(st.lists(st.binary(max_size=300), max_size=5), st.sampled_from([b"", greeting(), HANDSHAKE]))
@fuzz
def test_any_bytes_give_events(chunks: list[bytes], start: bytes) -> None:
    whole([start, *chunks])
    parser = StreamParser()
    parser.resync()
    for chunk in chunks:
        parser.feed(chunk)


def test_resync_waits_for_a_chunk_that_starts_with_a_frame() -> None:
    message = message_bytes([b"event", b'{"type":"event"}' * 20])
    parser = StreamParser()
    parser.resync()
    assert parser.feed(b"GFzZTY0IGJhc2U2NA==" * 50) == []
    assert parser.feed(message[40:] + message) == []
    skipped = 950 + 2 * len(message) - 40
    assert parser.feed(message * 2) == [
        Resynced(skipped),
        *[Message((b"event", b'{"type":"event"}' * 20))] * 2,
    ]


def test_resync_on_a_single_small_message_and_on_a_cut_large_one() -> None:
    parser = StreamParser()
    parser.resync()
    assert parser.feed(message_bytes([b'{"type":"status"}'])) == [
        Resynced(0),
        Message((b'{"type":"status"}',)),
    ]
    large = message_bytes([b"event", b"x" * 100_000])
    parser = StreamParser()
    parser.resync()
    assert parser.feed(large[:5000]) == [Resynced(0)]
    assert parser.feed(large[5000:]) == [Message((b"event", b"x" * 100_000))]


def test_resync_within_a_chunk_where_a_message_begins_like_those_before() -> None:
    message = message_bytes([b"event", b"x" * 100_000])
    before = StreamParser()
    before.feed(HANDSHAKE + message)
    parser = StreamParser()
    parser.resync(like=before.beginning)
    assert parser.feed(message[500:50_000]) == []
    assert parser.searching
    assert parser.unfinished == 49_500
    assert parser.feed(message[50_000:] + message[:30_000]) == [Resynced(len(message) - 500)]
    assert parser.unfinished == 30_000
    assert parser.feed(message[30_000:]) == [Message((b"event", b"x" * 100_000))]
    assert parser.unfinished == 0


def test_resync_on_subscriptions() -> None:
    parser = StreamParser()
    parser.resync(socket_type="SUB")
    assert parser.feed(command_bytes(b"SUBSCRIBE", b"t"))[1:] == [Subscription(b"t", True, "command")]
    assert parser.feed(message_bytes([b"\x01t"])) == [Subscription(b"t", True, "message")]


@pytest.mark.parametrize(
    "chunk", [bytes(5000), b"\x01" * 4000, b"\x02" + bytes(6) + b"\x01\x00", b"\x04\x01x"]
)
def test_resync_is_not_fooled(chunk: bytes) -> None:
    parser = StreamParser()
    parser.resync()
    for _ in range(3):
        assert parser.feed(chunk) == []


def test_resync_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoders.zmtp.parser.MAX_SEARCH", 10_000)
    parser = StreamParser()
    parser.resync()
    events = [event for _ in range(20) for event in parser.feed(b"A" * 1000)]
    assert len(events) == 1
    assert parser.opaque is not None
