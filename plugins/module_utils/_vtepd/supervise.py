# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the emulator running, and with it ovsdb-server and ovs-vswitchd where systemd does not.

A daemon that was stopped is waited for. One that was killed stays dead where nobody restarts it, as its own monitor takes SIGKILL for a wish.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

RUN = Path(os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"))
SERVER, SWITCHD = DAEMONS = ("ovsdb-server", "ovs-vswitchd")
# Who else may look after the same bridge: these programs, with the word before the bridge's name where there is one.
OTHERS = (("ovs-vtep-supervisor", "run"), ("ovs-vtep",), ("vtepd.pyz", "run"), ("vtepd.pyz", "emulate"))
LOOK_SECONDS = 0.05
# What lies between two starts of an emulator that does not stay.
PAUSE_SECONDS = 1.0


class Stop(Exception):
    """SIGTERM or SIGINT came."""


def log(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stderr.flush()


def keep_running(program: str, bridge: str, database: str, start: Sequence[str], options: Sequence[str]) -> None:
    """Run the emulator until SIGTERM. ``start``: the command that starts those daemons that were killed; none under systemd."""
    told = held = False

    def stop(number: int, frame: object) -> None:
        nonlocal told
        told = True
        if not held:
            raise Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    emulator: subprocess.Popen[bytes] | None = None
    started = 0.0
    try:
        end_others(bridge)
        while True:
            _start_killed(start)
            server = _pid(SERVER)
            _serve(database)
            if emulator is None or emulator.poll() is not None:
                if emulator:
                    log(f"the emulator ended with status {emulator.returncode}; it is started again")
                    _pause(started + PAUSE_SECONDS - time.monotonic())
                started = time.monotonic()
                command = ["setpriv", "--pdeathsig=KILL", sys.executable, program, "emulate", bridge, *options]
                # What is started is known before it may have to be ended.
                held = True
                emulator = subprocess.Popen(command, stdin=subprocess.DEVNULL)
                held = False
                if told:
                    raise Stop
            _wait_for_an_end(emulator.pid, server)
    except Stop:
        log("stopped")
    finally:
        held = True
        if emulator:
            emulator.kill()
            emulator.wait()


def _pause(seconds: float) -> None:
    select.select([], [], [], max(0.0, seconds))


def _start_killed(start: Sequence[str]) -> None:
    while start and (names := [name for name in DAEMONS if was_killed(name)]):
        log(f"{' and '.join(names)} did not stop in order; {' '.join(start)}")
        done = subprocess.run(start, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            log(f"{start[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
            _pause(PAUSE_SECONDS)


def was_killed(daemon: str) -> bool:
    """Whether a daemon ended without removing its PID file, as it does when it is stopped, and its monitor with it."""
    # After a crash, the monitor starts the daemon again. It has another title: "ovs-vswitchd: monitoring pid 46 (healthy)".
    runs = any(Path(words[0].partition(":")[0]).name == daemon for _pid, words in neighbours())
    return not runs and (RUN / f"{daemon}.pid").exists()


def _serve(database: str) -> None:
    """Have ovsdb-server serve the VTEP database, and listen where that says. It forgets both when it restarts."""
    for words in (("add-db", database), ("add-remote", "db:hardware_vtep,Global,managers")):
        command = ["ovs-appctl", "--timeout=10", "-t", SERVER, f"ovsdb-server/{words[0]}", words[1]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "already open" not in done.stderr:
            return


def _pid(daemon: str) -> int:
    try:
        return int((RUN / f"{daemon}.pid").read_text())
    except (OSError, ValueError):
        return 0


def _wait_for_an_end(emulator: int, server: int) -> None:
    """Block until the emulator or a daemon has ended; while a daemon does not run, until it does."""
    pids = {"emulator": emulator, SERVER: server, SWITCHD: _pid(SWITCHD)}
    with contextlib.ExitStack() as undo:
        watched = []
        for pid in pids.values():
            try:
                watched.append(os.pidfd_open(pid))
            except OSError:
                continue
            undo.callback(os.close, watched[-1])
        # One that was stopped, and comes back some day, has another PID then. One that was killed is for the caller.
        while not select.select(watched, [], [], None if len(watched) == len(pids) else LOOK_SECONDS)[0]:
            if any(_pid(name) != pids[name] or was_killed(name) for name in DAEMONS):
                return


def neighbours() -> Iterator[tuple[int, list[str]]]:
    """The processes for which the same sockets have the same names: PID and words of the command."""
    mine = Path("/proc/self")
    for process in Path("/proc").glob("[0-9]*"):
        # One may end meanwhile.
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if all((process / link).samefile(mine / link) for link in ("ns/mnt", "root")):
                yield int(process.name), words


def end_others(bridge: str) -> None:
    """End other emulators and supervisors of the bridge: two would undo what the other does."""
    # Again, until there are none, as one may be the monitor that starts the other.
    while pids := [pid for pid, words in neighbours() if pid != os.getpid() and _looks_after(bridge, words)]:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                log(f"pid {pid} runs an emulator for {bridge} already, and is ended")
                (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, signal.SIGKILL)
                select.select([descriptor], [], [])
                os.close(descriptor)


def _looks_after(bridge: str, words: Sequence[str]) -> bool:
    if not Path(words[0]).name.startswith("python") or len(words) < 2:
        return False
    rest = list(words[2:])
    return any(Path(words[1]).name == name and rest[: len(more)] == more and bridge in rest[len(more) :] for name, *more in OTHERS)
