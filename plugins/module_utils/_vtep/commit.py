# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as one guarded transaction (RFC 7047, section 5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.encoding import is_uuid
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, DELETE, Change, Plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Ref, as_key
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import OWNED, TABLES, Column, is_referable, own_parts, owner_ref


def commit(db: Any, plan: Plan, guards: list[dict], mark: str | None = None) -> None:
    """Make the changes in one transaction that fails, with ``Conflict``, when a guard does not hold any more.

    ``db`` is a connected ``Database``; the changes of the plan get the UUIDs of the rows that were created. ``mark`` is the UUID
    that the first of these rows shall have, by which it can be known again; ``Unsupported`` where the server chooses them all.
    """
    writer = _Writer(plan, mark)
    results = db.transact(chain(guards, writer.operations()))
    for change, index in writer.created:
        change.uuid = results[len(guards) + index]["uuid"][1]


def operations(plan: Plan) -> list[dict]:
    """The operations of a plan (RFC 7047, section 5.2), to look at or to send by other means."""
    return list(_Writer(plan).operations())


class _Writer:
    """Encodes a plan. References become UUIDs: known, or named ones of rows that the same transaction inserts."""

    def __init__(self, plan: Plan, mark: str | None = None) -> None:
        self.plan = plan
        self._mark = {"uuid": mark} if mark else {}
        self.created: list[tuple[Change, int]] = []
        self._inserts: list[dict] = []
        self._count = 0
        self._names: dict[Ref, str] = {}
        self._uuids: dict[Ref, list] = {}

    def operations(self) -> Iterator[dict]:
        """Insertions, each after those of the rows that it needs; then updates, mutations and deletions."""
        changes = self.plan.changes
        for change in changes:
            if change.action == CREATE and is_referable(change.ref.table):
                self._names[change.ref] = f"row{len(self._names)}"
        owned = self._owned(changes)
        updates: list[dict] = []
        deletes: list[dict] = []
        for change in changes:
            if change.action == CREATE:
                # In the insert itself, since a column that may not be empty is checked there and then.
                row = self._row(change)
                if owned:
                    row |= {column: ["set", uuids] for column, unused, uuids in owned.get(change.ref, ())}
                yield from self._needed()
                self.created.append((change, self._count))
                self._count += 1
                # A MAC, to which nothing refers, needs no name: it would be a fifth of the message.
                name = {"uuid-name": self._names[change.ref]} if is_referable(change.ref.table) else {}
                yield {"op": "insert", "table": change.ref.table, **name, **self._mark, "row": row}
                self._mark = {}
            elif change.action == DELETE:
                deletes.append({"op": "delete", "table": change.ref.table, "where": is_uuid(["uuid", change.uuid])})
            else:
                where = is_uuid(["uuid", change.uuid])
                updates.append({"op": "update", "table": change.ref.table, "where": where, "row": self._row(change)})
        mutations = [
            {"op": "mutate", "table": owner.table, "where": is_uuid(self._owner(owner)), "mutations": [[column, mutator, ["set", uuids]]]}
            for owner, members in owned.items()
            if owner not in self._names
            for column, mutator, uuids in members
        ]  # fmt: skip
        yield from self._needed()
        yield from (*updates, *mutations, *deletes)

    def _needed(self) -> list[dict]:
        """The insertions of rows that others need, since the last call."""
        needed, self._inserts = self._inserts, []
        self._count += len(needed)
        return needed

    def _owned(self, changes: list[Change]) -> dict[Ref, list[tuple[str, str, list]]]:
        """What comes into and goes out of the sets of each owner: column, mutator, UUIDs. Insertions come first, since a set
        may be one that must not be empty, even for a moment."""
        members: dict[tuple[str, Ref, str], list] = {}
        going = {change.ref for change in changes if change.action == DELETE and OWNED[change.ref.table]}
        for change in changes:
            spec = TABLES[change.ref.table]
            if spec.owner and change.action in (CREATE, DELETE):
                created = change.action == CREATE
                uuid = ["named-uuid", self._names[change.ref]] if created else ["uuid", change.uuid]
                owner = owner_ref(*change.ref)
                if owner is None or owner in going:
                    continue
                members.setdefault(("insert" if created else "delete", owner, spec.owner[1]), []).append(uuid)
        owned: dict[Ref, list[tuple[str, str, list]]] = {}
        for (mutator, owner, column), uuids in sorted(members.items(), key=lambda item: item[0][0] == "delete"):
            owned.setdefault(owner, []).append((column, mutator, uuids))
        return owned

    def _insert(self, ref: Ref, row: dict) -> list:
        """Insert a row that another one needs."""
        named = self._names.setdefault(ref, f"row{len(self._names)}")
        self._inserts.append({"op": "insert", "table": ref.table, "uuid-name": named, "row": row})
        return ["named-uuid", named]

    def _owner(self, ref: Ref) -> list:
        if TABLES[ref.table].is_single and not self.plan.current.get(*ref):
            self._uuids[ref] = self._uuids.get(ref) or self._insert(ref, {})
        return self._uuid(ref)

    def _row(self, change: Change) -> dict:
        table, key = change.ref
        columns = TABLES[table].columns
        if change.action != CREATE:
            return {name: self._value(columns[name], value) for name, value in change.after.items()}
        start, parts = own_parts(table)
        row = {
            part.column: self._uuid(Ref(part.refers, as_key(value))) if part.refers else value for part, value in zip(parts, key[start:])
        }
        for name, value in change.after.items():
            if value or value == 0:
                row[name] = self._value(columns[name], value)
        return row

    def _value(self, column: Column, value: Any) -> Any:
        if column.through:
            return self._set_between(*column.through, value)
        if column.kind == "map":
            return ["map", [[k, self._atom(v)] for k, v in sorted(value.items())]]
        if column.kind == "set":
            return ["set", [self._atom(member) for member in sorted(value)]]
        return ["set", []] if value is None else self._atom(value)

    def _set_between(self, table: str, column: str, members: Iterable[Ref]) -> list:
        # The members of such a row cannot be changed (vtep.5, Physical_Locator_Set), so a change of members is a new row.
        ref = Ref(table, tuple(sorted(members)))
        if ref not in self._uuids:
            self._uuids[ref] = self._insert(ref, {column: ["set", [self._uuid(member) for member in ref.key]]})
        return self._uuids[ref]

    def _atom(self, value: Any) -> Any:
        return self._uuid(value) if isinstance(value, Ref) else value

    def _uuid(self, ref: Ref) -> list:
        uuid = self._uuids.get(ref)
        if uuid is None:
            haves = self.plan.current.get(*ref)
            if haves:
                uuid = ["uuid", haves[0].uuid]
            elif ref in self._names:
                uuid = ["named-uuid", self._names[ref]]
            else:
                uuid = self._insert(ref, self._key_columns(ref))
            self._uuids[ref] = uuid
        return uuid

    def _key_columns(self, ref: Ref) -> dict:
        return {part.column: value for part, value in zip(TABLES[ref.table].key, ref.key) if value is not None}
