# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hypervisor would do with a frame, as Open vSwitch itself says it (ovs-vswitchd(8), ofproto/trace). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import Fields

BROADCAST = "ff:ff:ff:ff:ff:ff"
_BRIDGE = re.compile(r'bridge\("(.+)"\)')
_FLOW = re.compile(r"(\d+)\. (.+)")
# How ovs-vtep says that a port's frames get a tag, and how vtepd does (with a bit above the VLAN, ovs-fields(7)).
_TAGGED = re.compile(r"mod_vlan_vid:(\d+)|set_field:(\d+)->vlan_vid")
_VLAN_BITS = 0xFFF
# How a flow says where a tunnel leads.
_TOLD = re.compile(r"set_field:([^/\s]+)(?:/\S+)?->(tun_dst|tun_id)")
_OUTPUT = re.compile(r"output:(\d+)")
_TUNNELING = re.compile(r"-> tunneling (?:to|via) (\S+)")
_MISS = re.compile(r"-> neighbor cache miss for (\S+) on bridge (\S+),")
_ROUTING_FAILED = "native tunnel routing failed"
# What a datapath prints of the header that it puts on: in user space, and in the kernel.
_PUSHED = re.compile(
    r"eth\(dst=(?P<destination>[0-9a-f:]+),src=(?P<source>[0-9a-f:]+),[^)]*\),ipv4\(src=(?P<own>[0-9.]+),dst=(?P<peer>[0-9.]+),[^)]*ttl=(?P<ttl>\d+)"
    r".*?udp\([^)]*dst=(?P<port>\d+)[^)]*\),vxlan\([^)]*vni=(?P<vni>0x[0-9a-f]+|\d+)"
)
_SET = re.compile(r"set\(tunnel\(tun_id=(?P<vni>0x[0-9a-f]+|\d+),(?:src=[0-9.]+,)?dst=(?P<peer>[0-9.]+),(?:ttl=(?P<ttl>\d+))?")
_PORT = re.compile(r"    (\S+) (\d+)/\S+: \((\w+)(?:: (.*))?\)")


class Tunnel(TypedDict):
    """A copy of the frame that goes into a tunnel."""

    destination: str
    vni: int | None
    #: The outer header, as far as the datapath says it, by field as captures have them.
    header: Fields
    #: Why it does not leave all the same; else empty.
    problem: str
    #: The flow that sends it there, by its place in ``flows``.
    flow: int


class Trace(TypedDict):
    """What becomes of a frame at one hypervisor."""

    #: The flows that it takes: bridge, table, match and actions.
    flows: list[dict[str, Any]]
    tunnels: list[Tunnel]
    #: The ports that it is handed to, as ``named`` names them.
    ports: list[str]
    #: Whether a flow forwards like an ordinary learning switch, which no VTEP's does.
    normal: bool


@dataclass(frozen=True)
class Port:
    """A port of a bridge."""

    name: str
    type: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Frame:
    """A frame between two VMs."""

    source_mac: str
    destination_mac: str
    source_ip: str
    destination_ip: str
    #: That of its tag; 0 where it has none.
    vlan: int = 0

    @property
    def is_question(self) -> bool:
        """Whether it asks for a MAC address (RFC 826)."""
        return self.destination_mac == BROADCAST

    def match(self) -> str:
        """The frame as ovs-ofctl(8) writes it: an ARP request, or an echo request."""
        macs = f"dl_src={self.source_mac},dl_dst={self.destination_mac}" + (f",dl_vlan={self.vlan}" if self.vlan else "")
        if self.is_question:
            return f"arp,{macs},arp_op=1,arp_spa={self.source_ip},arp_tpa={self.destination_ip}"
        return f"icmp,{macs},nw_src={self.source_ip},nw_dst={self.destination_ip},nw_ttl=64,icmp_type=8"


def entering(port: str, vlan: int, source: str, vni: int, frame: Frame) -> dict[str, Any]:
    """A frame and where it comes in, as lab_trace takes it: at a port with a VLAN, or else from the tunnel of an address and a VNI."""
    return {
        **({"port": port, "vlan": vlan} if port else {"tunnel_source": source, "tunnel_key": vni}),
        "source_mac": frame.source_mac,
        "destination_mac": frame.destination_mac,
        "source_ip": frame.source_ip,
        "destination_ip": frame.destination_ip,
    }


def named(port: str, vlan: int) -> str:
    """A port, and the VLAN of the frames there that have a tag."""
    return f"{port} VLAN {vlan}" if vlan else port


def parse(text: str, ports: Mapping[tuple[str, int], Port], vtep: str) -> Trace:
    """Read what ofproto/trace says. ``ports``: by bridge and OpenFlow port number. ``vtep``: the bridge that is a VTEP."""
    flows: list[dict[str, Any]] = []
    tunnels: list[Tunnel] = []
    names: list[str] = []
    # The bridges that the frame is in, with their indentation: all but the last of several copies are told in between.
    inside: list[tuple[int, str]] = []
    # The flows that it is in, with theirs, by their place in `flows`: one may ask others (resubmit) and go on.
    asking: list[tuple[int, int]] = []
    last: Port | None = None
    vlan = 0
    for line in text.splitlines():
        said = line.strip()
        indent = len(line) - len(line.lstrip())
        if found := _BRIDGE.match(said):
            inside = [one for one in inside if one[0] < indent]
            inside.append((indent, found[1]))
            continue
        # Numbers of tables have two places, and need both from 10 on.
        around = [one for one in inside if one[0] < indent + bool(_FLOW.fullmatch(said))]
        if not around or not said or set(said) == {"-"}:
            continue
        inside = around
        _start, bridge = inside[-1]
        if found := _FLOW.fullmatch(said):
            # As if its table had one place.
            indent += len(found[1]) - 1
            asking = [one for one in asking if one[0] < indent]
            asking.append((indent, len(flows)))
            flows.append({"bridge": bridge, "table": int(found[1]), "match": found[2], "actions": []})
        elif asking := [one for one in asking if one[0] < indent]:
            actions = flows[asking[-1][1]]["actions"]
            actions.append(said)
            if found := _OUTPUT.fullmatch(said):
                last = ports.get((bridge, int(found[1])))
                vlan = next((int(tag[1] or tag[2]) & _VLAN_BITS for action in reversed(actions) if (tag := _TAGGED.fullmatch(action))), 0)
                if last and last.type not in ("patch", "vxlan") and last.name != bridge and not _is_underlay(bridge, ports, vtep):
                    names.append(named(last.name, vlan))
            elif said.startswith(">> skipping output") and names and last and named(last.name, vlan) == names[-1]:
                names.pop()
            elif "output to native tunnel" in said or "output to kernel tunnel" in said:
                tunnels.append(_end(last, actions, asking[-1][1]))
            elif (found := _TUNNELING.match(said)) and tunnels:
                tunnels[-1]["destination"] = tunnels[-1]["destination"] or found[1]
            elif (found := _MISS.match(said)) and tunnels:
                tunnels[-1]["problem"] = f"nobody answers who has {found[1]}"
            elif _ROUTING_FAILED in said and tunnels:
                tunnels[-1]["problem"] = "there is no route to it"
    for tunnel in tunnels:
        tunnel["header"] = _header(text, tunnel["destination"])
        tunnel["vni"] = tunnel["header"].get("vxlan.vni", tunnel["vni"])
    normal = any("NORMAL" in flow["actions"] and not _is_underlay(flow["bridge"], ports, vtep) for flow in flows)
    return {"flows": flows, "tunnels": tunnels, "ports": names, "normal": normal}


def read_ports(text: str) -> dict[tuple[str, int], Port]:
    """The ports by bridge and OpenFlow number, from what dpif/show says."""
    found = {}
    bridge = ""
    for line in text.splitlines():
        if match := _PORT.fullmatch(line):
            options = dict(pair.split("=", 1) for pair in (match[4] or "").split(", ") if "=" in pair)
            found[bridge, int(match[2])] = Port(match[1], match[3], options)
        elif line.startswith("  ") and line.endswith(":"):
            bridge = line.strip(" :")
    return found


def entry(ports: Mapping[tuple[str, int], Port], source: str, vni: int) -> tuple[str, str] | None:
    """Where a packet comes out of its tunnel: bridge and port."""
    for (bridge, _number), port in ports.items():
        options = port.options
        if port.type == "vxlan" and options.get("remote_ip") in (source, "flow") and options.get("key") in (str(vni), "flow"):
            return bridge, port.name
    return None


def _end(port: Port | None, actions: Sequence[str], flow: int) -> Tunnel:
    """Where a tunnel leads: its port says so, or else the flow that has come to it."""
    options = port.options if port else {}
    destination, key = options.get("remote_ip", ""), options.get("key", "")
    told = {found[2]: found[1] for action in actions if (found := _TOLD.fullmatch(action))}
    if destination == "flow":
        destination = told.get("tun_dst", "")
    if key == "flow":
        key = str(int(told.get("tun_id", "0"), 0))
    return {
        "destination": destination,
        "vni": int(key) if key.isdigit() else None,
        "header": {},
        "problem": "",
        "flow": flow,
    }


def _header(text: str, destination: str) -> Fields:
    """The outer header that the datapath puts on for a destination."""
    actions = text.rpartition("Datapath actions: ")[2]
    for found in (*_PUSHED.finditer(actions), *_SET.finditer(actions)):
        said = found.groupdict()
        if said["peer"] == destination:
            header: Fields = {
                "ethernet.source": said.get("source"),
                "ethernet.destination": said.get("destination"),
                "ipv4.source": said.get("own"),
                "ipv4.destination": destination,
                "ipv4.ttl": int(said["ttl"]) if said.get("ttl") else None,
                "udp.destination_port": int(said["port"]) if said.get("port") else None,
                "vxlan.vni": int(said["vni"], 0),
            }
            return {name: value for name, value in header.items() if value is not None}
    return {}


def _is_underlay(bridge: str, ports: Mapping[tuple[str, int], Port], vtep: str) -> bool:
    """Whether a bridge carries the wrapped packets: it has a real interface, and is an ordinary switch."""
    return bridge != vtep and any(at == bridge and port.type == "system" for (at, _number), port in ports.items())
