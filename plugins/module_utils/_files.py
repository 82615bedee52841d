# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that a user names: what is no ordinary file, or larger than can be meant, is refused before it is read."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError

#: Bytes of a file of data: a million entries of the longest kind, as YAML, are half of it.
LARGEST = 2**28

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_file(path: str, option: str, largest: int = LARGEST, remedy: str = "check the path") -> BinaryIO:
    """Open an ordinary file of ``largest`` bytes or fewer for reading; ``option`` names it, and ``remedy`` helps where it cannot be opened.

    Raises ``UserError``, also for a path that no file system takes.
    """
    try:
        # A FIFO would else wait for a writer.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except IsADirectoryError:
        raise UserError(f"{option}: {path!r} is a directory; name a file") from None
    except OSError as error:
        raise UserError(f"{option}: cannot read {path!r}: {error.strerror}; {remedy}") from None
    except ValueError:
        raise UserError(f"{option}: {path!r} is not accepted: expected a path without NUL characters") from None
    try:
        _check_ordinary(os.fstat(file.fileno()), path, option, largest)
    except BaseException:
        file.close()
        raise
    return file


def _check_ordinary(status: os.stat_result, path: str, option: str, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{option}: {path!r} is {_KINDS.get(stat.S_IFMT(status.st_mode), 'not a file')}; name an ordinary file")
    if status.st_size > largest:
        raise UserError(f"{option}: {path!r} has {status.st_size:,} bytes; expected {largest:,} or fewer; split it")
