# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exercises: a fault in a running lab, as data, checked and completed, and whether it shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import PING_SIZE, answers_instead
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import LONGEST_PING, VMS, WHOLE, boolean, listening, ping, words
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import Keys, Optional, Reader, some

EXERCISE: Keys = {
    "title": words,
    "level": _values.Integer(1, 3),
    "scenario": words,
    "symptom": words,
    "size": Optional(_values.Integer(0, LONGEST_PING), PING_SIZE),
    "pings": some,
    "fault": some,
    "hints": some,
    "explanation": words,
    "repair": Optional(some),
    "rebuild": Optional(boolean, False),
}
PING: Keys = {"from": words, "to": words, "answered": boolean}
COMMAND: Keys = {"node": words, "run": words}
#: The lab before and after its repair: each is listened to, while the first of the pings is sent.
STATES = BROKEN, REPAIRED = ("broken", "repaired")


def completed(exercise: Any, topology: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with an exercise, or what follows from it and from the completed topology of its scenario."""
    reader = Reader(WHOLE)
    if topology.get("controller"):
        reader.problems.append("exercise.scenario: its rows are those of a controller, which would mend them. Use a scenario without one.")
    found = reader.keys("exercise", exercise, EXERCISE)
    vms = {vm["name"]: vm for vm in topology["vms"]}
    nodes = [node["name"] for node in topology["nodes"]]
    pings = []
    for one in reader.entries("exercise.pings", found["pings"] or [], PING):
        for end in ("from", "to"):
            if one[end] is not None and one[end] not in vms:
                reader.refuse(f"{one['where']}.{end}", one[end], f"use a VM of the scenario: {', '.join(vms)}")
        a, b = vms.get(one["from"]), vms.get(one["to"])
        if a and b and answers_instead(topology, a["name"], b["name"]):
            reader.refuse(f"{one['where']}.to", b["name"], f"another VM has its address, and would answer {a['name']} in its place")
        elif a and b:
            about = {"from": a["name"], "to": b["name"], "answered": one["answered"], "hypervisor": a["hypervisor"]}
            pings.append({**about, "ping": ping(a, b)})
    commands: dict[str, list[dict[str, Any]]] = {}
    for kind in ("fault", "repair"):
        commands[kind] = list(reader.entries(f"exercise.{kind}", found[kind] or [], COMMAND))
        for command in commands[kind]:
            where = command.pop("where")
            if command["node"] is not None and command["node"] not in nodes:
                reader.refuse(f"{where}.node", command["node"], f"use a node of the scenario: {', '.join(nodes)}")
    hints = [reader.value(f"exercise.hints[{number}]", hint, words) for number, hint in enumerate(found["hints"] or [])]
    if not found["repair"] and not found["rebuild"]:
        reader.problems.append("exercise: nothing says how to repair it. Add repair, or rebuild: true.")
    if reader.problems:
        return {"problems": reader.problems}
    first = pings[0]
    chapters = {state: _chapter(state, topology, vms[first["from"]], vms[first["to"]], found["size"]) for state in STATES}
    return {**found, **commands, "problems": [], "pings": pings, "hints": hints, "chapters": chapters}


def _chapter(state: str, topology: Mapping[str, Any], source: Mapping[str, Any], target: Mapping[str, Any], size: int) -> dict[str, Any]:
    """A ping that is listened to, as a chapter of the story tells it."""
    return {
        "key": state,
        "steps": ["listen", "note"],
        "hypervisor": source["hypervisor"],
        "ping": ping(source, target),
        "size": size,
        # VTEPs that know each other: a kernel asks three times for an address, and each VTEP that knows nobody costs one question.
        "forget": VMS,
        # In the repaired lab, a ping that is too long for a VM's port goes in two parts.
        "fragment": True,
        "transfer": None,
        "captures": listening(topology, source, target, f"_{state}.pcap"),
    }


def seen(exercise: Mapping[str, Any], pinged: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What a user notices: each ping of a completed exercise with what came of it. ``pinged``: what lab_ping returned, by hypervisor."""
    left = {host: iter(results) for host, results in pinged.items()}
    told = []
    for one in exercise["pings"]:
        answered = next(left[one["hypervisor"]])["replies"] > 0
        says = "reaches" if answered else "does not reach"
        told.append({"words": f"{one['from']} {says} {one['to']}", "answered": answered, "expected": one["answered"]})
    return told
