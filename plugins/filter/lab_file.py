# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_file
short_description: Find the file of a scenario or an exercise
version_added: 0.1.0
description:
  - Scenarios and exercises are given by their names, or by the path of a file of somebody's own, which has a slash in it.
positional: folder, start
options:
  _input:
    description: The name or path.
    type: str
    required: true
  folder:
    description: The folder of those that have a name.
    type: str
    required: true
  start:
    description: The folder that a relative path begins in.
    type: str
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Load the scenario
  ansible.builtin.include_vars:
    file: "{{ lab_scenario | vxlanlab.vtep.lab_file(playbook_dir ~ '/scenarios', lookup('ansible.builtin.env', 'PWD')) }}"
"""

RETURN = r"""
_value:
  description: The path of the file, which need not be there.
  type: str
"""

from collections.abc import Callable
from typing import Any


def path_of(given: str, folder: str, start: str) -> str:
    """The path of a file of the folder that is given by its name, or of any file by its path."""
    if "/" not in given:
        return f"{folder}/{given}.yml"
    return given if given.startswith("/") else f"{start}/{given}"


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_file": path_of}
