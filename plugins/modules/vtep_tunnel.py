#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_tunnel
short_description: Manage the BFD settings of a VTEP's tunnels
version_added: 0.1.0
description:
  - Manages rows of the table Tunnel in the OVSDB database hardware_vtep. They configure how bidirectional forwarding detection
    (BFD, RFC 5880) monitors the tunnel between two VTEPs. The module also returns the state that the VTEP reports.
  - A VTEP creates the rows of its tunnels itself. If a row is missing, the module creates it, which helps to develop a VTEP or to
    test a controller.
  - The module finds a tunnel by the addresses of its endpoints, whether or not their locators have a tunnel key. The returned row
    shows these keys as C(local_tunnel_key) and C(remote_tunnel_key).
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
  local:
    description:
      - IPv4 address of the tunnel endpoint on the physical switch.
    type: str
    required: true
  remote:
    description:
      - IPv4 address of the tunnel endpoint on the other VTEP.
    type: str
    required: true
  bfd_params:
    description:
      - Settings of BFD, as a dictionary of strings, see vtep(5). The keys are C(enable), C(min_rx) and C(min_tx) in milliseconds,
        C(decay_min_rx), C(forwarding_if_rx), C(cpath_down) and C(check_tnl_key). Replaces the existing dictionary.
    type: dict
  bfd_config_local:
    description:
      - The C(bfd_dst_mac) and C(bfd_dst_ip) to expect in received BFD packets. Replaces the existing dictionary.
    type: dict
  bfd_config_remote:
    description:
      - The C(bfd_dst_mac) and C(bfd_dst_ip) to put into transmitted BFD packets. Replaces the existing dictionary.
    type: dict
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Monitor the tunnel to hypervisor 2 with BFD
  vxlanlab.vtep.vtep_tunnel:
    physical_switch: br0
    local: 10.0.0.1
    remote: 10.1.0.1
    bfd_params:
      enable: "true"
      min_rx: "300"
"""

RETURN = r"""
row:
  description: The tunnel after the task, including the state that the VTEP reports. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    physical_switch: br0
    local: 10.0.0.1
    remote: 10.1.0.1
    bfd_params: {enable: "true"}
    bfd_config_local: {}
    bfd_config_remote: {}
    bfd_status: {enabled: "true", state: up}
    _uuid: 0f7f5b9c-21f5-4a1b-9d0e-2f1de7a3c8aa
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import columns_from, locator


def want(params: dict) -> Wanted:
    ends = (locator(params["local"]).key, locator(params["remote"]).key)
    tunnel = Row("Tunnel", (params["physical_switch"], *ends))
    if params["state"] == "absent":
        return Wanted(absent=[tunnel])
    tunnel.columns = columns_from("Tunnel", params)
    return Wanted(present=[tunnel])


def main() -> None:
    module = VtepModule(
        {
            "physical_switch": {"type": "str", "required": True},
            "local": {"type": "str", "required": True},
            "remote": {"type": "str", "required": True},
            **column_options("Tunnel"),
        }
    )
    module.apply(want, status=True)


if __name__ == "__main__":
    main()
