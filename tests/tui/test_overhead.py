"""The share of a core that the capture takes, from files as /proc has them."""

import os
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui.overhead import Overhead

TICKS = os.sysconf("SC_CLK_TCK")


def growing(**facts: str) -> Any:
    known = {"host": platform.node(), "user_pid": "10", **facts}
    return SimpleNamespace(
        state="growing", facts=known, session=SimpleNamespace(processes={13: None, 14: None})
    )


def set_times(proc: Path, seconds: dict[int, tuple[float, float]]) -> None:
    (proc / "10" / "task" / "10").mkdir(parents=True, exist_ok=True)
    (proc / "10" / "task" / "10" / "children").write_text(f"11 12 13 {os.getpid()} ")
    for pid, (user, system) in seconds.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        middle = " ".join(["0"] * 10)
        (proc / str(pid) / "stat").write_text(
            f"{pid} (a ) b) S {middle} {user * TICKS:.0f} {system * TICKS:.0f} 0 0\n"
        )


def test_the_processes_of_the_capture_are_counted(tmp_path: Path):
    overhead = Overhead(tmp_path)
    set_times(tmp_path, {10: (1, 1), 11: (5, 0), 12: (2, 2), 13: (50, 50)})
    overhead.update(growing(), now_s=100)
    assert overhead.share is None
    set_times(tmp_path, {10: (1, 1.5), 11: (5.5, 0), 12: (2, 3), 13: (90, 90)})
    overhead.update(growing(), now_s=101)
    assert overhead.share is None
    overhead.update(growing(), now_s=104)
    assert overhead.share == pytest.approx(0.5)


@pytest.mark.parametrize("facts", [{"host": "elsewhere"}, {"user_pid": "../1"}, {"user_pid": "99"}])
def test_what_is_not_known_is_not_said(tmp_path: Path, facts: dict[str, str]):
    overhead = Overhead(tmp_path)
    set_times(tmp_path, {10: (1, 1), 11: (5, 0), 12: (2, 2)})
    for now_s in (100, 104):
        overhead.update(growing(**facts), now_s=now_s)
    assert overhead.share is None


def test_an_ended_recording_costs_nothing(tmp_path: Path):
    overhead = Overhead(tmp_path)
    overhead.share = 0.5
    ended = growing()
    ended.state = "complete"
    overhead.update(ended, now_s=100)
    assert overhead.share is None
