# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes with Open vSwitch and either VTEP emulator, set up without Ansible, and raw frames on all of their ports. Needs root.

Everything of a node is reached from outside: its sockets and files through /proc/PID/root, its network by sockets that are made inside.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import select
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.modules import vtepd

MODULE = "ansible_collections.vxlanlab.vtep.plugins.modules.lab_netns"
ROOT = Path(__file__).parents[2]
START = ["/usr/share/openvswitch/scripts/ovs-ctl", "start", "--system-id=random", "--no-record-hostname"]
VTEPD, OVS_VTEP = ENGINES = ("vtepd", "ovs-vtep")
PROGRAMS = {VTEPD: "/var/lib/openvswitch/vtepd.pyz", OVS_VTEP: "/var/lib/openvswitch/ovs-vtep-supervisor"}
SERVER, SWITCHD, EMULATOR = DAEMONS = ("ovsdb-server", "ovs-vswitchd", "emulator")
DATABASE = "/etc/openvswitch/vtep.db"
# Tables that a test empties, those that refer to others first; those that a controller writes; and those that an emulator writes.
EMPTIED = (
    *("Ucast_Macs_Remote", "Mcast_Macs_Remote", "Ucast_Macs_Local", "Mcast_Macs_Local"),
    *("Logical_Switch", "Logical_Router", "ACL", "ACL_entry"),
)
LOCATORS = ("Physical_Locator", "Physical_Locator_Set")
WRITTEN = ("Logical_Switch", "Physical_Port", "Physical_Switch", "Ucast_Macs_Remote", "Mcast_Macs_Remote", *LOCATORS)
PUBLISHED = ("Logical_Switch", "Physical_Port", "Physical_Switch", "Ucast_Macs_Local", "Mcast_Macs_Local", "Tunnel", *LOCATORS)
BROADCAST = "ff:ff:ff:ff:ff:ff"
SECONDS = 60.0
VXLAN_PORT = 4789
# packet(7), if_packet.h and if_ether.h
_ETH_P_ALL, _SOL_PACKET, _PACKET_AUXDATA, _PACKET_OUTGOING, _VLAN_VALID = 3, 263, 8, 4, 0x10
_SO_RCVBUFFORCE = 33
# Python has os.setns from 3.12 on.
_LIBC = ctypes.CDLL(None, use_errno=True)


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """What the condition is as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not after {seconds:g} s: {what}"
        time.sleep(0.005)
    return found


def persistently(action: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Do something as soon as it can be done: a daemon may be on its way."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            action()
            return
        except (AssertionError, OSError) as error:
            assert time.monotonic() < deadline, f"not after {seconds:g} s: {what}: {error}"
            time.sleep(0.02)


# -- frames -----------------------------------------------------------------------------------------------------------


def mac(number: int) -> str:
    return f"00:00:00:00:{number >> 8:02x}:{number & 0xFF:02x}"


def raw(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def frame(source: str, destination: str, payload: bytes, vlan: int | None = None, ethertype: int = 0x88B5) -> bytes:
    """An Ethernet frame, of the type that is for experiments (IEEE 802)."""
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    return (raw(destination) + raw(source) + tag + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def arp(operation: int, source: str, sender: str, target: str, destination: str = BROADCAST, vlan: int | None = None) -> bytes:
    """ARP (RFC 826)."""
    asked = b"\0" * 6 if destination == BROADCAST else raw(destination)
    addresses = raw(source) + socket.inet_aton(sender) + asked + socket.inet_aton(target)
    return frame(source, destination, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + addresses, vlan, 0x0806)


class Heard(NamedTuple):
    """A frame that was seen on a device."""

    device: str
    #: Whether somebody on the device sent it, rather than the switch.
    sent: bool
    #: ``None`` where it has no tag.
    vlan: int | None
    #: Without its tag.
    frame: bytes
    moment: float

    @property
    def payload(self) -> bytes:
        return self.frame[14:]

    @property
    def source(self) -> str:
        return self.frame[6:12].hex(":")

    @property
    def destination(self) -> str:
        return self.frame[:6].hex(":")


class Tunnelled(NamedTuple):
    """A frame that left through a tunnel."""

    address: str
    vni: int
    frame: bytes
    sender: str


def tunnelled(heard: Heard) -> Tunnelled | None:
    """What is in a VXLAN packet (RFC 7348)."""
    packet = heard.frame
    if packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_UDP or packet[36:38] != VXLAN_PORT.to_bytes(2, "big"):
        return None
    ends = socket.inet_ntoa(packet[30:34]), socket.inet_ntoa(packet[26:30])
    return Tunnelled(ends[0], int.from_bytes(packet[46:49], "big"), packet[50:], ends[1])


def vxlan(ends: tuple[str, str], addresses: tuple[str, str], vni: int, inner: bytes) -> bytes:
    """A frame in a VXLAN packet, from one end to the other: their MAC addresses, and their IP addresses."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + 16 + len(inner), 0, 0, 64, socket.IPPROTO_UDP, 0) + b"".join(
        map(socket.inet_aton, addresses)
    )
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:]
    # Without a UDP checksum, as VTEPs send them (RFC 7348, section 5).
    outer = header + struct.pack("!HHHH", 50000, VXLAN_PORT, 16 + len(inner), 0) + struct.pack("!II", 0x08000000, vni << 8) + inner
    return raw(ends[1]) + raw(ends[0]) + b"\x08\x00" + outer


@contextlib.contextmanager
def inside(network: Path) -> Iterator[None]:
    """This thread in another network namespace."""
    with open("/proc/thread-self/ns/net") as here, open(network) as there:
        if _LIBC.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            assert not _LIBC.setns(here.fileno(), 0)


class Wire:
    """A socket that hears all devices of a network namespace, also those that come later, and sends on each."""

    def __init__(self, network: Path) -> None:
        with inside(network):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, device: str, data: bytes) -> bool:
        """Whether the device took it: it may be away."""
        try:
            self._socket.sendto(data, (device, 0))
        except OSError:
            return False
        return True

    def heard(self) -> Iterator[Heard]:
        """What has come since the last call."""
        while True:
            try:
                data, more, _flags, told = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except OSError:
                # A device went down: said once.
                continue
            vlan = None
            for _level, _kind, value in more:
                status, _length, _snap, _mac, _net, tci, _tpid = struct.unpack("IIIHHHH", value[:20])
                vlan = tci if status & _VLAN_VALID else None
            if vlan is None and data[12:14] == b"\x81\x00":
                # What this side has sent still has its tag inside.
                vlan, data = int.from_bytes(data[14:16], "big"), data[:12] + data[16:]
            yield Heard(told[0], told[2] == _PACKET_OUTGOING, vlan, data, time.monotonic())


# -- sockets of daemons -----------------------------------------------------------------------------------------------


class Client:
    """JSON-RPC with a daemon's socket: ovsdb-server's, or the one that ovs-appctl(8) uses."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(path))
        self._text = ""
        self._number = 0

    def call(self, method: str, *params: Any, times: int = 1) -> Any:
        wanted = {self._number + count + 1 for count in range(times)}
        self._number += times
        self._socket.sendall(b"".join(json.dumps({"method": method, "params": params, "id": one}).encode() for one in sorted(wanted)))
        answer: dict[str, Any] = {}
        while wanted:
            for message in self._messages():
                if message.get("method") == "echo":
                    self._socket.sendall(json.dumps({"result": message["params"], "error": None, "id": message["id"]}).encode())
                elif message["id"] in wanted:
                    wanted.discard(message["id"])
                    answer = message
        assert not answer["error"], answer
        return answer["result"]

    def _messages(self) -> Iterator[dict[str, Any]]:
        received = self._socket.recv(1 << 20)
        if not received:
            raise ConnectionError
        self._text += received.decode()
        while self._text:
            try:
                message, end = json.JSONDecoder().raw_decode(self._text)
            except ValueError:
                return
            self._text = self._text[end:]
            yield message

    def close(self) -> None:
        self._socket.close()


def value(column: Any) -> Any:
    """A column as Python has it (RFC 7047, section 5.1): sets as sorted lists, one of one as what is in it, UUIDs as text."""
    if not isinstance(column, list):
        return column
    kind, content = column
    if kind == "map":
        return {value(key): value(item) for key, item in content}
    if kind == "set":
        return sorted(map(value, content))
    return content


# -- nodes ------------------------------------------------------------------------------------------------------------


class Node:
    """A node with a bridge br0 and a VTEP emulator."""

    def __init__(self, name: str, pid: int, address: str) -> None:
        self.name, self.pid, self.address = name, pid, address
        self.engine = ""
        self.wire = Wire(Path(f"/proc/{pid}/ns/net"))
        self.wires: dict[str, Wire] = {}
        self._switchd: tuple[int, Client] | None = None

    def close(self) -> None:
        for wire in (self.wire, *self.wires.values()):
            wire.close()

    def path(self, name: str) -> Path:
        return Path(f"/proc/{self.pid}/root{name}")

    def run(self, *words: str, check: bool = True, text: str = "") -> str:
        """What a command prints on the node."""
        command = ["nsenter", "-t", str(self.pid), "-a", "--", *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert not check or not done.returncode, f"{self.name}: {shlex.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    # -- set-up

    def start(self, tunnel_ip: str) -> None:
        """Open vSwitch with the VTEP database, an underlay bridge, and a bridge br0 that is a physical switch."""
        link = json.loads(self.run("ip", "-json", "link", "show", "dev", "eth0"))[0]
        prefix = f"{tunnel_ip}/8"
        script = f"""
            {shlex.join(START)}
            ovsdb-tool create {DATABASE} /usr/share/openvswitch/vtep.ovsschema
            ovs-appctl -t ovsdb-server ovsdb-server/add-db {DATABASE}
            ovs-vsctl add-br br-underlay -- set Bridge br-underlay datapath_type=netdev other_config:hwaddr={link["address"]} \
                -- add-port br-underlay eth0 -- add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure
            ip address flush dev eth0
            ip address add {prefix} dev br-underlay
            ip link set br-underlay up
            echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore
            echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter
            vtep-ctl add-ps br0 -- set Physical_Switch br0 tunnel_ips={tunnel_ip}
        """
        self.run("sh", "-e", "-c", script)

    def port(self, name: str, namespace: str = "", ip: str = "") -> None:
        """A port of br0, where wanted in a network namespace of its own."""
        self.run("ovs-vsctl", "--may-exist", "add-port", "br0", name, "--", "set", "Interface", name, "type=internal", "mtu_request=1450")
        inner = ["ip", "netns", "exec", namespace] if namespace else []
        if namespace:
            self.run("sh", "-e", "-c", f"ip netns add {namespace}; ip link set dev {name} netns {namespace}")
            self.wires[name] = Wire(self.path(f"/run/netns/{namespace}"))
        self.run(*inner, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6; ip link set dev {name} up")
        if ip:
            self.run(*inner, "ip", "address", "add", ip, "dev", name)

    def emulate(self, engine: str, *options: str) -> None:
        """Run the emulator, as the role vtep_emulator does where there is no systemd."""
        program, self.engine = PROGRAMS[engine], engine
        content = vtepd.program() if engine == VTEPD else (ROOT / "roles/vtep_emulator/files/ovs-vtep-supervisor").read_bytes()
        self.path(program).write_bytes(content)
        words = [*options, "--", *START] if engine == VTEPD else START
        self.run(
            *["start-stop-daemon", "--start", "--background", "--make-pidfile", "--output", "/var/log/openvswitch/emulator.log"],
            *f"--pidfile /run/openvswitch/supervisor.pid --name python3 --startas /usr/bin/python3 -- {program} run br0 {DATABASE}".split(),
            *words,
        )

    def settle(self, *ports: str) -> None:
        """Wait until what is in the databases is in force, and every look of the switch at its flows sees it."""
        if self.engine == VTEPD:
            until(lambda: self.ask({"wait": True, "ports": ports}), f"{self.name}: vtepd is ready")
        else:
            self.run("/usr/bin/python3", PROGRAMS[self.engine], "wait", f"{SECONDS:g}", "br0", *ports)
        self.look_again()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """What vtepd answers, as `vtepd.pyz wait` asks it; nothing where it does not run, or ends meanwhile."""
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError, ValueError):
            client.settimeout(SECONDS)
            client.connect(str(self.path("/run/openvswitch/vtepd.br0.ctl")))
            client.sendall(json.dumps(question).encode())
            answer: dict[str, Any] = json.loads(client.makefile().readline())
            return answer
        return {}

    def look_again(self) -> None:
        """Have the switch forget what came out of its flow tables before: for some milliseconds it goes on with that."""
        self.switchd("revalidator/purge")

    def neighbours(self, addresses: dict[str, str]) -> None:
        """Have the switch know the MAC addresses of others in the underlay: the first packet to each is dropped otherwise."""
        for address, hardware in addresses.items():
            self.switchd("tnl/neigh/set", "br-underlay", address, hardware)

    # -- frames

    def wire_of(self, port: str) -> Wire:
        return self.wires.get(port, self.wire)

    def send(self, port: str, data: bytes) -> bool:
        return self.wire_of(port).send(port, data)

    def heard(self) -> list[Heard]:
        return [one for wire in (self.wire, *self.wires.values()) for one in wire.heard()]

    def switchd(self, method: str, *params: str, times: int = 1) -> Any:
        """A command of ovs-appctl(8)."""
        pid = self.daemon(SWITCHD)
        if self._switchd is None or self._switchd[0] != pid:
            self._switchd = pid, Client(self.path(f"/run/openvswitch/ovs-vswitchd.{pid}.ctl"))
        return self._switchd[1].call(method, *params, times=times)

    def drain(self) -> None:
        """Wait until ovs-vswitchd has taken what was sent: it looks at all ports once a round, and at no more than ten commands."""
        self.switchd("version", times=31)

    # -- rows

    def transact(self, *operations: dict[str, Any], database: str = "hardware_vtep") -> list[Any]:
        client = Client(self.path("/run/openvswitch/db.sock"))
        try:
            results: list[Any] = client.call("transact", database, *operations)
        finally:
            client.close()
        assert not [one for one in results if one and one.get("error")], results
        return results

    def rows(self, *tables: str, database: str = "hardware_vtep") -> dict[str, dict[str, dict[str, Any]]]:
        """Rows by table and UUID, of one moment."""
        found = self.transact(*({"op": "select", "table": table, "where": []} for table in tables), database=database)
        return {
            table: {row["_uuid"][1]: {name: value(column) for name, column in row.items() if name != "_version"} for row in one["rows"]}
            for table, one in zip(tables, found)
        }

    def ctl(self, *commands: str) -> str:
        """Commands of vtep-ctl(8), in one transaction."""
        words = " -- ".join(commands)
        command = ["vtep-ctl", f"--db=unix:{self.path('/run/openvswitch/db.sock')}", "--timeout=30", "--", *shlex.split(words)]
        for _attempt in range(10):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            # A row that it has seen may go with what the emulator withdraws at that moment; nothing of the transaction is done then.
            if "references nonexistent row" not in done.stderr:
                break
        assert not done.returncode, f"{self.name}: {words}: {done.stderr}"
        return done.stdout.strip()

    def bind(self, port: str, vlan: int, name: str = "") -> None:
        """A binding to the switch of this name, or none, whatever there was."""
        change: dict[str, Any] = {"op": "mutate", "table": "Physical_Port", "where": [["name", "==", port]]}
        change["mutations"] = [["vlan_bindings", "delete", ["set", [vlan]]]]
        if name:
            [uuid] = [uuid for uuid, row in self.rows("Logical_Switch")["Logical_Switch"].items() if row["name"] == name]
            change["mutations"].append(["vlan_bindings", "insert", ["map", [[vlan, ["uuid", uuid]]]]])
        [done] = self.transact(change)
        assert done["count"] == 1, f"{self.name}: no port {port}"

    def empty(self) -> None:
        """Remove all that a controller has written."""
        nothing = {"vlan_bindings": ["map", []], "acl_bindings": ["map", []]}
        deletes = ({"op": "delete", "table": table, "where": []} for table in EMPTIED)
        self.transact({"op": "update", "table": "Physical_Port", "where": [], "row": nothing}, *deletes)

    def controlled(self) -> Any:
        """What a controller has written, by what it is called."""
        rows = self.rows(*WRITTEN)
        ends = {uuid: (row["dst_ip"], row["encapsulation_type"], row["tunnel_key"]) for uuid, row in rows["Physical_Locator"].items()}
        members = {uuid: row["locators"] for uuid, row in rows["Physical_Locator_Set"].items()}
        sets = {uuid: sorted(ends[one] for one in (found if isinstance(found, list) else [found])) for uuid, found in members.items()}
        macs = {
            (table, uuid, row["MAC"], row["logical_switch"], row["ipaddr"], str(ends.get(row.get("locator")) or sets[row["locator_set"]]))
            for table in ("Ucast_Macs_Remote", "Mcast_Macs_Remote")
            for uuid, row in rows[table].items()
        }
        ports = {row["name"]: (uuid, row["vlan_bindings"], row["acl_bindings"]) for uuid, row in rows["Physical_Port"].items()}
        switches = {row["name"]: (uuid, row["tunnel_ips"]) for uuid, row in rows["Physical_Switch"].items()}
        return rows["Logical_Switch"], ports, switches, macs

    def published(self) -> dict[str, list[str]]:
        """What the emulator has written, by names, so that two nodes can be compared: its own address is `own`."""
        rows = self.rows(*PUBLISHED)
        names = {uuid: row["name"] for uuid, row in rows["Logical_Switch"].items()}
        ends = {uuid: "own" if row["dst_ip"] == self.address else row["dst_ip"] for uuid, row in rows["Physical_Locator"].items()}
        [switch] = rows["Physical_Switch"].values()
        members = {uuid: row["locators"] for uuid, row in rows["Physical_Locator_Set"].items()}
        tunnels = [rows["Tunnel"][one] for one in (switch["tunnels"] if isinstance(switch["tunnels"], list) else [switch["tunnels"]])]
        return {
            "Ucast_Macs_Local": sorted(
                f"{names[row['logical_switch']]} {row['MAC']} {ends[row['locator']]}" for row in rows["Ucast_Macs_Local"].values()
            ),
            "Mcast_Macs_Local": sorted(
                f"{names[row['logical_switch']]} {row['MAC']} {ends[members[row['locator_set']]]}"
                for row in rows["Mcast_Macs_Local"].values()
            ),
            "Tunnel": sorted(f"{ends[row['local']]} {ends[row['remote']]}" for row in tunnels),
            "Physical_Port": sorted(row["name"] for row in rows["Physical_Port"].values()),
        }

    def learned(self) -> set[tuple[str, str]]:
        """Logical switches and MAC addresses in Ucast_Macs_Local."""
        return {(name, address) for name, address, _own in (row.split() for row in self.published()["Ucast_Macs_Local"])}

    def log(self) -> str:
        return self.path("/var/log/openvswitch/emulator.log").read_text()

    def status(self) -> dict[str, Any]:
        """What vtepd says of itself."""
        found: dict[str, Any] = json.loads(self.run("/usr/bin/python3", PROGRAMS[VTEPD], "status", "br0"))
        return found

    # -- daemons

    def daemon(self, name: str) -> int:
        """The PID of a daemon on the node, as seen there; 0 where it does not run."""
        if name == EMULATOR and self.engine == VTEPD:
            return next((pid for pid, words in self.processes() if f"{PROGRAMS[VTEPD]} emulate" in words), 0)
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.path(f"/run/openvswitch/{'ovs-vtep' if name == EMULATOR else name}.pid").read_text())
            return pid if self.path(f"/proc/{pid}/cmdline").read_bytes() else 0
        return 0

    def processes(self) -> Iterator[tuple[int, str]]:
        for process in self.path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                yield int(process.name), (process / "cmdline").read_text().replace("\0", " ")

    def kill(self, daemon: str) -> None:
        """SIGKILL, and wait for the end."""
        pid = until(lambda: self.daemon(daemon), f"{self.name}: {daemon} runs")
        self.run("kill", "-KILL", str(pid))
        until(lambda: self.daemon(daemon) != pid, f"{self.name}: {daemon} ends")

    def all_run(self) -> bool:
        return all(self.daemon(name) for name in DAEMONS)


@contextlib.contextmanager
def nodes(lab: str, addresses: dict[str, str]) -> Iterator[dict[str, int]]:
    """Nodes of namespaces by name, with their PIDs; nothing is left of them."""

    def ask(state: str) -> Any:
        told = {"name": lab, "state": state, "nodes": [{"name": name, "address": f"{ip}/8"} for name, ip in addresses.items()]}
        done = subprocess.run(
            [sys.executable, "-m", MODULE], input=json.dumps({"ANSIBLE_MODULE_ARGS": told}), capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stdout + done.stderr
        return json.loads(done.stdout)

    try:
        yield {node["name"]: node["pid"] for node in ask("present")["nodes"]}
    finally:
        ask("absent")


@contextlib.contextmanager
def vteps(lab: str, engines: dict[str, str], others: Sequence[str] = ()) -> Iterator[list[Node]]:
    """A node with Open vSwitch for each name, and others without, in the order of the names. The engine is for `Node.emulate`."""
    names = [*engines, *others]
    addresses = {name: f"10.{number}.0.1" for number, name in enumerate(names)}
    with nodes(lab, addresses) as pids, contextlib.ExitStack() as undo:
        found = []
        for name in names:
            found.append(Node(name, pids[name], addresses[name]))
            undo.callback(found[-1].close)
        for node in found:
            if node.name in engines:
                node.start(node.address)
                node.engine = engines[node.name]
        yield found


class Net:
    """Nodes with a VTEP each, and one without, which plays VTEPs of any address."""

    def __init__(self, vteps: Sequence[Node], peer: Node, played: Iterable[str] = ()) -> None:
        self.vteps, self.peer = vteps, peer
        self.played = {peer.address, *played}
        self.hardware = {node.address: hardware(node) for node in (*vteps, peer)} | dict.fromkeys(self.played, hardware(peer))
        self.number = 0

    def know_each_other(self) -> None:
        """No packet waits until somebody in the underlay was found."""
        for node in self.vteps:
            node.neighbours({ip: address for ip, address in self.hardware.items() if ip != node.address})

    def unique(self) -> bytes:
        self.number += 1
        return b"frame %06d." % self.number

    def settle(self) -> None:
        for node in self.vteps:
            node.settle()
            node.drain()

    def sent(self, node: Node, port: str, source: str, destination: str = BROADCAST, vlan: int | None = None) -> list[str]:
        """Where a frame arrives, in words such as `hv2:vm1.10` and, for what leaves through a tunnel, `hv1>10.1.0.1#5000`."""
        payload = self.unique()
        return self.places(node, port, frame(source, destination, payload, vlan), lambda heard: heard.payload.startswith(payload))

    def places(self, node: Node, port: str, data: bytes, meant: Callable[[Heard], bool]) -> list[str]:
        self._forget()
        assert node.send(port, data)
        return sorted(self._places(node, meant))

    def from_peer(
        self, node: Node, vni: int, source: str, destination: str = BROADCAST, address: str = "", vlan: int | None = None, to: str = ""
    ) -> list[str]:
        """The same for a frame that comes through a tunnel from a VTEP that is played."""
        payload = self.unique()
        self._forget()
        ends = self.hardware[self.peer.address], self.hardware[node.address]
        addresses = address or self.peer.address, to or node.address
        assert self.peer.send("eth0", vxlan(ends, addresses, vni, frame(source, destination, payload, vlan)))
        before = self._until_here(node, payload)
        return sorted(self._places(node, lambda heard: heard.payload.startswith(payload), before))

    def _forget(self) -> None:
        for node in self.vteps:
            node.look_again()
            node.heard()

    def _until_here(self, node: Node, payload: bytes) -> list[Heard]:
        heard: list[Heard] = []

        def is_here() -> bool:
            heard.extend(node.heard())
            return any(one.device == "eth0" and not one.sent and payload in one.frame for one in heard)

        until(is_here, f"a packet arrives at {node.name}")
        return heard

    def _places(self, node: Node, meant: Callable[[Heard], bool], before: Sequence[Heard] = (), ways: int = 2) -> Iterator[str]:
        node.drain()
        for one in [*before, *node.heard()]:
            packet = tunnelled(one) if one.device == "eth0" and one.sent else None
            if packet and meant(inner := one._replace(frame=packet.frame)):
                yield f"{node.name}>{packet.address}#{packet.vni}"
                for other in self.vteps:
                    if other.address == packet.address and ways:
                        yield from self._places(other, meant, self._until_here(other, inner.payload), ways - 1)
            elif one.device not in ("eth0", "br-underlay") and not one.sent and meant(one):
                yield f"{node.name}:{one.device}" + (f".{one.vlan}" if one.vlan is not None else "")


class Traffic(threading.Thread):
    """Sends a round of frames again and again, and passes on what is heard."""

    def __init__(
        self,
        nodes: Sequence[Node],
        frames: Callable[[int], Iterable[tuple[Node, str, bytes]]],
        take: Callable[[Node, Heard], None],
        period: float,
    ) -> None:
        super().__init__(daemon=True)
        self._wires = {wire: node for node in nodes for wire in (node.wire, *node.wires.values())}
        self._frames, self._take, self._period = frames, take, period
        self.rounds = 0
        self._goes_on = True

    def run(self) -> None:
        due = time.monotonic()
        while self._goes_on:
            for node, port, data in self._frames(self.rounds):
                node.send(port, data)
            self.rounds += 1
            # A round that is late is not made up for.
            due = max(due + self._period, time.monotonic())
            while ready := select.select(self._wires, [], [], max(0.0, due - time.monotonic()))[0]:
                for wire in ready:
                    for heard in wire.heard():
                        self._take(self._wires[wire], heard)
                if time.monotonic() > due:
                    break

    def goes_on(self, rounds: int = 1) -> None:
        """Wait until so many more rounds were sent."""
        wanted = self.rounds + rounds
        until(lambda: self.rounds >= wanted, "frames are sent")

    def __enter__(self) -> Traffic:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._goes_on = False
        self.join()


def hardware(node: Node, device: str = "eth0") -> str:
    """The MAC address of a device."""
    return str(json.loads(node.run("ip", "-json", "link", "show", "dev", device))[0]["address"])
