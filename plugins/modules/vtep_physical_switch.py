#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_physical_switch
short_description: Manage a physical switch of a VTEP
version_added: 0.1.0
description:
  - Creates, changes or deletes a row of the table Physical_Switch in the OVSDB database hardware_vtep, and adds or removes its
    ports by name. Corresponds to C(vtep-ctl add-ps), C(del-ps) and C(add-port).
  - To set the columns of a port, use M(vxlanlab.vtep.vtep_physical_port).
  - A hardware switch registers itself and its ports. For the emulator C(ovs-vtep), create the switch with exactly one address in
    O(tunnel_ips) before you start the emulator.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  name:
    description:
      - Name of the switch. For the emulator, this is the name of its bridge.
    type: str
    required: true
  description:
    description:
      - Free-form description. The emulator C(ovs-vtep) overwrites it when it starts.
    type: str
  management_ips:
    description:
      - IPv4 or IPv6 addresses for managing the switch. Replaces the existing list.
    type: list
    elements: str
  remove_management_ips:
    description:
      - Addresses to remove from the management addresses of the switch. All others stay, and the module ignores addresses that the
        switch does not have.
      - Mutually exclusive with O(management_ips). Only with O(state=present).
    type: list
    elements: str
  tunnel_ips:
    description:
      - IPv4 or IPv6 addresses of the switch's tunnel endpoints. Replaces the existing list. The emulator supports exactly one.
    type: list
    elements: str
  remove_tunnel_ips:
    description:
      - Addresses to remove from the tunnel endpoints of the switch. All others stay, and the module ignores addresses that the
        switch does not have.
      - Mutually exclusive with O(tunnel_ips). Only with O(state=present).
    type: list
    elements: str
  other_config:
    description:
      - Additional settings as a dictionary of strings, see vtep(5). Replaces the existing dictionary.
    type: dict
  ports:
    description:
      - Names of ports. The module adds those that the switch lacks.
    type: list
    elements: str
  remove_ports:
    description:
      - Names of ports to remove together with their bindings. All others stay, and the module ignores ports that the switch does
        not have.
      - Mutually exclusive with O(ports) and O(purge_ports=true). Only with O(state=present).
    type: list
    elements: str
  purge_ports:
    description:
      - Whether to remove ports that are not in O(ports), together with their bindings. Requires O(ports), which may be empty. Only with
        O(state=present).
      - Mutually exclusive with O(remove_ports).
    type: bool
    default: false
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Create the switch for the emulator
  vxlanlab.vtep.vtep_physical_switch:
    name: br0
    tunnel_ips: [10.0.0.1]

- name: Give a remote switch exactly these ports, over TLS
  vxlanlab.vtep.vtep_physical_switch:
    database: ssl:192.0.2.10:6640
    private_key: /etc/vtep/client.key
    certificate: /etc/vtep/client.crt
    ca_cert: /etc/vtep/ca.crt
    name: leaf1
    ports: [eth1, eth2]
    purge_ports: true

- name: Remove one tunnel address and one port, and keep all others
  vxlanlab.vtep.vtep_physical_switch:
    name: leaf1
    remove_tunnel_ips: [192.0.2.11]
    remove_ports: [eth7]
"""

RETURN = r"""
row:
  description: The switch after the task, including the names of its ports. Empty if the switch does not exist.
  returned: success
  type: dict
  sample:
    name: br0
    description: ""
    management_ips: []
    tunnel_ips: [10.0.0.1]
    other_config: {}
    ports: [vm1]
    _uuid: 8a5e6eee-8d9f-41dd-9889-72090b01b00d
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from

# The columns of the switch out of which a task may take single members, and the option that holds these.
REMOVABLE = {"management_ips": "remove_management_ips", "tunnel_ips": "remove_tunnel_ips"}


def want(params: dict) -> Wanted:
    switch = Row("Physical_Switch", (params["name"],))
    if params["state"] == "absent":
        for option in (*REMOVABLE.values(), "remove_ports", "purge_ports"):
            if params[option] not in (None, False):
                raise UserError(f"{option}: requires state: present; state: absent removes the switch with all its ports and addresses")
        return Wanted(absent=[switch])
    if params["purge_ports"] and params["ports"] is None and params["remove_ports"] is None:
        raise UserError("purge_ports: true requires ports; to remove all ports, use ports: [] with purge_ports: true")
    if params["purge_ports"] and params["remove_ports"] is not None:
        raise UserError("remove_ports: mutually exclusive with purge_ports: true, which removes every port that is not in ports")
    switch.columns = columns_from("Physical_Switch", params)
    removed = {name: option for name, option in REMOVABLE.items() if params[option]}
    less = Row("Physical_Switch", switch.key, {name: frozenset(params[option]) for name, option in removed.items()})
    scope = Scope("Physical_Port", switch.key)
    return Wanted(
        present=[switch, *_ports(params, "ports")],
        absent=[*([less] if removed else []), *_ports(params, "remove_ports")],
        purge=[scope] if params["purge_ports"] else [],
        show=[scope],
        options=removed,
    )


def _ports(params: dict, option: str) -> list[Row]:
    return [Row("Physical_Port", (params["name"], port)) for port in params[option] or ()]


def result(outcome: Outcome, wanted: Wanted) -> dict:
    switch = (wanted.present or wanted.absent)[0]
    row = outcome.row(switch.ref)
    if row:
        row["ports"] = outcome.names(Scope("Physical_Port", switch.key))
    return {"row": row}


def main() -> None:
    module = VtepModule(
        {
            "name": {"type": "str", "required": True},
            **column_options("Physical_Switch"),
            "ports": {"type": "list", "elements": "str"},
            "purge_ports": {"type": "bool", "default": False},
            **{option: {"type": "list", "elements": "str"} for option in (*REMOVABLE.values(), "remove_ports")},
        },
        mutually_exclusive=[*REMOVABLE.items(), ("ports", "remove_ports")],
    )
    module.apply(want, result)


if __name__ == "__main__":
    main()
