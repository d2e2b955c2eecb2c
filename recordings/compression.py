"""Compression of chunks: whether it pays, and unfolding without being bombed.

Text of small messages shrinks to a third and less at zstd level 1; base64 of camera noise only to three
quarters, at a cost that decides how fast a recorder can be. So each chunk is tried on a sample and stored
as it is if that saves too little.
"""

from collections.abc import Sequence
from typing import Final, Literal

import zstandard

from recordings.container import Damage
from recordings.layout import MAX_DECOMPRESSED

Compression = Literal["auto", "zstd", "none"]

WORTHWHILE: Final = 0.7
"""Compressed share of the sample up to which compressing pays: base64 of noise stays at 0.75."""
_SAMPLE: Final = 16 << 10
_SAMPLES: Final = 4

_compressor = zstandard.ZstdCompressor(level=1)


def compress(parts: Sequence[bytes], mode: Compression) -> tuple[str, Sequence[bytes]]:
    """MCAP's name of the compression, and in it the data that the parts are together."""
    size = sum(map(len, parts))
    if mode == "none" or size > MAX_DECOMPRESSED // 2 or (mode == "auto" and not _pays(parts, size)):
        return "", parts
    packed = _compressor.compress(b"".join(parts))
    return ("zstd", (packed,)) if len(packed) < size else ("", parts)


def _pays(parts: Sequence[bytes], size: int) -> bool:
    if size <= _SAMPLE * _SAMPLES:
        return True
    step = size // _SAMPLES
    sample = b"".join(_cut(parts, start) for start in range(0, step * _SAMPLES, step))
    return len(_compressor.compress(sample)) < WORTHWHILE * len(sample)


def _cut(parts: Sequence[bytes], start: int) -> bytes:
    """A sample's worth of bytes from `start` on."""
    piece = b""
    for part in parts:
        if start < len(part):
            piece += part[start : start + _SAMPLE - len(piece)]
        if len(piece) == _SAMPLE:
            break
        start = max(0, start - len(part))
    return piece


def decompress(
    compression: str, data: bytes | memoryview, size: int | None, *, limit: int = MAX_DECOMPRESSED
) -> bytes:
    """The data unfolded; Damage if they are not `size` bytes then, or more than `limit`, or no such data
    at all."""
    if compression == "":
        if size is not None and len(data) != size:
            raise Damage(f"a chunk has {len(data)} bytes and says {size}")
        return bytes(data)
    if size is not None and size > limit:
        raise Damage(f"a part of the file unfolds to {size} bytes; more than {limit} are refused")
    if compression == "zstd":
        result = _unzstd(data, limit if size is None else size)
    elif compression == "lz4":
        result = _unlz4(data, limit if size is None else size)
    else:
        raise Damage(f"unknown compression {compression!r}")
    if size is not None and len(result) != size:
        raise Damage(f"a chunk unfolds to {len(result)} bytes and says {size}")
    return result


def _unzstd(data: bytes | memoryview, limit: int) -> bytes:
    try:
        declared = zstandard.get_frame_parameters(data).content_size
        if declared == zstandard.CONTENTSIZE_UNKNOWN:
            return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit + 1)
        if declared > limit:
            raise Damage(f"a part of the file unfolds to {declared} bytes; more than {limit} are refused")
        return zstandard.ZstdDecompressor().decompress(data) if declared else b""
    except (zstandard.ZstdError, MemoryError, ValueError) as error:
        raise Damage(f"a part of the file can't be unfolded: {error}") from None


def _unlz4(data: bytes | memoryview, limit: int) -> bytes:
    try:
        from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]
    except ImportError:
        raise Damage("a chunk is lz4, which needs the lz4 package: pip install lz4") from None
    try:
        return bytes(LZ4FrameDecompressor().decompress(bytes(data), max_length=limit + 1))
    except (RuntimeError, MemoryError, ValueError, EOFError) as error:
        raise Damage(f"a part of the file can't be unfolded: {error}") from None
