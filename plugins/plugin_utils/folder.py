# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder of the controller that others may write to: files are put in place as a whole, and no link is followed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def opened(folder: str) -> Iterator[int]:
    """The folder's descriptor, made when it is missing. Held open, it cannot become another one in between."""
    os.makedirs(folder, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield held
    finally:
        os.close(held)


def put(held: int, name: str, source: BinaryIO) -> None:
    """Put a file in place of what has its name there, a link included."""
    copy = f".{secrets.token_hex(8)}"
    written = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=held)
    try:
        with open(written, "wb") as target:
            shutil.copyfileobj(source, target)
        os.replace(copy, name, src_dir_fd=held, dst_dir_fd=held)
    except BaseException:
        os.unlink(copy, dir_fd=held)
        raise


def content(held: int, name: str) -> bytes | None:
    """What a file holds. ``None``: there is no file of that name, or it is a link."""
    try:
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held), "rb") as file:
            return file.read()
    except OSError:
        return None
