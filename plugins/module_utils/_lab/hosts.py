# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible has to know of a lab node, by driver. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import Node

#: Where the kernel's datapath was not asked for, a container cannot use it, whatever the kernel has.
CONTAINER_DATAPATH = "netdev"

Variables = dict[str, Any]


def _netns(node: Node, python: str, _datapath: str) -> Variables:
    # A node has the controller's file system, so its very interpreter is there.
    return {
        "ansible_connection": "vxlanlab.vtep.netns",
        "ansible_netns_lab": node.lab,
        "ansible_netns_node": node.name,
        "ansible_python_interpreter": python,
    }


def _docker(node: Node, _python: str, datapath: str) -> Variables:
    return {
        "ansible_connection": "community.docker.docker",
        "ansible_host": f"{node.lab}-{node.name}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "openvswitch_datapath": datapath if datapath == "system" else CONTAINER_DATAPATH,
    }


DRIVERS: Mapping[str, Callable[[Node, str, str], Variables]] = {"netns": _netns, "docker": _docker}


def host_variables(driver: str, node: Node, python: str, datapath: str = "") -> Variables:
    """The variables of a node's host.

    ``python`` is the controller's interpreter. ``datapath`` is the one that was asked for when the node was made.
    """
    return DRIVERS[driver](node, python, datapath) | {
        "lab_node_address": node.interfaces[0].address,
        "lab_node_ip": node.ip,
        "lab_node_interface": node.interfaces[0].name,
        "lab_node_mtu": node.mtu,
        "lab_node_kind": node.kind,
    }
