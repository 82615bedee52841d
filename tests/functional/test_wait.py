# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vtep_wait: what is there already, what comes, what goes, and what never comes."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import wait

MAC = "00:00:00:00:00:0a"


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
            ({"row": {"table": "Manager", "match": {"host": "x"}}}, ["match", "'host'", "target"]),
            ({"port": "vm1"}, ["physical_switch"]),
            ({"database": "unix:/nonexistent", "physical_switch": "br0", "port": "vm1"}, ["/nonexistent", "ovsdb-server is running"]),
        ],
    )
    def test_what_never_comes_and_what_is_not_understood(self, task, options, words):
        message = task.fails("vtep_wait", **{"timeout": 0.3, **options})
        for word in words:
            assert word in message

    def test_check_mode_looks_once(self, task):
        done = task.check("vtep_wait", logical_switch="ls0", mac="00:00:00:00:00:0f", timeout=60)
        assert done["row"] == {} and "not there yet" in str(done["warnings"])

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
