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
  - Brings the OVSDB database hardware_vtep in line with one structure, which has the form that M(vxlanlab.vtep.vtep_info) returns.
    Rows may refer to rows that the same structure creates.
  - You can feed RV(gathered), or the result of M(vxlanlab.vtep.vtep_info), back to the module, which then changes nothing, whichever
    program wrote the database. The module ignores C(_uuid) and values that the VTEP reports, such as C(bfd_status) and C(vlan_stats),
    and leaves values as they are that another program stored and that it would refuse to write.
extends_documentation_fragment:
  - vxlanlab.vtep.vtep
  - vxlanlab.vtep.vtep.attributes
  - vxlanlab.vtep.vtep.changes
options:
  config:
    description:
      - The structure. Its parts are the keys below, each of them optional.
      - C(physical_switches) is a dictionary of switches by name. A switch has C(description), C(management_ips), C(tunnel_ips),
        C(other_config) and C(ports), a dictionary of ports by name. A port has C(description), C(vlan_bindings) (VLAN to logical
        switch), C(acl_bindings) (VLAN to ACL) and C(other_config).
      - C(logical_switches) is a dictionary of logical switches by name. A logical switch has C(description), C(tunnel_key),
        C(replication_mode), C(other_config), and dictionaries of entries by MAC address. Entries of C(ucast_remote) and
        C(ucast_local) have C(locator), C(encapsulation) and C(ipaddr); those of C(mcast_remote) and C(mcast_local) have
        C(locators), C(encapsulation) and C(ipaddr).
      - C(logical_routers) is a dictionary of routers by name, with the options of M(vxlanlab.vtep.vtep_logical_router).
      - C(acls) is a dictionary of access control lists by name. Each has C(entries), a list with the suboptions of
        O(vxlanlab.vtep.vtep_acl#module:entries).
      - C(managers) is a dictionary of managers by target, with C(max_backoff), C(inactivity_probe) and C(other_config).
      - C(tunnels) is a list of dictionaries with the options of M(vxlanlab.vtep.vtep_tunnel). If the locators of the two endpoints
        have tunnel keys, these are C(local_tunnel_key) and C(remote_tunnel_key).
      - C(arp_sources_remote) and C(arp_sources_local) are dictionaries of entries by MAC address, with C(locator) and
        C(encapsulation).
      - The module does not manage a part that is left out. An empty part is managed, so O(state=overridden) empties it.
      - Null is the same as leaving a part or a column out, so the module does not manage it. V(replaced) and V(overridden) make
        named rows complete, and therefore clear a column that is left out or null.
      - Either this or O(src) is required, unless O(state=gathered) or O(state=parsed).
    type: dict
  src:
    description:
      - Path of a file with the structure, as an alternative to O(config). The extension, C(.json), C(.yml) or C(.yaml), determines
        the format. The file must be UTF-8 text, and must not have a key twice in one dictionary.
      - With O(state=parsed), path of a saved database, which may have any name. The content determines the format.
    type: path
  running_config:
    description:
      - With O(state=parsed), the saved database as text, as an alternative to O(src). For a large database, use O(src).
    type: str
  remote_src:
    description:
      - Whether O(src) is on the host that runs the module. If V(false), Ansible looks for it on the controller, including the
        directory C(files) of the role or playbook, and copies it.
    type: bool
    default: false
  state:
    description:
      - V(merged) adds what is missing and changes what differs. It adds the given members to lists and dictionaries, and removes
        nothing.
      - V(replaced) makes each row that the structure names exactly what the structure says. Columns that it leaves out of a named
        row are cleared, and remote MAC addresses and ACL entries that it leaves out of a named row are removed. Rows that are not
        named stay as they are.
      - V(overridden) does the same as V(replaced). It also removes the rows that the structure does not name from each part that
        is given, together with everything that refers to them.
      - V(replaced) and V(overridden) do not remove what a VTEP registers itself. Physical switches, ports, tunnels, local MAC
        addresses and local ARP sources stay even if they are not named. Of a named physical switch, columns that are left out
        keep their values; so do C(description) and C(other_config) of its ports, and C(bfd_config_local) of a tunnel.
      - A physical switch that is not named keeps its columns, its ports and their bindings with V(replaced) and V(overridden). A
        named physical switch is different; its ports lose all bindings that the structure leaves out, whether the port is named
        or not. Tunnels that are not named lose C(bfd_params) and C(bfd_config_remote) with V(overridden) if C(tunnels) is given.
      - V(deleted) removes what is named deepest in the structure, together with what belongs to it and what refers to it. A
        physical switch with C(ports) stays, and only these ports are removed, or none if C(ports) is empty. The same holds for a logical
        switch with MAC addresses and for an ACL with C(entries), except that an ACL is removed with its last entry. The values of
        columns do not matter.
      - Where V(overridden) or V(deleted) removes a logical switch or an ACL, they also remove every binding to it, including
        bindings of ports and switches that are not named. A logical switch is removed with all its MAC addresses, local ones
        included.
      - V(gathered) returns the database as a structure in RV(gathered), and changes nothing.
      - V(rendered) returns the operations that create the structure in an empty database in RV(rendered), and the C(vtep-ctl)
        commands that do the same in RV(commands), without connecting to a server.
      - V(parsed) reads a saved database, without connecting to a server, and returns it in RV(parsed). Three formats are accepted. The
        first is the output of C(ovsdb-client -f json dump), which need not contain all tables. The second is the output of
        C(ovsdb-client backup). The third is the database file of a server that is not part of a cluster (see ovsdb(5)).
      - A last record of a database file that is cut off is left out with a warning, as ovsdb-server does; any other damage is an
        error. A backup and a database file do not contain what the VTEP reports, such as C(bfd_status).
    type: str
    choices: [merged, replaced, overridden, deleted, gathered, rendered, parsed]
    default: merged
  purge:
    description:
      - With O(state=merged), the kinds of entries that are complete below each row that the structure names, as they are with
        V(replaced). Entries that it leaves out are removed, and the given ones are exactly what it says. All else is merged.
      - A kind that the structure leaves out below a row is not managed there; an empty one is emptied.
    type: list
    elements: str
    choices: [ucast_remote, mcast_remote, entries]
    default: []
  wait_for_ports:
    description:
      - Whether the VTEP registers its switches and ports itself. If V(true), the module creates none, and waits up to O(timeout) for
        those that the structure names and that are not there yet, as M(vxlanlab.vtep.vtep_binding) does. In check mode, it warns.
      - Requires O(state=merged), V(replaced) or V(overridden).
    type: bool
    default: false
  gather:
    description:
      - The parts to read, all of them where none is named. Requires O(state=gathered) or O(state=parsed); what the other states
        write is what O(config) names.
    type: list
    elements: str
    choices:
      - physical_switches
      - logical_switches
      - logical_routers
      - acls
      - managers
      - tunnels
      - arp_sources_remote
      - arp_sources_local
    default: []
  result_rows:
    description:
      - The largest number of changed rows that RV(before) and RV(after) contain. If a task changes more, it returns neither of them,
        since results of many thousand rows make Ansible slow. RV(counts) always covers all rows.
      - A negative number omits them always.
    type: int
    default: 1000
seealso:
  - module: vxlanlab.vtep.vtep_info
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Configure a leaf with one network, in one transaction
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

- name: Write a logical switch with exactly these remote entries, and its bindings beside those that are there
  vxlanlab.vtep.vtep_config:
    config:
      physical_switches:
        leaf1: {ports: {eth1: {vlan_bindings: {0: ls0}}}}
      logical_switches:
        ls0:
          tunnel_key: 5000
          ucast_remote:
            "00:00:00:00:00:02": {locator: 10.1.0.1}
    purge: [ucast_remote]
    wait_for_ports: true

- name: Save the configuration
  vxlanlab.vtep.vtep_config:
    state: gathered
  register: saved

- name: Restore it, whatever has happened to the logical switches since
  vxlanlab.vtep.vtep_config:
    config: "{{ saved.gathered }}"
    state: overridden

- name: Read what "ovsdb-client backup ssl:192.0.2.10:6640 hardware_vtep" printed last night
  vxlanlab.vtep.vtep_config:
    src: backups/leaf1
    state: parsed
  register: last_night

- name: Show what has changed since
  vxlanlab.vtep.vtep_config:
    config: "{{ last_night.parsed }}"
    state: overridden
  check_mode: true
  diff: true

- name: Remove one MAC address and one manager, and keep the logical switch
  vxlanlab.vtep.vtep_config:
    config:
      logical_switches:
        ls0:
          ucast_remote:
            "00:00:00:00:00:02": {}
      managers:
        ssl:192.0.2.1:6640: {}
    state: deleted
"""

RETURN = r"""
before:
  description:
    - The rows that the task changes, as they were before, with all columns that a task can set, in the form of O(config). Rows that
      it creates are not contained, and of a row under which others change, only its name is.
    - Merging this value restores the changed values and the removed rows. It does not remove what the task has added.
  returned: O(state=merged), O(state=replaced), O(state=overridden) or O(state=deleted), up to O(result_rows) rows
  type: dict
  sample:
    logical_switches:
      ls0:
        ucast_remote:
          "00:00:00:00:00:02": {locator: 10.1.0.1, encapsulation: vxlan_over_ipv4, ipaddr: ""}
after:
  description: The same rows as they are after the task, or would be in check mode; without those that it removes.
  returned: when changed, in the same cases as RV(before)
  type: dict
  sample:
    logical_switches:
      ls0:
        ucast_remote:
          "00:00:00:00:00:02": {locator: 10.2.0.1, encapsulation: vxlan_over_ipv4, ipaddr: ""}
counts:
  description: Numbers of rows created, updated and deleted.
  returned: O(state=merged), O(state=replaced), O(state=overridden) or O(state=deleted)
  type: dict
  sample: {created: 4, updated: 1, deleted: 0}
changes:
  description: What was created, updated and deleted, in words. Of many rows, the first ones by name.
  returned: success, unless O(state=gathered) or O(state=rendered)
  type: list
  elements: str
  sample:
    - create logical switch ls0
    - update port eth1 of physical switch leaf1
gathered:
  description: The database as a structure in the form of O(config).
  returned: O(state=gathered)
  type: dict
  sample: &structure
    logical_switches:
      ls0:
        tunnel_key: 5000
        ucast_remote: {}
rendered:
  description: Operations for the JSON-RPC method C(transact) (RFC 7047, section 5.2).
  returned: O(state=rendered)
  type: list
  elements: dict
  sample:
    - {op: insert, table: Logical_Switch, uuid-name: row0, row: {name: ls0, tunnel_key: 5000}}
commands:
  description:
    - Shell commands that create the structure in an empty database. Each of them is one transaction; their order matters. Add C(--db)
      and the options for TLS to each C(vtep-ctl).
    - What C(vtep-ctl) has no command for, such as ACLs, tunnels and the IP addresses of MAC addresses, is created by its database
      command C(create), in one call.
    - Empty, with a warning, if a row is named C(--), which C(vtep-ctl) does not accept as a name.
  returned: O(state=rendered)
  type: list
  elements: str
  sample:
    - vtep-ctl add-ls ls0 -- set Logical_Switch ls0 tunnel_key=5000
    - vtep-ctl add-ucast-remote ls0 00:00:00:00:00:02 10.1.0.1
parsed:
  description:
    - The saved database as a structure in the form of O(config), equal to what RV(gathered) was when it was saved. If several rows
      have the same name, both contain the same one of them.
    - A part is left out, with a warning, if a dump does not contain its table.
  returned: O(state=parsed)
  type: dict
  sample: *structure
"""

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import saved
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import Outcome
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.source import OPTIONS, load
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.task import gathered, parsed, rendered
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tree import PARTS, PURGEABLE, pick, wanted

ACTIONS = ("merged", "replaced", "overridden", "deleted")
STATES = (*ACTIONS, "gathered", "rendered", "parsed")
#: The states in which these options have a meaning.
OF_STATES = {"purge": ("merged",), "wait_for_ports": ("merged", "replaced", "overridden"), "gather": ("gathered", "parsed")}


def config(params: dict) -> dict:
    if params["src"] is None:
        return params["config"]
    try:
        return load(params["src"])
    except UserError:
        saved.refuse(params["src"])
        raise


def gather(module: VtepModule) -> dict:
    check_state(module.params)
    with module.database() as db:
        return {"gathered": gathered(db, module.params["gather"] or list(PARTS))}


def parse(module: VtepModule) -> dict:
    check_state(module.params)
    text = module.params["running_config"]
    held = saved.read(module.params["src"]) if text is None else saved.parse(text)
    structure = parsed(held, module.params["gather"] or list(PARTS))
    for warning in held.warnings:
        module.warn(warning)
    return {"parsed": structure}


def render(module: VtepModule) -> dict:
    check_state(module.params)
    done = rendered(config(module.params))
    if done.trouble:
        module.warn(f"commands: {done.trouble}; there are no commands in the result")
    return {"rendered": done.operations, "commands": done.commands}


def want(params: dict) -> Wanted:
    check_state(params)
    return wanted(config(params), params["state"], params["purge"], params["wait_for_ports"])


def check_state(params: dict) -> None:
    for option, states in OF_STATES.items():
        if params[option] and params["state"] not in states:
            raise UserError(f"{option}: requires state: {' or '.join(states)}, not {params['state']}; leave it out")


def changed(outcome: Outcome, most: int) -> dict:
    words = {"changes": outcome.changes()}
    if outcome.size > most:
        return words
    before, after = map(pick, outcome.changed())
    return {**words, "before": before, **({"after": after} if outcome.size else {})}


def main() -> None:
    module = VtepModule(
        {
            "config": {"type": "dict"},
            "running_config": {"type": "str"},
            "state": {"type": "str", "choices": list(STATES), "default": "merged"},
            "purge": {"type": "list", "elements": "str", "choices": list(PURGEABLE), "default": []},
            "wait_for_ports": {"type": "bool", "default": False},
            "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
            "result_rows": {"type": "int", "default": 1000},
            **OPTIONS,
        },
        state=False,
        mutually_exclusive=[("config", "src", "running_config")],
        required_if=[
            *(("state", state, ("config", "src"), True) for state in (*ACTIONS, "rendered")),
            ("state", "parsed", ("src", "running_config"), True),
        ],
    )
    state = module.params["state"]
    if state == "gathered":
        module.finish(lambda: gather(module))
    if state == "rendered":
        module.finish(lambda: render(module))
    if state == "parsed":
        module.finish(lambda: parse(module))
    module.apply(want, lambda outcome, unused: changed(outcome, module.params["result_rows"]), wait=True)


if __name__ == "__main__":
    main()
