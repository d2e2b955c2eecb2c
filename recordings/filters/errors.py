"""What is wrong with a filter, where, and what to write instead."""

from recordings.errors import RecordingError


class FilterError(RecordingError):
    """A filter that can't be understood.

    `position` and `end` are character offsets into the filter's text that mark the faulty part (`end` is
    exclusive and at least `position`), `message` says in one sentence what is wrong there and how to put it
    right.
    """

    def __init__(self, message: str, position: int, end: int | None = None) -> None:
        super().__init__(f"filter, column {position + 1}: {message}")
        self.message = message
        self.position = position
        self.end = max(position, end if end is not None else position)
