# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OVN as the controller of a VTEP: what its northbound database needs (ovn-nb(5)), and what its southbound database says of a hypervisor
(ovn-sb(5)), in the form that vtep_info returns. Pure.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST

#: What a switch of OVN sends to all its ports, with the VTEPs among them.
FLOOD_GROUP = "_MC_flood"
#: Who asks for a tunnel key that is not OVN's own choice (ovn-nb(5), Logical_Switch).
KEY = "requested-tnl-key"

#: Columns of a row, with the sets, maps and UUIDs of RFC 7047 as lists, dictionaries and text.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Port:
    """A port of a logical switch of OVN."""

    name: str
    #: Empty for a VM's, ``vtep`` for all that is behind a VTEP.
    type: str
    addresses: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    def commands(self) -> Iterator[list[str]]:
        """What sets it, for a port that is there (ovn-nbctl(8))."""
        yield ["lsp-set-type", self.name, self.type]
        yield ["lsp-set-addresses", self.name, *self.addresses]
        yield ["lsp-set-options", self.name, *(f"{key}={value}" for key, value in sorted(self.options.items()))]


@dataclass(frozen=True)
class Switch:
    """A logical switch of OVN."""

    name: str
    tunnel_key: int
    ports: tuple[Port, ...]


def rows(text: str) -> list[dict[str, Any]]:
    """The rows that ``--format=json list TABLE`` prints (ovn-nbctl(8), ovs-vsctl(8))."""
    said = json.loads(text)
    return [dict(zip(said["headings"], map(_plain, row))) for row in said["data"]]


def _plain(value: Any) -> Any:
    """A value of RFC 7047, section 5.1, as Python has it."""
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "set":
        return [_plain(one) for one in content]
    if kind == "map":
        return {str(_plain(key)): _plain(one) for key, one in content}
    return content


def many(value: Any) -> list[Any]:
    """A column that holds a set: one value alone is written without its set."""
    return value if isinstance(value, list) else [value]


# --- the northbound database -----------------------------------------------------------------------------------------


def switches(have_switches: Iterable[Row], have_ports: Iterable[Row]) -> dict[str, Switch]:
    """What the northbound database has, from its tables Logical_Switch and Logical_Switch_Port."""
    ports = {
        row["_uuid"]: Port(row["name"], row["type"], tuple(sorted(many(row["addresses"]))), dict(row["options"])) for row in have_ports
    }
    return {
        row["name"]: Switch(row["name"], int(row["other_config"].get(KEY, 0)), tuple(ports[one] for one in many(row["ports"])))
        for row in have_switches
    }


def changes(have: Mapping[str, Switch], wanted: Sequence[Switch]) -> list[list[str]]:
    """The commands of ovn-nbctl(8) that make the wanted switches what they should be. Other switches stay."""
    commands: list[list[str]] = []
    for switch in wanted:
        there = have.get(switch.name)
        if there is None:
            commands.append(["ls-add", switch.name])
        if there is None or there.tunnel_key != switch.tunnel_key:
            commands.append(["set", "Logical_Switch", switch.name, f"other_config:{KEY}={switch.tunnel_key}"])
        ports = {port.name: port for port in there.ports} if there else {}
        commands += [["lsp-del", name] for name in sorted(ports.keys() - {port.name for port in switch.ports})]
        for port in switch.ports:
            if port.name not in ports:
                commands.append(["lsp-add", switch.name, port.name])
            if ports.get(port.name) != port:
                commands += port.commands()
    return commands


# --- the southbound database -----------------------------------------------------------------------------------------


def tables(southbound: Mapping[str, Sequence[Row]], chassis: str, bridge: str) -> dict[str, Any]:
    """What decides on a hypervisor, as vtep_info returns it: its ports, and of their switches the VNI and whom all is sent to.

    ``southbound``: rows by table, of ``SOUTHBOUND``. ``chassis``: the name of the hypervisor. There are no rows for remote MAC addresses:
    OVN sends what it does not know to all VTEPs.
    """
    addresses = {row["_uuid"]: row["ip"] for row in southbound["Encap"] if row["type"] == "vxlan"}
    ends = {row["_uuid"]: [addresses[one] for one in many(row["encaps"]) if one in addresses] for row in southbound["Chassis"]}
    own = {row["_uuid"] for row in southbound["Chassis"] if row["name"] == chassis}
    bindings = {row["_uuid"]: row for row in southbound["Port_Binding"]}
    names = {row["_uuid"]: row["external_ids"].get("name", "") for row in southbound["Datapath_Binding"]}
    here = [row for row in bindings.values() if row["type"] == "" and set(many(row["chassis"])) & own]
    mine = {row["datapath"] for row in here}
    flood = {
        row["datapath"]: {one for port in many(row["ports"]) for one in many(bindings[port]["chassis"])} - own
        for row in southbound["Multicast_Group"]
        if row["name"] == FLOOD_GROUP
    }
    logical = {}
    for row in southbound["Datapath_Binding"]:
        if row["_uuid"] not in mine:
            continue
        locators = {address for one in flood.get(row["_uuid"], ()) for address in ends.get(one, ())}
        logical[names[row["_uuid"]]] = {
            "tunnel_key": row["tunnel_key"],
            # Each of them gets a copy.
            "replication_mode": "source_node",
            "ucast_remote": {},
            "mcast_remote": {UNKNOWN_DST: {"locators": sorted(locators, key=ipaddress.ip_address)}} if locators else {},
        }
    ports = {row["logical_port"]: {"vlan_bindings": {"0": names[row["datapath"]]}} for row in here}
    return {"physical_switches": {bridge: {"ports": ports}}, "logical_switches": logical}


#: What ``tables`` reads.
SOUTHBOUND = {
    "Chassis": ("_uuid", "name", "encaps"),
    "Encap": ("_uuid", "type", "ip"),
    "Datapath_Binding": ("_uuid", "tunnel_key", "external_ids"),
    "Port_Binding": ("_uuid", "logical_port", "type", "chassis", "datapath"),
    "Multicast_Group": ("_uuid", "name", "datapath", "ports"),
}
