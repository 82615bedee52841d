# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_verify_pairs
short_description: Choose the pairs of VMs that are looked at when a lab is verified
version_added: 0.1.0
description:
  - For each VM, chooses some of those that it reaches through a tunnel, by chance. What has to be proved for all pairs grows with the square
    of the number of VMs.
positional: count, seed
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  count:
    description: How many for each VM, 1 or more; V(0) for all.
    type: int
    required: true
  seed:
    description: The same number makes the same choice. By default, each time is another one.
    type: int
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Choose two others for each VM
  ansible.builtin.set_fact:
    pairs: "{{ lab_topology | vxlanlab.vtep.lab_verify_pairs(2) }}"
"""

RETURN = r"""
_value:
  description: The pairs, each with the names of the VM that pings and of the one that is pinged.
  type: list
  elements: list
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.verify import sample
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@errors_of("lab_verify_pairs")
def lab_verify_pairs(topology: Mapping[str, Any], count: int, seed: int | None = None) -> list[list[str]]:
    """The pairs as lists."""
    check(isinstance(count, int) and count >= 0, "count", count, "a number from 0 on")
    return [list(pair) for pair in sample(topology, count, seed)]


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_verify_pairs": lab_verify_pairs}
