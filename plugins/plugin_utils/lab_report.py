# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's summary and captures as the data of its report: all that the template shows, computed. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import TRUNK, trunk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Layer
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.lab_drawing import (
    Data,
    Drawing,
    Shown,
    deciding_row,
    drawing_of,
    headers_of,
    hop_of,
    route_of,
    rows_of,
    vnis_of,
)

# Layer -> what it is called, and what it does outside and inside of the tunnel.
LAYERS = {
    "ethernet": (
        "Ethernet",
        "Carries the packet over one underlay network: from one hypervisor's interface to the next hop's.",
        "The frame as the VM sent it. No switch of the underlay looks at these MAC addresses.",
    ),
    "vlan": ("VLAN tag", "Says which VLAN of the underlay the frame is in.", "Says which VLAN of the VM's port the frame is in."),
    "arp": (
        "ARP",
        "Finds the MAC address of an underlay address: the tunnel's end, or the router before it.",
        "Finds the MAC address of a VM. The VMs behave as on one wire; the tunnel carries the question and the answer.",
    ),
    "ipv4": (
        "IPv4",
        "Between two VTEPs, the ends of the tunnel. Routers of the underlay look at these addresses alone.",
        "The VMs' own addresses. The underlay needs no route to them.",
    ),
    "ipv6": ("IPv6", "Between two VTEPs, the ends of the tunnel.", "The VMs' own addresses."),
    "udp": (
        "UDP",
        "Port 4789 says that VXLAN follows. The source port is a hash of the inner packet, so that routers spread flows over their paths.",
        "The VMs' own datagram.",
    ),
    "tcp": ("TCP", "Traffic of the hypervisors themselves.", "The VMs' own connection."),
    "vxlan": (
        "VXLAN",
        "Eight bytes that name the virtual network: flag 0x08 says that the VNI (VXLAN network identifier) is valid.",
        "A tunnel inside of the tunnel.",
    ),
    "icmp": ("ICMP", "A message of the underlay itself.", "The ping: a request and its reply have the same id and sequence number."),
    "data": ("Data", "Bytes that no protocol claims.", "What ping sends along to be returned unchanged."),
    "padding": ("Padding", "Fills a short Ethernet frame up.", "Fills a short Ethernet frame up."),
    "quoted": (
        "Quoted packet",
        "The beginning of the packet that this error is about.",
        "The beginning of the packet that this error is about.",
    ),
}
# The meanings that differ where there is no tunnel around the packet.
OVERLAY = {
    "ethernet": "The frame as the VM sends or receives it, without a trace of the tunnel.",
    "arp": LAYERS["arp"][2],
    "ipv4": LAYERS["ipv4"][2],
    "icmp": LAYERS["icmp"][2],
    "data": LAYERS["data"][2],
}
ACRONYMS = {"mac": "MAC", "ip": "IP", "vni": "VNI", "ttl": "TTL", "dscp": "DSCP", "id": "ID"}
BYTES_IN_A_LINE = 16
# All but the first of the echo requests and replies.
LATER_ECHO = re.compile(r"echo_[a-z]+_([2-9]|[1-9][0-9])")


def lab_report(summary: Data, captures: Sequence[Data]) -> Shown:
    """What ``report.html`` shows of a run.

    ``summary`` is the content of summary.json; ``captures`` is what vxlan_capture_info returned, with bytes, in the order of
    ``summary["walks"]``. Raises ``UserError`` where they do not go together.
    """
    missing = [key for key in ("topology", "hypervisors", "walks", "checks", "chapters") if key not in summary]
    if missing:
        raise UserError(f"summary.json lacks {', '.join(missing)}. Run the lab again with this version of the collection.")
    if len(captures) != len(summary["walks"]):
        raise UserError(f"{len(captures)} captures for {len(summary['walks'])} walks. Give one for each, in the same order.")
    topology = summary["topology"]
    first = summary["chapters"][0]
    source, target = first["source"], first["target"]
    tables = {hypervisor["name"]: rows_of(hypervisor) for hypervisor in summary["hypervisors"]}
    drawing = drawing_of(summary, tables, source, target)
    shown = [_capture(walk, capture, topology["points"], drawing["hypervisor_of"]) for walk, capture in zip(summary["walks"], captures)]
    # The point that shows what a VM's hypervisor sends.
    points = {vm: one["point"] for one in summary["hypervisors"] for vm in (its["name"] for its in one["vms"])}
    underlay = points[source]
    return {
        "foretold": False,
        "lab": summary["lab"],
        "title": summary["title"],
        "driver": summary["driver"],
        "time": summary["time"],
        "versions": summary["versions"],
        "datapaths": sorted({hypervisor["datapath"] for hypervisor in summary["hypervisors"]}),
        "source": source,
        "target": target,
        "vni": _vni(summary, source),
        "vnis": vnis_of(topology),
        "networks": topology["underlay"]["networks"],
        "ok": all(check["ok"] for check in summary["checks"]),
        "checks": summary["checks"],
        "tables": [{"hypervisor": one["name"], "rows": tables[one["name"]], "bridges": _flows(one)} for one in summary["hypervisors"]],
        # Of VTEPs with a controller.
        "timelines": summary.get("timelines", []),
        "drawing": drawing,
        "steps": _steps(shown, drawing, underlay, first, [router["name"] for router in topology["routers"]]),
        "at": "every hop" if topology["routers"] else underlay,
        "chapters": [_chapter(chapter, shown, points[chapter["source"]], drawing["hypervisor_of"]) for chapter in summary["chapters"]],
    }


def _vni(summary: Data, name: str) -> Any:
    """The VNI of a VM's logical switch."""
    switch = next(vm["logical_switch"] for hypervisor in summary["hypervisors"] for vm in hypervisor["vms"] if vm["name"] == name)
    keys = {one["name"]: one["tunnel_key"] for one in summary["topology"]["logical_switches"]}
    return keys[switch]


def _leads(port: str, tunnel: Data) -> str:
    """Where a tunnel port leads."""
    if tunnel["destination"] == "flow":
        return f"{port} leads to all VTEPs: a flow says to which, and with which VNI"
    return f"{port} is the tunnel to {tunnel['destination']}, VNI {tunnel['key']}"


def _flows(hypervisor: Data) -> list[Shown]:
    """The flows of the bridges that do as the rows say, and where their tunnels lead."""
    tunnels = hypervisor.get("tunnels", {})
    found = []
    for bridge, flows in hypervisor.get("flows", {}).items():
        # One that only forwards like an ordinary switch follows from no row.
        if any(flow["actions"] != "NORMAL" for flow in flows):
            leads = [_leads(port, tunnel) for port, tunnel in sorted(tunnels.items()) if tunnel["bridge"] == bridge]
            found.append({"name": bridge, "tunnels": "; ".join(leads), "flows": flows})
    return found


# --- the walk --------------------------------------------------------------------------------------------------------


def _steps(captures: Sequence[Shown], drawing: Drawing, underlay: str, chapter: Data, routers: Sequence[str]) -> list[Shown]:
    """The first chapter: at the hypervisor of the VM that pings, where there is all to see; behind routers, hop by hop."""
    of_chapter = [capture for capture in captures if capture["chapter"] == chapter["key"]]
    if not any(capture["point"] == underlay for capture in of_chapter):
        raise UserError(f"summary.json has no walk at {underlay} in chapter {chapter['key']}. Run the lab again.")
    chosen: list[tuple[Shown, Shown]] = []
    hops = set()
    for capture in of_chapter if routers else [capture for capture in of_chapter if capture["point"] == underlay]:
        chosen += [(capture, step) for step in capture["steps"]]
    steps: list[Shown] = []
    for capture, step in sorted(chosen, key=lambda pair: pair[1]["order"]):
        hop = (step["key"], *step["hop"])
        # Both ends of a link see the same packet, and every echo goes the same way.
        if routers and (hop in hops or LATER_ECHO.search(step["key"])):
            continue
        hops.add(hop)
        packets = {packet["number"]: packet for packet in capture["packets"]}
        route = hop_of(drawing, step) if routers else route_of(drawing, step, chapter["source"], chapter["target"])
        steps.append(
            dict(
                step,
                number=len(steps) + 1,
                title=f"{step['title']}: {' → '.join(step['hop'])}" if routers else step["title"],
                route=route,
                seen=packets.get(step["packet"]),
                headers=headers_of(step["seen"] or {}) if routers else "",
                flow="",
                file=capture["file"],
                capture=capture["id"],
            )
        )
    return steps


def _chapter(chapter: Data, captures: Sequence[Shown], underlay: str, drawn: Mapping[str, str]) -> Shown:
    source = chapter["source"]
    of_chapter = [capture for capture in captures if capture["chapter"] == chapter["key"]]
    return {
        **{name: chapter[name] for name in ("key", "heading", "text", "source", "target", "sent", "received", "output", "ends")},
        "transfer": chapter["transfer"],
        "changes": [
            *(f"{change['hypervisor']}: {words}" for change in chapter["tables"] for words in _changes(change)),
            *([f"MTU of {source} and {chapter['target']} = {chapter['mtu']}"] if chapter["mtu"] else []),
        ],
        "captures": of_chapter,
        "shown": [capture for capture in of_chapter if capture["point"] in (source, trunk(drawn[source]), underlay)],
    }


def _changes(change: Data) -> list[str]:
    """A change of tables, in words."""
    state = "removed" if change["state"] == "deleted" else "set"
    return [f"{' '.join(path)} {state}" for path in _leaves(change["config"])]


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(tree, Mapping) and tree:
        return [leaf for key, value in tree.items() for leaf in _leaves(value, (*path, str(key)))]
    return [path if isinstance(tree, Mapping) else (*path, f"= {tree}")]


# --- the captures ----------------------------------------------------------------------------------------------------


def _capture(walk: Data, capture: Data, points: Mapping[str, Data], vms: Container[str]) -> Shown:
    steps = [dict(step, deciding=deciding_row(step["row"])) for step in walk["steps"]]
    of_packet = {step["packet"]: step for step in steps if step["packet"]}
    point = walk["point"]
    overlay = point in vms or points[point]["interface"] == TRUNK
    network = "overlay" if overlay else "underlay"
    return {
        "id": re.sub(r"[^A-Za-z0-9_]", "_", walk["file"]),
        "file": walk["file"],
        "point": point,
        "network": network,
        "place": f"{point}, overlay" if point in vms else f"{points[point]['node']}, {points[point]['interface']}, {network}",
        "chapter": walk["chapter"],
        "ok": walk["ok"],
        "problems": walk["problems"],
        "count": capture["count"],
        "complete": capture["complete"],
        "steps": steps,
        "packets": [_packet(packet, of_packet.get(packet["number"]), walk, network) for packet in capture["packets"]],
    }


def _packet(packet: CapturedPacket, step: Shown | None, walk: Data, network: str) -> Shown:
    extra = packet["number"] in walk["extra"]
    if step:
        says = step["reason"]
    elif extra:
        says = "This packet belongs to the ping, and to no step of the walk. It should not be there."
    else:
        says = walk["explained"].get(str(packet["number"]), "Traffic of others.")
    raw = bytes.fromhex(packet["bytes"])
    return {
        **{name: packet[name] for name in ("number", "length", "captured_length", "vni", "source", "destination", "protocol", "info")},
        "time": f"{packet['time']:.6f}",
        "step": step["number"] if step else None,
        "title": step["title"] if step else None,
        "problem": step["problem"] if step else None,
        "deciding": step["deciding"] if step else None,
        "extra": extra,
        "says": says,
        "layers": [_layer(layer, raw, packet["vni"], network) for layer in packet["layers"]],
    }


def _layer(layer: Layer, raw: bytes, vni: int | None, network: str) -> Shown:
    name = layer["name"]
    title, outside, inside = LAYERS.get(name, (name.upper(), "", ""))
    # What a VM sends looks the same with and without a tunnel around it.
    inner = layer["inner"] or (vni is None and network == "overlay")
    if network == "overlay" and vni is None:
        says = OVERLAY.get(name, inside)
    else:
        says = inside if layer["inner"] else outside
    end = layer["offset"] + layer["length"]
    return {
        "name": name,
        "title": title,
        "inner": inner,
        "offset": layer["offset"],
        "length": layer["length"],
        "says": says,
        "fields": [{"name": _label(field), "value": value} for field, value in layer["fields"].items() if value not in (None, "")],
        "hex": _hex(raw[layer["offset"] : end]),
    }


def _label(field: str) -> str:
    words = [ACRONYMS.get(word, word) for word in field.split("_")]
    return words[0][:1].upper() + words[0][1:] + "".join(f" {word}" for word in words[1:])


def _hex(data: bytes) -> list[str]:
    return [data[start : start + BYTES_IN_A_LINE].hex(" ") for start in range(0, len(data), BYTES_IN_A_LINE)]
