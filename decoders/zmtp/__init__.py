"""The ZeroMQ wire protocol, ZMTP 3.0 and 3.1 (RFC 23 and RFC 37), without any I/O.

`StreamParser` takes the bytes of one direction of one connection and gives back what they say as events. It
never raises for what it reads: a stream that stops making sense becomes `Opaque`, once, with the rule it
broke. `message_bytes` goes the other way, for a proxy that must change a message in flight.
"""

from decoders.zmtp.encoding import command_bytes, message_bytes
from decoders.zmtp.events import (
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
    Subscription,
)
from decoders.zmtp.parser import MAX_COMMAND, MAX_FRAMES, MAX_MESSAGE, StreamParser

__all__ = [
    "MAX_COMMAND",
    "MAX_FRAMES",
    "MAX_MESSAGE",
    "Command",
    "ErrorCommand",
    "Event",
    "Greeting",
    "Message",
    "Opaque",
    "Ping",
    "Pong",
    "Ready",
    "Resynced",
    "StreamParser",
    "Subscription",
    "command_bytes",
    "message_bytes",
]
