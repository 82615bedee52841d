#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_wait
short_description: Wait until a VTEP registers a port, learns a MAC address or brings up a tunnel
version_added: 0.1.0
description:
  - Waits, up to O(timeout), until the OVSDB database hardware_vtep contains a row, or no longer contains it. The server notifies
    the module of changes, so the module does not poll, and reads only the rows it needs.
  - In check mode, the module looks once instead of waiting, because an earlier task may be the one that causes the change. If the row
    is not there yet, or with O(state=absent) still there, it warns.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.info
requirements:
  - ovsdbapp
options:
  port:
    description:
      - Wait until the VTEP has registered this port of O(physical_switch).
    type: str
  physical_switch:
    description:
      - Name of the physical switch. Required with O(port) and O(tunnel).
    type: str
  mac:
    description:
      - Wait until the VTEP has learned this MAC address on O(logical_switch), according to the table Ucast_Macs_Local.
    type: str
  logical_switch:
    description:
      - Name of the logical switch. Required with O(mac).
    type: str
  tunnel:
    description:
      - Wait until BFD reports that the tunnel from O(physical_switch) to this IPv4 address is up.
    type: str
  row:
    description:
      - Wait for a row of any table.
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
          - Values that the row must have. The keys are the options of the modules that name such a row or set its columns, such as
            C(port) or C(locator), and what RV(vxlanlab.vtep.vtep_info#module:vtep) has of what the VTEP reports, such as
            C(is_connected). An unknown key is an error that lists those of the table.
          - Rows that belong to the row, such as C(ports), C(entries) or MAC addresses, are rows of tables of their own. Statistics
            (C(vlan_stats)), C(encapsulation) and the tunnel keys of locators cannot be waited for.
          - The values are read as the modules read them. One that no row can have is an error. A list or dictionary matches if the
            row has at least these members.
        type: dict
        required: true
  state:
    description:
      - V(present) waits until there is such a row, V(absent) until there is none.
    type: str
    choices: [present, absent]
    default: present
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Wait until the emulator has registered the port of vm1
  vxlanlab.vtep.vtep_wait:
    physical_switch: br0
    port: vm1

- name: Wait until the VTEP has learned the MAC address of vm1
  vxlanlab.vtep.vtep_wait:
    logical_switch: ls0
    mac: "00:00:00:00:00:01"
    timeout: 30

- name: Wait until the controller is connected
  vxlanlab.vtep.vtep_wait:
    row:
      table: Manager
      match:
        target: ssl:192.0.2.1:6640
        is_connected: true
"""

RETURN = r"""
row:
  description: The values of the row that the task asked for, and the row's UUID. Empty if there is no such row.
  returned: success
  type: dict
  sample: {physical_switch: br0, port: vm1, _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import accepted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import tunnel_ipv4
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import NAMED_TABLES


def sought(params: dict) -> tuple[str, dict, str, str]:
    """The table, what to match in it, the same in words, and what to check when it does not come, or does not go."""
    switch, logical, absent = params["physical_switch"], params["logical_switch"], params["state"] == "absent"
    if params["port"] is not None:
        words = f"port {params['port']} of physical switch {switch}"
        advice = f"; with ovs-vtep, check that it runs and that the bridge {'no longer has' if absent else 'has'} the port"
        return "Physical_Port", {"physical_switch": switch, "port": params["port"]}, words, advice
    if params["mac"] is not None:
        words = f"local MAC {params['mac']} on logical switch {logical}"
        advice = (
            "; check that the host with this address sends no more frames, and that timeout is longer than the VTEP keeps an address"
            if absent
            else "; check that the host with this address has sent a frame, and that its port is bound to the logical switch"
        )
        return "Ucast_Macs_Local", {"logical_switch": logical, "mac": params["mac"]}, words, advice
    if params["tunnel"] is not None:
        remote = accepted(tunnel_ipv4, "tunnel", params["tunnel"])
        advice = (
            "; BFD still gets answers: check that the other side is down, or that BFD is disabled (vtep_tunnel)"
            if absent
            else "; check that BFD is enabled on both sides (vtep_tunnel) and that the VTEP supports it"
        )
        match = {"physical_switch": switch, "remote": remote, "bfd_status": {"state": "up"}}
        return "Tunnel", match, f"the tunnel from {switch} to {remote}", advice
    row = params["row"]
    return row["table"], row["match"], f"a row of {row['table']} with {row['match']}", ""


def wait_for(module: VtepModule) -> dict:
    # Here and not above: what it imports takes its time, and a module that ends with an error does not need it.
    from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.wait import Watch, wait

    absent = module.params["state"] == "absent"
    table, match, words, advice = sought(module.params)
    watch = Watch(table, match, "row.match." if module.params["row"] else "")
    # Says at once what a wait for a server that cannot be reached would say at its end, and less clearly.
    with module.database() as db:
        schema, remotes, deadline = db.schema, ",".join(db.addresses()), db.deadline
    # In check mode an earlier task may be the one that makes it, so one look is all.
    what = f"{'the end of ' if absent else ''}{words}{advice}"
    found = wait(schema, remotes, watch, absent, deadline, what, once=module.check_mode)
    if bool(found) == absent:
        module.warn(
            f"{'still there' if absent else 'not there yet'}: {words}. A real run waits {'until it is gone' if absent else 'for it'}."
        )
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
    module.finish(lambda: wait_for(module))


if __name__ == "__main__":
    main()
