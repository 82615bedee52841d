# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces with a name, as ``ip netns`` has them (ip-netns(8)). Needs root."""

from __future__ import annotations

import ctypes
import os

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError

FOLDER = "/run/netns"


CLONE_NEWNET = 0x40000000  # setns(2)


def exists(namespace: str) -> bool:
    """Whether there is a namespace of this name."""
    return os.path.exists(f"{FOLDER}/{namespace}")


def prefix(namespace: str | None) -> list[str]:
    """The beginning of a command that is to run in a namespace; none for that of the task.

    Raises ``UserError`` for a namespace that is not there.
    """
    return ["nsenter", f"--net={_path(namespace)}", "--"] if namespace else []


def enter(namespace: str | None) -> None:
    """Move this process to a namespace, for good; nothing is done for none. Raises ``UserError`` where that is not possible."""
    if not namespace:
        return
    # os.setns() came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    with open(_path(namespace), "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise UserError(f"namespace: {namespace!r} cannot be entered: {os.strerror(ctypes.get_errno())}. Use become.")


def _path(namespace: str) -> str:
    if "/" in namespace or not exists(namespace):
        known = ", ".join(sorted(os.listdir(FOLDER))) if os.path.isdir(FOLDER) else ""
        raise UserError(f"namespace: there is no network namespace {namespace!r} on this host. It has {known or 'none with a name'}.")
    return f"{FOLDER}/{namespace}"
