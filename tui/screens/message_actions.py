"""What the messages screen does with messages: jumps to errors and marks, comments, copies, exports."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoders import registry
from recordings.errors import RecordingError
from recordings.rows import Flag
from tui import export, text
from tui.cells import Cell
from tui.screens.ask import Ask, Choose
from tui.viewer import Viewer, find_place

if TYPE_CHECKING:
    from tui.app import TubetapApp
    from tui.screens.messages import MessagesScreen


class _Copyable(Protocol):
    def line_text(self) -> str:
        """Give the text of the line under the cursor."""


class MessageActions:
    """Actions of the messages screen; each is bound to a key in `tui.keys`."""

    viewer: Viewer

    @property
    def _screen(self) -> "MessagesScreen":
        screen: Any = self
        return screen  # type: ignore[no-any-return]

    @property
    def _app(self) -> "TubetapApp":
        return self._screen.owner

    def _say(self, message: str, *, error: bool = False) -> None:
        self._screen.notify(
            text.safe(message, 300), severity="error" if error else "information", markup=False
        )

    def _current(self) -> int | None:
        return self._screen.messages.current

    # Jumps

    def action_error(self, direction: int) -> None:
        """Go to the next or previous error."""
        flags = self.viewer.rows.flags
        self._jump_among((flags & np.uint8(Flag.ERROR | Flag.UNDECODED)) != 0, direction, "error")

    def action_mark_jump(self, direction: int) -> None:
        """Go to the next or previous mark."""
        mask = np.zeros(len(self.viewer.rows), dtype=np.bool_)
        mask[self.viewer.marked_rows()] = True
        self._jump_among(mask, direction, "mark")

    def _jump_among(self, mask: NDArray[np.bool_], direction: int, what: str) -> None:
        here = self._current()
        shown = self.viewer.shown
        if shown.narrowed:
            numbers = shown.numbers()
            rows: NDArray[Any] = numbers[mask[numbers]]
        else:
            rows = np.flatnonzero(mask[: shown.stop])
        if direction > 0:
            rows = rows[rows > (-1 if here is None else here)]
            row = int(rows[0]) if len(rows) else None
        else:
            rows = rows[rows < (len(mask) if here is None else here)]
            row = int(rows[-1]) if len(rows) else None
        if row is None:
            self._say(
                f"no {what} {'further down' if direction > 0 else 'further up'} among the shown messages"
            )
        else:
            self._screen.messages.show_row(row)

    def action_goto(self) -> None:
        """Go to a message number, a time or an epoch."""

        def check(answer: str) -> str:
            try:
                find_place(self.viewer, answer)
            except ValueError as error:
                return str(error)
            return ""

        def go(answer: str | None) -> None:
            if answer is None:
                return
            row = find_place(self.viewer, answer).row
            messages = self._screen.messages
            messages.unfollow()
            index = self.viewer.shown.index(row)
            messages.show(min(index, messages.line_count() - 1), centre=True)

        self._app.push_screen(
            Ask(
                "Go to",
                hint="1234, 22:13:39.9 (local time), +12.5 (seconds since the start) or epoch 41",
                check=check,
            ),
            go,
        )

    def action_related(self) -> None:
        """Choose a related message and go there."""
        found = self._screen.related_rows()
        if not found:
            self._say("no related messages are known")
            return
        lines: list[list[Cell]] = []
        for row, why in found:
            other = self.viewer.rows[row]
            lines.append(
                [
                    (text.fit(f"#{row:,}", 11), "dim"),
                    (text.fit(text.safe(why, 60), 42), ""),
                    (text.clock(other.time_ns), "dim"),
                ]
            )

        def go(choice: int | None) -> None:
            if choice is not None:
                self._screen.jump(found[choice][0])

        self._app.push_screen(Choose("Related messages", lines), go)

    def action_decode_as(self) -> None:
        """Choose the decoder."""
        names = registry.decoders()
        lines: list[list[Cell]] = [
            [("the one that fits best", "")],
            *([(text.safe(name, 40), "")] for name in names),
            *(
                [(text.safe(f"{name} could not be loaded: {reason}", 200), "dim")]
                for name, reason in registry.failures().items()
            ),
        ]

        def use(choice: int | None) -> None:
            if choice is not None and choice <= len(names):
                self.viewer.decoder = names[choice - 1] if choice else None
                self._screen.messages.forget_summaries()
                self._screen.detail.decode_anew()

        self._app.push_screen(Choose("Decode as", lines), use)

    # Marks

    def action_mark(self) -> None:
        """Mark the message under the cursor, or take its mark away."""
        row = self._current()
        if row is None:
            return
        if problem := self.viewer.mark(row):
            self._say(problem, error=True)
        self._screen.show_again()

    def action_only_marks(self) -> None:
        """Show only marked messages, or all again."""
        self.viewer.show_only_marked(not self.viewer.only_marked)
        self._screen.show_again()

    def action_comment(self) -> None:
        """Ask for a comment on the message under the cursor."""
        row = self._current()
        if row is None:
            return

        def keep(answer: str | None) -> None:
            if answer is None:
                return
            if problem := self.viewer.comment(row, answer.strip()):
                self._say(problem, error=True)
            self._screen.show_again()
            self._screen.detail.show_row(None)
            self._screen.detail.show_row(row)

        self._app.push_screen(
            Ask(
                f"Comment on #{row:,}",
                value=self.viewer.comment_on(row),
                hint=f"kept in {self.viewer.notes.path.name}; an empty one takes it away",
            ),
            keep,
        )

    # Filters

    def action_save_filter(self) -> None:
        """Ask for a name and save the filter under it."""
        filter_text = self.viewer.filter_text.strip()
        if not filter_text:
            self._say("there is no filter to save; f writes one")
            return

        def save(name: str | None) -> None:
            if name and name.strip():
                problem = self._app.saved.save(name.strip(), filter_text)
                self._say(problem or f"saved as {name.strip()}; ctrl+o lists them", error=bool(problem))

        self._app.push_screen(Ask(f"Save {filter_text} as"), save)

    def action_saved_filters(self) -> None:
        """Choose among the saved and the latest filters."""
        saved = self._app.saved
        entries = [*saved.named.items(), *(("used before", used) for used in reversed(saved.recent[-15:]))]
        if not entries:
            self._say("no filter was saved yet; S saves the one in force")
            return
        lines: list[list[Cell]] = [
            [(text.fit(text.safe(name, 20), 22), "key"), (text.safe(used, 200), "")] for name, used in entries
        ]

        def use(choice: int | None) -> None:
            if choice is not None:
                self._screen.filter_line.set_text(entries[choice][1])

        self._app.push_screen(Choose("Filters", lines), use)

    # Copy and export

    def action_copy(self) -> None:
        """Copy the cell, or in the detail the line, under the cursor."""
        focused: Any = self._screen.focused
        if focused is self._screen.messages or not hasattr(focused, "line_text"):
            self._app.copy(self._screen.messages.cell_value())
        else:
            copyable: _Copyable = focused
            self._app.copy(copyable.line_text())

    def action_copy_message(self) -> None:
        """Copy the payload of the message under the cursor."""
        row = self._current()
        if row is None:
            return
        try:
            frames = self.viewer.recording.frames(row)
        except (RecordingError, OSError) as error:
            self._say(str(error), error=True)
            return
        self._app.copy(frames[-1].decode("utf-8", "backslashreplace") if frames else "")

    def action_export(self) -> None:
        """Ask for a file and write the message under the cursor into it."""
        row = self._current()
        if row is not None:
            self._export(f"message-{row}.json", f"Export #{row:,} to", np.array([row], dtype=np.uint32))

    def action_export_shown(self) -> None:
        """Ask for a file and write all shown messages into it; stop that if it is being done."""
        if self.viewer.export is not None:
            self.viewer.export.stop()
            return
        rows = self.viewer.shown.numbers()
        if not len(rows):
            self._say("no message is shown; X clears the filter")
            return
        stem = self.viewer.recording.path.stem
        self._export(f"{stem}-shown.jsonl", f"Export {text.plural(len(rows), 'shown message')} to", rows)

    def _export(self, name: str, question: str, rows: NDArray[np.uint32]) -> None:
        def check(answer: str) -> str:
            path = Path(answer).expanduser()
            if not answer.strip():
                return "a file name is missing"
            if path.exists():
                return f"{path.name} exists; choose another name"
            if path.suffix.lower() not in export.KINDS:
                return f"the name must end in {', '.join(export.KINDS)}"
            return "" if path.parent.is_dir() else f"there is no folder {path.parent}"

        def write(answer: str | None) -> None:
            if answer is None:
                return
            if self.viewer.export is not None:
                self._say("another export is at work; w stops it", error=True)
                return
            path, why, job = Path(answer).expanduser(), self.viewer.filter_text, export.Job()
            self.viewer.export = job
            self._say(f"writing {text.plural(len(rows), 'message')} to {path}; w stops it")
            self._screen.run_worker(
                lambda: self._write(rows, path, why, job), name="export", thread=True, exit_on_error=False
            )

        hint = ".json and .jsonl: one JSON object a line; .bin: the payload bytes; .mcap: a recording"
        self._app.push_screen(Ask(question, value=name, hint=hint, check=check), write)

    def _write(self, rows: NDArray[np.uint32], path: Path, why: str, job: export.Job) -> None:
        """Write an export; on a thread of its own, as it may take a while."""
        viewer, said, error = self.viewer, "", False
        try:
            written = export.write(viewer.recording, rows, path, why=why, job=job)
            said = f"wrote {text.plural(written, 'message')} to {path}"
        except export.Stopped:
            said = f"the export was stopped; there is no {path.name}"
        except (RecordingError, OSError) as problem:
            said, error = str(problem), True
        finally:
            viewer.export = None
        self._app.call_from_thread(self._say, said, error=error)
