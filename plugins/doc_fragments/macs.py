# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules on MAC tables say alike."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  logical_switch:
    description:
      - Name of the logical switch that the addresses belong to.
    type: str
    required: true
  purge:
    description:
      - Remove all other entries of the logical switch from this table. Needs O(entries), which may be empty.
    type: bool
    default: false
"""
