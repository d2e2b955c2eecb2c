"""Every key of the app in one table, and how a person changes them.

Bindings are made from this table alone, so that help, footer, palette and documentation agree. The config
file `keys.toml` gives other keys to the ids of this table:

    filter = "ctrl+f"
    move.down = ["j", "down", "ctrl+n"]
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_dir
from textual.binding import Binding, BindingType
from textual.keys import Keys, _character_to_key

from tui.text import safe

CONFIG_FILE = "keys.toml"


@dataclass(frozen=True)
class Key:
    """One thing a key does.

    `keys` are separated by commas, `action` is Textual's action, `label` the footer's word, `help` a sentence
    for the help page; `footer` ranks it among the keys at the bottom of the screen (0: not there).
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    area: str
    footer: int = 0


def _area(
    area: str, *rows: tuple[str, str, str, str, str] | tuple[str, str, str, str, str, int]
) -> list[Key]:
    return [Key(*row[:5], area, *row[5:]) for row in rows]


KEYS: tuple[Key, ...] = (
    *_area(
        "Screens",
        ("screen.messages", "1", "screen('messages')", "Messages", "the messages"),
        ("screen.nodes", "2", "screen('nodes')", "Nodes", "the nodes, their sockets and who listens to whom"),
        ("screen.epochs", "3", "screen('epochs')", "Epochs", "the epochs, and what each waits for"),
        ("screen.log", "4", "screen('log')", "Log", "connections, losses, and what the program printed"),
        ("help", "?", "help", "Help", "all keys", 1),
        ("palette", ":,ctrl+p", "command_palette", "Commands", "find a command by its name", 7),
        ("open", "O", "open_file", "Open", "open another recording"),
        ("quit", "q,ctrl+q", "leave", "Quit", "quit"),
    ),
    *_area(
        "Moving",
        ("move.down", "j,down", "move(1)", "Down", "one line down"),
        ("move.up", "k,up", "move(-1)", "Up", "one line up"),
        ("move.page_down", "space,pagedown", "page(1)", "Page", "one page down"),
        ("move.page_up", "b,pageup", "page(-1)", "Page up", "one page up"),
        ("move.half_down", "ctrl+d", "page(0.5)", "Half page", "half a page down"),
        ("move.half_up", "ctrl+u", "page(-0.5)", "Half page up", "half a page up"),
        ("move.start", "g,home", "start", "Start", "to the start"),
        ("move.end", "G,end", "end", "End", "to the end, and follow"),
        ("move.left", "h,left", "sideways(-1)", "Left", "the cell to the left; close a branch"),
        ("move.right", "l,right", "sideways(1)", "Right", "the cell to the right; open a branch"),
        ("pane", "tab", "pane(1)", "Pane", "the next pane"),
        ("pane.back", "shift+tab", "pane(-1)", "Pane back", "the pane before"),
        ("goto", "ctrl+g", "goto", "Go to", "go to a message number, a time or an epoch"),
        ("enter", "enter", "enter", "Open", "open; from the list: the detail, large"),
        ("back", "escape", "back", "Back", "back"),
    ),
    *_area(
        "Display",
        ("follow", "F", "follow", "Follow", "follow the newest message", 4),
        ("pause", "p", "pause", "Pause", "stop the display; recording goes on", 5),
        ("times", "T", "times", "Times", "times as clock, since the message before, since the start"),
        ("side", "s", "side", "Side panel", "the side panel: filter by node and type"),
        ("tab.next", "d", "tab(1)", "Next view", "the detail's next view: decoded, JSON, frames, deliveries"),
        ("tab.back", "D", "tab(-1)", "View before", "the detail's view before"),
        ("step.back", "[", "step(-1)", "Before", "the message before, from any pane"),
        ("step.next", "]", "step(1)", "Next", "the next message, from any pane"),
    ),
    *_area(
        "Filter",
        ("filter", "f", "filter", "Filter", "edit the filter; it works while you type", 2),
        ("filter.in", "+", "by_cell('in')", "Filter in", "only what has this cell's value"),
        ("filter.out", "-", "by_cell('out')", "Filter out", "all but what has this cell's value"),
        ("filter.drop", "backspace", "drop_term", "Drop", "drop the filter's last term"),
        ("filter.clear", "X", "clear_filter", "Clear", "show all messages again"),
        ("filter.save", "S", "save_filter", "Save", "save the filter under a name"),
        ("filter.saved", "ctrl+o", "saved_filters", "Saved", "choose a saved filter"),
    ),
    *_area(
        "Filter line",
        ("offer.next", "down", "offer(1)", "Next offer", "the next offer"),
        ("offer.back", "up", "offer(-1)", "Offer before", "the offer before"),
        ("offer.take", "tab", "take_offer", "Take", "put the offer in"),
        ("filter.done", "enter", "done", "Done", "keep the filter"),
        ("filter.cancel", "escape", "cancel", "Cancel", "back to the filter from before"),
        ("search.done", "enter", "search_it", "Search", "search"),
        ("search.cancel", "escape", "cancel_search", "Cancel", "search nothing"),
    ),
    *_area(
        "Windows",
        ("window.take", "enter", "take_it", "Take", "take the answer"),
        ("window.close", "escape", "close", "Back", "close the window"),
        ("window.quit", "q", "close", "Close", "close the window"),
        ("window.help", "?", "close", "Close", "close the help page"),
    ),
    *_area(
        "Side panel",
        ("panel.toggle", "space", "flip", "Toggle", "show or hide a type or node"),
        ("panel.only", "o,enter", "only", "Only this", "show this type or node alone"),
        ("panel.all_but", "a", "all_but", "All but this", "hide this type or node alone"),
    ),
    *_area(
        "Search",
        ("search", "/", "search", "Search", "search the shown messages, payloads too", 3),
        ("search.next", "n", "find(1)", "Next", "next match"),
        ("search.back", "N", "find(-1)", "Match before", "match before"),
        ("error.next", "e", "error(1)", "Error", "next error", 6),
        ("error.back", "E", "error(-1)", "Error before", "error before"),
    ),
    *_area(
        "Marks",
        ("mark", "m", "mark", "Mark", "mark the message, or take the mark away"),
        ("mark.only", "M", "only_marks", "Only marks", "only marked messages; again: all"),
        ("mark.next", "u", "mark_jump(1)", "Next mark", "next mark"),
        ("mark.back", "U", "mark_jump(-1)", "Mark before", "mark before"),
        ("comment", ";", "comment", "Comment", "write a comment on the message"),
    ),
    *_area(
        "Messages",
        ("related", "o", "related", "Related", "jump to a related message: what caused it, what it caused"),
        ("decoder", "i", "decode_as", "Decode as", "decode with another decoder"),
        ("copy", "c", "copy", "Copy", "copy the cell, line or payload under the cursor"),
        ("copy.message", "C", "copy_message", "Copy all", "copy the message's payload"),
        ("export", "x", "export", "Export", "export the message to a file"),
        ("export.shown", "w", "export_shown", "Export shown", "export all shown messages to a file"),
    ),
)
"""All keys, in the order of the help page."""

LOCAL_AREAS = ("Filter line", "Windows", "Side panel")
"""Areas whose keys hold in one pane only, and there go before the others."""

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYS}


def bindings(*ids: str) -> list[BindingType]:
    """Make Textual's bindings for these ids."""
    return [
        Binding(key.keys, key.action, key.label, show=key.footer > 0, id=key.id, tooltip=key.help)
        for key in (BY_ID[id] for id in ids)
    ]


@dataclass(frozen=True)
class Keymap:
    """Keys that a person gave to ids (`keys`, comma-separated), and what was wrong with the file."""

    keys: Mapping[str, str]
    problems: tuple[str, ...] = ()


def config_path() -> Path:
    """Say where the key file is looked for."""
    return Path(user_config_dir("tubetap")) / CONFIG_FILE


def load(path: Path | None = None) -> Keymap:
    """Read the key file; a missing one changes nothing, a faulty line is left out and told."""
    path = path or config_path()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Keymap({})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Keymap({}, (f"{path.name}: {safe(str(error))}",))
    keys: dict[str, str] = {}
    problems: list[str] = []
    for id, value in _flat(table):
        if id not in BY_ID:
            problems.append(f"{path.name}: no key has the id {safe(id)}; see tubetap view --keys")
            continue
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not given or not all(isinstance(key, str) for key in given):
            problems.append(f"{path.name}: {id} wants a key or a list of keys")
            continue
        unknown = [key for key in given if not _is_key(key)]
        if unknown:
            problems.append(f"{path.name}: {id}: there is no key {safe(unknown[0])}")
            continue
        keys[id] = ",".join(_name(key) for key in given)
    problems += [f"{path.name}: {clash}" for clash in clashes(keys)]
    return Keymap(keys, tuple(problems))


def clashes(changed: Mapping[str, str]) -> list[str]:
    """Name the keys that would do two things in one place."""
    taken: dict[str, Key] = {}
    found = []
    for key in KEYS:
        if key.area in LOCAL_AREAS:
            continue
        for name in changed.get(key.id, key.keys).split(","):
            other = taken.setdefault(_name(name), key)
            if other is not key:
                found.append(f"{name} is given to both {other.id} and {key.id}")
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _name(key: str) -> str:
    key = key.strip()
    return _character_to_key(key) if len(key) == 1 else key


def _is_key(key: str) -> bool:
    *modifiers, last = key.strip().split("+") if key.strip() not in ("", "+") else [key]
    if not set(modifiers) <= {"ctrl", "shift", "alt", "super"}:
        return False
    return len(last) == 1 or last in {known.value for known in Keys} or _character_to_key(last) != last
