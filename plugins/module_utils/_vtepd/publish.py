# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a VTEP says of itself, as changes of the database hardware_vtep: the columns and tables that vtep.5 leaves to the switch. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._names import EMULATOR
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.ports import (
    BFD_LOCAL_IP,
    BFD_MAC,
    Operation,
    bfd_port,
    delete,
    mutate,
    update,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import Replica, many, mapping, named, uuid
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import (
    VXLAN_ENCAPSULATION,
    Fault,
    Mac,
    Vtep,
    any_mac,
    bridge_ports,
    find,
    locators,
    made_here,
)

FAULT_COLUMNS = {
    "Physical_Switch": "switch_fault_status",
    "Physical_Port": "port_fault_status",
    "ACL": "acl_fault_status",
    "ACL_entry": "acle_fault_status",
}
# Names of rows that one transaction inserts.
_LOCATOR, _SET = "own", "set"
COUNTERS = ("packets_from_local", "bytes_from_local", "packets_to_local", "bytes_to_local")


def operations(
    vtep: Replica, switch: Replica, bridge: str, own: Vtep, learned: Collection[Mac], faults: Collection[Fault]
) -> list[Operation]:
    """What leads from the rows that are there to those that should be; nothing where there is nothing to do."""
    found = [*_description(vtep, own), *_ports(vtep, switch, bridge, own), *_statuses(vtep, own, faults)]
    locator = _Locator(vtep, own)
    found += [*_unicast(vtep, own, learned, locator), *_multicast(vtep, own, locator), *_tunnels(vtep, switch, own, locator)]
    return [*locator.operations, *found]


class _Locator:
    """The own locator, made where it is first needed."""

    def __init__(self, vtep: Replica, own: Vtep) -> None:
        rows = vtep["Physical_Locator"].items()
        self.uuid = next((one for one, row in rows if row["dst_ip"] == own.address and row["tunnel_key"] is None), None)
        self.address = own.address
        self.operations: list[Operation] = []
        others = {ip for one, row in vtep["Physical_Switch"].items() if one != own.uuid for ip in row["tunnel_ips"]}
        #: Locators of other switches in the same database: rows with these are not ours.
        self.foreign = {one for one, row in rows if row["dst_ip"] in others and row["dst_ip"] != own.address}

    def reference(self) -> list[str]:
        if self.uuid:
            return uuid(self.uuid)
        if not self.operations:
            row = {"dst_ip": self.address, "encapsulation_type": VXLAN_ENCAPSULATION}
            self.operations.append({"op": "insert", "table": "Physical_Locator", "uuid-name": _LOCATOR, "row": row})
        return named(_LOCATOR)


def _ports(vtep: Replica, switch: Replica, bridge: str, own: Vtep) -> Iterator[Operation]:
    """A row for each port of the bridge. One that a binding or an access list names stays, even where its port is gone."""
    rows = {one: vtep["Physical_Port"][one] for one in vtep["Physical_Switch"][own.uuid]["ports"] if one in vtep["Physical_Port"]}
    there = {name for name, _port in bridge_ports(switch, bridge)} - made_here(switch, bridge).keys() - {bridge}
    # With an OpenFlow number, so that what is registered works. The ports of ovs-vtep go as soon as they are seen.
    ready = {name for name in there if name in own.ports and not _is_patch(switch, name)}
    known = {row["name"] for row in rows.values()}
    for number, name in enumerate(sorted(ready - known)):
        yield {"op": "insert", "table": "Physical_Port", "uuid-name": f"port{number}", "row": {"name": name}}
        yield mutate("Physical_Switch", own.uuid, "ports", "insert", many([named(f"port{number}")]))
    for one, row in rows.items():
        if row["name"] not in there and not row["vlan_bindings"] and not row["acl_bindings"]:
            yield mutate("Physical_Switch", own.uuid, "ports", "delete", many([uuid(one)]))


def _is_patch(switch: Replica, name: str) -> bool:
    one = find(switch["Interface"], name)
    return name.endswith("-p") and one is not None and switch["Interface"][one]["type"] == "patch"


def _statuses(vtep: Replica, own: Vtep, faults: Collection[Fault]) -> Iterator[Operation]:
    said: dict[tuple[str, str], set[str]] = {}
    for fault in faults:
        said.setdefault((fault.table, fault.uuid), set()).add(fault.code)
    foreign = _foreign(vtep, own)
    for table, column in FAULT_COLUMNS.items():
        for one, row in vtep[table].items():
            if one in foreign[table]:
                continue
            if set(row[column]) != said.get((table, one), set()):
                yield update(table, one, {column: many(sorted(said.get((table, one), set())))})


def _foreign(vtep: Replica, own: Vtep) -> dict[str, set[str]]:
    """Rows whose faults other physical switches in the same database tell. An access list of both is told of by both, in the same words."""
    mine = _told_of(vtep, {own.uuid})
    theirs = _told_of(vtep, vtep["Physical_Switch"].keys() - {own.uuid})
    return {table: rows - mine[table] for table, rows in theirs.items()}


def _told_of(vtep: Replica, switches: Collection[str]) -> dict[str, set[str]]:
    """The rows that these physical switches tell faults of."""
    ports = {one for switch in switches for one in vtep["Physical_Switch"][switch]["ports"] if one in vtep["Physical_Port"]}
    lists = {one for port in ports for one in vtep["Physical_Port"][port]["acl_bindings"].values() if one in vtep["ACL"]}
    entries = {one for acl in lists for one in vtep["ACL"][acl]["acl_entries"]}
    return {"Physical_Switch": set(switches), "Physical_Port": ports, "ACL": lists, "ACL_entry": entries}


def _unicast(vtep: Replica, own: Vtep, learned: Collection[Mac], locator: _Locator) -> Iterator[Operation]:
    want = {mac for mac in learned if mac.switch in own.switches} if own.address else set()
    kept = set()
    for one, row in vtep["Ucast_Macs_Local"].items():
        if row["locator"] in locator.foreign:
            continue
        mac = any_mac(row)
        if mac not in want or mac in kept:
            yield delete("Ucast_Macs_Local", one)
            continue
        kept.add(mac)
        if row["locator"] != locator.uuid:
            yield update("Ucast_Macs_Local", one, {"locator": locator.reference()})
    for mac in sorted(want - kept):
        row = {"MAC": mac.address, "logical_switch": uuid(mac.switch), "locator": locator.reference()}
        yield {"op": "insert", "table": "Ucast_Macs_Local", "row": row}


def _multicast(vtep: Replica, own: Vtep, locator: _Locator) -> Iterator[Operation]:
    """All frames for addresses that are not known are welcome where a logical switch has a binding of a port that is there (vtep.5, Mcast_Macs_Local)."""
    want = set(own.switches) if own.address else set()
    kept: set[str] = set()
    for one, row in vtep["Mcast_Macs_Local"].items():
        members = locators(vtep, row)
        if members and set(members) <= locator.foreign:
            continue
        if row["MAC"] == UNKNOWN_DST and row["logical_switch"] in want - kept and members == (locator.uuid,):
            kept.add(row["logical_switch"])
        else:
            yield delete("Mcast_Macs_Local", one)
    missing = sorted(want - kept)
    if missing:
        yield {"op": "insert", "table": "Physical_Locator_Set", "uuid-name": _SET, "row": {"locators": locator.reference()}}
    for switch in missing:
        row = {"MAC": UNKNOWN_DST, "logical_switch": uuid(switch), "locator_set": named(_SET)}
        yield {"op": "insert", "table": "Mcast_Macs_Local", "row": row}


def _description(vtep: Replica, own: Vtep) -> Iterator[Operation]:
    """What ovs-vtep wrote there before is no longer true, and tells others which names it would not cope with."""
    if vtep["Physical_Switch"][own.uuid]["description"] == EMULATOR:
        yield update("Physical_Switch", own.uuid, {"description": ""})


def _tunnels(vtep: Replica, switch: Replica, own: Vtep, locator: _Locator) -> Iterator[Operation]:
    kept = set()
    for one in vtep["Physical_Switch"][own.uuid]["tunnels"]:
        row = vtep["Tunnel"].get(one)
        if row is None:
            continue
        end = vtep["Physical_Locator"].get(row["remote"])
        address = end["dst_ip"] if end else ""
        if address not in own.remotes or address in kept:
            yield mutate("Physical_Switch", own.uuid, "tunnels", "delete", many([uuid(one)]))
            continue
        kept.add(address)
        columns: dict[str, Any] = {}
        if row["local"] != locator.uuid:
            columns["local"] = locator.reference()
        status = _bfd_status(switch, address) if row["bfd_params"].get("enable") == "true" else {}
        if row["bfd_status"] != status:
            columns["bfd_status"] = mapping(status)
        if row["bfd_config_local"] != _bfd_local():
            columns["bfd_config_local"] = mapping(_bfd_local())
        if columns:
            yield update("Tunnel", one, columns)
    for number, address in enumerate(sorted(own.remotes.keys() - kept)):
        row = {"local": locator.reference(), "remote": uuid(own.remotes[address]), "bfd_config_local": mapping(_bfd_local())}
        yield {"op": "insert", "table": "Tunnel", "uuid-name": f"tunnel{number}", "row": row}
        yield mutate("Physical_Switch", own.uuid, "tunnels", "insert", many([named(f"tunnel{number}")]))


def _bfd_local() -> dict[str, str]:
    return {"bfd_dst_ip": BFD_LOCAL_IP, "bfd_dst_mac": BFD_MAC}


def _bfd_status(switch: Replica, address: str) -> dict[str, str]:
    one = find(switch["Interface"], bfd_port(address))
    said = switch["Interface"][one]["bfd_status"] if one else {}
    keys = ("state", "forwarding", "diagnostic", "remote_state", "remote_diagnostic")
    return {"enabled": "true", **{key: said[key] for key in keys if key in said}}


# -- counters -------------------------------------------------------------------------------------------------------

#: By port's row and VLAN: the four counters of Logical_Binding_Stats, in the order of `COUNTERS`.
Counters = Mapping[tuple[str, int], tuple[int, int, int, int]]


def counters(vtep: Replica, own: Vtep, counted: Counters) -> list[Operation]:
    """What writes the counters of all bindings (vtep.5, Logical_Binding_Stats), and removes those of bindings that are gone."""
    found: list[Operation] = []
    for one in own.physical:
        row = vtep["Physical_Port"][one]
        stats = dict(row["vlan_stats"])
        for vlan in [vlan for vlan in stats if vlan not in row["vlan_bindings"]]:
            found.append(mutate("Physical_Port", one, "vlan_stats", "delete", many([vlan])))
        for vlan in row["vlan_bindings"]:
            if (one, vlan) not in counted:
                continue
            values = dict(zip(COUNTERS, counted[one, vlan]))
            known = vtep["Logical_Binding_Stats"].get(stats.get(vlan, ""))
            if known is None:
                name = f"stats{len(found)}"
                found.append({"op": "insert", "table": "Logical_Binding_Stats", "uuid-name": name, "row": values})
                found.append(mutate("Physical_Port", one, "vlan_stats", "insert", mapping({vlan: named(name)})))
            elif known != values:
                found.append(update("Logical_Binding_Stats", stats[vlan], values))
    return found
