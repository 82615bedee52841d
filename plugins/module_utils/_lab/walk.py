# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk of a ping: the packets that must be seen, and whether the captures show them. Pure.

A step of the walk recognises its packet by ``match``; ``expect`` says what must hold for it besides. Both map a field's
path, such as ``inner.arp.operation``, to its value, where ``inner.`` is what the VXLAN header carries. An expected value
may also be the field of another step's packet at the same point: ``{"step": key, "field": path}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Fields

ENDED = "Somebody on the way says that the packet goes no further: nobody listens there, or has the address (RFC 792)."
EARLIER = "The answer to a question that was asked before the capture began."
COPY = "Another copy of a packet that takes two ways."
OVER_TCP = "Of the bytes that are sent over TCP after the ping."
BROADCAST = "ff:ff:ff:ff:ff:ff"
#: A row of a hardware_vtep database (vtep(5)): its hypervisor, its table, and the columns that tell it.
Row = dict[str, Any]


class Step(TypedDict):
    """A packet that must be seen at one point."""

    #: The position in the walk, from 1.
    number: int
    #: Where: the name of a VM, or ``NODE:INTERFACE``.
    point: str
    #: From where to where, by name: VMs and nodes.
    hop: list[str]
    #: Unique at its point.
    key: str
    title: str
    reason: str
    #: The row that decides; ``None`` where none does.
    row: Row | None
    match: Fields
    expect: Fields
    #: Keys of the steps that come earlier at the same point.
    after: list[str]
    #: Whether the sender asks again until it gets an answer.
    repeats: bool
    #: Whether it may be missing.
    optional: bool
    #: How often it may be seen.
    copies: int


class Walk(TypedDict):
    """What a ping must cause."""

    source: str
    target: str
    #: The addresses of both VMs.
    vms: list[str]
    #: The pairs of underlay addresses that exchange packets over one link.
    links: list[list[str]]
    #: How many replies it gets at the most, and for sure.
    replies: int
    certain: int
    #: Where and why frames end on the way, in words.
    ends: list[str]
    steps: list[Step]


class CheckedStep(TypedDict):
    """A step beside the packet that a capture has for it."""

    #: Its position among those at its point, from 1.
    number: int
    #: Its position in the walk.
    order: int
    hop: list[str]
    key: str
    title: str
    reason: str
    row: Row | None
    ok: bool
    expected: Fields
    seen: Fields | None
    #: Its number in the capture.
    packet: int | None
    problem: str | None


class Comparison(TypedDict):
    """What a capture shows of a walk."""

    point: str
    ok: bool
    problems: list[str]
    steps: list[CheckedStep]
    #: Numbers of the packets that belong to the ping and to no step.
    extra: list[int]
    #: The number of a packet that may be there besides the steps -> why.
    explained: dict[str, str]
    #: How many packets are of other origin.
    ignored: int


def check_walk(walk: Walk, point: str, packets: Sequence[CapturedPacket]) -> Comparison:
    """Compare a walk with the packets of a capture at a point, in the order of the capture."""
    here = [step for step in walk["steps"] if step["point"] == point]
    # Whoever reads one capture counts its own steps.
    wanted = [Step({**step, "number": number}) for number, step in enumerate(here, 1)]
    orders = {step["key"]: step["number"] for step in here}
    there = [_Packet(packet) for packet in packets]
    own = [packet for packet in there if packet.belongs_to(walk)]
    seen: dict[str, _Packet] = {}
    copies = {step["key"]: step["copies"] - 1 for step in wanted}
    extra: list[_Packet] = []
    explained = {str(packet.number): OVER_TCP for packet in there if packet.is_tcp_of(walk)}
    questions = []  # asked once more; each may be answered once more
    for packet in own:
        step = next((step for step in wanted if step["key"] not in seen and packet.has(step["match"])), None)
        if step:
            seen[step["key"]] = packet
        elif walk["ends"] and packet.ends_it():
            explained[str(packet.number)] = ENDED
        elif packet.is_copy(wanted, copies):
            explained[str(packet.number)] = COPY
        elif why := packet.asks_anew(wanted):
            questions.append(packet.question())
            explained[str(packet.number)] = why
        elif (answered := packet.answered()) and answered in questions:
            questions.remove(answered)
            explained[str(packet.number)] = "The answer to a question that was asked once more."
        elif answered and packet is own[0]:
            explained[str(packet.number)] = EARLIER
        else:
            extra.append(packet)
    compared = [step for step in wanted if step["key"] in seen or not step["optional"]]
    steps = [_compare(step, orders[step["key"]], wanted, seen, own) for step in compared]
    problems = [f"step {step['number']} ({step['title']}): {step['problem']}" for step in steps if not step["ok"]]
    problems += [f"no step of the walk: {packet}" for packet in extra]
    return {
        "point": point,
        "ok": not problems,
        "problems": problems,
        "steps": steps,
        "extra": [packet.number for packet in extra],
        "explained": explained,
        "ignored": len(there) - len(own),
    }


def _compare(step: Step, order: int, wanted: Sequence[Step], seen: Mapping[str, _Packet], own: Sequence[_Packet]) -> CheckedStep:
    expected = {path: _resolve(value, seen) for path, value in {**step["match"], **step["expect"]}.items()}
    packet = seen.get(step["key"])
    earlier = [other for other in wanted if other["number"] < step["number"] and other["key"] in seen]
    if packet:
        # A packet that an earlier step lacks cannot tell what to expect.
        wrong = [
            f"{path} is {packet.get(path)}, not {value}"
            for path, value in expected.items()
            if value is not None and packet.get(path) != value
        ]
        wrong += [
            f"it came before step {other['number']}"
            for other in earlier
            if other["key"] in step["after"] and seen[other["key"]].number > packet.number
        ]
        problem = f"{'; '.join(wrong)} ({packet})" if wrong else None
    else:
        fields = ", ".join(f"{path} {value}" for path, value in step["match"].items())
        last = max((seen[other["key"]].number for other in earlier), default=0)
        following = next((str(other) for other in own if other.number > last), "nothing more")
        problem = f"no such packet ({fields}); seen instead: {following}"
    return {
        "number": step["number"],
        "order": order,
        "hop": step["hop"],
        "key": step["key"],
        "title": step["title"],
        "reason": step["reason"],
        "row": step["row"],
        "ok": problem is None,
        "expected": expected,
        "seen": {path: packet.get(path) for path in expected} if packet else None,
        "packet": packet.number if packet else None,
        "problem": problem,
    }


def _resolve(value: Any, seen: Mapping[str, _Packet]) -> Any:
    if not isinstance(value, dict):
        return value
    return seen[value["step"]].get(value["field"]) if value["step"] in seen else None


class _Packet:
    def __init__(self, packet: CapturedPacket) -> None:
        self.number = packet["number"]
        self.info = packet["info"]
        self.vni = packet["vni"]
        self.said = "" if self.vni is None else "inner."  # where the ARP and the echo are
        self._layers: dict[str, Fields] = {}
        for layer in packet["layers"]:
            self._layers.setdefault(("inner." if layer["inner"] else "") + layer["name"], layer["fields"])

    def __str__(self) -> str:
        outside = f" in VXLAN {self.vni} {self.get('ipv4.source')} > {self.get('ipv4.destination')}" if self.said else ""
        return f"packet {self.number}, {self.info}{outside}"

    def get(self, path: str) -> Any:
        layer, name = path.rsplit(".", 1)
        return self._layers.get(layer, {}).get(name)

    def has(self, fields: Fields) -> bool:
        return all(self.get(path) == value for path, value in fields.items())

    def belongs_to(self, walk: Walk) -> bool:
        """Whether it is of this ping, in whatever tunnel. Anything else may be in a capture as well."""
        parties = self.parties()
        if parties == set(walk["vms"]):
            return True
        # Neighbours ask for addresses; and the end of a tunnel says that it does not listen. What else they do is their affair.
        carries = bool(self.get("arp.operation")) or self.get("icmp.kind") == "dest-unreach"
        return not self.said and carries and any(parties == set(link) for link in walk["links"])

    def ends_it(self) -> bool:
        """Whether it tells the end of a tunnel that a packet went no further."""
        return not self.said and self.get("icmp.kind") == "dest-unreach"

    def is_copy(self, wanted: Sequence[Step], copies: dict[str, int]) -> bool:
        """Whether a step may be seen once more; it is counted."""
        step = next((step for step in wanted if copies[step["key"]] > 0 and self.has(step["match"])), None)
        if step is None:
            return False
        copies[step["key"]] -= 1
        return True

    def is_tcp_of(self, walk: Walk) -> bool:
        """Whether it is one of a connection between the two VMs."""
        layers = self._layers
        ends = {self.get(f"{self.said}ipv4.source"), self.get(f"{self.said}ipv4.destination")}
        return f"{self.said}tcp" in layers and ends == set(walk["vms"])

    def parties(self) -> set[str]:
        """The addresses of the two that speak ARP or ICMP."""
        arp = self._layers.get(f"{self.said}arp")
        if arp:
            return {arp["sender_ip"], arp["target_ip"]}
        if f"{self.said}icmp" in self._layers:
            return {self.get(f"{self.said}ipv4.source"), self.get(f"{self.said}ipv4.destination")}
        return set()

    def asks_anew(self, wanted: Sequence[Step]) -> str:
        """Why it may be there beside the steps, where it is a question that may come at any time."""
        if self.get(f"{self.said}arp.operation") != "request":
            return ""
        if any(step["repeats"] and self.has(step["match"]) and self.has(step["expect"]) for step in wanted):
            return (
                "The question is asked once more, as there was no answer yet. If it goes into a tunnel, the userspace datapath drops it"
                " while it does not know the next hop's MAC address."
            )
        # RFC 1122, section 2.3.2.1.
        if self.get(f"{self.said}ethernet.destination") != BROADCAST:
            return "A known address is confirmed, as is done now and then, by a question to its owner alone."
        if not self.said:
            return "The other side has to send back, and asks for itself."
        return ""

    def question(self) -> tuple[int | None, str, str]:
        return self.vni, self.get(f"{self.said}arp.sender_ip"), self.get(f"{self.said}arp.target_ip")

    def answered(self) -> tuple[int | None, str, str] | None:
        """The question that it answers."""
        if self.get(f"{self.said}arp.operation") != "reply":
            return None
        return self.vni, self.get(f"{self.said}arp.target_ip"), self.get(f"{self.said}arp.sender_ip")
