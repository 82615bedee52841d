# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_way_frames
short_description: List the frames of a ping that a hypervisor of a lab is to trace
version_added: 0.1.0
description:
  - Returns a question for a MAC address, its answer, and a ping, at each place where they may come in at a hypervisor, whatever the tables
    of the others say.
positional: host, source, target
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  host:
    description: Name of the hypervisor.
    type: str
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
- name: Trace the frames of a ping
  vxlanlab.vtep.lab_trace:
    frames: "{{ lab_topology | vxlanlab.vtep.lab_way_frames(inventory_hostname, 'vm1', 'vm2') }}"
"""

RETURN = r"""
_value:
  description: The frames, as O(vxlanlab.vtep.lab_trace#module:frames) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.way import requests
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_way_frames": errors_of("lab_way_frames")(requests)}
