# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts over SSH: examples/ssh as it stands, from a node that is the controller to two nodes with Debian's sshd.

The nodes share the file system of the machine; what they need of it otherwise is mounted over it in the node alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
EXAMPLE = Path(__file__).parents[2] / "examples/ssh"
LAB = f"ssh{os.getpid()}"
ADDRESSES = {"hv1": ("192.0.2.11", "10.9.0.1"), "hv2": ("192.0.2.12", "10.9.0.2")}
USER, UID = "operator", 64321


class Hosts:
    """The nodes, and the example's playbook run on one of them."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.folder = directory / "ssh"
        shutil.copytree(EXAMPLE, self.folder)
        self.key = directory / "key"
        for name in ("key", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
        public = (directory / "host.pub").read_text()
        (directory / "known").write_text("".join(f"{address} {public}" for address, _tunnel in ADDRESSES.values()))
        self.pids: dict[str, int] = {}

    def nodes(self, state: str) -> None:
        hosts = [
            {
                "name": name,
                "kind": "hypervisor",
                "interfaces": [{"name": "eth0", "address": f"{address}/24"}, {"name": "eth1", "address": f"{tunnel}/24"}],
            }
            for name, (address, tunnel) in ADDRESSES.items()
        ]
        arguments = json.dumps({"name": LAB, "state": state, "nodes": [*hosts, {"name": "admin", "address": "192.0.2.1/24"}]})
        command = [BIN / "ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", arguments]
        env = os.environ | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        self.pids = {node["name"]: node["pid"] for node in json.loads(done.stdout.split("=>", 1)[1])["nodes"]}

    def run(self, node: str, *words: str, check: bool = True) -> str:
        command = ["nsenter", "--target", str(self.pids[node]), "--all", "--", *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def serve(self, node: str) -> None:
        """Run sshd on a node, which knows one more user; this one may use sudo."""
        files = self.directory / node
        files.mkdir()
        added = {
            "passwd": f"{USER}:x:{UID}:{UID}::/run/{USER}:/bin/sh",
            "shadow": f"{USER}:*:19000:0:99999:7:::",
            "group": f"{USER}:x:{UID}:",
            "sudoers": f"{USER} ALL=(root) NOPASSWD: ALL",
        }
        for name, line in added.items():
            shutil.copy2(f"/etc/{name}", files / name)
            with (files / name).open("a") as file:
                file.write(f"{line}\n")
        (files / "sshd_config").write_text(
            f"HostKey {self.directory}/host\nAuthorizedKeysFile /run/key.pub\nStrictModes no\nUsePAM no\nPidFile none\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        mounts = "".join(f"mount --bind {files / name} /etc/{name}; " for name in added)
        # A node's own /run, where the user may look, too.
        home = f"mkdir -p /run/sshd /run/{USER}; chown {UID}:{UID} /run/{USER}; cp {self.key}.pub /run/key.pub"
        self.run(node, "sh", "-e", "-c", f"{mounts} {home}; PATH=$PATH:/usr/sbin; $(command -v sshd) -f {files}/sshd_config")

    def play(self, user: str, *options: str, fails: bool = False) -> str:
        """What the example's playbook prints on the controller. The Python there has ovsdbapp, and nothing is to be installed."""
        settings = {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_HOME": "/run/ansible",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": "/run/cp",
            "HOME": os.environ.get("HOME", "/root"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        ssh = f"-o UserKnownHostsFile={self.directory}/known -o IdentitiesOnly=yes"
        command = [
            *("env", "--chdir", str(self.folder), *(f"{name}={value}" for name, value in settings.items())),
            *(
                "ansible-playbook",
                "-i",
                "inventory.yml",
                "site.yml",
                "-u",
                user,
                "--private-key",
                str(self.key),
                f"--ssh-common-args={ssh}",
            ),
            *("-e", f"ansible_python_interpreter={sys.executable}", "-e", "openvswitch_datapath=netdev", *options),
        ]
        done = subprocess.run(
            ["nsenter", "--target", str(self.pids["admin"]), "--all", "--", *command],
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
        )
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text
        return text


def changed(text: str) -> dict[str, int]:
    return {host: int(number) for host, number in re.findall(r"^(\S+) +: ok=.* changed=(\d+)", text, re.M)}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path_factory.mktemp("ssh"))
    try:
        hosts.nodes("present")
        for node in ADDRESSES:
            hosts.serve(node)
        yield hosts
    finally:
        hosts.nodes("absent")


def test_the_interface_that_ssh_comes_in_by_is_refused_before_anything_is_changed(hosts):
    def state() -> list[str]:
        return [hosts.run("hv1", *words, check=False) for words in (["ip", "-4", "address"], ["ip", "route"], ["ovs-vsctl", "show"])]

    wrong = ["--limit=hv1", "-e", "vtep_emulator_underlay_interface=eth0", "-e", "tunnel_ip=192.0.2.11"]
    # An inventory may say it, too.
    become = hosts.folder / "host_vars/hv1.yml"
    become.parent.mkdir()
    become.write_text("ansible_become: true\n")
    before = state()
    text = hosts.play(USER, *wrong, fails=True)
    become.unlink()
    assert "It carries the SSH connection from 192.0.2.1 to 192.0.2.11" in re.sub(r"\s+", " ", text), text
    # But for Open vSwitch, which the role before this one has started.
    assert state()[:-1] == before[:-1] and "br-underlay" not in state()[-1]


def test_the_example_joins_two_hosts_as_root(hosts):
    text = hosts.play("root")
    assert "The VTEPs are right." in text
    assert all(changed(text).values()), text
    hosts.run("hv1", "ping", "-I", "vm1", "-c", "1", "-w", "10", "192.168.7.2")
    # The way in is as it was.
    hosts.run("admin", "ping", "-c", "1", "-w", "5", "192.0.2.11")


def test_a_user_with_sudo_brings_back_what_is_lost_and_changes_nothing_else(hosts):
    hosts.run("hv2", "vtep-ctl", "clear-remote-macs", "blue")
    text = hosts.play(USER)
    assert changed(text)["hv1"] == 0 and changed(text)["hv2"] > 0 and "create unicast remote 02:00:00:00:00:01" in text
    assert "The VTEPs are right." in text
