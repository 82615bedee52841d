# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full mesh: endpoints of all hosts -> the tables of one VTEP."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_config import overlay_config
from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables


def endpoint(number: int, host: int | None = None, **changes) -> dict:
    host = number if host is None else host
    return {
        "host": f"hv{host}",
        "physical_switch": "br0",
        "port": f"vm{number}",
        "logical_switch": "ls0",
        "mac": f"00:00:00:00:00:{number:02x}",
        "ip": f"192.168.1.{number}",
        "vtep": f"10.{host}.0.1",
        **changes,
    }


def test_two_hosts():
    endpoints = [endpoint(1), endpoint(2)]
    assert overlay_tables(endpoints, "hv1") == {
        "bindings": [{"physical_switch": "br0", "port": "vm1", "vlan": 0, "logical_switch": "ls0"}],
        "logical_switches": [
            {
                "name": "ls0",
                "unicast": [{"mac": "00:00:00:00:00:02", "locator": "10.2.0.1", "ipaddr": "192.168.1.2"}],
                "multicast": [{"mac": "unknown-dst", "locators": ["10.2.0.1"]}],
            }
        ],
    }


def test_three_hosts_reach_all_peers_and_no_peer_twice():
    endpoints = [endpoint(1), endpoint(2), endpoint(3), endpoint(4, host=3), endpoint(5, host=1)]
    (switch,) = overlay_tables(endpoints, "hv1")["logical_switches"]
    assert [entry["mac"][-2:] for entry in switch["unicast"]] == ["02", "03", "04"]
    assert switch["multicast"] == [{"mac": "unknown-dst", "locators": ["10.2.0.1", "10.3.0.1"]}]


def test_with_service_nodes_all_other_frames_go_there():
    endpoints = [endpoint(1), endpoint(2), endpoint(3, logical_switch="alone")]
    (switch,) = overlay_tables(endpoints, "hv1", ["10.99.0.1", "10.9.0.1", "10.9.0.1"])["logical_switches"]
    assert switch["multicast"] == [{"mac": "unknown-dst", "locators": ["10.9.0.1", "10.99.0.1"]}]
    assert [entry["locator"] for entry in switch["unicast"]] == ["10.2.0.1"]
    (alone,) = overlay_tables(endpoints, "hv3", ["10.9.0.1"])["logical_switches"]
    assert alone["multicast"] == [], "there is nobody to reach"


@pytest.mark.parametrize(
    ("service_nodes", "message"),
    [
        ("10.9.0.1", "service_nodes: expected a list of addresses, not str"),
        (["sn"], "service_nodes[0]: 'sn' is not accepted"),
        (["10.9.0.1", "10.2.0.1"], "service_nodes: 10.2.0.1 is the VTEP of host hv2"),
    ],
)
def test_service_nodes_that_cannot_be(service_nodes, message):
    with pytest.raises(AnsibleFilterError) as error:
        overlay_tables([endpoint(1), endpoint(2)], "hv1", service_nodes)
    assert message in str(error.value)


def test_locators_are_in_the_order_of_addresses():
    endpoints = [endpoint(1), endpoint(10), endpoint(9)]
    (switch,) = overlay_tables(endpoints, "hv1")["logical_switches"]
    assert switch["multicast"][0]["locators"] == ["10.9.0.1", "10.10.0.1"]


def test_logical_switches_of_other_hosts_are_left_out():
    endpoints = [endpoint(1), endpoint(2, logical_switch="ls1"), endpoint(3, logical_switch="ls1")]
    tables = overlay_tables(endpoints, "hv1")
    assert tables["logical_switches"] == [{"name": "ls0", "unicast": [], "multicast": []}]
    assert overlay_tables(endpoints, "elsewhere") == {"bindings": [], "logical_switches": []}


def test_endpoints_that_share_a_vlan_of_a_port_share_the_binding():
    endpoints = [endpoint(1, vlan=7), endpoint(2, host=1, port="vm1", vlan="7")]
    assert overlay_tables(endpoints, "hv1")["bindings"] == [{"physical_switch": "br0", "port": "vm1", "vlan": 7, "logical_switch": "ls0"}]


def test_values_are_brought_into_their_normal_form():
    endpoints = [endpoint(1), endpoint(2, mac="00-00-00-AB-00-02", ip="192.168.1.2/24")]
    (entry,) = overlay_tables(endpoints, "hv1")["logical_switches"][0]["unicast"]
    assert (entry["mac"], entry["ipaddr"]) == ("00:00:00:ab:00:02", "192.168.1.2")


@pytest.mark.parametrize("ip", ["", None, ...])
def test_an_endpoint_needs_no_address(ip):
    other = endpoint(2, ip=ip)
    if ip is ...:
        del other["ip"]
    (entry,) = overlay_tables([endpoint(1), other], "hv1")["logical_switches"][0]["unicast"]
    assert entry["ipaddr"] == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mac": "00:00:00:00:02"}, "mac: '00:00:00:00:02' is not accepted: expected a MAC address"),
        ({"mac": "01:00:5e:00:00:01"}, "mac: '01:00:5e:00:00:01' is not accepted: expected a unicast MAC"),
        ({"ip": "192.168.1.300"}, "ip: '192.168.1.300' is not accepted: expected an IPv4 or IPv6 address"),
        ({"vlan": 4096}, "vlan: 4096 is not accepted: expected a whole number from 0 to 4095"),
        ({"vtep": "fd00::1"}, "vtep: 'fd00::1' is not accepted: expected an IPv4 address"),
        ({"vtep": "224.0.0.1"}, "vtep: '224.0.0.1' is not accepted"),
        ({"port": ""}, "port: '' is not accepted: expected a name"),
        ({"prot": "vm2"}, "prot: unknown key; the keys are host, "),
        ({"host": "hv1"}, "vtep: host hv1 has two VTEPs, 10.1.0.1 and 10.2.0.1"),
        ({"vtep": "10.1.0.1"}, "vtep: 10.1.0.1 is the VTEP of two hosts, hv1 and hv2"),
        (
            {"mac": "00:00:00:00:00:01"},
            "mac: 00:00:00:00:00:01 on logical switch ls0 belongs to endpoint 0 (host hv1, port vm1) and to endpoint 1",
        ),
        ({"ip": "192.168.1.1"}, "ip: 192.168.1.1 on logical switch ls0 belongs to endpoint 0 (host hv1, port vm1) and to endpoint 1"),
        (
            {"host": "hv1", "vtep": "10.1.0.1", "port": "vm1", "logical_switch": "ls1"},
            "logical_switch: VLAN 0 of port vm1 on host hv1 is bound to two logical switches, ls0 and ls1",
        ),
    ],
)
def test_bad_endpoints_are_named(changes, words):
    with pytest.raises(AnsibleFilterError) as caught:
        overlay_tables([endpoint(1), endpoint(2) | changes], "hv1")
    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["host", "physical_switch", "port", "logical_switch", "mac", "vtep"])
def test_a_missing_key_is_named(key):
    bad = endpoint(2)
    del bad[key]
    with pytest.raises(AnsibleFilterError, match=rf"endpoint 1 .*: {key}: missing"):
        overlay_tables([endpoint(1), bad], "hv1")


@pytest.mark.parametrize(
    ("endpoints", "words"), [("vm1", "expected a list of endpoints, not str"), (["vm1"], "endpoint 0: expected a dictionary, not 'vm1'")]
)
def test_what_is_no_endpoint_is_refused(endpoints, words):
    with pytest.raises(AnsibleFilterError, match=words):
        overlay_tables(endpoints, "hv1")


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["ls0", "ls1"])), max_size=12), st.randoms())
def test_the_mesh_is_full_symmetric_and_independent_of_order(places, random):
    endpoints = [endpoint(number, host=host, logical_switch=switch) for number, (host, switch) in enumerate(places, 1)]
    shuffled = random.sample(endpoints, len(endpoints))
    for here in {one["host"] for one in endpoints}:
        tables = overlay_tables(endpoints, here)
        assert tables == overlay_tables(shuffled, here)
        for switch in tables["logical_switches"]:
            others = [one for one in endpoints if one["logical_switch"] == switch["name"] and one["host"] != here]
            assert {(entry["mac"], entry["locator"]) for entry in switch["unicast"]} == {(one["mac"], one["vtep"]) for one in others}
            assert {vtep for entry in switch["multicast"] for vtep in entry["locators"]} == {one["vtep"] for one in others}


# -- pairs of hosts that are one VTEP

PAIR = [["hv1", "hv2"]]


def paired(number: int, host: int, **changes) -> dict:
    return endpoint(number, host=host, vtep="10.1.0.1", **changes)


def test_the_hosts_of_a_pair_are_one_vtep():
    """hv1 and hv2: vm1 is on both, vm2 on the second alone, in a network that the first has no port in."""
    endpoints = [paired(1, 1), paired(1, 2, port="vm7"), paired(2, 2, logical_switch="ls1"), endpoint(3), endpoint(4, logical_switch="ls1")]
    first, second = (overlay_tables(endpoints, host, mlag=PAIR) for host in PAIR[0])
    assert first["logical_switches"] == second["logical_switches"]
    assert [
        (one["name"], [entry["mac"][-2:] for entry in one["unicast"]], one["multicast"][0]["locators"]) for one in first["logical_switches"]
    ] == [
        ("ls0", ["03"], ["10.3.0.1"]),
        ("ls1", ["04"], ["10.4.0.1"]),
    ]
    assert [(one["port"], one["logical_switch"]) for one in first["bindings"]] == [("vm1", "ls0")]
    assert [(one["port"], one["logical_switch"]) for one in second["bindings"]] == [("vm2", "ls1"), ("vm7", "ls0")]
    (other,) = overlay_tables(endpoints, "hv3", mlag=PAIR)["logical_switches"]
    assert other["unicast"] == [{"mac": "00:00:00:00:00:01", "locator": "10.1.0.1", "ipaddr": "192.168.1.1"}]
    assert other["multicast"][0]["locators"] == ["10.1.0.1"]


def test_a_host_of_a_pair_needs_no_endpoint_of_its_own():
    tables = overlay_tables([paired(1, 1), endpoint(3)], "hv2", mlag=PAIR)
    assert tables["bindings"] == [] and [one["name"] for one in tables["logical_switches"]] == ["ls0"]


@pytest.mark.parametrize(
    ("mlag", "endpoints", "words"),
    [
        ([], [paired(1, 1), paired(2, 2)], "vtep: 10.1.0.1 is the VTEP of two hosts, hv1 and hv2; give each its own, or say in mlag"),
        (PAIR, [paired(1, 1), paired(3, 3)], "10.1.0.1 is the VTEP of two hosts, pair hv1 and hv2 and hv3"),
        (PAIR, [endpoint(1), endpoint(2)], "vtep: pair hv1 and hv2 has two VTEPs, 10.1.0.1 and 10.2.0.1"),
        (PAIR, [paired(1, 1), paired(1, 1, port="vm9")], "00:00:00:00:00:01 on logical switch ls0 belongs to endpoint 0"),
        (
            PAIR,
            [paired(1, 1), paired(1, 2, ip="192.168.1.9")],
            "00:00:00:00:00:01 on logical switch ls0 has '192.168.1.1' and '192.168.1.9'",
        ),
        (
            PAIR,
            [paired(1, 1), paired(2, 2, ip="192.168.1.1")],
            "ip: 192.168.1.1 on logical switch ls0 belongs to 00:00:00:00:00:01 on pair",
        ),
        (PAIR, [paired(1, 1), endpoint(3, mac="00:00:00:00:00:01")], "belongs to 00:00:00:00:00:01 on pair hv1 and hv2 and to endpoint 1"),
        ("hv1", [], "mlag: expected a list of pairs of hosts, not str"),
        ([["hv1"]], [], "mlag[0]: ['hv1'] is not accepted: expected two hosts"),
        (["hv1, hv2"], [], "mlag[0]: 'hv1, hv2' is not accepted: expected two hosts"),
        ([["hv1", "hv1"]], [], "expected two different hosts"),
        ([["hv1", ""]], [], "mlag[0]: '' is not accepted: expected a name"),
        (
            [["hv1", "hv2"], ["hv3", "hv2"]],
            [],
            "mlag[1]: ['hv3', 'hv2'] is not accepted: expected hosts that are in no other pair, and hv2 is in pair",
        ),
    ],
)
def test_pairs_that_cannot_be(mlag, endpoints, words):
    with pytest.raises(AnsibleFilterError) as caught:
        overlay_tables(endpoints, "hv1", mlag=mlag)
    assert words in str(caught.value)


# -- one structure for vtep_config

SWITCHES = [{"name": "ls0", "tunnel_key": "5000"}, {"name": "ls1", "tunnel_key": 5001}]


def test_the_structure_has_the_same_tables():
    endpoints = [endpoint(1), endpoint(2, host=1, vlan=7), endpoint(3, host=1, port="vm1", vlan=9, logical_switch="ls1"), endpoint(4)]
    assert overlay_config(endpoints, "hv1", SWITCHES) == {
        "physical_switches": {"br0": {"ports": {"vm1": {"vlan_bindings": {0: "ls0", 9: "ls1"}}, "vm2": {"vlan_bindings": {7: "ls0"}}}}},
        "logical_switches": {
            "ls0": {
                "tunnel_key": 5000,
                "replication_mode": "source_node",
                "ucast_remote": {"00:00:00:00:00:04": {"locator": "10.4.0.1", "ipaddr": "192.168.1.4"}},
                "mcast_remote": {"unknown-dst": {"locators": ["10.4.0.1"]}},
            },
            "ls1": {"tunnel_key": 5001, "replication_mode": "source_node", "ucast_remote": {}, "mcast_remote": {}},
        },
    }
    assert overlay_config(endpoints, "hv4", SWITCHES, ["10.9.0.1"])["logical_switches"]["ls0"]["replication_mode"] == "service_node"
    assert overlay_config(endpoints, "elsewhere", SWITCHES) == {"physical_switches": {}, "logical_switches": {}}


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ("ls0", "switches: expected a list of dictionaries"),
        ([{"name": "ls0", "tunnel_key": -1}], "switches[0].tunnel_key: -1 is not accepted"),
        ([{"name": "ls0", "tunnel_key": 5}, {"name": "ls0", "tunnel_key": 6}], "switches[1].name: 'ls0' is not accepted"),
        (
            [{"name": "ls0", "tunnel_key": 5}, {"name": "ls1", "tunnel_key": "5"}],
            "switches[1].tunnel_key: 5 is not accepted: expected a key of its own",
        ),
        ([{"name": "ls9", "tunnel_key": 5}], "endpoint 0 (host hv1, port vm1): logical_switch: 'ls0' is not accepted: expected one of ls9"),
    ],
)
def test_logical_switches_that_cannot_be(switches, words):
    with pytest.raises(AnsibleFilterError) as caught:
        overlay_config([endpoint(1)], "hv1", switches)
    assert words in str(caught.value)
