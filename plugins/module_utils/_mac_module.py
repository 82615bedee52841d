# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules on MAC tables share: one entry given by the options themselves, or any number in ``entries``."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Add, Desired, Row, Scope, entry_place, locator, managed
from ansible_collections.vxlanlab.vtep.plugins.module_utils._source import OPTIONS, load_entries, place_in
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep_module import Outcome, VtepModule, first_row

UNICAST = {
    "mac": {"type": "str", "required": True},
    "locator": {"type": "str"},
    "encapsulation": {"type": "str"},
    "ipaddr": {"type": "str"},
}
MULTICAST = {
    "mac": {"type": "str", "default": "unknown-dst"},
    "locators": {"type": "list", "elements": "str"},
    "encapsulation": {"type": "str"},
}
VXLAN = "vxlan_over_ipv4"


def unicast(table: str) -> None:
    """A module on one of the tables Ucast_Macs_*."""

    def row(params: dict, entry: dict) -> Row:
        key = (params["logical_switch"], entry["mac"])
        if params["state"] == "absent":
            return Row(table, key)
        there = entry.get("locator")
        to = None if there is None else locator(there, entry.get("encapsulation") or VXLAN)
        return Row(table, key, managed(locator=to, ipaddr=entry.get("ipaddr")))

    # The server has no index on MACs, and these tables may be large.
    _run(table, UNICAST, row, unseen=True)


def multicast(table: str) -> None:
    """A module on one of the tables Mcast_Macs_*."""

    def row(params: dict, entry: dict) -> Row:
        key = (params["logical_switch"], entry.get("mac") or "unknown-dst")
        if entry.get("locators") is None:
            return Row(table, key)
        there = frozenset(locator(one, entry.get("encapsulation") or VXLAN) for one in entry["locators"])
        merged = params["state"] == "present" and not params["exclusive"]
        return Row(table, key, {"locator_set": Add(there) if merged else there})

    _run(table, MULTICAST, row, {"exclusive": {"type": "bool", "default": False}})


def _run(table: str, entry_options: dict, row: Callable[[dict, dict], Row], more_options: dict | None = None, unseen: bool = False) -> None:
    """Run a module on one MAC table. ``row(params, entry)`` makes the row of an entry; the state decides what it means."""

    def wishes(params: dict) -> Desired:
        place = None
        if params["src"] is not None:
            entries, place = load_entries(params["src"], set(entry_options), _needed(entry_options)), place_in(params["src"])
        elif params["entries"] is not None:
            entries, place = params["entries"], entry_place
        else:
            entries = [params]
        rows = [row(params, entry) for entry in entries]
        if params["state"] == "absent":
            return Desired(absent=rows, place=place)
        purge = [Scope(table, (params["logical_switch"],))] if params["purge"] else []
        return Desired(present=rows, purge=purge, place=place)

    def result(outcome: Outcome, desired: Desired) -> dict:
        if desired.place:
            return {"rows": outcome.sample(desired)}
        return first_row(outcome, desired)

    single = {name: {k: v for k, v in option.items() if k not in ("required", "default")} for name, option in entry_options.items()}
    module = VtepModule(
        {
            "logical_switch": {"type": "str", "required": True},
            **single,
            **(more_options or {}),
            "entries": {"type": "list", "elements": "dict", "options": entry_options},
            "purge": {"type": "bool", "default": False},
            **OPTIONS,
        },
        mutually_exclusive=[(name, bulk) for name in single for bulk in ("entries", "src")] + [("entries", "src")],
        required_if=[("purge", True, ("entries", "src"), True)],
    )
    if module.params["purge"] and module.params["state"] == "absent":
        module.module.fail_json(msg="purge: true goes with state: present; use entries: [] with purge: true to remove all")
    module.apply(wishes, result, unseen=unseen)


def _needed(entry_options: dict) -> str | None:
    return next((name for name, option in entry_options.items() if option.get("required")), None)
