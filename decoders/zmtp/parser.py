"""The ZMTP stream parser: the bytes of one direction of one connection in, events out.

A state machine without I/O or clock: greeting, handshake, traffic, and for a parser begun late a search for
a frame boundary. It is total: whatever the bytes, `feed` returns events and keeps bounded memory. How the
stream is cut into chunks makes no difference to the events.
"""

from collections.abc import Sequence
from struct import Struct

from decoders.zmtp.boundary import Beginning, beginning_of, find_message
from decoders.zmtp.commands import Malformed, command_event, command_name
from decoders.zmtp.encoding import COMMAND, LONG, MORE, frame_bytes, long_head
from decoders.zmtp.events import Command, Event, Greeting, Message, Opaque, Ready, Resynced, Subscription

MAX_MESSAGE = 1 << 30
"""The largest message in bytes, all its frames together, that is put together."""

MAX_FRAMES = 1 << 16
"""The largest number of frames in one message."""

MAX_COMMAND = 1 << 20
"""The largest command in bytes."""

MAX_SEARCH = 1 << 30
"""How many bytes a parser begun in the middle of a stream looks at before it gives up."""

_GREETING = 64
_SMALL = 4096  # pieces of a frame below this size are joined as they come
_long_size = Struct(">Q").unpack_from
_SUBSCRIBERS = ("SUB", "XSUB")
_MECHANISMS = ("NULL", "PLAIN", "CURVE")


class StreamParser:
    """Parses one direction of one connection.

    `subscriptions` says whether messages that begin with 0x01 or 0x00 are subscriptions, as they are from a
    SUB or XSUB to its publisher; None: as the peer's socket type in the handshake tells. The other
    arguments bound what is kept, in bytes and frames: a stream that exceeds them becomes opaque.
    """

    __slots__ = (
        "_body",
        "_flags",
        "_frames",
        "_long",
        "_max_command",
        "_max_frames",
        "_max_message",
        "_mechanism",
        "_missing",
        "_ready",
        "_rest",
        "_searching",
        "_short",
        "_size",
        "_subscriptions",
        "beginning",
        "bytes_seen",
        "opaque",
    )

    bytes_seen: int
    """All bytes fed so far, understood or not."""

    opaque: str | None
    """Why the stream is no longer understood, None while it is."""

    beginning: "Beginning | None"
    """How a message of this stream began, for a parser that has to find the next one after a gap."""

    def __init__(
        self,
        *,
        subscriptions: bool | None = None,
        max_message: int = MAX_MESSAGE,
        max_frames: int = MAX_FRAMES,
        max_command: int = MAX_COMMAND,
    ) -> None:
        self.bytes_seen = 0
        self.opaque = None
        self.beginning: Beginning | None = None
        self._subscriptions = subscriptions
        self._max_message = max_message
        self._max_frames = max_frames
        self._max_command = max_command
        self._mechanism = ""  # "" until the greeting is complete
        self._ready = False  # the handshake of this direction is done
        self._searching = False
        self._short = 0  # flags below this take the fast path: 2 once messages may come,
        self._long = -1  # and these flags too: LONG then
        self._rest = b""  # the beginning of a greeting, or of a frame whose size isn't known or is small
        self._frames: list[bytes] = []  # of the message being put together
        self._size = 0  # their bytes, as far as they came in long frames
        self._flags = 0  # of the long frame being put together,
        self._missing = 0  # the bytes it still lacks,
        self._body: list[bytes | bytearray | memoryview] = []  # and the pieces there are

    @property
    def ready(self) -> bool:
        """Whether this direction's handshake is done, so that messages may come."""
        return self._ready

    @property
    def searching(self) -> bool:
        """Whether a parser begun in the middle of a stream has found no frame boundary yet."""
        return self._searching

    @property
    def unfinished(self) -> int:
        """The bytes fed that no event has told of: of a message that is not whole, or all while searching."""
        if self._searching:
            return self.bytes_seen
        frames = sum(len(frame) + (9 if len(frame) > 255 else 2) for frame in self._frames)
        body = 9 + sum(map(len, self._body)) if self._missing else 0
        return frames + body + len(self._rest)

    @property
    def placed(self) -> bool:
        """Whether it knows where in the traffic, and in a message, the stream stands."""
        return self._ready and not self._searching and self.opaque is None

    @property
    def begun(self) -> bytes:
        """The unfinished message so far, as every peer writes it; what was searched is not kept."""
        frames = b"".join([frame_bytes(frame, MORE) for frame in self._frames])
        if not self._missing:
            return frames + self._rest
        body = b"".join(self._body)
        size = len(body) + self._missing
        return b"".join((frames, long_head(self._flags, size), body))

    def restart(self, begun: bytes, after: Sequence[bytes] | None = None) -> None:
        """Forget the unfinished message and go on as if `begun`, of another one, had come in its place;
        `after` are the frames of the message before it, where they are known."""
        self._rest, self._frames, self._body = b"", [], []
        self._size = self._missing = 0
        if after:
            self.beginning = beginning_of(after)
        self.feed(begun)

    def resync(self, *, socket_type: str = "", like: Beginning | None = None) -> None:
        """Begin in the middle of a stream, its handshake past: at the next chunk that starts with a frame,
        or where a message begins `like` those before.

        `socket_type` is that of the peer whose bytes these are, where it is known; `like` is the `beginning`
        of another parser of the same stream. A `Resynced` event tells where the boundary was found. The
        first message may lack its first frames.
        """
        self._mechanism = "NULL"
        self._searching = True
        self.beginning = like
        self._end_handshake(socket_type)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Take the next bytes of the stream and return what they complete; never raises."""
        self.bytes_seen += len(data)
        events: list[Event] = []
        if self.opaque is not None:
            return events
        try:
            self._read(data, events)
        except Malformed as rule:
            self.opaque = str(rule)
            events.append(Opaque(self.opaque))
            self._rest = b""
            self._frames = []
            self._body = []
        if events and type(events[-1]) is Message:
            self.beginning = beginning_of(events[-1].frames)
        return events

    def _read(self, chunk: bytes | bytearray | memoryview, events: list[Event]) -> None:
        if self._missing:
            size = min(self._missing, len(chunk))
            self._keep(_steady(chunk[:size]))
            if self._missing:
                return
            body, self._body = b"".join(self._body), []
            self._complete(self._flags, body, events)
            chunk = chunk[size:]
        data = b"".join((self._rest, chunk)) if self._rest else bytes(chunk)
        position = 0
        self._rest = b""
        if not self._mechanism:
            position = self._greeting(data, events)
        elif self._searching:
            position = self._find(data, events)
            if position < 0:
                return
        self._traffic(data, position, events)

    def _greeting(self, data: bytes, events: list[Event]) -> int:
        """Read the greeting (RFC 37) as far as it is there; return where the traffic begins."""
        if data and data[0] != 0xFF:
            raise Malformed(f"no ZMTP greeting: the first byte is {data[0]:#04x}, not 0xff")
        if len(data) > 9 and not data[9] & 1:
            raise Malformed("no ZMTP greeting: the signature does not end in 0x7f")
        if len(data) > 10 and data[10] < 3:
            raise Malformed(f"ZMTP {data[10] + 1 if data[10] < 2 else 2}.0: only 3.0 and later are decoded")
        if len(data) < _GREETING:
            return 0
        mechanism = data[12:32].rstrip(b"\0").decode("ascii", "backslashreplace")
        events.append(Greeting((data[10], data[11]), mechanism, bool(data[32] & 1)))
        if mechanism not in _MECHANISMS:
            raise Malformed(f"the security mechanism {mechanism[:20]!r} is not decoded")
        self._mechanism = mechanism
        return _GREETING

    def _find(self, data: bytes, events: list[Event]) -> int:
        """Look for the place in a chunk where a message begins; return it, or -1."""
        position = find_message(data, self._max_message, self.beginning)
        if position >= 0:
            self._searching = False
            events.append(Resynced(self.bytes_seen - len(data) + position))
        elif self.bytes_seen > MAX_SEARCH:
            raise Malformed("begun in the middle of the stream, and found no frame boundary")
        return position

    def _traffic(self, data: bytes, position: int, events: list[Event]) -> None:
        """Read frames: the hot path. Keeps what is left of an incomplete one."""
        if not self._mechanism:
            self._rest = data
            return
        frames = self._frames
        max_frames = self._max_frames
        append = events.append
        short, long = self._short, self._long
        end = len(data)
        last = end - 1
        while position < last:
            flags = data[position]
            if flags < short:  # a message's short frame
                start = position + 2
                position = start + data[position + 1]
                if position > end:
                    position = start - 2
                    break
                if flags:
                    frames.append(data[start:position])
                    if len(frames) >= max_frames:
                        raise Malformed(f"a message of more than {max_frames:,} frames")
                elif frames:
                    frames.append(data[start:position])
                    append(Message(tuple(frames)))
                    frames.clear()
                    self._size = 0
                else:
                    append(Message((data[start:position],)))
                continue
            if flags == long and position + 9 <= end:  # the long last frame of a message, if it is all there
                start = position + 9
                (size,) = _long_size(data, position + 1)
                stop = start + size
                if stop <= end and self._size + size <= self._max_message:
                    if frames:
                        frames.append(data[start:stop])
                        append(Message(tuple(frames)))
                        frames.clear()
                        self._size = 0
                    else:
                        append(Message((data[start:stop],)))
                    position = stop
                    continue
            if flags & LONG:
                start = position + 9
                if start > end:
                    break
                size = int.from_bytes(data[position + 1 : start], "big")
            else:
                start = position + 2
                size = data[position + 1]
            self._check(flags, size)
            stop = start + size
            if stop > end:
                if not flags & LONG:
                    break
                self._flags = flags
                self._missing = size
                self._keep(data[start:])
                return
            position = stop
            self._complete(flags, data[start:stop], events)
            short, long = self._short, self._long
        self._rest = data[position:]

    def _check(self, flags: int, size: int) -> None:
        """Hold a frame's header against the grammar and the bounds, before its body is waited for."""
        if flags > 7:
            raise Malformed(f"a frame with reserved flags ({flags:#04x})")
        if size >> 63:
            raise Malformed("a frame of more than 2**63 - 1 bytes")
        if flags & COMMAND:
            if flags & MORE:
                raise Malformed("a command with the MORE flag")
            if size > self._max_command:
                raise Malformed(f"a command of {size:,} bytes; at most {self._max_command:,} are kept")
            return
        if not self._ready:
            raise Malformed("a message before the handshake is done")
        if self._size + size > self._max_message:
            raise Malformed(f"a message of more than {self._max_message:,} bytes")

    def _keep(self, piece: bytes | memoryview) -> None:
        """Keep a piece of the frame being put together; small ones are joined, so that none costs much."""
        self._missing -= len(piece)
        body = self._body
        if len(piece) >= _SMALL or not self._missing:
            body.append(piece)
        elif body and type(body[-1]) is bytearray and len(body[-1]) < 1 << 20:
            body[-1] += piece
        else:
            body.append(bytearray(piece))

    def _complete(self, flags: int, body: bytes, events: list[Event]) -> None:
        """Take a whole frame whose header was checked."""
        if flags & COMMAND:
            self._command(body, events)
            return
        frames = self._frames
        if flags & MORE:
            frames.append(body)
            self._size += len(body)
            if len(frames) >= self._max_frames:
                raise Malformed(f"a message of more than {self._max_frames:,} frames")
        elif frames:
            frames.append(body)
            events.append(Message(tuple(frames)))
            frames.clear()
            self._size = 0
        elif self._subscriptions and body and body[0] < 2:
            events.append(Subscription(body[1:], body[0] == 1, "message"))
        else:
            events.append(Message((body,)))

    def _command(self, body: bytes, events: list[Event]) -> None:
        name, data = command_name(body)
        if self._mechanism == "CURVE":
            events.append(command_event(name, data, "") if name == "ERROR" else _sealed(name, data))
            if name in ("INITIATE", "READY"):
                raise Malformed("encrypted by CURVE")
            return
        event = command_event(name, data, self._mechanism)
        events.append(event)
        if type(event) is Ready and not self._ready:
            self._end_handshake(event.socket_type)

    def _end_handshake(self, socket_type: str) -> None:
        self._ready = True
        if self._subscriptions is None:
            self._subscriptions = socket_type in _SUBSCRIBERS
        # Subscriptions in message form are looked for in `_complete` only.
        self._short, self._long = (0, -1) if self._subscriptions else (2, LONG)


def _steady(piece: bytes | bytearray | memoryview) -> bytes | memoryview:
    """Return a piece that nobody changes, without copying it where it is most of what it is a view of."""
    if type(piece) is memoryview and type(piece.obj) is bytes and len(piece) * 2 >= len(piece.obj):
        return piece
    return bytes(piece)


def _sealed(name: str, data: bytes) -> Command:
    """Return a CURVE handshake command without its body: keys and boxes say nothing to a reader."""
    return Command(name, b"")
