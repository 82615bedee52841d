# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vxlan_capture_info says of packets, beside what Wireshark's tshark says of the same file."""

from __future__ import annotations

import subprocess

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLQuery,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import wrpcap

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
ETHER = Ether(src=MAC, dst=OTHER)
V4, V6 = ETHER / IP(src="192.168.7.1", dst="192.168.7.2"), ETHER / IPv6(src="fe80::1", dst="fe80::2")
QUOTED = IP(src="192.168.7.2", dst="192.168.7.1") / UDP(sport=5, dport=6) / b"x"
PACKETS = {
    "ARP request": ETHER / ARP(op=1, hwsrc=MAC, psrc="192.168.7.1", pdst="192.168.7.2"),
    "ARP reply": ETHER / ARP(op=2, hwsrc=MAC, psrc="192.168.7.1", pdst="192.168.7.2"),
    "ARP probe": ETHER / ARP(op=1, hwsrc=MAC, psrc="0.0.0.0", pdst="192.168.7.2"),
    "ARP announcement": ETHER / ARP(op=1, hwsrc=MAC, psrc="192.168.7.1", pdst="192.168.7.1"),
    "echo request": V4 / ICMP(type=8, id=7, seq=300) / b"x",
    "echo reply": V4 / ICMP(type=0, id=0x1234, seq=2) / b"x",
    "port unreachable": V4 / ICMP(type=3, code=3) / QUOTED,
    "fragmentation needed": V4 / ICMP(type=3, code=4, nexthopmtu=1400) / QUOTED,
    "host unreachable": V4 / ICMP(type=3, code=1) / QUOTED,
    "time exceeded": V4 / ICMP(type=11, code=0) / QUOTED,
    "UDP": V4 / UDP(sport=40000, dport=40001) / b"12345",
    "TCP SYN": V4 / TCP(sport=40000, dport=40001, flags="S", seq=1000),
    "TCP data": V4 / TCP(sport=40000, dport=40001, flags="PA", seq=1001, ack=5, window=100) / b"12345",
    "IPv4 fragment": ETHER / IP(src="192.168.7.1", dst="192.168.7.2", proto=17, flags="MF", frag=185, id=258) / bytes(64),
    "VLAN": Ether(src=MAC, dst=OTHER) / Dot1Q(vlan=7) / IP(src="192.168.7.1", dst="192.168.7.2") / UDP(sport=40000, dport=40001) / b"12",
    "DHCP": ETHER / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    / BOOTP(chaddr=bytes.fromhex("020000000001"), xid=0x1A2B3C4D) / DHCP(options=[("message-type", "discover"), "end"]),
    "DNS query": V4 / UDP(sport=40000, dport=53) / DNS(id=0x1234, rd=1, qd=DNSQR(qname="vtep.example.")),
    "DNS answer": V4 / UDP(sport=53, dport=40000)
    / DNS(id=0x1234, qr=1, qd=DNSQR(qname="vtep.example."), an=DNSRR(rrname="vtep.example.", rdata="10.0.0.1")),
    "neighbour solicitation": V6 / ICMPv6ND_NS(tgt="fe80::2") / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
    "neighbour advertisement": V6 / ICMPv6ND_NA(tgt="fe80::2", R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MAC),
    "router solicitation": V6 / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
    "router advertisement": V6 / ICMPv6ND_RA() / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
    "echo request, IPv6": V6 / ICMPv6EchoRequest(id=7, seq=3, data=b"x"),
    "echo reply, IPv6": V6 / ICMPv6EchoReply(id=7, seq=3, data=b"x"),
    "packet too big": V6 / ICMPv6PacketTooBig(mtu=1400) / IPv6(src="fe80::2", dst="fe80::1") / UDP(sport=5, dport=6),
    "multicast listener query": V6 / IPv6ExtHdrHopByHop() / ICMPv6MLQuery(),
    "multicast listener report": V6 / IPv6ExtHdrHopByHop() / ICMPv6MLReport2(),
    "spanning tree": Dot3(src=MAC, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3)
    / STP(rootid=32768, rootmac=MAC, bridgeid=32768, bridgemac=MAC, portid=0x8001, pathcost=4),
    "LLC": Dot3(src=MAC, dst=OTHER) / LLC(dsap=0xFE, ssap=0xFE, ctrl=3),
    "LLC XID": Dot3(src=MAC, dst=OTHER) / LLC(dsap=0, ssap=1, ctrl=0xBF) / bytes(43),
}  # fmt: skip
OUTER = Ether(src=OTHER, dst=MAC) / IP(src="10.0.0.1", dst="10.1.0.1")
# Reserved bits, and those of other protocols at this port, are ignored on receipt.
HEADERS = {"bare": None, "VXLAN": VXLAN(flags=0x08, vni=5000), "reserved bits": VXLAN(flags=0x0C, vni=5000, NextProtocol=1)}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Each packet, bare and wrapped: what the module says, and what tshark says."""
    found = {}
    for word, header in HEADERS.items():
        path = tmp_path_factory.mktemp("captures") / "all.pcap"
        frames = [packet if header is None else OUTER / UDP(sport=50000, dport=14789) / header / packet for packet in PACKETS.values()]
        wrpcap(str(path), frames, linktype=1)
        ours = _capture.read(path, udp_ports=[14789]).packets
        columns = [part for name in ("Source", "Destination", "Protocol", "Info") for part in ("-e", f"_ws.col.{name}")]
        options = ["-d", "udp.port==14789,vxlan", "-o", "tcp.relative_sequence_numbers:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE"]
        said = subprocess.run(["tshark", "-n", "-r", path, *options, "-T", "fields", *columns], check=True, capture_output=True, text=True)
        theirs = [line.split("\t") for line in said.stdout.splitlines()]
        for name, one, other in zip(PACKETS, ours, theirs, strict=True):
            found[word, name] = one, other
    return found


@pytest.mark.parametrize("name", PACKETS)
@pytest.mark.parametrize("header", HEADERS)
def test_the_columns_are_those_of_wireshark(seen, header, name):
    ours, (source, destination, protocol, info) = seen[header, name]
    assert (ours["source"], ours["destination"], ours["protocol"]) == (source, destination, protocol)
    assert ours["vni"] == (None if header == "bare" else 5000)
    # Wireshark adds what it makes of other packets ("no response found"), and the options of TCP.
    assert info.startswith(ours["info"]) and ours["info"]


def test_what_explains_a_lost_packet_is_in_the_fields(seen):
    for name, layer in (("fragmentation needed", "icmp"), ("packet too big", "icmpv6")):
        ours, _theirs = seen["VXLAN", name]
        assert [one["fields"]["next_hop_mtu"] for one in ours["layers"] if one["name"] == layer] == [1400]


def test_the_group_based_policy_is_in_the_fields(tmp_path):
    wrpcap(str(tmp_path / "gbp.pcap"), [OUTER / UDP(sport=50000, dport=4789) / bytes.fromhex("8848010100138800") / PACKETS["UDP"]])
    (packet,) = _capture.read(tmp_path / "gbp.pcap").packets
    assert packet["info"] == "40000 \u2192 40001 Len=5"
    assert packet["layers"][3]["fields"] == {
        "flags": "0x88", "vni": 5000, "policy_id": 257, "policy_dont_learn": True, "policy_applied": True,
    }  # fmt: skip
