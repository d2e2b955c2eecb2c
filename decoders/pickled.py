"""A pickle where JSON can't hold a value: noob writes `pck__` and the pickle in base64 in its place."""

from decoders import pickles

IN_JSON = f'"{pickles.PREFIX}'.encode()
"""How such a text begins in JSON as noob writes it."""


_LIMITS = pickles.Limits()


class PickledValue(str):
    """The text that stands for a pickled value, exactly as on the wire.

    It is never unpickled: `read` gives a symbolic tree of what unpickling would do.
    """

    __slots__ = ()

    @property
    def size(self) -> int:
        """The size of the pickle in bytes, from the length of the text."""
        padding = self.count("=", max(0, len(self) - 2))
        return max(0, (len(self) - len(pickles.PREFIX)) * 3 // 4 - padding)

    def read(self, limits: pickles.Limits = _LIMITS) -> pickles.Value:
        """Return the pickle as a tree of plain values and calls; never raises, runs nothing, is bounded."""
        return pickles.read_base64(self, limits=limits)

    def __repr__(self) -> str:
        return f"<PickledValue of {self.size:,} bytes>"
