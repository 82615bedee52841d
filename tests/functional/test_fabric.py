# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twenty switches in one play: examples/fabric as it stands, against twenty servers over TLS, and what a bad one does to the others.

The servers have the addresses of the example, in a network namespace that is the test's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BIN, SCHEMA, Server
from test_tls import Authority

EXAMPLE = Path(__file__).parents[2] / "examples/fabric"
COUNT = 20
LEAVES = [f"leaf{number}" for number in range(1, COUNT + 1)]


class Network:
    """A network namespace with the switches' addresses on its loopback interface."""

    def __init__(self) -> None:
        own = [] if os.geteuid() == 0 else ["--map-root-user"]
        addresses = "".join(f"ip address add 192.0.2.{number}/32 dev lo; " for number in range(1, COUNT + 1))
        script = f"ip link set lo up; {addresses} echo ready; exec cat"
        self._holder = subprocess.Popen(
            ["unshare", *own, "--net", "sh", "-e", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout.readline() == "ready\n"
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.enter = ["nsenter", f"--target={self._holder.pid}", *user, "--net", "--"]

    def close(self) -> None:
        self._holder.communicate("")


class Leaf(Server):
    """The OVSDB server of a switch, which has registered the switch and its ports."""

    def __init__(self, network: Network, directory: Path, number: int, own: dict[str, str], schema: Path = SCHEMA):
        directory.mkdir()
        self.enter = network.enter
        self.name = f"leaf{number}"
        options = (f"--private-key={own['private_key']}", f"--certificate={own['certificate']}", f"--ca-cert={own['ca_cert']}")
        super().__init__(directory, schema, remotes=(f"pssl:6640:192.0.2.{number}",), options=options)
        self.ctl("add-ps", self.name, "--", "add-port", self.name, "eth1", "--", "add-port", self.name, "eth2")
        self.ctl("set", "Physical_Switch", self.name, f"tunnel_ips=10.0.0.{min(number, 19)}")


class Fabric:
    """The servers, and a copy of the example with certificates of its own."""

    def __init__(self, directory: Path, network: Network, authority: Authority):
        self.folder = directory / "fabric"
        self.network = network
        shutil.copytree(EXAMPLE, self.folder)
        tls = self.folder / "tls"
        tls.mkdir()
        files = authority.issue("ansible")
        for option, name in (("private_key", "ansible.key"), ("certificate", "ansible.crt"), ("ca_cert", "ca.crt")):
            shutil.copy(files[option], tls / name)
        self.server_files = authority.issue("switch")
        self.leaves: dict[str, Leaf] = {}
        for number in range(1, COUNT + 1):
            self.leaves[f"leaf{number}"] = Leaf(network, directory / f"leaf{number}", number, self.server_files)

    def close(self) -> None:
        for leaf in self.leaves.values():
            with contextlib.suppress(ProcessLookupError):
                leaf.stop()

    def play(self, *options: str, status: int = 0, playbook: str = "site.yml") -> str:
        """What the example's playbook prints."""
        env = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORKS": "10", "ANSIBLE_HOME": str(self.folder / "home")}
        command = [*self.network.enter, BIN / "ansible-playbook", "-i", "inventory.yml", playbook, *options]
        done = subprocess.run(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def dumps(self) -> dict[str, dict]:
        return {name: leaf.dump() for name, leaf in self.leaves.items()}

    def reached(self, name: str) -> list[str]:
        """Where a leaf sends the frames of the logical switch blue that it knows nothing of, as vtep-ctl says."""
        return re.findall(r"unknown-dst -> vxlan_over_ipv4/(\S+)", self.leaves[name].ctl("list-remote-macs", "blue"))


def recap(text: str) -> dict[str, tuple[int, int]]:
    """How many tasks changed something, and how many failed, by host."""
    found = re.findall(r"^(leaf\d+) +: ok=.* changed=(\d+) .*failed=(\d+)", text, re.M)
    return {host: (int(changed), int(failed)) for host, changed, failed in found}


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "fabric")


@pytest.fixture(scope="module")
def fabric(tmp_path_factory, authority) -> Iterator[Fabric]:
    network = Network()
    try:
        running = Fabric(tmp_path_factory.mktemp("fabric"), network, authority)
        try:
            yield running
        finally:
            running.close()
    finally:
        network.close()


def changes(text: str) -> set[str]:
    """The lines of all diffs, which come in the order in which the switches answer."""
    return {line for line in text.splitlines() if line[:1] in "+-"}


def test_check_mode_shows_what_the_real_run_does_and_again_nothing_is_left_to_do(fabric):
    some = LEAVES[:4]
    before = fabric.dumps()
    predicted = fabric.play("--check", "--diff", "--limit", ",".join(some))
    assert recap(predicted) == dict.fromkeys(some, (1, 0))
    assert fabric.dumps() == before
    done = fabric.play("--diff")
    assert recap(done) == dict.fromkeys(LEAVES, (1, 0))
    assert changes(predicted) <= changes(done) and "02:00:00:00:00:13" in str(changes(predicted))
    after = fabric.dumps()
    assert recap(fabric.play()) == dict.fromkeys(LEAVES, (0, 0))
    assert fabric.dumps() == after


def test_every_switch_has_its_tables(fabric):
    """As vtep-ctl shows them: the two switches of the pair are one VTEP, also for each other."""
    others = {f"10.0.0.{number}" for number in range(1, 20)}
    for number, name in enumerate(LEAVES, 1):
        leaf = fabric.leaves[name]
        own = f"10.0.0.{min(number, 19)}"
        assert set(fabric.reached(name)) == others - {own}
        listed = leaf.ctl("list-remote-macs", "blue")
        assert f"vxlan_over_ipv4/{own}\n" not in listed and listed.count("02:00:00:00:00:") == 18
        assert leaf.ctl("list-bindings", name, "eth1").split() == ["0010", "blue"]
        assert leaf.ctl("get", "Logical_Switch", "blue", "tunnel_key").strip() == "5000"
    # The other switch of the pair has the port; both have the logical switch.
    assert {name: fabric.leaves[name].ctl("list-bindings", name, "eth2").split() for name in ("leaf19", "leaf20")} == {
        "leaf19": [],
        "leaf20": ["0000", "red"],
    }
    assert fabric.leaves["leaf19"].ctl("list-ls").split() == fabric.leaves["leaf20"].ctl("list-ls").split() == ["blue", "red"]
    assert "02:00:00:00:01:14" not in fabric.leaves["leaf19"].ctl("list-remote-macs", "red")


def test_the_audit_takes_the_same_inventory_and_endpoints(fabric):
    said = fabric.play("-e", "fabric_vteps=leaves", "-e", "@endpoints.yml", playbook="vxlanlab.vtep.fabric_audit")
    assert "20 of 20 VTEPs read: 0 errors, 0 warnings, 0 notes." in said


def test_bad_switches_fail_each_with_its_reason_and_the_others_are_finished(fabric, tmp_path, authority):
    """Down, with another CA, hung, with an older schema, full: each one is failed, not unreachable, since the connection is local."""
    schema = json.loads(SCHEMA.read_text())
    schema["tables"]["Ucast_Macs_Remote"]["maxRows"] = 5
    (tmp_path / "full").write_text(json.dumps(schema))
    del schema["tables"]["Ucast_Macs_Remote"]["maxRows"], schema["tables"]["Logical_Switch"]["columns"]["replication_mode"]
    (tmp_path / "old").write_text(json.dumps(schema))
    other = Authority(tmp_path, "other").issue("switch")
    bad = {"leaf2": "down", "leaf5": "other", "leaf8": "hung", "leaf11": "old", "leaf14": "full"}
    for leaf in fabric.leaves.values():
        if leaf.name != "leaf8":
            leaf.ctl("clear-remote-macs", "blue")
    hung = fabric.leaves["leaf8"].pid
    stopped = [fabric.leaves.pop(name) for name in bad if name != "leaf8"]
    for leaf in stopped:
        leaf.stop()
    files = {"other": other, "old": fabric.server_files, "full": fabric.server_files}
    for name, how in bad.items():
        if how in files:
            schema_file = tmp_path / how if how != "other" else SCHEMA
            fabric.leaves[name] = Leaf(fabric.network, tmp_path / name, int(name[4:]), files[how], schema_file)
    os.kill(hung, signal.SIGSTOP)
    try:
        # Four of the ten in the second batch are bad.
        text = fabric.play("-e", '{"fabric_max_fail_percentage": 40, "vtep_overlay_timeout": 4}', status=2)
    finally:
        os.kill(hung, signal.SIGCONT)
    assert recap(text) == {name: (0, 1) if name in bad else (1, 0) for name in LEAVES}
    assert not re.search("unreachable=[1-9]", text)
    flat = re.sub(r"\s+", " ", text)
    for name, words in {
        "leaf2": ["cannot connect to ssl:192.0.2.2:6640: Connection refused", "Run the role again"],
        "leaf5": ["ca_cert: the certificate of ssl:192.0.2.5:6640 is not accepted", "issued by this CA"],
        "leaf8": ["timeout", "4 s", "ssl:192.0.2.8:6640"],
        "leaf11": ["schema is older and has no Logical_Switch.replication_mode"],
        "leaf14": ["the server refused the change", "5"],
    }.items():
        said = flat.split(f"fatal: [{name}]: FAILED!", 1)[1].split("fatal: [")[0]
        assert all(one in said for one in words), (name, said)
    good = fabric.leaves.keys() - bad.keys()
    assert len(good) == COUNT - len(bad) and all(len(fabric.reached(name)) == 18 for name in good)
    # All of a VTEP's tables, or none.
    assert fabric.leaves["leaf14"].rows("Logical_Switch") == []


def test_what_was_down_is_finished_by_another_run(fabric, tmp_path):
    old = fabric.leaves.pop("leaf14")
    old.stop()
    leaf = fabric.leaves["leaf14"] = Leaf(fabric.network, tmp_path / "leaf14", 14, fabric.server_files)
    assert recap(fabric.play("--limit", "leaf13,leaf14")) == {"leaf13": (0, 0), "leaf14": (1, 0)}
    assert leaf.ctl("list-ls").split() == ["blue"]
    # The role's own options go before module_defaults.
    leaf.ctl("clear-remote-macs", "blue")
    own = ["-e", f"vtep_overlay_database={leaf.remote}", "-e", "vtep_database=ssl:192.0.2.99:6640"]
    assert recap(fabric.play("--limit", "leaf14", *own)) == {"leaf14": (1, 0)}


def test_too_many_bad_ones_stop_the_next_batch(fabric):
    """After the first switch, which goes alone: nothing has been written on any other."""
    fabric.leaves.pop("leaf1").stop()
    before = fabric.dumps()
    # Also in check mode: another role of the play would not bring it.
    for options in ([], ["--check"]):
        text = fabric.play("-e", "vtep_overlay_timeout=4", *options, status=2)
        assert recap(text) == {"leaf1": (0, 1)}
    assert fabric.dumps() == before
