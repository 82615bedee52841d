# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The endpoints (VMs) of all hosts, as the role vtep_overlay takes them: read, checked against each other, and what each VTEP's tables
have to be. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import kind


@dataclass(frozen=True)
class Endpoint:
    """A VM, and where its frames meet a VTEP."""

    number: int
    host: str
    physical_switch: str
    port: str
    vlan: int
    logical_switch: str
    mac: str
    ip: str
    vtep: str

    def __str__(self) -> str:
        return f"endpoint {self.number} (host {self.host}, port {self.port})"


class Pair(NamedTuple):
    """Two hosts that are one VTEP (MLAG): they have one tunnel address, and each may have ports of its own."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"pair {self.first} and {self.second}"


#: No two hosts are one VTEP.
NO_PAIRS: Mapping[str, Pair] = MappingProxyType({})


class Overlay(NamedTuple):
    """Endpoints that agree with each other, and what is said beside them."""

    endpoints: list[Endpoint]
    service_nodes: list[str]
    pairs: Mapping[str, Pair]


class Key(NamedTuple):
    """How a key of an endpoint is read, and what stands for it when it is left out."""

    read: Callable[[Any], Any]
    default: Any = None


def address(value: Any) -> str:
    """An IP address; the empty text is none."""
    return "" if value in ("", None) else _values.host_ip(value)


KEYS = {
    "host": Key(_values.name),
    "physical_switch": Key(_values.name),
    "port": Key(_values.name),
    "vlan": Key(_values.vlan, 0),
    "logical_switch": Key(_values.name),
    "mac": Key(_values.unicast_mac),
    "ip": Key(address, ""),
    "vtep": Key(_values.tunnel_ipv4),
}


def read_overlay(endpoints: Any, service_nodes: Any, mlag: Any) -> Overlay:
    """All that the tables of a VTEP follow from; ``UserError`` where it does not agree."""
    pairs = read_pairs(mlag)
    known = read_all(endpoints, pairs)
    return Overlay(known, read_service_nodes(service_nodes, known), pairs)


def read_all(endpoints: Any, pairs: Mapping[str, Pair] = NO_PAIRS) -> list[Endpoint]:
    """A list of endpoints that agree with each other; ``UserError`` otherwise. ``pairs``: of ``read_pairs``."""
    if not isinstance(endpoints, (list, tuple)):
        raise UserError(f"expected a list of endpoints, not {kind(endpoints)}")
    known = [read(endpoint, number) for number, endpoint in enumerate(endpoints)]
    agree(known, pairs)
    return known


def read(endpoint: Any, number: int) -> Endpoint:
    """An endpoint in its normal form."""
    if not isinstance(endpoint, dict):
        raise UserError(f"endpoint {number}: expected a dictionary, not {endpoint!r}")
    where = f"endpoint {number} (host {endpoint.get('host', '?')}, port {endpoint.get('port', '?')})"
    for key in endpoint:
        if key not in KEYS:
            raise UserError(f"{where}: {key}: unknown key; the keys are {', '.join(KEYS)}")
    values = {}
    for key, how in KEYS.items():
        if key not in endpoint and how.default is None:
            raise UserError(f"{where}: {key}: missing")
        values[key] = accepted(how.read, f"{where}: {key}", endpoint.get(key, how.default))
    return Endpoint(number, **values)


def read_pairs(pairs: Any) -> dict[str, Pair]:
    """The pair of each host that is in one."""
    if not isinstance(pairs, (list, tuple)):
        raise UserError(f"mlag: expected a list of pairs of hosts, not {kind(pairs)}")
    found: dict[str, Pair] = {}
    for number, hosts in enumerate(pairs):
        where = f"mlag[{number}]"
        check(isinstance(hosts, (list, tuple)) and len(hosts) == 2, where, hosts, "two hosts, such as [leaf1, leaf2]")
        pair = Pair(*(accepted(_values.name, where, host) for host in hosts))
        check(pair.first != pair.second, where, hosts, "two different hosts")
        for host in pair:
            check(host not in found, where, hosts, f"hosts that are in no other pair, and {host} is in {found.get(host)}")
            found[host] = pair
    return found


def read_switches(switches: Any, endpoints: Iterable[Endpoint], name: Callable[[Any], str] = _values.name) -> dict[str, int]:
    """The tunnel key of each logical switch, each with one of its own; every endpoint is on one of them. ``name`` reads a name."""
    if not isinstance(switches, (list, tuple)) or not all(isinstance(one, dict) for one in switches):
        raise UserError("switches: expected a list of dictionaries with the keys name and tunnel_key")
    keys: dict[str, int] = {}
    for number, one in enumerate(switches):
        known = accepted(name, f"switches[{number}].name", one.get("name"))
        key = accepted(_values.vni, f"switches[{number}].tunnel_key", one.get("tunnel_key"))
        check(known not in keys, f"switches[{number}].name", known, "a name that no other logical switch has")
        other = next((name for name, taken in keys.items() if taken == key), None)
        check(
            other is None,
            f"switches[{number}].tunnel_key",
            key,
            f"a key of its own for {known}; {other} has this one, and packets have no other sign",
        )
        keys[known] = key
    for endpoint in endpoints:
        check(endpoint.logical_switch in keys, f"{endpoint}: logical_switch", endpoint.logical_switch, f"one of {', '.join(keys)}")
    return keys


def read_service_nodes(addresses: Any, endpoints: Iterable[Endpoint]) -> list[str]:
    """The addresses of the service nodes in their normal form."""
    if not isinstance(addresses, (list, tuple)):
        raise UserError(f"service_nodes: expected a list of addresses, not {kind(addresses)}")
    read_all = [accepted(_values.tunnel_ipv4, f"service_nodes[{number}]", address) for number, address in enumerate(addresses)]
    for endpoint in endpoints:
        if endpoint.vtep in read_all:
            raise UserError(f"service_nodes: {endpoint.vtep} is the VTEP of host {endpoint.host}; a service node has an address of its own")
    return sorted(set(read_all), key=ipaddress.ip_address)


def agree(endpoints: list[Endpoint], pairs: Mapping[str, Pair] = NO_PAIRS) -> None:
    """Refuse endpoints that contradict each other."""

    def attached(endpoint: Endpoint) -> str:
        """Who has an address: an endpoint may have a port on each host of a pair, and is said twice then."""
        return f"{endpoint.mac} on {pairs[endpoint.host]}" if endpoint.host in pairs else str(endpoint)

    def vtep_of(endpoint: Endpoint) -> str:
        return str(pairs.get(endpoint.host, endpoint.host))

    one(endpoints, lambda e: e.host, lambda e: e.vtep, "vtep: host {key} has two VTEPs, {first} and {second}; a host has one")
    one(
        [e for e in endpoints if e.host in pairs],
        lambda e: pairs[e.host],
        lambda e: e.vtep,
        "vtep: {key} has two VTEPs, {first} and {second}; the hosts of a pair are one VTEP",
    )
    one(
        endpoints,
        lambda e: e.vtep,
        vtep_of,
        "vtep: {key} is the VTEP of two hosts, {first} and {second}; give each its own, or say in mlag that two hosts are one VTEP",
    )
    one(
        endpoints,
        lambda e: (e.host, e.physical_switch, e.port, e.vlan),
        lambda e: e.logical_switch,
        "logical_switch: VLAN {key[3]} of port {key[2]} on host {key[0]} is bound to two logical switches, {first} and {second}",
    )
    twice = "on logical switch {key[0]} belongs to {first} and to {second}"
    one(endpoints, lambda e: (e.logical_switch, e.mac), attached, f"mac: {{key[1]}} {twice}")
    one(endpoints, lambda e: (e.logical_switch, e.mac, e.host), str, f"mac: {{key[1]}} {twice}")
    one([e for e in endpoints if e.ip], lambda e: (e.logical_switch, e.ip), attached, f"ip: {{key[1]}} {twice}")
    one(
        endpoints,
        lambda e: (e.logical_switch, e.mac),
        lambda e: repr(e.ip),
        "ip: {key[1]} on logical switch {key[0]} has {first} and {second}",
    )


def one(endpoints: Iterable[Endpoint], key: Callable[[Endpoint], Hashable], value: Callable[[Endpoint], str], problem: str) -> None:
    """Every key has one value."""
    seen: dict[Hashable, str] = {}
    for endpoint in endpoints:
        first = seen.setdefault(key(endpoint), value(endpoint))
        if first != value(endpoint):
            raise UserError(problem.format(key=key(endpoint), first=first, second=value(endpoint)))


def tables_of(host: str, overlay: Overlay) -> dict[str, Any]:
    """The tables of one host's VTEP, as the filter overlay_tables returns them."""
    members = overlay.pairs.get(host, (host,))
    inside = {endpoint.logical_switch for endpoint in overlay.endpoints if endpoint.host in members}
    return {
        "bindings": bindings(endpoint for endpoint in overlay.endpoints if endpoint.host == host),
        "logical_switches": [behind_others(name, members, overlay) for name in sorted(inside)],
    }


def bindings(here: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """The VLANs of the host's ports; several endpoints may share one."""
    keys = ("physical_switch", "port", "vlan", "logical_switch")
    bound = sorted({tuple(getattr(endpoint, key) for key in keys) for endpoint in here})
    return [dict(zip(keys, values)) for values in bound]


def behind_others(name: str, members: Collection[str], overlay: Overlay) -> dict[str, Any]:
    """What is behind the other VTEPs of a logical switch. ``members``: the hosts of this one."""
    remote = {e.mac: e for e in overlay.endpoints if e.logical_switch == name and e.host not in members}
    locators = sorted({endpoint.vtep for endpoint in remote.values()}, key=ipaddress.ip_address)
    if locators and overlay.service_nodes:
        locators = overlay.service_nodes
    return {
        "name": name,
        "unicast": [{"mac": mac, "locator": e.vtep, "ipaddr": e.ip} for mac, e in sorted(remote.items())],
        "multicast": [{"mac": _values.UNKNOWN_DST, "locators": locators}] if locators else [],
    }
