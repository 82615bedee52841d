# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator vtepd on real switches: what it does with rows and frames, what it survives, and how it differs from ovs-vtep. Needs root."""

from __future__ import annotations

import functools
import itertools
import json
import os
import random
import socket
import statistics
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from test_roles import NUMBERS, Lab, vtep
from vtep_nodes import (
    BROADCAST,
    DAEMONS,
    EMULATOR,
    OVS_VTEP,
    ROOT,
    SERVER,
    VTEPD,
    Net,
    Node,
    Traffic,
    arp,
    frame,
    mac,
    persistently,
    tunnelled,
    until,
    vteps,
)

LAB = f"vtepd-test-{os.getpid()}"
# With which emulator the three tenants live: with ovs-vtep, their leaks are counted and shown.
ENGINE = os.environ.get("VXLANLAB_VTEPD_ENGINE", VTEPD)
CHANGES = int(os.environ.get("VXLANLAB_VTEPD_CHANGES", "100"))
KILLS_OF_EACH = int(os.environ.get("VXLANLAB_VTEPD_KILLS_OF_EACH", "3"))
# Random sequences of changes for both emulators, and the number of the first: each is made of its number.
SEQUENCES = int(os.environ.get("VXLANLAB_VTEPD_SEQUENCES", "1"))
FIRST_SEQUENCE = int(os.environ.get("VXLANLAB_VTEPD_FIRST_SEQUENCE", "1"))
# How many daemons are killed; a number always makes the same choices.
KILLS = int(os.environ.get("VXLANLAB_VTEPD_KILLS", "6"))
NOBODY = "10.9.9.9"
NEAR, FAR, PEER = "10.0.0.1", "10.1.0.1", "10.2.0.1"
PORTS = ("vm1", "vm2", "trunk")


@pytest.fixture(scope="module")
def pair():
    with vteps(LAB, {"near": VTEPD, "far": VTEPD}, ["peer"]) as (near, far, peer):
        for node in (near, far):
            for port in PORTS:
                node.port(port)
            node.emulate(VTEPD)
            node.settle(*PORTS)
        yield Net([near, far], peer)


@pytest.fixture
def net(pair):
    for node in pair.vteps:
        node.empty()
        node.settle(*PORTS)
    pair.know_each_other()
    return pair


@pytest.fixture
def red(net):
    """The logical switch red with a port on either node, whose flood lists name each other."""
    for node, other in ((0, FAR), (1, NEAR)):
        made(net.vteps[node], "red", 5000, ("vm1 0",), other)
    net.settle()
    return net


def made(node, name, key, bindings, *floods):
    """A logical switch with bindings, such as `vm1 0`, and a flood list."""
    node.ctl(
        f"add-ls {name}",
        f"set Logical_Switch {name} replication_mode=source_node" + (f" tunnel_key={key}" if key else ""),
        *(f"bind-ls br0 {binding} {name}" for binding in bindings),
        *(f"add-mcast-remote {name} unknown-dst {address}" for address in floods),
    )


def update(node, table, where, **columns):
    column, wanted = where
    node.transact({"op": "update", "table": table, "where": [[column, "==", wanted]], "row": columns})


def row(node, table, **wanted):
    """The row with these values."""
    [found] = [found for found in node.rows(table)[table].values() if all(found[column] == value for column, value in wanted.items())]
    return found


def tunnels(node):
    """The rows of Tunnel by address of the other end."""
    rows = node.rows("Tunnel", "Physical_Locator")
    return {rows["Physical_Locator"][tunnel["remote"]]["dst_ip"]: {"uuid": uuid, **tunnel} for uuid, tunnel in rows["Tunnel"].items()}


class TestForwarding:
    def test_a_frame_for_all_goes_everywhere_but_back_and_what_was_learned_is_published(self, red):
        near, far = red.vteps
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        assert red.sent(far, "vm1", mac(2)) == ["far>10.0.0.1#5000", "near:vm1"]
        until(lambda: near.learned() == {("red", mac(1))} and far.learned() == {("red", mac(2))}, "both are published")
        assert tunnels(near).keys() == {FAR} and tunnels(far).keys() == {NEAR}

    def test_a_remote_address_is_reached_by_unicast(self, red):
        near, _far = red.vteps
        near.ctl(f"add-mcast-remote red unknown-dst {PEER}", f"add-ucast-remote red {mac(2)} {FAR}")
        red.settle()
        assert red.sent(near, "vm1", mac(1), mac(2)) == ["far:vm1", f"near>{FAR}#5000"]
        assert red.sent(near, "vm1", mac(1), mac(9)) == ["far:vm1", f"near>{FAR}#5000", f"near>{PEER}#5000"]

    def test_what_comes_through_a_tunnel_goes_into_none(self, red):
        near, _far = red.vteps
        near.ctl(f"add-mcast-remote red unknown-dst {PEER}", f"add-ucast-remote red {mac(2)} {FAR}")
        red.settle()
        assert red.from_peer(near, 5000, mac(7)) == ["near:vm1"]
        assert red.from_peer(near, 5000, mac(7), mac(2)) == ["near:vm1"]
        assert red.from_peer(near, 5000, mac(7), address=NOBODY) == ["near:vm1"]
        assert red.from_peer(near, 5001, mac(7)) == []
        assert red.from_peer(near, 5000, mac(7), vlan=10) == []

    def test_the_latest_news_of_an_address_counts(self, red):
        near, _far = red.vteps
        near.ctl("bind-ls br0 vm2 0 red", f"add-ucast-remote red {mac(2)} {FAR}")
        red.settle()
        there, here = ["far:vm1", f"near>{FAR}#5000"], ["near:vm2"]
        assert red.sent(near, "vm1", mac(1), mac(2)) == there
        red.sent(near, "vm2", mac(2))
        assert red.sent(near, "vm1", mac(1), mac(2)) == here
        until(lambda: ("red", mac(2)) in near.learned(), "it is published")
        near.ctl(f"add-ucast-remote red {mac(2)} {PEER}")
        red.settle()
        assert red.sent(near, "vm1", mac(1), mac(2)) == [f"near>{PEER}#5000"]
        until(lambda: ("red", mac(2)) not in near.learned(), "it is no longer published")
        red.sent(near, "vm2", mac(2))
        assert red.sent(near, "vm1", mac(1), mac(2)) == here

    def test_an_address_moves_from_port_to_port(self, red):
        near, _far = red.vteps
        near.ctl("bind-ls br0 vm2 0 red", "bind-ls br0 trunk 7 red")
        red.settle()
        for port, vlan, place in (("vm2", None, "near:vm2"), ("trunk", 7, "near:trunk.7"), ("vm2", None, "near:vm2")):
            red.sent(near, port, mac(3), vlan=vlan)
            assert red.sent(near, "vm1", mac(1), mac(3)) == [place]
        near.ctl("unbind-ls br0 vm2 0")
        red.settle()
        assert red.sent(near, "vm1", mac(1), mac(3)) == ["far:vm1", "near:trunk.7", f"near>{FAR}#5000"]
        assert ("red", mac(3)) not in near.learned()

    def test_vlan_0_and_vlan_10_on_one_port(self, red):
        near, _far = red.vteps
        made(near, "blue", 5001, ("vm1 10", "vm2 0"), PEER)
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        assert red.sent(near, "vm1", mac(1), vlan=0) == ["far:vm1", f"near>{FAR}#5000"]
        assert red.sent(near, "vm1", mac(1), vlan=10) == ["near:vm2", f"near>{PEER}#5001"]
        assert red.sent(near, "vm1", mac(1), vlan=11) == []
        assert red.sent(near, "vm2", mac(2)) == ["near:vm1.10", f"near>{PEER}#5001"]
        assert red.from_peer(near, 5001, mac(7)) == ["near:vm1.10", "near:vm2"]
        assert red.from_peer(near, 5000, mac(7)) == ["near:vm1"]

    def test_two_vlans_of_one_switch_on_one_port(self, net):
        near, _far = net.vteps
        made(near, "red", 5000, ("trunk 10", "trunk 20", "vm1 0"), FAR)
        net.settle()
        assert net.sent(near, "trunk", mac(1), vlan=10) == ["near:trunk.20", "near:vm1", f"near>{FAR}#5000"]
        assert net.sent(near, "trunk", mac(2), vlan=20) == ["near:trunk.10", "near:vm1", f"near>{FAR}#5000"]
        assert net.sent(near, "trunk", mac(1), mac(2), vlan=10) == ["near:trunk.20"]
        assert net.sent(near, "vm1", mac(3), mac(1)) == ["near:trunk.10"]
        assert net.sent(near, "trunk", mac(1), mac(1), vlan=10) == []

    def test_one_of_the_service_nodes_copies_for_all(self, red):
        near, _far = red.vteps
        near.ctl(f"add-mcast-remote red unknown-dst {PEER}", "clear Logical_Switch red replication_mode")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        near.ctl("set Logical_Switch red replication_mode=source_node")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000", f"near>{PEER}#5000"]

    def test_a_group_has_a_flood_list_of_its_own(self, red):
        near, _far = red.vteps
        group = "01:00:5e:00:00:05"
        near.ctl(f"add-mcast-remote red {group} {PEER}")
        red.settle()
        assert red.sent(near, "vm1", mac(1), group) == [f"near>{PEER}#5000"]
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]

    def test_a_logical_switch_is_renamed_and_gets_another_key(self, red):
        near, _far = red.vteps
        red.sent(near, "vm1", mac(1))
        for node in red.vteps:
            update(node, "Logical_Switch", ("name", "red"), name="a net: 'red'")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        assert "a net: 'red'" in near.status()["logical_switches"]
        for node in red.vteps:
            update(node, "Logical_Switch", ("name", "a net: 'red'"), tunnel_key=16777215, name="red")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#16777215"]
        assert red.from_peer(near, 5000, mac(7)) == []
        near.ctl("clear Logical_Switch red tunnel_key")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == [] and red.from_peer(near, 16777215, mac(7)) == []
        until(lambda: not tunnels(near), "there is no tunnel")


class TestFaults:
    def test_two_switches_with_one_key_have_no_tunnels(self, red):
        near, _far = red.vteps
        made(near, "blue", 5000, ("vm2 0",), PEER)
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == [] and red.sent(near, "vm2", mac(1)) == [] and red.from_peer(near, 5000, mac(7)) == []
        until(lambda: row(near, "Physical_Switch")["switch_fault_status"] == "unspecified_fault", "the fault is published")
        assert "blue, red have the same tunnel_key 5000" in near.status()["faults"][0]
        near.ctl("set Logical_Switch blue tunnel_key=5001")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"] and red.sent(near, "vm2", mac(1)) == [f"near>{PEER}#5001"]
        until(lambda: row(near, "Physical_Switch")["switch_fault_status"] == [] and not near.status()["faults"], "the fault is cleared")

    def test_a_port_that_is_gone_keeps_its_bindings(self, red):
        near, _far = red.vteps
        near.run("ovs-vsctl", "del-port", "vm1")
        until(lambda: row(near, "Physical_Port", name="vm1")["port_fault_status"] == "unspecified_fault", "the fault is published")
        near.settle()
        assert red.from_peer(near, 5000, mac(7)) == []
        near.port("vm1")
        near.settle("vm1")
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        until(lambda: row(near, "Physical_Port", name="vm1")["port_fault_status"] == [], "the fault is cleared")
        near.run("ovs-vsctl", "del-port", "vm2")
        until(lambda: "vm2" not in near.published()["Physical_Port"], "a port without bindings is forgotten")
        near.port("vm2")
        near.settle("vm2")

    def test_it_answers_while_the_database_is_away(self, red):
        near, _far = red.vteps
        supervisor = near.path("/run/openvswitch/supervisor.pid").read_text().strip()
        emulator = near.daemon(EMULATOR)
        near.run("kill", "-STOP", supervisor)
        try:
            near.kill(SERVER)
            status = until(
                lambda: (said := near.ask({"status": True})) and not said["database"] and said, "it says that the database is away"
            )
            assert not status["ready"] and status["switch"]
        finally:
            near.run("kill", "-CONT", supervisor)
        red.settle()
        assert near.daemon(EMULATOR) == emulator
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]

    def test_a_locator_changes_its_key_in_the_transaction_that_removes_a_row(self, red):
        near, _far = red.vteps
        near.ctl(*(f"add-ucast-remote red {mac(number)} {FAR}" for number in (2, 3)))
        red.settle()
        emulator, where = near.daemon(EMULATOR), [["dst_ip", "==", FAR]]
        near.transact(
            {"op": "update", "table": "Physical_Locator", "where": where, "row": {"tunnel_key": 7}},
            {"op": "delete", "table": "Ucast_Macs_Remote", "where": [["MAC", "==", mac(3)]]},
        )
        red.settle()
        assert red.sent(near, "vm1", mac(1), mac(2)) == [f"near>{FAR}#7"] == red.sent(near, "vm1", mac(1), mac(3))
        assert near.daemon(EMULATOR) == emulator

    def test_one_address_in_two_switches_of_which_one_is_bound(self, red):
        near, _far = red.vteps
        emulator = near.daemon(EMULATOR)
        red.sent(near, "vm1", mac(1))
        near.ctl("add-ls blue", f"add-ucast-remote blue {mac(1)} {PEER}", f"add-ucast-remote red {mac(1)} {FAR}")
        red.settle()
        assert red.sent(near, "vm1", mac(3), mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        assert near.daemon(EMULATOR) == emulator

    def test_a_router_and_a_reserved_vlan_are_faults(self, red):
        near, _far = red.vteps
        near.ctl("bind-ls br0 vm2 4095 red", "add-lr router")
        until(lambda: row(near, "Physical_Switch")["switch_fault_status"] == "lr_support_fault", "the router's fault is published")
        until(lambda: row(near, "Physical_Port", name="vm2")["port_fault_status"] == "invalid_vlan_map", "the VLAN's fault is published")


class TestTunnels:
    def test_bfd(self, red):
        near, far = red.vteps
        for node, other in ((near, FAR), (far, NEAR)):
            uuid = until(lambda node=node, other=other: tunnels(node).get(other), "there is a tunnel")["uuid"]
            assert tunnels(node)[other]["bfd_status"] == {}
            node.ctl(f"set Tunnel {uuid} bfd_params:enable=true bfd_params:min_tx=100 bfd_params:min_rx=100")
        up = {"enabled": "true", "state": "up", "remote_state": "up", "forwarding": "true"}
        for node, other in ((near, FAR), (far, NEAR)):
            until(lambda node=node, other=other: up.items() <= tunnels(node)[other]["bfd_status"].items(), "BFD is up")
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
        far.ctl(f"remove Tunnel {tunnels(far)[NEAR]['uuid']} bfd_params enable")
        until(lambda: tunnels(far)[NEAR]["bfd_status"] == {}, "the status of the end that has none is cleared")
        until(lambda: tunnels(near)[FAR]["bfd_status"].get("forwarding") == "false", "the other end sees it")
        near.ctl(f"clear Tunnel {tunnels(near)[FAR]['uuid']} bfd_params")
        until(lambda: tunnels(near)[FAR]["bfd_status"] == {}, "the status is cleared")
        assert "bfd-" not in near.run("ovs-vsctl", "list-ports", "br0")

    def test_a_service_node_that_bfd_does_not_reach_is_passed_over(self, red):
        near, far = red.vteps
        nobody = "10.0.0.9"
        near.ctl("clear Logical_Switch red replication_mode", f"add-mcast-remote red unknown-dst {nobody}")
        near.neighbours({nobody: red.hardware[PEER]})
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == [f"near>{nobody}#5000"]
        for node, other in ((near, FAR), (far, NEAR), (near, nobody)):
            uuid = until(lambda node=node, other=other: tunnels(node).get(other), "there is a tunnel")["uuid"]
            node.ctl(f"set Tunnel {uuid} bfd_params:enable=true bfd_params:min_rx=100")
        until(lambda: tunnels(near)[FAR]["bfd_status"].get("state") == "up", "BFD is up")
        until(lambda: tunnels(near)[nobody]["bfd_status"].get("forwarding") == "false", "BFD reaches nobody")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]

    def test_the_tunnel_address_changes(self, red):
        near, _far = red.vteps
        other = "10.0.0.77"
        red.sent(near, "vm1", mac(1))
        near.run("ip", "address", "add", f"{other}/8", "dev", "br-underlay")
        try:
            near.ctl(f"set Physical_Switch br0 tunnel_ips={other}")
            red.settle()
            near.heard()
            assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]
            near.send("vm1", frame(mac(1), BROADCAST, b"from where?"))
            near.drain()
            assert {packet.sender for heard in near.heard() if heard.device == "eth0" and (packet := tunnelled(heard))} == {other}
            assert red.from_peer(near, 5000, mac(7), to=other) == ["near:vm1"] and red.from_peer(near, 5000, mac(7)) == []
            locators = near.rows("Physical_Locator")["Physical_Locator"]
            own = {locators[local["locator"]]["dst_ip"] for local in near.rows("Ucast_Macs_Local")["Ucast_Macs_Local"].values()}
            assert own == {other} == {locators[tunnel["local"]]["dst_ip"] for tunnel in tunnels(near).values()}
            near.ctl("clear Physical_Switch br0 tunnel_ips")
            until(lambda: not tunnels(near) and not near.learned(), "a switch without an address has no tunnels")
        finally:
            near.ctl(f"set Physical_Switch br0 tunnel_ips={NEAR}")
            near.run("ip", "address", "del", f"{other}/8", "dev", "br-underlay")
        red.settle()
        assert red.sent(near, "vm1", mac(1)) == ["far:vm1", f"near>{FAR}#5000"]


class TestArp:
    @pytest.mark.parametrize(("port", "vlan", "place"), [("vm1", None, "near:vm1"), ("trunk", 10, "near:trunk.10")])
    def test_a_question_for_a_known_address_is_answered_here(self, red, port, vlan, place):
        near, _far = red.vteps
        near.ctl("bind-ls br0 trunk 10 red", f"add-ucast-remote red {mac(2)} {FAR}")
        update(near, "Ucast_Macs_Remote", ("MAC", mac(2)), ipaddr="192.168.1.2")
        red.settle()
        answer = arp(2, mac(2), "192.168.1.2", "192.168.1.1", mac(1))
        question = arp(1, mac(1), "192.168.1.1", "192.168.1.2", vlan=vlan)
        assert red.places(near, port, question, lambda heard: heard.frame[:42] == answer[:42]) == [place]
        others = sorted({"near:vm1", "near:trunk.10", "far:vm1", f"near>{FAR}#5000"} - {place})
        for asked, answered in ((mac(1), "192.168.1.1", "192.168.1.3"), others), ((mac(2), "192.168.1.2", "192.168.1.2"), others):
            request = arp(1, *asked)
            unanswered = red.places(near, port, arp(1, *asked, vlan=vlan), lambda heard, request=request: heard.frame[:42] == request[:42])
            assert unanswered == answered
        assert red.places(near, port, question, lambda heard: heard.frame[:14] == arp(1, mac(1), "0.0.0.0", "0.0.0.0")[:14]) == []


def acl(node, port, vlan, *entries):
    """An access list at a port: direction, action, and columns of each entry."""
    operations, names = [], []
    for number, (direction, action, columns) in enumerate(entries):
        names.append(["named-uuid", f"entry{number}"])
        entry = {"sequence": number, "direction": direction, "action": action, **columns}
        operations.append({"op": "insert", "table": "ACL_entry", "uuid-name": f"entry{number}", "row": entry})
    operations.append({"op": "insert", "table": "ACL", "uuid-name": "acl", "row": {"acl_name": "one", "acl_entries": ["set", names]}})
    bound = {"acl_bindings": ["map", [[vlan, ["named-uuid", "acl"]]]]}
    operations.append({"op": "update", "table": "Physical_Port", "where": [["name", "==", port]], "row": bound})
    node.transact(*operations)


def ipv4(source, destination, protocol, content):
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0)
    return header + socket.inet_aton(source) + socket.inet_aton(destination) + content


class TestAccessLists:
    def ip(self, net, node, port, protocol, target, payload=b"", source=1, address="192.168.1.1"):
        net.number += 1
        content = struct.pack("!HHHH", 1000, target, 8 + len(payload) + 8, 0) + b"%08d" % net.number
        data = frame(mac(source), BROADCAST, ipv4(address, "192.168.1.255", protocol, content), ethertype=0x0800)
        return net.places(node, port, data, lambda heard: content in heard.frame)

    def test_what_is_denied_at_entry_does_not_pass(self, red):
        near, _far = red.vteps
        passes = ["far:vm1", f"near>{FAR}#5000"]
        udp = {"ethertype": "0x0800", "protocol": 17}
        acl(
            near,
            "vm1",
            0,
            ("ingress", "permit", {**udp, "dest_port_min": 100, "dest_port_max": 200}),
            ("ingress", "deny", udp),
            ("ingress", "deny", {"source_mac": mac(6)}),
        )
        red.settle()
        assert self.ip(red, near, "vm1", 17, 100) == passes == self.ip(red, near, "vm1", 17, 200)
        assert self.ip(red, near, "vm1", 17, 99) == [] == self.ip(red, near, "vm1", 17, 201)
        assert red.sent(near, "vm1", mac(1)) == passes and red.sent(near, "vm1", mac(6)) == []
        assert ("red", mac(6)) not in near.learned()
        assert red.from_peer(near, 5000, mac(6)) == ["near:vm1"]
        update(near, "Physical_Port", ("name", "vm1"), acl_bindings=["map", []])
        red.settle()
        assert self.ip(red, near, "vm1", 17, 99) == passes and red.sent(near, "vm1", mac(6)) == passes

    def test_what_is_denied_at_the_way_out_does_not_arrive(self, red):
        near, _far = red.vteps
        near.ctl("bind-ls br0 vm2 0 red", "bind-ls br0 vm2 10 red")
        acl(near, "vm2", 10, ("egress", "deny", {"source_mac": mac(6)}))
        red.settle()
        assert red.from_peer(near, 5000, mac(7)) == ["near:vm1", "near:vm2", "near:vm2.10"]
        assert red.from_peer(near, 5000, mac(6)) == ["near:vm1", "near:vm2"]
        assert red.sent(near, "vm1", mac(6)) == ["far:vm1", "near:vm2", f"near>{FAR}#5000"]
        red.sent(near, "vm2", mac(3), vlan=10)
        assert red.sent(near, "vm1", mac(1), mac(3)) == ["near:vm2.10"] and red.sent(near, "vm1", mac(6), mac(3)) == []

    def test_an_entry_that_cannot_be_had_is_a_fault(self, red):
        near, _far = red.vteps
        acl(near, "vm1", 0, ("ingress", "deny", {"dest_port_min": 100}))
        until(lambda: row(near, "ACL_entry")["acle_fault_status"] == "invalid_acl_entry", "the entry's fault is published")
        assert row(near, "ACL")["acl_fault_status"] == "invalid_acl"
        assert row(near, "Physical_Port", name="vm1")["port_fault_status"] == "invalid_ACL_binding"
        update(near, "ACL_entry", ("sequence", 0), protocol=6)
        until(lambda: row(near, "Physical_Port", name="vm1")["port_fault_status"] == [], "the fault is cleared")


def log(name, **figures):
    """Keep figures of a run."""
    line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **figures})
    print(line)
    with (ROOT / ".cache" / name).open("a") as file:
        file.write(line + "\n")


class Flow:
    """A steady flow of numbered frames in both directions, from VM to VM."""

    def __init__(self, net):
        self.ends = {"near": net.vteps[0], "far": net.vteps[1]}
        self.sent = 0
        self.arrived = {name: {} for name in self.ends}

    def frames(self, number):
        for name, source, destination in (("near", 1, 2), ("far", 2, 1)):
            yield self.ends[name], "vm1", frame(mac(source), mac(destination), f"{name} {number:08}.".encode())
        self.sent = number

    def take(self, node, heard):
        name, _space, number = heard.payload.partition(b" ")
        if heard.device == "vm1" and not heard.sent and name.decode(errors="replace") in self.arrived:
            assert node is not self.ends[name.decode()]
            self.arrived[name.decode()][int(number[:8])] = heard.moment

    def after(self, moment):
        """When the first frame of each direction arrived after a moment; nothing while there is none."""
        firsts = [min((one for one in list(found.values())[-400:] if one > moment), default=0) for found in self.arrived.values()]
        return max(firsts) if all(firsts) else 0

    def silence(self, first):
        """The longest time in which nothing arrived, from a frame on."""
        moments = (sorted(moment for number, moment in found.copy().items() if number >= first - 1) for found in self.arrived.values())
        return max(later - earlier for found in moments for earlier, later in itertools.pairwise(found))

    def lost(self, first, last):
        return sum(number not in found for found in self.arrived.values() for number in range(first, last))


def test_a_daemon_that_is_killed_takes_nothing_with_it_and_frames_pass_soon_after():
    with vteps(f"{LAB}-kill", {"near": VTEPD, "far": VTEPD}, ["peer"]) as (near, far, peer):
        net = Net([near, far], peer)
        for number, (node, other) in enumerate(((near, far), (far, near)), 1):
            node.port("vm1", "vms", f"192.168.1.{number}/24")
            node.port("vm2")
            node.emulate(VTEPD)
            node.settle("vm1", "vm2")
            made(node, "red", 5000, ("vm1 0", "vm2 10"), other.address, PEER)
            made(node, "blue", 5001, ("vm2 0",))
            node.ctl(f"add-ucast-remote red {mac(3 - number)} {other.address}", f"add-ucast-remote blue {mac(7)} {NOBODY}")
        net.settle()
        net.know_each_other()
        addresses = [vm_address(node) for node in net.vteps]
        written = [node.controlled() for node in net.vteps]
        chance, flow, found = random.Random(KILLS), Flow(net), []
        with Traffic(net.vteps, flow.frames, flow.take, 0.005) as traffic:
            until(lambda: flow.after(0), "frames pass")
            # Both ends are learned.
            traffic.goes_on(2)
            for number in range(KILLS):
                node = chance.choice(net.vteps)
                daemons = [DAEMONS[number % len(DAEMONS)]] + ([chance.choice(DAEMONS)] if not chance.randrange(4) else [])
                first = flow.sent
                for daemon in dict.fromkeys(daemons):
                    node.kill(daemon)
                until(node.all_run, f"{node.name}: all daemons run again after the end of {daemons}")
                running = time.monotonic()
                passes = until(lambda running=running: flow.after(running), f"frames pass again after the end of {daemons} of {node.name}")
                node.settle("vm1", "vm2")
                last = flow.sent
                traffic.goes_on(2)
                until(lambda last=last: all(max(arrived) > last for arrived in flow.arrived.values()), "the flow goes on")
                lost, silence = flow.lost(first, last), round(flow.silence(first), 3)
                seconds = round(passes - running, 3)
                found.append({"node": node.name, "daemons": sorted(set(daemons)), "seconds": seconds, "silence": silence, "lost": lost})
                assert set(daemons) != {EMULATOR} or not lost, found[-1]
                assert [one.controlled() for one in net.vteps] == written, found[-1]
                assert [vm_address(one) for one in net.vteps] == addresses, found[-1]
        seconds = sorted(one["seconds"] for one in found)
        log(
            "vtepd_kills.jsonl",
            kills=KILLS,
            median=statistics.median(seconds),
            worst=seconds[-1],
            by_daemon={
                "+".join(daemons): {
                    "kills": len(told := [one for one in found if one["daemons"] == daemons]),
                    **{f"median_{what}": statistics.median(one[what] for one in told) for what in ("seconds", "silence", "lost")},
                    **{f"worst_{what}": max(one[what] for one in told) for what in ("seconds", "silence", "lost")},
                }
                for daemons in sorted({tuple(one["daemons"]) for one in found})
                for daemons in [list(daemons)]
            },
        )


def vm_address(node):
    """Where the VM's port is: its device, by name, addresses and state."""
    [link] = json.loads(node.run("ip", "-n", "vms", "-json", "address", "show", "dev", "vm1"))
    assert not [link for link in json.loads(node.run("ip", "-json", "link")) if link["ifname"] == "vm1"]
    return link["flags"], [(one["local"], one["prefixlen"]) for one in link["addr_info"]]


TENANTS = ("red", "green", "blue")
FIRST_KEY = 5000


class Tenants:
    """Three tenants with equal addresses on two nodes: each has a port and a VLAN of a trunk on either. Who hears what of whom is counted."""

    def __init__(self, net):
        self.nodes = net.vteps
        self.keys = {name: FIRST_KEY + number for number, name in enumerate(TENANTS)}
        # Node, port, VLAN, tenant, MAC address: the addresses are the same for all tenants.
        self.ends = []
        for number, node in enumerate(self.nodes):
            for tenant, name in enumerate(TENANTS, 1):
                self.ends.append((node, name, None, name, mac(1 + 2 * number)))
                self.ends.append((node, "trunk", 10 * tenant, name, mac(2 + 2 * number)))
        self.macs = sorted({address for *_rest, address in self.ends})
        self.heard, self.last_round = 0, 0
        self.latest = {}
        self.leaked, self.returned, self.examples = {}, 0, []
        self.steps, self.doing = 0, ""

    def frames(self, number):
        self.last_round = number
        for node, port, vlan, tenant, address in self.ends:
            payload = f"tenant {tenant} {address} {number:08}.".encode()
            yield node, port, frame(address, BROADCAST, payload, vlan)
            others = [one for one in self.macs if one != address]
            yield node, port, frame(address, others[number % len(others)], payload, vlan)

    def take(self, node, heard):
        if heard.sent or heard.device in ("eth0", "br-underlay") or not heard.payload.startswith(b"tenant "):
            return
        tenant, address, number = heard.payload.partition(b".")[0].decode().split()[1:]
        place = heard.device if heard.vlan is None else f"{heard.device}.{heard.vlan}"
        owner = (
            heard.device if heard.vlan is None else TENANTS[heard.vlan // 10 - 1] if heard.device == "trunk" and heard.vlan < 40 else place
        )
        self.heard += 1
        if owner != tenant:
            self.leaked[f"{tenant} -> {owner}"] = self.leaked.get(f"{tenant} -> {owner}", 0) + 1
            self._note(f"{tenant} of {address} at {node.name}:{place}")
        elif (node, heard.device, heard.vlan, tenant, address) in self.ends:
            self.returned += 1
            self._note(f"{tenant} of {address} back at {node.name}:{place}")
        else:
            self.latest[tenant, address, node.name, place, heard.destination == BROADCAST] = int(number)

    def _note(self, words):
        if len(self.examples) < 20:
            self.examples.append(f"{self.doing}: {words}")

    def other(self, node):
        return next(one for one in self.nodes if one is not node)

    def everything(self, node):
        """All rows that a node needs."""
        for one, port, vlan, name, _address in self.ends:
            if one is node:
                node.bind(port, vlan or 0, name)
        there = [
            f"{name} {address} {self.other(node).address}" for name in TENANTS for one, *_rest, address in self.ends if one is not node
        ]
        node.ctl(
            *(f"set Logical_Switch {name} tunnel_key={key} replication_mode=source_node" for name, key in self.keys.items()),
            *(f"add-mcast-remote {name} unknown-dst {self.other(node).address}" for name in TENANTS),
            *(f"add-ucast-remote {row}" for row in sorted(set(there))),
        )

    # -- changes: each is one that a controller may make, and leaves every port with its tenant

    def change(self, chance):
        change = chance.choice(
            [self.unicast, self.flood, self.binding, self.other_binding, self.own_binding, self.mode, self.swap_keys, self.spare]
        )
        self.doing = change.__name__
        change(chance, chance.choice(self.nodes))

    def write(self, node, *commands):
        persistently(lambda: node.ctl(*commands), f"{node.name}: {commands}")

    def unicast(self, chance, node):
        row = f"{chance.choice(TENANTS)} {chance.choice([*self.macs, mac(99)])}"
        if chance.randrange(3):
            self.write(node, f"add-ucast-remote {row} {chance.choice([self.other(node).address, NOBODY, PEER])}")
        else:
            self.write(node, f"del-ucast-remote {row}")

    def flood(self, chance, node):
        verb = chance.choice(["add", "del"])
        self.write(
            node, f"{verb}-mcast-remote {chance.choice(TENANTS)} unknown-dst {chance.choice([self.other(node).address, NOBODY, PEER])}"
        )

    def binding(self, chance, node):
        """A tenant's port, away or there again."""
        _node, port, vlan, name, _address = chance.choice([end for end in self.ends if end[0] is node])
        self._toggle(chance, node, port, vlan or 0, name)

    def own_binding(self, chance, node):
        """Another VLAN of the trunk for a tenant."""
        number = chance.randrange(len(TENANTS))
        self._toggle(chance, node, "trunk", 10 * (number + 1) + chance.randrange(1, 4), TENANTS[number])

    def other_binding(self, chance, node):
        """A port that no tenant sends at, in a logical switch of its own or none."""
        self._toggle(chance, node, "spare", chance.choice([0, 50]), "extra")

    def _toggle(self, chance, node, port, vlan, name):
        bound = name if chance.randrange(3) else ""
        persistently(lambda: node.bind(port, vlan, bound), f"{node.name}: {port}.{vlan} is bound to {bound or 'nothing'}")

    def mode(self, chance, node):
        self.write(node, f"set Logical_Switch {chance.choice(TENANTS)} replication_mode={chance.choice(['source_node', 'service_node'])}")

    def spare(self, chance, node):
        """The key of the switch without a tenant."""
        self.write(node, f"set Logical_Switch extra tunnel_key={chance.randrange(6000, 6100)}")

    def swap_keys(self, chance, unused):
        """Two tenants swap their keys. On their way no packet has a key that means another tenant at its end."""
        one, two = chance.sample(TENANTS, 2)
        self.keys[one], self.keys[two] = self.keys[two], self.keys[one]
        for node in self.nodes:
            self.write(node, *(f"clear Logical_Switch {name} tunnel_key" for name in (one, two)))
        for _way in "there", "back":
            for node in self.nodes:
                persistently(node.settle, f"{node.name} settles")
                persistently(node.drain, f"{node.name} has sent what it had")
        for node in self.nodes:
            self.write(node, *(f"set Logical_Switch {name} tunnel_key={self.keys[name]}" for name in (one, two)))

    def kill(self, chance, daemon):
        node = chance.choice(self.nodes)
        self.doing = f"kill {daemon}"
        node.kill(daemon)
        if chance.randrange(2):
            # Otherwise the next change comes while it is away.
            until(node.all_run, f"{node.name}: all daemons run again after the end of {daemon}")

    def missing(self, since):
        """Ways that no frame took after a round: from each end of a tenant to each other."""
        return [
            (tenant, address, node.name, place, is_broadcast)
            for node, port, vlan, tenant, mine in self.ends
            for address in self.macs
            for place in [port if vlan is None else f"{port}.{vlan}"]
            for is_broadcast in (True, False)
            if address != mine and self.latest.get((tenant, address, node.name, place, is_broadcast), 0) <= since
        ]


def test_no_frame_leaves_its_tenant_whatever_changes_and_whoever_is_killed():
    started = time.monotonic()
    with vteps(f"{LAB}-leak", {"near": ENGINE, "far": ENGINE}, ["peer"]) as (near, far, peer):
        net = Net([near, far], peer)
        ports = [*TENANTS, "trunk", "spare"]
        for node in net.vteps:
            for port in ports:
                node.port(port)
            node.emulate(ENGINE)
            node.settle(*ports)
            node.ctl("add-ls extra", "set Logical_Switch extra tunnel_key=6000", *(f"add-ls {name}" for name in TENANTS))
        tenants = Tenants(net)
        for node in net.vteps:
            tenants.everything(node)
        net.settle()
        net.know_each_other()
        chance = random.Random(CHANGES)
        steps = [""] * CHANGES + [daemon for daemon in DAEMONS for _time in range(KILLS_OF_EACH)]
        chance.shuffle(steps)
        leaked = tenants.leaked
        try:
            with Traffic(net.vteps, tenants.frames, tenants.take, 0.02) as traffic:
                until(lambda: not tenants.missing(0), "all of a tenant's ends hear each other")
                for daemon in steps:
                    if daemon:
                        tenants.kill(chance, daemon)
                    else:
                        tenants.change(chance)
                    tenants.steps += 1
                    traffic.goes_on(2)
                # After all this, it is a VTEP still.
                tenants.doing = "the end"
                for node in net.vteps:
                    until(node.all_run, f"{node.name}: all daemons run")
                    persistently(lambda node=node: tenants.everything(node), f"{node.name} gets all rows")
                    persistently(node.settle, f"{node.name} settles")
                now = traffic.rounds
                until(
                    lambda: not tenants.missing(now), f"all of a tenant's ends hear each other again, but {tenants.missing(now)[:5]}", 120
                )
        finally:
            log(
                "vtepd_leaks.jsonl",
                engine=ENGINE,
                changes=CHANGES,
                kills_of_each=KILLS_OF_EACH,
                steps=tenants.steps,
                seconds=round(time.monotonic() - started, 1),
                sent=traffic.rounds * len(tenants.ends) * 2,
                heard=tenants.heard,
                leaked=leaked,
                returned=tenants.returned,
                examples=tenants.examples,
            )
        assert ENGINE != VTEPD or not (leaked or tenants.returned), tenants.examples


STEPS = 8
# It is 15 seconds, and a look at the clock takes its time.
OVS_VTEP_IDLE_SECONDS = 13
SWITCHES = ("ls1", "ls2", "ls3")
PLAYED = ("10.2.0.1", "10.2.0.2", "10.2.0.3")
#: Where logical switches may be bound; both emulators cope with these on one port.
PLACES = [("vm1", 0), ("vm2", 0), ("vm3", 0), *((port, vlan) for port in ("trunk", "line") for vlan in (10, 20, 30))]
OWN_MACS = {place: mac(number) for number, place in enumerate(PLACES, 1)}
MOBILE, UNKNOWN = mac(50), mac(99)
# Of frames with a tag for a port without VLANs.
TAGGED = mac(98)
REMOTE_MACS = [mac(number) for number in range(61, 66)]


@dataclass
class Tables:
    """What a random controller has written."""

    bindings: dict[tuple[str, int], str] = field(default_factory=dict)
    remotes: dict[tuple[str, str], str] = field(default_factory=dict)
    floods: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in SWITCHES})
    modes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SWITCHES, "source_node"))
    keys: dict[str, int] = field(default_factory=lambda: {name: number for number, name in enumerate(SWITCHES, 101)})
    #: Where a MAC address of a logical switch was seen last.
    seen: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)

    #: When a frame was sent to it last.
    addressed: dict[tuple[str, str], float] = field(default_factory=dict)

    def stale(self, name: str, address: str) -> bool:
        """Whether a MAC address was seen at a place that has left its logical switch since."""
        place = self.seen.get((name, address))
        return place is not None and self.bindings.get(place) != name

    def follow(self, case: Case) -> None:
        """What is learned from a frame."""
        if case.ovs_vtep:
            self.addressed[case.name, case.destination] = time.monotonic()
        place = case.port, case.vlan or 0
        if not case.sender and self.bindings.get(place) == case.name:
            self.seen[case.name, case.source] = place

    def ends(self, name: str) -> set[str]:
        """The VTEPs that a logical switch has tunnels to."""
        return self.floods[name] | {end for (switch, _mac), end in self.remotes.items() if switch == name}

    def idle(self, name: str, address: str) -> bool:
        """Whether ovs-vtep may have forgotten a MAC address."""
        return time.monotonic() - self.addressed.get((name, address), 0.0) > OVS_VTEP_IDLE_SECONDS

    def change(self, chance: random.Random) -> Callable[[Any], None]:
        """Change something, and say how a node is told."""
        name = chance.choice(SWITCHES)
        match chance.choice(["bind", "bind", "bind", "unbind", "remote", "remote", "forget", "flood", "flood", "dry", "mode", "key"]):
            case "bind":
                place = chance.choice(PLACES)
                self.bindings[place] = name
                return lambda node: node.bind(*place, name)
            case "unbind" if self.bindings:
                place = chance.choice(sorted(self.bindings))
                del self.bindings[place]
                return lambda node: node.bind(*place)
            case "remote":
                address, end = chance.choice(REMOTE_MACS), chance.choice(PLAYED)
                self.remotes[name, address] = end
                return lambda node: node.ctl(f"add-ucast-remote {name} {address} {end}")
            case "forget" if self.remotes:
                name, address = chance.choice(sorted(self.remotes))
                del self.remotes[name, address]
                return lambda node: node.ctl(f"del-ucast-remote {name} {address}")
            case "dry" if self.floods[name]:
                end = chance.choice(sorted(self.floods[name]))
                self.floods[name].discard(end)
                return lambda node: node.ctl(f"del-mcast-remote {name} unknown-dst {end}")
            case "mode":
                mode = self.modes[name] = chance.choice(["source_node", "service_node"])
                return lambda node: node.ctl(f"set Logical_Switch {name} replication_mode={mode}")
            # For ovs-vtep, it is a restart.
            case "key" if not chance.randrange(4):
                key = self.keys[name] = chance.choice([key for key in range(200, 300) if key not in self.keys.values()])
                return lambda node: node.ctl(f"set Logical_Switch {name} tunnel_key={key}")
        end = chance.choice(PLAYED)
        self.floods[name].add(end)
        return lambda node: node.ctl(f"add-mcast-remote {name} unknown-dst {end}")


@dataclass(frozen=True)
class Case:
    """A frame, and where it arrives with either emulator: ports, and tunnels with a `>` before."""

    name: str
    source: str
    destination: str
    #: Port and tag, or the address of the VTEP that it comes from.
    port: str = ""
    vlan: int | None = None
    sender: str = ""
    vtepd: tuple[str, ...] = ()
    ovs_vtep: tuple[str, ...] = ()

    def ports(self, places: tuple[str, ...]) -> list[str]:
        return [place for place in places if ">" not in place]


#: What ovs-vtep does otherwise, why that is no way to forward, and how such a frame is told.
FAULTS_OF_OVS_VTEP: dict[str, tuple[str, Callable[[Case, Tables], bool]]] = {
    "a port that VLAN 0 is bound to takes frames of all VLANs": (
        "its flow matches the port alone; VLAN 0 is for frames without a tag (vtep.5, vlan_bindings)",
        lambda case, tables: case.vlan is not None and (case.port, 0) in tables.bindings and not case.vtepd,
    ),
    "what comes out of a tunnel goes into another": (
        "the flows of remote addresses and of its flood list do not look where a frame comes from; two such VTEPs make a loop",
        lambda case, tables: bool(case.sender) and any(">" in place for place in case.ovs_vtep),
    ),
    "a VTEP outside the flood list is heard as when it was last in it, or not at all": (
        "a tunnel is a port for one address, and the ports that it floods to are updated for those in the list only",
        lambda case, tables: bool(case.sender) and case.sender not in tables.floods[case.name] and {*case.ovs_vtep} <= {*case.vtepd},
    ),
    "any of the service nodes is taken": (
        "the first of a set; vtepd takes the lowest address, so that all agree and a restart changes nothing",
        lambda case, tables: (
            not case.sender
            and tables.modes[case.name] == "service_node"
            and len(tables.floods[case.name]) > 1
            and case.ports(case.vtepd) == case.ports(case.ovs_vtep)
            and len(case.vtepd) == len(case.ovs_vtep) == len(case.ports(case.vtepd)) + 1
        ),
    ),
    "a MAC address is kept at a port that has left the switch": (
        "its flow stays until it is idle for 15 seconds, and frames to it are lost meanwhile",
        lambda case, tables: tables.stale(case.name, case.destination) and not case.ovs_vtep,
    ),
    "a MAC address that nobody sends to is forgotten, however much it sends": (
        "its flow ends when it was idle for 15 seconds, and to learn it again does not count as use",
        lambda case, tables: (
            (case.name, case.destination) in tables.seen and tables.idle(case.name, case.destination) and {*case.vtepd} <= {*case.ovs_vtep}
        ),
    ),
}


def test_both_emulators_forward_and_publish_the_same_but_for_faults_of_ovs_vtep():
    started, seen = time.monotonic(), dict.fromkeys(FAULTS_OF_OVS_VTEP, 0)
    with vteps(f"{LAB}-same", {"ours": VTEPD, "theirs": OVS_VTEP}, ["peer"]) as (ours, theirs, peer):
        nets = [Net([node], peer, PLAYED) for node in (ours, theirs)]
        ports = sorted({port for port, _vlan in PLACES})
        for node in (ours, theirs):
            for port in ports:
                node.port(port)
            node.emulate(node.engine)
        frames = 0
        for number in range(FIRST_SEQUENCE, FIRST_SEQUENCE + SEQUENCES):
            chance, tables = random.Random(number), Tables()
            for node, net in zip((ours, theirs), nets):
                node.empty()
                node.settle(*ports)
                net.know_each_other()
                for name, key in tables.keys.items():
                    node.ctl(f"add-ls {name}", f"set Logical_Switch {name} tunnel_key={key} replication_mode=source_node")
            for step in range(STEPS):
                for _change in range(4 if not step else chance.randrange(1, 4)):
                    tell = tables.change(chance)
                    for node in (ours, theirs):
                        tell(node)
                for node, net in zip((ours, theirs), nets):
                    node.settle()
                    # ovs-vtep may have been away, and its bridges with it.
                    net.know_each_other()
                for case in cases(chance, tables):
                    frames += 1
                    case = carried(case, nets, tables)
                    if case.vtepd != case.ovs_vtep:
                        why = next((name for name, (_reason, fits) in FAULTS_OF_OVS_VTEP.items() if fits(case, tables)), None)
                        assert why, f"sequence {number}, step {step}: {case}; {tables}"
                        seen[why] += 1
                    tables.follow(case)
                theirs.settle()
                published = theirs.published()
                compare = functools.partial(same, ours, published, tables)
                persistently(compare, f"sequence {number}, step {step}: {tables}", 5)
    log(
        "vtepd_differences.jsonl",
        sequences=SEQUENCES,
        first=FIRST_SEQUENCE,
        seconds=round(time.monotonic() - started, 1),
        frames=frames,
        seen=seen,
    )


def same(node, theirs, tables):
    """Both publish the same, but for what comes of those faults that are known."""
    ours = node.published()
    more, less = (
        {table: {*theirs[table]} - {*ours[table]} for table in ours},
        {table: {*ours[table]} - {*theirs[table]} for table in ours},
    )
    # What it forgets, what it takes with a tag, and what it keeps at a port that has left.
    forgotten, kept = ([row.split()[:2] for row in rows.pop("Ucast_Macs_Local")] for rows in (less, more))
    assert all(tables.idle(*one) for one in forgotten), f"forgotten: {forgotten}"
    assert all(address == TAGGED or tables.stale(name, address) for name, address in kept), f"kept: {kept}"
    # A switch whose last port went to another one it keeps, with its tunnels.
    unbound = {*SWITCHES} - {*tables.bindings.values()}
    assert {row.split()[0] for row in more.pop("Mcast_Macs_Local")} <= unbound, (ours, theirs)
    assert {row.split()[1] for row in more.pop("Tunnel")} <= {end for name in unbound for end in tables.ends(name)}, (ours, theirs)
    assert not any(more.values()) and not any(less.values()), (ours, theirs)


def cases(chance, tables):
    """Frames of all kinds: first those that everybody can be learned from."""
    bound = sorted(tables.bindings.items())
    for (port, vlan), name in bound:
        yield Case(name, OWN_MACS[port, vlan], BROADCAST, port, vlan or None)
    for name in SWITCHES:
        if places := [place for place, switch in bound if switch == name]:
            port, vlan = chance.choice(places)
            yield Case(name, MOBILE, BROADCAST, port, vlan or None)
    others = [MOBILE, UNKNOWN, *REMOTE_MACS, *OWN_MACS.values()]
    for (port, vlan), name in bound:
        for destination in (UNKNOWN, MOBILE, chance.choice(REMOTE_MACS), chance.choice(others), chance.choice(others)):
            yield Case(name, OWN_MACS[port, vlan], destination, port, vlan or None)
    for port, vlan in set(PLACES) - set(tables.bindings):
        yield Case(SWITCHES[0], OWN_MACS[port, vlan], BROADCAST, port, vlan or None)
    yield Case(tables.bindings.get(("vm1", 0), SWITCHES[0]), TAGGED, BROADCAST, "vm1", 10)
    yield Case(SWITCHES[0], mac(97), BROADCAST, "trunk", None)
    for name in SWITCHES:
        for sender in PLAYED:
            for destination in (BROADCAST, UNKNOWN, chance.choice(others)):
                yield Case(name, mac(70), destination, sender=sender)


def carried(case, nets, tables):
    """The case with where its frame arrives."""
    found = []
    for net in nets:
        [node] = net.vteps
        if case.sender:
            places = net.from_peer(node, tables.keys[case.name], case.source, case.destination, case.sender)
        else:
            places = net.sent(node, case.port, case.source, case.destination, case.vlan)
        found.append(tuple(place.removeprefix(f"{node.name}:").removeprefix(node.name) for place in places))
    return replace(case, vtepd=found[0], ovs_vtep=found[1])


# Two are enough, and a playbook takes its time.
HOSTS = ("hv1", "hv2")
LIMIT = f"--limit={','.join(HOSTS)}"


def test_a_host_changes_its_emulator_and_back_and_keeps_all_rows(tmp_path):
    lab = Lab(tmp_path)
    try:
        lab.nodes("present")
        lab.site("-e", f"vtep_emulator_engine={OVS_VTEP}", LIMIT)
        nodes = [Node(name, lab.pids[name], vtep(NUMBERS[name])) for name in HOSTS]
        for node in nodes:
            # What the playbook knows nothing of, on a port of its own.
            node.run("ovs-vsctl", "add-port", "br0", "other", "--", "set", "Interface", "other", "type=internal")
            until(lambda node=node: "other" in node.published()["Physical_Port"], f"{node.name}: the port is registered")
            made(node, "other", 7000, ("other 7", "other 8"), NOBODY)
            node.ctl(f"add-ucast-remote other {mac(9)} {NOBODY}")
        written = [node.controlled() for node in nodes]
        for engine in (VTEPD, OVS_VTEP):
            text = lab.site("-e", f"vtep_emulator_engine={engine}", LIMIT)
            assert [node.controlled() for node in nodes] == written, text
            lab.ping(*HOSTS)
            lab.ping(*reversed(HOSTS))
            for node in nodes:
                bridges, ports = node.run("ovs-vsctl", "list-br").split(), node.run("ovs-vsctl", "list-ports", "br0").split()
                own = {"br0_vtep_ls1", "br0_vtep_ls2", "vtep_bfd"} if engine == OVS_VTEP else set()
                tunnel = {"vtep-vxlan"} if engine == VTEPD else set()
                assert {*bridges} == {"br0", "br-underlay", *own}
                assert {port for port in ports if not port.endswith("-p")} == {"other", f"vm{NUMBERS[node.name]}", *tunnel}
                assert any(port.endswith("-p") for port in ports) == (engine == OVS_VTEP)
                until(
                    lambda node=node: len(node.published()["Tunnel"]) == len(NUMBERS),
                    f"{node.name}: a tunnel to each other one and to nobody",
                )
    finally:
        lab.nodes("absent")
