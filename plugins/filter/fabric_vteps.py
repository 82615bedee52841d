# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_vteps
short_description: Make the options of vtep_audit from an inventory or from saved databases
version_added: 0.1.0
description:
  - Takes hosts and returns the options C(vteps), C(mlag) and C(other_vteps) of M(vxlanlab.vtep.vtep_audit).
  - With endpoints, each VTEP gets the tables that P(vxlanlab.vtep.overlay_tables#filter) computes for its host, and hosts that are not
    audited are known by their address.
positional: endpoints, service_nodes, mlag
options:
  _input:
    description:
      - The VTEPs, as dictionaries with C(name) and the host variables C(vtep_database), C(vtep_private_key), C(vtep_certificate) and
        C(vtep_ca_cert). C(src) names a saved database instead, and C(unreadable) says why there is none.
      - A list of paths stands for saved databases, each named as its file without the extension.
    type: list
    elements: raw
    required: true
  endpoints:
    description: Endpoints, as the role R(vxlanlab.vtep.vtep_overlay,ansible_collections.vxlanlab.vtep.vtep_overlay_role) takes them.
    type: list
    elements: dict
    default: []
  service_nodes:
    description: IPv4 addresses of service nodes.
    type: list
    elements: str
    default: []
  mlag:
    description: Pairs of hosts that are one VTEP, such as C([[leaf1, leaf2]]). Pairs of hosts that are not audited are left out.
    type: list
    elements: list
    default: []
seealso:
  - module: vxlanlab.vtep.vtep_audit
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Audit what is saved in a folder
  vxlanlab.vtep.vtep_audit:
    vteps: "{{ (query('ansible.builtin.fileglob', 'saved/*') | vxlanlab.vtep.fabric_vteps).vteps }}"
"""

RETURN = r"""
_value:
  description: Options of M(vxlanlab.vtep.vtep_audit).
  type: dict
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.fabric_vteps import fabric_vteps as options_of, saved_hosts
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils.filter_errors import errors_of


@errors_of("fabric_vteps")
def fabric_vteps(
    hosts: Sequence[Any], endpoints: Sequence[dict] = (), service_nodes: Sequence[str] = (), mlag: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    """The options that follow from hosts, or from the paths of saved databases."""
    paths = [str(one) for one in hosts if isinstance(one, str)]
    pairs = [mlag] if mlag else []
    named = [one for one in hosts if not isinstance(one, str)] + saved_hosts(paths)
    return options_of(named, endpoints, mlag, lambda host: overlay_tables(endpoints, host, service_nodes, *pairs))


class FilterModule:
    """Ansible's way to the filter of this file."""

    def filters(self) -> dict[str, Callable]:
        """The filter by name."""
        return {"fabric_vteps": fabric_vteps}
