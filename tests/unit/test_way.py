# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a ping that nobody has sent, joined from what each node says, and its page: in every scenario, between any two VMs."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import Node, answers_instead, intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import BROADCAST, named
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.way import requests, way
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_trace_page import lab_trace_page
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import NAMES, scenario

FACTS = {"lab": "one", "driver": "netns", "time": "2026-11-30T00:00:00Z"}


def answer(lab, host, frame):
    """What a switch that does as its rows ask says of a frame."""
    table = intended(lab)[host]["logical_switches"]
    if "port" in frame:
        [name] = [
            vm["logical_switch"] for vm in lab["vms"] if (vm["hypervisor"], vm["port"], vm["vlan"]) == (host, frame["port"], frame["vlan"])
        ]
    else:
        name = next((name for name, switch in table.items() if switch["tunnel_key"] == frame["tunnel_key"]), None)
    if name is None:
        return {"problem": "no port takes it", "flows": [], "tunnels": [], "ports": [], "normal": False}
    switch = table[name]
    here = [vm for vm in lab["vms"] if (vm["hypervisor"], vm["logical_switch"]) == (host, name)]
    to = frame["destination_mac"]
    ports = [named(vm["port"], vm["vlan"]) for vm in here if to in (BROADCAST, vm["mac"]) and vm["mac"] != frame["source_mac"]]
    locators = []
    if "port" in frame:
        known = switch["ucast_remote"].get(to)
        flood = [locator for entry in switch["mcast_remote"].values() for locator in entry["locators"]]
        # What OVN does not know it sends to the VTEPs.
        unknown = host in lab["bridges"] and not ports
        locators = [known["locator"]] if known else flood if to == BROADCAST or unknown else []
    own = next(one["underlay_ip"] for one in lab["hypervisors"] if one["name"] == host)
    tunnels = [
        {
            "destination": locator,
            "vni": switch["tunnel_key"],
            "problem": "",
            "flow": 0,
            "header": {"ipv4.source": own, "ipv4.destination": locator, "ipv4.ttl": 64, "vxlan.vni": switch["tunnel_key"]},
        }
        for locator in locators
    ]
    flows = [{"bridge": "br0", "table": 1, "match": f"dl_dst={to}", "actions": []}]
    return {"problem": "", "flows": flows, "tunnels": tunnels, "ports": ports, "normal": False}


def nodes_say(lab, source, target):
    """What lab_trace returns on every node of a lab that is right."""
    said = {}
    for node in lab["nodes"]:
        of_node = Node(node, lab["macs"])
        routes = {}
        for other in lab["nodes"]:
            destination = other["interfaces"][0]["address"].split("/")[0]
            if other is node or not (hop := of_node.hop(destination)):
                continue
            interface, via = hop
            routes[destination] = {
                "interface": interface.name,
                "via": "" if via == destination else via,
                "source_mac": interface.mac,
                "destination_mac": lab["macs"][via],
            }
        frames = requests(lab, node["name"], source, target) if node["kind"] in ("hypervisor", "ovn") else []
        said[node["name"]] = {"traces": [answer(lab, node["name"], frame) for frame in frames], "routes": routes}
    return said


def pairs(lab):
    return [
        (a["name"], b["name"])
        for a in lab["vms"]
        for b in lab["vms"]
        if a["hypervisor"] != b["hypervisor"]
        and a["logical_switch"] == b["logical_switch"]
        and not answers_instead(lab, a["name"], b["name"])
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_arrives_over_every_hop_with_the_header_of_each_link(name):
    lab, unused = scenario(name)
    for source, target in pairs(lab):
        legs = way(lab, intended(lab), nodes_say(lab, source, target), source, target)
        assert [(leg["arrives"], leg["ends"]) for leg in legs] == [(True, [])] * 3
        for leg in legs:
            for hop in leg["hops"]:
                if hop["header"]:
                    # To the next hop's MAC address, one less TTL for each router.
                    node = next(one for one in lab["nodes"] if one["name"] == hop["to"])
                    macs = {lab["macs"][interface["address"].split("/")[0]] for interface in node["interfaces"]}
                    assert hop["header"]["ethernet.destination"] in macs
                    assert 64 - len(lab["routers"]) <= hop["header"]["ipv4.ttl"] <= 64
            assert leg["hops"][-1]["to"] in {vm["name"] for vm in lab["vms"]}


def test_a_router_that_does_not_know_its_next_hop_says_no_mac_address():
    """Least of all that of the hop before."""
    lab, unused = scenario("routed")
    said = nodes_say(lab, "vm1", "vm2")
    for route in said["A"]["routes"].values():
        route["destination_mac"] = ""
    [header] = [hop["header"] for hop in way(lab, intended(lab), said, "vm1", "vm2")[2]["hops"] if hop["node"] == "A"]
    assert "ethernet.destination" not in header and header["ethernet.source"] == "02:42:0a:09:00:01" and header["ipv4.ttl"] == 63


@pytest.mark.parametrize("name", NAMES)
def test_the_page_goes_hop_by_hop(name):
    lab, unused = scenario(name)
    tables = intended(lab)
    for source, target in pairs(lab)[:3]:
        legs = way(lab, tables, nodes_say(lab, source, target), source, target)
        page = lab_trace_page(legs, lab, tables, FACTS)
        assert page["ok"] and page["foretold"]
        assert len(page["steps"]) == sum(len(leg["hops"]) + 1 for leg in legs)
        assert [step["number"] for step in page["steps"]] == list(range(1, len(page["steps"]) + 1))
        known = {row["id"] for table in page["tables"] for row in table["rows"]}
        assert {step["deciding"]["id"] for step in page["steps"] if step["deciding"]} <= known
        for step in page["steps"]:
            assert len(step["route"]["points"].split()) >= 2 and step["title"]
            assert all(float(number) >= 0 for point in step["route"]["points"].split() for number in point.split(","))
        assert any(step["headers"].startswith("MAC ") and "VNI " in step["headers"] for step in page["steps"])


def test_the_page_says_where_it_ends():
    lab, unused = scenario("seed")
    said = nodes_say(lab, "vm1", "vm2")
    broken = copy.deepcopy(said)
    for trace in broken["hv2"]["traces"]:
        trace["ports"] = []
    page = lab_trace_page(way(lab, intended(lab), broken, "vm1", "vm2"), lab, intended(lab), FACTS)
    wrong = [step for step in page["steps"] if not step["ok"]]
    assert not page["ok"] and wrong[0]["problem"].startswith("It does not arrive. hv2: the frame is dropped")
