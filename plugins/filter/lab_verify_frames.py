# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_verify_frames
short_description: List the frames that a node of a lab has to deal with
version_added: 0.1.0
description:
  - For a hypervisor with Open vSwitch, returns a frame of each VM of its logical switches for each other one, and a question to all, at
    each place where they come in.
  - For a service node, a question of each hypervisor. For any other node, nothing.
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
- name: Trace them
  vxlanlab.vtep.lab_trace:
    frames: "{{ lab_topology | vxlanlab.vtep.lab_verify_frames(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The frames, as O(vxlanlab.vtep.lab_trace#module:frames) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.verify import frames


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_verify_frames": frames}
