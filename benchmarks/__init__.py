"""Measured comparisons: tubetap beside a direct connection, and beside what else can stand in the path.

One module a question, each with `TITLE`, `run(quick) -> list[Row]` and, where the project has set itself
goals, `goals(rows) -> list[Goal]`. `python -m benchmarks` runs them; `docs/benchmarks.md` says how to read
the figures.
"""
