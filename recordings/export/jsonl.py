"""JSON Lines: one message an object, with the payload's JSON inside; for scripts and for `jq`."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from decoders.text import safe_json
from recordings.export.fields import FIELDS, Field, Message
from recordings.export.trees import tree_object

DEFAULT_FIELDS = tuple(field.name for field in FIELDS if field.name not in ("elapsed", "summary"))


def json_line(value: Any) -> str:
    """Write a value as one line of JSON that a terminal shows and does not obey."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(_without_surrogates(value)).decode()
    return safe_json(text)


def message_object(message: Message, fields: Sequence[Field]) -> dict[str, Any]:
    """Give a message's fields as one object; with `body` come the frames in front of the payload."""
    values = {field.name: field.read(message) for field in fields}
    if "body" in values:
        frames = message.frames
        values["frames"] = [
            _frame(frame) for frame in (frames[:-1] if values["body"] is not None else frames)
        ]
    return values


def decoded_object(message: Message) -> dict[str, Any]:
    """Give what the chosen decoder, or the one that fits best, makes of a message."""
    decoded = message.decoded
    return {
        "decoder": decoded.decoder,
        "summary": decoded.summary,
        "problem": decoded.problem or None,
        "tree": tree_object(decoded.item),
    }


def json_lines(messages: Iterable[Message], fields: Sequence[Field]) -> Iterator[str]:
    """Yield a line for each message."""
    for message in messages:
        yield json_line(message_object(message, fields)) + "\n"


def _frame(frame: bytes) -> Any:
    """Write a frame as text, or as base64 where it is none."""
    try:
        return frame.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(frame).decode()}


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    return value
