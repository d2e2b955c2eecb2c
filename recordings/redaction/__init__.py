"""Recordings without what should not be given away: rules, stand-ins, and a search of the result for
leaks.
"""

from recordings.redaction.leaks import Leak
from recordings.redaction.redacting import LeakError, Redacted, redact
from recordings.redaction.rules import Rules, RulesError, describe, parse_rules, read_rules

__all__ = [
    "Leak",
    "LeakError",
    "Redacted",
    "Rules",
    "RulesError",
    "describe",
    "parse_rules",
    "read_rules",
    "redact",
]
