# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a running lab is what its topology asks for, layer by layer, and which row or port is to blame where it is not. Pure.

What a layer does wrong follows from the layer above it where that is wrong too, and is not told a second time:

* database: are the rows there, and right?
* emulator: does one run, and has it registered the ports?
* datapath: would the switches do with each frame what the rows ask for?
* packets: is each ping answered?
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import Node, intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import HYPERVISOR, OVN, UNTAGGED, VXLAN_OVERHEAD
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.story import deviations
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import pings
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import BROADCAST, Frame, entering, named
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import VXLAN_PORT

LAYERS = DATABASE, EMULATOR, DATAPATH, PACKETS = ("database", "emulator", "datapath", "packets")


class Finding(TypedDict):
    """Something that is wrong."""

    layer: str
    #: The node where it is.
    node: str
    #: The logical switches that it harms; empty for all of the node.
    switches: list[str]
    words: str


class Report(TypedDict):
    """What came of a verification."""

    ok: bool
    #: Layer by layer, the causes first.
    findings: list[Finding]
    #: How much was looked at: layer -> number.
    looked: dict[str, int]


class Entrance(NamedTuple):
    """A frame of one VM, where it comes in at a hypervisor; and what has to become of it."""

    #: The VM's port, and the VLAN there; empty where it comes from a tunnel.
    port: str
    vlan: int
    source: str
    switch: str
    vni: int
    sender: Mapping[str, Any]
    #: ``None`` for a question to all.
    receiver: Mapping[str, Any] | None
    #: Where it must go, and where it may: ports and tunnels.
    ports: frozenset[str]
    spare_ports: frozenset[str]
    tunnels: frozenset[str]
    spare_tunnels: frozenset[str]

    def frame(self) -> Frame:
        """The frame itself."""
        # Of a question, whoever is asked for.
        asked = self.receiver or self.sender
        to = self.receiver["mac"] if self.receiver else BROADCAST
        return Frame(self.sender["mac"], to, self.sender["address"], asked["address"])

    def words(self) -> str:
        """Who sends what to whom."""
        comes = f"port {named(self.port, self.vlan)}" if self.port else f"the tunnel from {self.source}, VNI {self.vni}"
        what = f"a frame of {self.sender['name']} for {self.receiver['name']}" if self.receiver else f"a broadcast of {self.sender['name']}"
        return f"{what} from {comes}"


#: Who of the VMs pings whom, by name.
Pairs = Collection[tuple[str, str]]


def sample(topology: Mapping[str, Any], count: int, seed: int | None = None) -> list[tuple[str, str]]:
    """From each VM, so many others that it reaches through a tunnel, chosen by chance; all of them with 0."""
    chance = random.Random(seed)
    pairs = []
    for vm in topology["vms"]:
        others = [other["name"] for other in topology["vms"] if pings(vm, other)]
        pairs += [(vm["name"], other) for other in (chance.sample(others, min(count, len(others))) if count else others)]
    return pairs


def entrances(topology: Mapping[str, Any], host: str, pairs: Pairs | None = None) -> list[Entrance]:
    """All frames that a node with Open vSwitch has to deal with, one of each kind. None for a node that forwards none.

    With ``pairs``, what goes through a tunnel does so between two of these VMs.
    """
    if topology["service_node"] and host == topology["service_node"]["name"]:
        return list(_copies(topology))
    if kinds(topology)[host] not in (HYPERVISOR, OVN):
        return []
    found = list(_entrances(topology, host))
    if pairs is None:
        return found
    known = {frozenset(pair) for pair in pairs}
    here = [vm["name"] for vm in topology["vms"] if vm["hypervisor"] == host]

    def belongs(one: Entrance) -> bool:
        if one.receiver is None:
            # A question to all, of a VM of its own, or of one that is asked about here.
            return bool(one.port) or any(frozenset((one.sender["name"], name)) in known for name in here)
        if one.sender["hypervisor"] == one.receiver["hypervisor"]:
            return True
        return frozenset((one.sender["name"], one.receiver["name"])) in known

    return [one for one in found if belongs(one)]


def bound_at(vm: Mapping[str, Any]) -> str:
    """A VM's port, as a trace names it."""
    return named(vm["port"], vm["vlan"])


def kinds(topology: Mapping[str, Any]) -> dict[str, str]:
    """What each node is."""
    return {node["name"]: node["kind"] for node in topology["nodes"]}


def _copies(topology: Mapping[str, Any]) -> Iterator[Entrance]:
    """A service node sends what comes from a VTEP to all others."""
    none: frozenset[str] = frozenset()
    addresses = {hypervisor["name"]: hypervisor["underlay_ip"] for hypervisor in topology["hypervisors"]}
    for switch in topology["logical_switches"]:
        vms = {vm["hypervisor"]: vm for vm in reversed(topology["vms"]) if vm["logical_switch"] == switch["name"]}
        for host, vm in vms.items():
            others = frozenset(addresses.values()) - {addresses[host]}
            yield Entrance("", UNTAGGED, addresses[host], switch["name"], switch["tunnel_key"], vm, None, none, none, others, none)


def _entrances(topology: Mapping[str, Any], host: str) -> Iterator[Entrance]:
    vteps = {hypervisor["name"]: hypervisor["underlay_ip"] for hypervisor in topology["hypervisors"]}
    wanted = intended(topology)[host]["logical_switches"]
    keys = {switch["name"]: switch["tunnel_key"] for switch in topology["logical_switches"]}
    copier = topology["service_node"]["underlay_ip"] if topology["service_node"] else None
    for name in wanted:
        vms = [vm for vm in topology["vms"] if vm["logical_switch"] == name]
        here = [vm for vm in vms if vm["hypervisor"] == host]
        ports = frozenset(bound_at(vm) for vm in here)
        flood = frozenset(locator for entry in wanted[name]["mcast_remote"].values() for locator in entry["locators"])
        none: frozenset[str] = frozenset()
        for vm in here:
            others = ports - {bound_at(vm)}
            entrance = (vm["port"], vm["vlan"], "", name, keys[name], vm)
            yield Entrance(*entrance, None, others, none, flood, none)
            for other in vms:
                if other is vm:
                    continue
                if other["hypervisor"] == host and bound_at(other) == bound_at(vm):
                    # Both are behind one port, which is no affair of this switch.
                    continue
                if other["hypervisor"] == host:
                    # A switch that has not heard of it lately sends it to all.
                    yield Entrance(*entrance, other, frozenset([bound_at(other)]), others, none, flood)
                else:
                    yield Entrance(*entrance, other, none, none, frozenset([vteps[other["hypervisor"]]]), none)
        for vm in vms:
            if vm["hypervisor"] != host:
                source = vteps[vm["hypervisor"]]
                yield Entrance("", UNTAGGED, copier or source, name, keys[name], vm, None, ports, none, none, none)
                # Sent to all, it may go out again to whom it does not come from.
                again = none if source in flood else flood
                for other in here:
                    yield Entrance("", UNTAGGED, source, name, keys[name], vm, other, frozenset([bound_at(other)]), ports, none, again)


def frames(topology: Mapping[str, Any], host: str, pairs: Pairs | None = None) -> list[dict[str, Any]]:
    """The same as lab_trace takes them."""
    return [entering(one.port, one.vlan, one.source, one.vni, one.frame()) for one in entrances(topology, host, pairs)]


def report(
    topology: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    states: Mapping[str, Mapping[str, Any]],
    traced: Mapping[str, Mapping[str, Any]],
    pinged: Mapping[str, Sequence[Mapping[str, Any]]],
    pairs: Pairs | None = None,
    ovn: Mapping[str, Sequence[str]] | None = None,
) -> Report:
    """Compare a running lab with its topology.

    ``tables``: what vtep_info, linux_vtep or lab_ovn returned, by hypervisor. ``states``: by hypervisor, what lab_state or linux_vtep
    returned. ``ovn``: by node with daemons of OVN, what is wrong with them, as lab_ovn says it.
    ``traced``: by node, what lab_trace returned for ``frames``, and on what has no Open vSwitch for the other VTEPs, also where it failed.
    ``pinged``: by hypervisor, the results of lab_ping for all pings of ``mesh``. ``pairs``: those that were looked at, where these are not all.
    """
    ovn = ovn or {}
    of = kinds(topology)
    kernels = {host: state for host, state in states.items() if of[host] == "linux"}
    states = {host: state for host, state in states.items() if host not in kernels}
    database = list(_database(topology, tables))
    emulator = [finding for host in states if of[host] == HYPERVISOR for finding in _emulator(topology, host, tables[host], states[host])]
    emulator += [finding for host in ovn for finding in _ovn(host, ovn[host])]
    # Where the rows are as they should be, it should be able to follow them.
    said = [
        finding
        for host in states
        if of[host] == HYPERVISOR
        for finding in _faults(host, states[host])
        if not any(one["node"] == host for one in database)
    ]
    addresses = list(_addresses(topology, states))
    above = [*database, *emulator, *said, *addresses, *(finding for host in traced for finding in _silent(host, traced[host]))]
    above += [
        finding
        for host in traced
        for finding, end in _datapath(topology, entrances(topology, host, pairs), host, traced[host])
        # What is in no tunnel has its end here.
        if not _explained(finding, above) and not _explained({**finding, "node": end or host}, above)
    ]
    above += [finding for host, state in states.items() for finding in _sizes(topology, host, state["mtus"])]
    above += [finding for host, state in states.items() for finding in _tags(topology, host, state["tags"])]
    above += [finding for host, state in kernels.items() for finding in _checksums(topology, host, state["offload"])]
    packets = list(_packets(topology, pinged, above))
    looked = {
        DATABASE: sum(
            len(switch["ucast_remote"]) + len(switch["mcast_remote"]) + 1
            for one in intended(topology).values()
            for switch in one["logical_switches"].values()
        ),
        EMULATOR: sum(of[host] == HYPERVISOR for host in states),
        DATAPATH: sum(len(one.get("traces", [])) for one in traced.values()),
        PACKETS: sum(len(pings_of) for pings_of in pinged.values()),
    }
    findings = [*above, *packets]
    return {"ok": not findings, "findings": findings, "looked": looked}


def _explained(finding: Finding, above: Iterable[Finding]) -> bool:
    """Whether something further up is wrong at the same node, and with the same logical switch."""
    return any(
        other["node"] == finding["node"] and (not other["switches"] or set(other["switches"]) & set(finding["switches"])) for other in above
    )


def _database(topology: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    for words in deviations(topology, tables):
        host, rest = words.split(" ", 1)
        # Those that the words name, also as what is there and what should be.
        said = f" {rest.replace(':', ' ').replace(',', ' ')} "
        names = [switch["name"] for switch in topology["logical_switches"] if f" {switch['name']} " in said]
        ports = [vm for vm in topology["vms"] if vm["hypervisor"] == host and f" {vm['port']} VLAN" in f" {rest}"]
        # Of a trunk, a VLAN that is not a VM's own may be any's.
        names += [vm["logical_switch"] for vm in [vm for vm in ports if f" VLAN {vm['vlan']}:" in rest] or ports]
        yield {"layer": DATABASE, "node": host, "switches": sorted(set(names)), "words": words}


def _emulator(topology: Mapping[str, Any], host: str, tables: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Finding]:
    def finding(words: str, switches: Sequence[str] = ()) -> Finding:
        return {"layer": EMULATOR, "node": host, "switches": list(switches), "words": f"{host}: {words}"}

    running = state["emulators"]
    if not running:
        yield finding("no emulator runs: rows that change have no effect. See its log in /var/log/openvswitch")
    elif len(running) > 1:
        yield finding(
            f"{len(running)} emulators run (PIDs {', '.join(map(str, running))}): each undoes what the other does. End all but one"
        )
    registered = {port for switch in tables["physical_switches"].values() for port in switch["ports"]}
    for vm in topology["vms"]:
        if vm["hypervisor"] == host and vm["port"] not in registered:
            yield finding(f"port {vm['port']} is not registered as a Physical_Port", [vm["logical_switch"]])


def _ovn(host: str, faults: Sequence[str]) -> Iterator[Finding]:
    """Daemons of OVN that carry nothing on."""
    for words in faults:
        yield {"layer": EMULATOR, "node": host, "switches": [], "words": f"{host}: {words}"}


def _faults(host: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    """What vtepd says of rows that it cannot follow."""
    for words in state["faults"]:
        yield {"layer": EMULATOR, "node": host, "switches": [], "words": f"{host}: vtepd cannot follow all rows: {words}"}


def _addresses(topology: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """VTEPs' addresses that are on another host, or on none."""

    def finding(node: str, words: str) -> Finding:
        return {"layer": DATAPATH, "node": node, "switches": [], "words": words}

    owners = {end["underlay_ip"]: end["name"] for end in topology["hypervisors"]}
    for host, state in states.items():
        for address, owner in owners.items():
            is_there = address in state["own_addresses"]
            if owner == host and not is_there:
                yield finding(host, f"{host}: {address}, its address as a VTEP, is on none of its interfaces (ip address)")
            elif owner != host and is_there:
                # What suffers is the way to its owner.
                yield finding(owner, f"{host}: it has {address}, the address of {owner}: what is sent there goes to either (ip address)")


def _sizes(topology: Mapping[str, Any], host: str, mtus: Mapping[str, int | None]) -> Iterator[Finding]:
    """Ports that let packets through for which the underlay has no room."""
    room = topology["underlay"]["mtu"] - VXLAN_OVERHEAD
    for vm in topology["vms"]:
        mtu = mtus.get(vm["interface"])
        if vm["hypervisor"] == host and vm["interface"] and (mtu is None or mtu > room):
            has = f"the MTU of port {vm['interface']} is {mtu}, and the underlay has room for {room}: longer packets vanish"
            words = f"{host}: {has}" if mtu else f"{host}: port {vm['interface']} has no interface"
            yield {"layer": DATAPATH, "node": host, "switches": [vm["logical_switch"]], "words": words}


def _checksums(topology: Mapping[str, Any], host: str, offload: bool) -> Iterator[Finding]:
    """A kernel whose packets come without checksums, which pings do not show."""
    interface = topology["underlay"]["interface"]
    # Between two kernels, it does no harm.
    others = [end["name"] for end in topology["hypervisors"] if end["kind"] != "linux"]
    if offload and others:
        has = f"{interface} leaves checksums to its hardware, and there is none: {', '.join(others)} will drop TCP from its VMs"
        words = f"{host}: {has} (ethtool -K {interface} tx off)"
        yield {"layer": DATAPATH, "node": host, "switches": [], "words": words}


def _tags(topology: Mapping[str, Any], host: str, tags: Mapping[str, int]) -> Iterator[Finding]:
    """Ports of VMs in another VLAN than theirs."""
    for vm in topology["vms"]:
        name, tag = vm["interface"], tags.get(vm["interface"], vm["vlan"])
        if vm["hypervisor"] == host and tag != vm["vlan"]:
            has = f"port {name} is in VLAN {tag} of its switch, wanted {vm['vlan']} (ovs-vsctl get port {name} tag)"
            yield {"layer": DATAPATH, "node": host, "switches": [vm["logical_switch"]], "words": f"{host}: {has}"}


def _silent(host: str, traced: Mapping[str, Any]) -> Iterator[Finding]:
    """A node whose switch says nothing."""
    if "traces" not in traced:
        yield {"layer": DATAPATH, "node": host, "switches": [], "words": f"{host}: {traced['msg']}"}


def _datapath(
    topology: Mapping[str, Any], asked: Sequence[Entrance], host: str, traced: Mapping[str, Any]
) -> Iterator[tuple[Finding, str]]:
    """What each frame would do, against what it should, and the node at the end of the tunnel that is to blame or else nothing.

    The first of a kind and switch stands for the others.
    """

    def finding(words: str, switches: Sequence[str] = ()) -> Finding:
        return {"layer": DATAPATH, "node": host, "switches": list(switches), "words": f"{host}: {words}"}

    hops = _NextHops(topology, host)
    for destination, route in traced.get("routes", {}).items():
        if route is None:
            yield finding(f"no way to {destination} for VXLAN (UDP port {VXLAN_PORT}): see 'ip route' and 'ip rule' there"), ""
        elif words := hops.stranger(destination, route.get("destination_mac")):
            yield finding(words), ""
    owners = {node["interfaces"][0]["address"].split("/")[0]: node["name"] for node in topology["nodes"]}
    told: set[tuple[str, str, str]] = set()
    for one, trace in zip(asked, traced.get("traces", [])):
        strangers = (
            ("mac", words, "")
            for tunnel in trace["tunnels"]
            if (words := hops.stranger(tunnel["destination"], tunnel["header"].get("ethernet.destination")))
        )
        for kind, words, destination in (*_wrong(one, trace), *strangers):
            end = owners.get(destination, "")
            if (kind, one.switch, end) not in told:
                told.add((kind, one.switch, end))
                yield finding(f"{one.words()}: {words}", [one.switch]), end


class _NextHops:
    """Whom a node's packets go to in the underlay."""

    def __init__(self, topology: Mapping[str, Any], host: str) -> None:
        #: Those that are known beforehand, by address.
        self.macs: Mapping[str, str] = topology.get("macs", {})
        [self.node] = [Node(node, self.macs) for node in topology["nodes"] if node["name"] == host]

    def stranger(self, destination: str, mac: str | None) -> str:
        """What is wrong where packets go to a MAC address that is not that of their next hop; else nothing."""
        hop = self.node.hop(destination) if mac and self.macs and destination else None
        owner = self.macs.get(hop[1]) if hop else None
        if hop is None or owner in (None, mac):
            return ""
        return f"packets to {destination} leave for MAC {mac}, and {hop[1]} has {owner}: another host or interface answers for its address"


def _wrong(one: Entrance, trace: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The kind, the words, and the address of the tunnel's end where it is a tunnel that is wrong."""
    if trace["problem"]:
        yield "problem", trace["problem"], ""
        return
    if trace["normal"]:
        yield "normal", "a bridge of the VTEP forwards like an ordinary switch (NORMAL), between tenants too", ""
        return
    ports, tunnels = set(trace["ports"]), {tunnel["destination"] for tunnel in trace["tunnels"]}
    for tunnel in trace["tunnels"]:
        if tunnel["vni"] != one.vni:
            yield "vni", f"it leaves with VNI {tunnel['vni']}, not {one.vni}", ""
        if tunnel["problem"]:
            yield "route", f"the tunnel to {tunnel['destination']}: {tunnel['problem']}", tunnel["destination"]
    for kind, missing in (("port", one.ports - ports), ("tunnel", one.tunnels - tunnels)):
        if missing:
            yield f"no {kind}", f"it does not go to {kind} {', '.join(sorted(missing))}", ""
    for kind, extra in (("port", ports - one.ports - one.spare_ports), ("tunnel", tunnels - one.tunnels - one.spare_tunnels)):
        if extra:
            yield f"wrong {kind}", f"it goes to {kind} {', '.join(sorted(extra))}, where it does not belong", ""


def _packets(topology: Mapping[str, Any], pinged: Mapping[str, Sequence[Mapping[str, Any]]], above: Sequence[Finding]) -> Iterator[Finding]:
    vms = {(vm["hypervisor"], vm["interface"]): vm for vm in topology["vms"]}
    # What goes through them is everybody's.
    between = [name for name, kind in kinds(topology).items() if kind in ("router", "service_node", "controller")]
    for host, ping in ((host, ping) for host, pings_of in pinged.items() for ping in pings_of):
        a = vms[host, ping["interface"]]
        [b] = [vm for vm in vms.values() if (vm["logical_switch"], vm["address"]) == (a["logical_switch"], ping["address"])]
        found: Finding = {
            "layer": PACKETS,
            "node": a["hypervisor"],
            "switches": [a["logical_switch"]],
            "words": f"{a['name']} -> {b['name']}: no reply, and nothing above says why",
        }
        passes = (a["hypervisor"], b["hypervisor"], *between)
        if not ping["replies"] and not any(_explained({**found, "node": node}, above) for node in passes):
            yield found
