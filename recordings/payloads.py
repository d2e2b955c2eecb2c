"""The frames of single messages, fetched from their chunk; the chunks last used stay unfolded in memory."""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Final

from recordings.container import MESSAGE, MESSAGE_FIELDS, Damage
from recordings.frames import MessageChannel
from recordings.scan import ChunkData, read_chunk

CACHE_BYTES: Final = 64 << 20


class Payloads:
    """Messages by chunk and offset. Safe to use from several threads."""

    def __init__(self, file: int, channels: Mapping[int, MessageChannel]) -> None:
        self._file = file
        self._channels = channels
        self._cache: OrderedDict[int, ChunkData] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def chunk(self, place: int) -> ChunkData:
        """The chunk whose record is at byte `place` of the file."""
        with self._lock:
            chunk = self._cache.get(place)
            if chunk is not None:
                self._cache.move_to_end(place)
                return chunk
        chunk = read_chunk(self._file, place)
        with self._lock:
            if place not in self._cache:
                self._cache[place] = chunk
                self._size += len(chunk.data)
            while self._size > CACHE_BYTES and len(self._cache) > 1:
                self._size -= len(self._cache.popitem(last=False)[1].data)
        return chunk

    def frames(self, place: int, offset: int) -> tuple[bytes, ...]:
        """The frames of the message at `offset` in the chunk at byte `place`."""
        chunk = self.chunk(place)
        data = chunk.data
        if offset + MESSAGE.size > len(data):
            raise Damage("the row index points outside of its chunk")
        opcode, length, number, *_ = MESSAGE.unpack_from(data, offset)
        end = offset + MESSAGE.size + length - MESSAGE_FIELDS
        channel = chunk.channels.get(number) or self._channels.get(number)
        if opcode != 5 or length < MESSAGE_FIELDS or end > len(data) or channel is None:
            raise Damage("the row index points to no message")
        content = data[offset + MESSAGE.size : end]
        return channel.frames(content)
