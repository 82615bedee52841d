#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_host_info
short_description: Look at what a host has for Open vSwitch
version_added: 1.0.0
description:
  - Returns what decides how Open vSwitch is installed on a host, who starts it, and how its bridges are made. Open vSwitch need not be there.
options:
  database:
    description: Path of the file that holds the database of C(ovs-vswitchd).
    type: path
    default: /etc/openvswitch/conf.db
  packages:
    description: Names of Debian packages to look for.
    type: list
    elements: str
    default: []
  paths:
    description: Paths to look for, absolute ones.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode). The module only reads.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - C(ovsdb-tool) and C(ovs-appctl) (openvswitch-common), for RV(host.datapath_types) and RV(host.databases)
  - C(ip) (iproute2), for RV(host.interfaces)
  - C(dpkg-query), for RV(host.packages)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Look at the host
  vxlanlab.vtep.ovs_host_info:
  register: looked

- name: Say which datapath its bridges have
  ansible.builtin.debug:
    var: looked.host.datapath_types
"""

RETURN = r"""
host:
  description: What the host has.
  returned: success
  type: dict
  contains:
    user_id:
      description: Number of the user as whom the module runs. V(0) is root.
      type: int
    python:
      description: Path of the Python that runs the module.
      type: str
    distribution:
      description: Name of the distribution, as Ansible's facts have it.
      type: str
    release:
      description: Number of its release. Empty for one that has none.
      type: str
    init:
      description: Name of the process with the number 1.
      type: str
    datapath_types:
      description:
        - The types of datapath that the bridges in O(database) have, each once. An empty one is V(system), as in
          ovs-vswitchd.conf.db(5).
        - Empty where there are no bridges, or no Open vSwitch.
      type: list
      elements: str
    kernel_vxlan:
      description: Whether the kernel has loaded Open vSwitch's ports for VXLAN.
      type: bool
    tun:
      description: Whether there is the device F(/dev/net/tun), which the userspace datapath makes its ports with.
      type: bool
    databases:
      description: Names of the databases that C(ovsdb-server) serves. V(null) where it does not answer.
      type: list
      elements: str
    interfaces:
      description: The network interfaces with their addresses, as C(ip -json address show) prints them. V(null) where there is no C(ip).
      type: list
      elements: dict
    packages:
      description: Those of O(packages) that are installed.
      type: list
      elements: str
    paths:
      description: Those of O(paths) that exist.
      type: list
      elements: str
  sample:
    user_id: 0
    python: /usr/bin/python3
    distribution: Debian
    release: "12.12"
    init: systemd
    datapath_types: [netdev]
    kernel_vxlan: false
    tun: true
    databases: [Open_vSwitch, _Server]
    interfaces:
      - ifname: lo
        address: "00:00:00:00:00:00"
        mtu: 65536
        addr_info: [{family: inet, local: 127.0.0.1, prefixlen: 8}]
    packages: [openvswitch-switch]
    paths: []
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.sys_info import get_distribution, get_distribution_version

from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish

BRIDGES = json.dumps(["Open_vSwitch", {"op": "select", "table": "Bridge", "where": [], "columns": ["datapath_type"]}])


def told(module: AnsibleModule, *command: str) -> str | None:
    """What a program prints; ``None`` where it is missing or fails."""
    program = module.get_bin_path(command[0])
    status, output, _errors = module.run_command([program, *command[1:]]) if program else (1, "", "")
    return None if status else output


def datapath_types(module: AnsibleModule) -> list[str]:
    output = told(module, "ovsdb-tool", "query", module.params["database"], BRIDGES)
    # There is no such database yet.
    if output is None:
        return []
    return sorted({row["datapath_type"] or "system" for row in json.loads(output)[0]["rows"]})


def databases(module: AnsibleModule) -> list[str] | None:
    output = told(module, "ovs-appctl", "--timeout=10", "--target=ovsdb-server", "ovsdb-server/list-dbs")
    return None if output is None else sorted(output.split())


def interfaces(module: AnsibleModule) -> list[dict[str, Any]] | None:
    output = told(module, "ip", "-json", "address", "show")
    return None if output is None else json.loads(output)


def packages(module: AnsibleModule) -> list[str]:
    wanted = module.params["packages"]
    program = module.get_bin_path("dpkg-query")
    if not wanted or not program:
        return []
    # It fails where one of them is unknown, and tells of the others.
    _status, output, _errors = module.run_command([program, "--show", "--showformat=${Package} ${db:Status-Status}\\n", "--", *wanted])
    installed = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name in installed]


def run(module: AnsibleModule) -> dict[str, Any]:
    return {
        "host": {
            "user_id": os.geteuid(),
            "python": sys.executable,
            "distribution": get_distribution(),
            "release": get_distribution_version() or "",
            "init": Path("/proc/1/comm").read_text(encoding="utf-8").strip(),
            "datapath_types": datapath_types(module),
            "kernel_vxlan": Path("/sys/module/vport_vxlan").exists(),
            "tun": Path("/dev/net/tun").is_char_device(),
            "databases": databases(module),
            "interfaces": interfaces(module),
            "packages": packages(module),
            "paths": [path for path in module.params["paths"] if os.path.lexists(path)],
        }
    }


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "default": "/etc/openvswitch/conf.db"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "paths": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
