# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How values are read, and what is said of those that are not accepted."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Ref, Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import OWNED, REFERRERS, locator


@pytest.mark.parametrize("spelled", ["00:1A:2b:3c:4d:5e", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e", "001A2B3C4D5E"])
def test_every_usual_spelling_of_a_mac_has_one_normal_form(spelled):
    assert _values.mac(spelled) == "00:1a:2b:3c:4d:5e"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "00:1a:2b:3c:4d", "00:1a:2b:3c:4d:5e:6f", "00:1a-2b:3c:4d:5e", "0:1a:2b:3c:4d:5e", "00:1g:2b:3c:4d:5e",
        "\u0660\u0660:00:00:00:00:00", "0.0.1.a.2b3c4d5e", None, 7,
    ],
)  # fmt: skip
def test_what_is_no_mac(wrong):
    with pytest.raises(ValueError, match="expected a MAC address"):
        _values.mac(wrong)


@pytest.mark.parametrize(
    ("address", "unicast"),
    [("00:00:00:00:00:01", True), ("02:00:00:00:00:01", True), ("01:00:5e:00:00:01", False), ("ff:ff:ff:ff:ff:ff", False)],
)
def test_unicast_and_multicast_are_told_apart(address, unicast):
    good, bad = (_values.unicast_mac, _values.multicast_mac) if unicast else (_values.multicast_mac, _values.unicast_mac)
    assert good(address.upper()) == address
    with pytest.raises(ValueError, match="belongs? in vtep_"):
        bad(address)


@pytest.mark.parametrize(("parse", "value"), [(_values.vlan, 0), (_values.vlan, 4095), (_values.vni, 0), (_values.vni, 16777215)])
def test_the_ends_of_a_range_belong_to_it(parse, value):
    assert parse(value) == parse(str(value)) == value


@pytest.mark.parametrize(
    ("parse", "value"),
    [(_values.vlan, -1), (_values.vlan, 4096), (_values.vni, 16777216), (_values.vni, True), (_values.vni, 5.5), (_values.vni, "x")],
)
def test_beyond_the_ends(parse, value):
    with pytest.raises(ValueError, match="whole number from 0 to"):
        parse(value)


def test_addresses():
    assert _values.ip("2001:DB8:0::1") == "2001:db8::1"
    assert _values.optional_ip("") == ""
    for wrong in ("10.0.0.1/8", "10.0.0", "", "host", None):
        with pytest.raises(ValueError, match="without a prefix length"):
            _values.ip(wrong)


@pytest.mark.parametrize(("value", "address"), [("10.0.0.1", "10.0.0.1"), ("10.0.0.1/8", "10.0.0.1"), ("FD00::1/64", "fd00::1")])
def test_the_address_of_a_host_needs_no_prefix_length(value, address):
    assert _values.host_ip(value) == address


def test_ipv4_as_an_address_an_interface_and_a_network():
    assert _values.ipv4("10.0.0.1") == "10.0.0.1"
    assert str(_values.ipv4_interface("10.0.0.1/8")) == "10.0.0.1/8"
    assert str(_values.ipv4_network("10.0.0.0/8")) == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("parse", "wrong"),
    [
        (_values.host_ip, "10.0.0.300"),
        (_values.ipv4, "fd00::1"),
        (_values.ipv4, "10.0.0.1/8"),
        (_values.ipv4_interface, "10.0.0.1"),
        (_values.ipv4_interface, "fd00::1/64"),
        (_values.ipv4_network, "10.0.0.1/8"),
        (_values.ipv4_network, "fd00::/8"),
    ],
)
def test_what_is_no_such_address(parse, wrong):
    with pytest.raises(ValueError, match="^expected an IPv4 "):
        parse(wrong)


def normal(*rows: Row, label: str | None = None) -> list[Row]:
    place = (lambda index, unused: f"{label}[{index}]") if label else None
    wanted = normalise(Wanted(present=list(rows), place=place))
    # What a database could hold is refused when it would be written.
    plan(wanted, Current(), lenient=True)
    return wanted.present


def test_errors_name_the_option_the_value_and_the_remedy():
    rows = [Row("Ucast_Macs_Remote", ("ls0", "00:00:00:00:00:02"), {"locator": locator("10.1.0.300")})]
    with pytest.raises(UserError, match=r"^locator: '10\.1\.0\.300' is not accepted: expected an IPv4 address"):
        normal(*rows)
    with pytest.raises(UserError, match=r"^entries\[0\]\.locator: "):
        normal(*rows, label="entries")
    with pytest.raises(UserError, match=r"^vlan: 4096 is not accepted: expected a whole number from 0 to 4095"):
        normal(Row("Physical_Port", ("br0", "vm1"), {"vlan_bindings": {4096: Ref("Logical_Switch", ("ls0",))}}))
    with pytest.raises(UserError, match="^logical_switch: '' is not accepted"):
        normal(Row("Physical_Port", ("br0", "vm1"), {"vlan_bindings": {1: Ref("Logical_Switch", ("",))}}))


def test_the_same_row_twice_in_any_spelling():
    first = Row("Ucast_Macs_Remote", ("ls0", "00:00:00:00:00:0a"), {"locator": locator("10.1.0.1")})
    again = Row("Ucast_Macs_Remote", ("ls0", "00-00-00-00-00-0A"), {"locator": locator("10.1.0.1")})
    with pytest.raises(UserError, match=r"entries\[0\] and entries\[1\].*with the same values"):
        normal(first, again, label="entries")


def test_who_refers_to_whom_follows_from_the_columns():
    assert set(REFERRERS["Logical_Switch"]) >= {
        ("Physical_Port", "vlan_bindings"), ("Ucast_Macs_Remote", "logical_switch"), ("Mcast_Macs_Local", "logical_switch"),
        ("Logical_Router", "switch_binding"),
    }  # fmt: skip
    assert REFERRERS["Physical_Switch"] == []
    assert set(OWNED["Physical_Switch"]) == {"Physical_Port", "Tunnel"}
