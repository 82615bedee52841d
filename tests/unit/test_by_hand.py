# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a lab by hand: nothing is left out, and nothing is done twice. tests/integration types the commands."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.by_hand import STAGES, tables, until
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import NAMES, scenario

OF_OVS = [name for name in NAMES if all(one["kind"] == "ovs" for one in scenario(name)[0]["hypervisors"])]


@pytest.mark.parametrize("name", OF_OVS)
def test_each_row_is_there_or_left_to_do(name):
    lab, unused = scenario(name)
    for last in STAGES:
        left = until(lab, last)
        assert [stage["name"] for stage in left] == list(STAGES[STAGES.index(last) + 1 :])
        for host, whole in intended(lab).items():
            there = tables(lab, last, host)
            typed = [command for stage in left for command in stage["commands"][host]]
            bindings = [port["vlan_bindings"] for switch in whole["physical_switches"].values() for port in switch["ports"].values()]
            remotes = [row for switch in whole["logical_switches"].values() for row in switch["ucast_remote"]]
            assert ("logical_switches" in there) == (not any("add-ls" in command for command in typed))
            assert sum("bind-ls" in command for command in typed) == (0 if "physical_switches" in there else sum(map(len, bindings)))
            # A remote is left to do until the last stage, where the roles write it.
            assert sum("add-ucast-remote" in command for command in typed) == (0 if last == "remotes" else len(remotes))
            assert len(typed) == len(set(typed))
            looks = [stage["look"][host].split()[-1] for stage in left if stage["name"] == "binding"]
            assert set(looks) <= {port for switch in whole["physical_switches"].values() for port in switch["ports"]}


@pytest.mark.parametrize("name", OF_OVS)
def test_the_tasks_are_yaml(name):
    lab, unused = scenario(name)
    for stage in until(lab, "bridge"):
        tasks = yaml.safe_load(stage["tasks"])
        assert tasks and all(any(key.count(".") == 2 for key in task) for task in tasks)


def test_what_is_refused():
    lab, unused = scenario("seed")
    with pytest.raises(
        UserError, match="lab_until: 'bindings' is no stage. Use bridge, emulator, switch, binding, remotes, or leave it out."
    ):
        until(lab, "bindings")
    mixed, unused = scenario("mixed")
    with pytest.raises(UserError, match="is a VTEP of the Linux kernel, which has no VTEP database; use another scenario."):
        until(mixed, "bridge")
