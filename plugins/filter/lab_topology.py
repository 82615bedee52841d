# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_topology
short_description: Check a lab's topology and complete it
version_added: 0.1.0
description:
  - Takes the lab as its variables file (C(playbooks/vars/lab.yml)) describes it, and returns what is wrong with it, or
    what follows from it.
options:
  _input:
    description: The topology.
    type: dict
    required: true
    suboptions:
      underlay:
        description: C(lab_underlay), with the keys C(network) (IPv4 network, or a list of them), C(interface) and C(mtu) (626 to 65535 bytes).
        type: dict
        required: true
      bridge:
        description: C(lab_bridge), 1 to 14 letters, digits and C(_ . -).
        type: str
        required: true
      logical_switches:
        description: C(lab_logical_switches), each with the keys C(name) (letters, digits and C(_ . / -)) and C(tunnel_key) (0 to 16777215).
        type: list
        elements: dict
        required: true
      hypervisors:
        description:
          - C(lab_hypervisors), two or more, with the keys C(name), C(underlay_ip) and C(vms), and perhaps C(kind) (V(ovs) by default,
            V(linux) or V(ovn)); or how many to make up.
          - Each of C(vms) has the keys C(name), C(mac) and C(ip) (IPv4 with prefix length), and may have C(logical_switch) (the first one by
            default) and C(vlan) (1 to 4094; by default 0, which stands for frames without a tag).
        type: list
        elements: dict
        required: true
      routers:
        description: C(lab_routers), each with the keys C(name) and C(addresses), one in each of the networks that it joins.
        type: list
        elements: dict
      service_node:
        description: C(lab_service_node), with the keys C(name) and C(underlay_ip).
        type: dict
      controller:
        description:
          - C(lab_controller), who writes the rows of the VTEPs. OVN is a dictionary with the keys C(kind) (V(ovn)), C(name) and C(underlay_ip);
            any other controller is the address that VTEPs connect to, such as V(tcp:10.9.0.1:6640) or V(ssl:10.9.0.1:6640).
        type: raw
      controller_tls:
        description: C(lab_controller_tls), with the keys C(private_key), C(certificate) and C(ca_cert), files of this machine.
        type: dict
      chapters:
        description: C(lab_chapters), the story. See C(playbooks/scenarios/seed.yml).
        type: list
        elements: dict
      name:
        description: C(lab_name). Like all that follow, it is checked where it is given.
        type: str
      driver:
        description: C(lab_driver). With V(docker), what Docker asks for is checked, too.
        type: str
      datapath:
        description: C(openvswitch_datapath).
        type: str
      artifacts:
        description: C(lab_artifacts), a folder of the controller. It may be missing where it can be made.
        type: path
seealso:
  - plugin: vxlanlab.vtep.packet_walk
    plugin_type: filter
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Check the topology
  ansible.builtin.assert:
    that: not lab.problems
    fail_msg: "{{ lab.problems }}"
  vars:
    lab: "{{ topology | vxlanlab.vtep.lab_topology }}"
    topology:
      underlay: {network: 10.0.0.0/8, interface: eth0, mtu: 1500}
      bridge: br0
      logical_switches: [{name: ls0, tunnel_key: 5000}]
      hypervisors:
        - {name: hv1, underlay_ip: 10.0.0.1, vms: [{name: vm1, mac: "00:00:00:00:00:01", ip: 192.168.1.1/24}]}
        - {name: hv2, underlay_ip: 10.1.0.1, vms: [{name: vm2, mac: "00:00:00:00:00:02", ip: 192.168.1.2/24}]}
"""

RETURN = r"""
_value:
  description: The completed topology. Only RV(_value.problems) when there are problems.
  type: dict
  contains:
    problems:
      description:
        - What is wrong, each with the variable, its value and what to use instead, at most 20 of them and a note that there may be more.
        - Empty when all is well.
      type: list
      elements: str
    underlay:
      description: As in the input, with C(mtu) as a number, and C(networks) as a list.
      type: dict
    bridge:
      description: As in the input.
      type: str
    logical_switches:
      description: As in the input, with C(tunnel_key) as numbers.
      type: list
      elements: dict
    routers:
      description: The names of the routers.
      type: list
      elements: str
    service_node:
      description: C(name) and C(underlay_ip) of the service node, or V(null).
      type: dict
    controller:
      description: C(kind), C(name), C(underlay_ip), C(target) and C(tls) of the controller, or V(null).
      type: dict
    wanted:
      description: By VTEP, C(tunnel_ip) and the tables that the controller has to write. Only with a controller and O(_input.chapters).
      type: dict
    bridges:
      description: By hypervisor, the name of its bridge where it is another one than RV(_value.bridge).
      type: dict
    vms:
      description:
        - All VMs, with C(hypervisor), C(logical_switch), C(namespace) (the network namespace that it is in; empty for that of the hypervisor),
          and C(port) and C(vlan) (where the VTEP meets its frames).
      type: list
      elements: dict
    macs:
      description: The MAC addresses of the underlay that are known beforehand, by IP address.
      type: dict
    points:
      description: Where one can listen, by the name of the point, with C(node), C(namespace), C(interface) and C(file).
      type: dict
    afterwards:
      description: What gives the lab back what the topology needs, after the last chapter. Only with O(_input.chapters).
      type: dict
    chapters:
      description: The chapters, completed. Only with O(_input.chapters), like RV(_value.mesh).
      type: list
      elements: dict
    mesh:
      description: By hypervisor, all pings that go through a tunnel, as M(vxlanlab.vtep.lab_ping) takes them.
      type: dict
    tables:
      description: By hypervisor, the tables that its VTEP needs, as M(vxlanlab.vtep.vtep_config) takes them. Only with O(_input.chapters).
      type: dict
    hypervisors:
      description:
        - The hypervisors, each with C(name), C(kind), C(underlay_ip), C(peers) (the underlay addresses of the others), C(vms) and
          C(ports) (the VMs, or the trunk that they are behind, as the role vxlanlab.vtep.vtep_emulator takes them), and C(vm_ports) (the VMs that
          are behind the trunk, each with C(tag), its VLAN).
        - Each VM has C(name), C(mac), C(ip) (with prefix length) and C(address) (without it).
      type: list
      elements: dict
    nodes:
      description: The hypervisors and routers as M(vxlanlab.vtep.lab_netns) takes them.
      type: list
      elements: dict
    spare_address:
      description: The last address of the underlay network that no hypervisor has, or an empty string.
      type: str
    endpoints:
      description: All VMs as the role vxlanlab.vtep.vtep_overlay takes them.
      type: list
      elements: dict
    source:
      description: The VM that pings in the lab's story, with C(hypervisor), the name of its hypervisor, besides the keys of a VM.
      type: dict
    target:
      description: The VM that is pinged, with the same keys.
      type: dict
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import completed as story_completed, mesh
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import MOST_PROBLEMS, completed, folder
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


def folder_problem(path: str) -> str:
    """What keeps the lab from writing into a folder, which may still have to be made; empty when nothing does."""
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        return f"{there} is not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"this user may not write to {there}"


@errors_of("lab_topology")
def lab_topology(topology: Any) -> dict[str, Any]:
    """What is wrong with a topology, or what follows from it."""
    lab = completed(topology)
    if not lab["problems"] and "chapters" in topology:
        story = story_completed(topology["chapters"], lab)
        lab = {"problems": story["problems"]} if story["problems"] else {**lab, **story, "mesh": mesh(lab), "tables": intended(lab)}
        if lab.get("controller"):
            ends = {one["name"]: one["underlay_ip"] for one in lab["hypervisors"] if one["kind"] == "ovs"}
            lab["wanted"] = {host: {"tunnel_ip": address, **lab["tables"][host]} for host, address in ends.items()}
    artifacts = topology.get("artifacts") if isinstance(topology, Mapping) else None
    try:
        problem = folder_problem(folder(artifacts)) if artifacts else ""
    except ValueError:
        # Told already.
        return lab
    if problem:
        words = f"lab_artifacts: {artifacts!r} cannot be used: {problem}. Name a folder that this user may write to."
        return {"problems": [words, *lab["problems"]][:MOST_PROBLEMS]}
    return lab


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"lab_topology": lab_topology}
