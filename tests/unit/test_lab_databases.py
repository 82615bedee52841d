# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VTEPs that are databases only: a full mesh of their own, which has nothing of the lab's."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_databases import lab_databases

LAB = {
    "logical_switches": [{"name": "ls0", "tunnel_key": 1}, {"name": "ls1", "tunnel_key": 3}],
    "underlay": {"networks": ["10.0.0.0/8"]},
    "hypervisors": [{"name": "hv1"}],
}


@pytest.mark.parametrize("count", [2, "17", 250])
def test_a_full_mesh(count):
    made = lab_databases(LAB, count)
    addresses = {one["name"]: one["tunnel_ip"] for one in made["databases"]}
    assert len(addresses) == len({*addresses.values()}) == int(count)
    assert made["switches"] == [{"name": "databases", "tunnel_key": 2}]
    assert len({one["mac"] for one in made["endpoints"]}) == len({one["ip"] for one in made["endpoints"]}) == 2 * int(count)
    for name, tables in made["wanted"].items():
        others = {*addresses.values()} - {addresses[name]}
        [switch] = tables["logical_switches"].values()
        assert tables["tunnel_ip"] == addresses[name] and switch["tunnel_key"] == 2
        assert {*switch["mcast_remote"]["unknown-dst"]["locators"]} == others
        assert sorted(one["locator"] for one in switch["ucast_remote"].values()) == sorted([*others] * 2)
        bound = {port: columns["vlan_bindings"] for port, columns in tables["physical_switches"][name]["ports"].items()}
        assert bound == {"port1": {0: "databases"}, "port2": {10: "databases"}}


@pytest.mark.parametrize(
    ("count", "lab", "words"),
    [
        (1, {}, "fault_vteps: 1"),
        (251, {}, "fault_vteps: 251"),
        ("many", {}, "fault_vteps: 'many'"),
        (2, {"logical_switches": [{"name": "databases", "tunnel_key": 1}]}, "lab_logical_switches: databases"),
        (2, {"underlay": {"networks": ["10.0.0.0/8", "198.19.3.0/24"]}}, "lab_underlay: network: 198.19.3.0/24"),
        (2, {"hypervisors": [{"name": "db2"}]}, "lab_hypervisors: db2"),
    ],
)
def test_what_is_refused(count, lab, words):
    with pytest.raises(AnsibleFilterError, match=words):
        lab_databases({**LAB, **lab}, count)
