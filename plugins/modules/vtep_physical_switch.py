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
    names of its ports. This is what C(vtep-ctl add-ps), C(del-ps), C(add-port) and C(del-port) do.
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
      - IPv4 or IPv6 addresses at which the switch is managed.
    type: list
    elements: str
  tunnel_ips:
    description:
      - IPv4 or IPv6 addresses from which the switch sends its tunnels. The emulator takes exactly one.
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
  purge_ports:
    description:
      - Whether ports that are not in O(ports) are removed, with their bindings.
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

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from


def want(params: dict) -> Wanted:
    switch = Row("Physical_Switch", (params["name"],))
    if params["state"] == "absent":
        return Wanted(absent=[switch])
    switch.columns = columns_from("Physical_Switch", params)
    ports = [Row("Physical_Port", (params["name"], port)) for port in params["ports"] or ()]
    scope = Scope("Physical_Port", switch.key)
    return Wanted(present=[switch, *ports], purge=[scope] if params["purge_ports"] else [], show=[scope])


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
        },
    )
    module.apply(want, result)


if __name__ == "__main__":
    main()
