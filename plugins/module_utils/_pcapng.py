# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes captures of several interfaces into one, with comments
(https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html). ``_pcap`` reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcap import Frame

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER, _MAJOR, _MINOR, _ANY_LENGTH = 0x1A2B3C4D, 1, 0, -1
_END, _COMMENT, _IF_NAME, _IF_TSRESOL = 0, 1, 2, 9
_NANOSECONDS = b"\x09"  # of a second, as a power of ten


class Captured(NamedTuple):
    """What was captured at one place, in one go."""

    #: The interface's name in the file; several captures may have the same.
    interface: str
    frames: Sequence[Frame]
    #: By the number of the frame.
    comments: Mapping[int, str]


def merged(captures: Sequence[Captured]) -> Iterator[bytes]:
    """The blocks of a file with all frames, in the order of their time."""
    yield _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, _MAJOR, _MINOR, _ANY_LENGTH))
    interfaces: dict[tuple[str, int], int] = {}
    for capture in captures:
        for frame in capture.frames:
            if (capture.interface, frame.link_type) not in interfaces:
                interfaces[capture.interface, frame.link_type] = len(interfaces)
                options = [(_IF_NAME, capture.interface.encode()), (_IF_TSRESOL, _NANOSECONDS)]
                yield _block(_INTERFACE, struct.pack("<HHI", frame.link_type, 0, 0) + _options(options))
    every = [(frame.nanoseconds or 0, number, frame) for number, capture in enumerate(captures) for frame in capture.frames]
    for nanoseconds, number, frame in sorted(every, key=lambda one: one[:2]):
        capture = captures[number]
        comment = capture.comments.get(frame.number)
        times = divmod(nanoseconds, 2**32)
        head = struct.pack("<IIIII", interfaces[capture.interface, frame.link_type], *times, len(frame.raw), frame.length)
        yield _block(_PACKET, head + _padded(frame.raw) + _options([(_COMMENT, comment.encode())] if comment else []))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    listed = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return listed + struct.pack("<HH", _END, 0) if listed else b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
