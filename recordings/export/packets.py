"""A pcapng file and TCP segments inside it: just enough to write what Wireshark reads.

Source: the pcapng specification (draft-ietf-opsawg-pcapng) for blocks and options, RFC 791 and RFC 9293 for
headers.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

SECTION_HEADER, INTERFACE, NAME_RESOLUTION, ENHANCED_PACKET = 0x0A0D0D0A, 1, 4, 6
OPTION_END, OPTION_COMMENT = 0, 1
INTERFACE_NAME, INTERFACE_RESOLUTION = 2, 9
LINKTYPE_RAW = 101
"""Packets begin with their IP header."""

FIN, SYN, PUSH, ACK = 0x01, 0x02, 0x08, 0x10

SEGMENT = 65_000
"""Bytes of payload in one segment at most; the IP length field ends at 65,535."""

MAX_COMMENT = 500


def section_header(hardware: str, application: str) -> bytes:
    """Write the block that begins a file."""
    body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(SECTION_HEADER, body + _options([(2, hardware), (4, application)]))


def interface(name: str) -> bytes:
    """Describe an interface whose packets begin with an IP header and have times in nanoseconds."""
    body = struct.pack("<HHI", LINKTYPE_RAW, 0, 0)
    options = _options([(INTERFACE_NAME, name)], [(INTERFACE_RESOLUTION, b"\x09")])
    return _block(INTERFACE, body + options)


def name_resolution(names: dict[bytes, str]) -> bytes:
    """Say what IPv4 addresses are called."""
    body = b""
    for address, name in names.items():
        value = address + name.encode("utf-8", "replace")[:255] + b"\0"
        body += struct.pack("<HH", 1, len(value)) + _padded(value)
    return _block(NAME_RESOLUTION, body + struct.pack("<HH", 0, 0))


def packet(time_ns: int, data: bytes, comment: str = "", number: int = 0) -> bytes:
    """Write one packet of interface `number`."""
    stamp = max(0, time_ns)
    head = struct.pack("<IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    options = _options([(OPTION_COMMENT, comment[:MAX_COMMENT])]) if comment else b""
    return _block(ENHANCED_PACKET, head + _padded(data) + options)


@dataclass
class Side:
    """One end of a TCP connection and the number of its next byte."""

    address: bytes
    port: int
    sequence: int = field(default=1000)


@dataclass
class Stream:
    """A TCP connection that opens, carries bytes both ways, and closes; nothing is lost, nothing waits."""

    client: Side
    server: Side

    def open(self) -> Iterator[bytes]:
        """Shake hands."""
        yield self._segment(self.client, self.server, SYN)
        self.client.sequence += 1
        yield self._segment(self.server, self.client, SYN | ACK)
        self.server.sequence += 1
        yield self._segment(self.client, self.server, ACK)

    def send(self, data: bytes, *, from_server: bool) -> Iterator[bytes]:
        """Carry bytes in as many segments as it takes."""
        sender, receiver = (self.server, self.client) if from_server else (self.client, self.server)
        for at in range(0, len(data), SEGMENT):
            part = data[at : at + SEGMENT]
            yield self._segment(sender, receiver, ACK | PUSH, part)
            sender.sequence = (sender.sequence + len(part)) & 0xFFFFFFFF

    def close(self) -> Iterator[bytes]:
        """Close from the client's side."""
        yield self._segment(self.client, self.server, FIN | ACK)
        self.client.sequence += 1
        yield self._segment(self.server, self.client, FIN | ACK)
        self.server.sequence += 1
        yield self._segment(self.client, self.server, ACK)

    def _segment(self, sender: Side, receiver: Side, flags: int, data: bytes = b"") -> bytes:
        acknowledged = receiver.sequence if flags & ACK else 0
        head = struct.pack(
            ">HHIIBBHHH",
            sender.port,
            receiver.port,
            sender.sequence,
            acknowledged,
            5 << 4,
            flags,
            65535,
            0,
            0,
        )
        pseudo = sender.address + receiver.address + struct.pack(">BBH", 0, 6, len(head) + len(data))
        head = head[:16] + struct.pack(">H", checksum(pseudo + head + data)) + head[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(head) + len(data), 0, 0x4000, 64, 6, 0)
        ip += sender.address + receiver.address
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        return ip + head + data


def checksum(data: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    total = int(np.frombuffer(data + b"\0" * (len(data) % 2), dtype=">u2").sum(dtype=np.uint64))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _options(texts: list[tuple[int, str]], octets: list[tuple[int, bytes]] | None = None) -> bytes:
    values = [(code, text.encode("utf-8", "replace")) for code, text in texts] + (octets or [])
    written = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in values)
    return written + struct.pack("<HH", OPTION_END, 0)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
