# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Managers, tunnels, routers, access control lists, ARP sources and local MACs against a real server."""

from __future__ import annotations

import pytest


class TestManager:
    def test_set_change_and_remove(self, server, task):
        done = task.twice("vtep_manager", target="tcp:127.0.0.1:1", max_backoff=2000, inactivity_probe=0)
        assert done["row"]["inactivity_probe"] == 0
        assert server.ctl("get-manager").split() == ["tcp:127.0.0.1:1"]
        task.twice("vtep_manager", target="ptcp:6641:127.0.0.1")
        assert sorted(server.ctl("get-manager").split()) == ["ptcp:6641:127.0.0.1", "tcp:127.0.0.1:1"]
        done = task.twice("vtep_manager", target="ptcp:6641:127.0.0.1", exclusive=True)
        assert done["counts"] == {"created": 0, "updated": 0, "deleted": 1}
        assert server.ctl("get-manager").split() == ["ptcp:6641:127.0.0.1"]
        assert task.twice("vtep_manager", target="ptcp:6641:127.0.0.1", state="absent")["changed"]
        assert server.ctl("get-manager") == ""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"target": "192.0.2.1"}, ["target", "'192.0.2.1'", "ptcp:6640"]),
            ({"target": "ptcp:99999"}, ["target", "'ptcp:99999'", "65535"]),
            ({"target": "ssl:leaf1:65536"}, ["target", "'ssl:leaf1:65536'", "65535"]),
            ({"target": "tcp:192.0.2.300:6640"}, ["target", "'tcp:192.0.2.300:6640'"]),
            ({"target": "tcp:[2001:db8::g]:6640"}, ["target", "'tcp:[2001:db8::g]:6640'"]),
            ({"target": "ptcp:6640:1.2.3"}, ["target", "'ptcp:6640:1.2.3'"]),
            ({"state": "absent", "exclusive": True}, ["exclusive", "state: present"]),
            ({"max_backoff": 999}, ["max_backoff", "1000"]),
            ({"inactivity_probe": -1}, ["inactivity_probe", "-1"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_manager", **{"target": "tcp:127.0.0.1:1", **options})
        for word in words:
            assert word in message


class TestTunnel:
    END = {"physical_switch": "br0", "local": "10.0.0.1", "remote": "10.1.0.1"}

    @pytest.fixture(autouse=True)
    def switch(self, task):
        task("vtep_physical_switch", name="br0", tunnel_ips=["10.0.0.1"])

    def test_settings_and_what_the_vtep_reports(self, server, task):
        done = task.twice("vtep_tunnel", **self.END, bfd_params={"enable": "true", "min_rx": "300"})
        assert done["counts"]["created"] == 1
        assert server.ctl("get", "Tunnel", done["row"]["_uuid"], "bfd_params:min_rx").strip() == '"300"'
        server.ctl("set", "Tunnel", done["row"]["_uuid"], "bfd_status:state=up")
        again = task("vtep_tunnel", **self.END)
        assert not again["changed"] and again["row"]["bfd_status"] == {"state": "up"}
        task.twice("vtep_tunnel", **self.END, bfd_params={})
        assert server.ctl("get", "Tunnel", done["row"]["_uuid"], "bfd_params").strip() == "{}"
        assert task.twice("vtep_tunnel", **self.END, state="absent")["changed"]
        assert server.rows("Tunnel") == []

    def test_bad_input(self, task):
        assert "local" in task.fails("vtep_tunnel", **{**self.END, "local": "10.0.0"})
        assert "br9" in task.fails("vtep_tunnel", **{**self.END, "physical_switch": "br9"})

    @pytest.mark.parametrize(
        ("option", "key", "value", "expected"),
        [
            ("bfd_params", "enabled", True, "expected one of enable, min_rx"),
            ("bfd_params", "enable", "yes", "expected true or false"),
            ("bfd_params", "min_rx", "abc", "expected a whole number from 1"),
            ("bfd_params", "min_tx", "-5", "expected a whole number from 1"),
            ("bfd_config_local", "bfd_dst_mac", "zz", "expected a MAC address"),
            ("bfd_config_remote", "bfd_dst_ip", "1", "expected an IPv4 or IPv6 address"),
        ],
    )
    def test_settings_that_vtep_5_rules_out(self, server, task, option, key, value, expected):
        message = task.fails("vtep_tunnel", **self.END, **{option: {key: value}})
        assert option in message and key in message and expected in message
        # Of another writer it may be there; then it stays where it is.
        task("vtep_tunnel", **self.END)
        server.ctl("set", "Tunnel", server.rows("Tunnel")[0]["_uuid"][1], f"{option}:{key}={str(value).lower()}")
        assert not task("vtep_config", config={"tunnels": task("vtep_info")["vtep"]["tunnels"]}, state="overridden")["changed"]


class TestRouter:
    def test_interfaces_routes_and_lists(self, server, task):
        task("vtep_logical_switch", name="ls0")
        task("vtep_acl", name="web", entries=[{"sequence": 1, "action": "deny", "direction": "ingress"}])
        done = task.twice(
            "vtep_logical_router", name="lr0", switch_binding={"192.168.1.254/24": "ls0", "2001:DB8::1/64": "ls0"},
            static_routes={"0.0.0.0/0": "192.168.1.1"}, acl_binding={"192.168.1.254/24": "web"},
        )  # fmt: skip
        assert done["row"]["switch_binding"] == {"192.168.1.254/24": "ls0", "2001:db8::1/64": "ls0"}
        assert server.ctl("list-lr").split() == ["lr0"]
        assert server.ctl("get", "Logical_Router", "lr0", "static_routes").strip() == '{"0.0.0.0/0"="192.168.1.1"}'
        for module, name, part in (
            ("vtep_logical_switch", "ls0", "192.168.1.254/24, 2001:db8::1/64"),
            ("vtep_acl", "web", "192.168.1.254/24"),
        ):
            assert f"logical router lr0 ({part})" in task.fails(module, name=name, state="absent")
        assert task.twice("vtep_acl", name="web", state="absent", cascade=True)["counts"] == {"created": 0, "updated": 1, "deleted": 2}
        done = task.twice("vtep_logical_router", name="lr0", switch_binding={})
        assert done["row"]["switch_binding"] == {} and done["row"]["static_routes"] == {"0.0.0.0/0": "192.168.1.1"}
        task.twice("vtep_logical_router", name="lr0", state="absent")
        assert server.ctl("list-lr") == ""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"switch_binding": {"192.168.1.1": "ls0"}}, ["switch_binding", "'192.168.1.1'", "prefix"]),
            ({"static_routes": {"0.0.0.0/0": "gw"}}, ["static_routes", "'gw'"]),
            ({"switch_binding": {"192.168.1.1/24": "ls9"}}, ["logical switch ls9"]),
            ({"acl_binding": {"192.168.1.1/24": "nope"}}, ["ACL nope", "vtep_acl"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_logical_router", name="lr0", **options)
        for word in words:
            assert word in message


class TestAcl:
    WEB = {"sequence": 10, "direction": "ingress", "action": "permit", "protocol": 6, "dest_port_min": 443, "dest_port_max": 443}
    REST = {"sequence": 99, "direction": "ingress", "action": "deny"}

    def test_the_entries_are_a_set(self, server, task):
        done = task.twice("vtep_acl", name="web", entries=[self.REST, self.WEB])
        assert done["row"]["entries"] == [self.WEB, self.REST]
        assert len(server.rows("ACL_entry")) == 2
        assert not task("vtep_acl", name="web")["changed"]
        changed = {**self.WEB, "ethertype": "0x800", "source_mac": "00-00-5E-00-53-01"}
        del changed["dest_port_max"]
        done = task.twice("vtep_acl", name="web", entries=[changed, {**self.REST, "sequence": 100}])
        assert done["counts"] == {"created": 1, "updated": 1, "deleted": 1}
        assert done["row"]["entries"][0]["ethertype"] == "0x0800" and "dest_port_max" not in done["row"]["entries"][0]
        task.twice("vtep_acl", name="web", state="absent")
        assert server.rows("ACL") == [] and server.rows("ACL_entry") == []

    @pytest.mark.parametrize(
        ("entries", "words"),
        [
            (None, ["entries", "ACL web", "requires this option"]),
            ([], ["entries", "cannot be empty"]),
            ([WEB, {**REST, "sequence": 10}], ["entries[0] and entries[1]", "with different values"]),
            ([{**WEB, "source_ip": "10.0.0.0/8"}], ["entries[0].source_ip", "'10.0.0.0/8'"]),
            ([{**WEB, "dest_port_min": 65536}], ["entries[0].dest_port_min", "65535"]),
            ([{**WEB, "ethertype": "ipv4"}], ["entries[0].ethertype", "0x0800"]),
            ([{**WEB, "ethertype": "800"}], ["entries[0].ethertype", "0x0800"]),
            ([{**WEB, "ethertype": 0x0800}], ["entries[0].ethertype", "in quotes"]),
            ([REST, {**WEB, "dest_port_max": 442}], ["entries[1].dest_port_max: 442", "dest_port_min, which is 443, or more"]),
            ([{**WEB, "source_ip": "10.0.0.1", "source_mask": "ffff::"}], ["entries[0].source_mask", "IPv4 address 10.0.0.1"]),
        ],
    )
    def test_bad_input(self, task, entries, words):
        message = task.fails("vtep_acl", name="web", entries=entries)
        for word in words:
            assert word in message


class TestArpSource:
    @pytest.mark.parametrize(("table", "rows"), [("remote", "Arp_Sources_Remote"), ("local", "Arp_Sources_Local")])
    def test_create_change_and_remove(self, server, task, table, rows):
        task.twice("vtep_arp_source", table=table, mac="02:00:00:00:00:AA", locator="10.1.0.1")
        assert server.rows(rows, "src_mac") == [{"src_mac": "02:00:00:00:00:aa"}]
        assert task.twice("vtep_arp_source", table=table, mac="02:00:00:00:00:aa", locator="10.2.0.1")["counts"]["updated"] == 1
        assert task.twice("vtep_arp_source", table=table, mac="02:00:00:00:00:aa", state="absent")["changed"]
        assert server.rows(rows) == []

    def test_bad_input(self, task):
        assert "mac" in task.fails("vtep_arp_source", mac="x", locator="10.1.0.1")
        assert "locator" in task.fails("vtep_arp_source", mac="02:00:00:00:00:01")


class TestLocal:
    def test_as_vtep_ctl_shows_it(self, server, task):
        task("vtep_logical_switch", name="ls0")
        task.twice("vtep_ucast_local", logical_switch="ls0", mac="00:00:00:00:00:01", locator="10.0.0.1")
        task.twice("vtep_mcast_local", logical_switch="ls0", locators=["10.0.0.1"])
        shown = server.ctl("list-local-macs", "ls0")
        assert "00:00:00:00:00:01 -> vxlan_over_ipv4/10.0.0.1" in shown and "unknown-dst -> vxlan_over_ipv4/10.0.0.1" in shown
        assert server.ctl("list-remote-macs", "ls0").count("->") == 0
        task.twice("vtep_ucast_local", logical_switch="ls0", entries=[], purge=True)
        task.twice("vtep_mcast_local", logical_switch="ls0", state="absent")
        assert server.ctl("list-local-macs", "ls0").count("->") == 0
