# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts over SSH: examples/ssh as it stands, from a node that is the controller to two hosts with Debian's sshd, one of them with systemd.

The one without is a node. It shares the file system of the machine; what it needs of it otherwise is mounted over it in the node alone. The one
with systemd is a container that systemd-nspawn boots in a node, on the same file system with a writable layer over it.
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
from vtep_nodes import until

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
EXAMPLE = ROOT / "examples/ssh"
LAB = f"ssh{os.getpid()}"
INTERFACES = ("eth0", "eth1")
ADDRESSES = {"hv1": ("192.0.2.11", "10.9.0.1"), "hv2": ("192.0.2.12", "10.9.0.2")}
# The host with systemd, and the one without.
BOOTED, PLAIN = ADDRESSES
USER, UID = "operator", 64321
DAEMONS = ("ovsdb-server", "ovs-vswitchd")
# More often in a row than systemd starts a service again by default.
OFTEN = 6
# Run in a node, with a name for a control group and a command that boots a host and returns 133 where the host asks for its next boot. Of a
# host that is down, systemd-nspawn puts the interfaces back into the node. It would ask udev about them if /sys were writable.
KEEP_BOOTING = """
mount -o remount,bind,ro /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/$1
echo 0 >/sys/fs/cgroup/$1/cgroup.procs
shift
mount -t overlay overlay -o lowerdir=/,upperdir=/run/disk/upper,workdir=/run/disk/work /run/disk/root
while "$@"; [ $? = 133 ]; do :; done
"""
REMOVE_GROUPS = "mount -t cgroup2 cgroup2 /sys/fs/cgroup; find /sys/fs/cgroup/$1 -depth -type d -exec rmdir {} +"


class Hosts:
    """The nodes, the hosts in them, and the example's playbook run on one of the nodes."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.folder = directory / "ssh"
        shutil.copytree(EXAMPLE, self.folder)
        self.key = directory / "key"
        for name in ("key", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
        public = (directory / "host.pub").read_text()
        (directory / "known").write_text("".join(f"{address} {public}" for address, _tunnel in ADDRESSES.values()))
        # PID 1 of each node, or of the host in it.
        self.pids: dict[str, int] = {}
        self.launcher: subprocess.Popen[bytes] | None = None
        self.console = directory / "console"

    def nodes(self, state: str) -> None:
        hosts = [
            {
                "name": name,
                "kind": "hypervisor",
                "interfaces": [{"name": name, "address": f"{address}/24"} for name, address in zip(INTERFACES, addresses, strict=True)],
            }
            for name, addresses in ADDRESSES.items()
        ]
        arguments = json.dumps({"name": LAB, "state": state, "nodes": [*hosts, {"name": "admin", "address": "192.0.2.1/24"}]})
        command = [BIN / "ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", arguments]
        env = os.environ | {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        self.pids = {node["name"]: node["pid"] for node in json.loads(done.stdout.split("=>", 1)[1])["nodes"]}

    def run(self, host: str, *words: str, check: bool = True) -> str:
        command = ["nsenter", "--target", str(self.pids[host]), "--all", "--", *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def write_etc(self, folder: Path) -> list[str]:
        """Write what a host has in /etc: sshd's configuration, and one more user, who may use sudo. Their names."""
        added = {
            # The first line of a name counts. The root of a host reads nothing that the machine's root has at home.
            "passwd": f"root:x:0:0::/run/root:/bin/sh\n{USER}:x:{UID}:{UID}::/run/{USER}:/bin/sh\n",
            "shadow": f"{USER}:*:19000:0:99999:7:::\n",
            "group": f"{USER}:x:{UID}:\n",
            "sudoers": f"{USER} ALL=(root) NOPASSWD: ALL\n",
        }
        for name, lines in added.items():
            shutil.copy2(f"/etc/{name}", folder / name)
            (folder / name).write_text(lines + (folder / name).read_text())
        (folder / "ssh").mkdir()
        (folder / "ssh/sshd_config").write_text(
            f"HostKey {self.directory}/host\nAuthorizedKeysFile none\nAuthorizedKeysCommandUser root\n"
            f"AuthorizedKeysCommand /bin/echo {self.key.with_suffix('.pub').read_text()}"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
        )
        return [*added, "ssh/sshd_config"]

    def serve(self, host: str) -> None:
        """Run sshd on a node."""
        files = self.directory / host
        files.mkdir()
        mounts = "".join(f"mount --bind {files / name} /etc/{name}; " for name in self.write_etc(files))
        self.run(host, "sh", "-e", "-c", f"{mounts} mkdir /run/sshd; PATH=$PATH:/usr/sbin; $(command -v sshd)")
        self.add_homes(host)

    def add_homes(self, host: str) -> None:
        self.run(host, "install", "-d", "-o", str(UID), "-g", str(UID), f"/run/{USER}")
        self.run(host, "install", "-d", "/run/root")

    def boot(self, host: str) -> None:
        """Start systemd in a node, with sshd. It ends with the node."""
        disk = Path(f"/proc/{self.pids[host]}/root/run/disk")
        for name in ("root", "work", "upper/etc/systemd/network", "upper/etc/systemd/system/multi-user.target.wants"):
            (disk / name).mkdir(parents=True)
        etc = disk / "upper/etc"
        self.write_etc(etc)
        # Hides what the machine has there: its services are not those of the host.
        os.setxattr(etc / "systemd/system", "trusted.overlay.opaque", b"y")
        for service in ("ssh.service", "systemd-networkd.service"):
            (etc / "systemd/system/multi-user.target.wants" / service).symlink_to(f"/lib/systemd/system/{service}")
        for name, address in zip(INTERFACES, ADDRESSES[host], strict=True):
            (etc / f"systemd/network/{name}.network").write_text(f"[Match]\nName={name}\n[Network]\nAddress={address}/24\n")
        command = [
            *("nsenter", "--target", str(self.pids[host]), "--all", "--"),
            *("unshare", "--mount", "sh", "-e", "-c", KEEP_BOOTING, "sh", LAB),
            *("systemd-nspawn", "--boot", "--quiet", "--directory=/run/disk/root", f"--machine={host}", "--console=pipe"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--bind=/dev/net/tun"),
            *(f"--network-interface={name}" for name in INTERFACES),
            # Its /tmp is its own, and the checkout may be on another file system.
            *(f"--bind-ro={folder}" for folder in (ROOT, self.directory)),
        ]
        with self.console.open("w") as console:
            self.launcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self.wait_until_up(host)

    def wait_until_up(self, host: str) -> None:
        assert self.launcher
        launcher = self.launcher

        def up() -> bool:
            assert launcher.poll() is None, self.console.read_text()
            self.pids[host] = next((pid for pid in descendants(launcher.pid) if name_of(pid) == "systemd"), 0)
            return self.pids[host] > 0 and self.run(host, "systemctl", "is-system-running", "--wait", check=False) == "running\n"

        until(up, f"{host} has booted, and no service has failed; see {self.console}")
        self.add_homes(host)

    def reboot(self, host: str) -> None:
        before = self.pids[host]
        self.run(host, "systemctl", "reboot")
        until(lambda: name_of(before) != "systemd", f"{host} is down; see {self.console}")
        self.wait_until_up(host)

    def remove(self) -> None:
        self.nodes("absent")
        if self.launcher:
            self.launcher.wait()
            subprocess.run(["unshare", "--mount", "sh", "-e", "-c", REMOVE_GROUPS, "sh", LAB], check=True)

    def vms_reach_each_other(self) -> bool:
        return " 0% packet loss" in self.run("hv1", "ping", "-I", "vm1", "-c", "1", "-w", "1", "192.168.7.2", check=False)

    def check_that_systemd_keeps(self, emulator: str) -> None:
        """Kill each service on the host with systemd, and then boot it: the VMs reach each other again, and Ansible has done nothing."""

        def main_pid(service: str) -> str:
            return self.run(BOOTED, "systemctl", "show", "--property=MainPID", "--value", service).strip()

        for service in (*DAEMONS, *[emulator] * OFTEN):
            until(lambda service=service: main_pid(service) != "0", f"{service} runs on {BOOTED}")
            before = main_pid(service)
            self.run(BOOTED, "kill", "-KILL", before)
            until(lambda service=service, before=before: main_pid(service) not in ("0", before), f"systemd has started {service} again")
        until(self.vms_reach_each_other, "vm1 reaches vm2 after services were killed")
        self.reboot(BOOTED)
        until(self.vms_reach_each_other, f"vm1 reaches vm2 after {BOOTED} was booted; see vtep-network.service there")

    def play(self, user: str, *options: str, fails: bool = False) -> str:
        """What the example's playbook prints on the controller. The Python there has ovsdbapp, and nothing is to be installed."""
        settings = {
            "ANSIBLE_NOCOLOR": "1",
            # A third of the time less.
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


def descendants(pid: int) -> Iterator[int]:
    for child in read(pid, f"task/{pid}/children").split():
        yield int(child)
        yield from descendants(int(child))


def name_of(pid: int) -> str:
    return read(pid, "comm").strip()


def read(pid: int, name: str) -> str:
    """What proc(5) has about a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def changed(text: str) -> dict[str, int]:
    return {host: int(number) for host, number in re.findall(r"^(\S+) +: ok=.* changed=(\d+)", text, re.M)}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path_factory.mktemp("ssh"))
    try:
        hosts.nodes("present")
        hosts.boot(BOOTED)
        hosts.serve(PLAIN)
        yield hosts
    finally:
        hosts.remove()


def test_the_interface_that_ssh_comes_in_by_is_refused_before_anything_is_changed(hosts):
    def state(host: str) -> list[str]:
        return [hosts.run(host, *words, check=False) for words in (["ip", "-4", "address"], ["ip", "route"], ["ovs-vsctl", "show"])]

    wrong = ["-e", "vtep_emulator_underlay_interface=eth0", "-e", "tunnel_ip={{ansible_host}}"]
    # An inventory may say it, too.
    become = hosts.folder / "host_vars/hv1.yml"
    become.parent.mkdir()
    become.write_text("ansible_become: true\n")
    before = {host: state(host) for host in ADDRESSES}
    text = re.sub(r"\s+", " ", hosts.play(USER, *wrong, fails=True))
    become.unlink()
    for host, (address, _tunnel) in ADDRESSES.items():
        assert f"It carries the SSH connection from 192.0.2.1 to {address}" in text, text
        # But for Open vSwitch, which the role before this one has started.
        after = state(host)
        assert after[:-1] == before[host][:-1] and "br-underlay" not in after[-1]


def test_the_example_joins_two_hosts_as_root(hosts):
    text = hosts.play("root")
    assert "The VTEPs are right." in text
    assert all(changed(text).values()), text
    assert hosts.vms_reach_each_other()
    # The ways in are as they were.
    for address, _tunnel in ADDRESSES.values():
        hosts.run("admin", "ping", "-c", "1", "-w", "5", address)


def test_systemd_keeps_vtepd_and_a_boot_brings_the_vtep_back(hosts):
    hosts.check_that_systemd_keeps("vtepd")


def test_a_user_with_sudo_brings_back_what_is_lost_and_changes_nothing_else(hosts):
    hosts.run("hv2", "vtep-ctl", "clear-remote-macs", "blue")
    text = hosts.play(USER)
    assert changed(text)["hv1"] == 0 and changed(text)["hv2"] > 0 and "create unicast remote 02:00:00:00:00:01" in text
    assert "The VTEPs are right." in text


def test_systemd_keeps_ovs_vtep_in_the_place_of_vtepd(hosts):
    ports = [
        {"name": "{{ mine.port }}", "mac": "{{ mine.mac }}", "ip": "{{ mine.ip }}/24"},
        {"name": "vm3", "ip": "192.168.8.1/24", "namespace": "blue"},
    ]
    text = hosts.play("root", "-e", json.dumps({"vtep_emulator_engine": "ovs-vtep", "vtep_emulator_ports": ports}))
    assert "The VTEPs are right." in text
    states = hosts.run(BOOTED, "systemctl", "is-enabled", "ovs-vtep", "vtepd", check=False).splitlines()
    assert states[0] == "enabled" and "vtepd" in states[1] and "No such file" in states[1], states
    hosts.check_that_systemd_keeps("ovs-vtep")
    assert "192.168.8.1/24" in hosts.run(BOOTED, "ip", "-n", "blue", "-brief", "address", "show", "dev", "vm3")
