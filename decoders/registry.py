"""Who decodes what: decoders by name, the best one for given frames, raw bytes when none can.

Those of other packages are found by entry point (group `tubetap.decoders`); each entry names a `Decoder`, or
something that makes one when called without arguments. Whatever such a decoder does, short of never coming
back, `decode` and the tree it gives do not raise.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from decoders.envelope import Envelope, read_envelope
from decoders.generic import RawDecoder
from decoders.interface import Context, Decoded, Decoder
from decoders.summary import LIMIT, WHOLE, foreign, summarize
from decoders.text import safe
from decoders.tree import Item, problem

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "SHIPPED",
    "Context",
    "Decoded",
    "Decoder",
    "decode",
    "decoders",
    "failures",
    "summary",
    "why_unknown",
]

GROUP = "tubetap.decoders"


class Shipped(NamedTuple):
    """A decoder that comes with tubetap, as an entry point: its name, and `module:attribute`."""

    name: str
    value: str

    def load(self) -> Any:
        """Import what it names."""
        module, _, attribute = self.value.partition(":")
        return getattr(import_module(module), attribute)


SHIPPED = tuple(
    Shipped(name, f"decoders.{place}")
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

_NOWHERE = Context()
_RAW = RawDecoder()
_NOOB = "noob"
_OF_BYTES = ("text", "raw")  # their summaries say less than the frames side by side
_LONGEST_REASON = 400


def decode(frames: Sequence[bytes], *, decoder: str | None = None, context: Context | None = None) -> Decoded:
    """Decode a message with the best decoder, or with the one named `decoder`; never raises.

    What can't be decoded comes back raw, with the reason in `problem`.
    """
    context = context or _NOWHERE
    if decoder is not None and (reason := why_unknown(decoder)):
        return _raw(frames, context, reason)
    chosen = _found()[decoder] if decoder is not None else _best(frames, context)
    try:
        decoded = chosen.decode(frames, context)
        return Decoded(
            safe(decoded.decoder),
            _guarded(decoded.item, chosen.name),
            safe(decoded.summary, LIMIT),
            safe(decoded.problem, _LONGEST_REASON),
        )
    except Exception as error:  # a decoder of another package may fail in any way
        return _raw(frames, context, f"{chosen.name}: {_reason(error)}")


def summary(
    frames: Sequence[bytes],
    envelope: Envelope | None = None,
    *,
    decoder: str | None = None,
    context: Context | None = None,
) -> str:
    """Return a message in one line for a list, by the best decoder or the one named `decoder`; never raises.

    Costs little for noob's messages. Of large other ones only the beginning is looked at, unless a decoder
    is named; what that one can't decode is shown after the reason.
    """
    if decoder is None or decoder == _NOOB:
        if envelope is None:
            envelope = read_envelope(frames)
        if envelope.type or decoder == _NOOB:
            return summarize(frames, envelope)
        if sum(map(len, frames)) > WHOLE or _best(frames, context or _NOWHERE).name in _OF_BYTES:
            return foreign(frames)
    decoded = decode(frames, decoder=decoder, context=context)
    if decoded.decoder not in _OF_BYTES or decoder in _OF_BYTES:
        return decoded.summary
    return safe(f"({decoded.problem}) {foreign(frames)}" if decoder else foreign(frames), LIMIT)


def decoders() -> list[str]:
    """Return the names of all decoders, the shipped ones first."""
    return list(_found())


def failures() -> dict[str, str]:
    """Return why decoders of other packages are not there, by the name of their entry point."""
    return dict(_load()[1])


def why_unknown(decoder: str) -> str:
    """Return why there is no decoder of that name, and which there are; "" if there is one."""
    if decoder in _found():
        return ""
    why = failures().get(decoder)
    if why is not None:
        return safe(f"the decoder {decoder!r} could not be loaded: {why}", _LONGEST_REASON)
    return safe(f"there is no decoder {decoder!r}; there are {', '.join(decoders())}", _LONGEST_REASON)


def _best(frames: Sequence[bytes], context: Context) -> Decoder:
    best: Decoder = _RAW
    highest = 0.0
    for decoder in _found().values():
        try:
            priority = decoder.priority(frames, context)
            if priority > highest:
                best, highest = decoder, priority
        except Exception:
            continue
    return best


def _raw(frames: Sequence[bytes], context: Context, reason: str) -> Decoded:
    raw = _RAW.decode(frames, context)
    return Decoded(raw.decoder, raw.item, raw.summary, safe(reason, _LONGEST_REASON))


def _guarded(item: Item, decoder: str) -> Item:
    """Return the item with a tree that tells of its decoder's failures instead of raising them."""
    make = item.children
    if make is None:
        return item

    def children() -> Sequence[Item]:
        try:
            return [_guarded(child, decoder) for child in make()]
        except Exception as error:
            return [problem(f"{decoder}: {_reason(error)}")]

    return Item(item.name, item.text, item.kind, children, item.value)


def _reason(error: Exception) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def _found() -> dict[str, Decoder]:
    return _load()[0]


@cache
def _load() -> tuple[dict[str, Decoder], dict[str, str]]:
    """Load all decoders, once; a name that is taken stays with who came first, and the shipped ones do."""
    found: dict[str, Decoder] = {}
    failed: dict[str, str] = {}
    places = {entry.value for entry in SHIPPED}
    entries: list[Shipped | EntryPoint] = [*SHIPPED]
    entries += [entry for entry in _installed(failed) if entry.value not in places]
    for entry in entries:
        try:
            loaded = entry.load()
            decoder: Decoder = loaded() if callable(loaded) else loaded
            name = decoder.name
            if not name or safe(name) != name:
                raise ValueError(f"its name {name!r} is none that can be typed")
            if name in found:
                raise ValueError(f"the name {name!r} is taken")
            found[name] = decoder
        except Exception as error:  # what another package does while it is imported is not known
            failed[entry.name] = _reason(error)
    return found, failed


def _installed(failed: dict[str, str]) -> "Iterable[EntryPoint]":
    from importlib.metadata import entry_points  # takes longer than all else here, and lists need none of it

    try:
        return list(entry_points(group=GROUP))
    except Exception as error:  # some package's metadata is broken
        failed["*"] = f"the entry points can't be listed: {_reason(error)}"
        return []
