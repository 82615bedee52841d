# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab node is: its names and addresses, and the command line that says so. Pure.

A node is one process, PID 1 of its own pid namespace, that also owns a net, mount, uts and ipc namespace
(namespaces(7), pid_namespaces(7)). Its command line says what it is, so no file can be left behind or go stale:

    sh -c HOLD vxlanlab.vtep/node LAB NAME ADDRESSES INTERFACES ROUTES MTU

ADDRESSES and INTERFACES are lists with commas, and ROUTES is one of NETWORK>GATEWAY, or "-". A node with several interfaces
is a router. One node, "underlay", holds a Linux bridge for each network that joins the others; its ADDRESSES are these
networks.
A new node ends when the process that makes it ends, unless that process has said "keep". Until then the marker in
its command line is "vxlanlab.vtep/new-node".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer, ipv4_interface, ipv4_network

NODE = "vxlanlab.vtep/node"
NEW_NODE = "vxlanlab.vtep/new-node"
UNDERLAY = "underlay"
#: What makes a bridge of Open vSwitch a VTEP (vtep_emulator_engine of the role vtep_emulator).
EMULATORS = VTEPD, OVS_VTEP = ("vtepd", "ovs-vtep")
HYPERVISOR, LINUX, OVN, ROUTER, SERVICE_NODE, CONTROLLER = KINDS = ("hypervisor", "linux", "ovn", "router", "service_node", "controller")
# Names that Linux or Ansible give another meaning.
RESERVED_NAMES = (UNDERLAY, *_names.OF_LINUX, "localhost", "ungrouped")
#: What frames without a VLAN tag are in (vtep(5), vlan_bindings), and the highest number of a VLAN (IEEE 802.1Q).
UNTAGGED, MOST_VLANS = 0, 4094
#: The port of a VTEP that VLANs come through; the other end of this cable; and the switch there, which has the VMs at its access ports.
TRUNK, TRUNK_PEER, VM_BRIDGE = "trunk", "trunk-vms", "br-vms"
#: The bridge of a hypervisor of OVN (ovn-controller(8), external_ids:ovn-bridge), and what it calls itself there.
OVN_BRIDGE = "br-int"
#: The MTU of the underlay in bytes, from what every IPv4 host takes (RFC 791, section 3.1).
MTU = Integer(576, 65535)
#: Outer IPv4, UDP and VXLAN headers and the inner Ethernet header in bytes (RFC 7348, section 5).
VXLAN_OVERHEAD = 50
#: The longest prefix of an underlay: two hosts have room in it.
LONGEST_PREFIX = 30
LAB_NAME_WORDS = "Use 1 to 32 letters, digits, '_' and '-'."

_LAB_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LONGEST_DEVICE = 15  # IFNAMSIZ, netdevice(7)
# The name is also that of the node's port on the underlay bridge.
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,14}")


class Interface(NamedTuple):
    """A node's interface in a network of the underlay."""

    name: str
    #: IPv4 address with its prefix length.
    address: str
    #: Name of the other end, which is a port of the network's bridge.
    port: str

    @property
    def ip(self) -> str:
        """The address without its prefix length."""
        return self.address.partition("/")[0]

    @property
    def network(self) -> str:
        """The network that it is in."""
        return str(ipaddress.IPv4Interface(self.address).network)

    @property
    def mac(self) -> str:
        """Locally administered and made from the address, so that captures of two runs are alike."""
        return ":".join(f"{octet:02x}" for octet in b"\x02\x42" + ipaddress.IPv4Address(self.ip).packed)


class Route(NamedTuple):
    """A way to a network, over a gateway in one of the node's own."""

    to: str
    via: str


@dataclass(frozen=True)
class Node:
    """A node, or the underlay."""

    lab: str
    name: str
    #: IPv4 addresses in the underlay, each with its prefix length; of the underlay itself, its networks. With commas.
    address: str
    #: Names of its interfaces, in the same order.
    interface: str
    #: In bytes.
    mtu: int
    routes: tuple[Route, ...] = ()
    #: What it is in the lab, one of ``KINDS``.
    kind: str = HYPERVISOR

    @property
    def is_underlay(self) -> bool:
        """Whether it holds the bridges that join the others."""
        return self.name == UNDERLAY

    @property
    def interfaces(self) -> list[Interface]:
        """Its interfaces; the first one is that of its tunnels."""
        pairs = zip(self.interface.split(","), self.address.split(","))
        return [Interface(name, address, port_name(self.name, number)) for number, (name, address) in enumerate(pairs)]

    @property
    def bridges(self) -> dict[str, str]:
        """The bridges that the underlay holds: network -> name."""
        return {network: f"{UNDERLAY}{number or ''}" for number, network in enumerate(self.address.split(","))}

    @property
    def ip(self) -> str:
        """The address of its first interface, without the prefix length."""
        return self.interfaces[0].ip

    @property
    def mac(self) -> str:
        """The MAC address of its first interface."""
        return self.interfaces[0].mac

    def arguments(self) -> list[str]:
        """The end of its command line, after the marker."""
        routes = ",".join(f"{route.to}>{route.via}" for route in self.routes) or "-"
        return [self.lab, self.name, self.kind, self.address, self.interface, routes, str(self.mtu)]

    def facts(self) -> dict[str, Any]:
        """What the user sees of a node."""
        first = self.interfaces[0]
        return {
            "name": self.name,
            "kind": self.kind,
            "address": first.address,
            "interface": first.name,
            "mac": first.mac,
            "mtu": self.mtu,
            "interfaces": [{"name": interface.name, "address": interface.address, "mac": interface.mac} for interface in self.interfaces],
            "routes": [route._asdict() for route in self.routes],
        }


def port_name(node: str, number: int) -> str:
    """The port on an underlay's bridge that a node's interface with this number ends at."""
    # A node has no dot in its name, so this is the name of no other.
    return f"{node}.{number}" if number else node


def trunk(hypervisor: str) -> str:
    """Where one listens to a hypervisor's trunk."""
    return f"{hypervisor}:{TRUNK}"


def underlay_of(lab: str, mtu: int, networks: Iterable[str]) -> Node:
    """The node that holds the bridges of a lab, one for each network; ``mtu`` in bytes."""
    order = sorted(set(networks), key=ipaddress.IPv4Network)
    return Node(lab, UNDERLAY, ",".join(order), UNDERLAY, mtu, kind=UNDERLAY)


def parse_command_line(arguments: Sequence[str]) -> tuple[str, Node] | None:
    """The marker and the node of a command line that belongs to a lab, else ``None``."""
    if len(arguments) < 8 or arguments[0] not in ("sh", "unshare"):
        return None
    marker, lab, name, kind, address, interface, routes, mtu = arguments[-8:]
    if marker not in (NODE, NEW_NODE) or not mtu.isdecimal():
        return None
    pairs = [pair.partition(">") for pair in routes.split(",") if pair != "-"]
    return marker, Node(lab, name, address, interface, int(mtu), tuple(Route(to, via) for to, unused, via in pairs), kind)


def lab_name(value: Any) -> str:
    """The name of a lab; raises ``ValueError`` for another."""
    if not isinstance(value, str) or not _LAB_NAME.fullmatch(value):
        raise ValueError(LAB_NAME_WORDS)
    return value


def check_lab_name(lab: str) -> None:
    """Raise ``UserError`` unless it is the name of a lab."""
    try:
        lab_name(lab)
    except ValueError as error:
        raise UserError(f"name {lab!r} is not a lab name. {error}") from None


def node_name(value: Any) -> str:
    """The name of a node, which is also that of a host and of a network device; raises ``ValueError`` for another."""
    if not isinstance(value, str) or not _NODE_NAME.fullmatch(value) or value in RESERVED_NAMES:
        raise ValueError(f"use 1 to 15 letters, digits and '-' (not first), and none of {', '.join(RESERVED_NAMES)}")
    return value


def wanted_nodes(lab: str, nodes: Sequence[Mapping[str, Any]] | None, mtu: int) -> dict[str, Node]:
    """The nodes that the options of lab_netns ask for, by name; ``mtu`` in bytes.

    Raises ``UserError`` for a value that cannot be used, and for nodes that do not go together.
    """
    check_lab_name(lab)
    check_range("mtu", mtu, MTU.low, MTU.high, "Use {} bytes.")
    if not nodes:
        raise UserError("nodes: the list is empty. Name at least one node, or use state=absent to remove the lab.")
    wanted: dict[str, Node] = {}
    owners: dict[ipaddress.IPv4Address, str] = {}
    networks: dict[ipaddress.IPv4Network, str] = {}
    for entry in nodes:
        name = entry["name"]
        given = entry.get("interfaces") or [{"name": entry["interface"], "address": entry["address"]}]
        try:
            node_name(name)
        except ValueError as error:
            raise UserError(f"nodes: name {name!r} cannot be used: {error}.") from None
        if name in wanted:
            raise UserError(f"nodes: name {name!r} is there twice. Give each node its own name.")
        if len(given) > 1 and len(port_name(name, len(given) - 1)) > _LONGEST_DEVICE:
            raise UserError(
                f"nodes: name {name!r} is too long for a node with {len(given)} interfaces. Use up to"
                f" {_LONGEST_DEVICE - len(port_name('', len(given) - 1))} characters."
            )
        own: dict[ipaddress.IPv4Network, str] = {}
        for interface in given:
            try:
                _names.device(interface["name"])
            except ValueError as error:
                raise UserError(f"nodes: interface {interface['name']!r} of {name} is not an interface name: {error}.") from None
            if interface["name"] in own.values():
                raise UserError(f"nodes: interface {interface['name']!r} of {name} is there twice. Give each its own name.")
            address = _host_address(name, interface["address"])
            if address.ip in owners:
                raise UserError(f"nodes: address {address} of {name} is also that of {owners[address.ip]}. Give each node its own.")
            if address.network in own:
                raise UserError(f"nodes: address {address} of {name} is in the network of its {own[address.network]}. Give it one only.")
            for network, first in networks.items():
                if network != address.network and network.overlaps(address.network):
                    raise UserError(
                        f"nodes: address {address} of {name} is in a network that overlaps {network}, that of {first}."
                        " Give nodes of one network the same prefix length, and keep networks apart."
                    )
            owners[address.ip] = name
            networks.setdefault(address.network, name)
            own[address.network] = interface["name"]
        routes = tuple(_route(name, route, own) for route in entry.get("routes") or [])
        addresses = ",".join(str(ipaddress.IPv4Interface(interface["address"])) for interface in given)
        kind = entry.get("kind") or (ROUTER if len(given) > 1 else HYPERVISOR)
        wanted[name] = Node(lab, name, addresses, ",".join(interface["name"] for interface in given), mtu, routes, kind)
    _joined(wanted)
    return wanted


def _route(name: str, route: Mapping[str, Any], own: Iterable[ipaddress.IPv4Network]) -> Route:
    try:
        to, via = ipv4_network(route["to"]), ipaddress.IPv4Address(route["via"])
    except ValueError:
        raise UserError(
            f"nodes: route to {route['to']!r} via {route['via']!r} of {name} is not one. Use an IPv4 network and the address of a"
            " gateway, for example {to: 10.1.0.0/16, via: 10.0.0.254}."
        ) from None
    if not any(via in network for network in own):
        raise UserError(f"nodes: route via {via} of {name} leads over none of its networks. Use a gateway in {', '.join(map(str, own))}.")
    return Route(str(to), str(via))


def _joined(nodes: Mapping[str, Node]) -> None:
    """Raise ``UserError`` unless there is a way between all networks."""
    rest = list(nodes.values())
    first = rest[0]
    reached = {interface.network for interface in first.interfaces}
    while near := [node for node in rest if reached & {interface.network for interface in node.interfaces}]:
        reached |= {interface.network for node in near for interface in node.interfaces}
        rest = [node for node in rest if node not in near]
    if rest:
        raise UserError(
            f"nodes: address {rest[0].address} of {rest[0].name} is not in the network of {first.name} ({first.address}), and no node"
            " joins the two. Give all nodes the same network and prefix length, or add a router: a node with an interface in each."
        )


def _host_address(name: str, text: str) -> ipaddress.IPv4Interface:
    try:
        address = ipv4_interface(text)
        network = address.network
        if network.prefixlen > LONGEST_PREFIX or address.ip in (network.network_address, network.broadcast_address):
            raise ValueError
    except ValueError:
        raise UserError(
            f"nodes: address {text!r} of {name} is not a host address with a prefix length up to {LONGEST_PREFIX}."
            " Use an IPv4 host address with its prefix length, for example 10.0.0.1/8."
        ) from None
    return address
