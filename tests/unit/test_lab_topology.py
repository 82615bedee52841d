# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's topology as data: the seed's values, what follows from them, and what is refused."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_topology import FilterModule
from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables

lab_topology = FilterModule().filters()["lab_topology"]
VARIABLES = yaml.safe_load((Path(__file__).resolve().parents[2] / "playbooks/vars/lab.yml").read_text())
SEED = {key: VARIABLES[f"lab_{key}"] for key in ("underlay", "bridge", "logical_switch", "hypervisors")}
HV3 = {"name": "hv3", "underlay_ip": "10.2.0.1", "vms": [{"name": "vm3", "mac": "00-00-00-00-00-0A", "ip": "192.168.1.3/24"}]}


@pytest.fixture
def topology():
    return copy.deepcopy(SEED)


def test_the_seeds_lab(topology):
    lab = lab_topology(topology)
    assert lab["problems"] == []
    assert (lab["bridge"], lab["logical_switch"]) == ("br0", {"name": "ls0", "tunnel_key": 5000})
    vm1 = {"name": "vm1", "mac": "00:00:00:00:00:01", "ip": "192.168.1.1/24", "address": "192.168.1.1"}
    assert lab["hypervisors"][0] == {
        "name": "hv1",
        "underlay_ip": "10.0.0.1",
        "peers": ["10.1.0.1"],
        "vms": [vm1],
        "ports": [{"name": "vm1", "mac": "00:00:00:00:00:01", "ip": "192.168.1.1/24", "mtu": 1450}],
    }
    assert lab["nodes"] == [
        {"name": "hv1", "address": "10.0.0.1/8", "interface": "eth0"},
        {"name": "hv2", "address": "10.1.0.1/8", "interface": "eth0"},
    ]
    assert lab["source"] == dict(vm1, hypervisor="hv1")
    assert (lab["target"]["name"], lab["target"]["hypervisor"]) == ("vm2", "hv2")
    assert overlay_tables(lab["endpoints"], "hv1") == {
        "bindings": [{"physical_switch": "br0", "port": "vm1", "vlan": 0, "logical_switch": "ls0"}],
        "logical_switches": [
            {
                "name": "ls0",
                "unicast": [{"mac": "00:00:00:00:00:02", "locator": "10.1.0.1", "ipaddr": "192.168.1.2"}],
                "multicast": [{"mac": "unknown-dst", "locators": ["10.1.0.1"]}],
            }
        ],
    }


def test_three_hypervisors(topology):
    topology["hypervisors"].append(HV3)
    topology["underlay"]["mtu"] = 9000
    lab = lab_topology(topology)
    assert [hypervisor["peers"] for hypervisor in lab["hypervisors"]] == [
        ["10.1.0.1", "10.2.0.1"],
        ["10.0.0.1", "10.2.0.1"],
        ["10.0.0.1", "10.1.0.1"],
    ]
    assert lab["hypervisors"][2]["ports"] == [{"name": "vm3", "mac": "00:00:00:00:00:0a", "ip": "192.168.1.3/24", "mtu": 8950}]
    assert len(lab["endpoints"]) == 3


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("underlay.network", "10.0.0.0", "is outside of 10.0.0.0/32"),
        ("underlay.network", "10.0.0.1/8", "lab_underlay.network: '10.0.0.1/8' cannot be used: use an IPv4 network"),
        (
            "underlay.network",
            "192.168.0.0/16",
            "lab_hypervisors[0].underlay_ip: 10.0.0.1 is outside of 192.168.0.0/16. Use an address of this network.",
        ),
        (
            "underlay.network",
            "192.168.0.0/16",
            "lab_underlay.network: 192.168.0.0/16 overlaps 192.168.1.0/24, the network of the VMs. Keep them apart.",
        ),
        ("underlay.mtu", 625, "lab_underlay.mtu: 625 cannot be used: expected a whole number from 626 to 65535."),
        ("underlay.mtu", True, "lab_underlay.mtu: True"),
        ("underlay.interface", "a/b", "lab_underlay.interface: 'a/b'"),
        ("underlay", "10.0.0.0/8", "lab_underlay: '10.0.0.0/8' cannot be used: use a dictionary with the keys network, interface, mtu."),
        ("bridge", "a-bridge-too-long", "lab_bridge: 'a-bridge-too-long'"),
        ("bridge", "vm1", "lab_hypervisors[0].vms[0].name: vm1 is also that of lab_bridge. Give each its own."),
        ("bridge", "eth0", "lab_bridge: eth0 is also that of lab_underlay.interface"),
        (
            "logical_switch.tunnel_key",
            16777216,
            "lab_logical_switch.tunnel_key: 16777216 cannot be used: expected a whole number from 0 to 16777215.",
        ),
        ("logical_switch.name", "", "lab_logical_switch.name: ''"),
        ("hypervisors", [], "lab_hypervisors: [] cannot be used: use a list with at least one entry."),
        ("hypervisors.1.name", "hv1", "lab_hypervisors[1].name: hv1 is also that of lab_hypervisors[0].name. Give each its own."),
        (
            "hypervisors.1.underlay_ip",
            "10.0.0.1",
            "lab_hypervisors[1].underlay_ip: 10.0.0.1 is also that of lab_hypervisors[0].underlay_ip.",
        ),
        ("hypervisors.1.underlay_ip", "10.255.255.255", "lab_hypervisors[1].underlay_ip: 10.255.255.255 stands for the whole network"),
        ("hypervisors.1.underlay_ip", "10.1.0", "lab_hypervisors[1].underlay_ip: '10.1.0'"),
        ("hypervisors.1.vms", [], "lab_hypervisors[1].vms: [] cannot be used: use a list with at least one entry."),
        ("hypervisors.1.vms", None, "lab_hypervisors[1].vms: None"),
        ("hypervisors.1.vms.0.name", "vm1", "lab_hypervisors[1].vms[0].name: vm1 is also that of lab_hypervisors[0].vms[0].name."),
        (
            "hypervisors.1.vms.0.mac",
            "00-00-00-00-00-01",
            "lab_hypervisors[1].vms[0].mac: 00:00:00:00:00:01 is also that of lab_hypervisors[0].vms[0].mac.",
        ),
        (
            "hypervisors.1.vms.0.mac",
            "01:00:00:00:00:01",
            "lab_hypervisors[1].vms[0].mac: '01:00:00:00:00:01' cannot be used: expected a unicast MAC",
        ),
        ("hypervisors.1.vms.0.mac", 60, "lab_hypervisors[1].vms[0].mac: 60 cannot be used"),
        (
            "hypervisors.1.vms.0.ip",
            "192.168.1.1/24",
            "lab_hypervisors[1].vms[0].ip: 192.168.1.1 is also that of lab_hypervisors[0].vms[0].ip.",
        ),
        (
            "hypervisors.1.vms.0.ip",
            "192.168.1.2",
            "lab_hypervisors[1].vms[0].ip: '192.168.1.2' cannot be used: use an IPv4 address with its prefix length",
        ),
        (
            "hypervisors.1.vms.0.ip",
            "192.168.2.2/24",
            "192.168.2.2/24 is not in 192.168.1.0/24, the network of the first VM. Put all VMs into one network.",
        ),
        (
            "hypervisors.1.vms.0.ip",
            "192.168.1.255/24",
            "lab_hypervisors[1].vms[0].ip: 192.168.1.255 stands for the whole network 192.168.1.0/24.",
        ),
        ("hypervisors.1.vms.0.ip", "2001:db8::2/64", "lab_hypervisors[1].vms[0].ip: '2001:db8::2/64'"),
        ("hypervisors.1.vms.0", "vm2", "lab_hypervisors[1].vms[0]: 'vm2' cannot be used: use a dictionary with the keys name, mac, ip."),
        ("hypervisors.1.vms.0.vlan", 7, "lab_hypervisors[1].vms[0].vlan: there is no such key. Use name, mac, ip."),
    ],
)
def test_what_is_refused(topology, path, value, problem):
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = topology
    for part in parents:
        place = place[part]
    place[last] = value
    lab = lab_topology(topology)
    assert set(lab) == {"problems"}
    assert any(found.startswith(problem) or problem in found for found in lab["problems"]), lab["problems"]


def test_a_key_that_is_missing(topology):
    del topology["hypervisors"][0]["underlay_ip"]
    assert lab_topology(topology)["problems"] == ["lab_hypervisors[0].underlay_ip: it is missing. Add it."]


def test_one_hypervisor_is_no_lab(topology):
    del topology["hypervisors"][1]
    assert lab_topology(topology)["problems"] == ["lab_hypervisors: there is one hypervisor, and a tunnel has two ends. Add another."]


def test_all_problems_are_told_at_once(topology):
    topology["logical_switch"]["tunnel_key"] = -1
    topology["hypervisors"][1]["name"] = "hv1"
    assert len(lab_topology(topology)["problems"]) == 2
