# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a VTEP is, read from its rows: which port and VLAN belongs to which logical switch, where the others are, and what is wrong. Pure."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import (
    UNKNOWN_DST,
    mac,
    multicast_mac,
    tunnel_ipv4,
    unicast_mac,
    vni,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import Replica, Row

#: What the emulator writes into external_ids of the ports that it makes, with the bridge's name.
OWNER = "vtepd"
#: The port that all packets to other VTEPs leave by, and come in at.
TUNNEL_PORT = "vtep-vxlan"
SERVICE_NODE = "service_node"  # The mode where none is given (vtep.5, Logical_Switch, replication_mode).
VXLAN_ENCAPSULATION = "vxlan_over_ipv4"
UNTAGGED = 0
# The last VLAN is reserved (IEEE 802.1Q).
MOST_VLAN = 4094

# Words for *_fault_status (vtep.5).
UNSPECIFIED = "unspecified_fault"
INVALID_VLAN_MAP = "invalid_vlan_map"
INVALID_ACL_BINDING = "invalid_ACL_binding"
NO_ROUTERS = "lr_support_fault"


class Binding(NamedTuple):
    """A port and VLAN that belong to a logical switch."""

    #: The OpenFlow number of the port.
    port: int
    #: 0 for frames without a tag.
    vlan: int


class Place(NamedTuple):
    """Where a packet goes: the address of a VTEP, and the VNI."""

    address: str
    key: int


@dataclass(frozen=True)
class Switch:
    """A logical switch that has a binding here."""

    uuid: str
    name: str
    #: Its VNI; ``None`` where it has no tunnels.
    key: int | None
    bindings: tuple[Binding, ...]
    #: By group MAC address or ``unknown-dst``: who gets a copy.
    floods: Mapping[str, tuple[Place, ...]]

    @functools.cached_property
    def metadata(self) -> str:
        """What flows call it: the first half of its row's UUID, so that a restart changes no flow."""
        return metadata(self.uuid)


class Fault(NamedTuple):
    """Something that a row asks for and does not get."""

    table: str
    uuid: str
    #: As vtep.5 has it for the table's column of faults.
    code: str
    words: str


@dataclass(frozen=True)
class Vtep:
    """All of it."""

    #: UUID of the row in Physical_Switch.
    uuid: str
    #: The own tunnel address; ``None`` where there is none, so that frames stay here.
    address: str | None
    #: OpenFlow numbers of the bridge's ports by name.
    ports: Mapping[str, int]
    #: The number of the tunnel port; ``None`` while it is not there.
    tunnel: int | None
    #: By UUID.
    switches: Mapping[str, Switch]
    #: The physical ports by UUID of their rows, those that the bridge has.
    physical: Mapping[str, int]
    #: Other VTEPs that this one may send to: address -> UUID of the locator.
    remotes: Mapping[str, str]
    faults: tuple[Fault, ...] = ()


#: There are many more MAC addresses than VTEPs.
_address = functools.lru_cache(maxsize=4096)(tunnel_ipv4)


def metadata(uuid: str) -> str:
    return "0x" + uuid.replace("-", "")[:16].lstrip("0")


def find(rows: Mapping[str, Row], name: str) -> str | None:
    """The UUID of the row with a name."""
    return next((uuid for uuid, row in rows.items() if row["name"] == name), None)


@dataclass
class _Survey:
    """The rows while they are read."""

    vtep: Replica
    switch: Replica
    bridge: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, table: str, uuid: str, code: str, words: str) -> None:
        self.faults.append(Fault(table, uuid, code, words))


def survey(vtep: Replica, switch: Replica, bridge: str, behind: Iterable[tuple[str, str]] | None = None) -> Vtep | None:
    """Read the rows; ``None`` while there is no bridge, or no physical switch of its name.

    ``behind``: the pairs of logical switch and locator in Ucast_Macs_Remote, where they are known without a look at all of its rows.
    """
    uuid = find(vtep["Physical_Switch"], bridge)
    if uuid is None or find(switch["Bridge"], bridge) is None:
        return None
    read = _Survey(vtep, switch, bridge)
    row = vtep["Physical_Switch"][uuid]
    address = _own_address(read, uuid, row["tunnel_ips"])
    ports = dict(numbers(switch, bridge))
    mine = made_here(switch, bridge)
    physical = _physical(read, row["ports"], {name: number for name, number in ports.items() if name not in mine})
    bindings = _bindings(read, physical)
    keys = _keys(read, uuid, bindings)
    for router in vtep["Logical_Router"].values():
        read.fault("Physical_Switch", uuid, NO_ROUTERS, f"logical router {router['name']}: vtepd does not route")
    bound = {
        one: Switch(one, vtep["Logical_Switch"][one]["name"], keys[one], members, _floods(read, uuid, one, keys[one], address))
        for one, members in bindings.items()
    }
    if behind is None:
        behind = {(row["logical_switch"], row["locator"]) for row in vtep["Ucast_Macs_Remote"].values()}
    remotes = _remotes(vtep, bound, behind, address) if address else {}
    tunnel = ports.get(TUNNEL_PORT) if address and TUNNEL_PORT in mine else None
    return Vtep(uuid, address, ports, tunnel, bound, physical, remotes, tuple(read.faults))


def numbers(switch: Replica, bridge: str) -> Iterator[tuple[str, int]]:
    """The bridge's interfaces that have an OpenFlow number, and that."""
    for name, port in bridge_ports(switch, bridge):
        for one in port["interfaces"]:
            row = switch["Interface"].get(one)
            if row and row["name"] == name and (row["ofport"] or -1) > 0:
                yield name, row["ofport"]


def bridge_ports(switch: Replica, bridge: str) -> Iterator[tuple[str, Row]]:
    """The bridge's ports by name, its own among them."""
    uuid = find(switch["Bridge"], bridge)
    if uuid is not None:
        for one in switch["Bridge"][uuid]["ports"]:
            if port := switch["Port"].get(one):
                yield port["name"], port


def made_here(switch: Replica, bridge: str) -> dict[str, Row]:
    """Those of them that the emulator has made, by name."""
    return {name: port for name, port in bridge_ports(switch, bridge) if port["external_ids"].get(OWNER) == bridge}


def _own_address(read: _Survey, uuid: str, addresses: Iterable[str]) -> str | None:
    good = []
    for address in addresses:
        try:
            good.append(tunnel_ipv4(address))
        except ValueError:
            read.fault("Physical_Switch", uuid, UNSPECIFIED, f"tunnel_ips: {address} is no IPv4 address of a VTEP")
    # The lowest, so that all who look see the same one.
    return min(good, key=ipaddress.IPv4Address, default=None)


def _physical(read: _Survey, uuids: Iterable[str], ports: Mapping[str, int]) -> dict[str, int]:
    found = {}
    for uuid in uuids:
        row = read.vtep["Physical_Port"].get(uuid)
        if row is None:
            continue
        if row["name"] in ports:
            found[uuid] = ports[row["name"]]
        elif row["vlan_bindings"]:
            read.fault("Physical_Port", uuid, UNSPECIFIED, f"port {row['name']}: bridge {read.bridge} has no such port")
    return found


def _bindings(read: _Survey, physical: Mapping[str, int]) -> dict[str, tuple[Binding, ...]]:
    """What belongs to each logical switch. The database takes two rows for one port: what they give to two switches, neither gets."""
    claims: dict[Binding, dict[str, str]] = {}
    for uuid, number in physical.items():
        row = read.vtep["Physical_Port"][uuid]
        for vlan, switch in row["vlan_bindings"].items():
            if vlan > MOST_VLAN:
                read.fault("Physical_Port", uuid, INVALID_VLAN_MAP, f"port {row['name']}: VLAN {vlan} is reserved")
            elif switch in read.vtep["Logical_Switch"]:
                claims.setdefault(Binding(number, vlan), {})[uuid] = switch
    found: dict[str, list[Binding]] = {}
    for binding, claimed in claims.items():
        if len(set(claimed.values())) == 1:
            found.setdefault(next(iter(claimed.values())), []).append(binding)
            continue
        for uuid in claimed:
            name = read.vtep["Physical_Port"][uuid]["name"]
            words = f"port {name}: VLAN {binding.vlan} is bound to two logical switches, by two rows of the same name"
            read.fault("Physical_Port", uuid, INVALID_VLAN_MAP, words)
    return {switch: tuple(sorted(bindings)) for switch, bindings in sorted(found.items())}


def _keys(read: _Survey, uuid: str, bound: Iterable[str]) -> dict[str, int | None]:
    """The VNI of each logical switch. Two with the same would be one tenant, so neither gets any."""
    rows = read.vtep["Logical_Switch"]
    keys: dict[str, int | None] = {}
    owners: dict[int, list[str]] = {}
    for switch in bound:
        name, key = rows[switch]["name"], rows[switch]["tunnel_key"]
        keys[switch] = None
        if key is None:
            continue
        try:
            keys[switch] = vni(key)
        except ValueError:
            read.fault("Physical_Switch", uuid, UNSPECIFIED, f"logical switch {name}: tunnel_key {key} is no VNI")
            continue
        owners.setdefault(key, []).append(switch)
    for key, switches in owners.items():
        if len(switches) > 1:
            names = ", ".join(sorted(rows[switch]["name"] for switch in switches))
            words = f"logical switches {names} have the same tunnel_key {key}: none of them gets tunnels"
            read.fault("Physical_Switch", uuid, UNSPECIFIED, words)
            keys.update(dict.fromkeys(switches))
    return keys


def place(vtep: Replica, locator: str, key: int | None, own: str | None) -> Place | None:
    """Where a locator is, for a switch with a key; the locator's own key goes before (vtep.5, Physical_Locator).

    Raises ``ValueError`` for an address that no packet can be sent to, or ``own``. ``None`` while there is no key.
    """
    row = vtep["Physical_Locator"].get(locator)
    if row is None or row["encapsulation_type"] != VXLAN_ENCAPSULATION:
        return None
    used = key if row["tunnel_key"] is None else vni(row["tunnel_key"])
    address = _address(row["dst_ip"])
    if address == own:
        raise ValueError("it is this VTEP's own")
    return None if used is None else Place(address, used)


def _floods(read: _Survey, uuid: str, switch: str, key: int | None, own: str | None) -> dict[str, tuple[Place, ...]]:
    vtep = read.vtep
    found: dict[str, set[Place]] = {}
    for row in vtep["Mcast_Macs_Remote"].values():
        if row["logical_switch"] != switch:
            continue
        try:
            group = multicast_mac(row["MAC"])
        except ValueError as error:
            read.fault("Physical_Switch", uuid, UNSPECIFIED, f"Mcast_Macs_Remote {row['MAC']}: {error}")
            continue
        places = found.setdefault(group, set())
        for locator in locators(vtep, row):
            try:
                one = place(vtep, locator, key, own)
            except ValueError as error:
                address = vtep["Physical_Locator"][locator]["dst_ip"]
                read.fault("Physical_Switch", uuid, UNSPECIFIED, f"Mcast_Macs_Remote {group}: locator {address}: {error}")
                continue
            if one and key is not None:
                places.add(one)
    mode = vtep["Logical_Switch"][switch]["replication_mode"] or SERVICE_NODE
    down = _down(vtep, uuid) if mode == SERVICE_NODE else frozenset()
    ordered = {group: tuple(sorted(places, key=lambda one: _order(one, down))) for group, places in found.items()}
    # One of the service nodes copies for all (vtep.5, Logical_Switch, replication_mode).
    return {group: places[:1] for group, places in ordered.items()} if mode == SERVICE_NODE else ordered


def _order(one: Place, down: frozenset[str]) -> tuple[bool, int, int]:
    return one.address in down, int(ipaddress.IPv4Address(one.address)), one.key


def _down(vtep: Replica, uuid: str) -> frozenset[str]:
    """The addresses that BFD does not reach from this physical switch."""
    tunnels = [vtep["Tunnel"][one] for one in vtep["Physical_Switch"][uuid]["tunnels"] if one in vtep["Tunnel"]]
    rows = [row for row in tunnels if row["bfd_status"].get("forwarding") == "false"]
    ends = [vtep["Physical_Locator"].get(row["remote"]) for row in rows if row["bfd_params"].get("enable") == "true"]
    return frozenset(end["dst_ip"] for end in ends if end)


def locators(vtep: Replica, row: Row) -> tuple[str, ...]:
    """The locators of a row of Mcast_Macs_Remote or Mcast_Macs_Local."""
    found = vtep["Physical_Locator_Set"].get(row["locator_set"])
    return found["locators"] if found else ()


def _remotes(vtep: Replica, bound: Mapping[str, Switch], behind: Iterable[tuple[str, str]], address: str) -> dict[str, str]:
    tunnelled = {uuid for uuid, switch in bound.items() if switch.key is not None}
    used = {locator for switch, locator in behind if switch in tunnelled}
    for row in vtep["Mcast_Macs_Remote"].values():
        if row["logical_switch"] in tunnelled:
            used.update(locators(vtep, row))
    found: dict[str, str] = {}
    # One tunnel for each address, to the locator without a key where there is one.
    for uuid in sorted(used, key=lambda one: (vtep["Physical_Locator"].get(one, {}).get("tunnel_key") is not None, one)):
        end = vtep["Physical_Locator"].get(uuid)
        if end and end["encapsulation_type"] == VXLAN_ENCAPSULATION and end["dst_ip"] != address and _is_vtep(end["dst_ip"]):
            found.setdefault(end["dst_ip"], uuid)
    return found


def _is_vtep(address: str) -> bool:
    try:
        _address(address)
    except ValueError:
        return False
    return True


class Mac(NamedTuple):
    """A MAC address of a logical switch."""

    switch: str
    address: str


def remote_mac(row: Row) -> Mac | None:
    """What a row of Ucast_Macs_Remote is about; ``None`` where its MAC address is none."""
    try:
        return Mac(row["logical_switch"], unicast_mac(row["MAC"]))
    except ValueError:
        return None


def any_mac(row: Row) -> Mac:
    """The same of a row of the local tables, in our spelling where it has one."""
    try:
        return Mac(row["logical_switch"], mac(row["MAC"]))
    except ValueError:
        return Mac(row["logical_switch"], UNKNOWN_DST if row["MAC"] == UNKNOWN_DST else row["MAC"])
