"""The decoder for Jupyter's messaging protocol, version 5: what a kernel and its clients say to each other.

Frames: routing ids or a topic, the delimiter `<IDS|MSG>`, an HMAC signature, then header, parent header,
metadata and content as JSON, then binary buffers. See "Messaging in Jupyter" in the documentation of
jupyter_client.
"""

import hmac
from collections.abc import Sequence
from typing import Any

from decoders.brief import brief
from decoders.errors import DecodeError
from decoders.generic import frame_item
from decoders.interface import Context, Decoded
from decoders.json_text import read_json
from decoders.summary import LIMIT
from decoders.text import safe, safe_bytes
from decoders.tree import Item, batched, from_bytes, from_value

DELIMITER = b"<IDS|MSG>"

_PARTS = ("header", "parent_header", "metadata", "content")
_MOST_IDS = 16  # routing ids before the delimiter: one a hop


class JupyterDecoder:
    """Messages between Jupyter kernels and clients.

    With `key`, the connection's secret, signatures are verified; without, they are only shown.
    """

    name = "jupyter"

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits what has the delimiter and enough frames after it."""
        try:
            start = frames.index(DELIMITER, 0, _MOST_IDS + 1)
        except ValueError:
            return -1
        return 1.5 if len(frames) >= start + 2 + len(_PARTS) else -1

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode all parts. Raises DecodeError when the delimiter or parts are missing."""
        if DELIMITER not in frames:
            raise DecodeError("no <IDS|MSG> delimiter among the frames")
        start = list(frames).index(DELIMITER) + 1
        signed = frames[start + 1 : start + 1 + len(_PARTS)]
        if len(signed) < len(_PARTS):
            raise DecodeError(f"only {len(signed)} of {len(_PARTS)} parts after the signature")
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name, part in zip(_PARTS, signed, strict=True):
            values[name], odd = read_json(part)
            problems.extend(f"{name}.{one}" if one.path else f"{name}: {one}" for one in odd)
        verdict = self._verdict(frames[start], signed)
        if verdict == _FORGED:
            problems.append(f"signature: {verdict}")
        items = [
            *(frame_item(f"id {index + 1}", one) for index, one in enumerate(frames[: start - 1])),
            Item("signature", f"{verdict}  {safe_bytes(frames[start], 64)}".rstrip(), "string"),
            *(from_value(name, values[name]) for name in _PARTS),
            *(
                from_bytes(f"buffer {index}", one)
                for index, one in enumerate(frames[start + 1 + len(_PARTS) :])
            ),
        ]
        kind = _field(values["header"], "msg_type") or "a message without a type"
        item = Item("", kind, "object", batched(len(items), items.__getitem__))
        summary = f"{kind}  {_gist(kind, values['content'])}".rstrip()
        return Decoded(self.name, item, safe(summary, LIMIT), "; ".join(problems[:3]))

    def _verdict(self, signature: bytes, signed: Sequence[bytes]) -> str:
        if not signature:
            return "unsigned"
        if self._key is None:
            return "not verified"
        expected = hmac.new(self._key, b"".join(signed), "sha256").hexdigest().encode()
        return "verified" if hmac.compare_digest(expected, signature) else _FORGED


_FORGED = "does not match the key"


def _field(value: Any, name: str) -> str:
    field = value.get(name) if isinstance(value, dict) else None
    return field if isinstance(field, str) else ""


def _gist(kind: str, content: Any) -> str:
    """Return what a person wants to see first of a message's content."""
    match kind, content:
        case "execute_request" | "execute_input", {"code": str() as code}:
            return code.strip()[:LIMIT]
        case "stream", {"name": str() as name, "text": str() as text}:
            return f"{name}: {text.strip()[:LIMIT]}"
        case "status", {"execution_state": str() as state}:
            return state
        case "error", {"ename": str() as name, "evalue": str() as value}:
            return f"{name}: {value[:LIMIT]}"
        case "execute_result" | "display_data", {"data": {"text/plain": str() as text}}:
            return text[:LIMIT]
        case "execute_reply" | "kernel_info_reply", {"status": str() as status}:
            return status
        case _:
            return brief(content, LIMIT) if content else ""
