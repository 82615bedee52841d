#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_ovn
short_description: Set up and look at OVN as the controller of the lab's VTEP
version_added: 0.1.0
description:
  - On the node with OVN's databases, sets up O(switches), logical switches with their ports (C(ovn-nb(5))).
  - On a hypervisor of OVN, sets what C(ovn-controller(8)) is configured with, O(chassis), and says what OVN makes of it.
  - It says on either what is wrong with OVN's daemons.
options:
  switches:
    description: Logical switches. A port of theirs that is not listed is removed; other switches stay.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the switch.
        type: str
        required: true
      tunnel_key:
        description: The VNI of the switch, 1 to 4095.
        type: int
        required: true
      ports:
        description: The ports.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the port. That of a VM is the C(iface-id) of its interface.
            type: str
            required: true
          mac:
            description: MAC address of the VM.
            type: str
          ip:
            description: IP address of the VM, without prefix length.
            type: str
          physical_switch:
            description: Name of a VTEP's physical switch. All that is behind it on this logical switch is behind this port.
            type: str
  chassis:
    description: How a hypervisor of OVN is set up.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      tunnel_ip:
        description: IPv4 address that its tunnels start from.
        type: str
        required: true
      southbound:
        description: Address of OVN's southbound database, such as V(tcp:10.9.0.1:6642).
        type: str
        required: true
      datapath_type:
        description: Datapath of its bridge, C(br-int). By default C(ovn-controller)'s own choice.
        type: str
        choices: [system, netdev]
      interfaces:
        description: Names of the VMs' interfaces, which are those of their ports in OVN.
        type: list
        elements: str
        default: []
  gateways:
    description: Names of the VTEPs that an C(ovn-controller-vtep) runs for on this node, which is then among the daemons that are looked at.
    type: list
    elements: str
    default: []
  state:
    description: V(present) sets up what is given. V(gathered) changes nothing, and with O(chassis), reads what OVN makes of the hypervisor.
    type: str
    choices: [present, gathered]
    default: present
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - root
  - OVN (the packages ovn-central, ovn-host)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Make a logical switch with a VM of OVN and the VTEP br0
  vxlanlab.vtep.lab_ovn:
    switches:
      - name: ls0
        tunnel_key: 500
        ports:
          - {name: vm2, mac: "00:00:00:00:00:02", ip: 192.168.1.2}
          - {name: br0-ls0, physical_switch: br0}
"""

RETURN = r"""
commands:
  description: What was run to make it so, without the program's name where it is C(ovn-nbctl(8)).
  returned: success
  type: list
  elements: list
faults:
  description: What is wrong with OVN's daemons.
  returned: success
  type: list
  elements: str
vtep:
  description: What decides on the hypervisor, in the form of RV(vxlanlab.vtep.vtep_info#module:vtep).
  returned: with O(state=gathered) and O(chassis)
  type: dict
"""

import os
from collections.abc import Mapping
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.programs import run_command
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._ovn import SOUTHBOUND, Port, Switch, changes, rows, switches, tables
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import ipv4, mac, target

RUN = "/run/ovn"
BRIDGE = "br-int"
MOST_KEYS = 4095
SECONDS = "--timeout=10"


def say(*words: str) -> str:
    """What a program of OVN answers."""
    done = run_command(*words)
    if done.returncode:
        raise UserError(f"'{' '.join(words)}' failed: {done.stderr.strip()}. Do OVN's daemons run, and is this root?")
    return done.stdout


def listed(program: tuple[str, ...], table: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows of a table."""
    return rows(say(*program, SECONDS, "--format=json", f"--columns={','.join(columns)}", "list", table))


def read_port(where: str, port: Mapping[str, Any], switch: str) -> Port:
    """A port as it should be."""
    if port["physical_switch"]:
        # What is behind a VTEP, the VTEP has learned, and OVN is not told.
        options = {"vtep-physical-switch": port["physical_switch"], "vtep-logical-switch": switch}
        return Port(port["name"], "vtep", ("unknown",), options)
    check(port["mac"] and port["ip"], f"{where}: mac and ip", None, "both, or physical_switch")
    return Port(port["name"], "", (f"{accepted(mac, where + ': mac', port['mac'])} {accepted(ipv4, where + ': ip', port['ip'])}",))


def northbound(wanted: list[dict[str, Any]], check_mode: bool) -> list[list[str]]:
    """Make the switches what they should be; what was run."""
    made = []
    for number, one in enumerate(wanted):
        where = f"switches[{number}]"
        check(0 < one["tunnel_key"] <= MOST_KEYS, f"{where}: tunnel_key", one["tunnel_key"], f"1 to {MOST_KEYS}")
        ports = tuple(read_port(f"{where}: ports[{at}]", port, one["name"]) for at, port in enumerate(one["ports"]))
        made.append(Switch(one["name"], one["tunnel_key"], ports))
    have = switches(
        listed(("ovn-nbctl",), "Logical_Switch", ("name", "other_config", "ports")),
        listed(("ovn-nbctl",), "Logical_Switch_Port", ("_uuid", "name", "type", "addresses", "options")),
    )
    commands = changes(have, made)
    if commands and not check_mode:
        say("ovn-nbctl", SECONDS, *[word for command in commands for word in ("--", *command)][1:])
    return commands


def configured(chassis: Mapping[str, Any], check_mode: bool) -> list[list[str]]:
    """Set what ovn-controller reads in the database of Open vSwitch; what was run."""
    accepted(ipv4, "chassis: tunnel_ip", chassis["tunnel_ip"])
    accepted(target, "chassis: southbound", chassis["southbound"])
    wanted = {
        "system-id": chassis["name"],
        "ovn-remote": chassis["southbound"],
        "ovn-encap-type": "vxlan",
        "ovn-encap-ip": chassis["tunnel_ip"],
    }
    if chassis["datapath_type"]:
        wanted["ovn-bridge-datapath-type"] = chassis["datapath_type"]
    [have] = listed(("ovs-vsctl",), "Open_vSwitch", ("external_ids",))
    of_ports = {row["name"]: row["external_ids"] for row in listed(("ovs-vsctl",), "Interface", ("name", "external_ids"))}
    missing = [name for name in chassis["interfaces"] if name not in of_ports]
    if missing and not check_mode:
        raise UserError(f"chassis: interfaces: {', '.join(missing)}: there is no such interface. Make it first, with ovs_bridge.")
    commands = [
        ["set", "Open_vSwitch", ".", f'external_ids:{key}="{value}"']
        for key, value in wanted.items()
        if have["external_ids"].get(key) != value
    ]
    commands += [
        ["set", "Interface", name, f'external_ids:iface-id="{name}"']
        for name in chassis["interfaces"]
        if of_ports.get(name, {}).get("iface-id") != name
    ]
    if commands and not check_mode:
        say("ovs-vsctl", SECONDS, *[word for command in commands for word in ("--", *command)][1:])
    return commands


def lives(pidfile: str) -> bool:
    """Whether the process runs that a file in ``RUN`` names."""
    try:
        with open(os.path.join(RUN, pidfile), encoding="ascii") as file:
            os.kill(int(file.read()), 0)
    except (OSError, ValueError):
        return False
    return True


def faults(options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the daemons that should run on this node."""
    found = []
    if options["chassis"]:
        done = run_command(
            "ovs-appctl", "--timeout=5", f"--target={RUN}/ovn-controller.{pid('ovn-controller.pid')}.ctl", "connection-status"
        )
        if done.stdout.strip() != "connected":
            says = done.stdout.strip() or "it does not run"
            found.append(f"ovn-controller is not connected to OVN ({says}). See /var/log/ovn/ovn-controller.log")
    if options["switches"] is not None or options["gateways"]:
        wanted = {"ovnnb_db": "the northbound database", "ovnsb_db": "the southbound database", "ovn-northd": "ovn-northd"}
        wanted |= {f"ovn-controller-vtep-{name}": f"ovn-controller-vtep of {name}" for name in options["gateways"]}
        found += [
            f"{words} does not run: what OVN is told reaches nobody. See /var/log/ovn"
            for one, words in wanted.items()
            if not lives(f"{one}.pid")
        ]
    return found


def pid(file: str) -> str:
    """What a file in ``RUN`` says; nothing where there is none."""
    try:
        with open(os.path.join(RUN, file), encoding="ascii") as opened:
            return opened.read().strip()
    except OSError:
        return ""


def run(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    check_texts(options)
    chassis = options["chassis"]
    gathers = options["state"] == "gathered"
    commands: list[list[str]] = []
    if not gathers:
        commands += northbound(options["switches"], check_mode) if options["switches"] else []
        commands += configured(chassis, check_mode) if chassis else []
    result: dict[str, Any] = {"changed": bool(commands), "commands": commands, "faults": faults(options)}
    if chassis and gathers:
        program = ("ovn-sbctl", f"--db={chassis['southbound']}")
        southbound = {table: listed(program, table, columns) for table, columns in SOUTHBOUND.items()}
        result["vtep"] = tables(southbound, chassis["name"], BRIDGE)
    return result


def main() -> NoReturn:
    port = {
        "name": {"type": "str", "required": True},
        "mac": {"type": "str"},
        "ip": {"type": "str"},
        "physical_switch": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "switches": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "tunnel_key": {"type": "int", "required": True, "no_log": False},
                    "ports": {"type": "list", "elements": "dict", "default": [], "options": port},
                },
            },
            "chassis": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "tunnel_ip": {"type": "str", "required": True},
                    "southbound": {"type": "str", "required": True},
                    "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
                    "interfaces": {"type": "list", "elements": "str", "default": []},
                },
            },
            "gateways": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "gathered"], "default": "present"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
