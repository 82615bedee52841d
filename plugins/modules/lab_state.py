#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_state
short_description: Look at the emulator of a hypervisor and at its VMs' interfaces
version_added: 0.1.0
description:
  - Returns which processes of the emulators C(vtepd) and C(ovs-vtep) run for a bridge, and the MTU of each VM's interface. Changes nothing.
options:
  bridge:
    description: Bridge that is the VTEP.
    type: str
    default: br0
  ports:
    description: The VMs' interfaces.
    type: list
    elements: dict
    default: []
    suboptions:
      interface:
        description: Name of the interface.
        type: str
        required: true
      namespace:
        description: Network namespace that it is in, as C(ip netns) names it. By default that of the task.
        type: str
  switch:
    description: Whether to look at Open vSwitch, too, and return RV(version), RV(datapath_type), RV(flows) and RV(tunnels).
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction. The module changes nothing in any mode.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Linux
  - C(ip) (iproute2), C(ovs-vsctl)
  - root, with O(ports[].namespace)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Look whether the emulator runs
  vxlanlab.vtep.lab_state:
    bridge: br0
    ports: [{interface: vm1}]
"""

RETURN = r"""
emulators:
  description: The PIDs of the emulators that run for the bridge. One is right.
  returned: success
  type: list
  elements: int
faults:
  description: What the emulator C(vtepd) says of rows that it cannot follow. Empty with C(ovs-vtep), which says nothing of them.
  returned: success
  type: list
  elements: str
tags:
  description:
    - The VLAN of each of O(ports) at its switch (C(tag) in ovs-vswitchd.conf.db(5)), 0 where it is in none. Empty where the database server
      does not answer.
  returned: success
  type: dict
addresses:
  description: The IPv4 addresses of each of O(ports).
  returned: success
  type: dict
own_addresses:
  description: The IPv4 addresses of the host, those in other network namespaces than that of the task left out.
  returned: success
  type: list
  elements: str
  sample: [127.0.0.1, 10.0.0.1]
version:
  description: The version of Open vSwitch.
  returned: with O(switch)
  type: str
  sample: 3.1.0
datapath_type:
  description: The datapath of O(bridge).
  returned: with O(switch)
  type: str
  sample: netdev
flows:
  description:
    - The flows of each bridge, each with C(table), C(priority), C(match) (empty for all packets), C(actions), and C(timeout) in seconds
      (0 for a flow that stays; what a switch has learned goes).
  returned: with O(switch)
  type: dict
tunnels:
  description: The VXLAN tunnels by port, each with C(bridge), C(destination) and C(key).
  returned: with O(switch)
  type: dict
mtus:
  description: The MTU of each of O(ports) in bytes, V(null) where there is no such interface.
  returned: success
  type: dict
"""

import json
import os
import time
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.flows import parse_flows
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.programs import run_command
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import read_ports
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import exists
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import interface_name
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.main import ask

# How long vtepd may take to say how it is.
ANSWER_SECONDS = 5
# The program of an emulator, and the word that comes next where there is one.
PROGRAMS = (("ovs-vtep",), ("vtepd.pyz", "emulate"))


def emulators(bridge: str) -> list[int]:
    """The processes that are ``python ovs-vtep ... BRIDGE`` or ``python vtepd.pyz emulate BRIDGE ...``."""
    found: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = os.fsdecode(file.read()).split("\0")
            with open(f"/proc/{entry}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            continue
        # The shell that holds it names it as well.
        if "python" in os.path.basename(words[0]) and len(words) > 2 and bridge in words[2:]:
            program = (os.path.basename(words[1]), *words[2:])
            if any(program[: len(one)] == one for one in PROGRAMS):
                found[int(entry)] = parent
    # One that begins a program is for a moment a copy of itself.
    return sorted(pid for pid, parent in found.items() if parent not in found)


def say(*words: str) -> str:
    """What a program of Open vSwitch answers."""
    done = run_command(*words)
    if done.returncode:
        raise UserError(f"'{' '.join(words)}' failed: {done.stderr.strip()}. Does Open vSwitch run, and is this root?")
    return done.stdout


def switch(bridge: str) -> dict[str, Any]:
    """Open vSwitch, as a reader wants to see it."""
    bridges = say("ovs-vsctl", "--timeout=10", "list-br").split()
    ports = read_ports(say("ovs-appctl", "--timeout=10", "dpif/show"))
    return {
        "version": say("ovs-vswitchd", "--version").splitlines()[0].split()[-1],
        "datapath_type": say("ovs-vsctl", "--timeout=10", "get", "Bridge", bridge, "datapath_type").strip().strip('"'),
        "flows": {name: parse_flows(say("ovs-ofctl", "--names", "--no-stats", "dump-flows", name)) for name in bridges},
        "tunnels": {
            port.name: {"bridge": where, "destination": port.options.get("remote_ip", ""), "key": port.options.get("key", "0")}
            for (where, _number), port in ports.items()
            if port.type == "vxlan"
        },
    }


def interfaces(*arguments: str, namespace: str | None = None) -> list[dict[str, Any]]:
    """Interfaces with their addresses, in a namespace or, where there is none of this name, in that of the task."""
    inside = ["-n", namespace] if namespace and exists(namespace) else []
    done = run_command("ip", *inside, "-json", "address", "show", *arguments)
    links = json.loads(done.stdout or "[]") if not done.returncode else []
    return [link for link in links if link.get("ifname")]


def addresses(link: dict[str, Any]) -> list[str]:
    """The IPv4 addresses of an interface."""
    return [one["local"] for one in link.get("addr_info", []) if one.get("family") == "inet"]


def tags(names: list[str]) -> dict[str, int]:
    """The VLANs of ports at their switches."""
    if not names:
        return {}
    done = run_command("ovs-vsctl", "--timeout=10", "--format=json", "--columns=name,tag", "list", "Port")
    if done.returncode:
        return {}
    # No tag is an empty set (RFC 7047, section 5.1).
    found = {name: tag for name, tag in json.loads(done.stdout)["data"] if isinstance(tag, int)}
    return {name: found.get(name, 0) for name in names}


def run(options: dict[str, Any]) -> dict[str, Any]:
    check_texts(options)
    accepted(interface_name, "bridge", options["bridge"])
    for port in options["ports"]:
        accepted(interface_name, "ports: interface", port["interface"])
    links = {
        port["interface"]: next(iter(interfaces("dev", port["interface"], namespace=port["namespace"])), {}) for port in options["ports"]
    }
    return {
        **(switch(options["bridge"]) if options["switch"] else {}),
        "changed": False,
        "emulators": emulators(options["bridge"]),
        "faults": (ask(options["bridge"], {}, time.monotonic() + ANSWER_SECONDS) or {}).get("faults", []),
        "tags": tags(list(links)),
        "mtus": {name: link.get("mtu") for name, link in links.items()},
        "addresses": {name: addresses(link) for name, link in links.items()},
        "own_addresses": [address for link in interfaces() for address in addresses(link)],
    }


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "bridge": {"type": "str", "default": "br0"},
            "switch": {"type": "bool", "default": False},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"interface": {"type": "str", "required": True}, "namespace": {"type": "str"}},
            },
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
