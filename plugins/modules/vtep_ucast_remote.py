#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_ucast_remote
short_description: Manage the unicast MAC addresses behind other VTEPs
version_added: 0.1.0
description:
  - Manages rows of the table Ucast_Macs_Remote in the OVSDB database hardware_vtep. The VTEP sends a frame for such a MAC address
    through a tunnel to the locator. Corresponds to C(vtep-ctl add-ucast-remote), C(del-ucast-remote) and C(clear-remote-macs).
  - A task manages one address, or any number of them with O(entries) or O(src).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.macs
  - vxlanlab.vtep.macs.unicast
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
seealso:
  - module: vxlanlab.vtep.vtep_mcast_remote
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Reach VM2 through hypervisor 2
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    locator: 10.1.0.1

- name: Keep exactly these addresses, in one transaction
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    entries:
      - {mac: "00:00:00:00:00:02", locator: 10.1.0.1}
      - {mac: "00:00:00:00:00:03", locator: 10.2.0.1, ipaddr: 192.168.1.3}
    purge: true

# files/macs.csv on the controller:
#   mac,locator,ipaddr
#   00:00:00:00:00:02,10.1.0.1,192.168.1.2
#   00:00:00:00:00:03,10.2.0.1,
- name: Take the addresses from a file, and remove all others
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    src: macs.csv
    purge: true
    timeout: 60

- name: Add the address to the database of a switch elsewhere, over TLS
  vxlanlab.vtep.vtep_ucast_remote:
    database: ssl:192.0.2.10:6640
    private_key: /etc/vtep/client.key
    certificate: /etc/vtep/client.crt
    ca_cert: /etc/vtep/ca.crt
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    locator: 10.1.0.1

- name: Remove one address
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    state: absent

- name: Remove all addresses of the logical switch
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    entries: []
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
    mac_module.unicast("Ucast_Macs_Remote")


if __name__ == "__main__":
    main()
