# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's summary and captures as the data of its report: all that the template shows, computed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Layer

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

# Where things are in the drawing, in its own units.
WIDTH = 460
EDGE = 8
BOX_WIDTH, HEADER, ROW = 344, 34, 19
VM_LEFT, VM_WIDTH, VM_HEIGHT = 20, 180, 46
VTEP_LEFT, VTEP_WIDTH = 244, 96
BAND_LEFT, BAND_WIDTH = 368, 84
UNDERLAY_LANE, TUNNEL_LANE, OTHER_LANES = 384, 410, (438, 448)
GAP = 18
# Routers stand in the underlay's lane, which is then wider.
ROUTER_WIDTH, ROUTER_HEIGHT = 56, 34


# A part of a JSON document: the summary's as the lab wrote it, the report's as the template reads it.
Data = Mapping[str, Any]
Shown = dict[str, Any]


class Row(TypedDict):
    """A line of a VTEP's tables."""

    table: str
    key: str
    value: str
    note: str
    id: str


class Box(TypedDict):
    """A hypervisor in the drawing."""

    name: str
    underlay_ip: str
    switch: str
    left: int
    top: int
    width: int
    height: int
    vms: list[Shown]
    vtep_left: int
    vtep_width: int
    vtep_y: float
    rows: list[Shown]


class Drawing(TypedDict):
    """The topology with coordinates, in the unit of the SVG's view box."""

    width: int
    height: int
    boxes: list[Box]
    routers: list[Shown]
    tunnels: list[Shown]
    #: Name of a VM -> name of its hypervisor.
    hypervisor_of: dict[str, str]
    band: Shown
    underlay: Shown
    #: Where tunnels run.
    lane: int
    vtep_right: int


def lab_report(summary: Data, captures: Sequence[Data]) -> Shown:
    """What ``report.html`` shows of a run.

    ``summary`` is the content of summary.json; ``captures`` is what vxlan_capture_info returned, with bytes, in the order of
    ``summary["walks"]``. Raises ``UserError`` where they do not go together.
    """
    missing = [key for key in ("topology", "hypervisors", "walks", "checks", "pings") if key not in summary]
    if missing:
        raise UserError(f"summary.json lacks {', '.join(missing)}. Run the lab again with this version of the collection.")
    if len(captures) != len(summary["walks"]):
        raise UserError(f"{len(captures)} captures for {len(summary['walks'])} walks. Give one for each, in the same order.")
    topology = summary["topology"]
    source, target = topology["source"], topology["target"]
    tables = {hypervisor["name"]: _rows(hypervisor) for hypervisor in summary["hypervisors"]}
    drawing = _drawing(summary, tables)
    shown = [_capture(walk, capture) for walk, capture in zip(summary["walks"], captures)]
    return {
        "lab": summary["lab"],
        "driver": summary["driver"],
        "time": summary["time"],
        "versions": summary["versions"],
        "datapaths": sorted({hypervisor["datapath"] for hypervisor in summary["hypervisors"]}),
        "source": source,
        "target": target,
        "vni": topology["logical_switch"]["tunnel_key"],
        "switch": topology["logical_switch"]["name"],
        "underlay": topology["underlay"],
        "ok": all(check["ok"] for check in summary["checks"]),
        "checks": summary["checks"],
        "tables": [{"hypervisor": name, "rows": rows} for name, rows in tables.items()],
        "drawing": drawing,
        "steps": _steps(shown, drawing, source, target),
        "chapters": [
            _chapter(chapter, summary, shown, drawing["hypervisor_of"][source]) for chapter in CHAPTERS if chapter in summary["pings"]
        ],
        "captures": sorted(shown, key=lambda capture: CHAPTERS.index(capture["chapter"])),
    }


# --- the tables ------------------------------------------------------------------------------------------------------


def _rows(hypervisor: Data) -> list[Row]:
    """What decides in a VTEP, one line each, with the id that a walk's row leads to."""
    vtep = hypervisor["vtep"]
    rows: list[Row] = []
    for switch in vtep["physical_switches"].values():
        for port, columns in switch["ports"].items():
            rows += [
                _row(hypervisor, "Physical_Port", f"port {port}", name, f"VLAN {vlan}", port)
                for vlan, name in columns["vlan_bindings"].items()
            ]
    for name, switch in vtep["logical_switches"].items():
        for mac, columns in switch["ucast_remote"].items():
            locator = columns["locator"]
            rows.append(_row(hypervisor, "Ucast_Macs_Remote", mac, locator, f"{name} {columns['ipaddr']}".strip(), mac, locator))
        for mac, columns in switch["mcast_remote"].items():
            rows += [_row(hypervisor, "Mcast_Macs_Remote", mac, locator, name, mac, locator) for locator in columns["locators"]]
    return rows


def _row(hypervisor: Data, table: str, key: str, value: str, note: str, *names: str) -> Row:
    return {"table": table, "key": key, "value": value, "note": note, "id": _row_id(hypervisor["name"], table, *names)}


def _row_id(*words: str) -> str:
    return "-".join(["row", *(re.sub(r"[^A-Za-z0-9_.]", "_", word) for word in words)])


def _deciding(row: Data | None) -> dict[str, str] | None:
    """A walk's row: its id in the tables and its text."""
    if not row:
        return None
    if row["table"] == "Physical_Port":
        names, text = [row["port"]], f"{row['port']} is in {row['logical_switch']}"
    else:
        names, text = [row["mac"], row["locator"]], f"{row['mac']} is behind {row['locator']}"
    return {"id": _row_id(row["hypervisor"], row["table"], *names), "text": f"{row['hypervisor']}, {row['table']}: {text}"}


# --- the drawing -----------------------------------------------------------------------------------------------------


def _drawing(summary: Data, tables: Mapping[str, Sequence[Row]]) -> Drawing:
    """Hypervisors below each other, each with its VMs, its VTEP and the VTEP's rows; the underlay at their right."""
    boxes: list[Box] = []
    top = EDGE
    for hypervisor in summary["hypervisors"]:
        boxes.append(_box(hypervisor, tables[hypervisor["name"]], top))
        top += boxes[-1]["height"] + GAP
    source, target = summary["topology"]["source"], summary["topology"]["target"]
    hypervisor_of = {vm["name"]: box["name"] for box in boxes for vm in box["vms"]}
    story = {hypervisor_of[source], hypervisor_of[target]}
    pairs = list(combinations(boxes, 2))
    others = [pair for pair in pairs if {box["name"] for box in pair} != story]
    first, last = OTHER_LANES
    tunnels: list[Shown] = []
    for a, b in pairs:
        main = {a["name"], b["name"]} == story
        lane = TUNNEL_LANE if main else round(first + (last - first) * others.index((a, b)) / max(len(others) - 1, 1), 1)
        tunnels.append({"between": [a["name"], b["name"]], "main": main, "lane": lane, "top": a["vtep_y"], "bottom": b["vtep_y"]})
    return {
        "width": WIDTH,
        "height": top - GAP + EDGE,
        "boxes": boxes,
        "tunnels": tunnels,
        "hypervisor_of": hypervisor_of,
        "band": {"left": BAND_LEFT, "top": EDGE, "width": BAND_WIDTH, "height": top - GAP - EDGE, "middle": BAND_LEFT + BAND_WIDTH / 2},
        "underlay": {"lane": UNDERLAY_LANE, "top": boxes[0]["vtep_y"], "bottom": boxes[-1]["vtep_y"]},
        "vtep_right": VTEP_LEFT + VTEP_WIDTH,
    }


def _box(hypervisor: Data, rows: Sequence[Row], top: int) -> Box:
    vms = [
        dict(vm, left=VM_LEFT, top=top + HEADER + number * (VM_HEIGHT + 8), width=VM_WIDTH, height=VM_HEIGHT)
        for number, vm in enumerate(hypervisor["vms"])
    ]
    table_top = vms[-1]["top"] + VM_HEIGHT + 12
    return {
        "name": hypervisor["name"],
        "underlay_ip": hypervisor["underlay_ip"],
        "switch": next(iter(hypervisor["vtep"]["physical_switches"]), ""),
        "left": EDGE,
        "top": top,
        "width": BOX_WIDTH,
        "height": table_top + ROW * len(rows) + 10 - top,
        "vms": vms,
        "vtep_left": VTEP_LEFT,
        "vtep_width": VTEP_WIDTH,
        "vtep_y": (vms[0]["top"] + vms[-1]["top"] + VM_HEIGHT) / 2,
        "rows": [dict(row, top=table_top + ROW * number) for number, row in enumerate(rows)],
    }


def _route(drawing: Drawing, step: Data, source: str, target: str) -> Shown:
    """The way of a step's packet, as a polyline, where on it the packet is wrapped (0 to 1), and its stations."""
    sender, receiver = (source, target) if "request" in step["key"] else (target, source)
    boxes = {box["name"]: box for box in drawing["boxes"]}
    start, end = boxes[drawing["hypervisor_of"][sender]], boxes[drawing["hypervisor_of"][receiver]]
    between_vteps = step["key"].startswith("underlay_")
    lane = UNDERLAY_LANE if between_vteps else TUNNEL_LANE
    middle = VTEP_LEFT + VTEP_WIDTH / 2
    points = [(middle, start["vtep_y"]), (lane, start["vtep_y"]), (lane, end["vtep_y"]), (middle, end["vtep_y"])]
    stations = [start["name"], "underlay" if between_vteps else "tunnel", end["name"]]
    wrapped: list[float] = [0, 1]
    if not between_vteps:
        points = [_port(start, sender), *points, _port(end, receiver)]
        lengths = [((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 for a, b in pairwise(points)]
        wrapped = [round(lengths[0] / sum(lengths), 3), round(1 - lengths[-1] / sum(lengths), 3)]
        stations = [sender, *stations, receiver]
    return {"points": " ".join(f"{x:g},{y:g}" for x, y in points), "wrapped": wrapped, "stations": stations, "plain": between_vteps}


def _port(box: Box, name: str) -> tuple[float, float]:
    vm = next(vm for vm in box["vms"] if vm["name"] == name)
    return vm["left"] + vm["width"], vm["top"] + vm["height"] / 2


# --- the walk --------------------------------------------------------------------------------------------------------


def _steps(captures: Sequence[Shown], drawing: Drawing, source: str, target: str) -> list[Shown]:
    """The first chapter on the underlay at the VM that pings: there is all to see."""
    capture = next(
        (capture for capture in captures if (capture["vm"], capture["network"], capture["chapter"]) == (source, "underlay", FIRST)), None
    )
    if not capture:
        raise UserError(f"summary.json has no walk of {source} on the underlay. Run the lab again.")
    packets = {packet["number"]: packet for packet in capture["packets"]}
    return [
        dict(
            step, route=_route(drawing, step, source, target), seen=packets.get(step["packet"]), file=capture["file"], capture=capture["id"]
        )
        for step in capture["steps"]
    ]


def _chapter(chapter: str, summary: Data, captures: Sequence[Shown], hypervisor: str) -> Shown:
    heading, remote, text = CHAPTER_TEXTS[chapter]
    counts = REPLIES.search(summary["pings"][chapter])
    sent, received = map(int, counts.groups()) if counts else (0, 0)
    own = [capture for capture in captures if capture["chapter"] == chapter and capture["vm"] == summary["topology"]["source"]]
    return {
        "key": chapter,
        "heading": heading,
        "remote": remote,
        "hypervisor": hypervisor,
        "text": text,
        "sent": sent,
        "received": received,
        "output": summary["pings"][chapter],
        "captures": own,
    }


# --- the captures ----------------------------------------------------------------------------------------------------


def _capture(walk: Data, capture: Data) -> Shown:
    steps = [dict(step, deciding=_deciding(step["row"])) for step in walk["steps"]]
    of_packet = {step["packet"]: step for step in steps if step["packet"]}
    return {
        "id": re.sub(r"[^A-Za-z0-9_]", "_", walk["file"]),
        "file": walk["file"],
        "vm": walk["at"],
        "network": walk["network"],
        "chapter": walk["chapter"],
        "ok": walk["ok"],
        "problems": walk["problems"],
        "count": capture["count"],
        "complete": capture["complete"],
        "steps": steps,
        "packets": [
            _packet(packet, of_packet.get(packet["number"]), packet["number"] in walk["extra"], walk["network"])
            for packet in capture["packets"]
        ],
    }


def _packet(packet: CapturedPacket, step: Shown | None, extra: bool, network: str) -> Shown:
    if step:
        says = step["reason"]
    elif extra:
        says = "This packet belongs to the ping, and to no step of the walk. It should not be there."
    else:
        says = "No step of its own: a question that is asked again, the answer to it, or traffic of others."
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
