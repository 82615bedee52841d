# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random transactions of all kinds of writers, and databases compared without their UUIDs."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from conftest import SCHEMA, Failed, Server, Task

SWITCHES, PORTS, NETWORKS = ["ps0", "ps1"], ["eth0", "eth1", "eth2"], ["ls0", "ls1", "ls2", "ls 3"]
MACS = [f"00:00:00:00:00:0{index}" for index in range(1, 7)]
GROUPS = ["unknown-dst", "01:00:5e:00:00:01"]
LOCATORS = [f"10.0.0.{index}" for index in range(1, 5)]
ACLS, ROUTERS = ["acl0", "acl1"], ["lr0", "lr1"]
TABLES = json.loads(SCHEMA.read_text())["tables"]


def contents(server: Server) -> dict[str, list[str]]:
    """All rows that matter, each with what it refers to in place of the UUIDs."""
    tables = {table: {row["_uuid"][1]: row for row in server.rows(table, "_uuid", *spec["columns"])} for table, spec in TABLES.items()}
    rows = {uuid: row for held in tables.values() for uuid, row in held.items()}

    def plain(value: Any) -> Any:
        if isinstance(value, list) and value and value[0] == "uuid":
            return described(rows[value[1]]) if value[1] in rows else "gone"
        if isinstance(value, list) and value and value[0] in ("set", "map"):
            return [value[0], sorted((plain(member) for member in value[1]), key=json.dumps)]
        if isinstance(value, list):
            return [plain(member) for member in value]
        return value

    def described(row: dict) -> dict:
        return {name: plain(value) for name, value in row.items() if name != "_uuid"}

    # The row Global is made by whoever needs it first.
    return {
        table: sorted(json.dumps(described(row), sort_keys=True) for row in held.values())
        for table, held in tables.items()
        if table != "Global"
    }


class Writers:
    """Writers of all kinds, at random. What a server or a module refuses has changed nothing, and is tried again otherwise."""

    def __init__(self, server: Server, task: Task, seed: int) -> None:
        self.server = server
        self.task = task
        self.pick = random.Random(seed)
        #: What has been done, by kind.
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        """One transaction, or none."""
        # Nothing to choose from is an IndexError or ValueError.
        with suppress(Failed, subprocess.CalledProcessError, AssertionError, IndexError, ValueError):
            self.done[self.pick.choice([self.module, self.ctl, self.raw, self.raw])()] += 1

    def some(self, things: list, least: int = 1) -> list:
        return self.pick.sample(things, self.pick.randint(least, len(things)))

    # -- modules

    def module(self) -> str:
        one = self.pick.choice
        state = one(["present", "present", "absent"])
        switch, port, network, acl = one(SWITCHES), one(PORTS), one(NETWORKS), one(ACLS)
        entries = [{"mac": mac, "locator": one(LOCATORS), "ipaddr": one(["", "192.0.2.1"])} for mac in self.some(MACS)]
        sequences = [
            {
                "sequence": sequence,
                "action": one(["permit", "deny"]),
                "direction": "ingress",
                **one([{}, {"protocol": 6}, {"dest_ip": "192.0.2.7"}]),
            }
            for sequence in self.some([0, 1, 2])
        ]
        options: dict[str, Callable[[], dict]] = {
            "vtep_logical_switch": lambda: one(
                [
                    {"name": network, "tunnel_key": self.pick.randint(1, 9), "replication_mode": "source_node", "state": "present"},
                    {"name": network, "clear": ["tunnel_key", "replication_mode"], "other_config": one([{}, {"a": "b"}])},
                    {"name": network, "state": "absent", "cascade": True},
                ]
            ),
            "vtep_physical_switch": lambda: (
                {"name": switch, "state": state}
                if state == "absent"
                else {"name": switch, "ports": self.some(PORTS), "purge_ports": one([True, False]), "tunnel_ips": self.some(LOCATORS[:2], 0)}
            ),
            "vtep_physical_port": lambda: {
                "physical_switch": switch, "port": port, "vlan_bindings": {vlan: one(NETWORKS) for vlan in self.some([0, 5, 6], 0)},
                "acl_bindings": one([{}, {0: acl}]), "description": one(["", "uplink"]),
            },
            # A port that is not there is waited for.
            "vtep_binding": lambda: {
                "physical_switch": switch, "port": port, "vlan": one([0, 5]), "logical_switch": network, "state": state, "timeout": 1,
            },
            "vtep_ucast_remote": lambda: {"logical_switch": network, "entries": entries, "state": state},
            "vtep_ucast_local": lambda: {"logical_switch": network, "entries": entries, "state": state},
            "vtep_mcast_remote": lambda: {
                "logical_switch": network, "mac": one(GROUPS), "locators": self.some(LOCATORS), "state": state,
                **({"exclusive": True} if state == "present" and one([0, 1]) else {}),
            },
            "vtep_mcast_local": lambda: {"logical_switch": network, "locators": self.some(LOCATORS), "state": state},
            "vtep_tunnel": lambda: {
                "physical_switch": switch, "local": LOCATORS[0], "remote": one(LOCATORS[1:]), "state": state,
                **({"bfd_params": one([{}, {"enable": "true"}, {"min_rx": "300"}])} if state == "present" else {}),
            },
            "vtep_manager": lambda: one(
                [
                    {"target": "ssl:192.0.2.1:6640", "max_backoff": 2000, "state": "present"},
                    {"target": "ssl:192.0.2.1:6640", "clear": ["max_backoff"]},
                    {"target": "ssl:192.0.2.1:6640", "state": "absent"},
                ]
            ),
            "vtep_acl": lambda: {"name": acl, "state": "absent", "cascade": True} if state == "absent" else {"name": acl, "entries": sequences},
            "vtep_logical_router": lambda: (
                {"name": one(ROUTERS), "state": "absent"}
                if state == "absent"
                else {
                    "name": one(ROUTERS), "switch_binding": {f"192.168.{index}.1/24": one(NETWORKS) for index in self.some([1, 2], 0)},
                    "static_routes": one([{}, {"10.0.0.0/8": "192.168.1.9"}]), "acl_binding": one([{}, {"192.168.1.1/24": acl}]),
                }
            ),
            "vtep_arp_source": lambda: {
                "mac": one(MACS), "table": one(["local", "remote"]), "state": state, **({"locator": one(LOCATORS)} if state == "present" else {}),
            },
            "vtep_config": lambda: {
                "state": one(["merged", "replaced", "overridden", "deleted"]),
                "config": {
                    "logical_switches": {
                        name: {"ucast_remote": {mac: {"locator": one(LOCATORS)} for mac in self.some(MACS, 0)}} for name in self.some(NETWORKS)
                    }
                },
            },
        }  # fmt: skip
        name = one(list(options))
        self.task(name, **options[name]())
        return name

    # -- the upstream tool

    def ctl(self) -> str:
        one = self.pick.choice
        switch, port, network = one(SWITCHES), one(PORTS), one(NETWORKS[:3])
        command = one(
            [
                ["--may-exist", "add-ls", network],
                ["del-ls", network],
                ["--may-exist", "add-ps", switch],
                ["--may-exist", "add-port", switch, port],
                ["del-port", switch, port],
                ["bind-ls", switch, port, "5", network],
                ["unbind-ls", switch, port, "5"],
                ["add-ucast-remote", network, one(MACS), one(LOCATORS)],
                ["del-ucast-remote", network, one(MACS)],
                ["add-mcast-remote", network, "unknown-dst", one(LOCATORS)],
                ["del-mcast-remote", network, "unknown-dst", one(LOCATORS)],
                ["add-ucast-local", network, one(MACS), one(LOCATORS)],
                ["clear-remote-macs", network],
                ["set-manager", "ssl:192.0.2.2:6640"],
                ["del-manager"],
                ["set", "Logical_Switch", network, "description=by-hand"],
                [
                    "add-ls",
                    network,
                    "--",
                    "add-ucast-remote",
                    network,
                    one(MACS),
                    one(LOCATORS),
                    "--",
                    "bind-ls",
                    switch,
                    port,
                    "6",
                    network,
                ],
            ]
        )
        self.server.ctl(*command)
        return next(word for word in command if not word.startswith("--"))

    # -- raw transactions

    def raw(self) -> str:
        steps = [
            self.rename_network, self.swap_networks, self.rename_switch, self.rename_port, self.rename_acl, self.change_mac, self.move_mac,
            self.move_port, self.replace_set, self.delete_network, self.new_entries, self.resequence, self.insert_and_delete, self.describe,
            self.again, self.rebind,
        ]  # fmt: skip
        step = self.pick.choice(steps)
        self.server.transact(*step())
        return step.__name__

    def found(self, table: str, *columns: str) -> list[dict]:
        return self.server.rows(table, "_uuid", *columns)

    def _update(self, table: str, row: dict, **columns: Any) -> dict:
        return {"op": "update", "table": table, "where": [["_uuid", "==", row["_uuid"]]], "row": columns}

    def _rename(self, table: str, column: str, names: list[str]) -> Iterator[dict]:
        rows = self.found(table, column)
        free = [name for name in names if name not in {row[column] for row in rows}]
        yield self._update(
            table,
            self.pick.choice(rows or [{"_uuid": ["uuid", "0" * 8 + "-0000" * 3 + "-" + "0" * 12]}]),
            **{column: self.pick.choice(free or names)},
        )

    def rename_network(self) -> Iterator[dict]:
        return self._rename("Logical_Switch", "name", NETWORKS)

    def rename_switch(self) -> Iterator[dict]:
        return self._rename("Physical_Switch", "name", SWITCHES)

    def rename_acl(self) -> Iterator[dict]:
        return self._rename("ACL", "acl_name", ACLS)

    def swap_networks(self) -> Iterator[dict]:
        first, second = self.pick.sample(self.found("Logical_Switch", "name") * 2, 2)
        yield self._update("Logical_Switch", first, name=second["name"])
        yield self._update("Logical_Switch", second, name=first["name"])

    def rename_port(self) -> Iterator[dict]:
        for switch in self.found("Physical_Switch", "ports"):
            held = [row for row in self.found("Physical_Port", "name") if row["_uuid"] in _set(switch["ports"])]
            free = [name for name in PORTS if name not in {row["name"] for row in held}]
            if held and free:
                yield self._update("Physical_Port", self.pick.choice(held), name=self.pick.choice(free), description="renamed")

    def _macs(self) -> list[dict]:
        return self.found("Ucast_Macs_Remote", "MAC", "logical_switch")

    def change_mac(self) -> Iterator[dict]:
        rows = self._macs()
        row = self.pick.choice(rows)
        free = [mac for mac in MACS if (mac, row["logical_switch"]) not in [(one["MAC"], one["logical_switch"]) for one in rows]]
        yield self._update("Ucast_Macs_Remote", row, MAC=self.pick.choice(free), ipaddr="192.0.2.99")

    def move_mac(self) -> Iterator[dict]:
        rows = self._macs()
        row = self.pick.choice(rows)
        taken = [one["logical_switch"] for one in rows if one["MAC"] == row["MAC"]]
        free = [one["_uuid"] for one in self.found("Logical_Switch") if one["_uuid"] not in taken]
        yield self._update("Ucast_Macs_Remote", row, logical_switch=self.pick.choice(free))

    def move_port(self) -> Iterator[dict]:
        one, other = self.pick.sample(self.found("Physical_Switch", "ports", "name"), 2)
        names = {json.dumps(row["_uuid"]): row["name"] for row in self.found("Physical_Port", "name")}
        port = self.pick.choice(_set(one["ports"]))
        assert names[json.dumps(port)] not in {names[json.dumps(held)] for held in _set(other["ports"])}
        for switch, mutator in ((one, "delete"), (other, "insert")):
            yield {
                "op": "mutate",
                "table": "Physical_Switch",
                "where": [["_uuid", "==", switch["_uuid"]]],
                "mutations": [["ports", mutator, port]],
            }

    def _locator(self, ip: str, name: str) -> tuple[list, list[dict]]:
        for row in self.found("Physical_Locator", "dst_ip"):
            if row["dst_ip"] == ip:
                return row["_uuid"], []
        row = {"dst_ip": ip, "encapsulation_type": "vxlan_over_ipv4"}
        return ["named-uuid", name], [{"op": "insert", "table": "Physical_Locator", "uuid-name": name, "row": row}]

    def replace_set(self) -> Iterator[dict]:
        row = self.pick.choice(self.found("Mcast_Macs_Remote"))
        members = []
        for index, ip in enumerate(self.some(LOCATORS)):
            uuid, inserts = self._locator(ip, f"locator{index}")
            members.append(uuid)
            yield from inserts
        yield {"op": "insert", "table": "Physical_Locator_Set", "uuid-name": "members", "row": {"locators": ["set", members]}}
        yield self._update("Mcast_Macs_Remote", row, locator_set=["named-uuid", "members"])

    def delete_network(self) -> Iterator[dict]:
        network = self.pick.choice(self.found("Logical_Switch"))["_uuid"]
        for table in ("Ucast_Macs_Remote", "Ucast_Macs_Local", "Mcast_Macs_Remote", "Mcast_Macs_Local"):
            yield {"op": "delete", "table": table, "where": [["logical_switch", "==", network]]}
        for table, column in (("Physical_Port", "vlan_bindings"), ("Logical_Router", "switch_binding")):
            for row in self.found(table, column):
                yield self._update(table, row, **{column: ["map", [pair for pair in row[column][1] if pair[1] != network]]})
        yield {"op": "delete", "table": "Logical_Switch", "where": [["_uuid", "==", network]]}

    def new_entries(self) -> Iterator[dict]:
        acl = self.pick.choice(self.found("ACL", "acl_entries"))
        for old in _set(acl["acl_entries"]):
            yield {"op": "delete", "table": "ACL_entry", "where": [["_uuid", "==", old]]}
        for name in ("entry0", "entry1"):
            row = {"sequence": 10 + int(name[-1]), "action": "deny", "direction": "egress"}
            yield {"op": "insert", "table": "ACL_entry", "uuid-name": name, "row": row}
        yield self._update("ACL", acl, acl_entries=["set", [["named-uuid", "entry0"], ["named-uuid", "entry1"]]])

    def resequence(self) -> Iterator[dict]:
        acl = self.pick.choice(self.found("ACL", "acl_entries"))
        entry = self.pick.choice(_set(acl["acl_entries"]))
        yield self._update("ACL_entry", {"_uuid": entry}, sequence=self.pick.randint(20, 10000), protocol=["set", []])

    def insert_and_delete(self) -> Iterator[dict]:
        yield {"op": "insert", "table": "Logical_Switch", "row": {"name": "brief"}}
        yield {"op": "delete", "table": "Logical_Switch", "where": [["name", "==", "brief"]]}
        yield from self.describe()

    def describe(self) -> Iterator[dict]:
        table = self.pick.choice(["Logical_Switch", "Physical_Switch", "Physical_Port"])
        words, config = self.pick.choice(["", "by hand"]), self.pick.choice([[], [["a", "b"]], [["a", "c"], ["d", ""]]])
        yield self._update(table, self.pick.choice(self.found(table)), description=words, other_config=["map", config])

    def again(self) -> Iterator[dict]:
        """A row goes and comes again by the same name."""
        row = self.pick.choice(self.found("Ucast_Macs_Remote", "MAC", "logical_switch", "locator"))
        yield {"op": "delete", "table": "Ucast_Macs_Remote", "where": [["_uuid", "==", row.pop("_uuid")]]}
        yield {"op": "insert", "table": "Ucast_Macs_Remote", "row": {**row, "ipaddr": "192.0.2.50"}}

    def rebind(self) -> Iterator[dict]:
        """Bindings from one network to a new one, which takes the other's place in the same transaction."""
        port = self.pick.choice(self.found("Physical_Port"))
        free = [name for name in NETWORKS if name not in {row["name"] for row in self.found("Logical_Switch", "name")}]
        yield {"op": "insert", "table": "Logical_Switch", "uuid-name": "new", "row": {"name": self.pick.choice(free)}}
        yield self._update("Physical_Port", port, vlan_bindings=["map", [[7, ["named-uuid", "new"]]]])


def _set(value: Any) -> list:
    return value[1] if value[0] == "set" else [value]
