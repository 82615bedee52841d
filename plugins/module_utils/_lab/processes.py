# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes that a lab consists of: found by their command lines in proc(5), and ended."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError, check_range
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.node import NODE, Node, parse_command_line

#: Seconds that every clock of the system can count: poll(2) takes milliseconds in 31 bits.
LONGEST = 2_000_000


def check_timeout(seconds: int) -> None:
    """Raise ``UserError`` unless the option ``timeout`` is a number of seconds that can be waited for."""
    check_range("timeout", seconds, 1, LONGEST, "Use {} seconds.")


class Deadline:
    """The time, in seconds from now, that a whole task may take."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, waiting_for: str) -> float:
        """The seconds that are left, more than 0; raises ``UserError`` when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.expired(waiting_for)
        return left

    def expired(self, waiting_for: str) -> UserError:
        """The error for a wait that did not end in time."""
        return UserError(
            f"timeout: gave up waiting for {waiting_for} after {self.seconds} s. Is the machine busy? Give it a larger timeout."
        )


@dataclass(frozen=True)
class Process:
    """A process of a lab."""

    pid: int
    node: Node
    #: Whether it is PID 1 of the node; else it is the helper that makes the node.
    is_init: bool
    #: Whether the node is complete.
    kept: bool


def read_process(pid: int) -> Process | None:
    """The process that has this PID if it belongs to a lab; works for any user."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as command_line:
            arguments = command_line.read().decode(errors="replace").split("\0")[:-1]
        parsed = parse_command_line(arguments)
        if parsed is None:
            return None
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # Anybody can start a process with such a command line; only root can be a node, and only root is to be trusted.
    if set(status["Uid"].split()) != {"0"}:
        return None
    inner_pids = status["NSpid"].split()[1:]
    # More than one: the node of a lab that runs inside a container. Another than 1: what a node's shell has forked,
    # with the shell's command line until it executes a program; it ends with the node.
    if inner_pids not in ([], ["1"]):
        return None
    marker, node = parsed
    is_init = bool(inner_pids)
    return Process(pid, node, is_init, kept=is_init and marker == NODE)


def processes(lab: str) -> list[Process]:
    """Every process of the lab, whatever its condition, by PID."""
    return [process for process in _all_processes() if process.node.lab == lab]


def labs() -> list[str]:
    """The names of all labs that run on this machine."""
    return sorted({process.node.lab for process in _all_processes()})


def _all_processes() -> list[Process]:
    try:
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except FileNotFoundError:  # not Linux
        return []
    return [process for process in map(read_process, sorted(pids)) if process]


def running(lab: str) -> dict[str, Process]:
    """PID 1 of each of the lab's nodes that run, by name; without the underlay."""
    return {process.node.name: process for process in processes(lab) if process.kept and not process.node.is_underlay}


def kill(victims: Iterable[Process], deadline: Deadline) -> None:
    """SIGKILL each process and wait until it is gone. A namespace's PID 1 takes all that is in it along.

    Raises ``UserError`` when the time is up.
    """
    waiting = {}
    poll = select.poll()
    try:
        for process in victims:
            try:
                fd = os.pidfd_open(process.pid)
            except ProcessLookupError:
                continue
            waiting[fd] = process
            # The descriptor holds the process: after this look its number cannot stand for another one.
            now = read_process(process.pid)
            if now and now.node == process.node:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                poll.register(fd, select.POLLIN)
            else:
                os.close(fd)
                del waiting[fd]
        while waiting:
            names = ", ".join(sorted(f"{process.node.name} (pid {process.pid})" for process in waiting.values()))
            for fd, _event in poll.poll(deadline.left(f"the end of {names}") * 1000):
                poll.unregister(fd)
                os.close(fd)
                del waiting[fd]
    finally:
        for fd in waiting:
            os.close(fd)


def kill_all(look: Callable[[], Iterable[Process]], deadline: Deadline) -> None:
    """``kill`` what ``look`` finds until it finds nothing: a helper may fork its node between the look and its end."""
    while found := look():
        kill(found, deadline)
