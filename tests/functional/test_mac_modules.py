# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vtep_ucast_remote and vtep_mcast_remote against a real server, compared with vtep-ctl."""

from __future__ import annotations

import pytest

MAC = "00:00:00:00:00:02"


def macs(server, switch: str = "ls0") -> list[str]:
    """The lines of ``vtep-ctl list-remote-macs`` that hold an entry."""
    return sorted(line.strip() for line in server.ctl("list-remote-macs", switch).splitlines() if "->" in line)


@pytest.fixture(autouse=True)
def switch(task):
    task("vtep_logical_switch", name="ls0", tunnel_key=5000)


class TestUnicast:
    def test_create_change_and_remove(self, server, task):
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert done["row"] == {
            "logical_switch": "ls0", "mac": MAC, "locator": "10.1.0.1", "encapsulation": "vxlan_over_ipv4", "ipaddr": "",
            "_uuid": done["row"]["_uuid"],
        }  # fmt: skip
        assert done["row"]["_uuid"]
        assert macs(server) == [f"{MAC} -> vxlan_over_ipv4/10.1.0.1"]
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.2.0.1", ipaddr="192.168.1.2")
        assert done["diff"]["before"][f"unicast remote {MAC} of logical switch ls0"] == {"locator": "10.1.0.1", "ipaddr": ""}
        assert macs(server) == [f"{MAC} -> vxlan_over_ipv4/10.2.0.1"]
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, ipaddr="")
        assert done["row"]["ipaddr"] == "" and done["row"]["locator"] == "10.2.0.1"
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, state="absent")
        assert done["changed"] and done["row"] == {}
        assert macs(server) == []
        assert server.rows("Physical_Locator") == []

    def test_what_vtep_ctl_made_needs_no_change(self, server, task):
        server.ctl("add-ucast-remote", "ls0", MAC, "10.1.0.1")
        assert not task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")["changed"]

    @pytest.mark.parametrize("spelled", ["00:00:5e:00:53:af", "00:00:5E:00:53:AF", "00-00-5e-00-53-AF", "0000.5e00.53af", "00005E0053AF"])
    def test_any_spelling_of_a_mac_is_the_same_mac(self, server, task, spelled):
        server.ctl("add-ucast-remote", "ls0", "00:00:5E:00:53:AF", "10.1.0.1")
        assert not task("vtep_ucast_remote", logical_switch="ls0", mac=spelled, locator="10.1.0.1")["changed"]
        assert task("vtep_ucast_remote", logical_switch="ls0", mac=spelled, state="absent")["changed"]
        done = task("vtep_ucast_remote", logical_switch="ls0", mac=spelled, locator="10.1.0.1")
        assert done["row"]["mac"] == "00:00:5e:00:53:af"
        assert server.rows("Ucast_Macs_Remote", "MAC") == [{"MAC": "00:00:5e:00:53:af"}]

    def test_mixed_spellings_are_found_in_bulk(self, server, task):
        server.ctl("add-ucast-remote", "ls0", "00:00:5E:00:53:aF", "10.1.0.1")
        entries = [{"mac": f"00:00:5e:00:53:{i:02x}", "locator": "10.1.0.1"} for i in range(0xA0, 0xB0)]
        assert task.twice("vtep_ucast_remote", logical_switch="ls0", entries=entries)["counts"]["created"] == 15

    def test_twins_that_others_left_become_one(self, server, task):
        task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:0a", locator="10.1.0.1")
        (switch,) = server.rows("Logical_Switch", "_uuid")
        (there,) = server.rows("Physical_Locator", "_uuid")
        twin = {"MAC": "00:00:00:00:00:0A", "logical_switch": switch["_uuid"], "locator": there["_uuid"]}
        server.transact({"op": "insert", "table": "Ucast_Macs_Remote", "row": twin})
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:0a", locator="10.1.0.1")
        assert done["counts"] == {"created": 0, "updated": 0, "deleted": 1}
        assert len(server.rows("Ucast_Macs_Remote")) == 1

    def test_the_same_mac_on_two_switches(self, server, task):
        task("vtep_logical_switch", name="ls1")
        task("vtep_ucast_remote", logical_switch="ls1", mac=MAC, locator="10.1.0.1")
        task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        task.twice("vtep_ucast_remote", logical_switch="ls0", mac=MAC, state="absent")
        assert macs(server, "ls1") == [f"{MAC} -> vxlan_over_ipv4/10.1.0.1"]

    def test_entries_merged_and_purged(self, server, task):
        server.ctl("add-ucast-remote", "ls0", "00:00:00:00:00:63", "10.9.0.1")
        entries = [{"mac": f"00:00:00:00:00:{i:02x}", "locator": f"10.1.0.{i % 3 + 1}"} for i in range(1, 31)]
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", entries=entries)
        assert done["counts"]["created"] == 30 and len(done["rows"]) == 20
        assert len(macs(server)) == 31
        assert len(server.rows("Physical_Locator")) == 4
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", entries=entries[:29], purge=True)
        assert done["counts"] == {"created": 0, "updated": 0, "deleted": 2}
        assert macs(server) == sorted(f"{e['mac']} -> vxlan_over_ipv4/{e['locator']}" for e in entries[:29])
        task.twice("vtep_ucast_remote", logical_switch="ls0", entries=[{"mac": e["mac"]} for e in entries[:20]], state="absent")
        assert len(macs(server)) == 9
        task.twice("vtep_ucast_remote", logical_switch="ls0", entries=[], purge=True)
        assert macs(server) == []

    def test_purged_entries_have_no_more_than_is_listed(self, server, task):
        task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1", ipaddr="192.168.1.2")
        assert not task("vtep_ucast_remote", logical_switch="ls0", entries=[{"mac": MAC}])["changed"]
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", entries=[{"mac": MAC}], purge=True)
        assert done["counts"]["updated"] == 1 and [(row["locator"], row["ipaddr"]) for row in done["rows"]] == [("10.1.0.1", "")]

    def test_what_comes_is_shown_before_what_goes_and_that_in_order(self, server, task):
        task(
            "vtep_ucast_remote",
            logical_switch="ls0",
            entries=[{"mac": f"02:00:00:00:00:{i:02x}", "locator": "10.1.0.1"} for i in range(100)],
        )
        entries = [{"mac": "02:00:00:00:00:63", "locator": "10.2.0.1"}, {"mac": "00:00:00:00:00:01", "locator": "10.2.0.1"}]
        diff = task.check("vtep_ucast_remote", logical_switch="ls0", entries=entries, purge=True)["diff"]
        assert [words.rpartition(":")[2][:2] for words in diff["after"]] == ["63", "01", ".."]
        assert [words.split()[2] for words in diff["before"]] == ["02:00:00:00:00:63", *(f"02:00:00:00:00:{i:02x}" for i in range(18))]
        assert diff["after"]["..."] == "and 81 more rows: 81 to delete"

    def test_bulk_results_are_counts_and_a_sample(self, server, task):
        entries = [{"mac": f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", "locator": "10.1.0.1"} for i in range(2000)]
        done = task.twice("vtep_ucast_remote", logical_switch="ls0", entries=entries)
        assert done["counts"]["created"] == 2000
        assert len(done["rows"]) == 20 and len(done["diff"]["after"]) == 21
        assert done["diff"]["after"]["..."] == "and 1980 more rows: 1980 to create"
        assert len(str(done)) < 20000
        assert len(macs(server)) == 2000

    def test_a_locator_with_a_key_of_its_own_stays(self, server, task):
        (switch,) = server.rows("Logical_Switch", "_uuid")
        server.transact(
            {"op": "insert", "uuid-name": "there", "table": "Physical_Locator",
             "row": {"encapsulation_type": "vxlan_over_ipv4", "dst_ip": "10.1.0.1", "tunnel_key": 77}},
            {"op": "insert", "table": "Ucast_Macs_Remote",
             "row": {"MAC": MAC, "logical_switch": switch["_uuid"], "locator": ["named-uuid", "there"]}},
        )  # fmt: skip
        assert not task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")["changed"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"mac": "00:00:00:00:00"}, ["mac", "'00:00:00:00:00'", "00:11:22:aa:bb:cc"]),
            ({"mac": "784124"}, ["mac", "quotes in YAML"]),
            ({"mac": "01:00:5e:00:00:01"}, ["mac", "unicast", "vtep_mcast_remote"]),
            ({"mac": "unknown-dst"}, ["mac", "'unknown-dst'"]),
            ({"locator": "10.1.0"}, ["locator", "'10.1.0'"]),
            ({"locator": "2001:db8::1"}, ["locator", "IPv4"]),
            ({"locator": "224.0.0.1"}, ["locator", "unicast address of a VTEP"]),
            ({"encapsulation": "gre"}, ["encapsulation", "'gre'", "vxlan_over_ipv4"]),
            ({"ipaddr": "192.168.1.2/24"}, ["ipaddr", "without a prefix length"]),
            ({"logical_switch": "ls9"}, ["logical switch ls9", "vtep_logical_switch"]),
            ({"locator": None}, ["locator", "requires this option"]),
            ({"entries": []}, ["mutually exclusive"]),
            ({"purge": True}, ["purge: true requires entries or src", "entries: []"]),
            ({"mac": None}, ["one of mac, entries, src is required"]),
            ({"locator": "10.1.0.256"}, ["locator", "expected an IPv4 address"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_ucast_remote", **{"logical_switch": "ls0", "mac": MAC, "locator": "10.1.0.1", **options})
        for word in words:
            assert word in message

    def test_a_null_names_no_entries(self, task):
        task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert "purge: true requires entries or src" in task.fails("vtep_ucast_remote", logical_switch="ls0", entries=None, purge=True)
        assert "one of mac, entries, src is required" in task.fails("vtep_ucast_remote", logical_switch="ls0", entries=None)

    @pytest.mark.parametrize(
        ("entries", "words"),
        [
            ([{"mac": MAC, "locator": "10.1.0.1"}, {"mac": "x", "locator": "10.1.0.1"}], ["entries[1].mac", "'x'"]),
            ([{"mac": MAC, "locator": "10.1.0.1"}, {"mac": "00-00-00-00-00-02", "locator": "10.1.0.1"}], ["entries[0] and entries[1]", "with the same values"]),
            ([{"mac": MAC, "locator": "10.1.0.1"}, {"mac": MAC, "locator": "10.2.0.1"}], ["entries[0] and entries[1]", "with different values"]),
            ([{"mac": MAC, "locator": "10.1.0.1"}, {"mac": "00:00:00:00:00:03"}], ["locator", "00:00:00:00:00:03"]),
        ],
    )  # fmt: skip
    def test_bad_entries_change_nothing(self, task, entries, words):
        message = task.fails("vtep_ucast_remote", logical_switch="ls0", entries=entries)
        for word in words:
            assert word in message

    def test_check_mode_warns_of_a_switch_that_an_earlier_task_may_create(self, task):
        done = task.check("vtep_ucast_remote", logical_switch="ls8", mac=MAC, locator="10.1.0.1")
        assert done["changed"] and "logical switch ls8" in str(done["warnings"])


class TestMulticast:
    def locators(self, server, mac: str = "unknown-dst") -> list[str]:
        return sorted(line.split("/")[1] for line in macs(server) if line.startswith(mac))

    def test_merge_replace_and_remove(self, server, task):
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1"])
        assert done["row"]["mac"] == "unknown-dst" and done["row"]["locators"] == ["10.1.0.1"]
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["10.2.0.1", "10.3.0.1"])
        assert self.locators(server) == ["10.1.0.1", "10.2.0.1", "10.3.0.1"]
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["10.3.0.1", "10.4.0.1"], exclusive=True)
        assert self.locators(server) == ["10.3.0.1", "10.4.0.1"] == done["row"]["locators"]
        task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["10.4.0.1", "10.9.0.1"], state="absent")
        assert self.locators(server) == ["10.3.0.1"]
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", locators=["10.3.0.1"], state="absent")
        assert done["row"] == {} and server.rows("Mcast_Macs_Remote") == []
        # Nothing is left behind that nobody refers to.
        assert server.rows("Physical_Locator_Set") == [] and server.rows("Physical_Locator") == []

    def test_absent_without_locators_removes_the_entry(self, server, task):
        task("vtep_mcast_remote", logical_switch="ls0", mac="01:00:5E:00:00:01", locators=["10.1.0.1", "10.2.0.1"])
        task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1"])
        assert task.twice("vtep_mcast_remote", logical_switch="ls0", mac="01:00:5e:00:00:01", state="absent")["changed"]
        assert macs(server) == ["unknown-dst -> vxlan_over_ipv4/10.1.0.1"]

    def test_what_vtep_ctl_made_needs_no_change(self, server, task):
        server.ctl("add-mcast-remote", "ls0", "unknown-dst", "10.1.0.1", "--", "add-mcast-remote", "ls0", "unknown-dst", "10.2.0.1")
        for locators in (["10.1.0.1"], ["10.2.0.1", "10.1.0.1"]):
            assert not task("vtep_mcast_remote", logical_switch="ls0", locators=locators)["changed"]
        assert not task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1", "10.2.0.1"], exclusive=True)["changed"]

    def test_entries_and_purge(self, server, task):
        task("vtep_mcast_remote", logical_switch="ls0", mac="01:00:5e:00:00:09", locators=["10.9.0.1"])
        entries = [{"locators": ["10.1.0.1", "10.2.0.1"]}, {"mac": "01:00:5e:00:00:01", "locators": ["10.1.0.1", "10.2.0.1"]}]
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", entries=entries, purge=True)
        assert done["counts"] == {"created": 2, "updated": 0, "deleted": 1}
        assert len(macs(server)) == 4
        task.twice("vtep_mcast_remote", logical_switch="ls0", entries=[{"locators": ["10.2.0.1"]}], purge=True)
        assert macs(server) == ["unknown-dst -> vxlan_over_ipv4/10.2.0.1"]

    def test_of_entries_that_lose_a_locator_what_is_left_is_returned(self, task):
        task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1", "10.2.0.1"])
        done = task.twice("vtep_mcast_remote", logical_switch="ls0", entries=[{"locators": ["10.1.0.1"]}], state="absent")
        assert [row["locators"] for row in done["rows"]] == [["10.2.0.1"]]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"mac": "00:00:00:00:00:02"}, ["mac", "unknown-dst", "vtep_ucast_remote"]),
            ({"locators": ["10.1.0.1", "nonsense"]}, ["locators", "'nonsense'"]),
            ({"locators": None}, ["locators", "requires this option"]),
            ({"locators": []}, ["locators", "requires this option"]),
            ({"state": "absent", "exclusive": True}, ["exclusive", "state: present"]),
        ],
    )
    def test_bad_input(self, task, options, words):
        message = task.fails("vtep_mcast_remote", **{"logical_switch": "ls0", "locators": ["10.1.0.1"], **options})
        for word in words:
            assert word in message

    def test_an_entry_is_not_emptied_by_exclusive(self, task):
        task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1"])
        assert "remove the row" in task.fails("vtep_mcast_remote", logical_switch="ls0", locators=[], exclusive=True)
