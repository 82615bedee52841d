# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and endpoints -> the options of vtep_audit; and its page, in which nothing of the data is markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.filter.fabric_vteps import fabric_vteps
from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.audit import KINDS
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_page import lab_page
from ansible_collections.vxlanlab.vtep.tests.unit.fabric_world import DEFECTS, audited, databases, endpoints

TEMPLATE = Path(__file__).resolve().parents[2] / "playbooks/templates/fabric_audit.html.j2"


def test_hosts_of_an_inventory():
    hosts = [
        {"name": "a", "vtep_database": "ssl:a:6640", "vtep_private_key": "k", "vtep_certificate": "c", "vtep_ca_cert": "ca", "src": ""},
        {"name": "b", "vtep_database": "unix:/x", "vtep_private_key": "", "src": "/tmp/b.json", "unreadable": ""},
        {"name": "c", "vtep_database": "unix:/x", "src": "", "unreadable": "no route to host"},
    ]
    assert fabric_vteps(hosts) == {
        "vteps": [
            {"name": "a", "database": "ssl:a:6640", "private_key": "k", "certificate": "c", "ca_cert": "ca"},
            {"name": "b", "src": "/tmp/b.json"},
            {"name": "c", "unreadable": "no route to host"},
        ],
        "mlag": [],
        "other_vteps": [],
    }


def test_saved_databases_are_called_as_their_files():
    assert fabric_vteps(["/x/leaf2.json", "/y/leaf1.example.db"])["vteps"] == [
        {"name": "leaf2", "src": "/x/leaf2.json"},
        {"name": "leaf1.example", "src": "/y/leaf1.example.db"},
    ]
    with pytest.raises(AnsibleFilterError, match=r"/x/leaf.json and /x/leaf.db are both of the VTEP leaf"):
        fabric_vteps(["/x/leaf.json", "/x/leaf.db"])


def test_endpoints_say_what_is_wanted_and_who_else_is_there():
    ends = endpoints(3)
    options = fabric_vteps([{"name": "leaf1"}, {"name": "spare"}], ends, ["10.0.1.1"])
    assert options["vteps"] == [
        {"name": "leaf1", "wanted": overlay_tables(ends, "leaf1", ["10.0.1.1"]), "tunnel_ips": ["10.0.0.1"]},
        {"name": "spare", "wanted": {"bindings": [], "logical_switches": []}, "tunnel_ips": []},
    ]
    assert options["other_vteps"] == ["10.0.0.2", "10.0.0.3"]


def test_pairs_are_those_whose_hosts_are_audited():
    hosts = [{"name": name} for name in ("leaf1", "leaf2", "leaf3")]
    assert fabric_vteps(hosts, mlag=[["leaf1", "leaf2"], ["leaf3", "leaf4"]])["mlag"] == [["leaf1", "leaf2"]]


def test_endpoints_that_are_wrong_are_refused():
    with pytest.raises(AnsibleFilterError, match="endpoint 0"):
        fabric_vteps([{"name": "leaf1"}], [{"host": "leaf1"}])


def test_the_page_has_every_finding_and_no_markup_of_the_data():
    name = "<img src=x onerror=alert(1)>"
    dbs = databases(endpoints())
    for defect in ("vni of blue on leaf1", "an unused switch on leaf2", "an address that nobody reports"):
        DEFECTS[defect].change(dbs)
    dbs["leaf3"]["logical_switches"][name] = {"tunnel_key": 77}
    report = audited(dbs)
    data = {
        "findings": [one.plain() for one in report.findings],
        "summary": {severity: report.by_severity[severity] for severity in ("error", "warning", "note")},
        "kinds": {kind: KINDS[kind]._asdict() for kind in report.counts},
        "vteps": [
            {"name": "leaf1", "read": True, "error": "", "tunnel_ips": ["10.0.0.1"], "rows": {"Logical_Switch": 2}},
            {"name": name, "read": False, "error": name, "tunnel_ips": [], "rows": {}},
        ],
        "time": "2026-01-01T00:00:00Z",
        "compared": False,
    }
    page = lab_page(data, TEMPLATE.read_text(), "")
    assert "<img" not in page and page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4
    assert page.count('<article class="finding">') == len(report.findings) == 4
    assert re.findall(r'<h2 id="(\w+)">', page) == ["error", "warning", "note"]
    assert "1 of 2 VTEPs read" in page and "tunnel_key: 5000" in page
    clean = lab_page({**data, "findings": [], "kinds": {}, "summary": {"error": 0, "warning": 0, "note": 0}}, TEMPLATE.read_text(), "")
    assert "The fabric is clean" in clean and "<article" not in clean
