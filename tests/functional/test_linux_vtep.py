# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Linux kernel as a VTEP: from any tables to any others, on a real kernel, in a lab node. Needs root."""

from __future__ import annotations

import json
import random
import sys

import pytest
from lab_nodes import HV1, inside, made, pids

MODULE = "ansible_collections.vxlanlab.vtep.plugins.modules.linux_vtep"
VTEPS = ["10.1.0.1", "10.2.0.1", "10.3.0.1"]
NAMES = ["ls0", "red/1"]
PORTS = ["vm1", "vm2", "vm3"]


class Vtep:
    """The module in a node."""

    def __init__(self, lab):
        self.pid = pids(made(lab, HV1))["hv1"]

    def run(self, *command, **options):
        return inside(self.pid, *command, **options)

    def module(self, check=False, **arguments):
        text = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **arguments}})
        return json.loads(self.run("sh", "-c", f"{sys.executable} -m {MODULE} || true", input=text))

    def interfaces(self):
        return sorted(link["ifname"] for link in json.loads(self.run("ip", "-json", "link", "show")))


@pytest.fixture
def vtep(lab):
    return Vtep(lab)


def mac(number):
    return f"00:00:00:00:00:{number:02x}"


def some_tables(chance):
    """Any options: up to two switches, any ports, any entries."""
    names = chance.sample(NAMES, chance.randint(0, 2))
    on = {port: chance.choice(names) for port in PORTS if names and chance.random() < 0.6}
    switches = [
        {
            "name": name,
            "tunnel_key": number + chance.choice([0, 5000]),
            "ports": [port for port in on if on[port] == name],
            "unicast": [{"mac": mac(16 + one), "locator": chance.choice(VTEPS)} for one in chance.sample(range(6), chance.randint(0, 4))],
            "multicast": [{"mac": "unknown-dst", "locators": chance.sample(VTEPS, chance.randint(1, 3))}] if chance.random() < 0.7 else [],
        }
        for number, name in enumerate(names)
    ]
    ports = [{"name": port, "mac": mac(1 + PORTS.index(port) + chance.choice([0, 8])), "mtu": chance.choice([1400, 1450])} for port in on]
    return {
        "tunnel_ip": chance.choice(["10.0.0.1", "10.0.0.9"]),
        "mtu": chance.choice([1450, 1400]),
        "logical_switches": switches,
        "ports": ports,
    }


def as_tables(options):
    """What vtep_info would say of them."""
    return {
        "physical_switches": {
            "br0": {"ports": {port: {"vlan_bindings": {"0": one["name"]}} for one in options["logical_switches"] for port in one["ports"]}}
        },
        "logical_switches": {
            one["name"]: {
                "tunnel_key": one["tunnel_key"],
                "replication_mode": "source_node",
                "ucast_remote": {entry["mac"]: {"locator": entry["locator"], "ipaddr": ""} for entry in one["unicast"]},
                "mcast_remote": {entry["mac"]: {"locators": sorted(entry["locators"])} for entry in one["multicast"]},
            }
            for one in options["logical_switches"]
        },
    }


@pytest.mark.parametrize("seed", range(3))
def test_from_any_tables_to_any_others(vtep, seed):
    chance = random.Random(seed)
    vtep.run("ip", "link", "add", "foreign", "type", "vxlan", "id", "77", "dstport", "4789", "local", "10.0.0.1")
    vtep.run("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "foreign", "dst", "10.7.0.1")
    before = vtep.interfaces()
    strangers = vtep.run("bridge", "fdb", "show", "dev", "foreign")
    for unused in range(12):
        options = some_tables(chance)
        foretold = vtep.module(check=True, **options)
        done = vtep.module(**options)
        assert "failed" not in done, done["msg"]
        assert (foretold["commands"], foretold["vtep"], foretold["changed"]) == (done["commands"], done["vtep"], done["changed"])
        assert done["vtep"] == as_tables(options)
        again = vtep.module(**options)
        assert not again["changed"] and again["commands"] == [] and again["vtep"] == done["vtep"]
        assert vtep.module(state="gathered")["vtep"] == done["vtep"]
        for port in options["ports"]:
            [end] = json.loads(vtep.run("ip", "-n", port["name"], "-json", "link", "show", "dev", port["name"]))
            assert (end["address"], end["mtu"]) == (port["mac"], port["mtu"])
        made_here = {f"{kind}{one['tunnel_key']}" for one in options["logical_switches"] for kind in ("br", "vx")}
        assert set(vtep.interfaces()) == {*before, *made_here, *(port["name"] for port in options["ports"])}
    vtep.module(tunnel_ip="10.0.0.1", logical_switches=[], ports=[])
    assert vtep.interfaces() == before and vtep.run("bridge", "fdb", "show", "dev", "foreign") == strangers


def test_a_device_of_somebody_else_is_not_touched(vtep):
    vtep.run("ip", "link", "add", "br5", "type", "bridge")
    before = vtep.interfaces()
    switch = {"name": "ls0", "tunnel_key": 5, "ports": []}
    failed = vtep.module(tunnel_ip="10.0.0.1", logical_switches=[switch])
    assert failed["failed"] and "the interface br5, for ls0, is there already, and was not made by this module" in failed["msg"]
    vtep.run("ip", "link", "add", "vm1", "type", "bridge")
    port = {"name": "vm1", "mac": mac(1)}
    failed = vtep.module(tunnel_ip="10.0.0.1", logical_switches=[{**switch, "tunnel_key": 6, "ports": ["vm1"]}], ports=[port])
    assert failed["failed"] and "ports: the interface vm1 is there already" in failed["msg"]
    assert vtep.interfaces() == sorted([*before, "vm1"])


def test_checksums_are_left_to_the_kernel(vtep):
    switch = {"name": "ls0", "tunnel_key": 5}
    options = {"tunnel_ip": "10.0.0.1", "logical_switches": [switch], "underlay_interface": "eth0"}
    assert "ethtool -K eth0 tx off" in vtep.module(**options)["commands"]
    assert not vtep.module(**options)["changed"]
    assert "tx-checksumming: off" in vtep.run("ethtool", "-k", "eth0")


LS0 = {"name": "ls0", "tunnel_key": 5000}
VM1 = {"name": "vm1", "mac": mac(1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"logical_switches": [LS0]}, "state is present but all of the following are missing: tunnel_ip"),
        ({"tunnel_ip": "10.0.0", "logical_switches": [LS0]}, "tunnel_ip: '10.0.0' is not accepted"),
        ({"logical_switches": [{**LS0, "name": "a b"}]}, "logical_switches[0].name: 'a b' is not accepted"),
        ({"logical_switches": [{**LS0, "tunnel_key": 2**24}]}, "logical_switches[0].tunnel_key: 16777216 is not accepted"),
        ({"logical_switches": [LS0, LS0]}, "logical_switches[1].name: 'ls0' is not accepted: expected each name once"),
        ({"logical_switches": [LS0, {**LS0, "name": "ls1"}]}, "logical_switches[1].tunnel_key: 5000 is not accepted"),
        ({"logical_switches": [{**LS0, "ports": ["vm1"]}]}, "logical_switches[0].ports: 'vm1' is not accepted"),
        ({"logical_switches": [LS0], "ports": [VM1]}, "ports: 'vm1' is not accepted"),
        ({"logical_switches": [LS0], "ports": [VM1, VM1]}, "ports[1].name: 'vm1' is not accepted: expected each name once"),
        ({"logical_switches": [LS0], "ports": [{**VM1, "mac": "01:00:00:00:00:01"}]}, "ports[0].mac: '01:00:00:00:00:01' is not accepted"),
        ({"logical_switches": [LS0], "ports": [{**VM1, "mtu": 67}]}, "ports[0].mtu: 67 is out of range. Use 68 to 65535 bytes."),
        ({"logical_switches": [LS0], "ports": [{**VM1, "namespace": ".."}]}, "ports[0].namespace: '..' is not accepted"),
        ({"logical_switches": [LS0], "mtu": 1}, "mtu: 1 is out of range"),
        ({"logical_switches": [LS0], "underlay_interface": "a/b"}, "underlay_interface: 'a/b' is not accepted"),
        ({"logical_switches": [{**LS0, "unicast": [{"mac": "x", "locator": "10.1.0.1"}]}]}, "logical_switches[0].unicast[0].mac: 'x'"),
        ({"logical_switches": [{**LS0, "unicast": [{"mac": mac(1), "locator": "x"}]}]}, "logical_switches[0].unicast[0].locator: 'x'"),
        ({"logical_switches": [{**LS0, "multicast": [{"mac": "unknown-dst", "locators": ["x"]}]}]}, "logical_switches[0].multicast: 'x'"),
    ],
)
def test_what_is_refused(vtep, options, message):
    before = vtep.interfaces()
    given = {} if message.endswith("missing: tunnel_ip") else {"tunnel_ip": "10.0.0.1"}
    failed = vtep.module(**(given | options))
    assert failed["failed"] and message in failed["msg"]
    assert vtep.interfaces() == before
