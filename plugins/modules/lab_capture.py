#!/usr/bin/python
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_capture
short_description: Start and stop packet captures in the background
version_added: 0.1.0
description:
  - Starts C(tcpdump(8)) in the background and returns when it captures, not before; stops it when it has written all
    that the kernel gave it.
  - A capture is found again by the file that it writes.
options:
  captures:
    description: The captures that are started, or stopped, together.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - The pcap file, an absolute path. Its directory is made when it is missing; a file that is there is replaced.
          - What tcpdump says goes to the same path with C(.log) added.
        type: path
        required: true
      interface:
        description: The interface to capture on. Required when O(state=started).
        type: str
      namespace:
        description: Network namespace that the interface is in, as C(ip netns) names it. By default that of the task.
        type: str
  state:
    description:
      - V(started) begins a new capture, and ends one that still writes the same file.
      - V(stopped) ends the captures. One that does not run stays as it is; one that ended by itself is an error.
    type: str
    choices: [started, stopped]
    required: true
  filter:
    description: What to capture, as C(pcap-filter(7)) describes it. By default everything.
    type: str
  forget:
    description:
      - Caches to empty before O(state=started), so that the capture shows how they are filled. V(vms) is for the neighbours of the kernel in
        all network namespaces, and for what Linux bridges and Open vSwitch have learned. V(all) is for the neighbours of Open vSwitch's
        tunnels, too.
    type: str
    choices: [nothing, vms, all]
    default: nothing
  timeout:
    description: Time for each capture to start or to stop, in seconds, 1 to 2,000,000.
    type: int
    default: 10
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without starting or stopping anything.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Linux
  - root
  - tcpdump
seealso:
  - module: vxlanlab.vtep.vxlan_capture_info
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

EXAMPLES = r"""
- name: Capture both sides of a VTEP
  vxlanlab.vtep.lab_capture:
    state: started
    captures:
      - {interface: vm1, path: /run/captures/vm1_overlay.pcap}
      - {interface: eth0, path: /run/captures/vm1_underlay.pcap}

- name: Stop capturing
  vxlanlab.vtep.lab_capture:
    state: stopped
    captures:
      - path: /run/captures/vm1_overlay.pcap
      - path: /run/captures/vm1_underlay.pcap
"""

RETURN = r"""
captures:
  description: The captures, in the order of O(captures).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The pcap file.
      type: str
    pid:
      description: PID of its tcpdump; V(null) when it does not run, and in check mode.
      type: int
    packets:
      description: Number of packets in the file of a capture that this task stopped, else V(null).
      type: int
    dropped:
      description: Number of packets that the kernel dropped because the capture was too slow, else V(null).
      type: int
"""

import glob
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check_texts
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.background import Started, start
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import check_timeout
from ansible_collections.vxlanlab.vtep.plugins.module_utils._module import finish
from ansible_collections.vxlanlab.vtep.plugins.module_utils._namespaces import prefix

SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin"))
OVS = "ovs-appctl"
VSWITCHD = "/var/run/openvswitch/ovs-vswitchd.pid"
NEIGHBOURS = [["ip", "neigh", "flush", "all"], ["ip", "-all", "netns", "exec", "ip", "neigh", "flush", "all"]]
# Flows go first: revalidated without the neighbours they need, each would ask for them. And while there is a flow for
# ARP replies, the switch does not learn from them.
LEARNED = [[OVS, "revalidator/purge"], [OVS, "fdb/flush"]]
FORGET: dict[str, list[list[str]]] = {
    "nothing": [],
    "vms": [*NEIGHBOURS, *LEARNED],
    "all": [*NEIGHBOURS, *LEARNED, [OVS, "tnl/neigh/flush"]],
}
READY = "listening on "
COUNTS = re.compile(r"(\d+) packets? captured.*?(\d+) packets? dropped by kernel", re.DOTALL)
POLL_SECONDS = 0.02
# Free bytes that a file system needs for the beginning of a capture and of its log.
ROOM = 65536


def forget(what: str) -> None:
    """Empty the caches of this host: those of the kernel, and of Open vSwitch where it runs."""
    for command in FORGET[what]:
        if command[0] != OVS or os.path.exists(VSWITCHD):
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise UserError(f"forget: '{' '.join(command)}' failed: {done.stderr.strip()}. Use become.")
    for bridge in glob.glob("/sys/class/net/*/bridge/flush") if FORGET[what] else ():
        with open(bridge, "w", encoding="ascii") as file:
            file.write("1")


class Capture:
    """One tcpdump and its file."""

    def __init__(self, path: str, interface: str | None, namespace: str | None, timeout: int) -> None:
        if not os.path.isabs(path):
            raise UserError(f"captures: path {path!r} is not absolute. Start it with a slash.")
        self.path = path
        self.log = f"{path}.log"
        self.interface = interface
        self.namespace = namespace
        self.timeout = timeout
        self.process: Started | None = None
        self.packets: int | None = None
        self.dropped: int | None = None

    def pid(self) -> int | None:
        """PID of the tcpdump whose standard output is the file."""
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.path.samefile(f"/proc/{entry}/fd/1", self.path):
                    with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                        if file.read().strip() == "tcpdump":
                            return int(entry)
            except OSError:  # it has ended, or there is no such file
                continue
        return None

    def said(self) -> str:
        """What tcpdump has said."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.timeout
        while not condition():
            if time.monotonic() > deadline:
                raise UserError(
                    f"timeout: waited {self.timeout} s for the capture {self.path} {what}."
                    f" tcpdump said: {self.said().strip() or 'nothing'}. {self.full() or 'Is the machine busy? Give it a larger timeout.'}"
                )
            time.sleep(POLL_SECONDS)

    def full(self) -> str:
        """What is wrong where the file system has no room for the file; else empty. The log would not have it either."""
        folder = os.path.dirname(self.path)
        room = os.statvfs(folder)
        # A file system without a size says 0 of 0.
        if not room.f_blocks or room.f_bfree * room.f_frsize >= ROOM:
            return ""
        return f"The file system of {folder} is full: remove files there, or name another path."

    def start(self, tcpdump: str, interface: str, expression: str | None) -> None:
        """Start it, and return when it captures."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
        except OSError as error:
            raise UserError(f"captures: {self.path} cannot be written: {error.strerror}. Name another path.") from error
        if full := self.full():
            raise UserError(f"captures: {self.path} cannot be written. {full}")
        # It stays root, or root itself could not see its files without CAP_SYS_PTRACE, as in a container. To its standard output,
        # which pid() finds it by. Each packet is written when it comes.
        command = [
            *prefix(self.namespace),
            tcpdump,
            "-Z",
            "root",
            "-i",
            interface,
            "--immediate-mode",
            "-U",
            "-n",
            "-w",
            "-",
            # What follows is no option, whatever it begins with.
            "--",
            *([expression] if expression else []),
        ]
        try:
            with open(self.path, "wb") as output, open(self.log, "wb") as log:
                process = self.process = start(command, output, log)
        except OSError as error:
            raise UserError(f"captures: {self.path} cannot be written: {error.strerror}. Name another path.") from error
        self.wait_for(lambda: READY in self.said() or process.poll() is not None, "to begin")
        if process.poll() is not None:
            raise UserError(
                f"captures: tcpdump cannot capture on {interface}: {self.said().strip()}. Compare interface and filter with 'ip link'."
            )

    def stop(self, pid: int) -> None:
        """Let it take all that the kernel has for it, then end it."""

        def idle() -> bool:
            # It sleeps when there is no packet left to read (proc_pid_stat(5)).
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rpartition(")")[2].split()[0] == "S"

        try:
            self.wait_for(idle, "to be written")
            os.kill(pid, signal.SIGINT)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended by itself, and has said why
        self.wait_for(lambda: self.pid() != pid, "to end")
        counts = COUNTS.search(self.said())
        if not counts:
            raise self.ended_by_itself()
        # tcpdump counts what it could not write.
        if full := self.full():
            raise UserError(f"captures: {self.path} may lack packets at its end. {full}")
        self.packets, self.dropped = int(counts[1]), int(counts[2])

    def ended_by_itself(self) -> UserError:
        """The error for a capture that nobody stopped."""
        return UserError(
            f"captures: {self.path} ended by itself. tcpdump said: {self.said().strip() or 'nothing'}. {self.full() or 'Start it again.'}"
        )


def start_all(captures: Sequence[Capture], expression: str | None, check_mode: bool) -> None:
    tcpdump = shutil.which("tcpdump", path=SEARCHED)
    if not tcpdump:
        raise UserError("the program tcpdump is missing. Install the package tcpdump.")
    placed = []
    for capture in captures:
        if not capture.interface:
            raise UserError(f"captures: {capture.path} has no interface. Say where to capture.")
        placed.append((capture, capture.interface))
    if check_mode:
        return
    for capture in captures:
        pid = capture.pid()
        if pid:
            capture.stop(pid)
            capture.packets = capture.dropped = None
    try:
        for capture, interface in placed:
            capture.start(tcpdump, interface, expression)
    except BaseException:
        for capture in captures:
            if capture.process:
                capture.process.kill()
                capture.process.wait()
        raise


def run(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    check_texts(options)
    check_timeout(options["timeout"])
    captures = [Capture(entry["path"], entry["interface"], entry["namespace"], options["timeout"]) for entry in options["captures"]]
    if options["state"] == "started":
        if not check_mode:
            forget(options["forget"])
        start_all(captures, options["filter"], check_mode)
        changed = True
    else:
        running = [(capture, capture.pid()) for capture in captures]
        changed = any(pid for capture, pid in running)
        for capture, pid in running:
            if pid and not check_mode:
                capture.stop(pid)
            elif not pid and capture.said() and not COUNTS.search(capture.said()):
                raise capture.ended_by_itself()
    shown = [{"path": capture.path, "pid": capture.pid(), "packets": capture.packets, "dropped": capture.dropped} for capture in captures]
    return {"changed": changed, "captures": shown}


def main() -> NoReturn:
    module = AnsibleModule(
        argument_spec={
            "captures": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"path": {"type": "path", "required": True}, "interface": {"type": "str"}, "namespace": {"type": "str"}},
            },
            "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
            "filter": {"type": "str"},
            "forget": {"type": "str", "choices": list(FORGET), "default": "nothing"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
