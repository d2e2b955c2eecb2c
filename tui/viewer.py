"""What is being looked at and how: the recording, the filter, following and pausing, marks, the search.

One for all screens. The app calls `tick` on its timer; widgets ask. Nothing here knows Textual.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from recordings.errors import RecordingError
from recordings.filters import Filter, FilterError, parse
from recordings.notes import Notes
from recordings.recording import Recording
from recordings.rows import Row, Rows
from recordings.session import Session
from tui import text
from tui.export import Job
from tui.facets import Facets
from tui.search import Search
from tui.shown import Shown

Times = Literal["clock", "delta", "start"]
TIMES: tuple[Times, ...] = ("clock", "delta", "start")

TICK_BUDGET_S = 0.012
"""How long one tick may read the file; keys wait no longer than that."""
OPENING_BUDGET_S = 0.035
"""The same while a long recording is being opened."""


@dataclass(frozen=True)
class Changes:
    """What a tick has changed: whether the file gave anything new, and whether other lines are on display."""

    recording: bool = False
    shown: bool = False


@dataclass
class Problem:
    """Why the text of the filter line is no filter: the message and the character it is about."""

    message: str
    position: int = 0
    end: int = 0


class Viewer:
    """The state of looking at one recording.

    `live` says that the recording is expected to grow, `follow` that the cursor stays on the newest message,
    `paused` that the display stands still while the recording goes on. `decoder` decodes all messages, None:
    the one that fits each best. `in_view` is the first row on the screen, where payload filters begin.
    """

    def __init__(
        self, recording: Recording, *, live: bool = False, filter: str = "", decoder: str | None = None
    ) -> None:
        self.recording = recording
        self.decoder = decoder
        self.live = live
        self.follow = live
        self.paused = False
        self.times: Times = "clock"
        self.only_marked = False
        self.in_view = 0
        self.filter_text = ""
        self.problem: Problem | None = None
        self.read_problem = ""
        self.search: Search | None = None
        self.export: Job | None = None
        self.shown = Shown(recording)
        self.facets = Facets()
        self.notes_problem = ""
        try:
            self.notes = Notes.of(recording)
        except RecordingError as error:
            self.notes_problem = str(error)
            self.notes = Notes(recording.path.with_name(recording.path.name + ".unread"))
        self._strictest: tuple[str, int, str] = ("", -1, "")
        self.shown.update()
        if filter:
            self.set_filter(filter)

    @property
    def rows(self) -> Rows:
        """The recording's rows."""
        return self.recording.rows

    @property
    def session(self) -> Session:
        """What the recording says of nodes, connections and epochs."""
        return self.recording.session

    def row(self, index: int) -> Row:
        """Give the message on a line of the list."""
        return self.rows[self.shown.row(index)]

    # On the timer

    def tick(self) -> Changes:
        """Read what is new, and bring all that depends on it up to date."""
        changed = False
        budget_s = TICK_BUDGET_S if self.recording.progress > 0.9 else OPENING_BUDGET_S
        try:
            changed = self.recording.refresh(budget_s)
            self.read_problem = ""
        except (RecordingError, OSError) as error:
            self.read_problem = str(error)
        if changed:
            self.notes.take(list(self.session.notes))
        if self.search is not None:
            self.search.update(len(self.rows))
        if self.paused:
            return Changes(recording=changed)
        before = len(self.shown)
        if changed or self.shown.due or self.shown.stop < len(self.rows):
            self.shown.update()
        return Changes(changed, len(self.shown) != before)

    @property
    def waiting(self) -> int:
        """How many messages have come since the display was stopped."""
        return len(self.rows) - self.shown.stop if self.paused else 0

    def headline(self) -> tuple[str, str]:
        """Say in a word or two what the recording is doing, and in which style that is shown."""
        match self.recording.state:
            case "growing":
                return "LIVE" if self.live else "GROWING", "ok"
            case "cut off":
                return "CUT OFF", "warning"
        return "ENDED", "bold"

    def now_ns(self) -> int:
        """Give the time that "now" means: the clock's while live, else the last message's."""
        last = int(self.rows.time_ns[len(self.rows) - 1]) if len(self.rows) else 0
        return max(last, time.time_ns()) if self.live and self.recording.state == "growing" else last

    @property
    def start_ns(self) -> int:
        """The time of the first message; 0 if there is none."""
        return int(self.rows.time_ns[0]) if len(self.rows) else 0

    def close(self) -> None:
        """End the background work, and put the notes into the recording where that can be."""
        self.shown.close()
        self.end_search()
        if self.export is not None:
            self.export.stop()
        if self.recording.state == "complete":
            with suppress(RecordingError):  # then they stay beside it
                self.notes.keep()

    # Filter

    def set_filter(self, text: str) -> bool:
        """Filter by a text; a faulty one leaves the last good filter in force, and `problem` says why."""
        try:
            filter = parse(text)
        except FilterError as error:
            self.problem = Problem(error.message, error.position, error.end)
            return False
        self.problem = None
        self._apply(text, filter)
        return True

    def _apply(self, text: str, filter: Filter) -> None:
        if text.strip() == self.filter_text.strip():
            self.filter_text = text
            return
        self.filter_text = text
        self.shown.set_filter(filter, first=self.in_view, newest_first=self.follow)
        if self.only_marked:
            self.shown.only(self.marked_rows())
        self.facets.set_filter(text)

    def strictest_term(self) -> str:
        """Name the filter's term that hides most, for when nothing matches; counted once per filter."""
        filter = self.shown.filter
        if filter is None:
            return ""
        text, rows, answer = self._strictest
        if text != self.filter_text or len(self.rows) > 1.5 * rows + 1000:
            counts = [] if filter.needs_payload else filter.explain(self.recording)
            strictest = min(counts, key=lambda count: count.matching, default=None)
            hides = [f"{strictest.text} lets {strictest.matching:,} through"] if strictest is not None else []
            unseen = [f"{name.name} was never seen" for name in filter.unseen(self.recording)]
            answer = "; ".join([*hides, *unseen[:2]])
            self._strictest = (self.filter_text, len(self.rows), answer)
        return answer

    # Marks

    def marked_rows(self) -> list[int]:
        """Give the rows with a mark, rising (notes speak of message ids, which a torn file may have lost)."""
        ids = np.array(self.notes.marked, dtype=np.int64)
        return [row for row in self.rows.rows_of(ids).tolist() if row >= 0] if len(ids) else []

    def is_marked(self, row: int) -> bool:
        """Tell whether a message is marked."""
        return bool(self.notes) and self.rows.id_of(row) in self.notes

    def comment_on(self, row: int) -> str:
        """Give the comment on a message, "" if there is none."""
        return self.notes.texts.get(self.rows.id_of(row), "") if self.notes.texts else ""

    def mark(self, row: int) -> str:
        """Mark a message, or take its mark away; returns what went wrong, or ""."""
        return self._note(row, mark=not self.is_marked(row), text=self.comment_on(row))

    def comment(self, row: int, text: str) -> str:
        """Comment on a message, which marks it; an empty text takes the comment away."""
        return self._note(row, mark=bool(text) or self.is_marked(row), text=text)

    def _note(self, row: int, *, mark: bool, text: str) -> str:
        try:
            self.notes.set(self.rows.id_of(row), mark=mark, text=text)
        except RecordingError as error:
            return str(error)
        finally:
            if self.only_marked:
                self.shown.only(self.marked_rows())
        return ""

    def show_only_marked(self, on: bool) -> None:
        """Show only marked messages, or all again."""
        self.only_marked = on
        self.shown.only(self.marked_rows() if on else None)

    # Search

    def start_search(self, text: str, row: int) -> None:
        """Search from a row on; raises FilterError if a regular expression is wrong."""
        search = Search(self.recording, text, row)
        self.end_search()
        self.search = search

    def end_search(self) -> None:
        """Forget the search."""
        if self.search is not None:
            self.search.close()
            self.search = None

    # Times

    def next_times(self) -> Times:
        """Change how times are shown: clock, since the message before, since the start."""
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]
        return self.times

    def time_text(self, index: int, row: Row) -> str:
        """Write the time of the message on a line in the way that is chosen."""
        if self.times == "clock":
            return text.clock(row.time_ns)
        if self.times == "start":
            return "+" + text.seconds(row.time_ns - self.start_ns)
        before = self.shown.row(index - 1) if index else None
        return "" if before is None else "+" + text.duration(row.time_ns - int(self.rows.time_ns[before]))


@dataclass(frozen=True)
class Place:
    """Where "go to" leads: a row, and what was understood."""

    row: int
    meaning: str = field(default="")


def find_place(viewer: Viewer, wanted: str) -> Place:
    """Find the row that a person means by a number, a time of day, `+` seconds since the start, or `epoch N`.

    Raises ValueError with a sentence for the person.
    """
    rows, wanted = viewer.rows, wanted.strip().lower()
    if not len(rows):
        raise ValueError("there are no messages yet")
    plain = wanted.replace(",", "").lstrip("#")
    if plain.isdigit():
        row = int(plain)
        if row >= len(rows):
            raise ValueError(f"the last message is #{len(rows) - 1:,}")
        return Place(row, f"#{row:,}")
    if wanted.startswith("epoch"):
        number = wanted.removeprefix("epoch").strip(" :=")
        if not number.isdigit():
            raise ValueError("write epoch and its number, such as epoch 41")
        found = np.flatnonzero(rows.epoch[: len(rows)] == int(number))
        if not len(found):
            raise ValueError(f"no message belongs to epoch {number}")
        return Place(int(found[0]), f"epoch {number}")
    try:
        if wanted.startswith("+"):
            time_ns = viewer.start_ns + int(float(wanted[1:].rstrip("s ")) * 1e9)
        else:
            time_ns = text.parse_clock(wanted, viewer.start_ns)
    except (ValueError, OverflowError):
        raise ValueError("write a number (1234), a time (22:13:39.9), +12.5 (seconds) or epoch 41") from None
    row = int(np.searchsorted(rows.time_ns[: len(rows)], time_ns))
    return Place(min(row, len(rows) - 1), text.clock(time_ns))
