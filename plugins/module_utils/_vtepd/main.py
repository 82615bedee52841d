# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program vtepd: an emulator of a hardware VTEP (vtep(5)) on a bridge of Open vSwitch.

usage: vtepd.pyz run BRIDGE DATABASE-FILE [--no-arp-suppression] [-- COMMAND...]
         stays in the foreground, logs to the standard error stream, and ends on SIGTERM; what forwards goes on forwarding.
         COMMAND starts those of ovsdb-server and ovs-vswitchd that were killed
       vtepd.pyz wait SECONDS BRIDGE [PORT...]
         waits until what is in the databases is in force, and the ports are registered
       vtepd.pyz status BRIDGE
         what the emulator does, as JSON
       vtepd.pyz clear BRIDGE
         removes the ports and flows of an emulator that runs no longer; the rows stay
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd import ports
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.connection import Connection, Lost
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.emulator import Emulator, Options, control_socket
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.replica import SWITCH, Replica, requests
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.supervise import RUN, end_others, keep_running

NO_ARP_SUPPRESSION = "--no-arp-suppression"
LOG = "/var/log/openvswitch/vtepd.log"
LOG_LINES = 15
LOOK_SECONDS = 0.05
CLEAR_SECONDS = 10.0


def main(words: Sequence[str]) -> None:
    program, *rest = words
    match rest:
        case ["run", bridge, database, *more]:
            options, start = split(more)
            keep_running(program, bridge, database, start, options)
        case ["emulate", bridge, *more]:
            Emulator(bridge, Options(arp_suppression=NO_ARP_SUPPRESSION not in more)).run()
        case ["wait", seconds, bridge, *names]:
            wait(float(seconds), bridge, names)
        case ["status", bridge]:
            sys.stdout.write(json.dumps(ask(bridge, {}, time.monotonic() + CLEAR_SECONDS) or {}, indent=2) + "\n")
        case ["clear", bridge]:
            end_others(bridge)
            clear(bridge)
        case _:
            raise SystemExit((__doc__ or "").strip())


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options, and the command behind ``--``."""
    if "--" not in words:
        return list(words), []
    middle = list(words).index("--")
    return list(words[:middle]), list(words[middle + 1 :])


def ask(bridge: str, question: dict[str, Any], deadline: float) -> dict[str, Any] | None:
    """What the emulator of a bridge answers; nothing where none does in time."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(control_socket(bridge))
            client.sendall(json.dumps({"question": True, **question}).encode())
            client.settimeout(max(LOOK_SECONDS, deadline - time.monotonic()))
            text = b""
            while not text.endswith(b"\n"):
                chunk = client.recv(1 << 16)
                if not chunk:
                    return None
                text += chunk
        except OSError:
            return None
    answer: dict[str, Any] = json.loads(text)
    return answer


def wait(seconds: float, bridge: str, names: Sequence[str]) -> None:
    """Wait until the emulator is ready; where it is not, say what is missing and exit with a status of 1."""
    deadline = time.monotonic() + seconds
    while not ask(bridge, {"wait": True, "ports": list(names)}, deadline):
        if time.monotonic() > deadline:
            raise SystemExit(why(bridge, names, seconds))
        select.select([], [], [], LOOK_SECONDS)


def why(bridge: str, names: Sequence[str], seconds: float) -> str:
    """Why an emulator is not ready."""
    status = ask(bridge, {}, time.monotonic() + 1)
    if status is None:
        said = "it does not answer"
    elif not status["database"]:
        said = "it has no connection to ovsdb-server"
    elif missing := sorted(set(names) - set(status["ports"])):
        said = f"it has not registered {', '.join(missing)}: check with ovs-vsctl list-ports {bridge}"
    elif not status["switch"]:
        said = f"ovs-vswitchd does not answer for bridge {bridge}, or there is no Physical_Switch {bridge}"
    else:
        said = "it is busy"
    try:
        with open(LOG, encoding="utf-8", errors="replace") as file:
            tail = "".join(file.readlines()[-LOG_LINES:])
    except OSError:
        tail = ""
    return f"vtepd was not ready in {seconds:g} s: {said}.\nThe end of {LOG}:\n{tail}"


def clear(bridge: str) -> None:
    """Remove the ports and flows that an emulator has left."""
    try:
        connection = Connection(str(RUN / "db.sock"))
        replica = Replica(SWITCH)
        replica.take(_call(connection, "monitor", SWITCH, None, requests(SWITCH)))
        operations = ports.cleared(replica, bridge)
        if operations:
            _call(connection, "transact", SWITCH, *operations)
        connection.close()
    except Lost as error:
        raise SystemExit(f"ovsdb-server: {error}") from None
    # Where there is no such bridge, or no ovs-vswitchd, there are no flows.
    subprocess.run(["ovs-ofctl", "-OOpenFlow15", "del-flows", bridge], capture_output=True, check=False)


def _call(connection: Connection, method: str, *params: Any) -> Any:
    number = connection.request(method, *params)
    deadline = time.monotonic() + CLEAR_SECONDS
    while time.monotonic() < deadline:
        select.select([connection], [], [], LOOK_SECONDS)
        for message in connection.read():
            if message.get("id") == number:
                if message.get("error"):
                    raise Lost(str(message["error"]))
                return message["result"]
    raise Lost(f"no answer after {CLEAR_SECONDS:g} s")
