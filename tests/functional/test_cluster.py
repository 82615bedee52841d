# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real cluster of three members on loopback: its leader is found, lost, and followed, and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import SCHEMA, Failed, Server, Task

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection, task as engine


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for unused in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Member(Server):
    """One server of the cluster."""

    def __init__(self, directory: Path, address: str, others: list[str]):
        directory.mkdir()
        self.directory = directory
        self.socket = directory / "db.sock"
        self.remote = f"unix:{self.socket}"
        database = directory / "vtep.db"
        if others:
            subprocess.run(["ovsdb-tool", "join-cluster", database, "hardware_vtep", address, *others], check=True)
        else:
            subprocess.run(["ovsdb-tool", "create-cluster", database, SCHEMA, address], check=True)
        self.start(database)
        # --wait-until: the member has joined and has caught up.
        subprocess.run(["ovsdb-client", "wait", "--timeout=30", self.remote, "hardware_vtep", "connected"], check=True)

    def status(self) -> str:
        command = ["ovs-appctl", "-t", self.directory / "ctl", "cluster/status", "hardware_vtep"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Cluster:
    def __init__(self, directory: Path):
        addresses = [f"tcp:127.0.0.1:{port}" for port in free_ports(3)]
        self.members = [Member(directory / str(index), address, addresses[:index]) for index, address in enumerate(addresses)]
        self.remote = ",".join(member.remote for member in self.members)
        self.killed: list[Member] = []

    def leader(self) -> Member:
        (found,) = (member for member in self.members if member not in self.killed and "Role: leader" in member.status())
        return found

    def kill_leader(self) -> None:
        self.kill(self.leader())

    def kill(self, member: Member) -> None:
        self.killed.append(member)
        member.kill()

    def stop(self) -> None:
        for member in self.members:
            if member not in self.killed:
                member.stop()


@pytest.fixture
def cluster(tmp_path):
    running = Cluster(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def task(cluster, capsys):
    return Task(cluster, capsys)


def macs(cluster: Cluster) -> list[str]:
    """The MACs that the leader has, once the survivors have chosen one; a follower may be a moment behind."""
    survivors = ",".join(member.remote for member in cluster.members if member not in cluster.killed)
    read = json.dumps(["hardware_vtep", {"op": "select", "table": "Ucast_Macs_Remote", "where": [], "columns": ["MAC"]}])
    command = ["ovsdb-client", "--leader-only", "--timeout=30", "transact", survivors, read]
    (answer,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return sorted(row["MAC"] for row in answer["rows"])


class TestCluster:
    def test_the_leader_is_found_wherever_it_stands(self, cluster, task):
        assert task("vtep_logical_switch", name="ls0", timeout=30)["changed"]
        leader = cluster.leader()
        followers = [member.remote for member in cluster.members if member is not leader]
        # A follower passes changes on, so one alone will do.
        assert task("vtep_logical_switch", name="ls1", database=followers[0], timeout=30)["changed"]
        with connection.Database(f"{','.join(followers)},{leader.remote}", 30) as db:
            assert db._remote == leader.remote

    def test_the_leader_dies_between_look_and_commit(self, cluster, task, monkeypatch):
        task("vtep_logical_switch", name="ls0", timeout=30)
        commit, kills = engine.commit, [cluster.kill_leader]

        def commit_after_the_kill(*arguments):
            if kills:
                kills.pop()()
            return commit(*arguments)

        monkeypatch.setattr(engine, "commit", commit_after_the_kill)
        done = task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:02", locator="10.1.0.1", timeout=30)
        assert done["changed"] and macs(cluster) == ["00:00:00:00:00:02"]

    def test_the_answer_to_a_commit_is_lost(self, cluster, task, monkeypatch):
        """The change is there, and is reported as the task's own."""
        task("vtep_logical_switch", name="ls0", timeout=30)
        commit, losses = engine.commit, [True]

        def commit_and_lose_the_answer(db, plan, *arguments):
            commit(db, plan, *arguments)
            if losses:
                losses.pop()
                for change in plan.changes:
                    change.uuid = None
                raise connection.Lost("the connection broke")

        monkeypatch.setattr(engine, "commit", commit_and_lose_the_answer)
        done = task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:02", locator="10.1.0.1", timeout=30)
        assert done["changed"] and done["counts"]["created"] == 1 and done["row"]["_uuid"]
        assert macs(cluster) == ["00:00:00:00:00:02"]

    def test_the_leader_dies_while_tasks_run(self, cluster, task):
        task("vtep_logical_switch", name="ls0", timeout=30)
        wanted = [f"02:00:00:00:00:{number:02x}" for number in range(40)]
        killer = threading.Thread(target=cluster.kill_leader)
        for index, mac in enumerate(wanted):
            if index == 10:
                killer.start()
            assert task("vtep_ucast_remote", logical_switch="ls0", mac=mac, locator="10.1.0.1", timeout=60)["changed"]
        killer.join()
        assert macs(cluster) == wanted

    def test_a_recording_follows_a_new_leader(self, cluster, task, tmp_path):
        """Nothing is lost, whether it was committed before, while or after the leader died."""
        recording = {"path": str(tmp_path / "recording.jsonl"), "timeout": 60}
        assert task("vtep_record", state="started", **recording)["changed"]
        task("vtep_logical_switch", name="ls0", timeout=30)
        wanted = [f"02:00:00:00:00:{number:02x}" for number in range(20)]
        for index, mac in enumerate(wanted):
            if index == 10:
                cluster.kill_leader()
            task("vtep_ucast_remote", logical_switch="ls0", mac=mac, locator="10.1.0.1", timeout=60)
        result = task("vtep_record", state="stopped", contents=True, **recording)
        assert result["complete"] and "lost" in {line["event"] for line in result["recording"]}
        changes = [change for line in result["recording"] for change in line.get("changes", ())]
        assert sorted(one["row"]["mac"] for one in changes if one["table"] == "Ucast_Macs_Remote" and one["action"] == "insert") == wanted

    def test_a_recording_ends_with_what_another_leader_has(self, cluster, task, tmp_path):
        """The recorder's member lives on and leads no longer; it may be behind, so the new leader is asked."""
        recording = {"path": str(tmp_path / "recording.jsonl"), "timeout": 60}
        task("vtep_record", state="started", **recording)
        old = cluster.leader()
        os.kill(old.pid, signal.SIGSTOP)
        try:
            # The others choose a leader for this.
            task(
                "vtep_logical_switch",
                name="ls0",
                database=",".join(member.remote for member in cluster.members if member is not old),
                timeout=60,
            )
        finally:
            os.kill(old.pid, signal.SIGCONT)
        limit = time.monotonic() + 30
        # Until it has heard of the others, it takes itself for the leader.
        while "Role: leader" in old.status():
            assert time.monotonic() < limit
        result = task("vtep_record", state="stopped", contents=True, **recording)
        changes = [change for line in result["recording"] for change in line.get("changes", ())]
        assert result["complete"] and [one["row"] for one in changes] == [{"name": "ls0"}]

    def test_without_a_majority_nothing_is_written(self, cluster, task):
        task("vtep_logical_switch", name="ls0", timeout=30)
        for member in cluster.members[:2]:
            cluster.kill(member)
        with pytest.raises(Failed, match="database|timeout"):
            task("vtep_logical_switch", name="ls1", timeout=3)


class TestStandby:
    def test_a_server_that_only_reads(self, tmp_path, capsys):
        active = Server(tmp_path)
        (tmp_path / "standby").mkdir()
        standby = Server(tmp_path / "standby", options=(f"--sync-from={active.remote}",))
        try:
            with pytest.raises(Failed, match="does not accept changes.*standby"):
                Task(standby, capsys)("vtep_logical_switch", name="ls0")
        finally:
            standby.stop()
            active.stop()
