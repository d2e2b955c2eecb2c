"""Garbage collection in the processes that everything passes through."""

import gc

__all__ = ["collect_seldom"]


def collect_seldom() -> None:
    """From now on seldom look for cycles, and never among what there is already.

    The relay makes some only when a connection closes, the recorder none: looking for them among all that
    waits for a copy costs it a tenth.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
