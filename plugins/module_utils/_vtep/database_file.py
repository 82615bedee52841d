# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server appends to the file of its database (ovsdb.5): of each transaction, what its writer says of it.

No update has the comment of a transaction (RFC 7047, section 5.2.8). The file of a server that stands alone does, with the time of the commit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.framing import LONGEST, header

#: Bytes that the file may have.
_LARGEST = 2**40


class Record(NamedTuple):
    """One transaction: when it was committed, in milliseconds since the epoch, what its writer says, and the UUIDs of its rows."""

    date: int
    comment: str
    rows: frozenset[str]


class DatabaseFile:
    """Follows the file at ``path``; ``UserError`` where it cannot be read, or is that of a cluster."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()
        self._records: list[Record] = []
        self._latest = 0

    def skip(self) -> None:
        """Forget what has been appended so far: no update that comes later is about it."""
        for unused in self._new():
            pass
        self._records = []

    def of(self, update: Mapping[str, Mapping[str, Any]]) -> list[Record]:
        """The transactions that an update tells of. The server appends a transaction before it tells of it."""
        rows = {uuid for table in update.values() for uuid in table}
        self._records += self._new()
        hits = [index for index, record in enumerate(self._records) if record.rows & rows]
        if not hits:
            return []
        found = [self._records[index] for index in hits]
        # Those between them changed nothing that is followed.
        del self._records[: hits[-1] + 1]
        return found

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
            # The server compacts a database into a new file, which begins with what the old one held.
            replaced = not os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except OSError:
            return
        if replaced:
            latest = self._latest
            self._file.close()
            self._file = self._open()
            yield from (record for record in self._read() if record.date > latest)

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
            rows = frozenset(uuid for table in said.values() if isinstance(table, dict) for uuid in table)
            record = Record(said.get("_date", 0), said.get("_comment", ""), rows)
            self._latest = max(self._latest, record.date)
            yield record
