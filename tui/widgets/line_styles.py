"""How the cells of lines look: the names of their styles, and Textual's style sheet for them.

The styles are components of the app and not of each list: Textual works out all components of a widget anew
with every change of a class or of the focus above it, and there are a dozen lists.
"""

STYLES = (
    "dim",
    "bold",
    "head",
    "key",
    "string",
    "number",
    "word",
    "ok",
    "warning",
    "error",
    "event",
    "process",
    "status",
    "match",
    "cell",
    "cursor",
    "cursor-focus",
    "bar",
    "thumb",
)
"""The names of the styles a cell may have."""

FAINT = ("dim", "head", "status")
"""Styles that are the text colour, nearer to the background."""
FAINTNESS = 0.62

COMPONENTS = {f"lines--{name}" for name in STYLES}

CSS = """
TubetapApp > .lines--bold { text-style: bold; }
TubetapApp > .lines--head { text-style: bold; }
TubetapApp > .lines--key { color: $text-primary; }
TubetapApp > .lines--string { color: $text-success; }
TubetapApp > .lines--number { color: $text-accent; }
TubetapApp > .lines--word { color: $text-secondary; text-style: italic; }
TubetapApp > .lines--ok { color: $text-success; }
TubetapApp > .lines--warning { color: $text-warning; text-style: bold; }
TubetapApp > .lines--error { color: $text-error; text-style: bold; }
TubetapApp > .lines--event { color: $text-primary; }
TubetapApp > .lines--process { color: $text-accent; }
TubetapApp > .lines--match { background: $warning; color: $background; text-style: bold; }
TubetapApp > .lines--cell { text-style: reverse; }
TubetapApp > .lines--cursor { background: $surface; }
TubetapApp > .lines--cursor-focus { background: $boost; text-style: bold; }
TubetapApp > .lines--bar { color: $panel; }
TubetapApp > .lines--thumb { color: $primary; }
TubetapApp:ansi {
    & > .lines--dim, & > .lines--head, & > .lines--status, & > .lines--bar { text-style: dim; }
    & > .lines--match { text-style: reverse bold; }
}
"""
