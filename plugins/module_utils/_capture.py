# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A capture file as plain data: its packets, layer by layer, as scapy dissects them. One packet is held at a time."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import os
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Fields, Layer

SCAPY_ERROR: str | None = None
try:
    from scapy.config import conf
    from scapy.error import Scapy_Exception, log_runtime
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
    from scapy.layers.inet6 import IPerror6, IPv6
    from scapy.layers.l2 import ARP, Dot1Q, Ether
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Packet, Padding, Raw, split_layers
    from scapy.utils import RawPcapReader
except ImportError:
    SCAPY_ERROR = traceback.format_exc()
else:
    # The destination port alone says that a datagram is VXLAN; the source port is a hash (RFC 7348, section 5).
    for condition in [condition for condition, layer in UDP.payload_guess if layer is VXLAN and "sport" in condition]:
        split_layers(UDP, VXLAN, **condition)
    # Every warning reaches _complaints(), and nothing else.
    conf.warning_threshold = 0
    log_runtime.propagate = False
    log_runtime.addHandler(logging.NullHandler())

GZIP_MAGIC = b"\x1f\x8b"
PROGRESS_SECONDS = 5
PROGRESS_PACKETS = 1000  # how often to look at the clock


# Told the number of packets that were read, and which part of the file that is, from 0 to 1.
Progress = Callable[[int, float], None]


@dataclass
class Capture:
    """What ``read`` found in a file."""

    #: Packets in the file.
    count: int = 0
    packets: list[CapturedPacket] = field(default_factory=list)
    #: Whether ``packets`` holds all that were asked for.
    complete: bool = True


@dataclass
class Frame:
    """A packet as it is in the file."""

    #: The position in the file, from 1.
    number: int
    #: Since 1970-01-01 00:00 UTC.
    nanoseconds: int
    raw: bytes
    #: On the wire, in bytes; ``raw`` may be shorter.
    length: int
    #: As registered (https://www.tcpdump.org/linktypes.html).
    link_type: int


def read(
    path: str | os.PathLike[str],
    vni: int | None = None,
    limit: int | None = None,
    with_bytes: bool = False,
    progress: Progress | None = None,
) -> Capture:
    """Read a pcap or pcapng file, plain or compressed with gzip.

    ``vni``: only the packets of that VXLAN network, 0 to 16777215. ``limit``: so many packets at most; those beyond it are
    counted but not dissected, which is what takes the time. ``progress`` is called about every ``PROGRESS_SECONDS``.

    Raises ``UserError`` for a file that cannot be read to its end, and ``MissingLibrary`` without scapy.
    """
    if SCAPY_ERROR:
        raise MissingLibrary("scapy", SCAPY_ERROR, url="https://scapy.net")
    capture = Capture()
    start = None
    for frame in _frames(path, progress):
        capture.count = frame.number
        start = frame.nanoseconds if start is None else start
        # Without these bytes anywhere it cannot be of that network.
        if not capture.complete or (vni is not None and vni.to_bytes(3, "big") not in frame.raw):
            continue
        packet = _packet(frame, start, path)
        if vni not in (None, packet["vni"]):
            continue
        if len(capture.packets) == limit:
            capture.complete = False
        else:
            if with_bytes:
                packet["bytes"] = frame.raw.hex()
            capture.packets.append(packet)
    return capture


# --- the file --------------------------------------------------------------------------------------------------------


class _Source:
    """A file that remembers whether it ended within what was to be read."""

    def __init__(self, file: io.BufferedIOBase, raw: io.BufferedIOBase) -> None:
        self._file = file
        self._raw = raw
        self.cut = False

    def read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (EOFError, OSError, zlib.error):  # what gzip raises
            data, self.cut = b"", True
        self.cut |= 0 < len(data) < size
        return data

    def part(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return self._raw.tell() / max(os.fstat(self._raw.fileno()).st_size, 1)


class _Complaints(logging.Handler):
    """scapy ends quietly at a damaged place, with no more than a warning."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


@contextlib.contextmanager
def _complaints() -> Iterator[_Complaints]:
    handler = _Complaints()
    log_runtime.addHandler(handler)
    try:
        yield handler
    finally:
        log_runtime.removeHandler(handler)


@contextlib.contextmanager
def _source(path: str | os.PathLike[str]) -> Iterator[_Source]:
    with contextlib.ExitStack() as opened:
        try:
            file = opened.enter_context(open(path, "rb"))
            magic = file.read(4)
        except OSError as error:
            raise UserError(f"path: {path} cannot be read: {error.strerror}. Name a capture file that this user may read.") from None
        if not magic:
            raise UserError(f"path: {path} is empty. Was the capture stopped before it began? Capture again.")
        file.seek(0)
        yield _Source(opened.enter_context(gzip.open(file)) if magic.startswith(GZIP_MAGIC) else file, file)


def _frames(path: str | os.PathLike[str], progress: Progress | None) -> Iterator[Frame]:
    number = 0
    told = time.monotonic()
    with _source(path) as source, _complaints() as complaints:
        try:
            # By its types it reads a named pcap file; it takes any open file, and gives what the format has.
            reader = cast(Any, RawPcapReader)(source)
        except Scapy_Exception:
            raise UserError(
                f"path: {path} is not a capture file. Give a pcap or pcapng file, as tcpdump -w and Wireshark write them."
            ) from None
        while True:
            # Dissecting may have warned as well, of an odd packet in a sound file.
            complaints.heard = False
            found = next(reader, None)
            damaged = complaints.heard or source.cut
            if found is None or damaged:
                break
            raw, metadata = found
            number += 1
            if progress and number % PROGRESS_PACKETS == 0 and time.monotonic() >= told + PROGRESS_SECONDS:
                told = time.monotonic()
                progress(number, source.part())
            if hasattr(metadata, "tsresol"):  # pcapng
                nanoseconds = ((metadata.tshigh << 32) + metadata.tslow) * 10**9 // metadata.tsresol
                yield Frame(number, nanoseconds, raw, metadata.wirelen, metadata.linktype)
            else:
                nanoseconds = metadata.sec * 10**9 + metadata.usec * (1 if reader.nano else 1000)
                yield Frame(number, nanoseconds, raw, metadata.wirelen, reader.linktype)
        if damaged or source.read(1):
            raise UserError(
                f"path: {path} is damaged or cut off after packet {number}. Was it copied while the capture ran?"
                " Stop the capture first; of a file that stays broken, Wireshark's editcap saves what is whole."
            )


# --- the packet ------------------------------------------------------------------------------------------------------


def _packet(frame: Frame, start: int, path: str | os.PathLike[str]) -> CapturedPacket:
    layers = _layers(_dissect(frame, path))
    vxlan = next((layer for layer in layers if layer["name"] == "vxlan"), None)
    source, destination, protocol, info = _columns(layers)
    return {
        "number": frame.number,
        "time": (frame.nanoseconds - start) / 10**9,
        "timestamp": frame.nanoseconds / 10**9,
        "length": frame.length,
        "captured_length": len(frame.raw),
        "vni": vxlan["fields"]["vni"] if vxlan else None,
        "source": source,
        "destination": destination,
        "protocol": protocol,
        "info": info,
        "layers": layers,
    }


def _dissect(frame: Frame, path: str | os.PathLike[str]) -> Packet:
    layer = conf.l2types.num2layer.get(frame.link_type)
    if layer is None:
        raise UserError(
            f"path: {path} holds packets of link type {frame.link_type}, which scapy does not know."
            " Capture on an Ethernet interface (link types: https://www.tcpdump.org/linktypes.html)."
        )
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
            layers.append({"name": name, "inner": inner, "offset": offset, "length": length, "fields": fields_of(packet)})
        if name == "quoted":
            break
        inner = inner or name == "vxlan"
        offset += length
        packet = packet.payload
    return layers


def _header_length(packet: Packet) -> int:
    if packet.raw_packet_cache is not None:
        return len(packet.raw_packet_cache)
    # scapy forgets the bytes of a header that it completed afterwards (ICMP errors).
    return len(packet.original) - (len(packet.payload.original) if packet.payload else 0)


def _ethernet(layer: Packet) -> Fields:
    return {"source": layer.src, "destination": layer.dst, "type": _hex(layer.type, 4)}


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
    return {"flags": _hex(int(layer.flags), 2), "vni": layer.vni}


def _icmp(layer: Packet) -> Fields:
    kind = layer.get_field("type").i2repr(layer, layer.type)
    fields = {"type": layer.type, "kind": kind, "code": layer.code, "checksum": _hex(layer.chksum, 4)}
    if kind in ECHO:
        fields.update(id=layer.id, sequence=layer.seq)
    return fields


def _other(layer: Packet) -> Fields:
    """A protocol without a function of its own: the fields as scapy names them."""
    return {name: value if isinstance(value, (int, str)) else repr(value) for name, value in layer.fields.items()}


def _nothing(layer: Packet) -> Fields:
    return {}


def _hex(value: int | None, digits: int) -> str | None:
    # scapy leaves out the fields that a cut-off packet ends before.
    return None if value is None else f"0x{value:0{digits}x}"


ECHO = {"echo-request": "request", "echo-reply": "reply"}
LAYERS: dict[type[Packet], tuple[str, Callable[[Packet], Fields]]] = (
    {}
    if SCAPY_ERROR
    else {
        Ether: ("ethernet", _ethernet),
        Dot1Q: ("vlan", _vlan),
        ARP: ("arp", _arp),
        IP: ("ipv4", _ipv4),
        IPv6: ("ipv6", _ipv6),
        UDP: ("udp", _udp),
        TCP: ("tcp", _tcp),
        VXLAN: ("vxlan", _vxlan),
        ICMP: ("icmp", _icmp),
        Padding: ("padding", _nothing),
        Raw: ("data", _nothing),
    }
)


# --- the line that a packet is in a list, in Wireshark's columns -----------------------------------------------------


def _columns(layers: list[Layer]) -> tuple[str, str, str, str]:
    """Source, destination, protocol and what the packet says."""
    source = destination = protocol = info = ""
    for layer in layers:
        name, fields = layer["name"], layer["fields"]
        if name in ("ethernet", "ipv4", "ipv6"):
            source, destination = fields["source"], fields["destination"]
        if name not in ("data", "padding", "quoted"):
            protocol, info = name.upper().replace("IPV", "IPv"), INFO.get(name, _no_info)(fields)
    return source, destination, protocol, info


def _arp_info(fields: Fields) -> str:
    if fields["operation"] == "request":
        return f"Who has {fields['target_ip']}? Tell {fields['sender_ip']}"
    if fields["operation"] == "reply":
        return f"{fields['sender_ip']} is at {fields['sender_mac']}"
    return f"Operation {fields['operation']}"


def _icmp_info(fields: Fields) -> str:
    if fields["kind"] in ECHO:
        return f"Echo (ping) {ECHO[fields['kind']]} id={fields['id']} seq={fields['sequence']}"
    return f"{fields['kind']} code={fields['code']}"


def _ports_info(fields: Fields) -> str:
    return f"{fields['source_port']} > {fields['destination_port']}"


def _vni_info(fields: Fields) -> str:
    return f"VNI {fields['vni']}"


def _no_info(fields: Fields) -> str:
    return ""


INFO: dict[str, Callable[[Fields], str]] = {
    "arp": _arp_info,
    "icmp": _icmp_info,
    "udp": _ports_info,
    "tcp": _ports_info,
    "vxlan": _vni_info,
}
