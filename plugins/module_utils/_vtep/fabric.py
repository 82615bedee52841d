# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases of many VTEPs side by side: small tables as rows, MAC addresses in a temporary database of SQLite, to be joined.

One VTEP after the other is added, so that no more than one database is in memory. SQLite keeps what does not fit into its cache in a
file without a name, which ends with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Ref

LOCAL, REMOTE = "Ucast_Macs_Local", "Ucast_Macs_Remote"
FLOOD = "Mcast_Macs_Remote"
TABLES_READ = (
    "Physical_Switch", "Physical_Port", "Tunnel", "Logical_Switch", "Logical_Router", "ACL", "ACL_entry", FLOOD, "Mcast_Macs_Local",
    LOCAL, REMOTE,
)  # fmt: skip
#: MAC addresses of a group that are kept; the others are counted.
SAMPLE = 20
#: KiB of MAC addresses that SQLite keeps in memory.
CACHE_KIB = 32768

_SCHEMA = """
CREATE TABLE local (net INTEGER, mac TEXT, site INTEGER, vtep INTEGER);
CREATE TABLE remote (vtep INTEGER, net INTEGER, mac TEXT, locator INTEGER, ip TEXT);
CREATE TABLE wanted (vtep INTEGER, net INTEGER, mac TEXT, locator INTEGER, ip TEXT);
CREATE TABLE address (id INTEGER PRIMARY KEY, site INTEGER);
CREATE TABLE populated (net INTEGER, site INTEGER, PRIMARY KEY (net, site)) WITHOUT ROWID;
"""
#: Whether the endpoints ask for a row of ``remote``.
_IS_WANTED = (
    "EXISTS (SELECT 1 FROM wanted WHERE wanted.vtep = remote.vtep AND wanted.net = remote.net AND wanted.mac = remote.mac "
    "AND wanted.locator = remote.locator)"
)


class Binding(NamedTuple):
    """A VLAN of a port, and the logical switch that it is bound to."""

    physical_switch: str
    port: str
    vlan: int
    logical_switch: str


class Difference(NamedTuple):
    """A remote MAC address of a VTEP's logical switch, as it is wanted and as it is: its locator and IP address, or ``None``."""

    number: int
    logical_switch: str
    mac: str
    wanted: tuple[str, str] | None
    seen: tuple[str, str] | None


@dataclass(slots=True)
class Group:
    """MAC addresses that have all but themselves in common: how many, and the first of them."""

    count: int = 0
    macs: list[str] = field(default_factory=list)

    def add(self, mac: str) -> None:
        """One more."""
        self.count += 1
        if self.count <= SAMPLE:
            self.macs.append(mac)


@dataclass
class Vtep:
    """One VTEP: what was asked for, and, once it is read, what its database holds.

    ``database``: its address, as a task takes it; empty where it is not known. ``known_ips``: its tunnel IPs, as far as they are known
    without its database. ``wanted``: the tables that it should have, as the filter overlay_tables returns them. ``error``: why it was not
    read. ``host``: where ``database`` is an address, if not on the host that audits.
    """

    name: str
    database: str = ""
    known_ips: frozenset[str] = frozenset()
    wanted: Mapping[str, Any] | None = None
    error: str = ""
    host: str = ""
    is_read: bool = False
    current: Current = field(default_factory=Current)
    counts: dict[str, int] = field(default_factory=dict)
    #: (table, logical switch, locator) -> the MAC addresses of these rows.
    groups: dict[tuple[str, str, str], Group] = field(default_factory=dict)
    #: logical switch -> MAC addresses with several remote rows that lead to different locators.
    twins: dict[str, Group] = field(default_factory=dict)

    def rows(self, table: str) -> Iterator[tuple[tuple, dict[str, Any]]]:
        """The rows of a small table: key and columns."""
        for key, haves in sorted(self.current.rows.get(table, {}).items(), key=lambda item: str(item[0])):
            yield key, haves[0].columns

    @cached_property
    def addresses(self) -> frozenset[str]:
        """The tunnel IPs."""
        if not self.is_read:
            return self.known_ips
        return frozenset(address for _key, columns in self.rows("Physical_Switch") for address in columns["tunnel_ips"])

    @property
    def reached_at(self) -> frozenset[str]:
        """The addresses at which the others may take it to be."""
        return self.addresses | self.known_ips

    @cached_property
    def wanted_switches(self) -> dict[str, Mapping[str, Any]]:
        """The logical switches of ``wanted`` by name."""
        return {one["name"]: one for one in (self.wanted or {}).get("logical_switches", ())}

    @cached_property
    def switches(self) -> dict[str, dict[str, Any]]:
        """The logical switches by name."""
        return {key[0]: columns for key, columns in self.rows("Logical_Switch")}

    @cached_property
    def bindings(self) -> list[Binding]:
        """The VLANs of all ports."""
        return [
            Binding(key[0], key[1], vlan, ref.key[0])
            for key, columns in self.rows("Physical_Port")
            for vlan, ref in sorted(columns["vlan_bindings"].items(), key=str)
        ]

    @cached_property
    def routed(self) -> set[str]:
        """The logical switches that a logical router has an interface on."""
        return {ref.key[0] for _key, columns in self.rows("Logical_Router") for ref in columns["switch_binding"].values()}

    @cached_property
    def floods(self) -> dict[tuple[str, str], frozenset[str]]:
        """The remote multicast rows: logical switch and MAC address -> locators."""
        return {key[:2]: frozenset(address_of(ref) for ref in columns["locator_set"]) for key, columns in self.rows(FLOOD)}

    def unknown_dst(self, switch: str) -> frozenset[str]:
        """Where frames go whose destination is not known."""
        return self.floods.get((switch, UNKNOWN_DST), frozenset())

    @cached_property
    def has_own_keys(self) -> bool:
        """Whether locators carry the tunnel keys, instead of logical switches (vtep.5, Logical_Switch, tunnel_key)."""
        return any(key[2] is not None for key, _columns in self.rows("Physical_Locator"))


@dataclass
class Network:
    """A logical switch on all VTEPs that have it: VTEP's index -> its name there. ``bound``: where a port or a router is on it."""

    names: dict[int, str] = field(default_factory=dict)
    bound: set[int] = field(default_factory=set)


def address_of(ref: Ref) -> str:
    """Where a locator is."""
    return str(ref.key[1] if len(ref.key) > 1 else ref.key[0])


class Fabric:
    """VTEPs, their networks, and which of them are one site: VTEPs that share an address are reached as one.

    ``add`` each VTEP, then ``join``; the rest answers questions.
    """

    def __init__(self, mlag: Iterable[Iterable[str]] = (), service_nodes: Iterable[str] = (), other_vteps: Iterable[str] = ()) -> None:
        self.mlag = [frozenset(group) for group in mlag]
        self.service_nodes = frozenset(service_nodes)
        self.other_vteps = frozenset(other_vteps)
        self.vteps: list[Vtep] = []
        self.networks: list[Network] = []
        #: The logical switches that the endpoints name, on whichever VTEP.
        self.asked: set[str] = set()
        #: The site of each VTEP, and of each address of one.
        self.site_of: list[int] = []
        self.site_at: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        # An empty name is a private database that goes with its connection.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}; {_SCHEMA}")

    def __enter__(self) -> Fabric:
        return self

    def __exit__(self, *unused: Any) -> None:
        self._db.close()

    @property
    def unread(self) -> list[Vtep]:
        """The VTEPs that were not read."""
        return [vtep for vtep in self.vteps if not vtep.is_read]

    def read(self, vtep: Vtep, db: Any) -> None:
        """Add what a database holds, all of it at one moment. ``db`` is a connected ``Database``, or a saved one."""
        look = Look(db, status=True)
        look.whole(TABLES_READ)
        current = look.current()
        look.forget()
        self.add(vtep, current)

    def add(self, vtep: Vtep, current: Current | None) -> None:
        """Add a VTEP; without ``current`` it could not be read."""
        number = len(self.vteps)
        self.vteps.append(vtep)
        if current is not None:
            vtep.is_read = True
            vtep.counts = {table: sum(map(len, current.rows.get(table, {}).values())) for table in TABLES_READ}
            for table, into in (
                (LOCAL, "INSERT INTO local VALUES (?2, ?3, NULL, ?1)"),
                (REMOTE, "INSERT INTO remote VALUES (?, ?, ?, ?, ?)"),
            ):
                held = current.rows.pop(table, {})
                self._db.execute("BEGIN")
                self._db.executemany(into, self._unicast(vtep, number, table, held))
                self._db.execute("COMMIT")
            vtep.current = current
        if vtep.wanted is not None:
            self._db.executemany("INSERT INTO wanted VALUES (?, ?, ?, ?, ?)", self._wanted(number, vtep.wanted))

    def _unicast(self, vtep: Vtep, number: int, table: str, rows: Mapping[tuple, list]) -> Iterator[tuple]:
        switches: dict[str, int] = {}
        locators: dict[Any, int] = {}
        keep_ip = vtep.wanted is not None
        for (switch, mac), haves in rows.items():
            for have in haves:
                ref = have.columns["locator"]
                address = address_of(ref) if ref else ""
                vtep.groups.setdefault((table, switch, address), Group()).add(mac)
                locator = locators.get(address)
                if locator is None:
                    locator = locators[address] = self._number(address)
                if switch not in switches:
                    switches[switch] = self._number(switch)
                row = (number, switches[switch], mac)
                yield (*row, locator, have.columns["ipaddr"] if keep_ip else "") if table == REMOTE else row
            if table == REMOTE and len(haves) > 1 and len({have.columns["locator"] for have in haves}) > 1:
                vtep.twins.setdefault(switch, Group()).add(mac)

    def _wanted(self, number: int, wanted: Mapping[str, Any]) -> Iterator[tuple]:
        for switch in wanted["logical_switches"]:
            name = self._number(switch["name"])
            for one in switch["unicast"]:
                yield number, name, one["mac"], self._number(one["locator"]), one["ipaddr"]

    def _number(self, text: str) -> int:
        """A number for a name or an address: rows of millions are smaller with it."""
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return number

    # -- joining

    def join(self) -> None:
        """Find out which VTEPs are one site, and which logical switches one network, once all are added."""
        self.asked = {name for vtep in self.vteps for name in vtep.wanted_switches}
        self._find_sites()
        self._first = self._find_networks()
        run = self._db.execute
        for old, new in self._first.items():
            for table in ("local", "remote", "wanted"):
                run(f"UPDATE {table} SET net = ? WHERE net = ?", (new, old))
        self._db.executemany("INSERT INTO address VALUES (?, ?)", [(self._number(one), site) for one, site in self.site_at.items()])
        self._db.executemany("UPDATE local SET site = ? WHERE vtep = ?", [(site, number) for number, site in enumerate(self.site_of)])
        run("CREATE INDEX locals ON local (net, mac, site, vtep)")
        run("INSERT INTO populated SELECT DISTINCT net, site FROM local")
        if any(vtep.wanted for vtep in self.vteps):
            run("CREATE INDEX remotes ON remote (vtep, net, mac, locator, ip)")
            run("CREATE INDEX wants ON wanted (vtep, net, mac)")

    def _find_sites(self) -> None:
        self.site_of = list(range(len(self.vteps)))
        groups = [{number for number, vtep in enumerate(self.vteps) if vtep.name in names} for names in self.mlag]
        groups += [{number for number, vtep in enumerate(self.vteps) if address in vtep.reached_at} for address in self._all_addresses()]
        for group in groups:
            sites = {self.site_of[number] for number in group}
            if len(sites) > 1:
                self.site_of = [min(sites) if site in sites else site for site in self.site_of]
        self.site_at = {address: self.site_of[number] for number, vtep in enumerate(self.vteps) for address in vtep.reached_at}

    def _all_addresses(self) -> set[str]:
        return set().union(*(vtep.reached_at for vtep in self.vteps))

    def _find_networks(self) -> dict[int, int]:
        """Number of a name -> that of the network, where the name is another one.

        A network is what has one name. Two names are one network, too, where both stand for one VNI and for no other, and no VTEP
        has both: two controllers may have named it.
        """
        names: dict[str, dict[int, int | None]] = {}
        for number, vtep in enumerate(self.vteps):
            for name, columns in vtep.switches.items():
                names.setdefault(name, {})[number] = columns["tunnel_key"]
        by_vni: dict[int, list[str]] = {}
        for name, vnis in names.items():
            values = set(vnis.values())
            if len(values) == 1 and (vni := values.pop()) is not None:
                by_vni.setdefault(vni, []).append(name)
        first_names: dict[str, str] = {}
        for same in by_vni.values():
            owners = [number for name in same for number in names[name]]
            if len(owners) == len(set(owners)):
                first_names.update(dict.fromkeys(same[1:], same[0]))
        found: dict[str, Network] = {}
        for name, vnis in names.items():
            network = found.setdefault(first_names.get(name, name), Network())
            network.names.update(dict.fromkeys(vnis, name))
        for number, vtep in enumerate(self.vteps):
            for name in {binding.logical_switch for binding in vtep.bindings} | vtep.routed:
                if (first := first_names.get(name, name)) in found:
                    found[first].bound.add(number)
        self.networks = list(found.values())
        self._network_at = {self._number(name): network for name, network in found.items()}
        self._network_of = {(number, name): network for network in self.networks for number, name in network.names.items()}
        return {self._number(name): self._number(first) for name, first in first_names.items()}

    def network_of(self, number: int, switch: str) -> Network:
        """The network that a logical switch of a VTEP is."""
        return self._network_of[number, switch]

    def is_compared(self, number: int, switch: str) -> bool:
        """Whether the endpoints say all that a logical switch of a VTEP should have: nothing, where they name it for others only."""
        return self.vteps[number].wanted is not None and switch in self.asked

    def wanted_floods(self, number: int, switch: str) -> dict[str, frozenset[str]]:
        """The remote multicast rows that the endpoints ask for: MAC address -> locators."""
        rows = self.vteps[number].wanted_switches.get(switch, {}).get("multicast", ())
        return {row["mac"]: frozenset(row["locators"]) for row in rows}

    # -- questions about MAC addresses

    def doubles(self) -> dict[tuple[int, ...], dict[int, Group]]:
        """MAC addresses that are local on several sites: the VTEPs -> the number of a network -> MAC addresses."""
        found: dict[tuple[int, ...], dict[int, Group]] = {}
        rows = self._db.execute("SELECT net, mac, group_concat(DISTINCT vtep) FROM local GROUP BY net, mac HAVING min(site) <> max(site)")
        for net, mac, vteps in rows:
            key = tuple(sorted(int(vtep) for vtep in str(vteps).split(",")))
            found.setdefault(key, {}).setdefault(net, Group()).add(mac)
        return found

    def name_on(self, number: int, net: int) -> str:
        """What a VTEP calls the network of this number."""
        return self._network_at[net].names[number]

    def elsewhere(self) -> dict[tuple[int, str, str, int, bool], Group]:
        """Remote MAC addresses that are not local where they point to, but on another VTEP.

        (VTEP, its logical switch, locator, VTEP that has them, whether the endpoints ask for the row) -> MAC addresses.
        """
        rows = self._db.execute(
            f"SELECT remote.vtep, remote.net, remote.locator, min(local.vtep), {_IS_WANTED}, remote.mac "
            "FROM remote CROSS JOIN address CROSS JOIN local "
            "WHERE address.id = remote.locator AND local.net = remote.net AND local.mac = remote.mac AND local.site <> address.site "
            "AND NOT EXISTS (SELECT 1 FROM local AS there "
            "WHERE there.net = remote.net AND there.mac = remote.mac AND there.site = address.site) GROUP BY remote.rowid"
        )
        return self._grouped(rows)

    def unconfirmed(self) -> dict[tuple[int, str, str], Group]:
        """Remote MAC addresses that are local nowhere, although the VTEP that they point to reports others of the network.

        (VTEP, its logical switch, locator) -> MAC addresses; what the endpoints ask for is not among them.
        """
        rows = self._db.execute(
            "SELECT remote.vtep, remote.net, remote.locator, remote.mac FROM remote CROSS JOIN address CROSS JOIN populated "
            "WHERE address.id = remote.locator AND populated.net = remote.net AND populated.site = address.site "
            "AND NOT EXISTS (SELECT 1 FROM local WHERE local.net = remote.net AND local.mac = remote.mac) "
            f"AND NOT {_IS_WANTED}"
        )
        return self._grouped(rows)

    def by_wanted(self, number: int, switch: str, address: str) -> dict[bool, Group]:
        """The MAC addresses of a VTEP's logical switch that lead to an address, by whether the endpoints ask for that."""
        found: dict[bool, Group] = {}
        name = self._number(switch)
        rows = self._db.execute(
            f"SELECT {_IS_WANTED}, mac FROM remote WHERE vtep = ? AND net = ? AND locator = ?",
            (number, self._first.get(name, name), self._number(address)),
        )
        for is_wanted, mac in rows:
            found.setdefault(bool(is_wanted), Group()).add(mac)
        return found

    def differences(self) -> Iterator[Difference]:
        """Remote MAC addresses that are not as they are wanted, of the VTEPs of which it is known what they should have."""
        rows = self._db.execute(
            "SELECT wanted.vtep, wanted.net, wanted.mac, wanted.locator, wanted.ip, remote.locator, remote.ip FROM wanted LEFT JOIN remote "
            "ON remote.vtep = wanted.vtep AND remote.net = wanted.net AND remote.mac = wanted.mac "
            "WHERE remote.locator IS NOT wanted.locator OR remote.ip IS NOT wanted.ip"
        )
        for number, net, mac, locator, ip, seen, seen_ip in rows:
            if self._has(number, net):
                there = None if seen is None else (self._texts[seen], seen_ip)
                yield Difference(number, self.name_on(number, net), mac, (self._texts[locator], ip), there)
        scope = {
            (number, self._first.get(name, name)): None
            for number, vtep in enumerate(self.vteps)
            if vtep.wanted is not None
            for name in map(self._number, sorted(vtep.wanted_switches.keys() | self.asked & vtep.switches.keys()))
        }
        for number, net in scope:
            rows = self._db.execute(
                "SELECT mac, locator, ip FROM remote WHERE vtep = ?1 AND net = ?2 AND NOT EXISTS "
                "(SELECT 1 FROM wanted WHERE wanted.vtep = ?1 AND wanted.net = ?2 AND wanted.mac = remote.mac)",
                (number, net),
            )
            for mac, seen, seen_ip in rows:
                yield Difference(number, self.name_on(number, net), mac, None, (self._texts[seen], seen_ip))

    def _has(self, number: int, net: int) -> bool:
        return net in self._network_at and number in self._network_at[net].names

    def _grouped(self, rows: Iterable[tuple]) -> dict[tuple, Group]:
        """The rows, whose last value is a MAC address, by what is before it, with names and addresses for numbers."""
        found: dict[tuple, Group] = {}
        for number, net, locator, *more, mac in rows:
            found.setdefault((number, net, locator, *more), Group()).add(mac)
        return {(key[0], self.name_on(key[0], key[1]), self._texts[key[2]], *key[3:]): group for key, group in found.items()}
