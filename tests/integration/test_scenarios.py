# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios besides the seed, each built and told; and faults planted in tables, at which packets and model agree. Needs root."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_lab import ROOT, SCENARIOS, Lab, host, tshark

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import processes


def fault(key, hypervisor, config, replies=0, **options):
    """A chapter in which the tables of one hypervisor are wrong."""
    change = {"hypervisor": hypervisor, "state": "merged", "config": config}
    changes = [NO_FLOOD, change] if config == FLOOD else [change]
    return {"key": key, "heading": key.replace("_", " "), "text": "A fault.", "replies": replies, "tables": changes, **options}


def bound(vlans):
    return {"physical_switches": {"br0": {"ports": {"trunk": {"vlan_bindings": vlans}}}}}


def switch(name, **columns):
    return {"logical_switches": {name: columns}}


# How long an emulator may take to have taken in what was typed.
SETTLE_SECONDS = 90
RIGHT = {"key": "right", "heading": "Right", "text": "All is as it should be."}
# Merged, the address that is there would stay.
NO_FLOOD = {"hypervisor": "hv1", "without": ["unknown-dst"]}
FLOOD = switch("red", mcast_remote={"unknown-dst": {"locators": ["10.3.0.1"]}})
WRONG_LOCATOR = switch("red", ucast_remote={"00:00:00:00:00:02": {"locator": "10.3.0.1"}})
# Each chapter gives back what the one before it took.
FAULTS = [
    RIGHT,
    fault("wrong_flood_but_cached", "hv1", FLOOD, 3, forget=False),
    fault("wrong_flood", "hv1", FLOOD),
    fault("wrong_vni", "hv1", switch("red", tunnel_key=6000)),
    fault("wrong_tenant", "hv2", bound({30: "blue"})),
    # A copy goes to a VLAN that nobody is in.
    fault("a_vlan_too_many", "hv2", bound({44: "red"}), 3),
    fault("wrong_vni_at_the_other_end", "hv2", switch("red", tunnel_key=6000)),
    fault("wrong_locator", "hv1", WRONG_LOCATOR),
    fault("wrong_locator_back", "hv2", switch("red", ucast_remote={"00:00:00:00:00:01": {"locator": "10.3.0.1"}})),
]
# As if somebody had changed the row whom no chapter announces.
NOT_FORETOLD = fault("not_foretold", "hv1", WRONG_LOCATOR, 3)


@pytest.fixture
def lab(request, tmp_path):
    name = f"test-{os.getpid()}-{re.sub('[^a-z]', '', request.node.name[5:])[:14]}"
    made = Lab(name, tmp_path)
    before = host(lab)
    yield made
    made.down()
    assert not processes.processes(name)
    assert host(lab) == before


def check(lab, succeeds=True, **variables):
    """Whether a running lab is right: what is wrong, by layer."""
    lab.run(str(ROOT / "playbooks/lab_check.yml"), succeeds=succeeds, **variables)
    report = json.loads((lab.folder / "artifacts/check.json").read_text())
    assert all(report["looked"].values())
    failures = ElementTree.parse(lab.folder / "artifacts/check.xml").iter("failure")
    assert [failure.get("message") for failure in failures] == [finding["words"] for finding in report["findings"]]
    return [(finding["layer"], finding["words"]) for finding in report["findings"]]


def trace(lab, source, target, **variables):
    """Which way a ping would go: the question, its answer, the ping."""
    lab.run(str(ROOT / "playbooks/lab_trace.yml"), trace_from=source, trace_to=target, **variables)
    return json.loads((lab.folder / "artifacts/trace.json").read_text())


def assert_foretold(lab):
    """The outer headers that a trace foretells, there and back, are those that the captures have of a ping with the same tables."""
    summary = lab.summary
    chapter = next(one for one in summary["chapters"] if not one["tables"] and one["received"])
    legs = trace(lab, chapter["source"], chapter["target"])
    assert [leg["arrives"] for leg in legs] == [True] * 3
    for leg, key in ((legs[1], "echo_reply_1_"), (legs[2], "echo_request_1_")):
        first = leg["hops"][0]
        point = f"{first['node']}:{summary['topology']['underlay']['interface']}"
        walks = [walk for walk in summary["walks"] if (walk["chapter"], walk["point"]) == (chapter["key"], point)]
        [seen] = [step["seen"] for walk in walks for step in walk["steps"] if step["key"].startswith(key)]
        assert len(first["header"]) >= 7 and {name: seen[name] for name in first["header"]} == first["header"]
    page = (lab.folder / "artifacts/trace.html").read_text()
    assert page.count(" data-step ") == sum(len(leg["hops"]) + 1 for leg in legs) and "the ping is answered" in page


def test_routed(lab):
    """The seed's figure, read by another dissector: what changes from hop to hop, and what stays."""
    lab.up(lab_scenario="routed")
    assert lab.wrong == []
    artifacts = lab.folder / "artifacts"
    fields = ("eth.src", "eth.dst", "ip.ttl", "ip.src", "ip.dst", "udp.srcport", "udp.dstport", "vxlan.vni", "icmp.seq", "data.data")
    hops = []
    for file in ("vm1_underlay", "A_eth1", "B_eth1", "vm2_underlay"):
        [packet] = [row for row in tshark(artifacts / f"{file}.pcap", "icmp.type", *fields) if row[0] == "8" and row[9] == "1"]
        hops.append([value.split(",") for value in packet[1:]])
    outer = [(source[0], target[0], ttl[0]) for source, target, ttl, *rest in hops]
    assert outer == [
        ("02:42:0a:00:00:01", "02:42:0a:00:00:fe", "64"),
        ("02:42:0a:09:00:01", "02:42:0a:09:00:02", "63"),
        ("02:42:0a:01:00:fe", "02:42:0a:01:00:01", "62"),
        ("02:42:0a:01:00:fe", "02:42:0a:01:00:01", "62"),
    ]
    stays = [[source[1], target[1], ttl[1], *map(tuple, rest)] for source, target, ttl, *rest in hops]
    assert all(one == stays[0] for one in stays)
    assert stays[0][3:6] == [("10.0.0.1", "192.168.1.1"), ("10.1.0.1", "192.168.1.2"), stays[0][5]]
    # The trace foretells what the capture has seen, and follows it over the routers.
    legs = trace(lab, "vm1", "vm2", lab_scenario="routed")
    assert all(leg["arrives"] and not leg["ends"] for leg in legs)
    assert [[hop["node"] for hop in leg["hops"]] for leg in legs] == [
        ["hv1", "A", "B", "hv2"],
        ["hv2", "B", "A", "hv1"],
        ["hv1", "A", "B", "hv2"],
    ]
    names = ("ethernet.source", "ethernet.destination", "ipv4.ttl", "ipv4.source", "ipv4.destination", "udp.destination_port", "vxlan.vni")
    for hop, packet in zip(legs[2]["hops"], hops[:3]):
        seen = [values[0] for position, values in enumerate(packet) if position != 5]
        assert [str(hop["header"][name]) for name in names] == seen[: len(names)]


def test_service_node(lab):
    """How many copies of the question leave the VTEP, and how many the service node."""
    lab.up(lab_scenario="service_node")
    assert lab.wrong == []
    assert_foretold(lab)

    def copies(file, source):
        seen = tshark(lab.folder / "artifacts" / file, "ip.src", "arp.opcode", "vxlan.vni")
        return [row for row in seen if row == [source, "1", "5000"]]

    assert [len(copies(f"vm1_underlay{chapter}.pcap", "10.0.0.1")) for chapter in ("", "_head_end")] == [1, 2]
    assert [len(copies(f"sn_eth0{chapter}.pcap", "10.9.0.1")) for chapter in ("", "_head_end")] == [2, 0]
    recap = lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="service_node").partition("PLAY RECAP")[2]
    [sn] = [line for line in recap.splitlines() if line.startswith("sn ")]
    assert " changed=0 " in sn, "the role changes nothing where all is as it should be"


def test_mtu(lab):
    """What fits is seen with its 50 bytes more; what does not is seen at the VM and nowhere else, the segments of TCP too."""
    lab.up(lab_scenario="mtu")
    assert lab.wrong == []
    assert_foretold(lab)

    def lengths(file, protocol):
        seen = tshark(lab.folder / "artifacts" / file, "ip.len", "icmp.type", "tcp.len")
        return {int(row[0].split(",")[0]) for row in seen if row[1 if protocol == "icmp" else 2] not in ("", "0")}

    assert (lengths("vm1_overlay.pcap", "icmp"), lengths("vm1_underlay.pcap", "icmp")) == ({1450}, {1500})
    assert max(lengths("vm1_underlay.pcap", "tcp")) == 1500
    assert lengths("vm1_overlay_vanishes.pcap", "icmp") == {1500}
    assert max(lengths("vm1_overlay_vanishes.pcap", "tcp")) == 1500
    assert lengths("vm1_underlay_vanishes.pcap", "icmp") == set()
    assert lengths("vm1_overlay_refused.pcap", "icmp") == set()
    # Given back, although the last chapters had set it.
    settings = lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="mtu").partition("PLAY RECAP")[2]
    assert all(" changed=0 " in line for line in settings.splitlines() if line.startswith("hv"))


def test_mixed(lab):
    """Open vSwitch and the kernel: the same packets of both, and the kernel's tables by its own tool."""
    lab.up(lab_scenario="mixed")
    assert lab.wrong == []
    assert [one["datapath"] for one in lab.summary["hypervisors"]][1:] == ["linux", "linux"]

    def headers(file, source):
        fields = ("ip.src", "udp.dstport", "vxlan.flags", "vxlan.vni", "icmp.type")
        return {tuple(row[1:4]) for row in tshark(lab.folder / "artifacts" / file, *fields) if row[0].startswith(source) and row[4]}

    assert headers("vm1_underlay.pcap", "10.0.0.1") == headers("vm1_underlay.pcap", "10.1.0.1") == {("4789", "0x0800", "5000")}
    assert check(lab, lab_scenario="mixed") == []
    assert_foretold(lab)
    lab.on("hv1", "vtep-ctl add-ucast-remote ls0 00:00:00:00:00:02 10.9.9.9")
    deadline = time.monotonic() + 60
    while (legs := trace(lab, "vm1", "vm2", lab_scenario="mixed")) and all(leg["arrives"] for leg in legs):
        assert time.monotonic() < deadline, "the emulator has not taken the row in"
    assert [leg["arrives"] for leg in legs] == [True, True, False]
    assert legs[2]["ends"] == ["hv1: the tunnel to 10.9.9.9: nobody answers who has 10.9.9.9"]
    assert legs[2]["hops"][0]["row"]["locator"] == "10.9.9.9"
    output = lab.run(str(ROOT / "playbooks/lab_trace.yml"), succeeds=False, trace_from="vm9", trace_to="vm9", lab_scenario="mixed")
    for option in ("trace_from", "trace_to"):
        assert f"{option}: vm9 is not accepted. Use another VM of the lab: vm1, vm2, vm3." in " ".join(output.split())
    lab.on("hv2", "ethtool -K eth0 tx on")
    assert [words.split(":")[0] for layer, words in check(lab, succeeds=False, lab_scenario="mixed") if layer == "datapath"] == ["hv2"]
    lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="mixed")
    again = lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="mixed").partition("PLAY RECAP")[2]
    assert all(" changed=0 " in line for line in again.splitlines() if line.startswith("hv"))


def test_tenants(lab):
    lab.up(lab_scenario="tenants")
    assert lab.wrong == []
    artifacts = lab.folder / "artifacts"
    for chapter, vni in (("", "5000"), ("_blue", "5001")):
        seen = tshark(artifacts / f"red1_underlay{chapter}.pcap", "vxlan.vni")
        assert {vni} == {one for (one,) in seen if one}

    def echoes(file):
        seen = tshark(artifacts / file, "icmp.type", "frame.len", "vlan.id")
        return {tuple(row[1:]) for row in seen if row[0]}

    # The report has the flows that follow from the rows, and where the tunnels lead.
    hv1 = lab.summary["hypervisors"][0]
    assert {"in_port=trunk,dl_vlan=10", "in_port=trunk,dl_vlan=20"} < {flow["match"] for flow in hv1["flows"]["br0"]}
    assert hv1["tunnels"] == {"vtep-vxlan": {"bridge": "br0", "destination": "flow", "key": "flow"}}
    page = (artifacts / "report.html").read_text()
    assert "in_port=trunk,dl_vlan=10" in page and "vtep-vxlan leads to all VTEPs: a flow says to which, and with which VNI" in page

    # The tag is on the trunk, and nowhere else.
    for chapter, vlans in (("", ("10", "30")), ("_blue", ("20", "40"))):
        vm1, vm2 = ("blue1", "blue2") if chapter else ("red1", "red2")
        assert echoes(f"{vm1}_overlay{chapter}.pcap") == echoes(f"{vm2}_overlay{chapter}.pcap") == {("98", "")}
        assert [echoes(f"{host_}_trunk{chapter}.pcap") for host_ in ("hv1", "hv2")] == [{("102", vlan)} for vlan in vlans]
        assert echoes(f"red1_underlay{chapter}.pcap") == {("148", "")}
    assert_foretold(lab)
    assert check(lab, lab_scenario="tenants") == []
    again = lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="tenants").partition("PLAY RECAP")[2]
    assert all(" changed=0 " in line for line in again.splitlines() if line.startswith("hv"))
    lab.on("hv2", "ovs-vsctl set port blue2 tag=44")
    wrong = "hv2: port blue2 is in VLAN 44 of its switch, wanted 40 (ovs-vsctl get port blue2 tag)"
    assert check(lab, succeeds=False, lab_scenario="tenants") == [("datapath", wrong)]
    # The same lab, mended, with faults in its tables: packets and model agree in each, and the one that is not foretold is named.
    lab.up(lab_scenario="tenants", lab_chapters=[*FAULTS, NOT_FORETOLD], succeeds=False)
    assert {check["name"]: check["seen"] for check in lab.wrong} == {
        "not foretold": "0 replies, and the tables allow 0: hv1: nobody has the address 10.3.0.1"
    }
    assert all(chapter["ends"] for chapter in lab.summary["chapters"] if not chapter["received"])


FED_BACK = """
- hosts: hv1
  gather_facts: false
  tasks:
    - vxlanlab.vtep.vtep_config: {state: gathered}
      register: found
    - vxlanlab.vtep.vtep_config: {state: overridden, config: "{{ found.gathered }}"}
      register: fed_back
    - ansible.builtin.assert: {that: not fed_back.changed and found.gathered.logical_switches.ls0.ucast_remote | length == 1}
"""


def throw(lab, fault, **variables):
    """One or more faults at the controller, and their contract."""
    lab.run(str(ROOT / "playbooks/lab_controller_fault.yml"), fault=fault, **variables)


def test_ovn(lab):
    """OVN writes what Ansible writes elsewhere, and whatever happens to its rows."""
    lab.up(lab_scenario="ovn")
    assert lab.wrong == []
    assert_foretold(lab)
    # The tunnel key of OVN's southbound database, in each direction.
    key = lab.on("ovn", "ovn-sbctl --bare --columns=tunnel_key list Datapath_Binding").strip()
    seen = tshark(lab.folder / "artifacts/vm1_underlay_to_vtep.pcap", "ip.src", "ip.dst", "vxlan.vni")
    outer = {(source.split(",")[0], destination.split(",")[0], vni) for source, destination, vni in seen if vni}
    assert outer == {("10.0.0.1", "10.1.0.1", key), ("10.1.0.1", "10.0.0.1", key)}
    # Ansible has bound the port, and the controller has said who it is in all else. It writes in as many transactions as it likes.
    [timeline] = lab.summary["timelines"]
    by = {
        table: {"ovn-controller-vtep" in line for line in timeline["lines"] if table in line}
        for table in ("Physical_Port", "Ucast_Macs_Remote", "Mcast_Macs_Remote")
    }
    assert by == {"Physical_Port": {False}, "Ucast_Macs_Remote": {True}, "Mcast_Macs_Remote": {True}}, timeline["lines"]
    assert "Who wrote what" in (lab.folder / "artifacts/report.html").read_text()
    (lab.folder / "fed_back.yml").write_text(FED_BACK)
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    feed = lab.command("ansible-playbook", "-i", "lab.vtep_lab.yml", "fed_back.yml")
    done = subprocess.run(feed, cwd=lab.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    # Without the controller, nobody writes again what is removed.
    processes_of = lab.on("ovn", "pgrep -f ^ovn-controller-vtep").split()
    lab.on("ovn", f"kill -KILL {' '.join(processes_of)}")
    lab.on("hv1", "vtep-ctl del-mcast-remote ls0 unknown-dst 10.1.0.1")
    wrong = check(lab, succeeds=False)
    assert wrong[0] == ("database", "hv1 Mcast_Macs_Remote ls0 unknown-dst: missing, wanted 10.1.0.1")
    assert [layer for layer, words in wrong] == ["database", "emulator"] and "ovn-controller-vtep of hv1 does not run" in wrong[1][1]
    # Whoever builds the lab again starts it again, and changes nothing else.
    again = lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario="ovn").partition("PLAY RECAP")[2]
    assert all(" changed=0 " in line for line in again.splitlines() if line.startswith("hv"))
    throw(lab, "older_database", lab_check_wait=60)


def test_a_controller_that_vteps_connect_to(lab, tmp_path_factory):
    """Over TLS, with nothing written by Ansible; a controller.py of the tests stands for somebody's own."""
    keys = tmp_path_factory.mktemp("keys")
    own, of_vteps = ((keys / f"{name}.key", keys / f"{name}.crt") for name in ("controller", "vteps"))
    for key, certificate in (own, of_vteps):
        made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
        subprocess.run([*made, "-subj", f"/CN={key.stem}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    wanted = lab.folder / "artifacts/wanted.json"
    program = [sys.executable, str(Path(__file__).with_name("controller.py")), "10.0.9.1", "6640", str(wanted)]
    mine = {
        "lab_scenario": "fabric",
        "lab_size": 2,
        "lab_controller": "ssl:10.0.9.1:6640",
        # Each trusts the other's own certificate.
        "lab_controller_tls": {"private_key": str(of_vteps[0]), "certificate": str(of_vteps[1]), "ca_cert": str(own[1])},
        "lab_controller_command": [*program, str(own[0]), str(own[1]), str(of_vteps[1])],
    }
    lab.run(str(ROOT / "playbooks/lab_build.yml"), **mine)
    for vtep in ("hv1", "hv2"):
        # One transaction, and it is the controller's.
        recorded = lab.on(vtep, "cat /run/vxlanlab/timeline.jsonl").splitlines()
        [written] = [line for line in recorded if '"table":"Ucast_Macs_Remote"' in line]
        assert '"table":"Physical_Port"' in written and '"controller.py"' in written
    throw(lab, "many_vteps,leader_changed,older_database", **mine, fault_vteps=10)
    log = lab.on("controller", "cat /run/vxlanlab/controller.log")
    assert {line.split(":")[0] for line in log.splitlines()} == {"10.0.0.1", "10.0.0.2", *(f"198.18.0.{number}" for number in range(1, 11))}
    # They have left, and nothing is left of them.
    assert {*json.loads(wanted.read_text())} == {"hv1", "hv2"}
    assert sorted(lab.on("controller", "ls /run/vxlanlab").split()) == ["controller.log", "controller.pid"]
    assert "ovsdb-server" not in lab.on("controller", "ps -e -o comm=")


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"seed", "routed", "service_node", "mtu", "mixed", "tenants", "fabric", "ovn"}))
def test_other(lab, name):
    """Those without a test of their own: the model has the say."""
    lab.up(lab_scenario=name)
    assert lab.wrong == []
    if any(not chapter["tables"] for chapter in lab.summary["chapters"]):
        assert_foretold(lab)


def test_a_fabric_by_number_and_a_file_by_path(lab):
    shutil.copy(ROOT / "playbooks/scenarios/fabric.yml", lab.folder / "mine.yml")
    lab.up(lab_scenario="./mine.yml", lab_size=3)
    assert lab.wrong == []
    assert_foretold(lab)
    assert len(lab.summary["hypervisors"]) == 3
    assert lab.summary["checks"][0]["seen"] == "6 of 6 pings"
    mine = {"lab_scenario": "./mine.yml", "lab_size": 3}
    assert check(lab, **mine) == []
    # What no database shows: a flow that somebody has removed. The frame goes to all, as if its MAC address had no row.
    lab.on("hv1", "ovs-ofctl del-flows br0 table=6,dl_dst=00:00:00:00:00:02")
    [(layer, words)] = check(lab, succeeds=False, **mine)
    assert layer == "datapath"
    assert words.startswith("hv1: a frame of vm1 for vm2 from port vm1: it goes to tunnel ") and words.endswith(
        ", where it does not belong"
    )
    # An emulator that starts anew puts it back.
    [emulator] = lab.on("hv1", "pgrep -f 'python3 .*/vtepd.pyz emulate br0'").split()
    lab.on("hv1", f"kill -KILL {emulator}")
    assert check(lab, **mine, lab_check_wait=SETTLE_SECONDS) == [], "mended by the supervisor"
    # A row is to blame for all that follows from it.
    lab.on("hv2", "vtep-ctl add-ucast-remote ls0 00:00:00:00:00:01 10.9.9.9")
    wrong = check(lab, succeeds=None, **mine)
    assert [layer for layer, words in wrong] == ["database"]
    assert wrong[0][1].startswith("hv2 Ucast_Macs_Remote ls0 00:00:00:00:00:01: 10.9.9.9, wanted ")


def test_by_hand(lab):
    """Who types what is left to do after a stage arrives at the lab that `make lab` builds."""
    for last, count in (("bridge", 10 + 4 + 2 + 4), ("binding", 4)):
        output = lab.run(str(ROOT / "playbooks/lab.yml"), lab_until=last)
        assert f"The lab is there up to the stage {last}." in output
        typed = [
            (node, words)
            for node, words in re.findall(r"^ +(hv\d)# (.*)$", output, re.MULTILINE)
            if not re.match(r"ping|.* (list|show)", words)
        ]
        assert len(typed) == count
        for node, words in typed:
            lab.on(node, words)
        # Emulators that were started by hand take their time.
        assert check(lab, lab_check_wait=SETTLE_SECONDS) == []
    output = lab.run(str(ROOT / "playbooks/lab.yml"), succeeds=False, lab_until="bindings")
    assert "lab_until: 'bindings' is no stage. Use bridge, emulator, switch, binding, remotes" in " ".join(output.split())


def test_a_shell_on_no_node():
    done = subprocess.run([ROOT / "scripts/shell", "nothing", "hv1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "NODE: hv1: the lab nothing has no such node that runs. It has: none." in done.stderr
