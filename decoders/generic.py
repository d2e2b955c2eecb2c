"""Decoders for messages of no particular protocol: JSON, msgpack, text, and raw bytes, which always works.

The last frame is taken for the payload; frames before it (a topic, a routing id) are shown as they are.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from decoders import msgpack_bytes
from decoders.brief import brief
from decoders.errors import DecodeError
from decoders.interface import Context, Decoded
from decoders.json_text import read_json
from decoders.problems import Unread
from decoders.summary import LIMIT, SEPARATOR, foreign
from decoders.text import safe, utf8_head
from decoders.tree import TEXT_LIMIT, Item, batched, counted, from_bytes, from_value, quoted

MAX_MSGPACK = 16 << 20
"""The largest msgpack payload in bytes that is decoded."""

_LOOK = 4096  # bytes of a frame that are looked at to tell what it is
_TRIED = 1 << 14  # msgpack up to this size is tried to tell whether it is msgpack
_MAPS_AND_ARRAYS = frozenset([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])


class JsonDecoder:
    """Any JSON text."""

    name = "json"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits a payload that begins like an object or a list."""
        return 0.5 if frames and frames[-1][:64].lstrip()[:1] in (b"{", b"[") else -1

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode the last frame. Raises DecodeError."""
        value, problems = read_json(frames[-1] if frames else b"")
        if isinstance(value, Unread):
            raise DecodeError(value.reason)
        problem = "; ".join(map(str, problems[:3]))
        return Decoded(self.name, in_frames(frames, from_value("", value)), _line(frames, value), problem)


class MsgpackDecoder:
    """A msgpack object or array."""

    name = "msgpack"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits a payload that begins like a map or an array, and is one when it is small enough to try."""
        payload = frames[-1] if frames else b""
        if not payload or payload[0] not in _MAPS_AND_ARRAYS:
            return -1
        if len(payload) <= _TRIED:
            try:
                _unpacked(payload)
            except DecodeError:
                return -1
        return 0.4

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode the last frame. Raises DecodeError."""
        payload = frames[-1] if frames else b""
        if len(payload) > MAX_MSGPACK:
            raise DecodeError(f"{len(payload):,} bytes of msgpack; at most {MAX_MSGPACK:,} are decoded")
        value = _unpacked(payload)
        return Decoded(self.name, in_frames(frames, from_value("", value)), _line(frames, value))


class TextDecoder:
    """Text in UTF-8, line by line."""

    name = "text"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits frames that are printable as far as their beginnings tell."""
        return 0.3 if frames and any(frames) and all(map(looks_like_text, frames)) else -1

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode the last frame. Raises DecodeError."""
        payload = frames[-1] if frames else b""
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodeError(f"not UTF-8 at byte {error.start:,}") from None
        lines = text.splitlines()
        if len(lines) <= 1:
            return Decoded(self.name, in_frames(frames, from_value("", text)), quoted(text, LIMIT - 2))

        def line(index: int) -> Item:
            return Item(str(index + 1), safe(lines[index], TEXT_LIMIT), "string", value=lines[index])

        item = Item("", counted(len(lines), "line"), "string", batched(len(lines), line), text)
        return Decoded(self.name, in_frames(frames, item), safe(" ".join(lines[:10]), LIMIT))


class RawDecoder:
    """The frames as bytes; fits everything, and is what remains when nothing else does."""

    name = "raw"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits everything, worse than any other."""
        return 0.0

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Show the frames."""
        size = sum(map(len, frames))
        text = f"{counted(len(frames), 'frame')}, {counted(size, 'byte')}"

        def child(index: int) -> Item:
            return frame_item(f"frame {index + 1}", frames[index])

        item = Item("", text, "bytes", batched(len(frames), child) if frames else None)
        return Decoded(self.name, item, text)


def _line(frames: Sequence[bytes], value: Any) -> str:
    """Return a message in one line: the frames before the payload, such as a topic, and what it holds."""
    before = foreign(frames[:-1]) + SEPARATOR if len(frames) > 1 else ""
    return safe(before + brief(value, LIMIT), LIMIT)


def in_frames(frames: Sequence[bytes], payload: Item) -> Item:
    """Return the tree of a message: the payload's own, or with the frames before it when there are some."""
    if len(frames) < 2:
        return payload
    before = len(frames) - 1

    def child(index: int) -> Item:
        if index < before:
            return frame_item(f"frame {index + 1}", frames[index])
        return Item(f"frame {index + 1}", payload.text, payload.kind, payload.children, payload.value)

    return Item("", f"{counted(len(frames), 'frame')}: {payload.text}", "object", batched(len(frames), child))


def frame_item(name: str, frame: bytes) -> Item:
    """Return the line of a frame: as text if it looks like it, else as bytes."""
    if frame and looks_like_text(frame):
        return Item(name, quoted(frame.decode("utf-8", "backslashreplace")), "string", value=frame)
    return from_bytes(name, frame)


def looks_like_text(frame: bytes) -> bool:
    """Return whether the beginning of a frame is printable UTF-8, line ends and tabs included."""
    text = utf8_head(frame, _LOOK)
    return text is not None and text.translate(_WITHOUT_LINE_ENDS).isprintable()


_WITHOUT_LINE_ENDS = {ord(character): None for character in "\n\r\t"}


def _unpacked(payload: bytes) -> Any:
    msgpack_bytes.check(payload)
    try:
        return msgspec.msgpack.decode(payload)
    except RecursionError:
        raise DecodeError("nested too deep") from None
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DecodeError(str(error)) from None
