# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done in a VM's namespace of its own: its interface, pings, captures, bytes. In a lab node. Needs root."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab_nodes import HV1, inside, made, pids

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture

MODULES = "ansible_collections.vxlanlab.vtep.plugins.modules"
ADDRESSES = {"vm1": "192.168.1.1", "vm2": "192.168.1.2"}


class Vms:
    """Two VMs in namespaces, joined by a veth pair, in a node."""

    def __init__(self, lab):
        self.pid = pids(made(lab, HV1))["hv1"]

    def run(self, *command, **options):
        return inside(self.pid, *command, **options)

    def module(self, name, /, check=False, **arguments):
        text = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **arguments}})
        # A failed module ends with a status of its own.
        return json.loads(self.run("sh", "-c", f"{sys.executable} -m {MODULES}.{name} || true", input=text))

    def interface(self, name, **options):
        wanted = {"name": name, "namespace": name, "state": "up", "addresses": [f"{ADDRESSES[name]}/24"], "ipv6": False}
        return self.module("ip_interface", **(wanted | options))


@pytest.fixture
def vms(lab):
    made = Vms(lab)
    made.run("ip", "link", "add", "vm1", "type", "veth", "peer", "name", "vm2")
    return made


@pytest.fixture
def joined(vms):
    for name in ADDRESSES:
        vms.interface(name)
    return vms


def test_an_interface_moves_to_a_namespace_that_is_made_for_it(vms):
    foretold = vms.interface("vm1", check=True)
    assert foretold["changed"] and "vm1" not in vms.run("ip", "netns")
    first = vms.interface("vm1")
    assert first["changed"] and first["diff"]["before"]["to_place"] == foretold["diff"]["before"]["to_place"]
    assert [*first["commands"][:3]] == ["netns add vm1", "-n vm1 link set dev lo up", "link set dev vm1 netns vm1"]
    shown = vms.run("ip", "-n", "vm1", "address", "show", "dev", "vm1")
    assert "192.168.1.1/24" in shown and "inet6" not in shown
    for again in (vms.interface("vm1", check=True), vms.interface("vm1")):
        assert not again["changed"] and again["commands"] == [] and again["diff"]["before"] == again["diff"]["after"]


def test_a_pair_is_made_once(vms):
    pair = {"name": "trunk", "peer": "trunk-vms", "state": "up", "ipv6": False}
    foretold = vms.module("ip_interface", check=True, **pair)
    assert foretold["changed"] and "trunk" not in vms.run("ip", "link")
    first = vms.module("ip_interface", **pair)
    assert first["changed"] and first["commands"] == foretold["commands"]
    assert first["commands"][0] == "link add name trunk type veth peer name trunk-vms"
    for check in (True, False):
        assert not vms.module("ip_interface", check=check, **pair)["changed"]
    # An end that went to a namespace is still an end of the pair.
    assert vms.module("ip_interface", name="trunk-vms", peer="trunk", namespace="inside")["changed"]
    assert not vms.module("ip_interface", name="trunk-vms", peer="trunk", namespace="inside")["changed"]
    assert not vms.module("ip_interface", **pair)["changed"]


def test_a_pair_that_is_made_in_a_namespace(vms):
    made = vms.module("ip_interface", name="vm3", peer="vm3-port", namespace="vm3")
    assert made["changed"] and "vm3@" in vms.run("ip", "-n", "vm3", "link") and "vm3-port@" in vms.run("ip", "link")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "new", "peer": "vm1"}, "peer: 'vm1' is not accepted: expected a name that is free"),
        ({"name": "vm1", "peer": "other"}, "peer: 'other' is not accepted: expected the other end of vm1, which is vm2"),
        ({"name": "lo", "peer": "other"}, "peer: 'other' is not accepted: expected the other end of lo, which is no pair"),
        ({"name": "new", "peer": "new"}, "peer: 'new' is not accepted: expected another name"),
        ({"name": "new", "peer": "a/b"}, "peer: 'a/b' is not accepted"),
        ({"name": "new", "peer": "free", "state": "up", "routes": [{"to": "default", "via": "10.0.0.1"}]}, "ip -batch refused"),
    ],
)
def test_a_pair_that_cannot_be_made(vms, options, words):
    before = vms.run("ip", "-json", "link")
    failed = vms.module("ip_interface", **options)
    assert failed["failed"] and words in failed["msg"]
    assert vms.run("ip", "-json", "link") == before


def test_an_interface_that_is_nowhere(vms):
    failed = vms.module("ip_interface", name="vm9", namespace="vm9", state="up")
    assert failed["failed"] and "no interface 'vm9'" in failed["msg"]


@pytest.mark.parametrize("namespace", ["", "a/b", "..", "-x", "a b", "x" * 65])
def test_a_name_that_no_namespace_can_have(vms, namespace):
    failed = vms.interface("vm1", namespace=namespace)
    assert failed["failed"] and failed["msg"].startswith(f"namespace: {namespace!r}")
    assert not vms.run("ip", "netns")


def test_pings_at_the_same_time(joined):
    pings = [
        {"namespace": "vm1", "address": "192.168.1.2"},
        {"namespace": "vm2", "interface": "vm2", "address": "192.168.1.1"},
        {"namespace": "vm2", "address": "192.168.1.9"},
        {"namespace": "vm1", "address": "203.0.113.1"},
        {"address": "192.168.1.2"},
    ]
    result = joined.module("lab_ping", pings=pings, count=2, wait=1)
    assert not result["changed"]
    assert [ping["replies"] for ping in result["pings"]] == [2, 2, 0, 0, 0]
    assert [ping["address"] for ping in result["pings"]] == [ping["address"] for ping in pings]
    assert "ttl=64" in result["pings"][0]["output"] and "unreachable" in result["pings"][3]["output"].lower()


def test_a_ping_goes_on_until_it_is_answered(vms):
    vms.interface("vm1")
    ping = {"pings": [{"namespace": "vm1", "address": "192.168.1.2"}], "count": 1, "until_answered": 30}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(vms.module, "lab_ping", **ping)
        vms.interface("vm2")
        assert waiting.result()["pings"][0]["replies"] >= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pings": [{"address": "vm2"}]}, "pings: address: 'vm2' is not accepted"),
        ({"pings": [{"address": "192.168.1.2", "namespace": "vm7"}]}, "no network namespace 'vm7' on this host. It has vm1, vm2."),
        ({"pings": [], "count": 0}, "count: 0"),
        ({"pings": [], "size": 65508}, "size: 65508 is out of range. Use 0 to 65507 bytes."),
        ({"pings": [], "interval": 0.001}, "interval: 0.001 is not accepted: expected 0.002 to 60 seconds"),
        ({"pings": [], "wait": 61}, "wait: 61"),
        ({"pings": [], "until_answered": 601}, "until_answered: 601"),
    ],
)
def test_what_ping_refuses(vms, options, message):
    for name in ADDRESSES:
        vms.run("ip", "netns", "add", name)
    failed = vms.module("lab_ping", **options)
    assert failed["failed"] and message in failed["msg"]


def test_a_capture_in_a_namespace(joined, tmp_path):
    # /run is the node's own, and the rest of the file system the machine's.
    captures = [{"path": f"{tmp_path}/{name}.pcap", "interface": name, "namespace": name} for name in ADDRESSES]
    assert joined.module("lab_capture", state="started", captures=captures)["changed"]
    joined.module("lab_ping", pings=[{"namespace": "vm1", "address": "192.168.1.2"}], count=1)
    stopped = joined.module("lab_capture", state="stopped", captures=captures)
    assert [capture["packets"] for capture in stopped["captures"]] == [4, 4], "ARP and ICMP, and nothing else"
    assert [packet["info"].split()[0] for packet in _capture.read(tmp_path / "vm2.pcap").packets] == ["Who", "192.168.1.2", "Echo", "Echo"]


def test_bytes_from_one_namespace_to_another(joined):
    receiver = joined.module("lab_transfer", mode="receive", address="192.168.1.2", namespace="vm2")
    sent = joined.module("lab_transfer", mode="send", address="192.168.1.2", port=receiver["port"], namespace="vm1", size=100_000)
    assert sent["sha256_received"] == sent["sha256_sent"] != ""
    failed = joined.module("lab_transfer", mode="send", address="192.168.1.2", port=receiver["port"], namespace="vm3", size=1)
    assert failed["failed"] and "no network namespace 'vm3'" in failed["msg"]
