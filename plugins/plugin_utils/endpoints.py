# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The endpoints (VMs) of all hosts, as the role vtep_overlay takes them: read, and checked against each other. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted


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


def read_all(endpoints: Any) -> list[Endpoint]:
    """A list of endpoints that agree with each other; ``UserError`` otherwise."""
    if not isinstance(endpoints, (list, tuple)):
        raise UserError(f"expected a list of endpoints, not {type(endpoints).__name__}")
    known = [read(endpoint, number) for number, endpoint in enumerate(endpoints)]
    agree(known)
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


def read_service_nodes(addresses: Any, endpoints: Iterable[Endpoint]) -> list[str]:
    """The addresses of the service nodes in their normal form."""
    if not isinstance(addresses, (list, tuple)):
        raise UserError(f"service_nodes: expected a list of addresses, not {type(addresses).__name__}")
    read_all = [accepted(_values.tunnel_ipv4, f"service_nodes[{number}]", address) for number, address in enumerate(addresses)]
    for endpoint in endpoints:
        if endpoint.vtep in read_all:
            raise UserError(f"service_nodes: {endpoint.vtep} is the VTEP of host {endpoint.host}; a service node has an address of its own")
    return sorted(set(read_all), key=ipaddress.ip_address)


def agree(endpoints: list[Endpoint]) -> None:
    """Refuse endpoints that contradict each other."""
    one(endpoints, lambda e: e.host, lambda e: e.vtep, "vtep: host {key} has two VTEPs, {first} and {second}; a host has one")
    one(endpoints, lambda e: e.vtep, lambda e: e.host, "vtep: {key} is the VTEP of two hosts, {first} and {second}")
    one(
        endpoints,
        lambda e: (e.host, e.physical_switch, e.port, e.vlan),
        lambda e: e.logical_switch,
        "logical_switch: VLAN {key[3]} of port {key[2]} on host {key[0]} is bound to two logical switches, {first} and {second}",
    )
    twice = "on logical switch {key[0]} belongs to {first} and to {second}"
    one(endpoints, lambda e: (e.logical_switch, e.mac), str, f"mac: {{key[1]}} {twice}")
    one([e for e in endpoints if e.ip], lambda e: (e.logical_switch, e.ip), str, f"ip: {{key[1]}} {twice}")


def one(endpoints: Iterable[Endpoint], key: Callable[[Endpoint], Hashable], value: Callable[[Endpoint], str], problem: str) -> None:
    """Every key has one value."""
    seen: dict[Hashable, str] = {}
    for endpoint in endpoints:
        first = seen.setdefault(key(endpoint), value(endpoint))
        if first != value(endpoint):
            raise UserError(problem.format(key=key(endpoint), first=first, second=value(endpoint)))
