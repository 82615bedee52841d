#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_trace
short_description: Ask a hypervisor what it would do with frames
version_added: 0.1.0
description:
  - For each of O(frames), asks Open vSwitch for the flows that the frame would take, and for the tunnels and ports that it would go to
    (C(ofproto/trace) in C(ovs-vswitchd(8))). No frame is sent.
  - For each of O(destinations), asks the kernel for the route that a VXLAN packet takes (C(ip route get), with UDP port 4789).
  - Changes nothing, but for a question that Open vSwitch itself asks. Where it does not know the MAC address of a tunnel's other end, a trace
    makes it ask for it (ARP).
options:
  bridge:
    description: Bridge that the VMs' ports are on.
    type: str
    default: br0
  frames:
    description: The frames. A frame comes in at O(frames[].port), or from the tunnel of O(frames[].tunnel_source) and O(frames[].tunnel_key).
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: Name of a port on O(bridge) that VMs are behind.
        type: str
      vlan:
        description: VLAN of the tag that the frame has at O(frames[].port), 1 to 4094; 0 for a frame without a tag.
        type: int
        default: 0
      tunnel_source:
        description: IPv4 address of the tunnel's other end.
        type: str
      tunnel_key:
        description: VXLAN network identifier (VNI) of the packet.
        type: int
      source_mac:
        description: MAC address of the sender.
        type: str
        required: true
      destination_mac:
        description: MAC address of the receiver. With C(ff:ff:ff:ff:ff:ff), the frame is an ARP request, otherwise an echo request.
        type: str
        required: true
      source_ip:
        description: IPv4 address of the sender.
        type: str
        required: true
      destination_ip:
        description: IPv4 address of the receiver.
        type: str
        required: true
  destinations:
    description: IPv4 addresses to return the routes to.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the answers to questions that a trace causes, 0 to 60.
    type: float
    default: 2
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction. The module changes nothing in any mode.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - root
  - with O(frames), Open vSwitch
  - with O(destinations), C(ip) (iproute2)
seealso:
  - plugin: vxlanlab.vtep.lab_way
    plugin_type: filter
    description: Joins what all hypervisors say.
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Where would a ping from vm1 to vm2 go
  vxlanlab.vtep.lab_trace:
    frames:
      - port: vm1
        source_mac: "00:00:00:00:00:01"
        destination_mac: "00:00:00:00:00:02"
        source_ip: 192.168.1.1
        destination_ip: 192.168.1.2
    destinations: [10.1.0.1]
"""

RETURN = r"""
traces:
  description: What would become of each of O(frames), in the same order.
  returned: success
  type: list
  elements: dict
  contains:
    problem:
      description: Why the frame cannot come in at all; else empty.
      type: str
    flows:
      description: The flows that it takes, each with C(bridge), C(table), C(match) and C(actions).
      type: list
      elements: dict
    tunnels:
      description:
        - The tunnels that copies of it go into, each with C(destination), C(vni), C(header) (the outer header, as far as the datapath says it)
          and C(problem) (why it does not leave all the same).
      type: list
      elements: dict
    ports:
      description: The ports that it is handed to, each with the VLAN of the tag that it has there, such as C(trunk VLAN 10).
      type: list
      elements: str
    normal:
      description: Whether a flow forwards like an ordinary learning switch, which no VTEP's does.
      type: bool
routes:
  description:
    - The route to each of O(destinations), with C(interface), C(via) (empty without a gateway), and C(source_mac) and C(destination_mac) of
      the next hop (empty where the kernel does not know them yet). V(null) where there is none.
  returned: success
  type: dict
"""

import ipaddress
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import MOST_VLANS, UNTAGGED
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.programs import run_command
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import Frame, Port, entry, parse, read_ports
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import VXLAN_PORT, Integer, interface_name, ipv4, mac, vni

POLL_SECONDS = 0.05
read_vlan = Integer(UNTAGGED, MOST_VLANS)
Ports = Mapping[tuple[str, int], Port]


def appctl(*words: str) -> str:
    """What ovs-vswitchd answers."""
    done = run_command("ovs-appctl", "--timeout=10", *words)
    if done.returncode:
        raise UserError(f"'ovs-appctl {' '.join(words)}' failed: {done.stderr.strip()}. Does ovs-vswitchd run, and is this root?")
    return done.stdout


def traced(frame: Frame, entrance: Mapping[str, Any], bridge: str, ports: Ports) -> dict[str, Any]:
    """What becomes of a frame."""
    nothing: dict[str, Any] = {"flows": [], "tunnels": [], "ports": [], "normal": False}
    match = frame.match()
    if entrance["port"]:
        at, port = bridge, entrance["port"]
        if not any(where == bridge and one.name == port for (where, _number), one in ports.items()):
            return {"problem": f"bridge {bridge} has no port {port}", **nothing}
    else:
        found = entry(ports, entrance["tunnel_source"], entrance["tunnel_key"])
        if not found:
            words = f"no port takes packets from {entrance['tunnel_source']} with VNI {entrance['tunnel_key']}"
            return {"problem": words, **nothing}
        at, port = found
        match = f"{match},tun_src={entrance['tunnel_source']},tun_id={entrance['tunnel_key']}"
    return {"problem": "", **parse(appctl("ofproto/trace", at, f"in_port={port},{match}"), ports, bridge)}


def ip(*words: str) -> list[dict[str, Any]]:
    """What ip(8) finds; nothing where it fails."""
    done = run_command("ip", "-json", *words)
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]") if not done.returncode else []
    return found


def routes_to(destinations: Sequence[str]) -> dict[str, dict[str, str] | None]:
    """The kernel's routes to addresses, for VXLAN, with the MAC addresses of both ends of the next hop."""
    if not destinations:
        return {}
    own = {link["ifname"]: link.get("address", "") for link in ip("link", "show")}
    known = {(entry["dev"], entry["dst"]): entry.get("lladdr", "") for entry in ip("neighbour", "show")}
    routes: dict[str, dict[str, str] | None] = dict.fromkeys(destinations)
    for destination in destinations:
        # With rules for UDP port 4789 as VXLAN meets them (ip-rule(8)).
        for found in ip("route", "get", destination, "ipproto", "udp", "dport", str(VXLAN_PORT)):
            interface, via = found["dev"], found.get("gateway", "")
            macs = {"source_mac": own.get(interface, ""), "destination_mac": known.get((interface, via or destination), "")}
            routes[destination] = {"interface": interface, "via": via, **macs}
    return routes


def read(number: int, frame: Mapping[str, Any]) -> Frame:
    """A frame's addresses in their normal form."""
    where = f"frames[{number}]: "
    if frame["port"]:
        accepted(interface_name, where + "port", frame["port"])
        accepted(read_vlan, where + "vlan", frame["vlan"])
    else:
        accepted(ipv4, where + "tunnel_source", frame["tunnel_source"])
        accepted(vni, where + "tunnel_key", frame["tunnel_key"])
    source_mac, destination_mac = (accepted(mac, where + name, frame[name]) for name in ("source_mac", "destination_mac"))
    source_ip, destination_ip = (accepted(ipv4, where + name, frame[name]) for name in ("source_ip", "destination_ip"))
    return Frame(source_mac, destination_mac, source_ip, destination_ip, frame["vlan"])


def waits(traces: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Open vSwitch has asked for a MAC address and has no answer yet."""
    return any("nobody answers" in tunnel["problem"] for trace in traces for tunnel in trace["tunnels"])


def run(options: dict[str, Any]) -> dict[str, Any]:
    check_texts(options)
    accepted(interface_name, "bridge", options["bridge"])
    check(0 <= options["timeout"] <= 60, "timeout", options["timeout"], "0 to 60 seconds")
    frames = [read(number, frame) for number, frame in enumerate(options["frames"])]
    destinations = [str(ipaddress.IPv4Address(accepted(ipv4, "destinations", one))) for one in options["destinations"]]
    traces: list[dict[str, Any]] = []
    deadline = time.monotonic() + options["timeout"]
    while frames:
        ports = read_ports(appctl("dpif/show"))
        traces = [traced(frame, entrance, options["bridge"], ports) for frame, entrance in zip(frames, options["frames"])]
        if not waits(traces) or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return {"changed": False, "traces": traces, "routes": routes_to(destinations)}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "bridge": {"type": "str", "default": "br0"},
            "frames": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "port": {"type": "str"},
                    "vlan": {"type": "int", "default": 0},
                    "tunnel_source": {"type": "str"},
                    "tunnel_key": {"type": "int", "no_log": False},
                    "source_mac": {"type": "str", "required": True},
                    "destination_mac": {"type": "str", "required": True},
                    "source_ip": {"type": "str", "required": True},
                    "destination_ip": {"type": "str", "required": True},
                },
                "required_one_of": [("port", "tunnel_source")],
                "mutually_exclusive": [("port", "tunnel_source")],
                "required_together": [("tunnel_source", "tunnel_key")],
            },
            "destinations": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 2},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
