# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netns driver with real namespaces: module lab_netns, connection netns, inventory lab. Needs root."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from conftest import BIN
from lab_nodes import HV1, HV2, HV3, alive, connection, inside, made, module, module_command, module_input, pids, wait_until

from ansible_collections.vxlanlab.vtep.plugins.connection import netns as netns_connection
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import netns, processes
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import NODE, Node, wanted_nodes

PLAYBOOKS = Path(__file__).resolve().parents[1] / "integration/netns"
# Open vSwitch is installed where these tests run.
PRIVATE_DIRECTORIES = ("/run", "/etc/openvswitch", "/var/lib/openvswitch", "/var/log/openvswitch")
NOBODY = 65534


@pytest.fixture(scope="session", autouse=True)
def namespaces_can_be_made():
    netns.preflight(processes.Deadline(10))


# Helpers


def pings(pid, ip):
    return (
        subprocess.run(["nsenter", "-t", str(pid), "-a", "--", "ping", "-c1", "-W2", ip], stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def links(pid):
    return netns.links(pid, processes.Deadline(10))


def namespaces_of(pid):
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt", "uts", "ipc", "pid")}


@contextlib.contextmanager
def held(namespaces):
    """Keep namespaces (pid -> kinds) in being. Yields a look at the processes in them; their numbers are not used again."""

    def users():
        used = set()
        for entry in Path("/proc").glob("[0-9]*/ns/*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry) in numbers and alive(entry.parts[2]):
                    used.add(entry.parts[2])
        return used

    numbers = {os.readlink(f"/proc/{pid}/ns/{kind}") for pid, kinds in namespaces.items() for kind in kinds}
    with contextlib.ExitStack() as files:
        for pid, kinds in namespaces.items():
            for kind in kinds:
                files.enter_context(open(f"/proc/{pid}/ns/{kind}", "rb"))
        yield users


class Host:
    """A stand-in for the host: net and mount namespaces in which nothing but the test changes anything, and a witness."""

    def __init__(self):
        # Without an IPv6 address: it would change by itself, from tentative to valid.
        device = "sysctl -q net.ipv6.conf.default.disable_ipv6=1; ip link add name host0 up type bridge"
        mounts = "mount -n -t sysfs sysfs /sys; mount -n -t tmpfs none /run"
        script = f"{mounts}; ip link set lo up; {device}; exec ip -oneline monitor all"
        self.monitor = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-ec", script], stdout=subprocess.PIPE, text=True)
        self.prefix = ["nsenter", "-t", str(self.monitor.pid), "-n", "-m", "--"]
        self.marks = iter(range(1, 65536))

    def wait_until_listening(self):
        wait_until(lambda: alive(self.monitor.pid) and Path(f"/proc/{self.monitor.pid}/comm").read_text() == "ip\n", "started")
        wait_until(lambda: self.mark() and select.select([self.monitor.stdout], [], [], 0.1)[0], "heard by ip monitor")
        self.heard()

    def run(self, *command):
        return subprocess.run([*self.prefix, *command], check=True, capture_output=True, text=True).stdout

    def mark(self):
        number = next(self.marks)
        address = f"172.30.{number // 256}.{number % 256}/32"
        self.run("ip", "address", "add", address, "dev", "host0")
        self.run("ip", "address", "delete", address, "dev", "host0")
        return address

    def heard(self):
        """What the monitor reports up to now, without the marks."""
        mark = self.mark()
        lines = []
        while True:
            line = self.monitor.stdout.readline()
            assert line, "ip monitor ended"
            if line.startswith("[ADDR]Deleted") and mark in line:
                return [line for line in lines if "host0" not in line]
            lines.append(line)

    def state(self):
        commands = ("ip link", "ip address", "ip route show table all", "ip rule", "ip netns", "cat /proc/self/mountinfo")
        return [self.run(*command.split()) for command in (*commands, f"ls -lAR {' '.join(PRIVATE_DIRECTORIES)}")]


@pytest.fixture
def host():
    host = Host()
    try:
        host.wait_until_listening()
        yield host
    finally:
        host.monitor.kill()
        host.monitor.communicate()


# Life of a lab


def test_a_lab_is_made_once_and_removed_once(lab):
    first = made(lab, HV1, HV2)
    assert first["changed"] and [node["name"] for node in first["nodes"]] == ["hv1", "hv2"]
    interface = {"name": "eth0", "address": "10.0.0.1/8", "mac": "02:42:0a:00:00:01"}
    more = {"kind": "hypervisor", "interface": "eth0", "mac": interface["mac"], "mtu": 1500, "interfaces": [interface], "routes": []}
    assert first["nodes"][0] == dict(HV1, pid=pids(first)["hv1"], **more)
    assert first["underlay"] == {"bridges": {"10.0.0.0/8": "underlay"}, "mtu": 1500, "pid": pids(first)["underlay"]}
    assert first["diff"]["before"] == {}
    assert first["diff"]["after"]["hv2"] == {"address": "10.1.0.1/8", "interface": "eth0", "mtu": 1500}
    namespaces = {pid: namespaces_of(pid) for pid in [*pids(first).values(), "self"]}
    assert len({number for numbers in namespaces.values() for number in numbers.values()}) == 4 * 5
    del namespaces["self"]

    again = made(lab, HV1, HV2)
    assert not again["changed"] and pids(again) == pids(first)
    assert again["diff"]["before"] == again["diff"]["after"] == first["diff"]["after"]

    with held(namespaces) as users:
        assert users() >= {str(pid) for pid in pids(first).values()}
        gone = made(lab, state="absent")
        assert not users()
    assert gone["changed"] and gone["nodes"] == [] and gone["underlay"] is None
    assert gone["diff"] == {"before": first["diff"]["after"], "after": {}}
    assert not any(alive(pid) for pid in pids(first).values())
    assert not made(lab, state="absent")["changed"]


def test_nothing_of_a_lab_shows_on_the_host_not_even_for_a_moment(lab, host):
    before = host.state()
    result = made(lab, HV1, HV2, prefix=host.prefix)
    made(lab, HV1, HV3, prefix=host.prefix)
    assert host.state() == before
    assert pings(pids(result)["hv1"], "10.2.0.1")
    made(lab, state="absent", prefix=host.prefix)
    assert host.state() == before
    assert host.heard() == []


def test_a_node_is_what_it_should_be(lab):
    result = made(lab, HV1, HV2, mtu=1400)
    pid = pids(result)["hv1"]
    assert inside(pid, "hostname") == "hv1\n"
    assert inside(pid, "pwd") == "/\n"
    assert Path(inside(pid, "readlink", "/proc/1/cwd").strip()) == Path("/")
    assert {name.split("@")[0] for name in inside(pid, "ls", "/sys/class/net").split()} == {"lo", "eth0"}
    eth0 = links(pid)["eth0"]
    assert (eth0["mtu"], eth0["address"], eth0["operstate"]) == (1400, "02:42:0a:00:00:01", "UP")
    assert [(a["local"], a["prefixlen"]) for a in eth0["addr_info"]] == [("10.0.0.1", 8)], "no IPv6 address either"
    assert pings(pid, "10.1.0.1") and pings(pid, "127.0.0.1")
    bridge = links(pids(result)["underlay"])
    assert bridge["underlay"]["mtu"] == 1400 and {bridge[name]["master"] for name in ("hv1", "hv2")} == {"underlay"}
    assert inside(pids(result)["underlay"], "cat", "/sys/class/net/underlay/bridge/multicast_snooping") == "0\n"
    assert inside(pids(result)["underlay"], "sysctl", "-n", "net.ipv6.conf.underlay.disable_ipv6") == "1\n"


def test_the_directories_of_a_node_are_its_own(lab):
    result = pids(made(lab, HV1, HV2))
    for directory in PRIVATE_DIRECTORIES:
        assert inside(result["hv1"], "ls", "-A", directory).split() == (["lock"] if directory == "/run" else [])
        inside(result["hv1"], "touch", f"{directory}/from-hv1")
        assert "from-hv1" not in os.listdir(directory)
        assert "from-hv1" not in inside(result["hv2"], "ls", directory)


def test_a_lab_does_not_depend_on_what_made_it(lab):
    for pid in pids(made(lab, HV1)).values():
        assert os.getsid(pid) != os.getsid(0)
        assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")} == {"/dev/null"}
    assert len(processes.processes(lab)) == 2, "the helpers that made the nodes have ended"


def test_orphans_are_reaped(lab):
    pid = pids(made(lab, HV1))["hv1"]
    # Each `( ... & )` leaves a child to PID 1: ten end at once, ten later.
    inside(pid, "sh", "-c", "exec >/dev/null 2>&1; for i in 0 1 2 3 4 5 6 7 8 9; do ( true & ); ( sleep 0.2 & ); done")
    wait_until(lambda: len(inside(pid, "ps", "-eo", "stat=").split()) == 3, "only PID 1, its child and ps left")


def test_what_a_node_runs_is_no_node(lab):
    pid = pids(made(lab, HV1))["hv1"]
    before = processes.processes(lab)
    # The command line of the node's own shell: what a fork of it has until it executes a program.
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    assert arguments[:2] == ["sh", "-c"]
    command = ["nsenter", "-t", str(pid), "-p", "--", "sh", "-c", "echo runs; read end", *arguments[3:]]
    fork = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert fork.stdout.readline() == "runs\n"
        assert processes.processes(lab) == before and not made(lab, HV1)["changed"]
    finally:
        fork.communicate("end\n")
    assert fork.returncode == 0, "was left alone"


def test_check_mode_foretells_and_changes_nothing(lab):
    foretold = made(lab, HV1, HV2, check=True)
    assert foretold["changed"] and not processes.processes(lab)
    assert pids(foretold) == {"hv1": None, "hv2": None, "underlay": None}
    real = made(lab, HV1, HV2)
    assert real["diff"] == foretold["diff"]

    foretold = made(lab, HV1, HV3, check=True)
    assert pids(foretold) == {"hv1": pids(real)["hv1"], "hv3": None, "underlay": pids(real)["underlay"]}
    assert set(processes.running(lab)) == {"hv1", "hv2"}
    assert made(lab, HV1, HV3)["diff"] == foretold["diff"]

    foretold = made(lab, state="absent", check=True)
    assert foretold["changed"] and foretold["nodes"] == [] and set(processes.running(lab)) == {"hv1", "hv3"}
    assert made(lab, state="absent")["diff"] == foretold["diff"]


def test_two_labs_run_side_by_side(lab, other_lab):
    first, second = pids(made(lab, HV1, HV2)), pids(made(other_lab, HV1, HV2))
    assert not set(first.values()) & set(second.values())
    assert not made(lab, HV1, HV2)["changed"]
    made(lab, state="absent")
    assert not made(other_lab, HV1, HV2)["changed"] and pings(second["hv1"], "10.1.0.1")


def test_nodes_come_and_go_while_others_stay(lab):
    first = pids(made(lab, HV1, HV2))
    # Held, the namespace of hv2 stays, and with it hv2's port, unless that is deleted.
    with held({first["hv2"]: ["net"]}):
        second = pids(made(lab, HV1, HV3))
        assert set(links(second["underlay"])) == {"lo", "underlay", "hv1", "hv3"}
    assert set(second) == {"hv1", "hv3", "underlay"}
    assert second["hv1"] == first["hv1"] and second["underlay"] == first["underlay"] and not alive(first["hv2"])
    assert pings(second["hv1"], "10.2.0.1")


@pytest.mark.parametrize(
    ("changed", "options", "stay"),
    [
        (dict(HV1, address="10.0.0.9/8"), {}, {"hv2", "underlay"}),
        (dict(HV1, interface="uplink"), {}, {"hv2", "underlay"}),
        (HV1, {"mtu": 9000}, set()),
    ],
)
def test_a_node_that_should_be_another_is_made_again(lab, changed, options, stay):
    first = made(lab, HV1, HV2)
    second = made(lab, changed, HV2, **options)
    assert second["changed"] and second["diff"]["before"] == first["diff"]["after"] != second["diff"]["after"]
    assert {name for name, pid in pids(second).items() if pid == pids(first)[name]} == stay
    assert pings(pids(second)["hv2"], changed["address"].split("/")[0])
    assert not made(lab, changed, HV2, **options)["changed"]


# Repair


@pytest.mark.parametrize(
    ("where", "damage", "told"),
    [
        ("hv1", "ip link set eth0 down", ["link set dev eth0 up"]),
        ("hv1", "ip link set eth0 mtu 1000", ["link set dev eth0 mtu 1500"]),
        ("hv1", "ip address flush dev eth0", ["address replace 10.0.0.1/8 broadcast + dev eth0"]),
        ("hv1", "ip link delete eth0", None),
        ("underlay", "ip link set hv1 nomaster", ["link set dev hv1 master underlay up"]),
        ("underlay", "ip link set underlay down", ["link set dev underlay up"]),
    ],
)
def test_damage_is_repaired_in_place(lab, where, damage, told):
    first = pids(made(lab, HV1, HV2))
    inside(first[where], *damage.split())
    foretold = made(lab, HV1, HV2, check=True)
    second = made(lab, HV1, HV2)
    assert second["changed"] and second["diff"] == foretold["diff"]
    [repaired] = [node["to_repair"] for node in second["diff"]["before"].values() if "to_repair" in node]
    assert told is None or repaired == told
    assert pids(second) == first and pings(first["hv2"], "10.0.0.1") and pings(first["hv1"], "10.1.0.1")
    assert not made(lab, HV1, HV2)["changed"]


def test_an_address_moved_to_a_bridge_of_the_node_is_left_there(lab):
    pid = pids(made(lab, HV1, HV2))["hv1"]
    make_bridge = "ip link add name breth0 up type bridge; ip link set eth0 master breth0"
    move_address = "ip address flush dev eth0; ip address add 10.0.0.1/8 dev breth0"
    inside(pid, "sh", "-ec", f"{make_bridge}; {move_address}")
    assert not made(lab, HV1, HV2)["changed"]
    assert links(pid)["eth0"]["addr_info"] == []


ROUTED = (
    {"name": "hv1", "address": "10.0.0.1/16", "routes": [{"to": "10.1.0.0/16", "via": "10.0.0.254"}]},
    {"name": "hv2", "address": "10.1.0.1/16", "routes": [{"to": "0.0.0.0/0", "via": "10.1.0.254"}]},
    {"name": "r1", "interfaces": [{"name": "left", "address": "10.0.0.254/16"}, {"name": "right", "address": "10.1.0.254/16"}]},
)


@pytest.mark.parametrize(
    ("where", "damage"),
    [
        ("hv1", "ip route flush 10.1.0.0/16"),
        ("hv1", "ip address flush dev eth0"),
        ("hv2", "ip route delete default"),
        ("r1", "ip link delete right"),
        ("r1", "ip link set left down"),
        ("underlay", "ip link set r1.1 nomaster"),
        ("underlay", "ip link set underlay1 down"),
    ],
)
def test_a_router_joins_networks_and_is_repaired_in_place(lab, where, damage):
    first = made(lab, *ROUTED)
    assert first["underlay"]["bridges"] == {"10.0.0.0/16": "underlay", "10.1.0.0/16": "underlay1"}
    assert not made(lab, *ROUTED)["changed"]
    assert inside(pids(first)["hv1"], "ping", "-c1", "-W2", "10.1.0.1").count(" ttl=63 ") == 1, "one router on the way"
    inside(pids(first)[where], *damage.split())
    assert not pings(pids(first)["hv1"], "10.1.0.1")
    foretold = made(lab, *ROUTED, check=True)
    second = made(lab, *ROUTED)
    assert second["changed"] and second["diff"] == foretold["diff"] and pids(second) == pids(first)
    assert pings(pids(second)["hv1"], "10.1.0.1") and not made(lab, *ROUTED)["changed"]


@pytest.mark.parametrize("victim", ["hv1", "underlay"])
def test_a_killed_node_is_made_again(lab, victim):
    first = pids(made(lab, HV1, HV2))
    # Held, the dead namespace stays, and with it the other ends of its veth pairs.
    with held({first[victim]: ["net"]}):
        os.kill(first[victim], signal.SIGKILL)
        wait_until(lambda: not alive(first[victim]), "dead")
        second = pids(made(lab, HV1, HV2))
    # The veth pairs end with the underlay, and so does what was bound to them.
    assert {name for name in first if first[name] != second[name]} == ({"hv1"} if victim == "hv1" else {"hv1", "hv2", "underlay"})
    assert pings(second["hv1"], "10.1.0.1") and not made(lab, HV1, HV2)["changed"]


def test_a_node_older_than_the_open_vswitch_packages_is_made_again(lab):
    assert os.path.isdir("/var/log/openvswitch"), "the tests need Open vSwitch"
    # In this mount namespace /var/log, and so /var/log/openvswitch, is empty: as before the packages came.
    hidden = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /var/log; exec "$@"', "sh"]
    first = pids(made(lab, HV1, HV2, prefix=hidden))
    second = made(lab, HV1, HV2)
    # OVN's packages are there only where a scenario has needed them.
    there = [directory for directory in ("/var/log/openvswitch", "/var/log/ovn") if os.path.isdir(directory)]
    assert second["diff"]["before"]["hv1"]["to_repair"] == [f"{directory} is shared with the host" for directory in there]
    assert pids(second)["hv1"] != first["hv1"] and pids(second)["hv2"] != first["hv2"]
    assert not made(lab, HV1, HV2)["changed"]


# Interruption

STEPS = ("apply", "_remove", "_wire", "_batch", "_ip", "__init__", "wait_until_ready", "keep", "wait_until_kept", "kill", "links")


def make(lab, *nodes):
    """What the module does, in this process: much faster where it is done often."""
    task = netns.Lab(lab, 10)
    task.look()
    task.plan(wanted_nodes(lab, [dict(node, interface="eth0") for node in nodes], 1500), 1500)
    task.apply()
    return {name: process.pid for name, process in task.nodes().items()}


def make_and_die(lab, lines, *nodes):
    """make() in a process that SIGKILLs itself after that many lines. Returns whether it died before the end."""

    def trace(frame, event, argument):
        nonlocal lines
        code = frame.f_code
        if code.co_filename in (netns.__file__, processes.__file__) and code.co_name in STEPS and event == "line":
            lines -= 1
            if not lines:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    child = os.fork()
    if not child:
        try:
            sys.settrace(trace)
            make(lab, *nodes)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_task_killed_anywhere_leaves_nothing_that_absent_or_present_cannot_handle(lab):
    hv1 = make(lab, HV1)["hv1"]
    lines, half_made = 1, 0
    while make_and_die(lab, lines, HV1, HV2, HV3):
        half_made += len(processes.processes(lab)) != 2
        if lines % 2:
            result = make(lab, HV1, HV2, HV3)
            assert result["hv1"] == hv1, "was complete all the time"
            assert len(processes.processes(lab)) == len(result) == 4
            assert pings(hv1, "10.1.0.1") and pings(hv1, "10.2.0.1")
        remove(lab)
        assert not processes.processes(lab)
        hv1 = make(lab, HV1)["hv1"]
        lines += 5
    # How many is a matter of time: new nodes end by themselves, soon after the task.
    assert lines > 100 and half_made >= 2, (lines, half_made)


def remove(lab):
    """What the module does for state=absent, in this process."""
    task = netns.Lab(lab, 10)
    task.look()
    task.plan_absent()
    task.apply()


def test_new_nodes_end_with_a_module_that_is_killed(lab, tmp_path):
    with stopped_in_the_middle(lab, tmp_path, HV1, HV2) as process:
        left = processes.processes(lab)
        assert len(left) == 3 and not any(found.kept for found in left) and not processes.running(lab)
        process.kill()
        wait_until(lambda: not processes.processes(lab), "ended by themselves")


def test_absent_finds_the_nodes_of_a_module_that_was_killed(lab, tmp_path):
    with stopped_in_the_middle(lab, tmp_path, HV1, HV2) as process, contextlib.ExitStack() as files:
        # Their pipes are held open here too, so that the nodes do not notice the end of their maker.
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            if int(entry.name) > 2 and os.readlink(entry).startswith("pipe:") and os.stat(entry, follow_symlinks=False).st_mode & 0o200:
                files.enter_context(open(entry, "wb", buffering=0))
        process.kill()
        process.wait()
        left = processes.processes(lab)
        assert len(left) == 3
        result = made(lab, state="absent")
        assert result["changed"] and result["diff"]["before"]["hv1"] == {"half_made": True}
        assert not processes.processes(lab) and not any(alive(found.pid) for found in left)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_module_that_is_interrupted_takes_its_nodes_along(lab, tmp_path, number):
    with stopped_in_the_middle(lab, tmp_path, HV1, HV2) as process:
        process.send_signal(number)
        wait_until(lambda: not processes.processes(lab), "ended")


@contextlib.contextmanager
def stopped_in_the_middle(lab, tmp_path, *nodes):
    """Run the module with an ip(8) that stops where the nodes are there but not wired; yield the module's process."""
    os.mkfifo(tmp_path / "reached")
    os.mkfifo(tmp_path / "go")
    ip = tmp_path / "ip"
    stop = f"echo >{tmp_path}/reached; read go <{tmp_path}/go; exit 9"
    ip.write_text(f'#!/bin/sh\ncase "$*" in\n  -batch*) {stop};;\nesac\nexec {shutil.which("ip")} "$@"\n')
    ip.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen(module_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    try:
        process.stdin.write(module_input(lab, nodes=nodes))
        process.stdin.close()
        (tmp_path / "reached").read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):  # nobody waits any more
            os.close(os.open(tmp_path / "go", os.O_WRONLY | os.O_NONBLOCK))


# Failure


def test_a_lab_that_cannot_be_made_completely_is_not_made(lab, tmp_path):
    first = made(lab, HV1)
    failing = failing_program(tmp_path, "ip", "*batch*", "echo no such luck >&2; exit 2")
    result = module(lab, HV1, HV2, HV3, env=failing)
    assert result["failed"] and "no such luck" in result["msg"] and "state=absent" in result["msg"]
    assert set(processes.running(lab)) == {"hv1"} and len(processes.processes(lab)) == 2
    assert set(links(pids(first)["underlay"])) == {"lo", "underlay", "hv1"}
    assert not made(lab, HV1)["changed"]


def test_a_failure_at_the_very_end_takes_along_what_was_complete(lab, monkeypatch):
    def fail(birth, deadline):
        if birth.node.name == "hv2":
            raise UserError("too late")
        wait(birth, deadline)

    wait = netns.Birth.wait_until_kept
    monkeypatch.setattr(netns.Birth, "wait_until_kept", fail)
    with pytest.raises(UserError, match="too late"):
        make(lab, HV1, HV2)
    assert not processes.processes(lab)


def test_a_node_that_fails_says_why_and_takes_the_others_along(lab, tmp_path):
    result = module(lab, HV1, HV2, env=failing_program(tmp_path, "unshare", "*new-node*hv2*", "echo out of luck; exit 3"))
    assert result["failed"] and result["msg"] == "node hv2 could not be made: out of luck"
    assert not processes.processes(lab)


def test_the_timeout_holds_and_leaves_nothing(lab, tmp_path):
    slow = failing_program(tmp_path, "ip", "*batch*", "exec tail -f /dev/null")
    started = time.monotonic()
    result = module(lab, HV1, HV2, env=slow, timeout=2)
    assert result["failed"] and "timeout: gave up waiting for" in result["msg"] and "after 2 s" in result["msg"]
    assert time.monotonic() - started < 30
    assert not processes.processes(lab)


def failing_program(tmp_path, name, pattern, failure):
    """An environment in which a program fails when its arguments match, and is itself otherwise."""
    program = tmp_path / name
    program.write_text(f'#!/bin/sh\ncase "$*" in\n  {pattern}) {failure};;\nesac\nexec {shutil.which(name)} "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@contextlib.contextmanager
def locked(lab):
    """Hold a lab as a task does that changes it. Yields the path of the lock."""
    with netns.Lab(lab, 10).locked():
        yield netns.LOCK.format(lab)


def opened(pid, path):
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        # One may be closed meanwhile.
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == os.path.realpath(path):
                return True
    return False


def test_only_root_can_hold_a_lab(lab):
    """Another user can neither make the lock, nor take the one that is there, nor does one of another kind help."""
    path = netns.LOCK.format(lab)
    as_nobody = ["setpriv", "--reuid", str(NOBODY), "--clear-groups"]
    with socket.socket(socket.AF_UNIX) as older:
        older.bind(f"\0vxlanlab.vtep/{lab}")
        for _there in (False, True):
            taken = subprocess.run([*as_nobody, "flock", "--nonblock", path, "true"], capture_output=True, text=True, check=False)
            assert taken.returncode and "Permission denied" in taken.stderr
            with locked(lab):
                assert os.stat(path).st_mode & 0o777 == 0o600
                taken = subprocess.run([*as_nobody, "flock", "--nonblock", path, "true"], capture_output=True, text=True, check=False)
                assert taken.returncode and "Permission denied" in taken.stderr
            # As a killed task leaves it.
            Path(path).touch(0o600)
        assert made(lab, HV1, timeout=5)["changed"]
    assert not os.path.exists(path)


def test_tasks_that_race_for_a_lab_take_turns(lab):
    """Each one that ends removes the lock that the next ones wait for."""
    children = [subprocess.Popen(module_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _number in range(8)]
    for number, child in enumerate(children):
        options = {"state": "absent"} if number % 2 else {"nodes": [HV1, HV2]}
        child.stdin.write(module_input(lab, timeout=120, **options))
        child.stdin.close()
    results = [json.loads(child.stdout.read()) for child in children]
    assert [child.wait() for child in children] == [0] * 8
    # Whoever does something finds a whole lab or none.
    wholes = [{}, {"hv1", "hv2", "underlay"}]
    assert all(set(result["diff"][when]) in map(set, wholes) for result in results for when in ("before", "after"))
    assert not os.path.exists(netns.LOCK.format(lab))


def test_a_lock_that_cannot_be_made_is_told(lab):
    read_only = ["unshare", "--mount", "sh", "-ec", 'mount -n -t tmpfs -o ro none /run; exec "$@"', "sh"]
    result = module(lab, state="absent", prefix=read_only)
    assert result["failed"] and f"the lock /run/vxlanlab.vtep-{lab}.lock cannot be made: Read-only file system" in result["msg"]


def test_another_user_may_ask_what_absent_would_remove(lab):
    as_nobody = [
        "setpriv",
        "--reuid",
        str(NOBODY),
        "--clear-groups",
        "--ambient-caps",
        "+dac_read_search",
        "--inh-caps",
        "+dac_read_search",
    ]
    assert not made(lab, state="absent", check=True, prefix=as_nobody)["changed"]
    made(lab, HV1)
    assert made(lab, state="absent", check=True, prefix=as_nobody)["diff"]["before"].keys() == {"underlay", "hv1"}
    result = module(lab, state="absent", prefix=as_nobody)
    assert result["failed"] and "needs root. Use become" in result["msg"] and processes.running(lab)


def test_one_task_at_a_time_changes_a_lab(lab, other_lab):
    with locked(lab):
        for result in (module(lab, HV1, timeout=1), module(lab, state="absent", timeout=1)):
            assert result["failed"] and f"gave up waiting for another task that changes lab {lab!r}" in result["msg"]
        assert made(other_lab, HV1)["changed"]
    assert not processes.processes(lab)


def test_a_task_waits_for_another_one(lab):
    with locked(lab) as path:
        process = subprocess.Popen(module_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(module_input(lab, nodes=[HV1]))
        process.stdin.close()
        wait_until(lambda: opened(process.pid, path), "waiting", 20)
        assert process.poll() is None and not processes.processes(lab)
    assert json.loads(process.stdout.read())["changed"] and process.wait() == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nodes": []},
        {"nodes": [{"name": "hv1", "address": "10.0.0.1"}]},
        {"nodes": [HV1], "timeout": 0},
        {"nodes": [HV1], "timeout": 10**13},
    ],
)
def test_bad_options_fail_before_anything_changes(lab, options):
    result = module(lab, **options)
    assert result["failed"] and ("nodes" in result["msg"] or "timeout" in result["msg"])
    assert not processes.processes(lab)


# Preflight


@pytest.mark.parametrize("program", ["unshare", "nsenter", "mount", "ip"])
def test_a_missing_program_is_named_with_its_package(lab, program):
    result = module(lab, HV1, prefix=without(program))
    assert result["failed"] and f"the program {program} is missing. Install the package" in result["msg"]
    assert "lab_driver=docker" in result["msg"]


def test_a_missing_tun_device_is_told(lab):
    hidden = ["unshare", "--mount", "sh", "-ec", 'mount -n -t tmpfs none /dev/net; exec "$@"', "sh"]
    result = module(lab, HV1, prefix=hidden)
    assert result["failed"] and "/dev/net/tun is missing" in result["msg"] and "modprobe tun" in result["msg"]
    assert not processes.processes(lab)


@pytest.mark.parametrize("capability", ["sys_admin", "net_admin"])
def test_a_container_without_the_capabilities_is_told(lab, capability):
    lacking = ["setpriv", "--bounding-set", f"-{capability}", "--inh-caps", f"-{capability}", "--"]
    result = module(lab, HV1, prefix=lacking)
    assert result["failed"] and "cannot be made here" in result["msg"] and "CAP_SYS_ADMIN" in result["msg"]
    assert "lab_driver=docker" in result["msg"] and not processes.processes(lab)


def test_another_user_than_root_is_told(lab, nobody):
    with pytest.raises(UserError, match="needs root. Use become.*lab_driver=docker"):
        netns.preflight(processes.Deadline(10))


def test_another_system_than_linux_is_told(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="needs Linux.*darwin.*lab_driver=docker"):
        netns.preflight(processes.Deadline(10))


def test_an_old_kernel_is_told(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    with pytest.raises(UserError, match="Linux 5.3"):
        netns.preflight(processes.Deadline(10))


def test_absent_needs_less(lab):
    made(lab, HV1)
    assert made(lab, state="absent", prefix=without("unshare"))["changed"]


def without(program):
    """A prefix for a command that is not to find a program: in its mount namespace no copy of it can be executed."""
    copies = [path for directory in os.environ["PATH"].split(":") if os.path.exists(path := f"{directory}/{program}")]
    hide = "; ".join(f"mount -n --bind /dev/null {path}" for path in sorted({os.path.realpath(path) for path in copies}))
    return ["unshare", "--mount", "sh", "-ec", f'{hide}; exec "$@"', "sh"]


# Finding


@pytest.fixture
def nobody():
    """The test runs as another user than root, who can become root again."""
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def test_any_user_sees_the_nodes(lab):
    result = pids(made(lab, HV1, HV2))
    os.seteuid(NOBODY)
    try:
        found = processes.running(lab)
    finally:
        os.seteuid(0)
    assert {name: process.pid for name, process in found.items()} == {"hv1": result["hv1"], "hv2": result["hv2"]}
    assert found["hv1"].node.address == "10.0.0.1/8"


def test_a_process_of_another_user_is_not_taken_for_a_node(lab):
    node = Node(lab, "hv1", "10.0.0.1/8", "eth0", 1500)
    impersonation = ["sh", "-c", "echo; read line; :", NODE, *node.arguments()]
    command = ["unshare", "--pid", "--fork", "--kill-child", "setpriv", "--reuid", str(NOBODY), *impersonation]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as impostor:
        impostor.stdout.readline()
        assert not processes.running(lab)
        impostor.stdin.close()


def test_a_lab_inside_a_container_is_not_taken_for_one_of_this_machine(lab, tmp_path):
    (tmp_path / "input").write_text(module_input(lab, nodes=[HV1]))
    script = f'"$@" <{tmp_path}/input >{tmp_path}/result; echo; read line; :'
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", *module_command()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as container:
        container.stdout.readline()
        found = processes.processes(lab)
        container.stdin.close()
    assert json.loads((tmp_path / "result").read_text())["changed"] and not found


# Connection


@pytest.mark.parametrize(("pipelining", "warm"), [("0", "1"), ("1", "0"), ("1", "1")])
def test_ansible_uses_a_node_like_any_host(lab, ansible, tmp_path, pipelining, warm):
    made(lab, HV1, HV2)
    payload = tmp_path / "payload"
    payload.write_bytes(os.urandom(5_000_000))
    (tmp_path / "payload.sha1").write_text(hashlib.sha1(payload.read_bytes()).hexdigest())
    variables = json.dumps({"payload": str(payload), "fetched": str(tmp_path / "fetched")})
    ran = ansible("ansible-playbook", PLAYBOOKS / "connection.yml", "-e", variables, ANSIBLE_PIPELINING=pipelining, ANSIBLE_NETNS_WARM=warm)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("hv1", "hv2"):
        assert (tmp_path / "fetched" / name / "run/payload").read_bytes() == payload.read_bytes()


@pytest.mark.parametrize(("pipelining", "copies"), [({}, 0), ({"ANSIBLE_PIPELINING": "0"}, 1)])
def test_pipelining_is_on_by_default_and_copies_nothing(lab, ansible, pipelining, copies):
    made(lab, HV1)
    ran = ansible("ansible", "hv1", "-vvv", "-m", "ansible.builtin.ping", **pipelining)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("<hv1> PUT ") == copies


def test_a_node_that_does_not_run_is_unreachable(lab, tmp_path):
    (tmp_path / "hosts").write_text(f"hv1 ansible_connection=vxlanlab.vtep.netns ansible_netns_lab={lab}\n")
    command = [BIN / "ansible", "-i", tmp_path / "hosts", "hv1", "-m", "ansible.builtin.ping"]
    env = os.environ | {"ANSIBLE_HOME": str(tmp_path), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 4 and "UNREACHABLE" in ran.stdout
    assert f"node 'hv1' of lab '{lab}' does not run" in ran.stdout and "make lab" in ran.stdout


def test_a_command_has_status_output_and_input(lab):
    made(lab, HV1)
    hv1 = connection(lab, "hv1")
    assert hv1.exec_command("hostname; echo aside >&2; exit 7") == (7, b"hv1\n", b"aside\n")
    assert hv1.exec_command("cat", in_data=b"\0\xff") == (0, b"\0\xff", b"")
    assert hv1.exec_command("cat") == (0, b"", b""), "no input is an end of file, not a wait"


def test_a_working_directory_that_is_gone_does_no_harm(lab, tmp_path, monkeypatch):
    made(lab, HV1)
    hv1 = connection(lab, "hv1")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert hv1.exec_command("pwd && ls -d lock") == (2, b"/\n", b"ls: cannot access 'lock': No such file or directory\n")
    assert hv1.exec_command("cd run && ls -d lock") == (0, b"lock\n", b""), "the node's own file system"


def test_a_node_that_was_made_again_is_found_again(lab):
    made(lab, HV1)
    hv1 = connection(lab, "hv1")
    made(lab, HV1, mtu=1400)
    for one in (hv1, connection(lab, "hv1")):
        assert one.exec_command("cat /sys/class/net/eth0/mtu") == (0, b"1400\n", b"")


def test_a_node_that_was_found_is_not_searched_for_again(lab, monkeypatch):
    made(lab, HV1, HV2)
    connection(lab, "hv1")
    searched = []
    monkeypatch.setattr(netns_connection, "running", lambda lab: searched.append(lab) or processes.running(lab))
    for name in ("hv1", "hv2", "hv1", "hv2"):
        assert connection(lab, name).exec_command("hostname") == (0, f"{name}\n".encode(), b"")
    assert searched == [lab], "hv2, once"


def test_a_node_that_goes_away_is_a_lost_connection(lab, tmp_path):
    made(lab, HV1)
    hv1 = connection(lab, "hv1")
    os.mkfifo(tmp_path / "started")
    failures = []

    def run():
        try:
            hv1.exec_command(f"echo >{tmp_path}/started; exec tail -f /dev/null")
        except AnsibleConnectionFailure as error:
            failures.append(error)

    command = threading.Thread(target=run)
    command.start()
    (tmp_path / "started").read_text()
    made(lab, state="absent")
    command.join(10)
    assert not command.is_alive() and len(failures) == 1
    with pytest.raises(AnsibleConnectionFailure, match="does not run .* make lab"):
        hv1.exec_command("true")


def test_file_errors_name_the_file_and_leave_no_part_of_it(lab, tmp_path):
    made(lab, HV1)
    hv1 = connection(lab, "hv1")
    with pytest.raises(AnsibleFileNotFound, match="/no/such/source"):
        hv1.put_file("/no/such/source", "/run/target")
    with pytest.raises(AnsibleError, match="/no/such/folder/target in the node: .*(No such|nonexistent)"):
        hv1.put_file(__file__, "/no/such/folder/target")
    with pytest.raises(AnsibleError, match="/run/no-such-file from the node: .*No such"):
        hv1.fetch_file("/run/no-such-file", str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


def fetch(ansible, *files, dest):
    arguments = json.dumps({"src": files, "dest": str(dest)})
    ran = ansible("ansible", "hv1", "-m", "vxlanlab.vtep.lab_fetch", "-a", arguments, ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    return ran.returncode, json.loads(ran.stdout[ran.stdout.index("=> {") + 3 :])


def test_files_are_fetched_in_place_of_links_which_are_not_followed(lab, ansible, tmp_path):
    pid = pids(made(lab, HV1))["hv1"]
    inside(pid, "sh", "-c", "head -c 3000000 /dev/urandom >/run/large; echo small >/run/small; echo more >/run/lock/more")
    (tmp_path / "precious").write_text("of somebody")
    folder = tmp_path / "of others"
    folder.mkdir()
    (folder / "large").symlink_to(tmp_path / "precious")
    (folder / "small").symlink_to("/no/such/file")
    (folder / "more").write_text("of an earlier run")
    status, result = fetch(ansible, "/run/large", "/run/small", "/run/lock/more", dest=folder)
    assert status == 0 and result["changed"] and result["files"] == [f"{folder}/{name}" for name in ("large", "small", "more")]
    assert (tmp_path / "precious").read_text() == "of somebody" and not Path("/no/such/file").exists()
    assert sorted(path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()) == ["large", "more", "small"]
    assert len(list(folder.iterdir())) == 3
    assert hashlib.sha256((folder / "large").read_bytes()).hexdigest() == inside(pid, "sha256sum", "/run/large").split()[0]
    assert ((folder / "small").read_text(), (folder / "more").read_text()) == ("small\n", "more\n")
    assert (folder / "small").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("files", "dest", "told"),
    [
        (["/run/small", "/run/missing"], "new", "failed to fetch /run/missing from the node: "),
        (["/run/small", "/run/lock/small"], "new", "src: small is there twice. Fetch files of one name into folders of their own."),
        (["small"], "new", "src: 'small' is not accepted: expected the absolute path of a file"),
        (["/run/lock/"], "new", "src: '/run/lock/' is not accepted"),
        (["/run/sm\0all"], "new", "src: '/run/sm\\x00all' is not accepted"),
        (["/run/small"], "file", "cannot take the files: "),
        (["/run/small"], "full", "cannot take the files: "),
    ],
)
def test_files_that_cannot_be_fetched_are_told_and_nothing_is_left_of_them(lab, ansible, tmp_path, files, dest, told):
    inside(pids(made(lab, HV1))["hv1"], "sh", "-c", "echo small >/run/small")
    (tmp_path / "file").touch()
    (tmp_path / "full/small").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    status, result = fetch(ansible, *files, dest=tmp_path / dest)
    assert status and told in result["msg"] and "Traceback" not in result["msg"]
    assert sorted(path for path in tmp_path.rglob("*") if "home" not in path.parts) == before


@pytest.fixture
def sudo(monkeypatch):
    """Put a shell script in place of sudo, in a folder that any user may enter. None: there is none."""
    with tempfile.TemporaryDirectory() as folder:

        def replace(script):
            os.chmod(folder, 0o755)
            if script:
                Path(folder, "sudo").write_text(f"#!/bin/sh\n{script}\n")
                Path(folder, "sudo").chmod(0o755)
            monkeypatch.setenv("PATH", folder)

        yield replace


def test_another_user_enters_a_node_with_sudo(lab, sudo, tmp_path):
    made(lab, HV1)
    # A shell gives up an effective user that is not the real one, here root: what sudo does when its rules allow it.
    sudo(f'echo "$1 $2" >>{tmp_path}/asked; shift; PATH={os.environ["PATH"]} exec "$@"')
    os.seteuid(NOBODY)
    try:
        ran = connection(lab, "hv1").exec_command("id -u; hostname")
    finally:
        os.seteuid(0)
    assert ran == (0, b"0\nhv1\n", b"")
    assert (tmp_path / "asked").read_text() == "-n nsenter\n" * 2


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo 'sudo: a password is required' >&2; exit 1", "sudo refused: sudo: a password is required"), (None, "sudo cannot be run")],
)
def test_another_user_without_sudo_is_told(lab, sudo, script, told):
    made(lab, HV1)
    sudo(script)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(AnsibleConnectionFailure) as error:
            connection(lab, "hv1")
    finally:
        os.seteuid(0)
    assert told in str(error.value) and "as root" in str(error.value)


# Inventory


def test_the_inventory_lists_the_running_nodes(lab, ansible):
    made(lab, HV1, HV2, mtu=1400)
    listed = json.loads(ansible("ansible-inventory", "--list", "--export").stdout)
    assert listed["vtep_hypervisors"]["hosts"] == ["hv1", "hv2"]
    variables = listed["_meta"]["hostvars"]["hv2"]
    variables = {name: value.get("__ansible_unsafe") if isinstance(value, dict) else value for name, value in variables.items()}
    # Python's own idea of its name in a virtual environment varies: python, python3.
    assert os.path.samefile(variables.pop("ansible_python_interpreter"), sys.executable)
    assert variables == {
        "ansible_connection": "vxlanlab.vtep.netns",
        "ansible_netns_lab": lab,
        "ansible_netns_node": "hv2",
        "lab_node_address": "10.1.0.1/8",
        "lab_node_ip": "10.1.0.1",
        "lab_node_interface": "eth0",
        "lab_node_mtu": 1400,
        "lab_node_kind": "hypervisor",
    }
    ran = ansible("ansible", "hv2", "-m", "ansible.builtin.command", "-a", "hostname")
    assert ran.returncode == 0 and ran.stdout.splitlines()[-1] == "hv2"


def test_a_docker_socket_that_cannot_be_does_not_hide_the_nodes(lab, ansible):
    made(lab, HV1)
    listed = ansible("ansible-inventory", "--list", DOCKER_HOST=f"unix:///tmp/{'x' * 200}.sock")
    assert listed.returncode == 0 and json.loads(listed.stdout)["vtep_hypervisors"]["hosts"] == ["hv1"]


def test_the_inventory_of_a_lab_that_does_not_run_is_empty_and_says_why(lab, ansible):
    ran = ansible("ansible-inventory", "--list")
    assert ran.returncode == 0 and json.loads(ran.stdout)["_meta"]["hostvars"] == {}
    assert f"lab '{lab}' does not run on this machine" in " ".join(ran.stderr.split()) and "make lab" in ran.stderr


def test_the_inventory_refuses_a_bad_lab_name(ansible, tmp_path):
    (tmp_path / "bad.vtep_lab.yml").write_text("---\nplugin: vxlanlab.vtep.lab\nlab: a b\n")
    ran = ansible("ansible-inventory", "-i", tmp_path / "bad.vtep_lab.yml", "--list", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="1")
    assert ran.returncode and "name 'a b' is not a lab name" in " ".join(ran.stderr.split())


def test_the_sample_inventory_is_for_the_default_lab():
    listed = subprocess.run(
        [BIN / "ansible-inventory", "-i", PLAYBOOKS.parents[2] / "lab.vtep_lab.yml", "--graph"], capture_output=True, text=True, check=True
    )
    assert "@vtep_hypervisors:" in listed.stdout
    assert listed.stdout.count("--hv") == len(processes.running("vxlanlab"))
