# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_exercise_page
short_description: Make the data of a page of the packets of an exercise
version_added: 0.1.0
description:
  - Takes an exercise and the captures of its broken and its repaired lab, and returns what the template
    C(playbooks/templates/exercise.html.j2) shows of them, side by side. P(vxlanlab.vtep.lab_page#filter) renders it.
positional: captures, facts
options:
  _input:
    description: The exercise, as P(vxlanlab.vtep.lab_exercise#filter) completes it.
    type: dict
    required: true
  captures:
    description:
      - What M(vxlanlab.vtep.vxlan_capture_info) returned for the captures of C(chapters.broken), and then for those of C(chapters.repaired), in
        their order.
    type: list
    elements: dict
    required: true
  facts:
    description: C(lab), C(driver) and C(time), as the page shows them.
    type: dict
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ exercise | vxlanlab.vtep.lab_exercise_page(read.captures, facts) | vxlanlab.vtep.lab_page(template, style) }}"
    dest: artifacts/exercise.html
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The data of the page.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_exercise_page import lab_exercise_page


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_exercise_page": errors_of("lab_exercise_page")(lab_exercise_page)}
