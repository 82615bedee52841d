# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full mesh: endpoints of all hosts -> the tables of one VTEP."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, strategies as st

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
