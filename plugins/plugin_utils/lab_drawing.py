# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The topology as a drawing: hypervisors with their tables, routers, tunnels, and the ways of packets on it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import table_of

# Table -> what its rows are, in a word.
MEANINGS = {"Physical_Port": "binding", "Ucast_Macs_Remote": "unicast", "Mcast_Macs_Remote": "multicast"}
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

# A part of a JSON document: what the lab wrote, and what a template reads.
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


def vnis_of(topology: Data) -> str:
    keys = [str(switch["tunnel_key"]) for switch in topology["logical_switches"]]
    return f"VNI {keys[0]}" if len(keys) == 1 else f"VNIs {', '.join(keys[:-1])} and {keys[-1]}"


def headers_of(fields: Data) -> str:
    """What changes from hop to hop, and what stays, of a packet in a tunnel; of any other, nothing."""
    if "vxlan.vni" not in fields:
        return ""
    known = [
        (f"MAC {fields.get('ethernet.source', '?')} → {fields.get('ethernet.destination', '?')}", "ethernet.source" in fields),
        (f"IP {fields.get('ipv4.source')} → {fields.get('ipv4.destination')}", True),
        (f"TTL {fields.get('ipv4.ttl')}", "ipv4.ttl" in fields),
        (f"VNI {fields['vxlan.vni']}", True),
    ]
    return ", ".join(words for words, told in known if told)


# --- the tables ------------------------------------------------------------------------------------------------------


def rows_of(hypervisor: Data) -> list[Row]:
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


def _row(hypervisor: Data, table: str, key: str, value: str, note: str, *names: str) -> Row:
    shown = table_of(hypervisor["kind"], table)
    id_ = _row_id(hypervisor["name"], shown, *names)
    return {"table": shown, "means": MEANINGS[table], "key": key, "value": value, "note": note, "id": id_}


def _row_id(*words: str) -> str:
    return "-".join(["row", *(re.sub(r"[^A-Za-z0-9_.]", "_", word) for word in words)])


def deciding_row(row: Data | None) -> dict[str, str] | None:
    """A walk's row: its id in the tables and its text."""
    if not row:
        return None
    if "port" in row:
        names, text = [row["port"], str(row["vlan"])], f"{row['port']} is in {row['logical_switch']}"
    else:
        names, text = [row["logical_switch"], row["mac"], row["locator"]], f"{row['mac']} is behind {row['locator']}"
    return {"id": _row_id(row["hypervisor"], row["table"], *names), "text": f"{row['hypervisor']}, {row['table']}: {text}"}


# --- the drawing -----------------------------------------------------------------------------------------------------


def drawing_of(summary: Data, tables: Mapping[str, Sequence[Row]], source: str, target: str) -> Drawing:
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


def route_of(drawing: Drawing, step: Data, source: str, target: str) -> Shown:
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


def hop_of(drawing: Drawing, step: Data) -> Shown:
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
