# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the contenders side by side against private ovsdb-servers, and writes RESULTS.md and macs.png.

make bench            all of it, about half an hour
python benchmarks/run.py a c  some of it, in place of these tables of RESULTS.md
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import yaml

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import recorder
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.connection import Database
from ansible_collections.vxlanlab.vtep.plugins.modules import vtepd

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
MODULES = "ansible_collections.vxlanlab.vtep.plugins.modules"
SCHEMAS = "/usr/share/openvswitch"
SCHEMA = f"{SCHEMAS}/vtep.ovsschema"
# vtep-ctl is stopped after so many seconds; one process for each MAC is measured on so many MACs.
GIVE_UP_SECONDS = 200
SAMPLED_MACS = 100
EMPTY = "empty task"
# Compiled once for all contenders, as usual for Python, and beside the checkout.
COMPILED = tempfile.TemporaryDirectory(prefix="vtep-bench-")
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": COMPILED.name}
# Short runs are repeated, and the fastest counts: everything else that the machine does only makes them slower.
REPEATS = 3
# Of table (c), whose runs are the shortest.
SMALL_REPEATS = 11
# What a task on a cluster gets.
PATIENCE_SECONDS = 60
# The emulators of the role vtep_emulator: the program, and options.
OVS_CTL = ["/usr/share/openvswitch/scripts/ovs-ctl", "start", "--system-id=random", "--no-record-hostname"]
ENGINES = {"vtepd": ["vtepd.pyz", "--no-arp-suppression", "--", *OVS_CTL], "ovs-vtep": ["ovs-vtep-supervisor", *OVS_CTL]}
FLOOR = "floor"
# ovs-vtep starts a process for each.
MOST_MACS_OF_OVS_VTEP = 10000
IDLE_SECONDS = 30
# Of table (l).
FABRICS = (32,)
# The lab's warm interpreters end after a minute without work.
REST_SECONDS = 75
GIVE_UP_FABRIC_SECONDS = 600
# Of a fabric that is audited.
LEAF_SWITCHES = 20
REMOTE_VTEP, VXLAN, FIRST_MAC = "10.1.0.1", "vxlan_over_ipv4", "0a:00:00:00:00:01"


@dataclass
class Cost:
    """What a process took: seconds of the clock, seconds of processor, MiB at the most. ``note`` says what is special."""

    wall: float
    cpu: float
    memory: float
    note: str = ""

    def cells(self) -> list[str]:
        return [f"{self.wall:.2f} s {self.note}".strip(), f"{self.cpu:.2f} s", f"{self.memory:.0f} MiB"]


def run(command: list, stdin: str | None = None, limit: float = 3600, cwd: Path | None = None) -> Cost:
    """Run a process to its end, or to the limit."""
    with tempfile.TemporaryFile("w+") as given, tempfile.NamedTemporaryFile("r", prefix="vtep-bench-") as measured:
        given.write(stdin or "")
        given.seek(0)
        launched = [PYTHON, HERE / "measure.py", measured.name, str(limit), *map(str, command)]
        said = subprocess.run(
            launched, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=ENV, text=True, check=True
        ).stdout
        result = json.load(measured)
    cost = Cost(**result["cost"])
    if cost.wall >= limit:
        cost.note = "(stopped)"
    elif result["status"]:
        raise Failed(f"{command[:3]} failed: {said[-2000:]}")
    return cost


AnyCost = TypeVar("AnyCost", bound=Cost)


class Failed(Exception):
    """A contender ended with an error."""


class Server:
    """A private ovsdb-server with the logical switch ls0. ``create``: how ovsdb-tool makes the database; ``more``: further options."""

    def __init__(self, directory: Path, create: tuple[str, ...] = ("create", "{database}", SCHEMA), more: Sequence[str] = ()):
        self.directory = directory
        self.socket = directory / "db.sock"
        self.remote = f"unix:{self.socket}"
        database = directory / "vtep.db"
        subprocess.run(["ovsdb-tool", "-vconsole:off", *(word.format(database=database) for word in create)], check=True)
        subprocess.run(
            [
                "ovsdb-server",
                "--detach",
                "--no-chdir",
                f"--pidfile={directory}/pid",
                "-vconsole:off",
                f"--remote=punix:{self.socket}",
                f"--unixctl={directory}/ctl",
                *more,
                database,
            ],
            check=True,
        )
        self.pid = int((directory / "pid").read_text())
        try:
            subprocess.run(["ovsdb-client", "-vconsole:off", "wait", "--timeout=60", self.remote, "hardware_vtep", "connected"], check=True)
            if create[0] != "join-cluster":
                self.ctl("add-ls", "ls0", "--", "set", "Logical_Switch", "ls0", "tunnel_key=5000")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        ended = os.pidfd_open(self.pid)
        os.kill(self.pid, signal.SIGTERM)
        select.select([ended], [], [])
        os.close(ended)

    def memory(self) -> float:
        """What the server needed at the most, in MiB."""
        (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.M)
        return int(kib) / 1024

    def ask(self, *command: str) -> str:
        return subprocess.run(["ovs-appctl", "-t", self.directory / "ctl", *command], check=True, capture_output=True, text=True).stdout

    def ctl(self, *command: str, limit: float = 3600) -> Cost:
        return run(["vtep-ctl", f"--db={self.remote}", *command], limit=limit)

    def module(self, name: str, **options: object) -> Cost:
        arguments = {"database": self.remote, "timeout": 600, **options}
        return run([PYTHON, "-m", f"{MODULES}.{name}"], json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))

    def floor(self, what: str, *arguments: object) -> Cost:
        return run([PYTHON, HERE / "contenders/floor.py", self.socket, what, "ls0", *arguments])

    def idl(self, macs: Path) -> Cost:
        return run([PYTHON, HERE / "contenders/idl.py", self.socket, "ls0", macs])


@contextmanager
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as name:
        running = Server(Path(name))
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def cluster() -> Iterator[list[Server]]:
    """Three members on loopback, each of which knows the others' remotes."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for unused in range(3)]
    addresses = [f"tcp:127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as name:
        members: list[Server] = []
        try:
            for index, address in enumerate(addresses):
                directory = Path(name, str(index))
                directory.mkdir()
                joins = ("join-cluster", "{database}", "hardware_vtep", address, *addresses[:index])
                members.append(Server(directory, joins if index else ("create-cluster", "{database}", SCHEMA, address)))
            remote = ",".join(member.remote for member in members)
            for member in members:
                member.remote = remote
            yield members
        finally:
            for member in members:
                member.stop()


@dataclass
class Emulated(Cost):
    """The processor and memory are those of the emulator and all that it starts; ``daemons``: the processor of Open vSwitch's."""

    daemons: float = 0

    def cells(self) -> list[str]:
        wall, cpu, memory = super().cells()
        return [wall, cpu, memory, f"{self.daemons:.2f} s"]


NOBODY, MONITOR, RECORDER = "nobody", "ovsdb-client monitor", "vtep_record"
NOTE_M = (
    "The writer is one connection, which waits for each answer. `ovsdb-client monitor` writes rows by UUID, without what a reference names, and\n"
    "keeps no copy. When a logical switch gets another name, vtep_record writes all rows whose names change with it, here 201,000. Other\n"
    "programs kept this machine busy meanwhile, so compare the seconds of processor rather than those of the clock.\n"
)
NOTE_J = (
    "One node, Open vSwitch's datapath in user space, one tunnel that is there already. The time is that from the server's reply to the\n"
    f"transaction until frames to {SAMPLED_MACS} of the MACs, the last one included, or to all that is new, have been seen to leave through the\n"
    "tunnel. The floor does by hand what no emulator can do without: it selects the rows and hands vtepd's flows for them to ovs-ofctl. The\n"
    "processor and memory are those of the emulator with its supervisor and all that they start; the daemons are ovsdb-server and\n"
    f"ovs-vswitchd. The fastest of {REPEATS} runs counts; of ovs-vtep there is one where it is long, it is stopped after {GIVE_UP_SECONDS} s, and it is not\n"
    f"run with more than {MOST_MACS_OF_OVS_VTEP:,} MACs. It looks at the database once a second, so that its best run is a lucky one.\n"
)


NOTE_L = (
    "Nodes in namespaces, Open vSwitch's datapath in user space. The script checks that each VM reaches the next one, the playbook that each\n"
    f"emulator has done what is in its database. At rest: in the {REST_SECONDS} s after that. The memory is that of all processes at their end, each\n"
    "page divided by the number of processes that share it.\n"
)
NOTE_N = (
    "Each VTEP has its share of the MACs as local rows, and the others as remote rows, so 20 x 100,000 are 2,000,000 rows to compare; nothing\n"
    "is wrong with them. The audit is one process; vtep_info is one for each VTEP, of which the memory is that of the largest. One run.\n"
)


class Node:
    """A node with Open vSwitch in user space, and an emulator of a VTEP on its bridge br0, whose port is vm1."""

    def __init__(self, pid: int, folder: Path, engine: str):
        self.pid = pid
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []
        self.run("ip", "address", "flush", "dev", "eth0")
        self.run("mkdir", "-p", "/run/openvswitch")
        for name, schema in (("conf", "vswitch"), ("vtep", "vtep")):
            self.run("ovsdb-tool", "-vconsole:off", "create", f"/etc/openvswitch/{name}.db", f"{SCHEMAS}/{schema}.ovsschema")
        databases = ["/etc/openvswitch/conf.db", "/etc/openvswitch/vtep.db"]
        quiet = ["--pidfile", "-vconsole:off"]
        self.daemons.append(self.start("ovsdb-server", *quiet, "--remote=punix:/run/openvswitch/db.sock", *databases))
        # It tries again until the server is there.
        self.run("ovs-vsctl", "--retry", "--timeout=60", "--no-wait", "init")
        self.daemons.append(self.start("ovs-vswitchd", *quiet))
        self.bridge("br-underlay", "eth0")
        self.run("ip", "address", "add", "10.0.0.1/8", "dev", "br-underlay")
        self.run("ip", "link", "set", "br-underlay", "up")
        self.bridge("br0", "vm1", "--", "set", "Interface", "vm1", "type=internal", "--", "set", "Bridge", "br0", "fail_mode=secure")
        self.run("ip", "link", "set", "vm1", "up")
        self.run("vtep-ctl", "--timeout=60", "add-ps", "br0", "--", "set", "Physical_Switch", "br0", "tunnel_ips=10.0.0.1")
        # Nobody is there to say it.
        self.run("ovs-appctl", "tnl/neigh/set", "br-underlay", REMOTE_VTEP, "02:00:0a:01:00:01")
        name, *options = ENGINES[engine]
        self.program = folder / name
        self.emulator = self.start("/usr/bin/python3", self.program, "run", "br0", databases[1], *options)
        self.settle()

    def bridge(self, name: str, port: str, *more: str) -> None:
        """Make it with a port, and wait until ovs-vswitchd has it."""
        made = ["add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev", "--", "add-port", name, port]
        self.run("ovs-vsctl", "--timeout=60", *made, *more)

    def start(self, *command: object) -> subprocess.Popen:
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(self.inside(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def inside(self, command: Sequence[object]) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-a", "--", *map(str, command)]

    def run(self, *command: object) -> str:
        return subprocess.run(self.inside(command), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def row(self, table: str, condition: str) -> list[str]:
        return ["uuid", self.run("vtep-ctl", "--bare", "--columns=_uuid", "find", table, condition)]

    def settle(self) -> None:
        """Wait until what is in the databases is in force."""
        self.run("/usr/bin/python3", self.program, "wait", GIVE_UP_SECONDS, "br0", "vm1")

    def stop_emulator(self) -> None:
        """Its flows stay."""
        os.kill(descendants(self.emulator.pid)[0], signal.SIGTERM)
        self.emulator.wait()

    @contextmanager
    def measured(self) -> Iterator[Emulated]:
        """What the emulator and the daemons use meanwhile."""
        cost = Emulated(0, 0, 0)
        before, daemons_before = seconds([self.emulator]), seconds(self.daemons)
        started = time.monotonic()
        yield cost
        cost.wall = time.monotonic() - started
        cost.cpu, cost.daemons = seconds([self.emulator]) - before, seconds(self.daemons) - daemons_before
        cost.memory = sum(resident(pid) for pid in descendants(self.emulator.pid))

    def forwarding(self, operations: list[dict], probes: list[tuple[int, str]], **floor: str) -> Emulated:
        """From the commit of a transaction until all probes leave through the tunnel."""
        task = {"socket": "/run/openvswitch/db.sock", "port": "vm1", "underlay": "eth0", "limit": GIVE_UP_SECONDS}
        path = self.folder / "task.json"
        path.write_text(json.dumps({**task, "operations": operations, "probes": probes, **floor}))
        with self.measured() as cost:
            took = json.loads(self.run(PYTHON, HERE / "contenders/forwarding.py", path))
        cost.wall, cost.note = (GIVE_UP_SECONDS, "(stopped)") if took is None else (took, "")
        return cost

    def new_switches(self, number: int) -> Emulated:
        """So many logical switches, bound at VLANs of the port, with a remote MAC address each."""
        operations: list[dict] = [
            {"op": "insert", "table": "Physical_Locator", "uuid-name": "peer", "row": {"dst_ip": REMOTE_VTEP, "encapsulation_type": VXLAN}}
        ]
        probes = [(vlan, f"0a:00:00:00:00:{vlan:02x}") for vlan in range(1, number + 1)]
        for vlan, mac in probes:
            switch = ["named-uuid", f"switch{vlan}"]
            key = {"name": f"ls{vlan}", "tunnel_key": 5000 + vlan}
            operations += [
                {"op": "insert", "table": "Logical_Switch", "uuid-name": f"switch{vlan}", "row": key},
                remote_mac(mac, switch, ["named-uuid", "peer"]),
            ]
        bindings = ["map", [[vlan, ["named-uuid", f"switch{vlan}"]] for vlan, _mac in probes]]
        where = [["_uuid", "==", self.row("Physical_Port", "name=vm1")]]
        operations.append({"op": "mutate", "table": "Physical_Port", "where": where, "mutations": [["vlan_bindings", "insert", bindings]]})
        return self.forwarding(operations, probes)

    def new_macs(self, count: int, **floor: str) -> Emulated:
        """So many remote MAC addresses of the first logical switch."""
        switch, locator = self.row("Logical_Switch", "name=ls1"), self.row("Physical_Locator", f"dst_ip={REMOTE_VTEP}")
        macs = [entry["mac"] for entry in entries(count)]
        operations = [remote_mac(mac, switch, locator) for mac in macs]
        # The last one, and others at equal distances.
        probes = macs[:: -max(1, count // SAMPLED_MACS)]
        return self.forwarding(operations, [(1, mac) for mac in probes], **floor)

    def idle(self) -> Emulated:
        self.settle()
        with self.measured() as cost:
            select.select([], [], [], IDLE_SECONDS)
        return cost


@contextmanager
def node(engine: str) -> Iterator[Node]:
    """It ends with all that runs in it."""

    def lab(**options: object) -> dict:
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"name": f"bench-{os.getpid()}", **options}})
        # In a session of its own, so that an interrupt stops neither half-way.
        command = [PYTHON, "-m", f"{MODULES}.lab_netns"]
        module = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        said, _nothing = module.communicate(arguments)
        result: dict = json.loads(said)
        if result.get("failed"):
            raise Failed(f"(j) needs namespaces: {result['msg']}")
        return result

    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as name:
        folder = Path(name)
        (folder / ENGINES["vtepd"][0]).write_bytes(vtepd.program())
        shutil.copy(HERE.parent / "roles/vtep_emulator/files" / ENGINES["ovs-vtep"][0], folder)
        try:
            [made] = lab(nodes=[{"name": "hv1", "address": "10.0.0.1/8"}])["nodes"]
            yield Node(made["pid"], folder, engine)
        finally:
            lab(state="absent")


def remote_mac(mac: str, switch: list[str], locator: list[str]) -> dict:
    return {"op": "insert", "table": "Ucast_Macs_Remote", "row": {"MAC": mac, "logical_switch": switch, "locator": locator}}


def descendants(pid: int) -> list[int]:
    """The processes below one, its children first."""
    found = [pid]
    for parent in found:
        # One may end meanwhile.
        with suppress(OSError):
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return found[1:]


def seconds(roots: list[subprocess.Popen]) -> float:
    """Seconds of processor of processes and all below them, those included that have ended."""
    return processor([one for root in roots for one in (root.pid, *descendants(root.pid))])


def processor(pids: list[int]) -> float:
    """Seconds of processor of processes, and of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            # utime, stime, cutime and cstime (proc(5)); the name before them may have any characters.
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """The memory of a process in MiB."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return 0.0


def proportional(pid: str) -> float:
    """The same in MiB, where each page is divided by the number of processes that share it."""
    with suppress(OSError):
        [kib] = re.findall(r"^Pss: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return int(kib) / 1024
    return 0.0


def entries(count: int) -> list[dict]:
    """So many MACs behind 200 VTEPs."""
    return [{"mac": f"02:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}:00:01", "locator": f"10.1.{i % 200}.1"} for i in range(count)]


@contextmanager
def macs_file(count: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as directory:
        path = Path(directory) / "macs.json"
        path.write_text(json.dumps(entries(count)))
        yield path


def best(costs: Sequence[AnyCost]) -> AnyCost:
    return min(costs, key=lambda cost: cost.wall)


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def costs_table(title: str, costs: dict[str, Cost], base: str) -> str:
    """Where an empty task is among them, its time is what starting a module costs, which the base does not have to pay."""
    bases = {base: costs[base].wall}
    if EMPTY in costs:
        bases[f"({base} + {EMPTY})"] = costs[base].wall + costs[EMPTY].wall
    rows = [[name, *cost.cells(), *(f"{cost.wall / wall:.1f}" for wall in bases.values())] for name, cost in costs.items()]
    return table(title, ["", "time", "processor", "memory", *(f"time / {name}" for name in bases)], rows)


# The measurements


def into_empty(count: int, contenders: tuple[str, ...]) -> dict[str, Cost]:
    """Remote MACs into a switch that has none, each contender on a fresh server."""
    costs: dict[str, list[Cost]] = {}
    with macs_file(count) as path:
        ways = {
            "floor": lambda s: s.floor("insert", path),
            EMPTY: lambda s: s.module("vtep_ucast_remote", logical_switch="ls0", entries=[]),
            "vtep_ucast_remote, src": lambda s: s.module("vtep_ucast_remote", logical_switch="ls0", src=str(path)),
            "vtep_ucast_remote, entries": lambda s: s.module("vtep_ucast_remote", logical_switch="ls0", entries=entries(count)),
            "ovsdbapp script": lambda s: s.idl(path),
            "vtep-ctl, one transaction": lambda s: one_transaction(s, count),
            "vtep-ctl, one process each": lambda s: one_process_each(s, count),
        }
        for name in contenders:
            repeats = 1 if name.startswith(("vtep-ctl", "ovsdbapp")) else REPEATS
            for unused in range(repeats):
                with server() as running:
                    costs.setdefault(name, []).append(ways[name](running))
    return {name: best(some) for name, some in costs.items()}


def one_transaction(running: Server, count: int) -> Cost:
    words = [word for entry in entries(count) for word in ("--", "add-ucast-remote", "ls0", entry["mac"], entry["locator"])]
    return running.ctl(*words[1:], limit=GIVE_UP_SECONDS)


def one_process_each(running: Server, count: int) -> Cost:
    sampled = [running.ctl("add-ucast-remote", "ls0", entry["mac"], entry["locator"]) for entry in entries(min(count, SAMPLED_MACS))]
    scale = count / len(sampled)
    wall, cpu = (sum(getattr(cost, part) for cost in sampled) * scale for part in ("wall", "cpu"))
    return Cost(wall, cpu, max(cost.memory for cost in sampled), f"(estimated from {len(sampled)})")


def bench_a() -> str:
    contenders = (
        "floor", EMPTY, "vtep_ucast_remote, src", "vtep_ucast_remote, entries", "ovsdbapp script", "vtep-ctl, one transaction", "vtep-ctl, one process each",
    )  # fmt: skip
    return costs_table("(a) 10,000 remote MACs into an empty switch", into_empty(10000, contenders), "floor")


def bench_b() -> str:
    with server() as running, macs_file(10000) as path:
        running.module("vtep_ucast_remote", logical_switch="ls0", src=str(path))
        costs = {
            "select alone": best([running.floor("select") for unused in range(REPEATS)]),
            EMPTY: best([running.module("vtep_ucast_remote", logical_switch="ls0", entries=[]) for unused in range(REPEATS)]),
            "vtep_ucast_remote, src": best(
                [running.module("vtep_ucast_remote", logical_switch="ls0", src=str(path)) for unused in range(REPEATS)]
            ),
            "vtep_ucast_remote, entries": best(
                [running.module("vtep_ucast_remote", logical_switch="ls0", entries=entries(10000)) for unused in range(REPEATS)]
            ),
            "ovsdbapp script": running.idl(path),
        }
    return costs_table("(b) the same again, nothing to change", costs, "select alone")


def bench_c() -> str:
    # The spelling of letters is up to each writer, so an address with letters is looked for twice.
    macs = {"digits": "00:00:00:00:00:02", "letters": "0a:bb:cc:00:00:02"}
    counts = (0, 10000, 100000)
    costs: dict[tuple[int, str], list[Cost]] = {}
    with ExitStack() as stack:
        servers = {count: stack.enter_context(server()) for count in counts}
        for count in counts[1:]:
            servers[count].module("vtep_ucast_remote", logical_switch="ls0", src=str(stack.enter_context(macs_file(count))))
        # In turns, so that a machine that becomes slower becomes slower for all.
        for unused in range(SMALL_REPEATS):
            for count, running in servers.items():
                for kind, mac in macs.items():
                    for what, state in (("new", "present"), ("there", "present"), ("removed", "absent")):
                        one = {"logical_switch": "ls0", "mac": mac, "locator": "10.1.0.1", "state": state}
                        costs.setdefault((count, f"{what}, {kind}"), []).append(running.module("vtep_ucast_remote", **one))
                costs.setdefault((count, "vtep-ctl"), []).append(running.ctl("add-ucast-remote", "ls0", macs["digits"], "10.1.0.1"))
                running.ctl("del-ucast-remote", "ls0", macs["digits"])
    kinds = [kind for count, kind in costs if count == 0]
    rows = [(count, *(best(costs[count, kind]) for kind in kinds)) for count in counts]
    cells = [[f"{count:,}", *(f"{c.wall:.2f} s ({c.wall / first.wall:.1f})" for c, first in zip(row, rows[0][1:]))] for count, *row in rows]
    title = "(c) one MAC in a database that holds others, by vtep_ucast_remote and by vtep-ctl; in brackets, against none"
    return table(title, ["others", *kinds], cells)


def bench_d() -> str:
    contenders = ("floor", EMPTY, "vtep_ucast_remote, src", "vtep_ucast_remote, entries")
    return costs_table("(d) 100,000 remote MACs into an empty switch", into_empty(100000, contenders), "floor")


def bench_e() -> str:
    switches = {f"ls{vlan}": {"tunnel_key": 5000 + vlan} for vlan in range(64)}
    ports = {f"eth{port}": {"vlan_bindings": {vlan: f"ls{vlan}" for vlan in range(64)}} for port in range(64)}
    config = {"logical_switches": switches, "physical_switches": {"leaf1": {"tunnel_ips": ["10.0.0.1"], "ports": ports}}}
    words = ["add-ps", "leaf1"]
    for name, switch in switches.items():
        words += ["--", "--may-exist", "add-ls", name, "--", "set", "Logical_Switch", name, f"tunnel_key={switch['tunnel_key']}"]
    for port in ports:
        words += ["--", "add-port", "leaf1", port]
        words += [word for vlan in range(64) for word in ("--", "bind-ls", "leaf1", port, str(vlan), f"ls{vlan}")]
    with server() as first, server() as second:
        costs = {
            "vtep_config": first.module("vtep_config", config=config),
            "vtep_config, again": first.module("vtep_config", config=config),
            "vtep-ctl, one transaction": second.ctl(*words, limit=GIVE_UP_SECONDS),
        }
    return costs_table("(e) a leaf with 64 ports x 64 VLANs", costs, "vtep_config")


def play(tasks: list[dict], directory: Path) -> Cost:
    """A play on the local connection."""
    header = {"hosts": "localhost", "gather_facts": False, "connection": "local", "vars": {"ansible_python_interpreter": PYTHON}}
    (directory / "play.yml").write_text(yaml.safe_dump([{**header, "tasks": tasks}]))
    return run([Path(PYTHON).parent / "ansible-playbook", "-i", "localhost,", directory / "play.yml"], cwd=directory)


def bench_f() -> str:
    number = 10
    with server() as running, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        entry = {"database": running.remote, "logical_switch": "ls0", "locator": "10.1.0.1"}
        running.module("vtep_ucast_remote", logical_switch="ls0", mac="02:00:00:00:01:00", locator="10.1.0.1")
        kinds = {
            "ansible.builtin.ping": [{"ansible.builtin.ping": {}}] * number,
            "vtep_ucast_remote, no change": [{"vxlanlab.vtep.vtep_ucast_remote": {**entry, "mac": "02:00:00:00:01:00"}}] * number,
            "vtep_ucast_remote, a change": [
                # There and back again, so that every repeat changes something.
                {"vxlanlab.vtep.vtep_ucast_remote": {**entry, "mac": "02:00:00:00:02:00", "state": state}}
                for state in ["present", "absent"] * (number // 2)
            ],
        }
        start = best([play([], directory) for unused in range(REPEATS)]).wall
        costs = {kind: (best([play(tasks, directory) for unused in range(REPEATS)]).wall - start) / number for kind, tasks in kinds.items()}
    ping = costs["ansible.builtin.ping"]
    rows = [[kind, f"{cost:.2f} s", f"{cost - ping:.2f} s"] for kind, cost in costs.items()]
    return table("(f) one task, on the local connection", ["", "time", "more than ping"], rows)


def bench_g() -> str:
    rows = []
    for count in (10000, 100000):
        with macs_file(count) as path, server() as running:
            common = {"database": running.remote, "timeout": 600, "logical_switch": "ls0"}
            (path.parent / "vars.json").write_text(json.dumps({"macs": entries(count)}))
            tasks = {
                "src": [{"vxlanlab.vtep.vtep_ucast_remote": {**common, "src": str(path)}}],
                "entries": [
                    {"ansible.builtin.include_vars": {"file": str(path.parent / "vars.json")}},
                    {"vxlanlab.vtep.vtep_ucast_remote": {**common, "entries": "{{ macs }}"}},
                ],
            }
            for kind, some in tasks.items():
                running.module("vtep_ucast_remote", logical_switch="ls0", entries=[], purge=True)
                first, again = play(some, path.parent), play(some, path.parent)
                rows.append([f"{count:,} MACs as {kind}", f"{first.wall:.1f} s", f"{again.wall:.1f} s", f"{first.memory:.0f} MiB"])
    return table("(g) the whole play, as the user sees it", ["", "first", "again", "memory of the largest process"], rows)


def bench_h() -> str:
    rows = []
    for count in (100000, 300000, 1000000):
        with server() as running, macs_file(count) as path:
            cost = running.module("vtep_ucast_remote", logical_switch="ls0", src=str(path))
            rows.append([f"{count:,}", "one server", *cost.cells()[::2], f"{running.memory():.0f} MiB", ""])
    for count, timer in ((10000, 1), (30000, 1), (100000, 1), (100000, 16)):
        with cluster() as members, macs_file(count) as path:
            set_election_timer(members[0], timer)
            before = terms(members[0])
            try:
                cells = members[0].module("vtep_ucast_remote", logical_switch="ls0", src=str(path), timeout=PATIENCE_SECONDS).cells()[::2]
            except Failed as error:
                cells = [str(error).rsplit('"msg": "', maxsplit=1)[-1].split(";", maxsplit=1)[0], ""]
            memory = max(member.memory() for member in members)
            where = f"cluster of three, election timer {timer} s"
            rows.append([f"{count:,}", where, *cells, f"{memory:.0f} MiB", f"{terms(members[0]) - before} new elections"])
    head = ["remote MACs in one transaction", "", "time", "memory of the module", "memory of the server", ""]
    return table("(h) how large one transaction may be", head, rows)


@contextmanager
def control_group() -> Iterator[Path]:
    """A control group (cgroups(7)), which counts the processor time of all that starts in it, daemons included."""
    parents = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    parent = next((parent for parent in parents if (parent / "cgroup.procs").exists()), None)
    if parent is None or os.geteuid():
        raise Failed("(i) needs root and control groups, version 2. Run it as root, or leave it out by naming the other tables.")
    group = parent / f"vtep-bench-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        (parent / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()


def in_group(command: list, after: list, cwd: Path) -> Cost:
    """Run a command, and take what it and all its children have used by its end; then ``after``, which ends what it left."""
    with control_group() as group:
        try:
            joined = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *command]
            cost = run(joined, cwd=cwd)
            [used] = re.findall(r"^usage_usec (\d+)$", (group / "cpu.stat").read_text(), re.M)
        finally:
            run(after, cwd=cwd)
    return Cost(cost.wall, int(used) / 1e6, cost.memory)


def bench_i() -> str:
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as folder:
        name = f"bench-{os.getpid()}"
        down = ["make", "-s", "lab-down", f"ARGS=-e lab_name={name}"]

        def lab(options: str) -> list[str]:
            return ["make", "-s", "lab", f"ARGS=-e lab_name={name} -e lab_artifacts={folder} {options}"]

        contenders = {
            "shell script, seed": ([HERE / "contenders/seed_lab.sh", folder], ["true"]),
            "make lab": (lab(""), down),
            "make lab, the interpreters not warm": (["env", "ANSIBLE_NETNS_WARM=0", *lab("")], down),
            "make lab, 8 hypervisors": (lab("-e lab_scenario=fabric -e lab_size=8"), down),
        }
        # In turns, so that what else the machine does hits all of them.
        costs: dict[str, list[Cost]] = {contender: [] for contender in contenders}
        for unused in range(REPEATS):
            for contender, commands in contenders.items():
                costs[contender].append(in_group(*commands, HERE.parent))
    fastest = {contender: best(some) for contender, some in costs.items()}
    base = fastest["shell script, seed"]
    rows = [
        [contender, f"{cost.wall:.0f} s", f"{cost.cpu:.0f} s", f"{cost.wall / base.wall:.1f}", f"{cost.cpu / base.cpu:.1f}"]
        for contender, cost in fastest.items()
    ]
    head = ["", "time", "processor, daemons included", "time / script", "processor / script"]
    return table("(i) a whole lab, from nothing to its end", head, rows)


class Mesh(NamedTuple):
    """What a fabric took until it was built, what it takes at rest, and the memory of a hypervisor's processes."""

    wall: float
    cpu: float
    idle: float
    memory: float


def full_mesh(command: list, after: list) -> Mesh | None:
    """Run a command that says ``built`` and ends with its input; then ``after``. ``None``: it did not come to that in time."""
    with control_group() as group:

        def used() -> float:
            [microseconds] = re.findall(r"^usage_usec (\d+)$", (group / "cpu.stat").read_text(), re.M)
            return int(microseconds) / 1e6

        joined = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *map(str, command)]
        started = time.monotonic()
        running = subprocess.Popen(joined, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=HERE.parent)
        try:
            assert running.stdout is not None
            is_built, _unused, _none = select.select([running.stdout], [], [], GIVE_UP_FABRIC_SECONDS)
            if not is_built or running.stdout.readline() != b"built\n":
                return None
            wall, cpu = time.monotonic() - started, used()
            select.select([], [], [], REST_SECONDS)
            idle = (used() - cpu) / REST_SECONDS
            memory = sum(proportional(pid) for pid in (group / "cgroup.procs").read_text().split())
            return Mesh(wall, cpu, idle, memory)
        finally:
            running.terminate()
            running.communicate()
            run(after, cwd=HERE.parent)


def bench_l() -> str:
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as name:
        folder = Path(name)
        (folder / "vtepd.pyz").write_bytes(vtepd.program())
        options = ["-e", f"lab_name=bench-{os.getpid()}", "-e", f"lab_artifacts={folder}"]
        playbook = [Path(PYTHON).with_name("ansible-playbook"), *options]
        run_vtepd = ["setsid", "-f", "/usr/bin/python3", folder / "vtepd.pyz", "run", "br0", "/run/openvswitch/vtep.db", "--", *OVS_CTL]
        rows = []
        for size in FABRICS:
            script = [HERE / "contenders/fabric_lab.sh", size]
            build = [*playbook, "-e", "lab_scenario=fabric", "-e", f"lab_size={size}", "playbooks/lab_build.yml"]
            contenders = {
                "shell script, ovs-vtep": (
                    [*script, f"{SCHEMAS}/scripts/ovs-vtep", "--log-file", "--pidfile", "--detach", "br0"],
                    ["true"],
                ),
                "shell script, vtepd": ([*script, *run_vtepd], ["true"]),
                "lab_build.yml": (
                    ["sh", "-c", '"$@" >&2 && echo built && read unused', "sh", *build],
                    [*playbook, "playbooks/lab_down.yml"],
                ),
            }
            for contender, (command, after) in contenders.items():
                cost = full_mesh(command, after)
                cells = [f"not built in {GIVE_UP_FABRIC_SECONDS} s", "", "", ""]
                if cost:
                    cells = [f"{cost.wall:.0f} s", f"{cost.cpu:.0f} s", f"{cost.idle:.2f}", f"{cost.memory / size:.0f} MiB"]
                rows.append([f"{size} hypervisors", contender, *cells])
    head = ["", "", "time", "processor, daemons included", "processors busy at rest", "memory per hypervisor"]
    return f"{table('(l) a full mesh of many hypervisors, built', head, rows)}\n{NOTE_L}"


def macs_forward(contender: str, count: int) -> Emulated:
    """Remote MACs for a logical switch that forwards already. The floor does by hand what vtepd does, with its flows."""
    with node("vtepd" if contender == FLOOR else contender) as running:
        running.new_switches(1)
        running.settle()
        if contender != FLOOR:
            return running.new_macs(count)
        flows = running.run("ovs-ofctl", "-OOpenFlow15", "--no-stats", "dump-flows", "br0").splitlines()
        [flow] = [line.strip().replace(FIRST_MAC, "{mac}") for line in flows if f"dl_dst={FIRST_MAC}" in line]
        running.stop_emulator()
        return running.new_macs(count, bridge="br0", flow=flow)


def bench_j() -> str:
    costs: dict[str, dict[str, list[Emulated]]] = {}

    def note(what: str, contender: str, cost: Emulated) -> None:
        costs.setdefault(what, {}).setdefault(contender, []).append(cost)

    for count in (1, 1000, 10000, 100000):
        for turn in range(REPEATS):
            for contender in (FLOOR, *ENGINES):
                # Of ovs-vtep, one long run is enough.
                if contender != "ovs-vtep" or count == 1 or (count <= MOST_MACS_OF_OVS_VTEP and not turn):
                    note(f"{count:,} remote MAC{'s' if count > 1 else ''}", contender, macs_forward(contender, count))
    for number in (1, 50):
        what = f"{number} new logical switch{'es' if number > 1 else ''}"
        for engine in ENGINES:
            with node(engine) as running:
                note(what, engine, running.new_switches(number))
                note(f"{what}, then idle for {IDLE_SECONDS} s", engine, running.idle())
    rows = []
    for what, some in costs.items():
        fastest = {contender: best(several) for contender, several in some.items()}
        for contender, cost in fastest.items():
            wall, cpu, memory, daemons = cost.cells()
            if contender == FLOOR:
                cpu = memory = ""
            ratios = [f"{cost.wall / fastest[base].wall:.1f}" if base in fastest else "" for base in (FLOOR, "vtepd")]
            if "idle" in what:
                wall, ratios = "", ["", ""]
            rows.append([what, contender, wall, cpu, memory, daemons, *ratios])
    head = ["", "", "commit to forwarding", "processor", "memory", "processor of the daemons", "time / floor", "time / vtepd"]
    return f"{table('(j) the emulators of a VTEP', head, rows)}\n{NOTE_J}"


class Recorded:
    """Something that follows a server and writes what changes to a file, or nothing that does."""

    def __init__(self, running: Server, how: str):
        self.running = running
        self.how = how
        self.path = running.directory / "recording.jsonl"
        self.pids: list[int] = []
        self.began = time.monotonic()
        if how == RECORDER:
            running.module("vtep_record", path=str(self.path), state="started", max_bytes=2**40)
            self.pids = [pid for pid in [recorder.pid_of(str(self.path))] if pid]
        elif how == MONITOR:
            command = ["ovsdb-client", "-vconsole:off", "-f", "json", "monitor", running.remote, "hardware_vtep", "ALL"]
            with self.path.open("wb") as file:
                self.pids = [subprocess.Popen(command, stdout=file, start_new_session=True).pid]
            try:
                self.wait_for(entries(1)[0]["mac"].encode())
            except Failed:
                self.stop()
                raise
        self.began = time.monotonic() - self.began

    def wait_for(self, text: bytes, start: int = 0) -> None:
        """Until the file has it, and the rest of its line."""
        limit = time.monotonic() + GIVE_UP_SECONDS
        with self.path.open("rb") as file:
            file.seek(max(0, start - len(text)))
            seen = b""
            while text not in seen or not seen.endswith(b"\n"):
                seen = (text if text in seen else b"") + seen[-len(text) :] + file.read()
                if time.monotonic() > limit:
                    raise Failed(f"{self.how} has not written {text!r}")

    def delays(self, db: Database, transactions: Iterator[tuple[list[dict], str]]) -> tuple[float, float, list[float]]:
        """Transactions one after the other: seconds of the clock until the last answer, of processor, and from each answer to the file."""
        wall, before, delays = 0.0, processor(self.pids), []
        for operations, mark in transactions:
            at = self.path.stat().st_size if self.pids else 0
            sent = time.monotonic()
            db.transact(operations)
            answered = time.monotonic()
            wall += answered - sent
            if self.pids:
                self.wait_for(mark.encode(), at)
                delays.append(time.monotonic() - answered)
        return wall, processor(self.pids) - before, delays

    def stop(self) -> None:
        for pid in self.pids:
            ended = os.pidfd_open(pid)
            os.kill(pid, signal.SIGTERM)
            select.select([ended], [], [])
            os.close(ended)


def bench_m() -> str:
    rows = []
    for how in (NOBODY, MONITOR, RECORDER):
        with server() as running, macs_file(100000) as path, Database(running.remote, 600) as db:
            running.module("vtep_ucast_remote", logical_switch="ls0", src=str(path))
            recorded = Recorded(running, how)
            try:
                select_one = {"op": "select", "table": "Ucast_Macs_Remote", "where": [["MAC", "==", entries(1)[0]["mac"]]]}
                (row,) = db.transact([{**select_one, "columns": ["logical_switch", "locator"]}])[0]["rows"]
                memory = resident(recorded.pids[0]) if recorded.pids else 0.0
                began = processor(recorded.pids)
                macs = [f"06:00:00:00:{index >> 8:02x}:{index & 255:02x}" for index in range(1000)]
                ones = iter([([remote_mac(mac, row["logical_switch"], row["locator"])], mac) for mac in macs])
                wall, cpu, delays = recorded.delays(db, ones)
                many = [remote_mac(f"0a{entry['mac'][2:]}", row["logical_switch"], row["locator"]) for entry in entries(100000)]
                bulk = recorded.delays(db, iter([(many, many[-1]["row"]["MAC"])]))
                name = {"op": "update", "table": "Logical_Switch", "where": [], "row": {"name": "renamed"}}
                renamed = recorded.delays(db, iter([([name], "renamed")]))
                before = processor(recorded.pids)
                select.select([], [], [], IDLE_SECONDS if recorded.pids else 0)
                idle = processor(recorded.pids) - before
                most = (
                    int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{recorded.pids[0]}/status").read_text())[0]) / 1024
                    if recorded.pids
                    else 0
                )
            finally:
                recorded.stop()
        cells = [f"{recorded.began:.2f} s, {began:.2f} s, {memory:.0f} MiB", f"{wall:.2f} s, {cpu:.2f} s"]
        cells += [f"{1000 * statistics.median(delays):.2f} ms, {1000 * max(delays):.1f} ms" if delays else ""]
        cells += [f"{took[0]:.2f} s, {took[1]:.2f} s, {took[2][0] if took[2] else 0:.2f} s" for took in (bulk, renamed)]
        rows.append(
            [how, *cells, f"{idle:.2f} s", f"{most:.0f} MiB"]
            if recorded.pids
            else [how, "", *[cell.split(", ")[0] for cell in cells[1:]], "", ""]
        )
    head = [
        "", "start: time, processor, memory", "1,000 transactions of one MAC: writer, processor", "answer to file: median, most",
        "100,000 MACs in one: writer, processor, answer to file", "the switch renamed: the same", f"idle for {IDLE_SECONDS} s", "memory at the most",
    ]  # fmt: skip
    return f"{table('(m) a database of 100,000 MACs, recorded', head, rows)}\n{NOTE_M}"


class Leaf(NamedTuple):
    """One VTEP of a fabric: its database, as a file."""

    name: str
    address: str
    file: Path


def leaves(folder: Path, number: int, macs: int) -> list[Leaf]:
    """The databases of so many VTEPs, written as their logs (ovsdb(5)): a full mesh of 20 logical switches, of whose MAC addresses each
    VTEP has its share as local ones, and all others as remote ones."""
    schema = json.loads(Path(SCHEMA).read_text())
    found = []
    for here in range(number):
        rows: dict[str, dict[str, dict]] = {
            "Physical_Locator": {},
            "Physical_Locator_Set": {},
            "Logical_Switch": {},
            "Mcast_Macs_Remote": {},
        }
        for there in range(number):
            rows["Physical_Locator"][uuid_of(1, there)] = {"dst_ip": f"10.0.1.{there}", "encapsulation_type": VXLAN}
        peers = [["uuid", uuid_of(1, there)] for there in range(number) if there != here]
        bindings = []
        for switch in range(LEAF_SWITCHES):
            name, ref = uuid_of(2, switch), ["uuid", uuid_of(2, switch)]
            rows["Logical_Switch"][name] = {"name": f"ls{switch}", "tunnel_key": 5000 + switch, "replication_mode": "source_node"}
            rows["Physical_Locator_Set"][uuid_of(3, switch)] = {"locators": ["set", peers]}
            flood = {"MAC": "unknown-dst", "logical_switch": ref, "locator_set": ["uuid", uuid_of(3, switch)]}
            rows["Mcast_Macs_Remote"][uuid_of(4, switch)] = flood
            bindings.append([switch + 1, ref])
        rows |= {"Ucast_Macs_Local": {}, "Ucast_Macs_Remote": {}}
        for mac, entry in enumerate(entries(macs)):
            table = "Ucast_Macs_Local" if mac % number == here else "Ucast_Macs_Remote"
            row = {"locator": ["uuid", uuid_of(1, mac % number)], "logical_switch": ["uuid", uuid_of(2, mac % LEAF_SWITCHES)]}
            rows[table][uuid_of(5, mac)] = {"MAC": entry["mac"], "ipaddr": f"10.{mac >> 16}.{mac >> 8 & 255}.{mac & 255}", **row}
        rows["Physical_Port"] = {uuid_of(6, 0): {"name": "eth1", "vlan_bindings": ["map", bindings]}}
        switch = {"name": f"leaf{here}", "tunnel_ips": f"10.0.1.{here}", "ports": ["uuid", uuid_of(6, 0)]}
        rows["Physical_Switch"] = {uuid_of(7, 0): switch}
        rows["Global"] = {uuid_of(8, 0): {"switches": ["uuid", uuid_of(7, 0)]}}
        path = folder / f"leaf{here}.db"
        with path.open("wb") as file:
            for record in (schema, rows):
                text = json.dumps(record, separators=(",", ":")).encode() + b"\n"
                file.write(b"OVSDB JSON %d %s\n" % (len(text), hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()) + text)
        found.append(Leaf(f"leaf{here}", f"10.0.1.{here}", path))
    return found


def uuid_of(kind: int, number: int) -> str:
    """Not random, but different in its first part, by which Open vSwitch hashes."""
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}-{kind:04x}-4000-8000-{number:012x}"


@contextmanager
def served(some: Sequence[Leaf]) -> Iterator[list[str]]:
    """A server for each of the databases; their remotes."""
    with ExitStack() as stack:
        remotes = []
        for leaf in some:
            socket_path = leaf.file.with_suffix(".sock")
            command = [
                "ovsdb-server",
                "-vconsole:off",
                f"--remote=punix:{socket_path}",
                "--no-chdir",
                f"--unixctl={leaf.file}.ctl",
                leaf.file,
            ]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            remotes.append(f"unix:{socket_path}")
        for remote in remotes:
            subprocess.run(["ovsdb-client", "-vconsole:off", "wait", "--timeout=600", remote, "hardware_vtep", "connected"], check=True)
        yield remotes


def module_cost(name: str, **options: object) -> Cost:
    """A module, on whatever its options name."""
    return run([PYTHON, "-m", f"{MODULES}.{name}"], json.dumps({"ANSIBLE_MODULE_ARGS": options}))


def bench_n() -> str:
    rows = []
    for number, macs in ((20, 1000), (20, 10000), (2, 100000), (20, 100000)):
        with tempfile.TemporaryDirectory(prefix="vtep-bench-") as folder:
            some = leaves(Path(folder), number, macs)
            files = module_cost("vtep_audit", vteps=[{"name": leaf.name, "src": str(leaf.file)} for leaf in some])
            with served(some) as remotes:
                vteps = [{"name": leaf.name, "database": remote} for leaf, remote in zip(some, remotes)]
                live = module_cost("vtep_audit", vteps=vteps, timeout=600)
                each = [module_cost("vtep_info", database=remote, timeout=600) for remote in remotes]
        info = Cost(sum(cost.wall for cost in each), sum(cost.cpu for cost in each), max(cost.memory for cost in each))
        contenders = {"vtep_audit": live, "vtep_audit, saved databases": files, "vtep_info for each, nothing compared": info}
        rows += [[f"{number} x {macs:,}", what, *cost.cells(), f"{cost.wall / info.wall:.2f}"] for what, cost in contenders.items()]
    head = ["VTEPs x MACs of each", "", "time", "processor", "memory", "time / vtep_info"]
    return f"{table('(n) a whole fabric, audited', head, rows)}\n{NOTE_N}"


def set_election_timer(leader: Server, seconds: int) -> None:
    """Raise it by doubling, which is as far as one step may go; each takes effect when the cluster has agreed."""
    now = 1
    while now < seconds:
        now *= 2
        leader.ask("cluster/change-election-timer", "hardware_vtep", str(now * 1000))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while f"Election timer: {now * 1000}\n" not in leader.ask("cluster/status", "hardware_vtep"):
            if time.monotonic() > deadline:
                raise Failed(f"the cluster has not agreed on an election timer of {now} s in {PATIENCE_SECONDS} s")


def terms(member: Server) -> int:
    """How many elections the cluster has had."""
    (number,) = re.findall(r"^Term: (\d+)$", member.ask("cluster/status", "hardware_vtep"), re.M)
    return int(number)


def plot(path: Path) -> None:
    """Time against number of MACs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    series = {
        "floor": (100, 1000, 10000, 100000),
        "vtep_ucast_remote, src": (100, 1000, 10000, 100000),
        "ovsdbapp script": (100, 1000, 10000),
        "vtep-ctl, one transaction": (100, 300, 1000, 3000),
        "vtep-ctl, one process each": (100, 1000, 10000),
    }
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, counts in series.items():
        axes.plot(counts, [into_empty(count, (name,))[name].wall for count in counts], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="MAC addresses", ylabel="seconds", title="Remote MACs into an empty switch")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


NOTE_K = (
    "Into empty databases, over TLS on loopback, each contender on servers of its own. The time and processor are those of the whole run, without\n"
    "the servers, divided by the switches. The playbook is that of examples/fabric, with all switches in one batch and ten forks; vtep-ctl runs for\n"
    "one switch after the other, and neither knows what is to go, nor writes the column ipaddr.\n"
)
LEAVES = [f"leaf{number}" for number in range(1, 21)]
TABLES = """
import json, sys, yaml
from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_config import overlay_config
said = yaml.safe_load(open(sys.argv[1]))
names = ("switches", "service_nodes", "mlag")
more = {name: said[f"vtep_overlay_{name}"] for name in names if f"vtep_overlay_{name}" in said}
print(json.dumps({leaf: overlay_config(said["vtep_overlay_endpoints"], leaf, **more) for leaf in sys.argv[2:]}))
"""


class Fabric:
    """A server over TLS for each switch of examples/fabric, which has registered its ports, and a copy of the example for these."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder = folder / "fabric"
        shutil.copytree(HERE.parent / "examples/fabric", self.folder)
        tls = self.folder / "tls"
        tls.mkdir()
        # One certificate, which is its own authority, for both sides.
        key, certificate, authority = (tls / name for name in ("ansible.key", "ansible.crt", "ca.crt"))
        made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", certificate, "-subj", "/CN=bench"]
        subprocess.run(["openssl", "req", "-x509", "-nodes", *made], check=True, capture_output=True)
        shutil.copy(certificate, authority)
        self.tls = [f"--private-key={key}", f"--certificate={certificate}", f"--ca-cert={authority}"]
        self.databases: dict[str, str] = {}
        for name in LEAVES:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            (folder / name).mkdir()
            running = Server(folder / name, more=[*self.tls, f"--remote=pssl:{port}:127.0.0.1"])
            stack.callback(running.stop)
            running.ctl("del-ls", "ls0", "--", "add-ps", name, "--", "add-port", name, "eth1", "--", "add-port", name, "eth2")
            self.databases[name] = f"ssl:127.0.0.1:{port}"
        hosts = {name: {"vtep_database": database} for name, database in self.databases.items()}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump({"leaves": {"hosts": hosts}}))

    def play(self, *options: str) -> Cost:
        whole = ["--forks=10", "-e", '{"fabric_serial": ["100%"]}', *options]
        return run([Path(PYTHON).parent / "ansible-playbook", "-i", "inventory.yml", "site.yml", *whole], cwd=self.folder)

    def by_vtep_ctl(self, together: bool) -> Cost:
        """``together``: all that a switch gets in one transaction, rather than a process for each command."""
        script = self.folder / "commands.sh"
        lines = []
        for name, structure in self.tables().items():
            some = list(commands(name, structure))
            for one in [[word for command in some for word in ("--", *command)][1:]] if together else some:
                lines.append(shlex.join(["vtep-ctl", f"--db={self.databases[name]}", *self.tls, *one]))
        script.write_text("\n".join(lines))
        return run(["sh", "-e", script])

    def tables(self) -> dict[str, dict]:
        command = [PYTHON, "-c", TABLES, self.folder / "endpoints.yml", *LEAVES]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def commands(leaf: str, structure: dict) -> Iterator[list[str]]:
    """What vtep-ctl is told for the tables of a leaf."""
    for name, switch in structure["logical_switches"].items():
        yield ["add-ls", name]
        yield ["set", "Logical_Switch", name, f"tunnel_key={switch['tunnel_key']}", f"replication_mode={switch['replication_mode']}"]
        for mac, entry in switch["ucast_remote"].items():
            yield ["add-ucast-remote", name, mac, entry["locator"]]
        for mac, entry in switch["mcast_remote"].items():
            for locator in entry["locators"]:
                yield ["add-mcast-remote", name, mac, locator]
    for port, bound in structure["physical_switches"][leaf]["ports"].items():
        for vlan, name in bound["vlan_bindings"].items():
            yield ["bind-ls", leaf, port, str(vlan), name]


@contextmanager
def fabric() -> Iterator[Fabric]:
    with tempfile.TemporaryDirectory(prefix="vtep-bench-") as name, ExitStack() as stack:
        yield Fabric(Path(name), stack)


def bench_k() -> str:
    with fabric() as one:
        costs = {"playbook, --check": one.play("--check"), "playbook": one.play(), "playbook, again": one.play()}
    for words, together in (("vtep-ctl, one transaction each", True), ("vtep-ctl, one process for each command", False)):
        with fabric() as one:
            costs[words] = one.by_vtep_ctl(together)
    base = costs["vtep-ctl, one transaction each"]
    rows = [
        [
            words,
            f"{cost.wall / len(LEAVES):.2f} s",
            f"{cost.cpu / len(LEAVES):.2f} s",
            f"{cost.wall / base.wall:.1f}",
            f"{cost.cpu / base.cpu:.1f}",
        ]
        for words, cost in costs.items()
    ]
    head = ["", "time for a switch", "processor for a switch", "time / vtep-ctl, one transaction", "processor / vtep-ctl, one transaction"]
    return table(f"(k) {len(LEAVES)} switches over TLS", head, rows) + f"\n{NOTE_K}"


BENCHES = {
    "a": bench_a,
    "b": bench_b,
    "c": bench_c,
    "d": bench_d,
    "e": bench_e,
    "f": bench_f,
    "g": bench_g,
    "h": bench_h,
    "i": bench_i,
    "j": bench_j,
    "k": bench_k,
    "l": bench_l,
    "m": bench_m,
    "n": bench_n,
}


def written(path: Path) -> dict[str, str]:
    """The tables of an earlier run, by letter."""
    return {part[1]: f"## {part.rstrip()}\n" for part in path.read_text().split("\n## ")[1:] if part[0] == "("} if path.exists() else {}


def main() -> None:
    version = subprocess.run(["ovsdb-server", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
    tables = written(HERE / "RESULTS.md")
    for name in sys.argv[1:] or BENCHES:
        tables[name] = BENCHES[name]()
        print(tables[name], flush=True)
    if not sys.argv[1:]:
        plot(HERE / "macs.png")
    head = (
        "# Results\n\n"
        f"Written by `make bench` ({version}, Python {sys.version.split()[0]}, {os.cpu_count()} processors). Read ratios, not times: all of a\n"
        "table comes from one run on one machine. Contenders are whole processes, start included, the fastest of several runs where they are short.\n"
        "The floor is a JSON-RPC client of 30 lines without any check, the empty task a module that has nothing to do.\n"
    )
    end = "## Time against number of MACs\n\n![Time against number of MACs](macs.png)\n"
    (HERE / "RESULTS.md").write_text("\n".join([head, *(tables[name] for name in sorted(tables)), end]))


if __name__ == "__main__":
    main()
