# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every exercise: it breaks the lab as its file says, lab_check names the fault, and its solution repairs it. Needs root."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import pytest
import yaml
from test_lab import ROOT, Lab

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import processes

EXERCISES = {path.stem: yaml.safe_load(path.read_text()) for path in Path(ROOT / "playbooks/exercises").glob("*.yml")}
# Of each, what lab_check names, layer by layer. Nothing else is wrong.
FOUND = {
    "no-flood": [("database", "hv1 Mcast_Macs_Remote ls0 unknown-dst: ")],
    "one-way": [("database", "hv2 Mcast_Macs_Remote ls0 unknown-dst: "), ("database", "hv2 Ucast_Macs_Remote ls0 00:00:00:00:00:01: ")],
    "wrong-locator": [("database", "hv1 Ucast_Macs_Remote ls0 00:00:00:00:00:02: ")],
    "wrong-vni": [("database", "hv2 Logical_Switch ls0 tunnel_key: ")],
    "wrong-vlan": [("database", "hv2 Physical_Port trunk VLAN 40: "), ("database", "hv2 Physical_Port trunk VLAN 44: ")],
    "wrong-tenant": [("database", "hv2 Physical_Port trunk VLAN 40: ")],
    "moved-vm": [
        ("database", "hv1 Ucast_Macs_Remote ls0 00:00:00:00:00:03: "),
        ("database", "hv2 Ucast_Macs_Remote ls0 00:00:00:00:00:03: "),
    ],
    "mtu": [("datapath", "hv1: the MTU of port vm1 is 1500"), ("datapath", "hv2: the MTU of port vm2 is 1500")],
    "duplicate-address": [
        ("datapath", "hv3: 10.0.0.3, its address as a VTEP, is on none of its interfaces"),
        ("datapath", "hv3: it has 10.0.0.2, the address of hv2: "),
    ],
    "service-node": [("datapath", "sn: ")],
    "dead-emulator": [("emulator", "hv1: no emulator runs")],
    "dropped-on-the-way": [("datapath", "A: no way to 10.0.0.1 for VXLAN"), ("datapath", "A: no way to 10.1.0.1 for VXLAN")],
}
# Those of one scenario share a lab.
IN_ORDER = sorted(EXERCISES, key=lambda name: (EXERCISES[name]["scenario"], name))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    name = f"test-{os.getpid()}-exercises"
    made = Lab(name, tmp_path_factory.mktemp(name))
    yield made
    made.down()
    assert not processes.processes(name)


def play(lab, name, succeeds=True, **variables):
    return lab.run(str(ROOT / f"playbooks/lab_{name}.yml"), succeeds=succeeds, **variables)


def findings(lab):
    report = json.loads((lab.folder / "artifacts/check.json").read_text())
    return [(finding["layer"], finding["words"]) for finding in report["findings"]]


@pytest.mark.parametrize("name", IN_ORDER)
def test_it_breaks_is_found_and_is_repaired(lab, name):
    exercise = EXERCISES[name]
    output = play(lab, "exercise", exercise=name)
    for ping in exercise["pings"]:
        assert f"{ping['from']} {'reaches' if ping['answered'] else 'does not reach'} {ping['to']}" in output
    assert not any(command["run"] in output for command in exercise["fault"]), "who exercises sees what was broken"
    assert "The lab is not right." in play(lab, "exercise_check", succeeds=False)
    found = findings(lab)
    assert len(found) == len(FOUND[name]), found
    assert all(layer == wanted[0] and words.startswith(wanted[1]) for (layer, words), wanted in zip(sorted(found), sorted(FOUND[name]))), (
        found
    )
    if name == "wrong-locator":
        repair_in_another_way(lab, exercise)
    output = play(lab, "exercise_solution")
    assert "The lab is right." in output and findings(lab) == []
    assert all(command["run"] in output for command in exercise.get("repair", []))
    page = (lab.folder / "artifacts/exercise.html").read_text()
    assert html.escape(exercise["title"]) in page and "<h4>Repaired</h4>" in page
    # A ping that was not answered is now: its reply is on one side alone. A long one comes in two parts.
    reply = "Fragmented IP protocol" if "size" in exercise else "Echo (ping) reply"
    assert [mark for mark in re.findall("<li class=wrong>.*", page) if reply in mark]


def repair_in_another_way(lab, exercise):
    """By somebody who takes all hints and does not look at the solution. Then it is broken again."""
    hints = exercise["hints"]
    for count in (1, 2, 3, 3):
        output = play(lab, "exercise_hint")
        assert f"{count} of 3 hints" in output and [hint.split(".")[0] in output for hint in hints] == [
            number < count for number in range(3)
        ]
    lab.on("hv1", "vtep-ctl del-ucast-remote ls0 00:00:00:00:00:02")
    lab.on("hv1", "vtep-ctl --timeout=5 add-ucast-remote ls0 00:00:00:00:00:02 vxlan_over_ipv4 10.1.0.1")
    assert exercise["explanation"][:40] in play(lab, "exercise_check")
    for command in exercise["fault"]:
        lab.on(command["node"], command["run"])


@pytest.mark.parametrize(
    ("playbook", "variables", "message"),
    [
        ("exercise", {}, "exercise: none is given. Use -e exercise=NAME with dead-emulator, dropped-on-the-way"),
        ("exercise", {"exercise": "nothing"}, "exercise: nothing is neither an exercise nor the path of a file"),
        (
            "exercise",
            {"exercise": "mtu", "lab_scenario": "routed"},
            "lab_scenario: routed is not the scenario of the exercise, seed. Leave it out.",
        ),
        ("exercise_hint", {}, "Begin one with make exercise NAME=..."),
    ],
)
def test_what_is_refused_before_anything_starts(tmp_path, playbook, variables, message):
    lab = Lab(f"test-{os.getpid()}-refused", tmp_path)
    assert message in " ".join(play(lab, playbook, succeeds=False, **variables).split())
    assert not processes.processes(lab.name)
