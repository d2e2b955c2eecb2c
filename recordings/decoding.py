"""Where a recorded message was seen, as decoders are told."""

from decoders.interface import Context
from recordings.recording import Recording


def where_seen(recording: Recording, row: int) -> Context:
    """Return all that a decoder may know of a message besides its frames."""
    endpoint = recording.session.endpoints.get(int(recording.rows.endpoint[row]))
    return Context(
        address=endpoint.address if endpoint is not None else "",
        socket_type=endpoint.socket_type if endpoint is not None else "",
        sender=recording.rows[row].sender,
        outward=not is_inward(recording, row),
    )


def is_inward(recording: Recording, row: int) -> bool:
    """Return whether a message went from the connecting side to the binding one."""
    return any(receiver < 0 for receiver in recording.rows.receiver_connections(row))
