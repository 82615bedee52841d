# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command to its end, or to a limit, and writes what it took to a file, as JSON.

    measure.py FILE SECONDS COMMAND...

A process of its own, and a small one: the memory that the kernel reports of a command is never less than its parent's.
"""

import json
import os
import signal
import sys
import time

path, limit, *command = sys.argv[1:]
started = time.monotonic()
pid = os.posix_spawnp(command[0], command, os.environ)
signal.signal(signal.SIGALRM, lambda *unused: os.kill(pid, signal.SIGKILL))
signal.setitimer(signal.ITIMER_REAL, float(limit))
unused, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - started
with open(path, "w", encoding="utf-8") as file:
    cost = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}
    json.dump({"status": os.waitstatus_to_exitcode(status), "cost": cost}, file)
