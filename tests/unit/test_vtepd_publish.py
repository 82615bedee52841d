# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a VTEP says of itself: said once, never of what is another's, and never of what its controller owns."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import acl, ports, publish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import TUNNEL_PORT, Mac
from ansible_collections.vxlanlab.vtep.tests.unit.vtepd_world import BRIDGE, HERE, World, apply

THERE = "10.0.0.2"
#: What vtep(5) leaves to the controller: a table, or columns of it.
CONTROLLED = {
    "Logical_Switch": "*",
    "Logical_Router": "*",
    "Ucast_Macs_Remote": "*",
    "Mcast_Macs_Remote": "*",
    "Physical_Port": {"name", "vlan_bindings", "acl_bindings"},
    "Physical_Switch": {"name", "tunnel_ips"},
    "Tunnel": {"remote", "bfd_params", "bfd_config_remote"},
    "ACL": {"acl_name", "acl_entries"},
    "ACL_entry": {"sequence", "direction", "action"},
}
MACS = [f"00:00:00:00:00:{number:02x}" for number in (1, 0xA, 0xB)]
BFD = st.dictionaries(st.sampled_from(("enable", "min_rx", "nonsense")), st.sampled_from(("true", "false", "x")), max_size=2)


@st.composite
def worlds(draw):
    """Rows as a controller, another switch, ovs-vtep and an earlier vtepd may have left them."""
    world = World(draw(st.sampled_from(((HERE,), ("10.0.0.9", HERE), ("::1",), ()))))
    if draw(st.booleans()):
        world.tunnels()
    for number, name in enumerate(("vm1", "vm2", "vm3-p"), 1):
        if draw(st.booleans()):
            world.device(name, draw(st.sampled_from((number, None, -1))))
    if draw(st.booleans()):
        world.device("vm4-p", 7)
        world.ovs["Interface"][list(world.ovs["Interface"])[-1]].update(type="patch", options={"peer": "vm4-l"})
        world.extend("Open_vSwitch", next(iter(world.ovs["Open_vSwitch"])), "bridges", world.add("Bridge", name="vtep_bfd"))
    world.ovs["Bridge"][world.bridge]["fail_mode"] = draw(st.sampled_from((None, "standalone", "secure")))
    switches = [world.logical(f"ls{number}", draw(st.sampled_from((7, 8, None, -1)))) for number in range(2)]
    lists = [world.acl({}), world.acl({"source_mac": "nonsense"}, {"protocol": 300})]
    one = st.sampled_from(switches)
    other = world.add("Physical_Switch", name="br1", tunnel_ips=(THERE,), switch_fault_status=("theirs",))
    for owner, names in ((world.switch, ("vm1", "vm2", "gone")), (other, ("vm1", "far"))):
        for name in names:
            if draw(st.booleans()):
                port = world.port(
                    name,
                    draw(st.dictionaries(st.sampled_from((0, 1, 4095)), one, max_size=2)),
                    draw(st.dictionaries(st.sampled_from((0, 1, 4095)), st.sampled_from(lists), max_size=1)),
                    of=owner,
                )
                world.vtep["Physical_Port"][port]["port_fault_status"] = (
                    ("theirs",) if owner == other else draw(st.sampled_from(((), ("x",))))
                )
    remote = st.builds(world.locator, st.sampled_from(("10.1.0.1", "10.2.0.1", THERE, HERE, "224.0.0.1", "no")), st.sampled_from((None, 9)))
    for switch, mac in draw(st.lists(st.tuples(one, st.sampled_from(MACS)), max_size=3)):
        world.unicast(switch, mac, draw(remote))
    for switch in draw(st.lists(one, max_size=2)):
        world.flood(switch, "unknown-dst", draw(st.lists(remote, min_size=1, max_size=3)))
    # What is there already of the local tables and the tunnels: of this switch or of the other one.
    local = st.builds(world.locator, st.sampled_from((HERE, "10.0.0.7", THERE)))
    for switch, mac in draw(st.lists(st.tuples(one, st.sampled_from((*MACS, MACS[1].upper(), "nonsense"))), max_size=4)):
        world.unicast(switch, mac, draw(local), table="Ucast_Macs_Local")
    for switch in draw(st.lists(one, max_size=3)):
        world.flood(switch, draw(st.sampled_from(("unknown-dst", "x"))), draw(st.lists(local, min_size=1, max_size=2)), "Mcast_Macs_Local")
    for owner in draw(st.lists(st.sampled_from((world.switch, other)), max_size=4)):
        told = {"bfd_params": draw(BFD), "bfd_status": draw(BFD), "bfd_config_remote": {"bfd_dst_ip": "169.254.9.9"}}
        world.extend("Physical_Switch", owner, "tunnels", world.add("Tunnel", local=draw(local), remote=draw(remote), **told))
    # What nothing refers to does not outlive the transaction.
    apply(world.vtep, [])
    apply(world.ovs, [])
    return world


def said(world, learned=()):
    own = world.survey()
    _rules, faults = acl.rules(world.vtep, own.physical)
    return publish.operations(world.vtep, world.ovs, BRIDGE, own, learned, [*own.faults, *faults])


@st.composite
def news(draw, world):
    return {Mac(draw(st.sampled_from(list(world.vtep["Logical_Switch"]))), mac) for mac in draw(st.lists(st.sampled_from(MACS)))}


def theirs(world):
    """All that another physical switch has in the same database."""
    (other,) = (row for row in world.vtep["Physical_Switch"].values() if row["name"] == "br1")
    locators = {one for one, row in world.vtep["Physical_Locator"].items() if row["dst_ip"] == THERE}
    return {
        "switch": other,
        "ports": [world.vtep["Physical_Port"][one] for one in other["ports"]],
        "tunnels": [world.vtep["Tunnel"][one] for one in other["tunnels"]],
        "macs": [row for row in world.vtep["Ucast_Macs_Local"].values() if row["locator"] in locators],
        "groups": [
            row
            for row in world.vtep["Mcast_Macs_Local"].values()
            if set(world.vtep["Physical_Locator_Set"][row["locator_set"]]["locators"]) <= locators
        ],
    }


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_it_is_said_once_in_one_transaction_and_nothing_that_others_own_changes(data):
    world = data.draw(worlds())
    learned, others = data.draw(news(world)), theirs(world)
    written = apply(world.vtep, said(world, learned))
    assert said(world, learned) == []
    assert theirs(world) == others
    new = {(table, uuid) for table, uuid, column in written if column == "*"}
    for table, uuid, column in written:
        owned = CONTROLLED.get(table, ())
        assert owned != "*" and ((table, uuid) in new or column not in owned)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_what_is_there_afterwards_is_what_a_vtep_says(data):
    world = data.draw(worlds())
    learned = data.draw(news(world))
    bound = {one: row["vlan_bindings"] or row["acl_bindings"] for one, row in world.vtep["Physical_Port"].items()}
    apply(world.vtep, said(world, learned))
    own, vtep = world.survey(), world.vtep
    # One with a tunnel key of its own is another locator.
    mine = {one for one, row in vtep["Physical_Locator"].items() if row["dst_ip"] == own.address and row["tunnel_key"] is None}
    macs = [(row["logical_switch"], row["MAC"].lower()) for row in vtep["Ucast_Macs_Local"].values() if row["locator"] in mine]
    assert sorted(macs) == sorted(mac for mac in learned if mac.switch in own.switches and own.address)
    sets = {one for one, row in vtep["Physical_Locator_Set"].items() if set(row["locators"]) == mine}
    groups = [(row["logical_switch"], row["MAC"]) for row in vtep["Mcast_Macs_Local"].values() if row["locator_set"] in sets]
    assert sorted(groups) == [(switch, "unknown-dst") for switch in sorted(own.switches) if own.address]
    # One tunnel to each of the others that frames may go to.
    tunnels = [vtep["Tunnel"][one] for one in vtep["Physical_Switch"][own.uuid]["tunnels"]]
    assert sorted(vtep["Physical_Locator"][row["remote"]]["dst_ip"] for row in tunnels) == sorted(own.remotes)
    for row in tunnels:
        assert row["local"] in mine and (row["bfd_params"].get("enable") == "true") == bool(row["bfd_status"])
    # A row for each port of the bridge that works; a row that somebody needs stays without one.
    names = [vtep["Physical_Port"][one]["name"] for one in vtep["Physical_Switch"][own.uuid]["ports"]]
    assert set(own.ports) - {BRIDGE, TUNNEL_PORT, "vm4-p"} <= set(names) and not {BRIDGE, TUNNEL_PORT} & set(names)
    assert {one for one, is_bound in bound.items() if is_bound} <= set(vtep["Physical_Port"])


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_fault_is_told_at_its_row_and_taken_back(data):
    world = data.draw(worlds())
    apply(world.vtep, said(world))
    own = world.survey()
    faults = [*own.faults, *acl.rules(world.vtep, own.physical)[1]]
    for table, column in publish.FAULT_COLUMNS.items():
        told = {(one, code) for one, row in world.vtep[table].items() for code in row[column] if code != "theirs"}
        assert told == {(fault.uuid, fault.code) for fault in faults if fault.table == table}


@given(st.lists(st.tuples(st.sampled_from((0, 1, 2)), st.booleans(), st.integers(0, 5)), max_size=6))
def test_counters_are_those_of_the_bindings_that_are_there(steps):
    world = World()
    world.device("vm1", 1)
    switch = world.logical("ls0")
    port = world.port("vm1")
    for vlan, is_bound, count in steps:
        bindings = world.vtep["Physical_Port"][port]["vlan_bindings"]
        world.vtep["Physical_Port"][port]["vlan_bindings"] = {**bindings, vlan: switch} if is_bound else {}
        own = world.survey()
        counted = {(port, one): (count, count * 64, one, one * 64) for one in world.vtep["Physical_Port"][port]["vlan_bindings"]}
        apply(world.vtep, publish.counters(world.vtep, own, counted))
        assert publish.counters(world.vtep, own, counted) == []
        stats = {vlan: world.vtep["Logical_Binding_Stats"][one] for vlan, one in world.vtep["Physical_Port"][port]["vlan_stats"].items()}
        assert {(port, vlan): tuple(row[name] for name in publish.COUNTERS) for vlan, row in stats.items()} == counted
        assert len(world.vtep["Logical_Binding_Stats"]) == len(counted)


# -- the ports of Open vSwitch ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(worlds())
def test_the_bridge_gets_a_tunnel_and_one_port_for_each_session_of_bfd_and_keeps_the_ports_of_others(world):
    apply(world.vtep, said(world))
    before = {row["name"] for row in world.ovs["Port"].values()}
    want = ports.wanted(world.vtep, world.survey())
    apply(world.ovs, ports.operations(world.ovs, BRIDGE, want))
    # A port of the bridge is no reason for another one.
    assert ports.operations(world.ovs, BRIDGE, ports.wanted(world.vtep, world.survey())) == []
    own = world.survey()
    sessions = {
        ports.bfd_port(address)
        for one in world.vtep["Physical_Switch"][own.uuid]["tunnels"]
        if (row := world.vtep["Tunnel"][one])["bfd_params"].get("enable") == "true"
        for address in [world.vtep["Physical_Locator"][row["remote"]]["dst_ip"]]
    }
    names = {row["name"] for row in world.ovs["Port"].values()}
    assert names - before == set(want) - before and set(want) == (sessions | {TUNNEL_PORT} if own.address else set())
    assert before - names <= {TUNNEL_PORT, "vm4-p"} and {"vm1", "vm2"} & before <= names
    assert [row["name"] for row in world.ovs["Bridge"].values()] == [BRIDGE] and world.ovs["Bridge"][world.bridge]["fail_mode"] == "secure"
    apply(world.ovs, ports.cleared(world.ovs, BRIDGE))
    assert {row["name"] for row in world.ovs["Port"].values()} == names - set(want)
