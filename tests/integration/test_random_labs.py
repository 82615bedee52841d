# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random labs with random tables, built and pinged: the forwarding model and the packets agree, at every point. Needs root.

`VXLANLAB_RANDOM_LABS=0-19` runs the labs of these numbers instead of the one that `make test` has time for; a number always makes the
same lab. What each of them was goes to .cache/random_labs.jsonl.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random

import pytest
from test_lab import ROOT, Lab, host

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import processes
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import answers_instead, intended, walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed

FIRST, DASH, LAST = os.environ.get("VXLANLAB_RANDOM_LABS", "0").partition("-")
CHAPTERS = 8
LOG = ROOT / ".cache/random_labs.jsonl"
NOBODY = "10.9.99.99"


def some_lab(chance):
    """The variables of a lab: hypervisors of both kinds, in one network or behind routers, and switches that repeat their addresses."""
    count = chance.randint(2, 4)
    routed = chance.random() < 0.5
    switches = [{"name": name, "tunnel_key": chance.randrange(1, 2**24)} for name in ("red", "blue")[: chance.randint(1, 2)]]
    hypervisors = []
    for number in range(1, count + 1):
        # The first two always have something to say to each other.
        bound = switches if number <= 2 or chance.random() < 0.5 else switches[:1]
        vms = [
            {
                "name": f"{switch['name']}{number}",
                "mac": f"00:00:00:00:00:{number:02x}",
                "ip": f"192.168.1.{number}/24",
                "logical_switch": switch["name"],
            }
            for switch in bound
        ]
        kind = "linux" if number > 1 and chance.random() < 0.3 else "ovs"
        for vlan, vm in enumerate(vms, chance.randrange(1, 4000)) if kind == "ovs" else ():
            vm["vlan"] = chance.choice([0, vlan])
        hypervisors.append({"name": f"hv{number}", "underlay_ip": f"10.{number}.0.1", "kind": kind, "vms": vms})
    networks = [f"10.{number}.0.0/16" for number in range(1, count + 1)] if routed else ["10.0.0.0/8"]
    if not routed:
        routers = []
    elif chance.random() < 0.5:
        routers = [{"name": f"r{one}", "addresses": [f"10.{one}.0.254", f"10.{one + 1}.0.253"]} for one in range(1, count)]
    else:
        routers = [{"name": "r", "addresses": [f"10.{one}.0.254" for one in range(1, count + 1)]}]
    service_node = {"name": "sn", "underlay_ip": "10.1.0.9"} if chance.random() < 0.25 else {}
    return {
        "lab_underlay": {"network": networks, "interface": "eth0", "mtu": 1500},
        "lab_bridge": "br0",
        # Of several service nodes, ovs-vtep takes any.
        "lab_emulator": "vtepd",
        "lab_logical_switches": switches,
        "lab_hypervisors": hypervisors,
        "lab_routers": routers,
        "lab_service_node": service_node,
    }


def changes(lab):
    """Each change of a row that makes a difference: the chapter's `tables`, and what it makes of the tables of the model."""
    addresses = {hypervisor["name"]: hypervisor["underlay_ip"] for hypervisor in lab["hypervisors"]}
    kernels = [hypervisor["name"] for hypervisor in lab["hypervisors"] if hypervisor["kind"] == "linux"]
    for host_, vtep in intended(lab).items():
        if host_ in kernels:
            continue
        others = [address for name, address in addresses.items() if name != host_] + [NOBODY]
        for port, columns in vtep["physical_switches"]["br0"]["ports"].items():
            for vlan, switch in columns["vlan_bindings"].items():
                yield [(host_, "deleted", on_port(port, vlan, switch))]
                if port == "trunk":
                    # Nobody is in this VLAN.
                    yield [(host_, "merged", on_port(port, "4094", switch))]
        for name, switch in vtep["logical_switches"].items():
            yield [(host_, "merged", in_switch(name, tunnel_key=switch["tunnel_key"] ^ 1))]
            for mac, columns in switch["ucast_remote"].items():
                yield [(host_, "deleted", in_switch(name, ucast_remote={mac: {}}))]
                for locator in others:
                    if locator != columns["locator"]:
                        yield [(host_, "merged", in_switch(name, ucast_remote={mac: {"locator": locator}}))]
            if switch["mcast_remote"]:
                gone = (host_, "deleted", in_switch(name, mcast_remote={"unknown-dst": {}}))
                yield [gone]
                for locators in itertools.chain.from_iterable(itertools.combinations(others, size) for size in (1, 2)):
                    yield [gone, (host_, "merged", in_switch(name, mcast_remote={"unknown-dst": {"locators": list(locators)}}))]


def on_port(port, vlan, switch):
    return {"physical_switches": {"br0": {"ports": {port: {"vlan_bindings": {vlan: switch}}}}}}


def in_switch(name, **columns):
    return {"logical_switches": {name: columns}}


def apply(tables, change):
    """The tables of the model after a change."""
    host_, state, config = change

    def go(place, part):
        for key, value in part.items():
            if state == "deleted" and key == "vlan_bindings":
                place[key] = {vlan: switch for vlan, switch in place[key].items() if vlan not in value}
            elif state == "deleted" and not value:
                place.pop(key, None)
            elif isinstance(value, dict):
                go(place.setdefault(key, {}), value)
            else:
                place[key] = value

    go(tables[host_], config)


def some_chapters(chance, lab):
    """Pings between any two VMs, most of them with a row or two that differ; the replies are those of the model."""
    possible = list(changes(lab))
    pairs = [
        (a, b) for a in lab["vms"] for b in lab["vms"] if a["logical_switch"] == b["logical_switch"] and a["hypervisor"] != b["hypervisor"]
    ]
    # In its own network, another one must not have the address.
    strangers = [
        (a, b)
        for a in lab["vms"]
        for b in lab["vms"]
        if a["logical_switch"] != b["logical_switch"] and not answers_instead(lab, a["name"], b["name"])
    ]
    chapters = []
    number = 0
    while number < CHAPTERS:
        before = chapters[-1] if chapters else None
        again = before is not None and before["replies"] and chance.random() < 0.3
        a, b = chance.choice(strangers if strangers and chance.random() < 0.1 else pairs)
        ends = before["ping"] if again else {"from": a["name"], "to": b["name"]}
        done = chance.sample(possible, min(len(possible), chance.choice([0, 1, 1, 1, 2])))
        tables = copy.deepcopy(intended(lab))
        listed = [change for one in done for change in one]
        for change in listed:
            apply(tables, change)
        found = walk(lab, tables, ends["from"], ends["to"], 3, not again)
        # What a datapath may or may not drop is no prediction.
        if found["replies"] != found["certain"]:
            continue
        chapters.append(
            {
                "key": f"chapter_{number}",
                "heading": f"Chapter {number}",
                "text": "; ".join(found["ends"]) or "Nothing ends on the way.",
                "ping": ends,
                "forget": not again,
                "replies": found["replies"],
                "listen": list(lab["points"]),
                **(
                    {"tables": [{"hypervisor": where, "state": state, "config": config} for where, state, config in listed]}
                    if listed
                    else {}
                ),
            }
        )
        number += 1
    return chapters


@pytest.mark.parametrize("number", range(int(FIRST), int(LAST if DASH else FIRST) + 1))
def test_model_and_packets_agree(number, tmp_path):
    chance = random.Random(number)
    variables = some_lab(chance)
    topology = completed({key.removeprefix("lab_"): value for key, value in variables.items()})
    assert topology["problems"] == []
    variables["lab_chapters"] = some_chapters(chance, topology)
    lab = Lab(f"test-{os.getpid()}-r{number}", tmp_path, variables)
    before = host(lab)
    try:
        lab.up(succeeds=None)
        summary = lab.summary
        with LOG.open("a") as log:
            pings = sum(chapter["sent"] for chapter in summary["chapters"])
            steps = sum(len(one["steps"]) for one in summary["walks"])
            wrong = [check for check in summary["checks"] if not check["ok"]]
            told = {"lab": number, "points": len(topology["points"]), "pings": pings, "captures": len(summary["walks"]), "packets": steps}
            log.write(json.dumps({**told, "wrong": wrong}) + "\n")
        assert wrong == []
    finally:
        lab.down()
    assert not processes.processes(lab.name)
    assert host(lab) == before
