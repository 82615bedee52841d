# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the file of a database is divided into records (ovsdb(5)): before each one, a line with its kind, its length and its SHA-1 sum. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Bytes that the line before a record may have.
LONGEST = 128

_HEADER = re.compile(rb"OVSDB (JSON|CLUSTER) ([0-9]{1,18}) ([0-9a-f]{40})\n")


class Header(NamedTuple):
    """The line before a record. ``is_clustered``: the file is that of a server in a cluster."""

    is_clustered: bool
    length: int
    checksum: str


def header(line: bytes) -> Header | None:
    """What the line before a record says; ``None`` where it is none, or not whole."""
    found = _HEADER.fullmatch(line)
    return Header(found[1] == b"CLUSTER", int(found[2]), found[3].decode()) if found else None
