#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_logical_router
short_description: Manage a logical router of a VTEP
version_added: 0.1.0
description:
  - Creates, changes or deletes a row of the table Logical_Router in the OVSDB database hardware_vtep. Corresponds to
    C(vtep-ctl add-lr), C(del-lr) and C(set Logical_Router).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  name:
    description:
      - Name of the logical router.
    type: str
    required: true
  description:
    description:
      - Free-form description.
    type: str
  switch_binding:
    description:
      - Interfaces of the router, as a dictionary that maps each interface, written as an IPv4 or IPv6 address with the prefix
        length of its network such as C(192.168.1.1/24), to the name of a logical switch. Replaces the existing dictionary.
    type: dict
  static_routes:
    description:
      - Static routes, as a dictionary that maps each prefix to the IP address of the next hop. Replaces the existing dictionary.
    type: dict
  acl_binding:
    description:
      - Access control lists, as a dictionary that maps each interface, written as in O(switch_binding), to the name of an ACL.
        Replaces the existing dictionary.
    type: dict
  other_config:
    description:
      - Additional settings as a dictionary of strings, see vtep(5). Replaces the existing dictionary.
    type: dict
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Route between two logical switches
  vxlanlab.vtep.vtep_logical_router:
    name: lr0
    switch_binding:
      192.168.1.254/24: ls0
      192.168.2.254/24: ls1
    static_routes:
      0.0.0.0/0: 192.168.2.1
    acl_binding:
      192.168.1.254/24: web
"""

RETURN = r"""
row:
  description: The logical router after the task. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    name: lr0
    description: ""
    switch_binding: {192.168.1.254/24: ls0}
    static_routes: {}
    acl_binding: {}
    other_config: {}
    _uuid: 6e0a6ff4-9aac-4b79-a2a8-3d6d0e3c7a10
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
    router = Row("Logical_Router", (params["name"],))
    if params["state"] == "absent":
        return Wanted(absent=[router])
    router.columns = columns_from("Logical_Router", params)
    return Wanted(present=[router])


def main() -> None:
    module = VtepModule({"name": {"type": "str", "required": True}, **column_options("Logical_Router")})
    module.apply(want)


if __name__ == "__main__":
    main()
