# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vtep_audit takes, and what it returns: options in, each VTEP read, findings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError, accepted, check, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import (
    UNKNOWN_DST,
    Choice,
    multicast_mac,
    name,
    optional_ip,
    tunnel_ip,
    tunnel_ipv4,
    unicast_mac,
    vlan,
    vni,
)
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.audit import IGNORE, KINDS, SEVERITIES, audit
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.fabric import TABLES_READ, Fabric, Vtep
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.module import VtepModule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.saved import THERE, read

MOST_FINDINGS = 10_000
_TLS = ("private_key", "certificate", "ca_cert")
_TEXT = {"type": "str", "required": True}
_TEXTS = {"type": "list", "elements": "str", "default": []}
#: A key of a wanted table -> how it is read.
_BINDING: dict[str, Callable[[Any], Any]] = {"physical_switch": name, "port": name, "vlan": vlan, "logical_switch": name}
_UNICAST: dict[str, Callable[[Any], Any]] = {"mac": unicast_mac, "locator": tunnel_ipv4, "ipaddr": optional_ip}


def _list_of(spec: dict[str, Any], **also: Any) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "options": spec, **(also or {"default": []})}


def options() -> dict[str, dict[str, Any]]:
    """The options beyond the connection's, as an argument specification."""
    multicast = {"mac": {"type": "str", "default": UNKNOWN_DST}, "locators": {"type": "list", "elements": "str", "required": True}}
    unicast = {"mac": _TEXT, "locator": _TEXT, "ipaddr": {"type": "str", "default": ""}}
    wanted = {
        "bindings": _list_of({"physical_switch": _TEXT, "port": _TEXT, "vlan": {"type": "int", "default": 0}, "logical_switch": _TEXT}),
        "logical_switches": _list_of({"name": _TEXT, "unicast": _list_of(unicast), "multicast": _list_of(multicast)}),
    }
    vtep = {
        "name": _TEXT,
        "database": {"type": "str"},
        "src": {"type": "path"},
        "unreadable": {"type": "str"},
        **{option: {"type": "path"} for option in _TLS},
        "tunnel_ips": _TEXTS,
        "wanted": {"type": "dict", "options": wanted},
    }
    return {
        "vteps": _list_of(vtep, required=True, mutually_exclusive=[("src", "unreadable")]),
        "mlag": {"type": "list", "elements": "list", "default": []},
        "service_nodes": _TEXTS,
        "other_vteps": _TEXTS,
        "switches": _list_of({"name": _TEXT, "tunnel_key": {"type": "int", "required": True, "no_log": False}}),
        "severities": {"type": "dict", "default": {}},
        "limit": {"type": "int", "default": 100},
    }


def audited(module: VtepModule) -> dict[str, Any]:
    """Read all VTEPs, and return what is wrong with them."""
    params = module.params
    vteps = [_vtep(one, f"vteps[{index}]", params["database"]) for index, one in enumerate(params["vteps"])]
    _check_names([vtep.name for vtep in vteps], params["mlag"])
    for kind, severity in params["severities"].items():
        accepted(Choice(tuple(KINDS)), "severities", kind)
        accepted(Choice((*SEVERITIES, IGNORE)), f"severities: {kind}", severity)
    check_range("limit", params["limit"], 1, MOST_FINDINGS)
    vnis = {one["name"]: accepted(vni, f"switches[{index}].tunnel_key", one["tunnel_key"]) for index, one in enumerate(params["switches"])}
    addresses = {option: _addresses(params[option], option) for option in ("service_nodes", "other_vteps")}
    for index, one in enumerate(params["vteps"]):
        # What no server could change is refused before the first one is asked.
        if one["src"] is None and one["unreadable"] is None:
            try:
                module.database(_connection(params, one))
            except MissingLibrary:
                raise
            except UserError as error:
                raise UserError(f"vteps[{index}], {one['name']}: {error}") from None
    with Fabric(params["mlag"], **addresses) as fabric:
        for vtep, one in zip(vteps, params["vteps"]):
            try:
                _read(module, fabric, vtep, one)
            except MissingLibrary:
                raise
            except UserError as error:
                vtep.error = str(error)
                fabric.add(vtep, None)
        fabric.join()
        report = audit(fabric, vnis, params["severities"], params["limit"])
    return {
        "findings": [finding.plain() for finding in report.findings],
        "summary": {severity: report.by_severity[severity] for severity in SEVERITIES},
        "counts": {kind: report.counts[kind] for kind in KINDS if report.counts[kind]},
        "kinds": {kind: about._asdict() for kind, about in KINDS.items() if report.counts[kind]},
        "vteps": [
            {"name": one.name, "read": one.is_read, "error": one.error, "tunnel_ips": sorted(one.addresses), "rows": one.counts}
            for one in vteps
        ],
    }


def _read(module: VtepModule, fabric: Fabric, vtep: Vtep, one: Mapping[str, Any]) -> None:
    if one["unreadable"] is not None:
        raise UserError(one["unreadable"] or "no reason given")
    if one["src"] is None:
        with module.database(_connection(module.params, one)) as db:
            fabric.read(vtep, db)
        return
    saved = read(one["src"], THERE)
    saved.require(TABLES_READ)
    for warning in saved.warnings:
        module.warn(f"{vtep.name}: {warning}")
    fabric.read(vtep, saved)


def _connection(params: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """How to reach a VTEP: what it says itself, and the module's own options for the rest."""
    own = {option: one[option] for option in ("database", *_TLS) if one[option] is not None}
    return {**params, **own}


def _vtep(one: Mapping[str, Any], place: str, default: str) -> Vtep:
    called = accepted(name, f"{place}.name", one["name"])
    is_here = one["src"] is None and one["unreadable"] is None
    database = one["database"] or (default if is_here else "")
    return Vtep(
        called,
        database,
        _addresses(one["tunnel_ips"], f"{place}.tunnel_ips"),
        None if one["wanted"] is None else _wanted(one["wanted"], f"{place}.wanted"),
        # A socket that is not read here is one of the VTEP's own host.
        host=called if database.startswith("unix:") and not is_here else "",
    )


def _addresses(texts: Sequence[str], option: str) -> frozenset[str]:
    return frozenset(accepted(tunnel_ip, f"{option}[{index}]", text) for index, text in enumerate(texts))


def _wanted(given: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Wanted tables in their normal form."""

    def entries(rows: Sequence[Mapping[str, Any]], reads: Mapping[str, Callable[[Any], Any]], where: str) -> list[dict[str, Any]]:
        return [{key: accepted(how, f"{where}[{index}].{key}", row[key]) for key, how in reads.items()} for index, row in enumerate(rows)]

    def multicast(row: Mapping[str, Any], where: str) -> dict[str, Any]:
        locators = [accepted(tunnel_ipv4, f"{where}.locators[{index}]", one) for index, one in enumerate(row["locators"])]
        return {"mac": accepted(multicast_mac, f"{where}.mac", row["mac"]), "locators": locators}

    def switch(row: Mapping[str, Any], where: str) -> dict[str, Any]:
        return {
            "name": accepted(name, f"{where}.name", row["name"]),
            "unicast": entries(row["unicast"], _UNICAST, f"{where}.unicast"),
            "multicast": [multicast(one, f"{where}.multicast[{index}]") for index, one in enumerate(row["multicast"])],
        }

    return {
        "bindings": entries(given["bindings"], _BINDING, f"{place}.bindings"),
        "logical_switches": [switch(one, f"{place}.logical_switches[{index}]") for index, one in enumerate(given["logical_switches"])],
    }


def _check_names(names: Sequence[str], mlag: Sequence[Sequence[Any]]) -> None:
    check(names, "vteps", list(names), "at least one VTEP")
    twice = next((one for one in names if names.count(one) > 1), None)
    check(twice is None, "vteps", twice, "a different name for each VTEP")
    for index, group in enumerate(mlag):
        for one in group:
            check(one in names, f"mlag[{index}]", one, "the name of one of the VTEPs")
