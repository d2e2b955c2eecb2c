"""Messages back as bytes: how the fields of an edited message are written so that noob accepts them."""

import json
from datetime import datetime
from typing import Any

from decoders.epochs import Epoch
from decoders.errors import DecodeError
from decoders.problems import Unread


def write_fields(fields: dict[str, Any]) -> bytes:
    """Return a message's fields as JSON in UTF-8, the message's own time as noob spells it.

    Raises DecodeError when they hold what JSON can't: `Unread`, bytes, foreign objects.
    """
    timestamp = fields.get("timestamp")
    if isinstance(timestamp, datetime):
        fields = {**fields, "timestamp": timestamp.isoformat().replace("+00:00", "Z")}
    try:
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=_wire_form)
    except (TypeError, ValueError, RecursionError) as error:
        raise DecodeError(f"this message can't be written as JSON: {error or 'nested too deep'}") from None
    try:
        return text.encode()
    except UnicodeEncodeError:  # lone surrogates have a form in JSON, but none in UTF-8
        return json.dumps(fields, separators=(",", ":"), default=_wire_form).encode()


def fingerprint(value: Any) -> str | None:
    """Return a text that differs when the values do, whatever they hold; None when they can't be compared."""
    try:
        return json.dumps(value, default=_any_form)
    except (TypeError, ValueError, RecursionError):
        return None


def with_subscriptions(identity: Any) -> Any:
    """Return a node's identity with the two fields that noob requires since 1003."""
    if not isinstance(identity, dict):
        return identity
    return {**identity, **{name: identity.get(name, []) for name in ("subscribed_to", "subscribers")}}


def _wire_form(value: Any) -> Any:
    if isinstance(value, Epoch):
        return value.to_wire()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Unread):
        raise DecodeError(f"it holds a value that was not read: {value.reason}")
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _any_form(value: Any) -> Any:
    return [type(value).__name__, repr(value)]
