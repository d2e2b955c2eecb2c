"""A recording written anew without what should not be given away.

Two passes and a look back: the first learns which names and values are secret, the second writes the copy,
and the last searches the copy for everything that was taken out. If anything is found the copy is thrown
away.
"""

import getpass
import hashlib
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from recordings.control import ControlRecord
from recordings.edit.copying import OWN_FACTS, Copied, Source, attach_all, copy, new_writer
from recordings.edit.parts import parts
from recordings.errors import RecordingError
from recordings.filters.values import Mask
from recordings.notes import added_notes
from recordings.output_files import whole_file
from recordings.recording import Recording
from recordings.records import (
    Connection,
    Endpoint,
    Loss,
    Node,
    Note,
    Output,
    Peer,
    Process,
    Record,
    Subscription,
)
from recordings.redaction.inside import pieces
from recordings.redaction.leaks import Leak, LeakScan
from recordings.redaction.pseudonyms import Pseudonyms
from recordings.redaction.rules import Rules
from recordings.redaction.scrubber import Scrubber, readable

MANIFEST = "redaction.json"
"""Name of the attachment that says what was done."""

VERSION = 1
"""Version of the rules' meaning and of the manifest."""

USER_FACTS = ("user", "username", "login", "owner")
HOST_FACTS = ("host", "hostname", "machine", "node")

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it, from 0 to 1."""


class LeakError(RecordingError):
    """Something that was taken out is still in the copy, which was therefore thrown away."""

    def __init__(self, leaks: list[Leak]) -> None:
        super().__init__(
            f"{len(leaks):,} places of the copy still hold what was taken out; nothing was written"
        )
        self.leaks = leaks


@dataclass(frozen=True)
class Redacted:
    """What a redaction did.

    `counts` are replacements by rule, `manifest` is what the copy says of itself. `secrets` has, by category,
    what each stand-in stands for; like the `scrubber`, which can redact more text in the same way, it is not
    to be given away.
    """

    copied: Copied
    counts: dict[str, int]
    secrets: dict[str, dict[str, str]]
    left_out: list[str]
    manifest: dict[str, Any]
    scrubber: Scrubber

    def leaks(self, place: str, data: bytes | str) -> list[Leak]:
        """Search something else that is to be given away along with the copy."""
        scan = LeakScan(self.scrubber)
        scan.look(place, data)
        return sorted(scan.leaks)


class Redactor:
    """The rewriting of one recording: `survey` first, then it is a `Rewrite` for copying."""

    def __init__(self, recording: Recording, rules: Rules, key: bytes | None = None) -> None:
        self.pseudonyms = Pseudonyms(key) if key is not None else Pseudonyms()
        self.scrubber = Scrubber(rules, self.pseudonyms)
        self.left_out: list[str] = []
        self._recording = recording
        self._rules = rules

    def survey(self, rows: Mask | None, progress: Callable[[float], None]) -> None:
        """Go over everything once to learn what is secret; nothing is written."""
        self._learn_machine()
        self.facts()
        for name in self._recording.attachments():
            self.attachment(name, self._recording.attachment(name))
        total = max(1, len(self._recording.rows))
        for part in parts(self._recording):
            for record in part.records:
                self._any_record(record)
            for row in range(part.first, part.first + len(part.ids)):
                if rows is None or rows[row]:
                    self._survey_row(row)
            progress((part.first + len(part.ids)) / total)
        for note in added_notes(self._recording):
            self.record(note)
        self.scrubber.freeze()
        self.left_out.clear()

    def facts(self) -> dict[str, str]:
        """Scrub the facts."""
        scrubbed: dict[str, str] = {}
        for name, value in self._recording.facts.items():
            if name in OWN_FACTS:
                continue
            scrubbed[self.scrubber.text(name)] = self._fact(name, value)
        return scrubbed

    def attachment(self, name: str, data: bytes) -> bytes | None:
        """Scrub an attachment; what is no text is left out unless the rules keep binary data."""
        if readable(data) is None and self._rules.payloads.binary != "keep":
            self.left_out.append(
                f"attachment {self.scrubber.text(name)} ({len(data):,} bytes that are no text)"
            )
            return None
        return self.scrubber.frames([data])[0]

    def frames(self, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Scrub a message."""
        return self.scrubber.frames(frames)

    def record(self, record: ControlRecord) -> ControlRecord | None:
        """Scrub a record; output is left out if the rules say so."""
        scrubber = self.scrubber
        changes: dict[str, Any] = {}
        match record:
            case Process():
                changes = {"command_line": scrubber.arguments(record.command_line)}
            case Endpoint():
                changes = {
                    "address": scrubber.text(record.address),
                    "command_line": scrubber.arguments(record.command_line),
                    "node": None if record.node is None else scrubber.text(record.node),
                    "runner": None if record.runner is None else scrubber.text(record.runner),
                }
            case Connection():
                changes = {
                    "peer": self._peer(record.peer),
                    "binder": self._peer(record.binder),
                    "reason": scrubber.text(record.reason),
                }
            case Subscription():
                changes = {"topic": scrubber.octets(record.topic)}
            case Output() if self._rules.payloads.output == "drop":
                return None
            case Output() | Note():
                changes = {"text": scrubber.text(record.text)}
            case Node():
                changes = {
                    "name": scrubber.text(record.name),
                    "state": scrubber.text(record.state),
                    "outbox": scrubber.text(record.outbox),
                    "signals": self._names(record.signals),
                    "slots": self._names(record.slots),
                }
            case Loss():
                changes = {"reason": scrubber.text(record.reason)}
        return msgspec.structs.replace(record, **changes)

    def manifest(self, counts: Mapping[str, int], digest: str) -> dict[str, Any]:
        """Say what was done, without telling any secret."""
        return {
            "redaction": VERSION,
            "original_sha256": digest,
            "replaced": dict(sorted(counts.items())),
            "different": {name: len(found) for name, found in self.pseudonyms.mapping().items()},
            "not_searched_elsewhere": self.scrubber.not_learnt,
            "left_out": self.left_out,
            "payloads": msgspec.to_builtins(self._rules.payloads),
        }

    def _learn_machine(self) -> None:
        """Learn who and where we are: the recording may come from here."""
        find = self._rules.find
        if find.user_names:
            with suppress(KeyError, OSError):
                self.scrubber.learn("user", getpass.getuser(), "user name")
            self.scrubber.learn("user", Path.home().name, "user name")
        if find.host_names:
            for name in {socket.gethostname(), socket.gethostname().partition(".")[0]}:
                self.scrubber.learn("host", name, "host name")

    def _fact(self, name: str, value: str) -> str:
        find = self._rules.find
        if name in USER_FACTS and find.user_names:
            return self.scrubber.name("user", value, "user name")
        if name in HOST_FACTS and find.host_names:
            self.scrubber.learn("host", value.partition(".")[0], "host name")
            return self.scrubber.name("host", value, "host name")
        if self.scrubber.is_secret_key(name):
            return str(self.scrubber.value({name: value})[name])
        if value.startswith("["):
            try:
                arguments = json.loads(value)
            except (ValueError, RecursionError):
                arguments = None
            if isinstance(arguments, list) and all(isinstance(each, str) for each in arguments):
                return json.dumps(self.scrubber.arguments(arguments))
        return self.scrubber.text(value)

    def _names(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(map(self.scrubber.text, names))

    def _peer(self, peer: Peer | None) -> Peer | None:
        if peer is None:
            return None
        return msgspec.structs.replace(
            peer,
            routing_id=self.scrubber.octets(peer.routing_id),
            mechanism=self.scrubber.text(peer.mechanism),
            socket_type=self.scrubber.text(peer.socket_type),
        )

    def _any_record(self, record: Record) -> None:
        if isinstance(record, ControlRecord):
            self.record(record)

    def _survey_row(self, row: int) -> None:
        try:
            self.frames(self._recording.frames(row))
        except RecordingError:
            return


def redact(
    recording: Recording,
    target: Path | None,
    rules: Rules,
    *,
    rows: Mask | None = None,
    key: bytes | None = None,
    force: bool = False,
    progress: Progress = lambda what, fraction: None,
) -> Redacted:
    """Write a redacted copy of a recording (or of some rows) to `target`; None only finds out what would be
    done.

    `key` makes the same stand-ins as another run with that key. Raises LeakError, and writes nothing, if the
    copy still holds something that was taken out; RecordingError for anything else.
    """
    redactor = Redactor(recording, rules, key)
    redactor.survey(rows, lambda fraction: progress("looking for secrets", fraction))
    digest = _digest(recording.path)
    if target is None:
        return _rehearse(recording, redactor, rows, digest, progress)
    source = Source(recording, rows)
    with whole_file(target, force=force) as temporary:
        writer = new_writer(temporary, redactor.facts() | {"redacted": f"version {VERSION}"})
        try:
            copied = copy(
                [source], writer, rewrite=redactor, progress=lambda fraction: progress("writing", fraction)
            )
            attach_all(source, writer, redactor.attachment)
            counts = dict(redactor.pseudonyms.counts)
            manifest = redactor.manifest(counts, digest)
            writer.attach(MANIFEST, "application/json", msgspec.json.format(msgspec.json.encode(manifest)))
        finally:
            writer.close()
        leaks = _leaks(
            temporary, redactor.scrubber, lambda fraction: progress("searching the copy", fraction)
        )
        if leaks:
            raise LeakError(leaks)
    return Redacted(
        copied, counts, redactor.pseudonyms.mapping(), redactor.left_out, manifest, redactor.scrubber
    )


def _rehearse(
    recording: Recording, redactor: Redactor, rows: Mask | None, digest: str, progress: Progress
) -> Redacted:
    """Do the second pass without writing, for the counts."""
    redactor.facts()
    for name in recording.attachments():
        redactor.attachment(name, recording.attachment(name))
    messages = 0
    for part in parts(recording):
        for record in part.records:
            redactor._any_record(record)
        for row in range(part.first, part.first + len(part.ids)):
            if rows is None or rows[row]:
                redactor._survey_row(row)
                messages += 1
        progress("rehearsing", (part.first + len(part.ids)) / max(1, len(recording.rows)))
    counts = dict(redactor.pseudonyms.counts)
    manifest = redactor.manifest(counts, digest)
    mapping = redactor.pseudonyms.mapping()
    return Redacted(Copied(messages, 0, 0), counts, mapping, redactor.left_out, manifest, redactor.scrubber)


def _leaks(path: Path, scrubber: Scrubber, progress: Callable[[float], None]) -> list[Leak]:
    scan = LeakScan(scrubber)
    size = max(1, path.stat().st_size)
    done = 0
    for place, data in pieces(path):
        scan.look(place, data)
        done += len(data)
        progress(min(0.99, done / size / 4))
    return sorted(scan.leaks)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
