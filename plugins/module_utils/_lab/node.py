# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab node is: its names and addresses, and the command line that says so. Pure.

A node is one process, PID 1 of its own pid namespace, that also owns a net, mount, uts and ipc namespace
(namespaces(7), pid_namespaces(7)). Its command line says what it is, so no file can be left behind or go stale:

    sh -c HOLD vxlanlab.vtep/node LAB NAME ADDRESS INTERFACE MTU

One node, "underlay", holds the Linux bridge that joins the others; its ADDRESS is "-".
A new node ends when the process that makes it ends, unless that process has said "keep". Until then the marker in
its command line is "vxlanlab.vtep/new-node".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer, ipv4_interface

NODE = "vxlanlab.vtep/node"
NEW_NODE = "vxlanlab.vtep/new-node"
UNDERLAY = "underlay"
# Names that Linux or Ansible give another meaning.
RESERVED_NAMES = (UNDERLAY, *_names.OF_LINUX, "localhost", "ungrouped")
#: The MTU of the underlay in bytes, from what every IPv4 host takes (RFC 791, section 3.1).
MTU = Integer(576, 65535)
#: The longest prefix of an underlay: two hosts have room in it.
LONGEST_PREFIX = 30
LAB_NAME_WORDS = "Use 1 to 32 letters, digits, '_' and '-'."

_LAB_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
# The name is also that of the node's port on the underlay bridge: at most 15 characters (IFNAMSIZ, netdevice(7)).
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,14}")


@dataclass(frozen=True)
class Node:
    """A node, or the underlay."""

    lab: str
    name: str
    #: IPv4 address in the underlay, with its prefix length; "-" for the underlay itself.
    address: str
    interface: str
    #: In bytes.
    mtu: int

    @property
    def is_underlay(self) -> bool:
        """Whether it holds the bridge that joins the others."""
        return self.name == UNDERLAY

    @property
    def ip(self) -> str:
        """The address without its prefix length."""
        return self.address.partition("/")[0]

    @property
    def mac(self) -> str:
        """Locally administered and made from the address, so that captures of two runs are alike."""
        return ":".join(f"{octet:02x}" for octet in b"\x02\x42" + ipaddress.IPv4Address(self.ip).packed)

    def arguments(self) -> list[str]:
        """The end of its command line, after the marker."""
        return [self.lab, self.name, self.address, self.interface, str(self.mtu)]

    def facts(self) -> dict[str, Any]:
        """What the user sees of a node."""
        facts = asdict(self)
        del facts["lab"]
        return dict(facts, mac=self.mac)


def underlay_of(lab: str, mtu: int) -> Node:
    """The node that holds the bridge of a lab; ``mtu`` in bytes."""
    return Node(lab, UNDERLAY, "-", UNDERLAY, mtu)


def parse_command_line(arguments: Sequence[str]) -> tuple[str, Node] | None:
    """The marker and the node of a command line that belongs to a lab, else ``None``."""
    if len(arguments) < 6 or arguments[0] not in ("sh", "unshare"):
        return None
    marker, lab, name, address, interface, mtu = arguments[-6:]
    if marker not in (NODE, NEW_NODE) or not mtu.isdecimal():
        return None
    return marker, Node(lab, name, address, interface, int(mtu))


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
    for entry in nodes:
        name, interface = entry["name"], entry["interface"]
        try:
            node_name(name)
        except ValueError as error:
            raise UserError(f"nodes: name {name!r} cannot be used: {error}.") from None
        if name in wanted:
            raise UserError(f"nodes: name {name!r} is there twice. Give each node its own name.")
        try:
            _names.device(interface)
        except ValueError as error:
            raise UserError(f"nodes: interface {interface!r} of {name} is not an interface name: {error}.") from None
        address = _host_address(name, entry["address"])
        if address.ip in owners:
            raise UserError(f"nodes: address {address} of {name} is also that of {owners[address.ip]}. Give each node its own.")
        first = next(iter(wanted.values()), None)
        if first and address.network != ipaddress.ip_interface(first.address).network:
            raise UserError(
                f"nodes: address {address} of {name} is not in the network of {first.name} ({first.address});"
                " the underlay is one network. Give all nodes the same network and prefix length."
            )
        owners[address.ip] = name
        wanted[name] = Node(lab, name, str(address), interface, mtu)
    return wanted


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
