# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarding model: every scenario's pings, and what each fault in any row of any table makes of them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import LINUX_TABLES, answers_instead, intended, table_of, walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import completed as story, deviations
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed

SCENARIOS = Path(__file__).resolve().parents[2] / "playbooks/scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yml"))
NOBODY = "10.0.99.99"


def scenario(name):
    variables = yaml.safe_load((SCENARIOS / f"{name}.yml").read_text())
    hypervisors = variables["lab_hypervisors"]
    keys = ("underlay", "routers", "service_node", "controller", "bridge", "emulator", "logical_switches")
    topology = {key: variables[f"lab_{key}"] for key in keys if f"lab_{key}" in variables}
    lab = completed({**topology, "hypervisors": 4 if isinstance(hypervisors, str) else hypervisors})
    assert not lab["problems"]
    return lab, story(variables["lab_chapters"], lab)["chapters"]


def changed(tables, change):
    """The tables with a change of a chapter: rows removed, or set."""

    def merge(place, config):
        for key, value in config.items():
            if isinstance(value, dict) and value:
                merge(place.setdefault(key, {}), value)
            elif change["state"] == "deleted":
                place.pop(key, None)
            else:
                place[str(key)] = value

    merge(tables[change["hypervisor"]], change["config"])


@pytest.mark.parametrize("name", NAMES)
def test_every_chapter_has_the_replies_that_the_model_says(name):
    lab, chapters = scenario(name)
    for chapter in chapters:
        tables = copy.deepcopy(intended(lab))
        for change in chapter["tables"]:
            changed(tables, change)
        ends = (lab, tables, chapter["source"], chapter["target"])
        found = walk(*ends, 3, chapter["forget"], chapter["size"], chapter["mtu"])
        assert found["replies"] == chapter["replies"], (chapter["key"], found["ends"])
        if chapter["transfer"]:
            longest = walk(*ends, 1, chapter["forget"], (chapter["mtu"] or 1450) - 28, chapter["mtu"])
            assert bool(longest["replies"]) == chapter["transfer"]["arrives"]
        assert bool(found["ends"]) == (found["replies"] == 0)


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_told_apart_and_explained(name):
    lab, chapters = scenario(name)
    for chapter in chapters:
        steps = walk(lab, intended(lab), chapter["source"], chapter["target"], 3, chapter["forget"])["steps"]
        assert len({(step["point"], step["key"]) for step in steps}) == len(steps)
        assert {step["point"] for step in steps} <= set(lab["points"])
        assert all(step["reason"].endswith(".") and step["title"] for step in steps)
        for step in steps:
            earlier = {other["key"] for other in steps if other["point"] == step["point"] and other["number"] < step["number"]}
            assert set(step["after"]) <= earlier


def faults(lab):
    """Each row of each table, wrong in the ways that it can be: a name, how to plant it, and the words that name the row."""
    kinds = {one["name"]: one["kind"] for one in lab["hypervisors"]}
    for host, vtep in intended(lab).items():
        tables = {table: table_of(kinds[host], table) for table in LINUX_TABLES}
        [bridge] = vtep["physical_switches"]
        for port, columns in vtep["physical_switches"][bridge]["ports"].items():
            place = ("physical_switches", bridge, "ports", port, "vlan_bindings")
            row = f"{host} {tables['Physical_Port']} {port}"
            for vlan, bound in columns["vlan_bindings"].items():
                others = {other: name for other, name in columns["vlan_bindings"].items() if other != vlan}
                yield host, place, others, f"{row} VLAN {vlan}: missing, wanted {bound}"
                yield host, place, {**others, "7": bound}, f"{row} VLAN 7: {bound}, wanted nothing"
                for other in lab["logical_switches"]:
                    if other["name"] != bound:
                        yield host, place, {**others, vlan: other["name"]}, f"{row} VLAN {vlan}: {other['name']}, wanted {bound}"
        for name, switch in vtep["logical_switches"].items():
            place = ("logical_switches", name)
            yield host, (*place, "tunnel_key"), 7, f"{host} {tables['Logical_Switch']} {name} tunnel_key: 7, wanted {switch['tunnel_key']}"
            for mac, columns in switch["ucast_remote"].items():
                row = f"{host} {tables['Ucast_Macs_Remote']} {name} {mac}"
                yield host, (*place, "ucast_remote", mac), None, f"{row}: missing, wanted {columns['locator']}"
                yield host, (*place, "ucast_remote", mac, "locator"), NOBODY, f"{row}: {NOBODY}, wanted {columns['locator']}"
            row = f"{host} {tables['Mcast_Macs_Remote']} {name} unknown-dst"
            yield host, (*place, "mcast_remote"), None, f"{row}: missing, wanted "
            yield host, (*place, "mcast_remote", "unknown-dst", "locators"), [NOBODY], f"{row}: {NOBODY}, wanted "


def planted(lab, host, place, value):
    tables = copy.deepcopy(intended(lab))
    at = tables[host]
    for part in place[:-1]:
        at = at[part]
    if value is None:
        at[place[-1]] = {} if place[-1] == "mcast_remote" else at.pop(place[-1])
        if not at[place[-1]]:
            return tables
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return tables


def unbound(lab, host, place, value):
    """The VMs that a fault in the bindings of a port takes off their switch."""
    ports = [vm for vm in lab["vms"] if place[-1] == "vlan_bindings" and (vm["hypervisor"], vm["port"]) == (host, place[3])]
    return [vm for vm in ports if value.get(str(vm["vlan"])) != vm["logical_switch"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_planted_fault_is_named(name):
    lab, unused = scenario(name)
    assert deviations(lab, intended(lab)) == []
    count = 0
    for host, place, value, words in faults(lab):
        found = deviations(lab, planted(lab, host, place, value))
        assert any(one.startswith(words) for one in found), (words, found)
        count += 1
    assert count >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_in_a_row_that_decides_ends_the_ping(name):
    lab, chapters = scenario(name)
    source, target = chapters[0]["source"], chapters[0]["target"]
    vms = {vm["name"]: vm for vm in lab["vms"]}
    switch, here = vms[source]["logical_switch"], vms[source]["hypervisor"]
    deciding = {(here, vms[target]["mac"]), (vms[target]["hypervisor"], vms[source]["mac"])}
    hosts = {host for host, unused in deciding}
    for host, place, value, words in faults(lab):
        found = walk(lab, planted(lab, host, place, value), source, target)
        of_switch = place[:2] == ("logical_switches", switch) or any(
            vm["name"] in (source, target) for vm in unbound(lab, host, place, value)
        )
        if not of_switch or host not in hosts:
            assert found["replies"] == 1, words
        elif place[-1] in ("vlan_bindings", "tunnel_key"):
            assert found["replies"] == 0 and found["ends"], words
        elif place[2:3] == ("mcast_remote",):
            # Only the question is a broadcast, and vtepd takes it from everybody; OVN knows no MAC address behind a VTEP.
            of_ovn = lab["bridges"].get(host)
            assert found["replies"] == (0 if host == here or of_ovn else 1), words
        elif place[-1] == "locator" and (host, place[3]) in deciding:
            assert found["replies"] == 0 and found["ends"], words


@st.composite
def labs(draw):
    """Hypervisors in one network or behind a router each, with VMs on up to three switches that repeat their addresses."""
    count = draw(st.integers(2, 5))
    routed = draw(st.booleans())
    switches = [{"name": f"ls{number}", "tunnel_key": 5000 + number} for number in range(draw(st.integers(1, 3)))]
    hypervisors = []
    for number in range(count):
        bound = [
            switches[0],
            *draw(st.lists(st.sampled_from(switches[1:]), unique_by=lambda one: one["name"]) if switches[1:] else st.just([])),
        ]
        kind = draw(st.sampled_from(["ovs", "ovs", "linux"]))
        hypervisors.append(
            {
                "name": f"hv{number}",
                "underlay_ip": f"10.{number}.0.1",
                "kind": kind,
                "vms": [
                    {
                        "name": f"{switch['name']}-{number}",
                        "mac": f"00:00:00:00:00:{number + 1:02x}",
                        "ip": f"192.168.1.{number + 1}/24",
                        "logical_switch": switch["name"],
                        "vlan": draw(st.sampled_from([0, vlan])) if kind == "ovs" else 0,
                    }
                    for vlan, switch in enumerate(bound, 10)
                ],
            }
        )
    networks = [f"10.{number}.0.0/16" for number in range(count)] if routed else "10.0.0.0/8"
    # A row of routers, or one in the middle.
    row = draw(st.booleans())
    if not routed:
        routers = []
    elif row:
        routers = [{"name": f"r{number}", "addresses": [f"10.{number}.0.254", f"10.{number + 1}.0.253"]} for number in range(count - 1)]
    else:
        routers = [{"name": "r", "addresses": [f"10.{number}.0.254" for number in range(count)]}]
    underlay = {"network": networks, "interface": "eth0", "mtu": 1500}
    return completed({"underlay": underlay, "bridge": "br0", "logical_switches": switches, "routers": routers, "hypervisors": hypervisors})


@settings(max_examples=60, deadline=None)
@given(labs(), st.data())
def test_in_a_lab_that_is_right_who_shares_a_switch_reaches_the_other_and_nobody_else_hears_it(lab, data):
    assert not lab["problems"]
    vms = lab["vms"]
    pairs = [(a, b) for a in vms for b in vms if a is not b and not answers_instead(lab, a["name"], b["name"])]
    source, target = data.draw(st.sampled_from(pairs))
    found = walk(lab, intended(lab), source["name"], target["name"], forget=data.draw(st.booleans()))
    heard = {step["point"] for step in found["steps"]} & {vm["name"] for vm in lab["vms"]}
    same = {vm["name"] for vm in lab["vms"] if vm["logical_switch"] == source["logical_switch"]}
    assert heard <= same
    if source["logical_switch"] == target["logical_switch"]:
        assert found["replies"] == found["certain"] == 1 and found["ends"] == []
    else:
        assert found["replies"] == 0
    assert all(step["copies"] == 1 and not step["optional"] for step in found["steps"])
    assert_ttl(lab, found)


def assert_ttl(lab, found):
    for step in found["steps"]:
        # One less for every router that has passed it on.
        if "ipv4.ttl" in step["expect"]:
            assert 64 - len(lab["routers"]) <= step["expect"]["ipv4.ttl"] <= 64


@settings(max_examples=60, deadline=None)
@given(labs(), st.integers(0, 1700), st.integers(576, 1700), st.booleans())
def test_a_packet_is_seen_as_far_as_it_fits(lab, size, mtu, forget):
    source, target = lab["source"], lab["target"]
    found = walk(lab, intended(lab), source["name"], target["name"], 2, forget, size, mtu)
    echoes = [step for step in found["steps"] if step["key"].startswith("echo_request")]
    length = size + 28
    if length > mtu:
        assert found["steps"] == [] and f"{source['name']}: a packet of {length} bytes is too long" in found["ends"][0]
    elif length > 1450 and source["hypervisor"] != target["hypervisor"]:
        # The port of a VM in a VLAN is a point of its own.
        own = {source["name"], f"{source['hypervisor']}:{source['port']}"}
        assert {source["name"]} <= {step["point"] for step in echoes} <= own
        assert found["ends"] == [
            f"{source['hypervisor']}: the {length} bytes of a packet are {length + 50} in the tunnel, and eth0 takes 1500"
        ]
    else:
        assert found["replies"] == 2 and found["ends"] == []
    if length > mtu or length > 1450:
        assert found["replies"] == 0 or source["hypervisor"] == target["hypervisor"]


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_has_the_steps_that_it_needs_and_no_others(name):
    """Each is a file of playbooks/tasks."""
    for chapter in scenario(name)[1]:
        needed = {
            "prepare": chapter["restore"] or chapter["change"],
            "resize": chapter["resize"],
            "listen": True,
            "transfer": chapter["transfer"],
            "note": True,
        }
        assert chapter["steps"] == [step for step, is_needed in needed.items() if is_needed]
        assert all((SCENARIOS.parent / f"tasks/{step}.yml").is_file() for step in chapter["steps"])


def test_who_had_another_mtu_gets_back_what_the_underlay_has_room_for():
    lab, chapters = scenario("mtu")
    state = {vm["name"]: 1450 for vm in lab["vms"]}
    for chapter in chapters:
        state |= {port["name"]: port["mtu"] for ports in chapter["resize"].values() for port in ports}
        assert set(state.values()) == {chapter["mtu"] or 1450}
    last = story([{"key": "a", "heading": "a", "text": "a", "mtu": 1500}], lab)
    assert last["afterwards"]["steps"] == ["resize"]
    assert last["afterwards"]["resize"] == {"hv1": [{"name": "vm1", "mtu": 1450}], "hv2": [{"name": "vm2", "mtu": 1450}]}


def test_who_may_be_missing_and_what_comes_first_where_a_packet_takes_two_ways():
    """hv3 has lost its row for vm2, so it sends vm3's answers to both others, and hv1 sends them on to hv2."""
    hypervisors = [
        {
            "name": f"hv{n}",
            "underlay_ip": f"10.{n}.0.1",
            "vms": [{"name": f"vm{n}", "mac": f"00:00:00:00:00:0{n}", "ip": f"192.168.1.{n}/24"}],
        }
        for n in (1, 2, 3)
    ]
    underlay = {"network": "10.0.0.0/8", "interface": "eth0", "mtu": 1500}
    switches = [{"name": "ls0", "tunnel_key": 5000}]
    lab = completed(
        {"underlay": underlay, "bridge": "br0", "logical_switches": switches, "hypervisors": hypervisors, "emulator": "ovs-vtep"}
    )
    assert not lab["problems"]
    tables = intended(lab)
    del tables["hv3"]["logical_switches"]["ls0"]["ucast_remote"]["00:00:00:00:00:02"]
    found = walk(lab, tables, "vm2", "vm3", 2)
    steps = {(step["point"], step["key"]): step for step in found["steps"]}
    # Whichever of the two brings the answer to the question brings the replies, too.
    direct, about = "10.3.0.1>10.2.0.1", "10.3.0.1>10.1.0.1"
    assert [steps["hv3:eth0", f"echo_reply_1_{way}"]["optional"] for way in (direct, about)] == [True, True]
    assert not steps["vm2", "echo_reply_1"]["optional"] and found["replies"] == found["certain"] == 2
    # vm2 pings as soon as the first of the two answers is there, whatever hv1 has to say to hv3.
    assert steps["hv3:eth0", "echo_request_1_10.2.0.1>10.3.0.1"]["after"] == []


def test_an_answer_may_take_more_questions_than_there_are():
    """The VTEP, the service node and the other VTEP each lose one while they ask for their next hop, and a kernel asks three times."""
    lab, unused = scenario("service_node")
    for forget, certain in ((True, 0), ("vms", 1), (False, 1)):
        found = walk(lab, intended(lab), "vm1", "vm2", forget=forget)
        assert (found["replies"], found["certain"]) == (1, certain)
        answers = {step["point"]: step["optional"] for step in found["steps"] if step["key"].startswith("arp_reply")}
        # vm2 answers, and whether the answer gets away from there is the question.
        assert answers == {} if forget is False else answers["vm1"] == (forget is True) and not answers["vm2"]


@pytest.mark.parametrize(("emulator", "passes_on", "takes"), [("ovs-vtep", True, False), ("vtepd", False, True)])
def test_what_becomes_of_a_frame_from_a_tunnel_that_no_row_expects(emulator, passes_on, takes):
    """ovs-vtep has a tunnel port for each locator of its rows, and sends from one into another; vtepd has one port for all."""
    variables = yaml.safe_load((SCENARIOS / "moved.yml").read_text())
    topology = {key: variables[f"lab_{key}"] for key in ("underlay", "bridge", "logical_switches", "hypervisors")}
    lab = completed({**topology, "emulator": emulator})
    moved = intended(lab)
    moved["hv1"]["logical_switches"]["ls0"]["ucast_remote"]["00:00:00:00:00:03"]["locator"] = "10.1.0.1"
    assert bool(walk(lab, moved, "vm1", "vm3")["replies"]) == passes_on
    strangers = intended(lab)
    here = strangers["hv2"]["logical_switches"]["ls0"]
    here["mcast_remote"] = {}
    here["ucast_remote"] = {mac: entry for mac, entry in here["ucast_remote"].items() if mac != "00:00:00:00:00:01"}
    ends = walk(lab, strangers, "vm1", "vm2")["ends"]
    assert any("no row of ls0 names the locator 10.0.0.1" in words for words in ends) == (not takes)
