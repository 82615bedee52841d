#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_netns
short_description: Create and remove a lab whose nodes are Linux namespaces
version_added: 0.1.0
description:
  - Makes lab nodes out of Linux namespaces, without a container engine and without an image. A node has its own
    network, processes, host name and IPC; its own C(/proc), C(/sys) and C(/run); its own C(/etc/openvswitch),
    C(/var/lib/openvswitch) and C(/var/log/openvswitch) where the host has these directories.
    The rest of the file system is the host's.
  - All nodes are joined by one Linux bridge, the underlay, which lives in a namespace of its own. No interface,
    route, mount or file of the host changes.
  - The lab consists of processes alone, and is found again by their command lines. It outlives the task that made it,
    but not a restart of the machine.
  - A task is all or nothing. If one node cannot be made, the nodes that the task made are removed again; if the task
    is killed, they end by themselves.
  - One task at a time changes a lab; another one waits for it, up to its O(timeout). What keeps it out is a lock on a file in C(/run)
    that only root can open, and that is there only as long as the task.
options:
  name:
    description:
      - Name of the lab. Labs with different names run side by side.
      - 1 to 32 letters, digits, C(_) and C(-).
    type: str
    default: vxlanlab
  state:
    description:
      - V(present) makes sure that the nodes in O(nodes) run and are wired, and that the lab has no other nodes.
        A node that is right is left alone. A node whose address, interface or MTU differs is removed, with all that
        runs in it, and made again.
      - V(absent) kills all processes of the lab, with all that runs in its nodes, and waits for their end.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description:
      - The nodes of the lab. Required when O(state=present), ignored when O(state=absent).
      - Each network that they have addresses in is a bridge of its own. Nodes with interfaces in several networks join them.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the node, also its host name and the name of its port on the underlay bridge.
          - 1 to 15 letters, digits and C(-); unique in the lab. V(underlay), V(lo), V(all), V(default), V(localhost)
            and V(ungrouped) are reserved.
        type: str
        required: true
      kind:
        description:
          - What the node is in the lab, for the inventory. V(linux) is a hypervisor without Open vSwitch, V(ovn) one of OVN, V(controller) has what writes the
            VTEPs' databases. V(router) forwards packets between
            its interfaces. By default V(router) for a node with two or more interfaces, and V(hypervisor) for others.
        type: str
        choices: [hypervisor, linux, ovn, router, service_node, controller]
      address:
        description:
          - IPv4 address of the node in the underlay, with its prefix length, for example V(10.0.0.1/8).
          - It may move to another interface of the node later, for example to a bridge of the userspace datapath.
          - Give either this or O(nodes[].interfaces).
        type: str
      interface:
        description:
          - Name of the node's interface in the underlay, 1 to 15 characters.
        type: str
        default: eth0
      interfaces:
        description:
          - The interfaces of a router, in place of O(nodes[].address). Each is in another network of the underlay. A node with two or more
            interfaces has a name of up to 13 characters.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the interface, 1 to 15 characters.
            type: str
            required: true
          address:
            description: IPv4 address of the node in this network, with its prefix length.
            type: str
            required: true
      routes:
        description:
          - Networks that the node reaches over a gateway. They may move to another interface together with the address.
        type: list
        elements: dict
        default: []
        suboptions:
          to:
            description: IPv4 network, for example V(10.1.0.0/16); V(0.0.0.0/0) for all others.
            type: str
            required: true
          via:
            description: IPv4 address of the gateway, in a network of the node.
            type: str
            required: true
  mtu:
    description:
      - MTU of the underlay and of the nodes' interfaces in bytes, 576 to 65535.
    type: int
    default: 1500
  timeout:
    description:
      - Time for the whole task in seconds, 1 to 2,000,000.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: >-
      Can run in C(check_mode) and return changed status prediction without modifying the lab. With O(state=absent), it then needs no
      root.
  diff_mode:
    support: full
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Linux 5.3 or later
  - root (use C(become))
  - the programs C(unshare), C(nsenter) and C(mount) (util-linux) and C(ip) (iproute2)
  - C(/dev/net/tun)
notes:
  - IPv6 is off in the nodes, so that no router solicitation and no multicast listener report gets into a capture.
  - The MAC address of a node's interface is C(02:42) followed by the four bytes of its address.
  - Where systemd-logind is set to kill a user's processes at logout (C(KillUserProcesses=yes) in C(logind.conf(5))),
    the lab ends with the login session that made it.
seealso:
  - plugin: vxlanlab.vtep.netns
    plugin_type: connection
    description: Run tasks in a node.
  - plugin: vxlanlab.vtep.lab
    plugin_type: inventory
    description: The running lab as an inventory.
  - name: namespaces(7)
    description: Manual page on Linux namespaces.
    link: https://man7.org/linux/man-pages/man7/namespaces.7.html
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Start two hypervisors
  vxlanlab.vtep.lab_netns:
    name: vxlanlab
    nodes:
      - name: hv1
        address: 10.0.0.1/8
      - name: hv2
        address: 10.1.0.1/8
  become: true

- name: Start two hypervisors in different networks, and a router between them
  vxlanlab.vtep.lab_netns:
    name: routed
    nodes:
      - name: hv1
        address: 10.0.0.1/16
        routes: [{to: 10.1.0.0/16, via: 10.0.0.254}]
      - name: hv2
        address: 10.1.0.1/16
        routes: [{to: 10.0.0.0/16, via: 10.1.0.254}]
      - name: router
        interfaces:
          - {name: eth0, address: 10.0.0.254/16}
          - {name: eth1, address: 10.1.0.254/16}
  become: true

- name: Remove the lab and all that runs in it
  vxlanlab.vtep.lab_netns:
    name: vxlanlab
    state: absent
  become: true
"""

RETURN = r"""
labs:
  description: The names of all labs of namespaces that run on this machine when the task ends.
  returned: success
  type: list
  elements: str
  sample: [vxlanlab]
nodes:
  description: The nodes of the lab as they are now, without the underlay. Sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    kind:
      description: What it is, as in O(nodes[].kind).
      type: str
    pid:
      description: PID, on the host, of the node's PID 1. V(null) in check mode for a node that would be made.
      type: int
    address:
      description: Underlay address with its prefix length.
      type: str
    interface:
      description: Name of the underlay interface.
      type: str
    mac:
      description: MAC address of the underlay interface.
      type: str
    mtu:
      description: MTU of the underlay interface in bytes.
      type: int
    interfaces:
      description: All its interfaces, each with C(name), C(address) and C(mac). The first one is that above.
      type: list
      elements: dict
    routes:
      description: Its routes over gateways, each with C(to) and C(via).
      type: list
      elements: dict
  sample:
    - name: hv1
      kind: hypervisor
      pid: 4711
      address: 10.0.0.1/8
      interface: eth0
      mac: "02:42:0a:00:00:01"
      mtu: 1500
      interfaces: [{name: eth0, address: 10.0.0.1/8, mac: "02:42:0a:00:00:01"}]
      routes: []
underlay:
  description: The node that holds the bridges of the underlay; V(null) when the lab does not run.
  returned: success
  type: dict
  contains:
    pid:
      description: PID, on the host, of the underlay's PID 1. V(null) in check mode when it would be made.
      type: int
    bridges:
      description: The bridges, as names by network.
      type: dict
    mtu:
      description: MTU of the bridge in bytes.
      type: int
  sample:
    pid: 4709
    bridges: {10.0.0.0/8: underlay}
    mtu: 1500
"""

import os
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.netns import Lab, preflight, preflight_absent
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import KINDS, UNDERLAY, Node, wanted_nodes
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import check_timeout, labs
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish


def shown(nodes: dict[str, tuple[Node, int | None]]) -> dict[str, Any]:
    """The nodes, each with the PID of its PID 1, as the result shows them."""
    underlay = None
    if UNDERLAY in nodes:
        node, pid = nodes[UNDERLAY]
        underlay = {"pid": pid, "bridges": node.bridges, "mtu": node.mtu}
    return {
        "nodes": [dict(node.facts(), pid=pid) for name, (node, pid) in sorted(nodes.items()) if name != UNDERLAY],
        "underlay": underlay,
    }


def run(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    # The path of a user who became root may lack ip(8).
    os.environ["PATH"] = ":".join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    check_timeout(options["timeout"])
    lab = Lab(options["name"], options["timeout"])
    if options["state"] == "absent":
        with lab.locked():
            lab.look()
            lab.plan_absent()
            if lab.changed and not check_mode:
                preflight_absent()
            return carried_out(lab, check_mode)
    wanted = wanted_nodes(options["name"], options["nodes"], options["mtu"])
    preflight(lab.deadline)
    with lab.locked():
        lab.look()
        lab.plan(wanted, options["mtu"])
        return carried_out(lab, check_mode)


def carried_out(lab: Lab, check_mode: bool) -> dict[str, Any]:
    """The result of what is planned: done, or in check mode foretold."""
    before, after = lab.before(), lab.after()
    nodes: dict[str, tuple[Node, int | None]]
    if check_mode:
        nodes = {name: (process.node, process.pid) for name, process in lab.running.items() if name in after}
        nodes.update((node.name, (node, None)) for node in lab.created)
    else:
        lab.apply()
        nodes = {name: (process.node, process.pid) for name, process in lab.nodes().items()}
    return {"changed": lab.changed, "diff": {"before": before, "after": after}, "labs": labs(), **shown(nodes)}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "vxlanlab"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "nodes": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "kind": {"type": "str", "choices": list(KINDS)},
                    "address": {"type": "str"},
                    "interface": {"type": "str", "default": "eth0"},
                    "interfaces": {
                        "type": "list",
                        "elements": "dict",
                        "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
                    },
                    "routes": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {"to": {"type": "str", "required": True}, "via": {"type": "str", "required": True}},
                    },
                },
                "required_one_of": [("address", "interfaces")],
                "mutually_exclusive": [("address", "interfaces")],
            },
            "mtu": {"type": "int", "default": 1500},
            "timeout": {"type": "int", "default": 30},
        },
        required_if=[("state", "present", ["nodes"])],
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
