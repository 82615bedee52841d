#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vtep_acl
short_description: Manage an access control list of a VTEP
version_added: 0.1.0
description:
  - Creates, changes or deletes an access control list and its entries, which are rows of the tables ACL and ACL_entry in the
    OVSDB database hardware_vtep. A packet that matches no entry is permitted.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.state
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  name:
    description:
      - Name of the access control list.
    type: str
    required: true
  entries:
    description:
      - The complete list of entries; the module removes all others. Required to create an access control list. Must not be empty.
    type: list
    elements: dict
    suboptions:
      sequence:
        description: Position in the list, 0 to 2147483647, unique within the list. Lower numbers are matched first.
        type: int
        required: true
      action:
        description: What to do with a packet that matches the entry.
        type: str
        required: true
        choices: [permit, deny]
      direction:
        description: Direction of the packet, into the logical switch or router (V(ingress)) or out of it (V(egress)).
        type: str
        required: true
        choices: [ingress, egress]
      source_mac:
        description: Source MAC address. Quote it.
        type: str
      dest_mac:
        description: Destination MAC address. Quote it.
        type: str
      ethertype:
        description: Ethertype in hexadecimal, such as V(0x0800). Quote it.
        type: str
      source_ip:
        description: Source IPv4 or IPv6 address.
        type: str
      source_mask:
        description: Mask of the bits of O(entries[].source_ip) to compare, written as an address.
        type: str
      dest_ip:
        description: Destination IPv4 or IPv6 address.
        type: str
      dest_mask:
        description: Mask of the bits of O(entries[].dest_ip) to compare, written as an address.
        type: str
      protocol:
        description: Protocol number of the IP header, 0 to 255.
        type: int
      source_port_min:
        description: Lowest source port, 0 to 65535.
        type: int
      source_port_max:
        description: Highest source port, 0 to 65535.
        type: int
      dest_port_min:
        description: Lowest destination port, 0 to 65535.
        type: int
      dest_port_max:
        description: Highest destination port, 0 to 65535.
        type: int
      tcp_flags:
        description: Values of the TCP flags to match, as a number, 0 to 4095.
        type: int
      tcp_flags_mask:
        description: Mask of the TCP flags to compare, as a number, 0 to 4095.
        type: int
      icmp_type:
        description: ICMP type, 0 to 255.
        type: int
      icmp_code:
        description: ICMP code, 0 to 255.
        type: int
  cascade:
    description:
      - With O(state=absent), whether to remove the bindings to ports and logical routers that refer to the list as well, in the
        same transaction. If V(false), removing a list in use fails with an error that names these ports and routers.
    type: bool
    default: false
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Permit HTTPS and nothing else
  vxlanlab.vtep.vtep_acl:
    name: web
    entries:
      - {sequence: 10, direction: ingress, action: permit, protocol: 6, dest_port_min: 443, dest_port_max: 443}
      - {sequence: 99, direction: ingress, action: deny}
"""

RETURN = r"""
row:
  description: The access control list after the task, with its entries in order. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    name: web
    entries:
      - {sequence: 99, direction: ingress, action: deny}
    _uuid: 1a9ad7f1-1d6f-4a2c-bb09-c3ab1f1d7d55
counts:
  description: Numbers of rows created, updated and deleted.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0}
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule, column_options
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Row, Scope, Wanted, entry_place


def want(params: dict) -> Wanted:
    acl = Row("ACL", (params["name"],))
    if params["state"] == "absent":
        return Wanted(absent=[acl], cascade=params["cascade"])
    scope = Scope("ACL_entry", acl.key)
    if params["entries"] is None:
        return Wanted(present=[acl], show=[scope])
    if not params["entries"]:
        raise UserError("entries: a list cannot be empty; give entries, or use state: absent")
    # Entries are given whole: what is left out of one is cleared.
    entries = [
        Row("ACL_entry", (params["name"], entry["sequence"]), {k: v for k, v in entry.items() if k != "sequence"})
        for entry in params["entries"]
    ]
    return Wanted(present=[*entries, acl], purge=[scope], place=entry_place)


def result(outcome: Outcome, wanted: Wanted) -> dict:
    acl = (wanted.present or wanted.absent)[-1]
    row = outcome.row(acl.ref)
    if row:
        held = outcome.rows(Scope("ACL_entry", acl.key))
        row["entries"] = [{k: v for k, v in entry.items() if v is not None and k not in ("name", "_uuid")} for entry in held]
    return {"row": row}


def main() -> None:
    entry = {"sequence": {"type": "int"}, **column_options("ACL_entry")}
    for option in ("sequence", "action", "direction"):
        entry[option]["required"] = True
    module = VtepModule(
        {
            "name": {"type": "str", "required": True},
            "entries": {"type": "list", "elements": "dict", "options": entry},
            "cascade": {"type": "bool", "default": False},
        }
    )
    module.apply(want, result)


if __name__ == "__main__":
    main()
