# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forwarding model: which packets a ping must cause, at every place where one can listen, and why. Pure.

It follows each frame through the VTEPs' tables as they are in their databases (vtep(5)), over the underlay's links and
routers, into the other VTEPs' tables; and says for each packet it meets on the way what its headers must hold, and which row
decided. What it does not say must not be seen.

A *point* is where one listens: a VM's name for its switch port, ``NODE:INTERFACE`` for a node's interface in the underlay, and
``NODE:trunk`` for the port of a VTEP that brings the frames of VMs in VLANs, with their tags.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import (
    HYPERVISOR,
    LINUX,
    MTU,
    OVN,
    OVN_BRIDGE,
    OVS_VTEP,
    TRUNK,
    UNTAGGED,
    VXLAN_OVERHEAD,
    trunk,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import Row, Step, Walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import Fields
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST, VXLAN_PORT, host_ip

BROADCAST = "ff:ff:ff:ff:ff:ff"
# The time to live of a packet that a VTEP sends.
TTL = 64
#: Bytes that a ping sends by default (ping(8), -s), and those of the ICMP and IPv4 headers before them (RFC 792, RFC 791).
PING_SIZE = 56
PING_HEADERS = 8 + 20
#: How often a VM's kernel asks for a MAC address (arp(7), mcast_solicit).
MOST_ASKS = 3
#: What stands for a table where the VTEP is the Linux kernel (bridge(8)).
LINUX_TABLES = {
    "Physical_Port": "bridge port",
    "Logical_Switch": "VXLAN device",
    "Ucast_Macs_Remote": "bridge fdb",
    "Mcast_Macs_Remote": "bridge fdb",
}
#: The same where it is a hypervisor of OVN (ovn-sb(5)).
OVN_TABLES = {
    "Physical_Port": "Port_Binding",
    "Logical_Switch": "Datapath_Binding",
    "Ucast_Macs_Remote": "Port_Binding",
    "Mcast_Macs_Remote": "Multicast_Group",
}
# More tunnels than any frame takes on a right way: one to a service node, one to a VTEP, and one that a VTEP may add.
MOST_TUNNELS = 4
#: A VTEP, and the address of the next hop that it sends over.
Hop = tuple[str, str]


def table_of(kind: str, table: str) -> str:
    """What stands for a table where the VTEP is of this kind."""
    return {LINUX: LINUX_TABLES, OVN: OVN_TABLES}.get(kind, {}).get(table, table)


class Interface(NamedTuple):
    """A node's interface in the underlay."""

    name: str
    #: With its prefix length.
    address: ipaddress.IPv4Interface
    mac: str | None


class Node:
    """What takes part in the underlay: a hypervisor or a router."""

    def __init__(self, node: Mapping[str, Any], macs: Mapping[str, str]) -> None:
        self.name: str = node["name"]
        self.kind: str = node.get("kind", HYPERVISOR)
        self.interfaces = [
            Interface(interface["name"], ipaddress.IPv4Interface(interface["address"]), macs.get(interface["address"].partition("/")[0]))
            for interface in node["interfaces"]
        ]
        self._routes = [(ipaddress.IPv4Network(route["to"]), str(route["via"])) for route in node.get("routes", [])]

    @property
    def ip(self) -> str:
        """The address of its end of the tunnels."""
        return str(self.interfaces[0].address.ip)

    def point(self, interface: Interface) -> str:
        """Where one listens to an interface."""
        return f"{self.name}:{interface.name}"

    def hop(self, destination: str) -> tuple[Interface, str] | None:
        """The interface to a destination and the address of the next hop there; ``None`` without a route."""
        address = ipaddress.IPv4Address(destination)
        for interface in self.interfaces:
            if address in interface.address.network:
                return interface, destination
        fitting = [(network.prefixlen, via) for network, via in self._routes if address in network]
        return self.hop(max(fitting)[1]) if fitting else None


@dataclass(frozen=True)
class Vm:
    """A VM, on a port of its hypervisor's VTEP."""

    name: str
    mac: str
    ip: str
    hypervisor: str
    port: str
    #: That of its frames at this port; 0 for those without a tag.
    vlan: int

    @classmethod
    def of(cls, vm: Mapping[str, Any]) -> Vm:
        """One of a topology's."""
        return cls(vm["name"], vm["mac"].lower(), host_ip(vm["ip"]), vm["hypervisor"], vm.get("port", vm["name"]), vm.get("vlan", UNTAGGED))

    @property
    def bound_at(self) -> tuple[str, int]:
        """What a binding has to name: port and VLAN."""
        return self.port, self.vlan


@dataclass(frozen=True)
class Switch:
    """A logical switch in the tables of one VTEP."""

    name: str
    vni: int | None
    replication_mode: str
    #: MAC address -> locator.
    unicast: Mapping[str, str]
    #: The locators of unknown-dst.
    flood: Sequence[str]


class Vtep:
    """The tables of one VTEP, as ``vtep_info`` returns them."""

    def __init__(self, host: str, tables: Mapping[str, Any], kind: str, emulator: str | None = None) -> None:
        self.host, self.kind = host, kind
        #: Whether it is the Linux kernel's own.
        self.is_linux = kind == LINUX
        #: Whether it is OVN's, which learns nothing: it knows its own VMs, and what it does not know it sends to the VTEPs alone.
        self.is_ovn = kind == OVN
        #: Whether it is ovs-vtep's, which has a tunnel port for each locator that a row names, and sends from one into another.
        self.has_ports_for_locators = kind == HYPERVISOR and emulator == OVS_VTEP
        self.physical_switch = next(iter(tables["physical_switches"]), "")
        #: (port, VLAN) -> logical switch.
        self.bindings: dict[tuple[str, int], str] = {
            (port, int(vlan)): switch
            for physical in tables["physical_switches"].values()
            for port, columns in physical["ports"].items()
            for vlan, switch in columns["vlan_bindings"].items()
        }
        self.switches = {
            name: Switch(
                name,
                columns["tunnel_key"],
                columns["replication_mode"] or "service_node",
                {mac.lower(): entry["locator"] for mac, entry in columns["ucast_remote"].items()},
                next((entry["locators"] for mac, entry in columns["mcast_remote"].items() if mac == UNKNOWN_DST), []),
            )
            for name, columns in tables["logical_switches"].items()
        }

    def row(self, table: str, **columns: Any) -> Row:
        """One of its rows, for a reader."""
        return {"hypervisor": self.host, "table": table_of(self.kind, table), **columns}

    def ports(self, switch: str) -> set[tuple[str, int]]:
        """The ports, with their VLANs, that are bound to a logical switch."""
        return {port for port, bound in self.bindings.items() if bound == switch}


@dataclass(frozen=True)
class Frame:
    """What a VM sends."""

    #: Which frame of the ping it is.
    key: str
    title: str
    sender: Vm
    receiver: Vm
    broadcast: bool
    match: Fields
    expect: Fields
    #: Bytes of the IPv4 packet that it carries, 0 where it carries none.
    length: int = 0
    #: Whether the sender asks again until there is an answer.
    repeats: bool = False
    #: The key of the echo request that it replies to.
    replies_to: str = ""

    @property
    def destination(self) -> str:
        return BROADCAST if self.broadcast else self.receiver.mac


@dataclass
class _Way:
    """How far a frame has come, on one of its ways."""

    #: The points and keys that it has passed.
    passed: list[tuple[str, str]] = field(default_factory=list)
    #: The VTEPs and next hops that it, and what led to it, went over.
    hops: set[Hop] = field(default_factory=set)
    #: Those whose MAC address has to be known by now, or it is dropped.
    needs: set[Hop] = field(default_factory=set)
    tunnels: int = 0
    #: Whether it depends on what a switch happens to have learned.
    optional: bool = False
    #: Whether others go elsewhere at the same time, so that nobody misses this one.
    copied: bool = False

    def branch(self, tunnels: int = 0, optional: bool = False) -> _Way:
        """A way that goes on from here."""
        return _Way(list(self.passed), set(self.hops), set(self.needs), self.tunnels + tunnels, self.optional or optional, self.copied)


class _Lab:
    """Who is there."""

    def __init__(self, topology: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> None:
        self.nodes = {node["name"]: Node(node, topology["macs"]) for node in topology["nodes"]}
        self.vms = {vm["name"]: Vm.of(vm) for vm in topology["vms"]}
        self.vteps = {host: Vtep(host, tables[host], self.nodes[host].kind, topology.get("emulator")) for host in tables}
        self.service_node = (topology.get("service_node") or {}).get("name")
        #: The MTU of the underlay; without one, everything fits.
        self.mtu: int = topology.get("underlay", {}).get("mtu") or MTU.high
        self.owners = {str(interface.address.ip): (node, interface) for node in self.nodes.values() for interface in node.interfaces}

    def on(self, interface: Interface) -> Iterator[tuple[Node, Interface]]:
        """All interfaces of the network that an interface is in."""
        for node in self.nodes.values():
            for other in node.interfaces:
                if other.address.network == interface.address.network:
                    yield node, other

    def at(self, hypervisor: str, ports: Iterable[tuple[str, int]]) -> list[Vm]:
        """The VMs that are reached at these ports."""
        return [vm for vm in self.vms.values() if vm.hypervisor == hypervisor and vm.bound_at in ports]


def intended(topology: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables that a topology needs, by hypervisor, in the form that vtep_info returns; what decides nothing is left out."""
    switches = {switch["name"]: switch for switch in topology["logical_switches"]}
    service_node = topology.get("service_node")
    tables = {}
    for hypervisor in topology["hypervisors"]:
        name = hypervisor["name"]
        here = [endpoint for endpoint in topology["endpoints"] if endpoint["host"] == name]
        ports: dict[str, dict[str, Any]] = {}
        for endpoint in here:
            ports.setdefault(endpoint["port"], {"vlan_bindings": {}})["vlan_bindings"][str(endpoint["vlan"])] = endpoint["logical_switch"]
        logical = {}
        for switch in sorted({endpoint["logical_switch"] for endpoint in here}):
            remote = [endpoint for endpoint in topology["endpoints"] if endpoint["logical_switch"] == switch and endpoint["host"] != name]
            locators = sorted({endpoint["vtep"] for endpoint in remote}, key=ipaddress.IPv4Address)
            if locators and service_node:
                locators = [service_node["underlay_ip"]]
            logical[switch] = {
                "tunnel_key": switches[switch]["tunnel_key"],
                # The kernel has no such column: it sends to all of its flood list.
                "replication_mode": "service_node" if service_node and hypervisor["kind"] != "linux" else "source_node",
                # OVN is not told which VMs are behind a VTEP.
                "ucast_remote": {
                    endpoint["mac"]: {"locator": endpoint["vtep"], "ipaddr": endpoint["ip"]}
                    for endpoint in (remote if hypervisor["kind"] != "ovn" else ())
                },
                "mcast_remote": {UNKNOWN_DST: {"locators": locators}} if locators else {},
            }
        bridge = OVN_BRIDGE if hypervisor["kind"] == "ovn" else topology["bridge"]
        tables[name] = {"physical_switches": {bridge: {"ports": ports}}, "logical_switches": logical}
    return tables


def walk(
    topology: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    source: str,
    target: str,
    count: int = 1,
    forget: bool | str = True,
    size: int = PING_SIZE,
    mtu: int | None = None,
) -> Walk:
    """What ``ping -c COUNT -s SIZE -M do`` from VM ``source`` to VM ``target`` must cause.

    ``topology``: what ``lab_topology`` completes; of it, ``nodes``, ``macs``, ``vms`` and ``underlay``. ``tables``: what vtep_info
    returned, by hypervisor. ``forget``: whether all caches were emptied before, or only those of the VMs (``vms``); otherwise everything
    that can be known is known. ``size`` is in bytes, as is ``mtu``, that of the two VMs' ports: by default what the underlay has room
    for. Raises ``UserError`` for VMs that are not there.
    """
    lab = _Lab(topology, tables)
    for option, name in (("source", source), ("target", target)):
        if name not in lab.vms:
            raise UserError(f"{option}: there is no VM {name!r}. Use {', '.join(sorted(lab.vms))}.")
    if other := answers_instead(topology, source, target):
        raise UserError(f"target: {target} has the address of {other}, which would answer {source} in its place. Use another VM.")
    return _Ping(lab, lab.vms[source], lab.vms[target], forget, size + PING_HEADERS, mtu or lab.mtu - VXLAN_OVERHEAD).walk(count)


def answers_instead(topology: Mapping[str, Any], source: str, target: str) -> str:
    """The VM that has the target's address on the source's logical switch, or is the source itself; empty where that is the target."""
    vms = {vm["name"]: vm for vm in topology["vms"]}
    a, b = vms[source], vms[target]
    same = (vm["name"] for vm in vms.values() if vm["logical_switch"] == a["logical_switch"] and host_ip(vm["ip"]) == host_ip(b["ip"]))
    return next((name for name in same if name != target), "")


class _Ping:
    """VM a pings VM b."""

    def __init__(self, lab: _Lab, a: Vm, b: Vm, forget: bool | str, length: int, mtu: int) -> None:
        self.lab, self.a, self.b, self.forget = lab, a, b, forget
        #: Bytes of an echo's IPv4 packet, and of the largest one that a VM may send.
        self.length, self.mtu = length, mtu
        self.steps: list[Step] = []
        #: Where and why a frame ended that should have gone on.
        self.ends: list[str] = []
        #: The ways of the frames that pass a point, by the point and the key of the step.
        self._seen: dict[tuple[str, str], list[_Way]] = {}
        #: The pairs of addresses that exchange packets over a link of the underlay.
        self._links: set[tuple[str, str]] = set()
        self._neighbours: set[tuple[str, str]] = set()
        #: The next hops that are known by now: one set for each way on which the answer for the MAC address may have come.
        self._learned: list[set[Hop]] = [set()]
        self._after: list[tuple[str, str]] = []
        self._spoken: set[str] = set()

    def walk(self, count: int) -> Walk:
        a, b = self.a, self.b
        replies = certain = 0
        if self.length > self.mtu:
            # RFC 1191, section 6.1: what must not be fragmented is refused before anything is sent, a question included.
            self.ends.append(f"{a.name}: a packet of {self.length} bytes is too long for its interface, which takes {self.mtu}")
        else:
            resolved = self._resolved() if self.forget else [_Way()]
            # ping does not wait for a reply before its next request; and all that wait for the MAC address go at once when it is known.
            asked = self._after
            self._learned = [way.hops for way in resolved]
            for sequence in range(1, count + 1) if resolved else ():
                self._after = asked
                requests = self._send(self._echo(a, b, sequence, "request"), resolved)
                # Who gets two copies replies twice.
                answers = self._send(self._echo(b, a, sequence, "reply"), requests)
                replies += bool(answers)
                certain += self._is_sure(answers)
        return {
            "source": a.name,
            "target": b.name,
            "vms": [a.ip, b.ip],
            "links": [list(link) for link in sorted(self._links)],
            "replies": replies,
            "certain": certain,
            "ends": list(dict.fromkeys(self.ends)),
            "steps": [{**step, "number": number} for number, step in enumerate(self.steps, 1)],
        }

    def _resolved(self) -> list[_Way]:
        """Ask for b's MAC address, as a's kernel does (RFC 826); the ways on which the answer comes."""
        a, b = self.a, self.b
        request = Frame(
            "arp_request",
            f"{a.name} asks for the MAC address of {b.ip}",
            a,
            b,
            True,
            {"arp.operation": "request", "arp.sender_ip": a.ip, "arp.target_ip": b.ip},
            {"ethernet.source": a.mac, "ethernet.destination": BROADCAST, "arp.sender_mac": a.mac},
            repeats=True,
        )
        reply = Frame(
            "arp_reply",
            f"{b.name} answers {a.name}",
            b,
            a,
            False,
            {"arp.operation": "reply", "arp.sender_ip": b.ip, "arp.target_ip": a.ip},
            {"ethernet.source": b.mac, "ethernet.destination": a.mac, "arp.sender_mac": b.mac, "arp.target_mac": a.mac},
        )
        answers = self._send(reply, self._send(request, [_Way()]))
        if all(way.copied for way in answers):
            # Who has got none of the copies asks again.
            for way in answers:
                way.optional, way.needs = len(way.hops) >= MOST_ASKS, set()
        return answers

    def _is_sure(self, ways: Sequence[_Way]) -> bool:
        """Whether one of these comes to its end, whatever is known of the next hops."""
        return all(any(not way.optional and way.needs <= learned for way in ways) for learned in self._learned)

    def _echo(self, sender: Vm, receiver: Vm, sequence: int, kind: str) -> Frame:
        verb = "pings" if kind == "request" else "replies to"
        return Frame(
            f"echo_{kind}_{sequence}",
            f"{sender.name} {verb} {receiver.name} ({sequence})",
            sender,
            receiver,
            False,
            {
                "icmp.kind": f"echo-{kind}",
                "icmp.sequence": sequence,
                "ipv4.source": sender.ip,
                "ipv4.destination": receiver.ip,
            },
            # Nobody between two VMs of one network routes.
            {"ethernet.source": sender.mac, "ethernet.destination": receiver.mac, "ipv4.ttl": TTL, "ipv4.total_length": self.length},
            self.length,
            replies_to=f"echo_request_{sequence}" if kind == "reply" else "",
        )

    # --- a frame's way -----------------------------------------------------------------------------------------------

    def _send(self, frame: Frame, causes: Sequence[_Way]) -> list[_Way]:
        """Follow a frame to all its ends, once for each arrival that causes it; the ways on which it reaches its receiver.

        What follows comes after what led there.
        """
        self._arrived: list[_Way] = []
        known = len(self.ends)
        vtep = self.lab.vteps[frame.sender.hypervisor]
        port = frame.sender.bound_at
        bound = vtep.bindings.get(port)
        row = (
            vtep.row("Physical_Port", physical_switch=vtep.physical_switch, port=port[0], vlan=port[1], logical_switch=bound)
            if bound
            else None
        )
        if frame.broadcast:
            reason = f"{frame.sender.name} takes {frame.receiver.name} for a neighbour in its own network, and asks everybody there."
        else:
            reason = f"{frame.sender.name} knows the MAC address of {frame.receiver.name}, and knows nothing of a tunnel."
        certain = self._is_sure(causes)
        for cause in causes:
            # If one of them is sure to come, so is the frame.
            needs = set() if certain else set(cause.needs)
            way = _Way(hops=set(cause.hops), needs=needs, optional=cause.optional and not certain)
            hop = (frame.sender.name, vtep.host)
            self._see(frame.sender.name, hop, frame, way, reason, row)
            if port[1]:
                tagged = f"{frame.sender.name} is in VLAN {port[1]} of its switch, whose trunk to the VTEP carries the tag."
                self._see(trunk(vtep.host), hop, frame, way, tagged, row, vlan=port[1])
            self._spoken.add(frame.sender.name)
            if bound is None:
                self.ends.append(f"{vtep.host}: no row of Physical_Port binds {_port(*port)}")
            else:
                self._forward(frame, vtep, vtep.switches.get(bound), None, way, port)
        if self._arrived:
            first, *others = self._arrived
            self._after = [step for step in first.passed if all(step in other.passed for other in others)]
        elif causes and len(self.ends) == known:
            to = frame.receiver
            self.ends.append(f"{to.hypervisor}: no row of Physical_Port binds {_port(*to.bound_at)} to the switch that the frame is in")
        return self._arrived

    def _forward(
        self, frame: Frame, vtep: Vtep, switch: Switch | None, sender: str | None, way: _Way, entered: tuple[str, int] | None = None
    ) -> None:
        """What a VTEP does with a frame that came in at a port, or from the VTEP ``sender``."""
        if switch is None:
            return
        locator = None if frame.broadcast else switch.unicast.get(frame.destination)
        if locator and sender is not None and vtep.is_linux:
            self.ends.append(f"{vtep.host}: {frame.destination} is behind {locator}, and nothing goes from one tunnel into another")
            return
        if locator and (sender is None or vtep.has_ports_for_locators):
            row = vtep.row("Ucast_Macs_Remote", logical_switch=switch.name, mac=frame.destination, locator=locator)
            self._tunnel(
                frame, vtep, switch, locator, row, f"{vtep.host} has a unicast remote for {frame.destination}: it is behind {locator}.", way
            )
            return
        local = sorted(vtep.ports(switch.name) - {entered})
        owners = [] if frame.broadcast else [vm for vm in self.lab.at(vtep.host, local) if vm.mac == frame.destination]
        known = [vm.bound_at for vm in owners]
        if known:
            self._deliver(frame, vtep, switch, known, way)
            if vtep.is_ovn or owners[0].name in self._spoken:
                return
            # A switch forgets what it has learned, and then sends the frame to all.
            way = way.branch(optional=True)
        if frame.broadcast or not vtep.is_ovn:
            self._deliver(frame, vtep, switch, [port for port in local if port not in known], way)
        if sender is not None and (sender in switch.flood or not vtep.has_ports_for_locators):
            # What comes from one of them went to all of them; and the others send nothing from one tunnel into another.
            return
        if sender is not None:
            # ovs-vtep (3.1) keeps to its local ports for a locator that it once had in its flood list.
            way = way.branch(optional=True)
        locators = switch.flood[:1] if switch.replication_mode == "service_node" else switch.flood
        if not locators and sender is None and frame.receiver not in self.lab.at(vtep.host, local):
            self.ends.append(f"{vtep.host}: {switch.name} has no row of Mcast_Macs_Remote for {UNKNOWN_DST}")
        way.copied = len(locators) > 1
        for locator in locators:
            if locator != sender:
                row = vtep.row("Mcast_Macs_Remote", logical_switch=switch.name, mac=UNKNOWN_DST, locator=locator)
                what = "a broadcast" if frame.broadcast else "for a MAC address without a row"
                self._tunnel(frame, vtep, switch, locator, row, f"The frame is {what}: {vtep.host} sends it to {locator}.", way)

    def _deliver(self, frame: Frame, vtep: Vtep, switch: Switch, ports: Iterable[tuple[str, int]], way: _Way) -> None:
        for port, vlan in ports:
            row = vtep.row("Physical_Port", physical_switch=vtep.physical_switch, port=port, vlan=vlan, logical_switch=switch.name)
            own = way.branch()
            there = self.lab.at(vtep.host, [(port, vlan)])
            # Of other ports the lab knows nothing, and nobody listens there.
            owner = there[0].name if there else port
            if port == TRUNK:
                reason = f"{vtep.host} hands the frame to its trunk, with the tag of VLAN {vlan}, which is in {switch.name}."
                self._see(trunk(vtep.host), (vtep.host, owner), frame, own, reason, row, vlan=vlan)
            elif vlan and port in self.lab.vms:
                reason = f"{vtep.host} hands the frame to port {port}, with the tag of VLAN {vlan}, which is in {switch.name}."
                self._see(port, (vtep.host, port), frame, own, reason, row, vlan=vlan)
            for vm in there:
                where = f"its switch takes the tag of VLAN {vlan} off" if vlan else f"which is in {switch.name}"
                self._see(vm.name, (vtep.host, vm.name), frame, own, f"{vtep.host} hands the frame to the port of {vm.name}, {where}.", row)
                if vm == frame.receiver:
                    self._arrived.append(own)

    def _tunnel(self, frame: Frame, vtep: Vtep, switch: Switch, locator: str, row: Row, reason: str, way: _Way) -> None:
        """Wrap a frame, and follow it to the end of the tunnel."""
        if switch.vni is None:
            self.ends.append(f"{vtep.host}: {switch.name} has no tunnel_key")
            return
        way = way.branch(tunnels=1)
        if way.tunnels > MOST_TUNNELS:
            self.ends.append(f"{vtep.host}: a frame goes in a circle between VTEPs")
            return
        arrived = self._carry(frame, self.lab.nodes[vtep.host], locator, switch.vni, row, reason, way)
        if arrived is None:
            return
        if arrived.name in self.lab.vteps:
            self._receive(frame, self.lab.vteps[arrived.name], self.lab.nodes[vtep.host].ip, switch.vni, way)
        elif arrived.name == self.lab.service_node:
            self._copy(frame, arrived, vtep.host, switch.vni, way)
        else:
            self.ends.append(f"{arrived.name}: {locator} is not a VTEP")

    def _copy(self, frame: Frame, copier: Node, sender: str, vni: int, way: _Way) -> None:
        """What a service node does with a frame from a VTEP."""
        reason = f"{copier.name} sends a copy to each VTEP but {sender}, where the frame came from."
        for host, vtep in self.lab.vteps.items():
            if host != sender:
                copy = way.branch(tunnels=1)
                if self._carry(frame, copier, self.lab.nodes[host].ip, vni, None, reason, copy):
                    self._receive(frame, vtep, copier.ip, vni, copy)

    def _receive(self, frame: Frame, vtep: Vtep, sender: str, vni: int, way: _Way) -> None:
        """What a VTEP does with a frame that comes out of a tunnel."""
        switch = next((switch for switch in vtep.switches.values() if switch.vni == vni and vtep.ports(switch.name)), None)
        if switch is None:
            self.ends.append(f"{vtep.host}: no logical switch with a port has the tunnel_key {vni}")
        elif vtep.has_ports_for_locators and sender not in {*switch.unicast.values(), *switch.flood}:
            self.ends.append(f"{vtep.host}: no row of {switch.name} names the locator {sender}, so nothing is taken from there")
        else:
            self._forward(frame, vtep, switch, sender, way)

    # --- the underlay ------------------------------------------------------------------------------------------------

    def _carry(self, frame: Frame, start: Node, locator: str, vni: int, row: Row | None, reason: str, way: _Way) -> Node | None:
        """Send a wrapped frame from one end of a tunnel to the other; the node it arrives at."""
        node, ttl = start, TTL
        while True:
            hop = node.hop(locator)
            if hop is None:
                self.ends.append(f"{node.name}: no route to {locator}")
                return None
            interface, via = hop
            if node is start and node.kind != LINUX and self.forget is True:
                step = (node.name, via)
                # Nobody sends an echo again; and an answer only to somebody who asks again.
                at_once = frame.length or (way.copied and not frame.repeats)
                if at_once and not all(step in learned for learned in self._learned):
                    # The userspace datapath drops a packet while it asks for the next hop's MAC address.
                    way.needs.add(step)
                way.hops.add(step)
                # Each of them costs a question for the VM's MAC address, or its answer, and there may be no further one.
                way.optional = way.optional or (not frame.length and len(way.hops) >= MOST_ASKS)
            if not self._neighbour(node, interface, via, way, row if node is start else None, locator):
                self.ends.append(f"{node.name}: nobody has the address {via}")
                return None
            whole = frame.length + VXLAN_OVERHEAD
            if frame.length and whole > self.lab.mtu:
                # A tunnel tells nobody: no ICMP message goes back to a VM.
                self.ends.append(
                    f"{node.name}: the {frame.length} bytes of a packet are {whole} in the tunnel, and {interface.name} takes {self.lab.mtu}"
                )
                return None
            following, entry = self.lab.owners[via]
            outer: Fields = {
                "ethernet.source": interface.mac,
                "ethernet.destination": entry.mac,
                "ipv4.source": start.ip,
                "ipv4.destination": locator,
                "ipv4.ttl": ttl,
                "udp.destination_port": VXLAN_PORT,
                # A tag that stays in the tunnel would show here, with 4 bytes more (RFC 7348, section 6.1).
                "ipv4.total_length": whole if frame.length else None,
                "vxlan.flags": "0x08",  # the VNI is valid
                "vxlan.vni": vni,
            }
            self._see(node.point(interface), (node.name, following.name), frame, way, reason, row, outer)
            self._see(following.point(entry), (node.name, following.name), frame, way, reason, row, outer)
            if via == locator:
                return following
            node, ttl, row = following, ttl - 1, None
            reason = (
                f"{node.name} has a route to {locator}, and sends the packet on: other MAC addresses, TTL {ttl}, nothing else has changed."
            )

    def _knows(self, node: Node, via: str) -> bool:
        return (node.name, via) in self._neighbours or (self.forget is not True and via in self.lab.owners)

    def _neighbour(self, node: Node, interface: Interface, via: str, way: _Way, row: Row | None, locator: str) -> bool:
        """Whether a node knows the MAC address of the next hop; if it has to, it asks."""
        own = str(interface.address.ip)
        self._links.add((min(own, via), max(own, via)))
        if self._knows(node, via):
            return True
        key = f"underlay_arp_request_{own}>{via}"
        request: Fields = {"arp.operation": "request", "arp.sender_ip": own, "arp.target_ip": via}
        reason = f"Before {node.name} can send to {locator}, it has to know the MAC address of " + (
            "its owner." if via == locator else f"the next hop, {via}."
        )
        for other, there in self.lab.on(interface):
            self._add(
                other.point(there),
                (node.name, self.lab.owners[via][0].name if via in self.lab.owners else node.name),
                key,
                f"{node.name} asks for the MAC address of {via}",
                reason,
                row,
                request,
                {"ethernet.destination": BROADCAST, "arp.sender_mac": interface.mac},
                way.passed,
                way,
                repeats=True,
            )
        if via not in self.lab.owners:
            return False
        following, entry = self.lab.owners[via]
        asked = [(other.point(there), key) for other, there in self.lab.on(interface)]
        answer = f"underlay_arp_reply_{via}>{own}"
        for point in (following.point(entry), node.point(interface)):
            self._add(
                point,
                (following.name, node.name),
                answer,
                f"{following.name} answers {node.name}",
                f"The underlay is an ordinary network: the owner of {via} tells its MAC address to the one who asked.",
                None,
                {"arp.operation": "reply", "arp.sender_ip": via, "arp.target_ip": own},
                {"ethernet.destination": interface.mac, "arp.sender_mac": entry.mac},
                asked,
                way,
            )
            way.passed.append((point, answer))
        # Who is asked learns who asks (RFC 826).
        self._neighbours |= {(node.name, via), (following.name, own)}
        return True

    # --- the packets -------------------------------------------------------------------------------------------------

    def _see(
        self,
        point: str,
        hop: tuple[str, str],
        frame: Frame,
        way: _Way,
        reason: str,
        row: Row | None,
        outer: Fields | None = None,
        vlan: int = 0,
    ) -> None:
        """A frame passes a point: bare, with the tag of a VLAN, or wrapped in an outer header."""
        match, expect, key, request = frame.match, frame.expect, frame.key, frame.replies_to
        inner = ""
        if vlan:
            match = {"vlan.id": vlan, **match}
            key, request = f"{key}_vlan{vlan}", f"{request}_vlan{vlan}"
        if outer:
            source, destination = outer["ipv4.source"], outer["ipv4.destination"]
            inner = "inner."
            match = {f"{inner}{path}": value for path, value in match.items()}
            match |= {"ipv4.source": source, "ipv4.destination": destination}
            expect = {**outer, **{f"{inner}{path}": value for path, value in expect.items()}}
            key, request = f"{key}_{source}>{destination}", f"{request}_{destination}>{source}"
        if (point, request) in self._seen:
            expect = {**expect, f"{inner}icmp.id": {"step": request, "field": f"{inner}icmp.id"}}
        before = way.passed or self._after
        self._add(point, hop, key, frame.title, reason, row, match, expect, before, way, frame.repeats)
        way.passed.append((point, key))

    def _add(
        self,
        point: str,
        hop: tuple[str, str],
        key: str,
        title: str,
        reason: str,
        row: Row | None,
        match: Fields,
        expect: Fields,
        after: Sequence[tuple[str, str]],
        way: _Way,
        repeats: bool = False,
    ) -> None:
        before = list(dict.fromkeys(name for place, name in [*self._after, *after] if place == point))
        ways = self._seen.setdefault((point, key), [])
        ways.append(way.branch())
        if len(ways) > 1:
            for step in self.steps:
                if (step["point"], step["key"]) == (point, key):
                    step["copies"] += 1
                    step["optional"] = not self._is_sure(ways)
                    # Whichever copy is the first.
                    step["after"] = [name for name in step["after"] if name in before]
            return
        self.steps.append(
            {
                "number": 0,
                "point": point,
                "hop": list(hop),
                "key": key,
                "title": title,
                "reason": reason,
                "row": row,
                "match": match,
                "expect": {path: value for path, value in expect.items() if value is not None},
                "after": before,
                "repeats": repeats,
                "optional": not self._is_sure(ways),
                "copies": 1,
            }
        )


def _port(name: str, vlan: int) -> str:
    return f"VLAN {vlan} of port {name}" if vlan else f"port {name}"
