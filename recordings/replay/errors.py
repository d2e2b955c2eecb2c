"""What can go wrong with a replay, apart from the recording itself."""

from recordings.errors import RecordingError


class ReplayError(RecordingError):
    """The replay could not run: no peer, nothing to play, or no answer; the message says what to do."""
