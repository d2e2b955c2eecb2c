"""One message as the payload terms of a filter see it: read from the file on first use, kept while it is
decided.

The text that words and regular expressions are searched in is bounded, and it leaves out the base64 of
pickles, in which a short word turns up by chance: small pickles are searched in decoded form, large ones not
at all.
"""

import binascii
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from decoders.envelope import read_envelope
from decoders.pickled import IN_JSON
from decoders.summary import summarize
from recordings.errors import RecordingError

if TYPE_CHECKING:
    from decoders.envelope import Envelope
    from recordings.recording import Delivery, Recording

MAX_TEXT = 1 << 20
"""Bytes of each frame that are searched as text, base64 pickles not counted."""

MAX_PICKLE = 1 << 16
"""The longest base64 pickle that is searched, in characters; it is decoded from base64, never unpickled."""

MAX_BODY = 64 << 20
"""The longest payload, in bytes, that is read as JSON for a `body.` term."""

_MISSING: Any = object()


class MessageText:
    """What a filter may want to know of one message."""

    def __init__(self, recording: "Recording", row: int) -> None:
        self._recording = recording
        self.row = row
        self._frames: tuple[bytes, ...] | None = None

    @property
    def frames(self) -> tuple[bytes, ...]:
        """The frames as they were sent; none if they can't be read, so that nothing is found in them."""
        if self._frames is None:
            try:
                self._frames = self._recording.frames(self.row)
            except RecordingError:
                self._frames = ()
        return self._frames

    @cached_property
    def envelope(self) -> "Envelope":
        """The header."""
        return read_envelope(self.frames)

    @cached_property
    def deliveries(self) -> "list[Delivery]":
        """Which connections carried a copy, and when."""
        try:
            return self._recording.deliveries(self.row)
        except RecordingError:
            return []

    @cached_property
    def body(self) -> Any:
        """The last frame read as JSON, or `missing` if it is none."""
        payload = self.frames[-1] if self.frames else b""
        if not payload or len(payload) > MAX_BODY:
            return _MISSING
        try:
            return msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _MISSING

    @property
    def has_body(self) -> bool:
        """Whether the last frame is JSON."""
        return self.body is not _MISSING

    def contains(self, found: Callable[[bytes], object]) -> bool:
        """Tell whether any of the searched texts is found: frames without pickles, small pickles, the
        summary.
        """
        for frame in self.frames:
            for text in searchable(frame):
                if found(text):
                    return True
        # Last, since making it is the most work.
        return bool(found(summarize(self.frames, self.envelope).encode("utf-8", "replace")))


def searchable(frame: bytes) -> list[bytes]:
    """Cut the `pck__` strings out of a frame, bound the rest, and add what small pickles hold."""
    at = frame.find(IN_JSON)
    if at < 0:
        return [frame if len(frame) <= MAX_TEXT else frame[:MAX_TEXT]]
    kept: list[bytes] = []
    pickles: list[bytes] = []
    begin = length = 0
    while at >= 0 and length < MAX_TEXT:
        start = at + len(IN_JSON)
        kept.append(frame[begin:start])
        length += start - begin
        end = frame.find(b'"', start)
        begin = len(frame) if end < 0 else end
        if begin - start <= MAX_PICKLE and len(pickles) < 64:
            pickles.append(_from_base64(frame[start:begin]))
        at = frame.find(IN_JSON, begin)
    kept.append(frame[begin : begin + MAX_TEXT])
    return [b"".join(kept)[:MAX_TEXT], *filter(None, pickles)]


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""
