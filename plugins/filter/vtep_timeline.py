# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: vtep_timeline
short_description: Make the recording of a VTEP database readable
version_added: 0.1.0
description:
  - Turns what M(vxlanlab.vtep.vtep_record) has recorded into lines of text, one for each transaction, with the time since the
    first line, who writes such rows, and what has changed.
  - Who writes a row or a column is what vtep(5) says of it, C(controller) (NVC there), C(vtep) (HSC), C(operator) (managers) or C(either). An
    update of the server does not say which client has made a change. In parentheses is what writers say of themselves, if it was recorded
    (O(vxlanlab.vtep.vtep_record#module:database_file)).
options:
  _input:
    description: The recording, as RV(vxlanlab.vtep.vtep_record#module:recording), a part of it, or the text of the file.
    type: raw
    required: true
  rows:
    description: How many rows of a transaction are described. The rest is counted by table.
    type: int
    default: 3
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Show what happened
  ansible.builtin.debug:
    msg: "{{ recorded.recording | vxlanlab.vtep.vtep_timeline }}"
# - "2026-01-02T03:04:05.678901Z  recorder    started: unix:/var/run/openvswitch/db.sock"
# - "  +0.412 s  controller  Logical_Switch ls0 created: tunnel_key 5000"
# - "  +0.530 s  controller  Physical_Port br0 vm1 changed: vlan_bindings +7: ls0"
# - "  +1.007 s  vtep        Ucast_Macs_Local ls0 00:00:00:00:00:01 created: locator 10.0.0.1"
# - "  +2.118 s  controller  Ucast_Macs_Remote ls0 00:00:00:00:00:02 changed: locator 10.1.0.1 -> 10.2.0.1"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import check_range
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.recording import WITH_CHANGES, read, seconds

RECORDER = "recorder"
WORDS = {"insert": "created", "modify": "changed", "rename": "renamed", "delete": "deleted"}
# Characters of a value that a line shows.
SHOWN = 60


@errors_of("vtep_timeline")
def vtep_timeline(recording: Any, rows: int = 3) -> list[str]:
    """The lines of a recording in words."""
    check_range("rows", rows, 0)
    lines = read(recording)
    begin = seconds(lines[0]) if lines else 0.0
    return [_printable(f"{_when(line, begin)}  {_who(line):<10}  {_what(line, rows)}") for line in lines]


def _when(line: dict, begin: float) -> str:
    return line["time"] if line["event"] == "started" else f"{f'+{seconds(line) - begin:.3f}':>9} s"


def _who(line: dict) -> str:
    if not line.get("changes"):
        return RECORDER
    writers = {change["writer"] for change in line["changes"]}
    # Locators come along with the rows that need them.
    return "+".join(sorted(writers - {"either"} or writers))


def _what(line: dict, rows: int) -> str:
    event = line["event"]
    if event in WITH_CHANGES:
        changes = _changes(line.get("changes") or [], rows)
        if event == "transaction":
            comments = _short(["; ".join(line.get("comments") or [])])
            return f"{changes} ({comments})" if comments else changes
        return f"while the server was lost: {changes}" if changes else "connected again: nothing has changed"
    if event == "started":
        return f"started: {line.get('database', '')}"
    if event == "lost":
        return f"lost the server: {line.get('why', '')}"
    count = line.get("transactions")
    words = f"ended ({line.get('why', '')}) after {count} transaction{'' if count == 1 else 's'}"
    return words if line.get("complete", True) else f"{words}; what came last may be missing"


def _changes(changes: list[dict], rows: int) -> str:
    # A row that only carries the new name of another one is no news of its own.
    described = [change for change in changes if not change.get("follows")][:rows]
    left = Counter((change["table"], WORDS[change["action"]]) for change in changes)
    left.subtract((change["table"], WORDS[change["action"]]) for change in described)
    counts = ", ".join(f"{number} {table} {word}" for (table, word), number in left.items() if number)
    said = "; ".join(map(_change, described))
    if not counts:
        return said
    return f"{said}; and {counts}" if said else counts


def _change(change: dict) -> str:
    action = change["action"]
    words = f"{change['table']} {_name(change['row'])} {WORDS[action]}"
    before, after = change.get("before") or {}, change.get("after") or {}
    details = [_column(name, before.get(name), after.get(name)) for name in {**before, **after} if before.get(name) != after.get(name)]
    if action == "rename":
        details.insert(0, _name(change["to"]))
    # What a row that is gone has held says little.
    return f"{words}: {', '.join(details)}" if details and action != "delete" else words


def _name(row: dict) -> str:
    return " ".join(str(part) for part in row.values())


def _column(name: str, before: Any, after: Any) -> str:
    if isinstance(before, dict) or isinstance(after, dict):
        return f"{name} {_short(_map_words(before or {}, after or {}))}"
    if isinstance(before, list) or isinstance(after, list):
        held, new = before or [], after or []
        if not held:
            return f"{name} {_short(map(str, new))}"
        return f"{name} {_short([*(f'+{one}' for one in new if one not in held), *(f'-{one}' for one in held if one not in new)])}"
    if before is None:
        return f"{name} {_value(after)}"
    return f"{name} {_value(before)} -> {_value(after)}"


def _map_words(before: dict, after: dict) -> Iterable[str]:
    for key in {**before, **after}:
        if key not in before:
            yield f"+{key}: {after[key]}"
        elif key not in after:
            yield f"-{key}: {before[key]}"
        elif before[key] != after[key]:
            yield f"{key}: {before[key]} -> {after[key]}"


def _value(value: Any) -> str:
    return "none" if value is None else _short([str(value)])


def _short(words: Iterable[str]) -> str:
    text = " ".join(words)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _printable(text: str) -> str:
    """The same without what a terminal would take for a command: the names are whatever somebody has written."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"vtep_timeline": vtep_timeline}
