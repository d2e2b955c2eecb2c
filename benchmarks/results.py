"""What a benchmark gives back: figures with one value a round, and the goals they are held against."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Values = Mapping[str, float]
"""The figures of one case in one round, by name; the unit stands behind a comma: "rate, msg/s"."""


@dataclass(frozen=True)
class Row:
    """One figure of one case, with a value for each round.

    `figure` names what was measured and, behind a comma, its unit. `best` says which way is good where that
    matters for reading: "high", "low" or "".
    """

    benchmark: str
    case: str
    figure: str
    values: tuple[float, ...]
    best: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Goal:
    """Something the project wants to hold, and what was measured."""

    benchmark: str
    text: str
    value: str
    met: bool


def interleave(benchmark: str, cases: Mapping[str, Callable[[], Values]], rounds: int) -> list[Row]:
    """Run all cases once a round, each round beginning with another, so that whatever else the machine does
    hits all of them alike."""
    names = list(cases)
    collected: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            for figure, value in cases[name]().items():
                collected.setdefault((name, figure), []).append(value)
    order = {name: position for position, name in enumerate(names)}
    pairs = sorted(collected.items(), key=lambda item: order[item[0][0]])
    return [Row(benchmark, case, figure, tuple(values)) for (case, figure), values in pairs]


def find(rows: Iterable[Row], case: str, figure: str) -> Row:
    """The row of a case and figure; the figure may be given without its unit."""
    for row in rows:
        if row.case == case and (row.figure == figure or row.figure.partition(",")[0] == figure):
            return row
    raise KeyError(f"{case}: {figure}")


def ratios(rows: Sequence[Row], figure: str, over: str) -> list[Row]:
    """Rows that hold each case against the case `over`, round by round."""
    base = find(rows, over, figure)
    made = []
    for row in rows:
        if row.figure == base.figure and row.case != over:
            values = tuple(value / other for value, other in zip(row.values, base.values, strict=True))
            made.append(Row(row.benchmark, row.case, f"× {over}", values))
    return made


def at_least(rows: Sequence[Row], case: str, figure: str, bound: float, text: str) -> Goal:
    """The goal that the median of a figure is no less than `bound`."""
    row = find(rows, case, figure)
    return Goal(row.benchmark, text, number(row.median), row.median >= bound)


def at_most(rows: Sequence[Row], case: str, figure: str, bound: float, text: str) -> Goal:
    """The goal that the median of a figure is no more than `bound`."""
    row = find(rows, case, figure)
    return Goal(row.benchmark, text, number(row.median), row.median <= bound)


def number(value: float) -> str:
    """A figure as a person reads it: three digits that count, thousands set apart."""
    if value != value:
        return "-"
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def table(title: str, rows: Sequence[Row], goals: Sequence[Goal]) -> str:
    """Markdown: a line a case, a column a figure, median and (least to most); the goals below."""
    figures = list(dict.fromkeys(row.figure for row in rows))
    cells = {(row.case, row.figure): _cell(row) for row in rows}
    cases = list(dict.fromkeys(row.case for row in rows))
    lines = [["", *figures]]
    lines += [[case, *(cells.get((case, figure), "") for figure in figures)] for case in cases]
    text = f"### {title}\n\n{_aligned(lines)}\n"
    if goals:
        text += "\n" + "".join(
            f"- {'met' if goal.met else 'NOT met'}: {goal.text}: **{goal.value}**\n" for goal in goals
        )
    return text


def _cell(row: Row) -> str:
    if len(row.values) == 1 or min(row.values) == max(row.values):
        return number(row.median)
    return f"{number(row.median)} ({number(min(row.values))} to {number(max(row.values))})"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = []
    for position, line in enumerate(lines):
        cells = [
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("| " + " | ".join(cells) + " |")
        if not position:
            marks = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            out.append("| " + " | ".join(marks) + " |")
    return "\n".join(out)
