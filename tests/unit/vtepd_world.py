# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world for the tests of vtepd: rows of both databases, a small OVSDB server for them, and a switch that reads flows as text."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import acl, flows
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import MANY, MAP, MAYBE, SWITCH, TABLES, VTEP, Replica, read
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import OWNER, TUNNEL_PORT, Vtep, place, remote_mac, survey

BRIDGE, HERE, TUNNEL = "br0", "10.0.0.1", 100
EMPTY = {MAP: {}, MANY: (), MAYBE: None}
#: What each column refers to; ``refTable`` of the two schemas.
REFERENCES = {
    "Physical_Switch": {"ports": "Physical_Port", "tunnels": "Tunnel"},
    "Physical_Port": {"vlan_bindings": "Logical_Switch", "acl_bindings": "ACL", "vlan_stats": "Logical_Binding_Stats"},
    "Ucast_Macs_Remote": {"logical_switch": "Logical_Switch", "locator": "Physical_Locator"},
    "Mcast_Macs_Remote": {"logical_switch": "Logical_Switch", "locator_set": "Physical_Locator_Set"},
    "Ucast_Macs_Local": {"logical_switch": "Logical_Switch", "locator": "Physical_Locator"},
    "Mcast_Macs_Local": {"logical_switch": "Logical_Switch", "locator_set": "Physical_Locator_Set"},
    "Physical_Locator_Set": {"locators": "Physical_Locator"},
    "Tunnel": {"local": "Physical_Locator", "remote": "Physical_Locator"},
    "ACL": {"acl_entries": "ACL_entry"},
    "Open_vSwitch": {"bridges": "Bridge"},
    "Bridge": {"ports": "Port"},
    "Port": {"interfaces": "Interface"},
}
#: Rows that go when nothing refers to them. (In a real database also Physical_Switch: here it is what a test begins with.)
COLLECTED = ("Physical_Port", "Tunnel", "Logical_Binding_Stats", "Physical_Locator", "Physical_Locator_Set", "Bridge", "Port", "Interface")
INDEXES = {
    "Physical_Locator": ("encapsulation_type", "dst_ip", "tunnel_key"),
    "Logical_Switch": ("name",),
    "Port": ("name",),
    "Interface": ("name",),
}


class Refused(Exception):
    """The server does not take a transaction, and has changed nothing."""


# -- rows -----------------------------------------------------------------------------------------------------------------


class World:
    """The databases of one host, with a bridge and a physical switch; methods add rows and return their UUIDs."""

    def __init__(self, tunnel_ips: Iterable[str] = (HERE,)) -> None:
        self.vtep, self.ovs = Replica(VTEP), Replica(SWITCH)
        self._numbers = itertools.count(1)
        self.bridge = self.add("Bridge", name=BRIDGE, fail_mode="secure")
        self.add("Open_vSwitch", next_cfg=0, cur_cfg=0, bridges=(self.bridge,))
        self.switch = self.add("Physical_Switch", name=BRIDGE, tunnel_ips=tuple(tunnel_ips))
        self.device(BRIDGE, 65534)

    def replica(self, table: str) -> Replica:
        return self.vtep if table in self.vtep.tables else self.ovs

    def add(self, table: str, **columns: Any) -> str:
        # The first half is what flows call a logical switch.
        number = next(self._numbers)
        uuid = f"{number:08x}-{number:04x}-4000-8000-{number:012x}"
        self.replica(table)[table][uuid] = blank(table) | columns
        return uuid

    def extend(self, table: str, uuid: str, column: str, one: str) -> str:
        self.replica(table)[table][uuid][column] += (one,)
        return one

    def device(self, name: str, number: int | None, owner: str = "") -> str:
        """A port of the bridge."""
        interface = self.add("Interface", name=name, type="vxlan" if owner else "", ofport=number)
        port = self.add("Port", name=name, interfaces=(interface,), external_ids={OWNER: owner} if owner else {})
        return self.extend("Bridge", self.bridge, "ports", port)

    def tunnels(self) -> None:
        self.device(TUNNEL_PORT, TUNNEL, BRIDGE)

    def port(self, name: str, bindings: Mapping[int, str] | None = None, acls: Mapping[int, str] | None = None, of: str = "") -> str:
        one = self.add("Physical_Port", name=name, vlan_bindings=dict(bindings or {}), acl_bindings=dict(acls or {}))
        return self.extend("Physical_Switch", of or self.switch, "ports", one)

    def logical(self, name: str, key: int | None = None, mode: str | None = "source_node") -> str:
        return self.add("Logical_Switch", name=name, tunnel_key=key, replication_mode=mode)

    def locator(self, address: str, key: int | None = None) -> str:
        rows = self.vtep["Physical_Locator"].items()
        known = [one for one, row in rows if (row["dst_ip"], row["tunnel_key"]) == (address, key)]
        return known[0] if known else self.add("Physical_Locator", encapsulation_type="vxlan_over_ipv4", dst_ip=address, tunnel_key=key)

    def unicast(self, switch: str, mac: str, locator: str, ipaddr: str = "", table: str = "Ucast_Macs_Remote") -> str:
        extra = {"ipaddr": ipaddr} if table == "Ucast_Macs_Remote" else {}
        return self.add(table, MAC=mac, logical_switch=switch, locator=locator, **extra)

    def flood(self, switch: str, group: str, locators: Iterable[str], table: str = "Mcast_Macs_Remote") -> str:
        members = self.add("Physical_Locator_Set", locators=tuple(dict.fromkeys(locators)))
        return self.add(table, MAC=group, logical_switch=switch, locator_set=members)

    def acl(self, *entries: dict[str, Any]) -> str:
        members = tuple(self.add("ACL_entry", **{"sequence": 1, "direction": "ingress", "action": "deny", **one}) for one in entries)
        return self.add("ACL", acl_name=f"acl{len(self.vtep['ACL'])}", acl_entries=members)

    def survey(self) -> Vtep:
        found = survey(self.vtep, self.ovs, BRIDGE)
        assert found
        return found


def flows_of(world: World) -> dict[str, str]:
    """All flows, from nothing but the rows."""
    own = world.survey()
    found = flows.structure(own, acl.rules(world.vtep, own.physical)[0])
    first: dict[Any, dict[str, Any]] = {}
    for _uuid, row in sorted(world.vtep["Ucast_Macs_Remote"].items()):
        if mac := remote_mac(row):
            first.setdefault(mac, row)
    for mac, row in first.items():
        switch = own.switches.get(mac.switch)
        if switch and switch.key is not None and own.tunnel is not None:
            try:
                where = place(world.vtep, row["locator"], switch.key, own.address)
            except ValueError:
                continue
            if where:
                found.update(flows.mac_flows(switch, mac.address, where, own.tunnel, flows.answered(row["ipaddr"])))
    return found


def kinds(table: str) -> dict[str, str]:
    return (TABLES[VTEP] | TABLES[SWITCH])[table]


def blank(table: str) -> dict[str, Any]:
    numbers = {"sequence", "next_cfg", "cur_cfg"} | set(TABLES[VTEP]["Logical_Binding_Stats"])
    return {column: copy.copy(EMPTY.get(kind, 0 if column in numbers else "")) for column, kind in kinds(table).items()}


# -- a server (RFC 7047, section 5.2) ---------------------------------------------------------------------------------------

Written = set[tuple[str, str, str]]


def apply(replica: Replica, operations: Iterable[dict[str, Any]]) -> Written:
    """Do a transaction, or nothing of it; what it has written: table, UUID and column, or ``*`` for a whole row."""
    tables, written = copy.deepcopy(replica.tables), set()
    operations = list(operations)
    names = {op["uuid-name"]: f"{op['uuid-name']}-{next(_SERIAL)}" for op in operations if "uuid-name" in op}
    for op in operations:
        rows = tables[op["table"]] if "table" in op else {}
        if op["op"] == "insert":
            uuid = names.get(op.get("uuid-name"), f"row-{next(_SERIAL)}")
            rows[uuid] = blank(op["table"]) | {column: _read(op["table"], column, value, names) for column, value in op["row"].items()}
            written.add((op["table"], uuid, "*"))
            continue
        for uuid in [uuid for uuid in rows if _meant(op["where"], uuid)]:
            if op["op"] == "delete":
                del rows[uuid]
                written.add((op["table"], uuid, "*"))
            elif op["op"] == "update":
                rows[uuid] |= {column: _read(op["table"], column, value, names) for column, value in op["row"].items()}
                written |= {(op["table"], uuid, column) for column in op["row"]}
            elif op["op"] == "mutate":
                for column, mutator, value in op["mutations"]:
                    rows[uuid][column] = _mutated(op["table"], column, rows[uuid][column], mutator, value, names)
                    written.add((op["table"], uuid, column))
    _collect(tables)
    for table, columns in INDEXES.items():
        keys = [tuple(row[column] for column in columns) for row in tables.get(table, {}).values()]
        if len(set(keys)) < len(keys):
            raise Refused(f"two rows of {table} have the same {columns}")
    replica.tables = tables
    return written


_SERIAL = itertools.count(1)


def _meant(where: list[Any], uuid: str) -> bool:
    assert all(condition[:2] == ["_uuid", "=="] for condition in where)
    return all(condition[2] == ["uuid", uuid] for condition in where)


def _read(table: str, column: str, value: Any, names: Mapping[str, str]) -> Any:
    def resolved(one: Any) -> Any:
        if isinstance(one, list):
            return ["uuid", names[one[1]]] if one and one[0] == "named-uuid" else [resolved(part) for part in one]
        return one

    return read(kinds(table)[column], resolved(value))


def _mutated(table: str, column: str, old: Any, mutator: str, value: Any, names: Mapping[str, str]) -> Any:
    if mutator == "+=":
        return old + value
    if kinds(table)[column] == MAP:
        if mutator == "insert":
            return _read(table, column, value, names) | old
        return {key: item for key, item in old.items() if key not in read(MANY, value)}
    values = _read(table, column, value, names)
    return old + tuple(one for one in values if one not in old) if mutator == "insert" else tuple(one for one in old if one not in values)


def _uses(table: str, row: Mapping[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for column, other in REFERENCES.get(table, {}).items():
        value = row[column]
        found |= {(other, one) for one in (value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,))}
    return found


def _collect(tables: dict[str, dict[str, Any]]) -> None:
    while True:
        used = set().union(*(_uses(table, row) for table, rows in tables.items() for row in rows.values()))
        gone = [(table, uuid) for table in COLLECTED for uuid in tables.get(table, {}) if (table, uuid) not in used]
        if missing := {(table, uuid) for table, uuid in used if uuid not in tables[table]}:
            raise Refused(f"these are referred to and not there: {missing}")
        if not gone:
            return
        for table, uuid in gone:
            del tables[table][uuid]


def as_json(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the server writes it."""
    found: dict[str, Any] = {}
    for column, kind in kinds(table).items():
        value = row[column]
        if kind == MAP:
            found[column] = ["map", [[key, item] for key, item in value.items()]]
        elif kind == MANY:
            found[column] = value[0] if len(value) == 1 else ["set", list(value)]
        else:
            found[column] = ["set", []] if value is None else value
    return found


# -- a switch (ovs-ofctl(8), ovs-actions(7)) ----------------------------------------------------------------------------------

_NAMES = {
    "ETH_SRC": "dl_src",
    "ETH_DST": "dl_dst",
    "IN_PORT": "in_port",
    "METADATA": "metadata",
    "ARP_SHA": "arp_sha",
    "ARP_THA": "arp_tha",
    "ARP_SPA": "arp_spa",
    "ARP_TPA": "arp_tpa",
}
_ALIASES = {"eth_src": "dl_src", "eth_dst": "dl_dst"}


@dataclass
class Frame:
    """A frame on its way. Tags: what stands on it, the outermost first."""

    in_port: int
    tags: tuple[int, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    #: How many tags the switch looks at (``vlan-limit`` in ovs-vswitchd.conf.db(5)).
    limit: int = 1
    seen: int = 0

    def __post_init__(self) -> None:
        self.fields = {"in_port": self.in_port, "dl_src": number("00:00:00:00:00:aa"), "dl_dst": number("ff:ff:ff:ff:ff:ff")} | self.fields
        self.seen = min(len(self.tags), self.limit)

    def __getitem__(self, name: str) -> int:
        if name == "dl_vlan":
            return self.tags[0] if self.seen else -1
        if name == "vlan_tci":
            return self.tags[0] | 0x1000 if self.seen else 0
        if name == "dl_type" and len(self.tags) > self.seen:
            return 0x8100
        return self.fields.get(name, 0)

    def pop(self) -> None:
        if self.seen:
            self.tags = self.tags[1:]
            self.seen -= 1


@dataclass(frozen=True)
class Sent:
    """A copy of a frame that has left."""

    port: int
    tags: tuple[int, ...]
    address: str
    key: int
    dl_src: int
    dl_dst: int


def number(text: str) -> int:
    """A value of a field."""
    text = text.lower().replace("-", ":")
    if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        return int(text.replace(":", ""), 16)
    if text.count(".") == 3:
        return int.from_bytes(bytes(int(part) for part in text.split(".")), "big")
    return int(text, 0)


def parts(text: str) -> list[str]:
    """Cut at commas outside of brackets."""
    return re.findall(r"(?:[^,(]|\([^)]*(?:\[\][^)]*)*\))+", text)


class Bridge:
    """The tables of a bridge."""

    def __init__(self, flows: Mapping[str, str]) -> None:
        #: By table and what the match says of reg2 and reg3, to which most are alike but for these.
        self.tables: dict[tuple[int, int | None, int | None], list[tuple[int, dict[str, str], str]]] = {}
        for match, actions in flows.items():
            told = dict(part.partition("=")[::2] for part in match.split(","))
            priority, table = int(told.pop("priority")), int(told.pop("table"))
            both = (number(told["reg2"]), number(told["reg3"])) if {"reg2", "reg3"} <= told.keys() else (None, None)
            self.tables.setdefault((table, *both), []).append((priority, told, actions))

    def send(self, frame: Frame) -> list[Sent]:
        """What leaves for a frame that comes."""
        self.sent: list[Sent] = []
        self.learned: list[tuple[int, int, int, int]] = []
        self._table(0, copy.deepcopy(frame), 0)
        return self.sent

    def _table(self, table: int, frame: Frame, depth: int) -> None:
        assert depth < 64, "Open vSwitch goes no deeper"
        keys = ((table, frame["reg2"], frame["reg3"]), (table, None, None))
        rows = [one for key in keys for one in self.tables.get(key, ())]
        found = [one for one in rows if all(_fits(frame, name, value) for name, value in one[1].items())]
        found.sort(key=lambda one: -one[0])
        # Between two of the same priority, nothing is defined.
        assert len(found) < 2 or found[0][0] > found[1][0] or found[0][2] == found[1][2], found[:2]
        if found:
            self._do(found[0][2], frame, depth)

    def _do(self, actions: str, frame: Frame, depth: int) -> None:
        for action in parts(actions):
            word, _colon, rest = action.partition(":")
            if action.startswith("learn("):
                self.learned.append((frame["metadata"], frame["dl_src"], frame["in_port"], frame["reg1"]))
            elif action.startswith("resubmit(,"):
                self._resubmit(int(action[10:-1]), frame, depth)
            elif word == "goto_table":
                self._table(int(rest), frame, depth)
            elif word in ("set_field", "load", "move"):
                value, _arrow, name = rest.partition("->")
                self._set(frame, _name(name), frame[_name(value)] if word == "move" else number(value))
            elif word == "pop_vlan":
                frame.pop()
            elif word == "push_vlan":
                frame.tags, frame.seen = (0, *frame.tags), frame.seen + 1
            elif word == "output":
                # Never to where it came from (ovs-actions(7)).
                self._output(int(rest), frame, allowed=int(rest) != frame["in_port"])
            elif word == "in_port":
                self._output(frame["in_port"], frame)
            else:
                assert word == "drop", action

    def _resubmit(self, table: int, frame: Frame, depth: int) -> None:
        self._table(table, frame, depth + 1)

    def _set(self, frame: Frame, name: str, value: int) -> None:
        if name == "vlan_vid":
            assert frame.seen
            frame.tags = (value & 0xFFF, *frame.tags[1:])
        else:
            frame.fields[name] = value

    def _output(self, port: int, frame: Frame, allowed: bool = True) -> None:
        if allowed:
            through = port == TUNNEL
            address = ".".join(map(str, frame["tun_dst"].to_bytes(4, "big"))) if through else ""
            self.sent.append(Sent(port, tuple(frame.tags), address, frame["tun_id"] if through else 0, frame["dl_src"], frame["dl_dst"]))


def _name(text: str) -> str:
    if found := re.fullmatch(r"(?:NXM|OXM)_(?:OF|NX)_(\w+)\[[0-9.]*\]", text):
        return _NAMES.get(found[1], found[1].lower())
    return _ALIASES.get(text, text)


def _fits(frame: Frame, name: str, value: str) -> bool:
    if name == "arp":
        return frame["dl_type"] == 0x0806
    if name in ("ip", "ipv6"):
        return frame["dl_type"] == {"ip": 0x0800, "ipv6": 0x86DD}[name]
    told, _slash, mask = value.partition("/")
    bits = number(mask) if mask else -1
    return frame[name] & bits == number(told) & bits
