"""Where rules about fields of the payload lead, followed on the way down through a JSON value."""

from collections.abc import Sequence

from recordings.jsonpaths import Step
from recordings.redaction.rules import Action

Target = tuple[tuple[Step, ...], Action]
"""What is left of a path on the way down, and what happens at its end."""


def down(targets: Sequence[Target], key: str) -> list[Target]:
    """Follow the paths into the value of a key."""
    return [(steps[1:], action) for steps, action in targets if steps and str(steps[0]) in (key, "*")]


def into(targets: Sequence[Target], index: int) -> list[Target]:
    """Follow the paths into an element; a key looks into every element."""
    found: list[Target] = []
    for steps, action in targets:
        step = steps[0] if steps else None
        if step == "*" or str(step) == str(index):
            found.append((steps[1:], action))
        elif isinstance(step, str) and not step.isdigit():
            found.append((steps, action))
    return found
