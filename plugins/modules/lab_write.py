#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_write
short_description: Write files of one folder of the controller, all in one task
version_added: 1.0.0
description:
  - Writes files into a folder of the controller, and removes others there. It starts no process, as C(ansible.builtin.copy) does two or three
    times for each file.
  - The folder may be one that others write to. Whatever has the name of a file there is replaced; a link with that name is replaced as
    well, and never followed.
  - A file is there as a whole or not at all. One that holds the same already is left alone.
options:
  dest:
    description: The folder on the controller. It is made when it is missing.
    type: path
    required: true
  files:
    description:
      - The files by their names, without a folder, and what they are to hold.
      - A dict or a list is written as C(ansible.builtin.to_nice_json) shows it.
    type: dict
    default: {}
  absent:
    description: Names of files that are to be removed from the folder.
    type: list
    elements: str
    default: []
attributes:
  action:
    support: full
    description: The action plugin does all of it, on the controller; there is no module.
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction. Nothing is written in C(check_mode).
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
notes:
  - C(become) is not used; the user who runs Ansible writes the files, with the mode 0644 less what the umask takes away.
seealso:
  - module: vxlanlab.vtep.lab_fetch
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Note what the lab is, and forget what an earlier one was
  vxlanlab.vtep.lab_write:
    dest: artifacts
    files:
      lab.json: "{{ lab_note }}"
      lab.txt: "{{ lookup('ansible.builtin.template', 'lab.txt.j2') }}"
    absent:
      - report.html
"""

RETURN = r"""
files:
  description: The files of O(files) on the controller, in their order.
  returned: success
  type: list
  elements: str
"""
