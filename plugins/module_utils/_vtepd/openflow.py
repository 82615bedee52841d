# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow tables of the bridge: read, changed in one step, and followed (ovs-ofctl(8))."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.flows import (
    COUNTED_COOKIE,
    ENTRY,
    LEARNED,
    NO_TAG,
    OUTPUT,
    TO_PORT,
    TO_TAG,
    Flows,
    lines,
)

_OFCTL = ("ovs-ofctl", "-OOpenFlow15")
# How long ovs-vswitchd may take for a bundle of 100,000 flows on a busy machine.
_SECONDS = 120
_READ_BYTES = 1 << 20
# What stands before a flow's actions, other than its match.
_NO_MATCH = re.compile(
    r"^(cookie|duration|n_packets|n_bytes|idle_timeout|hard_timeout|idle_age|hard_age|importance|reset_counts|send_flow_rem)\b"
)
_EVENT = re.compile(
    r"event=(?P<event>ADDED|MODIFIED|DELETED)\b.*?\btable=(?P<table>\d+)\b.*?\bmetadata=(?P<metadata>0x[0-9a-f]+|\d+),dl_dst=(?P<mac>[0-9a-f:]{17})"
)
# As OpenFlow 1.0 and 1.5 have it.
_LOAD = r"(?:load:(?P<old>0x[0-9a-f]+|\d+)->NXM_NX_{0}\[|set_field:(?P<new>0x[0-9a-f]+|\d+)/0xffff->{1}\b)"
_COUNTED = re.compile(r"n_packets=(\d+), n_bytes=(\d+)")


class Unreachable(Exception):
    """ovs-vswitchd does not answer, or not for this bridge."""


class Learned(NamedTuple):
    """A MAC address that was learned: in which logical switch, by its metadata."""

    metadata: str
    mac: str


class Seen(NamedTuple):
    """Where a MAC address was seen last."""

    port: int
    tag: int


class Flowtable:
    """The flow tables of one bridge."""

    def __init__(self, bridge: str, rundir: str) -> None:
        self.bridge = bridge
        self._socket = f"{rundir}/{bridge}.mgmt"

    def is_there(self) -> bool:
        """Whether ovs-vswitchd listens for this bridge."""
        with socket.socket(socket.AF_UNIX) as trial:
            return not trial.connect_ex(self._socket)

    def _run(self, *words: str, text: str = "", good: Collection[int] = (0,)) -> str:
        try:
            done = subprocess.run([*_OFCTL, *words], input=text, capture_output=True, text=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unreachable(f"ovs-ofctl {words[0]} has no answer after {_SECONDS} s") from None
        if done.returncode not in good:
            raise Unreachable(f"ovs-ofctl {' '.join(words)}: {done.stderr.strip()[:2000]}")
        return done.stdout

    def apply(self, remove: Iterable[str], add: Flows, forget: Iterable[Learned] = ()) -> None:
        """Remove flows by their match, add others, and forget what was learned: all of it at once or nothing (a bundle, OpenFlow 1.5)."""
        text = [f"delete_strict {match}" for match in remove]
        text += [f"add {line}" for line in lines(add.items())]
        text += [f"delete table={LEARNED},metadata={one.metadata},dl_dst={one.mac}" for one in forget]
        if text:
            self._run("--bundle", "add-flows", self.bridge, "-", text="\n".join(text) + "\n")

    def differences(self, wanted: Flows) -> tuple[list[str], Flows]:
        """Flows that are there and not wanted, by their match, and those that are wanted and not there as they should be.

        What was learned is not looked at.
        """
        text = "\n".join(lines(wanted.items())) + "\n"
        # "-" would be the name of a bridge. 2: there are differences (ovs-ofctl(8)).
        said = self._run("diff-flows", self.bridge, "/dev/stdin", text=text, good=(0, 2))
        have, missing = set(), False
        for line in said.splitlines():
            sign, flow = line[:1], line[1:]
            match = _match(flow)
            if sign == "-" and not match.startswith(f"table={LEARNED},"):
                have.add(match)
            missing = missing or sign == "+"
        if not missing:
            return sorted(have), {}
        # Which of ours are missing is told in Open vSwitch's spelling, so that all are said again: an equal flow stays as it is.
        return sorted(have), dict(wanted)

    def learned(self) -> dict[Learned, Seen]:
        """All that was learned."""
        found: dict[Learned, Seen] = {}
        for line in self._run("dump-flows", self.bridge, f"table={LEARNED}").splitlines():
            take(found, f"event=ADDED {line}")
        return found

    def counts(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Packets and bytes of the flows at entry and output, by table and match."""
        found: dict[str, dict[str, tuple[int, int]]] = {str(table): {} for table in (ENTRY, OUTPUT)}
        # Open vSwitch finds the flows of a cookie without a look at the others.
        for line in self._run("dump-flows", self.bridge, f"cookie={COUNTED_COOKIE:#x}/-1").splitlines():
            if counted := _COUNTED.search(line):
                table, _comma, match = _match(line.strip()).partition(",")
                found.setdefault(table.removeprefix("table="), {})[match] = int(counted[1]), int(counted[2])
        return found


def _match(line: str) -> str:
    """The table, priority and match of a flow as ovs-ofctl(8) prints it."""
    told = line.partition(" actions=")[0]
    parts = [part for part in re.split(r",\s*|\s+", told) if part and not _NO_MATCH.match(part)]
    table = next((part for part in parts if part.startswith("table=")), "table=0")
    return ",".join([table, *(part for part in parts if not part.startswith("table="))])


class Watch:
    """Follows what is learned: ``ovs-ofctl monitor``, whose first events tell what is there already."""

    def __init__(self, bridge: str) -> None:
        self._descriptor, told = os.pipe()
        os.set_blocking(self._descriptor, False)
        # It ends with this process.
        command = ["setpriv", "--pdeathsig=KILL", "ovs-ofctl", "monitor", bridge, f"watch:table={LEARNED}"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        os.close(told)
        self._text = b""
        self.known: dict[Learned, Seen] = {}

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._descriptor)

    def read(self) -> bool:
        """Take what has come; whether something was learned, moved or forgotten. ``Unreachable`` where the connection has ended."""
        changed = False
        while True:
            try:
                chunk = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return changed
            if not chunk:
                raise Unreachable("the connection to ovs-vswitchd has ended")
            *whole, self._text = (self._text + chunk).split(b"\n")
            for line in whole:
                changed |= take(self.known, line.decode(errors="replace"))


def take(known: dict[Learned, Seen], line: str) -> bool:
    """Follow one line of ``ovs-ofctl monitor``; whether it changes anything."""
    found = _EVENT.search(line)
    if not found or int(found["table"]) != LEARNED:
        return False
    one = Learned(hex(int(found["metadata"], 0)), found["mac"])
    if found["event"] == "DELETED":
        return known.pop(one, None) is not None
    port, tag = (re.search(_LOAD.format(register.upper(), register), line) for register in (TO_PORT, TO_TAG))
    seen = Seen(*(int(one["old"] or one["new"], 0) if one else 0 for one in (port, tag)))
    before = known.get(one)
    known[one] = seen
    return seen != before


def bound(known: Mapping[Learned, Seen], places: Mapping[str, Collection[Seen]]) -> tuple[set[Learned], set[Learned]]:
    """What was learned where its switch has a binding (metadata -> ports and tags), and the rest."""
    good = {one for one, seen in known.items() if seen in places.get(one.metadata, ())}
    return good, set(known) - good


def counted_from(
    counts: Mapping[str, Mapping[str, tuple[int, int]]], port: int, vlan: int, tag: int, metadata: str
) -> tuple[int, int, int, int]:
    """Packets and bytes that came from a binding, and those that went there."""
    tags = [f"dl_vlan={vlan}"] if vlan else [NO_TAG, "dl_vlan=0"]
    mine = f"{TO_PORT}={tagged(port)},{TO_TAG}={tagged(tag)},metadata={metadata}"
    # From elsewhere, and from another VLAN of the same port.
    to = [f"priority=100,{mine}", f"priority=110,{mine},in_port={port}"]
    came = [counts[str(ENTRY)].get(f"priority=100,in_port={port},{one}", (0, 0)) for one in tags]
    went = [counts[str(OUTPUT)].get(one, (0, 0)) for one in to]
    return (sum(one[0] for one in came), sum(one[1] for one in came), sum(one[0] for one in went), sum(one[1] for one in went))


def tagged(value: int) -> str:
    """A register's value as ovs-ofctl(8) prints it."""
    return hex(value) if value else "0"
