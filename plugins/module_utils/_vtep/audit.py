# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of a fabric: what VTEPs must have in common, and what tells that they have not. Pure.

``KINDS`` says what can be found, how severe it is and why it matters. Each function ``_find_...`` looks for one or for a few that
belong together. A finding is told where its cause is, once: what only follows from another finding is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.fabric import (
    FLOOD,
    LOCAL,
    REMOTE,
    SAMPLE,
    Binding,
    Fabric,
    Group,
    Network,
    Vtep,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.remedy import task
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Ref
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, describe

T = TypeVar("T")

ERROR, WARNING, NOTE, IGNORE = "error", "warning", "note", "ignore"
#: Worst first.
SEVERITIES = (ERROR, WARNING, NOTE)
SERVICE_NODE, SOURCE_NODE = "service_node", "source_node"


class Kind(NamedTuple):
    """What can be found: a title, its severity, why it matters, and the text that says so."""

    title: str
    severity: str
    why: str
    source: str


_LOCATOR = "vtep(5), Physical_Locator, dst_ip"
_FLOOD = "vtep(5), Mcast_Macs_Remote; RFC 7348, section 4.2"
_UCAST = "vtep(5), Ucast_Macs_Remote"
_WANTED = "the endpoints"

KINDS: dict[str, Kind] = {
    "not_read": Kind(
        "VTEP not read", ERROR, "Nothing is known of its tables; what the others say of it is not checked.", "RFC 7047, section 4.1"
    ),
    "duplicate_address": Kind(
        "One tunnel IP on several VTEPs", ERROR,
        "Frames arrive at whichever VTEP the underlay prefers. A pair that shares its address on purpose (MLAG) belongs in the option mlag.",
        "vtep(5), Physical_Switch, tunnel_ips",
    ),
    "no_address": Kind(
        "VTEP without a tunnel IP", ERROR, "No tunnel can begin or end here.", "vtep(5), Physical_Switch, tunnel_ips",
    ),
    "duplicate_key": Kind(
        "One VNI for two logical switches of a VTEP", ERROR,
        "A frame that arrives with this VNI belongs to either of them: their tenants are not kept apart.",
        "vtep(5), Logical_Switch, tunnel_key; RFC 7348, section 4",
    ),
    "vni_mismatch": Kind(
        "Different VNIs for one logical switch", ERROR, "VTEPs drop each other's frames, or take them into another logical switch.",
        "vtep(5), Logical_Switch, tunnel_key; RFC 7348, section 4.1",
    ),
    "vni_missing": Kind(
        "Bound logical switch without a VNI", ERROR, "Its frames cannot be encapsulated.", "vtep(5), Logical_Switch, tunnel_key",
    ),
    "name_mismatch": Kind(
        "Different names for one VNI", ERROR,
        "The wire knows only VNIs: either two networks are joined, or one has two names, and what goes by names treats it as two.",
        "vtep(5), Logical_Switch, name; RFC 7348, section 4",
    ),
    "foreign_locator": Kind(
        "Locator that is nobody's tunnel IP", ERROR,
        "What is sent there is lost. VTEPs that are not audited belong in the options other_vteps and service_nodes.", _LOCATOR,
    ),
    "own_locator": Kind(
        "Remote row that leads to the VTEP itself", ERROR, "A tunnel to oneself carries nothing.", _LOCATOR,
    ),
    "local_locator": Kind(
        "Local row whose locator is not the VTEP's own", WARNING,
        "Controllers copy this locator to the other VTEPs, which then send to the wrong place.", "vtep(5), Ucast_Macs_Local, locator",
    ),
    "mac_twice": Kind(
        "MAC address local on several VTEPs", ERROR,
        "The others send to one of them only. Right after a VM has moved, the old VTEP may still know it: audit again.",
        "vtep(5), Ucast_Macs_Local",
    ),
    "remote_elsewhere": Kind(
        "Remote MAC address that is behind another VTEP", ERROR, "Frames go to a VTEP that does not have the address.", _UCAST,
    ),
    "remote_without_network": Kind(
        "Remote MAC address behind a VTEP without this network", ERROR, "The VTEP has no port on the logical switch, and drops the frames.",
        _UCAST,
    ),
    "remote_twice": Kind(
        "MAC address with two locators", ERROR, "Which of them the VTEP uses is not defined.", _UCAST,
    ),
    "flood_one_sided": Kind(
        "One-sided flooding", ERROR,
        "Broadcasts reach this VTEP from the other one, and not the other way: ARP fails in one direction.", _FLOOD,
    ),
    "flood_incomplete": Kind(
        "Incomplete flood list", ERROR, "Broadcasts, and frames to unknown addresses, do not reach the VTEPs that are not in it.", _FLOOD,
    ),
    "flood_reaches_one": Kind(
        "Flood list of which one member is used", ERROR,
        "With replication_mode service_node, which is the default, a VTEP sends each frame to one locator, and none of these is a service "
        "node that copies it.", "vtep(5), Logical_Switch, replication_mode",
    ),
    "bfd_down": Kind(
        "Tunnel down", ERROR, "BFD is enabled and does not reach the other end.", "vtep(5), Tunnel, bfd_status; RFC 5880",
    ),
    "switch_fault": Kind(
        "Fault of a switch", ERROR, "The switch reports that it cannot do what its tables say.", "vtep(5), Physical_Switch, switch_fault_status",
    ),
    "port_fault": Kind(
        "Fault of a port", ERROR, "The switch reports that it cannot do what the row of this port says.",
        "vtep(5), Physical_Port, port_fault_status",
    ),
    "router_fault": Kind(
        "Fault of a logical router", ERROR, "The switch reports that it cannot route as this row says.", "vtep(5), Logical_Router, LR_fault_status",
    ),
    "acl_fault": Kind(
        "Fault of an ACL", ERROR, "The switch reports that it does not enforce this row.", "vtep(5), ACL, acl_fault_status",
    ),
    "wanted_address": Kind("Other tunnel IP than the endpoints say", ERROR, "The others send to an address that this VTEP does not have.", _WANTED),
    "wanted_switch": Kind("Wanted logical switch not there", ERROR, "The endpoints on it are not connected.", _WANTED),
    "wanted_vni": Kind("Other VNI than the endpoints say", ERROR, "The VTEPs agree, and not with the list.", _WANTED),
    "wanted_binding": Kind("Wanted binding not there", ERROR, "The endpoint behind this port is in no network, or in another one.", _WANTED),
    "wanted_unicast": Kind("Remote MAC address not as wanted", ERROR, "It is missing, or has another locator or IP address.", _WANTED),
    "wanted_multicast": Kind("Flood list not as wanted", ERROR, "It is missing, or has other locators.", _WANTED),
    "replication_mismatch": Kind(
        "Different replication modes", WARNING, "Some VTEPs count on a service node, others copy the frames themselves.",
        "vtep(5), Logical_Switch, replication_mode",
    ),
    "flood_without_network": Kind(
        "Flood list with a VTEP without this network", WARNING, "The VTEP drops the copies; they only take bandwidth.", _FLOOD,
    ),
    "binding_without_peer": Kind(
        "Binding without any peer", WARNING, "This VLAN is the only one on its logical switch in the whole fabric: nobody is there to talk to.",
        "vtep(5), Physical_Port, vlan_bindings",
    ),
    "switch_unused": Kind(
        "Logical switch without any binding", WARNING, "No port of any VTEP is on it.", "vtep(5), Physical_Port, vlan_bindings",
    ),
    "unwanted_binding": Kind("Binding that is not wanted", WARNING, "A port is in a network of the endpoints, and is none of theirs.", _WANTED),
    "unwanted_unicast": Kind("Remote MAC address that is not wanted", WARNING, "The endpoints do not ask for it.", _WANTED),
    "unwanted_multicast": Kind("Multicast row that is not wanted", WARNING, "The endpoints do not ask for it.", _WANTED),
    "bfd_silent": Kind(
        "Tunnel without a BFD state", NOTE, "BFD is enabled, and the VTEP reports no state: it may not implement it.",
        "vtep(5), Tunnel, bfd_status",
    ),
    "remote_unconfirmed": Kind(
        "Remote MAC address that no VTEP reports", NOTE,
        "The VTEP has the network and reports other addresses of it. It may have forgotten one that was silent for a while, which is no fault.",
        "vtep(5), Ucast_Macs_Local",
    ),
}  # fmt: skip
#: What to do where a row is as the endpoints say, and something is wrong with them or with where it leads.
_ASKED = "The endpoints ask for it: correct them, or the VTEP that they mean. One that is not audited belongs in the option other_vteps."
#: What is left out where something else is told of the same row.
_ONCE = {"wanted_unicast", "unwanted_unicast", "wanted_multicast", "unwanted_multicast"}


@dataclass
class Finding:
    """One thing that is not as it should be.

    ``vteps``: names, the one to mend first. ``row``: where, in words. ``seen``, ``wanted``: in words. ``advice``: what to do;
    ``remedy``: the tasks that do it, as YAML, where there are such. ``count``: the rows concerned.
    """

    kind: str
    vteps: list[str]
    row: str
    seen: str
    wanted: str
    advice: str
    remedy: str = ""
    count: int = 1
    severity: str = ""

    def plain(self) -> dict[str, Any]:
        """As data."""
        return {"title": KINDS[self.kind].title, **vars(self)}


@dataclass
class Report:
    """What came of an audit. ``counts``: all findings by kind; ``findings``: of each kind the first ones, worst first."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    by_severity: Counter = field(default_factory=Counter)


def audit(fabric: Fabric, vnis: Mapping[str, int], severities: Mapping[str, str], limit: int) -> Report:
    """All findings of a joined fabric.

    ``vnis``: the VNIs that logical switches should have, as far as that is known. ``severities``: of kinds, where they are to be other
    ones than those of ``KINDS``. ``limit``: findings of each kind that are kept.
    """
    report = Report()
    rules = _Rules(fabric, vnis)
    for finding in rules.findings():
        severity = finding.severity or KINDS[finding.kind].severity
        finding.severity = severities.get(finding.kind, severity)
        if finding.severity == IGNORE:
            continue
        report.counts[finding.kind] += 1
        report.by_severity[finding.severity] += 1
        if report.counts[finding.kind] <= limit:
            report.findings.append(finding)
    order = list(KINDS)
    places = {vtep.name: number for number, vtep in enumerate(fabric.vteps)}
    report.findings.sort(
        key=lambda one: (SEVERITIES.index(one.severity), order.index(one.kind), [places[name] for name in one.vteps], one.row)
    )
    return report


class _Astray(NamedTuple):
    """What is wrong with where a row leads: ``owners`` are the VTEPs that have the address."""

    kind: str
    severity: str
    owners: list[str]
    seen: str


class _Rules:
    """The rules on one fabric.

    What the endpoints say is right: no remedy takes away for good what they ask for, and none writes what they do not ask for. So remedies
    come to an end.
    """

    def __init__(self, fabric: Fabric, vnis: Mapping[str, int]) -> None:
        self.fabric = fabric
        self.vnis = vnis
        #: Logical switches of a VTEP whose VNI is not that of the others: (VTEP's number, name).
        self.odd_vnis: set[tuple[int, str]] = set()
        #: Addresses that several VTEPs have and should not.
        self.contested: set[str] = set()
        #: VTEP and row of each finding so far.
        self.told: set[tuple[str, str]] = set()

    def findings(self) -> Iterator[Finding]:
        """All findings, rule by rule."""
        for rule in (
            self._find_unread, self._find_addresses, self._find_vnis, self._find_duplicate_keys, self._find_names, self._find_modes,
            self._find_locators, self._find_floods, self._find_doubles, self._find_twins, self._find_unconfirmed, self._find_unused,
            self._find_tunnels, self._find_faults, self._find_switch_differences, self._find_unicast_differences,
            self._find_multicast_differences,
        ):  # fmt: skip
            for finding in rule():
                if finding.kind in _ONCE and (finding.vteps[0], finding.row) in self.told:
                    continue
                self.told.add((finding.vteps[0], finding.row))
                yield finding

    # -- words

    @property
    def _read(self) -> list[tuple[int, Vtep]]:
        return [(number, vtep) for number, vtep in enumerate(self.fabric.vteps) if vtep.is_read]

    def _names(self, numbers: Iterable[int]) -> list[str]:
        return [self.fabric.vteps[number].name for number in sorted(numbers)]

    def _owners(self, address: str) -> list[int]:
        """The VTEPs that have an address: one, or the VTEPs of its site."""
        site = self.fabric.site_at.get(address)
        return [number for number, one in enumerate(self.fabric.site_of) if one == site]

    def _bound(self, site_of: int, network: Network) -> bool:
        """Whether a VTEP, or one that shares its address, has the network."""
        return any(self.fabric.site_of[number] == self.fabric.site_of[site_of] for number in network.bound)

    # -- VTEPs

    def _find_unread(self) -> Iterator[Finding]:
        for vtep in self.fabric.unread:
            yield Finding("not_read", [vtep.name], "database", vtep.error, "its tables", "Reach it, and audit again.")

    def _find_addresses(self) -> Iterator[Finding]:
        owners: dict[str, list[int]] = {}
        for number, vtep in self._read:
            for address in vtep.addresses:
                owners.setdefault(address, []).append(number)
            if not vtep.addresses:
                for key, _columns in vtep.rows("Physical_Switch"):
                    yield Finding(
                        "no_address", [vtep.name], describe(Ref("Physical_Switch", key)), "tunnel_ips is empty", "an IPv4 address",
                        "Give the switch the address of its VTEP.",
                    )  # fmt: skip
            yield from self._find_wanted_address(vtep)
        for address, numbers in sorted(owners.items()):
            names = self._names(numbers)
            if len(names) > 1 and not any(group.issuperset(names) for group in self.fabric.mlag):
                self.contested.add(address)
                yield Finding(
                    "duplicate_address", names, f"tunnel_ips of the physical switches of {_listed(names)}", f"{address} on each of them",
                    "an address for each VTEP, or mlag",
                    "Give all but one of them an address of their own, or, where they are a pair, name them in the option mlag.",
                )  # fmt: skip

    def _find_wanted_address(self, vtep: Vtep) -> Iterator[Finding]:
        if not vtep.known_ips or vtep.known_ips & vtep.addresses:
            return
        switches = [key[0] for key, _columns in vtep.rows("Physical_Switch")]
        wanted = sorted(vtep.known_ips)
        yield Finding(
            "wanted_address", [vtep.name], f"tunnel_ips of {_listed(switches) or 'no physical switch'}",
            _listed(sorted(vtep.addresses)) or "none", _listed(wanted), "Give the switch the address that the others send to.",
            task(f"Give {vtep.name} its tunnel IP", "vtep_physical_switch", vtep, name=switches[0], tunnel_ips=wanted) if len(switches) == 1
            else "",
        )  # fmt: skip

    # -- names and VNIs

    def _find_vnis(self) -> Iterator[Finding]:
        held: dict[str, dict[int, int | None]] = {}
        for number, vtep in self._read:
            for name, columns in vtep.switches.items():
                if columns["tunnel_key"] is not None or not vtep.has_own_keys:
                    held.setdefault(name, {})[number] = columns["tunnel_key"]
        for name, vnis in sorted(held.items()):
            known = {number: vni for number, vni in vnis.items() if vni is not None}
            wanted = self.vnis.get(name, _usual(known.values()))
            for number, vni in vnis.items():
                vtep = self.fabric.vteps[number]
                if vni is None:
                    yield from self._vni_missing(vtep, name, wanted, number)
                elif vni != wanted:
                    kind = "vni_mismatch" if len(set(known.values())) > 1 else "wanted_vni"
                    self.odd_vnis.add((number, name))
                    yield Finding(
                        kind, [vtep.name, *self._names(other for other, one in known.items() if one == wanted)],
                        describe(Ref("Logical_Switch", (name,))), f"VNI {vni}{self._whose(number, name, vni)}",
                        f"VNI {wanted}{self._as_on(known, wanted)}", "Give it the VNI of the others.",
                        task(f"Give {name} on {vtep.name} the VNI {wanted}", "vtep_logical_switch", vtep, name=name, tunnel_key=wanted),
                    )  # fmt: skip

    def _vni_missing(self, vtep: Vtep, name: str, wanted: int | None, number: int) -> Iterator[Finding]:
        if number not in self.fabric.network_of(number, name).bound:
            return
        yield Finding(
            "vni_missing", [vtep.name], describe(Ref("Logical_Switch", (name,))), "tunnel_key is empty",
            "a VNI" if wanted is None else f"VNI {wanted}", "Give it a VNI, the same on all VTEPs.",
            "" if wanted is None else
            task(f"Give {name} on {vtep.name} the VNI {wanted}", "vtep_logical_switch", vtep, name=name, tunnel_key=wanted),
        )  # fmt: skip

    def _whose(self, number: int, name: str, vni: int) -> str:
        others = sorted({
            other for one, vtep in self._read for other, columns in vtep.switches.items()
            if columns["tunnel_key"] == vni and other != name
        })  # fmt: skip
        return f", which is that of {_listed(others)}" if others else ""

    def _as_on(self, held: Mapping[int, Any], wanted: Any) -> str:
        names = self._names(number for number, value in held.items() if value == wanted)
        return f", as on {_listed(names)}" if names else ", as the list says"

    def _find_duplicate_keys(self) -> Iterator[Finding]:
        used = {columns["tunnel_key"] for _number, vtep in self._read for columns in vtep.switches.values()}
        free = max([vni for vni in used if vni is not None] + list(self.vnis.values()), default=0) + 1
        for _number, vtep in self._read:
            names: dict[int, list[str]] = {}
            for name, columns in vtep.switches.items():
                if columns["tunnel_key"] is not None:
                    names.setdefault(columns["tunnel_key"], []).append(name)
            for vni, same in names.items():
                if len(same) > 1:
                    yield self._duplicate_key(vtep, vni, same, free)

    def _duplicate_key(self, vtep: Vtep, vni: int, same: list[str], free: int) -> Finding:
        usual = {name: self._usual_vni(name) for name in same}
        # One that the list gives this VNI, rather than one that happens to have it elsewhere, too.
        keeps = max(same, key=lambda name: (self.vnis.get(name) == vni, usual[name] == vni))
        tasks = []
        for name in same:
            if name != keeps:
                wanted = usual[name] if usual[name] != vni else free
                where = [vtep] if usual[name] != vni else [one for _number, one in self._read if name in one.switches]
                tasks += [
                    task(f"Give {name} on {one.name} a VNI of its own", "vtep_logical_switch", one, name=name, tunnel_key=wanted)
                    for one in where
                ]
        words = " and ".join(describe(Ref("Logical_Switch", (name,))) for name in same)
        return Finding(
            "duplicate_key", [vtep.name], words, f"VNI {vni} for each of them", "a VNI for each",
            "Give all but one of them a VNI of its own, the same on all VTEPs.", "".join(tasks),
        )  # fmt: skip

    def _usual_vni(self, name: str) -> int | None:
        held = [vtep.switches[name]["tunnel_key"] for _number, vtep in self._read if name in vtep.switches]
        return self.vnis.get(name, _usual(vni for vni in held if vni is not None))

    def _mode_of(self, name: str) -> dict[str, str]:
        """The replication mode that most VTEPs have for a logical switch, as an option."""
        mode = _usual(vtep.switches[name]["replication_mode"] for _number, vtep in self._read if name in vtep.switches)
        return {"replication_mode": mode} if mode else {}

    def _find_names(self) -> Iterator[Finding]:
        names: dict[int, dict[int, str]] = {}
        for number, vtep in self._read:
            used = Counter(columns["tunnel_key"] for columns in vtep.switches.values())
            for name, columns in vtep.switches.items():
                vni = columns["tunnel_key"]
                # With a wrong VNI, or one that two have, the name need not be wrong.
                if vni is not None and used[vni] == 1 and (number, name) not in self.odd_vnis:
                    names.setdefault(vni, {})[number] = name
        for vni, held in sorted(names.items()):
            wanted = next((name for name, known in self.vnis.items() if known == vni), _usual(held.values()))
            odd: dict[str, list[int]] = {}
            for number, name in held.items():
                if name != wanted:
                    odd.setdefault(name, []).append(number)
            for name, numbers in odd.items():
                yield Finding(
                    "name_mismatch", self._names(numbers), describe(Ref("Logical_Switch", (name,))),
                    f"VNI {vni} is {name} on {_listed(self._names(numbers))}", f"{wanted}{self._as_on(held, wanted)}",
                    f"If they are one network, create {wanted} there, bind its ports to it and remove {name}; if they are two, give one of "
                    "them another VNI.",
                )  # fmt: skip

    def _find_modes(self) -> Iterator[Finding]:
        for network in self.fabric.networks:
            held = {
                number: self.fabric.vteps[number].switches[name]["replication_mode"] or SERVICE_NODE
                for number, name in network.names.items()
                if number in network.bound
            }
            wanted = _usual(held.values())
            for number, mode in held.items():
                if mode != wanted:
                    vtep, name = self.fabric.vteps[number], network.names[number]
                    yield Finding(
                        "replication_mismatch", [vtep.name, *self._names(other for other, one in held.items() if one == wanted)],
                        describe(Ref("Logical_Switch", (name,))), mode, f"{wanted}{self._as_on(held, wanted)}",
                        "Let all VTEPs of the logical switch copy frames in the same way.",
                        task(f"Let {vtep.name} copy frames of {name} as the others do", "vtep_logical_switch", vtep, name=name,
                             replication_mode=wanted),
                    )  # fmt: skip

    # -- where rows lead to

    def _find_locators(self) -> Iterator[Finding]:
        moved: dict[tuple[int, str, str], int] = {}
        elsewhere = []
        for (number, switch, address, holder, is_wanted), group in self.fabric.elsewhere().items():
            if self.fabric.is_compared(number, switch) and not is_wanted:
                # It is told as a difference.
                continue
            is_known = all(self.fabric.vteps[owner].is_read for owner in self._owners(address))
            if is_known and self.fabric.site_at[address] != self.fabric.site_of[number]:
                moved[number, switch, address] = moved.get((number, switch, address), 0) + group.count
                elsewhere.append(self._elsewhere(number, switch, address, holder, group, is_wanted))
        yield from elsewhere
        for number, vtep in self._read:
            for (table, switch, address), group in vtep.groups.items():
                if table == LOCAL:
                    if address and vtep.addresses and address not in vtep.addresses:
                        yield self._local_locator(vtep, switch, address, group)
                elif moved.get((number, switch, address)) != group.count:
                    yield from self._unicast_locator(number, switch, address, group)
            for (switch, mac), locators in vtep.floods.items():
                for address in sorted(locators):
                    yield from self._flood_locator(number, switch, mac, address)

    def _where(self, number: int, switch: str, address: str) -> str:
        """What is wrong with a remote row that leads to an address: a kind, or nothing."""
        site = self.fabric.site_at.get(address)
        if site is None:
            is_known = address in self.fabric.other_vteps or address in self.fabric.service_nodes
            return "" if is_known else "foreign_locator"
        if address in self.contested:
            return ""
        if site == self.fabric.site_of[number]:
            return "own_locator" if address in self.fabric.vteps[number].addresses else ""
        owners = self._owners(address)
        if not all(self.fabric.vteps[owner].is_read for owner in owners) or self._bound(owners[0], self.fabric.network_of(number, switch)):
            return ""
        return "remote_without_network"

    def _foreign(self) -> tuple[str, str]:
        """The severity of an address that nobody has, and what else may explain it: a VTEP whose address is not known may have it."""
        may_have = [vtep.name for vtep in self.fabric.vteps if not vtep.reached_at]
        return (NOTE, f", unless it is that of {_listed(may_have, 'or')}") if may_have else ("", "")

    def _astray(self, number: int, switch: str, address: str) -> _Astray | None:
        """What is wrong with a remote row that leads to an address, in words."""
        kind = self._where(number, switch, address)
        if not kind:
            return None
        severity, unless = self._foreign() if kind == "foreign_locator" else ("", "")
        names = self._names(self._owners(address)) if kind == "remote_without_network" else []
        words = {
            "foreign_locator": f"nobody's tunnel IP{unless}",
            "own_locator": f"{self.fabric.vteps[number].name}'s own",
            "remote_without_network": f"{_listed(names)}, where no port is on the logical switch",
        }
        return _Astray(kind, severity, names, f"locator {address}, which is {words[kind]}")

    def _lacks_what_is_wanted(self, switch: str, address: str) -> bool:
        """Whether the VTEP at an address should have a logical switch. If it has not, that is told of it, not of what leads there."""
        owners = self._owners(address) if address in self.fabric.site_at else []
        return any(switch in self.fabric.vteps[owner].wanted_switches for owner in owners)

    def _unicast_locator(self, number: int, switch: str, address: str, group: Group) -> Iterator[Finding]:
        vtep = self.fabric.vteps[number]
        astray = self._astray(number, switch, address)
        if astray is None:
            return
        groups = self.fabric.by_wanted(number, switch, address) if self.fabric.is_compared(number, switch) else {False: group}
        for is_wanted, part in groups.items():
            if is_wanted and astray.owners and self._lacks_what_is_wanted(switch, address):
                continue
            yield Finding(
                astray.kind, [vtep.name, *astray.owners], _unicast_words(REMOTE, switch, part), astray.seen,
                "the tunnel IP of the VTEP that the address is behind",
                _ASKED if is_wanted else "Set the locator to the tunnel IP of the VTEP that has the address, or remove the rows.",
                "" if is_wanted else
                _unicast_task(f"Remove remote rows of {switch} that lead to {address} on {vtep.name}", vtep, switch, part, state="absent"),
                part.count, astray.severity,
            )  # fmt: skip

    def _flood_locator(self, number: int, switch: str, mac: str, address: str) -> Iterator[Finding]:
        vtep = self.fabric.vteps[number]
        astray = self._astray(number, switch, address)
        is_wanted = address in self.fabric.wanted_floods(number, switch).get(mac, ())
        if astray is None or (is_wanted and astray.owners and self._lacks_what_is_wanted(switch, address)):
            return
        yield Finding(
            "flood_without_network" if astray.owners else astray.kind, [vtep.name, *astray.owners], describe(Ref(FLOOD, (switch, mac))),
            astray.seen, "tunnel IPs of VTEPs with this logical switch",
            _ASKED if is_wanted else f"Take {address} out of the list, or put the right address in its place.",
            "" if is_wanted else
            task(f"Take {address} out of {mac} of {switch} on {vtep.name}", "vtep_mcast_remote", vtep, logical_switch=switch, mac=mac,
                 locators=[address], state="absent"),
            1, astray.severity,
        )  # fmt: skip

    def _local_locator(self, vtep: Vtep, switch: str, address: str, group: Group) -> Finding:
        own = _listed(sorted(vtep.addresses))
        return Finding(
            "local_locator", [vtep.name], _unicast_words(LOCAL, switch, group), f"locator {address}", own,
            "The VTEP writes these rows itself: check its tunnel IP, and restart what publishes them.", "", group.count,
        )  # fmt: skip

    def _elsewhere(self, number: int, switch: str, address: str, holder: int, group: Group, is_wanted: bool) -> Finding:
        vtep, has = self.fabric.vteps[number], self.fabric.vteps[holder]
        row = _unicast_words(REMOTE, switch, group)
        seen = f"locator {address}, which is {_listed(self._names(self._owners(address)))}, where it is not"
        if self.fabric.site_of[holder] == self.fabric.site_of[number]:
            return Finding(
                "remote_elsewhere", [vtep.name], row, seen, f"no such row: it is local on {vtep.name}",
                _ASKED if is_wanted else "Remove the remote row.",
                "" if is_wanted else
                _unicast_task(f"Remove remote rows of addresses that are local on {vtep.name}", vtep, switch, group, state="absent"),
                group.count,
            )  # fmt: skip
        right = min(has.addresses, default="")
        return Finding(
            "remote_elsewhere", [vtep.name, has.name], row, seen, f"locator {right}: it is local on {has.name}",
            _ASKED if is_wanted else
            f"Let the row lead to {has.name}. If the address has just moved, its controller may do so by itself: audit again.",
            "" if is_wanted or not right else
            _unicast_task(f"Let remote rows of {switch} on {vtep.name} lead to {has.name}", vtep, switch, group, locator=right),
            group.count,
        )  # fmt: skip

    # -- flooding

    def _find_floods(self) -> Iterator[Finding]:
        for network in self.fabric.networks:
            for number in sorted(network.bound & network.names.keys()):
                yield from self._flood(network, number)

    def _flood(self, network: Network, number: int) -> Iterator[Finding]:
        vtep, name, site_of = self.fabric.vteps[number], network.names[number], self.fabric.site_of
        # What has no address cannot be reached; that is told. What the endpoints do not ask for is not missing.
        reached_at = {other: self.fabric.vteps[other].reached_at for other in network.bound if site_of[other] != site_of[number]}
        if self.fabric.is_compared(number, name):
            asked = self.fabric.wanted_floods(number, name).get(UNKNOWN_DST, frozenset())
            reached_at = {other: addresses & asked for other, addresses in reached_at.items()}
        peers = sorted(other for other, addresses in reached_at.items() if addresses)
        listed = vtep.unknown_dst(name)
        mode = vtep.switches[name]["replication_mode"] or SERVICE_NODE
        foreign = {address for address in listed if self._where(number, name, address) == "foreign_locator"}
        # What is nobody's may be a service node, if that is how frames are copied here; it is told as a foreign locator.
        if not peers or listed & self.fabric.service_nodes or (foreign and mode == SERVICE_NODE):
            return
        row = describe(Ref(FLOOD, (name, UNKNOWN_DST)))
        if mode == SERVICE_NODE and len(listed) > 1:
            yield Finding(
                "flood_reaches_one", [vtep.name], f"{describe(Ref('Logical_Switch', (name,)))} and its {UNKNOWN_DST} row",
                f"{len(listed)} locators, and replication_mode {SERVICE_NODE}", f"replication_mode {SOURCE_NODE}, or a service node",
                "Let the VTEP copy the frames itself, or name the service node in the option service_nodes.",
                task(f"Let {vtep.name} copy frames of {name} to all VTEPs", "vtep_logical_switch", vtep, name=name, replication_mode=SOURCE_NODE),
            )  # fmt: skip
        reached = {self.fabric.site_at.get(address) for address in listed}
        missing = [other for other in peers if site_of[other] not in reached]
        back = [other for other in missing if self._sends_to(other, network, site_of[number])]
        both = [other for other in missing if other not in back]
        for kind, others in (("flood_one_sided", back), ("flood_incomplete", both)):
            if others:
                names = self._names(others)
                addresses = sorted({min(reached_at[other]) for other in others})
                yield Finding(
                    kind, [vtep.name, *names], row, f"{_listed(sorted(listed)) or 'no locator'}: {_listed(names)} not among them"
                    + (f", which {'sends' if len(names) == 1 else 'send'} to {vtep.name}" if kind == "flood_one_sided" else ""),
                    _listed(addresses), "Add the missing locators.",
                    task(f"Let {vtep.name} flood {name} to {_listed(names)}", "vtep_mcast_remote", vtep, logical_switch=name,
                         locators=addresses),
                    len(names),
                )  # fmt: skip

    def _sends_to(self, number: int, network: Network, site: int) -> bool:
        if number not in network.names:
            return False
        listed = self.fabric.vteps[number].unknown_dst(network.names[number])
        return site in {self.fabric.site_at.get(address) for address in listed}

    # -- MAC addresses

    def _find_doubles(self) -> Iterator[Finding]:
        for numbers, networks in self.fabric.doubles().items():
            names = self._names(numbers)
            for net, group in networks.items():
                switch = self.fabric.name_on(numbers[0], net)
                yield Finding(
                    "mac_twice", names, _unicast_words(LOCAL, switch, group), f"local on {_listed(names)}", "local on one of them",
                    "Find out which port the address is really behind: look for a loop, a copied VM, or a pair that belongs in the option "
                    "mlag. After a move, remove it where it was.", "", group.count,
                )  # fmt: skip

    def _find_twins(self) -> Iterator[Finding]:
        for _number, vtep in self._read:
            for switch, group in vtep.twins.items():
                yield Finding(
                    "remote_twice", [vtep.name], _unicast_words(REMOTE, switch, group), "several rows with different locators", "one row",
                    "Remove all of them, and write the right one.",
                    _unicast_task(f"Remove the rows of {switch} that are there twice on {vtep.name}", vtep, switch, group, state="absent"),
                    group.count,
                )  # fmt: skip

    def _find_unconfirmed(self) -> Iterator[Finding]:
        joined: dict[tuple[str, str], tuple[list[str], Group]] = {}
        for (number, switch, address), group in self.fabric.unconfirmed().items():
            if not self._where(number, switch, address):
                names, total = joined.setdefault((switch, address), ([], Group()))
                names.append(self.fabric.vteps[number].name)
                total.count += group.count
                total.macs = sorted({*total.macs, *group.macs})[:SAMPLE]
        for (switch, address), (names, group) in joined.items():
            owners = self._names(self._owners(address))
            yield Finding(
                "remote_unconfirmed", [*owners, *(name for name in names if name not in owners)], _unicast_words(REMOTE, switch, group),
                f"locator {address} on {_listed(names)}; {_listed(owners)} does not report them as local", "a local row there",
                "Ping the addresses and audit again; remove the rows of those that are gone.", "", group.count,
            )  # fmt: skip

    # -- what nobody uses

    def _find_unused(self) -> Iterator[Finding]:
        # A VTEP that was not read may be the peer.
        if self.fabric.unread:
            return
        bindings: dict[int, list[tuple[int, Binding]]] = {}
        for number, vtep in self._read:
            for binding in vtep.bindings:
                bindings.setdefault(id(self.fabric.network_of(number, binding.logical_switch)), []).append((number, binding))
        for network in self.fabric.networks:
            # One that the endpoints name is to be bound; that is told.
            if not network.bound and self.fabric.asked.isdisjoint(network.names.values()):
                names = self._names(network.names)
                yield Finding(
                    "switch_unused", names, describe(Ref("Logical_Switch", (network.names[min(network.names)],))),
                    f"no binding on any VTEP; it is there on {_listed(names)}", "a binding", "Bind a port to it, or remove it.",
                    "".join(
                        task(f"Remove {name} on {self.fabric.vteps[number].name}", "vtep_logical_switch", self.fabric.vteps[number], name=name,
                             state="absent", cascade=True)
                        for number, name in network.names.items()
                    ),
                )  # fmt: skip
            held = bindings.get(id(network), [])
            if len(held) == 1 and len(network.bound) == 1:
                yield from self._alone(*held[0])

    def _alone(self, number: int, binding: Binding) -> Iterator[Finding]:
        vtep, name = self.fabric.vteps[number], binding.logical_switch
        leads_out = [address for table, switch, address in vtep.groups if table == REMOTE and switch == name]
        leads_out += [address for (switch, _mac), locators in vtep.floods.items() if switch == name for address in locators]
        # Whether the endpoints want it is told otherwise.
        if name in vtep.routed or self.fabric.is_compared(number, name) or any(address not in self.fabric.site_at for address in leads_out):
            return
        yield Finding(
            "binding_without_peer", [vtep.name], _binding_words(binding), f"the only binding of {name} on any VTEP", "another one",
            "Bind the port of a peer to the logical switch, or remove the binding.",
            task(f"Remove VLAN {binding.vlan} of {binding.port} on {vtep.name}", "vtep_binding", vtep, **_bound_by(binding), state="absent"),
        )  # fmt: skip

    # -- what the VTEPs report

    def _find_tunnels(self) -> Iterator[Finding]:
        for _number, vtep in self._read:
            for key, columns in vtep.rows("Tunnel"):
                # It is ephemeral (RFC 7047, section 3.2), so a saved database need not have it.
                status = columns.get("bfd_status")
                if status is None:
                    continue
                enabled = status.get("enabled", columns["bfd_params"].get("enable", "false"))
                if enabled != "true":
                    continue
                row, state = describe(Ref("Tunnel", key)), status.get("state")
                if state is None and "forwarding" not in status:
                    yield Finding(
                        "bfd_silent", [vtep.name], row, "no state", "state up", "Check that the VTEP implements BFD.",
                    )  # fmt: skip
                elif state not in ("up", None) or status.get("forwarding") == "false":
                    told = [f"{name} {status[name]}" for name in ("state", "forwarding", "diagnostic", "remote_state") if status.get(name)]
                    yield Finding(
                        "bfd_down", [vtep.name], row, ", ".join(told), "state up",
                        "Check the way between the two addresses in the underlay, that the other VTEP runs, and BFD at its end.",
                    )  # fmt: skip

    def _find_faults(self) -> Iterator[Finding]:
        for kind, table, column in (
            ("switch_fault", "Physical_Switch", "switch_fault_status"),
            ("port_fault", "Physical_Port", "port_fault_status"),
            ("router_fault", "Logical_Router", "LR_fault_status"),
            ("acl_fault", "ACL", "acl_fault_status"),
            ("acl_fault", "ACL_entry", "acle_fault_status"),
        ):
            for _number, vtep in self._read:
                for key, columns in vtep.rows(table):
                    # These columns are ephemeral, too.
                    if faults := columns.get(column):
                        yield Finding(
                            kind, [vtep.name], describe(Ref(table, key)), ", ".join(sorted(faults)), f"{column} empty",
                            "See what the switch's log says of it; vtep(5) lists the usual faults of this column.",
                        )  # fmt: skip

    # -- differences from the endpoints

    def _find_switch_differences(self) -> Iterator[Finding]:
        for number, vtep in self._read:
            if vtep.wanted is None:
                continue
            for name in sorted(vtep.wanted_switches.keys() - vtep.switches.keys()):
                vni = self._usual_vni(name)
                yield Finding(
                    "wanted_switch", [vtep.name], describe(Ref("Logical_Switch", (name,))), "not there", "there",
                    "Create it, and what belongs to it: run the role vtep_overlay.",
                    "" if vni is None else task(f"Create {name} on {vtep.name}", "vtep_logical_switch", vtep, name=name, tunnel_key=vni, **self._mode_of(name)),
                )  # fmt: skip
            held = {one[:3]: one for one in vtep.bindings}
            asked = {one[:3]: one for one in (Binding(**one) for one in vtep.wanted["bindings"])}
            for place, binding in sorted(asked.items()):
                found = held.get(place)
                if found != binding:
                    yield Finding(
                        "wanted_binding", [vtep.name], _binding_words(binding),
                        f"bound to {found.logical_switch}" if found else "not bound", f"bound to {binding.logical_switch}",
                        "Bind it.", task(f"Bind VLAN {binding.vlan} of {binding.port} on {vtep.name}", "vtep_binding", vtep, **binding._asdict()),
                    )  # fmt: skip
            for place, binding in sorted(held.items()):
                if place not in asked and self.fabric.is_compared(number, binding.logical_switch):
                    yield Finding(
                        "unwanted_binding", [vtep.name], _binding_words(binding), f"bound to {binding.logical_switch}", "not bound",
                        "Remove the binding, or add its endpoint to the list.",
                        task(f"Remove VLAN {binding.vlan} of {binding.port} on {vtep.name}", "vtep_binding", vtep, **_bound_by(binding),
                             state="absent"),
                    )  # fmt: skip

    def _find_unicast_differences(self) -> Iterator[Finding]:
        missing: dict[tuple[int, str, str], tuple[Group, list[dict]]] = {}
        extra: dict[tuple[int, str], Group] = {}
        for one in self.fabric.differences():
            if one.wanted is None:
                extra.setdefault((one.number, one.logical_switch), Group()).add(one.mac)
                continue
            seen = "missing" if one.seen is None else "another locator" if one.seen[0] != one.wanted[0] else "another ipaddr"
            group, entries = missing.setdefault((one.number, one.logical_switch, seen), (Group(), []))
            group.add(one.mac)
            if len(entries) < SAMPLE:
                entries.append({"mac": one.mac, "locator": one.wanted[0], "ipaddr": one.wanted[1], "seen": one.seen})
        for (number, switch, seen), (group, entries) in missing.items():
            yield self._wanted_unicast(self.fabric.vteps[number], switch, seen, group, entries)
        for (number, switch), group in extra.items():
            vtep = self.fabric.vteps[number]
            yield Finding(
                "unwanted_unicast", [vtep.name], _unicast_words(REMOTE, switch, group), "there", "not there",
                "Remove the rows, or add their endpoints to the list.",
                _unicast_task(f"Remove remote rows of {switch} that no endpoint needs on {vtep.name}", vtep, switch, group, state="absent"),
                group.count,
            )  # fmt: skip

    def _wanted_unicast(self, vtep: Vtep, switch: str, seen: str, group: Group, entries: list[dict]) -> Finding:
        first = entries[0]
        shown = "ipaddr" if seen == "another ipaddr" else "locator"
        there = first["seen"] and first["seen"][shown == "ipaddr"]
        return Finding(
            "wanted_unicast", [vtep.name], _unicast_words(REMOTE, switch, group),
            seen if there is None else f"{shown} {there or 'empty'}", f"{shown} {first[shown] or 'empty'}",
            "Write the rows that the endpoints ask for: run the role vtep_overlay.",
            task(f"Write remote rows of {switch} on {vtep.name}", "vtep_ucast_remote", vtep, logical_switch=switch,
                 entries=[{name: entry[name] for name in ("mac", "locator", "ipaddr")} for entry in entries]) + _more(group),
            group.count,
        )  # fmt: skip

    def _find_multicast_differences(self) -> Iterator[Finding]:
        for number, vtep in self._read:
            held = vtep.floods
            for name in vtep.switches:
                if not self.fabric.is_compared(number, name):
                    continue
                asked = {(name, mac): locators for mac, locators in self.fabric.wanted_floods(number, name).items()}
                for key, locators in asked.items():
                    if held.get(key) != locators:
                        yield Finding(
                            "wanted_multicast", [vtep.name], describe(Ref(FLOOD, key)), _compared(held[key], locators) if key in held else "missing",
                            _listed(sorted(locators)), "Write the list that the endpoints ask for: run the role vtep_overlay.",
                            task(f"Write {key[1]} of {name} on {vtep.name}", "vtep_mcast_remote", vtep, logical_switch=name, mac=key[1],
                                 locators=sorted(locators), exclusive=True),
                        )  # fmt: skip
                for key in held:
                    if key[0] == name and key not in asked:
                        yield Finding(
                            "unwanted_multicast", [vtep.name], describe(Ref(FLOOD, key)), _listed(sorted(held[key])), "no such row",
                            "Remove the row.",
                            task(f"Remove {key[1]} of {name} on {vtep.name}", "vtep_mcast_remote", vtep, logical_switch=name, mac=key[1],
                                 state="absent"),
                        )  # fmt: skip


# -- words ----------------------------------------------------------------------------------------------------------


def _listed(words: Iterable[str], last: str = "and", most: int = 6) -> str:
    """``a, b and c``; of a long list the beginning."""
    all_words = list(words)
    if len(all_words) > most:
        all_words = [*all_words[:most], f"{len(all_words) - most} more"]
    return f" {last} ".join([", ".join(all_words[:-1]), all_words[-1]] if len(all_words) > 1 else all_words)


def _compared(held: frozenset[str], wanted: frozenset[str]) -> str:
    """What is held, and in what it differs: of a long list, the beginning need not show it."""
    lacking, besides = sorted(wanted - held), sorted(held - wanted)
    differences = [f"{_listed(lacking)} not among them"] if lacking else []
    differences += [f"{_listed(besides)} not wanted"] if besides else []
    return f"{_listed(sorted(held)) or 'no locator'}: {', '.join(differences)}"


def _usual(values: Iterable[T]) -> T | None:
    """The value that most have; of several, the first."""
    counted = Counter(values)
    return max(counted, key=lambda value: counted[value]) if counted else None


def _unicast_words(table: str, switch: str, group: Group) -> str:
    first = describe(Ref(table, (switch, group.macs[0])))
    return first if group.count == 1 else f"{group.count:,} {TABLES[table].title} rows of logical switch {switch}, such as {group.macs[0]}"


def _binding_words(binding: Binding) -> str:
    return f"VLAN {binding.vlan} of {describe(Ref('Physical_Port', (binding.physical_switch, binding.port)))}"


def _bound_by(binding: Binding) -> dict[str, Any]:
    return {"physical_switch": binding.physical_switch, "port": binding.port, "vlan": binding.vlan}


def _unicast_task(words: str, vtep: Vtep, switch: str, group: Group, **columns: Any) -> str:
    """A task on the MAC addresses of a group, with what is the same for each of them."""
    state = {name: columns.pop(name) for name in ("state",) if name in columns}
    entries = [{"mac": mac, **columns} for mac in group.macs]
    return task(words, "vtep_ucast_remote", vtep, logical_switch=switch, entries=entries, **state) + _more(group)


def _more(group: Group) -> str:
    return f"      # and {group.count - SAMPLE:,} more\n" if group.count > SAMPLE else ""
