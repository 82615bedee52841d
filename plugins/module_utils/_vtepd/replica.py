# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of both databases that the emulator watches, as data, and a copy of their rows that follows them.

Sources: vtep(5) for the database hardware_vtep, ovs-vswitchd.conf.db(5) for Open_vSwitch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

VTEP = "hardware_vtep"
SWITCH = "Open_vSwitch"

#: A row: columns by name. References are UUIDs.
Row = dict[str, Any]
Rows = dict[str, Row]

# How a column's value is kept: a scalar, a scalar or ``None``, a tuple, or a mapping.
ONE, MAYBE, MANY, MAP = "one", "maybe", "many", "map"

TABLES: dict[str, dict[str, dict[str, str]]] = {
    VTEP: {
        "Physical_Switch": {
            "name": ONE,
            "description": ONE,
            "ports": MANY,
            "tunnel_ips": MANY,
            "tunnels": MANY,
            "switch_fault_status": MANY,
        },
        "Physical_Port": {"name": ONE, "vlan_bindings": MAP, "acl_bindings": MAP, "vlan_stats": MAP, "port_fault_status": MANY},
        "Logical_Switch": {"name": ONE, "tunnel_key": MAYBE, "replication_mode": MAYBE},
        "Logical_Binding_Stats": {
            "packets_from_local": ONE,
            "bytes_from_local": ONE,
            "packets_to_local": ONE,
            "bytes_to_local": ONE,
        },
        "Logical_Router": {"name": ONE},
        "Ucast_Macs_Remote": {"MAC": ONE, "logical_switch": ONE, "locator": ONE, "ipaddr": ONE},
        "Mcast_Macs_Remote": {"MAC": ONE, "logical_switch": ONE, "locator_set": ONE},
        "Ucast_Macs_Local": {"MAC": ONE, "logical_switch": ONE, "locator": ONE},
        "Mcast_Macs_Local": {"MAC": ONE, "logical_switch": ONE, "locator_set": ONE},
        "Physical_Locator": {"encapsulation_type": ONE, "dst_ip": ONE, "tunnel_key": MAYBE},
        "Physical_Locator_Set": {"locators": MANY},
        "Tunnel": {
            "local": ONE,
            "remote": ONE,
            "bfd_config_local": MAP,
            "bfd_config_remote": MAP,
            "bfd_params": MAP,
            "bfd_status": MAP,
        },
        "ACL": {"acl_name": ONE, "acl_entries": MANY, "acl_fault_status": MANY},
        "ACL_entry": {
            "sequence": ONE,
            "source_mac": MAYBE,
            "dest_mac": MAYBE,
            "ethertype": MAYBE,
            "source_ip": MAYBE,
            "source_mask": MAYBE,
            "dest_ip": MAYBE,
            "dest_mask": MAYBE,
            "protocol": MAYBE,
            "source_port_min": MAYBE,
            "source_port_max": MAYBE,
            "dest_port_min": MAYBE,
            "dest_port_max": MAYBE,
            "tcp_flags": MAYBE,
            "tcp_flags_mask": MAYBE,
            "icmp_type": MAYBE,
            "icmp_code": MAYBE,
            "direction": ONE,
            "action": ONE,
            "acle_fault_status": MANY,
        },
    },
    SWITCH: {
        "Open_vSwitch": {"next_cfg": ONE, "cur_cfg": ONE, "bridges": MANY},
        "Bridge": {"name": ONE, "ports": MANY, "fail_mode": MAYBE, "external_ids": MAP},
        "Port": {"name": ONE, "interfaces": MANY, "external_ids": MAP},
        "Interface": {"name": ONE, "type": ONE, "ofport": MAYBE, "options": MAP, "bfd": MAP, "bfd_status": MAP},
    },
}
#: Columns that only the emulator itself writes: that they change is no news.
OWN = {
    "Physical_Switch": {"switch_fault_status"},
    "Physical_Port": {"port_fault_status", "vlan_stats"},
    "ACL": {"acl_fault_status"},
    "ACL_entry": {"acle_fault_status"},
}


class Change(NamedTuple):
    """A row that came, changed or went; ``None`` where it was not there."""

    table: str
    uuid: str
    old: Row | None
    new: Row | None


def requests(database: str) -> dict[str, Any]:
    """What is to be watched, as the method monitor takes it (RFC 7047, section 4.1.5)."""
    return {table: {"columns": list(columns)} for table, columns in TABLES[database].items()}


class Replica:
    """The rows of one database, by table and UUID."""

    def __init__(self, database: str) -> None:
        self._columns = TABLES[database]
        self.tables: dict[str, Rows] = {table: {} for table in self._columns}

    def __getitem__(self, table: str) -> Rows:
        return self.tables[table]

    def take(self, updates: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Change]:
        """Follow what the server says has changed (RFC 7047, section 4.1.6)."""
        changes = []
        for table, rows in updates.items():
            kinds = self._columns[table]
            for uuid, said in rows.items():
                old = self.tables[table].get(uuid)
                new = None
                if "new" in said:
                    new = {column: read(kinds[column], value) for column, value in said["new"].items()}
                    self.tables[table][uuid] = new
                else:
                    self.tables[table].pop(uuid, None)
                changes.append(Change(table, uuid, old, new))
        return changes


# -- values as JSON writes them (RFC 7047, section 5.1) ----------------------------------------------------------------


def read(kind: str, value: Any) -> Any:
    """A column's value."""
    if kind == MAP:
        return {_atom(key): _atom(item) for key, item in value[1]}
    if kind == ONE:
        return _atom(value)
    atoms = [_atom(one) for one in value[1]] if isinstance(value, list) and value[0] == "set" else [_atom(value)]
    if kind == MANY:
        return tuple(atoms)
    return atoms[0] if atoms else None


def _atom(value: Any) -> Any:
    return value[1] if isinstance(value, list) else value


def uuid(value: str) -> list[str]:
    """A reference to a row."""
    return ["uuid", value]


def named(value: str) -> list[str]:
    """A reference to a row that the same transaction inserts."""
    return ["named-uuid", value]


def many(values: Iterable[Any]) -> list[Any]:
    """A set."""
    return ["set", list(values)]


def mapping(values: Mapping[Any, Any]) -> list[Any]:
    """A map."""
    return ["map", [[key, value] for key, value in values.items()]]
