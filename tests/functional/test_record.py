# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vtep_record against real servers: what is recorded, what survives a restart of the server, where it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import BIN, Failed, Server, Task
from recorded import Writers, contents

from ansible_collections.vxlanlab.vtep.plugins.filter.vtep_replay import vtep_replay
from ansible_collections.vxlanlab.vtep.plugins.filter.vtep_timeline import vtep_timeline
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import connection, recorder

ROOT = Path(__file__).parents[2]
#: Random transactions of each seed.
STEPS = int(os.environ.get("VTEP_STEPS", "60"))
SEEDS = [int(seed) for seed in os.environ.get("VTEP_SEEDS", "0 1").split()]


class Recording:
    """A recording of the task's server, unless another is said."""

    def __init__(self, task: Task, path: Path):
        self.task = task
        self.path = str(path)

    def start(self, **options) -> dict:
        return self.task("vtep_record", path=self.path, state="started", **options)

    def stop(self, **options) -> dict:
        return self.task("vtep_record", path=self.path, state="stopped", **{"contents": True, **options})

    def ended(self, pid: int) -> None:
        """Wait until the process of the recording has ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            assert select.select([descriptor], [], [], 30)[0]
            os.close(descriptor)


@pytest.fixture
def recording(task, tmp_path: Path):
    """A recording that does not run after the test."""
    running = Recording(task, tmp_path / "recording.jsonl")
    yield running
    if pid := recorder.pid_of(running.path):
        os.kill(pid, signal.SIGKILL)


def events(result: dict) -> list[str]:
    return [line["event"] for line in result["recording"]]


def names(result: dict, table: str) -> list[str]:
    """The last part of the names of the rows that were inserted into a table."""
    changes = [change for line in result["recording"] for change in line.get("changes", ())]
    return [list(one["row"].values())[-1] for one in changes if (one["table"], one["action"]) == (table, "insert")]


def test_what_is_recorded(task, recording):
    task("vtep_config", config={"physical_switches": {"br0": {"ports": {"vm1": {}}}}})
    assert recording.start()["changed"]
    assert not recording.start()["changed"]
    task("vtep_logical_switch", name="ls0", tunnel_key=5000)
    task("vtep_binding", physical_switch="br0", port="vm1", vlan=7, logical_switch="ls0")
    task("vtep_ucast_remote", logical_switch="ls0", mac="00:00:00:00:00:01", locator="10.0.0.1")
    task("vtep_mcast_remote", logical_switch="ls0", locators=["10.0.0.1", "10.0.0.2"])
    task("vtep_mcast_remote", logical_switch="ls0", locators=["10.0.0.2"], exclusive=True)
    result = recording.stop()
    assert (result["changed"], result["transactions"], result["why"], result["complete"]) == (True, 5, "stopped", True)
    first, *transactions, last = result["recording"]
    assert first["initial"]["physical_switches"]["br0"]["ports"].keys() == {"vm1"}
    assert [[(one["table"], one["action"], one["row"]) for one in line["changes"]] for line in transactions] == [
        [("Logical_Switch", "insert", {"name": "ls0"})],
        [("Physical_Port", "modify", {"physical_switch": "br0", "port": "vm1"})],
        [
            ("Ucast_Macs_Remote", "insert", {"logical_switch": "ls0", "mac": "00:00:00:00:00:01"}),
            ("Physical_Locator", "insert", {"locator": "10.0.0.1"}),
        ],
        [
            ("Mcast_Macs_Remote", "insert", {"logical_switch": "ls0", "mac": "unknown-dst"}),
            ("Physical_Locator", "insert", {"locator": "10.0.0.2"}),
        ],
        [("Mcast_Macs_Remote", "modify", {"logical_switch": "ls0", "mac": "unknown-dst"})],
    ]
    assert transactions[0]["changes"][0]["after"] == {"tunnel_key": 5000}
    assert transactions[1]["changes"][0]["before"] == {"vlan_bindings": None}
    assert transactions[1]["changes"][0]["after"] == {"vlan_bindings": {"7": "ls0"}}
    assert transactions[4]["changes"][0]["before"] == {"locators": ["10.0.0.1", "10.0.0.2"]}
    assert transactions[4]["changes"][0]["after"] == {"locators": ["10.0.0.2"]}
    times = [line["time"] for line in result["recording"]]
    assert times == sorted(times)
    assert last["event"] == "ended"
    again = recording.stop()
    assert not again["changed"] and again["recording"] == result["recording"]


# -- replayed -------------------------------------------------------------------------------------------------------


def gathered(task: Task) -> str:
    return re.sub(r'"_uuid": "[^"]*"', "", json.dumps(task("vtep_config", state="gathered")["gathered"], sort_keys=True))


def replay(tasks: list[dict], task: Task) -> None:
    for one in tasks:
        (module,) = one.keys() - {"name"}
        task(module.removeprefix("vxlanlab.vtep."), **one[module])


@pytest.fixture
def second(tmp_path: Path):
    other = Server(tmp_path)
    yield other
    other.stop()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_recorded_and_replayed_is_the_same_database(server, task, recording, second, capsys, seed):
    writers = Writers(server, task, seed)
    for unused in range(20):
        writers.step()
    recording.start()
    for unused in range(STEPS):
        writers.step()
    recorded = recording.stop()["recording"]
    other = Task(second, capsys)
    replay(vtep_replay(recorded), other)
    assert gathered(other) == gathered(task)
    assert contents(second) == contents(server)
    assert len(vtep_timeline(recorded)) == len(recorded)
    assert len(writers.done) > STEPS / 6, writers.done
    print(dict(writers.done))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_ansible_has_registered_is_as_good(server, task, recording, tmp_path, seed):
    """Its dictionaries, lists and texts are of types of its own."""
    writers = Writers(server, task, seed)
    full = {"description": "all", "other_config": {"a": "b"}}
    empty = {"description": "", "other_config": {}}
    recording.start()
    task("vtep_physical_switch", name="all", tunnel_ips=["10.0.0.1"], **full)
    task("vtep_physical_switch", name="all", tunnel_ips=[], **empty)
    task("vtep_logical_switch", name="all", tunnel_key=7, **full)
    task("vtep_logical_switch", name="all", clear=["tunnel_key"], **empty)
    for unused in range(STEPS):
        writers.step()
    recorded = recording.stop()["recording"]
    filters = {"vtep_replay": vtep_replay, "vtep_timeline": vtep_timeline}
    play = {
        "hosts": "localhost", "gather_facts": False, "connection": "local",
        "module_defaults": {"group/vxlanlab.vtep.vtep": {"database": server.remote}},
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {"vxlanlab.vtep.vtep_record": {"path": recording.path, "state": "stopped", "contents": True}, "register": "recorded"},
            *(
                {"ansible.builtin.copy": {"content": f"{{{{ recorded.recording | vxlanlab.vtep.{name} | to_json }}}}", "dest": str(tmp_path / name)}}
                for name in filters
            ),
            # What is none is told so in words that a person knows.
            {"ansible.builtin.debug": {"msg": "{{ recorded | vxlanlab.vtep.vtep_timeline }}"}, "ignore_errors": True, "register": "refused"},
            {"ansible.builtin.assert": {"that": ["'as a list of its lines, got dict' in refused.msg"]}},
        ],
    }  # fmt: skip
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = subprocess.run(
        [BIN / "ansible-playbook", "-i", "localhost,", "play.yml"],
        cwd=tmp_path, check=False, capture_output=True, text=True, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    for name, made in filters.items():
        assert json.loads((tmp_path / name).read_text()) == made(recorded)


# -- never missed ---------------------------------------------------------------------------------------------------


def test_many_writers_at_once(server, task, recording):
    """A server may report transactions together, but none is missed, not even the very last."""
    task("vtep_logical_switch", name="ls0")
    (network,) = server.rows("Logical_Switch")
    locator = {
        "op": "insert",
        "table": "Physical_Locator",
        "uuid-name": "locator",
        "row": {"dst_ip": "10.0.0.1", "encapsulation_type": "vxlan_over_ipv4"},
    }
    first = {"MAC": "02:ff:00:00:00:00", "logical_switch": network["_uuid"], "locator": ["named-uuid", "locator"]}
    server.transact(locator, {"op": "insert", "table": "Ucast_Macs_Remote", "row": first})
    (row,) = server.rows("Ucast_Macs_Remote", "locator")
    recording.start()

    def write(writer: int) -> None:
        with connection.Database(server.remote, 60) as db:
            for index in range(100):
                mac = f"02:00:00:00:{writer:02x}:{index:02x}"
                db.transact([{"op": "insert", "table": "Ucast_Macs_Remote", "row": {**first, **row, "MAC": mac}}])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = recording.stop()
    assert sorted(names(result, "Ucast_Macs_Remote")) == sorted(
        f"02:00:00:00:{one:02x}:{index:02x}" for one in range(6) for index in range(100)
    )
    assert result["complete"] and result["transactions"] <= 600


@pytest.fixture
def own(tmp_path: Path, capsys):
    """A server that may be killed, its tasks, and a recording."""
    (tmp_path / "own").mkdir()
    server = Server(tmp_path / "own")
    task = Task(server, capsys)
    recording = Recording(task, tmp_path / "recording.jsonl")
    yield server, task, recording
    if pid := recorder.pid_of(recording.path):
        os.kill(pid, signal.SIGKILL)
    server.stop()


def kill(server: Server) -> None:
    descriptor = os.pidfd_open(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    assert select.select([descriptor], [], [], 10)[0]
    os.close(descriptor)


def again(server: Server) -> None:
    server.start(server.directory / "vtep.db")


def wait_for(recording: Recording, event: str, count: int) -> None:
    """Until the recording has so many of these lines."""
    watched = subprocess.Popen(["tail", "-n", "+1", "-f", recording.path], stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(60, watched.kill)
    timer.start()
    try:
        assert watched.stdout
        for line in watched.stdout:
            count -= f'"event":"{event}"' in line
            if not count:
                return
        raise AssertionError(f"no line {event}")
    finally:
        timer.cancel()
        watched.kill()
        watched.wait()
        watched.stdout.close()


def test_a_server_that_is_killed_and_comes_back(own, second, capsys):
    """What is written while the recorder cannot see it is recorded as differences; of the rest nothing is lost."""
    server, task, recording = own
    task("vtep_logical_switch", name="before", tunnel_key=1)
    recording.start()
    for turn in range(3):
        task("vtep_logical_switch", name=f"seen{turn}", tunnel_key=2)
        # The writer may have its answer before the recorder is told.
        wait_for(recording, "transaction", turn + 1)
        kill(server)
        wait_for(recording, "lost", turn + 1)
        # Another program changes the file in the meantime.
        unseen = json.dumps(
            [
                "hardware_vtep",
                {"op": "insert", "table": "Logical_Switch", "row": {"name": f"unseen{turn}"}},
                {"op": "update", "table": "Logical_Switch", "where": [["name", "==", "before"]], "row": {"tunnel_key": 10 + turn}},
                {"op": "delete", "table": "Logical_Switch", "where": [["name", "==", f"seen{turn}"]]},
            ]
        )
        subprocess.run(["ovsdb-tool", "transact", server.directory / "vtep.db", unseen], check=True, capture_output=True)
        again(server)
        wait_for(recording, "reconnected", turn + 1)
    result = recording.stop()
    assert events(result) == ["started", *["transaction", "lost", "reconnected"] * 3, "ended"]
    found = [(one["row"]["name"], one["action"]) for one in result["recording"][3]["changes"]]
    assert sorted(found) == [("before", "modify"), ("seen0", "delete"), ("unseen0", "insert")]
    other = Task(second, capsys)
    replay(vtep_replay(result["recording"]), other)
    assert contents(second) == contents(server)
    assert "while the server was lost: " in vtep_timeline(result["recording"])[3]


@pytest.mark.parametrize("seed", SEEDS[1:])
def test_a_server_that_is_killed_among_random_transactions(own, second, capsys, seed):
    server, task, recording = own
    writers = Writers(server, task, seed)
    recording.start()
    for _turn in range(3):
        for unused in range(10):
            writers.step()
        kill(server)
        again(server)
        for unused in range(10):
            writers.step()
    result = recording.stop(timeout=30)
    assert result["complete"] and events(result).count("lost") == events(result).count("reconnected")
    replay(vtep_replay(result["recording"]), Task(second, capsys))
    assert contents(second) == contents(server)


def test_a_server_that_comes_back_with_another_database(own, second, capsys):
    """Restored from an older file, or made anew: the rows have other UUIDs, and some have the old names."""
    server, task, recording = own
    config = {"logical_switches": {"kept": {"tunnel_key": 1, "ucast_remote": {"00:00:00:00:00:01": {"locator": "10.0.0.1"}}}, "gone": {}}}
    task("vtep_config", config=config)
    recording.start()
    kill(server)
    (server.directory / "vtep.db").unlink()
    other = Task(second, capsys)
    del config["logical_switches"]["gone"]
    config["logical_switches"]["kept"]["tunnel_key"] = 2
    other("vtep_config", config=config)
    (server.directory / "vtep.db").write_bytes((second.directory / "vtep.db").read_bytes())
    again(server)
    wait_for(recording, "reconnected", 1)
    (line,) = (line for line in recording.stop()["recording"] if line["event"] == "reconnected")
    assert sorted((one["row"]["name"], one["action"]) for one in line["changes"]) == [("gone", "delete"), ("kept", "modify")]


def test_it_is_stopped_while_the_server_is_away(own):
    server, task, recording = own
    recording.start()
    task("vtep_logical_switch", name="ls0")
    wait_for(recording, "transaction", 1)
    kill(server)
    result = recording.stop()
    assert not result["complete"] and "may be missing" in result["warnings"][0]
    assert names(result, "Logical_Switch") == ["ls0"]
    again(server)


# -- bounds ---------------------------------------------------------------------------------------------------------


def test_the_number_of_transactions_is_bounded(task, recording):
    pid = recording.start(max_transactions=2)["pid"]
    for name in ("ls0", "ls1", "ls2"):
        task("vtep_logical_switch", name=name)
    recording.ended(pid)
    result = recording.stop()
    assert not result["changed"] and (result["why"], result["transactions"], result["complete"]) == ("max_transactions", 2, True)
    assert names(result, "Logical_Switch") == ["ls0", "ls1"]
    assert result["recording"][-1]["event"] == "ended"


def test_the_time_is_bounded(task, recording):
    recording.ended(recording.start(max_seconds=1)["pid"])
    assert recording.stop()["why"] == "max_seconds"


def test_the_size_is_bounded(server, task, recording):
    pid = recording.start(max_bytes=65536)["pid"]
    for index in range(20):
        server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": f"ls{index}", "description": "x" * 5000}})
    recording.ended(pid)
    result = recording.stop()
    assert result["why"] == "max_bytes" and 50_000 < result["bytes"] <= 65536
    assert 0 < result["transactions"] < 20


def test_a_database_that_is_larger_than_the_bound(server, task, recording):
    server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": "ls0", "description": "x" * 70000}})
    with pytest.raises(Failed, match="max_bytes: 65536 is less than.*initial: false"):
        recording.start(max_bytes=65536)
    assert not os.path.exists(recording.path)
    assert recording.start(max_bytes=65536, initial=False)["changed"]
    assert "initial" not in recording.stop()["recording"][0]


def test_a_file_that_cannot_grow(server, task, recording):
    """As on a file system that is full: no half of a line is left, and the last one says what is wrong."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        pid = recording.start()["pid"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": "small"}})
    server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": "large", "description": "x" * 100_000}})
    recording.ended(pid)
    result = recording.stop()
    assert events(result) == ["started", "transaction", "ended"] and not result["complete"]
    assert result["why"] == "fault: File too large" and "may be missing" in result["warnings"][0]


# -- found again, and not confused ----------------------------------------------------------------------------------


def test_a_recorder_that_was_killed(task, recording):
    pid = recording.start()["pid"]
    task("vtep_logical_switch", name="ls0")
    wait_for(recording, "transaction", 1)
    os.kill(pid, signal.SIGKILL)
    recording.ended(pid)
    with pytest.raises(Failed, match="ended without saying why"):
        recording.stop()
    # Half a line is what a kill may leave.
    with open(recording.path, "a", encoding="utf-8") as file:
        file.write('{"event":"trans')
    with pytest.raises(Failed, match="ended without saying why"):
        recording.stop()
    assert len(vtep_timeline(Path(recording.path).read_text())) == 2
    assert recording.start()["changed"]
    assert recording.stop()["why"] == "stopped"


def test_only_recordings_are_replaced(task, recording):
    for foreign in ("precious", '{"event": "started"}\n', "[]\n"):
        Path(recording.path).write_text(foreign)
        with pytest.raises(Failed, match="is not a recording"):
            recording.start()
        with pytest.raises(Failed, match="is not a recording"):
            recording.stop()
        assert Path(recording.path).read_text() == foreign


def test_a_failed_start_leaves_the_old_recording(task, recording):
    recording.start()
    recording.stop()
    before = Path(recording.path).read_bytes()
    with pytest.raises(Failed, match="cannot connect"):
        recording.start(database="unix:/nonexistent/db.sock")
    assert Path(recording.path).read_bytes() == before


def test_one_file_is_for_one_database(task, recording):
    recording.start()
    with pytest.raises(
        Failed,
        match="database: 'unix:/nonexistent/db.sock' has no effect: .* is being recorded to, with database: 'unix:.*; stop that first",
    ):
        recording.start(database="unix:/nonexistent/db.sock")
    assert recording.stop()["changed"]


@pytest.mark.parametrize(
    "other",
    [{"initial": False}, {"status": False}, {"database_file": "/etc/vtep.db"}, {"max_bytes": 2**20}, {"max_seconds": 5}, {"max_transactions": 5}],
)  # fmt: skip
def test_a_running_recorder_keeps_its_options(recording, other):
    ((option, value),) = other.items()
    pid = recording.start(max_seconds=3600)["pid"]
    with pytest.raises(
        Failed, match=re.escape(f"{option}: {value!r} has no effect: {recording.path!r} is being recorded to, with {option}: ")
    ):
        recording.start(**{"max_seconds": 3600, **other})
    again = recording.start(max_seconds=3600, timeout=60)
    assert (again["changed"], again["pid"]) == (False, pid)
    assert recording.stop()["why"] == "stopped"


def test_what_was_never_recorded_has_no_contents(recording):
    result = recording.stop()
    assert (result["changed"], result["pid"]) == (False, None) and "recording" not in result


def test_check_mode_starts_and_stops_nothing(task, recording):
    assert task.check("vtep_record", path=recording.path, state="started")["changed"]
    assert not os.path.exists(recording.path)
    assert not task.check("vtep_record", path=recording.path, state="stopped")["changed"]
    pid = recording.start()["pid"]
    assert not task.check("vtep_record", path=recording.path, state="started")["changed"]
    assert task.check("vtep_record", path=recording.path, state="stopped")["changed"]
    assert recorder.pid_of(recording.path) == pid
    assert recording.stop()["changed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "relative"}, "path: .*absolute"),
        ({"path": "/nonexistent/recording"}, "path: .*No such file or directory"),
        ({"path": "/"}, "path: .*directory"),
        ({"contents": True}, "contents: requires state: stopped, not started; leave it out"),
        ({"max_bytes": 100}, "max_bytes: 100 is out of range"),
        ({"max_seconds": 0}, "max_seconds: 0 is out of range"),
        ({"max_transactions": 0}, "max_transactions: 0 is out of range"),
        ({"database": "udp:1"}, "database: "),
    ],
)
def test_bad_options(task, options, message):
    with pytest.raises(Failed, match=message):
        task("vtep_record", **{"path": "/tmp/nothing.jsonl", "state": "started", **options})
    assert not os.path.exists("/tmp/nothing.jsonl")


# -- who wrote ------------------------------------------------------------------------------------------------------


def test_an_update_does_not_say_who_wrote(server, task, recording):
    """A comment is in the database's file, and in no update."""
    recording.start()
    server.transact({"op": "comment", "comment": "by the controller"}, {"op": "insert", "table": "Logical_Switch", "row": {"name": "ls0"}})
    assert "by the controller" not in json.dumps(recording.stop()["recording"])
    assert b"by the controller" in (server.directory / "vtep.db").read_bytes()


def test_what_writers_say_of_themselves(server, task, recording):
    """Each comment goes to the line of its transaction, through a compaction of the file and beside transactions that say nothing."""
    server.ctl("add-ls", "earlier")
    recording.start(database_file=str(server.directory / "vtep.db"))
    server.ctl("add-ls", "by-ctl")
    server.transact({"op": "insert", "table": "Logical_Switch", "row": {"name": "silent"}})
    subprocess.run(["ovs-appctl", "-t", server.directory / "ctl", "ovsdb-server/compact"], check=True, capture_output=True)
    server.transact({"op": "comment", "comment": "controller"}, {"op": "insert", "table": "Logical_Switch", "row": {"name": "commented"}})
    server.transact({"op": "comment", "comment": "nothing changed"})
    task("vtep_logical_switch", name="ours")
    result = recording.stop()
    lines = {line["changes"][0]["row"]["name"]: line for line in result["recording"] if line["event"] == "transaction"}
    assert {name: line.get("comments") for name, line in lines.items()} == {
        "by-ctl": [f"vtep-ctl: vtep-ctl --db={server.remote} --timeout=20 add-ls by-ctl"],
        "silent": None,
        "commented": ["controller"],
        "ours": None,
    }
    assert all(line["committed"][:-1] <= line["time"][:23] for line in lines.values())
    assert vtep_timeline(result["recording"])[3].endswith("Logical_Switch commented created (controller)")


def test_each_comment_has_its_line_however_late_the_recorder_is(server, task, recording):
    """The file is ahead of the updates: all transactions on one row are in it, with a compaction among them, before the first is read."""
    server.ctl("add-ps", "br0")
    pid = recording.start(database_file=str(server.directory / "vtep.db"))["pid"]
    os.kill(pid, signal.SIGSTOP)
    row = {"op": "update", "table": "Physical_Switch", "where": []}
    for number in range(10, 20):
        if number == 15:
            subprocess.run(["ovs-appctl", "-t", server.directory / "ctl", "ovsdb-server/compact"], check=True, capture_output=True)
        # One goes and one comes, which the file says as a difference.
        addresses = ["set", [f"10.0.0.{number}", f"10.0.0.{number + 1}"]]
        server.transact({"op": "comment", "comment": f"writer {number}"}, {**row, "row": {"tunnel_ips": addresses}})
    os.kill(pid, signal.SIGCONT)
    lines = [line for line in recording.stop()["recording"] if line["event"] == "transaction"]
    assert [(line["changes"][0]["after"]["tunnel_ips"][0], line.get("comments")) for line in lines] == [
        (f"10.0.0.{number}", [f"writer {number}"]) for number in range(10, 20)
    ]


def test_a_file_that_is_no_database(task, recording):
    with pytest.raises(Failed, match="database_file: .* is not the file of an OVSDB server"):
        recording.start(database_file=__file__)
    with pytest.raises(Failed, match="database_file: cannot read"):
        recording.start(database_file="/nonexistent/vtep.db")
