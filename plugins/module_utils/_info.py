# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database as plain nested data keyed by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._plan import Current
from ansible_collections.vxlanlab.vtep.plugins.module_utils._render import row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Ref, Scope

#: What a logical switch holds, and the tables it comes from.
_MACS = {
    "ucast_remote": "Ucast_Macs_Remote",
    "mcast_remote": "Mcast_Macs_Remote",
    "ucast_local": "Ucast_Macs_Local",
    "mcast_local": "Mcast_Macs_Local",
}


def _rows(current: Current, table: str, prefix: tuple = ()) -> dict[tuple, dict]:
    """The rows of a scope as plain data without the names that their place in the structure already says."""
    found = {}
    for key, haves in sorted(current.under(Scope(table, prefix)), key=lambda item: str(item[0])):
        plain = row(Ref(table, key), haves[0].columns, haves[0].uuid)
        found[key] = plain
    return found


def _named(rows: dict[tuple, dict], *names: str) -> dict[str, dict]:
    return {str(key[-1]): {k: v for k, v in plain.items() if k not in names} for key, plain in rows.items()}


def _physical_switches(current: Current) -> dict:
    switches = _named(_rows(current, "Physical_Switch"), "name")
    for name, switch in switches.items():
        switch["ports"] = _named(_rows(current, "Physical_Port", (name,)), "physical_switch", "port")
    return switches


def _logical_switches(current: Current) -> dict:
    switches = _named(_rows(current, "Logical_Switch"), "name")
    for switch in switches.values():
        switch.update({part: {} for part in _MACS})
    # By hand and not scope by scope: a thousand switches would each walk all MACs.
    for part, table in _MACS.items():
        for (switch, mac), plain in _rows(current, table).items():
            switches[switch][part][mac] = {k: v for k, v in plain.items() if k not in ("logical_switch", "mac")}
    return switches


def _managers(current: Current) -> dict:
    return _named(_rows(current, "Manager"), "target")


def _tunnels(current: Current) -> list:
    return list(_rows(current, "Tunnel").values())


#: What can be gathered: the tables to read, and how they become data.
PARTS: dict[str, tuple[tuple[str, ...], Callable[[Current], Any]]] = {
    "physical_switches": (("Physical_Switch", "Physical_Port"), _physical_switches),
    "logical_switches": (("Logical_Switch", *_MACS.values()), _logical_switches),
    "managers": (("Manager",), _managers),
    "tunnels": (("Tunnel",), _tunnels),
}


def gather(db: Any, parts: list[str]) -> dict:
    """The named parts of the database, status columns included, in one consistent structure."""
    look = Look(db, status=True)
    look.whole(table for part in parts for table in PARTS[part][0])
    current = look.current()
    return {part: PARTS[part][1](current) for part in parts}
