# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of Open vSwitch, OVN and iproute2 that the lab's modules ask."""

from __future__ import annotations

import subprocess

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError


def run_command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its exit status; ``UserError`` where it is not installed."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        package = "iproute2" if words[0] == "ip" else "ovn-common" if words[0].startswith("ovn-") else "openvswitch-switch"
        raise UserError(f"the program {words[0]} is missing. Install the package {package}.") from None
