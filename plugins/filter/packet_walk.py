# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: packet_walk
short_description: The packets that a ping through a VXLAN tunnel consists of
version_added: 0.1.0
description:
  - Returns the packets that a capture of C(ping -c) must show, in order, each with its reason and with the row of the
    C(hardware_vtep) database that decides what happens to it.
  - On the underlay, a first ping starts with an ARP request for the tunnel's end and its reply. The VMs' own packets
    follow, an ARP request, its reply, and the echo requests and replies, each in VXLAN. On the overlay, only the VMs' own
    packets are seen.
positional: source, target, at, network
options:
  _input:
    description:
      - The lab, with C(bridge), C(logical_switch) (C(name), C(tunnel_key)) and C(hypervisors) (C(name), C(underlay_ip),
        C(vms)), as P(vxlanlab.vtep.lab_topology#filter) returns it.
      - A hypervisor may also have C(underlay_mac), the MAC address of its tunnel endpoint. Without it, the address that
        the ARP packets of the underlay tell is expected.
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
    description: At which of the two the capture is made.
    type: str
    required: true
  network:
    description: V(overlay) is the VM's port, V(underlay) its hypervisor's interface.
    type: str
    choices: [overlay, underlay]
    required: true
  chapter:
    description:
      - V(first) is a ping when all caches are empty.
      - V(no_mcast_cached) is a ping without a multicast remote on the hypervisor of O(source), while the VMs know each
        other's MAC address.
      - V(no_mcast_flushed) is the same after all caches were emptied.
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
    description: Compare it with a capture.
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
      description: As given. So are C(target), C(at), C(network) and C(chapter).
      type: str
    vms:
      description: The addresses of the two VMs.
      type: list
      elements: str
    vteps:
      description: The addresses of the tunnel's ends.
      type: list
      elements: str
    steps:
      description: The packets in their order.
      type: list
      elements: dict
      contains:
        number:
          description: Position, from 1.
          type: int
        key:
          description: Its name for programs.
          type: str
        title:
          description: What happens.
          type: str
        reason:
          description: Why.
          type: str
        row:
          description:
            - The row that decides, with C(hypervisor), C(table) and the columns that matter; V(null) where it is none.
            - A binding is shown as its C(Physical_Port).
          type: dict
        match:
          description: How its packet is recognised, as field and value, for example C(inner.arp.operation) and C(request).
          type: dict
        expect:
          description: What else must hold. A value with C(step) and C(field) stands for that field of that step's packet.
          type: dict
        after:
          description: Keys of steps that must come earlier.
          type: list
          elements: str
        repeats:
          description: Whether the sender may ask again.
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
