# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a fabric: each defect is found and named, nothing else is, and nothing is where nothing is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.audit import KINDS, SEVERITIES
from ansible_collections.vxlanlab.vtep.tests.unit.fabric_world import (
    DEFECTS,
    OWN,
    audited,
    broken,
    databases,
    endpoints,
    found,
    mac,
    remote,
)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found_and_named_and_nothing_else(name):
    defect = DEFECTS[name]
    report = audited(broken(defect), endpoints() if defect.compared else None, **defect.options)
    assert sorted(found(report)) == sorted(defect.found)
    for one in report.findings:
        assert one.row and one.seen and one.wanted and one.advice and one.count > 0
        for task in yaml.safe_load(one.remedy) or ():
            (module,) = set(task) - {"name"}
            assert module.startswith("vxlanlab.vtep.vtep_") and task[module]["database"].startswith("unix:/run/leaf")


def test_every_kind_is_among_the_defects():
    assert {kind for defect in DEFECTS.values() for kind, _vtep in defect.found} | {"wanted_multicast"} == set(KINDS)


# -- clean fabrics --------------------------------------------------------------------------------------------------


@st.composite
def fabrics(draw):
    """Endpoints of a few hosts, any of which may share a port, a VLAN or nothing at all with others."""
    ends = []
    for number in range(draw(st.integers(1, 12))):
        host, port, vlan = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
        # A VLAN of a port is on one logical switch.
        switch = draw(st.sampled_from(["blue", "red", "a b", "0"]))
        place = (f"h{host}", f"p{port}", vlan)
        switch = next((one["logical_switch"] for one in ends if (one["host"], one["port"], one["vlan"]) == place), switch)
        where = {"host": f"h{host}", "physical_switch": f"s{host}", "port": f"p{port}", "vlan": vlan, "logical_switch": switch}
        ends.append({**where, "mac": mac(number), "ip": f"192.168.0.{number}", "vtep": f"10.0.0.{host}"})
    return ends


@settings(deadline=None, max_examples=40)
@given(ends=fabrics(), with_locals=st.booleans(), service_nodes=st.sampled_from([[], ["10.0.1.1"], ["10.0.1.1", "10.0.1.2"]]))
def test_what_the_role_writes_is_clean(ends, with_locals, service_nodes):
    dbs = databases(ends, service_nodes, with_locals)
    assert found(audited(dbs, ends, service_nodes=service_nodes)) == []
    # Without the endpoints, nobody knows that they are meant to be alone.
    places: dict[str, set] = {}
    for one in ends:
        places.setdefault(one["logical_switch"], set()).add((one["host"], one["port"], one["vlan"]))
    alone = [("binding_without_peer", host) for held in places.values() if len(held) == 1 for host, _port, _vlan in held]
    assert sorted(found(audited(dbs, service_nodes=service_nodes))) == sorted(alone)


@settings(deadline=None, max_examples=40)
@given(ends=fabrics(), unread=st.sets(st.integers(1, 5)), known=st.booleans())
def test_vteps_that_are_not_read_are_no_reason_to_blame_others(ends, unread, known):
    dbs = databases(ends)
    lost = {host for host in dbs if int(host[1:]) in unread}
    addresses = {host: [f"10.0.0.{host[1:]}"] for host in lost} if known else {}
    report = audited({host: None if host in lost else db for host, db in dbs.items()}, ends, known=addresses)
    assert {one.vteps[0] for one in report.findings if one.severity != "note"} == lost
    assert known is False or {one.kind for one in report.findings} <= {"not_read"}


def test_an_address_may_have_moved_to_a_vtep_that_is_not_read():
    dbs = databases(endpoints())
    DEFECTS["leaf1 takes the blue address of leaf2 for that of leaf3"].change(dbs)
    assert found(audited(dbs)) == [("remote_elsewhere", "leaf1")]
    assert found(audited({**dbs, "leaf3": None}, known={"leaf3": [OWN["leaf3"]]})) == [("not_read", "leaf3")]


@settings(deadline=None, max_examples=40)
@given(data=st.data(), ends=fabrics())
def test_a_remote_row_that_is_lost_is_found(data, ends):
    dbs = databases(ends)
    rows = [
        (host, name, branch, key)
        for host, db in dbs.items()
        for name, switch in db["logical_switches"].items()
        for branch in ("ucast_remote", "mcast_remote")
        for key in switch[branch]
    ]
    if rows:
        host, name, branch, key = data.draw(st.sampled_from(rows))
        del dbs[host]["logical_switches"][name][branch][key]
        assert {one.vteps[0] for one in audited(dbs, ends).findings} == {host}


# -- what is declared -----------------------------------------------------------------------------------------------


def pair():
    """Six leaves, of which the last two share the address of the first of them."""
    dbs = json.loads(json.dumps(databases(endpoints())).replace(OWN["leaf6"], OWN["leaf5"]))
    for host in ("leaf5", "leaf6"):
        blue = dbs[host]["logical_switches"]["blue"]
        blue["ucast_remote"] = {key: row for key, row in blue["ucast_remote"].items() if row["locator"] != OWN["leaf5"]}
    for db in dbs.values():
        locators = db["logical_switches"]["blue"]["mcast_remote"]["unknown-dst"]["locators"]
        locators[:] = sorted(set(locators) - set(next(iter(db["physical_switches"].values()))["tunnel_ips"]))
    return dbs


def test_a_pair_that_is_declared_is_one_vtep():
    assert found(audited(pair(), mlag=[["leaf5", "leaf6"]])) == []
    dbs = pair()
    # Both may know what is behind either of them.
    dbs["leaf6"]["logical_switches"]["blue"]["ucast_local"] |= dbs["leaf5"]["logical_switches"]["blue"]["ucast_local"]
    assert found(audited(dbs, mlag=[["leaf5", "leaf6"]])) == []
    # A part of a pair is not left out of the other rules.
    del dbs["leaf6"]["logical_switches"]["blue"]["mcast_remote"]["unknown-dst"]
    assert found(audited(dbs, mlag=[["leaf5", "leaf6"]])) == [("flood_one_sided", "leaf6")]


def test_a_pair_that_is_not_declared_is_one_finding():
    assert found(audited(pair())) == [("duplicate_address", "leaf5")]
    assert found(audited(pair(), mlag=[["leaf4", "leaf5"]])) == [("duplicate_address", "leaf5")]


def test_a_remote_row_to_a_pair_is_right_where_one_of_them_has_the_network():
    dbs = pair()
    dbs["leaf6"]["physical_switches"]["leaf6"]["ports"]["eth1"]["vlan_bindings"] = {}
    assert found(audited(dbs, mlag=[["leaf5", "leaf6"]])) == []


def test_service_nodes_and_other_vteps_are_known_addresses():
    dbs = databases(endpoints(), ["10.0.1.1"])
    assert found(audited(dbs, service_nodes=["10.0.1.1"])) == []
    unknown = found(audited(dbs))
    assert {kind for kind, _vtep in unknown} == {"foreign_locator"} and len(unknown) == 10
    dbs = databases(endpoints())
    remote("leaf1", "blue", mac(999), "10.0.2.1")(dbs)
    assert found(audited(dbs)) == [("foreign_locator", "leaf1")]
    assert found(audited(dbs, other_vteps=["10.0.2.1"])) == []


def test_a_flood_list_that_should_lead_to_a_service_node():
    dbs = databases(endpoints())
    report = audited(dbs, endpoints(), service_nodes=["10.0.1.1"])
    assert {one.kind for one in report.findings} == {"wanted_multicast"} and len(report.findings) == 10
    # Of a long list not all is shown, but what differs is.
    ends = endpoints(9, {"blue": range(1, 10)})
    first = audited(databases(ends), ends, service_nodes=["10.0.1.1"]).findings[0]
    others = "10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7 and 2 more"
    assert first.seen == f"{others}: 10.0.1.1 not among them, {others} not wanted"


def test_a_switch_with_keys_of_its_locators_needs_no_vni():
    """The other model of vtep.5, Logical_Switch, tunnel_key."""
    dbs = databases(endpoints(2, {"blue": [1, 2]}))
    for db in dbs.values():
        blue = db["logical_switches"]["blue"]
        blue["tunnel_key"] = None
        for row in blue["ucast_remote"].values():
            row["locator_tunnel_key"] = 77
    assert found(audited(dbs)) == []


def test_two_networks_with_one_vni_on_different_vteps():
    """Names tell them apart, and each VTEP's own rows are right; on the wire they are one."""
    dbs = databases(endpoints(4, {"blue": [1, 2], "red": [3, 4]}))
    for host in ("leaf3", "leaf4"):
        dbs[host]["logical_switches"]["red"]["tunnel_key"] = 5000
    kinds = {one.kind for one in audited(dbs).findings}
    assert "name_mismatch" in kinds


# -- what the endpoints say -----------------------------------------------------------------------------------------


def test_an_endpoint_that_is_no_more_is_told_where_it_was_and_nobody_is_to_flood_there():
    """leaf2 and leaf3 are a pair; the only red endpoint of leaf1 is gone from the list, and the role has left it there."""
    mlag = [["leaf2", "leaf3"]]
    ends = endpoints(3, {"blue": [1, 2, 3], "red": [1, 3]})
    for one in ends[1:]:
        one["vtep"] = OWN["leaf3"] if one["host"] != "leaf1" else one["vtep"]
    left = [one for one in ends if (one["host"], one["logical_switch"]) != ("leaf1", "red")]
    dbs = {**databases(left, mlag=mlag), "leaf1": databases(ends, mlag=mlag)["leaf1"]}
    report = audited(dbs, left, mlag=mlag)
    assert found(report) == [("unwanted_binding", "leaf1"), ("unwanted_unicast", "leaf1"), ("unwanted_multicast", "leaf1")]
    (task,) = yaml.safe_load(report.findings[0].remedy)
    assert task["vxlanlab.vtep.vtep_binding"] == {
        "database": "unix:/run/leaf1", "physical_switch": "leaf1", "port": "eth2", "vlan": 0, "state": "absent",
    }  # fmt: skip


def test_no_remedy_takes_away_what_the_endpoints_ask_for():
    dbs = databases(endpoints())
    dbs["leaf4"]["physical_switches"]["leaf4"]["tunnel_ips"] = ["10.8.8.8"]
    remote("leaf1", "blue", mac(999), OWN["leaf4"])(dbs)
    told = [(one.vteps[0], one.count, one.remedy != "") for one in audited(dbs, endpoints()).findings if one.kind == "foreign_locator"]
    # Of the rows of leaf1 that lead there, one is not of the endpoints.
    unicast = [("leaf1", 1, True), *((host, 1, False) for host in ("leaf1", "leaf1", "leaf2", "leaf2", "leaf3", "leaf3", "leaf5", "leaf6"))]
    floods = [(host, 1, False) for host in ("leaf1", "leaf1", "leaf2", "leaf2", "leaf3", "leaf3", "leaf5", "leaf6")]
    assert sorted(told) == sorted([*unicast, *floods])


# -- what is not populated ------------------------------------------------------------------------------------------


def test_a_vtep_that_reports_no_addresses_says_nothing_against_remote_rows():
    dbs = databases(endpoints(), with_locals=False)
    assert found(audited(dbs)) == []


def test_an_address_that_a_vtep_has_forgotten_is_a_note_unless_it_is_wanted():
    dbs = databases([*endpoints(), {**endpoints()[0], "mac": mac(777), "ip": "192.168.0.77"}])
    del dbs["leaf1"]["logical_switches"]["blue"]["ucast_local"][mac(777)]
    (note,) = audited(dbs).findings
    assert (note.kind, note.severity, note.vteps[0], note.count) == ("remote_unconfirmed", "note", "leaf1", 5)
    ends = [*endpoints(), {**endpoints()[0], "mac": mac(777), "ip": "192.168.0.77"}]
    assert found(audited(dbs, ends)) == []


# -- the report -----------------------------------------------------------------------------------------------------


def test_many_rows_are_one_finding_with_their_number_and_a_sample():
    dbs = databases(endpoints())
    for number in range(1000, 2000):
        remote("leaf1", "blue", mac(number), "10.9.9.9")(dbs)
    (one,) = audited(dbs).findings
    assert one.count == 1000 and "1,000 unicast remote rows of logical switch blue" in one.row and "# and 980 more" in one.remedy
    (task,) = yaml.safe_load(one.remedy)
    assert len(task["vxlanlab.vtep.vtep_ucast_remote"]["entries"]) == 20


def test_the_worst_comes_first():
    dbs = databases(endpoints())
    for name in ("an address that nobody reports", "an unused switch on leaf2", "vni of blue on leaf1", "port fault of leaf5"):
        DEFECTS[name].change(dbs)
    report = audited(dbs)
    assert [one.severity for one in report.findings] == ["error", "error", "warning", "note"]
    assert report.by_severity == {"error": 2, "warning": 1, "note": 1}


def test_severities_are_those_that_the_user_gives():
    dbs = databases(endpoints())
    DEFECTS["vni of blue on leaf1"].change(dbs)
    assert [one.severity for one in audited(dbs, severities={"vni_mismatch": "note"}).findings] == ["note"]
    report = audited(dbs, severities={"vni_mismatch": "ignore"})
    assert (report.findings, dict(report.counts)) == ([], {})


def test_what_is_beyond_the_limit_is_counted():
    dbs = databases(endpoints())
    for host in OWN:
        dbs[host]["physical_switches"][host]["ports"]["eth1"]["port_fault_status"] = ["x"]
    report = audited(dbs, limit=2)
    assert len(report.findings) == 2 and report.counts == {"port_fault": 6} and report.by_severity == {"error": 6}


def test_a_kind_is_told_in_words():
    assert all(kind.title and kind.why.endswith(".") and kind.source and kind.severity in SEVERITIES for kind in KINDS.values())


def test_the_page_has_every_kind():
    page = (Path(__file__).resolve().parents[2] / "docs/fabric-audit.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 6]
    assert rows == [f"| `{name}` | {kind.severity} | {kind.title} | {kind.why} | {kind.source} |" for name, kind in KINDS.items()]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=40)
@given(name=NAMES)
def test_a_remedy_is_yaml_whatever_the_names_are(name):
    dbs = databases(endpoints())
    for host in ("leaf1", "leaf2", "leaf3"):
        dbs[host]["logical_switches"][name] = {"tunnel_key": 9 if host == "leaf1" else 8}
    (one, *_rest) = audited(dbs, severities={"switch_unused": "ignore", "duplicate_key": "ignore"}).findings
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!unsafe", lambda loader, node: node.value)
    (task,) = yaml.load(one.remedy, loader)
    assert task["vxlanlab.vtep.vtep_logical_switch"]["name"] == name
