# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet walk: which packets a ping must consist of, and what the check says of captures that show something else."""

from __future__ import annotations

import copy

import pytest
from ansible.errors import AnsibleFilterError
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import wrpcap

from ansible_collections.vxlanlab.vtep.plugins.filter.check_packet_walk import FilterModule as CheckFilter
from ansible_collections.vxlanlab.vtep.plugins.filter.packet_walk import FilterModule as WalkFilter
from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed

packet_walk = WalkFilter().filters()["packet_walk"]
check_packet_walk = CheckFilter().filters()["check_packet_walk"]

UNDERLAY = {"network": "10.0.0.0/8", "interface": "eth0", "mtu": 1500}
HYPERVISORS = [
    {"name": "hv1", "underlay_ip": "10.0.0.1", "vms": [{"name": "vm1", "mac": "00:00:00:00:00:01", "ip": "192.168.1.1/24"}]},
    {"name": "hv2", "underlay_ip": "10.1.0.1", "vms": [{"name": "vm2", "mac": "00:00:00:00:00:02", "ip": "192.168.1.2/24"}]},
    {
        "name": "hv3",
        "underlay_ip": "10.2.0.1",
        "vms": [
            {"name": "vm3", "mac": "00:00:00:00:00:03", "ip": "192.168.1.3/24"},
            {"name": "vm4", "mac": "00:00:00:00:00:04", "ip": "192.168.1.4/24"},
        ],
    },
]
POINTS = {("vm1", "underlay"): "hv1:eth0", ("vm2", "underlay"): "hv2:eth0", ("vm1", "overlay"): "vm1", ("vm2", "overlay"): "vm2"}


def lab(count):
    """So many of the hypervisors."""
    return completed(
        {
            "underlay": UNDERLAY,
            "bridge": "br0",
            "logical_switches": [{"name": "ls0", "tunnel_key": 5000}],
            "hypervisors": HYPERVISORS[:count],
        }
    )


LAB = lab(2)
TABLES = intended(LAB)


def walk(chapter="first", topology=None, **options):
    """The walk of vm1 to vm2 with all that is needed, or without the multicast remote of hv1."""
    topology = topology or LAB
    tables = copy.deepcopy(intended(topology))
    if chapter != "first":
        tables["hv1"]["logical_switches"]["ls0"]["mcast_remote"] = {}
    return packet_walk(topology, tables, "vm1", "vm2", forget=chapter != "no_mcast_cached", **options)


BROADCAST = "ff:ff:ff:ff:ff:ff"
HV = {1: ("02:42:0a:00:00:01", "10.0.0.1"), 2: ("02:42:0a:01:00:01", "10.1.0.1"), 3: ("02:42:0a:02:00:01", "10.2.0.1")}
VM = {number: (f"00:00:00:00:00:0{number}", f"192.168.1.{number}") for number in (1, 2, 3)}


def ask(hosts, sender, target, to=BROADCAST):
    (mac, ip), target_ip = hosts[sender], hosts[target][1]
    return Ether(src=mac, dst=to) / ARP(op=1, hwsrc=mac, psrc=ip, pdst=target_ip)


def answer(hosts, sender, target):
    (mac, ip), (target_mac, target_ip) = hosts[sender], hosts[target]
    return Ether(src=mac, dst=target_mac) / ARP(op=2, hwsrc=mac, psrc=ip, hwdst=target_mac, pdst=target_ip)


def echo(kind, sender, target, sequence=1, number=7):
    (mac, ip), (target_mac, target_ip) = VM[sender], VM[target]
    return (
        Ether(src=mac, dst=target_mac)
        / IP(src=ip, dst=target_ip)
        / ICMP(type=8 if kind == "request" else 0, id=number, seq=sequence)
        / (b"x" * 56)
    )


def in_vxlan(sender, target, frame, vni=5000):
    (mac, ip), (target_mac, target_ip) = HV[sender], HV[target]
    return Ether(src=mac, dst=target_mac) / IP(src=ip, dst=target_ip) / UDP(sport=51750, dport=4789) / VXLAN(flags=0x08, vni=vni) / frame


def echoes(count):
    return [frame for sequence in range(1, count + 1) for frame in (echo("request", 1, 2, sequence), echo("reply", 2, 1, sequence))]


def overlay(count=1):
    return [ask(VM, 1, 2), answer(VM, 2, 1), *echoes(count)]


def wrapped(frames):
    return [in_vxlan(*((1, 2) if frame.src == VM[1][0] else (2, 1)), frame) for frame in frames]


def underlay(count=1):
    return [ask(HV, 1, 2), answer(HV, 2, 1), *wrapped(overlay(count))]


# Traffic of others: another pair of VMs and of VTEPs, TCP, errors about it.
FOREIGN = [
    ask(HV, 1, 3),
    answer(HV, 3, 1),
    in_vxlan(3, 1, ask(VM, 3, 1)),
    in_vxlan(1, 3, answer(VM, 1, 3)),
    in_vxlan(3, 1, echo("request", 3, 1)),
    in_vxlan(1, 2, Ether(src=VM[1][0], dst=VM[2][0]) / IP(src=VM[1][1], dst=VM[2][1]) / TCP(dport=80)),
    Ether() / IP(src="10.0.0.1", dst="10.1.0.1") / TCP(dport=6640),
    Ether() / IP(src="10.0.0.1", dst="10.1.0.1") / ICMP(type=8, seq=1),
    ask(VM, 1, 3),
    echo("request", 3, 1),
]


@pytest.fixture
def check(tmp_path):
    """Compares frames with a walk of vm1 to vm2, by way of a capture file."""

    def compare(frames, at="vm1", network="underlay", **options):
        path = tmp_path / "walk.pcap"
        wrpcap(str(path), frames, linktype=1)
        return check_packet_walk(_capture.read(path).packets, walk(**options), POINTS[at, network])

    return compare


def only_problem(result):
    assert not result["ok"]
    (problem,) = result["problems"]
    return problem


# What must be seen


def titles(at, network, **options):
    return [step["title"] for step in steps(at, network, **options)]


def steps(at, network, **options):
    return [step for step in walk(**options)["steps"] if step["point"] == POINTS[at, network]]


@pytest.mark.parametrize("at", ["vm1", "vm2"])
def test_six_packets_on_the_underlay_seen_alike_at_both_ends(at):
    assert titles(at, "underlay") == [
        "hv1 asks for the MAC address of 10.1.0.1",
        "hv2 answers hv1",
        "vm1 asks for the MAC address of 192.168.1.2",
        "vm2 answers vm1",
        "vm1 pings vm2 (1)",
        "vm2 replies to vm1 (1)",
    ]


@pytest.mark.parametrize("at", ["vm1", "vm2"])
def test_no_tunnel_on_the_overlay(at):
    assert titles(at, "overlay", count=2) == titles(at, "underlay", count=2)[2:]


def test_without_the_multicast_remote():
    assert titles("vm1", "underlay", chapter="no_mcast_cached") == ["vm1 pings vm2 (1)", "vm2 replies to vm1 (1)"]
    assert titles("vm1", "overlay", chapter="no_mcast_flushed") == ["vm1 asks for the MAC address of 192.168.1.2"]
    for at, network in (("vm1", "underlay"), ("vm2", "overlay"), ("vm2", "underlay")):
        assert not titles(at, network, chapter="no_mcast_flushed")


def test_every_step_names_the_row_that_decides():
    rows = [step["row"] for step in steps("vm1", "underlay")]
    multicast = {"hypervisor": "hv1", "table": "Mcast_Macs_Remote", "logical_switch": "ls0", "mac": "unknown-dst", "locator": "10.1.0.1"}
    unicast = {
        "hypervisor": "hv1",
        "table": "Ucast_Macs_Remote",
        "logical_switch": "ls0",
        "mac": "00:00:00:00:00:02",
        "locator": "10.1.0.1",
    }
    back = {"hypervisor": "hv2", "table": "Ucast_Macs_Remote", "logical_switch": "ls0", "mac": "00:00:00:00:00:01", "locator": "10.0.0.1"}
    assert rows == [multicast, None, multicast, back, unicast, back]
    for at, hypervisor in (("vm1", "hv1"), ("vm2", "hv2")):
        port = {
            "hypervisor": hypervisor,
            "table": "Physical_Port",
            "physical_switch": "br0",
            "port": at,
            "vlan": 0,
            "logical_switch": "ls0",
        }
        assert [step["row"] for step in steps(at, "overlay")] == [port] * 4


def test_every_step_has_a_reason():
    for at in ("vm1", "vm2"):
        for network in ("overlay", "underlay"):
            assert all(step["reason"].endswith(".") for step in steps(at, network))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vm9", "vm2"), "source: there is no VM 'vm9'. Use vm1, vm2."),
        (("vm1", "vm9"), "target: there is no VM 'vm9'. Use vm1, vm2."),
    ],
)
def test_a_walk_that_cannot_be(arguments, message):
    with pytest.raises(AnsibleFilterError) as caught:
        packet_walk(LAB, TABLES, *arguments)
    assert message in str(caught.value)


# What is right


@pytest.mark.parametrize("at", ["vm1", "vm2"])
def test_a_capture_of_the_walk(check, at):
    for network, frames in (("underlay", underlay(3)), ("overlay", overlay(3))):
        result = check(frames, at=at, network=network, count=3)
        assert result["ok"]
        assert [step["packet"] for step in result["steps"]] == list(range(1, len(frames) + 1))
        assert all(step["ok"] and step["seen"] == step["expected"] for step in result["steps"])
        assert (result["extra"], result["ignored"]) == ([], 0)
        assert result["point"] == POINTS[at, network]


def test_mac_addresses_of_the_underlay_are_checked_where_they_are_known(check):
    other = dict(LAB, macs=dict(LAB["macs"], **{"10.1.0.1": "02:42:0a:01:00:99"}))
    result = check(underlay(), topology=other)
    assert [step["number"] for step in result["steps"] if not step["ok"]] == [2, 3, 4, 5, 6]
    assert check(underlay(), topology=dict(LAB, macs={}))["ok"]


def test_head_end_replication_makes_a_copy_for_each_vtep(check):
    copy_for_hv3 = [ask(HV, 1, 3), answer(HV, 3, 1), in_vxlan(1, 3, ask(VM, 1, 2))]
    frames = underlay()
    assert check([*frames[:3], *copy_for_hv3, *frames[3:]], topology=lab(3))["ok"]
    assert len(check(frames, topology=lab(3))["problems"]) == 3
    assert "no step of the walk" in str(check([*frames, copy_for_hv3[2]])["problems"])


def test_foreign_traffic_is_ignored(check):
    frames = [frame for pair in zip(underlay(3), FOREIGN) for frame in pair]
    result = check(frames, count=3)
    assert result["ok"], result["problems"]
    assert result["ignored"] == len(FOREIGN)
    frames = [frame for pair in zip(overlay(3), FOREIGN) for frame in pair]
    assert check(frames, network="overlay", count=3)["ok"]


def test_the_first_arp_request_is_lost_and_sent_again(check):
    assert check([ask(VM, 1, 2), *overlay()], network="overlay")["ok"]
    frames = underlay()
    assert check([frames[0], frames[0], frames[1], frames[1], *frames[2:]])["ok"]


def test_echo_requests_that_waited_for_the_address_leave_together(check):
    frames = underlay(3)
    frames[5], frames[6] = frames[6], frames[5]
    assert check(frames, count=3)["ok"]


def test_known_addresses_are_renewed_by_unicast(check):
    renewal = [ask(VM, 2, 1, to=VM[1][0]), answer(VM, 1, 2)]
    assert check(overlay() + renewal, network="overlay")["ok"]
    assert check(underlay() + wrapped(renewal))["ok"]
    assert check([*underlay(), ask(HV, 2, 1, to=HV[1][0]), answer(HV, 1, 2)])["ok"]


def test_a_question_from_before_the_capture_is_answered_at_its_beginning(check):
    early = answer(VM, 1, 2)
    assert check([early, *echoes(3)], network="overlay", chapter="no_mcast_cached", count=3)["ok"]
    assert check(wrapped([early, *echoes(3)]), chapter="no_mcast_cached", count=3)["ok"]
    assert check([early, early, *echoes(3)], network="overlay", chapter="no_mcast_cached", count=3)["extra"] == [2]
    assert check([*echoes(3), early], network="overlay", chapter="no_mcast_cached", count=3)["extra"] == [7]


def test_the_other_vtep_may_have_to_ask_as_well(check):
    frames = underlay()
    assert check([*frames[:3], ask(HV, 2, 1), answer(HV, 1, 2), *frames[3:]])["ok"]


def test_without_the_multicast_remote_unicast_goes_on(check):
    assert check(wrapped(echoes(3)), chapter="no_mcast_cached", count=3)["ok"]
    assert check(echoes(3), network="overlay", chapter="no_mcast_cached", count=3)["ok"]


def test_without_the_multicast_remote_a_request_gets_nowhere(check):
    assert check([ask(VM, 1, 2)] * 3, network="overlay", chapter="no_mcast_flushed")["ok"]
    assert check([], chapter="no_mcast_flushed")["ok"]
    assert check(FOREIGN, at="vm2", network="overlay", chapter="no_mcast_flushed")["ok"]


# What is wrong


@pytest.mark.parametrize("removed", range(10))
def test_a_missing_packet_is_named(check, removed):
    frames = underlay(3)
    del frames[removed]
    problem = only_problem(check(frames, count=3))
    assert problem.startswith(f"step {removed + 1} (")
    assert "no such packet" in problem
    assert ("seen instead: nothing more" in problem) == (removed == 9)
    assert (f"seen instead: packet {removed + 1}, " in problem) == (removed < 9)


@pytest.mark.parametrize("changed", range(2, 6))
def test_a_wrong_vni_is_named(check, changed):
    frames = underlay()
    frames[changed][VXLAN].vni = 5001
    problem = only_problem(check(frames))
    assert problem.startswith(f"step {changed + 1} (")
    assert f"vxlan.vni is 5001, not 5000 (packet {changed + 1}, " in problem


@pytest.mark.parametrize(
    ("step", "layer", "field", "value", "text"),
    [
        (5, Ether, "dst", "02:42:0a:02:00:01", "ethernet.destination is 02:42:0a:02:00:01, not 02:42:0a:01:00:01"),
        (3, Ether, "src", "02:42:0a:02:00:01", "ethernet.source is 02:42:0a:02:00:01, not 02:42:0a:00:00:01"),
        (3, VXLAN, "flags", 0, None),
        (1, Ether, "dst", "02:42:0a:01:00:01", "ethernet.destination is 02:42:0a:01:00:01, not ff:ff:ff:ff:ff:ff"),
        (6, ICMP, "id", 8, "inner.icmp.id is 8, not 7"),
    ],
)
def test_a_wrong_field_is_named(check, step, layer, field, value, text):
    frames = underlay()
    setattr(frames[step - 1][layer], field, value)
    problem = only_problem(check(frames))
    assert problem.startswith(f"step {step} (")
    assert (text or "no such packet" if layer is not VXLAN else "vxlan.flags is 0x00, not 0x08") in problem


@pytest.mark.parametrize("step", [3, 4, 5, 6])
def test_a_tunnel_to_another_vtep_is_named(check, step):
    frames = underlay()
    frames[step - 1][IP].dst = "10.2.0.1"
    missing, extra = check(frames)["problems"]
    assert missing.startswith(f"step {step} (") and "no such packet" in missing
    assert extra.startswith(f"no step of the walk: packet {step}, ") and extra.endswith("> 10.2.0.1")


def test_a_wrong_mac_inside_is_named(check):
    frames = underlay()
    frames[5][VXLAN].payload.src = VM[3][0]
    assert "inner.ethernet.source is 00:00:00:00:00:03, not 00:00:00:00:00:02" in only_problem(check(frames))


def test_a_wrong_order_is_named(check):
    frames = underlay()
    frames[2], frames[3] = frames[3], frames[2]
    assert "step 4 (vm2 answers vm1): it came before step 3" in only_problem(check(frames))


@pytest.mark.parametrize("again", [3, 4, 5])
def test_a_packet_that_comes_twice_is_one_too_many(check, again):
    frames = underlay()
    result = check([*frames, frames[again]])
    assert result["extra"] == [7]
    assert only_problem(result).startswith("no step of the walk: packet 7, ")


def test_a_renewal_is_answered_once(check):
    result = check([*overlay(), ask(VM, 2, 1, to=VM[1][0]), answer(VM, 1, 2), answer(VM, 1, 2)], network="overlay")
    assert result["extra"] == [7]


def test_what_gets_out_without_the_tunnel_is_named(check):
    assert check([*underlay(), echo("request", 1, 2)])["extra"] == [7]


def test_a_vtep_that_does_not_listen_is_named(check):
    error = Ether() / IP(src="10.1.0.1", dst="10.0.0.1") / ICMP(type=3, code=3) / bytes(underlay()[2][IP])
    problem = only_problem(check([*underlay(), error]))
    assert "Destination unreachable" in problem


def test_the_seeds_packets_where_there_must_be_none(check):
    result = check(underlay(), chapter="no_mcast_flushed")
    # No packet is to cross the link, so what its neighbours ask is their affair.
    assert len(result["problems"]) == 4
    assert check([*wrapped([ask(VM, 1, 2)])], chapter="no_mcast_flushed")["extra"] == [1]


def test_an_empty_capture_lacks_every_step(check):
    result = check([])
    assert [step["problem"] is not None for step in result["steps"]] == [True] * 6
    assert all(step["seen"] is None and step["packet"] is None for step in result["steps"])
