"""How the cells of lines look: the names of their styles, and Textual's style sheet for them."""

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

CSS = """
Lines { width: 1fr; height: 1fr; background: $background; color: $foreground; }
Lines > .lines--bold { text-style: bold; }
Lines > .lines--head { text-style: bold; }
Lines > .lines--key { color: $text-primary; }
Lines > .lines--string { color: $text-success; }
Lines > .lines--number { color: $text-accent; }
Lines > .lines--word { color: $text-secondary; text-style: italic; }
Lines > .lines--ok { color: $text-success; }
Lines > .lines--warning { color: $text-warning; text-style: bold; }
Lines > .lines--error { color: $text-error; text-style: bold; }
Lines > .lines--event { color: $text-primary; }
Lines > .lines--process { color: $text-accent; }
Lines > .lines--match { background: $warning; color: $background; text-style: bold; }
Lines > .lines--cell { text-style: reverse; }
Lines > .lines--cursor { background: $surface; }
Lines > .lines--cursor-focus { background: $boost; text-style: bold; }
Lines > .lines--bar { color: $panel; }
Lines > .lines--thumb { color: $primary; }
Lines:ansi > .lines--dim, Lines:ansi > .lines--head, Lines:ansi > .lines--status { text-style: dim; }
Lines:ansi > .lines--match { text-style: reverse bold; }
Lines:ansi > .lines--bar { text-style: dim; }
"""
