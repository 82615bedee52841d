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
  - Manages rows of the table Ucast_Macs_Remote of the OVSDB database hardware_vtep. A frame to such a MAC address is sent
    through a tunnel to its locator. This is what C(vtep-ctl add-ucast-remote), C(del-ucast-remote) and
    C(clear-remote-macs) do.
  - One address, or any number of them in O(entries), in one transaction. Duplicate rows of an address that other writers
    left are reduced to one.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.macs
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  mac:
    description:
      - A unicast MAC address. Colons, dashes, dots or none, upper or lower case; stored with colons in lower case.
      - Put it in quotes, since YAML reads some MAC addresses as numbers.
    type: str
  locator:
    description:
      - IPv4 address of the VTEP that the address is behind. Needed to create an entry.
    type: str
  encapsulation:
    description:
      - How frames are wrapped. The schema knows C(vxlan_over_ipv4) only, and that is what is used when it is left out.
    type: str
  ipaddr:
    description:
      - IPv4 or IPv6 address of the owner of the MAC address, for the suppression of ARP. An empty string removes it.
    type: str
  entries:
    description:
      - Several addresses at once, instead of O(mac), O(locator), O(encapsulation) and O(ipaddr).
      - With O(state=absent) these addresses are removed; only their RV(ignore:mac) counts.
    type: list
    elements: dict
    suboptions:
      mac:
        description: See O(mac).
        type: str
        required: true
      locator:
        description: See O(locator).
        type: str
      encapsulation:
        description: See O(encapsulation).
        type: str
      ipaddr:
        description: See O(ipaddr).
        type: str
seealso:
  - module: vxlanlab.vtep.vtep_mcast_remote
notes:
  - A MAC address that is stored all in lower or all in upper case is recognized as the same address. Where more than 8
    addresses are given, or with O(purge), so is every other spelling.
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

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _mac_module
from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Row, locator, managed

TABLE = "Ucast_Macs_Remote"
ENTRY = {
    "mac": {"type": "str", "required": True},
    "locator": {"type": "str"},
    "encapsulation": {"type": "str"},
    "ipaddr": {"type": "str"},
}


def row(params: dict, entry: dict) -> Row:
    key = (params["logical_switch"], entry["mac"])
    if params["state"] == "absent":
        return Row(TABLE, key)
    there = entry["locator"]
    encapsulation = entry["encapsulation"] or "vxlan_over_ipv4"
    return Row(TABLE, key, managed(locator=None if there is None else locator(there, encapsulation), ipaddr=entry["ipaddr"]))


def main() -> None:
    _mac_module.run(TABLE, ENTRY, row)


if __name__ == "__main__":
    main()
