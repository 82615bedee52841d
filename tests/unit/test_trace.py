# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Open vSwitch says of a frame, read from its own words: of 3.1.0 in user space, but for the last."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.trace import BROADCAST, Frame, Port, entry, parse, read_ports

SHOWN = """\
netdev@ovs-netdev: hit:13113 missed:34
  br-underlay:
    br-underlay 65534/1: (tap)
    eth0 1/2: (system)
  br0:
    0000-blue1-p 3/none: (patch: peer=0000-blue1-l)
    0000-red1-p 4/none: (patch: peer=0000-red1-l)
    blue1 2/5: (tap)
    br0 65534/3: (tap)
    red1 1/4: (tap)
  br0_vtep_ls2:
    0000-red1-l 1/none: (patch: peer=0000-red1-p)
    br0_vtep_ls2 65534/8: (tap)
    vx2 2/9: (vxlan: key=5000, remote_ip=10.1.0.1)
    vx3 3/9: (vxlan: key=flow, remote_ip=flow)
"""
PORTS = read_ports(SHOWN)
OUT = """\
Flow: icmp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=192.168.1.1,nw_dst=192.168.1.2

bridge("br0")
-------------
 0. in_port=1, priority 32768
    output:4

bridge("br0_vtep_ls2")
----------------------
 0. in_port=1, priority 32768
    learn(table=1,idle_timeout=15,priority=1000,cookie=0x5000,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])
     >> suppressing side effects, so learn action ignored
    resubmit(,1)
 1. priority 0
    output:1
     >> skipping output to input port
    output:2
     -> output to native tunnel
     -> tunneling to 10.1.0.1 via br-underlay
     -> tunneling from 02:42:0a:00:00:01 10.0.0.1 to 02:42:0a:01:00:01 10.1.0.1

bridge("br-underlay")
---------------------
 0. priority 0
    NORMAL
     -> forwarding to learned port

Final flow: unchanged
Megaflow: recirc_id=0,eth,ip,in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_ecn=0,nw_frag=no
Datapath actions: tnl_push(tnl_port(9),header(size=50,type=4,eth(dst=02:42:0a:01:00:01,src=02:42:0a:00:00:01,dl_type=0x0800),"""
OUT += (
    """ipv4(src=10.0.0.1,dst=10.1.0.1,proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x1388)),"""
)
OUT += """out_port(1)),2"""
BEGIN = OUT.partition("     -> tunneling to")[0]
TUNNELED = "".join(line + "\n" for line in OUT.splitlines() if "-> tunneling" in line)
UNDERLAY = 'bridge("br-underlay")\n---------------------\n 0. priority 0\n    NORMAL\n     -> forwarding to learned port\n'
IN = """\
Flow: icmp,tun_src=10.1.0.1,in_port=2,vlan_tci=0x0000

bridge("br0_vtep_ls2")
----------------------
 0. in_port=2, priority 1000
    resubmit(,1)
 1. in_port=2, priority 1
    output:1

bridge("br0")
-------------
 0. in_port=4, priority 32768
    output:1

Final flow: unchanged
Datapath actions: 4
"""
DROPPED = """\
bridge("br0_vtep_ls2")
----------------------
 0. priority 0
    drop

Final flow: unchanged
Datapath actions: drop
"""


def test_the_ports():
    assert PORTS["br0_vtep_ls2", 2].options == {"key": "5000", "remote_ip": "10.1.0.1"}
    assert (PORTS["br0", 1].name, PORTS["br0", 1].type) == ("red1", "tap")
    assert entry(PORTS, "10.1.0.1", 5000) == ("br0_vtep_ls2", "vx2")
    assert entry({place: port for place, port in PORTS.items() if port.name != "vx3"}, "10.1.0.1", 5001) is None
    assert entry(PORTS, "10.9.0.1", 5001) == ("br0_vtep_ls2", "vx3"), "a port that takes all"


def test_into_a_tunnel():
    found = parse(OUT, PORTS, "br0")
    assert (found["ports"], found["normal"]) == ([], False)
    [tunnel] = found["tunnels"]
    assert (tunnel["destination"], tunnel["vni"], tunnel["problem"]) == ("10.1.0.1", 5000, "")
    assert tunnel["header"] == {
        "ethernet.source": "02:42:0a:00:00:01",
        "ethernet.destination": "02:42:0a:01:00:01",
        "ipv4.source": "10.0.0.1",
        "ipv4.destination": "10.1.0.1",
        "ipv4.ttl": 64,
        "udp.destination_port": 4789,
        "vxlan.vni": 5000,
    }
    assert [(flow["bridge"], flow["table"], flow["match"]) for flow in found["flows"]][2] == ("br0_vtep_ls2", 1, "priority 0")


def test_into_two_tunnels():
    """All but the last copy are told in between, further in."""
    first = "".join(f"    {line}\n" if line else "\n" for line in UNDERLAY.splitlines())
    header = OUT.partition("Datapath actions: ")[2]
    second = "    output:4\n     -> output to native tunnel\n     -> tunneling to 10.2.0.1 via br-underlay\n"
    text = f"{BEGIN}{TUNNELED}\n{first}{second}\n{UNDERLAY}\nDatapath actions: clone({header}),{header.replace('10.1.0.1', '10.2.0.1')}"
    ports = {**PORTS, ("br0_vtep_ls2", 4): Port("vx4", "vxlan", {"key": "5000", "remote_ip": "10.2.0.1"})}
    found = parse(text, ports, "br0")
    assert [(tunnel["destination"], tunnel["vni"], tunnel["problem"]) for tunnel in found["tunnels"]] == [
        ("10.1.0.1", 5000, ""),
        ("10.2.0.1", 5000, ""),
    ]
    assert [tunnel["header"]["ipv4.destination"] for tunnel in found["tunnels"]] == ["10.1.0.1", "10.2.0.1"]
    assert not found["normal"] and found["ports"] == []
    assert [flow["bridge"] for flow in found["flows"]] == ["br0", "br0_vtep_ls2", "br0_vtep_ls2", "br-underlay", "br-underlay"]
    assert "output:4" in found["flows"][2]["actions"]


def test_tables_with_two_digits():
    text = 'bridge("br0")\n-------------\n 0. in_port=1\n    resubmit(,10)\n10. priority 0\n    NORMAL\n\nDatapath actions: 5'
    assert [flow["table"] for flow in parse(text, PORTS, "br0")["flows"]] == [0, 10] and parse(text, PORTS, "br0")["normal"]


def test_out_of_a_tunnel():
    found = parse(IN, PORTS, "br0")
    assert (found["ports"], found["tunnels"]) == (["red1"], [])


def test_dropped():
    found = parse(DROPPED, PORTS, "br0")
    assert (found["ports"], found["tunnels"], found["flows"][0]["actions"]) == ([], [], ["drop"])


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "     -> tunneling to 10.1.0.1 via br-underlay\n"
            "     -> neighbor cache miss for 10.0.0.254 on bridge br-underlay, sending ARP request",
            "nobody answers who has 10.0.0.254",
        ),
        ("     >> native tunnel routing failed", "there is no route to it"),
    ],
)
def test_a_tunnel_that_leads_nowhere(said, problem):
    found = parse(f"{BEGIN}{said}\n\nFinal flow: unchanged\nDatapath actions: drop", PORTS, "br0")
    [tunnel] = found["tunnels"]
    assert (tunnel["destination"], tunnel["vni"], tunnel["problem"], tunnel["header"]) == ("10.1.0.1", 5000, problem, {})


def test_a_bridge_that_has_become_an_ordinary_switch():
    text = (
        'bridge("br0")\n-------------\n 0. priority 0\n    NORMAL\n     -> no learned MAC for destination, flooding\n\nDatapath actions: 5'
    )
    assert parse(text, PORTS, "br0")["normal"]


def test_the_kernels_datapath():
    """As dpif_netlink prints it."""
    text = (
        OUT.partition("Datapath actions: ")[0]
        + "Datapath actions: set(tunnel(tun_id=0x1388,dst=10.1.0.1,ttl=64,tp_dst=4789,flags(df|key))),3"
    )
    [tunnel] = parse(text, PORTS, "br0")["tunnels"]
    assert tunnel["header"] == {"ipv4.destination": "10.1.0.1", "ipv4.ttl": 64, "vxlan.vni": 5000}


def test_frames_as_open_vswitch_takes_them():
    question = Frame("00:00:00:00:00:01", BROADCAST, "192.168.1.1", "192.168.1.2")
    assert question.match() == "arp,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=192.168.1.1,arp_tpa=192.168.1.2"
    ping = Frame("00:00:00:00:00:01", "00:00:00:00:00:02", "192.168.1.1", "192.168.1.2")
    assert ping.match().startswith("icmp,") and "nw_ttl=64,icmp_type=8" in ping.match()


TAGGED = """\
Flow: arp,tun_id=0x1388,in_port=2,vlan_tci=0x0000,dl_src=00:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1

bridge("br0_vtep_ls2")
----------------------
 0. in_port=2, priority 1000
    resubmit(,1)
 1. in_port=2, priority 1
    output:1

    bridge("br0")
    -------------
     0. in_port=3, priority 32768
        mod_vlan_vid:30
        output:1
    output:3

bridge("br0")
-------------
 0. in_port=2, priority 32768
    output:5

Final flow: unchanged
Datapath actions: push_vlan(vid=30,pcp=0),8,pop_vlan,9
"""


def test_ports_with_tags_and_without():
    """A trunk is a device of the machine, and its bridge is no underlay for that."""
    ports = {
        ("br0", 1): Port("trunk", "system", {}),
        ("br0", 3): Port("0030-trunk-p", "patch", {}),
        ("br0", 5): Port("vm1", "tap", {}),
        ("br0_vtep_ls2", 1): Port("0030-trunk-l", "patch", {}),
        ("br0_vtep_ls2", 3): Port("0000-vm1-l", "patch", {}),
    }
    found = parse(TAGGED, ports, "br0")
    assert found["ports"] == ["trunk VLAN 30", "vm1"] and not found["normal"]
    assert parse(TAGGED.replace("mod_vlan_vid:30", "NORMAL"), ports, "br0")["normal"]


def test_a_frame_with_a_tag():
    assert ",dl_vlan=30," in f"{Frame('00:00:00:00:00:01', BROADCAST, '192.168.1.1', '192.168.1.2', 30).match()},"
    assert "vlan" not in Frame("00:00:00:00:00:01", BROADCAST, "192.168.1.1", "192.168.1.2").match()


VTEPD_PORTS = read_ports(
    """\
netdev@ovs-netdev: hit:1 missed:1
  br-underlay:
    br-underlay 65534/1: (tap)
    eth0 1/2: (system)
  br0:
    br0 65534/3: (tap)
    trunk 1/4: (system)
    vm3 3/6: (tap)
    vtep-vxlan 2/5: (vxlan: key=flow, local_ip=10.0.0.1, remote_ip=flow)
"""
)
# A broadcast to a port and two tunnels, behind a router: the flow that decides asks another for the port, and goes on.
VTEPD = """\
bridge("br0")
-------------
 0. in_port=1,dl_vlan=10, priority 100, cookie 0x7e9d
    pop_vlan
    set_field:0x100a->reg1
    goto_table:4
 4. priority 0, cookie 0x7e9d
    resubmit(,5)
     5. No match.
            drop
    goto_table:6
 6. reg0=0,reg5=0,metadata=0xe7f04899e6094e91, priority 10, cookie 0x7e9d
    set_field:0x1->reg2
    set_field:0x100a->reg3
    resubmit(,8)
     8. reg1=0x100a,reg2=0x1,reg3=0x100a,metadata=0xe7f04899e6094e91,in_port=1, priority 120, cookie 0x7e9d
            drop
    set_field:0x3->reg2
    set_field:0x1014->reg3
    resubmit(,8)
     8. reg2=0x3,reg3=0x1014,metadata=0xe7f04899e6094e91, priority 100, cookie 0x7e9d
            push_vlan:0x8100
            set_field:4116->vlan_vid
            output:3
            pop_vlan
    set_field:10.2.0.1->tun_dst
    set_field:0x1388->tun_id
    output:2
     -> output to native tunnel
     -> tunneling to 10.0.0.254 via br-underlay
     -> neighbor cache miss for 10.0.0.254 on bridge br-underlay, sending ARP request
    set_field:10.1.0.1->tun_dst
    set_field:0x1389->tun_id
    output:2
     -> output to native tunnel
     -> tunneling to 10.0.0.254 via br-underlay

bridge("br-underlay")
---------------------
 0. priority 0
    NORMAL
     -> forwarding to learned port
"""


def test_a_flow_that_asks_others_and_goes_on():
    found = parse(VTEPD, VTEPD_PORTS, "br0")
    assert found["ports"] == ["vm3 VLAN 20"] and not found["normal"]
    assert [(tunnel["destination"], tunnel["vni"]) for tunnel in found["tunnels"]] == [("10.2.0.1", 5000), ("10.1.0.1", 5001)]
    assert [bool(tunnel["problem"]) for tunnel in found["tunnels"]] == [True, False]
    assert [found["flows"][tunnel["flow"]]["table"] for tunnel in found["tunnels"]] == [6, 6]
    assert [flow["table"] for flow in found["flows"] if flow["bridge"] == "br0"] == [0, 4, 5, 6, 8, 8]
    assert found["flows"][5]["actions"] == ["push_vlan:0x8100", "set_field:4116->vlan_vid", "output:3", "pop_vlan"]


OF_OVN = """\
Flow: icmp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:02,dl_dst=00:00:00:00:00:01,nw_src=192.168.1.2,nw_dst=192.168.1.1

bridge("br-int")
----------------
 0. in_port=1, priority 100, cookie 0xd71aca58
    resubmit(,39)
39. reg15=0x8001,metadata=0x1f4, priority 100, cookie 0x79b1c2ae
    set_field:0x1f4/0xffffff->tun_id
    output:2
     -> output to native tunnel
     -> tunneling to 10.0.0.1 via br-underlay
"""


def test_a_key_with_a_mask_as_flows_of_ovn_set_it():
    ports = {("br-int", 1): Port("vm2", "tap", {}), ("br-int", 2): Port("ovn-br0-0", "vxlan", {"key": "flow", "remote_ip": "10.0.0.1"})}
    found = parse(OF_OVN, ports, "br-int")
    assert [(tunnel["destination"], tunnel["vni"], tunnel["flow"]) for tunnel in found["tunnels"]] == [("10.0.0.1", 500, 1)]
    assert found["ports"] == [] and not found["normal"]
