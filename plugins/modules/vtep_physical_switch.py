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
  - Creates, changes or deletes a row of the table Physical_Switch of the OVSDB database hardware_vtep, together with the
    names of its ports. This is what C(vtep-ctl add-ps), C(del-ps) and C(add-port) do.
  - M(vxlanlab.vtep.vtep_physical_port) has the columns of a port.
  - A real switch registers itself and its ports. With the emulator C(ovs-vtep) the switch has to be there, with one address
    in O(tunnel_ips), before the emulator starts.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  name:
    description:
      - Name of the switch. With the emulator, the name of the bridge.
    type: str
    required: true
  description:
    description:
      - Free text. The emulator C(ovs-vtep) overwrites it when it starts.
    type: str
  management_ips:
    description:
      - IPv4 or IPv6 addresses at which the switch is managed. Replaces what is there.
    type: list
    elements: str
  remove_management_ips:
    description:
      - Addresses to take out of those at which the switch is managed; the others stay. One that is not there is no change.
      - Not together with O(management_ips), and with O(state=present) only.
    type: list
    elements: str
  tunnel_ips:
    description:
      - IPv4 or IPv6 addresses from which the switch sends its tunnels. Replaces what is there. The emulator takes exactly one.
    type: list
    elements: str
  remove_tunnel_ips:
    description:
      - Addresses to take out of those from which the switch sends its tunnels; the others stay. One that is not there is no
        change.
      - Not together with O(tunnel_ips), and with O(state=present) only.
    type: list
    elements: str
  other_config:
    description:
      - Further settings, as a dictionary of text, see vtep(5). Replaces what is there.
    type: dict
  ports:
    description:
      - Names of ports. Ports that are missing are added.
    type: list
    elements: str
  remove_ports:
    description:
      - Names of ports that are removed, with their bindings; the others stay. One that is not there is no change.
      - Not together with O(ports) or O(purge_ports=true), and with O(state=present) only.
    type: list
    elements: str
  purge_ports:
    description:
      - Whether ports that are not in O(ports) are removed, with their bindings.
      - Not together with O(remove_ports).
    type: bool
    default: false
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: The switch behind the emulator
  vxlanlab.vtep.vtep_physical_switch:
    name: br0
    tunnel_ips: [10.0.0.1]

- name: Exactly these ports, on a switch with TLS
  vxlanlab.vtep.vtep_physical_switch:
    database: ssl:192.0.2.10:6640
    private_key: /etc/vtep/client.key
    certificate: /etc/vtep/client.crt
    ca_cert: /etc/vtep/ca.crt
    name: leaf1
    ports: [eth1, eth2]
    purge_ports: true

- name: One address and one port less; all others stay
  vxlanlab.vtep.vtep_physical_switch:
    name: leaf1
    remove_tunnel_ips: [192.0.2.11]
    remove_ports: [eth7]
"""

RETURN = r"""
row:
  description: The switch as it is now, with the names of its ports. Empty when it is not there.
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
  description: How many rows were created, updated and deleted.
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
        for option in (*REMOVABLE.values(), "remove_ports"):
            if params[option] is not None:
                raise UserError(f"{option}: goes with state: present; state: absent removes the switch with all that it has")
        return Wanted(absent=[switch])
    if params["purge_ports"] and params["remove_ports"] is not None:
        raise UserError("remove_ports: not together with purge_ports: true, which removes every port that is not in ports")
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
