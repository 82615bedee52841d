# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab nodes that are namespaces: what they need of the machine, how they are made, wired and removed. Needs root."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, cast

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import (
    NEW_NODE,
    NODE,
    UNDERLAY,
    Node,
    Route,
    check_lab_name,
    underlay_of,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import Deadline, Process, kill, kill_all, processes
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.wiring import Link, Wiring, underlay_wiring, wiring

# Private in each node. The whole of /run, so that nothing in a node can talk to a service of the host.
PRIVATE_DIRECTORIES = (
    "/run",
    *(f"{place}/{program}" for program in ("openvswitch", "ovn") for place in ("/etc", "/var/lib", "/var/log")),
)

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
[ "$3" != router ] || echo 1 >/proc/sys/net/ipv4/ip_forward
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

# Where only root makes and opens files, so that nobody else can hold the lock (flock(2)).
LOCK = "/run/vxlanlab.vtep-{}.lock"
POLL_SECONDS = 0.02

OTHER_DRIVER = "or use the docker driver: -e lab_driver=docker"


def preflight_absent() -> None:
    """Raise ``UserError`` unless processes of a lab can be ended here."""
    if not sys.platform.startswith("linux"):
        raise UserError(f"lab_netns needs Linux namespaces; this is {sys.platform}. Run it on Linux, {OTHER_DRIVER}")
    if os.geteuid() != 0:
        raise UserError(f"lab_netns needs root. Use become (ansible-playbook --become --ask-become-pass), {OTHER_DRIVER}")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        raise UserError(
            f"lab_netns needs Linux 5.3 or later and a Python built for it (os.pidfd_open). Update them, {OTHER_DRIVER}"
        ) from None
    for program, package in (("nsenter", "util-linux"), ("ip", "iproute2")):
        _require(program, package)


def preflight(deadline: Deadline) -> None:
    """Raise ``UserError`` unless a lab can be made here; changes nothing."""
    preflight_absent()
    for program, package in (("unshare", "util-linux"), ("mount", "mount or util-linux")):
        _require(program, package)
    if not os.path.exists("/dev/net/tun"):
        raise UserError(
            "/dev/net/tun is missing; Open vSwitch's internal ports need it."
            f" Run: modprobe tun (in a container: start it with --device /dev/net/tun), {OTHER_DRIVER}"
        )
    trial = _run([*UNSHARE, "--kill-child", "sh", "-c", TRIAL], "a trial of namespaces", deadline)
    if trial.returncode:
        raise UserError(
            f"namespaces, or a bridge and veth pair in them, cannot be made here ({trial.stderr.strip()})."
            " They need the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN and the kernel's bridge and veth."
            f" Run it on the machine itself or in a virtual machine (modprobe bridge veth), {OTHER_DRIVER}"
        )


def _require(program: str, package: str) -> None:
    if not shutil.which(program):
        raise UserError(f"the program {program} is missing. Install the package {package}, {OTHER_DRIVER}")


def _run(command: Sequence[str], waiting_for: str, deadline: Deadline, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with a text as its input."""
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=deadline.left(waiting_for))
    except subprocess.TimeoutExpired:
        raise deadline.expired(waiting_for) from None


def _ip(pid: int, *arguments: str, deadline: Deadline, batch: str = "", check: bool = True) -> str:
    command = ["nsenter", "-t", str(pid), "-n", "--", "ip", *arguments]
    shown = f"'{' '.join(command)}'" + (f" with {batch.splitlines()}" if batch else "")
    result = _run(command, shown, deadline, batch)
    if check and result.returncode:
        raise UserError(f"{shown} failed: {result.stderr.strip()}. See what runs in the lab, or remove it (state=absent) and start again.")
    return result.stdout


def links(pid: int, deadline: Deadline) -> dict[str, Link]:
    """The interfaces of the network namespace of a process, by name. Raises ``UserError`` when ip(8) fails."""
    return {link["ifname"]: link for link in json.loads(_ip(pid, "-json", "address", "show", deadline=deadline) or "[]")}


def routes(pid: int, deadline: Deadline) -> set[Route]:
    """The routes over gateways of the network namespace of a process. Raises ``UserError`` when ip(8) fails."""
    shown = json.loads(_ip(pid, "-json", "-4", "route", "show", deadline=deadline) or "[]")
    return {Route(route["dst"].replace("default", "0.0.0.0/0"), route["gateway"]) for route in shown if "gateway" in route}


class Lab:
    """One lab: what it should be against what runs.

    In this order, within ``locked``: ``look``, ``plan`` or ``plan_absent``, ``apply``. All of them raise ``UserError``, also
    when the time is up.
    """

    def __init__(self, name: str, timeout: float) -> None:
        """``timeout``: seconds for all that is done with the lab."""
        check_lab_name(name)
        self.name = name
        self.deadline = Deadline(timeout)
        #: The nodes that run, with the underlay, by name.
        self.running: dict[str, Process] = {}
        #: The nodes that will be made.
        self.created: list[Node] = []
        self._removed: list[str] = []
        # What an interrupted run left.
        self._strays: list[Process] = []
        # Of the nodes that stay, and commands for an underlay that stays.
        self._wirings: dict[str, Wiring] = {}
        self._bridge: list[str] = []
        # What is wrong with a node that runs, for the diff.
        self._faults: dict[str, list[str]] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other run changes this lab, and keep others out. Who is not root can change nothing, and needs no lock.

        The kernel drops the lock when the process ends, however it ends; the file goes with the next run that ends by itself.
        """
        if os.geteuid() != 0:
            yield
            return
        path = LOCK.format(self.name)
        lock = self._take(path)
        try:
            yield
        finally:
            os.unlink(path)
            os.close(lock)

    def _take(self, path: str) -> int:
        while True:
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                raise UserError(f"the lock {path} cannot be made: {error.strerror}. Let root write to {os.path.dirname(path)}.") from error
            try:
                while not _lock_now(lock):
                    self.deadline.left(f"another task that changes lab {self.name!r}")
                    time.sleep(POLL_SECONDS)
                # Who held it has removed the file, which may be there again, as another one.
                if _has_name(lock, path):
                    return lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)

    def look(self) -> None:
        """Find what runs of the lab."""
        for process in processes(self.name):
            if process.kept and process.node.name not in self.running:
                self.running[process.node.name] = process
            else:
                self._strays.append(process)

    def plan(self, wanted: Mapping[str, Node], mtu: int) -> None:
        """Decide which nodes to remove, to create and to wire again.

        ``wanted`` are the nodes without the underlay, by name; ``mtu`` is that of the underlay in bytes.
        """
        underlay = underlay_of(self.name, mtu, (own.network for node in wanted.values() for own in node.interfaces))
        there = self.running.get(UNDERLAY)
        everything = {UNDERLAY: underlay, **wanted}
        if there is None or there.node != underlay:
            # The veth pairs end with the underlay, so all nodes start afresh.
            self._removed, self.created = list(self.running), list(everything.values())
            return
        outside = links(there.pid, self.deadline)
        self._bridge = underlay_wiring(underlay, outside)
        if self._bridge:
            self._faults[UNDERLAY] = self._bridge
        for name, process in self.running.items():
            if process.node != everything.get(name):
                self._removed.append(name)
            elif name == UNDERLAY:
                continue
            elif shared := _shared_directories(process.pid):
                self._removed.append(name)
                self._faults[name] = [f"{directory} is shared with the host" for directory in shared]
            else:
                plan = self._wiring(process.node, process.pid, outside, underlay)
                if plan:
                    self._wirings[name] = plan
                    self._faults[name] = plan.underlay + plan.node
        self.created = [node for name, node in everything.items() if name not in self.running or name in self._removed]

    def _wiring(self, node: Node, pid: int, outside: Mapping[str, Link], underlay: Node) -> Wiring:
        there = routes(pid, self.deadline) if node.routes else ()
        return wiring(node, pid, links(pid, self.deadline), outside, underlay.bridges, there)

    def plan_absent(self) -> None:
        """Decide to remove all nodes."""
        self._removed = list(self.running)

    @property
    def changed(self) -> bool:
        """Whether ``apply`` has something to do."""
        return bool(self._strays or self._removed or self.created or self._wirings or self._bridge)

    def before(self) -> dict[str, dict[str, Any]]:
        """The nodes before ``apply``, by name, for the diff."""
        nodes = {name: _shown(process.node) for name, process in self.running.items()}
        for name, faults in self._faults.items():
            nodes[name]["to_repair"] = faults
        for process in self._strays:
            nodes.setdefault(process.node.name, {})["half_made"] = True
        return nodes

    def after(self) -> dict[str, dict[str, Any]]:
        """The nodes as ``apply`` will leave them, by name, for the diff."""
        nodes = {name: _shown(process.node) for name, process in self.running.items() if name not in self._removed}
        nodes.update((node.name, _shown(node)) for node in self.created)
        return nodes

    def apply(self) -> None:
        """Remove, create and wire as planned. All new nodes are kept, or none is."""
        self._remove()
        if not (self.created or self._wirings or self._bridge):
            return
        births: list[Birth] = []
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

    def nodes(self) -> dict[str, Process]:
        """PID 1 of each node that runs now, by name; with the underlay."""
        return {process.node.name: process for process in processes(self.name) if process.kept}

    def _remove(self) -> None:
        self._drop_ports((self.running[name].node for name in self._removed), self.deadline)
        kill([self.running[name] for name in self._removed] + self._strays, self.deadline)
        if self._strays:
            kill_all(lambda: [process for process in processes(self.name) if not process.kept], self.deadline)

    def _drop_ports(self, nodes: Iterable[Node], deadline: Deadline) -> None:
        """The kernel removes a dead node's port some time later; its name may be needed before."""
        underlay = self.running.get(UNDERLAY)
        if underlay and UNDERLAY not in self._removed:
            for interface in (interface for node in nodes if not node.is_underlay for interface in node.interfaces):
                _drop_link(underlay.pid, interface.port, deadline)

    def _pids(self, found: Iterable[Process]) -> dict[str, int]:
        """By name; all nodes that are to run must be there."""
        pids = {process.node.name: process.pid for process in found if process.is_init}
        if missing := self.after().keys() - pids.keys():
            raise UserError(f"node {', '.join(sorted(missing))} was killed by somebody else. Run this again.")
        return pids

    def _wire(self) -> None:
        pids = self._pids(processes(self.name))
        underlay = next((node for node in self.created if node.is_underlay), None)
        bridge = [*underlay_wiring(underlay, {}), "link set dev lo up"] if underlay else self._bridge
        outside: dict[str, Link] = {} if underlay else links(pids[UNDERLAY], self.deadline)
        plans = dict(self._wirings)
        for node in self.created:
            if not node.is_underlay:
                plans[node.name] = self._wiring(node, pids[node.name], outside, underlay or self.running[UNDERLAY].node)
        for plan in plans.values():
            for namespace, interface in plan.stale:
                _drop_link(pids[namespace], interface, self.deadline)
        self._batch(pids[UNDERLAY], bridge + [command for plan in plans.values() for command in plan.underlay])
        for name, plan in plans.items():
            self._batch(pids[name], plan.node)

    def _batch(self, pid: int, commands: Sequence[str]) -> None:
        if commands:
            _ip(pid, "-batch", "-", deadline=self.deadline, batch="\n".join(commands) + "\n")

    def _undo(self, births: Sequence[Birth]) -> None:
        grace = Deadline(10)  # the run's own time may be what is up
        names = {birth.node.name for birth in births}
        self._drop_ports((birth.node for birth in births), grace)
        kill_all(lambda: [process for process in processes(self.name) if process.node.name in names], grace)
        for birth in births:
            birth.close()


def _lock_now(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_name(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _shown(node: Node) -> dict[str, Any]:
    if node.is_underlay:
        return {"mtu": node.mtu, "bridges": node.bridges}
    shown: dict[str, Any] = {"address": node.address, "interface": node.interface, "mtu": node.mtu}
    return shown | ({"routes": [route._asdict() for route in node.routes]} if node.routes else {})


def _drop_link(pid: int, interface: str, deadline: Deadline) -> None:
    # Unchecked: the kernel may be removing it already, after the death of the namespace at its other end.
    _ip(pid, "link", "delete", "dev", interface, deadline=deadline, check=False)


class Birth:
    """A node on its way: it ends by itself when this process dies before ``keep``."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._launcher = subprocess.Popen(
            [*UNSHARE, "sh", "-c", SETUP, NEW_NODE, *node.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # no Ctrl-C of the terminal, no hangup at its end
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        self._to_node = cast(IO[bytes], self._launcher.stdin)
        self._from_node = cast(IO[bytes], self._launcher.stdout)

    def _read(self, waiting_for: str, deadline: Deadline) -> bytes:
        while not select.select([self._from_node], [], [], deadline.left(waiting_for))[0]:
            pass  # left() raises when the time is up
        return os.read(self._from_node.fileno(), 4096)

    def wait_until_ready(self, deadline: Deadline) -> None:
        """Wait until the node can be wired; raises ``UserError`` with what it says if it cannot be made."""
        said = b""
        while not said.endswith(b"ready\n"):
            part = self._read(f"node {self.node.name} to be made", deadline)
            said += part
            if not part:
                raise UserError(f"node {self.node.name} could not be made: {said.decode(errors='replace').strip()}")
        # The helper has done its work; the node is PID 1 of its namespace and needs no parent.
        self._launcher.kill()
        self._launcher.wait()

    def keep(self) -> None:
        """Let the node outlive this process."""
        # A node that died meanwhile is noticed by the look at all nodes that follows.
        with contextlib.suppress(BrokenPipeError):
            self._to_node.write(b"keep\n")
            self._to_node.close()

    def wait_until_kept(self, deadline: Deadline) -> None:
        """Wait until the node knows that it is kept."""
        if self._read(f"node {self.node.name} to be handed over", deadline):
            raise UserError(f"node {self.node.name} spoke when it should hold still. Look at its processes.")
        self._from_node.close()

    def close(self) -> None:
        """Let go of a node that is not kept, which ends with that."""
        with contextlib.suppress(BrokenPipeError):
            self._to_node.close()
        self._from_node.close()
        self._launcher.wait()


def _shared_directories(pid: int) -> list[str]:
    """The directories that should be private and are not, since Open vSwitch or OVN came to the host after the node."""
    try:
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
            mounted = {line.split()[4] for line in file}
    except OSError as error:
        raise UserError(f"a process of the lab ended at this moment ({error}). Run this again.") from error
    return [directory for directory in PRIVATE_DIRECTORIES if os.path.isdir(directory) and os.path.realpath(directory) not in mounted]
