# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of other kinds: over TCP, with another database, with an older schema, silent, gone; and vtep_info."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest
from conftest import SCHEMA, Server, Task

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tree import PARTS


def hang_up(listener: socket.socket) -> None:
    listener.accept()[0].close()


class TestRemotes:
    def test_tcp_and_several_remotes(self, tmp_path, capsys):
        server = Server(tmp_path, remotes=("ptcp:0:127.0.0.1", "ptcp:0:[::1]"))
        try:
            ports = dict(re.findall(r"INFO\|0:(\S+): listening on port (\d+)", (tmp_path / "log").read_text()))
            task = Task(server, capsys)
            assert task("vtep_logical_switch", name="ls0", database=f"tcp:127.0.0.1:{ports['127.0.0.1']}")["changed"]
            assert not task("vtep_logical_switch", name="ls0", database=f"tcp:[::1]:{ports['[::1]']}")["changed"]
            assert not task("vtep_logical_switch", name="ls0", database=f"tcp:127.0.0.1:1, {server.remote}")["changed"]
        finally:
            server.stop()

    def test_a_server_that_does_not_answer(self, task):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            remote = f"tcp:127.0.0.1:{silent.getsockname()[1]}"
            message = task.fails("vtep_logical_switch", name="ls0", database=remote, timeout=0.5)
            assert "timeout" in message and "0.5 s" in message and remote in message
            # It must not take the time of the ones after it.
            assert task("vtep_logical_switch", name="ls0", database=f"{remote},{task.server.remote}", timeout=2)["changed"]

    def test_a_server_that_hangs_up(self, task):
        with socket.create_server(("127.0.0.1", 0)) as rude:
            remote = f"tcp:127.0.0.1:{rude.getsockname()[1]}"
            rude.settimeout(10)
            caller = threading.Thread(target=hang_up, args=(rude,))
            caller.start()
            assert "closed the connection" in task.fails("vtep_logical_switch", name="ls0", database=remote, timeout=5)
            caller.join()

    def test_a_server_without_the_database(self, tmp_path, task, capsys):
        schema = tmp_path / "other.ovsschema"
        schema.write_text(json.dumps({"name": "Other", "version": "1.0.0", "tables": {"T": {"columns": {"a": {"type": "string"}}}}}))
        other = Server(tmp_path, schema)
        try:
            message = task.fails("vtep_logical_switch", name="ls0", database=other.remote)
            assert "no hardware_vtep database" in message and "Other" in message
        finally:
            other.stop()

    def test_an_older_schema(self, tmp_path, capsys):
        """Schema 1.3 of many real switches: no replication_mode, no other_config."""
        schema = json.loads(SCHEMA.read_text())
        schema["version"] = "1.3.0"
        for table in schema["tables"].values():
            table["columns"].pop("other_config", None)
        del schema["tables"]["Logical_Switch"]["columns"]["replication_mode"]
        for table in ("ACL", "ACL_entry"):
            del schema["tables"][table]
        for table, column in (("Physical_Port", "acl_bindings"), ("Logical_Router", "acl_binding")):
            del schema["tables"][table]["columns"][column]
        path = tmp_path / "old.ovsschema"
        path.write_text(json.dumps(schema))
        old = Server(tmp_path, path)
        try:
            task = Task(old, capsys)
            assert task("vtep_physical_switch", name="br0", ports=["vm1"])["changed"]
            assert task("vtep_logical_switch", name="ls0", tunnel_key=5)["changed"]
            assert task("vtep_binding", physical_switch="br0", port="vm1", vlan=0, logical_switch="ls0")["changed"]
            with pytest.raises(Exception, match="replication_mode.*older.*leave it out"):
                task("vtep_logical_switch", name="ls0", replication_mode="source_node")
            assert task("vtep_info")["vtep"]["logical_switches"]["ls0"]["tunnel_key"] == 5
        finally:
            old.stop()


class TestInfo:
    @pytest.fixture(autouse=True)
    def filled(self, server, task):
        server.ctl("add-ps", "br0", "--", "add-port", "br0", "vm1", "--", "set", "Physical_Switch", "br0", "tunnel_ips=10.0.0.1")
        server.ctl("add-ls", "ls0", "--", "set", "Logical_Switch", "ls0", "tunnel_key=5000", "--", "bind-ls", "br0", "vm1", "0", "ls0")
        server.ctl("add-ucast-remote", "ls0", "00:00:00:00:00:02", "10.1.0.1", "--", "add-mcast-remote", "ls0", "unknown-dst", "10.1.0.1")
        server.ctl("add-ucast-local", "ls0", "00:00:00:00:00:01", "10.0.0.1", "--", "set-manager", "ptcp:6640:127.0.0.9")

    def test_everything_by_name(self, task):
        vtep = task("vtep_info")["vtep"]
        assert set(vtep) == set(PARTS)
        switch = vtep["physical_switches"]["br0"]
        assert switch["tunnel_ips"] == ["10.0.0.1"] and switch["ports"]["vm1"]["vlan_bindings"] == {"0": "ls0"}
        ls0 = vtep["logical_switches"]["ls0"]
        assert ls0["tunnel_key"] == 5000
        assert ls0["ucast_remote"]["00:00:00:00:00:02"]["locator"] == "10.1.0.1"
        assert ls0["mcast_remote"]["unknown-dst"]["locators"] == ["10.1.0.1"]
        assert ls0["ucast_local"]["00:00:00:00:00:01"]["locator"] == "10.0.0.1"
        assert vtep["managers"]["ptcp:6640:127.0.0.9"]["is_connected"] is False

    def test_tunnels(self, server, task):
        (switch,) = server.rows("Physical_Switch", "_uuid")
        there = {row["dst_ip"]: row["_uuid"] for row in server.rows("Physical_Locator", "_uuid", "dst_ip")}
        server.transact(
            {"op": "insert", "uuid-name": "t", "table": "Tunnel",
             "row": {"local": there["10.0.0.1"], "remote": there["10.1.0.1"], "bfd_status": ["map", [["state", "up"]]]}},
            {"op": "mutate", "table": "Physical_Switch", "where": [["_uuid", "==", switch["_uuid"]]],
             "mutations": [["tunnels", "insert", ["named-uuid", "t"]]]},
        )  # fmt: skip
        (tunnel,) = task("vtep_info", gather=["tunnels"])["vtep"]["tunnels"]
        assert (tunnel["physical_switch"], tunnel["local"], tunnel["remote"]) == ("br0", "10.0.0.1", "10.1.0.1")
        assert tunnel["bfd_status"] == {"state": "up"}

    def test_gather_and_query(self, task):
        assert list(task("vtep_info", gather=["managers"])["vtep"]) == ["managers"]
        assert task("vtep_info", query="logical_switches.*.tunnel_key")["vtep"] == [5000]
        assert "JMESPath" in task.fails("vtep_info", query="logical_switches.[")
        assert "does not fit" in task.fails("vtep_info", query="abs(logical_switches)")

    def test_without_mac_addresses_nothing_is_read_of_them(self, task, monkeypatch):
        asked: list[str] = []
        whole = Look.whole
        monkeypatch.setattr(Look, "whole", lambda self, tables: (asked.extend(tables), whole(self, tables))[-1])
        vtep = task("vtep_info", mac_addresses=False)["vtep"]
        assert vtep["logical_switches"]["ls0"]["tunnel_key"] == 5000 and "ucast_remote" not in vtep["logical_switches"]["ls0"]
        assert vtep["physical_switches"]["br0"]["ports"] and not any("Macs" in table for table in asked)

    def test_an_empty_database(self, server, task):
        server.empty()
        assert task("vtep_info")["vtep"] == {**{key: {} for key in PARTS}, "tunnels": []}
