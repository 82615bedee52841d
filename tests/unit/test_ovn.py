# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OVN's databases as data: what makes a switch right, whatever it was, and what a hypervisor's rows say. tests/integration has the real one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import deviations
from ansible_collections.vxlanlab.vtep.plugins.module_utils._ovn import KEY, Port, Switch, changes, rows, switches, tables
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import scenario

NAMES = st.sampled_from(["a", "b", "c"])
VTEP = {"vtep-physical-switch": "br0", "vtep-logical-switch": "ls0"}
PORTS = st.one_of(
    st.builds(Port, NAMES, st.just("vtep"), st.just(("unknown",)), st.just(VTEP)),
    st.builds(Port, NAMES, st.just(""), st.sampled_from([("00:00:00:00:00:01 192.0.2.1",), ("00:00:00:00:00:02 192.0.2.2",)])),
)


def of_ports(name):
    def own(ports):
        return tuple(Port(f"{name}-{port.name}", port.type, port.addresses, port.options) for port in ports)

    return st.builds(Switch, st.just(name), st.integers(1, 4095), st.lists(PORTS, unique_by=lambda port: port.name, max_size=3).map(own))


SWITCHES = st.tuples(of_ports("ls0"), of_ports("ls1"))


def carried_out(have, commands):
    """The switches after commands of ovn-nbctl(8), as far as ``changes`` uses them."""
    found = {name: (switch.tunnel_key, {port.name: port for port in switch.ports}) for name, switch in have.items()}
    for word, *rest in commands:
        if word == "ls-add":
            assert rest[0] not in found
            found[rest[0]] = (0, {})
        elif word == "set":
            key, value = rest[2].removeprefix("other_config:").split("=")
            assert rest[0] == "Logical_Switch" and key == KEY
            found[rest[1]] = (int(value), found[rest[1]][1])
        elif word == "lsp-add":
            assert rest[1] not in found[rest[0]][1]
            found[rest[0]][1][rest[1]] = Port(rest[1], "", ())
        else:
            [ports] = [ports for unused, ports in found.values() if rest[0] in ports]
            port = ports.pop(rest[0])
            if word == "lsp-set-type":
                ports[port.name] = Port(port.name, rest[1], port.addresses, port.options)
            elif word == "lsp-set-addresses":
                ports[port.name] = Port(port.name, port.type, tuple(rest[1:]), port.options)
            elif word == "lsp-set-options":
                ports[port.name] = Port(port.name, port.type, port.addresses, dict(one.split("=") for one in rest[1:]))
            else:
                assert word == "lsp-del"
    return {name: (key, ports) for name, (key, ports) in found.items()}


@given(st.lists(SWITCHES.map(list), max_size=1).map(lambda lists: lists[0] if lists else []), SWITCHES)
def test_from_whatever_there_is_to_what_is_wanted(have, wanted):
    there = {switch.name: switch for switch in have}
    commands = changes(there, wanted)
    found = carried_out(there, commands)
    assert found == {switch.name: (switch.tunnel_key, {port.name: port for port in switch.ports}) for switch in wanted}
    assert changes({switch.name: switch for switch in wanted}, wanted) == []


def test_other_switches_stay():
    there = {"other": Switch("other", 7, ())}
    assert all("other" not in command for command in changes(there, [Switch("ls0", 5, ())]))


def test_what_ovn_nbctl_prints():
    """Sets of one, of none and of many, as RFC 7047 writes them."""
    text = {
        "headings": ["_uuid", "name", "other_config", "ports"],
        "data": [[["uuid", "s1"], "ls0", ["map", [[KEY, "500"]]], ["uuid", "p1"]], [["uuid", "s2"], "ls1", ["map", []], ["set", []]]],
    }
    ports = [
        {"_uuid": "p1", "name": "vm2", "type": "", "addresses": "00:00:00:00:00:02 192.168.1.2", "options": {}},
    ]
    assert switches(rows(json.dumps(text)), ports) == {
        "ls0": Switch("ls0", 500, (Port("vm2", "", ("00:00:00:00:00:02 192.168.1.2",)),)),
        "ls1": Switch("ls1", 0, ()),
    }


SOUTHBOUND = {
    "Chassis": [{"_uuid": "c1", "name": "br0", "encaps": "e1"}, {"_uuid": "c2", "name": "hv2", "encaps": ["e2", "e3"]}],
    "Encap": [
        {"_uuid": "e1", "type": "vxlan", "ip": "10.0.0.1"},
        {"_uuid": "e2", "type": "geneve", "ip": "10.1.0.1"},
        {"_uuid": "e3", "type": "vxlan", "ip": "10.1.0.1"},
    ],
    "Datapath_Binding": [
        {"_uuid": "d1", "tunnel_key": 500, "external_ids": {"name": "ls0"}},
        {"_uuid": "d2", "tunnel_key": 7, "external_ids": {"name": "elsewhere"}},
    ],
    "Port_Binding": [
        {"_uuid": "p1", "logical_port": "vm2", "type": "", "chassis": "c2", "datapath": "d1"},
        {"_uuid": "p2", "logical_port": "br0-ls0", "type": "vtep", "chassis": "c1", "datapath": "d1"},
        {"_uuid": "p3", "logical_port": "vm9", "type": "", "chassis": [], "datapath": "d2"},
    ],
    "Multicast_Group": [
        {"_uuid": "g1", "name": "_MC_flood", "datapath": "d1", "ports": ["p1", "p2"]},
        {"_uuid": "g2", "name": "_MC_unknown", "datapath": "d1", "ports": "p2"},
        {"_uuid": "g3", "name": "_MC_flood", "datapath": "d2", "ports": "p3"},
    ],
}


def test_a_hypervisor_of_the_scenario_is_as_it_should_be():
    lab, unused = scenario("ovn")
    found = {**intended(lab), "hv2": tables(SOUTHBOUND, "hv2", "br-int")}
    assert deviations(lab, found) == []


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "words"),
    [
        ("Port_Binding", 0, "chassis", [], "hv2 Port_Binding vm2 VLAN 0: missing"),
        ("Port_Binding", 1, "chassis", [], "hv2 Multicast_Group ls0 unknown-dst: missing"),
        ("Datapath_Binding", 0, "tunnel_key", 7, "hv2 Datapath_Binding ls0 tunnel_key: 7, wanted 500"),
        ("Encap", 0, "ip", "10.77.0.1", "hv2 Multicast_Group ls0 unknown-dst: 10.77.0.1, wanted 10.0.0.1"),
    ],
)
def test_a_row_of_ovn_that_is_wrong_is_named(table, row, column, value, words):
    lab, unused = scenario("ovn")
    southbound = json.loads(json.dumps(SOUTHBOUND))
    southbound[table][row][column] = value
    found = deviations(lab, {**intended(lab), "hv2": tables(southbound, "hv2", "br-int")})
    assert any(one.startswith(words) for one in found), found
