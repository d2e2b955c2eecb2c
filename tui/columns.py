"""The columns of the message list: which there are, how wide at a given width, and what stands in them.

Narrow screens lose columns rather than get cut: the number goes first, then size, then epoch. Each message
type has an ASCII mark of its own, so that nothing is said by colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recordings.filters import quote
from recordings.rows import Flag, Row
from recordings.session import Session
from tui import text
from tui.cells import width_of

Name = Literal["number", "time", "type", "from", "to", "epoch", "size", "summary"]

MARKS = {
    "event": "e",
    "process": "p",
    "epoch_ended": ".",
    "error": "!",
    "status": "s",
    "identify": "i",
    "announce": "a",
    "ping": "?",
    "start": ">",
    "stop": "x",
    "init": "+",
    "deinit": "-",
    "spec": "#",
    "": "=",
}
"""The mark in front of each type; other types get `~`."""

STYLES = {
    "event": "event",
    "process": "process",
    "epoch_ended": "process",
    "error": "error",
    "status": "status",
    "identify": "status",
    "announce": "status",
    "ping": "status",
}
"""The style of each type; other types are plain."""


@dataclass(frozen=True)
class Column:
    """A column: its name, heading, width in cells, and whether its values stand at the right."""

    name: Name
    heading: str
    width: int
    right: bool = False


def type_text(type: str) -> str:
    """Write a type with its mark: `e event`, `= raw`."""
    return f"{MARKS.get(type, '~')} {text.safe(type, 24) or 'raw'}"


def lay_out(width: int, count: int, names: Sequence[str] = ()) -> list[Column]:
    """Choose the columns for a list `width` cells wide, with `count` messages in all and these node names.

    The richest choice that leaves the summary some room, else the poorest.
    """
    columns: list[Column] = []
    longest = max((len(name) for name in names[:64]), default=7)
    for choice in CHOICES:
        columns = _columns(choice, count, longest)
        used = sum(column.width + 1 for column in columns) + 5
        if width - used >= choice.summary:
            break
    return [*columns, Column("summary", "summary", max(0, width - used))]


@dataclass(frozen=True)
class Choice:
    """A choice of columns, fit when the summary has at least `summary` cells left."""

    summary: int
    number: bool = False
    long_type: bool = False
    sender: int = 8
    receivers: int = 11
    epoch: bool = True
    size: bool = True


CHOICES = (
    Choice(60, number=True, long_type=True, sender=14, receivers=24),
    Choice(40, number=True, long_type=True, sender=12, receivers=15),
    Choice(20, number=True, long_type=True, sender=10),
    Choice(20, long_type=True, sender=9),
    Choice(16, size=False, sender=9, receivers=10),
    Choice(16, size=False, epoch=False, sender=9, receivers=10),
    Choice(0, size=False, epoch=False, receivers=10),
)
"""From the richest to the poorest."""


def _columns(choice: Choice, count: int, longest: int) -> list[Column]:
    columns = [
        Column("time", "time", 12),
        Column("type", "type", 13 if choice.long_type else 10),
        Column("from", "from", min(max(7, longest), choice.sender), right=True),
        Column("to", "to", choice.receivers),
    ]
    if choice.epoch:
        columns.append(Column("epoch", "epoch", min(max(5, len(str(count)) + 1), 8), right=True))
    if choice.size:
        columns.append(Column("size", "size", 5, right=True))
    if choice.number:
        number = max(3, len(f"{max(0, count - 1):,}"))
        columns.insert(0, Column("number", "#", number, right=True))
    return columns


def epoch_text(row: Row) -> str:
    """Write an epoch; a sub-epoch has a `+` behind its root."""
    if row.epoch < 0:
        return "-"
    return f"{row.epoch}+" if row.flags & Flag.SUB_EPOCH else str(row.epoch)


def names_text(names: tuple[str, ...], flags: Flag, width: int = 0) -> str:
    """Write the receivers of a message: `command,b`, `-` for none, with `(late)` if a copy came late.

    With a width, names that don't fit are counted: `command+2`.
    """
    late = "(late)" if flags & Flag.LATE else ""
    listed = ",".join(text.safe(name, 60) for name in names[:8]) or "-"
    more = f",+{len(names) - 8}" if len(names) > 8 else ""
    if not width or width_of(listed + more + late) <= width or len(names) < 2:
        return f"{listed}{more}{late}"
    end = f"+{len(names) - 1}{late}"
    return text.fit(text.safe(names[0], 60), max(3, min(width_of(names[0]), width - len(end)))) + end


def cell_text(column: Name, row: Row, session: Session, width: int = 0) -> str:
    """Write one cell (all but time and summary, which need more than the row)."""
    match column:
        case "number":
            return text.count(row.number)
        case "type":
            return type_text(row.type)
        case "from":
            return text.safe(row.sender, 60) or "-"
        case "to":
            return names_text(row.receivers, row.flags, width)
        case "epoch":
            return epoch_text(row)
        case "size":
            return text.short_size(row.size)
    return ""


def term_for(column: Name, row: Row, summary: str, clock: str) -> str:
    """Write the filter term that a cell's value stands for; "" where there is none."""
    match column:
        case "type":
            return f"type:{quote(row.type)}" if row.type else "is:raw"
        case "from":
            return f"from:{quote(row.sender)}" if row.sender else ""
        case "to":
            return (
                f"to:{','.join(quote(name) for name in row.receivers)}" if row.receivers else "is:undelivered"
            )
        case "epoch":
            return f"epoch:{row.epoch}" if row.epoch >= 0 else ""
        case "size":
            return f"size:{row.size}"
        case "time":
            return f"time:{clock.partition('.')[0]}"
        case "number":
            return f"row:{row.number}"
        case "summary":
            word = summary.split("  ")[0].strip("…").strip()
            return (
                f'"{word}"' if word and '"' not in word and "\\" not in word else quote(word) if word else ""
            )
    return ""
