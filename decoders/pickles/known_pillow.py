"""Pillow's images as the arrays of pixels that they are.

An image pickles a list: facts, mode, (width, height), palette, and its pixels row by row.
"""

from collections.abc import Mapping as AbstractMapping

from decoders.arrays import ArrayView, number_dtype
from decoders.errors import DecodeError
from decoders.pickles.known_python import Recogniser
from decoders.pickles.look import Look, bytes_of, integer, items_of, of_array
from decoders.pickles.values import Call, Collection

_MODES = {
    **dict.fromkeys(("L", "P"), ("u1", 1)),
    **dict.fromkeys(("RGB", "YCbCr", "LAB", "HSV"), ("u1", 3)),
    **dict.fromkeys(("RGBA", "RGBX", "CMYK"), ("u1", 4)),
    "I;16": ("u2", 1),
    "I": ("i4", 1),
    "F": ("f4", 1),
}
"""The type of a channel, and how many a pixel has."""


def _image(call: Call) -> Look | None:
    match call.state:
        case Collection(kind="list", items=[_, str() as mode, size, _, pixels]) if mode in _MODES:
            width, height = [integer(side) or 0 for side in items_of(size)[:2]] or [0, 0]
            code, channels = _MODES[mode]
            buffer = bytes_of(pixels)
            if buffer is None:
                return None
            shape = (height, width, channels) if channels > 1 else (height, width)
            try:
                return of_array(ArrayView(buffer, number_dtype(code, "<"), shape, name=f"Image {mode}"))
            except DecodeError:
                return None
    return None


KNOWN: AbstractMapping[str, Recogniser] = {"PIL.Image.Image": _image}
"""Which function reads the arguments of which class or function."""
