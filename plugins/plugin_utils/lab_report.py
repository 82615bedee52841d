# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's summary and captures as the data of its report: all that the template shows, computed. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import LINUX_TABLES
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import TRUNK, trunk
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
# Table -> what its rows are, in a word.
MEANINGS = {"Physical_Port": "binding", "Ucast_Macs_Remote": "unicast", "Mcast_Macs_Remote": "multicast"}
ACRONYMS = {"mac": "MAC", "ip": "IP", "vni": "VNI", "ttl": "TTL", "dscp": "DSCP", "id": "ID"}
BYTES_IN_A_LINE = 16
# All but the first of the echo requests and replies.
LATER_ECHO = re.compile(r"echo_[a-z]+_([2-9]|[1-9][0-9])")

# Where things are in the drawing, in its own units.
WIDTH = 460
EDGE = 8
BOX_WIDTH, HEADER, ROW = 344, 34, 19
VM_LEFT, VM_WIDTH, VM_HEIGHT = 20, 180, 46
VTEP_LEFT, VTEP_WIDTH = 244, 96
BAND_LEFT, BAND_WIDTH = 368, 84
UNDERLAY_LANE, TUNNEL_LANE, OTHER_LANES = 384, 410, (438, 448)
GAP = 18
# Half of what moves.
MARKER = 14
# So many logical switches have a colour of their own.
TENANTS = 4
# Routers stand in the underlay's lane, which is then wider.
ROUTER_WIDTH, ROUTER_HEIGHT = 56, 34


# A part of a JSON document: the summary's as the lab wrote it, the report's as the template reads it.
Data = Mapping[str, Any]
Shown = dict[str, Any]


class Row(TypedDict):
    """A line of a VTEP's tables."""

    table: str
    #: What it is, in a word.
    means: str
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
    missing = [key for key in ("topology", "hypervisors", "walks", "checks", "chapters") if key not in summary]
    if missing:
        raise UserError(f"summary.json lacks {', '.join(missing)}. Run the lab again with this version of the collection.")
    if len(captures) != len(summary["walks"]):
        raise UserError(f"{len(captures)} captures for {len(summary['walks'])} walks. Give one for each, in the same order.")
    topology = summary["topology"]
    first = summary["chapters"][0]
    source, target = first["source"], first["target"]
    tables = {hypervisor["name"]: _rows(hypervisor) for hypervisor in summary["hypervisors"]}
    drawing = _drawing(summary, tables, source, target)
    shown = [_capture(walk, capture, topology["points"], drawing["hypervisor_of"]) for walk, capture in zip(summary["walks"], captures)]
    # The point that shows what a VM's hypervisor sends.
    points = {vm: one["point"] for one in summary["hypervisors"] for vm in (its["name"] for its in one["vms"])}
    underlay = points[source]
    return {
        "lab": summary["lab"],
        "title": summary["title"],
        "driver": summary["driver"],
        "time": summary["time"],
        "versions": summary["versions"],
        "datapaths": sorted({hypervisor["datapath"] for hypervisor in summary["hypervisors"]}),
        "source": source,
        "target": target,
        "vni": _vni(summary, source),
        "vnis": _vnis(topology),
        "networks": topology["underlay"]["networks"],
        "ok": all(check["ok"] for check in summary["checks"]),
        "checks": summary["checks"],
        "tables": [{"hypervisor": one["name"], "rows": tables[one["name"]], "bridges": _flows(one)} for one in summary["hypervisors"]],
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


def _vnis(topology: Data) -> str:
    keys = [str(switch["tunnel_key"]) for switch in topology["logical_switches"]]
    return f"VNI {keys[0]}" if len(keys) == 1 else f"VNIs {', '.join(keys[:-1])} and {keys[-1]}"


# --- the tables ------------------------------------------------------------------------------------------------------


def _rows(hypervisor: Data) -> list[Row]:
    """What decides in a VTEP, one line each, with the id that a walk's row leads to."""
    vtep = hypervisor["vtep"]
    rows: list[Row] = []
    for switch in vtep["physical_switches"].values():
        for port, columns in switch["ports"].items():
            rows += [
                _row(hypervisor, "Physical_Port", f"port {port}", name, f"VLAN {vlan}", port, vlan)
                for vlan, name in columns["vlan_bindings"].items()
            ]
    for name, switch in vtep["logical_switches"].items():
        for mac, columns in switch["ucast_remote"].items():
            locator = columns["locator"]
            rows.append(_row(hypervisor, "Ucast_Macs_Remote", mac, locator, f"{name} {columns['ipaddr']}".strip(), name, mac, locator))
        for mac, columns in switch["mcast_remote"].items():
            rows += [_row(hypervisor, "Mcast_Macs_Remote", mac, locator, name, name, mac, locator) for locator in columns["locators"]]
    return rows


def _flows(hypervisor: Data) -> list[Shown]:
    """The flows of the bridges that do as the rows say, and where their tunnels lead."""
    tunnels = hypervisor.get("tunnels", {})
    found = []
    for bridge, flows in hypervisor.get("flows", {}).items():
        # One that only forwards like an ordinary switch follows from no row.
        if any(flow["actions"] != "NORMAL" for flow in flows):
            leads = [
                f"{port} is the tunnel to {tunnel['destination']}, VNI {tunnel['key']}"
                for port, tunnel in sorted(tunnels.items())
                if tunnel["bridge"] == bridge
            ]
            found.append({"name": bridge, "tunnels": "; ".join(leads), "flows": flows})
    return found


def _row(hypervisor: Data, table: str, key: str, value: str, note: str, *names: str) -> Row:
    shown = LINUX_TABLES[table] if hypervisor["kind"] == "linux" else table
    id_ = _row_id(hypervisor["name"], shown, *names)
    return {"table": shown, "means": MEANINGS[table], "key": key, "value": value, "note": note, "id": id_}


def _row_id(*words: str) -> str:
    return "-".join(["row", *(re.sub(r"[^A-Za-z0-9_.]", "_", word) for word in words)])


def _deciding(row: Data | None) -> dict[str, str] | None:
    """A walk's row: its id in the tables and its text."""
    if not row:
        return None
    if "port" in row:
        names, text = [row["port"], str(row["vlan"])], f"{row['port']} is in {row['logical_switch']}"
    else:
        names, text = [row["logical_switch"], row["mac"], row["locator"]], f"{row['mac']} is behind {row['locator']}"
    return {"id": _row_id(row["hypervisor"], row["table"], *names), "text": f"{row['hypervisor']}, {row['table']}: {text}"}


# --- the drawing -----------------------------------------------------------------------------------------------------


def _drawing(summary: Data, tables: Mapping[str, Sequence[Row]], source: str, target: str) -> Drawing:
    """Hypervisors below each other, each with its VMs, its VTEP and the VTEP's rows; the underlay at their right."""
    topology = summary["topology"]
    order = [switch["name"] for switch in topology["logical_switches"]]
    boxes: list[Box] = []
    top = EDGE
    for hypervisor in summary["hypervisors"]:
        boxes.append(_box(hypervisor, tables[hypervisor["name"]], top, order))
        top += boxes[-1]["height"] + GAP
    hypervisor_of = {vm["name"]: box["name"] for box in boxes for vm in box["vms"]}
    story = {hypervisor_of[source], hypervisor_of[target]}
    wider = ROUTER_WIDTH if topology["routers"] else 0
    lane, under = TUNNEL_LANE + wider, UNDERLAY_LANE + wider // 2
    pairs = list(combinations(boxes, 2))
    others = [pair for pair in pairs if {box["name"] for box in pair} != story]
    nearest, farthest = (other + wider for other in OTHER_LANES)
    tunnels: list[Shown] = []
    for a, b in pairs:
        main = {a["name"], b["name"]} == story
        at = lane if main else round(nearest + (farthest - nearest) * others.index((a, b)) / max(len(others) - 1, 1), 1)
        tunnels.append({"between": [a["name"], b["name"]], "main": main, "lane": at, "top": a["vtep_y"], "bottom": b["vtep_y"]})
    first, last = boxes[0]["vtep_y"], boxes[-1]["vtep_y"]
    routers = []
    for number, router in enumerate(topology["routers"], 1):
        middle = first + (last - first) * number / (len(topology["routers"]) + 1)
        routers.append(
            {
                "name": router["name"],
                "addresses": [interface["address"] for interface in router["interfaces"]],
                "left": under - ROUTER_WIDTH / 2,
                "top": middle - ROUTER_HEIGHT / 2,
                "width": ROUTER_WIDTH,
                "height": ROUTER_HEIGHT,
                "middle": under,
                "y": middle,
            }
        )
    band = BAND_WIDTH + wider
    return {
        "width": WIDTH + wider,
        "height": top - GAP + EDGE,
        "boxes": boxes,
        "routers": routers,
        "tunnels": tunnels,
        "hypervisor_of": hypervisor_of,
        "band": {"left": BAND_LEFT, "top": EDGE, "width": band, "height": top - GAP - EDGE, "middle": BAND_LEFT + band / 2},
        "underlay": {"lane": under, "top": first, "bottom": last},
        "lane": lane,
        "vtep_right": VTEP_LEFT + VTEP_WIDTH,
    }


def _box(hypervisor: Data, rows: Sequence[Row], top: int, switches: Sequence[str]) -> Box:
    vms = [
        dict(
            vm,
            tenant=switches.index(vm["logical_switch"]) % TENANTS,
            note=", ".join([*([vm["logical_switch"]] if len(switches) > 1 else []), *([f"VLAN {vm['vlan']}"] if vm["vlan"] else [])]),
            left=VM_LEFT,
            top=top + HEADER + number * (VM_HEIGHT + 8),
            width=VM_WIDTH,
            height=VM_HEIGHT,
        )
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
    boxes = {box["name"]: box for box in drawing["boxes"]}
    start, end = (boxes[name] for name in step["hop"])
    # The packet covers no name where it rests.
    middle = VTEP_LEFT + VTEP_WIDTH + MARKER
    plain = step["key"].startswith("underlay_")
    between = {start["name"], end["name"]}
    lane = drawing["underlay"]["lane"] if plain else next(one["lane"] for one in drawing["tunnels"] if set(one["between"]) == between)
    points = [(middle, start["vtep_y"]), (lane, start["vtep_y"]), (lane, end["vtep_y"]), (middle, end["vtep_y"])]
    stations = [start["name"], "underlay" if plain else "tunnel", end["name"]]
    ends = [0.0, 0.0]
    if not plain:
        # Of a copy for others than the two, only the tunnel is of interest.
        for vm in (source, target):
            box = boxes[drawing["hypervisor_of"][vm]]
            if box is start:
                points, stations = [_port(box, vm), *points], [vm, *stations]
                ends[0] = _length(points[:2])
            elif box is end:
                points, stations = [*points, _port(box, vm)], [*stations, vm]
                ends[1] = _length(points[-2:])
    whole = sum(_length(pair) for pair in pairwise(points))
    wrapped = [round(ends[0] / whole, 3), round(1 - ends[1] / whole, 3)]
    return {"points": _polyline(points), "wrapped": wrapped, "stations": stations, "plain": plain}


def _length(line: Sequence[tuple[float, float]]) -> float:
    (left, top), (right, bottom) = line
    return ((left - right) ** 2 + (top - bottom) ** 2) ** 0.5


def _hop(drawing: Drawing, step: Data) -> Shown:
    """The same for one hop of a packet: between two nodes, or a VM and its hypervisor."""
    places: dict[str, tuple[float, float]] = {router["name"]: (router["middle"], router["y"]) for router in drawing["routers"]}
    for box in drawing["boxes"]:
        places[box["name"]] = (VTEP_LEFT + VTEP_WIDTH + MARKER, box["vtep_y"])
        places.update((vm["name"], _port(box, vm["name"])) for vm in box["vms"])
    routers = {router["name"] for router in drawing["routers"]}
    start, end = _beside([places[name] for name in step["hop"]], [name in routers for name in step["hop"]])
    bare = any(name in drawing["hypervisor_of"] for name in step["hop"])
    lane = drawing["underlay"]["lane"]
    points = [start, end] if bare else [start, (lane, start[1]), (lane, end[1]), end]
    return {
        "points": _polyline(points),
        "wrapped": [2, 2] if bare else [0, 1],
        "stations": step["hop"],
        "plain": step["key"].startswith("underlay_"),
    }


def _beside(ends: Sequence[tuple[float, float]], routers: Sequence[bool]) -> Iterator[tuple[float, float]]:
    """Both ends of a hop, but above or below a router: the packet covers no name where it rests."""
    for (left, top), (_left, other), is_router in zip(ends, reversed(ends), routers):
        away = ROUTER_HEIGHT / 2 + MARKER - 4
        yield (left, top + (away if other > top else -away) if is_router else top)


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _port(box: Box, name: str) -> tuple[float, float]:
    vm = next(vm for vm in box["vms"] if vm["name"] == name)
    return vm["left"] + vm["width"], vm["top"] + vm["height"] / 2


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
        route = _hop(drawing, step) if routers else _route(drawing, step, chapter["source"], chapter["target"])
        steps.append(
            dict(
                step,
                number=len(steps) + 1,
                title=f"{step['title']}: {' → '.join(step['hop'])}" if routers else step["title"],
                route=route,
                seen=packets.get(step["packet"]),
                headers=_headers(step) if routers else "",
                file=capture["file"],
                capture=capture["id"],
            )
        )
    return steps


def _headers(step: Shown) -> str:
    """What changes from hop to hop, and what stays."""
    seen = step["seen"] or {}
    if "vxlan.vni" not in seen:
        return ""
    return (
        f"MAC {seen.get('ethernet.source')} → {seen.get('ethernet.destination')}, IP {seen['ipv4.source']} → {seen['ipv4.destination']},"
        f" TTL {seen['ipv4.ttl']}, VNI {seen['vxlan.vni']}"
    )


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
    steps = [dict(step, deciding=_deciding(step["row"])) for step in walk["steps"]]
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
