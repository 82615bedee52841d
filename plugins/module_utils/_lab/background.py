# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that outlive the module that starts them, as AnsibleModule.run_command's do not."""

from __future__ import annotations

import subprocess
from typing import IO, Any

#: A process that ``start`` has started.
Started = subprocess.Popen[bytes]


def start(
    command: list[str],
    output: IO[Any] | int = subprocess.DEVNULL,
    errors: IO[Any] | int = subprocess.DEVNULL,
    pass_fds: tuple[int, ...] = (),
) -> Started:
    """Start a process in a session of its own, with no standard input, in the directory ``/``."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, pass_fds=pass_fds, cwd="/", start_new_session=True
    )
