# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Capture files that a user names, as frames, with errors that say what to do. One frame is held at a time."""

from __future__ import annotations

import contextlib
import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._files import open_file
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcap import Damaged, Frame, NoCapture, Readable, frames

#: Bytes of a capture file; it is read packet by packet.
LARGEST_FILE = 2**50
GZIP_MAGIC = b"\x1f\x8b"
PROGRESS_SECONDS = 5
PROGRESS_PACKETS = 1000  # how often to look at the clock


# Told the number of packets that were read, and which part of the file that is, from 0 to 1.
Progress = Callable[[int, float], None]


class _Source:
    """A file that remembers whether it ended within what was to be read."""

    def __init__(self, file: Readable, raw: BinaryIO) -> None:
        self._file = file
        self._raw = raw
        self.cut = False

    def read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (EOFError, OSError, zlib.error):  # what gzip raises
            data, self.cut = b"", True
        self.cut |= 0 < len(data) < size
        return data

    def part(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return self._raw.tell() / max(os.fstat(self._raw.fileno()).st_size, 1)


@contextlib.contextmanager
def _source(path: str | os.PathLike[str]) -> Iterator[_Source]:
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(open_file(os.fspath(path), "path", LARGEST_FILE, "name a capture file that this user may read"))
        magic = file.read(4)
        if not magic:
            raise UserError(f"path: {path} is empty. Was the capture stopped before it began? Capture again.")
        file.seek(0)
        yield _Source(opened.enter_context(gzip.open(file)) if magic.startswith(GZIP_MAGIC) else file, file)


def file_frames(path: str | os.PathLike[str], progress: Progress | None = None) -> Iterator[Frame]:
    """The frames of a pcap or pcapng file, plain or compressed with gzip.

    ``progress`` is called about every ``PROGRESS_SECONDS``. Raises ``UserError`` for a file that cannot be read to its end.
    """
    number = 0
    told = time.monotonic()
    with _source(path) as source:
        try:
            for frame in frames(source):
                number = frame.number
                if progress and number % PROGRESS_PACKETS == 0 and time.monotonic() >= told + PROGRESS_SECONDS:
                    told = time.monotonic()
                    progress(number, source.part())
                yield frame
            if source.cut:
                raise Damaged
        except NoCapture:
            raise UserError(
                f"path: {path} is not a capture file. Give a pcap or pcapng file, as tcpdump -w and Wireshark write them."
            ) from None
        except Damaged:
            raise UserError(
                f"path: {path} is damaged or cut off after packet {number}. Was it copied while the capture ran?"
                " Stop the capture first; of a file that stays broken, Wireshark's editcap saves what is whole."
            ) from None
