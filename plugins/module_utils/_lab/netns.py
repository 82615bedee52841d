# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab nodes that are namespaces: how they are described, found, made, wired and removed.

A node is one process, PID 1 of its own pid namespace, that also owns a net, mount, uts and ipc namespace
(namespaces(7), pid_namespaces(7)). Its command line says what it is, so no file can be left behind or go stale:

    sh -c HOLD vxlanlab.vtep/node LAB NAME ADDRESS INTERFACE MTU

One node, "underlay", holds the Linux bridge that joins the others; its ADDRESS is "-".
A new node ends when the process that makes it ends, unless that process has said "keep". Until then the marker in
its command line is "vxlanlab.vtep/new-node".
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

NODE = "vxlanlab.vtep/node"
NEW_NODE = "vxlanlab.vtep/new-node"
UNDERLAY = "underlay"
LAB_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
# The name is also the name of the node's port on the underlay bridge: at most 15 characters (IFNAMSIZ, netdevice(7)).
NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,14}")
# Names that the kernel, ip(8) or Ansible give another meaning.
RESERVED_NAMES = (UNDERLAY, "lo", "all", "default", "localhost", "ungrouped")
INTERFACE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
MTU_RANGE = (576, 65535)

# Private in each node. The whole of /run, so that nothing in a node can talk to a service of the host.
PRIVATE_DIRECTORIES = ("/run", "/etc/openvswitch", "/var/lib/openvswitch", "/var/log/openvswitch")

# `wait` also collects the orphans that PID 1 adopts: a zombie would look like a living daemon.
HOLD = "exec </dev/null >/dev/null 2>&1; while :; do sleep infinity & wait $!; done"
# Arguments: $0 NEW_NODE, $1 lab, $2 node, ... mount -n, because mount(8) would note its mounts in /run/mount.
# Without IPv6 no router solicitation and no MLD report disturbs a capture.
SETUP = f"""set -eu
echo "$2" >/proc/sys/kernel/hostname
for directory in {" ".join(PRIVATE_DIRECTORIES)}; do
  [ ! -d "$directory" ] || mount -n -t tmpfs -o mode=755 vtep-lab "$directory"
done
mount -n -t sysfs sysfs /sys
mkdir -m 1777 /run/lock
for scope in all default; do
  [ ! -d /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/$scope/disable_ipv6
done
echo ready
read -r keep
exec sh -c '{HOLD}' {NODE} "$@"
"""
# What a node and its wiring need of the kernel, tried in namespaces that end with the trial.
TRIAL = """set -e
mount -n -t tmpfs vtep-lab /run
mount -n -t sysfs sysfs /sys
ip link add name trial0 type bridge
ip link add name trial1 type veth peer name trial2
"""
UNSHARE = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc")

OTHER_DRIVER = "or use the docker driver: -e lab_driver=docker"


class LabError(Exception):
    """What went wrong and what to do about it, for the user."""


class Deadline:
    def __init__(self, seconds):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, waiting_for):
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.expired(waiting_for)
        return left

    def expired(self, waiting_for):
        return LabError(
            f"timeout: gave up waiting for {waiting_for} after {self.seconds} s. Is the machine busy? Give it a larger timeout."
        )


# --- what a node is (pure) ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    lab: str
    name: str
    address: str
    interface: str
    mtu: int

    @property
    def is_underlay(self):
        return self.name == UNDERLAY

    @property
    def ip(self):
        return self.address.partition("/")[0]

    @property
    def mac(self):
        """Locally administered and made from the address, so that captures of two runs are alike."""
        return ":".join(f"{octet:02x}" for octet in b"\x02\x42" + ipaddress.IPv4Address(self.ip).packed)

    def arguments(self):
        return [self.lab, self.name, self.address, self.interface, str(self.mtu)]

    def facts(self):
        """What the user sees of a node."""
        facts = asdict(self)
        del facts["lab"]
        return dict(facts, mac=self.mac)


def underlay_of(lab, mtu):
    return Node(lab, UNDERLAY, "-", UNDERLAY, mtu)


def parse_command_line(arguments):
    """(marker, Node) of a command line (a list) that belongs to a lab, else None."""
    marker, fields = arguments[-6:-5], arguments[-5:]
    if marker not in ([NODE], [NEW_NODE]) or arguments[0] not in ("sh", "unshare") or not fields[4].isdigit():
        return None
    return marker[0], Node(*fields[:4], mtu=int(fields[4]))


def check_lab_name(lab):
    if not LAB_NAME.fullmatch(lab):
        raise LabError(f"name {lab!r} is not a lab name. Use 1 to 32 letters, digits, '_' and '-'.")


def wanted_nodes(lab, nodes, mtu):
    """Checked Node objects from the module's options."""
    check_lab_name(lab)
    if not MTU_RANGE[0] <= mtu <= MTU_RANGE[1]:
        raise LabError(f"mtu: {mtu} is out of range. Use {MTU_RANGE[0]} to {MTU_RANGE[1]} bytes.")
    if not nodes:
        raise LabError("nodes: the list is empty. Name at least one node, or use state=absent to remove the lab.")
    wanted, addresses = {}, {}
    for entry in nodes:
        name, interface = entry["name"], entry["interface"]
        if not NODE_NAME.fullmatch(name) or name in RESERVED_NAMES:
            raise LabError(
                f"nodes: name {name!r} cannot be used. Use 1 to 15 letters, digits and '-' (not first),"
                f" and none of {', '.join(RESERVED_NAMES)}."
            )
        if name in wanted:
            raise LabError(f"nodes: name {name!r} is there twice. Give each node its own name.")
        if not INTERFACE_NAME.fullmatch(interface) or interface in RESERVED_NAMES:
            raise LabError(f"nodes: interface {interface!r} of {name} is not an interface name. Use for example eth0.")
        address = _interface_address(name, entry["address"])
        if address.ip in addresses:
            raise LabError(f"nodes: address {address} of {name} is also that of {addresses[address.ip]}. Give each node its own.")
        first = next(iter(wanted.values()), None)
        if first and address.network != ipaddress.ip_interface(first.address).network:
            raise LabError(
                f"nodes: address {address} of {name} is not in the network of {first.name} ({first.address});"
                " the underlay is one network. Give all nodes the same network and prefix length."
            )
        addresses[address.ip] = name
        wanted[name] = Node(lab, name, str(address), interface, mtu)
    return wanted


def _interface_address(name, text):
    remedy = "Use an IPv4 host address with its prefix length, for example 10.0.0.1/8."
    try:
        address = ipaddress.IPv4Interface(text)
    except ValueError as error:
        raise LabError(f"nodes: address {text!r} of {name}: {error}. {remedy}") from None
    network = address.network
    if "/" not in text or network.prefixlen > 30 or address.ip in (network.network_address, network.broadcast_address):
        raise LabError(f"nodes: address {text!r} of {name} is not a host address with a prefix length up to 30. {remedy}")
    return address


@dataclass(frozen=True)
class Wiring:
    """What ip(8) has to do so that a node is wired as it should be; all empty when it is."""

    stale: list  # (namespace: UNDERLAY or the node's name, interface) to delete first
    underlay: list  # commands in the underlay's namespace
    node: list  # commands in the node's namespace

    def __bool__(self):
        return bool(self.stale or self.underlay or self.node)


def wiring(node, pid, inside, outside):
    """Plan the wiring of a node. inside, outside: interfaces of the node and of the underlay, see links()."""
    stale, in_underlay, in_node = [], [], []
    interface, port = inside.get(node.interface), outside.get(node.name)
    if interface is None or port is None:
        stale += [(UNDERLAY, node.name)] if port else []
        stale += [(node.name, node.interface)] if interface else []
        inside = {name: link for name, link in inside.items() if name != node.interface}
        # Made inside the namespaces: it never shows in the host's, not even for a moment.
        in_underlay.append(
            f"link add name {node.name} mtu {node.mtu} type veth peer name {node.interface} address {node.mac} mtu {node.mtu} netns {pid}"
        )
        interface, port = {"address": node.mac, "mtu": node.mtu, "flags": []}, {"flags": []}
    if port.get("master") != UNDERLAY or "UP" not in port["flags"]:
        in_underlay.append(f"link set dev {node.name} master {UNDERLAY} up")
    if "UP" not in inside["lo"]["flags"]:
        in_node.append("link set dev lo up")
    if interface["address"] != node.mac:
        in_node.append(f"link set dev {node.interface} address {node.mac}")
    if interface["mtu"] != node.mtu:
        in_node.append(f"link set dev {node.interface} mtu {node.mtu}")
    # On whatever interface: the userspace datapath needs it on its bridge.
    addresses = {f"{info['local']}/{info['prefixlen']}" for link in inside.values() for info in link.get("addr_info", [])}
    if node.address not in addresses:
        in_node.append(f"address replace {node.address} broadcast + dev {node.interface}")
    if "UP" not in interface["flags"]:
        in_node.append(f"link set dev {node.interface} up")
    return Wiring(stale, in_underlay, in_node)


def underlay_wiring(underlay, inside):
    """Plan the underlay's bridge."""
    bridge = inside.get(UNDERLAY)
    if bridge is None:
        # Without snooping the bridge has no reason to speak: captures hold the nodes' packets alone.
        return [
            f"link add name {UNDERLAY} mtu {underlay.mtu} type bridge mcast_snooping 0",
            f"link set dev {UNDERLAY} up",
        ]
    commands = []
    if bridge["mtu"] != underlay.mtu:
        commands.append(f"link set dev {UNDERLAY} mtu {underlay.mtu}")
    if "UP" not in bridge["flags"]:
        commands.append(f"link set dev {UNDERLAY} up")
    return commands


# --- what runs (reads /proc) ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    pid: int
    node: Node
    is_init: bool  # PID 1 of the node; else the helper that makes it
    kept: bool  # the node is complete


def read_process(pid):
    """The Process that has this PID if it belongs to a lab, else None. Works for any user."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            arguments = file.read().decode(errors="replace").split("\0")[:-1]
        parsed = parse_command_line(arguments)
        if parsed is None:
            return None
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # Anybody can start a process with such a command line; only root can be a node, and only root is to be trusted.
    if set(status["Uid"].split()) != {"0"}:
        return None
    inner_pids = status["NSpid"].split()[1:]
    # More than one: the node of a lab that runs inside a container. Another than 1: what a node's shell has forked,
    # with the shell's command line until it executes a program; it ends with the node.
    if inner_pids not in ([], ["1"]):
        return None
    marker, node = parsed
    is_init = bool(inner_pids)
    return Process(pid, node, is_init, kept=is_init and marker == NODE)


def processes(lab):
    """Every process of the lab, whatever its condition."""
    try:
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except FileNotFoundError:  # not Linux
        return []
    found = (read_process(pid) for pid in sorted(pids))
    return [process for process in found if process and process.node.lab == lab]


def running(lab):
    """The lab's nodes that run, without the underlay: name -> Process."""
    return {process.node.name: process for process in processes(lab) if process.kept and not process.node.is_underlay}


def _shared_directories(pid):
    """Not empty if Open vSwitch came to the host after the node: the nodes would share a database."""
    try:
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
            mounted = {line.split()[4] for line in file}
    except OSError as error:
        raise LabError(f"a process of the lab ended at this moment ({error}). Run this again.") from error
    return [directory for directory in PRIVATE_DIRECTORIES if os.path.isdir(directory) and os.path.realpath(directory) not in mounted]


# --- making and removing (root) -------------------------------------------------------------------------------------


def preflight_absent():
    """Raise LabError unless processes of a lab can be ended here."""
    if not sys.platform.startswith("linux"):
        raise LabError(f"lab_netns needs Linux namespaces; this is {sys.platform}. Run it on Linux, {OTHER_DRIVER}")
    if os.geteuid() != 0:
        raise LabError(f"lab_netns needs root. Use become (ansible-playbook --become --ask-become-pass), {OTHER_DRIVER}")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        raise LabError(
            f"lab_netns needs Linux 5.3 or later and a Python built for it (os.pidfd_open). Update them, {OTHER_DRIVER}"
        ) from None
    for program, package in (("nsenter", "util-linux"), ("ip", "iproute2")):
        _require(program, package)


def preflight(deadline):
    """Raise LabError unless a lab can be made here; changes nothing."""
    preflight_absent()
    for program, package in (("unshare", "util-linux"), ("mount", "mount or util-linux")):
        _require(program, package)
    if not os.path.exists("/dev/net/tun"):
        raise LabError(
            "/dev/net/tun is missing; Open vSwitch's internal ports need it."
            f" Run: modprobe tun (in a container: start it with --device /dev/net/tun), {OTHER_DRIVER}"
        )
    trial = _run([*UNSHARE, "--kill-child", "sh", "-c", TRIAL], "a trial of namespaces", deadline)
    if trial.returncode:
        raise LabError(
            f"namespaces, or a bridge and veth pair in them, cannot be made here ({trial.stderr.strip()})."
            " They need the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN and the kernel's bridge and veth."
            f" Run it on the machine itself or in a virtual machine (modprobe bridge veth), {OTHER_DRIVER}"
        )


def _require(program, package):
    if not shutil.which(program):
        raise LabError(f"the program {program} is missing. Install the package {package}, {OTHER_DRIVER}")


def _run(command, waiting_for, deadline, text=""):
    """Run a command with a text as its input."""
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=deadline.left(waiting_for))
    except subprocess.TimeoutExpired:
        raise deadline.expired(waiting_for) from None


def _ip(pid, *arguments, deadline, batch="", check=True):
    command = ["nsenter", "-t", str(pid), "-n", "--", "ip", *arguments]
    shown = f"'{' '.join(command)}'" + (f" with {batch.splitlines()}" if batch else "")
    result = _run(command, shown, deadline, batch)
    if check and result.returncode:
        raise LabError(f"{shown} failed: {result.stderr.strip()}. See what runs in the lab, or remove it (state=absent) and start again.")
    return result.stdout


def links(pid, deadline):
    """name -> interface of the process' network namespace, as ip(8) shows it."""
    return {link["ifname"]: link for link in json.loads(_ip(pid, "-json", "address", "show", deadline=deadline) or "[]")}


class Lab:
    """One lab: what it should be against what runs."""

    def __init__(self, name, timeout):
        check_lab_name(name)
        self.name = name
        self.deadline = Deadline(timeout)
        self._lock = socket.socket(socket.AF_UNIX)
        self.running = {}  # name -> Process
        self.strays = []  # what an interrupted run left
        self.wirings = {}  # name -> Wiring, of the nodes that stay
        self.bridge = []  # commands for an underlay that stays
        self.faults = {}  # name -> what is wrong with a node that runs, for the diff
        self.removed = []
        self.created = []

    def lock(self):
        """One run at a time. The kernel drops this name when the process ends, however it ends (unix(7), abstract)."""
        name = f"\0vxlanlab.vtep/{self.name}"
        while True:
            try:
                self._lock.bind(name)
                self._lock.listen()
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            # A connection that nobody accepts breaks when the other run ends.
            with socket.socket(socket.AF_UNIX) as other, contextlib.suppress(ConnectionError):
                waiting_for = f"another task that changes lab {self.name!r}"
                other.settimeout(self.deadline.left(waiting_for))
                try:
                    other.connect(name)
                    other.recv(1)
                except TimeoutError:
                    raise self.deadline.expired(waiting_for) from None

    def look(self):
        for process in processes(self.name):
            if process.kept and process.node.name not in self.running:
                self.running[process.node.name] = process
            else:
                self.strays.append(process)

    def plan(self, wanted, mtu):
        """Decide which nodes to remove, to create and to wire again. wanted: name -> Node, without the underlay."""
        underlay = underlay_of(self.name, mtu)
        there = self.running.get(UNDERLAY)
        everything = {UNDERLAY: underlay, **wanted}
        if there is None or there.node != underlay:
            # The veth pairs end with the underlay, so all nodes start afresh.
            self.removed, self.created = list(self.running), list(everything.values())
            return
        outside = links(there.pid, self.deadline)
        self.bridge = underlay_wiring(underlay, outside)
        if self.bridge:
            self.faults[UNDERLAY] = self.bridge
        for name, process in self.running.items():
            if process.node != everything.get(name):
                self.removed.append(name)
            elif name == UNDERLAY:
                continue
            elif shared := _shared_directories(process.pid):
                self.removed.append(name)
                self.faults[name] = [f"{directory} is shared with the host" for directory in shared]
            else:
                plan = wiring(process.node, process.pid, links(process.pid, self.deadline), outside)
                if plan:
                    self.wirings[name] = plan
                    self.faults[name] = plan.underlay + plan.node
        self.created = [node for name, node in everything.items() if name not in self.running or name in self.removed]

    def plan_absent(self):
        self.removed = list(self.running)

    @property
    def changed(self):
        return bool(self.strays or self.removed or self.created or self.wirings or self.bridge)

    def before(self):
        nodes = {name: _shown(process.node) for name, process in self.running.items()}
        for name, faults in self.faults.items():
            nodes[name]["to_repair"] = faults
        for process in self.strays:
            nodes.setdefault(process.node.name, {})["half_made"] = True
        return nodes

    def after(self):
        nodes = {name: _shown(process.node) for name, process in self.running.items() if name not in self.removed}
        nodes.update((node.name, _shown(node)) for node in self.created)
        return nodes

    def apply(self):
        """Remove, create and wire as planned. All new nodes are kept, or none is."""
        self._remove()
        if not (self.created or self.wirings or self.bridge):
            return
        births = []
        try:
            for node in self.created:
                births.append(Birth(node))
            for birth in births:
                birth.wait_until_ready(self.deadline)
            self._wire()
            for birth in births:
                birth.keep()
            for birth in births:
                birth.wait_until_kept(self.deadline)
            self._pids(self.nodes().values())
        except BaseException:
            self._undo(births)
            raise

    def nodes(self):
        """What runs now: name -> Process."""
        return {process.node.name: process for process in processes(self.name) if process.kept}

    def _remove(self):
        self._drop_ports(self.removed, self.deadline)
        kill([self.running[name] for name in self.removed] + self.strays, self.deadline)
        if self.strays:
            kill_all(lambda: [process for process in processes(self.name) if not process.kept], self.deadline)

    def _drop_ports(self, names, deadline):
        """The kernel removes a dead node's port some time later; its name may be needed before."""
        underlay = self.running.get(UNDERLAY)
        if underlay and UNDERLAY not in self.removed:
            for name in names:
                _drop_link(underlay.pid, name, deadline)

    def _pids(self, found):
        """name -> pid; all nodes that are to run must be there."""
        pids = {process.node.name: process.pid for process in found if process.is_init}
        if missing := self.after().keys() - pids.keys():
            raise LabError(f"node {', '.join(sorted(missing))} was killed by somebody else. Run this again.")
        return pids

    def _wire(self):
        pids = self._pids(processes(self.name))
        underlay = next((node for node in self.created if node.is_underlay), None)
        bridge = [*underlay_wiring(underlay, {}), "link set dev lo up"] if underlay else self.bridge
        outside = {} if underlay else links(pids[UNDERLAY], self.deadline)
        plans = dict(self.wirings)
        for node in self.created:
            if not node.is_underlay:
                plans[node.name] = wiring(node, pids[node.name], links(pids[node.name], self.deadline), outside)
        for plan in plans.values():
            for namespace, interface in plan.stale:
                _drop_link(pids[namespace], interface, self.deadline)
        self._batch(pids[UNDERLAY], bridge + [command for plan in plans.values() for command in plan.underlay])
        for name, plan in plans.items():
            self._batch(pids[name], plan.node)

    def _batch(self, pid, commands):
        if commands:
            _ip(pid, "-batch", "-", deadline=self.deadline, batch="\n".join(commands) + "\n")

    def _undo(self, births):
        grace = Deadline(10)  # the run's own time may be what is up
        names = {birth.node.name for birth in births}
        self._drop_ports(names, grace)
        kill_all(lambda: [process for process in processes(self.name) if process.node.name in names], grace)
        for birth in births:
            birth.close()


def _shown(node):
    return {"mtu": node.mtu} if node.is_underlay else {"address": node.address, "interface": node.interface, "mtu": node.mtu}


def _drop_link(pid, interface, deadline):
    # Unchecked: the kernel may be removing it already, after the death of the namespace at its other end.
    _ip(pid, "link", "delete", "dev", interface, deadline=deadline, check=False)


class Birth:
    """A node on its way: it ends by itself when this process dies before keep()."""

    def __init__(self, node):
        self.node = node
        self.launcher = subprocess.Popen(
            [*UNSHARE, "sh", "-c", SETUP, NEW_NODE, *node.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # no Ctrl-C of the terminal, no hangup at its end
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )

    def _read(self, waiting_for, deadline):
        output = self.launcher.stdout
        while not select.select([output], [], [], deadline.left(waiting_for))[0]:
            pass  # left() raises when the time is up
        return os.read(output.fileno(), 4096)

    def wait_until_ready(self, deadline):
        said = b""
        while not said.endswith(b"ready\n"):
            part = self._read(f"node {self.node.name} to be made", deadline)
            said += part
            if not part:
                raise LabError(f"node {self.node.name} could not be made: {said.decode(errors='replace').strip()}")
        # The helper has done its work; the node is PID 1 of its namespace and needs no parent.
        self.launcher.kill()
        self.launcher.wait()

    def keep(self):
        # A node that died meanwhile is noticed by the look at all nodes that follows.
        with contextlib.suppress(BrokenPipeError):
            self.launcher.stdin.write(b"keep\n")
            self.launcher.stdin.close()

    def wait_until_kept(self, deadline):
        if self._read(f"node {self.node.name} to be handed over", deadline):
            raise LabError(f"node {self.node.name} spoke when it should hold still. Look at its processes.")
        self.launcher.stdout.close()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.launcher.stdin.close()
        self.launcher.stdout.close()
        self.launcher.wait()


def kill_all(look, deadline):
    """kill() what look() finds until it finds nothing: a helper may fork its node between the look and its end."""
    while found := look():
        kill(found, deadline)


def kill(victims, deadline):
    """SIGKILL each process and wait until it is gone. A namespace's PID 1 takes all that is in it along."""
    waiting = {}
    poll = select.poll()
    try:
        for process in victims:
            try:
                fd = os.pidfd_open(process.pid)
            except ProcessLookupError:
                continue
            waiting[fd] = process
            # The descriptor holds the process: after this look its number cannot stand for another one.
            now = read_process(process.pid)
            if now and now.node == process.node:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                poll.register(fd, select.POLLIN)
            else:
                os.close(fd)
                del waiting[fd]
        while waiting:
            names = ", ".join(sorted(f"{process.node.name} (pid {process.pid})" for process in waiting.values()))
            for fd, _event in poll.poll(deadline.left(f"the end of {names}") * 1000):
                poll.unregister(fd)
                os.close(fd)
                del waiting[fd]
    finally:
        for fd in waiting:
            os.close(fd)
