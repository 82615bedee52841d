# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes in the form in which Ansible shows them: the diff, and rows as plain data."""

from __future__ import annotations

from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._plan import CREATE, DELETE, SAMPLE, UPDATE, Change, Plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Ref
from ansible_collections.vxlanlab.vtep.plugins.module_utils._schema import TABLES, describe


def plain(value: Any) -> Any:
    """A column's value for a person: references by name, sets sorted, map keys as text (JSON has no other)."""
    if isinstance(value, Ref):
        return value.key[1] if value.table == "Physical_Locator" else value.key[0] if len(value.key) == 1 else list(value.key)
    if isinstance(value, frozenset):
        return sorted(map(plain, value))
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value)}
    return value


def row(ref: Ref, columns: dict, uuid: str | None) -> dict:
    """A row as modules return it: the options that name it, its managed columns, and ``_uuid``."""
    spec = TABLES[ref.table]
    result: dict[str, Any] = {
        part.option: plain(Ref(part.refers, value)) if isinstance(value, tuple) and part.refers else value
        for part, value in zip(spec.key, ref.key)
    }
    for name, value in columns.items():
        result[spec.columns[name].option or name] = plain(value)
        if isinstance(value, Ref) and value.table == "Physical_Locator":
            result["encapsulation"], unused, tunnel_key = value.key
            if tunnel_key is not None:
                result["locator_tunnel_key"] = tunnel_key
    result["_uuid"] = uuid or None
    return result


def diff(plan: Plan) -> dict:
    """What ``--diff`` shows: the changed columns of the changed rows, before and after, the first ones by name."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in plan.changes[:SAMPLE]:
        words = describe(change.ref)
        if change.action != CREATE:
            before.setdefault(words, {}).update(_columns(change, change.before))
        if change.action != DELETE:
            after.setdefault(words, {}).update(_columns(change, change.after))
    more = plan.changes[SAMPLE:]
    if more:
        left = {action: sum(change.action == action for change in more) for action in (CREATE, UPDATE, DELETE)}
        rest = ", ".join(f"{number} to {action}" for action, number in left.items() if number)
        after["..."] = f"and {len(more)} more rows: {rest}"
    # Nothing is shown as no text, not as an empty dictionary.
    return {"before": before or "", "after": after or ""}


def _columns(change: Change, columns: dict) -> dict:
    spec = TABLES[change.ref.table]
    return {spec.columns[name].option or name: plain(value) for name, value in columns.items()}
