# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The story of a scenario: its chapters as data, checked and completed, and what came of them. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict, cast

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import (
    PING_HEADERS,
    PING_SIZE,
    answers_instead,
    intended,
    table_of,
    walk,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import MTU, VXLAN_OVERHEAD, trunk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import Keys, Optional, Reader, pings, some
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import Comparison, Walk, check_walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket

#: How often each chapter pings.
COUNT = 3
#: To so many others each VM sends a ping besides; the number of all pairs grows with the square.
MOST_PINGS = 32
#: Where nodes keep their captures.
FOLDER = "/run/vxlanlab"
#: More captures, and more time, than any lab needs.
MOST_CHAPTERS = 50
_KEY = re.compile(r"[a-z][a-z0-9_]{0,30}")
_STATES = ("merged", "replaced", "overridden", "deleted")
#: The longest packet that IPv4 knows (RFC 791), without the headers of a ping.
LONGEST_PING = 65535 - PING_HEADERS
#: Bytes that a chapter may send over TCP: each of its packets is in four captures and in the report.
MOST_BYTES = 1_000_000
#: The caches of VMs and switches, and not what VTEPs know of each other.
VMS = "vms"
AS_NEEDED = "what the topology needs"
#: Of a value that a check shows, the characters that fit into a line.
_DIGITS = 16


class Check(TypedDict):
    """Something that had to be, and whether it was."""

    name: str
    expected: str
    seen: str
    ok: bool


def key(value: Any) -> str:
    """The key of a chapter, which is also a part of file names."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError("use up to 31 lower-case letters, digits and '_', a letter first")
    return value


def words(value: Any) -> str:
    """A text that a reader sees."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("use a text")
    return value.strip()


def caches(value: Any) -> bool | str:
    """Which caches are emptied: all, none, or only those of the VMs."""
    if value != VMS and not isinstance(value, bool):
        raise ValueError(f"use true, false, or {VMS} for those of VMs and switches alone")
    return cast("bool | str", value)


def mapping(value: Any) -> Mapping[str, Any]:
    """A dictionary."""
    if not isinstance(value, Mapping):
        raise ValueError("use a dictionary")
    return value


def boolean(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("use true or false")
    return value


CHAPTER: Keys = {
    "key": key,
    "heading": words,
    "text": words,
    "ping": Optional(mapping),
    "forget": Optional(caches, True),
    "size": Optional(_values.Integer(0, LONGEST_PING), PING_SIZE),
    "mtu": Optional(MTU),
    "replies": Optional(_values.Integer(0, COUNT), COUNT),
    "transfer": Optional(mapping),
    "tables": Optional(some),
    "listen": Optional(some),
}
PING: Keys = {"from": words, "to": words}
TRANSFER: Keys = {"size": _values.Integer(1, MOST_BYTES), "arrives": Optional(boolean, True)}
TABLES: Keys = {
    "hypervisor": words,
    "without": Optional(some),
    "state": Optional(_values.Choice(_STATES), "merged"),
    "config": Optional(mapping),
}
WHOLE = (some, mapping)


def completed(chapters: Any, topology: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with the chapters of a scenario, or what follows from them and from the completed topology."""
    reader = Reader(WHOLE)
    listed = reader.value("lab_chapters", chapters, some) or []
    if len(listed) > MOST_CHAPTERS:
        reader.problems.append(f"lab_chapters: {len(listed)} chapters are too many. Use up to {MOST_CHAPTERS}.")
        listed = []
    vms = {vm["name"]: vm for vm in topology["vms"]}
    hypervisors = [hypervisor["name"] for hypervisor in topology["hypervisors"]]
    kernels = [hypervisor["name"] for hypervisor in topology["hypervisors"] if hypervisor["kind"] == "linux"]
    of_ovn = [hypervisor["name"] for hypervisor in topology["hypervisors"] if hypervisor["kind"] == "ovn"]
    done: list[dict[str, Any]] = []
    for chapter in reader.entries("lab_chapters", listed, CHAPTER):
        where = chapter.pop("where")
        ends = {"from": topology["source"]["name"], "to": topology["target"]["name"]}
        if chapter["ping"] is not None:
            ends = reader.keys(f"{where}.ping", dict(chapter["ping"]), PING)
        for end, name in ends.items():
            if name is not None and name not in vms:
                reader.refuse(f"{where}.ping.{end}", name, f"use a VM of lab_hypervisors: {', '.join(vms)}")
        if ends["from"] in vms and ends["to"] in vms and (other := answers_instead(topology, str(ends["from"]), str(ends["to"]))):
            reader.refuse(f"{where}.ping.to", ends["to"], f"it has the address of {other}, which would answer in its place; use another VM")
        inside = {vms[name]["hypervisor"] for name in ends.values() if name in vms}
        if len(inside) == 1 and inside <= set(of_ovn):
            reader.refuse(f"{where}.ping.to", ends["to"], "OVN answers in its place, as both are its own; use VMs of two hypervisors")
        if chapter["tables"] and topology.get("controller"):
            reader.problems.append(f"{where}.tables: the rows are the controller's (lab_controller), which would undo it. Leave it out.")
        tables = []
        for change in reader.entries(f"{where}.tables", chapter["tables"] or [], TABLES):
            place = change.pop("where")
            hypervisor = change["hypervisor"]
            if hypervisor not in hypervisors and hypervisor in ends:
                hypervisor = vms.get(ends[hypervisor] or "", {}).get("hypervisor")
            elif hypervisor is not None and hypervisor not in hypervisors:
                reader.refuse(f"{place}.hypervisor", hypervisor, f"use from, to, or one of {', '.join(hypervisors)}")
            if (change["without"] is None) == (change["config"] is None):
                reader.problems.append(f"{place}: give either without or config.")
            elif hypervisor in kernels:
                reader.refuse(f"{place}.hypervisor", hypervisor, "its VTEP is the Linux kernel, which has no database; use one of kind ovs")
            elif not reader.problems:
                switch = vms[ends["from"]]["logical_switch"]
                tables.append(_change(hypervisor, switch, change))
        if chapter["transfer"] is not None:
            chapter["transfer"] = reader.keys(f"{where}.transfer", dict(chapter["transfer"]), TRANSFER)
        apart = [name for name in ends.values() if name in vms and vms[name]["namespace"]]
        if chapter["mtu"] and apart:
            reader.refuse(
                f"{where}.mtu",
                chapter["mtu"],
                f"{apart[0]} is in a network namespace of its own, where Open vSwitch cannot set it; use hypervisors with one VM each",
            )
        for number, point in enumerate(chapter["listen"] or []):
            if not isinstance(point, str) or point not in topology["points"]:
                reader.refuse(f"{where}.listen[{number}]", point, f"use {', '.join(topology['points'])}")
        if not reader.problems and chapter["forget"] == VMS and any(earlier["forget"] is True for earlier in done):
            reader.refuse(
                f"{where}.forget", VMS, "it takes VTEPs that know each other's MAC addresses; put the chapter before those with true"
            )
        if not reader.problems and chapter["forget"] is False and not _learned(ends, done):
            reader.refuse(
                f"{where}.forget", False, "the chapter before has to be the same ping, answered: that is what the caches remember"
            )
        if not reader.problems:
            done.append(_complete(chapter, topology, vms[ends["from"]], vms[ends["to"]], tables, done))
    reader.unique((f"lab_chapters[{number}].key", chapter["key"]) for number, chapter in enumerate(done))
    if reader.problems:
        return {"problems": reader.problems, "chapters": []}
    return {"problems": [], "chapters": done, "afterwards": _afterwards(done, topology)}


def _learned(ends: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the two VMs of a ping, and all between them, know each other from the chapter before."""
    return bool(earlier) and earlier[-1]["replies"] > 0 and ends == {"from": earlier[-1]["source"], "to": earlier[-1]["target"]}


def _afterwards(chapters: Sequence[Mapping[str, Any]], topology: Mapping[str, Any]) -> dict[str, Any]:
    """What gives the lab back what the topology needs, after the last chapter."""
    last = chapters[-1]
    restore = sorted({change["hypervisor"] for change in last["tables"]})
    resize = _resized(last["mtus"], {}, topology)
    return {"steps": _preparing(bool(restore), resize), "restore": restore, "change": [], "resize": resize}


def _preparing(writes: bool, resize: Mapping[str, Any]) -> list[str]:
    """The steps of a chapter before it listens."""
    return [*(["prepare"] if writes else []), *(["resize"] if resize else [])]


def _resized(before: Mapping[str, int], after: Mapping[str, int], topology: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The ports to set, by hypervisor, as ovs_bridge takes them. What is in neither of the two has what the underlay has room for."""
    room = topology["underlay"]["mtu"] - VXLAN_OVERHEAD
    ports: dict[str, list[dict[str, Any]]] = {}
    for vm in topology["vms"]:
        wanted = after.get(vm["name"], room)
        if before.get(vm["name"], room) != wanted:
            ports.setdefault(vm["hypervisor"], []).append({"name": vm["name"], "mtu": wanted})
    return ports


def _change(hypervisor: str, switch: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of tables, as vtep_config takes it."""
    if change["without"] is None:
        return {"hypervisor": hypervisor, "state": change["state"], "config": change["config"]}
    rows: dict[str, dict[str, Any]] = {}
    for mac in change["without"]:
        rows.setdefault("mcast_remote" if mac == _values.UNKNOWN_DST else "ucast_remote", {})[str(mac)] = {}
    return {"hypervisor": hypervisor, "state": "deleted", "config": {"logical_switches": {switch: rows}}}


def _complete(
    chapter: Mapping[str, Any],
    topology: Mapping[str, Any],
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    tables: list[dict[str, Any]],
    earlier: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    before = earlier[-1]["tables"] if earlier else []
    stays = tables == before
    mtus = {source["name"]: chapter["mtu"], target["name"]: chapter["mtu"]} if chapter["mtu"] else {}
    resize = _resized(earlier[-1]["mtus"] if earlier else {}, mtus, topology)
    ending = f"_{chapter['key']}.pcap" if earlier else ".pcap"
    return {
        "key": chapter["key"],
        # The files of playbooks/tasks that tell it, in their order.
        "steps": [*_preparing(not stays, resize), "listen", *(["transfer"] if chapter["transfer"] else []), "note"],
        "heading": chapter["heading"],
        "text": chapter["text"],
        "source": source["name"],
        "target": target["name"],
        "hypervisor": source["hypervisor"],
        "ping": ping(source, target),
        "size": chapter["size"],
        "forget": chapter["forget"],
        "fragment": False,
        "replies": chapter["replies"],
        "transfer": chapter["transfer"] and {"from": source, "to": target, **chapter["transfer"]},
        "mtu": chapter["mtu"],
        "mtus": mtus,
        "resize": resize,
        "tables": tables,
        # Before the ping: the hypervisors that get the tables of the topology again, and the changes to make.
        "restore": [] if stays else sorted({change["hypervisor"] for change in before}),
        "change": [] if stays else tables,
        "captures": listening(topology, source, target, ending, chapter["listen"] or []),
    }


def listening(
    topology: Mapping[str, Any], source: Mapping[str, Any], target: Mapping[str, Any], ending: str, more: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The captures that see a ping wherever it passes, and at more points; the names of their files end with ``ending``."""
    points = topology["points"]
    underlay = topology["underlay"]["interface"]
    listen = [source["name"], target["name"], f"{source['hypervisor']}:{underlay}", f"{target['hypervisor']}:{underlay}", *more]
    listen += [trunk(vm["hypervisor"]) for vm in (source, target) if vm["vlan"]]
    between = [*topology["routers"], *([topology["service_node"]["name"]] if topology["service_node"] else [])]
    listen += [point for point, place in points.items() if place["node"] in between]
    return [_capture(point, points[point], points[point]["file"] + ending) for point in points if point in listen]


def _capture(point: str, place: Mapping[str, str], file: str) -> dict[str, Any]:
    return {
        "point": point,
        "node": place["node"],
        "file": file,
        "capture": {"interface": place["interface"], "namespace": place["namespace"], "path": f"{FOLDER}/{file}"},
    }


def ping(source: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, str]:
    """A ping from one VM to another, as lab_ping takes it."""
    return {"interface": source["interface"], "namespace": source["namespace"], "address": target["address"]}


def deviations(topology: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rows in which the VTEPs' tables are not what the topology needs, in words."""
    found = []
    kinds = {hypervisor["name"]: hypervisor["kind"] for hypervisor in topology["hypervisors"]}
    for host, wanted in intended(topology).items():
        rows, there = _rows(wanted), _rows(tables.get(host, {"physical_switches": {}, "logical_switches": {}}))
        for row in sorted({*rows, *there}):
            if rows.get(row) != there.get(row):
                table = table_of(kinds[host], row[0])
                found.append(f"{host} {table} {' '.join(row[1:])}: {there.get(row, 'missing')}, wanted {rows.get(row, 'nothing')}")
    return found


def _rows(tables: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """What decides in a VTEP: table, logical switch or port, and key -> value."""
    rows: dict[tuple[str, str, str], str] = {}
    for switch in tables["physical_switches"].values():
        for port, columns in switch["ports"].items():
            for vlan, name in columns["vlan_bindings"].items():
                rows["Physical_Port", port, f"VLAN {vlan}"] = name
    for name, switch in tables["logical_switches"].items():
        for column in ("tunnel_key", "replication_mode"):
            rows["Logical_Switch", name, column] = str(switch[column])
        for mac, columns in switch["ucast_remote"].items():
            rows["Ucast_Macs_Remote", name, mac] = columns["locator"]
        for mac, columns in switch["mcast_remote"].items():
            rows["Mcast_Macs_Remote", name, mac] = ", ".join(sorted(columns["locators"]))
    return rows


def verdicts(
    topology: Mapping[str, Any],
    told: Mapping[str, Mapping[str, Any]],
    captures: Sequence[Sequence[CapturedPacket]],
    pinged: Sequence[Mapping[str, Any]],
    transfer: Mapping[str, Any],
) -> dict[str, Any]:
    """What came of the story: checks, what each chapter says, and the walks that the captures were compared with.

    ``topology`` is completed, with its chapters. ``told``: by chapter, ``ping`` (a result of lab_ping), ``transfer`` (of lab_transfer,
    where it has one), ``tables`` (by hypervisor, what vtep_info returned) and ``captures`` (results of lab_capture).
    ``captures``: the packets of all captures, chapter by chapter, in the order of its ``captures``. ``pinged``: the results of all
    pings of ``mesh``. ``transfer``: what lab_transfer returned.
    """
    answers: list[Check] = []
    compared: list[Check] = []
    walks: list[dict[str, Any]] = []
    chapters = []
    wrong: list[str] = []
    read = iter(captures)
    for chapter in topology["chapters"]:
        seen = told[chapter["key"]]
        ends = (topology, seen["tables"], chapter["source"], chapter["target"])
        expected = walk(*ends, COUNT, chapter["forget"], chapter["size"], chapter["mtu"])
        answers.append(_answers(chapter, seen["ping"]["replies"], expected))
        if chapter["transfer"]:
            # TCP fills its segments, so the longest packets have to arrive.
            longest = (chapter["mtu"] or topology["underlay"]["mtu"] - VXLAN_OVERHEAD) - PING_HEADERS
            answers.append(_carried(chapter, seen["transfer"], walk(*ends, 1, chapter["forget"], longest, chapter["mtu"])))
        if not chapter["tables"]:
            wrong += deviations(topology, seen["tables"])
        for capture in chapter["captures"]:
            comparison = check_walk(expected, capture["point"], next(read))
            walks.append(dict(comparison, chapter=chapter["key"], file=capture["file"]))
            compared.append(_packets(capture["file"], comparison))
        chapters.append(
            {name: chapter[name] for name in ("key", "heading", "text", "source", "target", "forget", "tables", "size", "mtu")}
            | {"sent": COUNT, "received": seen["ping"]["replies"], "output": seen["ping"]["output"], "ends": expected["ends"]}
            | {"transfer": answers[-1]["seen"] if chapter["transfer"] else ""}
        )
    answered = sum(1 for one in pinged if one["replies"])
    dropped = sum(capture["dropped"] for seen in told.values() for capture in seen["captures"])
    checks = [
        _check("All VMs that share a logical switch", f"{len(pinged)} of {len(pinged)} pings", f"{answered} of {len(pinged)} pings"),
        _check("The tables of all VTEPs", AS_NEEDED, "; ".join(dict.fromkeys(wrong)) or AS_NEEDED),
        *answers,
        *compared,
        _transferred(topology, transfer),
        _check("What the captures lost", "0 packets", f"{dropped} packets"),
    ]
    failed = [f"{check['name']}: expected {check['expected']}; seen {check['seen']}" for check in checks if not check["ok"]]
    return {"checks": checks, "failed": failed, "chapters": chapters, "walks": walks}


def _answers(chapter: Mapping[str, Any], received: int, expected: Walk) -> Check:
    wanted, seen = f"{chapter['replies']} replies", f"{received} replies"
    # The model has the last word on the tables, also where chance would hide what is wrong with them.
    if not expected["certain"] <= chapter["replies"] <= expected["replies"]:
        seen += f", and the tables allow {expected['replies']}: {'; '.join(expected['ends'])}"
    return _check(chapter["heading"], wanted, seen)


def _carried(chapter: Mapping[str, Any], transfer: Mapping[str, Any], longest: Walk) -> Check:
    """Whether the bytes of a chapter arrived over TCP."""
    size = chapter["transfer"]["size"]
    words = {True: f"{size} bytes arrive", False: f"of {size} bytes not all arrive"}
    sent = transfer.get("sha256_sent")
    seen = words[bool(sent) and sent == transfer.get("sha256_received")]
    if bool(longest["replies"]) != chapter["transfer"]["arrives"]:
        seen += f", and by the tables {words[bool(longest['replies'])]}"
    return _check(f"{chapter['heading']}, over TCP", words[chapter["transfer"]["arrives"]], seen)


def _packets(file: str, comparison: Comparison) -> Check:
    count = len(comparison["steps"])
    text = f"{count} of {count} packets"
    # The summary has all problems.
    return _check(file, text, comparison["problems"][0] if comparison["problems"] else text)


def _transferred(topology: Mapping[str, Any], transfer: Mapping[str, Any]) -> Check:
    name = f"{topology['source']['name']} sends {topology['target']['name']} bytes over TCP"
    sent, received = transfer.get("sha256_sent") or "of what was sent", transfer.get("sha256_received") or ""
    return _check(
        name,
        f"{transfer.get('size', 0)} bytes, SHA-256 {sent[:_DIGITS]}",
        f"{transfer.get('size', 0)} bytes, SHA-256 {received[:_DIGITS]}" if received else str(transfer.get("msg", "nothing was sent")),
    )


def _check(name: str, expected: str, seen: str) -> Check:
    return {"name": name, "expected": expected, "seen": seen, "ok": expected == seen}


def mesh(
    topology: Mapping[str, Any], pairs: Collection[tuple[str, str]] | None = None, host: str | None = None
) -> dict[str, list[dict[str, str]]]:
    """Pings that go through a tunnel, by the hypervisor that they start from: all of them, or ``MOST_PINGS`` of each VM.

    ``pairs``: by name, who is to ping whom; otherwise everybody. ``host``: the only one whose pings are wanted.
    """
    wanted = None if pairs is None else {tuple(pair) for pair in pairs}
    of_switch: dict[str, list[Mapping[str, Any]]] = {}
    for vm in topology["vms"]:
        of_switch.setdefault(vm["logical_switch"], []).append(vm)
    found: dict[str, list[dict[str, str]]] = {hypervisor["name"]: [] for hypervisor in topology["hypervisors"]}
    for vms in of_switch.values():
        for number, vm in enumerate(vms):
            if host not in (None, vm["hypervisor"]):
                continue
            others = (
                other
                for other in itertools.chain(vms[number + 1 :], vms[:number])
                if pings(vm, other) and (wanted is None or (vm["name"], other["name"]) in wanted)
            )
            found[vm["hypervisor"]] += [ping(vm, other) for other in itertools.islice(others, MOST_PINGS)]
    return found
