"""The one exception family of this layer.

Decoders are total: what can't be decoded becomes a value with a reason. `DecodeError` is for the few calls
that must give an answer or nothing, such as writing back a message that was edited into something JSON
can't hold.
"""


class DecodeError(ValueError):
    """Bytes or values that can't be decoded or encoded; the message says which rule they break and where."""
