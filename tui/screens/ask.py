"""The small windows over a screen: a question with one line for the answer, a choice from a list, the help
page.
"""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui import text
from tui.cells import Cell
from tui.keys import KEYS, bindings
from tui.widgets.line import Line
from tui.widgets.lines import Lines
from tui.widgets.safe_input import SafeInput

BOX_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 76; max-width: 96%; height: auto; max-height: 90%; padding: 0 1;
    background: $surface; border: solid $primary; }}
{name} Line, {name} Lines {{ background: $surface; }}
"""


class Text(Line):
    """One line of plain text in a window."""

    def __init__(self, content: str, style: str = "") -> None:
        super().__init__()
        self._content = content
        self._style = style

    def set(self, content: str, style: str) -> None:
        """Say something else."""
        self._content, self._style = content, style
        self.repaint()

    def cells(self, index: int) -> Sequence[Cell]:
        """Write it."""
        return ((text.safe(self._content), self._style),)


class Answer(SafeInput):
    """The answer's text field."""

    BINDINGS = bindings("window.take")

    def action_take_it(self) -> None:
        """Take the answer."""
        window = self.screen
        assert isinstance(window, Ask)
        window.take()


class Ask(ModalScreen[str | None]):
    """Asks for one line; returns it, or None when the person goes back.

    `check` is given the answer and returns what is wrong with it, "" if nothing is.
    """

    DEFAULT_CSS = BOX_CSS.format(name="Ask")
    BINDINGS = bindings("window.close")

    def __init__(
        self,
        question: str,
        *,
        hint: str = "",
        value: str = "",
        check: Callable[[str], str] = lambda answer: "",
    ) -> None:
        super().__init__()
        self._question = question
        self._hint = hint
        self._check = check
        self._value = value
        self._below = Text(hint or "enter takes it, esc goes back", "dim")

    def compose(self) -> ComposeResult:
        """A question, a field, a hint."""
        with Vertical():
            yield Text(self._question, "bold")
            yield Answer(self._value, select_on_focus=False)
            yield self._below

    def take(self) -> None:
        """Return the answer if it is good."""
        answer = self.query_one(Answer).value
        wrong = self._check(answer)
        if wrong:
            self._below.set(wrong, "error")
        else:
            self.dismiss(answer)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


class Listing(Lines):
    """The list in a window."""

    DEFAULT_CSS = "Listing { height: auto; }"

    def __init__(self, lines: Sequence[Sequence[Cell]]) -> None:
        super().__init__()
        self._lines = lines

    def line_count(self) -> int:
        """One line an entry."""
        return len(self._lines)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As high as the list, up to most of the screen."""
        return max(1, min(len(self._lines), self.app.size.height - 6))

    def cells(self, index: int) -> Sequence[Cell]:
        """Write an entry."""
        return ((("> " if index == self.cursor and self.has_cursor else "  "), "bold"), *self._lines[index])


class Choices(Listing):
    """The list to choose from."""

    def action_enter(self) -> None:
        """Take the line under the cursor."""
        window = self.screen
        assert isinstance(window, Choose)
        window.take(self.cursor)


class Choose(ModalScreen[int | None]):
    """Asks to choose from a list; returns the index, or None when the person goes back."""

    DEFAULT_CSS = BOX_CSS.format(name="Choose")
    BINDINGS = bindings("window.close", "window.quit")

    def __init__(self, question: str, lines: Sequence[Sequence[Cell]]) -> None:
        super().__init__()
        self._question = question
        self._lines = lines

    def compose(self) -> ComposeResult:
        """A question and a list."""
        with Vertical():
            yield Text(self._question, "bold")
            yield Choices(self._lines)
            yield Text("enter takes it, esc goes back", "dim")

    def take(self, index: int) -> None:
        """Return the choice."""
        self.dismiss(index)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


class HelpText(Listing):
    """The lines of the help page, to scroll, not to choose from."""

    has_cursor = False

    def action_move(self, lines: int) -> None:
        """Scroll."""
        self.top += lines
        self.repaint()


class Help(ModalScreen[None]):
    """All keys, as they are bound now, and the marks of the list."""

    DEFAULT_CSS = BOX_CSS.format(name="Help") + "Help > Vertical { width: 104; }"
    BINDINGS = bindings("window.close", "window.quit", "window.help")

    def __init__(self, keymap: dict[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical():
            yield Text("tubetap: keys", "bold")
            yield HelpText(self._page())
            yield Text("j k space b scroll, esc or q closes; ids at the right are for keys.toml", "dim")

    def _page(self) -> list[Sequence[Cell]]:
        lines: list[Sequence[Cell]] = []
        area = ""
        for key in KEYS:
            if key.area == "Windows":
                continue
            if key.area != area:
                area = key.area
                lines += [(), ((area, "head"),)] if lines else [((area, "head"),)]
            shown = " ".join(
                self.app.get_key_display(binding)
                for binding in _one_each(bindings(key.id)[0], self._keymap.get(key.id))
            )
            lines.append(((text.fit(shown, 12), "key"), (text.fit(key.help, 66), ""), (f" {key.id}", "dim")))
        lines += [(), (("Marks in the list", "head"),)]
        lines.append((("  > cursor   * marked   ; comment   ! error   (late) a copy came late", ""),))
        lines.append((("  In the side panel a node's box hides what it sends; o shows what it", ""),))
        lines.append((("  sends and receives. The filter line always says what is in force.", ""),))
        return lines

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def _one_each(binding: BindingType, keys: str | None) -> list[Binding]:
    assert isinstance(binding, Binding)
    return [binding.with_key(key.strip()) for key in (keys or binding.key).split(",")]
