# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture files as data: every layer, every file format, damaged files, many packets. The captures are made by scapy."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis import given, strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6MLReport2, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapWriter, wrpcap, wrpcapng

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture, _capture_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.modules import vxlan_capture_info

OUTER = (
    Ether(src="02:42:0a:00:00:01", dst="02:42:0a:01:00:01") / IP(src="10.0.0.1", dst="10.1.0.1", flags="DF") / UDP(sport=51750, dport=4789)
)
INNER = Ether(src="00:00:00:00:00:01", dst="00:00:00:00:00:02")
REQUEST = ARP(op=1, hwsrc="00:00:00:00:00:01", psrc="192.168.1.1", pdst="192.168.1.2")
ECHO = INNER / IP(src="192.168.1.1", dst="192.168.1.2") / ICMP(type=8, id=7, seq=1) / (b"x" * 56)


def vxlan(vni=5000):
    return VXLAN(flags=0x08, vni=vni)


# Three seconds of traffic, one packet a second.
TRAFFIC = [
    Ether(src="02:42:0a:00:00:01", dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc="02:42:0a:00:00:01", psrc="10.0.0.1", pdst="10.1.0.1"),
    OUTER / vxlan() / Ether(src="00:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / REQUEST,
    OUTER / vxlan() / ECHO,
    OUTER / vxlan(6000) / ECHO,
]
for second, frame in enumerate(TRAFFIC):
    frame.time = 1_700_000_000 + second


@pytest.fixture
def traffic(tmp_path):
    path = tmp_path / "traffic.pcap"
    wrpcap(str(path), TRAFFIC)
    return path


def read_one(tmp_path, frame):
    path = tmp_path / "one.pcap"
    wrpcap(str(path), [frame])
    return _capture.read(path).packets[0]


def names(packet):
    return [layer["name"] for layer in packet["layers"]]


# The packets


def test_every_layer_of_an_arp_request_in_vxlan(traffic):
    packet = _capture.read(traffic).packets[1]
    assert packet == {
        "number": 2,
        "time": 1.0,
        "timestamp": 1_700_000_001.0,
        "interface": None,
        "length": 92,
        "captured_length": 92,
        "vni": 5000,
        "source": "00:00:00:00:00:01",
        "destination": "ff:ff:ff:ff:ff:ff",
        "protocol": "ARP",
        "info": "Who has 192.168.1.2? Tell 192.168.1.1",
        "layers": [
            {
                "name": "ethernet",
                "inner": False,
                "offset": 0,
                "length": 14,
                "fields": {"source": "02:42:0a:00:00:01", "destination": "02:42:0a:01:00:01", "type": "0x0800"},
            },
            {
                "name": "ipv4",
                "inner": False,
                "offset": 14,
                "length": 20,
                "fields": {
                    "source": "10.0.0.1",
                    "destination": "10.1.0.1",
                    "ttl": 64,
                    "protocol": 17,
                    "dscp": 0,
                    "identification": 1,
                    "flags": "DF",
                    "fragment_offset": 0,
                    "total_length": 78,
                    "checksum": "0x269c",
                },
            },
            {
                "name": "udp",
                "inner": False,
                "offset": 34,
                "length": 8,
                "fields": {
                    "source_port": 51750,
                    "destination_port": 4789,
                    "length": 58,
                    "checksum": packet["layers"][2]["fields"]["checksum"],
                },
            },
            {"name": "vxlan", "inner": False, "offset": 42, "length": 8, "fields": {"flags": "0x08", "vni": 5000}},
            {
                "name": "ethernet",
                "inner": True,
                "offset": 50,
                "length": 14,
                "fields": {"source": "00:00:00:00:00:01", "destination": "ff:ff:ff:ff:ff:ff", "type": "0x0806"},
            },
            {
                "name": "arp",
                "inner": True,
                "offset": 64,
                "length": 28,
                "fields": {
                    "operation": "request",
                    "sender_mac": "00:00:00:00:00:01",
                    "sender_ip": "192.168.1.1",
                    "target_mac": "00:00:00:00:00:00",
                    "target_ip": "192.168.1.2",
                },
            },
        ],
    }


def test_an_echo_request_in_vxlan(traffic):
    packet = _capture.read(traffic).packets[2]
    assert names(packet) == ["ethernet", "ipv4", "udp", "vxlan", "ethernet", "ipv4", "icmp", "data"]
    assert [layer["inner"] for layer in packet["layers"]] == [False] * 4 + [True] * 4
    icmp = packet["layers"][6]["fields"]
    assert (icmp["type"], icmp["kind"], icmp["code"], icmp["id"], icmp["sequence"]) == (8, "echo-request", 0, 7, 1)
    assert (packet["source"], packet["destination"], packet["protocol"]) == ("192.168.1.1", "192.168.1.2", "ICMP")
    assert packet["info"] == "Echo (ping) request  id=0x0007, seq=1/256, ttl=64"


def test_a_packet_without_vxlan_has_no_vni(traffic):
    packet = _capture.read(traffic).packets[0]
    assert packet["vni"] is None
    assert names(packet) == ["ethernet", "arp"]
    assert not any(layer["inner"] for layer in packet["layers"])


def test_the_source_port_does_not_make_a_datagram_vxlan(tmp_path):
    packet = read_one(tmp_path, Ether() / IP() / UDP(sport=4789, dport=53000) / bytes(vxlan() / ECHO))
    assert (packet["vni"], names(packet)) == (None, ["ethernet", "ipv4", "udp", "data"])


@pytest.mark.parametrize("port", [4789, 8472])
def test_the_ports_of_vxlan(tmp_path, port):
    packet = read_one(tmp_path, Ether() / IP() / UDP(sport=1, dport=port) / bytes(vxlan() / ECHO))
    assert packet["vni"] == 5000


def test_what_an_icmp_error_quotes_is_not_vxlan(tmp_path):
    packet = read_one(tmp_path, Ether() / IP(src="10.1.0.1", dst="10.0.0.1") / ICMP(type=3, code=3) / bytes((OUTER / vxlan() / ECHO)[IP]))
    assert (packet["vni"], names(packet)) == (None, ["ethernet", "ipv4", "icmp", "quoted"])
    assert packet["info"] == "Destination unreachable (Port unreachable)"
    assert packet["layers"][3]["length"] == packet["length"] - 42


def test_other_protocols(tmp_path):
    tagged = read_one(tmp_path, Ether() / Dot1Q(vlan=7, prio=1) / IP(src="10.0.0.1") / TCP(sport=1, dport=6640, flags="S"))
    assert names(tagged) == ["ethernet", "vlan", "ipv4", "tcp"]
    assert tagged["layers"][1]["fields"] == {"id": 7, "priority": 1, "type": "0x0800"}
    assert (tagged["protocol"], tagged["info"]) == ("TCP", "1 \u2192 6640 [SYN] Seq=0 Win=8192 Len=0")
    multicast = read_one(tmp_path, OUTER / vxlan() / Ether() / IPv6(src="fe80::1", dst="ff02::16") / ICMPv6MLReport2())
    assert names(multicast)[:6] == ["ethernet", "ipv4", "udp", "vxlan", "ethernet", "ipv6"]
    assert (multicast["source"], multicast["destination"], multicast["vni"]) == ("fe80::1", "ff02::16", 5000)
    unknown = read_one(tmp_path, Ether(type=0x88B5) / b"private")
    assert names(unknown) == ["ethernet", "data"]


def test_the_padding_of_a_short_frame_is_no_data(tmp_path):
    packet = read_one(tmp_path, bytes(TRAFFIC[0]).ljust(60, b"\0"))
    assert [(layer["name"], layer["offset"], layer["length"]) for layer in packet["layers"]] == [
        ("ethernet", 0, 14),
        ("arp", 14, 28),
        ("padding", 42, 18),
    ]


def test_packets_that_the_capture_cut(tmp_path):
    path = tmp_path / "cut.pcap"
    with PcapWriter(str(path), linktype=1) as writer:
        writer.write_header(None)
        for length in range(1, 92):
            writer.write_packet(bytes(TRAFFIC[1])[:length], caplen=length, wirelen=92)
    packets = _capture.read(path).packets
    assert [packet["captured_length"] for packet in packets] == list(range(1, 92))
    assert {packet["length"] for packet in packets} == {92}
    assert packets[49]["vni"] == 5000
    assert names(packets[9]) == ["data"]


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"", bytes(OUTER), bytes(OUTER / vxlan()), bytes(ECHO)[:14], bytes(ECHO)[:34]])
)
def test_any_bytes_are_data(tail, head):
    raw = head + tail
    packet = _capture._packet(_capture.Frame(1, 0, raw, len(raw), 1), 0)
    json.dumps(packet)
    offset = 0
    for layer in packet["layers"]:
        assert layer["offset"] == offset
        assert layer["length"] > 0
        offset += layer["length"]
    assert offset <= len(raw)


# The selection


def test_one_network(traffic):
    capture = _capture.read(traffic, vni=6000)
    assert ([packet["number"] for packet in capture.packets], capture.count, capture.complete) == ([4], 4, True)
    # Its three bytes are in a packet's data by chance.
    assert not _capture.read(traffic, vni=0x787878).packets


@pytest.mark.parametrize(
    ("vni", "limit", "numbers", "complete"),
    [
        (None, 0, [], False),
        (None, 3, [1, 2, 3], False),
        (None, 4, [1, 2, 3, 4], True),
        (5000, 1, [2], False),
        (5000, 2, [2, 3], True),
        (7000, 0, [], True),
    ],
)
def test_the_limit_counts_what_was_asked_for(traffic, vni, limit, numbers, complete):
    capture = _capture.read(traffic, vni, limit)
    assert ([packet["number"] for packet in capture.packets], capture.count, capture.complete) == (numbers, 4, complete)


def test_the_bytes_when_asked_for(traffic):
    packets = _capture.read(traffic, with_bytes=True).packets
    assert all(len(packet["bytes"]) == 2 * packet["captured_length"] for packet in packets)
    assert packets[0]["bytes"].startswith(packets[0]["layers"][0]["fields"]["destination"].replace(":", ""))
    assert all("bytes" not in packet for packet in _capture.read(traffic).packets)


@pytest.mark.parametrize("compressed", [False, True])
def test_it_tells_how_far_it_is(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(_capture_file, "PROGRESS_SECONDS", 0)
    path = tmp_path / "large.pcap"
    frame = Ether() / IP() / UDP() / bytes(100)
    wrpcap(str(path), [frame] * 5500, gz=compressed)
    told = []
    _capture.read(path, limit=0, progress=lambda packets, part: told.append((packets, part)))
    assert [packets for packets, part in told] == [1000, 2000, 3000, 4000, 5000]
    parts = [part for packets, part in told]
    assert parts == sorted(parts) and parts[0] > 0 and parts[-1] <= 1
    assert compressed or parts[0] == pytest.approx(1 / 5.5, abs=0.05)


def test_it_tells_nothing_of_a_small_file(traffic):
    _capture.read(traffic, progress=pytest.fail)


def test_a_large_file_is_not_held_in_memory(tmp_path):
    path = tmp_path / "large.pcap"
    frame = bytes(OUTER / vxlan() / ECHO).ljust(1400, b"\0")
    with PcapWriter(str(path), linktype=1) as writer:
        writer.write_header(None)
        for _dummy in range(5_000):
            writer.write_packet(frame)
    assert path.stat().st_size > 7_000_000
    _capture.read(path, limit=1)  # what is loaded once
    tracemalloc.start()
    capture = _capture.read(path, limit=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (capture.count, len(capture.packets)) == (5_000, 100)
    assert peak < 2_000_000


# The file


def as_gzip(traffic):
    traffic.write_bytes(gzip.compress(traffic.read_bytes()))


def as_pcapng(traffic):
    wrpcapng(str(traffic), TRAFFIC)


def with_nanoseconds(traffic):
    wrpcap(str(traffic), TRAFFIC, nano=True)


def big_endian(traffic):
    wrpcap(str(traffic), TRAFFIC, endianness=">")


@pytest.mark.parametrize("convert", [as_gzip, as_pcapng, with_nanoseconds, big_endian])
def test_every_format_reads_the_same(traffic, convert):
    before = _capture.read(traffic)
    assert before.count == 4
    convert(traffic)
    assert _capture.read(traffic) == before


def test_a_capture_without_packets(tmp_path):
    path = tmp_path / "none.pcap"
    PcapWriter(str(path), linktype=1).write_header(None)
    assert _capture.read(path) == _capture.Capture(0, [], True)


def refusal(path):
    with pytest.raises(UserError) as caught:
        _capture.read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.pcap")
    assert "is a directory" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", [b"#!/bin/sh\nexit 0\n", b"\x1f\x8bnot really", b"\xd4\xc3\xb2\xa1\x02\0", gzip.compress(b"text, as it may be", mtime=0)]
)
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "foreign.pcap"
    path.write_bytes(content)
    assert "is not a capture file" in refusal(path)


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.pcap"
    path.touch()
    assert "is empty" in refusal(path)


def test_an_unknown_link_type(tmp_path):
    path = tmp_path / "radio.pcap"
    wrpcap(str(path), [bytes(TRAFFIC[0])], linktype=250)
    (packet,) = _capture.read(path).packets
    assert names(packet) == ["data"] and packet["layers"][0]["length"] == packet["length"]


@pytest.mark.parametrize("convert", [None, as_pcapng])
def test_a_file_that_was_cut_off_says_so_wherever_it_was(traffic, tmp_path, convert):
    if convert:
        convert(traffic)
    content = traffic.read_bytes()
    path = tmp_path / "cut.pcap"
    whole = []
    for size in range(len(content) - 1, 40, -1):
        path.write_bytes(content[:size])
        try:
            capture = _capture.read(path, limit=0)
        except UserError as error:
            assert "is damaged or cut off after packet" in str(error) or "is not a capture file" in str(error)
        else:
            whole.append(capture.count)
    # Only what ends with a packet (pcapng: or before the first one) is a whole file.
    assert set(whole) == {3, 2, 1} | ({0} if convert else set())
    assert len(whole) <= 6


def test_a_gzip_file_that_was_cut_off(traffic):
    as_gzip(traffic)
    traffic.write_bytes(traffic.read_bytes()[:-12])
    assert "cut off" in refusal(traffic)


def test_a_damaged_length(traffic):
    content = bytearray(traffic.read_bytes())
    content[24 + 8 : 24 + 12] = b"\xff\xff\xff\x7f"
    traffic.write_bytes(content)
    assert "cut off after packet 0" in refusal(traffic)


# The module


def run_module(capsys, **arguments):
    with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
        vxlan_capture_info.main()
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_the_module_reads_files_in_their_order(traffic, tmp_path, capsys):
    second = tmp_path / "second.pcap"
    wrpcap(str(second), TRAFFIC[2:3])
    code, result = run_module(capsys, path=[str(second), str(traffic)], vni=5000, limit=1)
    assert (code, result["changed"]) == (0, False)
    assert [(capture["path"], capture["count"], capture["complete"]) for capture in result["captures"]] == [
        (str(second), 1, True),
        (str(traffic), 4, False),
    ]
    assert [packet["number"] for capture in result["captures"] for packet in capture["packets"]] == [1, 2]


def test_the_module_logs_how_far_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_capture_file, "PROGRESS_SECONDS", 0)
    logged = []
    monkeypatch.setattr(vxlan_capture_info.AnsibleModule, "log", lambda module, message, **options: logged.append(message))
    path = tmp_path / "large.pcap"
    wrpcap(str(path), [ECHO] * 1001)
    code, result = run_module(capsys, path=[str(path)], limit=0)
    assert code == 0 and result["captures"][0]["count"] == 1001
    assert [message for message in logged if message.startswith(f"{path}: 1000 packets, ") and message.endswith("% of the file")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vni": 16777216}, "vni: 16777216 is out of range. Use 0 to 16777215."),
        ({"vni": -1}, "vni: -1 is out of range"),
        ({"limit": -1}, "limit: -1 is out of range"),
        ({"udp_ports": [0]}, "udp_ports: 0 is out of range. Use 1 to 65535."),
        ({"path": ["a\0b"]}, "path: 'a\\x00b' is not accepted: expected a path without NUL characters"),
        ({"path": ["/nowhere/at.all"]}, "path: cannot read '/nowhere/at.all': No such file or directory"),
    ],
)
def test_the_module_refuses(traffic, capsys, arguments, message):
    code, result = run_module(capsys, **{"path": [str(traffic)], **arguments})
    assert code == 1
    assert message in result["msg"]


def test_the_module_says_what_is_missing(traffic, capsys, monkeypatch):
    monkeypatch.setattr(_capture, "SCAPY_ERROR", "Traceback")
    code, result = run_module(capsys, path=[str(traffic)])
    assert code == 1
    assert "scapy" in result["msg"]
