"""Filters kept between sessions: those used last, and those saved under a name.

History is state, one filter a line of JSON; saved filters are configuration, `name = "filter"` in TOML, to be
edited by hand if one likes. Files that can't be read or written only cost the convenience.
"""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_config_dir, user_state_dir

HISTORY_LENGTH = 200


@dataclass
class SavedFilters:
    """The filters of one person.

    `recent` has the latest last; `named` maps names to filters.
    """

    state: Path
    config: Path
    recent: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, state: Path | None = None, config: Path | None = None) -> "SavedFilters":
        """Read both files, from the user's folders unless told otherwise."""
        saved = cls(
            (state or Path(user_state_dir("tubetap"))) / "filters.jsonl",
            (config or Path(user_config_dir("tubetap"))) / "filters.toml",
        )
        try:
            lines = saved.state.read_text(encoding="utf-8").splitlines()[-HISTORY_LENGTH:]
            saved.recent = [text for text in map(json.loads, lines) if isinstance(text, str)]
        except (OSError, ValueError):
            saved.recent = []
        try:
            table = tomllib.loads(saved.config.read_text(encoding="utf-8"))
            saved.named = {name: text for name, text in table.items() if isinstance(text, str)}
        except (OSError, ValueError):
            saved.named = {}
        return saved

    def used(self, text: str) -> None:
        """Remember a filter as the latest."""
        text = text.strip()
        if not text:
            return
        self.recent = [*(other for other in self.recent if other != text), text][-HISTORY_LENGTH:]
        _write(self.state, "".join(json.dumps(text) + "\n" for text in self.recent))

    def save(self, name: str, text: str) -> str:
        """Save a filter under a name; returns what went wrong, or ""."""
        self.named[name] = text
        return _write(
            self.config,
            "".join(f"{json.dumps(name)} = {json.dumps(text)}\n" for name, text in self.named.items()),
        )


def _write(path: Path, text: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"{path} can't be written: {error.strerror}"
    return ""
