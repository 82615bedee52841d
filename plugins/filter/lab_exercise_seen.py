# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_exercise_seen
short_description: Say what a user notices of an exercise's fault
version_added: 0.1.0
description:
  - Puts the results of an exercise's pings beside what its file expects of them.
positional: pinged
options:
  _input:
    description: The exercise, as P(vxlanlab.vtep.lab_exercise#filter) completes it.
    type: dict
    required: true
  pinged:
    description: By hypervisor, the C(pings) that M(vxlanlab.vtep.lab_ping) returned for those that start there, in their order.
    type: dict
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Say who reaches whom
  ansible.builtin.debug:
    msg: "{{ exercise | vxlanlab.vtep.lab_exercise_seen(pinged) | map(attribute='words') }}"
"""

RETURN = r"""
_value:
  description: Each ping.
  type: list
  elements: dict
  contains:
    words:
      description: What came of it, in words.
      type: str
    answered:
      description: Whether it was answered.
      type: bool
    expected:
      description: Whether it was to be answered, by the exercise's file.
      type: bool
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.exercise import seen


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_exercise_seen": seen}
