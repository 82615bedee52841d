# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database as plain nested data keyed by name, and back: what vtep_info returns is what vtep_config takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import row as plain_row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Current, Ref, Reset, Row, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, Column, Key, beside_key, reference, with_references


@dataclass(frozen=True)
class Branch:
    """One place in the structure: the rows of a table, and below each row those that belong to it.

    Rows are a dictionary keyed by the last part of their key, or, where ``as_list``, a list of dictionaries that hold
    the parts of the key that the place does not say.
    """

    name: str
    table: str
    inner: tuple[Branch, ...] = ()
    as_list: bool = False

    def key_options(self, depth: int) -> tuple[str, ...]:
        """The parts of a row's key that its place, ``depth`` names deep, does not say."""
        parts = TABLES[self.table].key[depth:]
        return tuple(part.option for part in (parts if self.as_list else parts[:-1]))


_MACS = tuple(
    Branch(f"{kind}_{side}", f"{kind.capitalize()}_Macs_{side.capitalize()}") for side in ("remote", "local") for kind in ("ucast", "mcast")
)
TREE: dict[str, Branch] = {
    branch.name: branch
    for branch in (
        Branch("physical_switches", "Physical_Switch", (Branch("ports", "Physical_Port"),)),
        Branch("logical_switches", "Logical_Switch", _MACS),
        Branch("logical_routers", "Logical_Router"),
        Branch("acls", "ACL", (Branch("entries", "ACL_entry", as_list=True),)),
        Branch("managers", "Manager"),
        Branch("tunnels", "Tunnel", as_list=True),
        Branch("arp_sources_remote", "Arp_Sources_Remote"),
        Branch("arp_sources_local", "Arp_Sources_Local"),
    )
}
PARTS = tuple(TREE)
#: Below the rows of a part, the entries that are not registered by the VTEP itself.
PURGEABLE = tuple(inner.name for branch in TREE.values() for inner in branch.inner if TABLES[inner.table].registered is None)


# -- rows to data ---------------------------------------------------------------------------------------------------


def branches(parts: list[str], with_macs: bool = True) -> dict[str, Branch]:
    """The branches of these parts of the structure, with or without the MAC addresses of logical switches."""
    found = {part: TREE[part] for part in parts}
    if not with_macs:
        found = {part: replace(branch, inner=tuple(one for one in branch.inner if one not in _MACS)) for part, branch in found.items()}
    return found


def tables(parts: Iterable[Branch]) -> list[str]:
    """The tables that these branches are made of."""
    return [branch.table for part in parts for branch in (part, *part.inner)]


def gather(current: Current, parts: Mapping[str, Branch]) -> dict:
    """These parts of the structure, from all rows of their tables."""
    return {name: _gathered(branch, current) for name, branch in parts.items()}


def pick(current: Current) -> dict:
    """Single rows as a structure, without their UUIDs: the parts that have any. A row that is not one of them, and has some below
    it, is there with these alone."""
    return {part: picked for part, branch in TREE.items() if (picked := _gathered(branch, current, whole=False))}


def _by_parent(branch: Branch, current: Current) -> dict[tuple, dict[tuple, dict]]:
    """An inner table's rows by the row above them, in one walk: a thousand switches would else each walk all MACs."""
    found: dict[tuple, dict[tuple, dict]] = {}
    for key, plain in _plain_rows(branch.table, current):
        found.setdefault(key[:1], {})[key] = plain
    return found


def _gathered(branch: Branch, current: Current, whole: bool = True) -> Any:
    items = dict(_plain_rows(branch.table, current))
    for inner in branch.inner:
        below = _by_parent(inner, current)
        for key in items if whole else below:
            items.setdefault(key, {})[inner.name] = _items(inner, below.get(key, {}), 1, whole)
    return _items(branch, items, 0, whole)


def _items(branch: Branch, rows: dict[tuple, dict], depth: int, whole: bool) -> Any:
    """Rows in the form of their branch, without the names that their place says."""
    said = {part.option for part in TABLES[branch.table].key} - set(branch.key_options(depth))
    if not whole:
        said.add("_uuid")
    items = {key: {name: value for name, value in plain.items() if name not in said} for key, plain in rows.items()}
    return list(items.values()) if branch.as_list else {str(key[-1]): item for key, item in items.items()}


def _plain_rows(table: str, current: Current) -> Iterator[tuple[tuple, dict]]:
    for key, haves in sorted(current.rows.get(table, {}).items(), key=lambda item: _sortable(item[0])):
        # Of rows with the same name always the same one, in whatever order they were read.
        have = min(haves, key=attrgetter("uuid"))
        yield key, plain_row(Ref(table, key), have.columns, have.uuid)


def _sortable(key: tuple) -> tuple:
    return tuple(part if isinstance(part, int) else -1 for part in key), str(key)


# -- data to rows ---------------------------------------------------------------------------------------------------

MERGED, REPLACED, OVERRIDDEN, DELETED = "merged", "replaced", "overridden", "deleted"


def wanted(config: dict, state: str, purge: Collection[str] = (), wait: bool = False) -> Wanted:
    """What a structure means in a state. Raises ``UserError`` naming the place of what is not understood.

    ``purge``: inner branches that are ``REPLACED`` below a named row, whatever the state. ``wait``: physical switches and
    their ports must exist, rather than be created.
    """
    reader = _Reader(state, purge, wait)
    _check_mapping(config, "config")
    _check_names(config, set(PARTS), "config")
    for part, items in config.items():
        if items is not None:
            reader.branch(TREE[part], items, (), f"config.{part}")
    return reader.wanted


class _Reader:
    def __init__(self, state: str, purge: Collection[str], wait: bool) -> None:
        self.state = state
        self.purge = purge
        self.wait = wait
        self.wanted = Wanted(cascade=state != MERGED, keep_twins=True, place=self.place)
        self._places: dict[str, str] = {}

    def place(self, unused: int, row: Row) -> str:
        """Where in the structure a row came from, for errors."""
        return self._places[row.table].format(*row.key)

    def branch(self, branch: Branch, items: Any, parent: tuple, path: str) -> None:
        state = REPLACED if branch.name in self.purge else self.state
        for key, item, where in self._entries(branch, items, parent, path):
            row = Row(branch.table, key)
            self._remember(branch, parent)
            if state == DELETED:
                self._columns(branch, item, where, len(parent), state)
                inside = {inner: item[inner.name] for inner in branch.inner if item.get(inner.name) is not None}
                for inner, below in inside.items():
                    self.branch(inner, below, key, f"{where}.{inner.name}")
                # What is named is what is deepest: a row under which others are named stays, also where their list is empty.
                if not inside:
                    self.wanted.absent.append(row)
                continue
            row.columns = self._columns(branch, item, where, len(parent), state)
            row.must_exist = self.wait and branch.name in ("physical_switches", "ports")
            self.wanted.present.append(row)
            for inner in branch.inner:
                below = item.get(inner.name)
                if below is not None or state != MERGED:
                    self.branch(inner, [] if below is None and inner.as_list else below or {}, key, f"{where}.{inner.name}")
        # A named row is complete when it is replaced; that nothing is beside the named ones takes overriding.
        if state == OVERRIDDEN or (state == REPLACED and parent):
            spec = TABLES[branch.table]
            if spec.registered is None:
                self.wanted.purge.append(Scope(branch.table, parent))
            elif spec.registered:
                self.wanted.reset.append(Reset(Scope(branch.table, parent), spec.registered))

    def _remember(self, branch: Branch, parent: tuple) -> None:
        if branch.table not in self._places:
            outer = next((b.name for b in TREE.values() if branch in b.inner), None)
            self._places[branch.table] = f"config.{outer}.{{0}}.{branch.name}.{{1}}" if outer else f"config.{branch.name}.{{0}}"

    def _entries(self, branch: Branch, items: Any, parent: tuple, path: str) -> Iterator[tuple[tuple, dict, str]]:
        if not branch.as_list:
            _check_mapping(items, path)
            for name, item in items.items():
                if isinstance(name, bool) or not isinstance(name, (str, int)):
                    raise UserError(f"{path}: {name!r} is not accepted: expected a name; put it in quotes")
                item = {} if item is None else item
                _check_mapping(item, f"{path}.{name}")
                yield (*parent, str(name)), item, f"{path}.{name}"
            return
        if not isinstance(items, list):
            raise UserError(f"{path}: expected a list, got {items!r}")
        for index, item in enumerate(items):
            where = f"{path}[{index}]"
            _check_mapping(item, where)
            missing = [option for option in branch.key_options(len(parent)) if item.get(option) is None]
            if missing:
                raise UserError(f"{where}.{missing[0]}: required")
            parts = TABLES[branch.table].key[len(parent) :]
            own = (_key_part(part, item) for part in parts)
            # A key of one part stands for itself.
            yield (*parent, *(key[0] if isinstance(key, tuple) and len(key) == 1 else key for key in own)), item, where

    def _columns(self, branch: Branch, item: dict, where: str, depth: int, state: str) -> dict:
        spec = TABLES[branch.table]
        extra = {"_uuid", *branch.key_options(depth), *(inner.name for inner in branch.inner)}
        extra = extra.union(*(beside_key(part) for part in spec.key))
        extra = extra.union(*(TABLES[column.refers].beside for column in spec.columns.values() if column.refers))
        _check_names(item, spec.options.keys() | extra, where)
        columns: dict[str, Any] = {}
        if state != MERGED:
            kept = spec.managed if spec.registered is None else spec.registered
            columns = {name: spec.defaults[name] for name in kept if name not in spec.required}
        for option, value in item.items():
            name = spec.options.get(option)
            # What the VTEP reports is shown by vtep_info, and is not asked for. Null is the same as left out.
            if name is None or spec.columns[name].status or value is None:
                continue
            columns[name] = self._value(spec.columns[name], value, item, f"{where}.{option}", state)
        return columns

    def _value(self, column: Column, value: Any, item: dict, where: str, state: str) -> Any:
        if column.kind == "map":
            _check_mapping(value, where)
        elif column.kind == "set" and not isinstance(value, list):
            raise UserError(f"{where}: expected a list")
        value = with_references(column, value, item)
        if state == MERGED and column.kind in ("map", "set"):
            return Add(value)
        return value


def _key_part(part: Key, item: dict) -> Any:
    if not part.refers:
        return item[part.option]
    return reference(part.refers, item[part.option], {beside: item.get(option) for option, beside in beside_key(part).items()}).key


def _check_mapping(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a dictionary, got {value!r}")


def _check_names(given: dict, known: set[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise UserError(f"{where}: unknown key {unknown[0]!r}; expected: {', '.join(sorted(known - {'_uuid'}))}")
