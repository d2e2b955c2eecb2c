"""The rules of a redaction: what is looked for and what becomes of it, read from TOML, with defaults that
suit most.

A rule file names only what differs from the defaults; `describe` writes a complete one to start from.
"""

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from recordings.errors import RecordingError
from recordings.jsonpaths import PathError, Step, read_path

MAX_FILE = 1 << 20
"""The longest rule file, in bytes."""

SECRET_KEYS = (
    "*password*",
    "*passwd*",
    "*passphrase*",
    "pwd",
    "*_pwd",
    "*secret*",
    "token",
    "*_token",
    "*_tokens",
    "auth",
    "*_auth",
    "*authorization*",
    "*api_key*",
    "*apikey*",
    "*access_key*",
    "*private_key*",
    "*credential*",
    "cookie",
    "cookies",
    "*_cookie",
    "session_id",
    "sessionid",
    "*bearer*",
    "*jwt*",
    "*csrf*",
    "*xsrf*",
)
"""Keys whose values are secret, as globs over the key in snake_case."""

COMMON_NAMES = (
    "admin",
    "app",
    "command",
    "default",
    "docker",
    "guest",
    "home",
    "local",
    "localhost",
    "noob",
    "python",
    "root",
    "runner",
    "shared",
    "test",
    "tube",
    "ubuntu",
    "user",
    "users",
    "vagrant",
    "work",
)
"""User and host names that say nothing of a person; a home directory is scrubbed all the same."""

Action = Literal["pseudonym", "drop", "keep"]


class RulesError(RecordingError):
    """A rule file can't be read or holds something that is no rule; the message says where."""


class Find(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What is recognised by its form or known from the session."""

    home_directories: bool = True
    user_names: bool = True
    host_names: bool = True
    tokens: bool = True
    emails: bool = True
    addresses: bool = True


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys whose values are secret: `names` takes the place of the defaults, `more` adds to them."""

    names: tuple[str, ...] = SECRET_KEYS
    more: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that are always replaced, and words that never are, in upper and lower case alike."""

    replace: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


class Payloads(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What becomes of what can't be read as text.

    `pickles` are noob's pickled values, `blobs` base64 text of `blob_bytes` characters or more, `binary`
    frames that are no text. "summary" replaces them by what they are and how large; "keep" leaves them in,
    and the final scan still looks inside. `output` is what the program printed.
    """

    pickles: Literal["summary", "keep"] = "summary"
    blobs: Literal["summary", "keep"] = "summary"
    binary: Literal["summary", "keep"] = "summary"
    blob_bytes: int = 256
    output: Literal["keep", "drop"] = "keep"


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules. `patterns` are regular expressions by name, `paths` say what to do with fields of the
    payload.
    """

    find: Find = Find()
    keys: Keys = Keys()
    words: Words = Words()
    payloads: Payloads = Payloads()
    patterns: dict[str, str] = {}
    paths: dict[str, Action] = {}

    def compiled_patterns(self) -> dict[str, "re.Pattern[str]"]:
        """Compile the patterns, or raise RulesError."""
        compiled = {}
        for name, text in self.patterns.items():
            try:
                compiled[name] = re.compile(text)
            except (re.error, OverflowError, RecursionError) as error:
                raise RulesError(f"[patterns] {name}: the regular expression is wrong: {error}") from None
            if compiled[name].match(""):
                raise RulesError(f"[patterns] {name}: the regular expression matches the empty text")
        return compiled

    def compiled_paths(self) -> list[tuple[tuple[Step, ...], Action]]:
        """Read the paths, or raise RulesError."""
        compiled = []
        for path, action in self.paths.items():
            try:
                steps = read_path(path.removeprefix("body") if path.startswith("body") else f".{path}")
            except PathError as error:
                raise RulesError(f"[paths] {path}: {error}") from None
            compiled.append((tuple(steps), action))
        return compiled


def parse_rules(text: str) -> Rules:
    """Read rules from TOML; raises RulesError, which names the table and the key."""
    try:
        rules = msgspec.convert(tomllib.loads(text), Rules)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"the rules are no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise RulesError(f"the rules are wrong: {error} (see tubetap redact --print-rules)") from None
    except RecursionError:
        raise RulesError("the rules are nested too deep") from None
    rules.compiled_patterns()
    rules.compiled_paths()
    return rules


def read_rules(path: Path) -> Rules:
    """Read a rule file; raises RulesError."""
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE:
            raise RulesError(f"{path}: a rule file is at most 1 MiB long")
        return parse_rules(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise RulesError(f"{path}: a rule file is UTF-8 text") from None
    except OSError as error:
        raise RulesError(f"{path}: {error.strerror}") from None


def describe() -> str:
    """Write the defaults as a rule file with comments."""
    find, payloads = Find(), Payloads()
    return "\n".join(
        (
            "# Rules for tubetap redact; leave out what you don't change.",
            "",
            "[find]                       # recognised by form, or known from the session",
            *(f"{_kebab(name)} = {_toml(getattr(find, name))}" for name in find.__struct_fields__),
            "",
            "[keys]                       # values of such keys are replaced, whatever they are",
            f"names = {_toml(SECRET_KEYS)}",
            "more = []                    # added to names",
            "keep = []                    # keys that are harmless all the same",
            "",
            "[words]                      # in upper and lower case alike",
            "replace = []                 # always replaced, such as the name of a project",
            "keep = []                    # never replaced",
            "",
            "[patterns]                   # regular expressions; a group named value is the part to replace",
            "# ticket = 'LAB-[0-9]+'",
            "",
            "[paths]                      # fields of the payload: pseudonym, drop or keep",
            '# "body.value.input.subject" = "pseudonym"',
            "",
            "[payloads]",
            *(f"{_kebab(name)} = {_toml(getattr(payloads, name))}" for name in payloads.__struct_fields__),
            "",
        )
    )


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _toml(value: "bool | int | str | tuple[str, ...]") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        lines = "".join(f'    "{each}",\n' for each in value)
        return f"[\n{lines}]"
    return str(value) if isinstance(value, int) else f'"{value}"'
