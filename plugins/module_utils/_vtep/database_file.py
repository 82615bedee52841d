# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server appends to the file of its database (ovsdb.5): of each transaction, what its writer says of it.

No update has the comment of a transaction (RFC 7047, section 5.2.8). The file of a server that stands alone does, with the time of the commit.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, BinaryIO, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.framing import LONGEST, header
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.log_rows import Type, differing

#: The types of columns, by table and column.
Columns = Mapping[str, Mapping[str, Type]]
#: A row by its table and its UUID, or ``None``; its values as in a ``Replica``.
Before = Callable[[str, str], "dict[str, Any] | None"]

#: Bytes that the file may have.
_LARGEST = 2**40


class Record(NamedTuple):
    """One transaction: when it was committed, in milliseconds since the epoch, what its writer says, and what it says of each row.

    ``rows``: the columns of a row, by its table and its UUID, or ``None`` where it is deleted. ``is_difference``: a set or map of a row
    that was there before holds the members that have changed.
    """

    date: int
    comment: str
    is_difference: bool
    rows: dict[str, dict[str, dict[str, Any] | None]]

    def has_any(self, uuids: Set[str]) -> bool:
        """Whether it says something of one of these rows."""
        return any(not uuids.isdisjoint(rows) for rows in self.rows.values())


class DatabaseFile:
    """Follows the file at ``path``; ``UserError`` where it cannot be read, or is that of a cluster.

    Of two compactions between two looks, what was written between them is in no file any more.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()
        self._records: list[Record] = []

    def skip(self) -> None:
        """Forget what has been appended so far: no update that comes later is about it."""
        for unused in self._new():
            pass
        self._records = []

    def of(self, update: Mapping[str, Mapping[str, Mapping[str, Any]]], columns: Columns, before: Before) -> list[Record]:
        """The transactions that an update (RFC 7047, section 4.1.6) tells of: the first that make of the database what it is now.

        A server appends a transaction before it tells of it, and tells of several at once when they come faster than it is listened to.
        ``columns``: the types of the columns that are followed, by table and column. ``before``: a row before the update, by table and
        UUID. None, where the file does not explain the update.
        """
        self._records += self._new()
        about = {uuid for rows in update.values() for uuid in rows}
        # Where an update was not explained, what it told of comes first, and is passed over.
        starts = itertools.chain([0], (number for number, record in enumerate(self._records) if number and record.has_any(about)))
        for start in starts:
            rows = _Rows(update, columns, before)
            if rows.are_as_told():
                break
            found: list[Record] = []
            for number, record in enumerate(itertools.islice(self._records, start, None), start + 1):
                if rows.take(record):
                    found.append(record)
                    if rows.are_as_told():
                        # Those between them changed nothing that is followed.
                        del self._records[:number]
                        return found
        return []

    def _open(self) -> BinaryIO:
        file = open_file(self._path, "database_file", _LARGEST, "name the file of the server's database, and use become")
        first = header(file.readline(LONGEST))
        if first is None or first.is_clustered:
            file.close()
            raise UserError(
                f"database_file: {self._path!r} is not the file of an OVSDB server that stands alone; leave the option out for a cluster"
            )
        file.seek(0)
        return file

    def _new(self) -> Iterator[Record]:
        yield from self._read()
        try:
            replaced = not os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except OSError:
            return
        if replaced:
            # The server compacts a database into a new file, of which the first record is what the old one made of it.
            yield from self._read()
            self._file.close()
            self._file = self._open()
            yield from itertools.islice(self._read(), 1, None)

    def _read(self) -> Iterator[Record]:
        while True:
            start = self._file.tell()
            head = header(self._file.readline(LONGEST))
            data = self._file.read(head.length) if head else b""
            if head is None or len(data) < head.length:
                # A record that is not whole yet.
                self._file.seek(start)
                return
            # What is no transaction, such as the schema, has no date.
            if b'"_date"' not in data:
                continue
            said = json.loads(data)
            rows = {table: changed for table, changed in said.items() if isinstance(changed, dict)}
            yield Record(said.get("_date", 0), said.get("_comment", ""), said.get("_is_diff") is True, rows)


class _Rows:
    """What transactions make of rows, from what they were before an update to what they are after it; of the columns, those in the log.

    A row of which the update says nothing is after it what it was.
    """

    def __init__(self, update: Mapping[str, Mapping[str, Mapping[str, Any]]], columns: Columns, before: Before) -> None:
        self._columns = {table: {name: one for name, one in known.items() if one.is_logged} for table, known in columns.items()}
        self._before = before
        self._types: dict[str, dict[str, Type]] = {}
        self._told: dict[str, dict[str, Any] | None] = {}
        self._now: dict[str, dict[str, Any] | None] = {}
        for table, rows in update.items():
            for uuid, said in rows.items():
                old, new = said.get("old"), said.get("new")
                # Of a row that was modified, the update repeats only what had another value.
                self._add(table, uuid, None if old is None else {**(new or {}), **old}, new)
        self._other = {uuid for uuid in self._told if not self._are_same(uuid, self._now[uuid], self._told[uuid])}

    def take(self, record: Record) -> bool:
        """Follow a transaction; whether it changes something."""
        changed = False
        for table, rows in record.rows.items():
            if table not in self._columns:
                continue
            for uuid, said in rows.items():
                if uuid not in self._told:
                    self._add_other(table, uuid)
                now = self._now[uuid]
                new = None if said is None else self._made(uuid, now, self._of(uuid, said), record.is_difference)
                if not self._are_same(uuid, now, new):
                    changed = True
                    self._now[uuid] = new
                    (self._other.discard if self._are_same(uuid, new, self._told[uuid]) else self._other.add)(uuid)
        return changed

    def are_as_told(self) -> bool:
        """Whether all rows are what the update says."""
        return not self._other

    def _add(self, table: str, uuid: str, now: dict[str, Any] | None, told: dict[str, Any] | None) -> None:
        self._types[uuid] = self._columns[table]
        self._now[uuid] = None if now is None else self._of(uuid, now)
        self._told[uuid] = None if told is None else self._of(uuid, told)

    def _add_other(self, table: str, uuid: str) -> None:
        """A row of which the update says nothing."""
        row, types = self._before(table, uuid), self._columns[table]
        whole = None if row is None else {name: one.expanded(row[name]) for name, one in types.items()}
        self._add(table, uuid, whole, whole)

    def _of(self, uuid: str, row: dict[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in self._types[uuid] if name in row}

    def _made(self, uuid: str, row: dict[str, Any] | None, said: dict[str, Any], is_difference: bool) -> dict[str, Any]:
        types = self._types[uuid]
        if row is None:
            return {name: said.get(name, one.default) for name, one in types.items()}
        return {**row, **(differing(row, said, types) if is_difference else said)}

    def _are_same(self, uuid: str, one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
        if one is None or other is None:
            return one is other
        return all(self._types[uuid][name].is_same(one[name], value) for name, value in other.items())
