# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_exercise
short_description: Check and complete an exercise of the lab
version_added: 0.1.0
description:
  - Checks an exercise, a file such as those of C(playbooks/exercises), against the topology of its scenario, and adds what follows from both.
positional: topology
options:
  _input:
    description: The exercise. C(playbooks/exercises/README.md) says what it consists of.
    type: dict
    required: true
  topology:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Check the exercise
  ansible.builtin.assert:
    that: not (exercise | vxlanlab.vtep.lab_exercise(lab_topology)).problems
"""

RETURN = r"""
_value:
  description: The exercise, with C(problems), what is wrong with it; and for each of C(pings), the C(hypervisor) where it starts and the
    C(ping) as M(vxlanlab.vtep.lab_ping) takes it. C(chapters) has, for the lab as C(broken) and C(repaired), what is listened to while the first
    of them is sent.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.exercise import completed


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_exercise": completed}
