# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted and current bridge -> changes, and what the module refuses. Pure."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vswitch import Bridge, Port, plan
from ansible_collections.vxlanlab.vtep.plugins.modules.ovs_bridge import predicted, wanted_bridge

VM1 = Port("internal", "00:00:00:00:00:01", 1450)
BR0 = Bridge("netdev", "secure", {"hwaddr": "00:00:00:00:00:aa"}, {"a": "b"}, {"vm1": dataclasses.replace(VM1, ofport=1)})


def test_a_new_bridge_gets_everything_that_is_wanted():
    changes = plan(Bridge("netdev", "secure", ports={"vm1": VM1}), None)
    assert changes.create and changes.added == ["vm1"]
    assert changes.bridge == {"datapath_type": "netdev", "fail_mode": "secure"}
    assert changes.ports == {"vm1": {"type": "internal", "mac": "00:00:00:00:00:01", "mtu_request": 1450}}


def test_a_bridge_that_is_right_is_not_touched():
    assert not plan(Bridge("netdev", "secure", {"hwaddr": "00:00:00:00:00:aa"}, ports={"vm1": VM1}), BR0)
    assert not plan(Bridge(), BR0)


@pytest.mark.parametrize(
    ("wanted", "bridge", "ports"),
    [
        (Bridge(fail_mode="standalone"), {"fail_mode": "standalone"}, {}),
        (Bridge(external_ids={"a": "b", "c": "d"}), {"external_ids": {"c": "d"}}, {}),
        (Bridge(ports={"vm1": Port(mtu_request=1400)}), {}, {"vm1": {"mtu_request": 1400}}),
        (Bridge(ports={"vm1": Port(options={"key": "flow"})}), {}, {"vm1": {"options": {"key": "flow"}}}),
        (Bridge(ports={"vm1": Port(tag=10)}), {}, {"vm1": {"tag": 10}}),
    ],
)
def test_only_what_differs_is_changed(wanted, bridge, ports):
    changes = plan(wanted, BR0)
    assert (changes.create, changes.added, changes.bridge, changes.ports) == (False, [], bridge, ports)


def test_a_missing_port_is_added_and_the_others_stay():
    changes = plan(Bridge(ports={"vm2": Port("internal")}), BR0)
    assert (changes.create, changes.added, changes.ports) == (False, ["vm2"], {"vm2": {"type": "internal"}})


def test_the_prediction_is_what_the_changes_lead_to():
    wanted = Bridge("netdev", "standalone", {"x": "y"}, ports={"vm1": Port(mtu_request=1400), "vm2": Port("internal")})
    after = predicted(wanted, BR0)
    assert not plan(wanted, after)
    assert after.ports["vm1"] == Port("internal", "00:00:00:00:00:01", 1400, ofport=1)
    assert after.external_ids == {"a": "b"}


GOOD_PORT = {"name": "vm1", "type": "internal", "mac": None, "mtu": None, "options": None, "tag": None}
GOOD = {"name": "br0", "timeout": 10, "datapath_type": None, "fail_mode": None, "other_config": {}, "external_ids": {}, "ports": []}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a-name-of-16-chr"}, "name: 'a-name-of-16-chr' is not accepted: expected 1 to 15 characters"),
        ({"timeout": 0}, "timeout: 0 is not accepted"),
        ({"ports": [GOOD_PORT, GOOD_PORT]}, "ports[1].name: 'vm1' is not accepted: expected a name that is used once"),
        ({"ports": [GOOD_PORT | {"name": "br0"}]}, "ports[0].name: 'br0' is not accepted"),
        (
            {"ports": [GOOD_PORT | {"mac": "01:00:5e:00:00:01"}]},
            "ports[0].mac: '01:00:5e:00:00:01' is not accepted: expected a unicast MAC",
        ),
        ({"ports": [GOOD_PORT | {"mtu": 67}]}, "ports[0].mtu: 67 is not accepted: expected a whole number from 68 to 65535"),
        ({"ports": [GOOD_PORT | {"tag": 4095}]}, "ports[0].tag: 4095 is not accepted: expected a whole number from 1 to 4094"),
        ({"ports": [GOOD_PORT | {"options": {"key": "flow"}}]}, "ports[0].options: {'key': 'flow'} is not accepted: expected no value"),
        ({"ports": [GOOD_PORT | {"type": "vxlan"}]}, "ports[0].options: None is not accepted: expected remote_ip"),
        ({"ports": [GOOD_PORT | {"type": "system", "mtu": 1450}]}, "ports[0].mtu: 1450 is not accepted: expected no value"),
    ],
)
def test_bad_options_are_named(changes, words):
    with pytest.raises(UserError) as caught:
        wanted_bridge(GOOD | changes)
    assert words in str(caught.value)


def test_numbers_in_maps_become_text():
    assert wanted_bridge(GOOD | {"other_config": {"mac-aging-time": 300}}).other_config == {"mac-aging-time": "300"}


def test_a_mac_in_any_spelling_becomes_that_of_the_database():
    assert wanted_bridge(GOOD | {"ports": [GOOD_PORT | {"mac": "00-00-00-00-00-0A"}]}).ports["vm1"].mac == "00:00:00:00:00:0a"
