# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the report: what is drawn where, which row belongs to which step, what each layer says."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vxlanlab.vtep.plugins.filter.lab_report import FilterModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended, walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import check_walk

lab_report = FilterModule().filters()["lab_report"]

ETHERNET = {"source": "02:42:0a:00:00:01", "destination": "ff:ff:ff:ff:ff:ff", "type": "0x0806"}
ARP = {
    "operation": "request",
    "sender_mac": "02:42:0a:00:00:01",
    "sender_ip": "10.0.0.1",
    "target_mac": "00:00:00:00:00:00",
    "target_ip": "10.0.1.1",
}


def topology(count, routed=False):
    """So many hypervisors, each with one VM more than its number."""
    networks = ["10.0.0.0/24", *(f"10.0.{number}.0/24" for number in range(1, count))] if routed else "10.0.0.0/8"
    return completed(
        {
            "underlay": {"network": networks, "interface": "eth0", "mtu": 1500},
            "bridge": "br0",
            "logical_switches": [{"name": "ls0", "tunnel_key": 5000}],
            "routers": [{"name": "R", "addresses": [f"10.0.{number}.254" for number in range(count)]}] if routed else [],
            "hypervisors": [
                {
                    "name": f"hv{number}",
                    "underlay_ip": f"10.0.{number}.1",
                    "vms": [
                        {"name": f"vm{number}{vm}", "mac": f"00:00:00:00:0{number}:0{vm}", "ip": f"192.168.{number}.{vm}/16"}
                        for vm in range(1, number + 2)
                    ],
                }
                for number in range(count)
            ],
        }
    )


def tables_of(lab):
    """Its tables as vtep_info returns them."""
    tables = intended(lab)
    for vtep in tables.values():
        for columns in vtep["logical_switches"]["ls0"]["ucast_remote"].values():
            columns["ipaddr"] = ""
    return tables


def packet(number=1, layers=None, **changes):
    return {
        "number": number,
        "time": 0.5,
        "length": 42,
        "captured_length": 42,
        "vni": None,
        "source": "a",
        "destination": "b",
        "protocol": "ARP",
        "info": "Who has",
        "layers": layers
        or [
            {"name": "ethernet", "inner": False, "offset": 0, "length": 14, "fields": ETHERNET},
            {"name": "arp", "inner": False, "offset": 14, "length": 28, "fields": dict(ARP, sender_ip="10.0.0.1")},
        ],
        "bytes": bytes(range(42)).hex(),
        **changes,
    }


def report(count=2, packets=(), point="hv0:eth0", received=2, routed=False, **changes):
    lab = topology(count, routed)
    tables = tables_of(lab)
    expected = walk(lab, tables, "vm01", "vm11")
    points = [point, *(one for one in (["hv0:eth0"] if not routed else lab["points"]) if one != point)]
    seen = [list(packets), *([] for other in points[1:])]
    walks = [dict(check_walk(expected, one, some), file=f"{one}.pcap", chapter="first") for one, some in zip(points, seen)]
    captures = [{"count": len(some), "complete": True, "packets": some} for some in seen]
    chapter = {"key": "first", "heading": "First", "text": "A ping.", "source": "vm01", "target": "vm11", "forget": True, "tables": []}
    summary = {
        "lab": "one",
        "title": "A lab",
        "driver": "netns",
        "time": "2026-11-22T12:28:56Z",
        "versions": {},
        "topology": {
            **{key: lab[key] for key in ("underlay", "logical_switches", "points")},
            "routers": [node for node in lab["nodes"] if node["name"] in lab["routers"]],
        },
        "hypervisors": [dict(one, datapath="netdev", point=f"{one['name']}:eth0", vtep=tables[one["name"]]) for one in lab["hypervisors"]],
        "checks": [{"name": "one", "expected": "1", "seen": "1", "ok": True}],
        "chapters": [{**chapter, "sent": 3, "received": received, "output": "", "ends": [], "transfer": "", "mtu": None}],
        "walks": walks,
        **changes,
    }
    return lab_report(summary, captures)


def captured(**options):
    return report(**options)["chapters"][0]["captures"][0]


# The drawing


@pytest.mark.parametrize("count", [2, 3, 6])
def test_boxes_do_not_overlap_and_hold_what_is_theirs(count):
    drawing = report(count)["drawing"]
    boxes = drawing["boxes"]
    assert [box["name"] for box in boxes] == [f"hv{number}" for number in range(count)]
    for above, below in pairwise(boxes):
        assert above["top"] + above["height"] < below["top"]
    assert boxes[-1]["top"] + boxes[-1]["height"] < drawing["height"]
    for box in boxes:
        inside = range(box["top"], box["top"] + box["height"])
        things = [(vm["top"], vm["height"]) for vm in box["vms"]] + [(row["top"], 18) for row in box["rows"]]
        assert all(top in inside and top + height in inside for top, height in things)
        assert all(a[0] + a[1] <= b[0] for a, b in pairwise(things))


@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_full_mesh_of_tunnels_each_in_its_lane(count):
    drawing = report(count)["drawing"]
    assert [tuple(tunnel["between"]) for tunnel in drawing["tunnels"]] == list(combinations([f"hv{number}" for number in range(count)], 2))
    assert [tunnel["between"] for tunnel in drawing["tunnels"] if tunnel["main"]] == [["hv0", "hv1"]]
    lanes = [tunnel["lane"] for tunnel in drawing["tunnels"]]
    assert len(set(lanes)) == len(lanes) and max(lanes) < drawing["width"]


def test_every_row_of_every_vtep_is_there_once():
    tables = report(3)["tables"]
    assert [len(table["rows"]) for table in tables] == [1 + 7, 2 + 6, 3 + 5]
    ids = [row["id"] for table in tables for row in table["rows"]]
    assert len(set(ids)) == len(ids)


# The walk


def test_each_step_leads_to_a_row_that_is_shown():
    result = report(3)
    ids = {row["id"] for table in result["tables"] for row in table["rows"]}
    deciding = [step["deciding"] for step in result["steps"]]
    # The walk's remotes are those of the tables.
    assert deciding[1] is None and {step["id"] for step in (deciding[0], deciding[2])} <= ids
    assert deciding[0]["text"] == "hv0, Mcast_Macs_Remote: unknown-dst is behind 10.0.1.1"
    overlay = captured(count=3, point="vm01")["steps"][0]["deciding"]
    assert overlay["id"] in ids and overlay["text"] == "hv0, Physical_Port: vm01 is in ls0"


def test_the_way_of_a_packet():
    steps = {step["key"]: step["route"] for step in report()["steps"]}
    asked = steps["underlay_arp_request_10.0.0.1>10.0.1.1"]
    assert (asked["stations"], asked["plain"], asked["wrapped"]) == (["hv0", "underlay", "hv1"], True, [0, 1])
    there, back = steps["echo_request_1_10.0.0.1>10.0.1.1"], steps["echo_reply_1_10.0.1.1>10.0.0.1"]
    assert there["stations"] == ["vm01", "hv0", "tunnel", "hv1", "vm11"]
    assert back["stations"] == there["stations"][::-1]
    assert back["points"].split() == there["points"].split()[::-1]
    assert 0 < there["wrapped"][0] < there["wrapped"][1] < 1


def test_a_copy_goes_its_own_way():
    result = report(3)
    route = next(step["route"] for step in result["steps"] if step["key"] == "arp_request_10.0.0.1>10.0.2.1")
    assert route["stations"] == ["vm01", "hv0", "tunnel", "hv2"]
    [lane] = [tunnel["lane"] for tunnel in result["drawing"]["tunnels"] if tunnel["between"] == ["hv0", "hv2"]]
    assert f"{lane:g}," in route["points"]


def test_hop_by_hop_through_routers():
    result = report(routed=True)
    drawing = result["drawing"]
    [router] = drawing["routers"]
    band = drawing["band"]
    assert band["left"] < router["left"] and router["left"] + router["width"] < band["left"] + band["width"] <= drawing["width"]
    hops = [step["route"]["stations"] for step in result["steps"] if step["key"].startswith("echo_request_1")]
    assert hops == [["vm01", "hv0"], ["hv0", "R"], ["R", "hv1"], ["hv1", "vm11"]]
    assert not any("echo_request_2" in step["key"] for step in result["steps"])
    assert [step["number"] for step in result["steps"]] == list(range(1, len(result["steps"]) + 1))


def test_a_step_without_its_packet_says_so():
    step = report(packets=[])["steps"][0]
    assert not step["ok"] and step["seen"] is None and "no such packet" in step["problem"]


# The captures


def test_a_packet_of_a_step_explains_itself():
    shown = captured(packets=[packet()])["packets"][0]
    assert (shown["step"], shown["title"], shown["time"]) == (1, "hv0 asks for the MAC address of 10.0.1.1", "0.500000")
    assert shown["says"].startswith("Before hv0 can send to 10.0.1.1")
    assert [(layer["title"], layer["inner"]) for layer in shown["layers"]] == [("Ethernet", False), ("ARP", False)]


def test_other_packets_explain_themselves():
    echo = {"name": "icmp", "inner": False, "offset": 34, "length": 8, "fields": {"kind": "echo-request", "sequence": 9}}
    address = {
        "name": "ipv4",
        "inner": False,
        "offset": 14,
        "length": 20,
        "fields": {"source": "192.168.0.1", "destination": "192.168.1.1"},
    }
    first, again, extra = captured(packets=[packet(), packet(2), packet(3, layers=[address, echo])])["packets"]
    assert first["step"] == 1
    assert again["step"] is None and not again["extra"] and again["says"].startswith("The question is asked once more")
    assert extra["extra"] and "should not be there" in extra["says"]


def test_layers_have_their_own_bytes_in_lines():
    ethernet, arp = captured(packets=[packet()])["packets"][0]["layers"]
    assert ethernet["hex"] == ["00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d"]
    assert arp["hex"] == [bytes(range(14, 30)).hex(" "), bytes(range(30, 42)).hex(" ")]
    assert {field["name"]: field["value"] for field in arp["fields"]}["Sender MAC"] == "02:42:0a:00:00:01"


def test_on_the_overlay_all_is_inner():
    layers = captured(packets=[packet()], point="vm01")["packets"][0]["layers"]
    assert all(layer["inner"] for layer in layers)
    assert layers[0]["says"] == "The frame as the VM sends or receives it, without a trace of the tunnel."


def test_an_unknown_protocol_is_shown_as_well():
    layer = {"name": "lldp", "inner": False, "offset": 0, "length": 42, "fields": {"tlv": 1, "nothing": None}}
    (shown,) = captured(packets=[packet(layers=[layer])])["packets"][0]["layers"]
    assert (shown["title"], shown["says"], shown["fields"]) == ("LLDP", "", [{"name": "Tlv", "value": 1}])


def test_what_a_chapter_changes_is_told():
    change = {"hypervisor": "hv0", "state": "deleted", "config": {"logical_switches": {"ls0": {"mcast_remote": {"unknown-dst": {}}}}}}
    [chapter] = report()["chapters"]
    [told] = report(chapters=[dict(chapter, tables=[change], forget=True, mtu=1500)])["chapters"]
    assert (chapter["sent"], chapter["received"], chapter["changes"]) == (3, 2, [])
    assert told["changes"] == ["hv0: logical_switches ls0 mcast_remote unknown-dst removed", "MTU of vm01 and vm11 = 1500"]


# What it refuses


def test_a_failed_check_makes_it_not_ok():
    assert report()["ok"]
    assert not report(checks=[{"name": "one", "expected": "1", "seen": "0", "ok": False}])["ok"]


def test_captures_and_walks_go_together():
    with pytest.raises(AnsibleFilterError, match="1 captures for 0 walks"):
        report(walks=[])


def test_a_summary_of_something_else():
    with pytest.raises(AnsibleFilterError, match=r"summary\.json lacks topology, hypervisors, walks, checks, chapters\. Run the lab again"):
        lab_report({}, [])


def test_without_the_walk_on_the_underlay():
    [chapter] = report()["chapters"]
    with pytest.raises(AnsibleFilterError, match="no walk at hv1:eth0 in chapter first"):
        report(chapters=[dict(chapter, source="vm11", target="vm01", tables=[], forget=True)])
