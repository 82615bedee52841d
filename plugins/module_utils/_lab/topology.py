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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _names, _values
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import LAB_NAME_WORDS, LONGEST_PREFIX, MTU, lab_name, node_name

T = TypeVar("T")
# How the value of each key is read: returns it, or raises ValueError saying what to use.
Keys = Mapping[str, _values.Parse]

# Outer IPv4, UDP and VXLAN headers and the inner Ethernet header in bytes (RFC 7348, section 5).
VXLAN_OVERHEAD = 50
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

UNDERLAY: Keys = {"network": read_network, "interface": _names.device, "mtu": read_mtu}
LOGICAL_SWITCH: Keys = {"name": _names.switch, "tunnel_key": _values.vni}
HYPERVISOR: Keys = {"name": node_name, "underlay_ip": _values.tunnel_ipv4, "vms": some}
VM: Keys = {"name": _names.port, "mac": vm_mac, "ip": read_address}
# Read as a whole, or entry by entry, and so never given to a function that takes it for text.
_WHOLE = (some,)


class Reader:
    """Reads values and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

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
            return read(value if read in _WHOLE or not (nested or _is_long(value)) else None)
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
        for key, read in keys.items():
            if key in value:
                found[key] = self.value(f"{where}.{key}", value[key], read)
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
        reader.refuse("the topology", topology, "use a dictionary with the keys underlay, bridge, logical_switch and hypervisors")
        return {"problems": reader.problems}
    settings(reader, topology)
    underlay = reader.keys("lab_underlay", topology.get("underlay"), UNDERLAY)
    bridge = reader.value("lab_bridge", topology.get("bridge"), _names.bridge)
    switch = reader.keys("lab_logical_switch", topology.get("logical_switch"), LOGICAL_SWITCH)
    listed = reader.value("lab_hypervisors", topology.get("hypervisors"), some) or []
    hypervisors = []
    if fits(reader, listed):
        for hypervisor in reader.entries("lab_hypervisors", listed, HYPERVISOR):
            hypervisor["vms"] = list(reader.entries(f"{hypervisor['where']}.vms", hypervisor["vms"] or [], VM))
            hypervisors.append(hypervisor)
    if not reader.full:
        agree(reader, underlay, bridge, hypervisors)
    if topology.get("driver") == "docker":
        suit_docker(reader, topology, underlay, hypervisors)
    if reader.problems:
        more = ["There may be more; mend these first."] if reader.full else []
        return {"problems": reader.problems[:MOST_PROBLEMS] + more}
    return {"problems": [], "bridge": bridge, "logical_switch": switch, **complete(underlay, bridge, switch, hypervisors)}


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


def agree(reader: Reader, underlay: dict[str, Any], bridge: str | None, hypervisors: list[dict[str, Any]]) -> None:
    """What single values cannot show."""
    vms = [vm for hypervisor in hypervisors for vm in hypervisor["vms"]]
    if len(hypervisors) == 1:
        reader.problems.append("lab_hypervisors: there is one hypervisor, and a tunnel has two ends. Add another.")
    reader.unique((f"{hypervisor['where']}.name", hypervisor["name"]) for hypervisor in hypervisors)
    reader.unique((f"{hypervisor['where']}.underlay_ip", hypervisor["underlay_ip"]) for hypervisor in hypervisors)
    reader.unique(
        [("lab_underlay.interface", underlay["interface"]), ("lab_bridge", bridge)] + [(f"{vm['where']}.name", vm["name"]) for vm in vms]
    )
    reader.unique((f"{vm['where']}.mac", vm["mac"]) for vm in vms)
    reader.unique((f"{vm['where']}.ip", vm["ip"] and vm["ip"].ip) for vm in vms)

    network = underlay["network"]
    if network:
        reader.for_hosts("lab_underlay.network", network, network, "10.0.0.0/8")
        if network.prefixlen > LONGEST_PREFIX:
            reader.problems.append(
                f"lab_underlay.network: {network} has no room for two hosts. Use a prefix length up to {LONGEST_PREFIX}."
            )
        for hypervisor in hypervisors:
            if hypervisor["underlay_ip"] and not reader.full:
                reader.inside(f"{hypervisor['where']}.underlay_ip", ipaddress.IPv4Address(hypervisor["underlay_ip"]), network)
    agree_inside(reader, network, [vm for vm in vms if vm["ip"]])


def agree_inside(reader: Reader, underlay: ipaddress.IPv4Network | None, vms: list[dict[str, Any]]) -> None:
    """The same of the VMs that have an address."""
    if not vms:
        return
    network = vms[0]["ip"].network
    reader.for_hosts(f"{vms[0]['where']}.ip", vms[0]["ip"], network, "192.168.1.1/24")
    for vm in vms:
        if reader.full:
            return
        if vm["ip"].network != network:
            reader.problems.append(
                f"{vm['where']}.ip: {vm['ip']} is not in {network}, the network of the first VM. Put all VMs into one network."
            )
        else:
            reader.inside(f"{vm['where']}.ip", vm["ip"].ip, network)
    if underlay and network.overlaps(underlay):
        reader.problems.append(f"lab_underlay.network: {underlay} overlaps {network}, the network of the VMs. Keep them apart.")


def suit_docker(reader: Reader, topology: Mapping[str, Any], underlay: dict[str, Any], hypervisors: list[dict[str, Any]]) -> None:
    """What Docker asks for besides."""
    name, interface, network = topology.get("name"), underlay["interface"], underlay["network"]
    if isinstance(name, str) and (name in _DOCKER_NETWORKS or name[:1] in ("_", "-")):
        reader.problems.append(
            f"lab_name {shown(name)} cannot be used: Docker wants a letter or digit first, and has networks {', '.join(_DOCKER_NETWORKS)}."
            " Use another name, or the driver netns."
        )
    if interface not in (None, "eth0"):
        reader.problems.append(f"lab_underlay.interface: {interface} cannot be used: Docker calls it eth0. Use eth0, or the driver netns.")
    if network and hypervisors and not spare_address(network, hypervisors):
        reader.problems.append(
            f"lab_underlay.network: {network} has no address left for Docker's gateway. Use a larger network, or the driver netns."
        )


def spare_address(network: ipaddress.IPv4Network, hypervisors: list[dict[str, Any]]) -> str:
    """The last address for a host that no hypervisor has, or none."""
    used = {hypervisor["underlay_ip"] for hypervisor in hypervisors}
    last = network.broadcast_address
    addresses = (str(last - step) for step in range(1, network.num_addresses - 1))
    return next((address for address in addresses if address not in used), "")


def complete(underlay: dict[str, Any], bridge: str | None, switch: dict[str, Any], hypervisors: list[dict[str, Any]]) -> dict[str, Any]:
    """What follows from a topology in which all is well."""
    nodes: list[dict[str, Any]] = []
    endpoints: list[dict[str, Any]] = []
    done: list[dict[str, Any]] = []
    for hypervisor in hypervisors:
        vms = [{"name": vm["name"], "mac": vm["mac"], "ip": str(vm["ip"]), "address": str(vm["ip"].ip)} for vm in hypervisor["vms"]]
        done.append(
            {
                "name": hypervisor["name"],
                "underlay_ip": hypervisor["underlay_ip"],
                "peers": [other["underlay_ip"] for other in hypervisors if other is not hypervisor],
                "vms": vms,
                "ports": [{"name": vm["name"], "mac": vm["mac"], "ip": vm["ip"], "mtu": underlay["mtu"] - VXLAN_OVERHEAD} for vm in vms],
            }
        )
        nodes.append(
            {
                "name": hypervisor["name"],
                "address": f"{hypervisor['underlay_ip']}/{underlay['network'].prefixlen}",
                "interface": underlay["interface"],
            }
        )
        endpoints += [
            {
                "host": hypervisor["name"],
                "physical_switch": bridge,
                "port": vm["name"],
                "vlan": 0,
                "logical_switch": switch["name"],
                "mac": vm["mac"],
                "ip": vm["address"],
                "vtep": hypervisor["underlay_ip"],
            }
            for vm in vms
        ]
    source, target = (dict(hypervisor["vms"][0], hypervisor=hypervisor["name"]) for hypervisor in done[:2])
    return {
        "underlay": dict(underlay, network=str(underlay["network"])),
        "hypervisors": done,
        "nodes": nodes,
        "spare_address": spare_address(underlay["network"], hypervisors),
        "endpoints": endpoints,
        "source": source,
        "target": target,
    }
