#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: linux_vtep
short_description: Make a host a VTEP with the Linux kernel's own VXLAN and bridge
version_added: 0.1.0
description:
  - For each logical switch, makes a bridge C(brVNI) with a VXLAN device C(vxVNI), and fills the device's forwarding database, which is what
    a C(hardware_vtep) database is for other VTEPs (C(bridge(8)), C(fdb)). Nothing is learned from the tunnels.
  - Makes the interfaces of VMs, each in a network namespace, as ports of these bridges.
  - O(logical_switches) and O(ports) are complete. What this module made before and is not in them is removed; devices and entries of
    others are left alone.
  - Changes only the running system. The changes are lost when it restarts.
  - The role R(linux_vtep,ansible_collections.vxlanlab.vtep.linux_vtep_role) takes the same list of endpoints as the other VTEPs.
options:
  state:
    description:
      - V(present) makes the VTEP what O(logical_switches) and O(ports) say. V(gathered) changes nothing, and returns what is there.
    type: str
    choices: [present, gathered]
    default: present
  name:
    description: What the whole of the bridges is called in RV(vtep), as a physical switch.
    type: str
    default: br0
  tunnel_ip:
    description: IPv4 address of the VTEP, which tunnels start from. Required with O(state=present).
    type: str
  logical_switches:
    description: The logical switches that this host has ports on. Required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name, up to 200 characters without white space. It is noted as the alias of the VXLAN device.
        type: str
        required: true
      tunnel_key:
        description: The VXLAN network identifier (VNI, RFC 7348, section 5), 0 to 16777215, a different one for each.
        type: int
        required: true
      ports:
        description: The ports on it, by the names that O(ports) has. Their frames have no VLAN tag.
        type: list
        elements: str
        default: []
      unicast:
        description: The MAC addresses behind other VTEPs, as P(vxlanlab.vtep.overlay_tables#filter) returns them.
        type: list
        elements: dict
        default: []
        suboptions:
          mac:
            description: Unicast MAC address.
            type: str
            required: true
          locator:
            description: IPv4 address of the VTEP that it is behind.
            type: str
            required: true
          ipaddr:
            description: The endpoint's address, which the kernel has no use for.
            type: str
      multicast:
        description: Where broadcasts, multicasts and frames for other MAC addresses go.
        type: list
        elements: dict
        default: []
        suboptions:
          mac:
            description: V(unknown-dst), for all of them.
            type: str
            choices: [unknown-dst]
            required: true
          locators:
            description: IPv4 addresses. Each gets a copy.
            type: list
            elements: str
            required: true
  ports:
    description: The VMs' interfaces.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the interface, and of the port that is its other end.
        type: str
        required: true
      mac:
        description: Unicast MAC address of the interface.
        type: str
        required: true
      mtu:
        description: MTU of the interface in bytes, 68 to 65535.
        type: int
        default: 1450
      namespace:
        description:
          - Network namespace of the interface, as C(ip netns) names it. It is made when it is missing. By default it is named like the
            interface.
        type: str
  mtu:
    description: MTU of the bridges and VXLAN devices in bytes, 68 to 65535; 50 less than that of the underlay (RFC 7348).
    type: int
    default: 1450
  underlay_interface:
    description:
      - Interface whose checksum offload is to be off. A packet that a kernel sends over C(veth) to a network namespace or container of the
        same host arrives without a checksum otherwise, and Open vSwitch's datapath in user space drops it. Not needed with other interfaces.
      - With O(state=gathered), it is only looked at, for RV(offload).
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - the programs C(ip) and C(bridge) (iproute2 5.0 or later); with O(underlay_interface) also C(ethtool)
  - the capabilities NET_ADMIN and SYS_ADMIN
seealso:
  - name: bridge(8)
    description: The forwarding databases of Linux.
    link: https://man7.org/linux/man-pages/man8/bridge.8.html
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Join vm2 to the VTEP 10.0.0.1
  vxlanlab.vtep.linux_vtep:
    tunnel_ip: 10.1.0.1
    ports:
      - {name: vm2, mac: "00:00:00:00:00:02"}
    logical_switches:
      - name: ls0
        tunnel_key: 5000
        ports: [vm2]
        unicast: [{mac: "00:00:00:00:00:01", locator: 10.0.0.1}]
        multicast: [{mac: unknown-dst, locators: [10.0.0.1]}]

- name: Look at it
  vxlanlab.vtep.linux_vtep:
    state: gathered
"""

RETURN = r"""
vtep:
  description: >-
    The tables of the VTEP, in the form of RV(vxlanlab.vtep.vtep_info#module:vtep), with the columns that mean something here. In check mode as
    they would be.
  returned: success
  type: dict
  sample:
    physical_switches:
      br0:
        ports:
          vm2:
            vlan_bindings: {"0": ls0}
    logical_switches:
      ls0:
        tunnel_key: 5000
        replication_mode: source_node
        ucast_remote:
          "00:00:00:00:00:01": {locator: 10.0.0.1, ipaddr: ""}
        mcast_remote:
          unknown-dst: {locators: [10.0.0.1]}
offload:
  description: Whether O(underlay_interface) leaves the checksums of what it sends to its hardware (C(tx-checksumming), ethtool(8)).
  returned: with O(state=gathered) and O(underlay_interface)
  type: bool
commands:
  description: The commands that the module gave to C(ip), C(bridge) and C(ethtool), or would give in check mode.
  returned: success
  type: list
  elements: str
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._linux_vtep import Command, Port, State, Switch, plan, state, tables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import exists
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import interface_name, tunnel_ipv4, unicast_mac, vni

NAME = re.compile(r"\S{1,200}")
NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def read_ports(values: Sequence[Mapping[str, Any]]) -> dict[str, Port]:
    """The ports in their normal form, by name."""
    found: dict[str, Port] = {}
    for number, port in enumerate(values):
        where = f"ports[{number}]."
        name = accepted(interface_name, where + "name", port["name"])
        namespace = port["namespace"] or name
        check(name not in found, where + "name", name, "each name once")
        check(NAMESPACE.fullmatch(namespace), where + "namespace", namespace, "the name of a network namespace: letters, digits and _ . -")
        check_range(where + "mtu", port["mtu"], 68, 65535, "Use {} bytes.")
        found[name] = Port(name, accepted(unicast_mac, where + "mac", port["mac"]), port["mtu"], namespace)
    return found


def read_switches(values: Sequence[Mapping[str, Any]], ports: Mapping[str, Port]) -> list[Switch]:
    """The logical switches in their normal form."""
    found: list[Switch] = []
    on: dict[str, str] = {}
    for number, switch in enumerate(values):
        where = f"logical_switches[{number}]."
        check(NAME.fullmatch(switch["name"]), where + "name", switch["name"], "1 to 200 characters without white space")
        key = accepted(vni, where + "tunnel_key", switch["tunnel_key"])
        for other in found:
            check(other.name != switch["name"], where + "name", switch["name"], "each name once")
            check(other.vni != key, where + "tunnel_key", key, f"another number than that of {other.name}")
        for port in switch["ports"]:
            check(port in ports, where + "ports", port, f"one of the names in ports: {', '.join(ports) or 'there is none'}")
            check(port not in on, where + "ports", port, f"one that is not on {on.get(port)} too")
            on[port] = switch["name"]
        unicast = {
            accepted(unicast_mac, f"{where}unicast[{index}].mac", one["mac"]): accepted(
                tunnel_ipv4, f"{where}unicast[{index}].locator", one["locator"]
            )
            for index, one in enumerate(switch["unicast"])
        }
        flood = frozenset(accepted(tunnel_ipv4, f"{where}multicast", one) for entry in switch["multicast"] for one in entry["locators"])
        found.append(Switch(switch["name"], key, frozenset(switch["ports"]), unicast, flood))
    unused = [name for name in ports if name not in on]
    check(not unused, "ports", ", ".join(unused), "ports that a logical switch has among its ports")
    return found


class Host:
    """The running system."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module

    def run(self, words: list[str], data: str | None = None) -> str:
        """What a command says; ``UserError`` where it fails."""
        program = self.module.get_bin_path(words[0], required=True, opt_dirs=["/usr/sbin", "/sbin"])
        status, out, err = self.module.run_command([program, *words[1:]], data=data)
        if status:
            what = f"{' '.join(words)}" + (f" ({data.strip()})" if data else "")
            raise UserError(f"'{what}' failed: {err.strip()}. It takes the capabilities NET_ADMIN and SYS_ADMIN: use become.")
        return out

    def json(self, words: list[str]) -> list[dict[str, Any]]:
        """The same of a command that answers in JSON. Old versions answer with nothing, or an empty entry, where there is nothing."""
        return [entry for entry in json.loads(self.run(words) or "[]") if entry]

    def look(self, ports: Mapping[str, Port]) -> State:
        """What is there."""
        links = self.json(["ip", "-d", "-json", "link", "show"])
        names = {link["ifname"] for link in links}
        there = {name: self.end(port) for name, port in ports.items() if name in names and exists(port.namespace)}
        return state(links, self.json(["bridge", "-json", "fdb", "show"]), {name: end for name, end in there.items() if end})

    def end(self, port: Port) -> Port | None:
        """The VM's end of a port, where it is there."""
        for link in self.json(["ip", "-n", port.namespace, "-json", "link", "show"]):
            if link["ifname"] == port.name:
                return Port(port.name, link["address"], link["mtu"], port.namespace)
        return None

    def offloads(self, interface: str) -> bool:
        """Whether an interface leaves checksums to its hardware."""
        return "tx-checksumming: on" in self.run(["ethtool", "-k", interface])

    def carry_out(self, commands: Sequence[Command]) -> None:
        """As few processes as their order allows."""
        for program, lines in itertools.groupby(commands, lambda command: command.program):
            self.run([*program.split(), "-batch", "-"], "".join(f"{command.line}\n" for command in lines))


def apply(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    host = Host(module)
    interface = params["underlay_interface"]
    if interface is not None:
        accepted(interface_name, "underlay_interface", interface)
    if params["state"] == "gathered":
        seen = {} if interface is None else {"offload": host.offloads(interface)}
        return {"changed": False, "commands": [], "vtep": tables(params["name"], host.look({}).switches.values()), **seen}
    ports = read_ports(params["ports"])
    switches = read_switches(params["logical_switches"], ports)
    tunnel_ip = accepted(tunnel_ipv4, "tunnel_ip", params["tunnel_ip"])
    check_range("mtu", params["mtu"], 68, 65535, "Use {} bytes.")
    before = host.look(ports)
    namespaces = sorted({port.namespace for port in ports.values() if not exists(port.namespace)})
    commands = plan(switches, ports, tunnel_ip, params["mtu"], before)
    loud = interface is not None and host.offloads(interface)
    shown = [f"ip netns add {namespace}" for namespace in namespaces] + [f"{program} {line}" for program, line in commands]
    shown += [f"ethtool -K {interface} tx off"] if loud else []
    after = before
    if not module.check_mode:
        for namespace in namespaces:
            host.run(["ip", "netns", "add", namespace])
            host.run(["ip", "-n", namespace, "link", "set", "dev", "lo", "up"])
        if loud:
            host.run(["ethtool", "-K", interface, "tx", "off"])
        host.carry_out(commands)
        after = host.look(ports)
    found = tables(params["name"], switches if module.check_mode else after.switches.values())
    diff = {"before": tables(params["name"], before.switches.values()), "after": found}
    return {"changed": bool(shown), "vtep": found, "commands": shown, **({"diff": diff} if module._diff else {})}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "gathered"], "default": "present"},
            "name": {"type": "str", "default": "br0"},
            "tunnel_ip": {"type": "str"},
            "logical_switches": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "tunnel_key": {"type": "int", "required": True, "no_log": False},
                    "ports": {"type": "list", "elements": "str", "default": []},
                    "unicast": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "mac": {"type": "str", "required": True},
                            "locator": {"type": "str", "required": True},
                            "ipaddr": {"type": "str"},
                        },
                    },
                    "multicast": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "mac": {"type": "str", "choices": ["unknown-dst"], "required": True},
                            "locators": {"type": "list", "elements": "str", "required": True},
                        },
                    },
                },
            },
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "mac": {"type": "str", "required": True},
                    "mtu": {"type": "int", "default": 1450},
                    "namespace": {"type": "str"},
                },
            },
            "mtu": {"type": "int", "default": 1450},
            "underlay_interface": {"type": "str"},
        },
        required_if=[("state", "present", ["tunnel_ip", "logical_switches"])],
        supports_check_mode=True,
    )
    finish(module, lambda: apply(module))


if __name__ == "__main__":
    main()
