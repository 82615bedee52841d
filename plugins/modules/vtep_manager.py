#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_manager
short_description: Manage the OVSDB connections of a VTEP's database
version_added: 0.1.0
description:
  - Creates, changes or deletes rows of the table Manager in the OVSDB database hardware_vtep. An ovsdb-server started with
    C(--remote=db:hardware_vtep,Global,managers) connects to these targets or listens on them. Corresponds to
    C(vtep-ctl set-manager), C(get-manager) and C(del-manager).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  target:
    description:
      - A connection method, see ovsdb(7). With C(ssl:HOST:PORT) and C(tcp:HOST:PORT) the server connects, with
        C(pssl:[PORT][:HOST]) and C(ptcp:[PORT][:HOST]) it listens. C(unix:PATH) and C(punix:PATH) do the same with a local socket.
    type: str
    required: true
  max_backoff:
    description:
      - Maximum time between two connection attempts, in milliseconds, 1000 to 2147483647.
    type: int
  inactivity_probe:
    description:
      - Idle time after which the server sends a probe, in milliseconds, 0 to 2147483647. 0 disables probes.
    type: int
  other_config:
    description:
      - Additional settings as a dictionary of strings, see vtep(5). Replaces the existing dictionary.
    type: dict
  clear:
    description:
      - Settings to remove, so that the server's defaults apply.
    type: list
    elements: str
    choices: [max_backoff, inactivity_probe]
  exclusive:
    description:
      - Whether to remove all other managers. Only with O(state=present).
    type: bool
    default: false
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Connect to one controller and no other
  vxlanlab.vtep.vtep_manager:
    target: ssl:192.0.2.1:6640
    inactivity_probe: 30000
    exclusive: true
"""

RETURN = r"""
row:
  description: The manager after the task. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    target: ssl:192.0.2.1:6640
    max_backoff: null
    inactivity_probe: 30000
    other_config: {}
    _uuid: 5b3e4f0c-7c7e-4b43-8c8e-3f2f6e0c6d11
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, clear_option, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from


def want(params: dict) -> Wanted:
    manager = Row("Manager", (params["target"],))
    if params["state"] == "absent":
        if params["exclusive"]:
            raise UserError("exclusive: true requires state: present; leave it out")
        return Wanted(absent=[manager])
    manager.columns = columns_from("Manager", params)
    return Wanted(present=[manager], purge=[Scope("Manager", ())] if params["exclusive"] else [])


def main() -> None:
    module = VtepModule(
        {
            "target": {"type": "str", "required": True},
            **column_options("Manager"),
            **clear_option("Manager"),
            "exclusive": {"type": "bool", "default": False},
        }
    )
    module.apply(want)


if __name__ == "__main__":
    main()
