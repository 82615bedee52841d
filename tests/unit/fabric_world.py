# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fabrics for tests, as vtep_info returns their databases: built from endpoints, changed by hand, and audited without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import tolerant
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.audit import Report, audit
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.fabric import Fabric, Vtep
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Have
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, Column, beside_key, reference, with_references
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tree import TREE, Branch

Data = dict[str, Any]


def mac(number: int) -> str:
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def endpoints(hosts: int = 6, switches: Mapping[str, Iterable[int]] | None = None) -> list[Data]:
    """An endpoint of each logical switch on each of its hosts; without ``switches``: blue on all, red on all but the last two."""
    on = switches or {"blue": range(1, hosts + 1), "red": range(1, hosts - 1)}
    return [
        {
            "host": f"leaf{host}",
            "physical_switch": f"leaf{host}",
            "port": f"eth{index + 1}",
            "logical_switch": name,
            "mac": mac(index * 256 + host),
            "ip": f"192.168.{index}.{host}",
            "vtep": f"10.0.0.{host}",
        }
        for index, (name, members) in enumerate(on.items())
        for host in members
    ]


def vnis_of(ends: Iterable[Data]) -> dict[str, int]:
    return {name: 5000 + number for number, name in enumerate(sorted({one["logical_switch"] for one in ends}))}


def databases(
    ends: list[Data],
    service_nodes: Iterable[str] = (),
    with_locals: bool = True,
    mlag: Iterable[list[str]] = (),
    vnis: Mapping[str, int] | None = None,
) -> dict[str, Data]:
    """What the role vtep_overlay makes of endpoints on each host: name of the host -> its database, as vtep_info returns it."""
    hosts = {one["host"]: one["vtep"] for one in ends}
    options = (list(service_nodes), with_locals, list(mlag), vnis or vnis_of(ends))
    return {host: _database(ends, host, vtep, *options) for host, vtep in hosts.items()}


def _database(
    ends: list[Data], host: str, vtep: str, service_nodes: list[str], with_locals: bool, mlag: list[list[str]], vnis: Mapping[str, int]
) -> Data:
    tables = overlay_tables(ends, host, service_nodes, mlag)
    here = [one for one in ends if one["host"] == host]
    switches: dict[str, Data] = {one["physical_switch"]: {"tunnel_ips": [vtep], "ports": {}} for one in here}
    for one in tables["bindings"]:
        port = switches[one["physical_switch"]]["ports"].setdefault(one["port"], {"vlan_bindings": {}})
        port["vlan_bindings"][str(one["vlan"])] = one["logical_switch"]
    return {
        "physical_switches": switches,
        "logical_switches": {
            one["name"]: {
                "tunnel_key": vnis[one["name"]],
                "replication_mode": "service_node" if service_nodes else "source_node",
                "ucast_remote": {row["mac"]: {"locator": row["locator"], "ipaddr": row["ipaddr"]} for row in one["unicast"]},
                "mcast_remote": {row["mac"]: {"locators": list(row["locators"])} for row in one["multicast"]},
                "ucast_local": {end["mac"]: {"locator": vtep} for end in here if with_locals and end["logical_switch"] == one["name"]},
            }
            for one in tables["logical_switches"]
        },
        "tunnels": [],
    }


# -- without a server -----------------------------------------------------------------------------------------------


def current(database: Data) -> Current:
    """The rows of a database as a look at a server finds them."""
    found = Current()
    for part, items in database.items():
        _branch(found, TREE[part], items, ())
    for rows in list(found.rows.values()):
        for key, haves in rows.items():
            for have in haves:
                for value in [*key, *have.columns.values()]:
                    for ref in value if isinstance(value, frozenset) else [value]:
                        if getattr(ref, "table", "") == "Physical_Locator":
                            found.rows.setdefault("Physical_Locator", {})[ref.key] = [Have("", {})]
    return found


def _branch(found: Current, branch: Branch, items: Any, parent: tuple) -> None:
    spec = TABLES[branch.table]
    for name, item in enumerate(items) if branch.as_list else items.items():
        if branch.as_list:
            key = (*parent, *(_part(part, item) for part in spec.key[len(parent) :]))
        else:
            key = (*parent, tolerant(spec.key[-1].parse, name))
        # Rows that somebody wrote twice are a list.
        for one in item if isinstance(item, list) else [item]:
            columns = {name: _value(column, one.get(column.option or name), one) for name, column in spec.columns.items()}
            found.rows.setdefault(branch.table, {}).setdefault(key, []).append(Have("", columns))
            for inner in branch.inner:
                _branch(found, inner, one.get(inner.name, {}), key)


def _part(part: Any, item: Data) -> Any:
    if not part.refers:
        return item[part.option]
    key = reference(part.refers, item[part.option], {beside: item.get(option) for option, beside in beside_key(part).items()}).key
    return key[0] if len(key) == 1 else key


def _value(column: Column, value: Any, item: Data) -> Any:
    value = with_references(column, value, item)
    if column.kind == "map":
        return {tolerant(column.key, key): one for key, one in (value or {}).items()}
    if column.kind == "set":
        return frozenset(value or ())
    return "" if value is None and column.kind == "atom" and not column.refers else value


def audited(dbs: Mapping[str, Data | None], ends: list[Data] | None = None, **also: Any) -> Report:
    """The audit of databases by name; ``None`` is one that was not read. ``ends``: what they are compared with."""
    severities = also.pop("severities", {})
    limit = also.pop("limit", 1000)
    vnis = also.pop("vnis", {})
    known = also.pop("known", {})
    with Fabric(**also) as fabric:
        for name, database in dbs.items():
            wanted = None if ends is None else overlay_tables(ends, name, list(also.get("service_nodes", ())), list(also.get("mlag", ())))
            vtep = Vtep(name, f"unix:/run/{name}", frozenset(known.get(name, ())), wanted, "" if database else "no route to host")
            fabric.add(vtep, None if database is None else current(database))
        fabric.join()
        return audit(fabric, vnis, severities, limit)


def found(report: Report) -> list[tuple[str, str]]:
    """Kind and first VTEP of each finding."""
    return [(one.kind, one.vteps[0]) for one in report.findings]


# -- what may be wrong ----------------------------------------------------------------------------------------------

OWN = {f"leaf{number}": f"10.0.0.{number}" for number in range(1, 7)}
#: Nobody's address.
FOREIGN = "10.9.9.9"
UNKNOWN = "unknown-dst"


class Defect(NamedTuple):
    """A change of databases, and all that must be found then, as kind and first VTEP. ``compared``: with the endpoints."""

    change: Callable[[dict[str, Any]], Any]
    found: list[tuple[str, str]]
    compared: bool = False
    options: dict[str, Any] = {}


def end_of(host: str, switch: str) -> Data:
    """The endpoint of a host on a logical switch."""
    return next(one for one in endpoints() if (one["host"], one["logical_switch"]) == (host, switch))


def switch_of(dbs: Data, host: str, switch: str) -> Data:
    return dbs[host]["logical_switches"][switch]


def flood_of(dbs: Data, host: str, switch: str) -> list[str]:
    return switch_of(dbs, host, switch)["mcast_remote"][UNKNOWN]["locators"]


def physical(dbs: Data, host: str) -> Data:
    return dbs[host]["physical_switches"][host]


def setting(host: str, switch: str, **columns: Any) -> Callable[[Data], None]:
    return lambda dbs: switch_of(dbs, host, switch).update(columns)


def remote(host: str, switch: str, address: str, locator: Any) -> Callable[[Data], None]:
    """A remote row leads there; with a list, there are several."""
    rows = [{"locator": one} for one in locator] if isinstance(locator, list) else {"locator": locator}
    return lambda dbs: switch_of(dbs, host, switch)["ucast_remote"].update({address: rows})


def local(host: str, switch: str, address: str, locator: str = "") -> Callable[[Data], None]:
    return lambda dbs: switch_of(dbs, host, switch)["ucast_local"].update({address: {"locator": locator or OWN[host]}})


def flood(host: str, switch: str, *without: str, also: Iterable[str] = ()) -> Callable[[Data], None]:
    """A flood list lacks the addresses of these hosts, and has others."""

    def change(dbs: Data) -> None:
        listed = flood_of(dbs, host, switch)
        listed[:] = [*(one for one in listed if one not in [OWN[lost] for lost in without]), *also]

    return change


def flood_row(host: str, switch: str, *to: str) -> Callable[[Data], None]:
    """A flood list with the addresses of these hosts."""
    return lambda dbs: switch_of(dbs, host, switch)["mcast_remote"].update({UNKNOWN: {"locators": [OWN[one] for one in to]}})


def faulty(host: str, part: str, **columns: Any) -> Callable[[Data], None]:
    return lambda dbs: dbs[host].setdefault(part, {}).update(columns)


def tunnel(host: str, other: str, **columns: Any) -> Callable[[Data], None]:
    row = {"physical_switch": host, "local": OWN[host], "remote": OWN[other], **columns}
    return lambda dbs: dbs[host]["tunnels"].append(row)


def renamed(host: str, old: str, new: str) -> Callable[[Data], None]:
    def change(dbs: Data) -> None:
        switches = dbs[host]["logical_switches"]
        switches[new] = switches.pop(old)
        for port in physical(dbs, host)["ports"].values():
            port["vlan_bindings"] = {vlan: new if name == old else name for vlan, name in port["vlan_bindings"].items()}

    return change


def port(host: str, name: str, **columns: Any) -> Callable[[Data], None]:
    return lambda dbs: physical(dbs, host)["ports"].setdefault(name, {}).update(columns)


def added(host: str, switch: str, tunnel_key: int, bound: str = "") -> Callable[[Data], None]:
    """Another logical switch, bound to a port of its own."""

    def change(dbs: Data) -> None:
        empty: Data = {"ucast_remote": {}, "mcast_remote": {}, "ucast_local": {}}
        dbs[host]["logical_switches"][switch] = {"tunnel_key": tunnel_key, "replication_mode": "source_node", **empty}
        if bound:
            port(host, bound, vlan_bindings={"7": switch})(dbs)

    return change


def lost(host: str, switch: str) -> Callable[[Data], None]:
    """A logical switch is gone, with all that belongs to it."""

    def change(dbs: Data) -> None:
        del dbs[host]["logical_switches"][switch]
        for one in physical(dbs, host)["ports"].values():
            one["vlan_bindings"] = {vlan: name for vlan, name in one["vlan_bindings"].items() if name != switch}

    return change


def both(*changes: Callable[[Data], Any]) -> Callable[[Data], None]:
    def change(dbs: Data) -> None:
        for one in changes:
            one(dbs)

    return change


def without_row(host: str, switch: str, branch: str, key: str) -> Callable[[Data], Any]:
    return lambda dbs: switch_of(dbs, host, switch)[branch].pop(key)


_RED, _BLUE, _ALL = "red", "blue", list(OWN)
_ACL = {"sequence": 1, "direction": "ingress", "action": "deny"}
_GROUP = "01:00:5e:00:00:01"


def _others(kind: str, hosts: Iterable[str], but: str) -> list[tuple[str, str]]:
    return [(kind, host) for host in hosts if host != but]


DEFECTS: dict[str, Defect] = {
    **{f"vni of {switch} on {host}": Defect(setting(host, switch, tunnel_key=number), [("vni_mismatch", host)])
       for host, switch, number in (("leaf1", _BLUE, 7), ("leaf4", _RED, 0), ("leaf6", _BLUE, 2**24 - 1))},
    **{f"no vni of {switch} on {host}": Defect(setting(host, switch, tunnel_key=None), [("vni_missing", host)])
       for host, switch in (("leaf2", _BLUE), ("leaf3", _RED))},
    "vni of the other switch": Defect(setting("leaf2", _RED, tunnel_key=5000), [("duplicate_key", "leaf2"), ("vni_mismatch", "leaf2")]),
    "another switch with this vni": Defect(added("leaf5", "azure", 5000), [("duplicate_key", "leaf5"), ("switch_unused", "leaf5")]),
    **{f"name of {switch} on {host}": Defect(renamed(host, switch, new), [("name_mismatch", host)])
       for host, switch, new in (("leaf3", _BLUE, "azure"), ("leaf1", _RED, "crimson"), ("leaf6", _BLUE, "zz top: 1"))},
    **{f"address of {other} on {host}": Defect(
        lambda dbs, host=host, other=other: physical(dbs, host)["tunnel_ips"].append(OWN[other]), [("duplicate_address", min(host, other))])
       for host, other in (("leaf6", "leaf5"), ("leaf1", "leaf4"))},
    "no address": Defect(
        lambda dbs: physical(dbs, "leaf4").update(tunnel_ips=[]),
        [("no_address", "leaf4"), *_others("foreign_locator", _ALL, "leaf4") * 2, *_others("foreign_locator", _ALL[:3], "") * 2]),
    **{f"foreign locator of {switch} on {host}": Defect(remote(host, switch, mac(999), FOREIGN), [("foreign_locator", host)])
       for host, switch in (("leaf1", _BLUE), ("leaf4", _RED))},
    "foreign locator of a known address": Defect(
        remote("leaf2", _BLUE, end_of("leaf3", _BLUE)["mac"], FOREIGN), [("foreign_locator", "leaf2")], compared=True),
    **{f"foreign locator in the flood list of {switch} on {host}": Defect(flood(host, switch, also=[FOREIGN]), [("foreign_locator", host)])
       for host, switch in (("leaf5", _BLUE), ("leaf3", _RED))},
    "foreign locator in place of a right one": Defect(
        flood("leaf1", _BLUE, "leaf3", also=[FOREIGN]), [("foreign_locator", "leaf1"), ("flood_one_sided", "leaf1")], compared=True),
    **{f"own locator of {switch} on {host}": Defect(remote(host, switch, mac(999), OWN[host]), [("own_locator", host)])
       for host, switch in (("leaf3", _BLUE), ("leaf2", _RED))},
    "own locator in a flood list": Defect(flood("leaf6", _BLUE, also=[OWN["leaf6"]]), [("own_locator", "leaf6")], compared=True),
    **{f"local row of {host} elsewhere": Defect(local(host, _BLUE, end_of(host, _BLUE)["mac"], FOREIGN), [("local_locator", host)])
       for host in ("leaf2", "leaf5")},
    **{f"{host} does not flood {switch} to {to}": Defect(flood(host, switch, *to.split()), [("flood_one_sided", host)], compared)
       for host, switch, to, compared in
       (("leaf1", _BLUE, "leaf2", False), ("leaf4", _RED, "leaf3", True), ("leaf6", _BLUE, "leaf1 leaf2 leaf3", False))},
    "no flood list": Defect(without_row("leaf5", _BLUE, "mcast_remote", UNKNOWN), [("flood_one_sided", "leaf5")], compared=True),
    **{f"{one} and {other} do not flood {switch} to each other": Defect(
        both(flood(one, switch, other), flood(other, switch, one)), [("flood_incomplete", one), ("flood_incomplete", other)])
       for one, other, switch in (("leaf1", "leaf2", _BLUE), ("leaf3", "leaf4", _RED))},
    "missing in both ways": Defect(
        both(flood("leaf1", _BLUE, "leaf2", "leaf3"), flood("leaf2", _BLUE, "leaf1")),
        [("flood_incomplete", "leaf1"), ("flood_one_sided", "leaf1"), ("flood_incomplete", "leaf2")]),
    **{f"{host} floods to one without the network": Defect(flood(host, _RED, also=[OWN[to]]), [("flood_without_network", host)])
       for host, to in (("leaf1", "leaf6"), ("leaf4", "leaf5"))},
    "service_node on one": Defect(
        setting("leaf2", _BLUE, replication_mode="service_node"), [("flood_reaches_one", "leaf2"), ("replication_mismatch", "leaf2")]),
    "no mode on one": Defect(
        setting("leaf4", _RED, replication_mode=None), [("flood_reaches_one", "leaf4"), ("replication_mismatch", "leaf4")]),
    "no mode on any": Defect(both(*(setting(host, _BLUE, replication_mode=None) for host in OWN)), _others("flood_reaches_one", OWN, "")),
    **{f"{switch} address of {one} also on {other}": Defect(local(other, switch, end_of(one, switch)["mac"]), [("mac_twice", min(one, other))])
       for one, other, switch in (("leaf1", "leaf5", _BLUE), ("leaf3", "leaf2", _RED))},
    **{f"{host} takes the {switch} address of {of} for that of {at}": Defect(
        remote(host, switch, end_of(of, switch)["mac"], OWN[at]), [("remote_elsewhere", host)])
       for host, switch, of, at in (("leaf1", _BLUE, "leaf2", "leaf3"), ("leaf4", _RED, "leaf1", "leaf2"), ("leaf6", _BLUE, "leaf6", "leaf1"))},
    **{f"{host} takes a red address to be on {at}": Defect(remote(host, _RED, mac(999), OWN[at]), [("remote_without_network", host)])
       for host, at in (("leaf1", "leaf6"), ("leaf3", "leaf5"))},
    **{f"{host} has an address twice": Defect(
        remote(host, _BLUE, end_of("leaf2", _BLUE)["mac"], [OWN["leaf2"], OWN["leaf3"]]), [("remote_twice", host), ("remote_elsewhere", host)])
       for host in ("leaf1", "leaf5")},
    "an address that nobody reports": Defect(remote("leaf1", _BLUE, mac(999), OWN["leaf2"]), [("remote_unconfirmed", "leaf2")]),
    **{f"a binding of {host} without peer": Defect(added(host, "lone", 7000, "eth9"), [("binding_without_peer", host)])
       for host in ("leaf3", "leaf6")},
    **{f"an unused switch on {host}": Defect(added(host, "empty", 7000), [("switch_unused", host)]) for host in ("leaf2", "leaf4")},
    **{f"tunnel of {host} {state}": Defect(tunnel(host, "leaf3", bfd_status={"enabled": "true", **status}), [("bfd_down", host)])
       for host, state, status in (("leaf1", "down", {"state": "down", "diagnostic": "Control Detection Time Expired"}),
                                   ("leaf5", "init", {"state": "init", "forwarding": "false"}),
                                   ("leaf2", "forwards nothing", {"state": "up", "forwarding": "false"}))},
    "tunnel that says nothing": Defect(tunnel("leaf4", "leaf1", bfd_params={"enable": "true"}), [("bfd_silent", "leaf4")]),
    **{f"switch fault of {host}": Defect(
        lambda dbs, host=host: physical(dbs, host).update(switch_fault_status=["mac_table_exhaustion", "tunnel_exhaustion"]),
        [("switch_fault", host)]) for host in ("leaf1", "leaf6")},
    **{f"port fault of {host}": Defect(port(host, "eth1", port_fault_status=["invalid_vlan_map"]), [("port_fault", host)])
       for host in ("leaf2", "leaf5")},
    "router fault": Defect(
        faulty("leaf3", "logical_routers", lr0={"LR_fault_status": ["invalid_ACL_binding"], "switch_binding": {"192.168.0.254/24": _BLUE}}),
        [("router_fault", "leaf3")]),
    "acl fault": Defect(
        faulty("leaf3", "acls", web={"acl_fault_status": ["max_acl_reached"], "entries": [_ACL]}), [("acl_fault", "leaf3")]),
    "acl entry fault": Defect(
        faulty("leaf5", "acls", web={"entries": [{**_ACL, "acle_fault_status": ["resource_exhaustion"]}]}), [("acl_fault", "leaf5")]),
    "other tunnel IP than known": Defect(
        lambda dbs: physical(dbs, "leaf4").update(tunnel_ips=["10.8.8.8"]),
        [("wanted_address", "leaf4"), ("local_locator", "leaf4"), ("local_locator", "leaf4")], options={"known": {"leaf4": [OWN["leaf4"]]}}),
    "wanted switch lost": Defect(lost("leaf2", _RED), [("wanted_switch", "leaf2"), ("wanted_binding", "leaf2")], compared=True),
    "another switch has the vni of the list": Defect(
        both(*(added(host, "azure", 5001) for host in _ALL[:4])), [*_others("duplicate_key", _ALL[:4], ""), ("switch_unused", "leaf1")],
        options={"vnis": {_RED: 5001}}),
    "all agree on another vni": Defect(
        both(*(setting(host, _RED, tunnel_key=9) for host in _ALL[:4])), _others("wanted_vni", _ALL[:4], ""),
        options={"vnis": {_RED: 5001}}),
    "wanted binding lost": Defect(port("leaf6", "eth1", vlan_bindings={}), [("wanted_binding", "leaf6")], compared=True),
    "all wanted bindings lost": Defect(
        both(*(port(host, "eth2", vlan_bindings={}) for host in _ALL[:4])), _others("wanted_binding", _ALL[:4], ""), compared=True),
    "an endpoint of leaf6 that is no more": Defect(
        both(added("leaf6", _RED, 5001, "eth2"), flood_row("leaf6", _RED, *_ALL[:4]),
             remote("leaf6", _RED, end_of("leaf1", _RED)["mac"], OWN["leaf1"])),
        [("unwanted_binding", "leaf6"), ("unwanted_unicast", "leaf6"), ("unwanted_multicast", "leaf6")], compared=True),
    "an endpoint that is behind another leaf than the list says": Defect(
        both(without_row("leaf2", _RED, "ucast_local", end_of("leaf2", _RED)["mac"]), local("leaf3", _RED, end_of("leaf2", _RED)["mac"])),
        _others("remote_elsewhere", _ALL[:4], "leaf2"), compared=True),
    "an endpoint that a remote row takes to be where it has moved": Defect(
        both(without_row("leaf2", _RED, "ucast_local", end_of("leaf2", _RED)["mac"]), local("leaf1", _RED, end_of("leaf2", _RED)["mac"]),
             remote("leaf4", _RED, end_of("leaf2", _RED)["mac"], OWN["leaf1"])),
        [("remote_elsewhere", "leaf1"), ("remote_elsewhere", "leaf3"), ("wanted_unicast", "leaf4")], compared=True),
    "an address that is not wanted, and elsewhere": Defect(
        both(remote("leaf1", _BLUE, mac(999), OWN["leaf2"]), local("leaf3", _BLUE, mac(999))), [("unwanted_unicast", "leaf1")], compared=True),
    **{f"wrong vlan on {host}": Defect(
        port(host, "eth1", vlan_bindings={"5": _BLUE}), [("wanted_binding", host), ("unwanted_binding", host)], compared=True)
       for host in ("leaf1", "leaf4")},
    "ports exchanged": Defect(
        both(port("leaf3", "eth1", vlan_bindings={"0": _RED}), port("leaf3", "eth2", vlan_bindings={"0": _BLUE})),
        [("wanted_binding", "leaf3")] * 2, compared=True),
    **{f"{host} lacks a remote {switch} address": Defect(
        without_row(host, switch, "ucast_remote", end_of(of, switch)["mac"]), [("wanted_unicast", host)], compared=True)
       for host, switch, of in (("leaf1", _BLUE, "leaf2"), ("leaf3", _RED, "leaf4"))},
    "other ipaddr": Defect(
        lambda dbs: switch_of(dbs, "leaf5", _BLUE)["ucast_remote"][end_of("leaf1", _BLUE)["mac"]].update(ipaddr="192.168.0.99"),
        [("wanted_unicast", "leaf5")], compared=True),
    "an address that is not wanted": Defect(
        both(remote("leaf1", _BLUE, mac(999), OWN["leaf2"]), local("leaf2", _BLUE, mac(999))), [("unwanted_unicast", "leaf1")], compared=True),
    "a multicast row that is not wanted": Defect(
        lambda dbs: switch_of(dbs, "leaf1", _BLUE)["mcast_remote"].update({_GROUP: {"locators": [OWN["leaf2"]]}}),
        [("unwanted_multicast", "leaf1")], compared=True),
    "a multicast row that leads nowhere": Defect(
        lambda dbs: switch_of(dbs, "leaf2", _BLUE)["mcast_remote"].update({_GROUP: {"locators": [FOREIGN]}}), [("foreign_locator", "leaf2")]),
    **{f"{host} not read": Defect(
        lambda dbs, host=host: dbs.update({host: None}), [("not_read", host)], options={"known": {host: [OWN[host]]}})
       for host in ("leaf1", "leaf6")},
}  # fmt: skip


def broken(defect: Defect) -> dict[str, Any]:
    """The databases of six leaves with one defect."""
    dbs = databases(endpoints())
    defect.change(dbs)
    return dbs
