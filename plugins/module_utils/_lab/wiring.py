# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ip(8) has to do so that a lab's nodes are joined as they should be: interfaces in, commands out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import UNDERLAY, Node, Route


class Link(TypedDict, total=False):
    """An interface, as ``ip -json address show`` describes it; the keys that matter here."""

    address: str
    #: In bytes.
    mtu: int
    flags: list[str]
    #: Name of the bridge that it is a port of.
    master: str
    #: Its IP addresses, each with ``local`` and ``prefixlen``.
    addr_info: list[dict[str, Any]]


#: The interfaces of a network namespace by name.
Links = Mapping[str, Link]


@dataclass(frozen=True)
class Wiring:
    """The way to a node that is wired as it should be; all empty, and so false, when it is."""

    #: Interfaces to delete first, each with the namespace that it is in: UNDERLAY, or the node's name.
    stale: list[tuple[str, str]]
    #: Commands in the underlay's namespace.
    underlay: list[str]
    #: Commands in the node's namespace.
    node: list[str]

    def __bool__(self) -> bool:
        return bool(self.stale or self.underlay or self.node)


def wiring(node: Node, pid: int, inside: Links, outside: Links, bridges: Mapping[str, str], routes: Iterable[Route] = ()) -> Wiring:
    """Plan the wiring of a node whose PID 1 is ``pid``, from the interfaces of the node and of the underlay.

    ``bridges``: the bridge of each network; ``routes``: those that the node has.
    """
    stale: list[tuple[str, str]] = []
    in_underlay: list[str] = []
    in_node: list[str] = []
    if "UP" not in inside["lo"]["flags"]:
        in_node.append("link set dev lo up")
    for own in node.interfaces:
        interface, port, bridge = inside.get(own.name), outside.get(own.port), bridges[own.network]
        if interface is None or port is None:
            stale += [(UNDERLAY, own.port)] if port else []
            stale += [(node.name, own.name)] if interface else []
            inside = {name: link for name, link in inside.items() if name != own.name}
            # Made inside the namespaces: it never shows in the host's, not even for a moment.
            in_underlay.append(
                f"link add name {own.port} mtu {node.mtu} type veth peer name {own.name} address {own.mac} mtu {node.mtu} netns {pid}"
            )
            interface, port = {"address": own.mac, "mtu": node.mtu, "flags": []}, {"flags": []}
        if port.get("master") != bridge or "UP" not in port["flags"]:
            in_underlay.append(f"link set dev {own.port} master {bridge} up")
        if interface["address"] != own.mac:
            in_node.append(f"link set dev {own.name} address {own.mac}")
        if interface["mtu"] != node.mtu:
            in_node.append(f"link set dev {own.name} mtu {node.mtu}")
        # On whatever interface: the userspace datapath needs it on its bridge.
        addresses = {f"{info['local']}/{info['prefixlen']}" for link in inside.values() for info in link.get("addr_info", [])}
        if own.address not in addresses:
            in_node.append(f"address replace {own.address} broadcast + dev {own.name}")
        if "UP" not in interface["flags"]:
            in_node.append(f"link set dev {own.name} up")
    # What else changed may have taken a route away.
    there = set() if in_node else set(routes)
    in_node += [f"route replace {route.to} via {route.via}" for route in node.routes if route not in there]
    return Wiring(stale, in_underlay, in_node)


def underlay_wiring(underlay: Node, inside: Links) -> list[str]:
    """Plan the underlay's bridges: commands in its namespace, which has these interfaces."""
    commands = []
    for name in underlay.bridges.values():
        bridge = inside.get(name)
        if bridge is None:
            # Without snooping the bridge has no reason to speak: captures hold the nodes' packets alone.
            commands += [f"link add name {name} mtu {underlay.mtu} type bridge mcast_snooping 0", f"link set dev {name} up"]
            continue
        if bridge["mtu"] != underlay.mtu:
            commands.append(f"link set dev {name} mtu {underlay.mtu}")
        if "UP" not in bridge["flags"]:
            commands.append(f"link set dev {name} up")
    return commands
