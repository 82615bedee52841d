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
  - Creates, changes or removes one port of a physical switch, a row of the table Physical_Port of the OVSDB database
    hardware_vtep. The other ports of the switch stay as they are. This is what C(vtep-ctl add-port) and C(del-port) do.
  - A port that is missing is created at once, as with O(vxlanlab.vtep.vtep_physical_switch#module:ports). A VTEP registers its
    ports itself, though, and the emulator C(ovs-vtep) removes a port, with its bindings, that its bridge does not have, and
    registers one that it has anew. To configure a port that the VTEP has yet to register, wait for it with
    M(vxlanlab.vtep.vtep_wait).
  - O(vlan_bindings) and O(acl_bindings) are all bindings of the port. To bind or unbind one VLAN, and to wait for the port, use
    M(vxlanlab.vtep.vtep_binding).
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
      - Free text.
    type: str
  vlan_bindings:
    description:
      - The logical switches to which the frames of the port belong, as a dictionary of VLAN, 0 to 4095, and name; 0 stands for
        frames without a tag. Replaces what is there.
    type: dict
  acl_bindings:
    description:
      - The access control lists for the frames of the port, as a dictionary of VLAN, 0 to 4095, and name; 0 stands for the
        whole port, and should then be the only one (vtep(5)). Replaces what is there.
    type: dict
  other_config:
    description:
      - Further settings, as a dictionary of text, see vtep(5). Replaces what is there.
    type: dict
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: A port with all its bindings
  vxlanlab.vtep.vtep_physical_port:
    physical_switch: leaf1
    port: eth7
    description: rack 4, upper
    vlan_bindings:
      0: blue
      20: green

- name: One port less
  vxlanlab.vtep.vtep_physical_port:
    physical_switch: leaf1
    port: eth8
    state: absent
"""

RETURN = r"""
row:
  description: The port as it is now. Empty when it is not there.
  returned: success
  type: dict
  sample:
    physical_switch: leaf1
    port: eth7
    description: rack 4, upper
    vlan_bindings: {"0": blue, "20": green}
    acl_bindings: {}
    other_config: {}
    _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd
counts:
  description: How many rows were created, updated and deleted.
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
