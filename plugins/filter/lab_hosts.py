# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_hosts
short_description: Host variables for the nodes of a lab
version_added: 0.1.0
description:
  - Returns the variables that Ansible needs to reach the nodes of a lab. The inventory plugin P(vxlanlab.vtep.lab#inventory) gives
    the same variables to the nodes of a running lab.
positional: lab, driver, mtu
options:
  _input:
    description: The nodes, as P(vxlanlab.vtep.lab_topology#filter) returns them.
    type: list
    elements: dict
    required: true
  lab:
    description: Name of the lab.
    type: str
    required: true
  driver:
    description: Whether the nodes are namespaces (V(netns)) or containers (V(docker)).
    type: str
    choices: [netns, docker]
    required: true
  mtu:
    description: MTU of the underlay in bytes.
    type: int
    required: true
  datapath:
    description: Requested Open vSwitch datapath. A container uses V(netdev) unless this is V(system).
    type: str
    default: auto
    choices: [auto, system, netdev]
seealso:
  - plugin: vxlanlab.vtep.lab
    plugin_type: inventory
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Add the nodes of a lab to the inventory
  ansible.builtin.add_host: "{{ {'name': item.key} | combine(item.value) }}"
  loop: "{{ nodes | vxlanlab.vtep.lab_hosts('vxlanlab', 'netns', 1500) | dict2items }}"
  vars:
    nodes: [{name: hv1, interfaces: [{name: eth0, address: 10.0.0.1/8}]}]
"""

RETURN = r"""
_value:
  description: The variables of each host, by host name.
  type: dict
  sample:
    hv1:
      ansible_connection: community.docker.docker
      ansible_host: vxlanlab-hv1
      ansible_python_interpreter: /usr/bin/python3
      lab_node_address: 10.0.0.1/8
      lab_node_interface: eth0
      lab_node_ip: 10.0.0.1
      lab_node_kind: hypervisor
      lab_node_mtu: 1500
      openvswitch_datapath: netdev
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.hosts import DRIVERS, host_variables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import HYPERVISOR, Node


def lab_hosts(nodes: Sequence[Mapping[str, Any]], lab: str, driver: str, mtu: int, datapath: str = "auto") -> dict[str, dict[str, Any]]:
    if driver not in DRIVERS:
        raise AnsibleFilterError(f"driver: {driver!r} is not a driver. Use {' or '.join(DRIVERS)}.")
    of = [
        Node(
            lab,
            node["name"],
            ",".join(its["address"] for its in node["interfaces"]),
            ",".join(its["name"] for its in node["interfaces"]),
            mtu,
            kind=node.get("kind", HYPERVISOR),
        )
        for node in nodes
    ]
    return {node.name: host_variables(driver, node, sys.executable, datapath) for node in of}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lab_hosts": lab_hosts}
