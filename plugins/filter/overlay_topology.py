# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_topology
short_description: Make a topology of endpoints, for the verification of running VTEPs
version_added: 0.1.0
description:
  - Takes the endpoints as the role R(vxlanlab.vtep.vtep_overlay,ansible_collections.vxlanlab.vtep.vtep_overlay_role) takes them, and returns
    what P(vxlanlab.vtep.lab_verify#filter) and its companions need. Each endpoint is called C(HOST/PORT), with its VLAN and its MAC address
    where several share that.
positional: switches, service_nodes, mtu
options:
  _input:
    description: The endpoints, see P(vxlanlab.vtep.overlay_tables#filter).
    type: list
    elements: dict
    required: true
  switches:
    description: The logical switches, each with C(name) and C(tunnel_key).
    type: list
    elements: dict
    required: true
  service_nodes:
    description: IPv4 address of the service node, in a list; empty where there is none.
    type: list
    elements: str
    default: []
  mtu:
    description: MTU of the underlay in bytes.
    type: int
    default: 1500
seealso:
  - plugin: vxlanlab.vtep.lab_topology
    plugin_type: filter
    description: Makes the topology of a lab.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: List what a host has to do with frames
  ansible.builtin.debug:
    msg: "{{ endpoints | vxlanlab.vtep.overlay_topology(switches) | vxlanlab.vtep.lab_verify_frames(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The topology, as far as a verification needs it, in the form of P(vxlanlab.vtep.lab_topology#filter).
  type: dict
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import HYPERVISOR, SERVICE_NODE
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import named
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.endpoints import Endpoint, read_all, read_service_nodes, read_switches
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of

# What stands for an address that nobody has told, or that no frame of a trace can have.
NO_ADDRESS = "0.0.0.0"


@errors_of("overlay_topology")
def overlay_topology(endpoints: Any, switches: Any, service_nodes: Any = (), mtu: int = 1500) -> dict[str, Any]:
    """The topology of the hosts that have endpoints."""
    known = read_all(endpoints)
    if not known:
        raise UserError("expected a list with at least one endpoint")
    copiers = read_service_nodes(service_nodes, known)
    check(len(copiers) < 2, "service_nodes", ", ".join(copiers), "one service node at the most")
    keys = read_switches(switches, known, _names.switch)
    used = Counter((one.host, one.port, one.vlan) for one in known)
    vms = [vm(one, used[one.host, one.port, one.vlan] > 1) for one in known]
    hosts = {one.host: one.vtep for one in known}
    ends = [(HYPERVISOR, host, vtep) for host, vtep in hosts.items()] + [(SERVICE_NODE, address, address) for address in copiers]
    return {
        "bridge": known[0].physical_switch,
        "bridges": {one.host: one.physical_switch for one in known},
        "underlay": {"mtu": mtu},
        "logical_switches": [{"name": name, "tunnel_key": key} for name, key in keys.items()],
        "hypervisors": [
            {"name": host, "kind": "ovs", "underlay_ip": vtep, "vms": [one for one in vms if one["hypervisor"] == host]}
            for host, vtep in hosts.items()
        ],
        "vms": vms,
        "routers": [],
        "service_node": {"name": copiers[0], "underlay_ip": copiers[0]} if copiers else None,
        "nodes": [
            {"name": name, "kind": kind, "interfaces": [{"name": "", "address": address}], "routes": []} for kind, name, address in ends
        ],
        "endpoints": [asdict(one) for one in known],
    }


def vm(endpoint: Endpoint, shared: bool) -> dict[str, Any]:
    """An endpoint as a VM of the topology."""
    name = f"{endpoint.host}/{named(endpoint.port, endpoint.vlan)}" + (f" {endpoint.mac}" if shared else "")
    return {
        "name": name,
        # From a port that is a trunk, or that several share, no ping of one of them can start.
        "interface": "" if endpoint.vlan or shared else endpoint.port,
        "mac": endpoint.mac,
        "address": endpoint.ip if "." in endpoint.ip else NO_ADDRESS,
        "ip": endpoint.ip,
        "hypervisor": endpoint.host,
        "logical_switch": endpoint.logical_switch,
        "namespace": "",
        "port": endpoint.port,
        "vlan": endpoint.vlan,
    }


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"overlay_topology": overlay_topology}
