#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_ucast_local
short_description: Manage the unicast MAC addresses that a VTEP learned on its own ports
version_added: 0.1.0
description:
  - Manages rows of the table Ucast_Macs_Local in the OVSDB database hardware_vtep. A VTEP writes these rows to tell its
    controller which addresses it has learned; use the module to develop a VTEP or to test a controller. Corresponds to
    C(vtep-ctl add-ucast-local), C(del-ucast-local) and C(clear-local-macs).
  - A running VTEP, including the emulator, removes addresses that it has not learned itself.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.macs
  - vxlanlab.vtep.macs.unicast
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
seealso:
  - module: vxlanlab.vtep.vtep_ucast_remote
  - module: vxlanlab.vtep.vtep_mcast_local
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Declare that VM1 is on a port of this VTEP
  vxlanlab.vtep.vtep_ucast_local:
    logical_switch: ls0
    mac: "00:00:00:00:00:01"
    locator: 10.0.0.1

- name: Keep exactly these addresses, in one transaction
  vxlanlab.vtep.vtep_ucast_local:
    logical_switch: ls0
    entries:
      - {mac: "00:00:00:00:00:01", locator: 10.0.0.1}
      - {mac: "00:00:00:00:00:03", locator: 10.0.0.1, ipaddr: 192.168.1.3}
    purge: true
"""

RETURN = r"""
row:
  description: The entry after the task. Empty if it does not exist.
  returned: success, without O(entries) and O(src)
  type: dict
  sample:
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    locator: 10.1.0.1
    encapsulation: vxlan_over_ipv4
    ipaddr: ""
    _uuid: 699534a7-a130-4763-bc3c-80c17306910c
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
    mac_module.unicast("Ucast_Macs_Local")


if __name__ == "__main__":
    main()
