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
  - Two hosts that are one VTEP, as with MLAG, are named in O(mlag). Both have the same logical switches, and what is behind one of them
    is behind no VTEP for the other.
positional: host, service_nodes, mlag
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
          - The endpoint's unicast MAC address, unique within the logical switch. One that has a port on each of two hosts in O(mlag) is
            listed twice.
          - It may have colons, dashes, dots or no separators, in upper or lower case.
        type: str
        required: true
      ip:
        description:
          - The endpoint's IPv4 or IPv6 address, unique within the logical switch.
          - The filter ignores a prefix length, as in V(192.168.1.1/24).
        type: str
      vtep:
        description: IPv4 address of the host's VTEP, the same for all endpoints of the host, and another one than that of any other host.
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
  mlag:
    description: Pairs of hosts that are one VTEP, with one address in C(vtep), such as C([[leaf1, leaf2], [leaf3, leaf4]]).
    type: list
    elements: list
    default: []
seealso:
  - plugin: vxlanlab.vtep.overlay_config
    plugin_type: filter
    description: The same as one structure for M(vxlanlab.vtep.vtep_config).
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

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.endpoints import read_overlay, tables_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@errors_of("overlay_tables")
def overlay_tables(endpoints: Any, host: str, service_nodes: Any = (), mlag: Any = ()) -> dict[str, Any]:
    """The tables of one host's VTEP."""
    return tables_of(host, read_overlay(endpoints, service_nodes, mlag))


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"overlay_tables": overlay_tables}
