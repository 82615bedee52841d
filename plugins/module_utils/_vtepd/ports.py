# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports that a VTEP needs of Open vSwitch, as changes of the database Open_vSwitch. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._names import BFD_BRIDGE
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import Replica, Row, many, mapping, named, uuid
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import OWNER, TUNNEL_PORT, Vtep, bridge_ports, find, made_here

#: An operation of a transaction (RFC 7047, section 5.2).
Operation = dict[str, Any]
# What vtep.5 has as defaults of Tunnel: bfd_config_local, bfd_config_remote and bfd_params.
BFD_MAC, BFD_LOCAL_IP, BFD_REMOTE_IP = "00:23:20:00:00:01", "169.254.1.0", "169.254.1.1"
BFD_DEFAULTS = {"min_rx": "1000", "min_tx": "100", "decay_min_rx": "0", "cpath_down": "false", "check_tnl_key": "false"}
# Interfaces as they should be: name -> columns.
Interfaces = dict[str, dict[str, Any]]


def bfd_port(address: str) -> str:
    """The name of the port whose BFD looks after a VTEP."""
    return f"bfd-{int(ipaddress.IPv4Address(address)):08x}"


def wanted(vtep: Replica, own: Vtep) -> Interfaces:
    """The interfaces that the emulator needs."""
    if own.address is None:
        return {}
    base = {"local_ip": own.address}
    found: Interfaces = {TUNNEL_PORT: {"options": {"key": "flow", "remote_ip": "flow", **base}, "bfd": {}}}
    for row in monitored(vtep, own):
        address = vtep["Physical_Locator"][row["remote"]]["dst_ip"]
        # Its VNI is 0, and a port for one address and VNI goes before the one for all: data never comes in here.
        found[bfd_port(address)] = {"options": {"key": "0", "remote_ip": address, **base}, "bfd": _bfd(row)}
    return found


def monitored(vtep: Replica, own: Vtep) -> Iterator[Row]:
    """The tunnels that BFD is wanted for (vtep.5, Tunnel, bfd_params)."""
    for one in vtep["Physical_Switch"][own.uuid]["tunnels"]:
        row = vtep["Tunnel"].get(one)
        if row and row["bfd_params"].get("enable") == "true":
            end = vtep["Physical_Locator"].get(row["remote"])
            if end and end["dst_ip"] in own.remotes:
                yield row


def _bfd(row: Row) -> dict[str, str]:
    params = {key: value for key, value in row["bfd_params"].items() if key in (*BFD_DEFAULTS, "enable", "forwarding_if_rx")}
    remote, local = row["bfd_config_remote"], row["bfd_config_local"]
    return {
        **BFD_DEFAULTS,
        **params,
        "bfd_dst_ip": remote.get("bfd_dst_ip", BFD_REMOTE_IP),
        "bfd_remote_dst_mac": remote.get("bfd_dst_mac", BFD_MAC),
        "bfd_local_dst_mac": local.get("bfd_dst_mac", BFD_MAC),
    }


def operations(switch: Replica, bridge: str, want: Mapping[str, Mapping[str, Any]]) -> list[Operation]:
    """What leads from the ports that are there to those that should be; nothing where there is nothing to do."""
    where = find(switch["Bridge"], bridge)
    if where is None:
        return []
    found: list[Operation] = []
    if switch["Bridge"][where]["fail_mode"] != "secure":
        # Without the emulator's flows nothing is forwarded, least of all between two tenants.
        found.append(update("Bridge", where, {"fail_mode": "secure"}))
    have = made_here(switch, bridge)
    for number, (name, columns) in enumerate(want.items()):
        if name not in have:
            found += _add(where, number, name, bridge, columns)
            continue
        for one in have[name]["interfaces"]:
            row = switch["Interface"].get(one)
            if row and (row["options"] != columns["options"] or row["bfd"] != columns["bfd"]):
                found.append(update("Interface", one, {"options": mapping(columns["options"]), "bfd": mapping(columns["bfd"])}))
    for name in have:
        if name not in want:
            found.append(_remove(switch, where, name))
    return [*found, *_leftovers(switch, bridge, where)]


def cleared(switch: Replica, bridge: str) -> list[Operation]:
    """What removes all ports of the emulator."""
    where = find(switch["Bridge"], bridge)
    if where is None:
        return []
    return [_remove(switch, where, name) for name in made_here(switch, bridge)]


def _leftovers(switch: Replica, bridge: str, where: str) -> Iterator[Operation]:
    """What ovs-vtep has made for the same bridge: a bridge for each logical switch, patch ports to them, and one for BFD."""
    roots = list(switch["Open_vSwitch"])
    its_own = {
        one
        for one, row in switch["Bridge"].items()
        if (row["external_ids"].get("vtep_logical_switch") == "true" and row["name"].startswith(f"{bridge}_vtep_ls"))
        or row["name"] == BFD_BRIDGE
    }
    for one in sorted(its_own):
        yield mutate("Open_vSwitch", roots[0], "bridges", "delete", many([uuid(one)]))
    for name, port in bridge_ports(switch, bridge):
        rows = [switch["Interface"].get(one) for one in port["interfaces"]]
        if name.endswith("-p") and all(row and row["type"] == "patch" and row["options"].get("peer") == f"{name[:-2]}-l" for row in rows):
            yield _remove(switch, where, name)


def _add(where: str, number: int, name: str, bridge: str, columns: Mapping[str, Any]) -> list[Operation]:
    interface, port = f"i{number}", f"p{number}"
    row = {"name": name, "type": "vxlan", "options": mapping(columns["options"]), "bfd": mapping(columns["bfd"])}
    return [
        {"op": "insert", "table": "Interface", "uuid-name": interface, "row": row},
        {
            "op": "insert",
            "table": "Port",
            "uuid-name": port,
            "row": {"name": name, "interfaces": named(interface), "external_ids": mapping({OWNER: bridge})},
        },
        mutate("Bridge", where, "ports", "insert", many([named(port)])),
    ]


def _remove(switch: Replica, where: str, name: str) -> Operation:
    found = find(switch["Port"], name)
    return mutate("Bridge", where, "ports", "delete", many([uuid(found)] if found else []))


# -- operations (RFC 7047, section 5.2) -------------------------------------------------------------------------------


def where_uuid(one: str) -> list[Any]:
    return [["_uuid", "==", uuid(one)]]


def update(table: str, one: str, row: Mapping[str, Any]) -> Operation:
    return {"op": "update", "table": table, "where": where_uuid(one), "row": dict(row)}


def mutate(table: str, one: str, column: str, mutator: str, value: list[Any]) -> Operation:
    return {"op": "mutate", "table": table, "where": where_uuid(one), "mutations": [[column, mutator, value]]}


def delete(table: str, one: str) -> Operation:
    return {"op": "delete", "table": table, "where": where_uuid(one)}
