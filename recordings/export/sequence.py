"""A Mermaid sequence diagram in Markdown: what nodes said to each other, for pasting into an issue.

Source of the notation: the Mermaid documentation of sequence diagrams. Names and texts come from the
recording, so everything that Mermaid or HTML would read as markup is written as an entity.
"""

import re
from collections.abc import Iterator, Sequence

from decoders.text import safe
from recordings.export.fields import Message, iso_time
from recordings.filters.operators.names import RAW
from recordings.rows import Flag

MAX_MESSAGES = 200
"""Browsers draw no more than some hundred arrows."""

MAX_LABEL = 80

UNKNOWN = "?"


def sequence_diagram(messages: Sequence[Message], *, left_out: int = 0) -> Iterator[str]:
    """Yield the lines of a Markdown block with the diagram; `left_out` says how many messages are not in
    it.
    """
    if not messages:
        yield "No messages."
        return
    aliases = _aliases(messages)
    first = messages[0].row.time_ns
    yield "```mermaid"
    yield "sequenceDiagram"
    for name, alias in aliases.items():
        yield f"    participant {alias} as {escape_name(name)}"
    for message in messages:
        yield from _arrows(message, aliases, first)
    if left_out:
        yield f"    Note over {_ends(aliases)}: {left_out:,} more messages are not shown"
    yield "```"
    yield ""
    yield f"Times are milliseconds since {iso_time(first)}."


def escape(text: str) -> str:
    """Write foreign text so that Mermaid shows it as it is, in a label."""
    return re.sub(r"[^\w .,:=()\[\]{}'+*/?!|~^$@-]", _entity, safe(text, MAX_LABEL))


def escape_name(text: str) -> str:
    """Write a node's name; a name may hold less than a label, and the word end would end something."""
    return re.sub(r"[^\w .-]|^end$", _entity, safe(text, MAX_LABEL))


def _entity(found: "re.Match[str]") -> str:
    return f"#{ord(found[0][0])};{found[0][1:]}"


def _arrows(message: Message, aliases: dict[str, str], first: int) -> Iterator[str]:
    row = message.row
    sender = aliases[row.sender or UNKNOWN]
    epoch = f" epoch {row.epoch}" if row.epoch >= 0 else ""
    summary = escape(message.summary)
    label = f"{(row.time_ns - first) / 1e6:.2f} {escape(row.type or RAW)}{epoch} {summary}".rstrip()
    if not row.receivers:
        yield f"    Note over {sender}: {label} (no one received it)"
        return
    arrow = "-x" if row.flags & Flag.ERROR else "->>"
    delays = dict(_delays(message))
    for receiver in row.receivers:
        delay = delays.get(receiver, 0)
        late = f" (+{delay / 1e6:.1f} ms)" if delay >= 1_000_000 else ""
        yield f"    {sender}{arrow}{aliases[receiver or UNKNOWN]}: {label}{late}"


def _delays(message: Message) -> Iterator[tuple[str, int]]:
    for delivery in message.deliveries:
        yield message.recording.session.name_of(delivery.connection), delivery.delay_ns


def _aliases(messages: Sequence[Message]) -> dict[str, str]:
    """Number the nodes in the order of their first message, senders before receivers."""
    names: dict[str, str] = {}
    for message in messages:
        for name in (message.row.sender, *message.row.receivers):
            names.setdefault(name or UNKNOWN, f"n{len(names)}")
    return names


def _ends(aliases: dict[str, str]) -> str:
    ordered = list(aliases.values())
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]},{ordered[-1]}"
