# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of a server as changes of rows by name: together they lead from any database to any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.log_rows import types
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.recording import legend
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.replica import Replica
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import NAMED_TABLES, TABLES, writer

ADDRESSES = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"]
SCHEMA = Path("/usr/share/openvswitch/vtep.ovsschema")
#: table -> UUID -> raw row.
Database = dict[str, dict[str, dict[str, Any]]]


def uuid(table: str, index: int) -> str:
    return str(UUID(int=(list(TABLES).index(table) << 32) + index))


def reference(table: str, index: int) -> list:
    return ["uuid", uuid(table, index)]


def a_set(members: list) -> Any:
    """As a server writes it: one member is written without a set."""
    return members[0] if len(members) == 1 else ["set", members]


def unique(pool: list, size: int) -> st.SearchStrategy[list]:
    return st.lists(st.sampled_from(pool), unique=True, max_size=size)


@st.composite
def databases(draw: Any) -> Database:
    """A database whose rows have names of their own; the same UUIDs come in all of them, with other names, owners and columns."""
    found: Database = {table: {} for table in TABLES}
    networks = draw(unique(["ls0", "ls1", "ls2"], 3))
    for index, name in enumerate(networks):
        found["Logical_Switch"][uuid("Logical_Switch", index)] = {"name": name, "tunnel_key": draw(st.sampled_from([["set", []], 1, 2]))}
    # An address never changes, and neither do the members of a set; a tunnel key does.
    locators = draw(unique(list(range(len(ADDRESSES))), len(ADDRESSES)))
    keys = draw(st.permutations([None, 7, 8, 9]))
    for index in locators:
        row = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": ADDRESSES[index], "tunnel_key": keys[index] or ["set", []]}
        found["Physical_Locator"][uuid("Physical_Locator", index)] = row
    if networks and locators:
        names_of_macs = st.tuples(
            st.sampled_from(range(len(networks))), st.sampled_from(["00:00:00:00:00:01", "00:00:00:00:00:02", "00:00:00:00:00:03"])
        )
        for index, (network, mac) in enumerate(draw(st.lists(names_of_macs, unique=True, max_size=4))):
            row = {"MAC": mac, "logical_switch": reference("Logical_Switch", network), "ipaddr": draw(st.sampled_from(["", "192.0.2.1"]))}
            row["locator"] = reference("Physical_Locator", draw(st.sampled_from(locators)))
            found["Ucast_Macs_Remote"][uuid("Ucast_Macs_Remote", index)] = row
        for index in draw(unique(list(range(len(networks))), 2)):
            members = draw(st.lists(st.sampled_from(locators), unique=True, min_size=1))
            between = sum(1 << member for member in members)
            references = a_set([reference("Physical_Locator", member) for member in sorted(members)])
            found["Physical_Locator_Set"][uuid("Physical_Locator_Set", between)] = {"locators": references}
            row = {"MAC": "unknown-dst", "logical_switch": reference("Logical_Switch", index), "ipaddr": ""}
            row["locator_set"] = reference("Physical_Locator_Set", between)
            found["Mcast_Macs_Remote"][uuid("Mcast_Macs_Remote", index)] = row
    owned: dict[int, list[list]] = {0: [], 1: []}
    taken = set()
    for index in range(3):
        owner, name = draw(st.sampled_from([0, 1])), draw(st.sampled_from(["eth0", "eth1", "eth2"]))
        if (owner, name) in taken:
            continue
        taken.add((owner, name))
        owned[owner].append(reference("Physical_Port", index))
        bound = [[vlan, reference("Logical_Switch", draw(st.sampled_from(range(len(networks)))))] for vlan in ([0, 5] if networks else [])]
        found["Physical_Port"][uuid("Physical_Port", index)] = {
            "name": name,
            "vlan_bindings": ["map", bound],
            "port_fault_status": a_set([]),
        }
    names = draw(st.permutations(["ps0", "ps1", "ps2"]))
    for owner, ports in owned.items():
        found["Physical_Switch"][uuid("Physical_Switch", owner)] = {"name": names[owner], "ports": a_set(ports), "tunnels": ["set", []]}
    switches = [reference("Physical_Switch", owner) for owner in owned]
    found["Global"][uuid("Global", 0)] = {"switches": a_set(switches), "managers": ["set", []]}
    for rows in found.values():
        for row in rows.values():
            row.setdefault("description", "")
    return found


COLUMNS = {
    "Global": {"switches", "managers"},
    "Physical_Switch": {"name", "ports", "tunnels", "description"},
    "Physical_Port": {"name", "vlan_bindings", "port_fault_status", "description"},
    "Logical_Switch": {"name", "tunnel_key", "description"},
    "Physical_Locator": {"encapsulation_type", "dst_ip", "tunnel_key"},
    "Physical_Locator_Set": {"locators"},
    "Ucast_Macs_Remote": {"MAC", "logical_switch", "locator", "ipaddr"},
    "Mcast_Macs_Remote": {"MAC", "logical_switch", "locator_set", "ipaddr"},
}


def a_replica() -> Replica:
    return Replica(lambda table, column: column in COLUMNS.get(table, ()))


def whole(database: Database) -> dict:
    return {table: {row: {"new": columns} for row, columns in database[table].items()} for table in COLUMNS}


def update(before: Database, after: Database) -> dict:
    """What a server says when one becomes the other."""
    found: dict[str, dict] = {}
    for table in COLUMNS:
        for row in {**before[table], **after[table]}:
            if before[table].get(row) != after[table].get(row):
                said = {"old": before[table].get(row), "new": after[table].get(row)}
                found.setdefault(table, {})[row] = {name: value for name, value in said.items() if value is not None}
    return found


def folded(rows: dict, changes: list[dict]) -> dict:
    """Rows by name after changes: all that goes goes before what comes."""
    found = dict(rows)

    def key(change: dict, row: dict) -> tuple:
        return change["table"], json.dumps(row, sort_keys=True)

    for change in changes:
        if change["action"] in ("delete", "rename"):
            assert found.pop(key(change, change["row"])) == change["before"]
    for change in changes:
        if change["action"] in ("insert", "rename"):
            at = key(change, change.get("to") or change["row"])
            assert at not in found
            found[at] = change["after"]
        elif change["action"] == "modify":
            row = found[key(change, change["row"])]
            assert {name: row.get(name) for name in change["before"]} == change["before"]
            merged = {**row, **change["after"]}
            found[key(change, change["row"])] = {name: value for name, value in merged.items() if value is not None}
    return found


@settings(max_examples=100, deadline=None)
@given(databases(), databases(), databases())
def test_the_changes_lead_from_any_database_to_any_other(first, second, third):
    replica = a_replica()
    replica.begin(whole(first))
    rows = folded({}, a_replica().take(whole(first)))
    rows = folded(rows, replica.take(update(first, second)))
    assert rows == folded({}, a_replica().take(whole(second)))
    # After a loss of the connection the server says all there is, again.
    rows = folded(rows, replica.resume(whole(third)))
    assert rows == folded({}, a_replica().take(whole(third)))
    assert replica.resume(whole(third)) == []
    assert replica.current() == _sorted_as(replica.current(), a_replica_of(third).current())


@pytest.mark.skipif(not SCHEMA.exists(), reason="no Open vSwitch")
@given(databases())
def test_a_row_is_had_again_as_the_server_says_it(database):
    columns, replica = types(json.loads(SCHEMA.read_text())), a_replica_of(database)
    for table, rows in database.items():
        for uuid_of, said in rows.items():
            had = replica.row(table, uuid_of)
            again = {name: columns[table][name].expanded(value) for name, value in had.items()}
            assert again.keys() == COLUMNS[table]
            assert all(columns[table][name].is_same(value, said[name]) for name, value in again.items())
            assert replica.row(table, "another") is None


def a_replica_of(database: Database) -> Replica:
    replica = a_replica()
    replica.take(whole(database))
    return replica


def _sorted_as(like: Any, other: Any) -> Any:
    """The same, with rows in the order of another: a database has none."""
    for table, rows in like.rows.items():
        assert rows.keys() == other.rows[table].keys()
        other.rows[table] = {key: other.rows[table][key] for key in rows}
    return other


def test_rows_that_follow_a_name_say_so():
    replica = a_replica()
    network = {"name": "old", "tunnel_key": 1, "description": ""}
    port = {
        "name": "eth0",
        "vlan_bindings": ["map", [[5, reference("Logical_Switch", 0)]]],
        "port_fault_status": ["set", []],
        "description": "",
    }
    switch = {"name": "ps0", "ports": reference("Physical_Port", 0), "tunnels": ["set", []], "description": ""}
    replica.take(
        {
            "Logical_Switch": {uuid("Logical_Switch", 0): {"new": network}},
            "Physical_Port": {uuid("Physical_Port", 0): {"new": port}},
            "Physical_Switch": {uuid("Physical_Switch", 0): {"new": switch}},
        }
    )
    renamed = {**network, "name": "new"}
    changes = replica.take({"Logical_Switch": {uuid("Logical_Switch", 0): {"old": {"name": "old"}, "new": renamed}}})
    assert changes == [
        {
            "table": "Physical_Port", "row": {"physical_switch": "ps0", "port": "eth0"}, "action": "modify",
            "before": {"vlan_bindings": {"5": "old"}}, "after": {"vlan_bindings": {"5": "new"}}, "writer": "controller", "follows": True,
        },
        {
            "table": "Logical_Switch", "row": {"name": "old"}, "action": "rename", "to": {"name": "new"},
            "before": {"tunnel_key": 1}, "after": {"tunnel_key": 1}, "writer": "controller",
        },
    ]  # fmt: skip


def test_an_older_schema_lacks_columns_and_tables():
    replica = Replica(lambda table, column: (table, column) in {("Physical_Locator", "dst_ip"), ("Physical_Locator", "encapsulation_type")})
    assert replica.columns == {"Physical_Locator": ["encapsulation_type", "dst_ip"]}
    row = {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": "10.0.0.1"}
    (change,) = replica.take({"Physical_Locator": {uuid("Physical_Locator", 0): {"new": row}}})
    assert change["row"] == {"locator": "10.0.0.1"}


def test_a_row_made_anew_is_one_that_is_changed():
    replica = a_replica()
    network = {"name": "ls0", "tunnel_key": 1, "description": ""}
    replica.take({"Logical_Switch": {uuid("Logical_Switch", 0): {"new": network}}})
    again = {uuid("Logical_Switch", 0): {"old": network}, uuid("Logical_Switch", 1): {"new": {**network, "tunnel_key": 2}}}
    (change,) = replica.take({"Logical_Switch": again})
    assert (change["action"], change["before"], change["after"]) == ("modify", {"tunnel_key": 1}, {"tunnel_key": 2})


@pytest.mark.parametrize("table", NAMED_TABLES)
def test_the_legend_says_of_every_column_who_writes_it(table):
    said = legend()[table]
    columns = TABLES[table].columns
    assert said["columns"] == {column.option or name: writer(table, name) for name, column in columns.items()}
    assert said["key"] == [part.option for part in TABLES[table].key]


#: vtep(5), in its order: who writes the rows, and the columns that somebody else writes.
WRITERS = {
    "Manager": ("operator", {"is_connected": "vtep", "status": "vtep"}),
    "Physical_Switch": ("vtep", {}),
    "Tunnel": ("vtep", {"bfd_config_remote": "controller", "bfd_params": "controller"}),
    "Physical_Port": ("vtep", {"vlan_bindings": "controller", "acl_bindings": "controller"}),
    "Logical_Switch": ("controller", {}),
    "Ucast_Macs_Local": ("vtep", {}),
    "Ucast_Macs_Remote": ("controller", {}),
    "Mcast_Macs_Local": ("vtep", {}),
    "Mcast_Macs_Remote": ("controller", {}),
    "Logical_Router": ("controller", {"LR_fault_status": "vtep"}),
    "Arp_Sources_Local": ("vtep", {}),
    "Arp_Sources_Remote": ("controller", {}),
    "ACL_entry": ("controller", {"acle_fault_status": "vtep"}),
    "ACL": ("controller", {"acl_fault_status": "vtep"}),
    "Physical_Locator_Set": ("either", {}),
    "Physical_Locator": ("either", {}),
}


@pytest.mark.parametrize("table", WRITERS)
def test_who_writes(table):
    rows, others = WRITERS[table]
    assert writer(table) == rows
    assert {name: writer(table, name) for name in TABLES[table].columns} == {name: others.get(name, rows) for name in TABLES[table].columns}
