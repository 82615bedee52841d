# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every task against every change of another writer in every gap between two of its transactions.

Whatever the gap, what the task says and what the database holds must be as if the other had come before the task, or after it.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import SCHEMA, Failed, Server, Task

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import rendered

TABLES = list(json.loads(SCHEMA.read_text())["tables"])
ROOTS = [table for table, spec in json.loads(SCHEMA.read_text())["tables"].items() if spec.get("isRoot")]
transact, wait_for = connection.Database.transact, connection.Database.wait_for

MAC, OTHER = "00:00:00:00:00:02", "00:00:00:00:00:03"
START = {
    "physical_switches": {"br0": {"tunnel_ips": ["10.0.0.1"], "ports": {"vm1": {"vlan_bindings": {7: "ls0"}}, "vm2": {}}}},
    "logical_switches": {
        "ls0": {
            "tunnel_key": 5000,
            "ucast_remote": {MAC: {"locator": "10.1.0.1"}},
            "mcast_remote": {"unknown-dst": {"locators": ["10.1.0.1", "10.2.0.1"]}},
        },
        "ls1": {"tunnel_key": 5001},
    },
    "acls": {"web": {"entries": [{"sequence": 1, "action": "deny", "direction": "ingress"}]}},
    "managers": {"ptcp:6641:127.0.0.9": {}},
}
CHANGED = {
    "physical_switches": {"br0": {"ports": {"vm2": {"vlan_bindings": {5: "ls1"}}}}},
    "logical_switches": {"ls0": {"ucast_remote": {OTHER: {"locator": "10.2.0.1"}}, "mcast_remote": {}}},
}
MANY = [{"mac": f"00:00:00:00:01:{number:02x}", "locator": "10.1.0.1"} for number in range(10)]

TASKS: dict[str, tuple[str, dict]] = {
    "switch-there": ("vtep_logical_switch", {"name": "ls0", "tunnel_key": 5000}),
    "switch-changed": ("vtep_logical_switch", {"name": "ls0", "tunnel_key": 6000}),
    "switch-new": ("vtep_logical_switch", {"name": "ls2"}),
    "switch-removed": ("vtep_logical_switch", {"name": "ls1", "state": "absent"}),
    "switch-removed-with-all": ("vtep_logical_switch", {"name": "ls0", "state": "absent", "cascade": True}),
    "switch-in-use": ("vtep_logical_switch", {"name": "ls0", "state": "absent"}),
    "port-there": ("vtep_physical_switch", {"name": "br0", "ports": ["vm1"]}),
    "ports-exactly": ("vtep_physical_switch", {"name": "br0", "ports": ["vm1", "vm3"], "purge_ports": True}),
    "addresses-less": ("vtep_physical_switch", {"name": "br0", "remove_tunnel_ips": ["10.0.0.1"], "remove_ports": ["vm2"]}),
    "one-port-there": ("vtep_physical_port", {"physical_switch": "br0", "port": "vm2", "vlan_bindings": {5: "ls1"}}),
    "one-port-removed": ("vtep_physical_port", {"physical_switch": "br0", "port": "vm1", "state": "absent"}),
    "binding-there": ("vtep_binding", {"physical_switch": "br0", "port": "vm1", "vlan": 7, "logical_switch": "ls0"}),
    "binding-new": ("vtep_binding", {"physical_switch": "br0", "port": "vm2", "vlan": 5, "logical_switch": "ls1"}),
    "binding-waits": ("vtep_binding", {"physical_switch": "br0", "port": "vm9", "vlan": 5, "logical_switch": "ls1"}),
    "binding-removed": ("vtep_binding", {"physical_switch": "br0", "port": "vm1", "vlan": 7, "state": "absent"}),
    "mac-there": ("vtep_ucast_remote", {"logical_switch": "ls0", "mac": MAC, "locator": "10.1.0.1"}),
    "mac-changed": ("vtep_ucast_remote", {"logical_switch": "ls0", "mac": MAC, "locator": "10.2.0.1"}),
    "mac-new": ("vtep_ucast_remote", {"logical_switch": "ls0", "mac": OTHER, "locator": "10.1.0.1"}),
    "mac-removed": ("vtep_ucast_remote", {"logical_switch": "ls0", "mac": MAC, "state": "absent"}),
    "mac-not-there": ("vtep_ucast_remote", {"logical_switch": "ls0", "mac": OTHER, "state": "absent"}),
    "macs-many": ("vtep_ucast_remote", {"logical_switch": "ls0", "entries": MANY}),
    "macs-exactly": ("vtep_ucast_remote", {"logical_switch": "ls0", "entries": [{"mac": MAC, "locator": "10.1.0.1"}], "purge": True}),
    "flood-there": ("vtep_mcast_remote", {"logical_switch": "ls0", "locators": ["10.1.0.1"]}),
    "flood-added": ("vtep_mcast_remote", {"logical_switch": "ls0", "locators": ["10.3.0.1"]}),
    "flood-exactly": ("vtep_mcast_remote", {"logical_switch": "ls0", "locators": ["10.1.0.1"], "exclusive": True}),
    "flood-less": ("vtep_mcast_remote", {"logical_switch": "ls0", "locators": ["10.1.0.1"], "state": "absent"}),
    "flood-removed": ("vtep_mcast_remote", {"logical_switch": "ls0", "state": "absent"}),
    "acl": ("vtep_acl", {"name": "web", "entries": [{"sequence": 2, "action": "permit", "direction": "egress"}]}),
    "manager-exactly": ("vtep_manager", {"target": "ptcp:6642:127.0.0.9", "exclusive": True}),
    "config-there": ("vtep_config", {"config": START, "state": "overridden"}),
    "config-merged": ("vtep_config", {"config": CHANGED}),
    "config-replaced": ("vtep_config", {"config": CHANGED, "state": "replaced"}),
    "config-overridden": ("vtep_config", {"config": CHANGED, "state": "overridden"}),
    "config-deleted": ("vtep_config", {"config": {"logical_switches": {"ls0": None}}, "state": "deleted"}),
    "config-gathered": ("vtep_config", {"state": "gathered"}),
}


class Other:
    """The other writer: raw operations, past everything under test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.db = connection.Database(server.remote, 3600)
        self.db.connect()

    def do(self, *operations: dict) -> list[dict]:
        return transact(self.db, operations)

    def uuid(self, table: str, column: str, value: str) -> list | None:
        (answer,) = self.do({"op": "select", "table": table, "where": [[column, "==", value]], "columns": ["_uuid"]})
        return answer["rows"][0]["_uuid"] if answer["rows"] else None

    def reset(self) -> None:
        unbind = {"op": "update", "table": "Physical_Port", "where": [], "row": {"vlan_bindings": ["map", []], "acl_bindings": ["map", []]}}
        self.do(unbind, *({"op": "delete", "table": table, "where": []} for table in ROOTS))
        self.do(*rendered(START).operations)

    def content(self) -> dict[str, list[str]]:
        """All rows, each with those that it refers to in place of their UUIDs, which differ between runs."""
        answers = self.do(*({"op": "select", "table": table, "where": []} for table in TABLES))
        rows = {row["_uuid"][1]: row for answer in answers for row in answer["rows"]}

        @functools.cache
        def row(uuid: str) -> str:
            return str({column: value(one) for column, one in rows[uuid].items() if column not in ("_uuid", "_version")})

        def value(one: Any) -> str:
            if not isinstance(one, list):
                return repr(one)
            return row(one[1]) if one[:1] == ["uuid"] else str(sorted(map(value, one)))

        return {table: sorted(row(one["_uuid"][1]) for one in answer["rows"]) for table, answer in zip(TABLES, answers)}


def nameless(value: Any) -> Any:
    """The same without UUIDs, which differ between runs."""
    if isinstance(value, dict):
        return {key: nameless(one) for key, one in value.items() if key != "_uuid"}
    return [nameless(one) for one in value] if isinstance(value, list) else value


def where(column: str, value: str) -> list:
    return [[column, "==", value]]


def locator(address: str) -> dict:
    return {
        "op": "insert",
        "table": "Physical_Locator",
        "uuid-name": "l",
        "row": {"dst_ip": address, "encapsulation_type": "vxlan_over_ipv4"},
    }


def add_mac(other: Other, mac: str) -> None:
    if switch := other.uuid("Logical_Switch", "name", "ls0"):
        row = {"MAC": mac, "logical_switch": switch, "locator": ["named-uuid", "l"], "ipaddr": "192.168.1.9"}
        other.do(locator("10.9.0.1"), {"op": "insert", "table": "Ucast_Macs_Remote", "row": row})


def replace_mac(other: Other) -> None:
    if switch := other.uuid("Logical_Switch", "name", "ls0"):
        row = {"MAC": MAC, "logical_switch": switch, "locator": ["named-uuid", "l"]}
        gone = {"op": "delete", "table": "Ucast_Macs_Remote", "where": where("MAC", MAC)}
        other.do(gone, locator("10.9.0.1"), {"op": "insert", "table": "Ucast_Macs_Remote", "row": row})


def replace_flood(other: Other) -> None:
    kept = other.uuid("Physical_Locator", "dst_ip", "10.1.0.1")
    if kept and other.uuid("Mcast_Macs_Remote", "MAC", "unknown-dst"):
        between = {
            "op": "insert",
            "table": "Physical_Locator_Set",
            "uuid-name": "s",
            "row": {"locators": ["set", [kept, ["named-uuid", "l"]]]},
        }
        row = {"locator_set": ["named-uuid", "s"]}
        other.do(
            locator("10.9.0.1"), between, {"op": "update", "table": "Mcast_Macs_Remote", "where": where("MAC", "unknown-dst"), "row": row}
        )


def register_port(other: Other, name: str) -> None:
    port = {"op": "insert", "table": "Physical_Port", "uuid-name": "p", "row": {"name": name}}
    added = {
        "op": "mutate",
        "table": "Physical_Switch",
        "where": where("name", "br0"),
        "mutations": [["ports", "insert", ["named-uuid", "p"]]],
    }
    other.do(port, added)


def remove_port(other: Other) -> None:
    port = other.uuid("Physical_Port", "name", "vm2")
    if port:
        other.do({"op": "mutate", "table": "Physical_Switch", "where": [], "mutations": [["ports", "delete", port]]})


def bind(other: Other, vlan: int) -> None:
    if switch := other.uuid("Logical_Switch", "name", "ls1"):
        change = ["vlan_bindings", "insert", ["map", [[vlan, switch]]]]
        other.do({"op": "mutate", "table": "Physical_Port", "where": where("name", "vm2"), "mutations": [change]})


def create_switch(other: Other) -> None:
    if not other.uuid("Logical_Switch", "name", "ls2"):
        other.do({"op": "insert", "table": "Logical_Switch", "row": {"name": "ls2", "tunnel_key": 7002}})


def add_manager(other: Other) -> None:
    target = "ptcp:6642:127.0.0.9"
    if not other.uuid("Manager", "target", target):
        row = {"op": "insert", "table": "Manager", "uuid-name": "m", "row": {"target": target, "max_backoff": 2000}}
        other.do(row, {"op": "mutate", "table": "Global", "where": [], "mutations": [["managers", "insert", ["named-uuid", "m"]]]})


def update(table: str, column: str, value: str, **row: Any) -> Callable[[Other], None]:
    return lambda other: other.do({"op": "update", "table": table, "where": where(column, value), "row": row}) and None


CHANGES: dict[str, Callable[[Other], None]] = {
    "adds-that-mac": lambda other: add_mac(other, OTHER),
    "adds-a-mac-of-many": lambda other: add_mac(other, "00:00:00:00:01:05"),
    "adds-another-mac": lambda other: add_mac(other, "00:00:00:00:00:99"),
    "replaces-the-mac": replace_mac,
    "changes-the-mac": update("Ucast_Macs_Remote", "MAC", MAC, ipaddr="192.168.1.9"),
    "removes-the-mac": lambda other: other.do({"op": "delete", "table": "Ucast_Macs_Remote", "where": where("MAC", MAC)}) and None,
    "replaces-the-flood-list": replace_flood,
    "removes-the-flood-list": lambda other: other.do({"op": "delete", "table": "Mcast_Macs_Remote", "where": []}) and None,
    "renames-the-switch": update("Logical_Switch", "name", "ls0", name="ls9"),
    "renames-the-other-switch": update("Logical_Switch", "name", "ls1", name="ls9"),
    "changes-the-key": update("Logical_Switch", "name", "ls0", tunnel_key=7000),
    "creates-a-switch": create_switch,
    "registers-the-port": lambda other: register_port(other, "vm9"),
    "registers-another-port": lambda other: register_port(other, "vm3"),
    "removes-a-port": remove_port,
    "binds-the-vlan": lambda other: bind(other, 5),
    "binds-another-vlan": lambda other: bind(other, 6),
    "gives-the-locator-a-key": update("Physical_Locator", "dst_ip", "10.1.0.1", tunnel_key=9),
    "renames-the-acl": update("ACL", "acl_name", "web", acl_name="mail"),
    "adds-a-manager": add_manager,
}


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Iterator[Other]:
    server = Server(tmp_path_factory.mktemp("ovsdb"))
    writer = Other(server)
    yield writer
    writer.db.close()
    server.stop()


def outcome(other: Other, run: Callable[[], dict]) -> tuple:
    """What a task says, and what the database holds afterwards."""
    try:
        result = run()
        said = {key: nameless(result.get(key)) for key in ("changed", "counts", "row", "rows", "diff", "gathered")}
        # A list of changes may begin with any of them.
        said["warned"] = "not in the database" in str(result["warnings"])
    except Failed as failed:
        said = re.sub(r"(waited) [0-9.]+ s", r"\1", failed.msg)
    return said, other.content()


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_and_another_writer_come_one_after_the_other(other, capsys, monkeypatch, name, check):
    module, options = TASKS[name]
    task = Task(other.server, capsys, check=check)
    pending: list[Callable[[], None]] = []

    def transact_after_the_other(db, operations, until=None):
        if pending and db is not other.db:
            pending.pop(0)()
        return transact(db, operations, until)

    def wait_a_moment(db, condition):
        # Nobody else writes, so what does not come now does not come.
        deadline, db.deadline = db.deadline, min(db.deadline, time.monotonic() + 0.05)
        try:
            wait_for(db, condition)
        finally:
            db.deadline = deadline

    monkeypatch.setattr(connection.Database, "transact", transact_after_the_other)
    monkeypatch.setattr(connection.Database, "wait_for", wait_a_moment)

    def nothing() -> None:
        """A gap in which the other does nothing."""

    for word, change in CHANGES.items():
        found = []
        while True:
            other.reset()
            pending[:] = [*[nothing] * len(found), lambda change=change: change(other)]
            came = outcome(other, lambda: task(module, **options))
            if pending:
                break
            found.append(came)
        # The task has no such gap: it came alone.
        pending.clear()
        change(other)
        task_first = came[0], other.content()
        other.reset()
        change(other)
        task_last = outcome(other, lambda: task(module, **options))
        for gap, came in enumerate(found):
            assert came in (task_first, task_last), f"{word}, gap {gap}"
