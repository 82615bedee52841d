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
SCENARIOS = Path(__file__).resolve().parents[2] / "playbooks/scenarios"


def scenario(name):
    """The topology of a scenario, as lab.yml gives it to the filter."""
    variables = yaml.safe_load((SCENARIOS / f"{name}.yml").read_text())
    keys = ("underlay", "routers", "controller", "bridge", "logical_switches", "hypervisors", "chapters")
    return {key: variables[f"lab_{key}"] for key in keys if f"lab_{key}" in variables}


SEED = scenario("seed")
HV3 = {"name": "hv3", "underlay_ip": "10.2.0.1", "vms": [{"name": "vm3", "mac": "00-00-00-00-00-0A", "ip": "192.168.1.3/24"}]}


@pytest.fixture
def topology():
    return copy.deepcopy(SEED)


def test_the_seeds_lab(topology):
    lab = lab_topology(topology)
    assert lab["problems"] == []
    assert (lab["bridge"], lab["logical_switches"]) == ("br0", [{"name": "ls0", "tunnel_key": 5000}])
    vm1 = {
        "name": "vm1",
        "interface": "vm1",
        "mac": "00:00:00:00:00:01",
        "ip": "192.168.1.1/24",
        "address": "192.168.1.1",
        "hypervisor": "hv1",
        "logical_switch": "ls0",
        "namespace": "",
        "port": "vm1",
        "vlan": 0,
    }
    assert lab["hypervisors"][0] == {
        "name": "hv1",
        "kind": "ovs",
        "underlay_ip": "10.0.0.1",
        "peers": ["10.1.0.1"],
        "vms": [vm1],
        "ports": [{"name": "vm1", "mac": "00:00:00:00:00:01", "ip": "192.168.1.1/24", "mtu": 1450}],
        "vm_ports": [],
    }
    assert lab["nodes"] == [
        {"name": "hv1", "kind": "hypervisor", "interfaces": [{"name": "eth0", "address": "10.0.0.1/8"}], "routes": []},
        {"name": "hv2", "kind": "hypervisor", "interfaces": [{"name": "eth0", "address": "10.1.0.1/8"}], "routes": []},
    ]
    assert lab["source"] == vm1
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


def test_the_files_are_named_as_in_the_seed(topology):
    lab = lab_topology(topology)
    assert [capture["file"] for capture in lab["chapters"][0]["captures"]] == [
        "vm1_overlay.pcap",
        "vm1_underlay.pcap",
        "vm2_overlay.pcap",
        "vm2_underlay.pcap",
    ]
    assert lab["chapters"][1]["captures"][1]["file"] == "vm1_underlay_no_mcast_cached.pcap"


def test_tables_are_changed_once_for_chapters_in_a_row(topology):
    chapters = lab_topology(topology)["chapters"]
    assert [bool(chapter["change"]) for chapter in chapters] == [False, True, False, False, True]
    assert [chapter["restore"] for chapter in chapters] == [[], [], [], ["hv1"], []]


def test_routers_and_routes():
    lab = lab_topology(scenario("routed"))
    assert lab["problems"] == [] and lab["routers"] == ["A", "B"]
    routes = {node["name"]: [(route["to"], route["via"]) for route in node["routes"]] for node in lab["nodes"]}
    assert routes == {
        "hv1": [("10.1.0.0/16", "10.0.0.254"), ("10.9.0.0/30", "10.0.0.254")],
        "hv2": [("10.0.0.0/16", "10.1.0.254"), ("10.9.0.0/30", "10.1.0.254")],
        "A": [("10.1.0.0/16", "10.9.0.2")],
        "B": [("10.0.0.0/16", "10.9.0.1")],
    }
    assert {"A:eth0", "A:eth1", "B:eth0", "B:eth1"} < set(lab["points"])


def test_two_tenants_with_the_same_addresses():
    lab = lab_topology(scenario("tenants"))
    assert lab["problems"] == []
    assert [(vm["mac"], vm["address"]) for vm in lab["vms"][:2]] == [("00:00:00:00:00:01", "192.168.1.1")] * 2
    hypervisor = lab["hypervisors"][0]
    assert [(port["namespace"], port["tag"]) for port in hypervisor["vm_ports"]] == [("red1", 10), ("blue1", 20)]
    assert hypervisor["ports"] == [{"name": "trunk", "type": "system"}]
    assert lab["tables"]["hv2"]["physical_switches"]["br0"]["ports"] == {"trunk": {"vlan_bindings": {"30": "red", "40": "blue"}}}
    assert {"hv1:trunk", "hv2:trunk"} < set(lab["points"])
    assert [len(pings) for pings in lab["mesh"].values()] == [2, 2]


@pytest.mark.parametrize("count", [2, 254, 300])
def test_a_number_of_hypervisors(count):
    topology = scenario("fabric")
    topology["hypervisors"] = count
    lab = lab_topology(topology)
    assert lab["problems"] == [] and len(lab["hypervisors"]) == len({vm["ip"] for vm in lab["vms"]}) == count


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.yml")))
def test_every_scenario_is_right(name):
    topology = scenario(name)
    if isinstance(topology["hypervisors"], str):
        topology["hypervisors"] = 4
    assert lab_topology(topology)["problems"] == []


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
            "logical_switches.0.tunnel_key",
            16777216,
            "lab_logical_switches[0].tunnel_key: 16777216 cannot be used: expected a whole number from 0 to 16777215.",
        ),
        ("logical_switches.0.name", "", "lab_logical_switches[0].name: ''"),
        ("hypervisors", [], "lab_hypervisors: [] cannot be used: use a list"),
        ("hypervisors", 1, "lab_hypervisors: 1 cannot be used: use a list of hypervisors, or their number (2 to 1023)"),
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
            "192.168.2.2/24 is not in 192.168.1.0/24, the network of the first VM. Put all VMs of a logical switch into one network.",
        ),
        (
            "hypervisors.1.vms.0.ip",
            "192.168.1.255/24",
            "lab_hypervisors[1].vms[0].ip: 192.168.1.255 stands for the whole network 192.168.1.0/24.",
        ),
        ("hypervisors.1.vms.0.ip", "2001:db8::2/64", "lab_hypervisors[1].vms[0].ip: '2001:db8::2/64'"),
        (
            "hypervisors.1.vms.0",
            "vm2",
            "lab_hypervisors[1].vms[0]: 'vm2' cannot be used: use a dictionary with the keys name, mac, ip, logical_switch, vlan.",
        ),
        ("hypervisors.1.vms.0.vni", 7, "lab_hypervisors[1].vms[0].vni: there is no such key. Use name, mac, ip, logical_switch, vlan."),
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
    topology["logical_switches"][0]["tunnel_key"] = -1
    topology["hypervisors"][1]["name"] = "hv1"
    assert len(lab_topology(topology)["problems"]) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"routers": [{"name": "A", "addresses": ["10.0.0.254"]}]}, "lab_routers[0].addresses: a router joins networks."),
        ({"routers": []}, "lab_routers: no way leads from 10.0.0.0/16 to 10.1.0.0/16, 10.9.0.0/30. Add a router"),
        ({"routers": [{"name": "A", "addresses": ["10.0.0.254", "10.0.0.253"]}]}, "lab_routers[0].addresses: two are in one network."),
        ({"routers": [{"name": "A", "addresses": ["10.0.0.254", "10.2.0.1"]}]}, "lab_routers[0].addresses[1]: 10.2.0.1 is outside of 10.0"),
        ({"routers": [{"name": "hv1", "addresses": ["10.0.0.254", "10.9.0.1"]}]}, "lab_routers[0].name: hv1 is also that of"),
        ({"routers": [{"name": "A", "addresses": ["10.0.0.1", "10.9.0.1"]}]}, "10.0.0.1 is also that of lab_hypervisors[0].underlay_ip"),
        ({"routers": [{"name": "a-long-router", "addresses": ["10.0.0.254"]}]}, "lab_routers[0].addresses: a router joins networks."),
        ({"routers": [{"name": "a-longer-router", "addresses": ["10.0.0.254", "10.9.0.1"]}]}, "use up to 13 characters"),
        ({"routers": {"A": []}}, "lab_routers: {'A': []} cannot be used: use a list of routers"),
        ({"underlay": {"network": ["10.0.0.0/16", "10.0.1.0/24"], "interface": "eth0", "mtu": 1500}}, "10.0.1.0/24 overlaps 10.0.0.0/16"),
        ({"driver": "docker"}, "lab_routers: the driver docker has one underlay network and no routers. Use the driver netns."),
    ],
)
def test_routers_that_cannot_be(change, problem):
    problems = lab_topology({**scenario("routed"), **change})["problems"]
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("hypervisors.0.vms.0.vlan", 4095, "lab_hypervisors[0].vms[0].vlan: 4095 cannot be used: expected a whole number from 0 to 4094"),
        ("hypervisors.0.vms.0.vlan", "x", "lab_hypervisors[0].vms[0].vlan: 'x' cannot be used"),
        ("hypervisors.0.vms.1.vlan", 10, "vms[1].vlan: VLAN 10 is also that of lab_hypervisors[0].vms[0].vlan. Give each its own."),
        ("hypervisors.0.vms.0.name", "trunk", "lab_hypervisors[0].vms[0].name: 'trunk' cannot be used: where VMs are in VLANs"),
        ("bridge", "br-vms", "lab_bridge: 'br-vms' cannot be used: where VMs are in VLANs"),
        ("underlay.interface", "trunk-vms", "lab_underlay.interface: 'trunk-vms' cannot be used: where VMs are in VLANs"),
        ("hypervisors.1.kind", "linux", "lab_hypervisors[1].vms[0].vlan: 30 cannot be used: the bridges of a kernel's VTEP take frames"),
        ("driver", "docker", "lab_hypervisors[0].vms: a VM in a VLAN has a network namespace of its own"),
    ],
)
def test_vlans_that_cannot_be(path, value, problem):
    topology = scenario("tenants")
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = topology
    for part in parents:
        place = place[part]
    place[last] = value
    problems = lab_topology(topology)["problems"]
    assert any(problem in found for found in problems), problems


def test_vms_in_vlans_and_without_on_one_hypervisor():
    topology = scenario("tenants")
    del topology["hypervisors"][0]["vms"][1]["vlan"]
    lab = lab_topology(topology | {"chapters": topology["chapters"][:2]})
    assert lab["problems"] == []
    assert [port["name"] for port in lab["hypervisors"][0]["ports"]] == ["blue1", "trunk"]
    assert [(one["port"], one["vlan"]) for one in lab["endpoints"][:2]] == [("trunk", 10), ("blue1", 0)]


SERVICE_NODE = {"name": "sn", "underlay_ip": "10.9.0.1"}


@pytest.mark.parametrize(
    ("node", "more", "problem"),
    [
        ("sn", {}, "lab_service_node: 'sn' cannot be used: use a dictionary with the keys name, underlay_ip"),
        (SERVICE_NODE | {"name": "hv1"}, {}, "lab_service_node.name: hv1 is also that of lab_hypervisors[0].name"),
        (SERVICE_NODE | {"underlay_ip": "10.1.0.1"}, {}, "10.1.0.1 is also that of lab_hypervisors[1].underlay_ip"),
        (SERVICE_NODE | {"underlay_ip": "192.0.2.1"}, {}, "lab_service_node.underlay_ip: 192.0.2.1 is outside of 10.0.0.0/8"),
        (SERVICE_NODE, {"driver": "docker"}, "lab_service_node: the driver docker has no service node. Use the driver netns."),
    ],
)
def test_service_nodes_that_cannot_be(topology, node, more, problem):
    problems = lab_topology({**topology, "service_node": node, **more})["problems"]
    assert any(problem in found for found in problems), problems


def test_with_a_service_node_tables_lead_there(topology):
    lab = lab_topology({**topology, "service_node": SERVICE_NODE})
    assert lab["problems"] == [] and lab["service_node"] == SERVICE_NODE
    assert [(node["name"], node["kind"]) for node in lab["nodes"]] == [("hv1", "hypervisor"), ("hv2", "hypervisor"), ("sn", "service_node")]
    switch = lab["tables"]["hv1"]["logical_switches"]["ls0"]
    assert switch["replication_mode"] == "service_node" and switch["mcast_remote"] == {"unknown-dst": {"locators": ["10.9.0.1"]}}
    [computed] = overlay_tables(lab["endpoints"], "hv1", ["10.9.0.1"])["logical_switches"]
    assert computed["multicast"] == [{"mac": "unknown-dst", "locators": ["10.9.0.1"]}]


OVN = scenario("ovn")
OTHER = "tcp:10.9.0.1:6640"
FILES = {name: f"/etc/ssl/{name}.pem" for name in ("private_key", "certificate", "ca_cert")}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"controller": "here"}, "lab_controller: 'here' cannot be used: use tcp:ADDRESS:PORT or ssl:ADDRESS:PORT"),
        ({"controller": "udp:10.9.0.1:6640"}, "use tcp:ADDRESS:PORT or ssl:ADDRESS:PORT"),
        ({"controller": "tcp:10.9.0.1:0"}, "use tcp:ADDRESS:PORT or ssl:ADDRESS:PORT"),
        ({"controller": ["tcp:10.9.0.1:6640"]}, "use tcp:ADDRESS:PORT or ssl:ADDRESS:PORT"),
        ({"controller": "tcp:10.1.0.1:6640"}, "lab_controller.underlay_ip: 10.1.0.1 is also that of lab_hypervisors[1].underlay_ip"),
        ({"controller": "tcp:192.0.2.1:6640"}, "192.0.2.1 is outside of 10.0.0.0/8"),
        ({"controller": "ssl:10.9.0.1:6640"}, "lab_controller_tls.private_key: it is missing. Add it."),
        ({"controller": OTHER, "controller_tls": FILES}, "lab_controller_tls: tcp:10.9.0.1:6640 is not ssl"),
        (
            {"controller": "ssl:10.9.0.1:6640", "controller_tls": FILES | {"ca_cert": "ca.pem"}},
            "lab_controller_tls.ca_cert: 'ca.pem' cannot",
        ),
        ({"controller": OTHER, "driver": "docker"}, "lab_controller: the driver docker has no node for a controller"),
        ({"controller": OTHER, "service_node": SERVICE_NODE | {"underlay_ip": "10.9.0.2"}}, "lab_service_node: with lab_controller"),
        ({"controller": OTHER}, "lab_chapters[1].tables: the rows are the controller's"),
        ({"controller": OVN["controller"]}, "lab_hypervisors: there are ovs, ovs. Use one of kind ovs and one of kind ovn"),
        ({"controller": {"kind": "odl"}}, "lab_controller.kind: 'odl' cannot be used: use ovn; another controller"),
        ({"hypervisors": OVN["hypervisors"]}, "lab_hypervisors[1].kind: ovn needs OVN's controller"),
    ],
)
def test_controllers_that_cannot_be(topology, more, problem):
    problems = lab_topology({**topology, **more})["problems"]
    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("logical_switches.0.tunnel_key", 4096, "tunnel_key: 4096 cannot be used: with VXLAN, OVN has 12 bits for it; use 1 to 4095"),
        ("logical_switches.0.tunnel_key", 0, "use 1 to 4095"),
        ("hypervisors.1.vms.0.vlan", 7, "vlan: 7 cannot be used: the lab gives a VM of OVN a port of its own"),
        ("hypervisors.0.kind", "linux", "lab_hypervisors[0].kind: linux has no database that a controller could write"),
        ("controller.name", "hv1", "lab_controller.name: hv1 is also that of lab_hypervisors[0].name"),
        ("driver", "docker", "lab_controller: the driver docker has no node for a controller. Use the driver netns."),
    ],
)
def test_labs_of_ovn_that_cannot_be(path, value, problem):
    lab = copy.deepcopy(OVN)
    *places, last = path.split(".")
    at = lab
    for place in places:
        at = at[int(place) if place.isdigit() else place]
    at[last] = value
    problems = lab_topology(lab)["problems"]
    assert any(problem in found for found in problems), problems


def test_two_vms_of_ovn_ping_each_other_by_its_answer():
    lab = copy.deepcopy(OVN)
    lab["hypervisors"][1]["vms"].append({"name": "vm3", "mac": "00:00:00:00:00:03", "ip": "192.168.1.3/24"})
    assert lab_topology(lab)["problems"] == []
    lab["chapters"][0]["ping"] = {"from": "vm2", "to": "vm3"}
    [problem] = lab_topology(lab)["problems"]
    assert "lab_chapters[0].ping.to: 'vm3' cannot be used: OVN answers in its place" in problem


def test_what_a_controller_has_to_write_is_what_its_vteps_need(topology):
    for chapter in topology["chapters"]:
        chapter.pop("tables", None)
    tls = {"controller": "ssl:10.9.0.1:6640", "controller_tls": FILES}
    for more, vteps in ((OVN, {"hv1": "10.0.0.1"}), ({**topology, **tls}, {"hv1": "10.0.0.1", "hv2": "10.1.0.1"})):
        lab = lab_topology(more)
        assert lab["problems"] == []
        assert {host: tables["tunnel_ip"] for host, tables in lab["wanted"].items()} == vteps
        for host, tables in lab["wanted"].items():
            assert {key: value for key, value in tables.items() if key != "tunnel_ip"} == lab["tables"][host]
    assert lab["controller"] == {
        "kind": "other",
        "name": "controller",
        "underlay_ip": "10.9.0.1",
        "target": "ssl:10.9.0.1:6640",
        "tls": FILES,
    }
    assert ("controller", "controller") in [(node["name"], node["kind"]) for node in lab["nodes"]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": "A b"}, "lab_chapters[1].key: 'A b' cannot be used: use up to 31"),
        ({"key": "first"}, "lab_chapters[1].key: first is also that of lab_chapters[0].key"),
        ({"heading": ""}, "lab_chapters[1].heading: '' cannot be used: use a text"),
        ({"replies": 4}, "lab_chapters[1].replies: 4 cannot be used: expected a whole number from 0 to 3"),
        ({"forget": "no"}, "lab_chapters[1].forget: 'no' cannot be used: use true, false, or vms"),
        ({"ping": {"from": "vm2", "to": "vm1"}, "forget": False}, "lab_chapters[1].forget: False cannot be used: the chapter before"),
        ({"forget": "vms"}, "lab_chapters[1].forget: 'vms' cannot be used: it takes VTEPs that know each other's MAC addresses"),
        ({"ping": {"from": "vm1", "to": "vm3"}}, "lab_chapters[1].ping.to: 'vm3' cannot be used: use a VM of lab_hypervisors: vm1, vm2"),
        ({"ping": {"from": "vm1"}}, "lab_chapters[1].ping.to: it is missing"),
        ({"listen": ["hv1"]}, "lab_chapters[1].listen[0]: 'hv1' cannot be used: use vm1, hv1:eth0, vm2, hv2:eth0"),
        (
            {"tables": [{"hypervisor": "hv3", "config": {}}]},
            "lab_chapters[1].tables[0].hypervisor: 'hv3' cannot be used: use from, to, or one of hv1, hv2",
        ),
        ({"tables": [{"hypervisor": "hv1", "config": {}, "state": "gone"}]}, "lab_chapters[1].tables[0].state: 'gone' cannot be used"),
        ({"tables": [{"hypervisor": "hv1"}]}, "lab_chapters[1].tables[0]: give either without or config"),
        ({"color": "red"}, "lab_chapters[1].color: there is no such key"),
    ],
)
def test_chapters_that_cannot_be(topology, change, problem):
    topology["chapters"][1].update(change)
    problems = lab_topology(topology)["problems"]
    assert any(problem in found for found in problems), problems
