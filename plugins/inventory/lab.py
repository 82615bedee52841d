# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab
short_description: The nodes of a running VXLAN lab
version_added: 0.1.0
description:
  - Lists the nodes of a lab that runs on this machine in the group C(lab_nodes), with the variables that Ansible needs to run tasks in
    them. Hypervisors are also in the group C(vtep_hypervisors), or C(linux_hypervisors) where the VTEP is the Linux kernel.
  - Finds nodes created by M(vxlanlab.vtep.lab_netns), which does not require root. Also finds nodes that are containers, provided
    that the Docker SDK for Python is installed and a Docker engine is running.
  - If the lab is not running, the inventory is empty and the plugin warns.
options:
  plugin:
    description: Must be V(vxlanlab.vtep.lab).
    type: str
    required: true
    choices: [vxlanlab.vtep.lab]
  lab:
    description: Name of the lab.
    type: str
    default: vxlanlab
notes:
  - The file name must end with C(.vtep_lab.yml) or C(.vtep_lab.yaml).
  - Each host has the variables C(lab_node_address) (underlay address with prefix length), C(lab_node_ip) (the same without prefix
    length), C(lab_node_interface), C(lab_node_mtu) (in bytes) and C(lab_node_kind) (V(hypervisor), V(linux), V(ovn),
    V(router), V(service_node) or V(controller)).
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
# lab.vtep_lab.yml
---
plugin: vxlanlab.vtep.lab
lab: vxlanlab

# ansible -i lab.vtep_lab.yml hv1 -m command -a 'vtep-ctl show'
"""

import sys
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.display import Display

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.hosts import host_variables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import Node, check_lab_name
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import running

NODES = "lab_nodes"
#: Kind of node -> its group.
GROUPS = {"hypervisor": "vtep_hypervisors", "linux": "linux_hypervisors", "ovn": "ovn_hypervisors", "controller": "lab_controllers"}
display = Display()


def netns_hosts(lab: str) -> dict[str, dict[str, Any]]:
    """name -> host variables of the nodes that are namespaces on this machine."""
    return {name: host_variables("netns", process.node, sys.executable) for name, process in sorted(running(lab).items())}


def docker_hosts(lab: str) -> dict[str, dict[str, Any]]:
    """name -> host variables of the nodes that are containers; none where Docker is not in use."""
    try:
        import docker
    except ImportError:
        return {}
    try:
        client = docker.from_env(timeout=10)
        try:
            containers = client.containers.list(filters={"label": ["vxlanlab.node", f"vxlanlab.lab={lab}"]}, ignore_removed=True)
        finally:
            client.close()
    except (docker.errors.DockerException, OSError) as error:
        display.vvv(f"lab {lab!r}: no Docker engine was asked for its containers: {error}")
        return {}
    return dict(sorted(labelled(container.labels) for container in containers))


def labelled(of: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Name and host variables of a container by its labels."""
    node = Node(of["vxlanlab.lab"], of["vxlanlab.node"], of["vxlanlab.address"], of["vxlanlab.interface"], int(of["vxlanlab.mtu"]))
    return node.name, host_variables("docker", node, sys.executable, of.get("vxlanlab.datapath", ""))


# One function a driver.
SOURCES = (netns_hosts, docker_hosts)


class InventoryModule(BaseInventoryPlugin):
    NAME = "vxlanlab.vtep.lab"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith((".vtep_lab.yml", ".vtep_lab.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache=cache)
        self._read_config_data(path)
        lab = self.get_option("lab")
        try:
            check_lab_name(lab)
        except UserError as error:
            raise AnsibleParserError(f"{path}: option lab, {error}") from error
        for group in (NODES, *GROUPS.values()):
            self.inventory.add_group(group)
        for source in SOURCES:
            for name, variables in source(lab).items():
                self.inventory.add_host(name, group=NODES)
                if variables["lab_node_kind"] in GROUPS:
                    self.inventory.add_host(name, group=GROUPS[variables["lab_node_kind"]])
                for key, value in variables.items():
                    self.inventory.set_variable(name, key, value)
        if not self.inventory.groups[NODES].hosts:
            display.warning(f"lab {lab!r} does not run on this machine, so {path} lists no hosts. Start it: make lab")
