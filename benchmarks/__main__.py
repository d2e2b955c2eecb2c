"""Runs the comparisons and prints them: `python -m benchmarks [--quick] [--only NAME...] [--json FILE]`."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from benchmarks.results import Goal, Row, table

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
NAMES = (
    *("burst", "sustained", "large", "fanout", "latency", "tcp", "overload"),
    *("noob_tubes", "startup", "opening", "viewer_live", "viewer", "decoders"),
    *("stages", "shares"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 even when goals are missed, as machines differ."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measured comparisons.")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it run at all")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=NAMES, default=NAMES, help=", ".join(NAMES)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument(
        "--write", action="store_true", help=f"put the tables into {PAGE.name}, with load and date"
    )
    options = parser.parse_args(arguments)

    print(machine())
    rows: list[Row] = []
    goals: list[Goal] = []
    for name in options.only:
        began, load = time.monotonic(), _load()
        module = importlib.import_module(f"benchmarks.{name}")
        try:
            new = module.run(options.quick)
        except Exception as error:
            print(f"### {name}\n\nfailed: {type(error).__name__}: {error}\n", flush=True)
            if options.quick:
                raise
            continue
        judge = getattr(module, "goals", None)
        judged = judge(new) if judge is not None and not options.quick else []
        text = table(getattr(module, "TITLE", name), new, judged)
        print(text, flush=True)
        if options.write and not options.quick:
            _write(name, f"{text}\n{date.today()}, load before: {load}, {time.monotonic() - began:.0f} s\n")
        print(f"({time.monotonic() - began:.0f} s)\n", file=sys.stderr, flush=True)
        rows += new
        goals += judged
        if options.json:
            options.json.write_text(_as_json(rows, goals))
    return 0


def machine() -> str:
    """What the figures depend on."""
    import zmq

    return (
        f"{platform.platform()}, {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"pyzmq {zmq.__version__} (libzmq {zmq.zmq_version()}), load {_load()}\n"
    )


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _write(name: str, text: str) -> None:
    """Put a table between its marks in the page."""
    page = PAGE.read_text()
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(start)
    if not rest:
        raise ValueError(f"{PAGE} has no place for {name}: add {start!r} and {end!r}")
    PAGE.write_text(before + start + "\n" + text + "\n" + end + rest.partition(end)[2])


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _as_json(rows: Sequence[Row], goals: Sequence[Goal]) -> str:
    return json.dumps(
        {
            "machine": machine().strip(),
            "rows": [asdict(row) for row in rows],
            "goals": [asdict(goal) for goal in goals],
        },
        indent=1,
    )


if __name__ == "__main__":
    sys.exit(main())
