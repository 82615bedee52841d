#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan_capture_info
short_description: Read VXLAN packets from capture files
version_added: 0.1.0
description:
  - Returns the packets of capture files as data, layer by layer, outside and inside of the VXLAN header (RFC 7348),
    as scapy dissects them.
  - Works on any capture, also on one without VXLAN. A datagram is VXLAN when its destination port is one of O(udp_ports).
  - Reads packet by packet. Memory depends on the number of packets that are returned, not on the size of a file.
  - While a large file is read, a line in the system log tells every 5 seconds how far it is
    (C(journalctl -f -t ansible-vxlanlab.vtep.vxlan_capture_info)).
options:
  path:
    description:
      - The capture files, on the host that the task runs on. They are pcap or pcapng, plain or compressed with gzip.
    type: list
    elements: path
    required: true
    aliases: [paths]
  vni:
    description:
      - Return only VXLAN packets with this VXLAN network identifier, 0 to 16777215.
      - By default all packets are returned.
    type: int
  limit:
    description:
      - Return at most this many packets of each file. The others are counted only, which is about a hundred times faster.
      - V(0) counts all, returns none.
    type: int
    default: 1000
  udp_ports:
    description:
      - The UDP destination ports of VXLAN, 1 to 65535.
      - By default 4789 (RFC 7348), 8472 (Linux), 4790 (VXLAN-GPE, in which the header says what it carries), 6633 and 48879.
    type: list
    elements: int
    default: [4789, 8472, 6633, 48879, 4790]
  bytes:
    description: Return the bytes of each packet as well.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode). The module only reads.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - scapy 2.5 or later
seealso:
  - plugin: vxlanlab.vtep.packet_walk
    plugin_type: filter
    description: The packets that a ping through a VXLAN tunnel must consist of.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Read the first 20 packets of VXLAN network 5000
  vxlanlab.vtep.vxlan_capture_info:
    path: artifacts/vm1_underlay.pcap
    vni: 5000
    limit: 20
  register: capture
  delegate_to: localhost

- name: Read VXLAN on a port of its own
  vxlanlab.vtep.vxlan_capture_info:
    path: mirror.pcapng
    udp_ports: [4789, 14789]

- name: Show them
  ansible.builtin.debug:
    msg: "{{ capture.captures[0].packets | map(attribute='info') }}"
"""

RETURN = r"""
captures:
  description: One entry for each file, in the order of O(path).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
    count:
      description: Number of packets in the file.
      type: int
    complete:
      description: V(false) when RV(captures[].packets) lacks packets because of O(limit).
      type: bool
    packets:
      description: The packets, in the order of the file.
      type: list
      elements: dict
      contains:
        number:
          description: Position in the file, from 1.
          type: int
        time:
          description: Seconds since the first packet of the file. V(null) for a packet without a time stamp.
          type: float
        timestamp:
          description: Seconds since 1970-01-01 00:00 UTC. V(null) for a packet without a time stamp.
          type: float
        interface:
          description: Name of the interface that captured it, where the file (pcapng) says it; V(null) otherwise.
          type: str
        length:
          description: Bytes on the wire.
          type: int
        captured_length:
          description: Bytes in the file; fewer than RV(captures[].packets[].length) where the capture cut packets.
          type: int
        vni:
          description: VXLAN network identifier; V(null) when it is not a VXLAN packet.
          type: int
        source:
          description: Innermost source address, IP before MAC.
          type: str
        destination:
          description: Innermost destination address, IP before MAC.
          type: str
        protocol:
          description: Innermost protocol, as Wireshark names it.
          type: str
        info:
          description: What the packet says, in one line and in Wireshark's words.
          type: str
        layers:
          description: The layers from the outside in.
          type: list
          elements: dict
          contains:
            name:
              description:
                - V(ethernet), V(vlan), V(llc), V(stp), V(arp), V(ipv4), V(ipv6), V(udp), V(tcp), V(vxlan), V(icmp), V(icmpv6),
                  V(icmpv6_option), V(dhcp), V(dhcp_options) or V(dns).
                - A packet of a link type other than those that scapy knows is V(data).
                - V(data) are bytes that no protocol claims, V(padding) fills an Ethernet frame up, V(quoted) is the
                  packet that an ICMP error is about.
                - Any other protocol has the name that scapy gives it, in small letters.
              type: str
            inner:
              description: Whether the layer is inside of a VXLAN header.
              type: bool
            offset:
              description: Where it begins, in bytes from the beginning of the packet.
              type: int
            length:
              description: Its own bytes, without the layers that it carries.
              type: int
            fields:
              description:
                - Its fields. Addresses are strings, MACs in small letters with colons; lengths are in bytes.
                - A VXLAN header with a Group Based Policy has C(policy_id), C(policy_dont_learn) and C(policy_applied); the ICMP or
                  ICMPv6 error for a packet that is too big has C(next_hop_mtu), in bytes.
              type: dict
      sample:
        - number: 3
          time: 1.015758
          timestamp: 1763811742.215597
          length: 92
          captured_length: 92
          vni: 5000
          source: "00:00:00:00:00:01"
          destination: ff:ff:ff:ff:ff:ff
          protocol: ARP
          info: Who has 192.168.1.2? Tell 192.168.1.1
          layers:
            - name: ethernet
              inner: false
              offset: 0
              length: 14
              fields: {source: "02:42:0a:00:00:01", destination: "02:42:0a:01:00:01", type: "0x0800"}
"""

from functools import partial
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture, _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish


def tell(module: AnsibleModule, path: str, packets: int, part: float) -> None:
    module.log(f"{path}: {packets} packets, {part:.0%} of the file")


def run(module: AnsibleModule) -> dict[str, Any]:
    vni, limit = module.params["vni"], module.params["limit"]
    if vni is not None:
        check_range("vni", vni, _values.vni.low, _values.vni.high)
    check_range("limit", limit, 0, remedy="Use {} packets.")
    for port in module.params["udp_ports"]:
        check_range("udp_ports", port, 1, 65535)
    captures = []
    for path in module.params["path"]:
        capture = _capture.read(path, vni, limit, module.params["bytes"], partial(tell, module, path), module.params["udp_ports"])
        captures.append({"path": path, "count": capture.count, "complete": capture.complete, "packets": capture.packets})
    return {"captures": captures}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "list", "elements": "path", "required": True, "aliases": ["paths"]},
            "vni": {"type": "int"},
            "limit": {"type": "int", "default": 1000},
            "udp_ports": {"type": "list", "elements": "int", "default": [*_capture.UDP_PORTS, _capture.GPE_PORT]},
            "bytes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
