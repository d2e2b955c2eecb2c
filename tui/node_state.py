"""What is said of a node's state: one word and its style, with the time where the time means something.

All nodes go when a run ends, which is no news. A node that went while others stayed is.
"""

from tui import text
from tui.viewer import Viewer

STYLES = {
    "running": "ok",
    "ready": "ok",
    "waiting": "warning",
    "stopped": "dim",
    "closed": "dim",
    "gone": "dim",
}
"""The style of each state; other states are plain."""

AWAY = ("gone", "closed")
TOGETHER_NS = 1_000_000_000
"""Nodes that went within this time of each other went together."""


def went_alone(viewer: Viewer, name: str) -> bool:
    """Tell whether a node has gone while another stayed, or went long before the last one."""
    nodes = viewer.session.nodes
    node = nodes.get(name)
    if node is None or node.state != "gone":
        return False
    return any(
        other.state not in AWAY or other.since_ns > node.since_ns + TOGETHER_NS
        for other_name, other in list(nodes.items())
        if other_name not in (name, "command") and other.state
    )


def state_of(viewer: Viewer, name: str) -> tuple[str, str]:
    """Give a node's state and its style; "" while nothing is known."""
    node = viewer.session.nodes.get(name)
    if node is None:
        return ("", "dim")
    state = text.safe(node.state, 16)
    if not went_alone(viewer, name):
        return (state, STYLES.get(node.state, ""))
    if viewer.recording.state == "growing" and node.since_ns:
        state += f" {text.duration(max(0, viewer.now_ns() - node.since_ns))}"
    return (state, "error")
