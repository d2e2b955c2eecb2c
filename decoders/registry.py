"""Who decodes what: decoders by name, the best one for given frames, raw bytes when none can.

Those of other packages are found by entry point (group `tubetap.decoders`); each entry names a `Decoder`, or
something that makes one when called without arguments.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from decoders.generic import RawDecoder
from decoders.interface import Context, Decoded, Decoder
from decoders.text import safe

__all__ = ["GROUP", "SHIPPED", "Context", "Decoded", "Decoder", "decode", "decoders", "failures"]

GROUP = "tubetap.decoders"

SHIPPED = tuple(
    EntryPoint(name, f"decoders.{place}", GROUP)
    for name, place in [
        ("noob", "noob:NoobDecoder"),
        ("jupyter", "jupyter:JupyterDecoder"),
        ("json", "generic:JsonDecoder"),
        ("msgpack", "generic:MsgpackDecoder"),
        ("text", "generic:TextDecoder"),
        ("raw", "generic:RawDecoder"),
    ]
)
"""The decoders that come with tubetap; listed in its package metadata too, which may be missing or old."""

_SUMMARY_LIMIT = 120
_NOWHERE = Context()
_RAW = RawDecoder()


def decode(frames: Sequence[bytes], *, decoder: str | None = None, context: Context | None = None) -> Decoded:
    """Decode a message with the best decoder, or with the one named `decoder`; never raises.

    What can't be decoded comes back raw, with the reason in `problem`.
    """
    context = context or _NOWHERE
    chosen: Decoder
    if decoder is None:
        chosen = _best(frames, context)
    elif decoder in _found():
        chosen = _found()[decoder]
    else:
        return _raw(frames, context, f"there is no decoder {decoder!r}; there are {', '.join(decoders())}")
    try:
        decoded = chosen.decode(frames, context)
    except Exception as error:  # a decoder of another package may fail in any way
        return _raw(frames, context, f"{chosen.name}: {_reason(error)}")
    summary = safe(decoded.summary, _SUMMARY_LIMIT)
    return Decoded(decoded.decoder, decoded.item, summary, safe(decoded.problem))


def decoders() -> list[str]:
    """Return the names of all decoders, the shipped ones first."""
    return list(_found())


def failures() -> dict[str, str]:
    """Return why decoders of other packages could not be loaded, by the name of their entry point."""
    return dict(_load()[1])


def _best(frames: Sequence[bytes], context: Context) -> Decoder:
    best: Decoder = _RAW
    highest = 0.0
    for decoder in _found().values():
        try:
            priority = decoder.priority(frames, context)
        except Exception:
            continue
        if priority > highest:
            best, highest = decoder, priority
    return best


def _raw(frames: Sequence[bytes], context: Context, reason: str) -> Decoded:
    raw = _RAW.decode(frames, context)
    return Decoded(raw.decoder, raw.item, raw.summary, safe(reason, 400))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _found() -> dict[str, Decoder]:
    return _load()[0]


@cache
def _load() -> tuple[dict[str, Decoder], dict[str, str]]:
    """Load all decoders, once; a name that is taken stays with who came first, and the shipped ones do."""
    found: dict[str, Decoder] = {}
    failed: dict[str, str] = {}
    for entry in (*SHIPPED, *entry_points(group=GROUP)):
        if entry.name in found:
            continue
        try:
            loaded = entry.load()
            decoder: Decoder = loaded() if callable(loaded) else loaded
            found.setdefault(decoder.name, decoder)
        except Exception as error:  # what another package does while it is imported is not known
            failed[entry.name] = _reason(error)
    return found, failed
