# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as commands of vtep-ctl(8), which make the same in an empty database. Pure.

What has no command of its own is made with database commands (``create``), all in one call: outside of the call that makes it, a row
is known only where vtep-ctl knows it by a name, and a second locator of the same address is refused.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, Plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Ref, as_key, references
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, Column, describe, own_parts, owner_ref

#: The tables whose rows have a command that makes them, in the order in which they refer to each other.
_ADD = {"Physical_Switch": "add-ps", "Logical_Switch": "add-ls", "Logical_Router": "add-lr", "Physical_Port": "add-port"}
_MACS = {
    "Ucast_Macs_Local": "add-ucast-local",
    "Ucast_Macs_Remote": "add-ucast-remote",
    "Mcast_Macs_Local": "add-mcast-local",
    "Mcast_Macs_Remote": "add-mcast-remote",
}
#: What stands between two commands, and so cannot be an argument of one.
_NEXT = "--"
#: What needs no quotes; the words true and false, and UUIDs, would be something else without them.
_BARE = re.compile(r"(?!(?:true|false)$)(?![0-9a-fA-F]{8}-)[A-Za-z0-9_][A-Za-z0-9_.-]*")


def commands(plan: Plan) -> list[str]:
    """Calls of vtep-ctl, in their order, each a line for a shell, for the rows that a plan creates.

    Raises ``UserError`` for a name that vtep-ctl cannot take.
    """
    return [shlex.join(["vtep-ctl", *call]) for call in _Calls(plan).all()]


class _Calls:
    def __init__(self, plan: Plan) -> None:
        self._rows = {change.ref: change.after for change in plan.changes if change.action == CREATE}
        nameless = next((ref for ref in self._rows if _NEXT in ref.key), None)
        if nameless:
            raise UserError(f"{describe(nameless)}: vtep-ctl cannot take this name, which separates its commands")
        # A command knows a locator by its address alone, and only where a MAC address has led to it.
        self._unknown = {
            one.key[1]
            for ref, columns in self._rows.items()
            for one in _locators(ref, columns)
            if one.key[-1] is not None or ref.table not in _MACS
        }
        self._created = {ref: columns for ref, columns in self._rows.items() if self._needs_create(ref, columns)}
        self._ids: dict[Ref, str] = {}
        self._numbers: dict[str, int] = {}

    def all(self) -> Iterator[list[str]]:
        """The calls; what others refer to comes first."""
        added = {ref: columns for ref, columns in self._rows.items() if ref not in self._created}
        for table in _ADD:
            yield from (_joined(self._add(ref, columns)) for ref, columns in added.items() if ref.table == table)
        if self._created:
            yield [_NEXT, *_joined(self._create_all())]
        for ref, columns in self._rows.items():
            if "vlan_bindings" in _by_command(ref):
                for vlan, switch in sorted(columns["vlan_bindings"].items()):
                    yield ["bind-ls", *ref.key, str(vlan), *switch.key]
        for ref, columns in added.items():
            if ref.table in _MACS:
                yield _joined([_MACS[ref.table], *ref.key, one.key[1]] for one in sorted(_locators(ref, columns)))
        managers = {ref.key[0]: self._values(ref, columns) for ref, columns in added.items() if ref.table == "Manager"}
        if managers:
            settings = (["set", "Manager", target, *values] for target, values in managers.items() if values)
            yield _joined([["set-manager", *managers], *settings])

    def _needs_create(self, ref: Ref, columns: dict) -> bool:
        """Whether no command makes the row with all that is in it."""
        if ref.table in _MACS:
            return bool(columns["ipaddr"]) or any(one.key[1] in self._unknown for one in _locators(ref, columns))
        if ref.table == "Physical_Port":
            # Two switches may each have a port of this name.
            return any(value for name, value in columns.items() if name not in _by_command(ref))
        if ref.table in _ADD:
            return any(columns[name] for name in TABLES[ref.table].referring)
        return ref.table != "Manager"

    def _add(self, ref: Ref, columns: dict) -> Iterator[list[str]]:
        yield [_ADD[ref.table], *ref.key]
        if columns.get("replication_mode"):
            yield ["set-replication-mode", *ref.key, columns["replication_mode"]]
        if values := self._values(ref, columns):
            yield ["set", ref.table, *ref.key, *values]

    # -- database commands

    def _create_all(self) -> Iterator[list[str]]:
        for ref in self._created:
            yield from self._known(ref)
        for ref in self._created:
            owner, spec = owner_ref(*ref), TABLES[ref.table].owner
            if spec and owner and owner not in self._created:
                yield ["add", owner.table, *owner.key, spec[1], self._ids[ref]]

    def _known(self, ref: Ref) -> Iterator[list[str]]:
        """What makes a row known by an identifier in this call, unless it is."""
        if ref in self._ids:
            return
        self._ids[ref] = self._new_id(ref.table)
        if ref in self._rows and ref not in self._created:
            yield [f"--id={self._ids[ref]}", "get", ref.table, *ref.key]
            return
        start, parts = own_parts(ref.table)
        columns = self._rows.get(ref, {})
        members = [one for one in self._created if owner_ref(*one) == ref] if TABLES[ref.table].members else []
        keys = {part.column: Ref(part.refers, as_key(value)) if part.refers else value for part, value in zip(parts, ref.key[start:])}
        needed = [value for value in keys.values() if isinstance(value, Ref)]
        needed += [one for name in TABLES[ref.table].referring - _by_command(ref) for one in references(columns.get(name))]
        for one in (*members, *sorted(needed, key=str)):
            yield from self._known(one)
        values = [f"{name}={self._atom(value)}" for name, value in keys.items() if value is not None]
        for name, column in TABLES[ref.table].columns.items():
            if column.through and columns.get(name):
                between = self._new_id(column.through[0])
                yield [f"--id={between}", "create", column.through[0], f"{column.through[1]}={self._value(column, columns[name])}"]
                values.append(f"{name}={between}")
        if members:
            values.append(f"{_holding(members[0])}=[{','.join(self._ids[one] for one in members)}]")
        yield [f"--id={self._ids[ref]}", "create", ref.table, *values, *self._values(ref, columns)]

    def _new_id(self, table: str) -> str:
        number = self._numbers[table] = self._numbers.get(table, 0) + 1
        return f"@{table.lower()}{number}"

    def _values(self, ref: Ref, columns: dict) -> list[str]:
        """The columns that are not empty and have no command of their own, as database commands take them."""
        spec = TABLES[ref.table].columns
        return [
            f"{name}={self._value(spec[name], value)}"
            for name, value in columns.items()
            if (value or value == 0) and name not in _by_command(ref) and not spec[name].through
        ]

    def _value(self, column: Column, value: Any) -> str:
        if column.kind == "map":
            return "{" + ",".join(f"{self._atom(key)}={self._atom(value[key])}" for key in sorted(value)) + "}"
        if column.kind == "set":
            return "[" + ",".join(self._atom(one) for one in sorted(value)) + "]"
        return self._atom(value)

    def _atom(self, value: Any) -> str:
        if isinstance(value, Ref):
            return self._ids[value]
        return str(value) if not isinstance(value, str) or _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def _by_command(ref: Ref) -> frozenset[str]:
    """The columns that a command of their own sets."""
    if ref.table == "Logical_Switch":
        return frozenset({"replication_mode"})
    # vtep-ctl does not see a port that is called what its switch is called.
    return frozenset({"vlan_bindings"} if ref.table == "Physical_Port" and ref.key[0] != ref.key[1] else ())


def _holding(ref: Ref) -> str:
    """The column of its owner that holds a row."""
    owner = TABLES[ref.table].owner
    return owner[1] if owner else ""


def _locators(ref: Ref, columns: dict) -> list[Ref]:
    """The locators that a row refers to."""
    spec = TABLES[ref.table]
    named = [Ref(part.refers, as_key(value)) for part, value in zip(spec.key, ref.key) if part.refers]
    named += [one for name in spec.referring for one in references(columns.get(name))]
    return [one for one in named if TABLES[one.table].label is not None]


def _joined(lines: Iterable[list[str]]) -> list[str]:
    """Several commands as one call."""
    words: list[str] = []
    for line in lines:
        words += [_NEXT, *line] if words else line
    return words
