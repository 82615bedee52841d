# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single faults in a running lab, of any kind that a row, a switch, a host or a VM can have: lab_check names each, and nothing else. Needs root.

`VXLANLAB_RANDOM_FAULTS=100` plants so many in each scenario instead of the few that `make test` has time for; a number always makes the same
ones. What came of each goes to .cache/random_faults.jsonl.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass, field

import pytest
import yaml
from test_lab import ROOT, Lab, host

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import processes
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed

COUNT = int(os.environ.get("VXLANLAB_RANDOM_FAULTS", "4"))
# `make test` has time for one scenario.
NAMES = ("tenants", "routed") if "VXLANLAB_RANDOM_FAULTS" in os.environ else ("tenants",)
LOG = ROOT / ".cache/random_faults.jsonl"
NOBODY = "10.9.9.9"
TABLES = [
    "Physical_Switch",
    # Without its counters.
    "Physical_Port name vlan_bindings acl_bindings port_fault_status",
    "Logical_Switch",
    "Ucast_Macs_Remote",
    "Mcast_Macs_Remote",
    "Physical_Locator",
]
SECOND = "/run/second"
# How long an emulator and the caches of the VMs may take after a repair.
SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Fault:
    """A fault: how to plant it, and what lab_check has to say of it."""

    kind: str
    node: str
    #: Commands for a shell on the node.
    plant: str
    repair: str
    layer: str
    #: What the first finding has to name.
    names: list[str] = field(default_factory=list)


def faults(lab):
    """Each kind of fault at each place where it can be."""
    for name, vtep in intended(lab).items():
        [hypervisor] = [one for one in lab["hypervisors"] if one["name"] == name]
        others = [one["underlay_ip"] for one in lab["hypervisors"] if one["name"] != name]
        yield from of_bindings(lab, name, vtep["physical_switches"]["br0"]["ports"])
        for switch, columns in vtep["logical_switches"].items():
            yield from of_a_switch(name, switch, columns)
            yield from of_tunnels(name, switch, columns, others)
        for vm in hypervisor["vms"]:
            yield from of_a_vm(name, vm, lab["underlay"]["mtu"])
        yield Fault(
            "a bridge that forwards by itself",
            name,
            "ovs-ofctl add-flow br0 priority=65535,actions=NORMAL",
            "ovs-ofctl --strict del-flows br0 priority=65535",
            "datapath",
            [f"{name}: ", "(NORMAL)"],
        )
        [node] = [node for node in lab["nodes"] if node["name"] == name]
        next_hop = node["routes"][0]["via"] if node["routes"] else others[0]
        yield Fault(
            "another host that answers for the next hop",
            name,
            # As ARP would leave it behind.
            f"ovs-appctl tnl/neigh/set br-underlay {next_hop} 02:00:00:00:00:66",
            "ovs-appctl tnl/neigh/flush",
            "datapath",
            [f"{name}: ", "leave for MAC 02:00:00:00:00:66", f"{next_hop} has 02:42:"],
        )
        yield Fault(
            "another emulator",
            name,
            # By its name alone: a real one would leave more behind than can be repaired by ending it.
            f"mkdir {SECOND} && echo 'import signal; signal.pause()' > {SECOND}/ovs-vtep"
            f" && {{ /usr/bin/python3 {SECOND}/ovs-vtep br0 > {SECOND}/log 2>&1 & echo $! > {SECOND}/pid; }}",
            f"kill -KILL $(cat {SECOND}/pid) && rm -r {SECOND}",
            "emulator",
            [f"{name}: 2 emulators run"],
        )
    for name in lab["routers"]:
        for address in [one["underlay_ip"] for one in lab["hypervisors"]]:
            yield Fault(
                "a router without a way",
                name,
                f"ip rule add priority 10 to {address} blackhole",
                "ip rule del priority 10",
                "datapath",
                [f"{name}: no way to {address}"],
            )
        yield Fault(
            "a router that drops VXLAN",
            name,
            "ip rule add priority 10 ipproto udp dport 4789 blackhole",
            "ip rule del priority 10",
            "datapath",
            [f"{name}: no way to "],
        )


def of_bindings(lab, node, ports):
    for port, columns in ports.items():
        for vlan, switch in columns["vlan_bindings"].items():
            row = f"{node} Physical_Port {port} VLAN {vlan}: "
            unbind, bind = f"unbind-ls br0 {port} {vlan}", f"bind-ls br0 {port} {vlan}"
            yield Fault("a binding is missing", node, f"vtep-ctl {unbind}", f"vtep-ctl {bind} {switch}", "database", [row])
            if vlan != "0":
                other = f"bind-ls br0 {port} 4094 {switch}"
                words = [f"{node} Physical_Port {port} VLAN 4094: "]
                yield Fault("a VLAN too many", node, f"vtep-ctl {other}", f"vtep-ctl unbind-ls br0 {port} 4094", "database", words)
            for other in lab["logical_switches"]:
                if other["name"] != switch:
                    plant, repair = (f"vtep-ctl {unbind} -- {bind} {name}" for name in (other["name"], switch))
                    yield Fault("another tenant's binding", node, plant, repair, "database", [row])


def of_a_switch(node, switch, columns):
    key = f"vtep-ctl set Logical_Switch {switch} tunnel_key="
    row = f"{node} Logical_Switch {switch} tunnel_key: "
    yield Fault("a wrong VNI", node, f"{key}7", f"{key}{columns['tunnel_key']}", "database", [row])
    for mac, remote in columns["ucast_remote"].items():
        row = [f"{node} Ucast_Macs_Remote {switch} {mac}: "]
        repair = f"vtep-ctl add-ucast-remote {switch} {mac} {remote['locator']}"
        yield Fault("a unicast remote is missing", node, f"vtep-ctl del-ucast-remote {switch} {mac}", repair, "database", row)
        yield Fault("a wrong locator", node, f"vtep-ctl add-ucast-remote {switch} {mac} {NOBODY}", repair, "database", row)
    stranger = "00:00:00:00:00:77"
    yield Fault(
        "a unicast remote of nobody",
        node,
        f"vtep-ctl add-ucast-remote {switch} {stranger} {NOBODY}",
        f"vtep-ctl del-ucast-remote {switch} {stranger}",
        "database",
        [f"{node} Ucast_Macs_Remote {switch} {stranger}: "],
    )
    for mac, remote in columns["mcast_remote"].items():
        row = [f"{node} Mcast_Macs_Remote {switch} {mac}: "]
        for locator in remote["locators"]:
            lost, back = (f"{verb}-mcast-remote {switch} {mac} {locator}" for verb in ("del", "add"))
            yield Fault("a flood entry is missing", node, f"vtep-ctl {lost}", f"vtep-ctl {back}", "database", row)
        more, less = (f"{verb}-mcast-remote {switch} {mac} {NOBODY}" for verb in ("add", "del"))
        yield Fault("a flood entry of nobody", node, f"vtep-ctl {more}", f"vtep-ctl {less}", "database", row)


def of_tunnels(node, switch, columns, others):
    """What no row shows: the emulator looks at its flows when it starts."""
    for locator in others:
        right, wrong = (f"set_field:{key:#x}->tun_id" for key in (columns["tunnel_key"], 77))
        yield Fault(
            "a tunnel with another key",
            node,
            "ovs-ofctl -OOpenFlow15 --no-stats dump-flows br0 table=6 | sed -n"
            f" 's/^ *\\(.*{locator}->tun_dst,\\){right}/\\1{wrong}/p' | ovs-ofctl -OOpenFlow15 --bundle add-flows br0 -",
            "pkill -KILL -f '[v]tepd.pyz emulate'",
            "datapath",
            [f"{node}: "],
        )


def of_a_vm(node, vm, underlay):
    inside = f"ip netns exec {vm['namespace']} " if vm["namespace"] else ""
    room = underlay - 50
    # Of a port that it finds, ovs-vswitchd keeps the MTU.
    resize = f"{inside}ip link set dev {vm['name']} mtu " if inside else f"ovs-vsctl set Interface {vm['name']} mtu_request="
    yield Fault(
        "an MTU that is too great",
        node,
        f"{resize}{underlay}",
        f"{resize}{room}",
        "datapath",
        [f"{node}: the MTU of port {vm['name']} is {underlay}"],
    )
    if vm["vlan"]:
        yield Fault(
            "a VM in another VLAN",
            node,
            f"ovs-vsctl set Port {vm['name']} tag=4094",
            f"ovs-vsctl set Port {vm['name']} tag={vm['vlan']}",
            "datapath",
            [f"{node}: port {vm['name']} is in VLAN 4094"],
        )
    match = f"in_port={vm['port']}" + (f",dl_vlan={vm['vlan']}" if vm["vlan"] else "")
    yield Fault(
        "a flow that drops what a VM sends",
        node,
        f"ovs-ofctl add-flow br0 priority=65534,{match},actions=drop",
        f"ovs-ofctl --strict del-flows br0 priority=65534,{match}",
        "datapath",
        [f"{node}: "],
    )
    # Of the VMs themselves a VTEP knows nothing.
    yield Fault(
        "a VM that does not answer",
        node,
        f"{inside}ip link set dev {vm['name']} down",
        f"{inside}ip link set dev {vm['name']} up",
        "packets",
        [vm["name"]],
    )


def chosen(lab, count):
    """Faults by chance: of all kinds as many, then of all places."""
    chance = random.Random(count)
    of_kind = {}
    for fault in faults(lab):
        of_kind.setdefault(fault.kind, []).append(fault)
    kinds = sorted(of_kind)
    chance.shuffle(kinds)
    # With only a few, each layer is among them.
    seen = []
    kinds.sort(key=lambda kind: (of_kind[kind][0].layer in seen, seen.append(of_kind[kind][0].layer)))
    return [chance.choice(of_kind[kinds[number % len(kinds)]]) for number in range(count)]


def on(lab, node, command):
    [pid] = [process.pid for process in processes.processes(lab.name) if process.node.name == node and process.is_init]
    done = subprocess.run(["nsenter", "-t", str(pid), "-a", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{node}: {command}: {done.stderr}"
    return done.stdout


def state(lab, topology):
    """All rows but those of counters and of what was learned; and the flows that nobody has learned."""
    found = {}
    for hypervisor in topology["hypervisors"]:
        node = hypervisor["name"]
        for table in TABLES:
            found[node, table] = on(lab, node, f"ovsdb-client dump unix:/var/run/openvswitch/db.sock hardware_vtep {table}")
        for bridge in on(lab, node, "ovs-vsctl list-br").split():
            flows = on(lab, node, f"ovs-ofctl --no-stats --no-names dump-flows {bridge}")
            found[node, bridge] = sorted(line for line in flows.splitlines() if "_timeout" not in line)
    return found


def findings(lab, succeeds, **options):
    written = lab.folder / "artifacts/check.json"
    written.unlink(missing_ok=True)
    lab.run(str(ROOT / "playbooks/lab_check.yml"), succeeds=succeeds, **options)
    report = json.loads(written.read_text())
    return [(finding["layer"], finding["words"]) for finding in report["findings"]]


@pytest.mark.parametrize("name", NAMES)
def test_each_fault_is_named_and_nothing_else(name, tmp_path):
    variables = yaml.safe_load((ROOT / f"playbooks/scenarios/{name}.yml").read_text())
    topology = completed({key.removeprefix("lab_"): value for key, value in variables.items()})
    assert topology["problems"] == []
    lab = Lab(f"test-{os.getpid()}-f{name}", tmp_path)
    before = host(lab)
    wrong = []
    try:
        lab.run(str(ROOT / "playbooks/lab_build.yml"), lab_scenario=name)
        assert findings(lab, True, lab_check_wait=SETTLE_SECONDS) == []
        was = state(lab, topology)
        assert findings(lab, True) == []
        assert state(lab, topology) == was, "a check changes nothing"
        for number, fault in enumerate(chosen(topology, COUNT)):
            on(lab, fault.node, fault.plant)
            found = findings(lab, None)
            on(lab, fault.node, fault.repair)
            healthy = findings(lab, None, lab_check_wait=SETTLE_SECONDS)
            layers = {layer for layer, words in found}
            right = layers == {fault.layer} and all(part in found[0][1] for part in fault.names)
            told = {"scenario": name, "number": number, "kind": fault.kind, "node": fault.node, "plant": fault.plant, "right": right}
            with LOG.open("a") as log:
                log.write(json.dumps({**told, "found": found, "afterwards": healthy}) + "\n")
            if not right or healthy:
                wrong.append((fault, found, healthy))
        assert wrong == []
    finally:
        lab.down()
    assert not processes.processes(lab.name)
    assert host(lab) == before
