"""What two ZeroMQ sockets say to each other first, for subscriptions that libzmq makes without showing it."""

import asyncio

from decoders.zmtp import Greeting, Opaque, Ready, StreamParser, command_bytes
from proxy.addresses import Address
from proxy.dialling import dial

__all__ = ["NAME", "Unreadable", "hello_of", "our_hello", "socket_type_in"]

NAME = b"tubetap"
"""What the recording calls our side of each connection."""

_ANSWER_S = 2.0
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)


class Unreadable(Exception):
    """What is bound there can't be listened to; the text says why."""


async def hello_of(address: Address) -> bytes:
    """Return the greeting and READY of what is bound at an address, as far as it speaks before it knows us.

    Asked on a connection of its own, which ends there: libzmq does not let us see what it gets. Raises
    OSError if nobody answers, Unreadable if what answers can't be listened to.
    """
    loop = asyncio.get_running_loop()
    sock = await dial(address)
    heard, parser = b"", StreamParser()
    with sock:
        try:
            async with asyncio.timeout(_ANSWER_S):
                await loop.sock_sendall(sock, _GREETING)
                while not parser.ready:
                    data = await loop.sock_recv(sock, 4096)
                    if not data:
                        raise ConnectionResetError
                    heard += data
                    for event in parser.feed(data):
                        if isinstance(event, Opaque):
                            raise Unreadable(event.reason)
                        if isinstance(event, Greeting) and event.mechanism != "NULL":
                            raise Unreadable(f"it asks for {event.mechanism}")
        except TimeoutError:
            raise ConnectionAbortedError from None
    if socket_type_in(heard) not in ("PUB", "XPUB"):
        raise Unreadable(f"it is no publisher but a {socket_type_in(heard)}")
    return heard


def socket_type_in(hello: bytes) -> str:
    """Return the socket type that a greeting and READY tell, "" if they don't."""
    events = StreamParser().feed(hello)
    return next((event.socket_type for event in events if isinstance(event, Ready)), "")


def our_hello() -> bytes:
    """What our SUB says first, under the name that it has in the recording."""
    properties = b""
    for name, value in ((b"Socket-Type", b"SUB"), (b"Identity", NAME)):
        properties += bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
    return _GREETING + command_bytes(b"READY", properties) + command_bytes(b"SUBSCRIBE")
