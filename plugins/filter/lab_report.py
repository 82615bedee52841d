# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_report
short_description: Compile the data of a lab's report
version_added: 0.1.0
description:
  - Combines the results of a lab run, C(summary.json) and its captures, into the data that C(report.html) shows.
  - The filter P(vxlanlab.vtep.lab_page#filter) renders the page with the template C(playbooks/templates/report.html.j2).
positional: captures
options:
  _input:
    description: The contents of C(summary.json).
    type: dict
    required: true
  captures:
    description:
      - The captures of the summary's walks, in their order, as M(vxlanlab.vtep.vxlan_capture_info) returns them with
        O(vxlanlab.vtep.vxlan_capture_info#module:bytes=true).
    type: list
    elements: dict
    required: true
seealso:
  - module: vxlanlab.vtep.vxlan_capture_info
  - plugin: vxlanlab.vtep.lab_page
    plugin_type: filter
  - plugin: vxlanlab.vtep.check_packet_walk
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Read the captures
  vxlanlab.vtep.vxlan_capture_info:
    path: "{{ summary.walks | map(attribute='file') | map('regex_replace', '^', 'artifacts/') }}"
    bytes: true
  register: read

- name: Write the page
  ansible.builtin.copy:
    content: "{{ summary | vxlanlab.vtep.lab_report(read.captures) | vxlanlab.vtep.lab_page(template, style, script) }}"
    dest: artifacts/report.html
    mode: "0644"
  vars:
    template: "{{ lookup('ansible.builtin.file', 'report.html.j2') }}"
    style: "{{ lookup('ansible.builtin.file', 'page.css') }}"
    script: "{{ lookup('ansible.builtin.file', 'report.js') }}"
"""

RETURN = r"""
_value:
  description: What the page shows.
  type: dict
  contains:
    ok:
      description: Whether all checks of the summary passed.
      type: bool
    drawing:
      description: The topology with coordinates, for any number of hypervisors. The unit is that of the SVG's view box.
      type: dict
    tables:
      description: The rows that decide, as C(rows) of each C(hypervisor). Each row has an C(id).
      type: list
      elements: dict
    steps:
      description:
        - The walk on the underlay at the VM that pings. In addition to the keys of the check, C(route) is the path through the
          drawing, C(deciding) the C(id) and the text of the row, and C(seen) the packet.
      type: list
      elements: dict
    chapters:
      description: The ping before and after the multicast remote was deleted, with the captures at the VM that pings.
      type: list
      elements: dict
    captures:
      description: The captures, with C(packets) in Wireshark's columns, each with its C(layers), their fields and bytes.
      type: list
      elements: dict
    source:
      description: >-
        Copied from the summary, like C(lab), C(driver), C(time), C(versions), C(target), C(vni), C(switch), C(underlay), C(datapaths)
        and C(checks).
      type: str
"""

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_report import lab_report


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"lab_report": errors_of("lab_report")(lab_report)}
