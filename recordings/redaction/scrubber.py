"""Takes secrets out of text, JSON, frames and names, one consistent stand-in for each.

A `Scrubber` is used twice: the first pass over a recording learns which names and values are secret, the
second, after `freeze`, replaces them wherever they stand. Both passes run the same code.
"""

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from decoders.pickles import PREFIX
from recordings.filters.values import globs
from recordings.redaction.blobs import from_base64, is_base64, outline
from recordings.redaction.detectors import Category, Found, chosen
from recordings.redaction.literals import learnt_pattern
from recordings.redaction.pseudonyms import Pseudonyms
from recordings.redaction.rules import COMMON_NAMES, Rules
from recordings.redaction.targets import Target, down, into

MIN_NAME = 3
"""User and host names shorter than this are replaced in paths alone: elsewhere they are likely something
else.
"""

MIN_SECRET = 6
"""A value of a secret key at least this long is also looked for elsewhere."""

MAX_LEARNT = 20_000
"""So many texts are looked for everywhere; what is found beyond is replaced where it was found, and
counted.
"""

MAX_LEARNT_CHARACTERS = 1_000_000
"""So long are all of them together at most."""

MAX_DEPTH = 200
"""JSON that nests deeper is treated as binary."""

MIN_BASE64 = 16
"""From this length on base64 text is decoded to look for secrets in it."""

MAX_CLEAN = 50_000
MAX_CLEAN_TEXT = 200

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class TooDeepError(Exception):
    """The JSON nests deeper than we follow it."""


class Scrubber:
    """Applies rules; what it replaced is in `pseudonyms`."""

    def __init__(self, rules: Rules, pseudonyms: Pseudonyms) -> None:
        self.rules = rules
        self.pseudonyms = pseudonyms
        self.not_learnt = 0
        self._characters = 0
        self._detectors = chosen(rules)
        self._targets = rules.compiled_paths()
        self._kept = frozenset(word.casefold() for word in rules.words.keep)
        self._learnt: dict[str, tuple[Category, str]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._frozen = False
        self._clean: set[str] = set()
        self.is_secret_key = lru_cache(maxsize=4096)(self._is_secret_key)
        for word in rules.words.replace:
            self.learn("word", word, "words", minimum=1)

    def learn(self, category: Category, text: str, rule: str, *, minimum: int = MIN_NAME) -> None:
        """Look for a text everywhere in the second pass, unless it is too short or too common to mean
        anything.
        """
        folded = text.casefold()
        if self._frozen or len(text) < minimum or folded in self._learnt or self.is_harmless(category, text):
            return
        self._characters += len(folded)
        if len(self._learnt) >= MAX_LEARNT or self._characters > MAX_LEARNT_CHARACTERS:
            self.not_learnt += 1
            return
        self._learnt[folded] = (category, rule)

    def freeze(self) -> None:
        """End the first pass: from now on what was learnt is replaced everywhere, and counting begins
        anew.
        """
        self._frozen = True
        self._clean.clear()
        self.pseudonyms.counts.clear()
        self._pattern = learnt_pattern((text, category) for text, (category, _) in self._learnt.items())

    def searched(self) -> "re.Pattern[str] | None":
        """Give the expression for everything that must be nowhere in the output."""
        return self._pattern

    def is_harmless(self, category: Category, text: str) -> bool:
        """Tell whether a text may stay: it is to be kept, too common a name, or a stand-in already."""
        folded = text.casefold()
        return (
            folded in self._kept
            or (category in ("user", "host") and folded in COMMON_NAMES)
            or self.pseudonyms.made(folded)
        )

    def text(self, text: str) -> str:
        """Replace the secrets in a text."""
        if not text or text in self._clean:
            return text
        spans = self._detectors.find(text)
        if self._pattern is not None:
            for found in self._pattern.finditer(text):
                category, rule = self._learnt.get(found[0].casefold(), ("word", "words"))
                spans.append(Found(found.start(), found.end(), category, rule))
        if spans:
            return self._replaced(text, spans)
        if len(text) <= MAX_CLEAN_TEXT:
            if len(self._clean) >= MAX_CLEAN:
                self._clean.clear()
            self._clean.add(text)
        return text

    def name(self, category: Category, text: str, rule: str) -> str:
        """Replace a text that is known to be the name of a user or a host."""
        if not text or self.is_harmless(category, text):
            return text
        self.learn(category, text, rule)
        return self.pseudonyms.replace(category, text, rule)

    def octets(self, data: bytes) -> bytes:
        """Replace the secrets in bytes that usually are text: a topic, a routing id, a frame that is no
        JSON.
        """
        text = readable(data)
        if text is None:
            return self._binary(data)
        scrubbed = self._string(text)
        if scrubbed == text:
            return data
        return scrubbed.encode() if isinstance(scrubbed, str) else msgspec.json.encode(scrubbed)

    def frames(self, frames: Sequence[bytes]) -> tuple[bytes, ...]:
        """Replace the secrets in a multipart message; paths apply to the last frame."""
        last = len(frames) - 1
        return tuple(
            self._frame(frame, self._targets if index == last else []) for index, frame in enumerate(frames)
        )

    def value(self, value: Any) -> Any:
        """Replace the secrets in a value of JSON."""
        return self._value(value, False, [], 0)

    def arguments(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """Replace the secrets in a command line, where an option and its value are two arguments."""
        scrubbed: list[str] = []
        secret = False
        for argument in arguments:
            is_option = argument.startswith("-")
            scrubbed.append(self._secret(argument) if secret and not is_option else self.text(argument))
            secret = is_option and "=" not in argument and self.is_secret_key(argument.strip("-"))
        return tuple(scrubbed)

    def _frame(self, frame: bytes, targets: Sequence[Target]) -> bytes:
        if not frame:
            return frame
        if frame[:1] not in (b"{", b"[", b'"') and not targets:
            return self.octets(frame)
        try:
            try:
                # Always written anew: a key that comes twice would else survive in the bytes.
                return msgspec.json.encode(self._value(msgspec.json.decode(frame), False, targets, 0))
            except (msgspec.MsgspecError, UnicodeError):
                # Python writes NaN and lone surrogates, which are no JSON but are sent as such.
                value = self._value(json.loads(frame), False, targets, 0)
                return json.dumps(value, separators=(",", ":")).encode()
        except ValueError:
            return self.octets(frame)
        except (RecursionError, TooDeepError):
            return self._binary(frame)

    def _value(self, value: Any, secret: bool, targets: Sequence[Target], depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise TooDeepError
        if targets:
            action = next((action for steps, action in targets if not steps), None)
            if action == "keep":
                return value
            if action is not None:
                self.pseudonyms.counts["paths"] += 1
                return None if action == "drop" else self._stand_in(value)
        if isinstance(value, str):
            return self._secret(value) if secret else self._string(value)
        if isinstance(value, dict):
            return {
                self.text(key): self._value(
                    each,
                    secret or self.is_secret_key(key),
                    down(targets, key) if targets else targets,
                    depth + 1,
                )
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [
                self._value(each, secret, into(targets, index) if targets else targets, depth + 1)
                for index, each in enumerate(value)
            ]
        if secret and value is not None and not isinstance(value, bool):
            self.pseudonyms.counts["keys"] += 1
            return 0
        return value

    def _string(self, text: str) -> Any:
        if text in self._clean:
            return text
        if text.startswith(PREFIX):
            if self.rules.payloads.pickles == "keep":
                return text
            self.pseudonyms.counts["pickles"] += 1
            outlined = outline(text)
            # An exception keeps its parts, so that the message can still be read as one.
            return self.text(outlined.text) if outlined.fields is None else self.value(outlined.fields)
        if is_base64(text, MIN_BASE64):
            return self._base64(text)
        return self.text(text)

    def _base64(self, text: str) -> str:
        """Scrub a text that is base64: a long one becomes a blob, a short one is looked into."""
        if len(text) >= self.rules.payloads.blob_bytes:
            if self.rules.payloads.blobs == "keep":
                return text
            self.pseudonyms.counts["blobs"] += 1
            return f"<base64 text, {len(text):,} characters, mark {self.pseudonyms.digest(text.encode())}>"
        scrubbed = self.text(text)
        inner = readable(from_base64(text) or b"\0")
        if scrubbed != text or inner is None or self.text(inner) == inner:
            return scrubbed
        self.pseudonyms.counts["blobs"] += 1
        return f"<base64 text, {len(text):,} characters, mark {self.pseudonyms.digest(text.encode())}>"

    def _secret(self, text: str) -> str:
        if (
            not text
            or text.casefold() in ("true", "false", "none", "null")
            or self.is_harmless("secret", text)
        ):
            return text
        self.learn("secret", text, "keys", minimum=MIN_SECRET)
        return self.pseudonyms.replace("secret", text, "keys")

    def _stand_in(self, value: Any) -> Any:
        if isinstance(value, str):
            self.learn("secret", value, "paths", minimum=MIN_SECRET)
            return self.pseudonyms.replace("secret", value, "paths")
        if isinstance(value, dict):
            return {key: self._stand_in(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._stand_in(each) for each in value]
        return value if value is None or isinstance(value, bool) else 0

    def _binary(self, data: bytes) -> bytes:
        if self.rules.payloads.binary == "keep":
            return data
        self.pseudonyms.counts["binary"] += 1
        return f"<{len(data):,} bytes, mark {self.pseudonyms.digest(data)}>".encode()

    def _replaced(self, text: str, spans: list[Found]) -> str:
        # The leftmost wins, of those the longest: `token=alice@lab.org` is one secret, not an address in a
        # secret.
        spans.sort(key=lambda span: (span[0], -span[1]))
        pieces: list[str] = []
        at = 0
        for begin, end, category, rule in spans:
            value = text[begin:end]
            if begin < at or self.is_harmless(category, value):
                continue
            self.learn(category, value, rule, minimum=MIN_SECRET if category == "secret" else MIN_NAME)
            pieces += (text[at:begin], self.pseudonyms.replace(category, value, rule))
            at = end
        pieces.append(text[at:])
        return "".join(pieces)

    def _is_secret_key(self, key: str) -> bool:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key[:200]).lower().replace("-", "_").replace(" ", "_")
        keys = self.rules.keys
        if any(globs(glob.lower(), name) or globs(glob.lower(), key.lower()) for glob in keys.keep):
            return False
        return any(globs(glob.lower(), name) for glob in (*keys.names, *keys.more))


def readable(data: bytes) -> str | None:
    """Read bytes as text; None if they are none (not UTF-8, or with control characters other than line
    breaks).
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
