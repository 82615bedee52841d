# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vtep_physical_switch, vtep_physical_port, vtep_logical_switch and vtep_binding against a real server, compared with vtep-ctl."""

from __future__ import annotations

import subprocess

import pytest


class TestPhysicalSwitch:
    def test_a_fresh_database_without_a_global_row(self, server, task):
        assert server.rows("Global") == []
        done = task.twice("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"])
        assert done["changed"] and done["counts"] == {"created": 1, "updated": 0, "deleted": 0}
        assert done["row"]["tunnel_ips"] == ["10.0.0.1"]
        assert server.ctl("list-ps").split() == ["br0"]
        assert server.ctl("get", "Physical_Switch", "br0", "_uuid").strip() == done["row"]["_uuid"]
        assert '["10.0.0.1"]' in server.ctl("show")

    def test_what_vtep_ctl_made_needs_no_change(self, server, task):
        server.ctl("add-ps", "br0", "--", "add-port", "br0", "vm1", "--", "set", "Physical_Switch", "br0", "tunnel_ips=10.0.0.1")
        assert not task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"], ports=["vm1"])["changed"]

    def test_an_option_left_out_is_not_managed_and_an_empty_one_clears(self, server, task):
        task("vtep_physical_switch", name="br0", description="rack 1", management_ips=["192.0.2.1", "2001:DB8::1"], other_config={"a": "b"})
        done = task.twice("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"])
        assert done["row"]["description"] == "rack 1"
        assert done["row"]["management_ips"] == ["192.0.2.1", "2001:db8::1"]
        done = task.twice("vtep_physical_switch", name="br0", description="", management_ips=[], other_config={}, tunnel_ips=[])
        assert done["row"]["description"] == "" and done["row"]["management_ips"] == [] and done["row"]["other_config"] == {}
        assert done["diff"]["before"]["physical switch br0"]["other_config"] == {"a": "b"}

    def test_ports_are_merged_unless_purged(self, server, task):
        task.twice("vtep_physical_switch", name="br0", ports=["eth1", "eth2"])
        done = task.twice("vtep_physical_switch", name="br0", ports=["eth3"])
        assert done["row"]["ports"] == ["eth1", "eth2", "eth3"]
        done = task.twice("vtep_physical_switch", name="br0", ports=["eth3", "eth4"], purge_ports=True)
        assert done["counts"] == {"created": 1, "updated": 0, "deleted": 2}
        assert server.ctl("list-ports", "br0").split() == ["eth3", "eth4"] == done["row"]["ports"]
        assert task.twice("vtep_physical_switch", name="br0", ports=[], purge_ports=True)["row"]["ports"] == []

    def test_the_same_port_name_on_two_switches(self, server, task):
        task("vtep_physical_switch", name="br0", ports=["eth1"])
        task("vtep_physical_switch", name="br1", ports=["eth1"])
        task("vtep_logical_switch", name="ls0")
        done = task.twice("vtep_binding", physical_switch="br1", port="eth1", vlan=7, logical_switch="ls0")
        assert done["changed"]
        assert server.ctl("list-bindings", "br0", "eth1") == ""
        assert server.ctl("list-bindings", "br1", "eth1").split() == ["0007", "ls0"]

    def test_absent_takes_the_ports_along(self, server, task):
        task("vtep_physical_switch", name="br0", ports=["eth1"])
        task("vtep_physical_switch", name="br1", ports=["eth1"])
        done = task.twice("vtep_physical_switch", name="br0", state="absent")
        assert done["changed"] and done["row"] == {}
        assert server.ctl("list-ps").split() == ["br1"]
        assert len(server.rows("Physical_Port")) == 1

    def test_single_addresses_and_ports_go_and_the_others_stay(self, server, task):
        both = {"management_ips": ["192.0.2.1", "2001:db8::1"], "tunnel_ips": ["10.0.0.1", "10.0.0.2"]}
        for name in ("br0", "br1"):
            task("vtep_physical_switch", name=name, ports=["eth1", "eth2", "eth3"], **both)
        done = task.twice("vtep_physical_switch", name="br0", remove_tunnel_ips=["10.0.0.1", "10.0.0.9"])
        assert done["row"]["tunnel_ips"] == ["10.0.0.2"]
        assert done["counts"] == {"created": 0, "updated": 1, "deleted": 0}
        assert done["diff"] == {
            "before": {"physical switch br0": {"tunnel_ips": both["tunnel_ips"]}},
            "after": {"physical switch br0": {"tunnel_ips": ["10.0.0.2"]}},
        }
        done = task.twice(
            "vtep_physical_switch", name="br0", remove_management_ips=["2001:DB8::1"], remove_ports=["eth1", "eth3", "eth9"],
            tunnel_ips=["10.0.0.3"], description="rack 1",
        )  # fmt: skip
        assert done["counts"] == {"created": 0, "updated": 1, "deleted": 2}
        assert server.ctl("get", "Physical_Switch", "br0", "management_ips", "tunnel_ips", "description").split("\n")[:3] == [
            '["192.0.2.1"]', '["10.0.0.3"]', '"rack 1"',
        ]  # fmt: skip
        assert server.ctl("list-ports", "br0").split() == ["eth2"] == done["row"]["ports"]
        assert task.twice("vtep_physical_switch", name="br0", remove_tunnel_ips=["10.0.0.3"])["row"]["tunnel_ips"] == []
        untouched = task("vtep_physical_switch", name="br1", ports=["eth1", "eth2", "eth3"], **both)
        assert not untouched["changed"]

    def test_what_is_not_there_needs_no_removal(self, server, task):
        task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"], ports=["eth1"])
        options = {"remove_ports": ["eth9"], "remove_tunnel_ips": ["10.0.0.9"], "remove_management_ips": []}
        assert not task("vtep_physical_switch", name="br0", **options)["changed"]
        # The switch itself is wanted all the same.
        assert task.twice("vtep_physical_switch", name="br9", **options)["counts"] == {"created": 1, "updated": 0, "deleted": 0}

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"tunnel_ips": ["10.0.0.1"], "remove_tunnel_ips": ["10.0.0.2"]}, ["tunnel_ips|remove_tunnel_ips", "mutually exclusive"]),
            ({"management_ips": [], "remove_management_ips": []}, ["management_ips|remove_management_ips", "mutually exclusive"]),
            ({"ports": ["eth1"], "remove_ports": ["eth1"]}, ["ports|remove_ports", "mutually exclusive"]),
            ({"purge_ports": True, "remove_ports": ["eth1"]}, ["remove_ports", "purge_ports: true"]),
            ({"purge_ports": True}, ["purge_ports: true requires ports", "ports: []"]),
            ({"purge_ports": True, "ports": None}, ["purge_ports: true requires ports"]),
            ({"state": "absent", "purge_ports": True}, ["purge_ports", "state: present"]),
            ({"state": "absent", "remove_ports": ["eth1"]}, ["remove_ports", "state: present", "removes the switch"]),
            ({"state": "absent", "remove_tunnel_ips": ["10.0.0.1"]}, ["remove_tunnel_ips", "state: present", "removes the switch"]),
            ({"state": "absent", "remove_management_ips": []}, ["remove_management_ips", "state: present", "removes the switch"]),
            ({"remove_tunnel_ips": ["10.0.0"]}, ["remove_tunnel_ips: '10.0.0'", "IPv4 or IPv6 address"]),
            ({"name": "br9", "remove_tunnel_ips": ["10.0.0"]}, ["remove_tunnel_ips: '10.0.0'", "IPv4 or IPv6 address"]),
            ({"remove_management_ips": ["10.0.0.0/8"]}, ["remove_management_ips: '10.0.0.0/8'", "without a prefix length"]),
        ],
    )
    def test_removal_that_is_refused(self, task, options, words):
        task("vtep_physical_switch", name="br0", ports=["eth1"], tunnel_ips=["10.0.0.1"])
        message = task.fails("vtep_physical_switch", **{"name": "br0", **options})
        for word in words:
            assert word in message

    @pytest.mark.parametrize(
        ("option", "value", "words"),
        [
            ("tunnel_ips", ["10.0.0.256"], ["tunnel_ips", "'10.0.0.256'", "IPv4 or IPv6 address"]),
            ("tunnel_ips", ["239.1.1.1"], ["tunnel_ips", "'239.1.1.1'", "unicast"]),
            ("management_ips", ["10.0.0.0/8"], ["management_ips", "'10.0.0.0/8'", "without a prefix length"]),
            ("name", "", ["name", "not empty"]),
            ("ports", ["eth1", "eth1"], ["port eth1 of physical switch", "listed twice, with the same values"]),
            ("timeout", 0, ["timeout", "above 0"]),
            ("database", "udp:1.2.3.4:5", ["database", "'udp:1.2.3.4:5'", "tcp:HOST:PORT"]),
            ("database", "tcp:::1:6640", ["database", "IPv6 in brackets"]),
            ("database", "unix:/nonexistent/db.sock", ["/nonexistent/db.sock", "ovsdb-server is running"]),
            ("database", "tcp:127.0.0.1:1", ["tcp:127.0.0.1:1", "refused"]),
            ("database", "ssl:127.0.0.1:1", ["private_key", "ssl:"]),
        ],
    )
    def test_bad_input(self, task, option, value, words):
        message = task.fails("vtep_physical_switch", **{"name": "br0", "purge_ports": False, option: value})
        for word in words:
            assert word in message


class TestPhysicalPort:
    PORT = {"physical_switch": "br0", "port": "eth1"}

    @pytest.fixture(autouse=True)
    def switches(self, task):
        for name in ("br0", "br1"):
            task("vtep_physical_switch", name=name, ports=["eth7"])
        for name in ("ls0", "ls1"):
            task("vtep_logical_switch", name=name)
        task("vtep_acl", name="web", entries=[{"sequence": 1, "action": "deny", "direction": "ingress"}])

    def test_a_port_that_is_missing_is_created_and_goes_by_itself(self, server, task):
        done = task.twice("vtep_physical_port", **self.PORT)
        assert done["counts"] == {"created": 1, "updated": 0, "deleted": 0}
        assert done["row"] == {
            **self.PORT, "description": "", "vlan_bindings": {}, "acl_bindings": {}, "other_config": {}, "_uuid": done["row"]["_uuid"],
        }  # fmt: skip
        assert server.ctl("list-ports", "br0").split() == ["eth1", "eth7"]
        assert server.ctl("get", "Physical_Port", done["row"]["_uuid"], "name").strip() == "eth1"
        task("vtep_physical_port", physical_switch="br1", port="eth1", vlan_bindings={"0": "ls0"})
        done = task.twice("vtep_physical_port", **self.PORT, state="absent")
        assert done["changed"] and done["row"] == {}
        assert done["counts"] == {"created": 0, "updated": 0, "deleted": 1}
        assert list(done["diff"]["before"]) == ["port eth1 of physical switch br0"]
        assert server.ctl("list-ports", "br0").split() == ["eth7"]
        assert server.ctl("list-bindings", "br1", "eth1").split() == ["0000", "ls0"]

    def test_what_vtep_ctl_made_needs_no_change(self, server, task):
        server.ctl("add-port", "br0", "eth1", "--", "bind-ls", "br0", "eth1", "5", "ls0")
        assert not task("vtep_physical_port", **self.PORT)["changed"]
        assert not task("vtep_physical_port", **self.PORT, vlan_bindings={5: "ls0"})["changed"]

    def test_a_map_that_is_given_is_replaced_and_one_that_is_not_stays(self, server, task):
        task.twice("vtep_physical_port", **self.PORT, vlan_bindings={0: "ls0", 20: "ls1"}, acl_bindings={0: "web"})
        done = task.twice("vtep_physical_port", **self.PORT, vlan_bindings={20: "ls0"}, description="rack 4", other_config={"a": "b"})
        port = "port eth1 of physical switch br0"
        assert done["diff"]["before"][port] == {"vlan_bindings": {"0": "ls0", "20": "ls1"}, "description": "", "other_config": {}}
        assert done["row"]["vlan_bindings"] == {"20": "ls0"} and done["row"]["acl_bindings"] == {"0": "web"}
        assert server.ctl("list-bindings", "br0", "eth1").split() == ["0020", "ls0"]
        task.twice("vtep_binding", **self.PORT, vlan=21, logical_switch="ls1")
        done = task.twice("vtep_physical_port", **self.PORT, acl_bindings={})
        assert done["row"]["vlan_bindings"] == {"20": "ls0", "21": "ls1"} and done["row"]["acl_bindings"] == {}
        assert done["row"]["description"] == "rack 4" and done["row"]["other_config"] == {"a": "b"}

    def test_a_switch_is_needed_to_add_a_port_and_not_to_remove_one(self, task):
        other = {**self.PORT, "physical_switch": "br9"}
        message = task.fails("vtep_physical_port", **other)
        assert (
            "physical switch br9 is not in the database; a VTEP registers its switch itself: check that it runs and is connected" in message
        )
        assert "or create it with vtep_physical_switch" in message
        assert "physical switch br9" in str(task.check("vtep_physical_port", **other)["warnings"])
        assert not task("vtep_physical_port", **other, state="absent")["changed"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"vlan_bindings": {4096: "ls0"}}, ["vlan_bindings: '4096'", "0 to 4095"]),
            ({"vlan_bindings": {"red": "ls0"}}, ["vlan_bindings: 'red'", "0 to 4095"]),
            ({"vlan_bindings": {5: ""}}, ["vlan_bindings: ''", "not empty"]),
            ({"vlan_bindings": {5: None}}, ["vlan_bindings: None", "not empty"]),
            ({"vlan_bindings": {5: "ls9"}}, ["logical switch ls9", "vtep_logical_switch"]),
            ({"acl_bindings": {-1: "web"}}, ["acl_bindings: '-1'", "0 to 4095"]),
            ({"acl_bindings": {0: "none"}}, ["ACL none", "vtep_acl"]),
            ({"other_config": {"a": ["b"]}}, ["other_config: ['b']", "expected text"]),
            ({"port": ""}, ["port: ''", "not empty"]),
            ({"physical_switch": ""}, ["physical_switch: ''", "not empty"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_physical_port", **{**self.PORT, **options})
        for word in words:
            assert word in message


class TestLogicalSwitch:
    def test_create_change_and_remove(self, server, task):
        done = task.twice("vtep_logical_switch", name="ls0", vni=5000)
        assert done["row"]["tunnel_key"] == 5000 and done["row"]["replication_mode"] is None
        assert server.ctl("list-ls").split() == ["ls0"]
        assert server.ctl("get", "Logical_Switch", "ls0", "tunnel_key").strip() == "5000"
        done = task.twice("vtep_logical_switch", name="ls0", tunnel_key=5001, replication_mode="source_node", description="blue")
        assert done["diff"]["before"] == {"logical switch ls0": {"description": "", "replication_mode": None, "tunnel_key": 5000}}
        assert server.ctl("get-replication-mode", "ls0").strip() == "source_node"
        done = task.twice("vtep_logical_switch", name="ls0", state="absent")
        assert done["changed"] and done["row"] == {}
        assert server.ctl("list-ls") == ""

    def test_tunnel_key_0_is_a_key(self, server, task):
        assert task.twice("vtep_logical_switch", name="ls0", tunnel_key=0)["row"]["tunnel_key"] == 0
        assert server.ctl("get", "Logical_Switch", "ls0", "tunnel_key").strip() == "0"

    def test_one_in_use_is_not_removed_and_what_uses_it_is_named(self, server, task):
        self.fill(task)
        message = task.fails("vtep_logical_switch", name="ls0", state="absent")
        for word in ("port vm1 of physical switch br0 (VLAN 0, 9)", "00:00:00:00:00:02", "unknown-dst", "cascade: true"):
            assert word in message
        with pytest.raises(Exception, match="is in use by"):
            task.check("vtep_logical_switch", name="ls0", state="absent")

    def test_cascade(self, server, task):
        self.fill(task)
        done = task.twice("vtep_logical_switch", name="ls0", state="absent", cascade=True)
        assert done["counts"] == {"created": 0, "updated": 1, "deleted": 3}
        assert server.ctl("list-bindings", "br0", "vm1").split() == ["0005", "ls1"]
        assert server.ctl("list-ls").split() == ["ls1"]
        assert server.ctl("list-remote-macs", "ls1").split()[:3] == ["ucast-mac-remote", "00:00:00:00:00:02", "->"]

    def fill(self, task):
        task("vtep_physical_switch", name="br0", ports=["vm1"])
        for number, switch in enumerate(("ls0", "ls1")):
            task("vtep_logical_switch", name=switch, tunnel_key=5000 + number)
            task("vtep_ucast_remote", logical_switch=switch, mac="00:00:00:00:00:02", locator="10.1.0.1")
            task("vtep_mcast_remote", logical_switch=switch, locators=["10.1.0.1"])
        for vlan, switch in ((0, "ls0"), (5, "ls1"), (9, "ls0")):
            task("vtep_binding", physical_switch="br0", port="vm1", vlan=vlan, logical_switch=switch)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"tunnel_key": 16777216}, ["tunnel_key", "16777216", "0 to 16777215"]),
            ({"tunnel_key": -1}, ["tunnel_key", "-1"]),
            ({"replication_mode": "both"}, ["replication_mode", "both"]),
            ({"name": ""}, ["name", "not empty"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_logical_switch", **{"name": "ls0", **options})
        for word in words:
            assert word in message


class TestBinding:
    @pytest.fixture(autouse=True)
    def switches(self, task):
        task("vtep_physical_switch", name="br0", ports=["vm1"])
        task("vtep_logical_switch", name="ls0")
        task("vtep_logical_switch", name="ls1")

    def test_bind_rebind_and_unbind(self, server, task):
        done = task.twice("vtep_binding", physical_switch="br0", port="vm1", vlan=0, logical_switch="ls0")
        assert done["row"]["vlan_bindings"] == {"0": "ls0"}
        assert server.ctl("list-bindings", "br0", "vm1").split() == ["0000", "ls0"]
        task.twice("vtep_binding", physical_switch="br0", port="vm1", vlan=4095, logical_switch="ls0")
        done = task.twice("vtep_binding", physical_switch="br0", port="vm1", vlan=0, logical_switch="ls1")
        port = "port vm1 of physical switch br0"
        assert done["diff"]["before"][port]["vlan_bindings"] == {"0": "ls0", "4095": "ls0"}
        assert done["diff"]["after"][port]["vlan_bindings"] == {"0": "ls1", "4095": "ls0"}
        assert not task("vtep_binding", physical_switch="br0", port="vm1", vlan=0, logical_switch="ls0", state="absent")["changed"]
        assert task.twice("vtep_binding", physical_switch="br0", port="vm1", vlan=0, state="absent")["changed"]
        assert server.ctl("list-bindings", "br0", "vm1").split() == ["4095", "ls0"]

    def test_a_port_that_comes_later_is_waited_for(self, server, task):
        with subprocess.Popen(
            # The emulator's part: it registers the port once it has seen our wait (two sessions: this client and the module).
            ["sh", "-c", "until [ $(ovs-appctl -t $0/ctl memory/show | grep -o 'sessions:[0-9]*' | cut -d: -f2) -ge 1 ]; do :; done; "
             "vtep-ctl --db=unix:$0/db.sock add-port br0 vm2", str(server.directory)]
        ) as emulator:  # fmt: skip
            done = task("vtep_binding", physical_switch="br0", port="vm2", vlan=3, logical_switch="ls0", timeout=20)
        assert emulator.returncode == 0
        assert done["changed"] and done["row"]["vlan_bindings"] == {"3": "ls0"}

    def test_a_switch_that_comes_later_is_waited_for(self, server, task):
        """First the switch, and then the port."""
        register = "sleep 0.5; vtep-ctl --db=$0 add-ps br9; sleep 0.5; vtep-ctl --db=$0 add-port br9 vm1"
        with subprocess.Popen(["sh", "-c", register, server.remote]):
            done = task("vtep_binding", physical_switch="br9", port="vm1", vlan=3, logical_switch="ls0", timeout=20)
        assert done["changed"] and done["row"]["physical_switch"] == "br9" and done["row"]["vlan_bindings"] == {"3": "ls0"}

    def test_a_switch_that_never_comes(self, task):
        message = task.fails("vtep_binding", physical_switch="br9", port="vm1", vlan=0, logical_switch="ls0", timeout=0.5)
        for word in (
            "timeout: waited 0.5 s",
            "physical switch br9",
            "check that it runs and is connected",
            "vtep_physical_switch",
            "existing: br0",
        ):
            assert word in message

    def test_a_port_that_never_comes(self, task):
        message = task.fails("vtep_binding", physical_switch="br0", port="vm9", vlan=0, logical_switch="ls0", timeout=0.5)
        for word in ("timeout", "0.5 s", "port vm9 of physical switch br0", "existing: vm1", "ovs-vtep"):
            assert word in message

    def test_check_mode_warns_of_what_an_earlier_task_may_create(self, task):
        done = task.check("vtep_binding", physical_switch="br0", port="vm9", vlan=0, logical_switch="ls9")
        assert done["changed"]
        warnings = str(done["warnings"])
        assert "logical switch ls9" in warnings and "port vm9" in warnings

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"vlan": 4096}, ["vlan", "4096", "0 to 4095"]),
            ({"logical_switch": "ls9"}, ["logical switch ls9", "vtep_logical_switch"]),
            ({"physical_switch": "br9", "timeout": 1}, ["br9", "vtep_physical_switch"]),
            ({"logical_switch": ""}, ["logical_switch", "not empty"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        good = {"physical_switch": "br0", "port": "vm1", "vlan": 0, "logical_switch": "ls0"}
        message = task.fails("vtep_binding", **{**good, **options})
        for word in words:
            assert word in message
