# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the summary of a lab says of each packet of a capture, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import Row


def comments(walk: Mapping[str, Any], heading: str) -> dict[int, str]:
    """By the number of a packet: the step that it is, why it is there, and the row that decides. ``walk``: one of the summary."""
    told = {int(number): f"{heading}: {why}" for number, why in walk["explained"].items()}
    for step in walk["steps"]:
        if step["packet"] is not None:
            row = f" {_words(step['row'])}." if step["row"] else ""
            problem = f" Wrong: {step['problem']}." if step["problem"] else ""
            told[step["packet"]] = f"{heading}, step {step['order']}: {step['title']}. {step['reason']}{row}{problem}"
    return told


def _words(row: Row) -> str:
    columns = ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("hypervisor", "table"))
    return f"Row of {row['table']} on {row['hypervisor']}: {columns}"
