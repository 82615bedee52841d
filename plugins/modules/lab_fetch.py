#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_fetch
short_description: Fetch files of a node into one folder of the controller
version_added: 0.1.0
description:
  - Copies files of a node, such as captures, into a folder of the controller, all in one task.
  - The folder may be one that others write to. Whatever has the name of a file there is replaced; a link with that name is replaced as
    well, and never followed, as C(ansible.builtin.fetch) would do.
  - A file is there as a whole or not at all.
options:
  src:
    description: The files on the node, absolute paths. Each has another name.
    type: list
    elements: str
    required: true
  dest:
    description: The folder on the controller. It is made when it is missing.
    type: path
    required: true
attributes:
  action:
    support: full
    description: The action plugin does all of it, on the controller; there is no module.
  check_mode:
    support: none
    description: Can run in C(check_mode) and return changed status prediction. The task is skipped in C(check_mode).
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
notes:
  - C(become) is not used; the user of the connection reads the files.
seealso:
  - module: vxlanlab.vtep.lab_capture
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Fetch the captures
  vxlanlab.vtep.lab_fetch:
    src:
      - /run/captures/vm1_overlay.pcap
      - /run/captures/vm1_underlay.pcap
    dest: artifacts
"""

RETURN = r"""
files:
  description: The files on the controller, in the order of O(src).
  returned: success
  type: list
  elements: str
"""
