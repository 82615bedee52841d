# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From wanted rows and current rows to the list of changes. Pure: no wire, no module, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import (
    Add,
    Current,
    Have,
    Missing,
    Ref,
    Row,
    Scope,
    Wanted,
    as_key,
    references,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import (
    OWNED,
    REFERRERS,
    TABLES,
    describe,
    is_open,
    may_leave_open,
    owner_ref,
    said_key,
)

CREATE, UPDATE, DELETE = "create", "update", "delete"

#: How many names an error or a result lists before it only counts.
SAMPLE = 20


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
    wanted: Wanted = field(default_factory=Wanted)
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def count(self, action: str) -> int:
        """How many rows are created, updated or deleted; ``action`` is ``CREATE``, ``UPDATE`` or ``DELETE``."""
        return sum(change.action == action for change in self.changes)

    def after(self, scope: Scope) -> dict[tuple, Have]:
        """The rows of a scope as they are when the plan is done; a row still to be made has no UUID."""
        rows = {key: haves[0] for key, haves in self.current.under(scope)}
        size = len(scope.prefix)
        changes = (change for change in self.changes if change.ref.table == scope.table and change.ref.key[:size] == scope.prefix)
        return self._changed(rows, changes)

    def rows(self, table: str, keys: list[tuple]) -> dict[tuple, Have]:
        """These rows, as far as they are there when the plan is done."""
        rows = {key: haves[0] for key in keys if (haves := self.current.get(table, key))}
        wanted = {Ref(table, key) for key in keys}
        rows = self._changed(rows, (change for change in self.changes if change.ref in wanted))
        return {key: rows[key] for key in keys if key in rows}

    def changed(self) -> tuple[Current, Current]:
        """The rows that change, with all their managed columns, before and after."""
        by_table: dict[str, list[Change]] = {}
        for change in self.changes:
            by_table.setdefault(change.ref.table, []).append(change)
        before, after = Current(), Current()
        for table, changes in by_table.items():
            held = {change.ref.key: haves[0] for change in changes if (haves := self.current.get(table, change.ref.key))}
            before.rows[table] = {key: [have] for key, have in held.items()}
            after.rows[table] = {key: [have] for key, have in self._changed(held, changes).items()}
        return before, after

    def _changed(self, rows: dict[tuple, Have], changes: Iterable[Change]) -> dict[tuple, Have]:
        gone: set[str] = set()
        for change in changes:
            table, key = change.ref
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


def plan(wanted: Wanted, current: Current, lenient: bool = False) -> Plan:
    """What has to change. ``wanted`` must be in normal form, and ``current`` hold what ``Look.for_plan`` reads for it.

    ``lenient`` (check mode): a row that is referred to and missing is a warning, since an earlier task of the same
    play may be the one that creates it. Raises ``Missing`` for such a row otherwise, and ``UserError`` for a row that
    cannot be as it is wanted, or cannot go since others refer to it.
    """
    return _Planner(_with_keys(wanted, current), current, lenient).run()


class _Planner:
    def __init__(self, wanted: Wanted, current: Current, lenient: bool) -> None:
        self.wanted = wanted
        self.current = current
        self.lenient = lenient
        self.result = Plan(current, wanted)
        self.coming = {row.ref for row in wanted.present}
        self.known: set[Ref] = set()
        self.deleted: set[str] = set()
        self.going: set[Ref] = set()
        self.updates: dict[tuple[Ref, str], Change] = {}

    def run(self) -> Plan:
        for row in self.wanted.absent:
            haves = self.current.get(row.table, row.key)
            if not haves:
                # Members of a row that is gone are gone, too, whatever they are; one that comes never had them.
                _refuse_doubts(row, row.doubts if row.ref in self.coming else [""])
            for have in haves:
                if row.columns:
                    self._subtract(row, have)
                else:
                    self._delete(row.ref, have)
        for scope in self.wanted.purge:
            for key, haves in self.current.under(scope):
                ref = Ref(scope.table, key)
                if ref not in self.coming:
                    for have in haves:
                        self._delete(ref, have)
        for scope, columns in self.wanted.reset:
            for key, haves in self.current.under(scope):
                if Ref(scope.table, key) not in self.coming:
                    self._reset(Ref(scope.table, key), haves, columns)
        for row in self.wanted.present:
            self._present(row)
        self._empty()
        self._release()
        return self.result

    def _reset(self, ref: Ref, haves: list[Have], columns: tuple[str, ...]) -> None:
        defaults = TABLES[ref.table].defaults
        for have in haves:
            after = {name: defaults[name] for name in columns if have.columns[name] != defaults[name]}
            if after:
                self._update(ref, have, after)

    def _update(self, ref: Ref, have: Have, after: dict) -> None:
        change = self.updates.get((ref, have.uuid))
        if change is None:
            change = self.updates[ref, have.uuid] = Change(UPDATE, ref, have.uuid, {}, {})
            self.result.changes.append(change)
        for name, value in after.items():
            change.before.setdefault(name, have.columns[name])
            change.after[name] = value

    # -- present

    def _present(self, row: Row) -> None:
        haves = self.current.get(row.table, row.key)
        if not haves:
            _refuse_doubts(row, row.doubts)
        if not haves and row.must_exist:
            self._check_key_references(row)
            self._absent_reference(row.ref)
            haves = [Have("", TABLES[row.table].defaults)]
        if not haves:
            self._create(row)
            return
        # A twin that is right already is the one to keep.
        differences = [(have, _difference(row, have)) for have in haves]
        kept, after = next((pair for pair in differences if not pair[1]), differences[0])
        if after or not self.wanted.keep_twins:
            for have in haves:
                if have is not kept:
                    self._delete(row.ref, have)
        if after:
            _refuse_doubts(row, after)
            self._check_required(row, after)
            self._check_references(row.table, after)
            self._update(row.ref, kept, after)

    def _create(self, row: Row) -> None:
        spec = TABLES[row.table]
        if spec.members and not any(ref.table == spec.members[0] and ref.key[:1] == row.key for ref in self.coming):
            raise UserError(_needed(spec.members[1], row.ref))
        after = spec.defaults | row.columns
        for name, value in row.columns.items():
            if isinstance(value, Add):
                after[name] = value.members
        self._check_required(row, after)
        self._check_key_references(row)
        self._check_references(row.table, after)
        self.result.changes.append(Change(CREATE, row.ref, None, {}, after))

    def _check_required(self, row: Row, after: dict) -> None:
        spec = TABLES[row.table]
        for name in spec.required:
            if name in after and not after[name]:
                raise UserError(_needed(spec.columns[name].option or name, row.ref))

    def _check_key_references(self, row: Row) -> None:
        for index, table in TABLES[row.table].key_references:
            self._require(Ref(table, as_key(row.key[index])))

    def _check_references(self, table: str, columns: dict) -> None:
        for name in TABLES[table].referring:
            for ref in references(columns.get(name)):
                self._require(ref)

    def _require(self, ref: Ref) -> None:
        if ref in self.known:
            return
        self.known.add(ref)
        if ref in self.coming or TABLES[ref.table].kept_by_references:
            return
        if ref in self.going:
            raise UserError(f"{describe(ref)} is both removed and referred to by this task; keep it, or drop what refers to it")
        if not self.current.get(*ref):
            self._absent_reference(ref)

    def _absent_reference(self, ref: Ref) -> None:
        spec = TABLES[ref.table]
        message = f"{describe(ref)} is not in the database; {spec.remedy}"
        if not self.lenient:
            raise Missing(message, *ref)
        self.result.warnings.append(f"{message}. A real run fails unless an earlier task creates it.")

    # -- absent

    def _subtract(self, row: Row, have: Have) -> None:
        after = {}
        for name, members in row.columns.items():
            held, left = have.columns[name], _without(have.columns[name], members)
            if left != held:
                after[name] = left
            else:
                _refuse_doubts(row, [name])
        if any(TABLES[row.table].columns[name].required and not value for name, value in after.items()):
            self._delete(row.ref, have)
        elif after:
            self._update(row.ref, have, after)

    def _delete(self, ref: Ref, have: Have) -> None:
        if have.uuid in self.deleted:
            return
        self.deleted.add(have.uuid)
        self.going.add(ref)
        # The server checks references before it collects what is owned, so what is owned goes by name.
        for table in OWNED[ref.table]:
            for key, owned in list(self.current.under(Scope(table, ref.key))):
                for one in owned:
                    self._delete(Ref(table, key), one)
        self.result.changes.append(Change(DELETE, ref, have.uuid, have.columns, {}))

    def _empty(self) -> None:
        """What cannot be without members goes with the last of them."""
        for owner in sorted({owner for ref in self.going if (owner := owner_ref(*ref)) and TABLES[owner.table].members}):
            table, option = TABLES[owner.table].members or ("", "")
            left = {
                key for key, haves in self.current.under(Scope(table, owner.key)) if any(have.uuid not in self.deleted for have in haves)
            }
            if left or any(ref.table == table and ref.key[: len(owner.key)] == owner.key for ref in self.coming):
                continue
            if owner in self.coming:
                raise UserError(_needed(option, owner))
            for have in self.current.get(*owner):
                self._delete(owner, have)

    def _release(self) -> None:
        """Whoever still refers to a row that goes: an error that names them, or they go, or let go, with it."""
        going = {ref for ref in self.going if REFERRERS[ref.table]}
        users: dict[Ref, list[str]] = {}
        for table, column in dict.fromkeys(pair for ref in going for pair in REFERRERS[ref.table]):
            for key, haves in list(self.current.rows.get(table, {}).items()):
                for have in haves:
                    if have.uuid in self.deleted:
                        continue
                    for held in self._held(table, key, have, column) & going:
                        users.setdefault(held, []).append(self._words(Ref(table, key), have, column, held))
                        if self.wanted.cascade:
                            self._let_go(Ref(table, key), have, column, held)
        if users and not self.wanted.cascade:
            ref, names = next(iter(users.items()))
            raise UserError(f"{describe(ref)} is in use by {enumerated(sorted(names))}; remove these first, or set cascade: true")

    def _held(self, table: str, key: tuple, have: Have, column: str) -> set[Ref]:
        """What a row refers to by a column when the task is done."""
        for index, part in enumerate(TABLES[table].key):
            if part.refers and part.column == column:
                return {Ref(part.refers, as_key(key[index]))}
        return set(references(self._value(Ref(table, key), have, column)))

    def _value(self, ref: Ref, have: Have, column: str) -> Any:
        change = self.updates.get((ref, have.uuid))
        return change.after[column] if change and column in change.after else have.columns[column]

    def _let_go(self, ref: Ref, have: Have, column: str, gone: Ref) -> None:
        if isinstance(have.columns.get(column), dict):
            left = {key: value for key, value in self._value(ref, have, column).items() if value != gone}
            self._update(ref, have, {column: left})
        else:
            self._delete(ref, have)

    def _words(self, ref: Ref, have: Have, column: str, gone: Ref) -> str:
        words = describe(ref)
        if isinstance(have.columns.get(column), dict):
            entry = TABLES[ref.table].columns[column].entry
            entries = ", ".join(str(key) for key, value in self._value(ref, have, column).items() if value == gone)
            words += f" ({entry[0].upper() + ' ' if entry else ''}{entries})"
        return words


def _needed(option: str, ref: Ref) -> str:
    return f"{option}: {describe(ref)} requires this option; set it, or remove the row"


def enumerated(names: list[str]) -> str:
    """Names for an error, the first ``SAMPLE`` of them."""
    more = len(names) - SAMPLE
    return ", ".join(names[:SAMPLE]) + (f" and {more} more" if more > 0 else "")


def _with_keys(wanted: Wanted, current: Current) -> Wanted:
    """The same, with rows whose key leaves a part open known by the key of the row that is there."""
    tables = {row.table for rows in (wanted.present, wanted.absent) for row in rows}
    if not any(may_leave_open(target) for table in tables for unused, target in TABLES[table].key_references):
        return wanted
    named = {(row.table, row.key) for row in (*wanted.present, *wanted.absent)}

    def found(row: Row) -> Row:
        if _leaves_open(row) and not current.get(row.table, row.key):
            for key in sorted(current.rows.get(row.table, {}), key=str):
                if (row.table, key) not in named and _meets(row, key):
                    return replace(row, key=key)
        return row

    return replace(wanted, present=[found(row) for row in wanted.present], absent=[found(row) for row in wanted.absent])


def _leaves_open(row: Row) -> bool:
    return any(is_open(Ref(table, as_key(row.key[index]))) for index, table in TABLES[row.table].key_references)


def _meets(row: Row, key: tuple) -> bool:
    """Whether a key is that of the row, but for the parts that the row leaves open."""
    for part, asked, held in zip(TABLES[row.table].key, row.key, key):
        if part.refers and is_open(ref := Ref(part.refers, as_key(asked))):
            asked, held = said_key(ref), said_key(Ref(part.refers, as_key(held)))
        if asked != held:
            return False
    return True


def _refuse_doubts(row: Row, columns: Iterable[str]) -> None:
    """What would have to be written, or is not there, must be right."""
    for name in columns:
        if name in row.doubts:
            raise UserError(row.doubts[name])


def _difference(row: Row, have: Have) -> dict:
    """The managed columns whose value would change, with the value they get."""
    after = {}
    for name, want in row.columns.items():
        held = have.columns[name]
        if want == held:
            continue
        if isinstance(want, Add):
            members = _adopt(want.members, held)
            want = {**held, **members} if isinstance(held, dict) else held | members
        else:
            want = _adopt(want, held)
        if want != held:
            after[name] = want
    return after


def _adopt(want: Any, held: Any) -> Any:
    """A reference that leaves a part of its key open means the row in use there, whatever it has in this part."""
    if isinstance(want, frozenset) and held:
        twins: dict[tuple, set[Ref]] = {}
        for ref in held:
            if isinstance(ref, Ref):
                twins.setdefault(said_key(ref), set()).add(ref)
        return frozenset(one for ref in want for one in (twins.get(said_key(ref), {ref}) if _any(ref) else {ref}))
    if _any(want) and isinstance(held, Ref) and said_key(held) == said_key(want):
        return held
    return want


def _any(want: Any) -> bool:
    return isinstance(want, Ref) and is_open(want)


def _without(held: Any, members: Any) -> Any:
    if isinstance(held, dict):
        return {k: v for k, v in held.items() if k not in members or members[k] not in (None, v)}
    return held - _adopt(members, held)
