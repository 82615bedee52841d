# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in a database, whoever wrote it, can be read and fed back without a change; what we would not write is left in peace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import SCHEMA, Server, Task

STATES = ["merged", "replaced", "overridden"]


def insert(table: str, uuid_name: str, /, **row: Any) -> dict:
    return {"op": "insert", "table": table, "uuid-name": uuid_name, "row": row}


def named(name: str) -> list:
    return ["named-uuid", name]


def locator(name: str, address: str, **more: Any) -> dict:
    return insert("Physical_Locator", name, dst_ip=address, encapsulation_type="vxlan_over_ipv4", **more)


def mac(name: str, address: str, to: str, table: str = "Ucast_Macs_Remote", **more: Any) -> dict:
    return insert(table, name, MAC=address, logical_switch=named("ls"), locator=named(to), **more)


SWITCH = insert("Logical_Switch", "ls", name="ls0")
GLOBAL = insert("Global", "g", switches=named("ps"), managers=named("m"))
#: Legal databases that others write, and we would not.
ODD: dict[str, list[dict]] = {
    "IPv6 locators": [
        SWITCH,
        locator("six", "2001:db8::9"),
        mac("a", "00:00:00:00:00:02", "six"),
        insert("Physical_Locator_Set", "s", locators=named("six")),
        insert("Mcast_Macs_Remote", "b", MAC="unknown-dst", logical_switch=named("ls"), locator_set=named("s")),
    ],
    "an IPv6 locator in another spelling": [SWITCH, locator("six", "2001:DB8:0::9"), mac("a", "00:00:00:00:00:02", "six")],
    "a manager without a port": [
        insert("Manager", "m", target="ssl:vtep.example"),
        insert("Global", "g", managers=named("m")),
    ],
    "a manager that is no connection method": [
        insert("Manager", "m", target="tcp:somewhere:over:there"),
        insert("Global", "g", managers=named("m")),
    ],
    "tunnels whose locators have keys": [
        locator("l", "10.0.0.1", tunnel_key=7),
        locator("r", "10.1.0.1", tunnel_key=7),
        locator("l8", "10.0.0.1", tunnel_key=8),
        locator("r8", "10.1.0.1"),
        insert("Tunnel", "t", local=named("l"), remote=named("r"), bfd_params=["map", [["enable", "true"]]]),
        insert("Tunnel", "t8", local=named("l8"), remote=named("r8"), bfd_params=["map", [["enable", "false"]]]),
        insert("Physical_Switch", "ps", name="br0", tunnels=["set", [named("t"), named("t8")]]),
        insert("Global", "g", switches=named("ps")),
    ],
    "a MAC in two spellings": [
        SWITCH, locator("l", "10.1.0.1"), locator("k", "10.2.0.1"), mac("a", "0a:00:00:00:00:02", "l"), mac("b", "0A:00:00:00:00:02", "k"),
    ],
    "a MAC twice": [
        SWITCH, locator("l", "10.1.0.1"), locator("k", "10.2.0.1"), mac("a", "0a:00:00:00:00:02", "l"), mac("b", "0a:00:00:00:00:02", "k"),
    ],
    "a VNI that is none": [insert("Logical_Switch", "ls", name="ls0", tunnel_key=16777216), insert("Logical_Switch", "lt", name="ls1", tunnel_key=-1)],
    "unknown-dst in a unicast table": [SWITCH, locator("l", "10.1.0.1"), mac("a", "unknown-dst", "l")],
    "a unicast address in a multicast table": [
        SWITCH,
        locator("l", "10.1.0.1"),
        insert("Physical_Locator_Set", "s", locators=named("l")),
        insert("Mcast_Macs_Remote", "b", MAC="00:00:00:00:00:02", logical_switch=named("ls"), locator_set=named("s")),
    ],
    "an address that is none": [
        SWITCH,
        locator("l", "somewhere"),
        mac("a", "00:00:00:00:00:02", "l", ipaddr="here"),
        insert("Physical_Switch", "ps", name="br0", tunnel_ips=["set", ["here", "there"]], management_ips="nowhere"),
        insert("Global", "g", switches=named("ps")),
    ],
    "a locator with a key": [SWITCH, locator("l", "10.1.0.1", tunnel_key=9), mac("a", "00:00:00:00:00:02", "l")],
    "names with everything": [
        insert("Logical_Switch", "ls", name="a b'\"{}\u00e4.:,", other_config=["map", [["a: b", "{}"], ["", ""], ["yes", "7"]]]),
        insert("Physical_Port", "p", name="1 / 2", vlan_bindings=["map", [[0, named("ls")], [4095, named("ls")]]]),
        insert("Physical_Switch", "ps", name="7", ports=named("p")),
        insert("Global", "g", switches=named("ps")),
    ],
    "routes to nowhere": [
        insert("Logical_Router", "lr", name="lr0", static_routes=["map", [["10.0.0.0/8", "fe80::1%eth0"], ["default", "10.0.0.1"]]]),
    ],
    "an entry with numbers of its own": [
        insert("ACL_entry", "e", sequence=-5, direction="ingress", action="deny", protocol=999, ethertype="IPv4"),
        insert("ACL", "acl", acl_name="web", acl_entries=named("e")),
    ],
}  # fmt: skip


def switch(**columns: Any) -> dict:
    return {"logical_switches": {"ls0": columns}}


def port(**columns: Any) -> dict:
    return {"physical_switches": {"br0": {"ports": {"vm1": columns}}}}


def router(**columns: Any) -> dict:
    return {"logical_routers": {"lr0": columns}}


class TestFeedback:
    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("odd", ODD)
    def test_what_is_there_is_no_change(self, server, task, odd, state):
        server.transact(*ODD[odd])
        before = server.dump()
        config = task("vtep_config", state="gathered")["gathered"]
        # As it comes back from a variable or a file.
        for run in (task.check, task):
            done = run("vtep_config", config=json.loads(json.dumps(config)), state=state)
            assert not done["changed"] and done["diff"] == {"before": "", "after": ""}
        assert server.dump() == before

    @pytest.mark.parametrize("odd", ODD)
    def test_it_can_be_removed_by_name(self, server, task, odd):
        server.transact(*ODD[odd])
        config = task("vtep_config", state="gathered")["gathered"]
        names = {part: dict.fromkeys(rows) if isinstance(rows, dict) else rows for part, rows in config.items()}
        assert task("vtep_config", config=names, state="deleted")["changed"]
        left = {part: rows for part, rows in task("vtep_info")["vtep"].items() if rows}
        assert left == {}

    def test_it_is_not_written_where_it_is_not(self, server, task):
        server.transact(*ODD["IPv6 locators"])
        config = task("vtep_config", state="gathered")["gathered"]
        server.empty()
        message = task.fails("vtep_config", config=config)
        assert "config.logical_switches.ls0.ucast_remote.00:00:00:00:00:02.locator: '2001:db8::9' is not accepted" in message
        assert task.fails("vtep_config", config=config, state="rendered") == message

    def test_what_is_beside_it_is_managed(self, server, task):
        server.transact(*ODD["IPv6 locators"])
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["2001:db8::9"], ipaddr="192.168.1.1")
        assert done["counts"] == {"created": 0, "updated": 1, "deleted": 0}
        assert "is not accepted" in task.fails("vtep_mcast_remote", logical_switch="ls0", locators=["2001:db8::8"])
        assert task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["2001:db8::9"], state="absent")["counts"]["deleted"] == 1

    def test_a_tunnel_between_locators_with_keys_is_the_one_that_is_there(self, server, task):
        server.transact(*ODD["tunnels whose locators have keys"])
        tunnels = task("vtep_info", gather=["tunnels"])["vtep"]["tunnels"]
        assert [(one.get("local_tunnel_key"), one.get("remote_tunnel_key")) for one in tunnels] == [(7, 7), (8, None)]
        done = task.twice("vtep_tunnel", physical_switch="br0", local="10.0.0.1", remote="10.1.0.1", bfd_params={"enable": "false"})
        assert done["counts"] == {"created": 0, "updated": 1, "deleted": 0} and len(server.rows("Tunnel")) == 2
        before, after = done["diff"]["before"], done["diff"]["after"]
        assert list(before) == list(after) == ["tunnel 10.0.0.1 to 10.1.0.1 of physical switch br0"]

    def test_a_new_tunnel_between_locators_in_use(self, server, task):
        server.transact(SWITCH, locator("r", "10.1.0.1"), mac("a", "00:00:00:00:00:02", "r"))
        task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"])
        tunnels = [{"physical_switch": "br0", "local": "10.0.0.1", "remote": "10.1.0.1", "bfd_params": {"enable": True}}]
        for state in reversed(STATES):
            server.transact({"op": "update", "table": "Physical_Switch", "where": [], "row": {"tunnels": ["set", []]}})
            task.twice("vtep_config", config={"tunnels": tunnels}, state=state)
            assert len(server.rows("Tunnel")) == 1 and len(server.rows("Physical_Locator")) == 2
        assert server.rows("Tunnel", "bfd_params") == [{"bfd_params": ["map", [["enable", "true"]]]}]

    def test_two_tunnels_show_as_two(self, server, task):
        task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"])
        tunnels = [{"physical_switch": "br0", "local": "10.0.0.1", "remote": f"10.{number}.0.1"} for number in (1, 2)]
        done = task.twice("vtep_config", config={"tunnels": tunnels})
        assert list(done["diff"]["after"]) == [f"tunnel 10.0.0.1 to 10.{number}.0.1 of physical switch br0" for number in (1, 2)]


class TestOlderSchemas:
    LACKS: dict[str, list[tuple[str, str | None]]] = {
        "1.3.0": [("ACL", None), ("ACL_entry", None), ("Physical_Port", "acl_bindings"), ("Logical_Router", "acl_binding"),
                  ("Physical_Locator", "tunnel_key"), ("Logical_Switch", "replication_mode")],
        "1.4.1": [("ACL", None), ("ACL_entry", None), ("Physical_Port", "acl_bindings"), ("Logical_Router", "acl_binding")],
    }  # fmt: skip

    @pytest.fixture(params=LACKS)
    def older(self, request, tmp_path, capsys):
        schema = json.loads(SCHEMA.read_text())
        schema["version"] = request.param
        for table, column in self.LACKS[request.param]:
            if column is None:
                del schema["tables"][table]
            else:
                schema["tables"][table]["columns"].pop(column)
        schema["tables"]["Physical_Locator"].pop("indexes", None)
        path = tmp_path / "older.ovsschema"
        path.write_text(json.dumps(schema))
        server = Server(tmp_path, schema=path)
        yield Task(server, capsys)
        server.stop()

    @pytest.mark.parametrize("state", STATES)
    def test_a_default_for_what_the_server_lacks_is_no_change(self, older, state):
        config = {
            "physical_switches": {"br0": {"ports": {"vm1": {"vlan_bindings": {5: "ls0"}, "acl_bindings": {}}}}},
            "logical_switches": {"ls0": {"tunnel_key": 5000, "replication_mode": None, "ucast_remote": {"00:00:00:00:00:02": {"locator": "10.1.0.1"}}}},
            "logical_routers": {"lr0": {"switch_binding": {"192.168.1.1/24": "ls0"}, "acl_binding": {}}},
            "acls": {},
        }  # fmt: skip
        # The port is the VTEP's own.
        older("vtep_physical_switch", name="br0", ports=["vm1"])
        assert older("vtep_config", config=config, state=state)["changed"]
        assert not older("vtep_config", config=config, state=state)["changed"]
        assert not older("vtep_config", config=older("vtep_config", state="gathered")["gathered"], state=state)["changed"]

    def test_what_the_server_lacks_is_named(self, older):
        with pytest.raises(Exception, match=r"has no table ACL"):
            older("vtep_acl", name="web", entries=[{"sequence": 1, "action": "deny", "direction": "ingress"}])
        assert not older("vtep_acl", name="web", state="absent")["changed"]
        config = {"logical_routers": {"lr0": {"acl_binding": {"192.168.1.1/24": "web"}}}}
        with pytest.raises(Exception, match=r"acl_binding: .* has no Logical_Router.acl_binding"):
            older("vtep_config", config=config)


class TestStructure:
    def test_null_is_the_same_as_left_out(self, server, task):
        given = {"logical_switches": {"ls0": {"tunnel_key": 5000, "description": "blue", "other_config": {"a": "b"}}}}
        task("vtep_config", config=given)
        null = {"logical_switches": {"ls0": {"tunnel_key": None, "description": None, "other_config": None, "ucast_remote": None}}}
        assert not task("vtep_config", config=null)["changed"]
        left_out = {"logical_switches": {"ls0": {}}}
        for state in ("replaced", "overridden"):
            task("vtep_config", config=given)
            done = task.check("vtep_config", config=left_out, state=state)
            assert task.twice("vtep_config", config=null, state=state)["diff"] == done["diff"]
            assert task("vtep_info")["vtep"]["logical_switches"]["ls0"]["tunnel_key"] is None

    def test_what_becomes_text_and_what_does_not(self, server, task):
        config = {"logical_switches": {"ls0": {"other_config": {"a": True, "b": 7, 3: False, "d": 1.5}}}}
        task.twice("vtep_config", config=config)
        held = task("vtep_info")["vtep"]["logical_switches"]["ls0"]["other_config"]
        assert held == {"a": "true", "b": "7", "3": "false", "d": "1.5"}
        for bad in ([1], {"x": 1}, None):
            message = task.fails("vtep_config", config={"logical_switches": {"ls0": {"other_config": {"a": bad}}}})
            assert "config.logical_switches.ls0.other_config" in message and repr(bad) in message

    @pytest.mark.parametrize(
        ("module", "options", "words"),
        [
            ("vtep_physical_switch", {"name": "br0", "ports": [{"name": "eth1"}]}, ["ports[0]", "{'name': 'eth1'}"]),
            ("vtep_physical_switch", {"name": ["br0"]}, ["name", "['br0']"]),
            ("vtep_logical_switch", {"name": {"a": 1}}, ["name", "{'a': 1}"]),
            ("vtep_ucast_remote", {"logical_switch": "ls0", "entries": [{"mac": ["x"], "locator": "10.1.0.1"}]}, ["entries[0].mac", "['x']"]),
            ("vtep_mcast_remote", {"logical_switch": "ls0", "locators": [["10.1.0.1"]]}, ["locators[0]", "['10.1.0.1']"]),
            ("vtep_mcast_remote", {"logical_switch": "ls0", "mac": "", "state": "absent"}, ["mac: ''", "unknown-dst"]),
            ("vtep_mcast_remote", {"logical_switch": "ls0", "mac": "", "locators": ["10.1.0.1"]}, ["mac: ''", "unknown-dst"]),
            ("vtep_config", {"config": switch(ucast_remote={"00:00:00:00:00:02": {"locator": ["10.1.0.1"]}})}, ["locator", "['10.1.0.1']"]),
            ("vtep_config", {"config": port(vlan_bindings={7: 5000})}, ["5000", "name"]),
            ("vtep_config", {"config": port(vlan_bindings={"7": "ls0", "07": "ls0"})}, ["07", "another spelling"]),
            ("vtep_config", {"config": router(static_routes={"2001:db8::/32": "fe80::1", "2001:DB8::/32": "fe80::1"})}, ["2001:DB8::/32", "another spelling"]),
            ("vtep_logical_switch", {"name": "ls0", "tunnel_key": 5, "clear": ["tunnel_key"]}, ["clear", "tunnel_key", "drop one of them"]),
            *(("vtep_logical_switch", {"name": "ls0", "timeout": bad}, ["timeout", "number of seconds"]) for bad in (0, -1, 1e308, "inf", "nan")),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, server, task, module, options, words):
        task("vtep_logical_switch", name="ls0")
        task("vtep_physical_switch", name="br0", ports=["vm1"])
        task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1"])
        message = task.fails(module, **options)
        for word in words:
            assert word in message

    def test_a_name_that_yaml_reads_as_something_else_needs_quotes(self, task, tmp_path):
        (tmp_path / "config.yml").write_text("logical_switches: {yes: {tunnel_key: 5}}")
        message = task.fails("vtep_config", src=str(tmp_path / "config.yml"))
        assert message == "config.logical_switches: True is not accepted: expected a name; put it in quotes"

    def test_settings_are_cleared(self, server, task):
        task("vtep_logical_switch", name="ls0", tunnel_key=5000, replication_mode="source_node")
        done = task.twice("vtep_logical_switch", name="ls0", clear=["tunnel_key", "replication_mode"], description="none")
        assert done["row"]["tunnel_key"] is None and done["row"]["replication_mode"] is None
        task("vtep_manager", target="ssl:vtep.example", max_backoff=2000, inactivity_probe=0)
        assert task.twice("vtep_manager", target="ssl:vtep.example", clear=["max_backoff"])["row"]["inactivity_probe"] == 0

    def test_deleted_removes_what_is_named_deepest(self, server, task):
        task("vtep_physical_switch", name="br0", ports=["vm1", "vm2"])
        task(
            "vtep_config",
            config={"logical_switches": {"ls0": {"ucast_remote": {f"00:00:00:00:00:0{n}": {"locator": "10.1.0.1"} for n in (2, 3)}}}},
        )
        task.twice("vtep_config", config={"physical_switches": {"br0": {"ports": {"vm2": None}}}}, state="deleted")
        task.twice("vtep_config", config={"logical_switches": {"ls0": {"ucast_remote": {"00:00:00:00:00:02": {}}}}}, state="deleted")
        held = task("vtep_info")["vtep"]
        assert list(held["physical_switches"]["br0"]["ports"]) == ["vm1"]
        assert list(held["logical_switches"]["ls0"]["ucast_remote"]) == ["00:00:00:00:00:03"]
        task.twice("vtep_config", config={"logical_switches": {"ls0": {"ucast_remote": None, "tunnel_key": 5}}}, state="deleted")
        assert task("vtep_info")["vtep"]["logical_switches"] == {}

    def test_a_wait_compares_normal_forms(self, server, task):
        task("vtep_physical_switch", name="br0", tunnel_ips=["2001:db8::9"], management_ips=["192.0.2.1"])
        match = {"name": "br0", "tunnel_ips": ["2001:DB8:0::9"]}
        assert task("vtep_wait", row={"table": "Physical_Switch", "match": match}, timeout=5)["row"]["_uuid"]
        task("vtep_logical_switch", name="ls0")
        task("vtep_ucast_remote", logical_switch="ls0", mac="0A-00-00-00-00-02", locator="10.1.0.1", ipaddr="2001:db8::7")
        match = {"mac": "0A00.0000.0002", "ipaddr": "2001:DB8::0:7", "locator": "10.1.0.1"}
        assert task("vtep_wait", row={"table": "Ucast_Macs_Remote", "match": match}, timeout=5)["row"]["_uuid"]
