# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules on MAC tables share: one entry given by the options themselves, or any number in ``entries``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome, first_row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Row, Scope, Wanted, entry_place
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.source import OPTIONS, load_entries
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from


def unicast(table: str) -> NoReturn:
    """A module on one of the tables Ucast_Macs_*."""

    def row(params: dict, entry: Mapping[str, Any]) -> Row:
        key = (params["logical_switch"], entry["mac"])
        return Row(table, key, {} if params["state"] == "absent" else _columns(table, params, entry))

    # The server has no index on MACs, and these tables may be large.
    _run(table, {"mac": {"type": "str", "required": True}}, row, assume_new=True)


def multicast(table: str) -> NoReturn:
    """A module on one of the tables Mcast_Macs_*."""

    def row(params: dict, entry: Mapping[str, Any]) -> Row:
        columns = _columns(table, params, entry)
        if params["state"] == "absent":
            columns = {name: value for name, value in columns.items() if name == "locator_set"}
        elif not params["exclusive"] and not params["purge"] and "locator_set" in columns:
            columns["locator_set"] = Add(columns["locator_set"])
        return Row(table, (params["logical_switch"], UNKNOWN_DST if entry.get("mac") is None else entry["mac"]), columns)

    _run(table, {"mac": {"type": "str", "default": UNKNOWN_DST}}, row, {"exclusive": {"type": "bool", "default": False}})


def _columns(table: str, params: dict, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an entry sets; where the entries are all that there shall be, a listed row has no more than is listed."""
    columns = columns_from(table, entry)
    return {"ipaddr": "", **columns} if params["purge"] else columns


def _run(
    table: str,
    key_options: dict,
    row: Callable[[dict, Mapping[str, Any]], Row],
    more_options: dict | None = None,
    assume_new: bool = False,
) -> NoReturn:
    """Run a module on one MAC table. ``row(params, entry)`` makes the row of an entry; the state decides what it means."""
    entry_options = {**key_options, **column_options(table)}
    needed = next((name for name, option in entry_options.items() if option.get("required")), None)

    def want(params: dict) -> Wanted:
        if params["purge"] and params["state"] == "absent":
            raise UserError("purge: true requires state: present; to remove all entries, use entries: [] with purge: true")
        # A null counts as an option that is given.
        if params["src"] is None and params["entries"] is None:
            if params["purge"]:
                raise UserError("purge: true requires entries or src; to remove all entries, use entries: [] with purge: true")
            if needed and params[needed] is None:
                raise UserError(f"one of {needed}, entries, src is required, and none of them is given")
        if params.get("exclusive") and params["state"] == "absent":
            raise UserError("exclusive: true requires state: present; leave it out")
        place = None
        if params["src"] is not None:
            entries, place = load_entries(params["src"], set(entry_options), needed)
        elif params["entries"] is not None:
            entries, place = params["entries"], entry_place
        else:
            entries = [params]
        rows = [row(params, entry) for entry in entries]
        if params["state"] == "absent":
            return Wanted(absent=rows, place=place)
        purge = [Scope(table, (params["logical_switch"],))] if params["purge"] else []
        return Wanted(present=rows, purge=purge, place=place)

    def result(outcome: Outcome, wanted: Wanted) -> dict:
        if wanted.place:
            return {"rows": outcome.sample(wanted)}
        return first_row(outcome, wanted)

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
    )
    module.apply(want, result, assume_new=assume_new)
