#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_logical_switch
short_description: Manage a logical switch of a VTEP
version_added: 0.1.0
description:
  - Creates, changes or deletes a row of the table Logical_Switch in the OVSDB database hardware_vtep. A logical switch is a
    layer 2 network carried over VXLAN. Corresponds to C(vtep-ctl add-ls), C(del-ls) and C(set Logical_Switch).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  name:
    description:
      - Name of the logical switch. The emulator C(ovs-vtep) supports only letters, digits and C(_ . / -).
    type: str
    required: true
  tunnel_key:
    description:
      - The VXLAN network identifier (VNI, RFC 7348, section 5), 0 to 16777215.
      - The emulator C(ovs-vtep) applies a changed key only after a restart. The role P(vxlanlab.vtep.vtep_emulator#role) restarts it
        when a key changes.
    type: int
    aliases: [vni]
  replication_mode:
    description:
      - How the switch replicates broadcast, unknown unicast and multicast frames. V(service_node) sends one copy to one of the
        locators, V(source_node) sends a copy to each of them. Without this setting, switches behave as with V(service_node).
    type: str
    choices: [service_node, source_node]
  description:
    description:
      - Free-form description.
    type: str
  other_config:
    description:
      - Additional settings as a dictionary of strings, see vtep(5). Replaces the existing dictionary.
    type: dict
  clear:
    description:
      - Settings to remove from the logical switch.
    type: list
    elements: str
    choices: [tunnel_key, replication_mode]
  cascade:
    description:
      - With O(state=absent), whether to remove the bindings and MAC addresses that refer to the logical switch as well, in the
        same transaction. If V(false), removing a logical switch in use fails with an error that lists what refers to it.
    type: bool
    default: false
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Create a logical switch with VNI 5000
  vxlanlab.vtep.vtep_logical_switch:
    name: ls0
    tunnel_key: 5000
    replication_mode: source_node

- name: Remove the logical switch and everything that refers to it
  vxlanlab.vtep.vtep_logical_switch:
    name: ls0
    state: absent
    cascade: true
"""

RETURN = r"""
row:
  description: The logical switch after the task. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    name: ls0
    description: ""
    tunnel_key: 5000
    replication_mode: source_node
    other_config: {}
    _uuid: c9ce8e64-8871-44f5-8982-e544926c7134
counts:
  description: Numbers of rows created, updated and deleted, including those that O(cascade) removed.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, clear_option, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from


def want(params: dict) -> Wanted:
    switch = Row("Logical_Switch", (params["name"],))
    if params["state"] == "absent":
        return Wanted(absent=[switch], cascade=params["cascade"])
    switch.columns = columns_from("Logical_Switch", params)
    return Wanted(present=[switch])


def main() -> None:
    module = VtepModule(
        {
            "name": {"type": "str", "required": True},
            **column_options("Logical_Switch"),
            **clear_option("Logical_Switch"),
            "cascade": {"type": "bool", "default": False},
        }
    )
    module.apply(want)


if __name__ == "__main__":
    main()
