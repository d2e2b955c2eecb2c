"""The app's own colours: quiet greys for what repeats, colour for what one looks for, warnings that stand
out.

Every Textual theme works too; the ansi themes keep the terminal's own colours.
"""

from textual.theme import BUILTIN_THEMES, Theme

THEMES = (
    Theme(
        name="tubetap-dark",
        primary="#6cb6ff",
        secondary="#8ddb8c",
        accent="#e3b341",
        warning="#f0a04b",
        error="#ff6b6b",
        success="#7fd1a3",
        foreground="#d5d9de",
        background="#14171b",
        surface="#1f242b",
        panel="#2a313a",
        boost="#2f3b4a",
        dark=True,
    ),
    Theme(
        name="tubetap-light",
        primary="#0a5fb4",
        secondary="#2c7a2c",
        accent="#8a5a00",
        warning="#a04a00",
        error="#b3261e",
        success="#1c7245",
        foreground="#1d2329",
        background="#fbfbfa",
        surface="#eef0f2",
        panel="#dfe3e8",
        boost="#cfdcec",
        dark=False,
    ),
)
"""The themes; the first is the default."""


def check(name: str | None) -> None:
    """Raise ValueError, with the names there are, unless one is called that (None: the default)."""
    if name is None:
        return
    known = [theme.name for theme in THEMES] + list(BUILTIN_THEMES)
    if name not in known:
        raise ValueError(f"there is no theme {name}; choose one of {', '.join(known)}")
