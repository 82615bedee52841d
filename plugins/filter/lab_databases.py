# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_databases
short_description: Make up VTEPs that are databases only, for a controller of the lab
version_added: 0.1.0
description:
  - Makes up VTEPs with one logical switch, C(databases), that has none of the lab's names and VNIs, so that nothing of theirs concerns the
    VTEPs of the lab. Each has two ports on it, the second one with a VLAN tag, and one address behind each port.
  - Their tunnel IPs are in 198.18.0.0/15, which no network uses (RFC 2544, appendix C.2.2).
positional: count
options:
  _input:
    description: The topology, as P(vxlanlab.vtep.lab_topology#filter) completes it.
    type: dict
    required: true
  count:
    description: How many VTEPs, 2 to 250.
    type: int
    required: true
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Say what a controller has to write for 100 VTEPs
  ansible.builtin.debug:
    msg: "{{ (lab_topology | vxlanlab.vtep.lab_databases(100)).wanted }}"
"""

RETURN = r"""
_value:
  description: The VTEPs, and what they need.
  type: dict
  contains:
    databases:
      description: The VTEPs, as O(vxlanlab.vtep.lab_databases#module:databases) takes them.
      type: list
    switches:
      description: The logical switch, as O(vxlanlab.vtep.vtep_audit#module:switches) takes it.
      type: list
    endpoints:
      description: What is behind the VTEPs, see P(vxlanlab.vtep.overlay_tables#filter).
      type: list
    wanted:
      description: By VTEP, C(tunnel_ip) and the tables that the controller has to write, as those of P(vxlanlab.vtep.lab_topology#filter).
      type: dict
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_config import config_of
from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.endpoints import read_overlay, read_switches
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of

COUNT = Integer(2, 250)
NETWORK = ipaddress.IPv4Network("198.18.0.0/15")
SWITCH = "databases"
#: A port's name -> the VLAN on it that is bound.
PORTS = {"port1": 0, "port2": 10}


@errors_of("lab_databases")
def lab_databases(topology: Mapping[str, Any], count: Any) -> dict[str, Any]:
    """The VTEPs, and what they need."""
    number_of = accepted(COUNT, "fault_vteps", count)
    if SWITCH in {one["name"] for one in topology["logical_switches"]}:
        raise UserError(f"lab_logical_switches: {SWITCH} is the logical switch of VTEPs that are databases only. Call yours otherwise.")
    taken = next((one for one in topology["underlay"]["networks"] if ipaddress.IPv4Network(one).overlaps(NETWORK)), None)
    if taken:
        raise UserError(
            f"lab_underlay: network: {taken} has addresses of {NETWORK}, that of VTEPs that are databases only. Use another one."
        )
    used = {one["tunnel_key"] for one in topology["logical_switches"]}
    switches = [{"name": SWITCH, "tunnel_key": next(key for key in range(1, len(used) + 2) if key not in used)}]
    names = {f"db{number}": number for number in range(1, number_of + 1)}
    taken = next((one["name"] for one in topology["hypervisors"] if one["name"] in names), None)
    if taken:
        raise UserError(f"lab_hypervisors: {taken} is the name of a VTEP that is a database only. Call yours otherwise.")
    address_of = {name: str(NETWORK[number]) for name, number in names.items()}
    endpoints = [
        {
            "host": name,
            "physical_switch": name,
            "port": port,
            "vlan": vlan,
            "logical_switch": SWITCH,
            "mac": f"02:db:{number >> 8:02x}:{number & 255:02x}:00:{at:02x}",
            "ip": f"172.{15 + at}.{number >> 8}.{number & 255}",
            "vtep": address_of[name],
        }
        for name, number in names.items()
        for at, (port, vlan) in enumerate(PORTS.items(), 1)
    ]
    overlay = read_overlay(endpoints, (), ())
    keys = read_switches(switches, overlay.endpoints)
    return {
        "databases": [{"name": name, "tunnel_ip": address, "ports": list(PORTS)} for name, address in address_of.items()],
        "switches": switches,
        "endpoints": endpoints,
        "wanted": {name: {"tunnel_ip": address, **config_of(name, overlay, keys)} for name, address in address_of.items()},
    }


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by name."""
        return {"lab_databases": lab_databases}
