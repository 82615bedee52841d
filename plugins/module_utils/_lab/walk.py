# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packets of a ping through a VXLAN tunnel: what must be seen where and why, and whether a capture shows it. Pure.

A step of the walk recognises its packet by ``match``; ``expect`` says what must hold for it besides. Both map a field's
path, such as ``inner.arp.operation``, to its value, where ``inner.`` is what the VXLAN header carries. An expected value
may also be the field of another step's packet: ``{"step": key, "field": path}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import CapturedPacket, Fields
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST, host_ip

BROADCAST = "ff:ff:ff:ff:ff:ff"
NETWORKS = ("overlay", "underlay")
# What the ping meets.
FIRST = "first"  # nobody knows any address yet
NO_MCAST_CACHED = "no_mcast_cached"  # the pinging VM's hypervisor has no multicast remote; the VMs know each other's MAC
NO_MCAST_FLUSHED = "no_mcast_flushed"  # the same, and nobody knows any address
CHAPTERS = (FIRST, NO_MCAST_CACHED, NO_MCAST_FLUSHED)


class _Rule(TypedDict):
    key: str
    title: str
    reason: str
    #: The database row that decides, with its hypervisor and table; ``None`` where none does.
    row: dict[str, Any] | None
    match: Fields
    expect: Fields
    #: Keys of the steps that come earlier.
    after: list[str]
    #: Whether the sender asks again until it gets an answer.
    repeats: bool


class Step(_Rule):
    """A packet that must be seen."""

    #: The position in the walk, from 1.
    number: int


class _Situation(TypedDict):
    source: str
    target: str
    at: str
    network: str
    chapter: str


class Walk(_Situation):
    """The packets that must be seen at one place, and who takes part."""

    vms: list[str]
    vteps: list[str]
    steps: list[Step]


class CheckedStep(TypedDict):
    """A step beside the packet that a capture has for it."""

    number: int
    key: str
    title: str
    reason: str
    row: dict[str, Any] | None
    ok: bool
    expected: Fields
    seen: Fields | None
    #: Its number in the capture.
    packet: int | None
    problem: str | None


class Comparison(_Situation):
    """What a capture shows of a walk."""

    ok: bool
    problems: list[str]
    steps: list[CheckedStep]
    #: Numbers of the packets that belong to the ping and to no step.
    extra: list[int]
    #: How many packets are of other origin.
    ignored: int


# --- what must be seen -----------------------------------------------------------------------------------------------


def expected_walk(lab: Mapping[str, Any], source: str, target: str, at: str, network: str, chapter: str = FIRST, count: int = 1) -> Walk:
    """The walk of ``ping -c COUNT`` from VM ``source`` to VM ``target`` on another hypervisor, as captured ``at`` one of them.

    ``lab`` is ``{"hypervisors": [{"name", "underlay_ip", "underlay_mac" (if known), "vms": [{"name", "mac", "ip"}]}],
    "bridge": name, "logical_switch": {"name", "tunnel_key"}}``. Raises ``UserError`` for a question that makes no sense there.
    """
    vms = {vm["name"]: _VM(hypervisor, vm) for hypervisor in lab["hypervisors"] for vm in hypervisor["vms"]}
    for option, value, choices in (
        ("source", source, sorted(vms)),
        ("target", target, [name for name in sorted(vms) if source in vms and vms[name].hypervisor != vms[source].hypervisor]),
        ("at", at, [source, target]),
        ("network", network, NETWORKS),
        ("chapter", chapter, CHAPTERS),
    ):
        if value not in choices:
            raise UserError(f"{option}: {value!r} is not possible here. Use {' or '.join(choices)}.")
    walk = _Walk(lab, vms[source], vms[target], vms[at], network, chapter)
    return {
        "source": source,
        "target": target,
        "at": at,
        "network": network,
        "chapter": chapter,
        "vms": [walk.a.ip, walk.b.ip],
        "vteps": [walk.a.vtep, walk.b.vtep],
        "steps": [{**step, "number": number} for number, step in enumerate(walk.steps(count), 1)],
    }


class _VM:
    """A VM, and what matters of its hypervisor."""

    def __init__(self, hypervisor: Mapping[str, Any], vm: Mapping[str, Any]) -> None:
        self.name: str = vm["name"]
        self.mac: str = vm["mac"].lower()
        self.ip = host_ip(vm["ip"])
        self.hypervisor: str = hypervisor["name"]
        self.vtep: str = hypervisor["underlay_ip"]
        self.vtep_mac: str | None = hypervisor.get("underlay_mac")


class _Walk:
    """VM a pings, VM b answers."""

    def __init__(self, lab: Mapping[str, Any], a: _VM, b: _VM, at: _VM, network: str, chapter: str) -> None:
        self.a, self.b, self.at = a, b, at
        self.bridge: str = lab["bridge"]
        self.switch: str = lab["logical_switch"]["name"]
        self.vni: int = lab["logical_switch"]["tunnel_key"]
        self.tunnelled = network == "underlay"
        self.chapter = chapter

    def steps(self, count: int) -> list[_Rule]:
        if self.chapter == NO_MCAST_FLUSHED:
            # The broadcast ends on the hypervisor of the VM that asks.
            return [] if self.tunnelled or self.at is self.b else [self.arp_request()]
        steps: list[_Rule] = []
        if self.chapter == FIRST:
            steps += [self.underlay_arp_request(), self.underlay_arp_reply()] if self.tunnelled else []
            steps += [self.arp_request(), self.arp_reply()]
        for sequence in range(1, count + 1):
            steps += [self.echo_request(sequence), self.echo_reply(sequence)]
        return steps

    def underlay_arp_request(self) -> _Rule:
        a, b = self.a, self.b
        return _step(
            key="underlay_arp_request",
            title=f"{a.hypervisor} asks for the MAC address of {b.vtep}",
            reason=f"{a.name} sends a broadcast, which goes to the multicast remotes of {self.switch}."
            f" One is {b.vtep}: before {a.hypervisor} can send there, it has to know the MAC address.",
            row=self.mcast_row(),
            match={"arp.operation": "request", "arp.sender_ip": a.vtep, "arp.target_ip": b.vtep},
            expect={"ethernet.destination": BROADCAST, "arp.sender_mac": a.vtep_mac},
            repeats=True,
        )

    def underlay_arp_reply(self) -> _Rule:
        a, b = self.a, self.b
        return _step(
            key="underlay_arp_reply",
            title=f"{b.hypervisor} answers {a.hypervisor}",
            reason=f"The underlay is an ordinary network: the owner of {b.vtep} tells its MAC address to the one who asked.",
            match={"arp.operation": "reply", "arp.sender_ip": b.vtep, "arp.target_ip": a.vtep},
            expect={"ethernet.destination": _same("underlay_arp_request", "arp.sender_mac"), "arp.sender_mac": b.vtep_mac},
            after=["underlay_arp_request"],
        )

    def arp_request(self) -> _Rule:
        a, b = self.a, self.b
        if self.tunnelled:
            reason = f"The request is a broadcast: {a.hypervisor} wraps it for the multicast remote {b.vtep}."
            row = self.mcast_row()
        else:
            reason = f"{a.name} takes {b.name} for a neighbour in its own network, and asks everybody there for its MAC address."
            row = self.binding_row()
        return self.said_by(
            a,
            key="arp_request",
            title=f"{a.name} asks for the MAC address of {b.ip}",
            reason=reason,
            row=row,
            match={"arp.operation": "request", "arp.sender_ip": a.ip, "arp.target_ip": b.ip},
            expect={"ethernet.source": a.mac, "ethernet.destination": BROADCAST, "arp.sender_mac": a.mac},
            after=["underlay_arp_reply"],
            repeats=True,
        )

    def arp_reply(self) -> _Rule:
        a, b = self.a, self.b
        return self.said_by(
            b,
            key="arp_reply",
            title=f"{b.name} answers {a.name}",
            **self.unicast(b),
            match={"arp.operation": "reply", "arp.sender_ip": b.ip, "arp.target_ip": a.ip},
            expect={"ethernet.source": b.mac, "ethernet.destination": a.mac, "arp.sender_mac": b.mac, "arp.target_mac": a.mac},
            after=["arp_request"],
        )

    def echo_request(self, sequence: int) -> _Rule:
        a, b = self.a, self.b
        return self.said_by(
            a,
            key=f"echo_request_{sequence}",
            title=f"{a.name} pings {b.name} ({sequence})",
            **self.unicast(a),
            match={"icmp.kind": "echo-request", "icmp.sequence": sequence, "ipv4.source": a.ip, "ipv4.destination": b.ip},
            expect={"ethernet.source": a.mac, "ethernet.destination": b.mac},
            after=["arp_reply"],
        )

    def echo_reply(self, sequence: int) -> _Rule:
        a, b = self.a, self.b
        request = f"echo_request_{sequence}"
        return self.said_by(
            b,
            key=f"echo_reply_{sequence}",
            title=f"{b.name} replies to {a.name} ({sequence})",
            **self.unicast(b),
            match={"icmp.kind": "echo-reply", "icmp.sequence": sequence, "ipv4.source": b.ip, "ipv4.destination": a.ip},
            expect={"ethernet.source": b.mac, "ethernet.destination": a.mac, "icmp.id": _same(request, "icmp.id")},
            after=[request],
        )

    def unicast(self, sender: _VM) -> dict[str, Any]:
        receiver = self.peer(sender)
        if self.tunnelled:
            reason = f"{sender.hypervisor} has a unicast remote for {receiver.mac}, and wraps the frame for its locator {receiver.vtep}."
            row = self.row(sender, "Ucast_Macs_Remote", logical_switch=self.switch, mac=receiver.mac, locator=receiver.vtep)
        elif self.at is sender:
            reason, row = f"{sender.name} knows the MAC address of {receiver.name}, and knows nothing of a tunnel.", self.binding_row()
        else:
            reason, row = f"{receiver.hypervisor} has unwrapped the frame, and hands it to the port of {receiver.name}.", self.binding_row()
        return {"reason": reason, "row": row}

    def said_by(self, sender: _VM, match: Fields, expect: Fields, **step: Any) -> _Rule:
        """A step between the VMs: bare on the overlay, wrapped on the underlay."""
        if self.tunnelled:
            match, expect = _inner(match), self.tunnel(sender) | _inner(expect)
        return _step(match=match, expect=expect, **step)

    def tunnel(self, sender: _VM) -> Fields:
        receiver = self.peer(sender)
        return {
            "ethernet.source": self.vtep_mac(sender),
            "ethernet.destination": self.vtep_mac(receiver),
            "ipv4.source": sender.vtep,
            "ipv4.destination": receiver.vtep,
            "udp.destination_port": 4789,  # RFC 7348
            "vxlan.flags": "0x08",  # the VNI is valid
            "vxlan.vni": self.vni,
        }

    def vtep_mac(self, vm: _VM) -> str | dict[str, str] | None:
        if vm.vtep_mac or self.chapter != FIRST:
            return vm.vtep_mac
        return _same("underlay_arp_request" if vm is self.a else "underlay_arp_reply", "arp.sender_mac")

    def peer(self, vm: _VM) -> _VM:
        return self.b if vm is self.a else self.a

    # The rows of the hardware_vtep database (vtep(5)) that decide.

    def mcast_row(self) -> dict[str, Any]:
        return self.row(self.a, "Mcast_Macs_Remote", logical_switch=self.switch, mac=UNKNOWN_DST, locator=self.b.vtep)

    def binding_row(self) -> dict[str, Any]:
        return self.row(self.at, "Physical_Port", physical_switch=self.bridge, port=self.at.name, vlan=0, logical_switch=self.switch)

    def row(self, vm: _VM, table: str, **columns: Any) -> dict[str, Any]:
        return {"hypervisor": vm.hypervisor, "table": table, **columns}


def _step(
    key: str,
    title: str,
    reason: str,
    match: Fields,
    expect: Fields,
    row: dict[str, Any] | None = None,
    after: Sequence[str] = (),
    repeats: bool = False,
) -> _Rule:
    return {
        "key": key,
        "title": title,
        "reason": reason,
        "row": row,
        "match": match,
        "expect": {path: value for path, value in expect.items() if value is not None},
        "after": list(after),
        "repeats": repeats,
    }


def _same(step: str, path: str) -> dict[str, str]:
    return {"step": step, "field": path}


def _inner(fields: Fields) -> Fields:
    return {
        f"inner.{path}": _same(value["step"], f"inner.{value['field']}") if isinstance(value, dict) else value
        for path, value in fields.items()
    }


# --- what was seen ---------------------------------------------------------------------------------------------------


def check_walk(walk: Walk, packets: Sequence[CapturedPacket]) -> Comparison:
    """Compare a walk with the packets of a capture, in the order of the capture."""
    own = [packet for packet in map(_Packet, packets) if packet.belongs_to(walk)]
    seen: dict[str, _Packet] = {}
    extra = []
    questions = []  # asked once more; each may be answered once more
    for packet in own:
        step = next((step for step in walk["steps"] if step["key"] not in seen and packet.has(step["match"])), None)
        if step:
            seen[step["key"]] = packet
        elif packet.asks_anew(walk):
            questions.append(packet.question())
        elif (answered := packet.answered()) and answered in questions:
            questions.remove(answered)
        else:
            extra.append(packet)

    steps = [_compare(step, seen, own, walk) for step in walk["steps"]]
    problems = [f"step {step['number']} ({step['title']}): {step['problem']}" for step in steps if not step["ok"]]
    problems += [f"no step of the walk: {packet}" for packet in extra]
    return {
        "source": walk["source"],
        "target": walk["target"],
        "at": walk["at"],
        "network": walk["network"],
        "chapter": walk["chapter"],
        "ok": not problems,
        "problems": problems,
        "steps": steps,
        "extra": [packet.number for packet in extra],
        "ignored": len(packets) - len(own),
    }


def _compare(step: Step, seen: Mapping[str, _Packet], own: Sequence[_Packet], walk: Walk) -> CheckedStep:
    expected = {path: _resolve(value, seen) for path, value in {**step["match"], **step["expect"]}.items()}
    packet = seen.get(step["key"])
    if packet:
        # A packet that an earlier step lacks cannot tell what to expect.
        wrong = [
            f"{path} is {packet.get(path)}, not {value}"
            for path, value in expected.items()
            if value is not None and packet.get(path) != value
        ]
        wrong += [
            f"it came before step {other['number']}"
            for other in walk["steps"]
            if other["key"] in step["after"] and other["key"] in seen and seen[other["key"]].number > packet.number
        ]
        problem = f"{'; '.join(wrong)} ({packet})" if wrong else None
    else:
        fields = ", ".join(f"{path} {value}" for path, value in step["match"].items())
        last = max((seen[other["key"]].number for other in walk["steps"][: step["number"] - 1] if other["key"] in seen), default=0)
        following = next((str(other) for other in own if other.number > last), "nothing more")
        problem = f"no such packet ({fields}); seen instead: {following}"
    return {
        "number": step["number"],
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
        """Whether it is of this ping. Anything else may be in a capture as well."""
        vms, vteps = set(walk["vms"]), set(walk["vteps"])
        if walk["network"] == "overlay":
            return not self.said and self.parties() == vms
        between_vteps = {self.get("ipv4.source"), self.get("ipv4.destination")} == vteps
        if self.said:
            # Copies of a broadcast go to the other VTEPs.
            return self.parties() == vms and (between_vteps or self.get("inner.ethernet.destination") != BROADCAST)
        if between_vteps:
            # The end of the tunnel says that it does not listen.
            return self.get("icmp.kind") == "dest-unreach"
        # Also what got out without the tunnel.
        return self.parties() in (vms, vteps)

    def parties(self) -> set[str]:
        """The addresses of the two that speak ARP or ICMP."""
        arp = self._layers.get(f"{self.said}arp")
        if arp:
            return {arp["sender_ip"], arp["target_ip"]}
        if f"{self.said}icmp" in self._layers:
            return {self.get(f"{self.said}ipv4.source"), self.get(f"{self.said}ipv4.destination")}
        return set()

    def asks_anew(self, walk: Walk) -> bool:
        """A question that may come at any time beside the steps."""
        if self.get(f"{self.said}arp.operation") != "request":
            return False
        if any(step["repeats"] and self.has(step["match"]) and self.has(step["expect"]) for step in walk["steps"]):
            return True
        # What is known is confirmed by unicast after a while (RFC 1122, section 2.3.2.1); the other VTEP may have to ask, too.
        own_need = not self.said and [self.get("arp.sender_ip"), self.get("arp.target_ip")] == walk["vteps"][::-1]
        return own_need or self.get(f"{self.said}ethernet.destination") != BROADCAST

    def question(self) -> tuple[int | None, str, str]:
        return self.vni, self.get(f"{self.said}arp.sender_ip"), self.get(f"{self.said}arp.target_ip")

    def answered(self) -> tuple[int | None, str, str] | None:
        """The question that it answers."""
        if self.get(f"{self.said}arp.operation") != "reply":
            return None
        return self.vni, self.get(f"{self.said}arp.target_ip"), self.get(f"{self.said}arp.sender_ip")
