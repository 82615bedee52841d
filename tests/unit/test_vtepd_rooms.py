# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as the server writes them, and flows as ovs-ofctl prints them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from ovs.db import data, types

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import flows, openflow
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import (
    MANY,
    MAP,
    MAYBE,
    ONE,
    OWN,
    SWITCH,
    TABLES,
    VTEP,
    Replica,
    read,
)
from ansible_collections.vxlanlab.vtep.tests.unit.vtepd_world import as_json, blank

# -- the databases ------------------------------------------------------------------------------------------------------------

SCHEMAS = {VTEP: Path("/usr/share/openvswitch/vtep.ovsschema"), SWITCH: Path("/usr/share/openvswitch/vswitch.ovsschema")}
ATOMS = {"integer": st.integers(-(2**63), 2**63 - 1), "string": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))}


@pytest.mark.parametrize("database", TABLES)
@pytest.mark.skipif(not SCHEMAS[VTEP].exists(), reason="no Open vSwitch")
def test_the_kinds_of_the_columns_are_those_of_the_schema(database):
    schema = json.loads(SCHEMAS[database].read_text())["tables"]
    for table, columns in TABLES[database].items():
        for column, kind in columns.items():
            told = types.Type.from_json(schema[table]["columns"][column]["type"])
            is_many = told.n_max > 1
            assert kind == (MAP if told.is_map() else MANY if is_many else ONE if told.n_min else MAYBE), (table, column)
        assert OWN.get(table, set()) <= columns.keys() or database == SWITCH


@st.composite
def values(draw):
    """A kind of column, and a value of it as the server may write it (RFC 7047, section 5.1)."""
    kind, atom = draw(st.sampled_from((ONE, MAYBE, MANY, MAP))), draw(st.sampled_from(("integer", "string", "uuid")))
    one = ATOMS.get(atom, st.uuids().map(lambda uuid: ["uuid", str(uuid)]))
    most = {ONE: 1, MAYBE: 1}.get(kind, "unlimited")
    told = {"key": atom, "min": int(kind == ONE), "max": most} | ({"value": atom} if kind == MAP else {})
    if kind == MAP:
        return kind, told, ["map", draw(st.lists(st.tuples(one, one).map(list), unique_by=lambda pair: str(pair[0])))]
    members = draw(st.lists(one, min_size=told["min"], max_size=1 if most == 1 else 5, unique_by=str))
    # A set of one may be written as its member.
    return kind, told, members[0] if len(members) == 1 and (kind == ONE or draw(st.booleans())) else ["set", members]


@given(values())
def test_a_value_is_what_the_library_of_open_vswitch_takes_it_for(drawn):
    kind, told, value = drawn
    datum = data.Datum.from_json(types.Type.from_json(told), value)

    def plain(atom):
        return str(atom.value) if told["key"] == "uuid" else atom.value

    keys = [plain(key) for key in datum.values]
    found = read(kind, value)
    if kind == MAP:
        assert found == {plain(key): plain(item) for key, item in datum.values.items()}
    elif kind == MANY:
        assert sorted(found) == sorted(keys) and isinstance(found, tuple)
    else:
        assert found == (keys[0] if keys else None)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.text(max_size=2))), max_size=12))
def test_a_replica_holds_what_is_there_and_tells_what_was(steps):
    replica, known = Replica(VTEP), {}
    for uuid, name in steps:
        row = {**blank("Logical_Switch"), "name": name}
        said = {"old": {}} if name is None else {"new": as_json("Logical_Switch", row)}
        (change,) = replica.take({"Logical_Switch": {uuid: said}})
        assert (change.old, change.new) == (known.get(uuid), None if name is None else row)
        known.pop(uuid, None) if name is None else known.update({uuid: row})
        assert replica["Logical_Switch"] == known


# -- what is learned ------------------------------------------------------------------------------------------------------------

LEARNED = openflow.Learned("0x139cc7a514504c61", "00:00:00:00:00:01")
FLOW = "table=5 hard_timeout=300 cookie=0x1ea4 metadata=0x139cc7a514504c61,dl_dst=00:00:00:00:00:01"
LOADS = "actions=load:0x1->NXM_NX_REG2[0..15],load:0x100a->NXM_NX_REG3[0..15],load:0x1->NXM_NX_REG4[0..15]"


def test_an_address_is_learned_moves_and_is_forgotten():
    known = {}
    assert openflow.take(known, f" event=ADDED {FLOW} {LOADS}")
    assert known == {LEARNED: openflow.Seen(1, flows.tag(10))}
    assert not openflow.take(known, f" event=ADDED {FLOW} {LOADS}"), "no news"
    # Without a tag, nothing but a zero is loaded.
    assert openflow.take(known, f" event=MODIFIED {FLOW} {LOADS.replace('load:0x1->', 'load:0x2->', 1).replace('0x100a', '0')}")
    assert known == {LEARNED: openflow.Seen(2, 0)}
    # As OpenFlow 1.5 has it, in a list of flows.
    fifteen = LOADS.replace("load:0x1->NXM_NX_REG2[0..15]", "set_field:0x3/0xffff->reg2").replace(
        "load:0x100a->NXM_NX_REG3[0..15]", "set_field:0x1005/0xffff->reg3"
    )
    assert openflow.take(known, f"event=ADDED {FLOW} {fifteen}") and known == {LEARNED: openflow.Seen(3, flows.tag(5))}
    assert openflow.take(known, f" event=DELETED reason=hard_timeout {FLOW} {LOADS}") and not known
    assert not openflow.take(known, f" event=DELETED reason=delete {FLOW} {LOADS}")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "NXST_FLOW_MONITOR reply (xid=0x4):",
        "NXST_FLOW_MONITOR reply (xid=0x4): flags=[more]",
        "2026-11-30T03:57:57Z|00001|fatal_signal|WARN|terminating with signal 15 (Terminated)",
        f" event=ADDED {FLOW} {LOADS}".replace("table=5", "table=6"),
        f" event=ABBREV xid=0x4 {FLOW}",
    ],
)
def test_other_lines_of_the_monitor_say_nothing(line):
    assert not openflow.take(known := {}, line) and not known


@given(st.dictionaries(st.integers(0, 5), st.integers(0, 3)), st.integers(0, 3))
def test_what_was_learned_is_bound_or_stray(seen, here):
    known = {openflow.Learned("0xa", f"00:00:00:00:00:{mac:02x}"): openflow.Seen(port, 0) for mac, port in seen.items()}
    good, stray = openflow.bound(known, {"0xa": {openflow.Seen(here, 0)}})
    assert {known[one].port for one in good} <= {here} and good | stray == set(known) and not good & stray
    assert openflow.bound(known, {"0xb": {openflow.Seen(here, 0)}}) == (set(), set(known))


# -- what has passed ------------------------------------------------------------------------------------------------------------

DUMP = """\
 cookie=0x7e9d, duration=3.1s, table=0, n_packets=3, n_bytes=300, idle_age=1, priority=100,in_port=1,dl_vlan=10 actions=pop_vlan,goto_table:1
 cookie=0x7e9d, duration=3.1s, table=0, n_packets=2, n_bytes=200, priority=100,in_port=1,vlan_tci=0x0000/0x1fff actions=goto_table:1
 cookie=0x7e9d, duration=3.1s, table=0, n_packets=1, n_bytes=100, priority=100,in_port=1,dl_vlan=0 actions=pop_vlan,goto_table:1
 cookie=0x7e9d, duration=3.1s, table=8, n_packets=1, n_bytes=100, priority=110,reg2=0x1,reg3=0x100a,metadata=0xa,in_port=1 actions=IN_PORT
 cookie=0x7e9d, duration=3.1s, table=8, n_packets=7, n_bytes=700, priority=100,reg2=0x1,reg3=0x100a,metadata=0xa actions=output:1
 cookie=0x7e9d, duration=3.1s, table=8, n_packets=5, n_bytes=500, priority=100,reg2=0x1,reg3=0,metadata=0xa actions=output:1
"""


def test_the_counters_of_a_binding_are_those_of_its_entry_and_its_output():
    counts = {"0": {}, "8": {}}
    for line in DUMP.splitlines():
        table, _comma, match = openflow._match(line.strip()).partition(",")
        packets, octets = openflow._COUNTED.search(line).groups()
        counts[table.removeprefix("table=")][match] = int(packets), int(octets)
    assert openflow.counted_from(counts, 1, 10, flows.tag(10), "0xa") == (3, 300, 8, 800)
    assert openflow.counted_from(counts, 1, 0, 0, "0xa") == (3, 300, 5, 500)
    assert openflow.counted_from(counts, 1, 0, 0, "0xb") == (3, 300, 0, 0)
    assert openflow.counted_from(counts, 2, 7, flows.tag(7), "0xa") == (0, 0, 0, 0)
