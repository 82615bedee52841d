#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ip_interface
short_description: Set addresses, routes and IPv4 settings of a network interface of the running system
version_added: 0.1.0
description:
  - Sets what C(ip(8)) sets - addresses, routes and whether the interface is up - and the interface's settings below
    C(/proc/sys/net/ipv4/conf).
  - It changes the running system only. Nothing is written to a configuration file, so a restart of the system, and the
    end of the program that made the interface, undo it.
options:
  name:
    description:
      - Name of the interface. It has to be there; in check mode it may be missing, since an earlier task may make it.
    type: str
    required: true
  state:
    description:
      - Whether the interface is up. Left out, it is not touched.
    type: str
    choices: [up, down]
  addresses:
    description:
      - The interface's IPv4 and IPv6 addresses with prefix length, for example V(192.168.1.1/24). Others are removed;
        left out, the addresses are not touched.
      - Link-local addresses and those that IPv6 gives itself by autoconfiguration are never touched.
    type: list
    elements: str
  family:
    description:
      - Of which kind O(addresses) are. Addresses of the other kind are not touched.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  routes:
    description:
      - IPv4 routes through this interface to add. A route to the same place, with the same metric, is replaced. Others stay.
    type: list
    elements: dict
    default: []
    suboptions:
      to:
        description:
          - Where to, V(default) or a network with prefix length.
        type: str
        required: true
      via:
        description:
          - IPv4 address of the router. Left out for a network that is on the link.
        type: str
      metric:
        description:
          - The lower, the sooner it is used; 0 to 4294967295.
        type: int
        default: 0
  ipv4_conf:
    description:
      - Numbers to write to C(/proc/sys/net/ipv4/conf/NAME), by file name, such as C(arp_ignore) with the value 1.
      - Only for settings of which the kernel uses the greater value of the interface's and C(all)'s, such as C(arp_ignore)
        and C(rp_filter). Where that is the wanted one already, nothing is written.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - C(ip) (iproute2 5.0 or later)
  - the capability NET_ADMIN; for O(ipv4_conf) also a writable C(/proc/sys), which containers usually do not have
seealso:
  - name: ip-sysctl
    description: What the settings of O(ipv4_conf) mean.
    link: https://docs.kernel.org/networking/ip-sysctl.html
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: The address of a VM's interface
  vxlanlab.vtep.ip_interface:
    name: vm1
    state: up
    addresses: [192.168.1.1/24]

- name: An interface that is a port of a bridge keeps quiet itself
  vxlanlab.vtep.ip_interface:
    name: eth0
    addresses: []
    family: ipv4
    ipv4_conf: {arp_ignore: 1, rp_filter: 1}
"""

RETURN = r"""
interface:
  description: The interface as it is now.
  returned: success
  type: dict
  sample:
    state: up
    addresses: [192.168.1.1/24]
    routes: []
    ipv4_conf: {}
commands:
  description: What C(ip -batch) was given, or would be.
  returned: success
  type: list
  elements: str
  sample: ["link set dev vm1 up", "address replace 192.168.1.1/24 dev vm1"]
"""

import ipaddress
import json
import re

from ansible.module_utils.basic import AnsibleModule

CONF = "/proc/sys/net/ipv4/conf"


class InterfaceError(Exception):
    """What went wrong, in words for the person who wrote the task."""


def check(good: object, option: str, value: object, expected: str) -> None:
    if not good:
        raise InterfaceError(f"{option}: {value!r} is not accepted: expected {expected}")


def parsed(parse: object, option: str, value: str, expected: str) -> str:
    try:
        return str(parse(value))
    except ValueError:
        raise InterfaceError(f"{option}: {value!r} is not accepted: expected {expected}") from None


def wanted(params: dict) -> dict:
    """The options in their normal form; ``None`` where one is not managed."""
    check(re.fullmatch(r"[^\s/]{1,15}", params["name"]), "name", params["name"], "1 to 15 characters without white space or /")
    versions = {"any": (4, 6), "ipv4": (4,), "ipv6": (6,)}[params["family"]]
    addresses = params["addresses"]
    if addresses is not None:
        for value in addresses:
            check("/" in value, "addresses", value, "an address with its prefix length, such as 192.168.1.1/24")
        expected = f"an address of family {params['family']} with its prefix length, such as 192.168.1.1/24"
        addresses = [parsed(ipaddress.ip_interface, "addresses", value, expected) for value in addresses]
        for value in addresses:
            check(ipaddress.ip_interface(value).version in versions, "addresses", value, expected)
    for key, value in params["ipv4_conf"].items():
        check(re.fullmatch(r"[a-z0-9_]+", key), "ipv4_conf", key, "the name of a file in " + CONF)
        check(re.fullmatch(r"\d+", str(value)), f"ipv4_conf.{key}", value, "a number")
    return {
        "state": params["state"],
        "addresses": addresses,
        "versions": versions,
        "routes": [route(index, one) for index, one in enumerate(params["routes"])],
        "ipv4_conf": {key: int(value) for key, value in params["ipv4_conf"].items()},
    }


def route(index: int, one: dict) -> dict:
    to, via, metric = one["to"], one["via"], one["metric"]
    if to != "default":
        to = parsed(ipaddress.IPv4Network, f"routes[{index}].to", to, "default, or an IPv4 network such as 10.0.0.0/8")
    if via:
        via = parsed(ipaddress.IPv4Address, f"routes[{index}].via", via, "an IPv4 address")
    check(0 <= metric < 1 << 32, f"routes[{index}].metric", metric, "a whole number from 0 to 4294967295")
    return {"to": to, "via": via or None, "metric": metric}


def plan(name: str, want: dict, have: dict) -> list[str]:
    """The lines for ``ip -batch`` that lead from one to the other."""
    lines = []
    if want["state"] and want["state"] != have["state"]:
        lines.append(f"link set dev {name} {want['state']}")
    addresses = have["addresses"] if want["addresses"] is None else want["addresses"]
    surplus = [one for one in have["addresses"] if one not in addresses and ipaddress.ip_interface(one).version in want["versions"]]
    lines += [f"address delete {one} dev {name}" for one in surplus]
    # With an address go the later ones of its network and the routes through it, so what stays is said again.
    lines += [f"address replace {one} dev {name}" for one in addresses if surplus or one not in have["addresses"]]
    for one in want["routes"]:
        if surplus or one not in have["routes"]:
            via = f" via {one['via']}" if one["via"] else ""
            metric = f" metric {one['metric']}" if one["metric"] else ""
            lines.append(f"route replace {one['to']}{via} dev {name}{metric}")
    return lines


def predicted(want: dict, have: dict) -> dict:
    """The interface as the plan would leave it."""
    addresses = have["addresses"]
    if want["addresses"] is not None:
        addresses = [one for one in addresses if ipaddress.ip_interface(one).version not in want["versions"]] + want["addresses"]
    return {
        "state": want["state"] or have["state"],
        "addresses": sorted(addresses),
        "routes": have["routes"] + [one for one in want["routes"] if one not in have["routes"]],
        "ipv4_conf": have["ipv4_conf"] | want["ipv4_conf"],
    }


class Interface:
    """One interface of the running system."""

    def __init__(self, module: AnsibleModule, name: str):
        self.module = module
        self.name = name
        self.ip = module.get_bin_path("ip", required=True)

    def read(self, settings: list[str]) -> dict | None:
        """As it is now; ``None`` where there is none."""
        status, out, err = self.module.run_command([self.ip, "-json", "address", "show", "dev", self.name])
        if status:
            if "does not exist" in err:
                return None
            raise InterfaceError(f"name: cannot read {self.name}: {err.strip()}")
        (link,) = [entry for entry in json.loads(out) if entry.get("ifname")]
        addresses = [
            f"{one['local']}/{one['prefixlen']}"
            for one in link["addr_info"]
            if one.get("local") and one["scope"] != "link" and not one.get("dynamic")
        ]
        return {
            "state": "up" if "UP" in link["flags"] else "down",
            "addresses": sorted(addresses),
            "routes": self._routes(),
            "ipv4_conf": {setting: self._effective(setting) for setting in settings},
        }

    def _routes(self) -> list[dict]:
        out = self.module.run_command([self.ip, "-json", "-4", "route", "show", "dev", self.name], check_rc=True)[1]
        return [
            {"to": one["dst"], "via": one.get("gateway"), "metric": one.get("metric", 0)}
            for one in json.loads(out or "[]")
            if one.get("protocol") != "kernel"
        ]

    def _effective(self, setting: str) -> int:
        try:
            return max(int(open(f"{CONF}/{place}/{setting}", encoding="ascii").read()) for place in ("all", self.name))
        except (OSError, ValueError) as error:
            raise InterfaceError(f"ipv4_conf.{setting}: cannot read {CONF}/{self.name}/{setting}: {error}") from None

    def set(self, settings: dict) -> None:
        for setting, value in settings.items():
            path = f"{CONF}/{self.name}/{setting}"
            try:
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(value))
            except OSError as error:
                raise InterfaceError(
                    f"ipv4_conf.{setting}: cannot write {value} to {path}: {error}; in a container, set it when the container is made, "
                    f"for example with --sysctl net.ipv4.conf.all.{setting}={value}"
                ) from None
            if self._effective(setting) != value:
                raise InterfaceError(f"ipv4_conf.{setting}: {value} has no effect, since {CONF}/all/{setting} is greater; lower it")

    def run(self, lines: list[str]) -> None:
        status, unused, err = self.module.run_command([self.ip, "-batch", "-"], data="\n".join(lines))
        if status:
            raise InterfaceError(f"ip -batch refused one of the lines {lines}: {err.strip()}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["up", "down"]},
            "addresses": {"type": "list", "elements": "str"},
            "family": {"type": "str", "choices": ["any", "ipv4", "ipv6"], "default": "any"},
            "routes": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"to": {"type": "str", "required": True}, "via": {"type": "str"}, "metric": {"type": "int", "default": 0}},
            },
            "ipv4_conf": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**apply(module, module.params["name"]))
    except InterfaceError as error:
        module.fail_json(msg=str(error))


def apply(module: AnsibleModule, name: str) -> dict:
    want = wanted(module.params)
    interface = Interface(module, name)
    before = interface.read(list(want["ipv4_conf"]))
    if before is None:
        if not module.check_mode:
            raise InterfaceError(f"name: there is no interface {name!r}; check the name, and that what makes it has run")
        before = {"state": "down", "addresses": [], "routes": [], "ipv4_conf": {}}
    lines = plan(name, want, before)
    settings = {key: value for key, value in want["ipv4_conf"].items() if before["ipv4_conf"].get(key) != value}
    after = predicted(want, before)
    if not module.check_mode:
        try:
            # Settings first: an interface that loses its address has to be quiet already.
            interface.set(settings)
            if lines:
                interface.run(lines)
        except InterfaceError:
            restore(interface, before)
            raise
        after = interface.read(list(want["ipv4_conf"]))
    diff = {"diff": {"before": before, "after": after}} if module._diff else {}
    return {"changed": bool(lines or settings), "interface": after, "commands": lines, **diff}


def restore(interface: Interface, before: dict) -> None:
    """Undo what was done before a line was refused."""
    now = interface.read(list(before["ipv4_conf"]))
    interface.set({key: value for key, value in before["ipv4_conf"].items() if now["ipv4_conf"][key] != value})
    lines = plan(interface.name, {**before, "versions": (4, 6)}, now)
    if lines:
        interface.run(lines)


if __name__ == "__main__":
    main()
