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
  - Creates, changes or deletes a row of the table Arp_Sources_Remote or Arp_Sources_Local in the OVSDB database hardware_vtep.
    A VTEP sends its reply to an ARP request from such a MAC address to the locator.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  mac:
    description:
      - The MAC address, with colons, dashes, dots or no separators, in upper or lower case. The module stores it in lower case
        with colons. Quote it, because YAML reads some MAC addresses as numbers.
    type: str
    required: true
  locator:
    description:
      - IPv4 address of the VTEP that uses the MAC address. Required to create an entry.
    type: str
  encapsulation:
    description:
      - Encapsulation of the tunnel. The schema defines only C(vxlan_over_ipv4), which is also the default.
    type: str
  table:
    description:
      - V(remote) is the table in which the controller tells the VTEP about other VTEPs. V(local) is the table in which a VTEP
        tells the controller about itself.
    type: str
    choices: [remote, local]
    default: remote
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Declare the address from which hypervisor 2 sends ARP requests
  vxlanlab.vtep.vtep_arp_source:
    mac: "02:00:00:00:00:99"
    locator: 10.1.0.1
"""

RETURN = r"""
row:
  description: The entry after the task. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    mac: "02:00:00:00:00:99"
    locator: 10.1.0.1
    encapsulation: vxlan_over_ipv4
    _uuid: 3fb44c6c-55e5-4f5c-8a35-0f76d2e9cf01
counts:
  description: Numbers of rows created, updated and deleted.
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
