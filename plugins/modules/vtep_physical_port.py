#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_physical_port
short_description: Manage a port of a physical switch of a VTEP
version_added: 0.1.0
description:
  - Creates, changes or removes one port of a physical switch, which is a row of the table Physical_Port in the OVSDB database
    hardware_vtep. The other ports of the switch stay as they are. Corresponds to C(vtep-ctl add-port) and C(del-port).
  - If the port does not exist, the module creates it at once, like O(vxlanlab.vtep.vtep_physical_switch#module:ports). A running
    VTEP, however, registers its ports itself. The emulator C(ovs-vtep) removes a port that its bridge does not have, together
    with the bindings. To configure a port that the VTEP has yet to register, first wait for it with M(vxlanlab.vtep.vtep_wait).
  - O(vlan_bindings) and O(acl_bindings) replace all bindings of the port. To bind or unbind a single VLAN, use
    M(vxlanlab.vtep.vtep_binding), which also waits for the port.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  physical_switch:
    description:
      - Name of the physical switch.
    type: str
    required: true
  port:
    description:
      - Name of the port.
    type: str
    required: true
  description:
    description:
      - Free-form description.
    type: str
  vlan_bindings:
    description:
      - Logical switches that receive the frames of the port, as a dictionary that maps each VLAN, 0 to 4095, to the name of a
        logical switch. VLAN 0 means untagged frames. Replaces the existing dictionary.
    type: dict
  acl_bindings:
    description:
      - Access control lists for the frames of the port, as a dictionary that maps each VLAN, 0 to 4095, to the name of an ACL.
        VLAN 0 means the entire port, and should then be the only key (vtep(5)). Replaces the existing dictionary.
    type: dict
  other_config:
    description:
      - Additional settings as a dictionary of strings, see vtep(5). Replaces the existing dictionary.
    type: dict
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Set all bindings of a port
  vxlanlab.vtep.vtep_physical_port:
    physical_switch: leaf1
    port: eth7
    description: uplink of rack 4
    vlan_bindings:
      0: blue
      20: green

- name: Remove one port
  vxlanlab.vtep.vtep_physical_port:
    physical_switch: leaf1
    port: eth8
    state: absent
"""

RETURN = r"""
row:
  description: The port after the task. Empty if the port does not exist.
  returned: success
  type: dict
  sample:
    physical_switch: leaf1
    port: eth7
    description: uplink of rack 4
    vlan_bindings: {"0": blue, "20": green}
    acl_bindings: {}
    other_config: {}
    _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from


def want(params: dict) -> Wanted:
    port = Row("Physical_Port", (params["physical_switch"], params["port"]))
    if params["state"] == "absent":
        return Wanted(absent=[port])
    port.columns = columns_from("Physical_Port", params)
    # The bindings are options of their own here, not an option for the VLAN and one for the name.
    return Wanted(present=[port], options={name: name for name in port.columns})


def main() -> None:
    module = VtepModule(
        {
            "physical_switch": {"type": "str", "required": True},
            "port": {"type": "str", "required": True},
            **column_options("Physical_Port"),
        }
    )
    module.apply(want)


if __name__ == "__main__":
    main()
