# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How OVSDB writes values in JSON (RFC 7047, section 5.1)."""

from __future__ import annotations

from typing import Any

#: An optional value that is not there.
NOTHING: list = ["set", []]


def members(value: Any) -> list:
    """The members of a set, or the values of a map; a set of one is the member itself."""
    if isinstance(value, list):
        if value[0] == "set":
            return value[1]
        if value[0] == "map":
            return [pair[1] for pair in value[1]]
    return [value]


def optional(value: Any) -> Any:
    """The member of a set that holds at most one, or ``None``."""
    held = members(value)
    return held[0] if held else None


def is_uuid(uuid: list) -> list:
    """The condition for the row that has this UUID, which the server finds without a scan."""
    return [["_uuid", "==", uuid]]
