"""The schemas and channels of one recording while it is written: their numbers and their records."""

from mcap.records import Channel, Schema

from decoders.text import encodable
from recordings.chunks import WrittenChannel
from recordings.container import encode
from recordings.layout import (
    MAX_CHANNELS,
    OVERFLOW_TOPIC,
    Kind,
    channel_metadata,
    control_schema,
    control_topic,
    message_schema,
    message_topic,
)
from recordings.records import Endpoint


class Vocabulary:
    """Gives out channels; each knows the records that must stand in front of its first message in a chunk."""

    def __init__(self) -> None:
        self.channels: dict[int, WrittenChannel] = {}
        self.endpoints: dict[int, Endpoint] = {}
        self._schemas: dict[str, tuple[int, bytes]] = {}
        self._controls: dict[str, WrittenChannel] = {}
        self._overflow: WrittenChannel | None = None

    def message(
        self, kind: Kind, prefix: tuple[bytes, ...] | None, endpoint: Endpoint | None
    ) -> WrittenChannel | None:
        """A new channel for messages of `kind` behind constant frames; of lists of frames if `prefix` is
        None.

        None if there are too many channels already.
        """
        if len(self.channels) >= MAX_CHANNELS:
            return None
        endpoint = endpoint or self.endpoints.get(kind.endpoint)
        json = prefix is not None
        return self._add(
            message_topic(kind, endpoint, json=json),
            "json" if json else "msgpack",
            message_schema(kind.type) if json else None,
            channel_metadata(kind, endpoint, prefix),
            kind,
            sum(map(len, prefix or ())),
        )

    def control(self, kind: str) -> WrittenChannel:
        """The channel of the control records of `kind`."""
        channel = self._controls.get(kind)
        if channel is None:
            channel = self._add(control_topic(kind), "json", control_schema(kind), {})
            self._controls[kind] = channel
        return channel

    def overflow(self) -> WrittenChannel:
        """The channel for messages that can't have one of their own."""
        if self._overflow is None:
            self._overflow = self._add(OVERFLOW_TOPIC, "msgpack", None, {})
        return self._overflow

    def summary(self) -> tuple[bytes, int, bytes, int]:
        """All schema records and their number, all channel records and their number."""
        schemas = b"".join(record for _, record in self._schemas.values())
        channels = b"".join(channel.record for channel in self.channels.values())
        return schemas, len(self._schemas), channels, len(self.channels)

    def _add(
        self,
        topic: str,
        encoding: str,
        schema: tuple[str, bytes] | None,
        metadata: dict[str, str],
        kind: Kind | None = None,
        prefix_size: int = 0,
    ) -> WrittenChannel:
        schema_id, schema_record = self._schema(*schema) if schema else (0, b"")
        number = len(self.channels) + 1
        record = encode(
            Channel(
                id=number,
                topic=encodable(topic),
                message_encoding=encoding,
                metadata={key: encodable(value) for key, value in metadata.items()},
                schema_id=schema_id,
            )
        )
        channel = WrittenChannel(number, schema_id, schema_record, record, kind, prefix_size)
        self.channels[number] = channel
        return channel

    def _schema(self, name: str, data: bytes) -> tuple[int, bytes]:
        if name not in self._schemas:
            number = len(self._schemas) + 1
            self._schemas[name] = (
                number,
                encode(Schema(id=number, name=name, encoding="jsonschema", data=data)),
            )
        return self._schemas[name]
