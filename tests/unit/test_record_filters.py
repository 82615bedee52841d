# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording in words, and as tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from jinja2 import Environment

from ansible_collections.vxlanlab.vtep.plugins.filter import vtep_replay as replay_filter
from ansible_collections.vxlanlab.vtep.plugins.filter.vtep_replay import vtep_replay
from ansible_collections.vxlanlab.vtep.plugins.filter.vtep_timeline import vtep_timeline
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import recording
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Have, Ref
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES

BEGIN = 1_700_000_000.25
CONFIG = "vxlanlab.vtep.vtep_config"


def change(table: str, action: str, row: dict, **rest: Any) -> dict:
    return {"table": table, "row": row, "action": action, "writer": "controller", **rest}


def recorded(*transactions: list[dict], current: Current | None = None) -> list[dict]:
    lines = [recording.started(BEGIN, "unix:db.sock", "1.7.0", current or Current(), {})]
    for number, changes in enumerate(transactions, 1):
        lines.append(recording.line(recording.TRANSACTION, BEGIN + number * 0.5, number=number, changes=changes))
    return [*lines, recording.line(recording.ENDED, BEGIN + 60, why="stopped", transactions=len(transactions), complete=True)]


LS0 = {"name": "ls0"}
PORT = {"physical_switch": "br0", "port": "vm1"}
MAC = {"logical_switch": "ls0", "mac": "00:00:00:00:00:01"}


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([change("Logical_Switch", "insert", LS0, after={"tunnel_key": 5000})], "controller  Logical_Switch ls0 created: tunnel_key 5000"),
        ([change("Logical_Switch", "delete", LS0, before={"tunnel_key": 5000})], "controller  Logical_Switch ls0 deleted"),
        (
            [change("Logical_Switch", "rename", LS0, to={"name": "ls1"}, before={"tunnel_key": 1}, after={"tunnel_key": 1})],
            "controller  Logical_Switch ls0 renamed: ls1",
        ),
        (
            [change("Ucast_Macs_Remote", "modify", MAC, before={"locator": "10.0.0.1"}, after={"locator": "10.0.0.2"})],
            "controller  Ucast_Macs_Remote ls0 00:00:00:00:00:01 changed: locator 10.0.0.1 -> 10.0.0.2",
        ),
        (
            [change("Logical_Switch", "modify", LS0, before={"tunnel_key": 1}, after={"tunnel_key": None})],
            "controller  Logical_Switch ls0 changed: tunnel_key 1 -> none",
        ),
        (
            [change("Physical_Port", "modify", PORT, before={"vlan_bindings": {"5": "a", "6": "b"}}, after={"vlan_bindings": {"5": "c", "7": "d"}})],
            "controller  Physical_Port br0 vm1 changed: vlan_bindings 5: a -> c -6: b +7: d",
        ),
        (
            [change("Mcast_Macs_Remote", "modify", MAC, before={"locators": ["a", "b"]}, after={"locators": ["b", "c"]})],
            "controller  Mcast_Macs_Remote ls0 00:00:00:00:00:01 changed: locators +c -a",
        ),
        (
            [change("Logical_Switch", "insert", {"name": f"ls{index}"}, after={}) for index in range(5)],
            "controller  Logical_Switch ls0 created; Logical_Switch ls1 created; Logical_Switch ls2 created; and 2 Logical_Switch created",
        ),
        (
            [change("Logical_Switch", "rename", LS0, to={"name": "x"}, before={}, after={}), change("Ucast_Macs_Remote", "rename", MAC, follows=True)],
            "controller  Logical_Switch ls0 renamed: x; and 1 Ucast_Macs_Remote renamed",
        ),
        ([change("Logical_Switch", "insert", {"name": "a\x1b[2J\nb"}, after={})], "controller  Logical_Switch a\\x1b[2J\\nb created"),
    ],
)  # fmt: skip
def test_a_transaction_in_words(changes, words):
    assert vtep_timeline(recorded(changes))[1] == f"   +0.500 s  {words}"


def test_who_writes_is_named_once():
    vtep = {**change("Ucast_Macs_Local", "insert", MAC, after={}), "writer": "vtep"}
    either = {**change("Physical_Locator", "insert", {"locator": "10.0.0.1"}, after={}), "writer": "either"}
    both = change("Logical_Switch", "insert", LS0, after={})
    lines = vtep_timeline(recorded([vtep, either], [either], [vtep, both]))
    assert [line.split()[2] for line in lines[1:4]] == ["vtep", "either", "controller+vtep"]


def test_what_befalls_the_recorder_in_words():
    lines = recorded()
    lines[1:1] = [
        recording.line(recording.LOST, BEGIN + 1, why="unix:db.sock closed the connection"),
        recording.line(recording.RECONNECTED, BEGIN + 2, changes=[]),
        recording.line(recording.RECONNECTED, BEGIN + 3, changes=[change("Logical_Switch", "insert", LS0, after={})]),
    ]
    assert vtep_timeline(lines) == [
        "2023-11-14T22:13:20.250000Z  recorder    started: unix:db.sock",
        "   +1.000 s  recorder    lost the server: unix:db.sock closed the connection",
        "   +2.000 s  recorder    connected again: nothing has changed",
        "   +3.000 s  controller  while the server was lost: Logical_Switch ls0 created",
        "  +60.000 s  recorder    ended (stopped) after 0 transactions",
    ]


def test_the_text_of_the_file_and_parts_of_it_are_as_good():
    lines = recorded([change("Logical_Switch", "insert", {"name": "a\u2028b"}, after={})])
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    assert vtep_timeline(text) == vtep_timeline(lines)
    assert vtep_timeline(text[: text.rindex("{") + 9]) == vtep_timeline(lines[:-1])
    assert vtep_timeline(lines[1:2]) == ["   +0.000 s  controller  Logical_Switch a\\u2028b created"]
    assert vtep_timeline([]) == vtep_timeline("") == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "vtep_timeline: expected the recording as text or as a list of its lines, got int"),
        ({}, "got dict"),
        (["{"], "line 1 is not JSON"),
        ("/var/tmp/leaf1.jsonl", "line 1 is not JSON: .*; give the contents of the file that vtep_record wrote"),
        ("{}\n{\n", "line 1 is no line of a recording"),
        ([{"event": "ended"}], "line 1: time is missing"),
        ([{"event": "ended", "time": "noon"}], "time: 'noon' is not accepted: expected ISO 8601"),
    ],
)
def test_what_is_no_recording(given, message):
    with pytest.raises(AnsibleFilterError, match=message):
        vtep_timeline(given)


# -- tasks ----------------------------------------------------------------------------------------------------------


def options(tasks: list[dict]) -> list[tuple[str, dict]]:
    return [next((name, value) for name, value in task.items() if name != "name") for task in tasks]


def holding() -> Current:
    """A database with a port that is bound, an ACL, and what the VTEP reports."""
    current = Current({table: {} for table in TABLES})
    none = {
        table: {name: {"set": frozenset(), "map": {}}.get(column.kind) for name, column in TABLES[table].columns.items()}
        for table in TABLES
    }
    current.rows["Physical_Switch"][("br0",)] = [Have("", none["Physical_Switch"])]
    port = {**none["Physical_Port"], "vlan_bindings": {5: Ref("Logical_Switch", ("ls0",))}, "port_fault_status": frozenset(["down"])}
    current.rows["Physical_Port"][("br0", "vm1")] = [Have("", port)]
    current.rows["Logical_Switch"][("ls0",)] = [Have("", {**none["Logical_Switch"], "tunnel_key": 7})]
    current.rows["ACL"][("web",)] = [Have("", none["ACL"])]
    for sequence in (1, 2):
        entry = {**none["ACL_entry"], "direction": "ingress", "action": "deny"}
        current.rows["ACL_entry"][("web", sequence)] = [Have("", entry)]
    return current


def test_the_beginning_is_one_task_without_what_the_vtep_reports():
    ((module, said),) = options(vtep_replay(recorded(current=holding())))
    assert (module, said["state"]) == (CONFIG, "merged")
    port = said["config"]["physical_switches"]["br0"]["ports"]["vm1"]
    assert port["vlan_bindings"] == {"5": "ls0"} and "port_fault_status" not in port
    assert said["config"]["logical_switches"]["ls0"]["tunnel_key"] == 7
    assert [entry["sequence"] for entry in said["config"]["acls"]["web"]["entries"]] == [1, 2]


def test_a_vtep_that_registers_its_own_gets_what_the_controller_writes():
    ((_module, said),) = options(vtep_replay(recorded(current=holding()), only=["controller"]))
    assert said["config"]["physical_switches"] == {"br0": {"ports": {"vm1": {"vlan_bindings": {"5": "ls0"}, "acl_bindings": {}}}}}
    local = {**change("Ucast_Macs_Local", "insert", MAC, after={"locator": "10.0.0.1"}), "writer": "vtep"}
    assert len(vtep_replay(recorded([local], current=holding()), only=["controller"])) == 1
    gone = {**change("Physical_Port", "delete", PORT, before={"vlan_bindings": {"5": "ls0"}}), "writer": "vtep"}
    assert len(vtep_replay(recorded([gone], current=holding()), only="controller")) == 1


ENTRIES = [{"sequence": 2, "direction": "ingress", "action": "deny"}]


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        (
            [change("Logical_Switch", "delete", LS0, before={}), change("Ucast_Macs_Remote", "delete", MAC, before={})],
            # With a MAC named below it, the switch would stay.
            [(CONFIG, {"state": "deleted", "config": {"logical_switches": {"ls0": {}}}})],
        ),
        (
            [change("Ucast_Macs_Remote", "delete", MAC, before={})],
            [(CONFIG, {"state": "deleted", "config": {"logical_switches": {"ls0": {"ucast_remote": {MAC["mac"]: {}}}}}})],
        ),
        (
            [change("Physical_Port", "modify", PORT, before={"vlan_bindings": {"5": "ls0"}}, after={"vlan_bindings": {"5": "ls1"}})],
            [(CONFIG, {"state": "merged", "config": {"physical_switches": {"br0": {"ports": {"vm1": {"vlan_bindings": {"5": "ls1"}}}}}}})],
        ),
        (
            [change("Physical_Port", "modify", PORT, before={"vlan_bindings": {"5": "ls0"}}, after={"vlan_bindings": None})],
            [("vxlanlab.vtep.vtep_physical_port", {**PORT, "vlan_bindings": {}})],
        ),
        (
            [change("Logical_Switch", "modify", LS0, before={"tunnel_key": 7}, after={"tunnel_key": None})],
            [("vxlanlab.vtep.vtep_logical_switch", {**LS0, "clear": ["tunnel_key"]})],
        ),
        (
            [change("Mcast_Macs_Remote", "modify", MAC, before={"locators": ["a", "b"]}, after={"locators": ["b"]})],
            [("vxlanlab.vtep.vtep_mcast_remote", {**MAC, "locators": ["b"], "exclusive": True})],
        ),
        (
            [change("ACL_entry", "delete", {"name": "web", "sequence": 1}, before={})],
            [("vxlanlab.vtep.vtep_acl", {"name": "web", "entries": ENTRIES})],
        ),
        (
            [change("Logical_Switch", "rename", LS0, to={"name": "x"}, before={}, after={"tunnel_key": 7})],
            [
                (CONFIG, {"state": "deleted", "config": {"logical_switches": {"ls0": {}}}}),
                (CONFIG, {"state": "merged", "config": {"logical_switches": {"x": {"tunnel_key": 7}}}}),
            ],
        ),
        ([change("Physical_Port", "modify", PORT, before={"port_fault_status": ["down"]}, after={"port_fault_status": None})], []),
        ([change("Physical_Locator", "insert", {"locator": "10.0.0.1"}, after={})], []),
        ([change("ACL_entry", "insert", {"sequence": 1}, after={})], []),
    ],
)
def test_a_transaction_as_tasks(changes, tasks):
    made = vtep_replay(recorded(changes, current=holding()))[1:]
    assert options(made) == tasks
    assert all(task["name"].startswith("Transaction 1, 0.500 s: ") for task in made)


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "a \\ \"{{ lookup('pipe', 'id') }}\" \n\U0001f937", "{% if x %}", "{# none #}", "}} {{"])
def test_no_text_is_a_template(text):
    made = vtep_replay(
        recorded(
            [change("Logical_Switch", "modify", {"name": text}, before={"tunnel_key": 1}, after={"tunnel_key": None, "description": text})]
        )
    )
    ((module, said),) = options(made)
    assert module == "vxlanlab.vtep.vtep_logical_switch"
    for told in (made[0]["name"].removeprefix("Transaction 1, 0.500 s: Logical_Switch "), said["name"], said["description"]):
        assert Environment(autoescape=False).from_string(told).render().endswith(text)


@pytest.mark.parametrize("given", [[], recorded()[1:], [recording.started(BEGIN, "unix:db.sock", "1.7.0", None, {})]])
def test_a_replay_needs_its_beginning(given):
    with pytest.raises(AnsibleFilterError, match="expected a recording from its first line on, with the initial contents"):
        vtep_replay(given)


def test_only_writers_that_there_are():
    with pytest.raises(AnsibleFilterError, match="only: 'nvc' is not accepted: expected controller, vtep, operator"):
        vtep_replay(recorded(), only=["nvc"])


def test_every_table_with_a_column_that_can_lose_something_has_a_module():
    kinds = {"map", "set", "optional"}
    losing = {table for table in recording.legend() if any(column.kind in kinds for column in TABLES[table].managed.values())}
    # The entries of an ACL are replaced as a list.
    assert losing - {"ACL_entry"} == set(replay_filter.MODULES)
