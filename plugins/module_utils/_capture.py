# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A capture file as plain data: its packets, layer by layer, as scapy dissects them. One packet is held at a time."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ansible_collections.vxlanlab.vtep.plugins.module_utils._capture_file import Progress, file_frames
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Fields, Layer
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcap import Frame

SCAPY_ERROR: str | None = None
try:
    from scapy.config import conf
    from scapy.error import log_runtime
    from scapy.fields import ShortField, X3BytesField, XByteField
    from scapy.layers.dhcp import BOOTP, DHCP, DHCPTypes
    from scapy.layers.dns import DNS, dnstypes
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, icmpcodes
    from scapy.layers.inet6 import ICMPv6Unknown, IPerror6, IPv6, _ICMPv6, _ICMPv6NDGuessPayload
    from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
    from scapy.layers.vxlan import VXLAN as GPE
    from scapy.packet import Packet, Padding, Raw, split_layers
except ImportError:
    SCAPY_ERROR = traceback.format_exc()
else:

    class VXLAN(Packet):
        """The header of RFC 7348, section 5, in which all bits but the VNI's flag are ignored on receipt, and whose second half of
        the first word is that of the Group Based Policy (draft-smith-vxlan-group-policy). scapy's own takes reserved bits for those
        of the Generic Protocol Extension, which has a port of its own."""

        name = "VXLAN"
        fields_desc = [
            XByteField("flags", 0x08),
            XByteField("policy_flags", 0),
            ShortField("policy", 0),
            X3BytesField("vni", 0),
            XByteField("reserved", 0),
        ]

        def guess_payload_class(self, payload: bytes) -> type[Packet]:
            """An Ethernet frame, whatever it begins with."""
            return Ether

    # The destination port alone says that a datagram is VXLAN; the source port is a hash (RFC 7348, section 5).
    for condition in [condition for condition, layer in UDP.payload_guess if layer is GPE]:
        split_layers(UDP, GPE, **condition)
    log_runtime.propagate = False
    log_runtime.addHandler(logging.NullHandler())

#: The UDP ports of VXLAN: RFC 7348, Linux, and two of older switches.
UDP_PORTS = (4789, 8472, 6633, 48879)
#: VXLAN-GPE, in which the header says what follows it.
GPE_PORT = 4790


@dataclass
class Capture:
    """What ``read`` found in a file."""

    #: Packets in the file.
    count: int = 0
    packets: list[CapturedPacket] = field(default_factory=list)
    #: Whether ``packets`` holds all that were asked for.
    complete: bool = True


def read(
    path: str | os.PathLike[str],
    vni: int | None = None,
    limit: int | None = None,
    with_bytes: bool = False,
    progress: Progress | None = None,
    udp_ports: Sequence[int] = (*UDP_PORTS, GPE_PORT),
) -> Capture:
    """Read a pcap or pcapng file, plain or compressed with gzip.

    ``vni``: only the packets of that VXLAN network, 0 to 16777215. ``limit``: so many packets at most; those beyond it are
    counted but not dissected, which is what takes the time. ``progress`` is called about every ``PROGRESS_SECONDS``.
    ``udp_ports``: the destination ports of VXLAN, 1 to 65535.

    Raises ``UserError`` for a file that cannot be read to its end, and ``MissingLibrary`` without scapy.
    """
    if SCAPY_ERROR:
        raise MissingLibrary("scapy", SCAPY_ERROR, url="https://scapy.net")
    ports = [({"dport": port}, GPE if port == GPE_PORT else VXLAN) for port in udp_ports]
    # Before those that scapy knows by either port.
    UDP.payload_guess[:] = ports + [guess for guess in UDP.payload_guess if guess[1] not in (GPE, VXLAN)]
    capture = Capture()
    start = None
    for frame in file_frames(path, progress):
        capture.count = frame.number
        start = frame.nanoseconds if start is None else start
        # Without these bytes anywhere it cannot be of that network.
        if not capture.complete or (vni is not None and vni.to_bytes(3, "big") not in frame.raw):
            continue
        packet = _packet(frame, start)
        if vni not in (None, packet["vni"]):
            continue
        if len(capture.packets) == limit:
            capture.complete = False
        else:
            if with_bytes:
                packet["bytes"] = frame.raw.hex()
            capture.packets.append(packet)
    return capture


# --- the packet ------------------------------------------------------------------------------------------------------


def _packet(frame: Frame, start: int | None) -> CapturedPacket:
    layers = _layers(_dissect(frame))
    vxlan = next((layer for layer in layers if layer["name"] == "vxlan"), None)
    source, destination, protocol, info = _columns(layers)
    return {
        "number": frame.number,
        "time": None if frame.nanoseconds is None or start is None else (frame.nanoseconds - start) / 10**9,
        "timestamp": None if frame.nanoseconds is None else frame.nanoseconds / 10**9,
        "interface": frame.interface,
        "length": frame.length,
        "captured_length": len(frame.raw),
        "vni": vxlan["fields"]["vni"] if vxlan else None,
        "source": source,
        "destination": destination,
        "protocol": protocol,
        "info": info,
        "layers": layers,
    }


def _dissect(frame: Frame) -> Packet:
    # Of a link type that scapy does not know, such as USB, the bytes are all that is told.
    layer = conf.l2types.num2layer.get(frame.link_type, Raw)
    try:
        return layer(frame.raw)
    except Exception:  # scapy raises what it pleases when not even the first header is whole
        return Raw(frame.raw)


def _layers(packet: Packet) -> list[Layer]:
    layers: list[Layer] = []
    offset, inner = 0, False
    while packet:
        name, fields_of = next((entry for kind, entry in LAYERS.items() if isinstance(packet, kind)), (str(packet.name).lower(), _other))
        length = _header_length(packet)
        if isinstance(packet, (IPerror, IPerror6)):
            # What an ICMP error quotes is not on the wire by itself.
            name, fields_of, length = "quoted", _nothing, len(packet.original)
        if length:
            layers.append({"name": name, "inner": inner, "offset": offset, "length": length, "fields": _fields(packet, fields_of)})
        if name == "quoted":
            break
        inner = inner or name == "vxlan"
        offset += length
        packet = packet.payload
    return layers


def _fields(packet: Packet, fields_of: Callable[[Packet], Fields]) -> Fields:
    try:
        return fields_of(packet)
    except Exception:  # a header that is not whole lacks attributes, or has such of other types
        return {}


def _header_length(packet: Packet) -> int:
    if packet.raw_packet_cache is not None:
        return len(packet.raw_packet_cache)
    # scapy forgets the bytes of a header that it completed afterwards (ICMP errors).
    return len(packet.original) - (len(packet.payload.original) if packet.payload else 0)


def _ethernet(layer: Packet) -> Fields:
    return {"source": layer.src, "destination": layer.dst, "type": _hex(layer.type, 4)}


def _ethernet_802_3(layer: Packet) -> Fields:
    return {"source": layer.src, "destination": layer.dst, "length": layer.len}


def _llc(layer: Packet) -> Fields:
    return {"dsap": _hex(layer.dsap, 2), "ssap": _hex(layer.ssap, 2), "control": _hex(layer.ctrl, 2)}


def _stp(layer: Packet) -> Fields:
    return {
        "version": layer.version,
        "type": _hex(layer.bpdutype, 2),
        "flags": _hex(layer.bpduflags, 2),
        # The priority's lower 12 bits are the VLAN (IEEE 802.1D-2004, section 9.2.5).
        "root_priority": layer.rootid & 0xF000,
        "root_extension": layer.rootid & 0x0FFF,
        "root_mac": layer.rootmac,
        "root_cost": layer.pathcost,
        "bridge_priority": layer.bridgeid & 0xF000,
        "bridge_extension": layer.bridgeid & 0x0FFF,
        "bridge_mac": layer.bridgemac,
        "port": _hex(layer.portid, 4),
    }


def _vlan(layer: Packet) -> Fields:
    return {"id": layer.vlan, "priority": layer.prio, "type": _hex(layer.type, 4)}


def _arp(layer: Packet) -> Fields:
    return {
        "operation": {1: "request", 2: "reply"}.get(layer.op, str(layer.op)),
        "sender_mac": layer.hwsrc,
        "sender_ip": layer.psrc,
        "target_mac": layer.hwdst,
        "target_ip": layer.pdst,
    }


def _ipv4(layer: Packet) -> Fields:
    return {
        "source": layer.src,
        "destination": layer.dst,
        "ttl": layer.ttl,
        "protocol": layer.proto,
        "dscp": layer.tos >> 2,
        "identification": layer.id,
        "flags": str(layer.flags),
        "fragment_offset": layer.frag,
        "total_length": layer.len,
        "checksum": _hex(layer.chksum, 4),
    }


def _ipv6(layer: Packet) -> Fields:
    return {
        "source": layer.src,
        "destination": layer.dst,
        "hop_limit": layer.hlim,
        "next_header": layer.nh,
        "traffic_class": layer.tc,
        "payload_length": layer.plen,
    }


def _udp(layer: Packet) -> Fields:
    return {"source_port": layer.sport, "destination_port": layer.dport, "length": layer.len, "checksum": _hex(layer.chksum, 4)}


def _tcp(layer: Packet) -> Fields:
    return {
        "source_port": layer.sport,
        "destination_port": layer.dport,
        "sequence": layer.seq,
        "acknowledgment": layer.ack,
        "flags": str(layer.flags),
        "window": layer.window,
        "checksum": _hex(layer.chksum, 4),
    }


def _vxlan(layer: Packet) -> Fields:
    fields: Fields = {"flags": _hex(int(layer.flags), 2), "vni": layer.vni}
    if isinstance(layer, VXLAN) and layer.flags & 0x80:
        fields.update(
            policy_id=layer.policy, policy_dont_learn=bool(layer.policy_flags & 0x40), policy_applied=bool(layer.policy_flags & 0x08)
        )
    return fields


def _icmp(layer: Packet) -> Fields:
    kind = layer.get_field("type").i2repr(layer, layer.type)
    fields = {"type": layer.type, "kind": kind, "code": layer.code, "checksum": _hex(layer.chksum, 4)}
    if kind in ECHO:
        fields.update(id=layer.id, sequence=layer.seq)
    if (layer.type, layer.code) == FRAGMENTATION_NEEDED:
        fields["next_hop_mtu"] = layer.nexthopmtu
    return fields


def _icmpv6(layer: Packet) -> Fields:
    fields: Fields = {"type": layer.type, "code": getattr(layer, "code", None), "checksum": _hex(getattr(layer, "cksum", None), 4)}
    if layer.type in ECHO_V6:
        fields.update(id=layer.id, sequence=layer.seq)
    elif layer.type == PACKET_TOO_BIG:
        fields["next_hop_mtu"] = layer.mtu
    elif layer.type in (NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT):
        fields["target"] = layer.tgt
        if layer.type == NEIGHBOR_ADVERTISEMENT:
            fields.update(router=bool(layer.R), solicited=bool(layer.S), override=bool(layer.O))
    return fields


def _nd_option(layer: Packet) -> Fields:
    found = _other(layer)
    return {**found, "mac": layer.lladdr} if hasattr(layer, "lladdr") else found


def _dhcp(layer: Packet) -> Fields:
    options: dict[Any, Any] = dict(
        entry[:2] for entry in getattr(layer.payload, "options", []) if isinstance(entry, tuple) and len(entry) > 1
    )
    return {
        "operation": {1: "request", 2: "reply"}.get(layer.op, str(layer.op)),
        "message": DHCPTypes.get(options.get("message-type", 0), ""),
        "transaction_id": _hex(layer.xid, 8),
        "client_mac": layer.chaddr[:6].hex(":"),
        "client_ip": layer.ciaddr,
        "your_ip": layer.yiaddr,
        "server_ip": layer.siaddr,
    }


def _dns(layer: Packet) -> Fields:
    fields: Fields = {"id": _hex(layer.id, 4), "response": bool(layer.qr), "code": layer.rcode}
    fields["questions"] = [f"{dnstypes.get(one.qtype, one.qtype)} {_dns_name(one.qname)}" for one in _records(layer.qd)]
    fields["answers"] = [f"{dnstypes.get(one.type, one.type)} {_dns_name(getattr(one, 'rdata', ''))}" for one in _records(layer.an)]
    return fields


def _records(found: Any) -> Iterator[Packet]:
    """The records of a section: a list, or in scapy before 2.6 one behind the other."""
    if isinstance(found, list):
        yield from found
        return
    while isinstance(found, Packet) and not isinstance(found, (Raw, Padding)) and found.name != "NoPayload":
        yield found
        found = found.payload


def _dns_name(value: Any) -> str:
    return value.decode(errors="replace").rstrip(".") if isinstance(value, bytes) else str(value)


def _other(layer: Packet) -> Fields:
    """A protocol without a function of its own: the fields as scapy names them."""
    return {name: value if isinstance(value, (int, str)) else repr(value) for name, value in layer.fields.items()}


def _nothing(layer: Packet) -> Fields:
    return {}


def _hex(value: int | None, digits: int) -> str | None:
    # scapy leaves out the fields that a cut-off packet ends before.
    return None if value is None else f"0x{value:0{digits}x}"


ECHO = {"echo-request": "request", "echo-reply": "reply"}
ECHO_V6 = {128: "request", 129: "reply"}
#: Type and code of ICMP (RFC 1191, section 4), and types of ICMPv6 (RFC 4443, RFC 4861).
FRAGMENTATION_NEEDED = (3, 4)
PACKET_TOO_BIG, NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT = 2, 135, 136
LAYERS: dict[type[Packet], tuple[str, Callable[[Packet], Fields]]] = (
    {}
    if SCAPY_ERROR
    else {
        Ether: ("ethernet", _ethernet),
        Dot3: ("ethernet", _ethernet_802_3),
        LLC: ("llc", _llc),
        STP: ("stp", _stp),
        Dot1Q: ("vlan", _vlan),
        ARP: ("arp", _arp),
        IP: ("ipv4", _ipv4),
        IPv6: ("ipv6", _ipv6),
        UDP: ("udp", _udp),
        TCP: ("tcp", _tcp),
        VXLAN: ("vxlan", _vxlan),
        GPE: ("vxlan", _vxlan),
        ICMP: ("icmp", _icmp),
        _ICMPv6: ("icmpv6", _icmpv6),
        ICMPv6Unknown: ("icmpv6", _icmpv6),
        cast(type[Packet], _ICMPv6NDGuessPayload): ("icmpv6_option", _nd_option),
        BOOTP: ("dhcp", _dhcp),
        DHCP: ("dhcp_options", _nothing),
        DNS: ("dns", _dns),
        Padding: ("padding", _nothing),
        Raw: ("data", _nothing),
    }
)


# --- the line that a packet is in a list, in Wireshark's columns and words --------------------------------------------

#: Layers that are no protocol of their own.
_PARTS = ("data", "padding", "quoted", "icmpv6_option", "dhcp_options")
_PROTOCOLS = {"ethernet": "Ethernet", "ipv4": "IPv4", "ipv6": "IPv6", "icmpv6": "ICMPv6"}


def _columns(layers: list[Layer]) -> tuple[str, str, str, str]:
    """Source, destination, protocol and what the packet says."""
    source = destination = protocol = info = ""
    for position, layer in enumerate(layers):
        name, fields = layer["name"], layer["fields"]
        if name in ("ethernet", "ipv4", "ipv6"):
            source, destination = fields.get("source", ""), fields.get("destination", "")
        if name not in _PARTS:
            protocol = _PROTOCOLS.get(name, name.upper())
            info = _info(layers, position)
    return source, destination, protocol, info


def _info(layers: list[Layer], position: int) -> str:
    words = INFO.get(layers[position]["name"])
    try:
        return words(layers[position]["fields"], layers, position) if words else ""
    except (KeyError, TypeError):  # a header that is not whole
        return ""


def _before(layers: list[Layer], position: int, *names: str) -> Fields:
    """The fields of the nearest layer of these before this one."""
    return next((layer["fields"] for layer in reversed(layers[:position]) if layer["name"] in names), {})


def _carried(layers: list[Layer], position: int) -> int:
    """The bytes behind a layer, without what fills an Ethernet frame up."""
    return sum(layer["length"] for layer in layers[position + 1 :] if layer["name"] != "padding")


def _arp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    sender, target = fields["sender_ip"], fields["target_ip"]
    if fields["operation"] == "request":
        if sender == target:
            return f"ARP Announcement for {sender}"
        return f"Who has {target}? {'(ARP Probe)' if sender == '0.0.0.0' else f'Tell {sender}'}"
    if fields["operation"] == "reply":
        return f"Gratuitous ARP for {sender} (Reply)" if sender == target else f"{sender} is at {fields['sender_mac']}"
    return f"Operation {fields['operation']}"


def _ipv4_info(fields: Fields, layers: list[Layer], position: int) -> str:
    try:
        protocol = conf.protocols[fields["protocol"]].upper()
    except KeyError:
        protocol = "unknown"
    if fields["fragment_offset"] or "MF" in fields["flags"]:
        return (
            f"Fragmented IP protocol (proto={protocol} {fields['protocol']}, off={fields['fragment_offset'] * 8}, "
            f"ID={fields['identification']:04x})"
        )
    return f"{protocol} ({fields['protocol']})"


def _icmp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    kind, code = fields["kind"], fields["code"]
    if kind in ECHO:
        sequence = fields["sequence"]
        little = int.from_bytes(sequence.to_bytes(2, "big"), "little")
        ttl = _before(layers, position, "ipv4")["ttl"]
        return f"Echo (ping) {ECHO[kind]:<7}  id=0x{fields['id']:04x}, seq={sequence}/{little}, ttl={ttl}"
    title = {"dest-unreach": "Destination unreachable", "time-exceeded": "Time-to-live exceeded"}.get(
        kind, kind.replace("-", " ").capitalize()
    )
    words = (
        ICMP_CODES.get((fields["type"], code)) or icmpcodes.get(fields["type"], {}).get(code, f"code {code}").replace("-", " ").capitalize()
    )
    return f"{title} ({words})"


def _icmpv6_info(fields: Fields, layers: list[Layer], position: int) -> str:
    kind = fields["type"]
    if kind in ECHO_V6:
        hops = _before(layers, position, "ipv6")["hop_limit"]
        return f"Echo (ping) {ECHO_V6[kind]} id=0x{fields['id']:04x}, seq={fields['sequence']}, hop limit={hops}"
    mac = next((layer["fields"]["mac"] for layer in layers[position:] if "mac" in layer["fields"] and layer["name"] == "icmpv6_option"), "")
    words = ICMPV6_TYPES.get(kind, f"Type {kind}")
    if kind == NEIGHBOR_SOLICITATION:
        return f"{words} for {fields['target']}" + (f" from {mac}" if mac else "")
    if kind == NEIGHBOR_ADVERTISEMENT:
        flags = [short for name, short in (("router", "rtr"), ("solicited", "sol"), ("override", "ovr")) if fields[name]]
        return f"{words} {fields['target']} ({', '.join(flags)})" + (f" is at {mac}" if mac else "")
    return words + (f" from {mac}" if mac and kind in (133, 134) else "")


def _udp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    return f"{fields['source_port']} \u2192 {fields['destination_port']} Len={fields['length'] - 8}"


def _tcp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    # From the lowest bit up.
    flags = ", ".join(TCP_FLAGS[letter] for letter in TCP_FLAGS if letter in fields["flags"]) or "<None>"
    acknowledgment = f" Ack={fields['acknowledgment']}" if "A" in fields["flags"] else ""
    return (
        f"{fields['source_port']} \u2192 {fields['destination_port']} [{flags}] Seq={fields['sequence']}{acknowledgment} "
        f"Win={fields['window']} Len={_carried(layers, position)}"
    )


def _vni_info(fields: Fields, layers: list[Layer], position: int) -> str:
    return f"VNI {fields['vni']}"


def _dhcp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    return f"DHCP {fields['message'].capitalize():<8} - Transaction ID {fields['transaction_id']}"


def _dns_info(fields: Fields, layers: list[Layer], position: int) -> str:
    words = f"Standard query {'response ' if fields['response'] else ''}{fields['id']}"
    return " ".join([words, *fields["questions"], *fields["answers"]])


def _stp_info(fields: Fields, layers: list[Layer], position: int) -> str:
    if fields["type"] == "0x80":
        return "Topology Change Notification"
    kind = "Conf" if fields["type"] == "0x00" else "RST"
    topology = " TC +" if int(fields["flags"], 16) & 1 else ""
    root = f"{fields['root_priority']}/{fields['root_extension']}/{fields['root_mac']}"
    return f"{kind}.{topology} Root = {root}  Cost = {fields['root_cost']}  Port = {fields['port']}"


def _llc_info(fields: Fields, layers: list[Layer], position: int) -> str:
    dsap, ssap, control = (int(fields[name], 16) for name in ("dsap", "ssap", "control"))
    # The lowest bit of an address says to whom, or what, it is (IEEE 802.2).
    names = [SAPS.get(sap & 0xFE, f"0x{sap & 0xFE:02x}") for sap in (dsap, ssap)]
    words = f"DSAP {names[0]} {'Group' if dsap & 1 else 'Individual'}, SSAP {names[1]} {'Response' if ssap & 1 else 'Command'}"
    if control & 3 != 3:
        return words
    final = (" F" if ssap & 1 else " P") if control & 0x10 else ""
    return f"U{final}, func={UNNUMBERED.get(control & 0xEF, 'Unknown')}; {words}"


ICMP_CODES = {(3, 4): "Fragmentation needed", (3, 3): "Port unreachable", (3, 1): "Host unreachable", (3, 0): "Network unreachable",
              (11, 0): "Time to live exceeded in transit"}  # fmt: skip
ICMPV6_TYPES = {
    1: "Destination Unreachable", 2: "Packet Too Big", 3: "Time Exceeded", 4: "Parameter Problem", 130: "Multicast Listener Query",
    131: "Multicast Listener Report", 132: "Multicast Listener Done", 133: "Router Solicitation", 134: "Router Advertisement",
    135: "Neighbor Solicitation", 136: "Neighbor Advertisement", 137: "Redirect", 143: "Multicast Listener Report Message v2",
}  # fmt: skip
SAPS = {0x00: "NULL LSAP", 0x42: "Spanning Tree BPDU", 0xAA: "SNAP", 0xE0: "NetWare", 0xF0: "NetBIOS", 0xFE: "ISO Network Layer"}
UNNUMBERED = {0x03: "UI", 0x0F: "DM", 0x43: "DISC", 0x63: "UA", 0x6F: "SABME", 0x87: "FRMR", 0xAF: "XID", 0xE3: "TEST"}
TCP_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}
INFO: dict[str, Callable[[Fields, list[Layer], int], str]] = {
    "arp": _arp_info,
    "ipv4": _ipv4_info,
    "icmp": _icmp_info,
    "icmpv6": _icmpv6_info,
    "udp": _udp_info,
    "tcp": _tcp_info,
    "vxlan": _vni_info,
    "dhcp": _dhcp_info,
    "dns": _dns_info,
    "stp": _stp_info,
    "llc": _llc_info,
}
