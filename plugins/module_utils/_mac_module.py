# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules on MAC tables share: one entry given by the options themselves, or any number in ``entries``."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Desired, Row, Scope
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep_module import Outcome, VtepModule


def run(table: str, entry_options: dict, row: Callable[[dict, dict], Row], more_options: dict | None = None) -> None:
    """Run a module on one MAC table. ``row(params, entry)`` makes the row of an entry; the state decides what it means."""

    def wishes(params: dict) -> Desired:
        bulk = params["entries"] is not None
        entries = params["entries"] if bulk else [params]
        rows = [row(params, entry) for entry in entries]
        label = "entries" if bulk else None
        if params["state"] == "absent":
            return Desired(absent=rows, label=label)
        purge = [Scope(table, (params["logical_switch"],))] if params["purge"] else []
        return Desired(present=rows, purge=purge, label=label)

    def result(outcome: Outcome, desired: Desired) -> dict:
        if desired.label:
            return {"rows": outcome.sample(desired)}
        return {"row": outcome.row((desired.present or desired.absent)[0].ref)}

    single = {name: {k: v for k, v in option.items() if k not in ("required", "default")} for name, option in entry_options.items()}
    module = VtepModule(
        {
            "logical_switch": {"type": "str", "required": True},
            **single,
            **(more_options or {}),
            "entries": {"type": "list", "elements": "dict", "options": entry_options},
            "purge": {"type": "bool", "default": False},
        },
        mutually_exclusive=[(name, "entries") for name in single],
        required_if=[("purge", True, ("entries",))],
    )
    if module.params["purge"] and module.params["state"] == "absent":
        module.module.fail_json(msg="purge: true goes with state: present; use entries: [] with purge: true to remove all")
    module.apply(wishes, result)
