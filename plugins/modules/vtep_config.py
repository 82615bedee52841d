#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_config
short_description: Manage a whole VTEP database, or parts of it, in one transaction
version_added: 0.1.0
description:
  - Takes one structure, of the same form that M(vxlanlab.vtep.vtep_info) returns, and brings the OVSDB database hardware_vtep in
    line with it. Rows may refer to rows that the same structure creates.
  - You can feed back what RV(gathered) or M(vxlanlab.vtep.vtep_info) returns, whichever program wrote the database, and nothing
    changes. C(_uuid), and what the VTEP reports, such as C(bfd_status), are ignored. A value that another program has stored and
    that this module would refuse to write is left as it is.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  config:
    description:
      - The structure. Parts and values that are left out or null are not managed; an empty part counts as named.
      - C(physical_switches), a dictionary by name of C(description), C(management_ips), C(tunnel_ips), C(other_config) and
        C(ports), a dictionary by name of C(description), C(vlan_bindings) (VLAN to logical switch), C(acl_bindings) (VLAN to
        ACL) and C(other_config).
      - C(logical_switches), a dictionary by name of C(description), C(tunnel_key), C(replication_mode), C(other_config), and
        the dictionaries by MAC address C(ucast_remote) and C(ucast_local) (of C(locator), C(encapsulation), C(ipaddr)) and
        C(mcast_remote) and C(mcast_local) (of C(locators), C(encapsulation), C(ipaddr)).
      - C(logical_routers), a dictionary by name of the options of M(vxlanlab.vtep.vtep_logical_router).
      - C(acls), a dictionary by name of C(entries), a list with the options of M(vxlanlab.vtep.vtep_acl).
      - C(managers), a dictionary by target of C(max_backoff), C(inactivity_probe) and C(other_config).
      - C(tunnels), a list with the options of M(vxlanlab.vtep.vtep_tunnel). C(local_tunnel_key) and C(remote_tunnel_key) are the
        tunnel keys of the locators at its ends, where these have one.
      - C(arp_sources_remote) and C(arp_sources_local), dictionaries by MAC address of C(locator).
      - This or O(src) is needed unless O(state=gathered).
    type: dict
  src:
    description:
      - A file with the structure, instead of O(config), in UTF-8; C(.json), C(.yml) or C(.yaml). A key that is there twice is refused.
    type: path
  remote_src:
    description:
      - Whether O(src) is a file of the host that runs the module. Otherwise it is a file of the controller, which is also looked
        for in the directory C(files).
    type: bool
    default: false
  state:
    description:
      - V(merged) adds what is missing and changes what differs. Lists and dictionaries are merged.
      - V(replaced) makes each named row exactly what the structure says; columns and inner rows that the structure leaves out are
        cleared.
      - V(overridden) does the same, and removes the rows of each named part that the structure does not name.
      - V(deleted) removes what the structure names deepest, with what belongs to it and what refers to it. A switch under which ports or
        MAC addresses are named stays, and loses these. An access control list goes with its last entry.
      - V(gathered) returns the database as a structure in RV(gathered).
      - V(rendered) returns, in RV(rendered), the operations that would create the structure in an empty database. It connects to no
        server.
      - Neither V(replaced) nor V(overridden) removes what the VTEP itself registers. Physical switches, tunnels, local MAC addresses and
        local ARP sources that are not named stay. So do ports; an unnamed port of a named switch loses its bindings, and an unnamed
        tunnel its BFD parameters.
      - A physical switch that is not named keeps its ports and their bindings, except the bindings to a logical switch that the same
        task removes. A logical switch that is removed takes all its MAC addresses with it, the local ones included.
    type: str
    choices: [merged, replaced, overridden, deleted, gathered, rendered]
    default: merged
  gather:
    description:
      - With O(state=gathered), the parts to read, by default all of them.
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
seealso:
  - module: vxlanlab.vtep.vtep_info
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: A leaf with one network, in one transaction
  vxlanlab.vtep.vtep_config:
    config:
      physical_switches:
        leaf1:
          ports:
            eth1:
              vlan_bindings: {0: ls0}
      logical_switches:
        ls0:
          tunnel_key: 5000
          ucast_remote:
            "00:00:00:00:00:02": {locator: 10.1.0.1}
          mcast_remote:
            unknown-dst: {locators: [10.1.0.1]}

- name: Save it
  vxlanlab.vtep.vtep_config:
    state: gathered
  register: saved

- name: And bring it back, whatever has happened to the logical switches since
  vxlanlab.vtep.vtep_config:
    config: "{{ saved.gathered }}"
    state: overridden
"""

RETURN = r"""
counts:
  description: How many rows were created, updated and deleted.
  returned: success, unless O(state) is gathered or rendered
  type: dict
  sample: {created: 4, updated: 1, deleted: 0}
gathered:
  description: The database as a structure, in the form of O(config).
  returned: O(state=gathered)
  type: dict
  sample:
    logical_switches:
      ls0:
        tunnel_key: 5000
        ucast_remote: {}
rendered:
  description: Operations for the method C(transact) (RFC 7047, section 5.2).
  returned: O(state=rendered)
  type: list
  elements: dict
  sample:
    - {op: insert, table: Logical_Switch, uuid-name: row0, row: {name: ls0, tunnel_key: 5000}}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.source import OPTIONS, load
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import gathered, rendered
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tree import PARTS, wanted

STATES = ("merged", "replaced", "overridden", "deleted", "gathered", "rendered")


def config(params: dict) -> dict:
    return params["config"] if params["src"] is None else load(params["src"])


def gather(module: VtepModule) -> dict:
    with module.database() as db:
        return {"gathered": gathered(db, module.params["gather"])}


def main() -> None:
    module = VtepModule(
        {
            "config": {"type": "dict"},
            "state": {"type": "str", "choices": list(STATES), "default": "merged"},
            "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
            **OPTIONS,
        },
        state=False,
        mutually_exclusive=[("config", "src")],
        required_if=[("state", state, ("config", "src"), True) for state in STATES if state != "gathered"],
    )
    state = module.params["state"]
    if state == "gathered":
        module.finish(lambda: gather(module))
    if state == "rendered":
        module.finish(lambda: {"rendered": rendered(config(module.params))})
    module.apply(lambda params: wanted(config(params), state), lambda outcome, unused: {})


if __name__ == "__main__":
    main()
