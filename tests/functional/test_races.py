# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Another writer gets in between the look and the commit: nothing is lost, nothing is doubled, nothing loops."""

from __future__ import annotations

import threading

import pytest
from conftest import Failed

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import commit, connection, task as engine
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import locator

MAC = "00:00:00:00:00:02"


@pytest.fixture
def between(monkeypatch):
    """Run something between the look and the commit: each callable once, in turn."""
    send = engine.commit

    def install(*actions):
        pending = list(actions)

        def commit_after_another_writer(*args):
            if pending:
                pending.pop(0)()
            return send(*args)

        monkeypatch.setattr(engine, "commit", commit_after_another_writer)
        return pending

    return install


@pytest.fixture(autouse=True)
def switch(task):
    task("vtep_logical_switch", name="ls0", tunnel_key=5000)
    task("vtep_physical_switch", name="br0", ports=["vm1"])


class TestRaces:
    def test_the_other_adds_a_locator_to_the_set(self, server, task, between):
        task("vtep_mcast_remote", logical_switch="ls0", locators=["10.1.0.1"])
        pending = between(lambda: server.ctl("add-mcast-remote", "ls0", "unknown-dst", "10.2.0.1"))
        done = task("vtep_mcast_remote", logical_switch="ls0", locators=["10.3.0.1"])
        assert not pending and done["row"]["locators"] == ["10.1.0.1", "10.2.0.1", "10.3.0.1"]

    def test_the_other_writes_the_same_row(self, server, task, between):
        between(lambda: server.ctl("add-ucast-remote", "ls0", MAC, "10.1.0.1"))
        done = task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert not done["changed"] and len(server.rows("Ucast_Macs_Remote")) == 1

    def test_the_other_writes_the_same_row_in_bulk(self, server, task, between):
        entries = [{"mac": f"00:00:00:00:00:{i:02x}", "locator": "10.1.0.1"} for i in range(20)]
        between(lambda: server.ctl("add-ucast-remote", "ls0", MAC, "10.9.0.1"))
        done = task("vtep_ucast_remote", logical_switch="ls0", entries=entries)
        assert done["counts"] == {"created": 19, "updated": 1, "deleted": 0}
        assert len(server.rows("Ucast_Macs_Remote")) == 20

    def test_the_other_binds_another_vlan_of_the_port(self, server, task, between):
        between(lambda: server.ctl("bind-ls", "br0", "vm1", "5", "ls0"))
        done = task("vtep_binding", physical_switch="br0", port="vm1", vlan=6, logical_switch="ls0")
        assert done["row"]["vlan_bindings"] == {"5": "ls0", "6": "ls0"}

    def test_the_other_removes_the_last_use_of_a_locator(self, server, task, between):
        task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        between(lambda: server.ctl("clear-remote-macs", "ls0"))
        task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:03", locator="10.1.0.1")
        assert "00:00:00:00:00:03 -> vxlan_over_ipv4/10.1.0.1" in server.ctl("list-remote-macs", "ls0")

    def test_the_other_removes_the_logical_switch(self, server, task, between):
        between(lambda: server.ctl("del-ls", "ls0"))
        with pytest.raises(Failed) as failed:
            task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert "logical switch ls0 is not in the database" in failed.value.msg

    def test_a_new_use_of_a_switch_that_is_being_removed(self, server, task, between):
        between(lambda: server.ctl("add-ucast-remote", "ls0", MAC, "10.1.0.1"))
        with pytest.raises(Failed) as failed:
            task("vtep_logical_switch", name="ls0", state="absent")
        assert "is in use by unicast remote 00:00:00:00:00:02" in failed.value.msg

    def test_a_writer_that_never_rests_ends_in_an_error(self, server, task, between):
        number = iter(range(1000))
        between(*(lambda: server.ctl("bind-ls", "br0", "vm1", str(next(number)), "ls0") for unused in range(1000)))
        before = len(server.rows("Ucast_Macs_Remote"))
        with pytest.raises(Failed) as failed:
            task("vtep_binding", physical_switch="br0", port="vm1", vlan=4000, logical_switch="ls0", timeout=2)
        # On a busy machine the time may run out within a try.
        assert "other writers keep changing" in failed.value.msg and " 2 s" in failed.value.msg
        assert "4000" not in server.ctl("list-bindings", "br0", "vm1") and before == 0

    def test_a_change_that_the_server_refuses_is_not_tried_for_ever(self, server, task, between, monkeypatch):
        tries = []
        # Every locator gets a UUID that does not exist, as if the database had lost a row that it shows.
        monkeypatch.setattr(
            commit._Writer, "_uuid", lambda self, ref: tries.append(ref) or ["uuid", "1" * 8 + "-0000-0000-0000-" + "0" * 12]
        )
        with pytest.raises(Failed) as failed:
            task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.2.0.1")
        assert "the server refused the change" in failed.value.msg
        assert len([ref for ref in tries if ref.table == "Logical_Switch"]) == 3, "taken for new, seen, and seen again"

    @pytest.mark.parametrize(("wish", "left"), [({"ipaddr": "192.168.1.1"}, ["192.168.1.1"]), ({"state": "absent"}, [])])
    def test_the_other_writes_the_row_that_is_being_changed_or_removed(self, server, task, between, wish, left):
        server.ctl("add-ucast-remote", "ls0", MAC, "10.2.0.1")
        write = {"op": "update", "table": "Ucast_Macs_Remote", "where": [], "row": {"ipaddr": "192.168.1.9"}}
        pending = between(lambda: server.transact(write))
        done = task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, **wish)
        assert done["changed"] and not pending
        assert [row["ipaddr"] for row in server.rows("Ucast_Macs_Remote", "ipaddr")] == left
        assert "192.168.1.9" in str(done["diff"]["before"]), "looked again"

    def test_a_mac_that_others_write_in_another_spelling_is_not_doubled(self, server, task, between):
        pending = between(lambda: server.ctl("add-ucast-remote", "ls0", "0A:BB:CC:00:00:02", "10.1.0.1"))
        done = task("vtep_ucast_remote", logical_switch="ls0", mac="0a:bb:cc:00:00:02", locator="10.2.0.1")
        assert not pending and done["counts"] == {"created": 0, "updated": 1, "deleted": 0}
        assert len(server.rows("Ucast_Macs_Remote")) == 1

    def test_a_change_that_arrives_after_its_connection_was_lost_is_the_tasks_own(self, server, task, monkeypatch):
        send, attempts = engine.commit, []

        def commit_late(*args):
            attempts.append(args)
            if len(attempts) == 1:
                raise connection.Lost("the connection broke")
            # What was sent first arrives between the second look and the second commit.
            with connection.Database(server.remote, 10) as other:
                send(other, *attempts[0][1:])
            return send(*args)

        monkeypatch.setattr(engine, "commit", commit_late)
        done = task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert len(attempts) == 2 and done["changed"] and done["row"]["_uuid"]
        assert len(server.rows("Ucast_Macs_Remote")) == 1

    @pytest.mark.parametrize("sent", [True, False])
    @pytest.mark.parametrize("marks", [True, False])
    def test_a_mac_that_was_there_is_not_taken_for_created_when_the_connection_breaks(self, server, task, monkeypatch, sent, marks):
        """The first commit takes the row for new; its answer, or the commit itself, is lost, also where rows cannot be marked."""
        server.ctl("add-ucast-remote", "ls0", MAC, "10.1.0.1")
        send, losses = engine.commit, [True]

        def commit_and_lose(db, plan, guards, mark):
            if mark and not marks:
                raise connection.Unsupported("an older server")
            if losses:
                losses.pop()
                if sent:
                    with pytest.raises(connection.Conflict):
                        send(db, plan, guards, mark)
                raise connection.Lost("the connection broke")
            send(db, plan, guards, mark)

        monkeypatch.setattr(engine, "commit", commit_and_lose)
        done = task("vtep_ucast_remote", logical_switch="ls0", mac=MAC, locator="10.1.0.1")
        assert not losses and not done["changed"] and done["row"]["locator"] == "10.1.0.1"

    def test_eight_writers_lose_and_double_nothing(self, server):
        """Real concurrency: eight threads of the engine itself, each with a locator of its own for the same two rows."""
        conflicts = []

        def write(number: int) -> None:
            members = Row("Mcast_Macs_Remote", ("ls0", "unknown-dst"), {"locator_set": Add({locator(f"10.{number}.0.1")})})
            one = Row("Ucast_Macs_Remote", ("ls0", MAC), {"locator": locator(f"10.{number}.0.1")})
            wanted = normalise(Wanted(present=[members, one]))
            with connection.Database(server.remote, 30) as db:
                look = Look(db, assume_new=True)
                while True:
                    done = plan(wanted, look.for_plan(wanted))
                    try:
                        return engine.commit(db, done, look.guards({one.ref for one in done.changes if one.action == CREATE}))
                    except connection.Conflict:
                        conflicts.append(number)
                        look = Look(db)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.ctl("list-remote-macs", "ls0").count("unknown-dst") == 8
        assert len(server.rows("Ucast_Macs_Remote")) == 1 and len(conflicts) >= 7
