# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted and current interface -> lines for ip -batch, and what the module refuses. Pure."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.modules.ip_interface import plan, predicted, wanted

DEFAULT = {"to": "default", "via": "10.0.0.254", "metric": 0}
HAVE = {"state": "up", "addresses": ["10.0.0.1/8", "fd00::1/64"], "routes": [DEFAULT], "ipv4_conf": {}, "ipv6": True}
PARAMS = {"name": "eth0", "state": None, "addresses": None, "family": "any", "routes": [], "ipv4_conf": {}, "ipv6": None}


def lines(changes: dict, have: dict | None = None) -> list[str]:
    return plan("eth0", wanted(PARAMS | changes), have or HAVE)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state": "up"},
        {"addresses": ["10.0.0.1/8", "fd00::1/64"]},
        {"addresses": ["10.0.0.1/8"], "family": "ipv4"},
        {"routes": [DEFAULT]},
    ],
)
def test_what_is_right_is_not_touched(changes):
    assert not lines(changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": "down"}, ["link set dev eth0 down"]),
        ({"addresses": [], "family": "ipv4"}, ["address delete 10.0.0.1/8 dev eth0"]),
        ({"addresses": [], "family": "ipv6"}, ["address delete fd00::1/64 dev eth0"]),
        ({"routes": [{"to": "10.0.0.0/8", "via": "", "metric": 7}]}, ["route replace 10.0.0.0/8 dev eth0 metric 7"]),
    ],
)
def test_what_differs_is_changed(changes, expected):
    assert lines(changes) == expected


def test_what_goes_with_a_removed_address_is_set_again():
    have = HAVE | {"addresses": ["10.0.0.1/8", "10.0.0.2/8"]}
    assert lines({"addresses": ["10.0.0.2/8"], "routes": [DEFAULT]}, have) == [
        "address delete 10.0.0.1/8 dev eth0",
        "address replace 10.0.0.2/8 dev eth0",
        "route replace default via 10.0.0.254 dev eth0",
    ]


def test_the_prediction_needs_no_further_change():
    want = wanted(PARAMS | {"state": "down", "addresses": ["10.9.0.1/16"], "family": "ipv4", "routes": [DEFAULT]})
    assert not plan("eth0", want, predicted(want, HAVE))
    assert predicted(want, HAVE)["addresses"] == ["10.9.0.1/16", "fd00::1/64"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a-name-of-16-chr"}, "name: 'a-name-of-16-chr' is not accepted"),
        ({"addresses": ["10.0.0.1"]}, "addresses: '10.0.0.1' is not accepted: expected an address with its prefix length"),
        ({"addresses": ["10.0.0.300/8"]}, "addresses: '10.0.0.300/8' is not accepted"),
        ({"addresses": ["fd00::1/64"], "family": "ipv4"}, "expected an address of family ipv4"),
        ({"routes": [{"to": "10.0.0.1/8", "via": None, "metric": 0}]}, "routes[0].to: '10.0.0.1/8' is not accepted"),
        ({"routes": [{"to": "default", "via": "fd00::1", "metric": 0}]}, "routes[0].via: 'fd00::1' is not accepted"),
        ({"routes": [{"to": "default", "via": "10.0.0.1", "metric": -1}]}, "routes[0].metric: -1 is not accepted"),
        ({"ipv4_conf": {"../x": 1}}, "ipv4_conf: '../x' is not accepted"),
        ({"ipv4_conf": {"arp_ignore": "on"}}, "ipv4_conf.arp_ignore: 'on' is not accepted: expected a number"),
    ],
)
def test_bad_options_are_named(changes, words):
    with pytest.raises(UserError) as caught:
        wanted(PARAMS | changes)
    assert words in str(caught.value)
