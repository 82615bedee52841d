# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab by hand: the stages in which a VTEP comes about, and the commands of each, as the seed has them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypedDict

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended

#: Each is what is there at its end.
STAGES = BRIDGE, EMULATOR, SWITCH, BINDING, REMOTES = ("bridge", "emulator", "switch", "binding", "remotes")
DATABASE = "/etc/openvswitch/vtep.db"
SCHEMA = "/usr/share/openvswitch/vtep.ovsschema"
#: With the distribution's Python, which has the library ovs.
OVS_VTEP = "/usr/bin/python3 /usr/share/openvswitch/scripts/ovs-vtep"

TITLES = {
    EMULATOR: "Serve the VTEP database, register the switch, and run the emulator",
    SWITCH: "Make the logical switches, each with its VNI",
    BINDING: "Bind the VMs' ports to them",
    REMOTES: "Say behind which VTEP the other VMs are, and where broadcasts go",
}
#: What shows the difference, before and after.
LOOK = {
    EMULATOR: "ovs-vsctl show",
    SWITCH: "vtep-ctl list Logical_Switch",
    BINDING: "vtep-ctl list-bindings {bridge} {port}",
    REMOTES: "ovs-vsctl show",
}


class Stage(TypedDict):
    """What makes a stage of the one before it."""

    name: str
    title: str
    #: By node.
    commands: dict[str, list[str]]
    look: dict[str, str]
    #: An Ansible task or two that do the same on the first node, as YAML.
    tasks: str


def until(topology: Mapping[str, Any], last: str) -> list[Stage]:
    """What is left to do after a stage. Raises ``UserError`` for a stage that there is not, and for a lab that it is not made for."""
    if last not in STAGES:
        raise UserError(f"lab_until: {last!r} is no stage. Use {', '.join(STAGES)}, or leave it out.")
    if topology.get("controller"):
        raise UserError("lab_until: the rows are those of a controller (lab_controller), not made by hand; use another scenario.")
    for hypervisor in topology["hypervisors"]:
        if hypervisor["kind"] == "linux":
            raise UserError(
                f"lab_until: {hypervisor['name']} is a VTEP of the Linux kernel, which has no VTEP database; use another scenario."
            )
    return [_stage(topology, stage) for stage in STAGES[STAGES.index(last) + 1 :]]


def tables(topology: Mapping[str, Any], last: str, host: str) -> dict[str, Any]:
    """The rows that are there at the end of a stage, as vtep_config takes them."""
    place = STAGES.index(last)
    whole = intended(topology)[host]
    there: dict[str, Any] = {}
    if place >= STAGES.index(SWITCH):
        there["logical_switches"] = {
            name: {column: switch[column] for column in ("tunnel_key", "replication_mode")}
            for name, switch in whole["logical_switches"].items()
        }
    if place >= STAGES.index(BINDING):
        there["physical_switches"] = whole["physical_switches"]
    return there


def _stage(topology: Mapping[str, Any], name: str) -> Stage:
    hosts = [hypervisor["name"] for hypervisor in topology["hypervisors"]]
    first = topology["hypervisors"][0]
    whole = intended(topology)
    look = {
        hypervisor["name"]: LOOK[name].format(bridge=topology["bridge"], port=hypervisor["vms"][0]["port"])
        for hypervisor in topology["hypervisors"]
    }
    return {
        "name": name,
        "title": TITLES[name],
        "commands": {host: list(_COMMANDS[name](topology, host, whole[host])) for host in hosts},
        "look": look,
        "tasks": "\n".join(_TASKS[name](topology, first["name"], whole[first["name"]])),
    }


Commands = Callable[[Mapping[str, Any], str, Mapping[str, Any]], Iterator[str]]


def _emulator(topology: Mapping[str, Any], host: str, unused: Mapping[str, Any]) -> Iterator[str]:
    bridge = topology["bridge"]
    [address] = [hypervisor["underlay_ip"] for hypervisor in topology["hypervisors"] if hypervisor["name"] == host]
    yield f"ovsdb-tool create {DATABASE} {SCHEMA}"
    yield f"ovs-appctl --target=ovsdb-server ovsdb-server/add-db {DATABASE}"
    yield f"vtep-ctl add-ps {bridge}"
    yield f"vtep-ctl set Physical_Switch {bridge} tunnel_ips={address}"
    yield f"{OVS_VTEP} --log-file --pidfile --detach {bridge}"


def _switch(unused: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for name, switch in whole["logical_switches"].items():
        yield f"vtep-ctl add-ls {name}"
        yield f"vtep-ctl set Logical_Switch {name} tunnel_key={switch['tunnel_key']} replication_mode={switch['replication_mode']}"


def _binding(topology: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for bridge, switch in whole["physical_switches"].items():
        for port, columns in switch["ports"].items():
            for vlan, name in columns["vlan_bindings"].items():
                yield f"vtep-ctl bind-ls {bridge} {port} {vlan} {name}"


def _remotes(topology: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for name, switch in whole["logical_switches"].items():
        for mac, columns in switch["ucast_remote"].items():
            yield f"vtep-ctl add-ucast-remote {name} {mac} {columns['locator']}"
        for mac, columns in switch["mcast_remote"].items():
            for locator in columns["locators"]:
                yield f"vtep-ctl add-mcast-remote {name} {mac} {locator}"


def _emulator_task(topology: Mapping[str, Any], host: str, unused: Mapping[str, Any]) -> Iterator[str]:
    first = topology["hypervisors"][0]
    yield "- ansible.builtin.import_role: {name: vxlanlab.vtep.vtep_emulator}"
    yield "  vars:"
    yield f"    vtep_emulator_bridge: {topology['bridge']}"
    yield f"    vtep_emulator_tunnel_ip: {first['underlay_ip']}"
    yield f"    vtep_emulator_underlay_interface: {topology['underlay']['interface']}"


def _switch_task(unused: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for name, switch in whole["logical_switches"].items():
        options = f"name: {name}, tunnel_key: {switch['tunnel_key']}, replication_mode: {switch['replication_mode']}"
        yield f"- vxlanlab.vtep.vtep_logical_switch: {{{options}}}"


def _binding_task(topology: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for bridge, switch in whole["physical_switches"].items():
        for port, columns in switch["ports"].items():
            for vlan, name in columns["vlan_bindings"].items():
                options = f"physical_switch: {bridge}, port: {port}, vlan: {vlan}, logical_switch: {name}"
                yield f"- vxlanlab.vtep.vtep_binding: {{{options}}}"


def _remotes_task(topology: Mapping[str, Any], host: str, whole: Mapping[str, Any]) -> Iterator[str]:
    for name, switch in whole["logical_switches"].items():
        for mac, columns in switch["ucast_remote"].items():
            yield f'- vxlanlab.vtep.vtep_ucast_remote: {{logical_switch: {name}, mac: "{mac}", locator: {columns["locator"]}}}'
        for mac, columns in switch["mcast_remote"].items():
            yield f"- vxlanlab.vtep.vtep_mcast_remote: {{logical_switch: {name}, mac: {mac}, locators: [{', '.join(columns['locators'])}]}}"


_COMMANDS: dict[str, Commands] = {EMULATOR: _emulator, SWITCH: _switch, BINDING: _binding, REMOTES: _remotes}
_TASKS: dict[str, Commands] = {EMULATOR: _emulator_task, SWITCH: _switch_task, BINDING: _binding_task, REMOTES: _remotes_task}
