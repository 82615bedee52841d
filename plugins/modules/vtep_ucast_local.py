#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_ucast_local
short_description: Manage the unicast MAC addresses that a VTEP has learned on its own ports
version_added: 0.1.0
description:
  - Manages rows of the table Ucast_Macs_Local of the OVSDB database hardware_vtep. With them, a VTEP tells its controller what it has
    learned; the module is for those who write a VTEP or test a controller. C(vtep-ctl add-ucast-local), C(del-ucast-local) and
    C(clear-local-macs) do the same.
  - A running VTEP, the emulator included, removes what it has not learned itself.
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
- name: VM1 is on a port of this VTEP
  vxlanlab.vtep.vtep_ucast_local:
    logical_switch: ls0
    mac: "00:00:00:00:00:01"
    locator: 10.0.0.1

- name: Exactly these addresses, in one transaction
  vxlanlab.vtep.vtep_ucast_local:
    logical_switch: ls0
    entries:
      - {mac: "00:00:00:00:00:01", locator: 10.0.0.1}
      - {mac: "00:00:00:00:00:03", locator: 10.0.0.1, ipaddr: 192.168.1.3}
    purge: true
"""

RETURN = r"""
row:
  description: The entry as it is now. Empty when it is not there.
  returned: success, without O(entries)
  type: dict
  sample:
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    locator: 10.1.0.1
    encapsulation: vxlan_over_ipv4
    ipaddr: ""
    _uuid: 699534a7-a130-4763-bc3c-80c17306910c
rows:
  description: The first 20 of the given entries as they are now.
  returned: success, with O(entries)
  type: list
  elements: dict
counts:
  description: How many rows were created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import mac_module


def main() -> None:
    mac_module.unicast("Ucast_Macs_Local")


if __name__ == "__main__":
    main()
