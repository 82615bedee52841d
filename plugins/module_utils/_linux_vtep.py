# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VTEP that is the Linux kernel's own: for each logical switch a bridge, with a VXLAN device and the ports of the VMs. Pure.

Its tables are the kernel's forwarding databases (bridge(8), fdb): what the VXLAN device knows says behind which VTEP a MAC address is,
and its entries for the address 00:00:00:00:00:00 are the flood list. A device's alias says which logical switch it stands for, and that
it was made here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST, VXLAN_PORT

#: How the alias of a device begins that was made here.
OURS = "vxlanlab.vtep/"
#: In the forwarding database of a VXLAN device, what is sent there has no entry of its own.
ALL = "00:00:00:00:00:00"

Links = Sequence[Mapping[str, Any]]


class Command(NamedTuple):
    """A line for ``ip -batch`` or ``bridge -batch``."""

    program: str
    line: str


@dataclass(frozen=True)
class Switch:
    """A logical switch on this host."""

    name: str
    vni: int
    #: Names of the VMs' ports.
    ports: frozenset[str]
    #: MAC address -> address of the VTEP that it is behind.
    unicast: Mapping[str, str]
    #: The VTEPs that get what has no entry.
    flood: frozenset[str]

    @property
    def bridge(self) -> str:
        """The name of its bridge."""
        return f"br{self.vni}"

    @property
    def device(self) -> str:
        """The name of its VXLAN device."""
        return f"vx{self.vni}"

    @property
    def alias(self) -> str:
        """What tells its VXLAN device from others."""
        return OURS + self.name


@dataclass(frozen=True)
class Port:
    """A VM's interface, in a network namespace of its own, and its other end, a port of the bridge with the same name."""

    name: str
    mac: str
    #: In bytes.
    mtu: int
    namespace: str


@dataclass
class State:
    """What is there of it."""

    #: By VNI.
    switches: dict[int, Switch] = field(default_factory=dict)
    #: The address that each VXLAN device sends from, by VNI.
    local: dict[int, str] = field(default_factory=dict)
    #: In bytes, by VNI.
    mtu: dict[int, int] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    #: Names of all interfaces.
    taken: set[str] = field(default_factory=set)


def state(links: Links, fdb: Links, ports: Mapping[str, Port]) -> State:
    """What is there, from ``ip -d -json link``, ``bridge -json fdb``, and the VMs' ends of the ports."""
    found = State(ports=dict(ports), taken={link["ifname"] for link in links})
    for link in links:
        data = link.get("linkinfo", {})
        alias = link.get("ifalias", "")
        if data.get("info_kind") != "vxlan" or not alias.startswith(OURS):
            continue
        vni, device = data["info_data"]["id"], link["ifname"]
        own = [entry for entry in fdb if entry["ifname"] == device and "dst" in entry]
        found.switches[vni] = Switch(
            alias[len(OURS) :],
            vni,
            frozenset(other["ifname"] for other in links if other.get("master") == link.get("master", "") and other is not link),
            {entry["mac"]: entry["dst"] for entry in own if entry["mac"] != ALL},
            frozenset(entry["dst"] for entry in own if entry["mac"] == ALL),
        )
        found.local[vni] = data["info_data"].get("local", "")
        found.mtu[vni] = link["mtu"]
    return found


def plan(switches: Iterable[Switch], ports: Mapping[str, Port], tunnel_ip: str, mtu: int, have: State) -> list[Command]:
    """What leads from ``have`` to these switches, with these ports."""
    wanted = {switch.vni: switch for switch in switches}
    commands: list[Command] = []
    for vni, there in have.switches.items():
        own = wanted.get(vni)
        keeps = own is not None and have.local[vni] == tunnel_ip and have.mtu[vni] == mtu
        if not keeps:
            commands += [Command("ip", f"link delete dev {name}") for name in (there.device, there.bridge)]
        surplus = there.ports - (own.ports if own else set())
        # A VM that goes to another switch keeps its interface.
        commands += [Command("ip", f"link delete dev {name}") for name in sorted(surplus) if name not in ports]
    for vni, switch in sorted(wanted.items()):
        before = have.switches.get(vni)
        if before is None or have.local[vni] != tunnel_ip or have.mtu[vni] != mtu:
            made_here = set() if before is None else {before.device, before.bridge}
            for name in (switch.bridge, switch.device):
                if name in have.taken - made_here:
                    raise UserError(
                        f"logical_switches: the interface {name}, for {switch.name}, is there already, and was not made by this module. Rename"
                        " or remove it, or use another tunnel_key."
                    )
            commands += _make(switch, tunnel_ip, mtu)
            before = Switch(switch.name, vni, frozenset(), {}, frozenset())
        elif before.alias != switch.alias:
            commands.append(Command("ip", f"link set dev {switch.device} alias {switch.alias}"))
        commands += _tables(switch, before)
        for name in sorted(switch.ports):
            commands += _port(ports[name], have)
            if name not in before.ports:
                commands.append(Command("ip", f"link set dev {name} master {switch.bridge} up"))
    return commands


def _make(switch: Switch, tunnel_ip: str, mtu: int) -> list[Command]:
    """A bridge with a VXLAN device, neither of which learns what is behind the tunnels: the tables say so."""
    return [
        # Without snooping the bridge has no reason to speak.
        Command("ip", f"link add name {switch.bridge} mtu {mtu} type bridge mcast_snooping 0"),
        Command(
            "ip",
            f"link add name {switch.device} mtu {mtu} type vxlan id {switch.vni} dstport {VXLAN_PORT} local {tunnel_ip} nolearning",
        ),
        Command("ip", f"link set dev {switch.device} alias {switch.alias}"),
        Command("ip", f"link set dev {switch.device} master {switch.bridge}"),
        Command("bridge", f"link set dev {switch.device} learning off"),
        Command("ip", f"link set dev {switch.bridge} up"),
        Command("ip", f"link set dev {switch.device} up"),
    ]


def _tables(switch: Switch, before: Switch) -> list[Command]:
    device = switch.device
    lines = [f"fdb append {ALL} dev {device} dst {vtep}" for vtep in _sorted(switch.flood - before.flood)]
    lines += [f"fdb delete {ALL} dev {device} dst {vtep}" for vtep in _sorted(before.flood - switch.flood)]
    for mac, vtep in sorted(switch.unicast.items()):
        if before.unicast.get(mac) != vtep:
            lines.append(f"fdb replace {mac} dev {device} dst {vtep} self static")
        if mac not in before.unicast:
            # The bridge hands it to the VXLAN device alone.
            lines.append(f"fdb replace {mac} dev {device} master static")
    for mac in sorted(set(before.unicast) - set(switch.unicast)):
        lines += [f"fdb delete {mac} dev {device} dst {before.unicast[mac]} self", f"fdb delete {mac} dev {device} master"]
    return [Command("bridge", line) for line in lines]


def _port(port: Port, have: State) -> list[Command]:
    there = have.ports.get(port.name)
    if there is None:
        if port.name in have.taken:
            raise UserError(
                f"ports: the interface {port.name} is there already, and its other end is not in the network namespace {port.namespace}."
                " Rename or remove it."
            )
        ends = f"mtu {port.mtu} type veth peer name {port.name} address {port.mac} mtu {port.mtu} netns {port.namespace}"
        return [Command("ip", f"link add name {port.name} {ends}")]
    commands = []
    if there.mtu != port.mtu:
        commands += [
            Command("ip", f"link set dev {port.name} mtu {port.mtu}"),
            Command(f"ip -n {port.namespace}", f"link set dev {port.name} mtu {port.mtu}"),
        ]
    if there.mac != port.mac:
        commands.append(Command(f"ip -n {port.namespace}", f"link set dev {port.name} address {port.mac}"))
    return commands


def tables(physical_switch: str, switches: Iterable[Switch]) -> dict[str, Any]:
    """The same as a VTEP's tables, in the form that vtep_info returns."""
    known = sorted(switches, key=lambda switch: switch.name)
    ports = {port: {"vlan_bindings": {"0": switch.name}} for switch in known for port in sorted(switch.ports)}
    return {
        "physical_switches": {physical_switch: {"ports": ports}},
        "logical_switches": {
            switch.name: {
                "tunnel_key": switch.vni,
                # The kernel sends to all of its flood list.
                "replication_mode": "source_node",
                "ucast_remote": {mac: {"locator": vtep, "ipaddr": ""} for mac, vtep in sorted(switch.unicast.items())},
                "mcast_remote": {UNKNOWN_DST: {"locators": _sorted(switch.flood)}} if switch.flood else {},
            }
            for switch in known
        },
    }


def _sorted(addresses: Iterable[str]) -> list[str]:
    return sorted(addresses, key=ipaddress.ip_address)
