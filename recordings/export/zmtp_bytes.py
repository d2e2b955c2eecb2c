"""The bytes of a ZMTP connection as its two sides would have sent them: greeting, READY, subscriptions,
messages.

A recording keeps what was said, not the octets it was said in; this writes them again for tools that want
octets. Source: RFC 23 (ZMTP 3.0) and RFC 37 (ZMTP 3.1).
"""

import struct
from collections.abc import Sequence

from recordings.records import Peer, Subscription

MORE, LONG, COMMAND = 0x01, 0x02, 0x04
SHORT_MAX = 255


def greeting(peer: Peer) -> bytes:
    """Write the 64 bytes that begin a connection."""
    major, minor = peer.version
    mechanism = peer.mechanism.encode("ascii", "replace")[:20].ljust(20, b"\0")
    return b"\xff" + bytes(8) + b"\x7f" + bytes((major & 0xFF, minor & 0xFF)) + mechanism + bytes(32)


def ready(peer: Peer) -> bytes:
    """Write the READY command with the socket type, and the routing id where there is one."""
    body = b"\x05READY" + _property(b"Socket-Type", peer.socket_type.encode("ascii", "replace"))
    if peer.routing_id or peer.socket_type in ("DEALER", "ROUTER", "REQ"):
        body += _property(b"Identity", peer.routing_id)
    return _frame(body, COMMAND)


def subscription(record: Subscription) -> bytes:
    """Write a SUBSCRIBE or CANCEL in the form it had."""
    if record.form == "message":
        return _frame((b"\x01" if record.subscribe else b"\x00") + record.topic, 0)
    name = b"\x09SUBSCRIBE" if record.subscribe else b"\x06CANCEL"
    return _frame(name + record.topic, COMMAND)


def message(frames: Sequence[bytes]) -> bytes:
    """Write a multipart message."""
    last = len(frames) - 1
    return b"".join(_frame(frame, 0 if index == last else MORE) for index, frame in enumerate(frames))


def _frame(body: bytes, flags: int) -> bytes:
    if len(body) > SHORT_MAX:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return bytes((flags, len(body))) + body


def _property(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + struct.pack(">I", len(value)) + value
