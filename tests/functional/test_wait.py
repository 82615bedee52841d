# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vtep_wait: what is there already, what comes, what goes, and what never comes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import SCHEMA, Server, Task

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import tree, wait
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import NAMED_TABLES, TABLES

MAC = "00:00:00:00:00:0a"


#: A row of each table that has names.
FULL: dict[str, Any] = {
    "physical_switches": {
        "leaf1": {
            "description": "rack 4", "management_ips": ["192.0.2.1"], "tunnel_ips": ["10.0.0.1"], "other_config": {"a": "b"},
            "ports": {"eth1": {"vlan_bindings": {"0": "blue", "7": "red"}, "acl_bindings": {"0": "web"}, "description": "x"}},
        }
    },
    "logical_switches": {
        "blue": {
            "tunnel_key": 5000, "replication_mode": "source_node", "description": "y",
            "ucast_remote": {"00:00:00:00:00:01": {"locator": "10.1.0.1", "ipaddr": "192.168.1.1"}},
            "ucast_local": {"00:00:00:00:00:02": {"locator": "10.0.0.1"}},
            "mcast_remote": {"unknown-dst": {"locators": ["10.1.0.1", "10.2.0.1"]}},
            "mcast_local": {"unknown-dst": {"locators": ["10.0.0.1"], "ipaddr": "192.168.1.2"}},
        },
        "red": {},
    },
    "logical_routers": {
        "lr0": {
            "switch_binding": {"192.168.1.1/24": "blue"}, "static_routes": {"10.0.0.0/8": "192.168.1.9"},
            "acl_binding": {"192.168.1.1/24": "web"},
        }
    },
    "acls": {"web": {"entries": [{"sequence": 1, "direction": "ingress", "action": "deny", "ethertype": "0x0800", "protocol": 6}]}},
    "managers": {"ssl:192.0.2.1:6640": {"max_backoff": 2000}},
    "tunnels": [{"physical_switch": "leaf1", "local": "10.0.0.1", "remote": "10.1.0.1", "bfd_params": {"enable": "true"}}],
    "arp_sources_remote": {"00:00:00:00:00:03": {"locator": "10.1.0.1"}},
    "arp_sources_local": {"00:00:00:00:00:04": {"locator": "10.0.0.1"}},
}  # fmt: skip
#: What a row has that cannot be waited for.
NO_KEYS = {"encapsulation", "vlan_stats"}


def rows(vtep: dict) -> Iterator[tuple[str, dict]]:
    """What vtep_info returns, by table, with the options that name each row."""

    def below(branch: tree.Branch, items: Any, above: dict) -> Iterator[tuple[str, dict]]:
        key = TABLES[branch.table].key[-1].option
        inner = {one.name for one in branch.inner}
        for name, item in enumerate(items) if branch.as_list else items.items():
            names = above if branch.as_list else {**above, key: name}
            yield branch.table, {**names, **{option: value for option, value in item.items() if option not in inner | NO_KEYS}}
            for one in branch.inner:
                yield from below(one, item[one.name], {TABLES[one.table].key[0].option: name})

    for part, branch in tree.TREE.items():
        yield from below(branch, vtep[part], {})


@pytest.fixture(autouse=True)
def filled(server, task):
    server.ctl("add-ps", "br0", "--", "add-ls", "ls0", "--", "add-ls", "ls1", "--", "set-manager", "ptcp:6641:127.0.0.9")


@pytest.fixture
def once_waiting(monkeypatch):
    """Run something when the module has looked once and now waits."""

    def install(action):
        look, threads = wait.Watch.found, []

        def look_and_act(self, replica):
            found = look(self, replica)
            if not threads:
                threads.append(threading.Thread(target=action))
                threads[0].start()
            return found

        monkeypatch.setattr(wait.Watch, "found", look_and_act)
        return threads

    return install


class TestWait:
    def test_what_is_there_needs_no_waiting(self, server, task):
        server.ctl("add-port", "br0", "vm1", "--", "add-ucast-local", "ls0", MAC.upper(), "10.0.0.1")
        assert task("vtep_wait", physical_switch="br0", port="vm1")["row"]["port"] == "vm1"
        assert task("vtep_wait", logical_switch="ls0", mac=MAC)["row"]["_uuid"]

    @pytest.mark.parametrize(
        ("options", "command"),
        [
            ({"physical_switch": "br0", "port": "vm1"}, ["add-port", "br0", "vm1"]),
            ({"logical_switch": "ls0", "mac": MAC}, ["add-ucast-local", "ls0", MAC.upper(), "10.0.0.1"]),
            (
                {"row": {"table": "Manager", "match": {"target": "ptcp:6641:127.0.0.9", "is_connected": True}}},
                ["set", "Manager", ".", "is_connected=true"],
            ),
            (
                {"row": {"table": "Logical_Switch", "match": {"name": "ls0", "tunnel_key": 5}}},
                ["set", "Logical_Switch", "ls0", "tunnel_key=5"],
            ),
            (
                {"row": {"table": "Mcast_Macs_Remote", "match": {"logical_switch": "ls0", "locators": ["10.1.0.1"]}}},
                ["add-mcast-remote", "ls0", "unknown-dst", "10.1.0.1"],
            ),
            (
                {"row": {"table": "Physical_Port", "match": {"port": "p", "vlan_bindings": {7: "ls0"}}}},
                ["add-port", "br0", "p", "--", "bind-ls", "br0", "p", "7", "ls0"],
            ),
        ],
    )
    def test_what_comes(self, server, task, once_waiting, options, command):
        if "." in command:
            (manager,) = server.rows("Manager", "_uuid")
            command = [manager["_uuid"][1] if word == "." else word for word in command]
        threads = once_waiting(lambda: server.ctl(*command))
        assert task("vtep_wait", timeout=20, **options)["row"]["_uuid"]
        threads[0].join()
        # It is not taken for the same thing elsewhere.
        if "mac" in options:
            assert "timeout" in task.fails("vtep_wait", logical_switch="ls1", mac=MAC, timeout=0.3)

    def test_a_tunnel_that_comes_up(self, server, task, once_waiting):
        made = task("vtep_tunnel", physical_switch="br0", local="10.0.0.1", remote="10.1.0.1", bfd_params={"enable": "true"})["row"]
        threads = once_waiting(lambda: server.ctl("set", "Tunnel", made["_uuid"], "bfd_status:state=up"))
        assert task("vtep_wait", physical_switch="br0", tunnel="10.1.0.1", timeout=20)["row"]["bfd_status"] == {"state": "up"}
        threads[0].join()

    def test_what_goes(self, server, task, once_waiting):
        server.ctl("add-ucast-local", "ls0", MAC, "10.0.0.1")
        threads = once_waiting(lambda: server.ctl("del-ucast-local", "ls0", MAC))
        assert task("vtep_wait", logical_switch="ls0", mac=MAC, state="absent", timeout=20)["row"] == {}
        threads[0].join()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"physical_switch": "br0", "port": "vm9"}, ["waited", "port vm9 of physical switch br0", "ovs-vtep"]),
            ({"logical_switch": "ls0", "mac": MAC}, ["waited", MAC, "logical switch ls0", "sent a frame"]),
            ({"physical_switch": "br0", "tunnel": "10.1.0.1"}, ["waited", "tunnel from br0 to 10.1.0.1", "BFD"]),
            ({"logical_switch": "ls0", "mac": "zz"}, ["mac", "'zz'"]),
            ({"physical_switch": "br0", "tunnel": "br1"}, ["tunnel: 'br1'", "IPv4"]),
            ({"row": {"table": "Manager", "match": {"host": "x"}}}, ["row.match.host", "'host'", "target"]),
            ({"row": {"table": "Physical_Port", "match": {"name": "vm1"}}}, ["row.match.name", "physical_switch, port"]),
            ({"port": "vm1"}, ["physical_switch"]),
            ({"database": "unix:/nonexistent", "physical_switch": "br0", "port": "vm1"}, ["/nonexistent", "ovsdb-server is running"]),
        ],
    )
    def test_what_never_comes_and_what_is_not_understood(self, task, options, words):
        message = task.fails("vtep_wait", **{"timeout": 0.3, **options})
        for word in words:
            assert word in message

    @pytest.mark.parametrize(
        ("options", "words", "others"),
        [
            ({"physical_switch": "br0", "port": "vm1"}, "the end of port vm1 of physical switch br0; .* the bridge no longer has the port", "bridge has the"),
            ({"logical_switch": "ls0", "mac": MAC}, "the end of local MAC .*; .* sends no more frames", "has sent a frame"),
            ({"physical_switch": "br0", "tunnel": "10.1.0.1"}, "the end of the tunnel .*; .* BFD is disabled", "BFD is enabled"),
        ],
    )  # fmt: skip
    def test_what_never_goes(self, server, task, options, words, others):
        server.ctl("add-port", "br0", "vm1", "--", "add-ucast-local", "ls0", MAC, "10.0.0.1")
        tunnel = task("vtep_tunnel", physical_switch="br0", local="10.0.0.1", remote="10.1.0.1")["row"]
        server.ctl("set", "Tunnel", tunnel["_uuid"], "bfd_status:state=up")
        message = task.fails("vtep_wait", state="absent", timeout=0.3, **options)
        assert re.search(f"waited .* s for {words}", message) and others not in message

    def test_check_mode_looks_once(self, server, task):
        done = task.check("vtep_wait", logical_switch="ls0", mac="00:00:00:00:00:0f", timeout=60)
        assert done["row"] == {} and "not there yet" in str(done["warnings"])
        server.ctl("add-port", "br0", "vm1")
        done = task.check("vtep_wait", physical_switch="br0", port="vm1", state="absent", timeout=60)
        assert done["row"] and "still there: port vm1 of physical switch br0." in str(done["warnings"])

    def test_other_macs_are_not_replicated(self, server, task, monkeypatch):
        entries = [{"mac": f"02:00:00:00:00:{i:02x}", "locator": "10.1.0.1"} for i in range(100)]
        task("vtep_ucast_local", logical_switch="ls0", entries=entries)
        seen = []
        look = wait.Watch.found
        monkeypatch.setattr(
            wait.Watch, "found", lambda self, replica: seen.append(len(replica.tables[self.table].rows)) or look(self, replica)
        )
        task("vtep_wait", logical_switch="ls0", mac="02:00:00:00:00:07")
        assert seen == [1]


class TestMatch:
    """Values as a task may have them."""

    @pytest.mark.parametrize(
        ("table", "match"),
        [
            ("Physical_Switch", {"name": "br0", "tunnel_ips": "10.0.0.1"}),
            ("Physical_Switch", {"name": "br0", "tunnel_ips": "10.0.0.2,10.0.0.1"}),
            ("Physical_Switch", {"name": "br0", "switch_fault_status": 7}),
            ("Physical_Switch", {"name": "br0", "other_config": {7: True, "rate": 1.5}}),
            ("Physical_Switch", {"description": 7}),
            ("Physical_Port", {"physical_switch": "br0", "port": "vm1", "vlan_bindings": {"7": 5001}}),
            ("Physical_Port", {"port": 5001, "physical_switch": "br0"}),
            ("Manager", {"is_connected": "false"}),
            ("Manager", {"is_connected": "no", "status": {"sec_since_disconnect": 5}}),
            ("Logical_Switch", {"name": "ls0", "tunnel_key": "5001"}),
            ("Logical_Switch", {"name": "ls0", "replication_mode": None}),
            ("Logical_Switch", {"name": 5001}),
            ("Mcast_Macs_Remote", {"mac": "unknown-dst", "locators": "10.1.0.1"}),
            ("Ucast_Macs_Remote", {"locator": "2001:DB8:0::9"}),
            ("Logical_Router", {"switch_binding": {"2001:DB8:0::1/64": "ls0"}}),
        ],
    )
    def test_what_is_there_is_found_in_every_spelling(self, server, task, table, match):
        task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1", "10.0.0.2"], description="7", other_config={7: True, "rate": 1.5})
        server.ctl("set", "Physical_Switch", "br0", 'switch_fault_status="7"', "--", "set", "Logical_Switch", "ls0", "tunnel_key=5001")
        server.ctl(
            "add-ls", "5001", "--", "add-port", "br0", "vm1", "--", "bind-ls", "br0", "vm1", "7", "5001", "--", "add-port", "br0", "5001"
        )
        server.ctl("set", "Manager", server.rows("Manager")[0]["_uuid"][1], 'status:sec_since_disconnect="5"')
        server.ctl("add-mcast-remote", "ls0", "unknown-dst", "10.1.0.1", "--", "add-ucast-remote", "ls0", MAC, "2001:db8::9")
        task("vtep_logical_router", name="lr0", switch_binding={"2001:db8::1/64": "ls0"})
        row = {"table": table, "match": match}
        assert task("vtep_wait", row=row, timeout=5)["row"]["_uuid"]
        assert "the end of a row of" in task.fails("vtep_wait", row=row, state="absent", timeout=0.3)

    @pytest.mark.parametrize("state", ["present", "absent"])
    @pytest.mark.parametrize(
        ("table", "match", "words"),
        [
            ("Physical_Port", {"vlan_bindings": "100"}, "vlan_bindings: '100' is not accepted: expected a dictionary"),
            ("Physical_Port", {"vlan_bindings": ["ls0"]}, "vlan_bindings: ['ls0'] is not accepted: expected a dictionary"),
            ("Physical_Port", {"vlan_bindings": {"4096": "ls0"}}, "vlan_bindings: '4096' is not accepted: expected a whole number"),
            ("Physical_Port", {"vlan_bindings": {7: "ls0", "07": "ls1"}}, "vlan_bindings: '07' is not accepted: expected each key once"),
            ("Physical_Port", {"vlan_bindings": {7: ""}}, "vlan_bindings: '' is not accepted: expected a name"),
            ("Physical_Port", {"physical_switch": ""}, "physical_switch: '' is not accepted: expected a name"),
            ("Physical_Port", {"port": ["vm1"]}, "port: ['vm1'] is not accepted: expected a name"),
            ("Physical_Switch", {"tunnel_ips": ["10.0.0.300"]}, "tunnel_ips: '10.0.0.300' is not accepted: expected an IPv4"),
            ("Manager", {"is_connected": "soon"}, "is_connected: 'soon' is not accepted: expected true or false"),
            ("Logical_Switch", {"tunnel_key": "0x1389"}, "tunnel_key: '0x1389' is not accepted: expected a whole number"),
            ("Logical_Switch", {"tunnel_key": "abc"}, "tunnel_key: 'abc' is not accepted: expected a whole number"),
            ("Logical_Switch", {"replication_mode": "source"}, "replication_mode: 'source' is not accepted: expected service_node or"),
            ("Logical_Switch", {"description": None}, "description: None is not accepted: expected text"),
            ("Ucast_Macs_Remote", {"locator": "10.1.0.300"}, "locator: '10.1.0.300' is not accepted: expected an IPv4"),
            ("Ucast_Macs_Remote", {"logical_switch": {"name": "ls0"}}, "logical_switch: {'name': 'ls0'} is not accepted: expected a name"),
            ("Tunnel", {"remote": "br1"}, "remote: 'br1' is not accepted: expected an IPv4"),
        ],
    )
    def test_what_no_row_can_have_is_not_waited_for(self, task, state, table, match, words):
        # Not even the server is asked.
        message = task.fails("vtep_wait", row={"table": table, "match": match}, state=state, timeout=60, database="unix:/nonexistent")
        assert f"row.match.{words}" in message

    @pytest.mark.parametrize(
        ("table", "key"),
        [("Mcast_Macs_Remote", "encapsulation"), ("Physical_Port", "vlan_stats"), ("Physical_Switch", "ports"), ("ACL", "entries")],
    )
    def test_what_is_said_to_be_no_key_is_none(self, task, table, key):
        assert f"row.match.{key}: {table} has no {key!r}; expected: " in task.fails("vtep_wait", row={"table": table, "match": {key: {}}})

    def test_whatever_vtep_info_returns_of_a_row_can_be_waited_for(self, task):
        task("vtep_config", config=FULL)
        found = set()
        for table, match in rows(task("vtep_info")["vtep"]):
            uuid = match.pop("_uuid")
            assert task("vtep_wait", row={"table": table, "match": match})["row"] == {**match, "_uuid": uuid}
            found.add(table)
        assert found == set(NAMED_TABLES)

    def test_an_older_schema(self, tmp_path, capsys):
        schema = json.loads(SCHEMA.read_text())
        del schema["tables"]["Logical_Switch"]["columns"]["replication_mode"]
        del schema["tables"]["Physical_Port"]["columns"]["acl_bindings"]
        del schema["tables"]["Logical_Router"]["columns"]["acl_binding"]
        del schema["tables"]["ACL"], schema["tables"]["ACL_entry"]
        (tmp_path / "old.ovsschema").write_text(json.dumps(schema))
        old = Server(tmp_path, tmp_path / "old.ovsschema")
        try:
            for table, match, words in (
                ("ACL", {"name": "web"}, "schema is older and has no table ACL, so no row of ACL can come or go; leave this task out"),
                ("ACL_entry", {"name": "web"}, "schema is older and has no table ACL_entry"),
                (
                    "Logical_Switch",
                    {"name": "ls0", "replication_mode": "source_node"},
                    "row.match.replication_mode: the server's hardware_vtep schema is older and has no Logical_Switch.replication_mode; leave it out",
                ),
            ):
                with pytest.raises(Exception, match=re.escape(words)):
                    Task(old, capsys)("vtep_wait", row={"table": table, "match": match})
        finally:
            old.stop()
