# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hardware_vtep tables (vtep.5) as data: what names a row, which columns are managed, who refers to whom.

Nothing else in the collection knows a column. Values are kept in a form that compares: text and numbers as they are,
an optional as the value or ``None``, a set as ``frozenset``, a map as ``dict``, a reference as ``Ref``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import (
    Choice,
    Integer,
    Parse,
    ethertype,
    ip,
    mac,
    mac_spellings,
    multicast_mac,
    name,
    optional_ip,
    prefix,
    string,
    target,
    text,
    tunnel_ip,
    tunnel_ipv4,
    unicast_mac,
    version,
    vlan,
    vni,
    written,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Ref, as_key

DATABASE = "hardware_vtep"

#: The only encapsulation that vtep.5 knows.
VXLAN = "vxlan_over_ipv4"


@dataclass(frozen=True)
class Column:
    """One column.

    ``kind``: atom, optional, set or map.
    ``parse``, ``key``: how a value, and a map's key, is read. ``fields``: where a map has these keys alone, how the value of each is read.
    ``refers``: the table that the values refer to; where its rows have no names, they are the values. ``through``: the table in
    between and its column.
    ``option``: what the user calls it, where that is not the column's name; ``aliases``: what else.
    ``entry``: what the user calls a map's key and value where an option of its own holds each.
    ``required``: a row cannot be without it. ``status``: written by the VTEP alone.
    """

    kind: str
    parse: Parse = text
    key: Parse = text
    fields: Mapping[str, Parse] = field(default_factory=dict)
    refers: str | None = None
    through: tuple[str, str] | None = None
    option: str | None = None
    aliases: tuple[str, ...] = ()
    entry: tuple[str, str] | None = None
    required: bool = False
    status: bool = False


@dataclass(frozen=True)
class Key:
    """One part of what names a row.

    ``spellings``: the texts under which a value may be stored.
    ``open``: the part may be left out; then it stands for the value of the row that is in use. It is the last part.
    ``beside``: the option beside a reference to the row that holds this part; ``default`` where it is not given.
    """

    column: str
    option: str
    parse: Parse = name
    refers: str | None = None
    spellings: Callable[[Any], list] = lambda value: [value]
    open: bool = False
    beside: str | None = None
    default: Any = None


@dataclass(frozen=True)
class Table:
    """One table.

    ``owner``: (table, column): the row lives while that set holds it, and its key begins with the owner's.
    ``label``: the part of the key by which the user knows the row, where it is not all of the key.
    ``kept_by_references``: the row is made when something refers to it and collected when nothing does (vtep.5).
    ``remedy``: what to do about a row that is missing.
    ``registered``: where the VTEP makes the rows itself: the columns that are configured on them.
    ``members``: the table of the rows that this one owns and cannot be without, and the option that holds them.
    ``contradictions``: of values that are right each by itself, those that are not right together: the column, and what was expected.
    """

    title: str
    key: tuple[Key, ...]
    columns: dict[str, Column]
    owner: tuple[str, str] | None = None
    label: int | None = None
    kept_by_references: bool = False
    remedy: str = ""
    registered: tuple[str, ...] | None = None
    members: tuple[str, str] | None = None
    contradictions: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]] | None = None

    @cached_property
    def named(self) -> dict[str, Column]:
        """The columns whose values are plain, or rows that have names."""
        return {name: column for name, column in self.columns.items() if not column.refers or not TABLES[column.refers].is_nameless}

    @cached_property
    def managed(self) -> dict[str, Column]:
        """The columns that a task can set."""
        return {name: column for name, column in self.columns.items() if not column.status}

    @cached_property
    def settable(self) -> tuple[tuple[str, Column, str], ...]:
        """The columns that a task can set, each with the option that does."""
        return tuple((name, column, column.option or name) for name, column in self.managed.items())

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What the database fills in for the managed columns that an insert leaves out."""
        empty: dict[str, Any] = {"set": frozenset(), "map": {}, "optional": None}
        return {name: empty.get(column.kind, None if column.refers else "") for name, column in self.managed.items()}

    @cached_property
    def options(self) -> dict[str, str]:
        """What the user calls a column -> the column."""
        return {column.option or name: name for name, column in self.columns.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns that a row cannot be without."""
        return tuple(name for name, column in self.columns.items() if column.required)

    @cached_property
    def referring(self) -> frozenset[str]:
        """The columns that hold references."""
        return frozenset(name for name, column in self.managed.items() if column.refers)

    @cached_property
    def key_references(self) -> tuple[tuple[int, str], ...]:
        """The parts of the key that name a row of another table: position and table."""
        return tuple((index, part.refers) for index, part in enumerate(self.key) if part.refers)

    @cached_property
    def is_single(self) -> bool:
        """Whether the table has one row, which needs no name."""
        return not self.key and not self.kept_by_references

    @cached_property
    def is_nameless(self) -> bool:
        """Whether the rows have no names, and are known by what they hold alone."""
        return not self.key and self.kept_by_references

    @cached_property
    def beside(self) -> tuple[str, ...]:
        """The options that stand beside a reference to a row of this table."""
        return tuple(part.beside for part in self.key if part.beside)


STRINGS = Column("map", string, key=string)
# vtep.5, Tunnel; times are in milliseconds.
_YES_OR_NO = written(Choice(("true", "false")))
_BFD_CONFIG = Column("map", string, key=string, fields={"bfd_dst_mac": written(mac), "bfd_dst_ip": written(ip)})
_BFD_PARAMS = Column(
    "map",
    string,
    key=string,
    fields={
        "enable": _YES_OR_NO,
        "min_rx": written(Integer(1, 2**31 - 1)),
        "min_tx": written(Integer(1, 2**31 - 1)),
        "decay_min_rx": written(Integer(0, 2**31 - 1)),
        "forwarding_if_rx": _YES_OR_NO,
        "cpath_down": _YES_OR_NO,
        "check_tnl_key": _YES_OR_NO,
    },
)
_FAULTS = Column("set", status=True)
_COUNTER = Column("atom", Integer(0, 2**63 - 1), status=True)
_LOCATOR = Column("atom", refers="Physical_Locator", required=True)

_MAC_TABLE = {
    "locator": _LOCATOR,
    "ipaddr": Column("atom", optional_ip),
}
_MCAST_TABLE = {
    "locator_set": Column("set", refers="Physical_Locator", through=("Physical_Locator_Set", "locators"), option="locators", required=True),
    "ipaddr": Column("atom", optional_ip),
}
_SWITCH_KEY = Key("logical_switch", "logical_switch", refers="Logical_Switch")


def _mac_table(title: str, parse: Parse, columns: dict[str, Column], registered: tuple[str, ...] | None = None) -> Table:
    return Table(title, (_SWITCH_KEY, Key("MAC", "mac", parse, spellings=mac_spellings)), columns, registered=registered)


def _acl_entry(columns: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for end in ("source", "dest"):
        low, high = columns.get(f"{end}_port_min"), columns.get(f"{end}_port_max")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            yield f"{end}_port_max", f"{end}_port_min, which is {low}, or more"
        address, mask = columns.get(f"{end}_ip"), columns.get(f"{end}_mask")
        if address and mask and version(address) != version(mask):
            yield f"{end}_mask", f"a mask for the IPv{version(address)} address {address}"


def _arp_table(title: str, registered: tuple[str, ...] | None = None) -> Table:
    return Table(title, (Key("src_mac", "mac", mac, spellings=mac_spellings),), {"locator": _LOCATOR}, registered=registered)


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
        remedy="a VTEP registers its switch itself: check that it runs and is connected; or create it with vtep_physical_switch",
    ),
    "Physical_Port": Table(
        "port",
        (Key("physical_switch", "physical_switch", refers="Physical_Switch"), Key("name", "port")),
        {
            "description": Column("atom"),
            "acl_bindings": Column("map", key=vlan, refers="ACL", entry=("vlan", "acl")),
            "vlan_bindings": Column("map", key=vlan, refers="Logical_Switch", entry=("vlan", "logical_switch")),
            "other_config": STRINGS,
            "port_fault_status": _FAULTS,
            "vlan_stats": Column("map", key=vlan, refers="Logical_Binding_Stats", status=True),
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
            "bfd_config_local": _BFD_CONFIG,
            "bfd_config_remote": _BFD_CONFIG,
            "bfd_params": _BFD_PARAMS,
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
            "max_backoff": Column("optional", Integer(1000, 2**31 - 1)),
            "inactivity_probe": Column("optional", Integer(0, 2**31 - 1)),
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
            "tunnel_key": Column("optional", vni, aliases=("vni",)),
            "replication_mode": Column("optional", Choice(("service_node", "source_node"))),
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
        (Key("acl", "name", refers="ACL"), Key("sequence", "sequence", Integer(0, 2**31 - 1))),
        {
            "direction": Column("atom", Choice(("ingress", "egress")), required=True),
            "action": Column("atom", Choice(("permit", "deny")), required=True),
            "source_mac": Column("optional", mac),
            "dest_mac": Column("optional", mac),
            "ethertype": Column("optional", ethertype),
            "source_ip": Column("optional", ip),
            "source_mask": Column("optional", ip),
            "dest_ip": Column("optional", ip),
            "dest_mask": Column("optional", ip),
            "protocol": Column("optional", Integer(0, 255)),
            "source_port_min": Column("optional", Integer(0, 65535)),
            "source_port_max": Column("optional", Integer(0, 65535)),
            "dest_port_min": Column("optional", Integer(0, 65535)),
            "dest_port_max": Column("optional", Integer(0, 65535)),
            "tcp_flags": Column("optional", Integer(0, 4095)),
            "tcp_flags_mask": Column("optional", Integer(0, 4095)),
            "icmp_type": Column("optional", Integer(0, 255)),
            "icmp_code": Column("optional", Integer(0, 255)),
            "acle_fault_status": _FAULTS,
        },
        owner=("ACL", "acl_entries"),
        contradictions=_acl_entry,
    ),
    "Arp_Sources_Local": _arp_table("local ARP source", registered=()),
    "Arp_Sources_Remote": _arp_table("remote ARP source"),
    "Ucast_Macs_Local": _mac_table("unicast local", unicast_mac, _MAC_TABLE, registered=()),
    "Mcast_Macs_Local": _mac_table("multicast local", multicast_mac, _MCAST_TABLE, registered=()),
    "Physical_Locator_Set": Table(
        "locator set",
        (),
        {"locators": Column("set", refers="Physical_Locator", required=True)},
        kept_by_references=True,
    ),
    "Logical_Binding_Stats": Table(
        "binding statistics",
        (),
        {f"{what}_{way}_local": _COUNTER for way in ("from", "to") for what in ("packets", "bytes")},
        kept_by_references=True,
    ),
    "Physical_Locator": Table(
        "locator",
        (
            Key("encapsulation_type", "encapsulation", Choice((VXLAN,)), beside="encapsulation", default=VXLAN),
            Key("dst_ip", "locator", tunnel_ipv4),
            # A locator with a key of its own serves a row that does not say one.
            Key("tunnel_key", "tunnel_key", lambda value: None if value is None else vni(value), open=True, beside="locator_tunnel_key"),
        ),
        {},
        label=1,
        kept_by_references=True,
    ),
}

#: The tables whose rows a user knows by name and the VTEP or its controller writes as rows of their own.
NAMED_TABLES = tuple(name for name, table in TABLES.items() if not table.kept_by_references and not table.is_single)


def _references_from(table: str) -> list[tuple[str, str]]:
    """The columns of a table that refer to rows, and the tables that they refer to; of the key, all but the owner."""
    spec = TABLES[table]
    keys = [(part.column, part.refers) for part in spec.key if spec.owner is None or part.refers != spec.owner[0]]
    return [(column, refers) for column, refers in keys + [(name, one.refers) for name, one in spec.columns.items()] if refers]


#: table -> the (table, column) pairs whose values refer to it, the key's own references included.
REFERRERS: dict[str, list[tuple[str, str]]] = {
    target: [(table, column) for table in TABLES for column, refers in _references_from(table) if refers == target] for target in TABLES
}

#: table -> the tables whose rows it owns.
OWNED: dict[str, list[str]] = {
    target: [table for table, spec in TABLES.items() if spec.owner and spec.owner[0] == target] for target in TABLES
}


@cache
def is_referable(table: str) -> bool:
    """Whether a row of another table may refer to one of this, own it, or belong to it."""
    return bool(REFERRERS[table] or OWNED[table] or TABLES[table].owner)


#: Who writes a row or a column. vtep.5 calls the controller NVC and the VTEP HSC; either of them makes a locator that it needs.
CONTROLLER, VTEP, OPERATOR, EITHER = "controller", "vtep", "operator", "either"


@cache
def writer(table: str, column: str | None = None) -> str:
    """Who writes the rows of a table, or a column of these, by vtep.5. What others write in spite of that, no update tells."""
    spec = TABLES[table]
    if spec.kept_by_references:
        return EITHER
    if column in spec.columns and spec.columns[column or ""].status:
        return VTEP
    if table == "Manager":
        return OPERATOR
    return CONTROLLER if spec.registered is None or column in spec.registered else VTEP


# -- names ----------------------------------------------------------------------------------------------------------


def owner_ref(table: str, key: tuple) -> Ref | None:
    """The row that owns this one: its key is the first part of the owned row's."""
    spec = TABLES[table]
    return Ref(spec.owner[0], key[: len(TABLES[spec.owner[0]].key)]) if spec.owner else None


@cache
def own_parts(table: str) -> tuple[int, tuple[Key, ...]]:
    """The parts of the key that are columns of the row itself, and where they start in the key."""
    spec = TABLES[table]
    start = len(TABLES[spec.owner[0]].key) if spec.owner else 0
    return start, spec.key[start:]


@cache
def may_leave_open(table: str) -> bool:
    """Whether a reference to a row of this table may leave a part of its key open."""
    return bool(TABLES[table].key) and TABLES[table].key[-1].open


def is_open(ref: Ref) -> bool:
    """Whether the reference leaves a part of the key open."""
    return may_leave_open(ref.table) and ref.key[-1] is None


def said_key(ref: Ref) -> tuple:
    """The key without the part that may be left open."""
    return ref.key[:-1] if may_leave_open(ref.table) else ref.key


def plain_name(ref: Ref) -> Any:
    """What the user calls a row: its label, its only name, or the list of its names."""
    label = TABLES[ref.table].label
    if label is not None:
        return ref.key[label]
    return ref.key[0] if len(ref.key) == 1 else list(ref.key)


def describe(ref: Ref) -> str:
    """A row in the user's words: ``port vm1 of physical switch br0``."""
    spec = TABLES[ref.table]
    if spec.label is not None:
        return f"{spec.title} {ref.key[spec.label]}"
    first = spec.key[0].refers if len(spec.key) > 1 else None
    own = list(zip(spec.key, ref.key))[1 if first else 0 :]
    words = f"{spec.title} {' to '.join(str(plain_name(Ref(part.refers, as_key(value))) if part.refers else value) for part, value in own)}"
    return f"{words} of {TABLES[first].title} {ref.key[0]}" if first else words


# -- from the user's words to references ----------------------------------------------------------------------------


def _named(table: str, name: Any, beside: tuple) -> Ref:
    spec = TABLES[table]
    if spec.label is None:
        return Ref(table, as_key(name))
    said = dict(zip(spec.beside, beside))
    key = [said.get(part.beside or "") or part.default for part in spec.key]
    key[spec.label] = name
    return Ref(table, tuple(key))


# Many rows that refer to the same one share an object.
_shared = lru_cache(maxsize=4096)(_named)


def reference(table: str, name: Any, said: Mapping[str, Any] | None = None) -> Ref:
    """The row of ``table`` that the user calls ``name``; ``said`` holds the options beside it, where there are any."""
    beside = tuple([said.get(option) for option in TABLES[table].beside]) if said else ()
    try:
        return _shared(table, name, beside)
    except TypeError:
        # A list or dictionary where a name belongs: it is refused where values are checked.
        return _named(table, name, beside)


def locator(dst_ip: str) -> Ref:
    """The far end of a tunnel (vtep.5, Physical_Locator), whatever its tunnel key."""
    return reference("Physical_Locator", dst_ip)


def with_references(column: Column, value: Any, said: Mapping[str, Any]) -> Any:
    """An option's value with the names in it turned into references, where the column holds such; ``said`` as above."""
    if not column.refers or value is None:
        return value
    if column.kind == "map":
        return {key: reference(column.refers, name) for key, name in value.items()}
    if column.kind == "set":
        # What is left open differs between members, so no option beside the set can say it.
        shared = {part.beside: said.get(part.beside) for part in TABLES[column.refers].key if part.beside and not part.open}
        return [reference(column.refers, name, shared) for name in value]
    return reference(column.refers, value, said)


def columns_from(table: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that these options set; one that was left out (None) is not managed, one that is named in ``clear`` is emptied.

    Raises ``UserError`` for a column that is both set and named in ``clear``.
    """
    columns = {
        name: with_references(column, options[option], options) if column.refers else options[option]
        for name, column, option in TABLES[table].settable
        if options.get(option) is not None
    }
    for cleared in options.get("clear") or ():
        if cleared in columns:
            raise UserError(f"clear: {cleared} is both cleared and set in this task; drop one of them")
        columns[cleared] = None
    return columns


def beside_key(part: Key) -> dict[str, str]:
    """For a part of a key that refers to a row: the option beside it that says what it leaves open -> the option beside any reference."""
    if not part.refers:
        return {}
    return {f"{part.option}_{one.option}": one.beside for one in TABLES[part.refers].key if one.open and one.beside}


@cache
def clearable(table: str) -> tuple[str, ...]:
    """The columns that a row may have or not, and that no value of their option empties."""
    return tuple(name for name, column in TABLES[table].managed.items() if column.kind == "optional")
