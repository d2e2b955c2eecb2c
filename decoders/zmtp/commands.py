"""Command frames as events: READY and its metadata, subscriptions, heartbeats, errors (RFC 23 and RFC 37)."""

from decoders.zmtp.events import Command, ErrorCommand, Event, Ping, Pong, Ready, Subscription

HIDDEN = b"<hidden>"
"""What stands in place of a PLAIN password."""


class Malformed(Exception):
    """A command's body breaks its grammar; the text names the rule."""


def command_name(body: bytes) -> tuple[str, bytes]:
    """Split a command frame's body into the command's name and its data. Raises Malformed."""
    length = body[0] if body else 0
    if not length:
        raise Malformed("a command without a name")
    if len(body) < 1 + length:
        raise Malformed("a command shorter than its name")
    return body[1 : 1 + length].decode("ascii", "backslashreplace"), body[1 + length :]


def command_event(name: str, data: bytes, mechanism: str) -> Event:
    """Return the event a command stands for. Raises Malformed where metadata doesn't follow its grammar."""
    match name:
        case "READY":
            return read_ready(data)
        case "INITIATE" if mechanism == "PLAIN":
            return read_ready(data)
        case "HELLO" if mechanism == "PLAIN":
            return Command(name, _without_password(data))
        case "SUBSCRIBE":
            return Subscription(data, True, "command")
        case "CANCEL":
            return Subscription(data, False, "command")
        case "PING" if len(data) >= 2:
            return Ping(int.from_bytes(data[:2], "big") * 100, data[2:])
        case "PONG":
            return Pong(data)
        case "ERROR" if data:
            return ErrorCommand(data[1 : 1 + data[0]].decode("utf-8", "backslashreplace"))
        case _:
            return Command(name, data)


def read_ready(data: bytes) -> Ready:
    """Read the metadata of a handshake. Raises Malformed."""
    properties: dict[str, bytes] = {}
    socket_type = ""
    routing_id = b""
    position = 0
    while position < len(data):
        start = position + 1
        stop = start + data[position]
        if stop + 4 > len(data):
            raise Malformed("a property of the handshake is cut off in its name")
        name = data[start:stop].decode("ascii", "backslashreplace")
        position = stop + 4 + int.from_bytes(data[stop : stop + 4], "big")
        if position > len(data):
            raise Malformed("a property of the handshake is cut off in its value")
        value = data[stop + 4 : position]
        properties[name] = value
        match name.lower():
            case "socket-type":
                socket_type = value.decode("ascii", "backslashreplace")
            case "identity":
                routing_id = value
    return Ready(socket_type, routing_id, properties)


def _without_password(hello: bytes) -> bytes:
    """Return the body of a PLAIN HELLO with the user's name as sent and the password replaced."""
    name = hello[: 1 + hello[0]] if hello else b"\0"
    return name + bytes([len(HIDDEN)]) + HIDDEN
