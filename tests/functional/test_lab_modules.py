# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lab_capture, lab_transfer and lab_databases with real programs and real TCP, in a network namespace of their own. Needs root."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError

MODULES = "ansible_collections.vxlanlab.vtep.plugins.modules"
# Tells its port, and takes one connection.
SERVER = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); c = s.accept()[0]"


class Namespace:
    """A network namespace whose loopback interface is up."""

    def __init__(self):
        command = ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && read -r _"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def run(self, *command, **options):
        return subprocess.run(
            ["nsenter", "-t", str(self.process.pid), "-n", *command], capture_output=True, text=True, check=False, **options
        )

    def python(self, code):
        """A program that goes on beside; the socket module is there."""
        command = ["nsenter", "-t", str(self.process.pid), "-n", sys.executable, "-c", f"import socket, sys\n{code}"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ping(self, count):
        assert self.run("ping", "-c", str(count), "-i", "0.01", "127.0.0.1").returncode == 0

    def module(self, name, env=None, through=(), **arguments):
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        done = self.run(*through, sys.executable, "-m", f"{MODULES}.{name}", input=text, env=env)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def end(self):
        self.process.communicate(b"\n")


@pytest.fixture(scope="module")
def namespace():
    made = Namespace()
    yield made
    made.end()


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "captures" / "lo.pcap"
    for pid in tcpdumps(tmp_path):
        os.kill(pid, signal.SIGKILL)


def tcpdumps(folder):
    """The PIDs of those that write a file of this folder."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{entry}/fd/1").startswith(f"{folder}/"):
                found.append(int(entry))
        except OSError:
            continue
    return found


def capture(namespace, path, state, interface="lo", **options):
    return namespace.module("lab_capture", state=state, captures=[{"path": str(path), "interface": interface}], **options)


# Captures


def test_a_capture_has_all_packets_from_start_to_stop(namespace, path, tmp_path):
    started = capture(namespace, path, "started")
    assert started["changed"]
    assert tcpdumps(tmp_path) == [started["captures"][0]["pid"]]
    namespace.ping(50)
    stopped = capture(namespace, path, "stopped")
    assert stopped["changed"]
    assert not tcpdumps(tmp_path)
    assert stopped["captures"] == [{"path": str(path), "pid": None, "packets": 100, "dropped": 0}]
    assert [packet["info"].split(" id=")[0].strip() for packet in _capture.read(path).packets] == [
        "Echo (ping) request",
        "Echo (ping) reply",
    ] * 50


def test_a_capture_as_root_of_a_container(namespace, path):
    """Docker's root lacks CAP_SYS_PTRACE, and may not look into the processes of other users."""
    container = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    pid = capture(namespace, path, "started", through=container)["captures"][0]["pid"]
    assert pid
    namespace.ping(1)
    assert capture(namespace, path, "stopped", through=container)["captures"][0] == {
        "path": str(path),
        "pid": None,
        "packets": 2,
        "dropped": 0,
    }


def test_it_can_be_stopped_twice(namespace, path):
    capture(namespace, path, "started")
    assert capture(namespace, path, "stopped")["changed"]
    assert not capture(namespace, path, "stopped")["changed"]
    assert not capture(namespace, path.with_name("never.pcap"), "stopped")["changed"]


def test_a_new_capture_replaces_one_that_was_left(namespace, path, tmp_path):
    first = capture(namespace, path, "started")["captures"][0]["pid"]
    namespace.ping(3)
    second = capture(namespace, path, "started")["captures"][0]["pid"]
    assert tcpdumps(tmp_path) == [second] != [first]
    namespace.ping(1)
    assert capture(namespace, path, "stopped")["captures"][0]["packets"] == 2
    assert _capture.read(path).count == 2


def test_a_filter(namespace, path):
    capture(namespace, path, "started", filter="icmp[icmptype] == icmp-echo")
    namespace.ping(4)
    assert capture(namespace, path, "stopped")["captures"][0]["packets"] == 4


def test_check_mode_starts_and_stops_nothing(namespace, path, tmp_path):
    assert capture(namespace, path, "started", _ansible_check_mode=True)["changed"]
    assert not path.parent.exists()
    capture(namespace, path, "started")
    assert capture(namespace, path, "stopped", _ansible_check_mode=True)["changed"]
    assert len(tcpdumps(tmp_path)) == 1


def test_all_or_nothing(namespace, path, tmp_path):
    captures = [{"path": str(path), "interface": "lo"}, {"path": f"{path}2", "interface": "nowhere"}]
    result = namespace.module("lab_capture", state="started", captures=captures)
    assert result["failed"]
    assert "tcpdump cannot capture on nowhere" in result["msg"]
    assert not tcpdumps(tmp_path)


def test_a_capture_that_ended_by_itself_is_an_error(namespace, path):
    os.kill(capture(namespace, path, "started")["captures"][0]["pid"], signal.SIGKILL)
    result = capture(namespace, path, "stopped")
    assert result["failed"]
    assert f"{path} ended by itself" in result["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"captures": [{"path": "lo.pcap", "interface": "lo"}]}, "path 'lo.pcap' is not absolute"),
        ({"captures": [{"path": "/run/nowhere/lo.pcap"}]}, "/run/nowhere/lo.pcap has no interface"),
        ({"timeout": 0}, "timeout: 0 is out of range"),
        ({"filter": "no such filter"}, "tcpdump cannot capture on lo"),
        # To tcpdump this would be an option that names a program to run.
        ({"filter": "-z sh"}, "tcpdump cannot capture on lo"),
        ({"captures": [{"path": "/run", "interface": "lo"}]}, "captures: /run cannot be written: Is a directory"),
    ],
)
def test_what_a_capture_refuses(namespace, path, options, message):
    result = namespace.module("lab_capture", **{"state": "started", "captures": [{"path": str(path), "interface": "lo"}], **options})
    assert result["failed"]
    assert message in result["msg"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"captures": [{"path": "/run/a\0b.pcap", "interface": "lo"}]}, "captures: path: '/run/a\\x00b.pcap'"),
        ({"captures": [{"path": "/run/a.pcap", "interface": "l\0o"}]}, "captures: interface: 'l\\x00o'"),
        ({"filter": "ic\0mp"}, "filter: 'ic\\x00mp'"),
        ({"timeout": 10**13}, "timeout: 10000000000000 is out of range. Use 1 to 2000000 seconds."),
    ],
)
def test_a_capture_refuses_what_no_command_can_be_given(namespace, path, options, name):
    for state in ("started", "stopped"):
        captures = [{"path": str(path), "interface": "lo"}]
        result = namespace.module("lab_capture", **{"state": state, "captures": captures, **options})
        assert result["failed"] and "exception" not in result
        assert name in result["msg"]
    assert not path.parent.exists()


@pytest.fixture
def small(tmp_path):
    """A file system of 256 KiB in a mount namespace of its own, and how to run a module there."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = f"mount -n -t tmpfs -o size=256k tmpfs {folder} && echo ready && read -r _"
    command = ["unshare", "--net", "--mount", "sh", "-c", f"ip link set lo up && {mount}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        place = Namespace.__new__(Namespace)
        place.process = process
        enter = ("nsenter", "-t", str(process.pid), "-m")
        yield place, enter, folder
        for pid in tcpdumps(folder):
            os.kill(pid, signal.SIGKILL)
        process.stdin.close()


def test_a_full_file_system_is_called_that_and_at_once(small):
    namespace, enter, folder = small
    namespace.run(*enter, "sh", "-c", f"cat /dev/zero >{folder}/filler")
    started = time.monotonic()
    captures = [{"path": f"{folder}/lo.pcap", "interface": "lo"}]
    result = namespace.module("lab_capture", through=enter, state="started", captures=captures)
    assert result["failed"] and f"The file system of {folder} is full: remove files there" in result["msg"]
    assert "busy" not in result["msg"] and time.monotonic() - started < 30
    captures = [{"path": f"{folder}/new/lo.pcap", "interface": "lo"}]
    result = namespace.module("lab_capture", through=enter, state="started", captures=captures)
    assert result["failed"] and "is full" in result["msg"]


def test_a_capture_that_fills_the_file_system_says_so_when_it_is_stopped(small):
    namespace, enter, folder = small
    captures = [{"path": f"{folder}/lo.pcap", "interface": "lo"}]
    assert not namespace.module("lab_capture", through=enter, state="started", captures=captures).get("failed")
    # Answered by a second packet each: more than the file system takes.
    assert namespace.run("ping", "-q", "-c", "10", "-i", "0.01", "-s", "60000", "127.0.0.1").returncode == 0
    result = namespace.module("lab_capture", through=enter, state="stopped", captures=captures)
    assert result["failed"] and f"{folder}/lo.pcap may lack packets at its end" in result["msg"]
    assert f"The file system of {folder} is full: remove files there" in result["msg"] and "busy" not in result["msg"]


def test_without_tcpdump(namespace, path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)
    from ansible_collections.vxlanlab.vtep.plugins.modules import lab_capture

    with pytest.raises(UserError, match="Install the package tcpdump"):
        lab_capture.start_all([], None, check_mode=False)


# Transfers


def receive(namespace, **options):
    return namespace.module("lab_transfer", **{"mode": "receive", "address": "127.0.0.1", "interface": "lo", **options})


def send(namespace, **options):
    return namespace.module("lab_transfer", **{"mode": "send", "address": "127.0.0.1", "interface": "lo", "source": "127.0.0.1", **options})


def wait_for_end(pid):
    subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True, timeout=20)


def test_bytes_arrive_as_they_were_sent(namespace):
    receiver = receive(namespace)
    sent = send(namespace, port=receiver["port"])
    assert sent["changed"]
    assert sent["size"] == 10 * 1024 * 1024
    assert sent["sha256_sent"] == sent["sha256_received"]
    assert len(sent["sha256_sent"]) == 64
    wait_for_end(receiver["pid"])


def test_a_receiver_ends_by_itself(namespace):
    wait_for_end(receive(namespace, timeout=1)["pid"])


def test_nobody_listens(namespace):
    result = send(namespace, port=9, size=1)
    assert result["failed"]
    assert "127.0.0.1:9: Connection refused. Does the receiver still run" in result["msg"]
    assert result["sha256_received"] == ""


def test_bytes_that_do_not_arrive_as_sent(namespace):
    # Another receiver: it takes all and returns the checksum of something else.
    with namespace.python(f"{SERVER}\nwhile c.recv(65536): pass\nc.sendall(b'0' * 64); c.close()") as liar:
        result = send(namespace, port=int(liar.stdout.readline()), size=1000)
    assert result["failed"]
    assert "did not get the 1000 bytes as they were sent" in result["msg"]


def test_more_bytes_than_any_memory_has_room_for(namespace):
    """They end with the time, and take no more memory than few do."""
    receiver = receive(namespace, timeout=2)
    limited = ("prlimit", f"--as={512 * 2**20}")
    started = time.monotonic()
    options = {"mode": "send", "address": "127.0.0.1", "port": receiver["port"], "size": 10**13, "timeout": 1}
    result = namespace.module("lab_transfer", through=limited, **options)
    assert result["failed"] and "exception" not in result
    assert "did not take and confirm 10000000000000 bytes within 1 s" in result["msg"]
    assert time.monotonic() - started < 30 and result["sha256_sent"] == result["sha256_received"] == ""
    wait_for_end(receiver["pid"])


def test_a_receiver_that_does_not_answer(namespace):
    with namespace.python(f"{SERVER}; sys.stdin.read()") as silent:
        result = send(namespace, port=int(silent.stdout.readline()), timeout=1)
        silent.stdin.close()
    assert result["failed"]
    assert "did not take and confirm 10485760 bytes within 1 s" in result["msg"]
    assert result["seconds"] < 5


def test_an_emulator_is_one_also_while_it_begins_a_program(namespace, tmp_path):
    """Until the new process executes it, it looks like the emulator."""
    script = tmp_path / "ovs-vtep"
    script.write_text("import os, sys\nos.fork()\nprint(flush=True)\nsys.stdin.read()\n")
    with subprocess.Popen([sys.executable, str(script), "br77"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        one.stdout.readline(), one.stdout.readline()
        assert namespace.module("lab_state", bridge="br77")["emulators"] == [one.pid]
        with subprocess.Popen([sys.executable, str(script), "br77"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as two:
            two.stdout.readline(), two.stdout.readline()
            assert namespace.module("lab_state", bridge="br77")["emulators"] == sorted([one.pid, two.pid])
            assert namespace.module("lab_state", bridge="br7")["emulators"] == []
            two.stdin.close()
        one.stdin.close()


def connections(namespace, port):
    """What the kernel still has to say to somebody at a port."""
    return [line for line in namespace.run("ss", "-tanH", f"dport = {port} or sport = {port}").stdout.splitlines() if "LISTEN" not in line]


def test_a_transfer_that_ends_early_leaves_nothing_that_is_sent_again(namespace):
    # The sender has more to send than the silent one takes; and the receiver gets neither bytes nor an end.
    with namespace.python(f"{SERVER}; sys.stdin.read()") as silent:
        port = int(silent.stdout.readline())
        assert send(namespace, port=port, timeout=1)["failed"]
        assert connections(namespace, port) == []
        silent.stdin.close()
    receiver = receive(namespace, timeout=1)
    with namespace.python(f"c = socket.create_connection(('127.0.0.1', {receiver['port']})); sys.stdin.read()") as silent:
        wait_for_end(receiver["pid"])
        assert connections(namespace, receiver["port"]) == []
        silent.stdin.close()


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        (receive, {"address": "192.0.2.1"}, "cannot use 192.0.2.1:0 on lo: Cannot assign requested address"),
        (receive, {"interface": "nowhere"}, "cannot use 127.0.0.1:0 on nowhere: No such device"),
        (receive, {"port": 65536}, "port: 65536 is out of range"),
        (send, {"port": 0}, "port: 0 is out of range. Use the port that the receiver returned, 1 to 65535."),
        (send, {"port": 9, "size": 0}, "size: 0 is out of range"),
        (send, {"port": 9, "timeout": 0}, "timeout: 0 is out of range"),
        (send, {"port": 9, "timeout": 10**13}, "timeout: 10000000000000 is out of range. Use 1 to 2000000 seconds."),
        (send, {"port": 9, "address": "127.0.0.1\0"}, "address: '127.0.0.1\\x00' is not accepted"),
        (send, {"port": 9, "address": "x" * 300}, "expected an IPv4 address"),
        (send, {"port": 9, "source": "::1"}, "source: '::1' is not accepted: expected an IPv4 address"),
        (receive, {"interface": "l\0o"}, "interface: 'l\\x00o' is not accepted"),
    ],
)
def test_what_a_transfer_refuses(namespace, run, options, message):
    result = run(namespace, **options)
    assert result["failed"]
    assert message in result["msg"]


# Tells its port, and keeps whoever connects.
MANAGER = "s, kept = socket.create_server(('127.0.0.1', 0)), []; print(s.getsockname()[1], flush=True)\nwhile True: kept.append(s.accept())"
DATABASES = [{"name": f"db{number}", "tunnel_ip": f"198.18.0.{number}", "ports": ["port1", "port2"]} for number in (1, 2)]


@pytest.fixture
def databases(namespace):
    """The module with a manager and a folder of its own, which is as short as a socket's path needs."""
    listening = namespace.python(MANAGER)
    manager = f"tcp:127.0.0.1:{int(listening.stdout.readline())}"
    with tempfile.TemporaryDirectory() as path:
        common = {"path": path, "databases": DATABASES, "manager": manager, "timeout": 30}
        yield lambda **options: namespace.module("lab_databases", **{**common, **options})
        namespace.module("lab_databases", path=path, state="absent")
    listening.kill()
    listening.communicate()


def rows_of(database, table, *columns):
    transaction = ["hardware_vtep", {"op": "select", "table": table, "where": [], "columns": columns}]
    done = subprocess.run(["ovsdb-client", "transact", database, json.dumps(transaction)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)[0]["rows"]


def test_databases_connect_and_are_kept(databases):
    assert databases(_ansible_check_mode=True)["changed"] and databases(state="gathered")["written_at"] is None
    made = databases()
    assert made["changed"] and made["started_at"] <= made["connected_at"] and made["started_at"] <= made["written_at"]
    for one, wanted in zip(made["databases"], DATABASES, strict=True):
        assert rows_of(one["database"], "Physical_Switch", "name", "tunnel_ips") == [
            {"name": wanted["name"], "tunnel_ips": wanted["tunnel_ip"]}
        ]
        assert {row["name"] for row in rows_of(one["database"], "Physical_Port", "name")} == {*wanted["ports"]}
        assert rows_of(one["database"], "Manager", "is_connected") == [{"is_connected": True}]
    assert not databases()["changed"]
    # One that has ended comes back with its rows; the other one goes on.
    first, second = made["databases"]
    subprocess.run(["vtep-ctl", f"--db={first['database']}", "add-ls", "ls0"], check=True)
    os.kill(first["leader"], signal.SIGKILL)
    ended(first["leader"])
    assert databases(_ansible_check_mode=True)["changed"] and databases(state="gathered")["databases"][0]["leader"] is None
    again = databases()
    assert again["changed"] and again["databases"][0]["leader"] != first["leader"] and again["databases"][1] == second
    assert rows_of(first["database"], "Logical_Switch", "name") == [{"name": "ls0"}]


def ended(*pids):
    limit = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}/fd/0") for pid in pids):
        assert time.monotonic() < limit


def test_databases_leave_no_trace(databases):
    made = databases()
    folder = Path(made["invocation"]["module_args"]["path"])
    (folder / "mine").mkdir()
    assert databases(state="absent", _ansible_check_mode=True)["changed"] and (folder / "db1").exists()
    assert databases(state="absent")["changed"]
    ended(*(one["leader"] for one in made["databases"]))
    assert [path.name for path in folder.iterdir()] == ["mine"]
    assert not databases(state="absent")["changed"]


def test_databases_of_clusters_have_another_leader(databases):
    made = databases(servers=3)
    assert made["changed"] and not databases(servers=3)["changed"]
    old = {one["name"]: one["leader"] for one in made["databases"]}
    for pid in old.values():
        os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + 30
    while None in (new := {one["name"]: one["leader"] for one in databases(servers=3, state="gathered")["databases"]}).values():
        assert time.monotonic() < limit
    assert all(new[name] != old[name] for name in old)
    assert databases(servers=3)["changed"]
    for one in made["databases"]:
        for remote in one["database"].split(","):
            assert len(rows_of(remote, "Physical_Switch", "name")) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"manager": "tcp:127.0.0.1:1", "timeout": 1}, "db1 is not connected to tcp:127.0.0.1:1 after 1 s. Does the controller listen"),
        ({"manager": "10.0.0.1"}, "manager: '10.0.0.1'"),
        ({"databases": [{"name": "a/b", "tunnel_ip": "198.18.0.1"}]}, "databases[0]: name: 'a/b'"),
        ({"databases": [DATABASES[0], DATABASES[0]]}, "databases[1]: name: 'db1'"),
        ({"databases": [{"name": "a", "tunnel_ip": "198.18.0.1", "ports": ["p", "p"]}]}, "databases[0]: ports"),
        ({"databases": [{"name": "a", "tunnel_ip": "nowhere"}]}, "databases[0]: tunnel_ip: 'nowhere'"),
        ({"path": "/tmp/" + "x" * 60}, "path: "),
        ({"path": "here"}, "path: 'here'"),
        ({"timeout": 0}, "timeout: 0"),
    ],
)
def test_databases_that_cannot_be(databases, options, words):
    assert words in databases(**options)["msg"]


def test_databases_take_nobodys_place(databases):
    folder = Path(databases(state="gathered")["invocation"]["module_args"]["path"])
    (folder / "db1" / "mine").mkdir(parents=True)
    assert f"path: {folder}/db1 cannot be made: Directory not empty" in databases()["msg"]
    assert [str(path.relative_to(folder)) for path in folder.rglob("*")] == ["db1", "db1/mine"]
