# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles on three lab nodes, with real packets, and every fault that they guard against. The tests go on where the last one ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

BIN = Path(sys.executable).parent
PLAYBOOKS = Path(__file__).parent / "roles"
LAB = f"roles-test-{os.getpid()}"
SUPERVISOR_LOG = "/var/log/openvswitch/ovs-vtep-supervisor.log"
SUPERVISOR = "/var/lib/openvswitch/ovs-vtep-supervisor"
OVS_VTEP = "/usr/share/openvswitch/scripts/ovs-vtep"
NUMBERS = {"hv1": 1, "hv2": 2, "hv3": 3}


def vtep(number: int) -> str:
    return f"10.{number}.0.1"


def vm(number: int) -> str:
    return f"192.168.1.{number}"


def mac(number: int) -> str:
    return f"00:00:00:00:00:{number:02x}"


class Lab:
    """The nodes, and the playbooks that run on them."""

    def __init__(self, directory: Path):
        self.inventory = directory / "inventory.yml"
        self.env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORKS": "3"}
        self.pids: dict[str, int] = {}
        endpoints = [
            {"host": host, "physical_switch": "br0", "port": f"vm{n}", "logical_switch": "ls0", "mac": mac(n), "ip": vm(n), "vtep": vtep(n)}
            for host, n in NUMBERS.items()
        ]
        hosts = {host: {"vtep": vtep(n), "port": f"vm{n}", "mac": mac(n), "ip": vm(n)} for host, n in NUMBERS.items()}
        common = {
            "ansible_connection": "vxlanlab.vtep.netns",
            "ansible_netns_lab": LAB,
            "ansible_python_interpreter": sys.executable,
            "tunnel_key": 5000,
            "endpoints": endpoints,
        }
        self.inventory.write_text(yaml.safe_dump({"all": {"children": {"vtep_hypervisors": {"hosts": hosts, "vars": common}}}}))

    def nodes(self, state: str) -> None:
        nodes = [{"name": host, "address": f"{vtep(n)}/8"} for host, n in NUMBERS.items()]
        arguments = json.dumps({"name": LAB, "state": state, "nodes": nodes})
        env = {**self.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(
            ["ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", arguments], env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.pids = {node["name"]: node["pid"] for node in json.loads(done.stdout.split("=>", 1)[1])["nodes"]}

    def play(self, playbook: str, *options: str, fails: bool = False) -> str:
        """What a playbook prints."""
        command = ["ansible-playbook", "-i", self.inventory, PLAYBOOKS / playbook, *options]
        done = subprocess.run(command, env=self.env, check=False, capture_output=True, text=True)
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text
        return text

    def site(self, *options: str) -> str:
        return self.play("site.yml", *options)

    def command(self, host: str, *words: str) -> list[str]:
        return ["nsenter", "--target", str(self.pids[host]), "--all", "--", *words]

    def run(self, host: str, *words: str, check: bool = True) -> str:
        """What a command prints on a node."""
        done = subprocess.run(self.command(host, *words), check=False, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def until(self, what: str, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s until {what}\n{self.logs()}"
            time.sleep(0.1)

    def logs(self) -> str:
        """What the supervisors have said last."""
        return "\n".join(f"{host}: {self.run(host, 'tail', '-n5', SUPERVISOR_LOG, check=False)}" for host in NUMBERS)

    def pid(self, host: str, daemon: str) -> str:
        """The PID of a daemon on a node, as seen there; empty where it does not run."""
        return self.run(host, "cat", f"/run/openvswitch/{daemon}.pid", check=False)

    def kill(self, host: str, daemon: str, number: signal.Signals = signal.SIGKILL) -> None:
        self.run(host, "kill", f"-{number.name}", self.pid(host, daemon))

    def ping(self, source: str, target: str, *options: str) -> str:
        # The first tunnelled packet is dropped while the next hop is resolved.
        return self.run(source, "ping", "-I", f"vm{NUMBERS[source]}", "-c", "1", "-w", "10", *options, vm(NUMBERS[target]))

    def everybody_pings(self) -> None:
        for source in NUMBERS:
            for target in NUMBERS:
                if source != target:
                    self.ping(source, target)

    def tunnel_keys(self, host: str) -> set[str]:
        """The keys that the tunnels on a node have; empty while there are none."""
        listed = self.run(host, "ovs-vsctl", "--bare", "--columns=options", "find", "Interface", "type=vxlan", check=False)
        return set(re.findall(r"key=(\S+)", listed))

    def emulators(self, host: str) -> list[str]:
        """The PIDs of all emulators of a node's bridge."""
        pattern = rf"^\s*(\d+)\s+(\d+)\s+\S*python\S* {OVS_VTEP} br0"
        parents = dict(re.findall(pattern, self.run(host, "ps", "-A", "-o", "pid,ppid,args"), re.M))
        # A child of one is a program that is about to begin.
        return [pid for pid, parent in parents.items() if parent not in parents]

    def supervisors(self, host: str) -> list[str]:
        return self.run(host, "pgrep", "--full", rf"^\S*python\S* {SUPERVISOR} run br0", check=False).split()

    def network(self, host: str) -> str:
        """The devices with their numbers, addresses and routes."""
        return self.run(host, "ip", "-4", "-oneline", "address", "show", "up") + self.run(host, "ip", "-4", "route")

    def flows(self, host: str, bridge: str) -> str:
        return self.run(host, "ovs-ofctl", "--no-stats", "dump-flows", bridge)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("roles"))
    try:
        lab.nodes("present")
        yield lab
    finally:
        lab.nodes("absent")


def changed(text: str) -> dict[str, int]:
    """The number of changed tasks by host."""
    return {host: int(number) for host, number in re.findall(r"^(\S+) +: ok=.* changed=(\d+)", text, re.M)}


def test_check_mode_on_a_fresh_node_changes_nothing(lab):
    text = lab.site("--check", "--limit=hv1")
    assert "Would set up" in text
    assert lab.run("hv1", "ls", "/etc/openvswitch", "/var/lib/openvswitch") == "/etc/openvswitch:\n\n/var/lib/openvswitch:"
    assert "ovs" not in lab.run("hv1", "ps", "-A")


def test_the_vms_reach_each_other(lab):
    text = lab.site()
    assert "Datapath netdev: the kernel modules" in text or "Datapath system: the kernel has" in text
    lab.everybody_pings()


def test_the_database_is_what_the_overlay_declares(lab):
    assert lab.run("hv1", "vtep-ctl", "list-bindings", "br0", "vm1") == "0000 ls0"
    macs = lab.run("hv1", "vtep-ctl", "list-remote-macs", "ls0")
    for line in (
        f"{mac(2)} -> vxlan_over_ipv4/{vtep(2)}",
        f"{mac(3)} -> vxlan_over_ipv4/{vtep(3)}",
        "unknown-dst -> vxlan_over_ipv4/10.2.0.1",
    ):
        assert line in macs
    assert lab.run("hv1", "vtep-ctl", "get", "Logical_Switch", "ls0", "replication_mode") == "source_node"
    assert lab.run("hv1", "vtep-ctl", "get", "Physical_Switch", "br0", "tunnel_ips") == f'["{vtep(1)}"]'


def test_a_verification_from_the_same_endpoints(lab):
    """Of hosts, too: right at first; a row, a tunnel, and an address that was lost are named, and nothing else; it waits until all is right."""
    text = lab.play("verify.yml", "-e", "vtep_verify_wait=60")
    assert "The VTEPs are right." in text and set(changed(text).values()) == {0}
    lab.run("hv1", "vtep-ctl", "del-ucast-remote", "ls0", mac(2))
    words = f"hv1 Ucast_Macs_Remote ls0 {mac(2)}: missing, wanted {vtep(2)}"
    assert words in lab.play("verify.yml", fails=True)
    assert words in lab.play("verify.yml", "-e", '{"vtep_verify_fail": false, "vtep_verify_sample": 1}')
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(lab.play, "verify.yml", "-e", "vtep_verify_wait=90")
        # Not by hand, which would leave the column ipaddr empty.
        lab.site("--limit=hv1")
        assert "The VTEPs are right." in waiting.result()
    [tunnel] = lab.run(
        "hv2", *f"ovs-vsctl --bare --columns=name find Interface type=vxlan options:remote_ip={vtep(3)} options:key=5000".split()
    ).split()
    lab.run("hv2", "ovs-vsctl", "set", "Interface", tunnel, "options:key=7")
    text = lab.play("verify.yml", fails=True)
    assert "hv2: a broadcast of hv2/vm2 from port vm2: it leaves with VNI 7, not 5000" in text
    lab.run("hv2", "ovs-vsctl", "set", "Interface", tunnel, "options:key=5000")
    lab.run("hv3", "ip", "address", "flush", "dev", "vm3")
    text = lab.play("verify.yml", fails=True)
    assert "hv1/vm1 -> hv3/vm3: no reply, and nothing above says why" in text and "hv3/vm3 ->" not in text
    lab.run("hv3", "ip", "address", "add", f"{vm(3)}/24", "dev", "vm3")
    assert "The VTEPs are right." in lab.play("verify.yml", "-e", "vtep_verify_wait=60")
    text = lab.play("verify.yml", "--limit", "hv1,hv2", fails=True)
    assert "vtep_verify_endpoints: hv3 is not accepted. Run the role on all hosts that have endpoints, in one play." in text
    assert "vtep_verify_host: other is not accepted." in lab.play("verify.yml", "-e", "vtep_verify_host=other", fails=True)


def test_tcp_arrives_whole(lab):
    """Wrong checksums would let ping through and stop TCP."""
    serve = f"import socket, hashlib; s = socket.create_server(('{vm(2)}', 5001)); print('listening', flush=True); c, _ = s.accept(); h = hashlib.sha256()\n"
    serve += "while data := c.recv(65536): h.update(data)\nprint(h.hexdigest())"
    send = (
        f"import socket, hashlib, os; d = os.urandom(1 << 20); c = socket.create_connection(('{vm(2)}', 5001)); "
        "c.sendall(d); print(hashlib.sha256(d).hexdigest())"
    )
    with subprocess.Popen(lab.command("hv2", "timeout", "60", sys.executable, "-c", serve), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "listening\n"
        sent = lab.run("hv1", "timeout", "60", sys.executable, "-c", send)
        assert server.stdout.read().strip() == sent


def test_the_largest_packet_of_a_vm_passes_and_a_larger_one_is_refused(lab):
    lab.ping("hv1", "hv2", "-M", "do", "-s", str(1450 - 28))
    with pytest.raises(AssertionError, match="message too long, mtu=1450"):
        lab.ping("hv1", "hv2", "-M", "do", "-s", str(1450 - 27))


def test_the_kernel_keeps_quiet_on_the_underlay_interface(lab, tmp_path):
    """One answer to an ARP request, one to a ping, and no ICMP error for a VXLAN packet."""
    command = lab.command("hv1", "sh", "-c", "echo $$; exec tcpdump --immediate-mode -n -l -i eth0")
    output = tmp_path / "packets"
    with output.open("w") as packets, subprocess.Popen(command, stdout=packets, stderr=subprocess.PIPE, text=True) as capture:
        while "listening on" not in capture.stderr.readline():
            assert capture.poll() is None
        for host in NUMBERS:
            lab.run(host, "ip", "neighbour", "flush", "dev", "br-underlay")
        lab.run("hv1", "ping", "-c", "1", "-w", "10", vtep(2))
        lab.ping("hv1", "hv2")
        lab.until("both replies are captured", lambda: output.read_text().count("ICMP echo reply, id") >= 2)
        lab.run("hv1", "kill", "-INT", output.read_text().split()[0])
    seen = output.read_text()
    assert "unreachable" not in seen
    assert seen.count("VXLAN") >= 2
    assert seen.count("ICMP echo reply, id") >= 2
    requests = len(re.findall(rf"who-has {vtep(2)} tell {vtep(1)}", seen))
    assert requests and len(re.findall(rf"Reply {vtep(2)} is-at", seen)) == requests
    assert len(re.findall(rf"{vtep(2)} > {vtep(1)}: ICMP echo reply", seen)) == 1


def test_a_second_run_changes_nothing_and_makes_no_port_anew(lab):
    def devices() -> str:
        return lab.run("hv1", "ip", "-o", "link") + lab.run("hv1", "ovs-vsctl", "--columns=name,ofport", "list", "Interface")

    before = devices()
    text = lab.site("--limit=hv1")
    assert changed(text) == {"hv1": 0}, text
    assert devices() == before


def test_the_emulator_is_started_again_however_it_ended(lab):
    first = lab.pid("hv1", "ovs-vtep")
    lab.kill("hv1", "ovs-vtep")
    lab.until("ovs-vtep runs again", lambda: lab.pid("hv1", "ovs-vtep") not in ("", first))
    lab.until("the tunnels are back", lambda: "vx1" in lab.run("hv1", "ovs-vsctl", "list-ifaces", "br0_vtep_ls1", check=False))
    lab.until("the VM is reached", lambda: "1 received" in lab.run("hv2", "ping", "-c", "1", "-w", "2", vm(1), check=False))


def test_a_daemon_that_is_killed_comes_back_by_itself(lab):
    """As by the kernel when memory is short: the daemons' own monitors take SIGKILL for a wish, and end too."""
    network = lab.network("hv1")
    assert f"{vm(1)}/24" in network and f"{vtep(1)}/8" in network
    for daemon in ("ovs-vswitchd", "ovsdb-server", "ovs-vswitchd"):
        ended = {name: lab.pid("hv1", name) for name in (daemon, "ovs-vtep")}
        lab.kill("hv1", daemon)
        for name, pid in ended.items():
            lab.until(f"{name} runs again", lambda name=name, pid=pid: lab.pid("hv1", name) not in ("", pid))
        lab.until("the VM is reached", lambda: "1 received" in lab.run("hv2", "ping", "-c", "1", "-w", "2", vm(1), check=False))
        lab.ping("hv1", "hv3")
        assert lab.network("hv1") == network
        assert "NORMAL" not in lab.flows("hv1", "br0")
        for name in ("ovs-vswitchd", "ovsdb-server"):
            # The daemon and its monitor.
            assert len(lab.run("hv1", "pgrep", "--full", f"^{name}").split()) == 2


def test_a_daemon_that_crashes_is_started_by_its_monitor_alone(lab):
    daemon, emulator = lab.pid("hv1", "ovs-vswitchd"), lab.pid("hv1", "ovs-vtep")
    lab.kill("hv1", "ovs-vswitchd", signal.SIGSEGV)
    lab.until("ovs-vswitchd runs again", lambda: lab.pid("hv1", "ovs-vswitchd") not in ("", daemon))
    lab.until("ovs-vtep runs again", lambda: lab.pid("hv1", "ovs-vtep") not in ("", emulator))
    lab.until("the VM is reached", lambda: "1 received" in lab.run("hv2", "ping", "-c", "1", "-w", "2", vm(1), check=False))
    assert len(lab.run("hv1", "pgrep", "--full", "^ovs-vswitchd").split()) == 2


def test_the_emulator_ends_with_its_supervisor_and_there_is_one_of_each(lab):
    lab.kill("hv1", "ovs-vtep-supervisor")
    lab.until("the emulator ends", lambda: not lab.emulators("hv1"))
    lab.run("hv1", OVS_VTEP, "br0", "--detach", "--pidfile", "--log-file")
    by_hand = lab.pid("hv1", "ovs-vtep")
    # Names are no proof: this is no emulator.
    wait = lab.command("hv1", sys.executable, "-c", "input()", OVS_VTEP, "br0")
    with subprocess.Popen(wait, stdin=subprocess.PIPE) as stranger:
        text = lab.site("--limit=hv1")
        assert lab.pid("hv1", "ovs-vtep") != by_hand, text
        assert f"ovs-vtep with pid {by_hand} runs for br0 already, and is ended" in lab.run("hv1", "cat", SUPERVISOR_LOG)
        assert lab.emulators("hv1") == [lab.pid("hv1", "ovs-vtep")]
        assert stranger.poll() is None
    lab.everybody_pings()

    [supervisor] = lab.supervisors("hv1")
    # Where something below fails, it would go on for ever.
    second = lab.command("hv1", "timeout", "300", "/usr/bin/python3", SUPERVISOR, "run", "br0", "/etc/openvswitch/vtep.db")
    with subprocess.Popen(second, stderr=subprocess.PIPE, text=True) as other:
        assert f"ovs-vtep-supervisor with pid {supervisor} runs for br0 already, and is ended" in other.stderr.readline()
        while "ovs-vtep runs" not in (line := other.stderr.readline()):
            # The emulator of the first one, where that has not ended yet.
            assert "ovs-vtep with pid" in line
        # On a busy machine, it may have to start it twice.
        lab.until("one of each runs", lambda: len(lab.supervisors("hv1")) == len(lab.emulators("hv1")) == 1)
        [supervisor] = lab.supervisors("hv1")
        [emulator] = lab.emulators("hv1")
        lab.run("hv1", "kill", supervisor)
    assert not lab.emulators("hv1")
    lab.site("--limit=hv1")
    assert emulator not in lab.emulators("hv1") and len(lab.emulators("hv1")) == 1
    lab.everybody_pings()


def test_lost_daemons_do_no_harm_and_a_run_repairs_what_was_lost_and_names_it(lab):
    """ovs-vswitchd of hv1 and ovsdb-server of hv2 are stopped, so nothing starts them but a run."""
    emulators = {host: lab.pid(host, "ovs-vtep") for host in NUMBERS}
    lab.kill("hv1", "ovs-vswitchd", signal.SIGTERM)
    lab.kill("hv2", "ovsdb-server", signal.SIGTERM)
    for host, daemon in (("hv1", "ovs-vswitchd"), ("hv2", "ovsdb-server")):
        # ovs-vtep may end with it, or miss it and end first.
        ended = rf"Z ({daemon}|{daemon}, ovs-vtep|ovs-vtep) ended; ovs-vtep is started again"
        lab.until("the emulator is stopped", lambda host=host, ended=ended: re.search(ended, lab.run(host, "tail", "-n1", SUPERVISOR_LOG)))
        lab.until(f"{daemon} has ended", lambda host=host, daemon=daemon: lab.pid(host, daemon) == "")
        assert lab.pid(host, "ovs-vtep") == ""
    # What ovs-vtep would have done to the database, had it not been stopped.
    lab.run("hv1", "vtep-ctl", "--", "unbind-ls", "br0", "vm1", "0", "--", "clear-remote-macs", "ls0")
    text = lab.site("--limit=hv1,hv2")
    report = text.split("Report what was changed", 1)[1]
    assert all(
        words in report for words in ("port vm1 of physical switch br0", "multicast remote unknown-dst of logical switch ls0", "created: 3")
    )
    assert changed(text)["hv1"] and changed(text)["hv2"]
    assert {host: lab.pid(host, "ovs-vtep") == pid for host, pid in emulators.items()} == {"hv1": False, "hv2": False, "hv3": True}
    # As a plain switch, it would hand one tenant's frames to the other.
    assert "NORMAL" not in lab.flows("hv1", "br0")
    lab.everybody_pings()


def test_the_emulator_is_started_again_when_a_key_a_tunnel_address_or_a_port_number_changed(lab):
    emulators = {host: lab.pid(host, "ovs-vtep") for host in NUMBERS}
    # Stopped, it cannot see that a port is away for a while: it would keep the flows of the old number.
    lab.kill("hv2", "ovs-vtep", signal.SIGSTOP)
    lab.run("hv2", "ovs-vsctl", "del-port", "vm2")
    # With two addresses, ovs-vtep would exit at its next start.
    lab.run("hv3", "vtep-ctl", "set", "Physical_Switch", "br0", f'tunnel_ips=["{vtep(3)}","{vtep(9)}"]')
    text = lab.site("--extra-vars", '{"tunnel_key": 6000}')
    assert "ports were made anew" in text
    for host, reason in (("hv1", "the tunnel key of ls0 changed from 5000 to 6000"), ("hv3", "the tunnel address changed")):
        lab.until("the supervisor says why", lambda host=host, reason=reason: reason in lab.run(host, "cat", SUPERVISOR_LOG))
    lab.until("the emulators run again", lambda: all(lab.pid(host, "ovs-vtep") not in ("", pid) for host, pid in emulators.items()))
    assert lab.run("hv3", "vtep-ctl", "get", "Physical_Switch", "br0", "tunnel_ips") == f'["{vtep(3)}"]'
    for host in NUMBERS:
        lab.until("the tunnels have the new key", lambda host=host: lab.tunnel_keys(host) == {"6000"})
    lab.everybody_pings()


def test_an_emulator_that_does_not_stay_is_an_error_with_the_end_of_its_log(lab):
    # A name that crashes ovs-vtep: the role refuses it, so somebody else has to bring it in.
    lab.run("hv3", "vtep-ctl", "--", "add-ls", "tenant a", "--", "bind-ls", "br0", "vm3", "7", "tenant a")
    text = lab.play("site.yml", "--limit=hv3", fails=True)
    assert "ovs-vtep does not stay" in text and "ValueError" in text
    lab.run("hv3", "vtep-ctl", "--", "unbind-ls", "br0", "vm3", "7", "--", "del-ls", "tenant a")
    lab.site("--limit=hv3", "--extra-vars", '{"tunnel_key": 6000}')
    lab.ping("hv3", "hv1")


@pytest.mark.parametrize("warm", ["1", "0"])
def test_the_modules_below_the_roles_leave_nothing_half_done(lab, monkeypatch, warm):
    """Also where each module starts an interpreter of its own."""
    monkeypatch.setitem(lab.env, "ANSIBLE_NETNS_WARM", warm)
    lab.play("modules.yml")


def test_bad_options_are_refused_before_anything_changes(lab, tmp_path):
    def state() -> list:
        commands = (("ovs-vsctl", "show"), ("ip", "-o", "address"), ("vtep-ctl", "show"), ("cat", "/run/openvswitch/ovs-vtep.pid"))
        return [lab.run(host, *command) for host in NUMBERS for command in commands]

    release = tmp_path / "os-release"
    release.write_text('NAME="Hurd"\nID=hurd\nVERSION_ID="1"\nPRETTY_NAME="Hurd 1"\n')
    # Mounts of the nodes alone.
    lab.run("hv2", "mount", "-t", "tmpfs", "tmpfs", "/sys/module")
    lab.run("hv2", "mount", "-t", "tmpfs", "tmpfs", "/dev/net")
    if modprobe := shutil.which("modprobe"):
        lab.run("hv2", "mount", "--bind", "/bin/false", modprobe)
    lab.run("hv3", "mount", "--bind", str(release), "/etc/os-release")
    before = state()
    emulator = lab.pid("hv3", "ovs-vtep")

    def at_work() -> list[str]:
        """The programs that the emulator runs; those that have ended are zombies, and its leash is a shell."""
        children = lab.run("hv3", "ps", "--ppid", emulator, "-o", "stat=,comm=", check=False).splitlines()
        return [one for one in children if not re.match(r"Z|\S+ +sh$", one)]

    # Its daemons run, and nobody finds them. The emulator would take that for a switch without ports, and make all anew afterwards.
    lab.run("hv3", "kill", "-STOP", emulator)
    lab.until("the emulator is at rest", lambda: not at_work())
    lab.run("hv3", "mount", "-t", "tmpfs", "tmpfs", "/run/openvswitch")
    lab.play("refusals.yml")
    lab.run("hv3", "umount", "/run/openvswitch")
    lab.run("hv3", "kill", "-CONT", emulator)
    assert state() == before


def test_nothing_is_left_of_the_nodes(lab):
    lab.nodes("absent")
    running = subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=True).stdout
    assert LAB not in running
    lab.nodes("present")
