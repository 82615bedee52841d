#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: Manage an Open vSwitch bridge and its ports
version_added: 0.1.0
description:
  - Creates or changes a bridge and its ports in the Open_vSwitch database in one transaction, or deletes the bridge. Corresponds
    to C(ovs-vsctl add-br), C(add-port), C(set) and C(del-br).
  - The task ends when C(ovs-vswitchd) has applied the change and every port in O(ports) has an OpenFlow port number. If a port does
    not get one, for example because its device is missing, the task fails and removes what it added.
  - The module does not change ports that already match, nor ports that are not in O(ports).
options:
  name:
    description:
      - Name of the bridge, 1 to 15 characters without white space or C(/).
    type: str
    required: true
  state:
    description:
      - V(present) creates or changes the bridge, V(absent) deletes it.
    type: str
    choices: [present, absent]
    default: present
  datapath_type:
    description:
      - V(system) is the datapath in the kernel, V(netdev) the one in user space. Changing it recreates all ports of the bridge.
    type: str
    choices: [system, netdev]
  fail_mode:
    description:
      - Behavior of the bridge without a controller. With V(standalone), it forwards like an ordinary learning switch. With
        V(secure), it forwards only according to its flows.
    type: str
    choices: [standalone, secure]
  other_config:
    description:
      - Settings to add or change, as a dictionary of strings. All others stay.
    type: dict
    default: {}
  external_ids:
    description:
      - External identifiers to add or change, as a dictionary of strings. All others stay.
    type: dict
    default: {}
  ports:
    description:
      - Ports that the bridge must have.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the port and of its interface, 1 to 15 characters without white space or C(/).
        type: str
        required: true
      type:
        description:
          - V(internal) creates a network device of this name on the host, V(system) uses an existing one, V(vxlan) is a tunnel.
        type: str
        choices: [internal, system, vxlan]
        default: internal
      mac:
        description:
          - Unicast MAC address of the device, with colons, dashes, dots or no separators, in upper or lower case. For internal ports
            only.
        type: str
      mtu:
        description:
          - Size of the largest IP packet on the device in bytes, 68 to 65535. For internal ports only.
        type: int
      options:
        description:
          - The tunnel's options, all of them, as a dictionary of strings; such as C(remote_ip) and C(key) (ovs-vswitchd.conf.db(5)). For
            tunnels only, which need C(remote_ip).
        type: dict
      tag:
        description:
          - VLAN of an access port, 1 to 4094. Where the bridge forwards like an ordinary switch, the port's own frames are in this VLAN and have
            no tag (ovs-vswitchd.conf.db(5)). If this is left out, the module does not change it.
        type: int
  database:
    description:
      - Address of the OVSDB server, C(unix:PATH) or C(tcp:HOST:PORT).
    type: str
    default: unix:/var/run/openvswitch/db.sock
  timeout:
    description:
      - Seconds to wait for the server, and again for C(ovs-vswitchd). Must be greater than 0.
    type: float
    default: 10
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - python >= 3.10
  - ovsdbapp
seealso:
  - name: Open_vSwitch database schema
    description: The manual page ovs-vswitchd.conf.db(5).
    link: https://www.openvswitch.org/support/dist-docs/ovs-vswitchd.conf.db.5.html
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Create a bridge with the port of one VM, which forwards only according to its flows
  vxlanlab.vtep.ovs_bridge:
    name: br0
    datapath_type: netdev
    fail_mode: secure
    ports:
      - name: vm1
        mac: "00:00:00:00:00:01"
        mtu: 1450

- name: Delete the bridge with all its ports
  vxlanlab.vtep.ovs_bridge:
    name: br0
    state: absent
"""

RETURN = r"""
bridge:
  description: The bridge after the task. Empty if it does not exist.
  returned: success
  type: dict
  sample:
    name: br0
    datapath_type: netdev
    fail_mode: secure
    other_config: {}
    external_ids: {}
    ports:
      - {name: vm1, type: internal, mac: "00:00:00:00:00:01", mtu: 1450, ofport: 1}
ports_added:
  description: Names of the ports that the task created.
  returned: success
  type: list
  elements: str
  sample: [vm1]
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer, interface_name, unicast_mac, worded
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vswitch import Bridge, Port, Vswitch, plan

read_mac = worded(unicast_mac, "expected a unicast MAC address such as 00:00:00:00:00:01, in quotes")
read_mtu = Integer(68, 65535)
read_tag = Integer(1, 4094)


def wanted_bridge(params: Mapping[str, Any]) -> Bridge:
    """The options as a bridge; ``UserError`` where one of them is not accepted."""
    accepted(interface_name, "name", params["name"])
    check(params["timeout"] > 0, "timeout", params["timeout"], "a number of seconds above 0")
    ports: dict[str, Port] = {}
    for index, port in enumerate(params["ports"]):
        label = f"ports[{index}]."
        name = accepted(interface_name, label + "name", port["name"])
        check(name not in ports and name != params["name"], label + "name", name, "a name that is used once")
        mac = None if port["mac"] is None else accepted(read_mac, label + "mac", port["mac"])
        mtu = None if port["mtu"] is None else accepted(read_mtu, label + "mtu", port["mtu"])
        tag = None if port["tag"] is None else accepted(read_tag, label + "tag", port["tag"])
        internal = port["type"] == "internal"
        for option, value in (("mac", mac), ("mtu", mtu)):
            check(internal or value is None, label + option, value, "no value, since the port is not internal")
        options = None if port["options"] is None else {str(key): str(value) for key, value in port["options"].items()}
        tunnel = port["type"] == "vxlan"
        check(tunnel or options is None, label + "options", options, "no value, since the port is not a tunnel")
        check(not tunnel or "remote_ip" in (options or {}), label + "options", options, "remote_ip, which a tunnel needs")
        ports[name] = Port("" if port["type"] == "system" else port["type"], mac, mtu, options, tag)
    maps = {option: {str(key): str(value) for key, value in params[option].items()} for option in ("other_config", "external_ids")}
    return Bridge(params["datapath_type"], params["fail_mode"], ports=ports, **maps)


def shown(name: str, bridge: Bridge | None) -> dict[str, Any]:
    """A bridge as the result shows it."""
    if bridge is None:
        return {}
    ports = [
        {"name": port, "type": row.type or "system", "mac": row.mac, "mtu": row.mtu_request, "ofport": row.ofport}
        | ({"options": row.options} if row.options else {})
        | ({"tag": row.tag} if row.tag else {})
        for port, row in sorted(bridge.ports.items())
    ]
    return {**dataclasses.asdict(bridge), "name": name, "ports": ports}


def predicted(wanted: Bridge, current: Bridge | None) -> Bridge:
    """The bridge as the changes would leave it."""
    have = current or Bridge()
    ports = dict(have.ports)
    for name, port in wanted.ports.items():
        managed = {column: value for column, value in dataclasses.asdict(port).items() if value is not None}
        ports[name] = dataclasses.replace(have.ports.get(name, Port()), **managed)
    return Bridge(
        wanted.datapath_type or have.datapath_type,
        wanted.fail_mode or have.fail_mode,
        have.other_config | wanted.other_config,
        have.external_ids | wanted.external_ids,
        ports,
    )


def without_numbers(answer: dict[str, Any]) -> dict[str, Any]:
    """For the diff, which is the same before and after ovs-vswitchd numbers the ports."""
    return (
        {**answer, "ports": [{key: value for key, value in port.items() if key != "ofport"} for port in answer["ports"]]} if answer else {}
    )


def make(module: AnsibleModule, vswitch: Vswitch, name: str, wanted: Bridge) -> dict[str, Any]:
    current = vswitch.read(name)
    for port in wanted.ports:
        owner = vswitch.bridge_of(port)
        check(owner in (None, name), "ports", port, f"a port that is free, but it is on bridge {owner}")
    changes = plan(wanted, current)
    after: Bridge | None = predicted(wanted, current)
    if not module.check_mode:
        if changes:
            vswitch.commit(name, changes)
        elif current and any(current.ports[port].ofport is None for port in wanted.ports):
            vswitch.settle(name)
        after = vswitch.read(name)
        ports = after.ports if after else {}
        dead = [port for port in wanted.ports if port not in ports or (ports[port].ofport or -1) < 0]
        if dead:
            problems = "; ".join(why(ports.get(port), port, vswitch.timeout) for port in dead)
            vswitch.undo(name, changes)
            raise UserError(f"ports: {problems}")
    return {"changed": bool(changes), "ports_added": changes.added, **outcome(module, name, current, after)}


def why(port: Port | None, name: str, timeout: float) -> str:
    """Why a port has no number."""
    if port and port.ofport is not None:
        return (
            f"ovs-vswitchd cannot use {name}: {port.error or 'see its log'}; an internal port needs /dev/net/tun, a system port its device"
        )
    return f"ovs-vswitchd gave {name} no port number in {timeout:g} s; check that it runs, and its log"


def drop(module: AnsibleModule, vswitch: Vswitch, name: str) -> dict[str, Any]:
    current = vswitch.read(name)
    if current and not module.check_mode:
        vswitch.remove(name)
    return {"changed": current is not None, "ports_added": [], **outcome(module, name, current, None)}


def outcome(module: AnsibleModule, name: str, before: Bridge | None, after: Bridge | None) -> dict[str, Any]:
    diff = {"before": without_numbers(shown(name, before)), "after": without_numbers(shown(name, after))}
    return {"bridge": shown(name, after), **({"diff": diff} if module._diff else {})}


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    wanted = wanted_bridge(params)
    vswitch = Vswitch(params["database"], params["timeout"])
    if params["state"] == "absent":
        return drop(module, vswitch, params["name"])
    return make(module, vswitch, params["name"], wanted)


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
            "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
            "other_config": {"type": "dict", "default": {}},
            "external_ids": {"type": "dict", "default": {}},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "type": {"type": "str", "choices": ["internal", "system", "vxlan"], "default": "internal"},
                    "mac": {"type": "str"},
                    "mtu": {"type": "int"},
                    "options": {"type": "dict"},
                    "tag": {"type": "int"},
                },
            },
            "database": {"type": "str", "default": "unix:/var/run/openvswitch/db.sock"},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
