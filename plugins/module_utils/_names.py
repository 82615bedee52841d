# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that several programs have to take: Linux, Open vSwitch, its emulator ovs-vtep, tcpdump and ping. Pure.

Each function returns the name, or raises ``ValueError`` that says what to use. What a program takes was tried on it:
``tests/functional/test_emulator_names.py`` tries ovs-vtep again.
"""

from __future__ import annotations

import re
from typing import Any

#: What ovs-vtep writes into the column description of its switch when it starts; nothing else tells it from another VTEP.
EMULATOR = "OVS VTEP Emulator"
#: The emulator's own bridge, and the one that the role vtep_emulator makes for the underlay.
BFD_BRIDGE, UNDERLAY_BRIDGE = "vtep_bfd", "br-underlay"

#: Names that Linux refuses, since its settings have folders of that name, and devices that a new namespace may have already.
OF_LINUX = ("all", "default", "lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6tnl0", "ip6gre0", "sit0")

_DEVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_SWITCH = re.compile(r"[A-Za-z0-9_./-]+")
# What ping takes for an address, and tcpdump for another kind of capture.
_OF_TOOLS = r"\d+(\.\d+){3}|any|nflog|nfqueue|usbmon\d+|bluetooth\d+|dbus-(system|session)"
_OF_OPEN_VSWITCH = rf"ovs-(netdev|system)|(vxlan|genev|gre|erspan)_sys.*|{UNDERLAY_BRIDGE}"
# Its tunnels, its sessions of BFD, its bridges, and the ports that join these to the switch.
_OF_EMULATOR = rf"vx\d+|bfd[0-9.]+|{BFD_BRIDGE}|.*_vtep_ls\d+|\d{{4}}-.+-[lp]"
_TAKEN = re.compile("|".join((*OF_LINUX, _OF_TOOLS, _OF_OPEN_VSWITCH, _OF_EMULATOR)))
# ovs-vtep takes what vtep-ctl lists apart at white space, and what it runs as a shell would.
_CRASHES = re.compile(r"[\s'\"]|\\$")
# What a shell removes, and where vtep-ctl ends a word.
_LOSES = re.compile(r"[\\,=:!<>\[\]{}]")


def device(value: Any) -> str:
    """The name of a network device, a bridge or a port in a lab.

    It is stricter than the kernel (``_values.interface_name``): such a name is also a word of commands, and part of file names.
    """
    if not isinstance(value, str) or not _DEVICE.fullmatch(value):
        raise ValueError("use 1 to 15 letters, digits, '_', '.' and '-' (not first)")
    if _TAKEN.fullmatch(value):
        raise ValueError("it means something else to Linux, Open vSwitch, ovs-vtep, ping or tcpdump; use another name")
    return value


def bridge(value: Any) -> str:
    """The name of the bridge that is a VTEP."""
    if isinstance(value, str) and len(value) == 15:
        raise ValueError("the emulator ovs-vtep copes with 14 characters; use a shorter name")
    return device(value)


def port(value: Any) -> str:
    """The name of a VM's port on that bridge."""
    if device(value).endswith("-p"):
        raise ValueError("the emulator ovs-vtep takes a port whose name ends in -p for its own; use another end")
    return value


def switch(value: Any) -> str:
    """The name of a logical switch on VTEPs of which one is an emulator."""
    if not isinstance(value, str) or not _SWITCH.fullmatch(value):
        raise ValueError("use letters, digits, '_', '.', '/' and '-': the emulator ovs-vtep crashes at others, or carries nothing")
    return value


def trouble(name: str) -> str:
    """What ovs-vtep does with a logical switch, or a port, of this name, where it does not cope with it; else empty."""
    if _CRASHES.search(name):
        return "crashes at this name, is started again and crashes again, and all its tunnels are down meanwhile"
    return "carries no traffic for a name with this character, without a word" if _LOSES.search(name) else ""
