# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hardware_vtep tables (vtep.5) as data: what names a row, which columns are managed, who refers to whom.

Nothing else in the collection knows a column. Values are kept in a form that compares: text and numbers as they are,
an optional as the value or ``None``, a set as ``frozenset``, a map as ``dict``, a reference as ``Ref``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Add, Desired, Ref, Row, VtepError

DATABASE = "hardware_vtep"

_COLON_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)
_UNICAST_MAC = re.compile(r"[0-9a-f][02468ace](?::[0-9a-f]{2}){5}", re.ASCII)
_ANY_MAC = re.compile(r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}", re.ASCII)
UNKNOWN_DST = "unknown-dst"


# -- how a value is read: each returns the normal form, or raises ValueError saying what was expected ---------------


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


def name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a name that is not empty")
    return value


def integer(low: int, high: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise ValueError(f"expected a whole number from {low} to {high}") from None
        if isinstance(value, (bool, float)) or not low <= number <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return number

    return parse


vlan = integer(0, 4095)
vni = integer(0, 16777215)


def choice(*allowed: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"expected {' or '.join(allowed)}")
        return value

    return parse


encapsulation = choice("vxlan_over_ipv4")


def mac(value: Any) -> str:
    """Six octets, written ``00:1a:..``, ``00-1a-..``, ``001a.2b3c.4d5e`` or bare; the normal form has colons, lower case."""
    low = str(value).lower()
    if _COLON_MAC.fullmatch(low):
        return low
    if not _ANY_MAC.fullmatch(low):
        hint = "; a MAC made of digits alone needs quotes in YAML" if low.isdigit() else ""
        raise ValueError(f"expected a MAC address such as 00:11:22:aa:bb:cc{hint}")
    bare = re.sub(r"[:.-]", "", low)
    return ":".join(bare[i : i + 2] for i in range(0, 12, 2))


def unicast_mac(value: Any) -> str:
    low = str(value).lower()
    if _UNICAST_MAC.fullmatch(low):
        return low
    normal = mac(value)
    if int(normal[1], 16) & 1:
        raise ValueError("expected a unicast MAC address; multicast and broadcast belong in vtep_mcast_remote")
    return normal


def multicast_mac(value: Any) -> str:
    if value == UNKNOWN_DST:
        return UNKNOWN_DST
    normal = mac(value)
    if not int(normal[1], 16) & 1:
        raise ValueError(f"expected {UNKNOWN_DST} or a multicast MAC address; unicast belongs in vtep_ucast_remote")
    return normal


@lru_cache(maxsize=4096)
def _address(value: str) -> Any:
    return ipaddress.ip_address(value)


def ip(value: Any) -> str:
    try:
        return str(_address(str(value)))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 address, without a prefix length") from None


def prefix(value: Any) -> str:
    """An address with its prefix length; the host's part is kept, since it may be the address of an interface."""
    try:
        if "/" not in str(value):
            raise ValueError
        return str(ipaddress.ip_interface(str(value)))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 prefix such as 192.168.1.0/24") from None


def ethertype(value: Any) -> str:
    """Four hexadecimal digits after 0x (vtep.5, ACL_entry)."""
    try:
        number = int(str(value), 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFF:
        raise ValueError("expected an Ethertype in hexadecimal such as 0x0800")
    return f"0x{number:04x}"


def target(value: Any) -> str:
    """An OVSDB connection method (ovsdb.7)."""
    if not re.fullmatch(r"(ssl|tcp):\S+:\d+|(pssl|ptcp):\d*(:\S+)?|p?unix:\S+", str(value)):
        raise ValueError("expected a connection method such as ssl:192.0.2.1:6640 or ptcp:6640")
    return str(value)


def optional_ip(value: Any) -> str:
    return "" if value == "" else ip(value)


def tunnel_ip(value: Any) -> str:
    """Where packets can be sent: a multicast or unspecified address is no VTEP (RFC 7348, section 4)."""
    normal = ip(value)
    if _address(normal).is_multicast or _address(normal).is_unspecified:
        raise ValueError("expected the unicast address of a VTEP")
    return normal


def tunnel_ipv4(value: Any) -> str:
    normal = tunnel_ip(value)
    if _address(normal).version != 4:
        raise ValueError("expected an IPv4 address: the encapsulation is vxlan_over_ipv4")
    return normal


def mac_spellings(value: str) -> list[str]:
    """How writers spell a MAC, our own way first: the database keeps it as text and vtep-ctl stores what it is given."""
    return list(dict.fromkeys((value, value.upper())))


# -- the tables -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column. ``kind`` is atom, optional, set or map; ``refers`` names the table that its values refer to,
    ``through`` a table in between, ``option`` what the user calls it, ``blame`` what the user calls a map's key and value.
    A ``status`` column is written by the VTEP alone."""

    kind: str
    parse: Callable[[Any], Any] = text
    key: Callable[[Any], Any] = text
    refers: str | None = None
    through: str | None = None
    option: str | None = None
    blame: tuple[str, str] | None = None
    required: bool = False
    status: bool = False


@dataclass(frozen=True)
class Key:
    """One part of what names a row. ``where`` says whether the server can be asked for it by value."""

    column: str
    option: str
    parse: Callable[[Any], Any] = name
    refers: str | None = None
    spellings: Callable[[Any], list] = lambda value: [value]
    where: bool = True


@dataclass(frozen=True)
class Table:
    """``owner`` is (table, column): the row lives while that set holds it, and its key begins with the owner's.
    ``kept_by_references``: the row is made when something refers to it and collected when nothing does (vtep.5)."""

    title: str
    key: tuple[Key, ...]
    columns: dict[str, Column]
    owner: tuple[str, str] | None = None
    kept_by_references: bool = False
    remedy: str = ""
    #: Where the VTEP makes the rows itself: the columns that are configured on them.
    registered: tuple[str, ...] | None = None
    #: The table of the rows that this one owns and cannot be without, and the option that holds them.
    members: tuple[str, str] | None = None

    @cached_property
    def managed(self) -> dict[str, Column]:
        """The columns that a task can set."""
        return {name: column for name, column in self.columns.items() if not column.status}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What the database fills in for the managed columns that an insert leaves out."""
        empty = {"set": frozenset(), "map": {}, "optional": None}
        return {name: empty.get(column.kind, None if column.refers else "") for name, column in self.managed.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, column in self.columns.items() if column.required)

    @cached_property
    def referring(self) -> frozenset[str]:
        """The columns that hold references."""
        return frozenset(name for name, column in self.managed.items() if column.refers)

    @cached_property
    def key_references(self) -> tuple[tuple[int, str], ...]:
        """The parts of the key that name a row of another table: position and table."""
        return tuple((index, part.refers) for index, part in enumerate(self.key) if part.refers)


STRINGS = Column("map")
_FAULTS = Column("set", status=True)

_MAC_TABLE = {
    "locator": Column("atom", refers="Physical_Locator", required=True),
    "ipaddr": Column("atom", optional_ip),
}
_MCAST_TABLE = {
    "locator_set": Column("set", refers="Physical_Locator", through="Physical_Locator_Set", option="locators", required=True),
    "ipaddr": Column("atom", optional_ip),
}
_SWITCH_KEY = Key("logical_switch", "logical_switch", refers="Logical_Switch")


def _mac_table(title: str, parse: Callable[[Any], str], columns: dict[str, Column], registered: tuple | None = None) -> Table:
    return Table(title, (_SWITCH_KEY, Key("MAC", "mac", parse, spellings=mac_spellings)), columns, registered=registered)


def _arp_table(title: str, registered: tuple | None = None) -> Table:
    columns = {"locator": Column("atom", refers="Physical_Locator", required=True)}
    return Table(title, (Key("src_mac", "mac", mac, spellings=mac_spellings),), columns, registered=registered)


TABLES: dict[str, Table] = {
    "Global": Table("global row", (), {}),
    "Physical_Switch": Table(
        "physical switch",
        (Key("name", "name"),),
        {
            "description": Column("atom"),
            "management_ips": Column("set", ip),
            "tunnel_ips": Column("set", tunnel_ip),
            "other_config": STRINGS,
            "switch_fault_status": _FAULTS,
        },
        owner=("Global", "switches"),
        registered=(),
        remedy="create it with vtep_physical_switch",
    ),
    "Physical_Port": Table(
        "port",
        (Key("physical_switch", "physical_switch", refers="Physical_Switch"), Key("name", "port")),
        {
            "description": Column("atom"),
            "acl_bindings": Column("map", key=vlan, refers="ACL", blame=("vlan", "acl")),
            "vlan_bindings": Column("map", key=vlan, refers="Logical_Switch", blame=("vlan", "logical_switch")),
            "other_config": STRINGS,
            "port_fault_status": _FAULTS,
        },
        owner=("Physical_Switch", "ports"),
        registered=("vlan_bindings", "acl_bindings"),
        remedy="the VTEP registers its ports itself; with ovs-vtep, check that it runs and that the bridge has the port",
    ),
    "Tunnel": Table(
        "tunnel",
        (
            Key("physical_switch", "physical_switch", refers="Physical_Switch"),
            Key("local", "local", refers="Physical_Locator"),
            Key("remote", "remote", refers="Physical_Locator"),
        ),
        {
            "bfd_config_local": STRINGS,
            "bfd_config_remote": STRINGS,
            "bfd_params": STRINGS,
            "bfd_status": Column("map", status=True),
        },
        owner=("Physical_Switch", "tunnels"),
        registered=("bfd_params", "bfd_config_remote"),
        remedy="the VTEP registers its tunnels itself",
    ),
    "Manager": Table(
        "manager",
        (Key("target", "target", target),),
        {
            "max_backoff": Column("optional", integer(1000, 2**31 - 1)),
            "inactivity_probe": Column("optional", integer(0, 2**31 - 1)),
            "other_config": STRINGS,
            "is_connected": Column("atom", bool, status=True),
            "status": Column("map", status=True),
        },
        owner=("Global", "managers"),
        remedy="create it with vtep_manager",
    ),
    "Logical_Switch": Table(
        "logical switch",
        (Key("name", "name"),),
        {
            "description": Column("atom"),
            "tunnel_key": Column("optional", vni),
            "replication_mode": Column("optional", choice("service_node", "source_node")),
            "other_config": STRINGS,
        },
        remedy="create it with vtep_logical_switch",
    ),
    "Ucast_Macs_Remote": _mac_table("unicast remote", unicast_mac, _MAC_TABLE),
    "Mcast_Macs_Remote": _mac_table("multicast remote", multicast_mac, _MCAST_TABLE),
    "Logical_Router": Table(
        "logical router",
        (Key("name", "name"),),
        {
            "description": Column("atom"),
            "switch_binding": Column("map", key=prefix, refers="Logical_Switch"),
            "static_routes": Column("map", ip, key=prefix),
            "acl_binding": Column("map", key=prefix, refers="ACL"),
            "other_config": STRINGS,
            "LR_fault_status": _FAULTS,
        },
        remedy="create it with vtep_logical_router",
    ),
    "ACL": Table(
        "ACL",
        (Key("acl_name", "name"),),
        {"acl_fault_status": _FAULTS},
        remedy="create it with vtep_acl",
        members=("ACL_entry", "entries"),
    ),
    "ACL_entry": Table(
        "entry",
        (Key("acl", "name", refers="ACL"), Key("sequence", "sequence", integer(0, 2**31 - 1))),
        {
            "direction": Column("atom", choice("ingress", "egress"), required=True),
            "action": Column("atom", choice("permit", "deny"), required=True),
            "source_mac": Column("optional", mac),
            "dest_mac": Column("optional", mac),
            "ethertype": Column("optional", ethertype),
            "source_ip": Column("optional", ip),
            "source_mask": Column("optional", ip),
            "dest_ip": Column("optional", ip),
            "dest_mask": Column("optional", ip),
            "protocol": Column("optional", integer(0, 255)),
            "source_port_min": Column("optional", integer(0, 65535)),
            "source_port_max": Column("optional", integer(0, 65535)),
            "dest_port_min": Column("optional", integer(0, 65535)),
            "dest_port_max": Column("optional", integer(0, 65535)),
            "tcp_flags": Column("optional", integer(0, 4095)),
            "tcp_flags_mask": Column("optional", integer(0, 4095)),
            "icmp_type": Column("optional", integer(0, 255)),
            "icmp_code": Column("optional", integer(0, 255)),
            "acle_fault_status": _FAULTS,
        },
        owner=("ACL", "acl_entries"),
    ),
    "Arp_Sources_Local": _arp_table("local ARP source", registered=()),
    "Arp_Sources_Remote": _arp_table("remote ARP source"),
    "Ucast_Macs_Local": _mac_table("unicast local", unicast_mac, _MAC_TABLE, registered=()),
    "Mcast_Macs_Local": _mac_table("multicast local", multicast_mac, _MCAST_TABLE, registered=()),
    "Physical_Locator_Set": Table("locator set", (), {}, kept_by_references=True),
    "Physical_Locator": Table(
        "locator",
        (
            Key("encapsulation_type", "encapsulation", encapsulation),
            Key("dst_ip", "locator", tunnel_ipv4),
            # Not asked for by value: a locator with a key of its own serves a row that does not say one.
            Key("tunnel_key", "tunnel_key", lambda value: None if value is None else vni(value), where=False),
        ),
        {},
        kept_by_references=True,
    ),
}

#: table -> the (table, column) pairs whose values refer to it, the key's own references included.
REFERRERS: dict[str, list[tuple[str, str]]] = {
    target: [
        (table, column)
        for table, spec in TABLES.items()
        for column, refers in [(k.column, k.refers) for k in spec.key if spec.owner is None or k.refers != spec.owner[0]]
        + [(c, v.refers) for c, v in spec.columns.items()]
        if refers == target
    ]
    for target in TABLES
}


#: table -> the tables whose rows it owns.
OWNED: dict[str, list[str]] = {
    target: [table for table, spec in TABLES.items() if spec.owner and spec.owner[0] == target] for target in TABLES
}


@cache
def is_referable(table: str) -> bool:
    """Whether a row of another table may refer to one of this, own it, or belong to it."""
    return bool(REFERRERS[table] or OWNED[table] or TABLES[table].owner)


# -- names ----------------------------------------------------------------------------------------------------------


def owner_key(table: str, key: tuple) -> tuple:
    """The key of the row that owns this one: the first part of its own key."""
    return key[: len(TABLES[TABLES[table].owner[0]].key)]


@cache
def own_parts(table: str) -> tuple[int, tuple[Key, ...]]:
    """The parts of the key that are columns of the row itself, and where they start in the key."""
    spec = TABLES[table]
    start = len(TABLES[spec.owner[0]].key) if spec.owner else 0
    return start, spec.key[start:]


def describe(ref: Ref) -> str:
    """A row in the user's words: ``port vm1 of physical switch br0``."""
    spec = TABLES[ref.table]
    if ref.table == "Physical_Locator":
        return f"locator {ref.key[1]}"
    words = f"{spec.title} {ref.key[-1]}"
    if len(ref.key) > 1:
        words += f" of {TABLES[spec.key[0].refers].title} {ref.key[0]}"
    return words


# -- desired rows in normal form ------------------------------------------------------------------------------------


def normalise(desired: Desired) -> Desired:
    """The same wishes with every key and value checked and in normal form; twice the same row is an error."""
    present = _normal_rows(desired.present, desired.place)
    absent = _normal_rows(desired.absent, desired.place)
    return replace(desired, present=present, absent=absent)


class _Bad(ValueError):
    """A value that is not accepted, and the option that it came from, within its entry."""

    def __init__(self, option: str, value: Any, error: ValueError):
        super().__init__(f"{value!r} is not accepted: {error}")
        self.option = option
        self.value = value
        self.error = error


def _normal_rows(rows: Sequence[Row], place: Callable[[int, Row], str] | None) -> list[Row]:
    normal: list[Row] = []
    seen: dict[tuple, int] = {}
    for index, row in enumerate(rows):
        spec = TABLES[row.table]
        try:
            key = tuple([_normal_part(part, value) for part, value in zip(spec.key, row.key)])
            columns = {name: _normal_value(spec.columns[name], name, value) for name, value in row.columns.items()}
        except _Bad as bad:
            where = f"{place(index, row)}." if place else ""
            raise VtepError(f"{where}{bad.option}: {bad}") from None
        identity = (row.table, key)
        earlier = seen.setdefault(identity, index)
        if earlier != index:
            what = "the same twice" if normal[earlier].columns == columns else "two different things"
            both = f"{place(earlier, rows[earlier])} and {place(index, row)}" if place else "two options"
            raise VtepError(f"{both}: {describe(Ref(*identity))} is listed more than once, saying {what}; keep one of them")
        normal.append(Row(row.table, key, columns, row.must_exist))
    return normal


def _normal_part(part: Key, value: Any) -> Any:
    if isinstance(value, tuple):
        try:
            return _normal_ref(Ref(part.refers, value)).key
        except _Bad as bad:
            raise _Bad(part.option, bad.value, bad.error) from None
    return _parsed(part.parse, value, part.option)


def _normal_value(column: Column, name: str, value: Any) -> Any:
    option = column.option or name
    if isinstance(value, Add):
        return Add(_normal_value(column, name, value.members))
    if value is None:
        return None
    if column.kind == "set":
        return frozenset([_normal_atom(column, member, option) for member in value])
    if column.kind == "map":
        key_option, value_option = column.blame or (option, option)
        return {_parsed(column.key, k, key_option): _normal_atom(column, v, value_option) for k, v in value.items()}
    return _normal_atom(column, value, option)


def _normal_atom(column: Column, value: Any, option: str) -> Any:
    if not column.refers:
        return _parsed(column.parse, value, option)
    if value is None:
        return None
    try:
        return _normal_ref(value)
    except _Bad as bad:
        # The option that holds the reference is the one to blame for its name, whatever the referred row calls it.
        raise _Bad(option if bad.option in ("name", "locator") else bad.option, bad.value, bad.error) from None


@lru_cache(maxsize=4096)
def _normal_ref(ref: Ref) -> Ref:
    return Ref(ref.table, tuple(_parsed(part.parse, value, part.option) for part, value in zip(TABLES[ref.table].key, ref.key)))


def _parsed(parse: Callable[[Any], Any], value: Any, option: str) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise _Bad(option, value, error) from None


# -- what the database holds, in the same normal form ---------------------------------------------------------------


def tolerant(parse: Callable[[Any], Any], value: Any) -> Any:
    """The normal form of what another writer stored, or the value itself where it has none."""
    try:
        return parse(value)
    except ValueError:
        return value
