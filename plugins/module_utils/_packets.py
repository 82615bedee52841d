# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a captured packet is as data: made by ``_capture``, compared by ``_lab.walk``, shown by the report."""

from __future__ import annotations

from typing import Any, TypedDict

#: A header's fields by name: numbers and text; ``None`` where the capture cut the header before the field.
Fields = dict[str, Any]


class Layer(TypedDict):
    """One header of a packet, or the bytes that no header claims."""

    name: str
    #: Whether a VXLAN header carries it.
    inner: bool
    #: From the beginning of the packet, in bytes.
    offset: int
    #: Without the layers that it carries, in bytes.
    length: int
    fields: Fields


class _Always(TypedDict):
    #: The position in the file, from 1.
    number: int
    #: Seconds since the first packet of the file; ``None`` where the file does not say when it was captured.
    time: float | None
    #: Seconds since 1970-01-01 00:00 UTC; ``None`` likewise.
    timestamp: float | None
    #: The name of the interface that it was captured on; ``None`` where the file does not say it (pcap).
    interface: str | None
    #: On the wire, in bytes.
    length: int
    #: In the file, in bytes.
    captured_length: int
    #: The VXLAN network identifier, ``None`` without VXLAN.
    vni: int | None
    source: str
    destination: str
    protocol: str
    info: str
    #: From the outside in.
    layers: list[Layer]


class CapturedPacket(_Always, total=False):
    """A packet of a capture file, as vxlan_capture_info returns it."""

    #: The whole packet in hexadecimal, where the reader asked for it.
    bytes: str
