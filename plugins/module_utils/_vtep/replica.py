# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy of a database that follows the server's updates, and each update as changes of rows by name. Pure.

A row is kept as a tuple of its columns, and a UUID that many rows hold once, so that a hundred thousand MAC addresses stay small.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Parse, tolerant
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import row as plain_row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Have, Ref
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import (
    EITHER,
    OWNED,
    REFERRERS,
    TABLES,
    VXLAN,
    Column,
    beside_key,
    is_referable,
    own_parts,
    writer,
)

INSERT, MODIFY, RENAME, DELETE = "insert", "modify", "rename", "delete"

#: What an update has to say of a row: its columns, or ``None`` where it is gone; by table and UUID.
News = dict[str, dict[str, "tuple | None"]]


class Named(NamedTuple):
    """A row by name: its key and its other columns, as modules show them; columns that hold nothing are left out."""

    ref: Ref
    key: dict[str, Any]
    columns: dict[str, Any]


def _in_naming_order() -> list[str]:
    """The tables whose rows have names that others are made of or refer to, each after those that its own names are made of."""
    ordered: list[str] = []

    def add(table: str) -> None:
        for part in TABLES[table].key:
            if part.refers and part.refers not in ordered:
                add(part.refers)
        if table not in ordered and TABLES[table].key and is_referable(table):
            ordered.append(table)

    for table in TABLES:
        add(table)
    return ordered


_NAMING_ORDER = _in_naming_order()
#: The tables whose rows have names.
_NAMED = [table for table, spec in TABLES.items() if spec.key]
#: table -> the options that name its rows.
_KEYS = {table: [name for part in TABLES[table].key for name in (part.option, *beside_key(part))] for table in _NAMED}
#: table -> those whose rows read differently when one of its rows gets another name.
_READERS = {
    table: [
        other
        for other in _NAMED
        if other in {referrer for referrer, unused in REFERRERS[table]} or any(part.refers == table for part in TABLES[other].key)
    ]
    for table in TABLES
}


class Replica:
    """The rows of a database. ``has``: whether the server has a table and a column. ``status``: with what the VTEP reports."""

    def __init__(self, has: Callable[[str, str], bool], status: bool = True) -> None:
        self._shown = {table: spec.columns if status else spec.managed for table, spec in TABLES.items()}
        #: The columns to follow, by table.
        self.columns: dict[str, list[str]] = {}
        for table in TABLES:
            names = [*(part.column for part in own_parts(table)[1]), *self._shown[table]]
            names += [owner[1] for child in OWNED[table] if (owner := TABLES[child].owner)]
            if known := [name for name in names if has(table, name)]:
                self.columns[table] = known
        self._at = {table: {name: index for index, name in enumerate(names)} for table, names in self.columns.items()}
        self._rows: dict[str, dict[str, tuple]] = {table: {} for table in self.columns}
        self._names: dict[str, Ref] = {}
        self._owners: dict[str, str] = {}
        self._readers = {
            table: [
                (name, self._at[table][name], self._reader(column))
                for name, column in self._shown[table].items()
                if name in self._at[table]
            ]
            for table in self.columns
        }

    # -- what the server says

    def begin(self, rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take the first answer (RFC 7047, section 4.1.5): the rows as they are."""
        news = self._news(rows)
        self._store(news)
        self._rename(news)

    def take(self, update: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict]:
        """Follow an update (RFC 7047, section 4.1.6); the changes by name."""
        return self._follow(self._news(update))

    def resume(self, rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict]:
        """Follow a first answer that comes again: the changes that were missed, each row's from what it was to what it is."""
        news: News = {}
        for table, known in self._rows.items():
            there = {uuid: self._row(table, said["new"]) for uuid, said in rows.get(table, {}).items()}
            changed: dict[str, tuple | None] = {uuid: row for uuid, row in there.items() if known.get(uuid) != row}
            changed.update((uuid, None) for uuid in known if uuid not in there)
            news[table] = changed
        return self._follow(news)

    def row(self, table: str, uuid: str) -> dict[str, Any] | None:
        """A row of a table that is followed, its values ``compact``; ``None`` where there is none."""
        row = self._rows[table].get(uuid)
        return None if row is None else dict(zip(self.columns[table], row))

    def current(self) -> Current:
        """All rows that have names, in normal form."""
        found = Current()
        for table in _NAMED:
            rows = found.rows.setdefault(table, {})
            for uuid, row in self._rows.get(table, {}).items():
                ref = self._name(table, uuid, row, self._names)
                rows.setdefault(ref.key, []).append(Have("", self._normal(table, row, self._names)))
        return found

    def _news(self, update: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> News:
        return {
            table: {uuid: self._row(table, said["new"]) if "new" in said else None for uuid, said in rows.items()}
            for table, rows in update.items()
        }

    def _row(self, table: str, said: Mapping[str, Any]) -> tuple:
        return tuple([compact(said[name]) for name in self.columns[table]])

    def _follow(self, news: News) -> list[dict]:
        before: dict[str, tuple[str, Named]] = {}
        for table, rows in news.items():
            if TABLES[table].key:
                known = self._rows[table]
                before.update((uuid, (table, self._named(table, uuid, known[uuid], self._names))) for uuid in rows if uuid in known)
        self._store(news)
        renamed = self._rename(news)
        follow = self._reread(news, renamed) if renamed else {}
        changes = _Changes()
        for table in _NAMED:
            known = self._rows.get(table, {})
            for uuid in news.get(table, {}):
                old = before[uuid][1] if uuid in before else None
                changes.add(old, self._named(table, uuid, known[uuid], self._names) if uuid in known else None)
            for old, new in follow.get(table, ()):
                changes.add(old, new, follows=True)
        return changes.all()

    def _store(self, news: News) -> None:
        for table, rows in news.items():
            known = self._rows[table]
            for uuid, row in rows.items():
                if row is None:
                    known.pop(uuid, None)
                else:
                    known[uuid] = row

    # -- names

    def _rename(self, news: News) -> dict[str, Ref]:
        """Name the rows anew whose names may have changed; the old names of those that have another one now."""
        due: dict[str, set[str]] = {table: set(news.get(table, ())) for table in _NAMING_ORDER}
        for table, rows in news.items():
            moved = self._own(table, rows) if OWNED[table] else set()
            for child in OWNED[table]:
                due[child] |= moved & self._rows.get(child, {}).keys()
        renamed: dict[str, Ref] = {}
        for table in _NAMING_ORDER:
            for uuid in due[table]:
                row, old = self._rows.get(table, {}).get(uuid), self._names.get(uuid)
                if row is None:
                    self._names.pop(uuid, None)
                    continue
                new = self._names[uuid] = self._name(table, uuid, row, self._names)
                if old is not None and old != new:
                    renamed[uuid] = old
            if any(uuid in renamed for uuid in due[table]):
                for other in _READERS[table]:
                    if other in due:
                        due[other].update(self._rows.get(other, {}))
        return renamed

    def _own(self, table: str, owners: Iterable[str]) -> set[str]:
        """Note what these rows own; what they own now, or have owned until now."""
        columns = [self._at[table][owner[1]] for child in OWNED[table] if (owner := TABLES[child].owner) and owner[1] in self._at[table]]
        asked = set(owners)
        lost = {child for child, owner in self._owners.items() if owner in asked}
        for child in lost:
            del self._owners[child]
        rows = [(uuid, self._rows[table][uuid]) for uuid in asked if uuid in self._rows[table]]
        now = {child: uuid for uuid, row in rows for at in columns for child in _as_tuple(row[at])}
        self._owners.update(now)
        return lost | now.keys()

    def _reread(self, news: News, renamed: dict[str, Ref]) -> dict[str, list[tuple[Named, Named]]]:
        """The rows of which the update says nothing, and that read differently since others have new names: as before, and as now."""
        names = {**self._names, **renamed}
        found: dict[str, list[tuple[Named, Named]]] = {}
        for table in {table for old in renamed.values() for table in (old.table, *_READERS[old.table])}:
            rows = [(uuid, row) for uuid, row in self._rows.get(table, {}).items() if uuid not in news.get(table, {})]
            both = ((self._named(table, uuid, row, names), self._named(table, uuid, row, self._names)) for uuid, row in rows)
            found[table] = [(old, new) for old, new in both if old != new]
        return found

    def _name(self, table: str, uuid: str, row: tuple, names: Mapping[str, Ref]) -> Ref:
        start, parts = own_parts(table)
        at = self._at[table]
        # An older schema may lack a part that may be left open.
        own = tuple([self._part(row[at[part.column]] if part.column in at else (), part.refers, part.parse, names) for part in parts])
        if not start:
            return Ref(table, own)
        owner = names.get(self._owners.get(uuid, ""))
        return Ref(table, (owner.key if owner else (None,) * start) + own)

    def _part(self, value: Any, target: str | None, parse: Parse, names: Mapping[str, Ref]) -> Any:
        if value == ():
            return tolerant(parse, None)
        if not target:
            return tolerant(parse, value)
        key = names[value].key if value in names else (value,)
        return key[0] if len(key) == 1 else key

    # -- values

    def _named(self, table: str, uuid: str, row: tuple, names: Mapping[str, Ref]) -> Named:
        ref = names.get(uuid) or self._name(table, uuid, row, names)
        plain = _said(plain_row(ref, self._normal(table, row, names), None))
        key = {name: plain.pop(name) for name in _KEYS[table] if name in plain}
        return Named(ref, key, plain)

    def _normal(self, table: str, row: tuple, names: Mapping[str, Ref]) -> dict[str, Any]:
        return {name: read(row[at], names) for name, at, read in self._readers[table]}

    def _reader(self, column: Column) -> Callable[[Any, Mapping[str, Ref]], Any]:
        """What brings the value of a column into normal form."""
        parse, target, key = column.parse, column.refers, column.key

        def atom(value: Any, names: Mapping[str, Ref]) -> Any:
            return (names.get(value) or Ref(target, (value,))) if target else tolerant(parse, value)

        if column.through:
            between, holding = column.through

            def through(value: Any, names: Mapping[str, Ref]) -> frozenset:
                rows, at = self._rows[between], self._at[between][holding]
                return frozenset(atom(member, names) for one in _as_tuple(value) if one in rows for member in _as_tuple(rows[one][at]))

            return through
        if column.kind == "map":
            return lambda value, names: {tolerant(key, name): atom(member, names) for name, member in value.items()}
        if column.kind == "set":
            return lambda value, names: frozenset(atom(member, names) for member in _as_tuple(value))
        return lambda value, names: None if value == () else atom(value, names)


class _Changes:
    """Rows before and after, as changes; one that goes and one that comes by the same name are one row that is changed."""

    def __init__(self) -> None:
        self._changes: list[dict] = []
        self._going: dict[Ref, Named] = {}
        self._coming: dict[Ref, Named] = {}

    def add(self, old: Named | None, new: Named | None, follows: bool = False) -> None:
        if old and new:
            self._note(old, new, follows)
        elif old:
            self._going[old.ref] = old
        elif new:
            self._coming[new.ref] = new

    def _note(self, old: Named | None, new: Named | None, follows: bool = False) -> None:
        named = old or new
        if named is None:
            return
        change: dict[str, Any] = {"table": named.ref.table, "row": named.key}
        if old is None or new is None or old.ref != new.ref:
            change["action"] = RENAME if old and new else DELETE if old else INSERT
            if old and new:
                change["to"] = new.key
            change |= {"before": old.columns} if old else {}
            change |= {"after": new.columns} if new else {}
            change["writer"] = writer(named.ref.table)
        else:
            changed = [name for name in {**old.columns, **new.columns} if old.columns.get(name) != new.columns.get(name)]
            if not changed:
                return
            # What stands beside a reference says nothing without it.
            columns = TABLES[named.ref.table].columns
            changed += [
                option
                for option, name in TABLES[named.ref.table].options.items()
                if option not in changed and {part.beside for part in TABLES[columns[name].refers or "Global"].key} & set(changed)
            ]
            change["action"] = MODIFY
            change["before"] = {name: old.columns.get(name) for name in changed}
            change["after"] = {name: new.columns.get(name) for name in changed}
            options = TABLES[named.ref.table].options
            writers = {writer(named.ref.table, options[name]) for name in changed if name in options}
            change["writer"] = writers.pop() if len(writers) == 1 else EITHER
        if follows:
            change["follows"] = True
        self._changes.append(change)

    def all(self) -> list[dict]:
        for ref, old in self._going.items():
            self._note(old, self._coming.pop(ref, None))
        for new in self._coming.values():
            self._note(None, new)
        order = {table: index for index, table in enumerate(_NAMED)}
        return sorted(self._changes, key=lambda change: order[change["table"]])


def compact(value: Any) -> Any:
    """A value as JSON writes it (RFC 7047, section 5.1) as a tuple, a dictionary, a UUID as text, or itself."""
    if not isinstance(value, list):
        return value
    kind, held = value
    if kind == "uuid":
        return sys.intern(held)
    if kind == "set":
        return tuple(map(compact, held))
    return {key: compact(member) for key, member in held}


def _as_tuple(value: Any) -> tuple:
    """A set; one of a single member is the member itself."""
    return value if isinstance(value, tuple) else (value,)


def _said(plain: dict[str, Any]) -> dict[str, Any]:
    """What there is to say of a row: no empty values, no UUID, and no encapsulation where it is the one that there is."""
    return {
        name: value
        for name, value in plain.items()
        if name != "_uuid" and value not in (None, "", [], {}) and (name != "encapsulation" or value != VXLAN)
    }
