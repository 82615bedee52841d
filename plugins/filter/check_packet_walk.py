# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: check_packet_walk
short_description: Compare captured packets with the packets expected of a ping
version_added: 0.1.0
description:
  - Reports steps of a walk that a capture lacks or shows differently or in another order, and packets of this ping that belong
    to no step.
  - Ignores all packets except ARP and ICMP between the two VMs, in whatever tunnel, and between neighbours in the underlay that carry the
    tunnel. It explains repeated ARP requests, unicast ARP requests that confirm a known address (RFC 1122, section 2.3.2.1), and one reply
    to each of them.
positional: walk, point
options:
  _input:
    description: Packets as M(vxlanlab.vtep.vxlan_capture_info) returns them.
    type: list
    elements: dict
    required: true
  walk:
    description: The walk, from P(vxlanlab.vtep.packet_walk#filter).
    type: dict
    required: true
  point:
    description: Where the packets were captured, C(vm1) or C(hv1:eth0) for example.
    type: str
    required: true
seealso:
  - plugin: vxlanlab.vtep.packet_walk
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Read a capture
  vxlanlab.vtep.vxlan_capture_info:
    path: artifacts/vm1_underlay.pcap
  register: read

- name: Fail if the capture does not show this ping
  ansible.builtin.assert:
    that: found.ok
    fail_msg: "{{ found.problems }}"
  vars:
    found: "{{ read.captures[0].packets | vxlanlab.vtep.check_packet_walk(walk, 'hv1:eth0') }}"
    walk: "{{ lab_topology | vxlanlab.vtep.packet_walk(tables, 'vm1', 'vm2', count=3) }}"
"""

RETURN = r"""
_value:
  description: The comparison.
  type: dict
  contains:
    ok:
      description: Whether the capture shows the walk.
      type: bool
    problems:
      description: Each deviation as a sentence that names the step, what was expected and what was seen.
      type: list
      elements: str
    steps:
      description: Each step with its C(number), C(key), C(title), C(reason) and C(row).
      type: list
      elements: dict
      contains:
        ok:
          description: Whether the capture has the packet of this step, as expected.
          type: bool
        packet:
          description: Number of the packet in the capture, V(null) if it is missing.
          type: int
        expected:
          description: The expected fields and their values.
          type: dict
        seen:
          description: The same fields in the captured packet, V(null) if it is missing.
          type: dict
        problem:
          description: What is wrong, V(null) if nothing is.
          type: str
    extra:
      description: Numbers of the packets that belong to this ping but to no step.
      type: list
      elements: int
    ignored:
      description: Number of packets that do not belong to this ping.
      type: int
    explained:
      description: Why a packet may be there besides the steps, by the packet's number.
      type: dict
    point:
      description: Copied from the input.
      type: str
"""

from collections.abc import Callable, Sequence

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import Comparison, Walk, check_walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket


def check_packet_walk(packets: Sequence[CapturedPacket], walk: Walk, point: str) -> Comparison:
    """Compare the packets captured at a point with a walk."""
    return check_walk(walk, point, packets)


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"check_packet_walk": check_packet_walk}
