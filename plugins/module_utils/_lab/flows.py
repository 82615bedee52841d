# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of a bridge, as ovs-ofctl(8) prints them, for a reader. Pure."""

from __future__ import annotations

import re
from typing import TypedDict

# What a line tells of a flow besides its match.
_OTHERS = ("cookie", "duration", "table", "n_packets", "n_bytes", "idle_timeout", "hard_timeout", "idle_age", "hard_age", "importance")
#: The priority of a flow that tells none (ovs-fields(7)).
DEFAULT_PRIORITY = 32768


class Flow(TypedDict):
    """A flow."""

    table: int
    priority: int
    #: Empty for all packets.
    match: str
    actions: str
    #: Seconds after which it goes, without a packet or without being learned again; 0 for never. A flow that was learned has some.
    timeout: int


def parse_flows(text: str) -> list[Flow]:
    """The flows of one bridge, by table and priority, the first that may take a packet first."""
    flows: list[Flow] = []
    for line in text.splitlines():
        told, separator, actions = line.strip().partition(" actions=")
        if not separator:
            continue
        parts = [part for part in re.split(r",\s*", told) if part]
        known = dict(part.split("=", 1) for part in parts if "=" in part)
        match = [part for part in parts if part.partition("=")[0] not in (*_OTHERS, "priority")]
        flows.append(
            {
                "table": int(known.get("table", 0)),
                "priority": int(known.get("priority", DEFAULT_PRIORITY)),
                "match": ",".join(match),
                "actions": actions,
                "timeout": int(known.get("idle_timeout") or known.get("hard_timeout") or 0),
            }
        )
    return sorted(flows, key=lambda flow: (flow["table"], -flow["priority"], flow["match"]))
