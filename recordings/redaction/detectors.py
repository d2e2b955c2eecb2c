"""What gives a secret away by its form: tokens, e-mail addresses, home directories, network addresses.

Each detector is a bounded regular expression; a group named `value` marks the part to replace where it is not
the whole match. All repetitions are bounded, so that hostile text costs time in proportion to its length.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from recordings.redaction.rules import Rules

Category = Literal["user", "host", "email", "token", "secret", "address", "word", "pattern"]
"""What a secret is; its stand-in begins so."""

MAC = "MAC address"


class Found(NamedTuple):
    """Where a secret stands in a text, what it is, and which rule found it."""

    begin: int
    end: int
    category: Category
    rule: str


@dataclass(frozen=True)
class Detector:
    """One form that secrets have.

    `trigger` is an expression without which there can be no match; it is searched, with those of all
    detectors, in the text in lower case.
    """

    name: str
    category: Category
    trigger: str
    pattern: "re.Pattern[str]"

    def find(self, text: str) -> Iterator[Found]:
        """Yield where the values stand."""
        group: int | str = "value" if "value" in self.pattern.groupindex else 0
        for found in self.pattern.finditer(text):
            begin, end = found.span(group)
            if begin < end and self._is_real(text[begin:end]):
                yield Found(begin, end, self.category, self.name)

    def _is_real(self, value: str) -> bool:
        """Tell whether a match is what the detector is named after, and worth hiding."""
        if self.category != "address" or self.name == MAC:
            return True
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return not (address.is_loopback or address.is_unspecified or address.is_reserved)


class Detectors:
    """Several detectors, asked together."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._detectors = list(detectors)
        triggers = "|".join(f"(?:{detector.trigger})" for detector in self._detectors)
        self._trigger = re.compile(triggers) if triggers else None
        self._triggers = [re.compile(detector.trigger) for detector in self._detectors]

    def find(self, text: str) -> list[Found]:
        """List where secrets stand; they may overlap."""
        if self._trigger is None or _TIME.fullmatch(text):
            return []
        lowered = text.lower()
        if self._trigger.search(lowered) is None:
            return []
        return [
            found
            for detector, trigger in zip(self._detectors, self._triggers, strict=True)
            if trigger.search(lowered)
            for found in detector.find(text)
        ]


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
"""Times are the most frequent text of all, and look a little like addresses."""

_KEYWORD = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)"
)

_ASSIGNED = rf"(?i:{_KEYWORD}[\w.-]{{0,40}})[\"']?\s{{0,4}}[=:]\s{{0,4}}"

TOKENS = (
    Detector(
        "private key",
        "token",
        r"private key-----",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
            r"(?:[^-]|-(?!----)){0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
        ),
    ),
    Detector(
        "JSON web token",
        "token",
        r"\beyj",
        re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{8,4000}(?:\.[\w-]{0,1000})?"),
    ),
    Detector(
        "access token",
        "token",
        r"\bgh[pousr]_|\bgithub_pat_|\bglpat-|\bxox[abeprs]-|\bsk-|\bakia|\basia|\baiza|\bhf_|\bnpm_|\bpypi-|\bdckr_",
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255}"
            r"|xox[abeprs]-[\w-]{10,255}|sk-[\w-]{20,255}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}"
            r"|hf_[A-Za-z0-9]{30,255}|npm_[A-Za-z0-9]{30,255}|pypi-[\w-]{20,255}|dckr_pat_[\w-]{20,255})"
        ),
    ),
    Detector(
        "authorization header",
        "token",
        r"bearer|basic",
        re.compile(r"(?i:\b(?:bearer|basic)\s{1,4})(?P<value>[A-Za-z0-9._~+/=-]{12,4000})"),
    ),
    Detector(
        "user and password in a URL",
        "token",
        r"://[^/]{1,400}@",
        re.compile(r"://(?P<value>[^/\s:@\"']{1,128}:[^/\s@\"']{1,256})@"),
    ),
    Detector(
        "assigned secret in quotes",
        "secret",
        _KEYWORD,
        re.compile(rf"{_ASSIGNED}\"(?P<value>[^\"]{{1,4000}})\""),
    ),
    Detector(
        "assigned secret",
        "secret",
        _KEYWORD,
        re.compile(rf"{_ASSIGNED}'?(?P<value>[^\s\"',;&)\]}}]{{3,4000}})"),
    ),
    Detector(
        "secret option",
        "secret",
        _KEYWORD,
        re.compile(
            rf"(?i:--[\w-]{{0,20}}?{_KEYWORD}[\w-]{{0,40}})\s{{1,4}}(?P<value>[^\s\"',;&-][^\s\"',;&]{{0,4000}})"
        ),
    ),
)

EMAIL = Detector(
    "e-mail address",
    "email",
    r"@[a-z0-9-]{1,63}\.",
    re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"),
)

_NAME = r"[^/\s\"'`:;,<>|()\[\]{}\\*?]"

HOME = (
    Detector(
        "home directory",
        "user",
        r"/home/|/users/",
        re.compile(rf"/(?:home|Users)/(?P<value>(?!\.){_NAME}{{1,64}})"),
    ),
    Detector(
        "home directory on Windows",
        "user",
        r"users\\",
        re.compile(rf"(?i:\b[A-Z]:\\{{1,2}}Users\\{{1,2}})(?P<value>(?!\.){_NAME}{{1,64}})"),
    ),
)

ADDRESSES = (
    Detector(
        MAC,
        "address",
        r"(?:[0-9a-f]{2}[:-]){5}",
        re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])"),
    ),
    Detector(
        "IPv4 address",
        "address",
        r"\d\.\d{1,3}\.\d{1,3}\.\d",
        re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]\d)"),
    ),
    Detector(
        "IPv6 address",
        "address",
        r"[0-9a-f]::|::[0-9a-f]|(?:[0-9a-f]{1,4}:){7}",
        re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"),
    ),
)
"""A MAC address would pass for an IPv6 one, so it comes first."""


def chosen(rules: Rules) -> Detectors:
    """Give the detectors that the rules ask for, the rules' own patterns first."""
    # A pattern of the user's may match anything, so it has no trigger.
    detectors = [Detector(name, "pattern", "", regex) for name, regex in rules.compiled_patterns().items()]
    if rules.find.tokens:
        detectors += TOKENS
    if rules.find.emails:
        detectors.append(EMAIL)
    if rules.find.home_directories:
        detectors += HOME
    if rules.find.addresses:
        detectors += ADDRESSES
    return Detectors(detectors)
