# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: packet_walk
short_description: List the packets of a ping through VXLAN tunnels
version_added: 0.1.0
description:
  - Follows a C(ping) through the VTEPs' tables, as they are in their databases, and through the underlay with its routers; and returns the
    packets that captures must show, at every point where one can listen, each with its reason and the row that decides. Packets of the
    ping that are not in the list must not be seen.
  - A point is the name of a VM, for its switch port, or C(NODE:INTERFACE) in the underlay.
positional: tables, source, target
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  tables:
    description: The VTEPs' tables by hypervisor, as M(vxlanlab.vtep.vtep_info) returns them in RV(vxlanlab.vtep.vtep_info#module:vtep).
    type: dict
    required: true
  source:
    description: Name of the VM that pings.
    type: str
    required: true
  target:
    description: Name of the VM that is pinged.
    type: str
    required: true
  count:
    description: Number of echo requests, 1 or more.
    type: int
    default: 1
  forget:
    description:
      - Whether all caches were emptied before, or with V(vms) those of the VMs alone. Otherwise, everything that can be known is known.
    type: raw
    default: true
  size:
    description: Bytes that the ping sends along, in packets that are not fragmented.
    type: int
    default: 56
  mtu:
    description: MTU of the two VMs' ports in bytes. By default what the underlay has room for.
    type: int
seealso:
  - plugin: vxlanlab.vtep.check_packet_walk
    plugin_type: filter
    description: Compares the walk with a capture.
  - module: vxlanlab.vtep.vxlan_capture_info
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Show the six packets at the interface of hv1
  ansible.builtin.debug:
    msg: "{{ walk.steps | selectattr('point', 'equalto', 'hv1:eth0') | map(attribute='title') }}"
  vars:
    walk: "{{ lab_topology | vxlanlab.vtep.packet_walk({'hv1': hv1.vtep, 'hv2': hv2.vtep}, 'vm1', 'vm2') }}"
# - hv1 asks for the MAC address of 10.1.0.1
# - hv2 answers hv1
# - vm1 asks for the MAC address of 192.168.1.2
# - vm2 answers vm1
# - vm1 pings vm2 (1)
# - vm2 replies to vm1 (1)
"""

RETURN = r"""
_value:
  description: The walk.
  type: dict
  contains:
    source:
      description: Copied from the input, like C(target).
      type: str
    vms:
      description: The addresses of the two VMs.
      type: list
      elements: str
    links:
      description: The pairs of underlay addresses that exchange packets over one link.
      type: list
      elements: list
    replies:
      description: How many replies there are.
      type: int
    ends:
      description: Where and why frames end on the way.
      type: list
      elements: str
    steps:
      description: The packets in their order.
      type: list
      elements: dict
      contains:
        number:
          description: Position in the walk, starting at 1.
          type: int
        point:
          description: Where the packet is seen.
          type: str
        key:
          description: Identifier of the step, unique at its point.
          type: str
        title:
          description: What happens.
          type: str
        reason:
          description: Why it happens.
          type: str
        row:
          description:
            - The row that decides, with C(hypervisor), C(table) and the columns that matter, V(null) if no row does.
            - For a binding, this is a row of C(Physical_Port).
          type: dict
        match:
          description: Fields and values that identify the packet, for example C(inner.arp.operation) and C(request).
          type: dict
        expect:
          description: Other fields to check. A value with C(step) and C(field) refers to that field of that step's packet.
          type: dict
        after:
          description: Keys of the steps at the same point that must come earlier.
          type: list
          elements: str
        repeats:
          description: Whether the sender may repeat the packet.
          type: bool
        optional:
          description: Whether the packet may be missing, as it depends on what a switch has learned.
          type: bool
"""

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import walk
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"packet_walk": errors_of("packet_walk")(walk)}
