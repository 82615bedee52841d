#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_ping
short_description: Ping from the VMs of a host, all at once
version_added: 0.1.0
description:
  - Runs C(ping(8)) for each entry of O(pings) at the same time, and returns what each of them says. A ping without a reply is a result, not
    a failure.
options:
  pings:
    description: What to ping, and from where.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: IPv4 address to ping.
        type: str
        required: true
      interface:
        description: Interface, or address, to ping from.
        type: str
      namespace:
        description: Network namespace to ping from, as C(ip netns) names it. By default that of the task.
        type: str
  count:
    description: How many requests to send, 1 to 1000.
    type: int
    default: 3
  size:
    description: Bytes to send along, 0 to 65507. The IPv4 packet is 28 bytes longer.
    type: int
    default: 56
  fragment:
    description: Whether a packet that is too long for a link may be cut into fragments on its way (C(-M), RFC 791).
    type: bool
    default: true
  interval:
    description: Seconds between the requests, 0.002 to 60. Less than 0.2 takes root.
    type: float
    default: 1
  wait:
    description: Seconds to wait for the reply to the last request, 1 to 60.
    type: int
    default: 3
  until_answered:
    description:
      - Seconds to go on until there are O(count) replies, 0 to 600. V(0) sends O(count) requests and no more.
    type: int
    default: 0
attributes:
  check_mode:
    support: none
    description: Can run in C(check_mode) and return changed status prediction. The module is skipped in C(check_mode).
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - the program C(ping) (iputils-ping)
  - root, with O(pings[].interface) or O(pings[].namespace)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Ping vm2 from vm1
  vxlanlab.vtep.lab_ping:
    pings:
      - {interface: vm1, address: 192.168.1.2}
"""

RETURN = r"""
pings:
  description: What came of each entry of O(pings), in the same order.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: As in the entry.
      type: str
    interface:
      description: As in the entry.
      type: str
    replies:
      description: How many replies came.
      type: int
    output:
      description: What ping said.
      type: str
"""

import re
import shutil
import subprocess
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check, check_range, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.background import start
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import prefix
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import ipv4

REPLIES = re.compile(r"([0-9]+) received")


def command(ping: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """How to run one of the pings."""
    words = [*prefix(ping["namespace"]), "ping", "-c", str(options["count"]), "-i", f"{options['interval']:g}", "-W", str(options["wait"])]
    words += ["-s", str(options["size"]), *([] if options["fragment"] else ["-M", "do"])]
    if options["until_answered"]:
        words += ["-w", str(options["until_answered"])]
    return [*words, *(["-I", ping["interface"]] if ping["interface"] else []), ping["address"]]


def run(options: dict[str, Any]) -> dict[str, Any]:
    check_texts(options)
    check_range("count", options["count"], 1, 1000)
    check_range("size", options["size"], 0, 65507, "Use {} bytes.")
    check(0.002 <= options["interval"] <= 60, "interval", options["interval"], "0.002 to 60 seconds")
    check_range("wait", options["wait"], 1, 60, "Use {} seconds.")
    check_range("until_answered", options["until_answered"], 0, 600, "Use {} seconds.")
    for ping in options["pings"]:
        accepted(ipv4, "pings: address", ping["address"])
    if not shutil.which("ping"):
        raise UserError("the program ping is missing. Install the package iputils-ping.")
    commands = [command(ping, options) for ping in options["pings"]]
    processes = [start(words, output=subprocess.PIPE, errors=subprocess.STDOUT) for words in commands]
    try:
        # Each ends by itself: -c and -W say when.
        outputs = [process.communicate()[0].decode(errors="replace") for process in processes]
    finally:
        for process in processes:
            process.kill()
    shown = []
    for ping, output in zip(options["pings"], outputs):
        found = REPLIES.search(output)
        shown.append(
            {"address": ping["address"], "interface": ping["interface"], "replies": int(found[1]) if found else 0, "output": output}
        )
    return {"changed": False, "pings": shown}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "pings": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "address": {"type": "str", "required": True},
                    "interface": {"type": "str"},
                    "namespace": {"type": "str"},
                },
            },
            "count": {"type": "int", "default": 3},
            "size": {"type": "int", "default": 56},
            "fragment": {"type": "bool", "default": True},
            "interval": {"type": "float", "default": 1},
            "wait": {"type": "int", "default": 3},
            "until_answered": {"type": "int", "default": 0},
        },
        supports_check_mode=False,
    )
    finish(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
