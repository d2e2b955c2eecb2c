"""What the app says of nodes that have gone: news while others stayed, none when the run is over."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from recordings.nodes import NodeInfo
from tui.node_state import state_of
from tui.viewer import Viewer

S = 1_000_000_000


def viewer_of(states: dict[str, tuple[str, int]], *, growing: bool) -> Viewer:
    nodes = {}
    for name, (state, since_s) in states.items():
        nodes[name] = NodeInfo(name)
        nodes[name].state, nodes[name].since_ns = state, since_s * S
    stand_in: Any = SimpleNamespace(
        session=SimpleNamespace(nodes=nodes),
        recording=SimpleNamespace(state="growing" if growing else "complete"),
        now_ns=lambda: 20 * S,
    )
    return cast(Viewer, stand_in)


@pytest.mark.parametrize(
    ("others", "growing", "expected"),
    [
        (("gone", 10), False, ("gone", "dim")),
        (("gone", 19), False, ("gone", "error")),
        (("running", 1), False, ("gone", "error")),
        (("running", 1), True, ("gone 10.0 s", "error")),
        (("gone", 10), True, ("gone", "dim")),
    ],
)
def test_a_node_that_has_gone(others: tuple[str, int], growing: bool, expected: tuple[str, str]):
    viewer = viewer_of({"command": ("", 0), "a": ("gone", 10), "b": others}, growing=growing)
    assert state_of(viewer, "a") == expected


def test_other_states_are_said_plainly():
    viewer = viewer_of({"a": ("ready", 3)}, growing=True)
    assert state_of(viewer, "a") == ("ready", "ok")
    assert state_of(viewer, "nobody") == ("", "dim")
