# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_trace_page
short_description: Make the data of a page of the way of a ping
version_added: 0.1.0
description:
  - Takes what P(vxlanlab.vtep.lab_way#filter) returned, and returns what the template C(playbooks/templates/report.html.j2) shows of it, hop
    by hop on the drawing of the lab. P(vxlanlab.vtep.lab_page#filter) renders it.
positional: topology, tables, facts
options:
  _input:
    description: The frames of the ping, each with its hops.
    type: list
    elements: dict
    required: true
  topology:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  tables:
    description: The VTEPs' tables by hypervisor, as M(vxlanlab.vtep.vtep_info) or M(vxlanlab.vtep.linux_vtep) returns them.
    type: dict
    required: true
  facts:
    description: C(lab), C(driver) and C(time), as the page shows them.
    type: dict
    required: true
seealso:
  - plugin: vxlanlab.vtep.lab_report
    plugin_type: filter
    description: Does the same for packets that were captured.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ way | vxlanlab.vtep.lab_trace_page(lab_topology, tables, facts) | vxlanlab.vtep.lab_page(template, style, script) }}"
    dest: artifacts/trace.html
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
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_trace_page import lab_trace_page


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_trace_page": errors_of("lab_trace_page")(lab_trace_page)}
