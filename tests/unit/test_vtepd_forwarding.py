# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a VTEP is: who hears a frame, for any rows that a database may hold. The flows are read by a switch that knows nothing of rows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import flows
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import remote_mac
from ansible_collections.vxlanlab.vtep.tests.unit.vtepd_world import HERE, TUNNEL, Bridge, Frame, Sent, World, flows_of, number

VLANS = (0, 1, 2, 4094, 4095)
PORTS = ("vm1", "vm2", "vm3")
KEYS = (None, 7, 8, 9, 2**24, -1)
MACS = ("00:00:00:00:00:01", "00:00:00:00:00:0A", "00-00-00-00-00-0b", "01:00:5e:00:00:01", "nonsense", "")
GROUPS = ("unknown-dst", "ff:ff:ff:ff:ff:ff", "01:00:5E:00:00:01", "00:00:00:00:00:01", "nobody")
ADDRESSES = ("10.1.0.1", "10.2.0.1", "10.3.0.1", "224.0.0.1", "0.0.0.0", "::1", "host", "")
BROADCAST = number("ff:ff:ff:ff:ff:ff")
SETTINGS = settings(deadline=None, max_examples=150)


@st.composite
def worlds(draw, filtered=False):
    """Any rows: also twins, and values that no VTEP can follow."""
    world = World()
    world.tunnels()
    for offset, name in enumerate(PORTS):
        if draw(st.integers(0, 5)):
            world.device(name, offset + 1)
    switches = [
        world.logical(f"ls{one}", draw(st.sampled_from(KEYS)), draw(st.sampled_from((None, "service_node", "source_node"))))
        for one in range(draw(st.integers(1, 3)))
    ]
    lists = [world.acl({"action": action, "direction": way}) for action in ("deny", "permit") for way in ("ingress", "egress")]
    for name in (*PORTS, *draw(st.lists(st.sampled_from(PORTS), max_size=1))):
        bindings = draw(st.dictionaries(st.sampled_from(VLANS), st.sampled_from(switches)))
        world.port(name, bindings, draw(st.dictionaries(st.sampled_from(VLANS), st.sampled_from(lists), max_size=2)) if filtered else {})
    locators = st.builds(world.locator, st.sampled_from(ADDRESSES), st.sampled_from((None, None, 8, 99, 2**24)))
    for switch, mac in draw(st.lists(st.tuples(st.sampled_from(switches), st.sampled_from(MACS)), max_size=5)):
        world.unicast(switch, mac, draw(locators), draw(st.sampled_from(("", "10.9.0.1", "fe80::1", "no"))))
    for switch, group in draw(st.lists(st.tuples(st.sampled_from(switches), st.sampled_from(GROUPS)), max_size=4)):
        world.flood(switch, group, draw(st.lists(locators, min_size=1, max_size=4)))
    return world


@st.composite
def stale(draw, world):
    """What may have been learned before the rows became what they are: anything."""
    found = {}
    for switch in world.vtep["Logical_Switch"]:
        for mac in draw(st.lists(st.sampled_from(("00:00:00:00:00:01", "00:00:00:00:00:02")), unique=True)):
            match, actions = learned(switch, mac, draw(st.sampled_from((1, 2, 3, TUNNEL))), draw(st.sampled_from(VLANS)))
            found[match] = actions
    return found


def learned(switch, mac, port, vlan):
    match = f"table={flows.LEARNED},priority=100,metadata={flows.Switch(switch, '', None, (), {}).metadata},dl_dst={mac}"
    return match, ",".join(
        f"load:{value:#x}->NXM_NX_{register}[0..15]" for register, value in (("REG2", port), ("REG3", flows.tag(vlan)), ("REG4", 1))
    )


def bindings_of(world):
    """Which switch a port and VLAN belong to, by the rows alone: that of the only row that says so."""
    numbers = {row["name"]: row["ofport"] for row in world.ovs["Interface"].values()}
    claims = {}
    for row in world.vtep["Physical_Port"].values():
        for vlan, switch in row["vlan_bindings"].items():
            if row["name"] in numbers and vlan <= 4094:
                claims.setdefault((numbers[row["name"]], vlan), set()).add(switch)
    return {where: min(switches) for where, switches in claims.items() if len(switches) == 1}


def keys_of(world):
    """The VNIs of the switches that are bound here, by the rows alone: no two of them have the same."""
    rows, bound = world.vtep["Logical_Switch"], set(bindings_of(world).values())
    count = Counter(rows[switch]["tunnel_key"] for switch in bound)
    return {one: key for one in bound if (key := rows[one]["tunnel_key"]) is not None and count[key] == 1 and 0 <= key < 2**24}


def spelled(mac):
    return mac if mac == GROUPS[0] else mac.lower().replace("-", ":")


def places_of(world, switch, table, macs):
    """Where the rows of these addresses say that others are, by the rows alone: addresses and VNIs."""
    key = keys_of(world).get(switch)
    found = set()
    for row in world.vtep[table].values():
        if key is None or row["logical_switch"] != switch or spelled(row["MAC"]) not in macs:
            continue
        one = row.get("locator")
        for locator in (one,) if one else world.vtep["Physical_Locator_Set"][row["locator_set"]]["locators"]:
            end = world.vtep["Physical_Locator"][locator]
            used = key if end["tunnel_key"] is None else end["tunnel_key"]
            if end["dst_ip"] in ADDRESSES[:3] and 0 <= used < 2**24:
                found.add((end["dst_ip"], used))
    return found


def tags_of(vlan):
    return (vlan,) if vlan else ()


ENTRIES = st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from((*VLANS, 3)))
DESTINATIONS = st.sampled_from([number(mac) for mac in (*MACS[:2], "00:00:00:00:00:0b", MACS[3], "00:00:00:00:00:02", "ff:ff:ff:ff:ff:ff")])


@SETTINGS
@given(st.data(), ENTRIES, DESTINATIONS, st.lists(st.sampled_from(VLANS), max_size=2), st.sampled_from((1, 2)))
def test_no_frame_leaves_its_switch_whatever_was_learned_or_filtered(data, entry, destination, inner, limit):
    world = data.draw(worlds(filtered=True))
    sent = Bridge({**flows_of(world), **data.draw(stale(world))}).send(
        Frame(entry[0], (*tags_of(entry[1]), *inner), {"dl_dst": destination}, limit)
    )
    # A frame that has more tags than its binding is nobody's; a single tag for VLAN 0 is no tag (IEEE 802.1Q).
    vlan, more = (entry[1], inner) if entry[1] else (inner[0] if inner else 0, inner[1:])
    mine = bindings_of(world).get((entry[0], vlan)) if not more else None
    places = {(end["dst_ip"], end["tunnel_key"]) for end in world.vtep["Physical_Locator"].values()}
    for one in sent:
        assert mine is not None
        if one.port == TUNNEL:
            key = keys_of(world)[mine]
            assert one.tags == () and ((one.address, one.key) in places or (one.key == key and (one.address, None) in places))
        else:
            assert len(one.tags) < 2
            there = (one.port, one.tags[0] if one.tags else 0)
            assert bindings_of(world).get(there) == mine and there != (entry[0], vlan)


@SETTINGS
@given(st.data(), st.sampled_from((7, 8, 9, 99, 0)), DESTINATIONS, st.lists(st.sampled_from(VLANS), max_size=1))
def test_what_comes_through_a_tunnel_goes_to_ports_of_its_vni_and_into_no_tunnel(data, key, destination, tags):
    world = data.draw(worlds(filtered=True))
    sent = Bridge({**flows_of(world), **data.draw(stale(world))}).send(Frame(TUNNEL, tuple(tags), {"dl_dst": destination, "tun_id": key}))
    mine = {switch for switch, its_key in keys_of(world).items() if its_key == key and not tags}
    for one in sent:
        assert one.port != TUNNEL
        assert {bindings_of(world).get((one.port, one.tags[0] if one.tags else 0))} == mine


@SETTINGS
@given(worlds(), ENTRIES)
def test_a_broadcast_reaches_each_other_binding_once_and_each_flood_locator_once(world, entry):
    mine = bindings_of(world).get(entry)
    sent = Counter((one.port, one.tags, one.address, one.key) for one in Bridge(flows_of(world)).send(Frame(entry[0], tags_of(entry[1]))))
    if mine is None:
        assert not sent
        return
    here = Counter((port, tags_of(vlan), "", 0) for (port, vlan), switch in bindings_of(world).items() if switch == mine)
    here -= Counter([(entry[0], tags_of(entry[1]), "", 0)])
    has_own = any(row["logical_switch"] == mine and row["MAC"] == GROUPS[1] for row in world.vtep["Mcast_Macs_Remote"].values())
    places = places_of(world, mine, "Mcast_Macs_Remote", {GROUPS[1] if has_own else GROUPS[0]})
    there = Counter({one: count for one, count in sent.items() if one[0] == TUNNEL})
    assert sent - there == here
    assert set(there.values()) <= {1}
    said = {(address, key) for _port, _tags, address, key in there}
    if world.vtep["Logical_Switch"][mine]["replication_mode"] == "source_node":
        assert said == places
    else:
        # One of the service nodes, where no mode is given, too.
        assert len(said) == min(1, len(places)) and said <= places


@SETTINGS
@given(worlds(), st.sampled_from((7, 8, 9)))
def test_a_broadcast_from_a_tunnel_reaches_each_binding_once(world, key):
    sent = Counter((one.port, one.tags) for one in Bridge(flows_of(world)).send(Frame(TUNNEL, (), {"tun_id": key})))
    mine = {switch for switch, its_key in keys_of(world).items() if its_key == key}
    assert sent == Counter((port, tags_of(vlan)) for (port, vlan), switch in bindings_of(world).items() if switch in mine)


@SETTINGS
@given(worlds(), ENTRIES, st.sampled_from(MACS[:3]))
def test_a_remote_address_gets_one_copy_where_its_row_says(world, entry, mac):
    mine, mac = bindings_of(world).get(entry), spelled(mac)
    rows = [row for row in world.vtep["Ucast_Macs_Remote"].values() if row["logical_switch"] == mine and remote_mac(row) == (mine, mac)]
    places = places_of(world, mine, "Ucast_Macs_Remote", {mac})
    if mine and places and len(rows) == 1:
        (one,) = Bridge(flows_of(world)).send(Frame(entry[0], tags_of(entry[1]), {"dl_dst": number(mac)}))
        assert one.port == TUNNEL and (one.address, one.key) in places and one.tags == ()


@SETTINGS
@given(worlds(), ENTRIES, ENTRIES, st.booleans())
def test_what_is_learned_at_one_binding_leads_there_from_the_others(world, first, second, through):
    """The latest news counts: what was heard here goes before a row that says it is elsewhere, until the row changes."""
    mac, mine = "00:00:00:00:00:01", bindings_of(world).get(first)
    bridge = Bridge(flows_of(world))
    bridge.send(Frame(first[0], tags_of(first[1]), {"dl_src": number(mac)}))
    if mine is None:
        assert not bridge.learned
        return
    ((metadata, source, port, tag),) = bridge.learned
    match, actions = learned(mine, mac, *first)
    assert f"metadata={metadata:#x}," in match and (source, port, tag) == (1, first[0], flows.tag(first[1]))
    bridge = Bridge({**flows_of(world), match: actions})
    arrived = Sent(first[0], tags_of(first[1]), "", 0, number("00:00:00:00:00:aa"), 1)
    if through and mine in keys_of(world):
        assert bridge.send(Frame(TUNNEL, (), {"dl_dst": 1, "tun_id": keys_of(world)[mine]})) == [arrived]
    elif bindings_of(world).get(second) == mine:
        assert bridge.send(Frame(second[0], tags_of(second[1]), {"dl_dst": 1})) == ([arrived] if second != first else [])


def test_a_group_is_never_learned_as_a_sender():
    world = World()
    world.device("vm1", 1)
    world.port("vm1", {0: world.logical("ls0")})
    bridge = Bridge(flows_of(world))
    assert not bridge.send(Frame(1, (), {"dl_src": number("01:00:00:00:00:01")})) and not bridge.learned


@given(st.integers(0, 1100), st.integers(0, 1100))
@settings(deadline=None, max_examples=6)
def test_a_flood_list_of_any_length_reaches_all_in_flows_of_bounded_length(remotes, local):
    world = World()
    world.tunnels()
    world.device("vm1", 1)
    switch = world.logical("ls0", 7)
    world.port("vm1", dict.fromkeys(range(local + 1), switch))
    if remotes:
        world.flood(switch, "unknown-dst", [world.locator(f"10.1.{one // 250}.{one % 250 + 1}") for one in range(remotes)])
    found = flows_of(world)
    # A flow takes 64 KiB of actions; 72 bytes for each of these is more than they need.
    assert all(actions.count("output:") + actions.count("resubmit(") <= 64 * 1024 // 72 for actions in found.values())
    sent = Bridge(found).send(Frame(1))
    assert len(set(sent)) == len(sent) == local + remotes
    assert len(Bridge(found).send(Frame(TUNNEL, (), {"tun_id": 7}))) == local + 1


def asked(world, sender="00:00:00:00:00:aa", entry=(1, ())):
    fields = {"dl_type": 0x0806, "arp_op": 1, "arp_tpa": number("10.9.0.1"), "arp_spa": number("10.9.0.7"), "arp_sha": number(sender)}
    return Bridge(flows_of(world)).send(Frame(*entry, {**fields, "dl_src": number(sender)}))


@pytest.mark.parametrize("tags", [(), (5,)])
def test_a_question_for_a_known_address_is_answered_to_who_asks_and_heard_by_nobody_else(tags):
    world = World()
    world.tunnels()
    world.device("vm1", 1)
    world.device("vm2", 2)
    switch, other = world.logical("ls0", 7), world.logical("ls1", 8)
    world.port("vm1", {5: switch, 0: switch, 6: other})
    world.port("vm2", {0: switch})
    world.unicast(switch, "00:00:00:00:00:01", world.locator("10.1.0.1"), "10.9.0.1")
    assert asked(world, entry=(1, tags)) == [Sent(1, tags, "", 0, number("00:00:00:00:00:01"), number("00:00:00:00:00:aa"))]
    assert not asked(world, entry=(1, (6,))), "of another switch: nobody is there to hear it"
    # Who asks for its own address is heard by all (RFC 5227).
    assert {one.port for one in asked(world, "00:00:00:00:00:01", (1, tags))} == {1, 2}


def test_without_an_own_address_frames_stay_here():
    world = World(tunnel_ips=["224.0.0.1", "::1"])
    world.tunnels()
    world.device("vm1", 1)
    world.device("vm2", 2)
    switch = world.logical("ls0", 7)
    world.port("vm1", {0: switch})
    world.port("vm2", {0: switch})
    world.flood(switch, "unknown-dst", [world.locator("10.1.0.1")])
    assert [one.port for one in Bridge(flows_of(world)).send(Frame(1))] == [2]
    assert len(world.survey().faults) == 2


def test_a_service_node_that_bfd_does_not_reach_gives_way_to_the_next():
    world = World()
    world.tunnels()
    world.device("vm1", 1)
    switch = world.logical("ls0", 7, None)
    world.port("vm1", {0: switch})
    near, far = world.locator("10.1.0.1"), world.locator("10.2.0.1")
    world.flood(switch, "unknown-dst", [near, far])

    def chosen():
        return [one.address for one in Bridge(flows_of(world)).send(Frame(1))]

    assert chosen() == ["10.1.0.1"]
    down = {"bfd_params": {"enable": "true"}, "bfd_status": {"forwarding": "false"}}
    # What another switch in the same database says of its own tunnel is not about this one.
    elsewhere = world.add("Tunnel", local=world.locator("10.0.0.2"), remote=near, **down)
    world.add("Physical_Switch", name="br1", tunnel_ips=("10.0.0.2",), tunnels=(elsewhere,))
    assert chosen() == ["10.1.0.1"]
    tunnel = world.extend("Physical_Switch", world.switch, "tunnels", world.add("Tunnel", local=world.locator(HERE), remote=near, **down))
    assert chosen() == ["10.2.0.1"]
    world.vtep["Tunnel"][tunnel]["bfd_params"] = {}
    assert chosen() == ["10.1.0.1"]


def test_a_port_and_vlan_that_two_rows_give_to_two_switches_belongs_to_none():
    world = World()
    for one in (1, 2):
        world.device(f"vm{one}", one)
    first, second = world.logical("ls0"), world.logical("ls1")
    twins = [world.port("vm1", {0: first, 1: first}), world.port("vm1", {0: second, 1: first})]
    world.port("vm2", {0: first, 2: second})
    own = world.survey()
    assert [(fault.uuid, fault.code) for fault in own.faults] == [(uuid, "invalid_vlan_map") for uuid in twins]
    assert own.switches[first].bindings == ((1, 1), (2, 0)) and own.switches[second].bindings == ((2, 2),)
