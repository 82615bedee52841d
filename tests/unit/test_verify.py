# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a lab is right: every scenario that is, and every fault in any row, frame, emulator, port and ping of it."""

from __future__ import annotations

import copy
import itertools

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import Node, intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import mesh
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import pings
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.verify import entrances, frames, kinds, report, sample
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import NAMES, faults, planted, scenario


def right(lab):
    """What would be found in a lab that is right."""
    switches = [one["name"] for one in lab["hypervisors"] if one["kind"] in ("ovs", "ovn")]
    traced = {
        host: {
            "traces": [
                {
                    "problem": "",
                    "normal": False,
                    "flows": [],
                    "ports": sorted(one.ports),
                    "tunnels": [{"destination": locator, "vni": one.vni, "problem": "", "header": {}} for locator in sorted(one.tunnels)],
                }
                for one in entrances(lab, host)
            ],
            "routes": {
                one["underlay_ip"]: {"interface": "eth0", "via": ""}
                for one in lab["hypervisors"]
                if one["name"] != host and kinds(lab)[host] in ("router", "linux")
            },
        }
        for host in [node["name"] for node in lab["nodes"]]
    }
    mtus, tags = {vm["interface"]: 1450 for vm in lab["vms"]}, {vm["interface"]: vm["vlan"] for vm in lab["vms"] if vm["interface"]}
    states = {
        end["name"]: {
            "emulators": [7],
            "faults": [],
            "mtus": dict(mtus),
            "tags": dict(tags),
            "own_addresses": ["127.0.0.1", end["underlay_ip"]],
        }
        for end in lab["hypervisors"]
        if end["name"] in switches
    }
    states |= {end["name"]: {"offload": False} for end in lab["hypervisors"] if end["name"] not in switches}
    pinged = {host: [dict(ping, replies=1) for ping in of_host] for host, of_host in mesh(lab).items()}
    tables = intended(lab)
    return {"tables": tables, "states": states, "traced": traced, "pinged": pinged}


def told(lab, seen):
    found = report(lab, **seen)
    assert found["ok"] == (not found["findings"])
    return [(finding["layer"], finding["words"]) for finding in found["findings"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_that_is_right(name):
    lab, unused = scenario(name)
    seen = right(lab)
    assert told(lab, seen) == []
    looked = report(lab, **seen)["looked"]
    assert all(looked.values()) and looked["packets"] == sum(map(len, seen["pinged"].values()))
    for host in seen["traced"]:
        assert len(frames(lab, host)) == len(entrances(lab, host)) == len(seen["traced"][host]["traces"])
        assert bool(frames(lab, host)) == (kinds(lab)[host] in ("hypervisor", "ovn", "service_node"))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_is_wrong_is_to_blame_and_nothing_else(name):
    """Whatever else shows it, too: the frames, and the pings."""
    lab, unused = scenario(name)
    for host, place, value, words in faults(lab):
        seen = right(lab)
        seen["tables"] = planted(lab, host, place, value)
        if place[0] == "logical_switches":
            harmed = {place[1]}
        else:
            # A port that is bound to another tenant's switch harms both; and a VLAN too many, the switch that it is bound to.
            had = intended(lab)[host]["physical_switches"][lab["bridges"].get(host, lab["bridge"])]["ports"][place[3]]["vlan_bindings"]
            harmed = {name for vlan, name in {*had.items()} ^ {*value.items()}}
        vms = {vm["name"]: vm for vm in lab["vms"]}
        if host in seen["traced"]:
            for one, trace in zip(entrances(lab, host), seen["traced"][host]["traces"]):
                if one.switch in harmed:
                    trace.update(ports=[], tunnels=[])
        for ping in itertools.chain(*seen["pinged"].values()):
            a = vms[ping["interface"]]
            b = next(vm for vm in vms.values() if (vm["logical_switch"], vm["address"]) == (a["logical_switch"], ping["address"]))
            if a["logical_switch"] in harmed and host in (a["hypervisor"], b["hypervisor"]):
                ping["replies"] = 0
        found = told(lab, seen)
        assert {layer for layer, said in found} == {"database"}, (words, found)
        assert any(said.startswith(words) for layer, said in found), (words, found)


def test_daemons_of_ovn_that_do_not_run():
    """Also where all rows are right still: nobody would write the next one."""
    lab, unused = scenario("ovn")
    assert told(lab, {**right(lab), "ovn": {"ovn": [], "hv2": []}}) == []
    found = told(lab, {**right(lab), "ovn": {"ovn": ["ovn-northd does not run"], "hv2": ["ovn-controller is not connected"]}})
    assert found == [("emulator", "ovn: ovn-northd does not run"), ("emulator", "hv2: ovn-controller is not connected")]


WRONG = {
    "problem": ({"problem": "no port takes packets"}, "no port takes packets"),
    "normal": ({"normal": True}, "forwards like an ordinary switch (NORMAL)"),
    "key": ({"tunnels": [{"destination": "10.1.0.1", "vni": 7, "problem": "", "header": {}}]}, "it leaves with VNI 7, not"),
    "nobody": (
        {"tunnels": [{"destination": "10.77.0.1", "vni": 5000, "problem": "nobody answers who has 10.77.0.1", "header": {}}]},
        "nobody answers who has 10.77.0.1",
    ),
    "dropped": ({"tunnels": [], "ports": []}, "it does not go to"),
    "leak": ({"ports": ["stranger"]}, "it goes to port stranger, where it does not belong"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("name", NAMES)
def test_a_frame_that_goes_wrong_is_told(name, kind):
    lab, unused = scenario(name)
    change, words = WRONG[kind]
    for host, result in right(lab)["traced"].items():
        for number in range(len(result["traces"])):
            seen = copy.deepcopy(right(lab))
            trace = seen["traced"][host]["traces"][number]
            if kind == "dropped" and not trace["ports"] and not trace["tunnels"]:
                continue
            trace.update(copy.deepcopy(change))
            found = told(lab, seen)
            assert found and {layer for layer, said in found} == {"datapath"}
            assert any(words in said for layer, said in found), found


@pytest.mark.parametrize("name", NAMES)
def test_who_answers_for_another_is_told(name):
    """Of every next hop of every node: at a hypervisor by the header of its tunnels, at routers and kernels by their neighbours."""
    lab, unused = scenario(name)
    for host in kinds(lab):
        seen = right(lab)
        node = next(one for one in lab["nodes"] if one["name"] == host)
        traced = seen["traced"][host]
        right_macs = copy.deepcopy(seen)
        for state, mac in ((right_macs, None), (seen, "02:00:00:00:00:66")):
            for destination, route in state["traced"][host]["routes"].items():
                via = Node(node, lab["macs"]).hop(destination)[1]
                route["destination_mac"] = mac or lab["macs"][via]
            for trace in state["traced"][host]["traces"]:
                for tunnel in trace["tunnels"]:
                    via = Node(node, lab["macs"]).hop(tunnel["destination"])[1]
                    tunnel["header"] = {"ethernet.destination": mac or lab["macs"][via]}
        assert told(lab, right_macs) == []
        found = told(lab, seen)
        leads = traced["routes"] or any(trace["tunnels"] for trace in traced["traces"])
        assert bool(found) == bool(leads)
        assert all(
            layer == "datapath" and said.startswith(f"{host}: ") and "leave for MAC 02:00:00:00:00:66" in said for layer, said in found
        )


def test_emulators_ports_and_pings():
    lab, unused = scenario("seed")
    for emulators, words in (([], "no emulator runs"), ([7, 8], "2 emulators run (PIDs 7, 8)")):
        seen = right(lab)
        seen["states"]["hv1"]["emulators"] = emulators
        [(layer, said)] = told(lab, seen)
        assert layer == "emulator" and said.startswith(f"hv1: {words}")
    seen = right(lab)
    seen["states"]["hv1"]["faults"] = ["logical switches a, b have the same tunnel_key 7: none of them gets tunnels"]
    assert told(lab, seen) == [("emulator", f"hv1: vtepd cannot follow all rows: {seen['states']['hv1']['faults'][0]}")]
    seen["tables"] = planted(lab, "hv1", ("logical_switches", "ls0", "tunnel_key"), 7)
    assert [layer for layer, unused in told(lab, seen)] == ["database"], "it follows from the row"
    for mtu, words in ((1451, "the MTU of port vm2 is 1451, and the underlay has room for 1450"), (None, "port vm2 has no interface")):
        seen = right(lab)
        seen["states"]["hv2"]["mtus"]["vm2"] = mtu
        [(layer, said)] = told(lab, seen)
        assert layer == "datapath" and said.startswith(f"hv2: {words}")
    fabric, unused = scenario("fabric")
    seen = right(fabric)
    seen["states"]["hv3"]["own_addresses"] = ["10.0.0.2"]
    seen["traced"]["hv3"]["traces"] = [{**trace, "tunnels": []} for trace in seen["traced"]["hv3"]["traces"]]
    behind = {vm["address"]: vm["hypervisor"] for vm in fabric["vms"]}
    for host, ping in [(host, ping) for host, some in seen["pinged"].items() for ping in some]:
        ping["replies"] = int({host, behind[ping["address"]]}.isdisjoint({"hv2", "hv3"}))
    assert [layer for layer, unused in told(fabric, seen)] == ["datapath", "datapath"], "the rest follows from it"
    assert {words.split(" (")[0] for unused, words in told(fabric, seen)} == {
        "hv3: it has 10.0.0.2, the address of hv2: what is sent there goes to either",
        "hv3: 10.0.0.3, its address as a VTEP, is on none of its interfaces",
    }
    mixed, unused = scenario("mixed")
    seen = right(mixed)
    seen["states"]["hv2"]["offload"] = True
    [(layer, said)] = told(mixed, seen)
    assert layer == "datapath" and said.startswith("hv2: eth0 leaves checksums to its hardware, and there is none: hv1 will drop TCP")
    tenants, unused = scenario("tenants")
    seen = right(tenants)
    seen["states"]["hv2"]["tags"]["blue2"] = 44
    seen["pinged"]["hv1"][1]["replies"] = 0
    [(layer, said)] = told(tenants, seen)
    assert layer == "datapath" and said.startswith("hv2: port blue2 is in VLAN 44 of its switch, wanted 40")
    seen = right(lab)
    seen["traced"]["hv1"] = {"failed": True, "msg": "'ovs-appctl dpif/show' failed"}
    seen["pinged"]["hv1"][0]["replies"] = 0
    assert told(lab, seen) == [("datapath", "hv1: 'ovs-appctl dpif/show' failed")]
    seen = right(lab)
    seen["pinged"]["hv1"][0]["replies"] = 0
    assert told(lab, seen) == [("packets", "vm1 -> vm2: no reply, and nothing above says why")]
    seen = right(lab)
    del seen["tables"]["hv1"]["physical_switches"]["br0"]["ports"]["vm1"]
    assert {layer for layer, said in told(lab, seen)} == {"database", "emulator"}


SILENT = [
    ("routed", "A", "A: no way to 10.1.0.1 for VXLAN (UDP port 4789)"),
    ("service_node", "sn", "sn: says nothing"),
    ("seed", "hv2", "hv2: says nothing"),
]


@pytest.mark.parametrize(("name", "node", "words"), SILENT)
def test_what_others_need_is_to_blame_for_what_they_miss(name, node, words):
    lab, unused = scenario(name)
    seen = right(lab)
    if kinds(lab)[node] == "router":
        seen["traced"][node]["routes"]["10.1.0.1"] = None
    else:
        seen["traced"][node] = {"msg": "says nothing"}
    # Nobody answers for its address, either.
    address = next(one["interfaces"][0]["address"].split("/")[0] for one in lab["nodes"] if one["name"] == node)
    for result in seen["traced"].values():
        for trace in result.get("traces", []):
            for tunnel in trace["tunnels"]:
                if tunnel["destination"] == address:
                    tunnel["problem"] = f"nobody answers who has {address}"
    for ping in itertools.chain(*seen["pinged"].values()):
        ping["replies"] = 0
    [(layer, said)] = told(lab, seen)
    assert layer == "datapath" and said.startswith(words)


def test_what_a_switch_has_not_learned_goes_to_all_but_where_it_comes_from():
    """To the service node, too, where that is one of them."""
    for name, spare in (("seed", False), ("service_node", True)):
        lab, unused = scenario(name)
        seen = right(lab)
        for one, trace in zip(entrances(lab, "hv2"), seen["traced"]["hv2"]["traces"]):
            if one.source == "10.0.0.1" and one.receiver:
                trace["tunnels"] += [{"destination": "10.9.0.1", "vni": 5000, "problem": "", "header": {}}]
        assert [layer for layer, said in told(lab, seen)] == ([] if spare else ["datapath"])


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_all_is_all(name):
    lab, unused = scenario(name)
    everybody = sample(lab, 0)
    assert sorted(everybody) == sorted((a["name"], b["name"]) for a in lab["vms"] for b in lab["vms"] if pings(a, b))
    assert mesh(lab, everybody) == mesh(lab)
    for host in kinds(lab):
        assert entrances(lab, host, everybody) == entrances(lab, host)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_sample_looks_at_so_many_of_each_vm_and_a_fault_between_them_is_found(count):
    lab, unused = scenario("fabric")
    pairs = sample(lab, count, 7)
    assert pairs == sample(lab, count, 7)
    assert count > 2 or any(sample(lab, count, seed) != pairs for seed in range(20))
    assert {a for a, b in pairs} == {vm["name"] for vm in lab["vms"]}
    assert len(pairs) == len(set(pairs)) == 4 * min(count, 3)
    assert sum(len(one) for one in mesh(lab, pairs).values()) == len(pairs)
    seen = right(lab)
    for host in seen["traced"]:
        everything, chosen = entrances(lab, host), entrances(lab, host, pairs)
        assert len(frames(lab, host, pairs)) == len(chosen) <= len(everything)
        seen["traced"][host]["traces"] = [trace for one, trace in zip(everything, seen["traced"][host]["traces"]) if one in chosen]
    assert report(lab, **seen, pairs=pairs)["ok"]
    for host in seen["traced"]:
        for number, one in enumerate(entrances(lab, host, pairs)):
            if one.tunnels:
                broken = copy.deepcopy(seen)
                broken["traced"][host]["traces"][number]["tunnels"] = []
                assert not report(lab, **broken, pairs=pairs)["ok"]
