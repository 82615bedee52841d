# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written into one capture is read from it again, in the order of time. tests/integration has tshark read the comments."""

from __future__ import annotations

import io

from hypothesis import given, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.comments import comments
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcap import Frame, frames
from ansible_collections.vxlanlab.vtep.plugins.module_utils._pcapng import Captured, merged

FRAMES = st.builds(
    Frame, st.just(0), st.integers(0, 2**64 - 1), st.binary(max_size=70), st.integers(70, 9000), st.sampled_from([1, 113]), st.none()
)


def numbered(made):
    return [
        Frame(number, *(getattr(frame, name) for name in ("nanoseconds", "raw", "length", "link_type")))
        for number, frame in enumerate(made, 1)
    ]


@given(st.lists(st.tuples(st.sampled_from(["vm1", "hv1:eth0", "é"]), st.lists(FRAMES, max_size=5), st.text(max_size=9)), max_size=4))
def test_what_is_written_is_read_in_the_order_of_time(made):
    captures = [Captured(name, numbered(listed), {1: text}) for name, listed, text in made]
    read = list(frames(io.BytesIO(b"".join(merged(captures)))))
    wanted = sorted(
        ((frame.nanoseconds, number, capture.interface, frame) for number, capture in enumerate(captures) for frame in capture.frames),
        key=lambda one: one[:2],
    )
    assert [(one.nanoseconds, one.interface, one.raw, one.length, one.link_type) for one in read] == [
        (time, name, frame.raw, frame.length, frame.link_type) for time, unused, name, frame in wanted
    ]


def test_each_packet_has_its_comment():
    row = {"hypervisor": "hv1", "table": "Ucast_Macs_Remote", "mac": "00:00:00:00:00:02", "locator": "10.1.0.1"}
    step = {"order": 3, "title": "vm1 pings vm2 (1)", "reason": "It is known.", "row": row, "packet": 1, "problem": None}
    unseen = {**step, "packet": None}
    bare = {**step, "row": None, "packet": 2, "problem": "it came before step 1"}
    assert comments({"steps": [step, unseen, bare], "explained": {"4": "It is asked anew."}}, "First") == {
        1: "First, step 3: vm1 pings vm2 (1). It is known. Row of Ucast_Macs_Remote on hv1: mac 00:00:00:00:00:02, locator 10.1.0.1.",
        2: "First, step 3: vm1 pings vm2 (1). It is known. Wrong: it came before step 1.",
        4: "First: It is asked anew.",
    }
