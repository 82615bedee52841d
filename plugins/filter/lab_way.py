# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_way
short_description: Join what the nodes of a lab would do with a ping to its way there and back
version_added: 0.1.0
description:
  - Follows a question for a MAC address, its answer, and a ping, from node to node, by what M(vxlanlab.vtep.lab_trace) says of each.
  - Where the forwarding model (P(vxlanlab.vtep.packet_walk#filter)) says what the rows ask for, this says what the switches would do.
positional: tables, traced, source, target
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  tables:
    description: The VTEPs' tables by hypervisor, as M(vxlanlab.vtep.vtep_info) or M(vxlanlab.vtep.linux_vtep) returns them.
    type: dict
    required: true
  traced:
    description: By node, the result of M(vxlanlab.vtep.lab_trace) for the frames of P(vxlanlab.vtep.lab_way_frames#filter).
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
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Say whether the ping would be answered
  ansible.builtin.debug:
    msg: "{{ way | map(attribute='arrives') }}, {{ way | map(attribute='ends') }}"
  vars:
    way: "{{ lab_topology | vxlanlab.vtep.lab_way(tables, traced, 'vm1', 'vm2') }}"
"""

RETURN = r"""
_value:
  description: The question, its answer, and the ping.
  type: list
  elements: dict
  contains:
    title:
      description: What it is.
      type: str
    hops:
      description:
        - What each node does with it, in their order, with C(node), C(enters) (port or tunnel), C(does), C(by) (the flow or route that decides),
          C(row) (the row that made it, V(null) where there is none) and C(header) (the outer header).
      type: list
      elements: dict
    arrives:
      description: Whether it comes to the other VM.
      type: bool
    ends:
      description: Where and why copies of it end on the way.
      type: list
      elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.way import way
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_way": errors_of("lab_way")(way)}
