"""What can go wrong with a recording. Every error that leaves this package is a RecordingError with a message
that tells a person what to do."""


class RecordingError(Exception):
    """A recording can't be opened, read or written; the message says why and what to do about it."""


class DiskError(RecordingError):
    """The system refused a write (disk full, quota, file-size limit, device gone).

    The file stays readable up to its last whole chunk. What the failed write held is lost: `messages` and
    `bytes` say how much, `reason` why. The writer records that loss itself as soon as it can write again.
    """

    def __init__(self, message: str, *, reason: str = "", messages: int = 0, size: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.messages = messages
        self.bytes = size
