# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as a topology to verify: it asks for the same as that of the lab with these endpoints, and says what it cannot take."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_topology import overlay_topology
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import mesh
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.verify import entrances
from ansible_collections.vxlanlab.vtep.tests.unit.test_forwarding import NAMES, scenario
from ansible_collections.vxlanlab.vtep.tests.unit.test_verify import right, told


def made(lab):
    nodes = [lab["service_node"]["underlay_ip"]] if lab["service_node"] else []
    return overlay_topology(lab["endpoints"], lab["logical_switches"], nodes, lab["underlay"]["mtu"])


# Hosts of the role are of one kind.
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"mixed", "ovn"}))
def test_it_asks_for_what_the_lab_of_these_endpoints_asks_for(name):
    lab, unused = scenario(name)
    topology = made(lab)
    assert intended(topology) == intended(lab)
    for hypervisor in lab["hypervisors"]:
        asked, wanted = (
            [
                (one.port, one.vlan, one.source, one.switch, one.vni, one.ports, one.tunnels, one.spare_ports)
                for one in entrances(of, hypervisor["name"])
            ]
            for of in (topology, lab)
        )
        assert asked == wanted
    assert told(topology, right(topology)) == []


def test_from_a_trunk_and_from_a_port_of_several_nobody_pings():
    lab, unused = scenario("tenants")
    assert not any(vm["interface"] for vm in made(lab)["vms"])
    seed, unused = scenario("seed")
    assert mesh(made(seed))["hv1"] == [{"interface": "vm1", "namespace": "", "address": "192.168.1.2"}]
    behind = dict(seed["endpoints"][0], mac="00:00:00:00:00:09", ip="2001:db8::9")
    topology = overlay_topology([*seed["endpoints"], behind], seed["logical_switches"])
    assert [vm["name"] for vm in topology["vms"]] == ["hv1/vm1 00:00:00:00:00:01", "hv2/vm2", "hv1/vm1 00:00:00:00:00:09"]
    assert [vm["interface"] for vm in topology["vms"]] == ["", "vm2", ""]
    # Nothing goes from a port to the same port.
    assert all(one.port not in one.ports for one in entrances(topology, "hv1"))
    assert topology["vms"][2]["address"] == "0.0.0.0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"endpoints": []}, "expected a list with at least one endpoint"),
        ({"endpoints": "x"}, "expected a list of endpoints"),
        ({"switches": {}}, "switches: expected a list of dictionaries"),
        ({"switches": [{"name": "ls0"}]}, "switches[0].tunnel_key: None is not accepted"),
        (
            {"switches": [{"name": "other", "tunnel_key": 1}]},
            "(host hv1, port vm1): logical_switch: 'ls0' is not accepted: expected one of other",
        ),
        ({"service_nodes": ["10.9.0.1", "10.9.0.2"]}, "service_nodes: '10.9.0.1, 10.9.0.2' is not accepted: expected one service node"),
        ({"service_nodes": ["10.0.0.1"]}, "service_nodes: 10.0.0.1 is the VTEP of host hv1"),
    ],
)
def test_what_is_refused(options, words):
    lab, unused = scenario("seed")
    with pytest.raises(AnsibleFilterError) as caught:
        overlay_topology(**{"endpoints": lab["endpoints"], "switches": lab["logical_switches"], **options})
    assert words in str(caught.value)
