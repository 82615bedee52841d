# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports that live in network namespaces of their own, put there again after ovs-vswitchd was killed. Needs root.

In user space, ovs-vswitchd finds its devices by name in its own namespace. One that was moved to another is made a second time; the first
stays where it was, with the addresses, and without anybody behind it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection
from typing import Any

NAMESPACES = "/run/netns"
_NO_IPV6 = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"


def repair(names: Collection[str]) -> list[str]:
    """Have the devices of these names take the place of those that are dead; what was done, in words."""
    if not names or not os.path.isdir(NAMESPACES):
        return []
    said = []
    for namespace in sorted(os.listdir(NAMESPACES)):
        for link in _ip("-n", namespace, "-details", "address", "show"):
            name = link.get("ifname", "")
            if name in names and _is_dead(link) and _ip("link", "show", "dev", name):
                _replace(namespace, name, link)
                said.append(f"port {name} is back in namespace {namespace}")
    return said


def _is_dead(link: dict[str, Any]) -> bool:
    information = link.get("linkinfo", {})
    is_tap = information.get("info_kind") == "tun" and information.get("info_data", {}).get("type") == "tap"
    # The kernel may take a second until it says NO-CARRIER.
    return is_tap and "LOWER_UP" not in link["flags"]


def _replace(namespace: str, name: str, dead: dict[str, Any]) -> None:
    routes = [route for route in _ip("-n", namespace, "route", "show", "dev", name) if route.get("protocol") != "kernel"]
    inside = ["nsenter", f"--net={NAMESPACES}/{namespace}", "--"]
    no_ipv6 = subprocess.run([*inside, "cat", _NO_IPV6.format(name)], capture_output=True, text=True, check=False).stdout.strip()
    subprocess.run(["ip", "-n", namespace, "link", "delete", "dev", name], capture_output=True, check=False)
    subprocess.run(["ip", "link", "set", "dev", name, "netns", namespace], capture_output=True, check=False)
    if no_ipv6:
        command = [*inside, "tee", _NO_IPV6.format(name)]
        subprocess.run(command, input=no_ipv6, capture_output=True, text=True, check=False)
    batch = [f"link set dev {name} {'up' if 'UP' in dead['flags'] else 'down'}"]
    for one in dead.get("addr_info", []):
        if one.get("local") and not (one["scope"] == "link" and one.get("protocol") == "kernel_ll"):
            batch.append(f"address replace {one['local']}/{one['prefixlen']} dev {name}")
    for route in routes:
        via = f" via {route['gateway']}" if route.get("gateway") else ""
        metric = f" metric {route['metric']}" if route.get("metric") else ""
        batch.append(f"route replace {route['dst']}{via} dev {name}{metric}")
    subprocess.run(["ip", "-n", namespace, "-force", "-batch", "-"], input="\n".join(batch), capture_output=True, text=True, check=False)


def _ip(*words: str) -> list[dict[str, Any]]:
    """What ip(8) finds; nothing where it fails."""
    done = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=False)
    return [link for link in json.loads(done.stdout or "[]") if link] if not done.returncode else []
