"""What a decoder is: the interface that the shipped ones and those of other packages implement.

A decoder is a small class with a name, a priority for given frames, and `decode`. Register it under the entry
point group `tubetap.decoders`.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from decoders.tree import Item


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message was seen, as far as it is known: all a decoder may use besides the frames.

    `address` is the endpoint's, `socket_type` that of the socket bound there, `sender` the name of the peer
    that sent the message; `outward` is True for messages from the binding side.
    """

    address: str = ""
    socket_type: str = ""
    sender: str = ""
    outward: bool | None = None


class Decoded(msgspec.Struct, frozen=True):
    """A decoded message: by which decoder, as a tree and in one line.

    `problem` says what went wrong, "" when nothing did: with the decoder "raw" often why no other could.
    """

    decoder: str
    item: Item
    summary: str = ""
    problem: str = ""


class Decoder(Protocol):
    """What turns the frames of a message into a tree.

    A decoder keeps no state between messages and has no side effects. It may raise whatever it likes: the
    message is then shown raw, with the reason.
    """

    @property
    def name(self) -> str:
        """The name by which people choose it: short, in lower case."""

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Return how well it fits these frames: below 0 it can't decode them, 1 it surely can.

        Called for every message that is opened, so it must be cheap: a look at the first bytes.
        """

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode the frames."""
