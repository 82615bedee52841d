# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a node's host: the same from the playbooks and from the inventory of the lab that they started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_hosts import lab_hosts
from ansible_collections.vxlanlab.vtep.plugins.inventory import lab as inventory
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.hosts import DRIVERS
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import Node

TASKS = Path(__file__).resolve().parents[2] / "playbooks/tasks"
NODES = [
    {"name": "hv1", "interfaces": [{"name": "eth0", "address": "10.0.0.1/8"}]},
    {"name": "hv2", "interfaces": [{"name": "eth1", "address": "10.1.0.1/8"}]},
]
ROUTER = {"name": "r", "interfaces": [{"name": "eth0", "address": "10.0.0.254/16"}, {"name": "eth1", "address": "10.1.0.254/16"}]}


def node(of):
    """What the command line of a running node says."""
    names, addresses = (",".join(its[key] for its in of["interfaces"]) for key in ("name", "address"))
    return Node("lab1", of["name"], addresses, names, 1400)


def test_a_namespace(monkeypatch):
    running = {of["name"]: SimpleNamespace(node=node(of)) for of in [*NODES, ROUTER]}
    monkeypatch.setattr(inventory, "running", lambda lab: running)
    hosts = lab_hosts([*NODES, ROUTER], "lab1", "netns", 1400)
    assert inventory.netns_hosts("lab1") == hosts
    assert hosts["hv2"]["lab_node_ip"] == "10.1.0.1"
    # The role openvswitch keeps to what is there.
    assert "openvswitch_datapath" not in hosts["hv2"]


@pytest.mark.parametrize(("asked", "datapath"), [("auto", "netdev"), ("netdev", "netdev"), ("system", "system")])
def test_a_container_by_the_labels_that_it_is_started_with(asked, datapath):
    hosts = lab_hosts(NODES, "lab1", "docker", 1400, asked)
    tasks = yaml.safe_load((TASKS / "docker_up.yml").read_text())
    [labels] = (task["community.docker.docker_container"]["labels"] for task in tasks if task["name"] == "Start the nodes that do not run")
    for node in NODES:
        variables = {"lab_name": "lab1", "item": {"item": node}, "lab_topology": {"underlay": {"mtu": 1400}}, "lab_hosts": hosts}
        rendered = {name: jinja2.Template(template).render(variables) for name, template in labels.items()}
        assert inventory.labelled(rendered) == (node["name"], hosts[node["name"]])
        assert hosts[node["name"]]["openvswitch_datapath"] == datapath


def test_every_driver_has_its_tasks():
    assert {path.name.removesuffix("_up.yml") for path in TASKS.glob("*_up.yml")} == set(DRIVERS)


def test_another_driver_is_refused():
    with pytest.raises(AnsibleFilterError, match="driver: 'vagrant' is not a driver. Use netns or docker"):
        lab_hosts(NODES, "lab1", "vagrant", 1500)
