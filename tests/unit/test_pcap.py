# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of captures, in every form that other programs write: made here block by block, since no library writes all of them."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcap import LONGEST_FRAME, Damaged, NoCapture, frames

ETHERNET, USB = 1, 220


def pcap(packets, order="<", nano=False, link_type=ETHERNET):
    """``packets``: nanoseconds, bytes and the length on the wire of each."""
    unit = 1 if nano else 1000
    data = struct.pack(f"{order}IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, LONGEST_FRAME, link_type)
    for nanoseconds, raw, length in packets:
        data += struct.pack(f"{order}IIII", nanoseconds // 10**9, nanoseconds % 10**9 // unit, len(raw), length) + raw
    return data


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order="<", link_type=ETHERNET, snap_length=0, name=None, resolution=None, offset=None):
    options = option(2, name.encode(), order) if name else b""
    options += option(9, bytes([resolution]), order) if resolution is not None else b""
    options += option(14, struct.pack(f"{order}q", offset), order) if offset is not None else b""
    return block(1, struct.pack(f"{order}HHI", link_type, 0, snap_length) + (options + option(0, b"", order) if options else b""), order)


def enhanced(stamp, raw, order="<", index=0, length=None, options=b""):
    head = struct.pack(f"{order}IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(raw), len(raw) if length is None else length)
    return block(6, head + raw + b"\0" * (-len(raw) % 4) + options, order)


def simple(raw, order="<", length=None):
    return block(3, struct.pack(f"{order}I", len(raw) if length is None else length) + raw, order)


def old(stamp, raw, order="<", index=0):
    return block(2, struct.pack(f"{order}HHIIII", index, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(raw), len(raw)) + raw, order)


def read(data):
    return list(frames(io.BytesIO(data)))


payloads = st.binary(max_size=40)
stamps = st.integers(0, 2**32 * 10**9 - 1)


@given(
    packets=st.lists(st.tuples(stamps, payloads, st.integers(0, 2**32 - 1)), max_size=4),
    order=st.sampled_from("<>"),
    nano=st.booleans(),
    link_type=st.integers(0, 65535),
)
def test_pcap_in_every_form(packets, order, nano, link_type):
    unit = 1 if nano else 1000
    found = read(pcap(packets, order, nano, link_type | 0x14000000))
    assert [(one.nanoseconds, one.raw, one.length, one.link_type) for one in found] == [
        (nanoseconds // unit * unit, raw, length, link_type) for nanoseconds, raw, length in packets
    ]
    assert [one.number for one in found] == list(range(1, len(packets) + 1))


@st.composite
def sections(draw):
    """A file of one section or more, and the frames in it."""
    data, expected = b"", []
    for _section in range(draw(st.integers(1, 3))):
        order = draw(st.sampled_from("<>"))
        data += section(order)
        interfaces = []
        for number in range(draw(st.integers(1, 3))):
            link_type = draw(st.sampled_from([ETHERNET, USB]))
            name = draw(st.sampled_from([None, f"eth{number}"]))
            resolution = draw(st.sampled_from([None, 0, 6, 9, 0x80 | 10]))
            offset = draw(st.sampled_from([None, 0, -7, 1_700_000_000]))
            snap_length = draw(st.sampled_from([0, 20, 65535]))
            data += interface(order, link_type, snap_length, name, resolution, offset)
            ticks = 10**6 if resolution is None else 2**10 if resolution & 0x80 else 10**resolution
            interfaces.append((link_type, name, ticks, offset or 0, snap_length))
        for kind in draw(st.lists(st.sampled_from(["enhanced", "simple", "old", "statistics", "secrets", "private"]), max_size=5)):
            raw, stamp = draw(payloads), draw(st.integers(0, 2**64 - 1))
            index = draw(st.integers(0, len(interfaces) - 1))
            link_type, name, ticks, offset, snap_length = interfaces[0 if kind == "simple" else index]
            nanoseconds = stamp * 10**9 // ticks + offset * 10**9
            if kind == "enhanced":
                data += enhanced(stamp, raw, order, index, options=draw(st.sampled_from([b"", option(1, b"a comment", order)])))
                expected.append((nanoseconds, raw, link_type, name))
            elif kind == "old":
                data += old(stamp, raw, order, index)
                expected.append((nanoseconds, raw, link_type, name))
            elif kind == "simple":
                raw = raw[: snap_length or None]
                # A packet of the snap length may have been longer.
                data += simple(raw, order, 99 if snap_length and len(raw) == snap_length else len(raw))
                expected.append((None, raw, link_type, name))
            else:
                data += block({"statistics": 5, "secrets": 10, "private": 0x80000001}[kind], raw, order)
    return data, expected


@given(sections())
def test_pcapng_in_every_form(made):
    data, expected = made
    assert [(one.nanoseconds, one.raw, one.link_type, one.interface) for one in read(data)] == expected


def test_frames_of_segmentation_offload_are_whole():
    raw = bytes(65_549)
    assert [one.raw for one in read(pcap([(0, raw, len(raw))]))] == [raw]
    assert [one.raw for one in read(section() + interface(snap_length=LONGEST_FRAME) + enhanced(0, raw))] == [raw]


def test_a_large_block_of_another_kind_is_passed_over():
    found = read(section() + interface() + block(10, bytes(5_000_000)) + enhanced(7, b"after"))
    assert [one.raw for one in found] == [b"after"]


WHOLE = {
    "pcap": pcap([(0, b"one", 3), (1, b"two", 3)]),
    "pcapng": section()
    + interface(name="eth0")
    + enhanced(1, b"one")
    + block(10, b"secret")
    + simple(b"two")
    + section(">")
    + interface(">"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_is_cut_off_anywhere(kind):
    whole = WHOLE[kind]
    for size in range(len(whole)):
        try:
            found = read(whole[:size])
        except (Damaged, NoCapture):
            continue
        # Only between two records does a shorter file look whole.
        assert [one.raw for one in found] in ([], [b"one"], [b"one", b"two"])


@settings(max_examples=300, derandomize=True)
@given(kind=st.sampled_from(sorted(WHOLE)), changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_that_is_damaged_anywhere(kind, changes):
    data = bytearray(WHOLE[kind])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        for one in frames(io.BytesIO(bytes(data))):
            assert len(one.raw) <= len(data)
    except (Damaged, NoCapture):
        pass
