# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ovs-ofctl prints of flows, for a reader."""

from __future__ import annotations

from hypothesis import given, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.flows import DEFAULT_PRIORITY, parse_flows

SAID = """\
 in_port="0000-vm1-l" actions=learn(table=1,idle_timeout=15,priority=1000,cookie=0x5000,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),resubmit(,1)
 priority=0 actions=drop
 priority=1000,in_port=vx1 actions=resubmit(,1)
 table=1, priority=1,in_port=vx1 actions=output:"0000-vm1-l"
 cookie=0x5000, table=1, idle_timeout=15, priority=1000,dl_dst=00:00:00:00:00:01 actions=output:"0000-vm1-l"
 table=1, priority=0 actions=output:"0000-vm1-l",output:vx1
"""


def test_the_flows_in_the_order_in_which_they_take_a_packet():
    flows = parse_flows(SAID)
    assert [(flow["table"], flow["priority"], flow["match"]) for flow in flows] == [
        (0, DEFAULT_PRIORITY, 'in_port="0000-vm1-l"'),
        (0, 1000, "in_port=vx1"),
        (0, 0, ""),
        (1, 1000, "dl_dst=00:00:00:00:00:01"),
        (1, 1, "in_port=vx1"),
        (1, 0, ""),
    ]
    assert [flow["timeout"] for flow in flows] == [0, 0, 0, 15, 0, 0]
    assert flows[0]["actions"].startswith("learn(table=1,idle_timeout=15") and flows[5]["actions"] == 'output:"0000-vm1-l",output:vx1'


def test_with_statistics_it_is_the_same():
    with_more = SAID.replace(" in_port", " cookie=0x0, duration=1.2s, table=0, n_packets=1, n_bytes=42, in_port", 1)
    assert parse_flows(with_more) == parse_flows(SAID)


@given(st.lists(st.tuples(st.integers(0, 254), st.integers(0, 65535)), max_size=20))
def test_nothing_is_lost(pairs):
    lines = [f" table={table}, priority={priority},ip actions=drop" for table, priority in pairs]
    assert sorted((flow["table"], flow["priority"]) for flow in parse_flows("\n".join(lines))) == sorted(pairs)
    assert all(flow["match"] == "ip" and flow["actions"] == "drop" for flow in parse_flows("\n".join(lines)))
