# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: packet_walk
short_description: List the packets of a ping through a VXLAN tunnel
version_added: 0.1.0
description:
  - Returns the packets that a capture of C(ping -c) must show, in order, each with its reason and the row of the
    C(hardware_vtep) database that decides what happens to it.
  - On the underlay, a first ping starts with an ARP request for the remote tunnel endpoint and its reply. The VMs' own packets
    follow in VXLAN, which are an ARP request, its reply, and the echo requests and replies. The overlay shows only the VMs' own
    packets.
positional: source, target, at, network
options:
  _input:
    description:
      - The lab, with C(bridge), C(logical_switch) (C(name), C(tunnel_key)) and C(hypervisors) (C(name), C(underlay_ip),
        C(vms)), as P(vxlanlab.vtep.lab_topology#filter) returns it.
      - A hypervisor may also have C(underlay_mac), the MAC address of its tunnel endpoint. Without it, the filter expects the
        address that the ARP packets on the underlay announce.
    type: dict
    required: true
  source:
    description: Name of the VM that pings.
    type: str
    required: true
  target:
    description: Name of the VM that is pinged, on another hypervisor.
    type: str
    required: true
  at:
    description: Name of the VM, one of the two, at which the capture was made.
    type: str
    required: true
  network:
    description: V(overlay) is the VM's port, V(underlay) its hypervisor's interface.
    type: str
    choices: [overlay, underlay]
    required: true
  chapter:
    description:
      - V(first) is a ping with empty caches.
      - V(no_mcast_cached) is a ping without a multicast remote on the hypervisor of O(source), while the VMs know each
        other's MAC address.
      - V(no_mcast_flushed) is the same ping after the caches were emptied.
    type: str
    choices: [first, no_mcast_cached, no_mcast_flushed]
    default: first
  count:
    description: Number of echo requests, 1 or more.
    type: int
    default: 1
seealso:
  - plugin: vxlanlab.vtep.check_packet_walk
    plugin_type: filter
    description: Compares the walk with a capture.
  - module: vxlanlab.vtep.vxlan_capture_info
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Show the six packets on the underlay
  ansible.builtin.debug:
    msg: "{{ (lab | vxlanlab.vtep.packet_walk('vm1', 'vm2', 'vm1', 'underlay')).steps | map(attribute='title') }}"
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
      description: Copied from the input, like C(target), C(at), C(network) and C(chapter).
      type: str
    vms:
      description: The addresses of the two VMs.
      type: list
      elements: str
    vteps:
      description: The addresses of the two tunnel endpoints.
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
        key:
          description: Identifier of the step.
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
          description: Keys of the steps that must come earlier.
          type: list
          elements: str
        repeats:
          description: Whether the sender may repeat the packet.
          type: bool
"""

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import expected_walk
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"packet_walk": errors_of("packet_walk")(expected_walk)}
