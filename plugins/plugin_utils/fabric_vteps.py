# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VTEPs of an inventory, or of a folder of saved databases, as the module vtep_audit takes them. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import tunnel_ipv4

#: A host's variable -> the option of the module.
CONNECTION = {
    "vtep_database": "database",
    "vtep_private_key": "private_key",
    "vtep_certificate": "certificate",
    "vtep_ca_cert": "ca_cert",
}

Data = dict[str, Any]


def fabric_vteps(
    hosts: Sequence[Mapping[str, Any]], endpoints: Sequence[Data], mlag: Sequence[Sequence[str]], tables: Callable[[str], Data]
) -> Data:
    """Options of vtep_audit that follow from the hosts and the endpoints: ``vteps``, ``mlag`` and ``other_vteps``.

    ``hosts``: each with ``name``, and what is known of how to read it. ``tables``: what computes a host's tables from the endpoints, or
    raises ``UserError`` where these are not as they should be.
    """
    names = [host["name"] for host in hosts]
    for pair in [mlag] if isinstance(mlag, str) else mlag:
        check(isinstance(pair, (list, tuple)), "mlag", pair, "lists of hosts, such as [[leaf1, leaf2]]")
    wanted = {name: tables(name) for name in names} if endpoints else {}
    address_of = {str(one["host"]): tunnel_ipv4(one["vtep"]) for one in endpoints}
    vteps = []
    for host in hosts:
        one = {option: host[variable] for variable, option in CONNECTION.items() if host.get(variable)}
        for option in ("src", "unreadable"):
            if host.get(option):
                # The database is reached in another way than by its address.
                one = {option: host[option]}
        one["name"] = host["name"]
        if host["name"] in wanted:
            one["wanted"] = wanted[host["name"]]
            one["tunnel_ips"] = [address_of[host["name"]]] if host["name"] in address_of else []
        vteps.append(one)
    return {
        "vteps": vteps,
        "mlag": [group for pair in mlag if len(group := [name for name in pair if name in names]) > 1],
        "other_vteps": sorted({address for name, address in address_of.items() if name not in names}),
    }


def saved_hosts(paths: Iterable[str]) -> list[Data]:
    """A host for each saved database: it is called as its file, without what is behind the last dot."""
    found: dict[str, str] = {}
    for path in sorted(paths):
        name = os.path.splitext(os.path.basename(path))[0]
        if name in found:
            raise UserError(f"{path} and {found[name]} are both of the VTEP {name}; leave one of them in the folder")
        found[name] = path
    return [{"name": name, "src": path} for name, path in found.items()]
