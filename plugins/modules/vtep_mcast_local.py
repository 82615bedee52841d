#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_mcast_local
short_description: Manage the locators at which a VTEP accepts broadcast, unknown unicast and multicast frames
version_added: 0.1.0
description:
  - Manages rows of the table Mcast_Macs_Local in the OVSDB database hardware_vtep. A VTEP writes these rows to tell its
    controller to which locators other VTEPs should send such frames; use the module to develop a VTEP or to test a controller.
    Corresponds to C(vtep-ctl add-mcast-local) and C(del-mcast-local).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.macs
  - vxlanlab.vtep.macs.multicast
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
seealso:
  - module: vxlanlab.vtep.vtep_mcast_remote
  - module: vxlanlab.vtep.vtep_ucast_local
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Accept frames for unknown destinations at this address
  vxlanlab.vtep.vtep_mcast_local:
    logical_switch: ls0
    locators: [10.0.0.1]

- name: Accept them at exactly these two addresses
  vxlanlab.vtep.vtep_mcast_local:
    logical_switch: ls0
    locators: [10.0.0.1, 10.0.0.2]
    exclusive: true

- name: Stop accepting them at this address
  vxlanlab.vtep.vtep_mcast_local:
    logical_switch: ls0
    locators: [10.0.0.1]
    state: absent
"""

RETURN = r"""
row:
  description: The entry after the task. Empty if it does not exist.
  returned: success, without O(entries) and O(src)
  type: dict
  sample:
    logical_switch: ls0
    mac: unknown-dst
    locators: [10.1.0.1]
    ipaddr: ""
    _uuid: 51e4574f-b419-4fbf-b14b-74f70e3496be
rows:
  description: The first 20 of the given entries after the task.
  returned: success, with O(entries) or O(src)
  type: list
  elements: dict
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import mac_module


def main() -> None:
    mac_module.multicast("Mcast_Macs_Local")


if __name__ == "__main__":
    main()
