"""The line at the top that tells the truth: live or ended, following or paused, rates, size, losses, what is
stuck.
"""

from collections.abc import Sequence

from tui import rates, text
from tui.cells import Cell
from tui.overhead import Overhead
from tui.stuck import stuck
from tui.viewer import Viewer
from tui.widgets.line import Line

LAG_SHOWN_NS = 1_000_000_000
"""From here on the line says how far the display is behind."""


class StatusLine(Line):
    """The status of the recording; what does not fit is left out, the least important part first."""

    DEFAULT_CSS = "StatusLine { background: $panel; }"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.overhead = Overhead()

    def cells(self, index: int) -> Sequence[Cell]:
        """Write the parts that fit."""
        parts = self.parts()
        if _width(parts) > self.text_width:
            parts = self.parts(short=True)
        while len(parts) > 1 and _width(parts) > self.text_width:
            parts.remove(max(parts, key=lambda part: part[0]))
        cells: list[Cell] = [(" ", "")]
        for _, part in parts:
            cells += [*part, ("   ", "")]
        return cells

    def parts(self, *, short: bool = False) -> list[tuple[int, list[Cell]]]:
        """Say all there is to say; the number in front is higher for what can be left out earlier."""
        viewer = self.viewer
        parts: list[tuple[int, list[Cell]]] = [(0, self._state())]
        if viewer.read_problem:
            parts.append((1, [(text.safe(viewer.read_problem, 60), "error")]))
        if (job := viewer.export) is not None:
            parts.append((1, [(f"exporting {job.done:.0%}, w stops it", "warning")]))
        if waits := self._waits():
            parts.append((1, [(waits, "warning")]))
        parts.append((5, [(self._runner(), "")]))
        parts.append((4, [(self._node_states(), "")]))
        parts.append((3, [(self._traffic(), "")]))
        name = "" if short else text.safe(viewer.recording.path.name, 40) + " "
        parts.append((6, [("rec ", "dim"), (name + text.size(viewer.recording.size), "")]))
        parts.append((2, self._losses()))
        self.overhead.update(viewer.recording)
        if (share := self.overhead.share) is not None:
            parts.append((4, [("capture ", "dim"), (f"{share:.0%} cpu", "")]))
        if lag := self._lag():
            parts.append((2, [(lag, "warning")]))
        return [(rank, cells) for rank, cells in parts if any(content for content, _ in cells)]

    def _waits(self) -> str:
        viewer = self.viewer
        growing = viewer.recording.state == "growing"
        late = stuck(viewer.session, viewer.now_ns(), over=not growing)
        if late is None:
            return ""
        nodes = ", ".join(text.safe(name, 30) for name in late.nodes) or "its end"
        if late.over:
            return f"epoch {late.epoch} did not end, waiting for {nodes}"
        return f"epoch {late.epoch} waits for {nodes}, {text.duration(late.since_ns)}"

    def _state(self) -> list[Cell]:
        viewer = self.viewer
        cells: list[Cell] = [viewer.headline()]
        if viewer.recording.progress < 1 and viewer.recording.state != "growing":
            cells.append((f" reading {viewer.recording.progress:.0%}", "dim"))
        if viewer.paused:
            cells.append((f" > PAUSED +{text.count(viewer.waiting)}", "warning"))
        elif viewer.follow:
            cells.append((" > FOLLOW", "bold"))
        return cells

    def _runner(self) -> str:
        runner = self.viewer.session.runner
        return f"noob {text.safe(runner, 12)}" if runner else ""

    def _node_states(self) -> str:
        nodes = self.viewer.session.nodes
        states: dict[str, int] = {}
        for name, node in list(nodes.items()):
            if name != "command":
                state = node.state or "unknown"
                states[state] = states.get(state, 0) + 1
        if not states:
            return ""
        if len(states) == 1:
            state, number = next(iter(states.items()))
            return f"{text.plural(number, 'node')} {text.safe(state, 12)}"
        return "nodes " + ", ".join(f"{number} {text.safe(state, 12)}" for state, number in states.items())

    def _traffic(self) -> str:
        viewer = self.viewer
        rows = viewer.rows
        if not len(rows):
            return ""
        if viewer.recording.state == "growing":
            messages, size = rates.per_second(rows, viewer.now_ns())
            return f"{messages:,.0f} msg/s  {size / 1e6:.1f} MB/s"
        span = int(rows.time_ns[len(rows) - 1]) - viewer.start_ns
        return f"{text.plural(len(rows), 'message')} in {text.duration(span)}"

    def _losses(self) -> list[Cell]:
        losses = list(self.viewer.session.losses)
        if not losses:
            return [("lost 0", "dim")]
        messages = sum(loss.messages or 0 for loss in losses)
        size = sum(loss.bytes for loss in losses)
        what = text.plural(messages, "message") if messages else text.size(size)
        if not messages and not size:  # the relay is gone: what it would have brought nobody knows
            what = f"ALL SINCE {text.clock(losses[-1].since_ns, 0)}"
        return [(f"LOST {what}", "error")]

    def _lag(self) -> str:
        viewer = self.viewer
        if viewer.recording.state == "growing" and viewer.recording.progress < 0.99 and len(viewer.rows):
            behind = viewer.now_ns() - int(viewer.rows.time_ns[len(viewer.rows) - 1])
            if behind > LAG_SHOWN_NS:
                return f"display {text.duration(behind)} behind"
        return ""


def _width(parts: list[tuple[int, list[Cell]]]) -> int:
    return 1 + sum(3 + sum(len(content) for content, _ in cells) for _, cells in parts)
