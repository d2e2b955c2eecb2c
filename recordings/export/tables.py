"""Tables: CSV for spreadsheets, Parquet for data frames where pyarrow is installed."""

import csv
import importlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from recordings.errors import RecordingError
from recordings.export.fields import Field, Message

PARQUET_ROWS = 50_000
"""Rows in one row group."""


def csv_lines(messages: Iterable[Message], fields: Sequence[Field]) -> Iterator[str]:
    """Yield a header and a line for each message (RFC 4180, with line feeds)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([field.name for field in fields])
    for message in messages:
        writer.writerow([_cell(field.read(message)) for field in fields])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """Write a value into a cell; text that a spreadsheet would take for a formula gets an apostrophe in
    front.
    """
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = " ".join(value)
    elif isinstance(value, dict | list):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str):
        value = value.replace("\r", "\\r").replace("\0", "\\0")
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value
    return value


def write_parquet(messages: Iterable[Message], fields: Sequence[Field], path: Path) -> int:
    """Write a Parquet file and return the number of rows; raises RecordingError without pyarrow."""
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise RecordingError("Parquet needs pyarrow: install it beside tubetap, or export to CSV") from None
    types = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "bool": arrow.bool_(),
        "list": arrow.list_(arrow.string()),
        "json": arrow.string(),
    }
    schema = arrow.schema([(field.name, types[field.table]) for field in fields])
    count = 0
    with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
        columns: list[list[Any]] = [[] for _ in fields]
        for message in messages:
            for field, column in zip(fields, columns, strict=True):
                column.append(_parquet(field, field.read(message)))
            count += 1
            if count % PARQUET_ROWS == 0:
                writer.write_table(arrow.table(columns, schema=schema))
                columns = [[] for _ in fields]
        writer.write_table(arrow.table(columns, schema=schema))
    return count


def _parquet(field: Field, value: Any) -> Any:
    if field.table == "json":
        return None if value is None else msgspec.json.encode(value).decode()
    return value
