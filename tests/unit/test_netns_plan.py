# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the netns driver that need no namespace: options, command lines, the plan of the wiring."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.inventory.lab import InventoryModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.netns import UNSHARE
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import (
    NEW_NODE,
    NODE,
    Node,
    Route,
    parse_command_line,
    underlay_of,
    wanted_nodes,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.wiring import Wiring, underlay_wiring, wiring as plan_wiring

HV1 = Node("lab", "hv1", "10.0.0.1/8", "eth0", 1500)
UNDERLAY = underlay_of("lab", 1500, ["10.0.0.0/8"])
ROUTER = Node("lab", "r", "10.0.0.254/16,10.1.0.254/16", "eth0,eth1", 1500, kind="router")
BEHIND = Node("lab", "hv1", "10.0.0.1/16", "eth0", 1500, (Route("10.1.0.0/16", "10.0.0.254"),))
TWO = underlay_of("lab", 1500, ["10.1.0.0/16", "10.0.0.0/16"])


def wiring(node, pid, inside, outside, bridges=None, routes=()):
    return plan_wiring(node, pid, inside, outside, bridges or UNDERLAY.bridges, routes)


def entry(name="hv1", address="10.0.0.1/8", interface="eth0"):
    return {"name": name, "address": address, "interface": interface}


def router(name, *addresses):
    return {"name": name, "interfaces": [{"name": f"eth{number}", "address": address} for number, address in enumerate(addresses)]}


def link(address="02:42:0a:00:00:01", mtu=1500, flags=("UP",), ips=(), **more):
    infos = [{"local": ip.split("/")[0], "prefixlen": int(ip.split("/")[1])} for ip in ips]
    return dict(more, address=address, mtu=mtu, flags=list(flags), addr_info=infos)


def inside(**changes):
    """The interfaces of hv1 when all is right, with changes; None removes one."""
    links = {"lo": link("00:00:00:00:00:00", 65536), "eth0": link(ips=["10.0.0.1/8"]), **changes}
    return {name: value for name, value in links.items() if value}


def outside(**changes):
    """The interfaces of the underlay when all is right, with changes; None removes one."""
    links = {"underlay": link(), "hv1": link(master="underlay"), **changes}
    return {name: value for name, value in links.items() if value}


# Options


def test_wanted_nodes_are_what_the_options_say():
    nodes = wanted_nodes("lab", [entry(), entry("hv2", "10.1.0.1/8", "eth1")], 9000)
    assert nodes == {"hv1": Node("lab", "hv1", "10.0.0.1/8", "eth0", 9000), "hv2": Node("lab", "hv2", "10.1.0.1/8", "eth1", 9000)}


@pytest.mark.parametrize("lab", ["a", "A-1_b", "x" * 32])
def test_a_lab_name_is_accepted(lab):
    assert wanted_nodes(lab, [entry()], 1500)["hv1"].lab == lab


@pytest.mark.parametrize("lab", ["", "x" * 33, "a b", "a/b", "a\n", "ä"])
def test_a_bad_lab_name_is_refused(lab):
    with pytest.raises(UserError) as error:
        wanted_nodes(lab, [entry()], 1500)
    assert repr(lab) in str(error.value) and "1 to 32" in str(error.value)


@pytest.mark.parametrize(
    "name", ["", "x" * 16, "-a", "a_b", "a.b", "a b", "a\n", "underlay", "lo", "all", "default", "localhost", "ungrouped"]
)
def test_a_bad_node_name_is_refused(name):
    with pytest.raises(UserError) as error:
        wanted_nodes("lab", [entry(name)], 1500)
    assert f"nodes: name {name!r}" in str(error.value) and "1 to 15" in str(error.value)


@pytest.mark.parametrize("interface", ["", "x" * 16, "lo", "a/b", "-a", "..", "all"])
def test_a_bad_interface_name_is_refused(interface):
    with pytest.raises(UserError) as error:
        wanted_nodes("lab", [entry(interface=interface)], 1500)
    assert f"nodes: interface {interface!r} of hv1" in str(error.value)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "10.0.0.1/33", "10.0.0.0/8", "10.255.255.255/8", "10.0.0.1/31", "10.0.0.1/32", "300.0.0.1/8", "fd00::1/64", "", "x"],
)
def test_a_bad_address_is_refused(address):
    with pytest.raises(UserError) as error:
        wanted_nodes("lab", [entry(address=address)], 1500)
    assert f"nodes: address {address!r} of hv1" in str(error.value) and "10.0.0.1/8" in str(error.value)


@pytest.mark.parametrize("mtu", [575, 65536, 0, -1])
def test_a_bad_mtu_is_refused(mtu):
    with pytest.raises(UserError, match=f"mtu: {mtu} .* 576 to 65535"):
        wanted_nodes("lab", [entry()], mtu)


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([], "nodes: the list is empty"),
        ([entry(), entry(address="10.0.0.2/8")], "name 'hv1' is there twice"),
        ([entry(), entry("hv2")], "address 10.0.0.1/8 of hv2 is also that of hv1"),
        ([entry(), entry("hv2", "192.168.0.1/24")], "address 192.168.0.1/24 of hv2 is not in the network of hv1"),
        ([entry(), entry("hv2", "10.0.0.2/16")], "address 10.0.0.2/16 of hv2 is in a network that overlaps 10.0.0.0/8, that of hv1"),
        ([router("r", "10.0.0.254/16", "10.0.0.253/16")], "address 10.0.0.253/16 of r is in the network of its eth0"),
        ([router("a-longer-router", "10.0.0.254/16", "10.1.0.254/16")], "name 'a-longer-router' is too long for a node with 2 interfaces"),
        ([dict(entry(), routes=[{"to": "10.1.0.0", "via": "x"}])], "route to '10.1.0.0' via 'x' of hv1 is not one"),
        ([dict(entry(), routes=[{"to": "11.0.0.0/8", "via": "12.0.0.1"}])], "route via 12.0.0.1 of hv1 leads over none of its networks"),
    ],
)
def test_nodes_that_do_not_go_together_are_refused(nodes, told):
    with pytest.raises(UserError) as error:
        wanted_nodes("lab", nodes, 1500)
    assert told in str(error.value)


def test_the_mac_is_local_unicast_and_follows_from_the_address():
    assert HV1.mac == "02:42:0a:00:00:01"


# Command lines


@pytest.mark.parametrize("node", [HV1, UNDERLAY, ROUTER, BEHIND, TWO])
@pytest.mark.parametrize("marker", [NODE, NEW_NODE])
def test_a_command_line_names_its_node(node, marker):
    assert parse_command_line(["sh", "-c", "script", marker, *node.arguments()]) == (marker, node)
    assert parse_command_line([*UNSHARE, "sh", "-c", "script", marker, *node.arguments()]) == (marker, node)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sh"],
        ["grep", NODE],
        ["grep", NODE, *HV1.arguments()],
        ["sh", "-c", "script", NODE, *HV1.arguments()[:-1]],
        ["sh", "-c", "script", NODE, *HV1.arguments()[:-1], "many"],
        ["sh", "-c", "script", NODE, *HV1.arguments(), "more"],
        ["sh", "-c", "script", "other/node", *HV1.arguments()],
    ],
)
def test_other_command_lines_are_none_of_ours(arguments):
    assert parse_command_line(arguments) is None


# The wiring


def test_a_node_that_is_right_needs_no_wiring():
    assert not wiring(HV1, 7, inside(), outside())


def test_a_new_node_is_wired_completely():
    assert wiring(HV1, 7, {"lo": link(flags=())}, outside(hv1=None)) == Wiring(
        stale=[],
        underlay=[
            "link add name hv1 mtu 1500 type veth peer name eth0 address 02:42:0a:00:00:01 mtu 1500 netns 7",
            "link set dev hv1 master underlay up",
        ],
        node=["link set dev lo up", "address replace 10.0.0.1/8 broadcast + dev eth0", "link set dev eth0 up"],
    )


def test_an_address_that_moved_to_a_bridge_of_the_node_is_right():
    assert not wiring(HV1, 7, inside(eth0=link(), breth0=link(ips=["10.0.0.1/8"])), outside())


@pytest.mark.parametrize(
    ("changed", "repair"),
    [
        ({"lo": link(flags=())}, "link set dev lo up"),
        ({"eth0": link(flags=(), ips=["10.0.0.1/8"])}, "link set dev eth0 up"),
        ({"eth0": link(mtu=1400, ips=["10.0.0.1/8"])}, "link set dev eth0 mtu 1500"),
        ({"eth0": link(address="02:00:00:00:00:09", ips=["10.0.0.1/8"])}, "link set dev eth0 address 02:42:0a:00:00:01"),
        ({"eth0": link()}, "address replace 10.0.0.1/8 broadcast + dev eth0"),
        ({"eth0": link(ips=["10.0.0.1/16"])}, "address replace 10.0.0.1/8 broadcast + dev eth0"),
    ],
)
def test_one_fault_in_the_node_has_one_repair(changed, repair):
    assert wiring(HV1, 7, inside(**changed), outside()) == Wiring([], [], [repair])


@pytest.mark.parametrize("port", [link(), link(master="other"), link(flags=(), master="underlay")])
def test_a_port_that_is_not_in_the_bridge_or_down_is_put_right(port):
    assert wiring(HV1, 7, inside(), outside(hv1=port)) == Wiring([], ["link set dev hv1 master underlay up"], [])


@pytest.mark.parametrize(
    ("within", "without", "stale"),
    [({"eth0": None}, {}, [("underlay", "hv1")]), ({}, {"hv1": None}, [("hv1", "eth0")])],
)
def test_half_a_pair_is_replaced_by_a_new_one(within, without, stale):
    plan = wiring(HV1, 7, inside(**within), outside(**without))
    assert plan.stale == stale
    assert plan.underlay[0].startswith("link add name hv1 ") and plan.underlay[1] == "link set dev hv1 master underlay up"
    assert plan.node == ["address replace 10.0.0.1/8 broadcast + dev eth0", "link set dev eth0 up"]


@pytest.mark.parametrize(
    ("bridge", "commands"),
    [
        (None, ["link add name underlay mtu 1500 type bridge mcast_snooping 0", "link set dev underlay up"]),
        (link(), []),
        (link(mtu=1400), ["link set dev underlay mtu 1500"]),
        (link(flags=()), ["link set dev underlay up"]),
    ],
)
def test_the_bridge_is_made_or_put_right(bridge, commands):
    assert underlay_wiring(UNDERLAY, outside(underlay=bridge)) == commands


def test_a_router_joins_networks():
    nodes = wanted_nodes("lab", [router("r", "10.0.0.254/16", "10.1.0.254/16"), entry("hv1", "10.0.0.1/16")], 1500)
    assert nodes["r"] == ROUTER and nodes["hv1"].kind == "hypervisor"
    plan = wiring(ROUTER, 7, {"lo": link()}, {}, TWO.bridges)
    assert plan.underlay == [
        "link add name r mtu 1500 type veth peer name eth0 address 02:42:0a:00:00:fe mtu 1500 netns 7",
        "link set dev r master underlay up",
        "link add name r.1 mtu 1500 type veth peer name eth1 address 02:42:0a:01:00:fe mtu 1500 netns 7",
        "link set dev r.1 master underlay1 up",
    ]


def test_a_route_that_is_missing_is_added():
    right = inside(eth0=link(ips=["10.0.0.1/16"]))
    assert wiring(BEHIND, 7, right, outside(), TWO.bridges).node == ["route replace 10.1.0.0/16 via 10.0.0.254"]
    assert not wiring(BEHIND, 7, right, outside(), TWO.bridges, BEHIND.routes)


# The inventory's file name


@pytest.mark.parametrize(
    ("name", "taken"), [("lab.vtep_lab.yml", True), ("x.vtep_lab.yaml", True), ("lab.yml", False), ("vtep_lab.yml.bak", False)]
)
def test_the_inventory_takes_only_its_own_files(tmp_path, name, taken):
    path = tmp_path / name
    path.touch()
    assert InventoryModule().verify_file(str(path)) is taken
