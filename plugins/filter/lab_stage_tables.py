# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_stage_tables
short_description: Compute the rows that are there at a stage of a lab by hand
version_added: 0.1.0
description:
  - What P(vxlanlab.vtep.lab_stages#filter) leaves to do is not there yet.
positional: until, host
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  until:
    description: The last stage that is there, V(bridge), V(emulator), V(switch), V(binding) or V(remotes).
    type: str
    required: true
  host:
    description: Name of the hypervisor.
    type: str
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Write the rows
  vxlanlab.vtep.vtep_config:
    config: "{{ lab_topology | vxlanlab.vtep.lab_stage_tables('binding', inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The rows, as O(vxlanlab.vtep.vtep_config#module:config) takes them.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.by_hand import tables
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_stage_tables": errors_of("lab_stage_tables")(tables)}
