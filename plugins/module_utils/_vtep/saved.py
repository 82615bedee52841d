# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A saved database as rows, without a server: what ``ovsdb-client dump -f json`` or ``ovsdb-client backup`` printed, or a database file.

A dump is a stream of JSON tables. A backup and a database file are logs (ovsdb(5)): a record with the schema, and one for each
transaction, each behind a line with its length and its SHA-1 sum. Rows are kept as a server sends them (RFC 7047, section 5.1).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NoReturn

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.framing import LONGEST, header
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.log_rows import Kind, Type, differing, types
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import DATABASE, OWNED, TABLES, own_parts

#: Bytes of a saved database: a log that was never compacted may be many times as large as its rows.
LARGEST = 2**30
#: What helps if a file cannot be read, without and with the option ``remote_src``.
THERE = "the path is one of the host that runs the module"
COPIED = f"{THERE}; use remote_src: false for a file of the controller"

_BEGIN = re.compile(rb'\s*(OVSDB |\{\s*"caption")')
_CAPTION = " table"
_HOW = "save the database with 'ovsdb-client -f json dump' or 'ovsdb-client backup'"
_STANDALONE = f"turn it into a file that is, with 'ovsdb-tool cluster-to-standalone', or {_HOW} while its server runs"
_WHITE = re.compile(r"\s*")
_decode = json.JSONDecoder().raw_decode

Rows = dict[str, dict[str, dict[str, Any]]]


class Saved:
    """A saved database. It answers what ``look.Look.whole`` asks of a connected ``Database``, so ``task.gathered`` takes either.

    ``rows``: table -> UUID -> row, each with its ``_uuid`` and in the encoding of RFC 7047, section 5.1.
    ``is_whole``: whether the names of all rows are in it; a dump may be one of a few tables and columns.
    ``warnings``: what was left out.
    """

    def __init__(self, name: str, rows: Rows, columns: dict[str, set[str]], is_whole: bool, warnings: Iterable[str] = ()) -> None:
        self.name = name
        self.rows = rows
        self.is_whole = is_whole
        self.warnings = list(warnings)
        self._columns = columns

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the table or column was saved."""
        return table in self._columns and (column is None or column == "_uuid" or column in self._columns[table])

    def transact(self, operations: Iterable[dict]) -> list[dict]:
        """The answers to selects of whole tables (RFC 7047, section 5.2.2); rows may hold more columns than they ask for."""
        return [{"rows": list(self.rows[operation["table"]].values())} for operation in operations]

    def require(self, tables: Iterable[str]) -> None:
        """Raise ``UserError`` where the rows of these tables cannot be named with what was saved, or are not complete."""
        if self.is_whole:
            return
        for table in tables:
            self._require(table, None, table)
            spec = TABLES[table]
            if "_uuid" not in self._columns[table]:
                self._lacks(f"the column {table}._uuid", table)
            for column in (*(part.column for part in own_parts(table)[1] if not part.open), *spec.required):
                self._require(table, column, table)
            if spec.owner and spec.key and spec.key[0].refers == spec.owner[0]:
                self._require(*spec.owner, table)
            targets = {target for column, target in _targets(table) if self.has(table, column)}
            for target in targets:
                self._require(target, None, table)
            self.require(targets)

    def _require(self, table: str, column: str | None, needed_by: str) -> None:
        if not self.has(table, column):
            self._lacks(f"the column {table}.{column}" if column and self.has(table) else f"the table {table}", needed_by)

    def _lacks(self, what: str, needed_by: str) -> NoReturn:
        raise UserError(f"{self.name} lacks {what}, without which the rows of {needed_by} have no names or values; {_HOW}, all of it")


def read(path: str, remedy: str = COPIED) -> Saved:
    """The database that a file holds. ``remedy``: what helps if it cannot be read.

    Raises ``UserError`` that names the file, and the table or record in it, for what is no saved database of this kind, or broken.
    """
    with open_file(path, "src", LARGEST, remedy) as file:
        return _read(file, f"src: {os.path.basename(path)!r}")


def parse(text: str) -> Saved:
    """The database that a text holds, in the same formats; raises as ``read`` does."""
    return _read(io.BytesIO(text.encode()), "running_config:")


def refuse(path: str) -> None:
    """Raise ``UserError`` for a file that begins as a saved database does, where a structure is expected."""
    with open_file(path, "src", LARGEST, COPIED) as file:
        if _BEGIN.match(file.read(LONGEST)):
            name = os.path.basename(path)
            raise UserError(f"src: {name!r} is a saved database; read it with state: parsed, and give config what that returns")


def _read(file: BinaryIO, name: str) -> Saved:
    start = file.read(LONGEST).lstrip()
    file.seek(0)
    if not start:
        raise UserError(f"{name} is empty; {_HOW}, and see what the command says")
    if start.startswith(b"OVSDB "):
        return _Log(file, name).read()
    if start.startswith(b"{"):
        return _read_dump(file.read(), name)
    raise UserError(
        f"{name} is no saved database: expected what 'ovsdb-client -f json dump' or 'ovsdb-client backup' prints, or the file of a "
        "database; a dump in any other format than json is not accepted"
    )


# -- values ---------------------------------------------------------------------------------------------------------


_PLAIN: Kind = (False, False)


class _Checker:
    """Values in the encoding of RFC 7047, section 5.1. Rows that refer to the same row share the reference."""

    def __init__(self, kinds: dict[str, dict[str, Kind]]) -> None:
        self._kinds = kinds
        self._shared: dict[str, list] = {}

    def row(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """The row itself. Raises ``ValueError`` for a value that its column cannot hold."""
        for column, kind in self._kinds.get(table, {}).items():
            if column in row and not (kind == _PLAIN and isinstance(row[column], (str, int, float))):
                try:
                    row[column] = self._value(row[column], *kind)
                except ValueError as error:
                    raise ValueError(f"{table}.{column}: {error} (RFC 7047, section 5.1)") from None
        return row

    def uuid(self, uuid: str) -> list:
        """The reference to a row."""
        return self._shared.setdefault(uuid, ["uuid", uuid])

    def _value(self, value: Any, is_map: bool, is_reference: bool) -> Any:
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], list):
            if value[0] == "set" and not is_map:
                return ["set", [self._atom(member, is_reference) for member in value[1]]]
            if value[0] == "map" and is_map and all(isinstance(pair, list) and len(pair) == 2 for pair in value[1]):
                return ["map", [[self._atom(key, False), self._atom(member, is_reference)] for key, member in value[1]]]
        if is_map:
            raise ValueError(f"{_short(value)} is not a map")
        return self._atom(value, is_reference)

    def _atom(self, value: Any, is_reference: bool) -> Any:
        if is_reference:
            if isinstance(value, list) and len(value) == 2 and value[0] == "uuid" and isinstance(value[1], str):
                return self._shared.setdefault(value[1], value)
            raise ValueError(f"{_short(value)} is not a reference")
        if isinstance(value, (str, int, float)):
            return value
        raise ValueError(f"{_short(value)} is not a value")


def _kinds(table: str) -> dict[str, Kind]:
    """The columns of a table that are read."""
    owned = [spec.owner[1] for child in OWNED[table] if (spec := TABLES[child]).owner]
    return {
        "_uuid": (False, True),
        **{part.column: (False, bool(part.refers)) for part in own_parts(table)[1]},
        **{name: (column.kind == "map", bool(column.refers)) for name, column in TABLES[table].columns.items()},
        **dict.fromkeys(owned, (False, True)),
    }


def _targets(table: str) -> Iterator[tuple[str, str]]:
    """The columns of a table that hold names of other rows, and the tables of these."""
    for part in own_parts(table)[1]:
        if part.refers:
            yield part.column, part.refers
    for name, column in TABLES[table].managed.items():
        if column.refers:
            yield name, column.through[0] if column.through else column.refers


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


# -- a dump ---------------------------------------------------------------------------------------------------------


def _read_dump(raw: bytes, name: str) -> Saved:
    rows: Rows = {}
    columns: dict[str, set[str]] = {}
    checker = _Checker({table: _kinds(table) for table in TABLES})
    for table, headings, data in _tables(raw, name):
        if table in rows:
            raise UserError(f"{name} has the table {table} twice; save one database in one file")
        columns[table] = set(headings)
        held = rows[table] = {}
        for number, cells in enumerate(data, 1):
            try:
                if not isinstance(cells, list) or len(cells) != len(headings):
                    raise ValueError(f"expected {len(headings)} values, got {_short(cells)}")
                row = checker.row(table, dict(zip(headings, cells)))
                # Columns that were asked for by name need not be all that a row is known by; ``Saved.require`` tells.
                held[row["_uuid"][1] if "_uuid" in row else str(number)] = row
            except ValueError as error:
                raise UserError(f"{name} is broken: table {table}, row {number}: {error}") from None
    if not rows.keys() & TABLES.keys():
        raise UserError(f"{name} has no table of a {DATABASE} database (it has: {', '.join(sorted(rows)) or 'none'}); {_HOW}")
    return Saved(name, rows, columns, is_whole=False)


def _tables(raw: bytes, name: str) -> Iterator[tuple[str, list[str], list]]:
    """The tables of a dump: name, columns, rows."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is broken: byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8; {_HOW}") from None
    at = _skipped(text, 0)
    number = 0
    while at < len(text):
        number += 1
        try:
            table, at = _decode(text, at)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name} is broken: table {number} is cut off or no JSON: {error}; {_HOW} again") from None
        at = _skipped(text, at)
        if not isinstance(table, dict) or not isinstance(caption := table.get("caption"), str) or not isinstance(table.get("data"), list):
            raise UserError(f"{name} is no saved database: JSON value {number} is not a table of 'ovsdb-client -f json dump'; {_HOW}")
        headings = table.get("headings")
        if not isinstance(headings, list) or not all(isinstance(heading, str) for heading in headings):
            raise UserError(f"{name} has the {caption!r} without the names of its columns; {_HOW}, without --no-headings")
        yield caption.removesuffix(_CAPTION), headings, table["data"]


def _skipped(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found else at


# -- a log ----------------------------------------------------------------------------------------------------------


class _Log:
    """Reads the log of a database that stands alone."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._number = 0
        self._warnings: list[str] = []
        self._rows: Rows = {}
        self._columns: dict[str, set[str]] = {}
        self._types: dict[str, dict[str, Type]] = {}
        self._defaults: dict[str, dict[str, Any]] = {}
        self._checker = _Checker({})

    def read(self) -> Saved:
        """The rows after the last transaction."""
        records = self._records()
        self._begin(next(records))
        for record in records:
            try:
                self._apply(record)
            except ValueError as error:
                self._broken(str(error))
        return Saved(self._name, self._rows, self._columns, is_whole=True, warnings=self._warnings)

    def _broken(self, why: str) -> NoReturn:
        raise UserError(f"{self._name} is broken: record {self._number}: {why}; {_HOW}, or take another copy")

    def _records(self) -> Iterator[dict]:
        while line := self._file.readline(LONGEST):
            self._number += 1
            head = header(line)
            if head is None:
                if not line.endswith(b"\n") and len(line) < LONGEST:
                    return self._cut_off("within its first line")
                self._broken(f"it begins with {_short(line)} instead of 'OVSDB JSON', a length and a SHA-1 sum")
            if head.is_clustered:
                raise UserError(f"{self._name} is the file of a server in a cluster, which is not accepted; {_STANDALONE}")
            body = self._body(head.length, head.checksum)
            if body is None:
                return None
            try:
                record = json.loads(body)
            except (ValueError, RecursionError) as error:
                self._broken(f"it is no JSON: {error}")
            if not isinstance(record, dict):
                self._broken(f"expected an object, got {_short(record)}")
            yield record
        return None

    def _body(self, length: int, wanted: str) -> bytes | None:
        """What a record holds; ``None`` where the file ends within it."""
        body = self._file.read(length)
        if len(body) == length - 1 and hashlib.sha1(body + b"\n", usedforsecurity=False).hexdigest() == wanted:
            # Whoever keeps the output of a command often drops its last line's end.
            return body
        if len(body) < length:
            self._cut_off(f"after {len(body):,} of {length:,} bytes")
            return None
        if hashlib.sha1(body, usedforsecurity=False).hexdigest() != wanted:
            self._broken("its SHA-1 sum is wrong, so what it says was changed or damaged")
        return body

    def _cut_off(self, where: str) -> None:
        """The last record is not complete, as after a power failure: its transaction did not take place."""
        if self._number <= 2:
            self._broken(f"it is cut off {where}, and nothing is left without it")
        self._warnings.append(
            f"{self._name}: record {self._number}, the last one, is cut off {where}; it is left out, as ovsdb-server leaves it out"
        )

    def _begin(self, schema: dict) -> None:
        """The first record is the schema (RFC 7047, section 3.2)."""
        if schema.get("name") != DATABASE:
            raise UserError(f"{self._name} is a database {_short(schema.get('name'))}; expected {DATABASE}")
        kinds: dict[str, dict[str, Kind]] = {}
        try:
            self._types = types(schema)
            for table, columns in self._types.items():
                self._defaults[table] = {column: one.default for column, one in columns.items()}
                self._rows[table] = {}
                self._columns[table] = {column for column, one in columns.items() if one.is_logged}
                kinds[table] = {column: one.kind for column, one in columns.items()}
        except (KeyError, TypeError, AttributeError):
            self._broken("it is no schema (RFC 7047, section 3.2)")
        for table in kinds.keys() & TABLES.keys():
            for column, kind in _kinds(table).items():
                if kinds[table].get(column, kind) != kind:
                    self._broken(f"the type of {table}.{column} is another one than in vtep.5")
        self._checker = _Checker(kinds)

    def _apply(self, record: dict) -> None:
        """One transaction. Raises ``ValueError`` for what does not fit the rows so far."""
        is_diff = record.get("_is_diff") is True
        for table, changes in record.items():
            # Date, comment, and whether the record is a difference.
            if table.startswith("_"):
                continue
            if table not in self._rows or not isinstance(changes, dict):
                raise ValueError(f"the schema has no table {table}")
            defaults = self._defaults[table]
            rows = self._rows[table]
            for uuid, new in changes.items():
                if new is None:
                    if rows.pop(uuid, None) is None:
                        raise ValueError(f"it deletes the row {uuid} of {table}, which is not there")
                    continue
                if not isinstance(new, dict) or not new.keys() <= defaults.keys():
                    raise ValueError(f"the row {uuid} of {table} has a column that the schema lacks")
                self._checker.row(table, new)
                row = rows.get(uuid)
                if row is None:
                    rows[uuid] = {"_uuid": self._checker.uuid(uuid), **defaults, **new}
                else:
                    row.update(differing(row, new, self._types[table]) if is_diff else new)
