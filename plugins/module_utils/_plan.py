# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From desired rows and current rows to the list of changes. Pure: no wire, no module, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Add, Desired, Missing, Ref, Row, Scope, VtepError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._schema import OWNED, REFERRERS, TABLES, describe

CREATE, UPDATE, DELETE = "create", "update", "delete"

#: How many names an error or a result lists before it only counts.
SAMPLE = 20


@dataclass(slots=True)
class Have:
    """A row of the database: its UUID and its managed columns in normal form."""

    uuid: str
    columns: dict


@dataclass(slots=True)
class Current:
    """The part of the database that a plan needs: table -> key -> rows (more than one where others wrote twins)."""

    rows: dict[str, dict[tuple, list[Have]]] = field(default_factory=dict)

    def get(self, table: str, key: tuple) -> list[Have]:
        return self.rows.get(table, {}).get(key, [])

    def under(self, scope: Scope) -> Iterator[tuple[tuple, list[Have]]]:
        size = len(scope.prefix)
        for key, haves in self.rows.get(scope.table, {}).items():
            if key[:size] == scope.prefix:
                yield key, haves


@dataclass(slots=True)
class Change:
    """One row created, updated (``before`` and ``after`` hold the columns that differ) or deleted."""

    action: str
    ref: Ref
    uuid: str | None
    before: dict
    after: dict


@dataclass(slots=True)
class Plan:
    """The changes, in the order in which they were asked for, and what they start from."""

    current: Current
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes)

    def after(self, scope: Scope) -> dict[tuple, Have]:
        """The rows of a scope as they are when the plan is done; a row still to be made has no UUID."""
        rows = {key: haves[0] for key, haves in self.current.under(scope)}
        size = len(scope.prefix)
        gone: set[str] = set()
        for change in self.changes:
            table, key = change.ref
            if table != scope.table or key[:size] != scope.prefix:
                continue
            if change.action == CREATE:
                rows[key] = Have(change.uuid or "", change.after)
            elif change.action == UPDATE:
                held = rows[key].columns if key in rows else {}
                rows[key] = Have(change.uuid or "", {**held, **change.after})
            else:
                gone.add(change.uuid or "")
                left = [have for have in self.current.get(table, key) if have.uuid not in gone]
                if left:
                    rows[key] = left[0]
                else:
                    rows.pop(key, None)
        return rows


def plan(desired: Desired, current: Current, lenient: bool = False) -> Plan:
    """What has to change. ``desired`` must be in normal form.

    ``lenient`` (check mode): a row that is referred to and missing is a warning, since an earlier task of the same
    play may be the one that creates it.
    """
    return _Planner(desired, current, lenient).run()


class _Planner:
    def __init__(self, desired: Desired, current: Current, lenient: bool):
        self.desired = desired
        self.current = current
        self.lenient = lenient
        self.result = Plan(current)
        self.coming = {row.ref for row in desired.present}
        self.known: set[Ref] = set()
        self.deleted: set[str] = set()

    def run(self) -> Plan:
        for row in self.desired.absent:
            if row.columns:
                self._subtract(row)
            else:
                for have in self.current.get(row.table, row.key):
                    self._delete(row.ref, have)
        for scope in self.desired.purge:
            for key, haves in self.current.under(scope):
                ref = Ref(scope.table, key)
                if ref not in self.coming:
                    for have in haves:
                        self._delete(ref, have)
        for row in self.desired.present:
            self._present(row)
        return self.result

    # -- present

    def _present(self, row: Row) -> None:
        haves = self.current.get(row.table, row.key)
        if not haves and row.must_exist:
            self._check_key_references(row)
            self._absent_reference(row.ref)
            haves = [Have("", TABLES[row.table].defaults)]
        if not haves:
            self._create(row)
            return
        # A twin that is right already is the one to keep.
        kept = next((have for have in haves if not _difference(row, have)), haves[0])
        for have in haves:
            if have is not kept:
                self._delete(row.ref, have)
        after = _difference(row, kept)
        if after:
            self._check_required(row, after)
            self._check_references(row.table, after)
            before = {column: kept.columns[column] for column in after}
            self.result.changes.append(Change(UPDATE, row.ref, kept.uuid, before, after))

    def _create(self, row: Row) -> None:
        spec = TABLES[row.table]
        after = dict(spec.defaults)
        for name, value in row.columns.items():
            after[name] = value.members if isinstance(value, Add) else value
        self._check_required(row, after)
        self._check_key_references(row)
        self._check_references(row.table, after)
        self.result.changes.append(Change(CREATE, row.ref, None, {}, after))

    def _check_required(self, row: Row, after: dict) -> None:
        spec = TABLES[row.table]
        for name in spec.required:
            if name in after and not after[name]:
                raise VtepError(f"{spec.columns[name].option or name}: {describe(row.ref)} cannot be without; give it, or use state: absent")

    def _check_key_references(self, row: Row) -> None:
        for index, table in TABLES[row.table].key_references:
            self._require(Ref(table, _as_key(row.key[index])))

    def _check_references(self, table: str, columns: dict) -> None:
        for name in TABLES[table].referring & columns.keys():
            for ref in references(columns[name]):
                self._require(ref)

    def _require(self, ref: Ref) -> None:
        if ref in self.known:
            return
        self.known.add(ref)
        if ref not in self.coming and not TABLES[ref.table].kept_by_references and not self.current.get(*ref):
            self._absent_reference(ref)

    def _absent_reference(self, ref: Ref) -> None:
        spec = TABLES[ref.table]
        message = f"{describe(ref)} is not in the database; {spec.remedy}"
        if not self.lenient:
            raise Missing(message, *ref)
        self.result.warnings.append(f"{message}. The real run fails unless an earlier task creates it.")

    # -- absent

    def _subtract(self, row: Row) -> None:
        for have in self.current.get(row.table, row.key):
            after = {}
            for name, members in row.columns.items():
                held, left = have.columns[name], _without(have.columns[name], members)
                if left != held:
                    after[name] = left
            if any(TABLES[row.table].columns[name].required and not value for name, value in after.items()):
                self._delete(row.ref, have)
            elif after:
                before = {name: have.columns[name] for name in after}
                self.result.changes.append(Change(UPDATE, row.ref, have.uuid, before, after))

    def _delete(self, ref: Ref, have: Have) -> None:
        if have.uuid in self.deleted:
            return
        self.deleted.add(have.uuid)
        users = list(self._users(ref))
        if users and not self.desired.cascade:
            names = [words for unused, unused, unused, words in users]
            raise VtepError(f"{describe(ref)} is in use by {listed(names)}; remove these first, or set cascade: true")
        for user, user_have, column, unused in users:
            value = user_have.columns.get(column)
            if isinstance(value, dict):
                self._drop_entries(user, user_have, column, ref)
            else:
                self._delete(user, user_have)
        # The server checks references before it collects what is owned, so what is owned goes by name.
        for table in OWNED[ref.table]:
            for key, owned in list(self.current.under(Scope(table, ref.key))):
                for one in owned:
                    self._delete(Ref(table, key), one)
        self.result.changes.append(Change(DELETE, ref, have.uuid, have.columns, {}))

    def _drop_entries(self, user: Ref, have: Have, column: str, ref: Ref) -> None:
        left = {key: value for key, value in have.columns[column].items() if value != ref}
        self.result.changes.append(Change(UPDATE, user, have.uuid, {column: have.columns[column]}, {column: left}))

    def _users(self, ref: Ref) -> Iterator[tuple[Ref, Have, str, str]]:
        """The rows that refer to this one and are not going away themselves, each with words for it."""
        for table, column in REFERRERS[ref.table]:
            spec = TABLES[table]
            by_key = next((index for index, part in enumerate(spec.key) if part.column == column), None)
            for key, haves in self.current.rows.get(table, {}).items():
                for have in haves:
                    if have.uuid in self.deleted:
                        continue
                    if by_key is not None:
                        if _as_key(key[by_key]) == ref.key:
                            yield Ref(table, key), have, column, describe(Ref(table, key))
                    elif ref in references(have.columns[column]):
                        words = describe(Ref(table, key))
                        if isinstance(have.columns[column], dict):
                            entries = [str(k) for k, v in have.columns[column].items() if v == ref]
                            words += f" ({'VLAN ' if table == 'Physical_Port' else ''}{', '.join(entries)})"
                        yield Ref(table, key), have, column, words


def references(value: Any) -> Iterable[Ref]:
    if isinstance(value, Ref):
        return (value,)
    if isinstance(value, dict):
        return value.values()
    return value or ()


def listed(names: list[str]) -> str:
    more = len(names) - SAMPLE
    return ", ".join(names[:SAMPLE]) + (f" and {more} more" if more > 0 else "")


def _as_key(part: Any) -> tuple:
    return part if isinstance(part, tuple) else (part,)


def _difference(row: Row, have: Have) -> dict:
    """The managed columns whose value would change, with the value they get."""
    after = {}
    for name, want in row.columns.items():
        held = have.columns[name]
        if isinstance(want, Add):
            members = _adopt(want.members, held)
            want = {**held, **members} if isinstance(held, dict) else held | members
        else:
            want = _adopt(want, held)
        if want != held:
            after[name] = want
    return after


def _adopt(want: Any, held: Any) -> Any:
    """A locator named without a tunnel key means the one in use there, whatever key that one has."""
    if isinstance(want, frozenset) and held:
        twins: dict[tuple, set[Ref]] = {}
        for ref in held:
            if isinstance(ref, Ref):
                twins.setdefault(ref.key[:2], set()).add(ref)
        return frozenset(one for ref in want for one in (twins.get(ref.key[:2], {ref}) if _any_key(ref) else {ref}))
    if _any_key(want) and isinstance(held, Ref) and held.key[:2] == want.key[:2]:
        return held
    return want


def _any_key(ref: Any) -> bool:
    return isinstance(ref, Ref) and ref.table == "Physical_Locator" and ref.key[2] is None


def _without(held: Any, members: Any) -> Any:
    if isinstance(held, dict):
        return {k: v for k, v in held.items() if k not in members or members[k] not in (None, v)}
    return held - _adopt(members, held)
