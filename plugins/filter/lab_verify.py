# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_verify
short_description: Say whether a running lab is what its topology asks for
version_added: 0.1.0
description:
  - Compares the databases, the emulators, what the switches would do, and pings with the topology, in this order. What follows from a fault
    further up at the same node is not told again.
positional: tables, states, traced, pinged, pairs, ovn
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  tables:
    description: The VTEPs' tables by hypervisor, as M(vxlanlab.vtep.vtep_info) or M(vxlanlab.vtep.linux_vtep) returns them.
    type: dict
    required: true
  states:
    description:
      - By hypervisor, the result of M(vxlanlab.vtep.lab_state) or, of a Linux VTEP, of M(vxlanlab.vtep.linux_vtep) with
        O(vxlanlab.vtep.linux_vtep#module:underlay_interface).
    type: dict
    required: true
  traced:
    description:
      - By node, the result of M(vxlanlab.vtep.lab_trace), also where it failed, for the frames of
        P(vxlanlab.vtep.lab_verify_frames#filter) and, on routers and Linux VTEPs, the other VTEPs as O(vxlanlab.vtep.lab_trace#module:destinations).
    type: dict
    required: true
  pinged:
    description: By hypervisor, the results of M(vxlanlab.vtep.lab_ping) for the pings of P(vxlanlab.vtep.lab_verify_pings#filter).
    type: dict
    required: true
  pairs:
    description: What P(vxlanlab.vtep.lab_verify_pairs#filter) returned, where not all pairs of VMs were looked at.
    type: list
    elements: list
  ovn:
    description: By node with daemons of OVN, what is wrong with them, as M(vxlanlab.vtep.lab_ovn) says.
    type: dict
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Fail where something is wrong
  ansible.builtin.assert:
    that: report.ok
    fail_msg: "{{ report.findings | map(attribute='words') }}"
  vars:
    report: "{{ lab_topology | vxlanlab.vtep.lab_verify(tables, states, traced, pinged) }}"
"""

RETURN = r"""
_value:
  description: What came of it.
  type: dict
  contains:
    ok:
      description: Whether nothing is wrong.
      type: bool
    findings:
      description:
        - What is wrong, the causes first, each with C(layer) (V(database), V(emulator), V(datapath) or V(packets)), C(node), C(switches) (the
          logical switches that it harms) and C(words).
      type: list
      elements: dict
    looked:
      description: How much was looked at, by layer.
      type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.verify import report


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_verify": report}
