#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_binding
short_description: Bind a VLAN of a port to a logical switch of a VTEP
version_added: 0.1.0
description:
  - Binds the frames of one VLAN on one port of a physical switch to a logical switch, or removes the binding, in the OVSDB
    database hardware_vtep (table Physical_Port, column vlan_bindings). Corresponds to C(vtep-ctl bind-ls) and C(unbind-ls).
  - If the VLAN is bound to another logical switch, the module changes the binding; the diff shows both.
  - If the VTEP has not registered the physical switch or the port yet, the module waits for them, up to O(timeout). In check mode, it
    warns instead.
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
  vlan:
    description:
      - VLAN of the frames, 0 to 4095. VLAN 0 means untagged frames.
      - If VLAN 0 is bound on a port, the emulator C(ovs-vtep) before 3.6.0 loses the frames of all other VLANs on this port.
    type: int
    required: true
  logical_switch:
    description:
      - Name of the logical switch. Required with O(state=present).
      - With O(state=absent), the module removes only a binding to this logical switch. Without O(logical_switch), it removes the
        binding of the VLAN whatever it is bound to.
    type: str
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Bind the untagged frames of vm1 to ls0
  vxlanlab.vtep.vtep_binding:
    physical_switch: br0
    port: vm1
    vlan: 0
    logical_switch: ls0

- name: Remove the binding of VLAN 20 on eth7
  vxlanlab.vtep.vtep_binding:
    physical_switch: leaf1
    port: eth7
    vlan: 20
    state: absent
"""

RETURN = r"""
row:
  description: The port after the task. Empty if the port does not exist.
  returned: success
  type: dict
  sample:
    physical_switch: br0
    port: vm1
    description: ""
    vlan_bindings: {"0": ls0}
    other_config: {}
    _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 0, updated: 1, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Ref, Row, Wanted


def want(params: dict) -> Wanted:
    switch = params["logical_switch"]
    binding = {params["vlan"]: None if switch is None else Ref("Logical_Switch", (switch,))}
    key = (params["physical_switch"], params["port"])
    if params["state"] == "absent":
        return Wanted(absent=[Row("Physical_Port", key, {"vlan_bindings": binding})])
    return Wanted(present=[Row("Physical_Port", key, {"vlan_bindings": Add(binding)}, must_exist=True)])


def main() -> None:
    module = VtepModule(
        {
            "physical_switch": {"type": "str", "required": True},
            "port": {"type": "str", "required": True},
            "vlan": {"type": "int", "required": True},
            "logical_switch": {"type": "str"},
        },
        required_if=[("state", "present", ("logical_switch",))],
    )
    module.apply(want, wait=True)


if __name__ == "__main__":
    main()
