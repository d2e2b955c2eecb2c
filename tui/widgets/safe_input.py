"""A one-line text field that can't hold what a terminal would obey: control characters become escapes."""

from textual.widgets import Input

from decoders.text import safe


class SafeInput(Input):
    """Textual's input, with its value always safe to show, and no frame around it."""

    DEFAULT_CSS = """
    SafeInput, SafeInput:focus { border: none; height: 1; padding: 0; background: $background; }
    SafeInput:focus { background: $surface; }
    """

    def validate_value(self, value: str) -> str:
        """Turn what is not printable into visible escapes."""
        return safe(value)
