# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes in the form in which Ansible shows them: the diff, and rows as plain data."""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, DELETE, SAMPLE, UPDATE, Change, Plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Ref, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, beside_key, describe, plain_name


def plain(value: Any) -> Any:
    """A column's value for a person: references by name, sets sorted, map keys as text (JSON has no other)."""
    if isinstance(value, Ref):
        return plain_name(value)
    if isinstance(value, frozenset):
        return sorted(map(plain, value))
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value)}
    return value


def _said_beside(ref: Ref) -> dict[str, Any]:
    """The parts of a reference that options beside it hold."""
    return {part.beside: held for part, held in zip(TABLES[ref.table].key, ref.key) if part.beside}


def row(ref: Ref, columns: dict, uuid: str | None) -> dict:
    """A row as modules return it: the options that name it, its managed columns, and ``_uuid``."""
    spec = TABLES[ref.table]
    result: dict[str, Any] = {
        part.option: plain(Ref(part.refers, value)) if isinstance(value, tuple) and part.refers else value
        for part, value in zip(spec.key, ref.key)
    }
    for part, value in zip(spec.key, ref.key):
        for option, beside in beside_key(part).items() if part.refers and isinstance(value, tuple) else ():
            held = _said_beside(Ref(part.refers or "", value)).get(beside)
            if held is not None:
                result[option] = held
    for name, value in columns.items():
        result[spec.columns[name].option or name] = plain(value)
        if isinstance(value, Ref):
            result.update({option: held for option, held in _said_beside(value).items() if held is not None})
    result["_uuid"] = uuid or None
    return result


def changes(plan: Plan) -> list[str]:
    """The changes in words, the first ones by name."""
    shown, more = _shown(plan)
    return [f"{change.action} {describe(change.ref)}" for change in shown] + ([more] if more else [])


def _shown(plan: Plan) -> tuple[list[Change], str]:
    """The changes to show by name, and words for those that are only counted.

    Rows that are to be come before those that go: they are what the task lists, and in its order.
    """
    shown = [change for change in plan.changes if change.action != DELETE][:SAMPLE]
    going = (change for change in plan.changes if change.action == DELETE)
    shown += nsmallest(SAMPLE - len(shown), going, key=lambda change: describe(change.ref))
    left = Counter(change.action for change in plan.changes) - Counter(change.action for change in shown)
    rest = ", ".join(f"{left[action]} to {action}" for action in (CREATE, UPDATE, DELETE) if left[action])
    return shown, f"and {left.total()} more rows: {rest}" if rest else ""


def diff(plan: Plan) -> dict:
    """What ``--diff`` shows: the changed columns of the changed rows, before and after, the first ones by name."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    shown, more = _shown(plan)
    for change in shown:
        words = describe(change.ref)
        if change.action != CREATE:
            before.setdefault(words, {}).update(_columns(change, change.before))
        if change.action != DELETE:
            after.setdefault(words, {}).update(_columns(change, change.after))
    if more:
        after["..."] = more
    # Nothing is shown as no text, not as an empty dictionary.
    return {"before": before or "", "after": after or ""}


def _columns(change: Change, columns: dict) -> dict:
    spec = TABLES[change.ref.table]
    return {spec.columns[name].option or name: plain(value) for name, value in columns.items()}


class Outcome:
    """What a task did, or would do: the plan, read as plain rows. ``reported``: what the VTEP says of them, if asked for."""

    def __init__(self, done: Plan, reported: Current) -> None:
        self._plan = done
        self._reported = reported

    @property
    def size(self) -> int:
        """How many rows change."""
        return len(self._plan.changes)

    def changed(self) -> tuple[Current, Current]:
        """The rows that change, before and after."""
        return self._plan.changed()

    def changes(self) -> list[str]:
        """What was changed, in words, the first rows by name."""
        return changes(self._plan)

    def row(self, ref: Ref) -> dict:
        """One row as it is now; empty where it is not there."""
        have = self._plan.rows(ref.table, [ref.key]).get(ref.key)
        if not have:
            return {}
        spec = TABLES[ref.table].columns
        reported = {name: value for one in self._reported.get(*ref) for name, value in one.columns.items() if spec[name].status}
        return row(ref, {**have.columns, **reported}, have.uuid)

    def rows(self, scope: Scope) -> list[dict]:
        """The rows of a scope as they are now, in the order of their keys."""
        return [row(Ref(scope.table, key), have.columns, have.uuid) for key, have in sorted(self._plan.after(scope).items())]

    def names(self, scope: Scope) -> list[str]:
        """The last part of the key of every row in a scope."""
        return sorted(key[-1] for key in self._plan.after(scope))

    def sample(self, wanted: Wanted) -> list[dict]:
        """The first rows that a bulk task was about, those of them that are there."""
        about = (wanted.present or wanted.absent)[:SAMPLE]
        table = about[0].table if about else ""
        held = self._plan.rows(table, [one.key for one in about])
        return [row(Ref(table, key), have.columns, have.uuid) for key, have in held.items()]


def first_row(outcome: Outcome, wanted: Wanted) -> dict:
    """The result of a task that is about one row."""
    return {"row": outcome.row((wanted.present or wanted.absent)[0].ref)}
