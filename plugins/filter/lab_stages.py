# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_stages
short_description: List what is left to do of a lab by hand
version_added: 0.1.0
description:
  - A VTEP comes about in stages, a bridge, an emulator, logical switches, bindings, and remotes. For each stage after O(until), says which commands
    make it, which tasks do the same, and what shows the difference.
positional: until
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  until:
    description: The last stage that is there, V(bridge), V(emulator), V(switch), V(binding) or V(remotes).
    type: str
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Say what is left to do after the bridges are there
  ansible.builtin.debug:
    msg: "{{ lab_topology | vxlanlab.vtep.lab_stages('bridge') }}"
"""

RETURN = r"""
_value:
  description: The stages that are left, in their order.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the stage.
      type: str
    title:
      description: What is done.
      type: str
    commands:
      description: By hypervisor, the commands.
      type: dict
    look:
      description: By hypervisor, a command that shows the difference, before and after.
      type: dict
    tasks:
      description: Tasks that do the same on the first hypervisor, as YAML.
      type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.by_hand import until
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_stages": errors_of("lab_stages")(until)}
