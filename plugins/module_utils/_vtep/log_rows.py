# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a transaction in the log of a database (ovsdb(5)) makes of a row. Pure; values are as in RFC 7047, section 5.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.encoding import NOTHING, members

#: Whether a column holds a map, and whether references.
Kind = tuple[bool, bool]

_ATOMS: dict[str, Any] = {
    "integer": 0,
    "real": 0.0,
    "boolean": False,
    "string": "",
    "uuid": ["uuid", "00000000-0000-0000-0000-000000000000"],
}


class Type:
    """The type of a column (RFC 7047, section 3.2). Raises ``KeyError``, ``TypeError`` or ``AttributeError`` for what is none.

    ``default``: what a row has of which a record says nothing. ``is_composite``: whether a difference holds single members.
    ``is_logged``: what is ephemeral is in no log.
    """

    def __init__(self, column: Any) -> None:
        said = column["type"]
        self.is_logged = column.get("ephemeral") is not True
        whole = {"key": said} if isinstance(said, str) else said
        base, value = _base(whole["key"]), _base(whole.get("value"))
        self._are_uuids = base == "uuid", value == "uuid"
        self.kind: Kind = (value is not None, any(self._are_uuids))
        self.is_composite = whole.get("max", 1) != 1
        self.default = ["map", []] if value else NOTHING if whole.get("min", 1) == 0 else _ATOMS[base]

    def combined(self, held: Any, difference: Any) -> Any:
        """The value that a difference makes of the one that is held: of a set or map, it holds the members that go, come or change."""
        if not self.is_composite:
            return difference
        now = dict(self._marked(held))
        for mark, member in self._marked(difference):
            if now.get(mark) == member:
                del now[mark]
            else:
                now[mark] = member
        values = list(now.values())
        if self.kind[0]:
            return ["map", values]
        return values[0] if len(values) == 1 else ["set", values]

    def expanded(self, value: Any) -> Any:
        """A value that was made compact (``replica.compact``), as it was."""
        members_are, values_are = self._are_uuids
        if isinstance(value, dict):
            return ["map", [[key, ["uuid", held] if values_are else held] for key, held in value.items()]]
        if isinstance(value, tuple):
            return ["set", [["uuid", member] if members_are else member for member in value]]
        return ["uuid", value] if members_are else value

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two values are equal; the members of a set or map have no order."""
        return one == other or (self.is_composite and dict(self._marked(one)) == dict(self._marked(other)))

    def _marked(self, value: Any) -> Iterator[tuple[Any, Any]]:
        """The members of a set, or the pairs of a map, each with what tells it from others."""
        is_map = self.kind[0]
        for member in value[1] if is_map else members(value):
            key = member[0] if is_map else member
            yield (tuple(key) if isinstance(key, list) else key), member


def types(schema: Mapping[str, Any]) -> dict[str, dict[str, Type]]:
    """The types of the columns, by table and column, of a schema (RFC 7047, section 3.2); raises what ``Type`` raises."""
    return {table: {column: Type(said) for column, said in spec["columns"].items()} for table, spec in schema["tables"].items()}


def differing(row: Mapping[str, Any], said: Mapping[str, Any], columns: Mapping[str, Type]) -> dict[str, Any]:
    """The new values of the columns of a row of which a record that is a difference says something."""
    return {name: columns[name].combined(row[name], value) for name, value in said.items()}


def _base(said: Any) -> Any:
    return said["type"] if isinstance(said, dict) else said
