"""Stable stand-ins for what is taken out: the same secret always gets the same one, and none can be turned
back.

A pseudonym is made with a keyed hash (HMAC-SHA-256, RFC 2104). The key is new for every run unless the user
keeps one, so that guessing a name and hashing it proves nothing.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections import Counter
from dataclasses import dataclass, field

from recordings.redaction.detectors import MAC, Category

KEY_BYTES = 32


_PUNCTUATION = "`.,:;!?)]}>|\\"


@dataclass
class Pseudonyms:
    """The secrets that were found, each with its stand-in and how often it was replaced.

    `originals` are the secrets by (category, folded text) in every spelling that occurred.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES))
    originals: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    _results: set[str] = field(default_factory=set)

    def replace(self, category: Category, original: str, rule: str) -> str:
        """Give the stand-in for a secret and count it under the rule that found it."""
        self.counts[rule] += 1
        folded = original.casefold()
        at = (category, folded)
        self.originals.setdefault(at, {}).setdefault(original)
        given = self._given.get(at)
        if given is None:
            given = self._given[at] = self._make(category, folded, rule)
            self._results.add(given.casefold())
        return given

    def made(self, folded: str) -> bool:
        """Tell whether a text, case-folded, is one of the stand-ins, with or without the punctuation that
        follows it."""
        return folded in self._results or folded.rstrip(_PUNCTUATION) in self._results

    def digest(self, data: bytes) -> str:
        """Give a short mark of some bytes: equal for equal bytes, of no use without the key."""
        return hmac.new(self.key, data, hashlib.sha256).hexdigest()[:12]

    def mapping(self) -> dict[str, dict[str, str]]:
        """List stand-in and original by category; for the user's eyes, never part of an output."""
        table: dict[str, dict[str, str]] = {}
        for (category, _), spellings in sorted(self.originals.items()):
            original = next(iter(spellings))
            given = self._given.get((category, original.casefold()), "")
            table.setdefault(category, {})[given] = original
        return table

    def _make(self, category: str, folded: str, rule: str) -> str:
        mark = hmac.new(
            self.key, f"{category}\0{folded}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).digest()
        if category == "email":
            return f"mail-{mark.hex()[:8]}@example.invalid"
        if category != "address":
            return f"{category}-{mark.hex()[:8]}"
        if rule == MAC:
            # Locally administered, so no maker's.
            return ":".join(f"{byte:02x}" for byte in (2, *mark[:5]))
        if ":" in folded:
            # Documentation (RFC 3849).
            return str(ipaddress.IPv6Address(bytes.fromhex("20010db8") + mark[:12]))
        # Reserved (RFC 1112), so that it is no one's and still reads as an address.
        return str(ipaddress.IPv4Address(bytes((240, *mark[:3]))))
