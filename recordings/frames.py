"""How the frames of a message stand in its record, and how they come out again bit for bit.

A usual message is its JSON object alone, its constant frames being in the channel; an unusual one is a
msgpack list of all frames; one for which no channel of its own was left is a msgpack map that also says
where it was seen.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from recordings.container import Channel, Damage
from recordings.layout import OVERFLOW_TOPIC, Kind, read_channel


class _Overflow(msgspec.Struct):
    endpoint: int
    connection: int
    direction: Literal["in", "out"]
    frames: list[bytes]


_encoder: Final = msgspec.msgpack.Encoder()
_frames_decoder: Final = msgspec.msgpack.Decoder(list[bytes])
_overflow_decoder: Final = msgspec.msgpack.Decoder(_Overflow)


def encode_frames(frames: Sequence[bytes]) -> bytes:
    """All frames as a msgpack list."""
    return _encoder.encode(frames)


def encode_overflow(kind: Kind, frames: Sequence[bytes]) -> bytes:
    """All frames with their place, for the channel that takes what is left."""
    direction: Literal["in", "out"] = "in" if kind.direction == "in" else "out"
    return _encoder.encode(_Overflow(kind.endpoint, kind.connection, direction, list(frames)))


class MessageChannel(msgspec.Struct, frozen=True):
    """A channel of messages as read from a file: what its messages share, and how their data are to be read.

    `kind` is None for the overflow channel and for channels of other programs; `prefix` None for lists of
    frames.
    """

    channel: Channel
    kind: Kind | None
    prefix: tuple[bytes, ...] | None

    @classmethod
    def of(cls, channel: Channel) -> "MessageChannel":
        """What the channel's metadata say."""
        found = read_channel(channel.metadata)
        return cls(channel, *(found or (None, None)))

    @property
    def overflow(self) -> bool:
        """Whether each message says for itself where it was seen."""
        return self.kind is None and self.channel.topic == OVERFLOW_TOPIC

    def frames(self, data: bytes) -> tuple[bytes, ...]:
        """The frames of a message; the data as the only frame in a channel of another program."""
        if self.prefix is not None:
            return (*self.prefix, data)
        if self.kind is not None:
            return _decode_list(data)
        return self.overflow_message(data)[1] if self.overflow else (data,)

    @staticmethod
    def overflow_message(data: bytes) -> tuple[Kind, tuple[bytes, ...]]:
        """Place (without type and sender) and frames of a message in the overflow channel."""
        try:
            message = _overflow_decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Damage(f"a message can't be read: {error}") from None
        if not (0 <= message.endpoint < 1 << 16 and -1 <= message.connection < 1 << 32):
            raise Damage("a message names an endpoint or connection out of range")
        return Kind(message.endpoint, message.connection, message.direction, "", ""), tuple(message.frames)


def _decode_list(data: bytes) -> tuple[bytes, ...]:
    try:
        return tuple(_frames_decoder.decode(data))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Damage(f"the frames of a message can't be read: {error}") from None
