# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The containers of captures: pcap (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html) and pcapng
(https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html), as frames. What is in a frame is not looked at.

A library's reader was not kept here since each one tried stops at, or misreads, what other programs write: secrets between
packets, packets without a time stamp, a second section, frames of more than 65,535 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

#: The longest frame: more was never captured by libpcap (MAXIMUM_SNAPLEN), so a greater length is a damaged file.
LONGEST_FRAME = 262144

_PCAP = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # nanoseconds in the unit of its time stamps
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER = 0x1A2B3C4D
_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 2, 9, 14
_CHUNK = 1 << 16


class NoCapture(Exception):
    """The file does not begin as a capture does."""


class Damaged(Exception):
    """The file ends, or makes no sense, after the frames that were read."""


class Readable(Protocol):
    """What the frames are read from."""

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""


@dataclass(frozen=True)
class Frame:
    """A packet as it is in the file."""

    #: The position in the file, from 1.
    number: int
    #: Since 1970-01-01 00:00 UTC; ``None`` where the file has no time stamp for it.
    nanoseconds: int | None
    raw: bytes
    #: On the wire, in bytes; ``raw`` may be shorter.
    length: int
    #: As registered (https://www.tcpdump.org/linktypes.html).
    link_type: int
    #: The name of the interface that it was captured on, where the file says it.
    interface: str | None = None


@dataclass
class _Interface:
    link_type: int
    #: The most bytes of a packet that are in the file; 0 for no limit.
    snap_length: int
    name: str | None = None
    #: Time stamps in a second, and seconds to add to them.
    resolution: int = 10**6
    offset: int = 0


def frames(file: Readable) -> Iterator[Frame]:
    """The frames of a capture. Raises ``NoCapture`` at once, and ``Damaged`` after the last frame that is whole."""
    magic = file.read(4)
    if len(magic) == 4:
        for order in "<>":
            (number,) = struct.unpack(f"{order}I", magic)
            if number in _PCAP:
                return _pcap(file, order, _PCAP[number])
        if number == _SECTION:
            return _pcapng(file, magic)
    raise NoCapture


def _exactly(file: Readable, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Damaged
    return data


# -- pcap -----------------------------------------------------------------------------------------------------------


def _pcap(file: Readable, order: str, unit: int) -> Iterator[Frame]:
    header = file.read(20)
    if len(header) < 20:
        raise NoCapture
    # The upper half has flags, such as whether there is a checksum at the end of frames.
    link_type = struct.unpack(f"{order}I", header[16:])[0] & 0xFFFF
    return _pcap_frames(file, struct.Struct(f"{order}IIII"), unit, link_type)


def _pcap_frames(file: Readable, record: struct.Struct, unit: int, link_type: int) -> Iterator[Frame]:
    number = 0
    while header := file.read(record.size):
        if len(header) < record.size:
            raise Damaged
        seconds, fraction, captured, length = record.unpack(header)
        if captured > LONGEST_FRAME:
            raise Damaged
        number += 1
        yield Frame(number, seconds * 10**9 + fraction * unit, _exactly(file, captured), length, link_type)


# -- pcapng ---------------------------------------------------------------------------------------------------------


def _pcapng(file: Readable, magic: bytes) -> Iterator[Frame]:
    beginning = file.read(8)
    if len(beginning) < 8 or not _order(beginning[4:]):
        raise NoCapture
    return _pcapng_frames(file, magic + beginning)


def _order(mark: bytes) -> str:
    """How the numbers of a section are written."""
    return next((order for order in "<>" if struct.unpack(f"{order}I", mark)[0] == _BYTE_ORDER), "")


def _pcapng_frames(file: Readable, beginning: bytes) -> Iterator[Frame]:
    number, order = 0, ""
    interfaces: list[_Interface] = []
    while beginning:
        if len(beginning) < 12:
            raise Damaged
        if struct.unpack("<I", beginning[:4])[0] == _SECTION:
            # The byte order may change, and interfaces are counted anew.
            order, interfaces = _order(beginning[8:12]), []
            if not order:
                raise Damaged
        kind, size = struct.unpack(f"{order}II", beginning[:8])
        if size < 12 or size % 4:
            raise Damaged
        if kind in (_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET):
            if size > LONGEST_FRAME + _CHUNK:
                raise Damaged
            body, trailer = _body(file, beginning, size)
            if kind == _INTERFACE:
                interfaces.append(_interface(body, order))
            else:
                number += 1
                yield _frame(number, kind, body, order, interfaces)
        else:
            trailer = _skip(file, beginning, size)
        # The length stands at both ends of a block.
        if trailer != beginning[4:8]:
            raise Damaged
        beginning = file.read(12)


def _body(file: Readable, beginning: bytes, size: int) -> tuple[bytes, bytes]:
    rest = beginning[8:] + (_exactly(file, size - 12) if size > 12 else b"")
    return rest[:-4], rest[-4:]


def _skip(file: Readable, beginning: bytes, size: int) -> bytes:
    """Pass over a block, however large; its last four bytes."""
    end = beginning[8:12]
    left = size - 12
    while left:
        part = _exactly(file, min(left, _CHUNK))
        end, left = (end + part)[-4:], left - len(part)
    return end


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        raise Damaged
    link_type, _reserved, snap_length = struct.unpack(f"{order}HHI", body[:8])
    found = _Interface(link_type, snap_length)
    for option, value in _options(body[8:], order):
        if option == _IF_NAME:
            found.name = value.split(b"\0")[0].decode(errors="replace")
        elif option == _IF_TSRESOL and value:
            # The first bit says whether it is a power of 2 or of 10.
            found.resolution = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif option == _IF_TSOFFSET and len(value) == 8:
            (found.offset,) = struct.unpack(f"{order}q", value)
    return found


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        option, size = struct.unpack(f"{order}HH", data[:4])
        if not option:
            return
        yield option, data[4 : 4 + size]
        data = data[4 + size + -size % 4 :]


def _frame(number: int, kind: int, body: bytes, order: str, interfaces: list[_Interface]) -> Frame:
    try:
        if kind == _SIMPLE_PACKET:
            (length,) = struct.unpack(f"{order}I", body[:4])
            index, data, stamp = 0, body[4:], None
            captured = min(length, interfaces[0].snap_length or length)
        else:
            layout = f"{order}IIIII" if kind == _PACKET else f"{order}HHIIII"
            index, *_drops, high, low, captured, length = struct.unpack(layout, body[:20])
            data, stamp = body[20:], (high << 32) + low
        interface = interfaces[index]
    except (struct.error, IndexError):
        raise Damaged from None
    if captured > len(data):
        raise Damaged
    nanoseconds = None if stamp is None else stamp * 10**9 // interface.resolution + interface.offset * 10**9
    return Frame(number, nanoseconds, data[:captured], length, interface.link_type, interface.name)
