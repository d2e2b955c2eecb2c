"""CPU time and memory of the processes under test, sampled from outside."""

import os
import threading
from dataclasses import dataclass, field
from types import TracebackType

import psutil

__all__ = ["Meter"]

_EVERY_S = 0.05


@dataclass
class _Watched:
    process: psutil.Process
    cpu_s: float = 0.0
    began_s: float = 0.0
    peak: int = 0
    samples: list[int] = field(default_factory=list)


class Meter:
    """Samples processes by role until closed; what a process had used when it ended is kept to the last
    sample (20 a second)."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def watch(self, role: str, pid: int) -> None:
        """Watch a process."""
        self._watched[role] = _Watched(psutil.Process(pid))
        self.begin()

    def watch_children(self, *roles_and_needles: str) -> None:
        """Watch the children of this process whose command line contains a needle: role, needle, …"""
        pairs = dict(zip(roles_and_needles[::2], roles_and_needles[1::2], strict=True))
        for child in psutil.Process(os.getpid()).children(recursive=True):
            with _gone():
                line = " ".join(child.cmdline())
                for role, needle in pairs.items():
                    if needle in line:
                        self.watch(role, child.pid)

    def begin(self) -> None:
        """Count CPU time from now on: what starting took is not part of the figures."""
        self.sample()
        for watched in self._watched.values():
            watched.began_s = watched.cpu_s

    def sample(self) -> None:
        """Look at all processes now."""
        for watched in list(self._watched.values()):
            with _gone(), watched.process.oneshot():
                times = watched.process.cpu_times()
                size = watched.process.memory_info().rss
                if not size:
                    continue
                watched.cpu_s = times.user + times.system
                watched.peak = max(watched.peak, size)
                watched.samples.append(size)

    def cpu_s(self, role: str) -> float:
        """CPU seconds since `begin`."""
        watched = self._watched.get(role)
        return watched.cpu_s - watched.began_s if watched else 0.0

    def peak_mb(self, role: str) -> float:
        """The most resident memory, MB."""
        watched = self._watched.get(role)
        return watched.peak / 1e6 if watched else 0.0

    def memory_mb(self, role: str) -> list[float]:
        """Resident memory over time, MB, 20 samples a second."""
        watched = self._watched.get(role)
        return [size / 1e6 for size in watched.samples] if watched else []

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self.sample()


class _gone:
    """A process that has ended meanwhile is no error."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        return kind is not None and issubclass(kind, psutil.Error)
