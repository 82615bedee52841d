#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_transfer
short_description: Send bytes over TCP and compare what arrives
version_added: 0.1.0
description:
  - Proves that a network carries more than pings. One task receives, a second one on another host sends random bytes to
    it, and gets back the SHA-256 checksum of what arrived.
  - The receiver listens before its task ends, serves one sender, and ends by itself, after O(timeout) at the latest.
  - The sender's task fails when the transfer ends early or the checksums differ.
options:
  mode:
    description: The end of the connection that the task is.
    type: str
    choices: [receive, send]
    required: true
  address:
    description: IPv4 address of the receiver.
    type: str
    required: true
  port:
    description:
      - TCP port of the receiver, 1 to 65535.
      - With O(mode=receive) V(0) takes a free port, see RV(port).
    type: int
    default: 0
  interface:
    description: Send and receive on this interface only, whatever the routes say.
    type: str
  namespace:
    description: Network namespace to send or receive in, as C(ip netns) names it. By default that of the task.
    type: str
  source:
    description: IPv4 address to send from. By default the system chooses one.
    type: str
  size:
    description: Number of bytes to send, at least 1. They are made while they are sent, so that any number fits into the memory.
    type: int
    default: 10485760
  timeout:
    description:
      - Seconds, 1 to 2,000,000. The sender's whole transfer may take so long.
      - A receiver waits so long for its sender, and so long for each further part of the data.
    type: int
    default: 60
attributes:
  check_mode:
    support: none
    description: Can run in C(check_mode) and return changed status prediction. The module is skipped in C(check_mode).
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - root, with O(interface) or O(namespace)
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Listen in vm2
  vxlanlab.vtep.lab_transfer:
    mode: receive
    address: 192.168.1.2
    interface: vm2
  delegate_to: hv2
  register: receiver

- name: Send 10 MiB from vm1
  vxlanlab.vtep.lab_transfer:
    mode: send
    address: 192.168.1.2
    port: "{{ receiver.port }}"
    source: 192.168.1.1
    interface: vm1
  delegate_to: hv1
"""

RETURN = r"""
port:
  description: TCP port of the receiver.
  returned: success
  type: int
pid:
  description: PID of the receiver.
  returned: success and O(mode=receive)
  type: int
size:
  description: Number of bytes that the system took to send them; O(size) when all went well.
  returned: O(mode=send)
  type: int
sha256_sent:
  description: Checksum of what was sent; empty when the transfer ended before all of it was.
  returned: O(mode=send)
  type: str
sha256_received:
  description: Checksum of what arrived; empty when the transfer ended early.
  returned: O(mode=send)
  type: str
seconds:
  description: Time from connecting until the checksum was back.
  returned: O(mode=send)
  type: float
"""

import hashlib
import os
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, accepted, check_range, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.background import start
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import check_timeout
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import enter
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import ipv4

# Bytes that are made and sent at once.
BLOCK = 1024 * 1024

# SO_LINGER (socket(7)): a close ends the connection at once, so that the kernel sends nothing again for minutes, into whatever comes next.
ABORTED = struct.pack("ii", 1, 0)

# Gets the listening socket and the timeout; outlives the task.
RECEIVER = """
import hashlib, socket, struct, sys
listener = socket.socket(fileno=int(sys.argv[1]))
listener.settimeout(float(sys.argv[2]))
connection = listener.accept()[0]
connection.settimeout(float(sys.argv[2]))
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
digest = hashlib.sha256()
while part := connection.recv(65536):
    digest.update(part)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
connection.sendall(digest.hexdigest().encode())
connection.close()
"""


def run(options: dict[str, Any]) -> dict[str, Any]:
    receives = options["mode"] == "receive"
    check_texts(options)
    for name in ("address", "source"):
        if options[name] is not None:
            accepted(ipv4, name, options[name])
    check_range("size", options["size"], 1)
    check_timeout(options["timeout"])
    check_range("port", options["port"], 0 if receives else 1, 65535, "Use the port that the receiver returned, {}.")
    enter(options["namespace"])
    return {"changed": True, **(receive(options) if receives else send(options))}


def tcp_socket(interface: str | None, address: str, port: int) -> socket.socket:
    """A socket bound to an address of an interface."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        place = f"{address}:{port}" + (f" on {interface}" if interface else "")
        raise UserError(f"cannot use {place}: {error.strerror}. Is it an address of this host ('ip address')?") from None
    return sock


def receive(options: dict[str, Any]) -> dict[str, Any]:
    with tcp_socket(options["interface"], options["address"], options["port"]) as listener:
        listener.listen(1)
        process = start([sys.executable, "-c", RECEIVER, str(listener.fileno()), str(options["timeout"])], pass_fds=(listener.fileno(),))
        return {"port": listener.getsockname()[1], "pid": process.pid}


def send(options: dict[str, Any]) -> dict[str, Any]:
    """The result of a transfer; of one that failed, too, with the ``UserError``."""
    digest = hashlib.sha256()
    size = 0
    started = time.monotonic()
    receiver = f"{options['address']}:{options['port']}"
    received = b""
    error = None
    with tcp_socket(options["interface"], options["source"] or "0.0.0.0", 0) as sock:

        def use_the_time_left() -> None:
            left = started + options["timeout"] - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)

        try:
            use_the_time_left()
            sock.connect((options["address"], options["port"]))
            while size < options["size"]:
                block = os.urandom(min(BLOCK, options["size"] - size))
                use_the_time_left()
                sock.sendall(block)
                digest.update(block)
                size += len(block)
            sock.shutdown(socket.SHUT_WR)
            while True:
                use_the_time_left()
                part = sock.recv(64)
                if not part:
                    break
                received += part
        except TimeoutError:
            error = (
                f"timeout: {receiver} did not take and confirm {options['size']} bytes within {options['timeout']} s."
                " Does a ping work, also a large one (MTU)?"
            )
        except OSError as problem:
            error = f"{receiver}: {problem.strerror}. Does the receiver still run, and does a ping work?"
        if error:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTED)
    result = {
        "port": options["port"],
        "size": size,
        "sha256_sent": digest.hexdigest() if size == options["size"] else "",
        "sha256_received": received.decode(errors="replace"),
        "seconds": round(time.monotonic() - started, 3),
    }
    if not error and result["sha256_sent"] != result["sha256_received"]:
        error = f"{receiver} did not get the {size} bytes as they were sent. Compare the captures of both ends."
    if error:
        raise UserError(error, **result)
    return result


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["receive", "send"], "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 0},
            "interface": {"type": "str"},
            "namespace": {"type": "str"},
            "source": {"type": "str"},
            "size": {"type": "int", "default": 10 * 1024 * 1024},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=False,
    )
    finish(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
