"""The formats of an export, each with the name of its files and how it is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recordings.errors import RecordingError
from recordings.export.fields import TABLE_FIELDS, choose, messages
from recordings.export.jsonl import DEFAULT_FIELDS, json_lines
from recordings.export.pcap import pcapng
from recordings.export.sequence import MAX_MESSAGES, sequence_diagram
from recordings.export.tables import csv_lines, write_parquet
from recordings.export.trace import trace_json
from recordings.overview import command_of
from recordings.recording import Recording

Name = Literal["jsonl", "csv", "parquet", "mermaid", "trace", "pcapng"]


@dataclass(frozen=True)
class Format:
    """One format: its name, the ends of its files' names, what it is for, whether it is text."""

    name: Name
    suffixes: tuple[str, ...]
    help: str
    text: bool = True
    fields: tuple[str, ...] = ()


FORMATS: tuple[Format, ...] = (
    Format("jsonl", (".jsonl", ".ndjson"), "JSON Lines with payloads, for scripts", fields=DEFAULT_FIELDS),
    Format("csv", (".csv",), "a table without payloads, for spreadsheets", fields=TABLE_FIELDS),
    Format("parquet", (".parquet",), "a table for data frames", text=False, fields=TABLE_FIELDS),
    Format(
        "mermaid", (".md", ".mmd"), f"a sequence diagram for an issue, of at most {MAX_MESSAGES} messages"
    ),
    Format("trace", (".json", ".trace"), "a trace for Perfetto: a track for each node, epochs as flows"),
    Format("pcapng", (".pcapng",), "packets for Wireshark 4.4 or newer", text=False),
)
"""All formats, in the order of the help."""


def find_format(name: str | None, path: Path | None) -> Format:
    """Find a format by its name, else by how the file is named; raises RecordingError."""
    for each in FORMATS:
        if each.name == name or (name is None and path is not None and path.suffix.lower() in each.suffixes):
            return each
    known = ", ".join(each.name for each in FORMATS)
    if path is None:
        raise RecordingError(f"name a format ({known}) or an output file")
    raise RecordingError(f"{path.name} does not tell the format: name it with --format ({known})")


def text_pieces(
    chosen: Format,
    recording: Recording,
    rows: Sequence[int],
    *,
    fields: Iterable[str] = (),
    limit: int | None = None,
) -> Iterator[str]:
    """Yield the text of an export, piece by piece."""
    named = choose(tuple(fields) or chosen.fields)
    match chosen.name:
        case "jsonl":
            yield from json_lines(messages(recording, rows), named)
        case "csv":
            yield from csv_lines(messages(recording, rows), named)
        case "mermaid":
            shown = rows[: limit or MAX_MESSAGES]
            lines = sequence_diagram(list(messages(recording, shown)), left_out=len(rows) - len(shown))
            yield from (f"{line}\n" for line in lines)
        case "trace":
            yield from trace_json(messages(recording, rows), _title(recording))
        case _:
            raise RecordingError(f"{chosen.name} is no text: name an output file")


def byte_pieces(recording: Recording, rows: Sequence[int], version: str) -> Iterator[bytes]:
    """Yield the bytes of a pcapng file."""
    yield from pcapng(recording, rows, version)


def write_table(recording: Recording, rows: Sequence[int], path: Path, fields: Iterable[str] = ()) -> int:
    """Write a Parquet file and return its number of rows."""
    return write_parquet(messages(recording, rows), choose(tuple(fields) or TABLE_FIELDS), path)


def _title(recording: Recording) -> str:
    return f"{recording.path.name} {command_of(recording.facts)}".strip()
