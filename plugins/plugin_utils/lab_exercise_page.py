# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packets of an exercise, of the broken and of the repaired lab, as the data of its page. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.exercise import BROKEN, REPAIRED
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_drawing import Data, Shown

# Each run of ping(8) has its own.
IDENTIFIER = re.compile(r" id=0x[0-9a-f]+,")


def lab_exercise_page(exercise: Data, captures: Sequence[Data], facts: Data) -> Shown:
    """What ``exercise.html`` shows: at each point, what was seen before and after the repair, side by side.

    ``exercise``: completed by lab_exercise. ``captures``: what vxlan_capture_info returned, those of the broken lab first, in the order of
    its chapters' captures. ``facts``: ``lab``, ``driver`` and ``time`` of the page.
    """
    listened = exercise["chapters"][BROKEN]["captures"]
    if len(captures) != 2 * len(listened):
        raise UserError(f"{len(captures)} captures. Give {2 * len(listened)}: those of the broken lab, then those of the repaired one.")
    pairs = zip(listened, captures, captures[len(listened) :])
    return {
        **{name: facts[name] for name in ("lab", "driver", "time")},
        **{name: exercise[name] for name in ("title", "symptom", "explanation", "fault", "repair")},
        "source": exercise["pings"][0]["from"],
        "target": exercise["pings"][0]["to"],
        "points": [
            {
                "point": one["point"],
                "sides": [
                    {"state": BROKEN, "packets": _packets(broken["packets"], repaired["packets"])},
                    {"state": REPAIRED, "packets": _packets(repaired["packets"], broken["packets"])},
                ],
            }
            for one, broken, repaired in pairs
        ],
    }


def _packets(packets: Sequence[CapturedPacket], others: Sequence[CapturedPacket]) -> list[Shown]:
    """Packets; ``alone`` are those that the other side has not."""
    there = {_kind(packet) for packet in others}
    shown = ("number", "source", "destination", "protocol", "length", "vni", "info")
    return [{**{name: packet[name] for name in shown}, "alone": _kind(packet) not in there} for packet in packets]  # type: ignore[literal-required]


def _kind(packet: CapturedPacket) -> tuple[object, ...]:
    """What makes two packets the same for a reader."""
    ends = [layer["fields"]["destination"] for layer in packet["layers"] if layer["name"] == "ipv4"]
    return (packet["protocol"], packet["vni"], IDENTIFIER.sub("", packet["info"]), packet["length"], *ends)
