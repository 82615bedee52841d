# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator follows: after any changes, with either daemon away in between, all is as if it had begun with what is there now."""

from __future__ import annotations

import copy
import json
import socket
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import acl, connection, emulator, flows, openflow, ports, publish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import VTEP
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import Mac
from ansible_collections.vxlanlab.vtep.tests.unit.vtepd_world import BRIDGE, Refused, World, apply, as_json, flows_of


class Server:
    """ovsdb-server and ovs-vswitchd, and one connection to them."""

    def __init__(self, world):
        self.world, self.refuse, self.transactions = world, 0, 0
        self.connect()

    def connect(self):
        self.messages, self.told = [], {}
        return self

    def replica(self, database):
        return self.world.vtep if database == VTEP else self.world.ovs

    def close(self):
        pass

    def request(self, method, database, *params):
        self.number = getattr(self, "number", 0) + 1
        if method == "monitor":
            self.told[database] = {table: {} for table in self.replica(database).tables}
            self.messages.append({"id": self.number, "error": None, "result": self._news(database)})
        else:
            result = self._transact(database, params)
            self.tell()
            self.messages.append({"id": self.number, "error": None, "result": result})
        return self.number

    def _transact(self, database, operations):
        self.transactions += 1
        real = [one for one in operations if one["op"] not in ("select", "comment")]
        if real and self.refuse:
            self.refuse -= 1
            return [None, {"error": "referential integrity violation"}]
        try:
            apply(self.replica(database), real)
        except Refused as error:
            return [*[{}] * len(operations), {"error": "constraint violation", "details": str(error)}]
        self.serve()
        rows = [{"next_cfg": row["next_cfg"]} for row in self.world.ovs["Open_vSwitch"].values()]
        return [{"rows": rows} if one["op"] == "select" else {} for one in operations]

    def serve(self):
        """What ovs-vswitchd does."""
        for row in self.world.ovs["Open_vSwitch"].values():
            row["cur_cfg"] = row["next_cfg"]
        for row in self.world.ovs["Interface"].values():
            if row["ofport"] is None:
                row["ofport"] = 100 if row["name"] == "vtep-vxlan" else 200 + len(self.world.ovs["Interface"])

    def tell(self):
        """What has changed, as updates."""
        for database in self.told:
            if news := self._news(database):
                self.messages.append({"method": "update", "id": None, "params": [database, news]})

    def _news(self, database):
        found = {}
        for table, rows in self.replica(database).tables.items():
            before = self.told[database][table]
            for uuid in rows.keys() | before.keys():
                if rows.get(uuid) != before.get(uuid):
                    one = found.setdefault(table, {}).setdefault(uuid, {})
                    if uuid in rows:
                        one["new"] = as_json(table, rows[uuid])
        self.told[database] = copy.deepcopy(self.replica(database).tables)
        return json.loads(json.dumps(found))


class Table:
    """The flow table."""

    def __init__(self):
        self.flows, self.watch = {}, SimpleNamespace(known={}, close=lambda: None)

    def is_there(self):
        return True

    def apply(self, remove, add, forget=()):
        for match in remove:
            del self.flows[match]
        self.flows.update(add)
        for one in forget:
            self.watch.known.pop(one, None)

    def learned(self):
        return dict(self.watch.known)

    def differences(self, wanted):
        return [match for match in self.flows if match not in wanted], wanted


class Host:
    """An emulator at work on a world."""

    def __init__(self, monkeypatch, world):
        self.world, self.server, self.table, self.now = world, Server(world), Table(), 0.0
        monkeypatch.setattr(emulator.Emulator, "_listen", lambda _self: None)
        monkeypatch.setattr(emulator, "Connection", lambda _path: self.server.connect())
        monkeypatch.setattr(emulator, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(emulator.openflow, "Watch", lambda _bridge: self.table.watch)
        monkeypatch.setattr(emulator.devices, "repair", lambda _names: [])
        self.lines = []
        monkeypatch.setattr(emulator, "log", self.lines.append)
        self.one = emulator.Emulator(BRIDGE, emulator.Options())
        self.one.flowtable = self.table

    def turn(self):
        """One turn of the loop."""
        if not self.one.session:
            self.one._connect()
        self.one._reconcile()
        while self.server.messages:
            self.one._take(self.server.messages.pop(0))

    def settle(self):
        apply(self.world.vtep, [])
        self.server.tell()
        for _turn in range(60):
            before = self.server.transactions
            self.now += 2
            self.turn()
            if self.server.transactions == before and self.one.status()["ready"]:
                return
        raise AssertionError(f"it never rests: {self.one.status()}, {self.lines[-3:]}")


def world_of_two():
    world = World()
    for number in (1, 2):
        world.device(f"vm{number}", number)
    return world, [world.logical("ls0", 7), world.logical("ls1", 8)]


MACS = ("00:00:00:00:00:01", "00:00:00:00:00:0A", "nonsense")
WHAT = ("bind", "mac", "unmac", "flood", "unflood", "key", "learn", "refuse", "server", "switch", "locator", "address", "acl")
STEPS = st.lists(
    st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=4), max_size=6
)


def step(host, what, first, second, third):
    world, switches = host.world, list(host.world.vtep["Logical_Switch"])
    own = [one for one in world.vtep["Physical_Switch"][world.switch]["ports"] if one in world.vtep["Physical_Port"]]
    remote, floods = list(world.vtep["Ucast_Macs_Remote"]), list(world.vtep["Mcast_Macs_Remote"])
    address = ("10.1.0.1", "10.2.0.1", "10.3.0.1", "224.0.0.1")[second]
    if what == "bind" and own:
        row = world.vtep["Physical_Port"][own[first % len(own)]]
        row["vlan_bindings"] = {vlan: switches[(vlan + third) % 2] for vlan in range(second)}
    elif what == "acl" and own:
        world.vtep["Physical_Port"][own[first % len(own)]]["acl_bindings"] = {third: world.acl({"protocol": 250 + 2 * first})}
    elif what == "mac":
        world.unicast(switches[first % 2], MACS[third], world.locator(address), ("", "10.9.0.1")[first % 2 or third % 2])
    elif what == "unmac" and remote:
        del world.vtep["Ucast_Macs_Remote"][remote[first % len(remote)]]
    elif what == "flood":
        world.flood(switches[first % 2], "unknown-dst", [world.locator(address), world.locator("10.1.0.1")])
    elif what == "unflood" and floods:
        del world.vtep["Mcast_Macs_Remote"][floods[first % len(floods)]]
    elif what == "key":
        world.vtep["Logical_Switch"][switches[first % 2]]["tunnel_key"] = (None, 7, 8, 2**24)[second]
    elif what == "locator" and (rows := list(world.vtep["Physical_Locator"].values())):
        row, key = rows[first % len(rows)], 1000 + first + 10 * second
        # The server takes no second locator with the same address and key.
        if not any((one["dst_ip"], one["tunnel_key"]) == (row["dst_ip"], key) for one in rows):
            row["tunnel_key"] = key
    elif what == "address":
        world.vtep["Physical_Switch"][world.switch]["tunnel_ips"] = (("10.0.0.1",), ("10.0.0.5", "10.0.0.7"), ())[third]
    elif what == "learn":
        seen = openflow.Seen(1 + first % 2, flows.tag(second))
        host.table.watch.known[openflow.Learned(flows.Switch(switches[third % 2], "", None, (), {}).metadata, MACS[0])] = seen
        host.one.heard = True
    elif what == "refuse":
        host.server.refuse = third
    elif what == "server":
        host.one._disconnect("away")
    elif what == "switch":
        host.one._detach("away")
        host.table.flows, host.table.watch.known = {}, {}


@settings(deadline=None, max_examples=120)
@given(STEPS)
@example([[("bind", 0, 1, 1), ("mac", 1, 0, 0), ("mac", 1, 0, 1)]])
@example([[("bind", 0, 1, 1), ("mac", 1, 0, 1), ("mac", 1, 3, 0)]])
def test_it_ends_up_with_what_it_would_have_begun_with(steps):
    with pytest.MonkeyPatch.context() as monkeypatch:
        world, unused = world_of_two()
        host = Host(monkeypatch, world)
        host.settle()
        for changes in steps:
            for change in changes:
                # What a controller writes comes in several transactions, and news of it may be heard between any two.
                step(host, *change)
                if change[2] % 2:
                    host.server.tell()
                    host.turn()
            host.settle()
            own, want = world.survey(), flows_of(world)
            answers = {match for match in want if match.startswith(f"table={flows.ANSWER},priority=100,arp")}
            assert host.table.flows.keys() == want.keys()
            assert {match for match, actions in want.items() if host.table.flows[match] != actions} <= answers
            _rules, faults = acl.rules(world.vtep, own.physical)
            words = {fault.words for fault in (*own.faults, *faults)}
            bad = sum(row["MAC"] == "nonsense" for row in world.vtep["Ucast_Macs_Remote"].values())
            assert words <= host.one.said and len(host.one.bad_rows) == bad
            assert all(mac in host.one.rows for mac in host.one.bad_macs)
            assert bool(world.vtep["Physical_Switch"][world.switch]["switch_fault_status"]) == bool(
                host.one.bad_rows or host.one.bad_macs or [one for one in own.faults if one.table == "Physical_Switch"]
            )
            names = {switch.metadata: uuid for uuid, switch in own.switches.items()}
            learned = {Mac(names[one.metadata], one.mac) for one in host.table.watch.known if own.address}
            local = {(row["logical_switch"], row["MAC"]) for row in world.vtep["Ucast_Macs_Local"].values()}
            assert local == learned
            assert ports.operations(world.ovs, BRIDGE, ports.wanted(world.vtep, own)) == []
            assert publish.operations(world.vtep, world.ovs, BRIDGE, own, learned if own.address else (), host.one._all_faults(own)) == []


def test_an_address_that_moves_in_a_switch_without_a_binding_here_is_no_concern(monkeypatch):
    world, switches = world_of_two()
    host = Host(monkeypatch, world)
    world.port("vm1", {0: switches[0]})
    host.settle()
    one = openflow.Learned(host.one.own.switches[switches[0]].metadata, MACS[0])
    host.table.watch.known[one] = openflow.Seen(1, 0)
    for switch in reversed(switches):
        world.unicast(switch, MACS[0], world.locator("10.1.0.1"))
    host.settle()
    # The controller has just said that it is elsewhere.
    assert not host.table.watch.known


@pytest.mark.parametrize("gone", [0, 1])
def test_of_two_addresses_with_the_same_ip_address_the_one_that_stays_is_answered_for(monkeypatch, gone):
    world, switches = world_of_two()
    world.port("vm1", {0: switches[0]})
    rows = [world.unicast(switches[0], mac, world.locator("10.1.0.1"), "10.9.0.1") for mac in MACS[:2]]
    host = Host(monkeypatch, world)
    host.settle()
    del world.vtep["Ucast_Macs_Remote"][rows[gone]]
    host.settle()
    assert host.table.flows == flows_of(world) and sum("arp_op=1" in match for match in host.table.flows) == 2


def test_a_port_that_cannot_be_made_is_tried_at_intervals_and_told_once(monkeypatch):
    world, unused = world_of_two()
    # Of another bridge.
    world.add("Bridge", name="br1", ports=(world.add("Port", name="vtep-vxlan"),))
    world.ovs["Open_vSwitch"][next(iter(world.ovs["Open_vSwitch"]))]["bridges"] += (list(world.ovs["Bridge"])[-1],)
    host = Host(monkeypatch, world)
    host.now = 1.0
    for _turn in range(100):
        host.turn()
    # No time has passed.
    assert host.server.transactions < 6
    for _turn in range(100):
        host.now += 2
        host.turn()
    assert sum("refused" in line for line in host.lines) < 6


def test_what_was_learned_is_not_taken_back_before_it_is_read(monkeypatch):
    world, switches = world_of_two()
    world.port("vm1", {0: switches[0]})
    host = Host(monkeypatch, world)
    host.settle()
    one = openflow.Learned(host.one.own.switches[switches[0]].metadata, MACS[0])
    host.table.watch.known[one] = openflow.Seen(1, 0)
    host.settle()
    before = copy.deepcopy(world.vtep["Ucast_Macs_Local"])
    assert len(before) == 1
    again = Host(monkeypatch, world)
    again.table.learned = lambda: {one: openflow.Seen(1, 0)}
    for _turn in range(10):
        again.now += 2
        again.turn()
        assert world.vtep["Ucast_Macs_Local"] == before


# -- the connection ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text('}{"\\ä', max_size=5), max_size=2), max_size=5), st.integers(1, 9))
@settings(deadline=None)
def test_messages_are_whole_however_they_are_cut(messages, size):
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Also where a chunk is as long as the buffer, and nothing follows.
        monkeypatch.setattr(connection, "_READ_BYTES", size)
        ours, theirs = socket.socketpair()
        one = connection.Connection.__new__(connection.Connection)
        one._socket, one._text, one._number = ours, b"", 0
        ours.settimeout(5)
        with ours, theirs:
            text = "".join(json.dumps(message, ensure_ascii=False) for message in messages).encode()
            theirs.sendall(text)
            found = [message for _read in range(len(text) // size + 2) for message in one.read()]
            assert found == messages
            theirs.close()
            with pytest.raises(connection.Lost):
                one.read()
