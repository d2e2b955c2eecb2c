"""What the recorder keeps of a connection through a relay: two parsers, and what each side said of itself."""

from decoders.zmtp import Greeting, Ready, StreamParser
from proxy.publications import Publications
from recordings import records

__all__ = ["Connection", "Stream"]


class Stream:
    """One direction of one connection."""

    __slots__ = ("connection", "direction", "greeting", "parser", "ready")

    def __init__(self, connection: "Connection", direction: str) -> None:
        self.connection = connection
        self.direction = direction
        self.parser = StreamParser()
        self.greeting: Greeting | None = None
        self.ready: Ready | None = None

    def begin_late(self) -> None:
        """Go on in the middle of the stream: what comes next follows a gap, or came before this recorder."""
        like = self.parser.beginning
        self.parser = StreamParser()
        self.parser.resync(socket_type=self.ready.socket_type if self.ready else "", like=like)

    def peer(self) -> records.Peer | None:
        """Return what this side said of itself; None until its handshake is done."""
        if self.greeting is None or self.ready is None:
            return None
        return records.Peer(
            version=self.greeting.version,
            mechanism=self.greeting.mechanism,
            socket_type=self.ready.socket_type,
            routing_id=self.ready.routing_id,
        )


class Connection:
    """A connection through the relay; `publications` are those it gets copies of, where there are any."""

    __slots__ = ("endpoint", "handshaken", "id", "into", "out", "peer_pid", "publications")

    def __init__(self, id: int, endpoint: records.Endpoint, peer_pid: int | None) -> None:
        self.id = id
        self.endpoint = endpoint
        self.peer_pid = peer_pid
        self.handshaken = False
        self.publications: Publications | None = None
        self.into = Stream(self, "in")
        self.out = Stream(self, "out")
