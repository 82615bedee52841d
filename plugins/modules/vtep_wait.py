#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_wait
short_description: Wait until a VTEP has registered a port, learned a MAC address or brought a tunnel up
version_added: 0.1.0
description:
  - Waits, up to O(timeout), for something in the OVSDB database hardware_vtep. The server tells of changes; nothing is polled,
    and no more than the rows in question is read.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.info
requirements:
  - ovsdbapp
options:
  port:
    description:
      - Wait for this port of O(physical_switch) to be registered.
    type: str
  physical_switch:
    description:
      - Name of the physical switch, with O(port) and O(tunnel).
    type: str
  mac:
    description:
      - Wait for the VTEP to have learned this MAC address on O(logical_switch) (Ucast_Macs_Local).
    type: str
  logical_switch:
    description:
      - Name of the logical switch, with O(mac).
    type: str
  tunnel:
    description:
      - Wait for BFD to report that the tunnel from O(physical_switch) to this IPv4 address is up.
    type: str
  row:
    description:
      - Wait for any row.
    type: dict
    suboptions:
      table:
        description: Name of the table, see vtep(5).
        type: str
        required: true
        choices:
          - Physical_Switch
          - Physical_Port
          - Tunnel
          - Manager
          - Logical_Switch
          - Ucast_Macs_Remote
          - Mcast_Macs_Remote
          - Logical_Router
          - ACL
          - ACL_entry
          - Arp_Sources_Local
          - Arp_Sources_Remote
          - Ucast_Macs_Local
          - Mcast_Macs_Local
      match:
        description:
          - What the row shall have, in the words of the modules and of RV(vxlanlab.vtep.vtep_info#module:vtep), such as C(locator)
            or C(is_connected). Of lists and dictionaries these members.
        type: dict
        required: true
  state:
    description:
      - Wait until it is there, or until it is not.
    type: str
    choices: [present, absent]
    default: present
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: The emulator has registered the port of vm1
  vxlanlab.vtep.vtep_wait:
    physical_switch: br0
    port: vm1

- name: The VTEP has learned the MAC address of vm1
  vxlanlab.vtep.vtep_wait:
    logical_switch: ls0
    mac: "00:00:00:00:00:01"
    timeout: 30

- name: The controller is connected
  vxlanlab.vtep.vtep_wait:
    row:
      table: Manager
      match:
        target: ssl:192.0.2.1:6640
        is_connected: true
"""

RETURN = r"""
row:
  description: What was asked for, as it was found, with the row's UUID. Empty with O(state=absent).
  returned: success
  type: dict
  sample: {physical_switch: br0, name: vm1, _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import NAMED_TABLES


def sought(params: dict) -> tuple[str, dict, str]:
    """The table, what to match in it, and the same in words with what to check when it does not come."""
    switch, logical = params["physical_switch"], params["logical_switch"]
    if params["port"] is not None:
        words = f"port {params['port']} of physical switch {switch}; with ovs-vtep, check that it runs and that the bridge has the port"
        return "Physical_Port", {"physical_switch": switch, "port": params["port"]}, words
    if params["mac"] is not None:
        words = f"local MAC {params['mac']} on logical switch {logical}; check that its owner has sent a frame, and the binding of its port"
        return "Ucast_Macs_Local", {"logical_switch": logical, "mac": params["mac"]}, words
    if params["tunnel"] is not None:
        words = f"the tunnel from {switch} to {params['tunnel']}; check that BFD is enabled on both sides (vtep_tunnel) and that the VTEP supports it"
        return "Tunnel", {"physical_switch": switch, "remote": params["tunnel"], "bfd_status": {"state": "up"}}, words
    row = params["row"]
    return row["table"], row["match"], f"a row of {row['table']} with {row['match']}"


def wait_for(module: VtepModule, table: str, match: dict, what: str) -> dict:
    # Here and not above: what it imports takes its time, and a module that ends with an error does not need it.
    from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.wait import Watch, wait

    absent = module.params["state"] == "absent"
    watch = Watch(table, match)
    # Says at once what a wait for a server that cannot be reached would say at its end, and less clearly.
    with module.database() as db:
        schema, remotes, deadline = db.schema, ",".join(db.addresses()), db.deadline
    words = ("no more " if absent else "") + what
    # In check mode an earlier task may be the one that makes it, so one look is all.
    found = wait(schema, remotes, watch, absent, deadline, words, once=module.check_mode)
    if not found and not absent:
        module.warn(f"not there now: {what}. The real run waits for it.")
    return {"row": found or {}}


def main() -> None:
    kinds = ("port", "mac", "tunnel", "row")
    module = VtepModule(
        {
            "port": {"type": "str"},
            "physical_switch": {"type": "str"},
            "mac": {"type": "str"},
            "logical_switch": {"type": "str"},
            "tunnel": {"type": "str"},
            "row": {
                "type": "dict",
                "options": {
                    "table": {"type": "str", "required": True, "choices": list(NAMED_TABLES)},
                    "match": {"type": "dict", "required": True},
                },
            },
        },
        required_one_of=[kinds],
        mutually_exclusive=[kinds],
        required_by={"port": "physical_switch", "tunnel": "physical_switch", "mac": "logical_switch"},
    )
    module.finish(lambda: wait_for(module, *sought(module.params)))


if __name__ == "__main__":
    main()
