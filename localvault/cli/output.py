"""How results are written: tables on a terminal, tab-separated lines into a pipe, JSON where it was asked for.

Relies on `rich` for terminals (loaded only there, and mindful of NO_COLOR). Promises: the JSON of a command is one
object or one array and keeps its shape; lines have no header and no colour; what was stored as bytes comes out as it
was stored, or not at all.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from localvault.cli.failures import CannotUse
from localvault.cli.options import GlobalOptions
from localvault.cli.text import is_plain, visible

T = TypeVar("T")
_ROWS_AT_ONCE = 1000  # a list of a million secrets needs no more memory than one of these


class Column(NamedTuple):
    """One column of a table: its title, and how a row fills it."""

    title: str
    cell: Callable[[Any], str]


Columns = Sequence[Column]


def to_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def write_json(document: Any) -> None:
    """Write one JSON document on one line; other than ASCII is kept, what no terminal should get is escaped."""
    click.echo(_dump(document))


def write_object(options: GlobalOptions, document: Mapping[str, Any], line: str | None = None) -> None:
    """Write one thing: as JSON, as `line` if there is one, or as its fields."""
    if options.json:
        write_json(document)
    elif line is not None:
        click.echo(visible(line))
    else:
        fields = [(name, _field(value)) for name, value in document.items()]
        _write_rows(iter(fields), (Column("", lambda f: f[0]), Column("", lambda f: f[1])), header=False)


def write_rows(
    options: GlobalOptions,
    rows: Iterable[T],
    columns: Sequence[Column],
    to_dict: Callable[[T], Mapping[str, Any]],
) -> None:
    """Write many things, one at a time: a JSON array of what `to_dict` says, or the columns."""
    if options.json:
        _write_array(map(to_dict, rows))
    else:
        _write_rows(iter(rows), columns, header=True)


def write_line(options: GlobalOptions, row: Any, columns: Columns, document: Mapping[str, Any]) -> None:
    """Write one of many things whose end is not known: a JSON object or the columns, on a line of its own."""
    if options.json:
        write_json(document)
    else:
        click.echo(_line(row, columns))


def write_bytes(
    options: GlobalOptions, field: str, data: bytes, out: str | None, *, as_base64: bool = False
) -> None:
    """Write a result that is bytes: to `out`, or to standard output unless that is a terminal.

    As JSON it is the base64url text `field`, or the path of the file it went to.

    Raises:
        CannotUse: a terminal and bytes that are no text, or a file that exists.
    """
    if options.json and out in (None, "-"):
        write_json({field: base64_text(data), "encoding": "base64url"})
        return
    if as_base64:
        data = base64.urlsafe_b64encode(data) + b"\n"
    if out is not None and out != "-":
        write_new(Path(out), data)
        if options.json:
            write_json({"path": out})
        return
    if out is None and to_terminal() and not as_base64:
        raise CannotUse(
            "these bytes are not for a terminal", hint="--out FILE keeps them, --base64 shows them as text"
        )
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_content(
    options: GlobalOptions,
    field: str,
    content: str | bytes,
    out: str | None,
    *,
    beside: Mapping[str, Any] | None = None,
) -> None:
    """Write what was asked for by name, byte for byte; a terminal gets it if it is plain text, with an end of line.

    As JSON it is `field`, text or base64url as `encoding` says, with what is told `beside` it.

    Raises:
        CannotUse: a terminal and something that is not plain text, or a file that exists.
    """
    if options.json and out in (None, "-") and isinstance(content, str):
        write_json({**(beside or {}), field: content, "encoding": "utf-8"})
        return
    data = content.encode() if isinstance(content, str) else content
    if options.json and out in (None, "-"):
        write_json({**(beside or {}), field: base64_text(data), "encoding": "base64url"})
        return
    if out is not None or not to_terminal():
        write_bytes(options, field, data, out)
        return
    text = data.decode("utf-8", "replace")
    if "\ufffd" in text or not is_plain(text):
        raise CannotUse(
            "what was asked for holds characters that are not for a terminal",
            hint="--out FILE keeps it, --out - insists",
        )
    click.echo(text, nl=not text.endswith("\n"))


def write_new(path: Path, data: bytes) -> None:
    """Write a new file only its owner may read; a file that cannot be finished does not stay.

    Raises:
        CannotUse: there is something at `path`.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CannotUse(f"there is something at {path} already", hint="name another file") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def note(options: GlobalOptions, message: str) -> None:
    """Tell people something beside the result, on standard error; programs that asked for JSON are spared it."""
    if not options.json:
        click.echo(visible(message), err=True)


def base64_text(data: bytes) -> str:
    """Return bytes as base64url text (RFC 4648, section 5, with padding), for JSON."""
    return base64.urlsafe_b64encode(data).decode()


def waiting(options: GlobalOptions, what: str) -> AbstractContextManager[object]:
    """Show that something is going on whose end cannot be told, on a terminal only."""
    if options.json or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)


def progress(options: GlobalOptions, what: str) -> AbstractContextManager[Callable[[int, int | None], None]]:
    """Show how far something has come, on a terminal only; yields what to call with done and total (if known)."""
    if options.json or not sys.stderr.isatty():
        return nullcontext(lambda done, total: None)
    from localvault.cli.bar import bar

    return bar(what)


def _write_array(documents: Iterator[Mapping[str, Any]]) -> None:
    opening = "["
    for document in documents:
        click.echo(opening + _dump(document), nl=False)
        opening = ",\n "
    click.echo("[]" if opening == "[" else "]")


def _write_rows(rows: Iterator[Any], columns: Sequence[Column], *, header: bool) -> None:
    if not to_terminal():
        for row in rows:
            click.echo(_line(row, columns))
        return
    from localvault.cli.table import write_table

    first = next(rows, None)
    if first is None:
        click.echo("(none)", err=True)
        return
    rows = chain((first,), rows)
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        cells = [[visible(column.cell(row)) for column in columns] for row in part]
        write_table([column.title for column in columns] if header else None, cells)


def _line(row: Any, columns: Columns) -> str:
    return "\t".join(visible(column.cell(row)) for column in columns)


def _dump(document: Any) -> str:
    text = json.dumps(document, ensure_ascii=False)
    # JSON escapes control characters itself; direction marks and half pairs it would let through.
    return text if text.isascii() else visible_json(text)


def visible_json(text: str) -> str:
    """Return JSON text with invisible characters other than ASCII's in JSON's own escapes."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_field(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_field, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
