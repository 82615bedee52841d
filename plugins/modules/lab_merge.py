#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_merge
short_description: Merge the captures of a lab into one that explains itself
version_added: 0.1.0
description:
  - Writes all packets of a lab's captures into one pcapng file, in the order of their time, with the point where each was captured as its
    interface, and a comment that says which step of the walk it is, why it is there, and which row decides.
  - Wireshark shows the comments above a packet, and C(tshark -T fields -e frame.comment) prints them.
options:
  summary:
    description: Path of the lab's C(summary.json) on the controller. The captures are in the same folder.
    type: path
    required: true
  dest:
    description: Path of the file to write, on the controller.
    type: path
    required: true
attributes:
  action:
    support: full
    description: The action plugin does all of it, on the controller; there is no module.
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Merge the captures
  vxlanlab.vtep.lab_merge:
    summary: artifacts/summary.json
    dest: artifacts/walk.pcapng
"""

RETURN = r"""
packets:
  description: Number of packets in the file.
  returned: success
  type: int
"""
