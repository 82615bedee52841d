#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_ucast_remote
short_description: Manage the unicast MAC addresses that are behind other VTEPs
version_added: 0.1.0
description:
  - Manages rows of the table Ucast_Macs_Remote of the OVSDB database hardware_vtep. The VTEP sends a frame to such a MAC address
    through a tunnel to its locator. C(vtep-ctl add-ucast-remote), C(del-ucast-remote) and C(clear-remote-macs) do the same.
  - Takes one address, or any number of them in O(entries) or O(src), in one transaction.
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
- name: VM2 is behind hypervisor 2
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    mac: "00:00:00:00:00:02"
    locator: 10.1.0.1

- name: Exactly these addresses, in one transaction
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    entries:
      - {mac: "00:00:00:00:00:02", locator: 10.1.0.1}
      - {mac: "00:00:00:00:00:03", locator: 10.2.0.1, ipaddr: 192.168.1.3}
    purge: true

- name: Exactly the addresses in a file of the controller, files/macs.csv, on a real switch
  vxlanlab.vtep.vtep_ucast_remote:
    database: ssl:192.0.2.10:6640
    private_key: /etc/vtep/client.key
    certificate: /etc/vtep/client.crt
    ca_cert: /etc/vtep/ca.crt
    timeout: 120
    logical_switch: blue
    src: macs.csv
    purge: true
  delegate_to: localhost

- name: One address less
  vxlanlab.vtep.vtep_ucast_remote:
    logical_switch: ls0
    mac: "00:00:00:00:00:03"
    state: absent
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
    mac_module.unicast("Ucast_Macs_Remote")


if __name__ == "__main__":
    main()
