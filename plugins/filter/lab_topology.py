# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_topology
short_description: Check a lab's topology and complete it
version_added: 0.1.0
description:
  - Takes the lab as its variables file (C(playbooks/vars/lab.yml)) describes it, and returns what is wrong with it, or
    what follows from it.
options:
  _input:
    description: The topology.
    type: dict
    required: true
    suboptions:
      underlay:
        description: C(lab_underlay), with the keys C(network) (IPv4 network), C(interface) and C(mtu) (626 to 65535 bytes).
        type: dict
        required: true
      bridge:
        description: C(lab_bridge), 1 to 15 characters.
        type: str
        required: true
      logical_switch:
        description: C(lab_logical_switch), with the keys C(name) and C(tunnel_key) (0 to 16777215).
        type: dict
        required: true
      hypervisors:
        description:
          - C(lab_hypervisors), two or more, with the keys C(name), C(underlay_ip) and C(vms).
          - Each of C(vms) has the keys C(name), C(mac) and C(ip) (IPv4 with prefix length).
        type: list
        elements: dict
        required: true
seealso:
  - plugin: vxlanlab.vtep.packet_walk
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Check the topology
  ansible.builtin.assert:
    that: not lab.problems
    fail_msg: "{{ lab.problems }}"
  vars:
    lab: "{{ topology | vxlanlab.vtep.lab_topology }}"
    topology:
      underlay: {network: 10.0.0.0/8, interface: eth0, mtu: 1500}
      bridge: br0
      logical_switch: {name: ls0, tunnel_key: 5000}
      hypervisors:
        - {name: hv1, underlay_ip: 10.0.0.1, vms: [{name: vm1, mac: "00:00:00:00:00:01", ip: 192.168.1.1/24}]}
        - {name: hv2, underlay_ip: 10.1.0.1, vms: [{name: vm2, mac: "00:00:00:00:00:02", ip: 192.168.1.2/24}]}
"""

RETURN = r"""
_value:
  description: The completed topology. Only RV(_value.problems) when there are problems.
  type: dict
  contains:
    problems:
      description: What is wrong, each with the variable, its value and what to use instead. Empty when all is well.
      type: list
      elements: str
    bridge:
      description: As in the input.
      type: str
    logical_switch:
      description: As in the input.
      type: dict
    hypervisors:
      description:
        - The hypervisors, each with C(name), C(underlay_ip), C(peers) (the underlay addresses of the others), C(vms) and
          C(ports) (the VMs as the role vxlanlab.vtep.vtep_emulator takes them).
        - Each VM has C(name), C(mac), C(ip) (with prefix length) and C(address) (without it).
      type: list
      elements: dict
    nodes:
      description: The hypervisors as M(vxlanlab.vtep.lab_netns) takes them.
      type: list
      elements: dict
    spare_address:
      description: The last address of the underlay network that no hypervisor has, or an empty string.
      type: str
    endpoints:
      description: All VMs as the role vxlanlab.vtep.vtep_overlay takes them.
      type: list
      elements: dict
    source:
      description: The VM that pings in the lab's story, with C(hypervisor), the name of its hypervisor, besides the keys of a VM.
      type: dict
    target:
      description: The VM that is pinged, with the same keys.
      type: dict
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import MTU, lab_interface

T = TypeVar("T")
# How the value of each key is read: returns it, or raises ValueError saying what to use.
Keys = Mapping[str, _values.Parse]

# Outer IPv4, UDP and VXLAN headers and the inner Ethernet header in bytes (RFC 7348, section 5).
VXLAN_OVERHEAD = 50


def some(value: Any) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("use a list with at least one entry")
    return value


read_network = _values.worded(_values.ipv4_network, "use an IPv4 network such as 10.0.0.0/8, with no bits set behind the prefix")
read_address = _values.worded(_values.ipv4_interface, "use an IPv4 address with its prefix length, such as 192.168.1.1/24")
# The smallest packet that every host takes must fit into a VM's.
read_mtu = _values.Integer(MTU.low + VXLAN_OVERHEAD, MTU.high)

UNDERLAY: Keys = {"network": read_network, "interface": lab_interface, "mtu": read_mtu}
LOGICAL_SWITCH: Keys = {"name": _values.name, "tunnel_key": _values.vni}
HYPERVISOR: Keys = {"name": _values.name, "underlay_ip": _values.tunnel_ipv4, "vms": some}
VM: Keys = {"name": lab_interface, "mac": _values.unicast_mac, "ip": read_address}


class Reader:
    """Reads values and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def value(self, where: str, value: Any, read: Callable[[Any], T]) -> T | None:
        """The value, or ``None`` if it is wrong."""
        try:
            return read(value)
        except ValueError as error:
            self.problems.append(f"{where}: {value!r} cannot be used: {error}.")
            return None

    def keys(self, where: str, value: Any, keys: Keys) -> dict[str, Any]:
        """A dictionary's values; ``None`` for what is wrong or missing."""
        if not isinstance(value, dict):
            self.problems.append(f"{where}: {value!r} cannot be used: use a dictionary with the keys {', '.join(keys)}.")
            return dict.fromkeys(keys)
        for key in value:
            if key not in keys:
                self.problems.append(f"{where}.{key}: there is no such key. Use {', '.join(keys)}.")
        found = {}
        for key, read in keys.items():
            if key in value:
                found[key] = self.value(f"{where}.{key}", value[key], read)
            else:
                self.problems.append(f"{where}.{key}: it is missing. Add it.")
                found[key] = None
        return found

    def unique(self, entries: Iterable[tuple[str, Any]]) -> None:
        """Of these places, each with its value, no two may have the same."""
        first: dict[Any, str] = {}
        for where, value in entries:
            if value is not None and first.setdefault(value, where) != where:
                self.problems.append(f"{where}: {value} is also that of {first[value]}. Give each its own.")

    def inside(self, where: str, address: ipaddress.IPv4Address, network: ipaddress.IPv4Network) -> None:
        """An address that a host of the network can have."""
        if address not in network:
            self.problems.append(f"{where}: {address} is outside of {network}. Use an address of this network.")
        elif network.prefixlen < 31 and address in (network.network_address, network.broadcast_address):
            self.problems.append(
                f"{where}: {address} stands for the whole network {network}. Use an address between its first and its last."
            )


def lab_topology(topology: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a topology, or what follows from it."""
    reader = Reader()
    underlay = reader.keys("lab_underlay", topology["underlay"], UNDERLAY)
    bridge = reader.value("lab_bridge", topology["bridge"], lab_interface)
    switch = reader.keys("lab_logical_switch", topology["logical_switch"], LOGICAL_SWITCH)
    hypervisors = []
    for index, entry in enumerate(reader.value("lab_hypervisors", topology["hypervisors"], some) or []):
        where = f"lab_hypervisors[{index}]"
        hypervisor = dict(reader.keys(where, entry, HYPERVISOR), where=where)
        vms = enumerate(hypervisor["vms"] or [])
        hypervisor["vms"] = [dict(reader.keys(f"{where}.vms[{number}]", vm, VM), where=f"{where}.vms[{number}]") for number, vm in vms]
        hypervisors.append(hypervisor)
    agree(reader, underlay, bridge, hypervisors)
    if reader.problems:
        return {"problems": reader.problems}
    return {"problems": [], "bridge": bridge, "logical_switch": switch, **complete(underlay, bridge, switch, hypervisors)}


def agree(reader: Reader, underlay: dict[str, Any], bridge: str | None, hypervisors: list[dict[str, Any]]) -> None:
    """What single values cannot show."""
    vms = [vm for hypervisor in hypervisors for vm in hypervisor["vms"]]
    if len(hypervisors) == 1:
        reader.problems.append("lab_hypervisors: there is one hypervisor, and a tunnel has two ends. Add another.")
    reader.unique((f"{hypervisor['where']}.name", hypervisor["name"]) for hypervisor in hypervisors)
    reader.unique((f"{hypervisor['where']}.underlay_ip", hypervisor["underlay_ip"]) for hypervisor in hypervisors)
    reader.unique(
        [("lab_underlay.interface", underlay["interface"]), ("lab_bridge", bridge)] + [(f"{vm['where']}.name", vm["name"]) for vm in vms]
    )
    reader.unique((f"{vm['where']}.mac", vm["mac"]) for vm in vms)
    reader.unique((f"{vm['where']}.ip", vm["ip"] and vm["ip"].ip) for vm in vms)

    for hypervisor in hypervisors:
        if underlay["network"] and hypervisor["underlay_ip"]:
            reader.inside(f"{hypervisor['where']}.underlay_ip", ipaddress.IPv4Address(hypervisor["underlay_ip"]), underlay["network"])
    addressed = [vm for vm in vms if vm["ip"]]
    for vm in addressed:
        network = addressed[0]["ip"].network
        if vm["ip"].network != network:
            reader.problems.append(
                f"{vm['where']}.ip: {vm['ip']} is not in {network}, the network of the first VM. Put all VMs into one network."
            )
        else:
            reader.inside(f"{vm['where']}.ip", vm["ip"].ip, network)
    if addressed and underlay["network"] and addressed[0]["ip"].network.overlaps(underlay["network"]):
        reader.problems.append(
            f"lab_underlay.network: {underlay['network']} overlaps {addressed[0]['ip'].network}, the network of the VMs. Keep them apart."
        )


def complete(underlay: dict[str, Any], bridge: str | None, switch: dict[str, Any], hypervisors: list[dict[str, Any]]) -> dict[str, Any]:
    """What follows from a topology in which all is well."""
    nodes: list[dict[str, Any]] = []
    endpoints: list[dict[str, Any]] = []
    completed: list[dict[str, Any]] = []
    for hypervisor in hypervisors:
        vms = [{"name": vm["name"], "mac": vm["mac"], "ip": str(vm["ip"]), "address": str(vm["ip"].ip)} for vm in hypervisor["vms"]]
        completed.append(
            {
                "name": hypervisor["name"],
                "underlay_ip": hypervisor["underlay_ip"],
                "peers": [other["underlay_ip"] for other in hypervisors if other is not hypervisor],
                "vms": vms,
                "ports": [{"name": vm["name"], "mac": vm["mac"], "ip": vm["ip"], "mtu": underlay["mtu"] - VXLAN_OVERHEAD} for vm in vms],
            }
        )
        nodes.append(
            {
                "name": hypervisor["name"],
                "address": f"{hypervisor['underlay_ip']}/{underlay['network'].prefixlen}",
                "interface": underlay["interface"],
            }
        )
        endpoints += [
            {
                "host": hypervisor["name"],
                "physical_switch": bridge,
                "port": vm["name"],
                "vlan": 0,
                "logical_switch": switch["name"],
                "mac": vm["mac"],
                "ip": vm["address"],
                "vtep": hypervisor["underlay_ip"],
            }
            for vm in vms
        ]
    used = {hypervisor["underlay_ip"] for hypervisor in hypervisors}
    last = underlay["network"].broadcast_address
    addresses = (str(last - step) for step in range(1, underlay["network"].num_addresses))
    spare = next((address for address in addresses if address not in used), "")
    source, target = (dict(hypervisor["vms"][0], hypervisor=hypervisor["name"]) for hypervisor in completed[:2])
    return {"hypervisors": completed, "nodes": nodes, "spare_address": spare, "endpoints": endpoints, "source": source, "target": target}


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"lab_topology": lab_topology}
