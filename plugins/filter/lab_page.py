# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_page
short_description: Render the report of a lab as an HTML page
version_added: 0.1.0
description:
  - Renders the Jinja template of an HTML page with automatic escaping, which Ansible's own templates lack. All data appears on the page
    as text, even if somebody else made the artifacts.
positional: template, style, script
options:
  _input:
    description: The data of the page, such as the result of P(vxlanlab.vtep.lab_report#filter), which the template knows as C(report).
    type: dict
    required: true
  template:
    description: The text of the template.
    type: str
    required: true
  style:
    description: The style sheet of the lab's pages, which the template knows as C(style).
    type: str
    required: true
  script:
    description:
      - The page's own script, which the template knows as C(script).
      - The template also knows its SHA-256 digest in base64 as C(digest). With it in C(script-src) of the page's
        Content-Security-Policy, a browser runs no other inline script.
    type: str
    default: ""
seealso:
  - plugin: vxlanlab.vtep.lab_report
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
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
  description: The page.
  type: str
"""

from collections.abc import Callable

from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_page import lab_page


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"lab_page": lab_page}
