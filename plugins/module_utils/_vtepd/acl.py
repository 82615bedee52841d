# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access lists of ports, as rules that match fields (vtep.5, ACL and ACL_entry). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer, ethertype, mac
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import Replica, Row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import INVALID_ACL_BINDING, MOST_VLAN, Fault

INVALID_ACL, INVALID_ENTRY = "invalid_acl", "invalid_acl_entry"
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
_WITH_PORTS = (TCP, UDP, SCTP)
# Rules of one VLAN come before those of the whole port; both leave room for this many entries.
VLAN_PRIORITY, PORT_PRIORITY, MOST_ENTRIES = 60_000, 30_000, 20_000

_octet, _port, _flags = Integer(0, 255), Integer(0, 65535), Integer(0, 0xFFF)


@dataclass(frozen=True)
class Rule:
    """One entry at one port."""

    port: int
    #: 0 for the whole port.
    vlan: int
    ingress: bool
    permit: bool
    priority: int
    #: A frame is meant where one of these fits, as ovs-ofctl(8) writes them.
    matches: tuple[str, ...]


def rules(vtep: Replica, physical: Mapping[str, int]) -> tuple[list[Rule], list[Fault]]:
    """The rules at these ports (UUID -> OpenFlow number), and what cannot be had. Frames that no rule takes pass (vtep.5, ACL)."""
    found: list[Rule] = []
    faults: dict[tuple[str, str], Fault] = {}

    def fault(table: str, uuid: str, code: str, words: str) -> None:
        faults.setdefault((table, uuid), Fault(table, uuid, code, words))

    for uuid, number in physical.items():
        row = vtep["Physical_Port"][uuid]
        for vlan, acl in row["acl_bindings"].items():
            if vlan > MOST_VLAN:
                fault("Physical_Port", uuid, INVALID_ACL_BINDING, f"port {row['name']}: VLAN {vlan} is reserved")
                continue
            listed = vtep["ACL"].get(acl)
            for position, (entry, told) in enumerate(_entries(vtep, listed)):
                try:
                    matches = tuple(_matches(told))
                    if position >= MOST_ENTRIES:
                        raise ValueError(f"an ACL has {MOST_ENTRIES} entries at most")
                except ValueError as error:
                    name = listed["acl_name"] if listed else acl
                    words = f"ACL {name}, entry {told['sequence']}: {error}"
                    fault("ACL_entry", entry, INVALID_ENTRY, words)
                    fault("ACL", acl, INVALID_ACL, words)
                    fault("Physical_Port", uuid, INVALID_ACL_BINDING, words)
                    continue
                first = VLAN_PRIORITY if vlan else PORT_PRIORITY
                ingress, permit = told["direction"] == "ingress", told["action"] == "permit"
                found.append(Rule(number, vlan, ingress, permit, first - position, matches))
    return found, list(faults.values())


def _entries(vtep: Replica, acl: Row | None) -> list[tuple[str, Row]]:
    known = [(uuid, vtep["ACL_entry"][uuid]) for uuid in (acl["acl_entries"] if acl else ()) if uuid in vtep["ACL_entry"]]
    return sorted(known, key=lambda one: (one[1]["sequence"], one[0]))


def _matches(row: Row) -> Iterator[str]:
    fields = []
    if row["source_mac"] is not None:
        fields.append(f"dl_src={mac(row['source_mac'])}")
    if row["dest_mac"] is not None:
        fields.append(f"dl_dst={mac(row['dest_mac'])}")
    version, addresses = _addresses(row)
    kind = ethertype(row["ethertype"]) if row["ethertype"] is not None else ""
    protocol = _octet(row["protocol"]) if row["protocol"] is not None else None
    icmp = row["icmp_type"] is not None or row["icmp_code"] is not None
    deep = any(row[column] is not None for column in ("source_port_min", "source_port_max", "dest_port_min", "dest_port_max", "tcp_flags"))
    if protocol is not None or addresses:
        of_protocol = {ICMP: 4, ICMPV6: 6}.get(protocol or 0)
        ether = {"0x0800": 4, "0x86dd": 6}.get(kind) if kind else version or of_protocol or 4
        if ether is None or (version and ether != version):
            raise ValueError(f"ethertype {kind} has no such addresses or protocol")
        if icmp and of_protocol not in (None, ether):
            # Open vSwitch would leave out type and code, and match more.
            raise ValueError(f"IPv{ether} has no ICMP of protocol {protocol}")
        fields.append("ip" if ether == 4 else "ipv6")
        fields += addresses
        if protocol is not None:
            fields.append(f"nw_proto={protocol}")
    elif kind:
        fields.append(f"dl_type={kind}")
    if deep and protocol not in _WITH_PORTS:
        raise ValueError("ports and TCP flags need protocol 6 (TCP), 17 (UDP) or 132 (SCTP)")
    if row["tcp_flags"] is not None:
        if protocol != TCP:
            raise ValueError("TCP flags need protocol 6 (TCP)")
        mask = _flags(0xFFF if row["tcp_flags_mask"] is None else row["tcp_flags_mask"])
        fields.append(f"tcp_flags={_flags(row['tcp_flags']) & mask:#x}/{mask:#x}")
    if icmp:
        if protocol not in (ICMP, ICMPV6):
            raise ValueError("an ICMP type or code needs protocol 1 (ICMP) or 58 (ICMPv6)")
        word = "icmp" if protocol == ICMP else "icmpv6"
        fields += [f"{word}_{part}={_octet(row[f'icmp_{part}'])}" for part in ("type", "code") if row[f"icmp_{part}"] is not None]
    for source in _port_masks(row, "source"):
        for destination in _port_masks(row, "dest"):
            yield ",".join([*fields, *source, *destination])


def _addresses(row: Row) -> tuple[int, list[str]]:
    """The IP version, 0 where no address is given, and the fields."""
    version, fields = 0, []
    for column, four, six in (("source", "nw_src", "ipv6_src"), ("dest", "nw_dst", "ipv6_dst")):
        if row[f"{column}_ip"] is None:
            continue
        address = _address(row[f"{column}_ip"])
        mask = None if row[f"{column}_mask"] is None else _address(row[f"{column}_mask"])
        if version and version != address.version:
            raise ValueError("the addresses are of two IP versions")
        version = address.version
        if mask and mask.version != version:
            raise ValueError(f"{mask} is no mask of IPv{version}")
        shown = f"/{mask}" if mask else ""
        fields.append(f"{four if version == 4 else six}={address}{shown}")
    return version, fields


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    if "%" in text:
        raise ValueError(f"{text} has a zone, which no packet carries")
    return address


def _port_masks(row: Row, side: str) -> Iterator[list[str]]:
    """A range of ports, as matches with masks."""
    low, high = row[f"{side}_port_min"], row[f"{side}_port_max"]
    if low is None and high is None:
        yield []
        return
    first, last = _port(0 if low is None else low), _port(65535 if high is None else high)
    if first > last:
        raise ValueError(f"{side} ports {first} to {last} are none")
    name = "tp_src" if side == "source" else "tp_dst"
    while first <= last:
        # The largest block that begins here and does not reach beyond.
        size = first & -first or 65536
        while size > last - first + 1:
            size //= 2
        yield [f"{name}={first:#x}/{0x10000 - size:#x}"]
        first += size
