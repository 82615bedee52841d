# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of a VTEP: a pure function from its rows. A frame's way through the tables of the bridge is the order below.

A flow is a match and its actions, both as ovs-ofctl(8) writes them. No flow forwards a frame between two logical switches: a frame gets its
switch's number (``metadata``) at its entry, all decisions match it, and even what was learned only names a port and VLAN that `OUTPUT` has to
know for this switch. So nothing that lags behind, such as a learned flow of a binding that is gone, can send a frame to another tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import UNKNOWN_DST, ipv4
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.acl import Rule
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtepd.survey import UNTAGGED, Binding, Place, Switch, Vtep

#: Port and VLAN, or VNI, say which logical switch a frame belongs to; its tag is taken off.
ENTRY = 0
#: Access lists for what comes from a port.
INGRESS = 1
#: The sender's MAC address is remembered, in the table LEARNED.
LEARN = 2
#: Questions for a MAC address that is known are answered here (ARP suppression).
ANSWER = 3
#: LEARNED is asked, and the frame goes on to FORWARD.
LOOKUP = 4
LEARNED = 5
#: To a port, through a tunnel, or to all.
FORWARD = 6
#: Access lists for what goes to a port.
EGRESS = 7
#: The tag is put on again, and the frame leaves, where port and VLAN belong to its switch.
OUTPUT = 8

# Registers of a frame on its way.
FROM_TUNNEL = "reg0"  # 1 where it came through one: it never goes into another
FROM_TAG = "reg1"
TO_PORT = "reg2"
TO_TAG = "reg3"
KNOWN = "reg4"  # 1 where LEARNED has its destination
PART = "reg5"  # of a flood list that is too long for one flow

#: Of flows that are made from rows, of those among them whose packets are counted, and of those that are learned.
COOKIE, COUNTED_COOKIE, LEARNED_COOKIE = 0x7E9D, 0x7E9C, 0x1EA4
_COUNTED = (f"table={ENTRY},", f"table={OUTPUT},")
#: Learned and silent for so many seconds, a MAC address is forgotten, as Open vSwitch's own learning switch does.
AGEING_SECONDS = 300
# A flow takes 64 KiB of actions, of which a tunnel needs up to 72 bytes.
PART_LENGTH = 500
# A VLAN tag's field "tag is there" (CFI in ovs-fields(7)).
PRESENT = 0x1000
# As OpenFlow 1.5 has it, and so as ovs-ofctl(8) prints it.
NO_TAG = "vlan_tci=0x0000/0x1fff"
A_TAG = "vlan_tci=0x1000/0x1000"
# Before all access lists.
FIRST = 65535

Flows = dict[str, str]


def tag(vlan: int) -> int:
    """A VLAN in a register: 0 is no tag."""
    return vlan | PRESENT if vlan != UNTAGGED else 0


def structure(vtep: Vtep, rules: Sequence[Rule] = (), ageing: int = AGEING_SECONDS) -> Flows:
    """All flows but those of single remote MAC addresses."""
    flows: Flows = {}
    filtered = {rule.port for rule in rules if not rule.ingress}
    for switch in vtep.switches.values():
        flows.update(_entries(switch, vtep.tunnel))
        flows.update(_forward(switch, vtep.tunnel, filtered))
        flows.update(_outputs(switch))
    if flows:
        flows.update(_tables(ageing))
        for rule in rules:
            flows.update(_access(rule))
    return flows


def _tables(ageing: int) -> Iterator[tuple[str, str]]:
    """What each table does with all frames."""
    yield f"table={INGRESS},priority=0", f"goto_table:{LEARN}"
    # A second tag would be the first where a frame leaves without one, and make it another tenant's. Whether Open vSwitch looks at it as a
    # tag depends on vlan-limit (ovs-vswitchd.conf.db(5)).
    for second in (A_TAG, "dl_type=0x8100", "dl_type=0x88a8"):
        yield f"table={INGRESS},priority={FIRST},{second}", "drop"
    # A sender has an address of its own (IEEE 802): a group is never learned.
    yield f"table={LEARN},priority=20,dl_src=01:00:00:00:00:00/01:00:00:00:00:00", "drop"
    learned = (
        f"learn(table={LEARNED},hard_timeout={ageing},priority=100,cookie={LEARNED_COOKIE:#x},OXM_OF_METADATA[],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
        f"load:NXM_OF_IN_PORT[]->{_bits(TO_PORT)},load:{_bits(FROM_TAG)}->{_bits(TO_TAG)},load:1->{_bits(KNOWN)})"
    )
    yield f"table={LEARN},priority=10", f"{learned},goto_table:{ANSWER}"
    yield f"table={ANSWER},priority=0", f"goto_table:{LOOKUP}"
    yield f"table={LOOKUP},priority=0", f"resubmit(,{LEARNED}),goto_table:{FORWARD}"
    yield f"table={FORWARD},priority=200,{KNOWN}=1", f"goto_table:{EGRESS}"
    yield f"table={EGRESS},priority=0", f"goto_table:{OUTPUT}"


def _bits(register: str) -> str:
    return f"NXM_NX_{register.upper()}[0..15]"


def _entries(switch: Switch, tunnel: int | None) -> Iterator[tuple[str, str]]:
    own = f"set_field:{switch.metadata}->metadata"
    for binding in switch.bindings:
        match = f"table={ENTRY},priority=100,in_port={binding.port}"
        if binding.vlan == UNTAGGED:
            yield f"{match},{NO_TAG}", f"{own},goto_table:{INGRESS}"
            # A tag with a priority and VLAN 0 names no VLAN (IEEE 802.1Q).
            yield f"{match},dl_vlan=0", f"pop_vlan,{own},goto_table:{INGRESS}"
        else:
            yield f"{match},dl_vlan={binding.vlan}", f"pop_vlan,{own},set_field:{tag(binding.vlan)}->{FROM_TAG},goto_table:{INGRESS}"
    if tunnel is not None and switch.key is not None:
        # A frame that still has a tag is not for here (RFC 7348, section 6.1).
        match = f"table={ENTRY},priority=100,in_port={tunnel},tun_id={switch.key:#x},{NO_TAG}"
        yield match, f"{own},set_field:1->{FROM_TUNNEL},goto_table:{LOOKUP}"


def _forward(switch: Switch, tunnel: int | None, filtered: set[int]) -> Iterator[tuple[str, str]]:
    match = f"metadata={switch.metadata}"
    here = [_to_binding(binding, EGRESS if binding.port in filtered else OUTPUT) for binding in switch.bindings]
    yield from _in_parts(f"priority=10,{match},{FROM_TUNNEL}=1", here)
    for group, places in {UNKNOWN_DST: (), **switch.floods}.items():
        copies = [to_place(place, tunnel) for place in places if tunnel is not None]
        if group == UNKNOWN_DST:
            yield from _in_parts(f"priority=10,{match},{FROM_TUNNEL}=0", here + copies)
        else:
            yield from _in_parts(f"priority=50,{match},{FROM_TUNNEL}=0,dl_dst={group}", here + copies)


def _in_parts(match: str, actions: Sequence[str]) -> Iterator[tuple[str, str]]:
    parts = [actions[start : start + PART_LENGTH] for start in range(0, len(actions), PART_LENGTH)]
    for number, part in enumerate(parts):
        more = [f"set_field:{number + 1}->{PART}", f"resubmit(,{FORWARD})"] if number + 1 < len(parts) else []
        yield f"table={FORWARD},{match},{PART}={number}", ",".join([*part, *more])


def _to_binding(binding: Binding, table: int) -> str:
    return f"set_field:{binding.port}->{TO_PORT},set_field:{tag(binding.vlan)}->{TO_TAG},resubmit(,{table})"


def to_place(place: Place, tunnel: int | None) -> str:
    """Into the tunnel."""
    return f"set_field:{place.address}->tun_dst,set_field:{place.key:#x}->tun_id,output:{tunnel}"


def _outputs(switch: Switch) -> Iterator[tuple[str, str]]:
    ports = [binding.port for binding in switch.bindings]
    for port, vlan in switch.bindings:
        mine = f"metadata={switch.metadata},{TO_PORT}={port},{TO_TAG}={tag(vlan)}"
        put_on, take_off = (f"push_vlan:0x8100,set_field:{tag(vlan)}->vlan_vid,", ",pop_vlan") if vlan else ("", "")
        yield f"table={OUTPUT},priority=100,{mine}", f"{put_on}output:{port}{take_off}"
        # Not to where it came from.
        yield f"table={OUTPUT},priority=120,in_port={port},{FROM_TAG}={tag(vlan)},{mine}", "drop"
        if ports.count(port) > 1:
            # From one VLAN to another on the same port, which a switch does only when it is told so.
            yield f"table={OUTPUT},priority=110,in_port={port},{mine}", f"{put_on}in_port{take_off}"


# -- single MAC addresses -----------------------------------------------------------------------------------------------


def mac_flows(switch: Switch, address: str, place: Place, tunnel: int, ipaddr: str = "", answers: bool = True) -> Iterator[tuple[str, str]]:
    """The flows of a remote MAC address; with an IPv4 address, those that answer for it, too (vtep.5, Ucast_Macs_Remote, ipaddr).

    ``answers``: whether this MAC address is the answer, where several claim the same IPv4 address.
    """
    yield f"table={FORWARD},priority=100,metadata={switch.metadata},{FROM_TUNNEL}=0,dl_dst={address}", to_place(place, tunnel)
    if not ipaddr:
        return
    asked = f"arp,metadata={switch.metadata},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_tpa={ipaddr}"
    # Who asks for its own address wants to be heard by all: it has moved, or looks for a second one (RFC 5227).
    yield f"table={ANSWER},priority=110,{asked},arp_sha={address}", f"goto_table:{LOOKUP}"
    if not answers:
        return
    answer = (
        "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]",
        f"set_field:{address}->eth_src",
        "set_field:2->arp_op",
        "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]",
        "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]",
        f"set_field:{address}->arp_sha",
        f"set_field:{ipaddr}->arp_spa",
        f"move:NXM_OF_IN_PORT[]->{_bits(TO_PORT)}",
        f"move:{_bits(FROM_TAG)}->{_bits(TO_TAG)}",
        # Otherwise it would not go out where it came in.
        "load:0->NXM_OF_IN_PORT[]",
    )
    yield f"table={ANSWER},priority=100,{asked}", ",".join(answer) + f",goto_table:{EGRESS}"


def answered(ipaddr: str) -> str:
    """The address that questions are answered for: IPv4, or nothing."""
    if not ipaddr:
        return ""
    try:
        return ipv4(ipaddr)
    except ValueError:
        return ""


# -- access lists -------------------------------------------------------------------------------------------------------


def _access(rule: Rule) -> Iterator[tuple[str, str]]:
    table, behind = (INGRESS, LEARN) if rule.ingress else (EGRESS, OUTPUT)
    port, told = ("in_port", FROM_TAG) if rule.ingress else (TO_PORT, TO_TAG)
    where = f"{port}={rule.port}" + (f",{told}={tag(rule.vlan)}" if rule.vlan else "")
    for match in rule.matches:
        fields = ",".join(part for part in (where, match) if part)
        yield f"table={table},priority={rule.priority},{fields}", f"goto_table:{behind}" if rule.permit else "drop"


def lines(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Flows as ovs-ofctl(8) reads them."""
    return [f"cookie={COUNTED_COOKIE if match.startswith(_COUNTED) else COOKIE:#x},{match},actions={actions}" for match, actions in wanted]
