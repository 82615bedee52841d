# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule that a step of the lab has for what the user may set, so that nothing starts before all of it is checked. Pure.

The walk through a topology is as deep as a right one, ends after ``MOST_PROBLEMS``, and prints no value at length. So what
aliases of YAML make endless or immense costs nothing.
"""

from __future__ import annotations

import ipaddress
import reprlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names, _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import (
    CONTROLLER as CONTROLLER_KIND,
    EMULATORS,
    HYPERVISOR as HYPERVISOR_KIND,
    LAB_NAME_WORDS,
    LINUX as LINUX_KIND,
    LONGEST_PREFIX,
    MOST_VLANS,
    MTU,
    OVN as OVN_KIND,
    OVN_BRIDGE,
    ROUTER as ROUTER_KIND,
    SERVICE_NODE as SERVICE_NODE_KIND,
    TRUNK,
    TRUNK_PEER,
    UNTAGGED,
    VM_BRIDGE,
    VTEPD,
    VXLAN_OVERHEAD,
    Interface,
    lab_name,
    node_name,
    port_name,
    trunk,
)

T = TypeVar("T")


class Optional(NamedTuple):
    """A key that may be left out."""

    read: _values.Parse
    #: What stands for it then.
    default: Any = None


# How the value of each key is read: returns it, or raises ValueError saying what to use.
Keys = Mapping[str, "_values.Parse | Optional"]

#: The ports that a Linux bridge has room for (BR_MAX_PORTS in net/bridge/br_private.h, of which number 0 is none).
MOST_HYPERVISORS = 1023
#: As many remote addresses as the emulator was tried with; it needs two minutes for them.
MOST_VMS = 10_000
#: After so many, the first ones are what helps.
MOST_PROBLEMS = 20
# Longer than any value that can be right.
_LONGEST = 4096
# Docker's own networks.
_DOCKER_NETWORKS = ("bridge", "host", "none", "default")
#: What a hypervisor's VTEP is: Open vSwitch with the emulator, the Linux kernel, or Open vSwitch with OVN's ovn-controller -> the kind
#: of node.
_VTEPS = {"ovs": HYPERVISOR_KIND, "linux": LINUX_KIND, "ovn": OVN_KIND}
# Those whose VMs cannot be in VLANs, and why.
_UNTAGGED = {
    "linux": "the bridges of a kernel's VTEP take frames without a tag",
    "ovn": "the lab gives a VM of OVN a port of its own",
}
#: A controller that the lab knows nothing of but its address.
OTHER_CONTROLLER = "other"
#: Where tunnels are VXLAN, OVN has 12 bits for the tunnel key of a switch (ovn-architecture(7), Tunnel Encapsulations).
OVN_MOST_KEYS = 4095
_DATAPATHS = ("auto", "system", "netdev")
_LOOPBACK, _MULTICAST = ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv4Network("224.0.0.0/4")


class _Brief(reprlib.Repr):
    """Values in a bounded number of characters, those of Ansible's own kinds of list and dictionary, too."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxdict, self.maxtuple = 2, 3, 3, 3
        self.maxstring = self.maxlong = self.maxother = 80

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, str):
            return self.repr_str(x, level)
        if isinstance(x, dict):
            return self.repr_dict(x, level)
        if isinstance(x, list):
            return self.repr_list(x, level)
        if isinstance(x, int) and _is_long(x):
            return f"a number of {x.bit_length()} bits"
        return super().repr1(x, level)


shown = _Brief().repr


def some(value: Any) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("use a list with at least one entry")
    return value


def networks(value: Any) -> list[Any]:
    """One network, or a list of them."""
    return list(some(value)) if isinstance(value, (list, tuple)) else [value]


def hypervisors_or_count(value: Any) -> Any:
    """A list of hypervisors, or how many to make up."""
    if isinstance(value, (list, tuple)):
        return some(value)
    try:
        return _values.Integer(2, MOST_HYPERVISORS)(value)
    except ValueError:
        raise ValueError(f"use a list of hypervisors, or their number (2 to {MOST_HYPERVISORS})") from None


def vm_mac(value: Any) -> str:
    """The MAC address of a network device: Linux takes neither a multicast address nor none."""
    words = "use a unicast MAC address such as 00:00:00:00:00:01"
    normal = _values.mac(value)
    if int(normal[1], 16) & 1:
        # In the words of the modules, without the hint to one of them.
        raise ValueError(f"expected a unicast MAC address; {words}")
    if normal == "00:00:00:00:00:00":
        raise ValueError(f"it stands for no address; {words}")
    return normal


def folder(value: Any) -> str:
    """The path of a folder, which must not depend on the directory that a step runs in."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("use the path of a folder, from / on")
    return value


read_network = _values.worded(_values.ipv4_network, "use an IPv4 network such as 10.0.0.0/8, with no bits set behind the prefix")
read_address = _values.worded(_values.ipv4_interface, "use an IPv4 address with its prefix length, such as 192.168.1.1/24")
# The smallest packet that every host takes must fit into a VM's.
read_mtu = _values.Integer(MTU.low + VXLAN_OVERHEAD, MTU.high)

UNDERLAY: Keys = {"network": networks, "interface": _names.device, "mtu": read_mtu}
LOGICAL_SWITCH: Keys = {"name": _names.switch, "tunnel_key": _values.vni}
ROUTER: Keys = {"name": node_name, "addresses": some}
SERVICE_NODE: Keys = {"name": node_name, "underlay_ip": _values.tunnel_ipv4}
CONTROLLER: Keys = {
    "kind": _values.worded(_values.Choice((OVN_KIND,)), "use ovn; another controller is named by its address, such as tcp:10.9.0.1:6640"),
    "name": node_name,
    "underlay_ip": _values.tunnel_ipv4,
}
TLS: Keys = {"private_key": folder, "certificate": folder, "ca_cert": folder}
HYPERVISOR: Keys = {
    "name": node_name,
    "underlay_ip": _values.tunnel_ipv4,
    "vms": some,
    "kind": Optional(_values.worded(_values.Choice(tuple(_VTEPS)), f"use {', '.join(_VTEPS)}"), "ovs"),
}
VM: Keys = {
    "name": _names.port,
    "mac": vm_mac,
    "ip": read_address,
    "logical_switch": Optional(_names.switch),
    "vlan": Optional(_values.Integer(0, MOST_VLANS), UNTAGGED),
}
# Never given to a function that takes it for text.
_WHOLE = (some, networks, hypervisors_or_count)


class Reader:
    """Reads values and collects what is wrong with them."""

    def __init__(self, whole: Sequence[_values.Parse] = _WHOLE) -> None:
        """``whole``: what reads a value as a whole, or entry by entry, and so is given lists and dictionaries, too."""
        self.problems: list[str] = []
        self._whole = whole

    @property
    def full(self) -> bool:
        """Whether there is enough to say."""
        return len(self.problems) >= MOST_PROBLEMS

    def refuse(self, where: str, value: Any, words: object) -> None:
        """A value that is not as these words say."""
        self.problems.append(f"{where}: {shown(value)} cannot be used: {words}.")

    def value(self, where: str, value: Any, read: Callable[[Any], T]) -> T | None:
        """The value, or ``None`` if it is wrong."""
        nested = isinstance(value, (Mapping, list, tuple, set, frozenset))
        try:
            # What is no single value, or too long for one, is refused like nothing at all.
            return read(value if read in self._whole or not (nested or _is_long(value)) else None)
        except ValueError as error:
            self.refuse(where, value, error)
            return None

    def keys(self, where: str, value: Any, keys: Keys) -> dict[str, Any]:
        """A dictionary's values; ``None`` for what is wrong or missing."""
        if not isinstance(value, dict):
            self.refuse(where, value, f"use a dictionary with the keys {', '.join(keys)}")
            return dict.fromkeys(keys)
        for key in value:
            if key not in keys and not self.full:
                name = key if isinstance(key, str) and len(key) < 80 and key.isprintable() else shown(key)
                self.problems.append(f"{where}.{name}: there is no such key. Use {', '.join(keys)}.")
        found = {}
        for key, how in keys.items():
            read = how.read if isinstance(how, Optional) else how
            if key in value:
                found[key] = self.value(f"{where}.{key}", value[key], read)
            elif isinstance(how, Optional):
                found[key] = how.default
            else:
                self.problems.append(f"{where}.{key}: it is missing. Add it.")
                found[key] = None
        return found

    def entries(self, where: str, values: Iterable[Any], keys: Keys) -> Iterator[dict[str, Any]]:
        """Dictionaries of a list, each with its place as ``where``."""
        for index, value in enumerate(values):
            if self.full:
                return
            place = f"{where}[{index}]"
            yield dict(self.keys(place, value, keys), where=place)

    def unique(self, entries: Iterable[tuple[str, Any]]) -> None:
        """Of these places, each with its value, no two may have the same."""
        first: dict[Any, str] = {}
        for where, value in entries:
            if value is not None and first.setdefault(value, where) != where and not self.full:
                self.problems.append(f"{where}: {value} is also that of {first[value]}. Give each its own.")

    def inside(self, where: str, address: ipaddress.IPv4Address, network: ipaddress.IPv4Network) -> None:
        """An address that a host of the network can have."""
        if address not in network:
            self.problems.append(f"{where}: {address} is outside of {network}. Use an address of this network.")
        elif network.prefixlen < 31 and address in (network.network_address, network.broadcast_address):
            self.problems.append(
                f"{where}: {address} stands for the whole network {network}. Use an address between its first and its last."
            )

    def for_hosts(self, where: str, value: object, network: ipaddress.IPv4Network, example: str) -> None:
        """A network of addresses that Linux sends from one host to another, as far as ``value`` says."""
        for special, words in ((_LOOPBACK, "addresses that never leave a host"), (_MULTICAST, "multicast addresses")):
            if network.overlaps(special):
                self.problems.append(f"{where}: {value} has {words} in its network ({special}). Use for example {example}.")


def _is_long(value: Any) -> bool:
    return value.bit_length() > _LONGEST if isinstance(value, int) else isinstance(value, (str, bytes)) and len(value) > _LONGEST


def completed(topology: Any) -> dict[str, Any]:
    """What is wrong with a topology, or what follows from it."""
    reader = Reader()
    if not isinstance(topology, Mapping):
        reader.refuse("the topology", topology, "use a dictionary with the keys underlay, bridge, logical_switches and hypervisors")
        return {"problems": reader.problems}
    settings(reader, topology)
    underlay = reader.keys("lab_underlay", topology.get("underlay"), UNDERLAY)
    underlay["networks"] = [
        reader.value(f"lab_underlay.network{place}", network, read_network)
        for place, network in numbered(underlay.pop("network") or [], topology.get("underlay"))
    ]
    bridge = reader.value("lab_bridge", topology.get("bridge"), _names.bridge)
    emulator = reader.value("lab_emulator", topology.get("emulator", VTEPD), _values.Choice(EMULATORS))
    listed = reader.value("lab_logical_switches", topology.get("logical_switches"), some) or []
    switches = list(reader.entries("lab_logical_switches", listed, LOGICAL_SWITCH))
    routers = list(reader.entries("lab_routers", topology.get("routers") or [], ROUTER)) if routers_fit(reader, topology) else []
    for router in routers:
        router["addresses"] = [
            (f"{router['where']}.addresses[{number}]", reader.value(f"{router['where']}.addresses[{number}]", address, _values.tunnel_ipv4))
            for number, address in enumerate(router["addresses"] or [])
        ]
    service_node = None
    if topology.get("service_node"):
        service_node = dict(reader.keys("lab_service_node", topology["service_node"], SERVICE_NODE), where="lab_service_node")
    controller = read_controller(reader, topology)
    given = reader.value("lab_hypervisors", topology.get("hypervisors"), hypervisors_or_count) or []
    if isinstance(given, int):
        given = made_up(reader, given, underlay["networks"])
    hypervisors = []
    if fits(reader, given):
        for hypervisor in reader.entries("lab_hypervisors", given, HYPERVISOR):
            hypervisor["vms"] = list(reader.entries(f"{hypervisor['where']}.vms", hypervisor["vms"] or [], VM))
            for vm in hypervisor["vms"]:
                vm["logical_switch"] = vm["logical_switch"] or next((switch["name"] for switch in switches), None)
            hypervisors.append(hypervisor)
    if not reader.full:
        agree(reader, underlay, bridge, switches, routers, hypervisors, [end for end in (service_node, controller) if end])
        suit_controller(reader, controller, switches, hypervisors, service_node)
    if topology.get("driver") == "docker":
        suit_docker(reader, topology, underlay, routers, hypervisors)
        if service_node:
            reader.problems.append("lab_service_node: the driver docker has no service node. Use the driver netns.")
        if controller:
            reader.problems.append("lab_controller: the driver docker has no node for a controller. Use the driver netns.")
    if reader.problems:
        more = ["There may be more; mend these first."] if reader.full else []
        return {"problems": reader.problems[:MOST_PROBLEMS] + more}
    namespaces = topology.get("driver") != "docker"
    named = {"bridge": bridge, "emulator": emulator}
    return {"problems": [], **named, **complete(underlay, bridge, switches, routers, hypervisors, service_node, controller, namespaces)}


def numbered(values: Sequence[Any], underlay: Any) -> Iterator[tuple[str, Any]]:
    """The networks of the underlay, each with its place, which only a list has."""
    is_list = isinstance(underlay, dict) and isinstance(underlay.get("network"), (list, tuple))
    for number, value in enumerate(values[:MOST_HYPERVISORS]):
        yield f"[{number}]" if is_list else "", value


def routers_fit(reader: Reader, topology: Mapping[str, Any]) -> bool:
    """Whether the routers are a list of a size that makes sense; none at all is fine."""
    routers = topology.get("routers")
    if routers in (None, [], ()):
        return True
    if not isinstance(routers, (list, tuple)):
        reader.refuse("lab_routers", routers, "use a list of routers, or leave it out")
        return False
    if len(routers) > MOST_HYPERVISORS:
        reader.problems.append(f"lab_routers: {len(routers)} routers are too many. Use up to {MOST_HYPERVISORS}.")
        return False
    return True


def read_controller(reader: Reader, topology: Mapping[str, Any]) -> dict[str, Any] | None:
    """The controller, if there is one: OVN as a dictionary, any other one as the address that VTEPs connect to."""
    given = topology.get("controller")
    if not given:
        return None
    if isinstance(given, Mapping):
        return dict(reader.keys("lab_controller", dict(given), CONTROLLER), where="lab_controller", target="", tls=None)
    words = "use tcp:ADDRESS:PORT or ssl:ADDRESS:PORT with an IPv4 address of the underlay, or a dictionary with kind, name and underlay_ip"
    target = reader.value("lab_controller", given, _values.worded(controller_target, words))
    if target is None:
        return None
    tls = topology.get("controller_tls")
    if target.startswith("ssl:"):
        # What ovsdb-server shows, and whom it trusts.
        tls = reader.keys("lab_controller_tls", tls or {}, TLS)
    elif tls:
        reader.problems.append(f"lab_controller_tls: {target} is not ssl. Use ssl:, or leave this out.")
    return {
        "kind": OTHER_CONTROLLER,
        "name": CONTROLLER_KIND,
        "underlay_ip": target.split(":")[1],
        "where": "lab_controller",
        "target": target,
        "tls": tls or None,
    }


def suit_controller(
    reader: Reader,
    controller: dict[str, Any] | None,
    switches: list[dict[str, Any]],
    hypervisors: list[dict[str, Any]],
    service_node: dict[str, Any] | None,
) -> None:
    """What a controller asks for besides."""
    kinds = [hypervisor["kind"] for hypervisor in hypervisors]
    of_ovn = controller is not None and controller["kind"] == OVN_KIND
    if reader.full:
        return
    if of_ovn and (kinds.count("ovs"), kinds.count("ovn"), len(kinds)) != (1, 1, 2):
        # OVN calls a VTEP's chassis what its physical switch is called, and a lab's bridges all have one name.
        reader.problems.append(
            f"lab_hypervisors: there are {', '.join(map(str, kinds))}. Use one of kind ovs and one of kind ovn: OVN tells VTEPs apart by the"
            " names of their bridges, which are the same in a lab."
        )
    for hypervisor in hypervisors:
        if hypervisor["kind"] == "ovn" and not of_ovn and not reader.full:
            reader.problems.append(f"{hypervisor['where']}.kind: ovn needs OVN's controller. Set lab_controller with kind ovn.")
        if hypervisor["kind"] == "linux" and controller and not reader.full:
            reader.problems.append(f"{hypervisor['where']}.kind: linux has no database that a controller could write. Use ovs.")
    if controller and service_node:
        reader.problems.append("lab_service_node: with lab_controller, the controller says where broadcasts go. Leave one of the two out.")
    for switch in switches if of_ovn else ():
        key = switch["tunnel_key"]
        if key is not None and not 0 < key <= OVN_MOST_KEYS and not reader.full:
            reader.refuse(f"{switch['where']}.tunnel_key", key, f"with VXLAN, OVN has 12 bits for it; use 1 to {OVN_MOST_KEYS}")


def controller_target(value: Any) -> str:
    """The address of a controller in the underlay: tcp or ssl, an IPv4 address, a port."""
    if not isinstance(value, str):
        raise ValueError("expected a text")
    method, address, port = value.split(":") if value.count(":") == 2 else ("", "", "")
    if method not in ("tcp", "ssl"):
        raise ValueError("expected tcp or ssl, an address and a port")
    return f"{method}:{_values.tunnel_ipv4(address)}:{_values.Integer(1, 65535)(port)}"


def made_up(reader: Reader, count: int, networks: Sequence[ipaddress.IPv4Network | None]) -> list[dict[str, Any]]:
    """So many hypervisors with one VM each, in the first network of the underlay."""
    network = networks[0] if networks else None
    if network is None:
        return []
    if network.num_addresses < count + 2:
        reader.problems.append(f"lab_hypervisors: {network} has no room for {count} hypervisors. Use a larger lab_underlay.network.")
        return []
    inside = ipaddress.IPv4Network("192.168.0.0/16" if count > 254 else "192.168.1.0/24")
    return [
        {
            "name": f"hv{number}",
            "underlay_ip": str(network[number]),
            "vms": [
                {
                    "name": f"vm{number}",
                    "mac": ":".join(f"{octet:02x}" for octet in number.to_bytes(6, "big")),
                    "ip": f"{inside[number]}/{inside.prefixlen}",
                }
            ],
        }
        for number in range(1, count + 1)
    ]


def settings(reader: Reader, topology: Mapping[str, Any]) -> None:
    """What is set besides the topology, where it is given."""
    if "name" in topology:
        try:
            lab_name(topology["name"])
        except ValueError:
            reader.problems.append(f"lab_name {shown(topology['name'])} is not a lab name. {LAB_NAME_WORDS}")
    if "artifacts" in topology:
        reader.value("lab_artifacts", topology["artifacts"], folder)
    if "datapath" in topology:
        reader.value(
            "openvswitch_datapath", topology["datapath"], _values.worded(_values.Choice(_DATAPATHS), f"use {', '.join(_DATAPATHS)}")
        )


def fits(reader: Reader, hypervisors: Sequence[Any]) -> bool:
    """Whether there are so few that a lab can be made of them."""
    if len(hypervisors) > MOST_HYPERVISORS:
        reader.problems.append(
            f"lab_hypervisors: {len(hypervisors)} hypervisors are more than the bridge of the underlay has ports."
            f" Use up to {MOST_HYPERVISORS}."
        )
        return False
    vms = [entry.get("vms") for entry in hypervisors if isinstance(entry, dict)]
    count = sum(len(some) for some in vms if isinstance(some, (list, tuple)))
    if count > MOST_VMS:
        reader.problems.append(f"lab_hypervisors: {count} VMs are more than the emulator copes with. Use up to {MOST_VMS}.")
    return count <= MOST_VMS


def agree(
    reader: Reader,
    underlay: dict[str, Any],
    bridge: str | None,
    switches: list[dict[str, Any]],
    routers: list[dict[str, Any]],
    hypervisors: list[dict[str, Any]],
    others: list[dict[str, Any]],
) -> None:
    """What single values cannot show. ``others``: the service node and the controller, where there are."""
    ends = [*hypervisors, *others]
    vms = [vm for hypervisor in hypervisors for vm in hypervisor["vms"]]
    if len(hypervisors) == 1:
        reader.problems.append("lab_hypervisors: there is one hypervisor, and a tunnel has two ends. Add another.")
    reader.unique((f"{switch['where']}.name", switch["name"]) for switch in switches)
    reader.unique((f"{switch['where']}.tunnel_key", switch["tunnel_key"]) for switch in switches)
    reader.unique((f"{node['where']}.name", node["name"]) for node in [*ends, *routers])
    reader.unique(
        [(f"{end['where']}.underlay_ip", end["underlay_ip"]) for end in ends]
        + [address for router in routers for address in router["addresses"]]
    )
    reader.unique(
        [("lab_underlay.interface", underlay["interface"]), ("lab_bridge", bridge)] + [(f"{vm['where']}.name", vm["name"]) for vm in vms]
    )
    agree_on_vlans(reader, underlay["interface"], bridge, hypervisors)
    known = {switch["name"] for switch in switches}
    for vm in vms:
        if vm["logical_switch"] and vm["logical_switch"] not in known and not reader.full:
            reader.refuse(
                f"{vm['where']}.logical_switch", vm["logical_switch"], f"use one of lab_logical_switches: {', '.join(map(str, known))}"
            )
    for switch in known:
        inside = [vm for vm in vms if vm["logical_switch"] == switch]
        reader.unique((f"{vm['where']}.mac", vm["mac"]) for vm in inside)
        reader.unique((f"{vm['where']}.ip", vm["ip"] and vm["ip"].ip) for vm in inside)
        agree_inside(reader, underlay["networks"], [vm for vm in inside if vm["ip"]])
    if len({vm["logical_switch"] for vm in vms}) == len(vms) and len(hypervisors) > 1:
        reader.problems.append("lab_hypervisors: no two VMs are on one logical switch. Put two on one, on different hypervisors.")
    agree_outside(reader, underlay["networks"], routers, ends)


def agree_on_vlans(reader: Reader, interface: str | None, bridge: str | None, hypervisors: list[dict[str, Any]]) -> None:
    """The VLANs of each hypervisor's trunk, which nobody else knows."""
    taken = [("lab_underlay.interface", interface), ("lab_bridge", bridge)]
    tagged = False
    for hypervisor in hypervisors:
        on_trunk = [vm for vm in hypervisor["vms"] if vm["vlan"]]
        tagged = tagged or bool(on_trunk)
        taken += [(f"{vm['where']}.name", vm["name"]) for vm in hypervisor["vms"]]
        reader.unique((f"{vm['where']}.vlan", f"VLAN {vm['vlan']}") for vm in on_trunk)
        for vm in on_trunk if hypervisor["kind"] in _UNTAGGED else ():
            if not reader.full:
                reader.refuse(f"{vm['where']}.vlan", vm["vlan"], f"{_UNTAGGED[hypervisor['kind']]}; use kind ovs, or no VLAN")
    for where, name in taken if tagged else ():
        if name in (TRUNK, TRUNK_PEER, VM_BRIDGE) and not reader.full:
            reader.refuse(where, name, "where VMs are in VLANs, it joins them to the VTEP; use another name")


def agree_outside(
    reader: Reader, networks: list[ipaddress.IPv4Network | None], routers: list[dict[str, Any]], ends: list[dict[str, Any]]
) -> None:
    """The networks of the underlay, and the addresses in them."""
    known = [network for network in networks if network]
    if len(known) < len(networks) or not known:
        return
    for number, network in enumerate(known):
        where = f"lab_underlay.network[{number}]" if len(known) > 1 else "lab_underlay.network"
        reader.for_hosts(where, network, network, "10.0.0.0/8")
        if network.prefixlen > LONGEST_PREFIX:
            reader.problems.append(f"{where}: {network} has no room for two hosts. Use a prefix length up to {LONGEST_PREFIX}.")
        for other in known[:number]:
            if network.overlaps(other):
                reader.problems.append(f"{where}: {network} overlaps {other}. Keep the networks of the underlay apart.")
    addresses = [(f"{end['where']}.underlay_ip", end["underlay_ip"]) for end in ends]
    for where, text in addresses + [address for router in routers for address in router["addresses"]]:
        if text and not reader.full:
            address = ipaddress.IPv4Address(text)
            within(reader, where, address, known)
    for router in routers:
        owns = [network_of(text, known) for unused, text in router["addresses"] if text]
        if len(owns) < 2 and router["addresses"] and not reader.full:
            reader.problems.append(f"{router['where']}.addresses: a router joins networks. Give it an address in two or more of them.")
        if len(set(owns)) < len(owns) and not reader.full:
            reader.problems.append(f"{router['where']}.addresses: two are in one network. Give the router one address in each.")
        if router["name"] and len(port_name(router["name"], len(owns))) > len("x" * 15) and not reader.full:
            reader.refuse(f"{router['where']}.name", router["name"], "use up to 13 characters, as its interfaces are numbered")
    if not reader.problems:
        cut_off = set(known) - set(reached(known[0], routers, known))
        if cut_off:
            reader.problems.append(
                f"lab_routers: no way leads from {known[0]} to {', '.join(map(str, sorted(cut_off)))}."
                " Add a router with an address in each of them."
            )


def within(reader: Reader, where: str, address: ipaddress.IPv4Address, networks: Sequence[ipaddress.IPv4Network]) -> None:
    """An address of a host in one of the networks."""
    network = next((network for network in networks if address in network), networks[0])
    if address not in network and len(networks) > 1:
        reader.problems.append(
            f"{where}: {address} is outside of {', '.join(map(str, networks))}. Use an address of one of these networks."
        )
    else:
        reader.inside(where, address, network)


def network_of(text: str, networks: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network | None:
    """The network that an address is in."""
    return next((network for network in networks if ipaddress.IPv4Address(text) in network), None)


def reached(
    start: ipaddress.IPv4Network, routers: Iterable[Mapping[str, Any]], networks: Sequence[ipaddress.IPv4Network]
) -> dict[ipaddress.IPv4Network, str]:
    """The networks to which ways lead from a network, the nearest first, each with the gateway that the way begins with."""
    ways: dict[ipaddress.IPv4Network, str] = {start: ""}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for router in routers:
            entries = {network_of(text, networks): text for unused, text in router["addresses"] if text}
            if here in entries:
                for network in entries:
                    if network is not None and network not in ways:
                        ways[network] = ways[here] or entries[here]
                        queue.append(network)
    return ways


def agree_inside(reader: Reader, underlay: Sequence[ipaddress.IPv4Network | None], vms: list[dict[str, Any]]) -> None:
    """The same of a logical switch's VMs that have an address."""
    if not vms:
        return
    network = vms[0]["ip"].network
    reader.for_hosts(f"{vms[0]['where']}.ip", vms[0]["ip"], network, "192.168.1.1/24")
    for vm in vms:
        if reader.full:
            return
        if vm["ip"].network != network:
            reader.problems.append(
                f"{vm['where']}.ip: {vm['ip']} is not in {network}, the network of the first VM. Put all VMs of a logical switch into one"
                " network."
            )
        else:
            reader.inside(f"{vm['where']}.ip", vm["ip"].ip, network)
    for outside in underlay:
        if outside and network.overlaps(outside):
            reader.problems.append(f"lab_underlay.network: {outside} overlaps {network}, the network of the VMs. Keep them apart.")


def suit_docker(
    reader: Reader,
    topology: Mapping[str, Any],
    underlay: dict[str, Any],
    routers: list[dict[str, Any]],
    hypervisors: list[dict[str, Any]],
) -> None:
    """What Docker asks for besides."""
    name, interface, networks = topology.get("name"), underlay["interface"], underlay["networks"]
    if isinstance(name, str) and (name in _DOCKER_NETWORKS or name[:1] in ("_", "-")):
        reader.problems.append(
            f"lab_name {shown(name)} cannot be used: Docker wants a letter or digit first, and has networks {', '.join(_DOCKER_NETWORKS)}."
            " Use another name, or the driver netns."
        )
    if interface not in (None, "eth0"):
        reader.problems.append(f"lab_underlay.interface: {interface} cannot be used: Docker calls it eth0. Use eth0, or the driver netns.")
    if len(networks) > 1 or routers:
        reader.problems.append("lab_routers: the driver docker has one underlay network and no routers. Use the driver netns.")
    elif networks and networks[0] and hypervisors and not spare_address(networks[0], hypervisors):
        reader.problems.append(
            f"lab_underlay.network: {networks[0]} has no address left for Docker's gateway. Use a larger network, or the driver netns."
        )
    for hypervisor in hypervisors:
        if hypervisor["kind"] == "linux" and not reader.full:
            reader.problems.append(
                f"{hypervisor['where']}.kind: the VMs of linux have a network namespace each, which a container without CAP_SYS_ADMIN cannot"
                " make. Use the driver netns, or ovs."
            )
        if any(vm["vlan"] for vm in hypervisor["vms"]) and not reader.full:
            reader.problems.append(
                f"{hypervisor['where']}.vms: a VM in a VLAN has a network namespace of its own, which a container without CAP_SYS_ADMIN"
                " cannot make. Use the driver netns."
            )
        apart = {vm["logical_switch"] for vm in hypervisor["vms"]}
        if len(apart) > 1 and not reader.full:
            reader.problems.append(
                f"{hypervisor['where']}.vms: its VMs are on several logical switches, so each needs a network namespace of its own,"
                " which a container without CAP_SYS_ADMIN cannot make. Use the driver netns."
            )


def spare_address(network: ipaddress.IPv4Network, hypervisors: list[dict[str, Any]]) -> str:
    """The last address for a host that no hypervisor has, or none."""
    used = {hypervisor["underlay_ip"] for hypervisor in hypervisors}
    last = network.broadcast_address
    addresses = (str(last - step) for step in range(1, network.num_addresses - 1))
    return next((address for address in addresses if address not in used), "")


def complete(
    underlay: dict[str, Any],
    bridge: str | None,
    switches: list[dict[str, Any]],
    routers: list[dict[str, Any]],
    hypervisors: list[dict[str, Any]],
    service_node: dict[str, Any] | None,
    controller: dict[str, Any] | None,
    namespaces: bool,
) -> dict[str, Any]:
    """What follows from a topology in which all is well. ``namespaces``: whether VMs can have one of their own."""
    networks: list[ipaddress.IPv4Network] = underlay["networks"]
    mtu = underlay["mtu"] - VXLAN_OVERHEAD
    done = []
    for hypervisor in hypervisors:
        # The commands of the seed work where there is one VM; two would meet in one IP stack.
        # A VM on a kernel's VTEP cannot share the stack with the VTEP itself; and one in a VLAN is not where the bridge of the VTEP is.
        tagged = any(vm["vlan"] for vm in hypervisor["vms"])
        apart = namespaces and (len(hypervisor["vms"]) > 1 or hypervisor["kind"] == "linux" or tagged)
        vms = [
            {
                "name": vm["name"],
                "interface": vm["name"],
                "mac": vm["mac"],
                "ip": str(vm["ip"]),
                "address": str(vm["ip"].ip),
                "hypervisor": hypervisor["name"],
                "logical_switch": vm["logical_switch"],
                "namespace": vm["name"] if apart else "",
                # The VTEP's port that its frames come through, and their VLAN there.
                "port": TRUNK if vm["vlan"] else vm["name"],
                "vlan": vm["vlan"],
            }
            for vm in hypervisor["vms"]
        ]
        own = {vm["logical_switch"] for vm in vms}
        done.append(
            {
                "name": hypervisor["name"],
                "kind": hypervisor["kind"],
                "underlay_ip": hypervisor["underlay_ip"],
                "peers": [
                    other["underlay_ip"]
                    for other in hypervisors
                    if other is not hypervisor and own & {vm["logical_switch"] for vm in other["vms"]}
                ],
                "vms": vms,
                "ports": [port(vm, mtu) for vm in vms if not vm["vlan"]] + ([{"name": TRUNK, "type": "system"}] if tagged else []),
                # Those of the switch between the trunk and the VMs in its VLANs.
                "vm_ports": [port(vm, mtu) | {"tag": vm["vlan"]} for vm in vms if vm["vlan"]],
            }
        )
    vms = [vm for hypervisor in done for vm in hypervisor["vms"]]
    ends = [(_VTEPS[hypervisor["kind"]], hypervisor) for hypervisor in hypervisors]
    ends += [(kind, end) for kind, end in ((SERVICE_NODE_KIND, service_node), (CONTROLLER_KIND, controller)) if end]
    nodes = [node(kind, end["name"], [end["underlay_ip"]], [underlay["interface"]], routers, networks) for kind, end in ends] + [
        node(
            ROUTER_KIND,
            router["name"],
            [text for unused, text in router["addresses"]],
            [f"eth{number}" for number in range(len(router["addresses"]))],
            routers,
            networks,
        )
        for router in routers
    ]
    source = vms[0]
    target = next((vm for vm in vms if pings(source, vm)), None)
    if target is None:
        source, target = next((a, b) for a in vms for b in vms if a["logical_switch"] == b["logical_switch"] and a is not b)
    return {
        "underlay": {"networks": [str(network) for network in networks], "interface": underlay["interface"], "mtu": underlay["mtu"]},
        "logical_switches": [{"name": switch["name"], "tunnel_key": switch["tunnel_key"]} for switch in switches],
        "hypervisors": done,
        "routers": [router["name"] for router in routers],
        "service_node": service_node and {"name": service_node["name"], "underlay_ip": service_node["underlay_ip"]},
        "controller": controller and {key: controller[key] for key in ("kind", "name", "underlay_ip", "target", "tls")},
        # Where it is not the one of all others.
        "bridges": {hypervisor["name"]: OVN_BRIDGE for hypervisor in done if hypervisor["kind"] == "ovn"},
        "vms": vms,
        "nodes": nodes,
        # Those of containers are Docker's affair.
        "macs": {its.ip: its.mac for made in nodes for its in interfaces_of(made)} if namespaces else {},
        "spare_address": spare_address(networks[0], hypervisors),
        "endpoints": [
            {
                "host": vm["hypervisor"],
                "physical_switch": bridge,
                "port": vm["port"],
                "vlan": vm["vlan"],
                "logical_switch": vm["logical_switch"],
                "mac": vm["mac"],
                "ip": vm["address"],
                "vtep": hypervisor["underlay_ip"],
            }
            for hypervisor in done
            for vm in hypervisor["vms"]
        ],
        "source": source,
        "target": target,
        "points": points(done, nodes, underlay["interface"]),
    }


def port(vm: Mapping[str, Any], mtu: int) -> dict[str, Any]:
    """A VM's port at a switch."""
    return {"name": vm["name"], "mac": vm["mac"], "ip": vm["ip"], "mtu": mtu} | ({"namespace": vm["namespace"]} if vm["namespace"] else {})


def pings(vm: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a ping from one VM to the other goes through a tunnel."""
    return bool(vm["logical_switch"] == other["logical_switch"] and vm["hypervisor"] != other["hypervisor"])


def interfaces_of(node: Mapping[str, Any]) -> list[Interface]:
    """A node's interfaces."""
    return [Interface(interface["name"], interface["address"], "") for interface in node["interfaces"]]


def node(
    kind: str,
    name: str,
    addresses: Sequence[str],
    interfaces: Sequence[str],
    routers: Sequence[Mapping[str, Any]],
    networks: Sequence[ipaddress.IPv4Network],
) -> dict[str, Any]:
    """A node of the underlay, with its interfaces and its routes."""
    own = [network for text in addresses if (network := network_of(text, networks))]
    ways: dict[ipaddress.IPv4Network, str] = {}
    for network in own:
        others = [router for router in routers if router["name"] != name]
        for to, via in reached(network, others, networks).items():
            if via and to not in own:
                ways.setdefault(to, via)
    return {
        "name": name,
        "kind": kind,
        "interfaces": [
            {"name": interface, "address": f"{text}/{network.prefixlen}"} for interface, text, network in zip(interfaces, addresses, own)
        ],
        "routes": [{"to": str(to), "via": via} for to, via in sorted(ways.items())],
    }


def points(hypervisors: Sequence[Mapping[str, Any]], nodes: Sequence[Mapping[str, Any]], interface: str) -> dict[str, dict[str, str]]:
    """Where one can listen, by the name of the point: the node, the network namespace and interface, and how files are named.

    As in the seed: what VM vm1 sees is vm1_overlay, and what crosses the interface of its hypervisor is vm1_underlay.
    """
    found = {}
    for hypervisor in hypervisors:
        for vm in hypervisor["vms"]:
            found[vm["name"]] = {
                "node": hypervisor["name"],
                "namespace": vm["namespace"],
                "interface": vm["name"],
                "file": f"{vm['name']}_overlay",
            }
        if hypervisor["vm_ports"]:
            found[trunk(hypervisor["name"])] = {
                "node": hypervisor["name"],
                "namespace": "",
                "interface": TRUNK,
                "file": f"{hypervisor['name']}_{TRUNK}",
            }
        found[f"{hypervisor['name']}:{interface}"] = {
            "node": hypervisor["name"],
            "namespace": "",
            "interface": interface,
            "file": f"{hypervisor['vms'][0]['name']}_underlay",
        }
    for other in nodes:
        for its in other["interfaces"]:
            found.setdefault(
                f"{other['name']}:{its['name']}",
                {"node": other["name"], "namespace": "", "interface": its["name"], "file": f"{other['name']}_{its['name']}"},
            )
    return found
