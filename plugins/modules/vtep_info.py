#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_info
short_description: Read a VTEP database as data
version_added: 0.1.0
description:
  - Returns the contents of the OVSDB database hardware_vtep as plain data. Rows are keyed by name, and references to other rows
    are names too. The result is consistent, even if other clients write to the database at the same time.
  - Contains what the VTEP reports, as far as the server's schema has it. This includes the counters of the bindings of a port, in
    C(vlan_stats) by VLAN (packets and bytes, vtep(5), table Logical_Binding_Stats), all keys of C(bfd_status) of tunnels, and faults.
  - Corresponds to C(vtep-ctl show), C(list-bindings), C(list-local-macs) and C(list-remote-macs).
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.info
requirements:
  - jmespath, with O(query)
options:
  gather:
    description:
      - Parts of the database to read, all by default. MAC addresses are contained in V(logical_switches).
    type: list
    elements: str
    choices: &parts
      - physical_switches
      - logical_switches
      - logical_routers
      - acls
      - managers
      - tunnels
      - arp_sources_remote
      - arp_sources_local
    default: *parts
  mac_addresses:
    description:
      - Whether to read the MAC addresses of the logical switches. They are the tables that may be long; with V(false), nothing is read of
        them, and logical switches have no C(ucast_remote), C(mcast_remote), C(ucast_local) and C(mcast_local).
    type: bool
    default: true
  query:
    description:
      - A JMESPath expression (U(https://jmespath.org)) that selects from the structure in RV(vtep) or reshapes it.
      - In addition to the functions of JMESPath, V(items(object\)) turns a dictionary into a list of pairs of key and value. With
        it, a query can find rows by value and return their names, as in
        V(items(logical_switches\)[?[1].tunnel_key == `5000`][0]).
    type: str
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Read the entire database
  vxlanlab.vtep.vtep_info:
  register: result

- name: Find the logical switch with VNI 5000
  vxlanlab.vtep.vtep_info:
    gather: [logical_switches]
    query: "items(logical_switches)[?[1].tunnel_key == `5000`] | [0][0]"

- name: Read the counters of the bindings of port eth1
  vxlanlab.vtep.vtep_info:
    gather: [physical_switches]
    query: physical_switches.leaf1.ports.eth1.vlan_stats

- name: List the MAC addresses of ls0 that are behind the VTEP 10.1.0.1
  vxlanlab.vtep.vtep_info:
    gather: [logical_switches]
    query: "items(logical_switches.ls0.ucast_remote)[?[1].locator == '10.1.0.1'][0]"
"""

RETURN = r"""
vtep:
  description: The parts of the database named in O(gather), or the result of O(query).
  returned: success
  type: raw
  sample:
    physical_switches:
      br0:
        description: OVS VTEP Emulator
        management_ips: []
        tunnel_ips: [10.0.0.1]
        other_config: {}
        switch_fault_status: []
        ports:
          vm1:
            description: ""
            vlan_bindings: {"0": ls0}
            acl_bindings: {}
            other_config: {}
            port_fault_status: []
            vlan_stats:
              "0": {packets_from_local: 12, bytes_from_local: 1104, packets_to_local: 9, bytes_to_local: 882}
            _uuid: 04af20e7-3b38-4cc5-903d-0452265b9cbd
        _uuid: 8a5e6eee-8d9f-41dd-9889-72090b01b00d
    logical_switches:
      ls0:
        description: ""
        tunnel_key: 5000
        replication_mode: null
        other_config: {}
        ucast_remote:
          "00:00:00:00:00:02":
            locator: 10.1.0.1
            encapsulation: vxlan_over_ipv4
            ipaddr: ""
            _uuid: 699534a7-a130-4763-bc3c-80c17306910c
        mcast_remote:
          unknown-dst:
            locators: [10.1.0.1]
            ipaddr: ""
            _uuid: 51e4574f-b419-4fbf-b14b-74f70e3496be
        ucast_local: {}
        mcast_local: {}
        _uuid: c9ce8e64-8871-44f5-8982-e544926c7134
    logical_routers: {}
    acls: {}
    managers: {}
    tunnels: []
    arp_sources_remote: {}
    arp_sources_local: {}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.query import compiled
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import gathered
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tree import PARTS


def info(module: VtepModule) -> dict:
    pick = compiled(module.params["query"])
    with module.database() as db:
        return {"vtep": pick(gathered(db, module.params["gather"], module.params["mac_addresses"]))}


def main() -> None:
    module = VtepModule(
        {
            "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
            "mac_addresses": {"type": "bool", "default": True},
            "query": {"type": "str"},
        },
        state=False,
    )
    module.finish(lambda: info(module))


if __name__ == "__main__":
    main()
