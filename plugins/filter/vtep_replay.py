# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vtep_replay
short_description: Make tasks of the recording of a VTEP database
version_added: 0.1.0
description:
  - Turns what M(vxlanlab.vtep.vtep_record) has recorded into a list of tasks that do the same on another server, in the same order. On an
    empty database the tasks leave what the recorded one held at the end.
  - The first task writes what the database held at the beginning. Each transaction follows as a task that removes rows, one that creates and
    changes rows, both with M(vxlanlab.vtep.vtep_config), and one for each row that loses a part of a column, with the module of its
    table, as far as there is something to do.
  - A row with another name than before is removed and created again, with all that refers to it.
  - What the VTEP reports is not replayed.
options:
  _input:
    description:
      - The recording from its first line on, as RV(vxlanlab.vtep.vtep_record#module:recording) or the text of the file.
    type: raw
    required: true
  only:
    description:
      - Replay only the rows and columns that vtep(5) says these write. V(controller) and V(operator) are what to replay to a VTEP that registers
        its switches, ports, tunnels and local addresses itself. By default everything is replayed.
    type: list
    elements: str
    choices: [controller, vtep, operator]
    default: [controller, vtep, operator]
notes:
  - The filter returns data. Write it to a file to run it, see the example. Text that Ansible would take for a template is quoted as one.
  - Neither MAC addresses whose spelling is not that of the modules, nor rows of one name that others wrote twice, nor entries that belong
    to no ACL are made as they were.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Write the tasks to a file
  ansible.builtin.copy:
    content: "{{ lookup('ansible.builtin.file', 'controller.jsonl') | vxlanlab.vtep.vtep_replay | to_nice_yaml }}"
    dest: /tmp/replay.yml
    mode: "0600"
  delegate_to: localhost

- name: Replay them on another VTEP
  ansible.builtin.include_tasks: /tmp/replay.yml
"""

RETURN = r"""
_value:
  description: The tasks. Where the database is comes from C(module_defaults).
  type: list
  elements: dict
"""

from collections.abc import Callable, Collection
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.recording import WITH_CHANGES, read, seconds

WRITERS = ("controller", "vtep", "operator")
COLLECTION = "vxlanlab.vtep"
CONFIG = f"{COLLECTION}.vtep_config"
# The module that sets a column of one row as a whole; of the other tables no column can lose a part and stay.
MODULES = {
    "Physical_Switch": "vtep_physical_switch",
    "Physical_Port": "vtep_physical_port",
    "Tunnel": "vtep_tunnel",
    "Manager": "vtep_manager",
    "Logical_Switch": "vtep_logical_switch",
    "Mcast_Macs_Remote": "vtep_mcast_remote",
    "Mcast_Macs_Local": "vtep_mcast_local",
    "Logical_Router": "vtep_logical_router",
}
ACL = "ACL"
ENTRY = "ACL_entry"


@errors_of("vtep_replay")
def vtep_replay(recording: Any, only: Collection[str] = WRITERS) -> list[dict[str, Any]]:
    """The tasks that do again what a recording holds."""
    only = [only] if isinstance(only, str) else list(only)
    for name in only:
        check(name in WRITERS, "only", name, ", ".join(WRITERS))
    lines = read(recording)
    if not lines or lines[0]["event"] != "started" or "initial" not in lines[0]:
        raise UserError("expected a recording from its first line on, with the initial contents; record with initial: true")
    replay = _Replay(lines[0]["tables"], only)
    begin = seconds(lines[0])
    replay.take("Initial contents", _initial(lines[0]))
    for line in lines[1:]:
        if line["event"] in WITH_CHANGES:
            what = f"Transaction {line['number']}" if "number" in line else "While the server was lost"
            replay.take(f"{what}, {seconds(line) - begin:.3f} s", line["changes"])
    return _literal(replay.tasks)


def _literal(value: Any) -> Any:
    """The same, so that Ansible takes no text in it for a template: the database holds whatever somebody has written. It leaves keys alone."""
    if isinstance(value, dict):
        return {key: _literal(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_literal(member) for member in value]
    if isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#")):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{{{{ "{escaped}" }}}}'
    return value


def _initial(first: dict) -> list[dict]:
    """What a database held at the beginning, as rows that are inserted."""
    found = []
    for table, spec in first["tables"].items():
        part, *inner = spec["place"]
        outer = first["initial"].get(part) or {}
        places = [({spec["key"][0]: name}, below.get(inner[0])) for name, below in outer.items()] if inner else [({}, outer)]
        nested = {
            other["place"][1] for other in first["tables"].values() if other["place"][0] == part and not inner and len(other["place"]) > 1
        }
        for above, items in places:
            entries = items if spec["list"] else [{spec["key"][-1]: name, **item} for name, item in (items or {}).items()]
            for entry in entries or ():
                said = {**above, **entry}
                row = {name: value for name, value in said.items() if name in _key_names(spec)}
                after = {name: value for name, value in said.items() if name not in row and name not in nested}
                found.append({"table": table, "row": row, "action": "insert", "after": after})
    return found


def _key_names(spec: dict) -> set[str]:
    return {*spec["key"], *(f"{name}_tunnel_key" for name in spec["key"])}


class _Replay:
    def __init__(self, tables: dict[str, dict], only: Collection[str]) -> None:
        self.tables = tables
        self.only = only
        self.tasks: list[dict[str, Any]] = []
        # By ACL and sequence: a list of entries is replaced as a whole.
        self._entries: dict[str, dict[int, dict]] = {}

    def take(self, name: str, changes: list[dict]) -> None:
        """Add the tasks for the changes of a transaction."""
        # A row without a name, such as an entry of no ACL, is none for a task.
        old = [(change["table"], change["row"], change) for change in changes if self._has_name(change["table"], change["row"])]
        new = [
            (change["table"], row, change)
            for change in changes
            if self._has_name(change["table"], row := change.get("to") or change["row"])
        ]
        gone = [(table, row) for table, row, change in old if change["action"] in ("delete", "rename")]
        come = [(table, row, change["after"]) for table, row, change in new if change["action"] in ("insert", "rename")]
        changed = [one for one in old if one[2]["action"] == "modify"]
        self._note_entries(gone, come, changed)
        whole = {row["name"] for table, row, *unused in (*gone, *come) if table == ACL}
        acls = {row["name"]: None for table, row, *unused in (*gone, *come, *changed) if table == ENTRY and row["name"] not in whole}

        deleted: dict[str, Any] = {}
        above = {(table, _key(row)[:1]) for table, row in gone}
        for table, row in gone:
            spec = self.tables[table]
            if spec["writer"] in self.only and not (table == ENTRY and row["name"] in acls) and not self._is_below(spec, row, above):
                self._put(deleted, table, row, {})
        merged: dict[str, Any] = {}
        later = []
        for table, row, after in come:
            columns = self._columns(table, after)
            if (self.tables[table]["writer"] in self.only or columns) and not (table == ENTRY and row["name"] in acls):
                self._put(merged, table, row, columns)
        for table, row, change in changed:
            columns = self._columns(table, change["after"])
            if not columns or table == ENTRY:
                # An entry is a part of its list.
                continue
            if any(_loses(change["before"].get(column), value) for column, value in columns.items()) and table in MODULES:
                later.append(self._module(name, table, row, columns, change["before"]))
            else:
                self._put(merged, table, row, {column: "" if value is None else value for column, value in columns.items()})
        if deleted:
            self._add(f"{name}: removed", CONFIG, {"config": deleted, "state": "deleted"})
        if merged:
            self._add(f"{name}: created and changed", CONFIG, {"config": merged, "state": "merged"})
        self.tasks += later
        for acl in acls if self.tables[ACL]["writer"] in self.only else ():
            entries = [{"sequence": sequence, **columns} for sequence, columns in sorted(self._entries[acl].items())]
            self._add(f"{name}: entries of {acl}", f"{COLLECTION}.vtep_acl", {"name": acl, "entries": entries})

    def _add(self, name: str, module: str, options: dict[str, Any]) -> None:
        self.tasks.append({"name": name, module: options})

    def _columns(self, table: str, after: dict) -> dict:
        """The columns that are replayed."""
        spec = self.tables[table]
        return {
            name: value
            for name, value in after.items()
            if name not in spec["status"]
            and (value is not None or name in spec["columns"])
            and spec["columns"].get(name, spec["writer"]) in self.only
        }

    def _is_below(self, spec: dict, row: dict, above: set[tuple]) -> bool:
        """Whether the row goes with the one that it is named under."""
        part, *inner = spec["place"]
        return bool(inner) and any(other["place"] == [part] and (table, _key(row)[:1]) in above for table, other in self.tables.items())

    def _put(self, config: dict, table: str, row: dict, columns: dict) -> None:
        """Add a row to a structure as vtep_config takes it."""
        spec = self.tables[table]
        part, *inner = spec["place"]
        names = dict(row)
        if inner:
            at = config.setdefault(part, {}).setdefault(names.pop(spec["key"][0]), {})
            part = inner[0]
        else:
            at = config
        if spec["list"]:
            at.setdefault(part, []).append({**names, **columns})
        else:
            at.setdefault(part, {}).setdefault(names[spec["key"][-1]], {}).update(columns)

    def _module(self, name: str, table: str, row: dict, columns: dict, before: dict) -> dict:
        """The task that sets columns of one row as a whole."""
        cleared = [column for column, value in columns.items() if value is None and column in self.tables[table]["clear"]]
        options = {
            column: _emptied(before[column]) if value is None else value for column, value in columns.items() if column not in cleared
        }
        options |= {"clear": cleared} if cleared else {}
        options |= {"exclusive": True} if "locators" in options else {}
        return {"name": f"{name}: {table} {' '.join(_key(row))}", f"{COLLECTION}.{MODULES[table]}": {**row, **options}}

    def _has_name(self, table: str, row: dict) -> bool:
        return table in self.tables and set(self.tables[table]["key"]) <= set(row)

    def _note_entries(self, gone: list, come: list, changed: list) -> None:
        """What the lists of entries are after a transaction."""
        for table, row in gone:
            if table == ENTRY:
                del self._entries[row["name"]][row["sequence"]]
        for table, row, after in (*come, *((table, row, change["after"]) for table, row, change in changed)):
            if table == ENTRY:
                held = self._entries.setdefault(row["name"], {}).setdefault(row["sequence"], {})
                held.update(self._columns(ENTRY, after))
                for name in [name for name, value in held.items() if value is None]:
                    del held[name]


def _key(row: dict) -> tuple[str, ...]:
    return tuple(str(part) for part in row.values())


def _loses(before: Any, after: Any) -> bool:
    """Whether a value loses something that merging would leave."""
    if isinstance(before, (list, dict)):
        return not set(before) <= set(after or ())
    return before is not None and after is None


def _emptied(before: Any) -> Any:
    # Not by its type: what comes from Ansible may be of a type of its own, which makes no empty value.
    if isinstance(before, dict):
        return {}
    return [] if isinstance(before, list) else ""


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"vtep_replay": vtep_replay}
