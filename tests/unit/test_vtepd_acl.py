# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access lists: the first entry that fits decides, what none fits passes, and a bad entry is a fault of its own."""

from __future__ import annotations

import subprocess
from shutil import which

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import acl, flows
from ansible_collections.vxlanlab.vtep.tests.unit.vtepd_world import Bridge, Frame, World, blank, number

PORT_NUMBERS = st.one_of(st.none(), st.integers(0, 65535))


def entry(**columns):
    return {**blank("ACL_entry"), "direction": "ingress", "action": "deny", **columns}


@given(PORT_NUMBERS, PORT_NUMBERS, st.lists(st.integers(0, 65535), min_size=20, max_size=20))
def test_the_masks_of_a_range_of_ports_cover_each_of_them_once_and_no_other(low, high, samples):
    row = entry(source_port_min=low, source_port_max=high)
    first, last = 0 if low is None else low, 65535 if high is None else high
    if first > last:
        with pytest.raises(ValueError, match="are none"):
            list(acl._port_masks(row, "source"))
        return
    found = [words for match in acl._port_masks(row, "source") for words in match]
    assert bool(found) == (low is not None or high is not None) and len(found) <= 30
    blocks = [[int(part, 16) for part in words.removeprefix("tp_src=").split("/")] for words in found]
    for port in {first, last, (first - 1) % 65536, (last + 1) % 65536, *samples}:
        assert sum(port & mask == value for value, mask in blocks) == (first <= port <= last and bool(found))


def rules_of(*entries, vlan=0):
    world = World()
    world.device("vm1", 1)
    world.port("vm1", {0: world.logical("ls0")}, {vlan: world.acl(*entries)})
    return world, *acl.rules(world.vtep, world.survey().physical)


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "sequence": st.integers(0, 3),
            "action": st.sampled_from(("permit", "deny")),
            "direction": st.sampled_from(("ingress", "egress")),
            "source_mac": st.sampled_from((None, "00:00:00:00:00:0A", "0000.0000.000b", "nonsense")),
        }
    ),
    max_size=5,
)


@given(ENTRIES, st.sampled_from(("ingress", "egress")), st.sampled_from(("00:00:00:00:00:0a", "00:00:00:00:00:0b")))
@settings(deadline=None)
def test_the_first_good_entry_of_the_direction_decides(entries, direction, sender):
    world = World()
    world.device("vm1", 1)
    world.device("vm2", 2)
    switch = world.logical("ls0")
    lists = {0: world.acl(*entries)} if entries else {}
    world.port("vm1", {0: switch}, lists if direction == "ingress" else {})
    world.port("vm2", {0: switch}, lists if direction == "egress" else {})
    own = world.survey()
    rules, faults = acl.rules(world.vtep, own.physical)
    good = [one for one in sorted(entries, key=lambda one: one["sequence"]) if one["direction"] == direction]
    fits = [
        one for one in good if one["source_mac"] is None or (one["source_mac"][-1].lower() == sender[-1] and "n" not in one["source_mac"])
    ]
    passes = not fits or fits[0]["action"] == "permit"
    sent = Bridge(flows.structure(own, rules)).send(Frame(1, (), {"dl_src": number(sender)}))
    assert [one.port for one in sent] == ([2] if passes else [])
    assert len([one for one in faults if one.table == "ACL_entry"]) == sum(one["source_mac"] == "nonsense" for one in entries)


BAD = [
    {"source_mac": "nonsense"},
    {"source_ip": "10.0.0.0/8"},
    {"source_ip": "fe80::1%eth0"},
    {"source_ip": "10.0.0.0", "source_mask": "ffff::"},
    {"source_ip": "fe80::", "source_mask": "255.0.0.0"},
    {"source_ip": "10.0.0.1", "dest_ip": "fe80::1"},
    {"ethertype": "IP"},
    {"ethertype": "0x0806", "protocol": 6},
    {"ethertype": "0x86dd", "source_ip": "10.0.0.1"},
    {"protocol": 256},
    {"dest_port_min": 80},
    {"protocol": 1, "dest_port_min": 80},
    {"protocol": 6, "dest_port_min": 81, "dest_port_max": 80},
    {"protocol": 6, "dest_port_max": 65536},
    {"protocol": 17, "tcp_flags": 2},
    {"protocol": 6, "tcp_flags": 4096},
    {"protocol": 6, "icmp_type": 8},
    {"protocol": 1, "icmp_code": -1},
    {"protocol": 58, "icmp_type": 128, "ethertype": "0x0800"},
    {"protocol": 1, "icmp_type": 8, "source_ip": "fe80::1"},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_entry_is_told_at_its_row_its_list_and_its_port_and_the_others_count(bad):
    world, rules, faults = rules_of({"sequence": 1, **bad}, {"sequence": 2, "source_mac": "00:00:00:00:00:01"})
    assert [rule.matches for rule in rules] == [("dl_src=00:00:00:00:00:01",)]
    assert {(fault.table, fault.code) for fault in faults} == {
        ("ACL_entry", "invalid_acl_entry"),
        ("ACL", "invalid_acl"),
        ("Physical_Port", "invalid_ACL_binding"),
    }
    (told,) = (fault.uuid for fault in faults if fault.table == "ACL_entry")
    assert world.vtep["ACL_entry"][told]["sequence"] == 1


def test_a_list_at_a_reserved_vlan_is_a_fault_and_one_of_a_vlan_goes_before_that_of_the_port():
    assert [fault.code for fault in rules_of({}, vlan=4095)[2]] == ["invalid_ACL_binding"]
    (port,), (vlan,) = rules_of({})[1], rules_of({}, vlan=7)[1]
    assert vlan.priority > port.priority + acl.MOST_ENTRIES


TEXTS = st.one_of(st.none(), st.sampled_from(("10.0.0.1", "255.255.0.0", "fe80::1", "ffff::", "fe80::1%a", "::ffff:10.0.0.1", "x", "")))
SMALL = st.one_of(st.none(), st.integers(-1, 300))


@pytest.mark.skipif(not which("ovs-ofctl"), reason="no Open vSwitch")
@given(
    st.fixed_dictionaries(
        dict.fromkeys(("source_ip", "source_mask", "dest_ip", "dest_mask"), TEXTS)
        | dict.fromkeys(("source_port_min", "dest_port_max", "tcp_flags", "tcp_flags_mask", "icmp_type", "icmp_code"), SMALL)
        | {
            "protocol": st.sampled_from((None, 1, 6, 17, 58, 132, 300)),
            "ethertype": st.sampled_from((None, "0x0800", "0x86dd", "0x1", "x")),
        }
    )
)
@settings(deadline=None, max_examples=60)
def test_whatever_an_entry_holds_open_vswitch_can_read_what_is_made_of_it(columns):
    world, rules, _faults = rules_of(columns)
    # One flow that cannot be read would keep out all others.
    text = "\n".join(flows.lines(flows.structure(world.survey(), rules).items()))
    done = subprocess.run(["ovs-ofctl", "-OOpenFlow15", "parse-flows", "-"], input=text, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
