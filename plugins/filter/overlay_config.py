# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_config
short_description: Compute the database of one VTEP from the endpoints of all hosts
version_added: 0.1.0
description:
  - Takes the endpoints (VMs) of all hosts and returns what the VTEP of one host needs to reach them in a full mesh, as one structure for
    M(vxlanlab.vtep.vtep_config). That is the logical switches with endpoints on the host, each with its remote entries, and the bindings of
    the host's ports.
  - The result depends on the endpoints alone, not on their order.
positional: host, switches, service_nodes, mlag
options:
  _input:
    description: The endpoints of all hosts, see P(vxlanlab.vtep.overlay_tables#filter).
    type: list
    elements: dict
    required: true
  host:
    description: The host for which to compute the structure.
    type: str
    required: true
  switches:
    description: The logical switches of all hosts, each with C(name) and C(tunnel_key), the VNI. No two have the same.
    type: list
    elements: dict
    required: true
  service_nodes:
    description: IPv4 addresses of service nodes, see P(vxlanlab.vtep.overlay_tables#filter).
    type: list
    elements: str
    default: []
  mlag:
    description: Pairs of hosts that are one VTEP, see P(vxlanlab.vtep.overlay_tables#filter).
    type: list
    elements: list
    default: []
seealso:
  - plugin: vxlanlab.vtep.vtep_overlay
    plugin_type: role
    description: The role that writes this structure.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Show what the database of hv1 needs
  ansible.builtin.debug:
    msg: "{{ endpoints | vxlanlab.vtep.overlay_config('hv1', [{'name': 'ls0', 'tunnel_key': 5000}]) }}"
  vars:
    endpoints:
      - {host: hv1, physical_switch: br0, port: vm1, logical_switch: ls0, mac: "00:00:00:00:00:01", ip: 192.168.1.1, vtep: 10.0.0.1}
      - {host: hv2, physical_switch: br0, port: vm2, logical_switch: ls0, mac: "00:00:00:00:00:02", ip: 192.168.1.2, vtep: 10.1.0.1}
# physical_switches:
#   br0: {ports: {vm1: {vlan_bindings: {0: ls0}}}}
# logical_switches:
#   ls0:
#     tunnel_key: 5000
#     replication_mode: source_node
#     ucast_remote: {"00:00:00:00:00:02": {locator: 10.1.0.1, ipaddr: 192.168.1.2}}
#     mcast_remote: {unknown-dst: {locators: [10.1.0.1]}}
"""

RETURN = r"""
_value:
  description: The structure. Both of its parts are empty for a host without endpoints.
  type: dict
  contains:
    physical_switches:
      description: The physical switches of the host with the bindings of their ports.
      type: dict
    logical_switches:
      description: >-
        The logical switches on which the host has endpoints, with all their remote entries. C(replication_mode) is V(source_node), or
        V(service_node) where there are service nodes.
      type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.endpoints import Overlay, read_overlay, read_switches, tables_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@errors_of("overlay_config")
def overlay_config(endpoints: Any, host: str, switches: Any, service_nodes: Any = (), mlag: Any = ()) -> dict[str, Any]:
    """The structure of one host's database."""
    overlay = read_overlay(endpoints, service_nodes, mlag)
    return config_of(host, overlay, read_switches(switches, overlay.endpoints))


def config_of(host: str, overlay: Overlay, keys: Mapping[str, int]) -> dict[str, Any]:
    """The same of endpoints that are read already. ``keys``: the tunnel key of each logical switch."""
    tables = tables_of(host, overlay)
    physical: dict[str, Any] = {}
    for one in tables["bindings"]:
        ports = physical.setdefault(one["physical_switch"], {"ports": {}})["ports"]
        ports.setdefault(one["port"], {"vlan_bindings": {}})["vlan_bindings"][one["vlan"]] = one["logical_switch"]
    return {
        "physical_switches": physical,
        "logical_switches": {
            one["name"]: {
                "tunnel_key": keys[one["name"]],
                # By default, a switch sends one copy only, to a service node that sends the others.
                "replication_mode": "service_node" if overlay.service_nodes else "source_node",
                "ucast_remote": keyed(one["unicast"]),
                "mcast_remote": keyed(one["multicast"]),
            }
            for one in tables["logical_switches"]
        },
    }


def keyed(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Entries by MAC address."""
    return {entry["mac"]: {key: value for key, value in entry.items() if key != "mac"} for entry in entries}


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"overlay_config": overlay_config}
