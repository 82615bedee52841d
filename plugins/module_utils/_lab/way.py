# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of a ping before it is sent: what each hypervisor says that it would do with the frames, joined to one way. Pure.

Where the model says what rows ask for, this says what the switches do. Both together tell which of them is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import MOST_TUNNELS, TTL, Node, Switch, Vm, Vtep, answers_instead
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import UNTAGGED
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import BROADCAST, Frame, entering, named
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import Row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._packets import Fields
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import VXLAN_PORT


class Hop(TypedDict):
    """What one node does with the frame."""

    node: str
    #: Where it comes in: a port, or a tunnel.
    enters: str
    #: What is done with it.
    does: str
    #: The node or the VM that it goes to from here; empty where it ends.
    to: str
    #: The flow that decides, or the route; empty where none is known.
    by: str
    #: The row that made it; ``None`` where there is none.
    row: Row | None
    #: The outer header, where it leaves in a tunnel.
    header: Fields


class Leg(TypedDict):
    """One frame from one VM to the other."""

    title: str
    source: str
    target: str
    hops: list[Hop]
    arrives: bool
    #: Why copies of it end on the way.
    ends: list[str]


class Request(NamedTuple):
    """A frame at one entrance of a hypervisor."""

    leg: int
    #: The VM's port, and the VLAN there; empty where it comes from a tunnel.
    port: str
    vlan: int
    source: str
    vni: int


class _Lab:
    def __init__(self, topology: Mapping[str, Any], source: str, target: str) -> None:
        self.vms = {vm["name"]: Vm.of(vm) for vm in topology["vms"]}
        for option, name in (("from", source), ("to", target)):
            if name not in self.vms:
                raise UserError(f"{option}: there is no VM {name!r}. Use {', '.join(sorted(self.vms))}.")
        a, b = self.a, self.b = self.vms[source], self.vms[target]
        if other := answers_instead(topology, source, target):
            raise UserError(f"to: {target} has the address of {other}, which would answer {source} in its place. Use another VM.")
        self.nodes = {node["name"]: Node(node, topology["macs"]) for node in topology["nodes"]}
        self.owners = {str(its.address.ip): node.name for node in self.nodes.values() for its in node.interfaces}
        self.ends = [hypervisor["name"] for hypervisor in topology["hypervisors"]]
        self.copier = (topology.get("service_node") or {}).get("name")
        self.vnis = [switch["tunnel_key"] for switch in topology["logical_switches"]]
        self.legs = [
            (f"{a.name} asks for the MAC address of {b.name}", a, b, Frame(a.mac, BROADCAST, a.ip, b.ip)),
            (f"{b.name} answers {a.name}, and replies to its pings", b, a, Frame(b.mac, a.mac, b.ip, a.ip)),
            (f"{a.name} pings {b.name}", a, b, Frame(a.mac, b.mac, a.ip, b.ip)),
        ]


def requests(topology: Mapping[str, Any], host: str, source: str, target: str) -> list[dict[str, Any]]:
    """The frames that a hypervisor is to trace, as lab_trace takes them: wherever they may come in."""
    lab = _Lab(topology, source, target)
    return [entering(one.port, one.vlan, one.source, one.vni, lab.legs[one.leg][3]) for one in _entrances(lab, host)]


def _entrances(lab: _Lab, host: str) -> list[Request]:
    found = []
    others = [name for name in lab.ends if name != host] + ([lab.copier] if lab.copier else [])
    for number, (_title, sender, _receiver, _frame) in enumerate(lab.legs):
        if sender.hypervisor == host:
            found.append(Request(number, *sender.bound_at, "", 0))
        found += [Request(number, "", UNTAGGED, lab.nodes[other].ip, vni) for other in others for vni in lab.vnis]
    return found


def way(
    topology: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], traced: Mapping[str, Mapping[str, Any]], source: str, target: str
) -> list[Leg]:
    """The ways of a question, its answer, and a ping.

    ``topology``: completed by lab_topology. ``tables``: what vtep_info or linux_vtep returned, by hypervisor. ``traced``: by node, what
    lab_trace returned: ``traces`` of ``requests``, on nodes with Open vSwitch, and ``routes``. Raises ``UserError`` for VMs that are not
    there.
    """
    lab = _Lab(topology, source, target)
    return [_Leg(lab, tables, traced, number).follow() for number in range(len(lab.legs))]


class _Leg:
    def __init__(self, lab: _Lab, tables: Mapping[str, Mapping[str, Any]], traced: Mapping[str, Mapping[str, Any]], number: int) -> None:
        self.lab, self.tables, self.traced, self.number = lab, tables, traced, number
        self.title, self.sender, self.receiver, self.frame = lab.legs[number]
        self.hops: list[Hop] = []
        self.ends: list[str] = []
        self.arrives = False

    def follow(self) -> Leg:
        """From the sender's port on."""
        self._at(self.sender.hypervisor, Request(self.number, *self.sender.bound_at, "", 0), 0)
        if not self.arrives and not self.ends:
            self.ends.append(f"no copy of the frame comes to {self.receiver.name}")
        return {
            "title": self.title,
            "source": self.sender.name,
            "target": self.receiver.name,
            "hops": self.hops,
            "arrives": self.arrives,
            "ends": list(dict.fromkeys(self.ends)),
        }

    def _at(self, host: str, request: Request, tunnels: int) -> None:
        """A frame comes into a hypervisor."""
        enters = f"port {named(request.port, request.vlan)}" if request.port else f"tunnel from {request.source}, VNI {request.vni}"
        if tunnels > MOST_TUNNELS:
            self.ends.append(f"{host}: the frame goes in a circle between VTEPs")
            return
        vtep = Vtep(host, self.tables[host], self.lab.nodes[host].kind)
        seen = self._by_kernel(vtep, request) if vtep.is_linux else self._by_switch(vtep, request)
        if seen.get("problem"):
            self.ends.append(f"{host}: {seen['problem']}")
            return
        if seen["normal"]:
            self.ends.append(f"{host}: a bridge of the VTEP forwards like an ordinary switch (NORMAL): the emulator's flows are gone")
        flow = _named(_deciding(seen["flows"]))
        for port in seen["ports"]:
            owner = next((vm.name for vm in self.lab.vms.values() if (vm.hypervisor, named(*vm.bound_at)) == (host, port)), "")
            self._hop(host, enters, f"handed to port {port}", owner, flow, self._binding(vtep, port), {})
            if port == named(*self.receiver.bound_at) and host == self.receiver.hypervisor:
                self.arrives = True
        for tunnel in seen["tunnels"]:
            row = self._remote(vtep, request, tunnel["destination"])
            # A datapath in the kernel leaves the MAC addresses to its routes.
            header = {**self._macs(host, tunnel["destination"]), **tunnel["header"]} if tunnel["header"] else {}
            to = "" if tunnel["problem"] else self._following(host, tunnel["destination"])
            sends = _named(seen["flows"][tunnel["flow"]]) if seen["flows"] else ""
            self._hop(host, enters, f"into the tunnel to {tunnel['destination']}, VNI {tunnel['vni']}", to, sends, row, header)
            if tunnel["problem"]:
                self.ends.append(f"{host}: the tunnel to {tunnel['destination']}: {tunnel['problem']}")
            else:
                self._underlay(host, tunnel["destination"], tunnel["vni"], header, tunnels + 1)
        if not seen["ports"] and not seen["tunnels"]:
            self._hop(host, enters, "dropped", "", flow, None, {})
            self.ends.append(f"{host}: the frame is dropped ({flow or 'no flow takes it'})")

    def _by_switch(self, vtep: Vtep, request: Request) -> Mapping[str, Any]:
        position = _entrances(self.lab, vtep.host).index(request) if request in _entrances(self.lab, vtep.host) else None
        if position is None:
            return {"problem": f"nobody in this lab sends from {request.source} with VNI {request.vni}"}
        found: Mapping[str, Any] = self.traced[vtep.host]["traces"][position]
        return found

    def _by_kernel(self, vtep: Vtep, request: Request) -> Mapping[str, Any]:
        """The same of a VTEP that is the kernel, which has no trace: bridge and VXLAN device do what their tables say."""
        switch = _switch(vtep, request)
        if switch is None:
            return {"problem": f"no VXLAN device has the VNI {request.vni}" if request.source else f"port {request.port} is on no bridge"}
        ports = [name for name, _vlan in sorted(vtep.ports(switch.name)) if name != request.port]
        own = [vm.name for vm in self.lab.vms.values() if vm.hypervisor == vtep.host and vm.mac == self.frame.destination_mac]
        destination = switch.unicast.get(self.frame.destination_mac)
        locators = [] if request.source else [destination] if destination else [] if set(own) & set(ports) else list(switch.flood)
        handed = [] if destination and not request.source else [name for name in ports if name in own] or ports
        tunnels: list[dict[str, Any]] = [
            {"destination": one, "vni": switch.vni, "header": self._header(vtep.host, one, switch.vni), "problem": ""} for one in locators
        ]
        return {"flows": [], "tunnels": tunnels, "ports": handed, "normal": False}

    def _header(self, host: str, destination: str, vni: int | None) -> Fields:
        """What the kernel's VXLAN device puts on (ip-link(8); without a TTL of its own it takes that of the host)."""
        return {
            "ipv4.source": self.lab.nodes[host].ip,
            "ipv4.destination": destination,
            "ipv4.ttl": TTL,
            "udp.destination_port": VXLAN_PORT,
            "vxlan.vni": vni,
        }

    def _macs(self, host: str, destination: str) -> Fields:
        """The MAC addresses that the kernel knows for the next hop to an address."""
        route = self.traced[host]["routes"].get(destination) or {}
        macs = {"ethernet.source": route.get("source_mac"), "ethernet.destination": route.get("destination_mac")}
        return {name: mac for name, mac in macs.items() if mac}

    def _underlay(self, host: str, destination: str, vni: int | None, header: Fields, tunnels: int) -> None:
        """A packet between two ends of a tunnel, with its outer header."""
        at = host
        for _unused in self.lab.nodes:
            route = self.traced[at]["routes"].get(destination)
            if route is None:
                self.ends.append(f"{at}: no route to {destination}")
                return
            via = route["via"] or destination
            following = self._following(at, destination)
            if not following:
                self.ends.append(f"{at}: nobody has the address {via}")
                return
            if at != host:
                if header:
                    # Those of the hop before say nothing here, also where the kernel does not know its own yet.
                    header = {name: value for name, value in header.items() if not name.startswith("ethernet.")}
                    header |= self._macs(at, destination)
                if "ipv4.ttl" in header:
                    header["ipv4.ttl"] -= 1
                self._hop(
                    at, f"{route['interface']} side", f"routed to {following}", following, f"route to {destination} via {via}", None, header
                )
            at = following
            if via == destination:
                break
        if at == self.lab.copier:
            for other in self.lab.ends:
                if other != host:
                    enters = f"tunnel from {self.lab.nodes[host].ip}, VNI {vni}"
                    self._hop(at, enters, f"copied to {other}", other, "actions=ALL", None, {})
                    self._at(other, Request(self.number, "", UNTAGGED, self.lab.nodes[at].ip, vni or 0), tunnels + 1)
        elif at in self.lab.ends:
            self._at(at, Request(self.number, "", UNTAGGED, self.lab.nodes[host].ip, vni or 0), tunnels)
        else:
            self.ends.append(f"{at}: {destination} is not a VTEP")

    def _following(self, at: str, destination: str) -> str:
        """The node that packets to an address go to next; empty where that is nobody's."""
        route = self.traced[at]["routes"].get(destination)
        return self.lab.owners.get(route["via"] or destination, "") if route else ""

    def _binding(self, vtep: Vtep, handed: str) -> Row | None:
        for (port, vlan), bound in vtep.bindings.items():
            if named(port, vlan) == handed:
                return vtep.row("Physical_Port", physical_switch=vtep.physical_switch, port=port, vlan=vlan, logical_switch=bound)
        return None

    def _remote(self, vtep: Vtep, request: Request, locator: str) -> Row | None:
        """The row that leads into a tunnel."""
        switch = _switch(vtep, request)
        if switch is None:
            return None
        if switch.unicast.get(self.frame.destination_mac) == locator:
            return vtep.row("Ucast_Macs_Remote", logical_switch=switch.name, mac=self.frame.destination_mac, locator=locator)
        if locator in switch.flood:
            return vtep.row("Mcast_Macs_Remote", logical_switch=switch.name, mac="unknown-dst", locator=locator)
        return None

    def _hop(self, node: str, enters: str, does: str, to: str, by: str, row: Row | None, header: Fields) -> None:
        self.hops.append({"node": node, "enters": enters, "does": does, "to": to, "by": by, "row": row, "header": header})


def _switch(vtep: Vtep, request: Request) -> Switch | None:
    """The logical switch that a frame is in, by its binding or by its VNI."""
    if request.port:
        return vtep.switches.get(vtep.bindings.get((request.port, request.vlan), ""))
    return next((one for one in vtep.switches.values() if one.vni == request.vni), None)


def _deciding(flows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last flow of the switch itself, before the underlay's: what decides where a frame goes."""
    own = [flow for flow in flows if "NORMAL" not in flow["actions"]] or list(flows)
    return next((flow for flow in reversed(own) if flow["table"]), own[-1] if own else None)


def _named(flow: Mapping[str, Any] | None) -> str:
    return f"{flow['bridge']} table={flow['table']} {flow['match']}" if flow else ""
