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
  - Sets addresses, routes and the administrative state of an interface, like C(ip(8)), and its settings below
    C(/proc/sys/net/ipv4/conf).
  - Changes only the running system and writes no configuration file. The changes are lost when the system restarts or when the
    program that created the interface ends.
options:
  name:
    description:
      - Name of the interface, which must exist, unless O(peer) is given. In check mode it may be missing, because an earlier task may create
        it.
    type: str
    required: true
  peer:
    description:
      - Name of the other end of a veth pair (veth(4)). If the interface is missing, the module makes the pair. What is there already has to be
        one end of such a pair.
    type: str
  state:
    description:
      - Whether the interface is up. If this is left out, the module does not change it.
    type: str
    choices: [up, down]
  addresses:
    description:
      - The complete list of the interface's IPv4 and IPv6 addresses, each with its prefix length, for example V(192.168.1.1/24).
        The module removes all others. If this is left out, the module does not change the addresses.
      - The module never changes link-local addresses and addresses from IPv6 autoconfiguration.
    type: list
    elements: str
  family:
    description:
      - Address family that O(addresses) covers. The module does not change addresses of the other family.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  routes:
    description:
      - IPv4 routes to add through this interface. They replace routes with the same destination and metric. All other routes stay.
    type: list
    elements: dict
    default: []
    suboptions:
      to:
        description:
          - Destination, which is V(default) or a network with its prefix length.
        type: str
        required: true
      via:
        description:
          - IPv4 address of the router. Leave this out for a directly connected network.
        type: str
      metric:
        description:
          - Metric of the route, 0 to 4294967295. The system prefers lower metrics.
        type: int
        default: 0
  ipv4_conf:
    description:
      - Numbers to write to files below C(/proc/sys/net/ipv4/conf/NAME), by file name, such as C(arp_ignore) with the value 1.
      - Use this only for settings where the kernel takes the maximum of the interface's value and the value of C(all), such as
        C(arp_ignore) and C(rp_filter). If the maximum already has the required value, the module writes nothing.
    type: dict
    default: {}
  ipv6:
    description:
      - Whether the interface speaks IPv6 (C(disable_ipv6) in C(/proc/sys/net/ipv6/conf)). Without, it sends no router solicitation
        (RFC 4861) and no multicast listener report (RFC 3810), and has no IPv6 address. By default the module leaves that as it is.
    type: bool
  namespace:
    description:
      - Network namespace that the interface is in, as C(ip netns) names it. It is made when it is missing, with its loopback up; and the
        interface is moved there when it is still in that of the task.
      - 1 to 64 letters, digits and C(_ . -).
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - C(ip) (iproute2 5.0 or later)
  - the capability NET_ADMIN; for O(namespace) also SYS_ADMIN; for O(ipv4_conf) also a writable C(/proc/sys), which containers usually do not have
seealso:
  - name: ip-sysctl
    description: What the settings of O(ipv4_conf) mean.
    link: https://docs.kernel.org/networking/ip-sysctl.html
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Set the address of a VM's interface
  vxlanlab.vtep.ip_interface:
    name: vm1
    state: up
    addresses: [192.168.1.1/24]

- name: Make a cable between two switches, and plug in the first end
  vxlanlab.vtep.ip_interface:
    name: trunk
    peer: trunk-vms
    state: up

- name: Give a VM's interface a network namespace of its own
  vxlanlab.vtep.ip_interface:
    name: vm2
    namespace: vm2
    state: up

- name: Remove the IPv4 addresses of a bridge port, and stop it from answering ARP for other interfaces
  vxlanlab.vtep.ip_interface:
    name: eth0
    addresses: []
    family: ipv4
    ipv4_conf: {arp_ignore: 1, rp_filter: 1}
"""

RETURN = r"""
interface:
  description: The interface after the task.
  returned: success
  type: dict
  sample:
    state: up
    addresses: [192.168.1.1/24]
    routes: []
    ipv4_conf: {}
    ipv6: true
commands:
  description: The commands that the module passed to C(ip), or would pass in check mode.
  returned: success
  type: list
  elements: str
  sample: ["link set dev vm1 up", "address replace 192.168.1.1/24 dev vm1"]
"""

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypedDict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import enter, exists
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Integer, interface_name, ipv4, ipv4_network, prefix, worded

CONF = "/proc/sys/net/ipv4/conf"
NO_IPV6 = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"
VERSIONS = {"any": (4, 6), "ipv4": (4,), "ipv6": (6,)}

# RTA_PRIORITY is 32 bits wide (rtnetlink(7)).
read_metric = Integer(0, 2**32 - 1)
read_destination = worded(ipv4_network, "expected default, or an IPv4 network such as 10.0.0.0/8")


class Route(TypedDict):
    to: str
    via: str | None
    metric: int


class State(TypedDict):
    """An interface as it is."""

    state: str
    addresses: list[str]
    routes: list[Route]
    ipv4_conf: dict[str, int]
    #: Whether it speaks IPv6.
    ipv6: bool


class Wanted(TypedDict):
    """An interface as it should be; ``None`` is not managed."""

    state: str | None
    addresses: list[str] | None
    #: The IP versions that the addresses stand for.
    versions: tuple[int, ...]
    routes: list[Route]
    ipv4_conf: dict[str, int]
    ipv6: bool | None


def wanted(params: Mapping[str, Any]) -> Wanted:
    """The options in their normal form; ``UserError`` where one of them is not accepted."""
    accepted(interface_name, "name", params["name"])
    for key, value in params["ipv4_conf"].items():
        check(re.fullmatch(r"[a-z0-9_]+", key), "ipv4_conf", key, "the name of a file in " + CONF)
        check(re.fullmatch(r"\d+", str(value)), f"ipv4_conf.{key}", value, "a number")
    return {
        "state": params["state"],
        "addresses": None if params["addresses"] is None else read_addresses(params["addresses"], params["family"]),
        "versions": VERSIONS[params["family"]],
        "routes": [route(index, one) for index, one in enumerate(params["routes"])],
        "ipv4_conf": {key: int(value) for key, value in params["ipv4_conf"].items()},
        "ipv6": params["ipv6"],
    }


def read_addresses(values: Iterable[str], family: str) -> list[str]:
    kind = "" if family == "any" else f" of family {family}"
    expected = f"an address{kind} with its prefix length, such as 192.168.1.1/24"
    normal = [accepted(worded(prefix, f"expected {expected}"), "addresses", value) for value in values]
    for value in normal:
        check(version(value) in VERSIONS[family], "addresses", value, expected)
    return normal


def version(address: str) -> int:
    return ipaddress.ip_interface(address).version


def route(index: int, one: Mapping[str, Any]) -> Route:
    where, to, via = f"routes[{index}].", one["to"], one["via"]
    return {
        "to": to if to == "default" else str(accepted(read_destination, where + "to", to)),
        "via": accepted(ipv4, where + "via", via) if via else None,
        "metric": accepted(read_metric, where + "metric", one["metric"]),
    }


def plan(name: str, want: Wanted, have: State) -> list[str]:
    """The lines for ``ip -batch`` that lead from one to the other."""
    lines = []
    if want["state"] and want["state"] != have["state"]:
        lines.append(f"link set dev {name} {want['state']}")
    addresses = have["addresses"] if want["addresses"] is None else want["addresses"]
    surplus = [one for one in have["addresses"] if one not in addresses and version(one) in want["versions"]]
    lines += [f"address delete {one} dev {name}" for one in surplus]
    # With an address go the later ones of its network and the routes through it, so what stays is said again.
    lines += [f"address replace {one} dev {name}" for one in addresses if surplus or one not in have["addresses"]]
    for one in want["routes"]:
        if surplus or one not in have["routes"]:
            via = f" via {one['via']}" if one["via"] else ""
            metric = f" metric {one['metric']}" if one["metric"] else ""
            lines.append(f"route replace {one['to']}{via} dev {name}{metric}")
    return lines


def predicted(want: Wanted, have: State) -> State:
    """The interface as the plan would leave it."""
    addresses = have["addresses"]
    if want["addresses"] is not None:
        addresses = [one for one in addresses if version(one) not in want["versions"]] + want["addresses"]
    return {
        "state": want["state"] or have["state"],
        "addresses": sorted(addresses),
        "routes": have["routes"] + [one for one in want["routes"] if one not in have["routes"]],
        "ipv4_conf": have["ipv4_conf"] | want["ipv4_conf"],
        "ipv6": have["ipv6"] if want["ipv6"] is None else want["ipv6"],
    }


NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Place:
    """The network namespace that an interface has to be in."""

    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.name: str = params["name"]
        self.namespace: str | None = params["namespace"]
        self.peer: str | None = params["peer"]
        self.ip = module.get_bin_path("ip", required=True)
        if self.namespace is not None:
            words = "the name of a network namespace: letters, digits and _ . -"
            check(NAMESPACE.fullmatch(self.namespace), "namespace", self.namespace, words)
        if self.peer is not None:
            accepted(interface_name, "peer", self.peer)
            check(self.peer != self.name, "peer", self.peer, "another name than that of the interface")

    def plan(self) -> list[str]:
        """The commands for ip(8) that make the interface, and put it there."""
        commands = []
        inside = f"-n {self.namespace} " if self.namespace else ""
        known = not self.namespace or exists(self.namespace)
        there = self._link(self.name, inside) if known else None
        here = self._link(self.name) if self.namespace and not there else there
        if self.peer and here:
            self._check_pair(here)
        elif self.peer:
            check(self._link(self.peer) is None, "peer", self.peer, "a name that is free, or that of the pair's other end")
            commands.append(f"link add name {self.name} type veth peer name {self.peer}")
        if not known:
            commands += [f"netns add {self.namespace}", f"{inside}link set dev lo up"]
        if self.namespace and not there and (here or self.peer):
            commands.append(f"link set dev {self.name} netns {self.namespace}")
        return commands

    def _check_pair(self, link: Mapping[str, Any]) -> None:
        kind = link.get("linkinfo", {}).get("info_kind")
        # Of an end in another namespace, the kernel tells no name.
        ends = kind == "veth" and link.get("link", self.peer) == self.peer
        check(ends, "peer", self.peer, f"the other end of {self.name}, which is {link.get('link') or kind or 'no pair'}")

    def _link(self, name: str, inside: str = "") -> dict[str, Any] | None:
        status, out, unused = self.module.run_command(f"{self.ip} {inside}-json -details link show dev {name}")
        return None if status else next(link for link in json.loads(out) if link.get("ifname"))

    def makes(self, commands: Iterable[str]) -> bool:
        """Whether a plan makes the interface."""
        return any(command.startswith("link add ") for command in commands)

    def carry_out(self, commands: Iterable[str]) -> None:
        """Make it, put it there, and go there."""
        for command in commands:
            status, unused, err = self.module.run_command(f"{self.ip} {command}")
            if status:
                raise UserError(
                    f"'ip {command}' failed: {err.strip()}. For a namespace, it takes the capabilities NET_ADMIN and SYS_ADMIN."
                )
        self.go()

    def go(self) -> None:
        """Go to the namespace, where it is there."""
        if self.namespace and exists(self.namespace):
            enter(self.namespace)


class Interface:
    """One interface of the running system."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        self.module = module
        self.name = name
        self.ip = module.get_bin_path("ip", required=True)

    def find(self, settings: Iterable[str]) -> State | None:
        """As it is now, with these files of ``ipv4_conf``; ``None`` where there is none."""
        status, out, err = self.module.run_command([self.ip, "-json", "address", "show", "dev", self.name])
        if status:
            if "does not exist" in err:
                return None
            raise UserError(f"name: cannot read {self.name}: {err.strip()}")
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
            "ipv6": self._speaks_ipv6(),
        }

    def read(self, settings: Iterable[str]) -> State:
        """The same of an interface that has to be there."""
        found = self.find(settings)
        if found is None:
            raise UserError(f"name: there is no interface {self.name!r}; check the name, and that what makes it has run")
        return found

    def _routes(self) -> list[Route]:
        out = self.module.run_command([self.ip, "-json", "-4", "route", "show", "dev", self.name], check_rc=True)[1]
        return [
            {"to": one["dst"], "via": one.get("gateway"), "metric": one.get("metric", 0)}
            for one in json.loads(out or "[]")
            if one.get("protocol") != "kernel"
        ]

    def _effective(self, setting: str) -> int:
        try:
            return max(int(Path(CONF, place, setting).read_text(encoding="ascii")) for place in ("all", self.name))
        except (OSError, ValueError) as error:
            raise UserError(f"ipv4_conf.{setting}: cannot read {CONF}/{self.name}/{setting}: {error}") from None

    def _speaks_ipv6(self) -> bool:
        path = Path(NO_IPV6.format(self.name))
        # A kernel without IPv6 has no such file.
        return path.exists() and path.read_text(encoding="ascii").strip() == "0"

    def set_ipv6(self, wanted: bool) -> None:
        """Make the interface speak IPv6, or no longer."""
        path = NO_IPV6.format(self.name)
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write("0" if wanted else "1")
        except OSError as error:
            raise UserError(f"ipv6: cannot write to {path}: {error}; in a container, set it when the container is made") from None

    def set(self, settings: Mapping[str, int]) -> None:
        """Write these files of ``ipv4_conf``, and make sure that they have an effect."""
        for setting, value in settings.items():
            path = f"{CONF}/{self.name}/{setting}"
            try:
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(value))
            except OSError as error:
                raise UserError(
                    f"ipv4_conf.{setting}: cannot write {value} to {path}: {error}; in a container, set it when the container is made, "
                    f"for example with --sysctl net.ipv4.conf.all.{setting}={value}"
                ) from None
            if self._effective(setting) != value:
                raise UserError(f"ipv4_conf.{setting}: {value} has no effect, since {CONF}/all/{setting} is greater; lower it")

    def remove(self) -> None:
        """Take it away, and with it the other end of a pair."""
        self.module.run_command([self.ip, "link", "delete", "dev", self.name], check_rc=True)

    def run(self, lines: list[str]) -> None:
        """Give ip(8) these lines; it stops at the first that it refuses."""
        status, unused, err = self.module.run_command([self.ip, "-batch", "-"], data="\n".join(lines))
        if status:
            raise UserError(f"ip -batch refused one of the lines {lines}: {err.strip()}")


def apply(module: AnsibleModule) -> dict[str, Any]:
    want = wanted(module.params)
    place = Place(module)
    moves = place.plan()
    interface = Interface(module, module.params["name"])
    before: State
    if module.check_mode:
        if not moves:
            place.go()
        unknown: State = {"state": "down", "addresses": [], "routes": [], "ipv4_conf": {}, "ipv6": True}
        before = interface.find(want["ipv4_conf"]) or unknown
    else:
        place.carry_out(moves)
        before = interface.read(want["ipv4_conf"])
    lines = plan(interface.name, want, before)
    settings = {key: value for key, value in want["ipv4_conf"].items() if before["ipv4_conf"].get(key) != value}
    after = predicted(want, before)
    turned = after["ipv6"] != before["ipv6"]
    if not module.check_mode:
        try:
            # Settings first: an interface that loses its address has to be quiet already.
            interface.set(settings)
            if turned:
                interface.set_ipv6(after["ipv6"])
            if lines:
                interface.run(lines)
        except UserError:
            if place.makes(moves):
                interface.remove()
            else:
                restore(interface, before)
            raise
        after = interface.read(want["ipv4_conf"])
    diff = {"diff": {"before": {**before, "to_place": moves}, "after": {**after, "to_place": []}}} if module._diff else {}
    return {"changed": bool(moves or lines or settings or turned), "interface": after, "commands": moves + lines, **diff}


def restore(interface: Interface, before: State) -> None:
    """Undo what was done before a line was refused."""
    now = interface.read(before["ipv4_conf"])
    interface.set({key: value for key, value in before["ipv4_conf"].items() if now["ipv4_conf"][key] != value})
    if now["ipv6"] != before["ipv6"]:
        interface.set_ipv6(before["ipv6"])
        now = interface.read(before["ipv4_conf"])
    lines = plan(interface.name, {**before, "versions": VERSIONS["any"]}, now)
    if lines:
        interface.run(lines)


def main() -> NoReturn:
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
            "ipv6": {"type": "bool"},
            "namespace": {"type": "str"},
            "peer": {"type": "str"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: apply(module))


if __name__ == "__main__":
    main()
