# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exercises as data: those that come with the collection, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.exercise import completed, seen
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_exercise_page import lab_exercise_page
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import scenario

EXERCISES = Path(__file__).resolve().parents[2] / "playbooks/exercises"
NAMES = sorted(path.stem for path in EXERCISES.glob("*.yml"))


def read(name):
    return yaml.safe_load((EXERCISES / f"{name}.yml").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_each_exercise_suits_its_scenario(name):
    exercise = read(name)
    lab, unused = scenario(exercise["scenario"])
    found = completed(exercise, lab)
    assert found["problems"] == []
    assert len(found["hints"]) >= 3 and found["fault"] and not all(one["answered"] for one in found["pings"])
    # Who looks for the fault does not find it in the text.
    assert not any(command["run"] in found["symptom"] + found["title"] for command in found["fault"] + found["repair"])


def test_there_are_enough_of_each_level():
    assert {read(name)["level"] for name in NAMES} == {1, 2, 3} and len(NAMES) >= 10


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": 4}, "exercise.level: 4 cannot be used"),
        ({"hint": []}, "exercise.hint: there is no such key. Use title, level"),
        (
            {"pings": [{"from": "vm1", "to": "vm9", "answered": True}]},
            "exercise.pings[0].to: 'vm9' cannot be used: use a VM of the scenario: vm1, vm2.",
        ),
        (
            {"fault": [{"node": "hv9", "run": "true"}]},
            "exercise.fault[0].node: 'hv9' cannot be used: use a node of the scenario: hv1, hv2.",
        ),
        ({"fault": [{"node": "hv1"}]}, "exercise.fault[0].run: it is missing. Add it."),
        ({"repair": None}, "exercise: nothing says how to repair it. Add repair, or rebuild: true."),
        ({"size": -1}, "exercise.size: -1 cannot be used"),
    ],
)
def test_what_an_exercise_refuses(change, problem):
    lab, unused = scenario("seed")
    exercise = {key: value for key, value in {**read("no-flood"), **change}.items() if value is not None}
    problems = completed(exercise, lab)["problems"]
    assert len(problems) == 1 and problem in problems[0], problems


def test_what_is_no_exercise():
    lab, unused = scenario("seed")
    assert "exercise: [] cannot be used: use a dictionary with the keys title, level" in completed([], lab)["problems"][0]


def test_packets_that_one_side_alone_has_are_marked():
    lab, unused = scenario("seed")
    exercise = completed(read("wrong-locator"), lab)
    points = [capture["point"] for capture in exercise["chapters"]["broken"]["captures"]]
    assert points == ["vm1", "hv1:eth0", "vm2", "hv2:eth0"]

    def packet(info, destination, vni=None):
        layers = [{"name": "ipv4", "fields": {"destination": destination}}]
        ends = {"source": "192.168.1.1", "destination": "192.168.1.2"}
        return {"number": 1, **ends, "protocol": "ICMP", "length": 98, "vni": vni, "info": info, "layers": layers}

    request = "Echo (ping) request  id=0x{}, seq=1/256, ttl=64"
    broken = [{"packets": [packet(request.format("0001"), end, 5000)]} for end in ("192.168.1.2", "10.9.9.9", "1", "1")]
    repaired = [{"packets": [packet(request.format("0002"), end, 5000)]} for end in ("192.168.1.2", "10.1.0.1", "1", "1")]
    facts = {"lab": "test", "driver": "netns", "time": ""}
    page = lab_exercise_page(exercise, broken + repaired, facts)
    marked = [[one["alone"] for side in point["sides"] for one in side["packets"]] for point in page["points"]]
    # At the VM it is the same packet, though each ping has another identifier; the outer header tells the two apart.
    assert marked == [[False, False], [True, True], [False, False], [False, False]]
    with pytest.raises(UserError, match="4 captures. Give 8"):
        lab_exercise_page(exercise, broken, facts)


def test_each_ping_with_what_came_of_it():
    lab, unused = scenario("seed")
    exercise = completed(read("no-flood"), lab)
    told = seen(exercise, {"hv1": [{"replies": 0}], "hv2": [{"replies": 2}]})
    assert [(one["words"], one["answered"] == one["expected"]) for one in told] == [
        ("vm1 does not reach vm2", True),
        ("vm2 reaches vm1", True),
    ]
