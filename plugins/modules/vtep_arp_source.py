#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_arp_source
short_description: Manage the MAC addresses from which VTEPs send ARP requests for logical routers
version_added: 0.1.0
description:
  - Creates, changes or deletes a row of the table Arp_Sources_Remote or Arp_Sources_Local of the OVSDB database hardware_vtep.
    Replies to an ARP request that comes from such an address are sent to its locator.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  mac:
    description:
      - The MAC address, in quotes. Colons, dashes, dots or none, upper or lower case; stored with colons in lower case.
    type: str
    required: true
  locator:
    description:
      - IPv4 address of the VTEP that uses the MAC address. Needed to create an entry.
    type: str
  encapsulation:
    description:
      - How frames are wrapped. The schema knows C(vxlan_over_ipv4) only, which is also used when the option is left out.
    type: str
  table:
    description:
      - V(remote) is what the controller tells the VTEP of others; V(local) is what a VTEP says of itself.
    type: str
    choices: [remote, local]
    default: remote
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Hypervisor 2 sends ARP requests from this address
  vxlanlab.vtep.vtep_arp_source:
    mac: "02:00:00:00:00:99"
    locator: 10.1.0.1
"""

RETURN = r"""
row:
  description: The entry as it is now. Empty when it is not there.
  returned: success
  type: dict
  sample:
    mac: "02:00:00:00:00:99"
    locator: 10.1.0.1
    encapsulation: vxlan_over_ipv4
    _uuid: 3fb44c6c-55e5-4f5c-8a35-0f76d2e9cf01
counts:
  description: How many rows were created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from

TABLES = {"remote": "Arp_Sources_Remote", "local": "Arp_Sources_Local"}


def want(params: dict) -> Wanted:
    table = TABLES[params["table"]]
    source = Row(table, (params["mac"],))
    if params["state"] == "absent":
        return Wanted(absent=[source])
    source.columns = columns_from(table, params)
    return Wanted(present=[source])


def main() -> None:
    module = VtepModule(
        {
            "mac": {"type": "str", "required": True},
            **column_options("Arp_Sources_Remote"),
            "table": {"type": "str", "choices": list(TABLES), "default": "remote"},
        }
    )
    module.apply(want)


if __name__ == "__main__":
    main()
