"""What the recorder asks of the scheduler: later, not less; and nothing where somebody decided otherwise."""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from proxy.scheduling import SLICE_NS

GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}.get(platform.machine())
ASKED = f"""
import ctypes, json, os, struct
from proxy.scheduling import ask_for_long_slices
{{before}}
taken = ask_for_long_slices()
attributes = ctypes.create_string_buffer(56)
assert ctypes.CDLL(None).syscall({GETATTR}, 0, attributes, 56, 0) == 0
_, policy, _, nice, _, runtime_ns, *_ = struct.unpack("=IIQiIQQQII", attributes.raw)
print(json.dumps([taken, policy, nice, runtime_ns]))
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or GETATTR is None or os.sched_getscheduler(0) != os.SCHED_OTHER,
    reason="Linux's usual scheduler",
)


def asked(before: str = "") -> list[Any]:
    code = ASKED.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told: list[Any] = json.loads(done.stdout)
    return told


def test_longer_slices_at_the_same_share() -> None:
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    runtime_ns = SLICE_NS if release >= (6, 12) else 0
    nice = os.nice(0)
    assert asked() == [True, os.SCHED_OTHER, nice, runtime_ns]
    assert asked("os.nice(1)") == [True, os.SCHED_OTHER, min(nice + 1, 19), runtime_ns]


def test_a_policy_that_somebody_chose_stays() -> None:
    taken, policy, *_ = asked("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))")
    assert (taken, policy) == (False, os.SCHED_IDLE)
