# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_tables
short_description: Compute the tables of one VTEP from the endpoints of all hosts
version_added: 0.1.0
description:
  - Takes the endpoints (VMs) of all hosts and returns the table entries that the VTEP of one host needs to reach them in a full
    mesh.
  - For every logical switch with an endpoint on the host, the result has a unicast entry for each endpoint behind another VTEP,
    and one C(unknown-dst) entry with all other VTEPs of this logical switch. It does not contain other logical switches.
  - The result depends on the endpoints alone, not on their order.
positional: host
options:
  _input:
    description: The endpoints of all hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Host of the endpoint. A host has one VTEP.
        type: str
        required: true
      physical_switch:
        description: Physical switch on this host to which the endpoint's port belongs.
        type: str
        required: true
      port:
        description: Port of the endpoint on this switch.
        type: str
        required: true
      vlan:
        description: VLAN of the endpoint's frames on the port, 0 to 4095. VLAN 0 means untagged frames.
        type: int
        default: 0
      logical_switch:
        description: Logical switch of the endpoint.
        type: str
        required: true
      mac:
        description:
          - The endpoint's unicast MAC address, unique within the logical switch.
          - It may have colons, dashes, dots or no separators, in upper or lower case.
        type: str
        required: true
      ip:
        description:
          - The endpoint's IPv4 or IPv6 address, unique within the logical switch.
          - The filter ignores a prefix length, as in V(192.168.1.1/24).
        type: str
      vtep:
        description: IPv4 address of the host's VTEP, the same for all endpoints of the host.
        type: str
        required: true
  host:
    description: The host for which to compute the tables.
    type: str
    required: true
  service_nodes:
    description:
      - IPv4 addresses of service nodes, which copy broadcasts, unknown unicast and multicast to the VTEPs. With them, C(unknown-dst) leads there.
    type: list
    elements: str
    default: []
seealso:
  - plugin: vxlanlab.vtep.vtep_overlay
    plugin_type: role
    description: The role that writes these tables.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Show what the VTEP of hv1 needs
  ansible.builtin.debug:
    msg: "{{ endpoints | vxlanlab.vtep.overlay_tables('hv1') }}"
  vars:
    endpoints:
      - {host: hv1, physical_switch: br0, port: vm1, logical_switch: ls0, mac: "00:00:00:00:00:01", ip: 192.168.1.1, vtep: 10.0.0.1}
      - {host: hv2, physical_switch: br0, port: vm2, logical_switch: ls0, mac: "00:00:00:00:00:02", ip: 192.168.1.2, vtep: 10.1.0.1}
# bindings:
#   - {physical_switch: br0, port: vm1, vlan: 0, logical_switch: ls0}
# logical_switches:
#   - name: ls0
#     unicast: [{mac: "00:00:00:00:00:02", locator: 10.1.0.1, ipaddr: 192.168.1.2}]
#     multicast: [{mac: unknown-dst, locators: [10.1.0.1]}]
"""

RETURN = r"""
_value:
  description: The tables of the host. Both lists are empty for a host without endpoints.
  type: dict
  contains:
    bindings:
      description: Bindings of the host's ports, as options of M(vxlanlab.vtep.vtep_binding).
      type: list
      elements: dict
    logical_switches:
      description: The logical switches on which the host has endpoints, sorted by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the logical switch.
          type: str
        unicast:
          description: Entries for M(vxlanlab.vtep.vtep_ucast_remote). C(ipaddr) is empty for an endpoint without C(ip).
          type: list
          elements: dict
        multicast:
          description: Entries for M(vxlanlab.vtep.vtep_mcast_remote). Empty if no other host is on the logical switch.
          type: list
          elements: dict
"""

import ipaddress
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@dataclass(frozen=True)
class Endpoint:
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


@errors_of("overlay_tables")
def overlay_tables(endpoints: Any, host: str, service_nodes: Any = ()) -> dict[str, Any]:
    """The tables of one host's VTEP."""
    if not isinstance(endpoints, (list, tuple)):
        raise UserError(f"expected a list of endpoints, not {type(endpoints).__name__}")
    known = [read(endpoint, number) for number, endpoint in enumerate(endpoints)]
    agree(known)
    copiers = read_service_nodes(service_nodes, known)
    here = [endpoint for endpoint in known if endpoint.host == host]
    return {
        "bindings": bindings(here),
        "logical_switches": [tables(name, host, known, copiers) for name in sorted({endpoint.logical_switch for endpoint in here})],
    }


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


def bindings(here: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """The VLANs of the host's ports; several endpoints may share one."""
    keys = ("physical_switch", "port", "vlan", "logical_switch")
    bound = sorted({tuple(getattr(endpoint, key) for key in keys) for endpoint in here})
    return [dict(zip(keys, values)) for values in bound]


def tables(name: str, host: str, endpoints: Iterable[Endpoint], service_nodes: list[str]) -> dict[str, Any]:
    """What is behind the other VTEPs of a logical switch."""
    remote = sorted((e for e in endpoints if e.logical_switch == name and e.host != host), key=lambda e: e.mac)
    locators = sorted({endpoint.vtep for endpoint in remote}, key=ipaddress.ip_address)
    if locators and service_nodes:
        locators = service_nodes
    return {
        "name": name,
        "unicast": [{"mac": e.mac, "locator": e.vtep, "ipaddr": e.ip} for e in remote],
        "multicast": [{"mac": _values.UNKNOWN_DST, "locators": locators}] if locators else [],
    }


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"overlay_tables": overlay_tables}
