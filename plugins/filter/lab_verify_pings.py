# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_verify_pings
short_description: List the pings that verify a lab
version_added: 0.1.0
description:
  - Returns the pings from the VMs of a hypervisor to those that they reach through a tunnel, 32 for each VM at the most. For any other node,
    nothing.
positional: host, pairs
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  host:
    description: Name of the node.
    type: str
    required: true
  pairs:
    description: What P(vxlanlab.vtep.lab_verify_pairs#filter) returned, where not all pairs of VMs are to be looked at.
    type: list
    elements: list
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Ping
  vxlanlab.vtep.lab_ping:
    pings: "{{ lab_topology | vxlanlab.vtep.lab_verify_pings(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The pings, as O(vxlanlab.vtep.lab_ping#module:pings) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import mesh


def lab_verify_pings(topology: Mapping[str, Any], host: str, pairs: Collection[tuple[str, str]] | None = None) -> list[dict[str, str]]:
    """The pings of one hypervisor."""
    return mesh(topology, pairs, host).get(host, [])


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_verify_pings": lab_verify_pings}
