# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole lab, by its playbooks, in namespaces: the seed's lab, again, broken, killed half way, removed. Needs root.

The tests of a class build on one lab and run in their order.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import netns, processes

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SEED_SCENARIO = ROOT / "playbooks/scenarios/seed.yml"
SCENARIOS = sorted(path.stem for path in (ROOT / "playbooks/scenarios").glob("*.yml"))
INTERRUPT_SECONDS = 10
# A busy machine is slow, a hanging run is not waited for.
RUN_SECONDS = 900
# Of somebody who has no virtual environment on it.
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The pings of all, the tables, five chapters with four captures each, the transfer, and what the captures lost.
SEED_CHECKS = 2 + 5 + 5 * 4 + 2
THREE_HYPERVISORS = {
    "lab_underlay": {"network": "172.31.0.0/24", "interface": "uplink", "mtu": 1600},
    "lab_bridge": "leaf",
    "lab_logical_switches": [{"name": "blue/7", "tunnel_key": 16777215}],
    "lab_hypervisors": [
        {"name": "node-a", "underlay_ip": "172.31.0.1", "vms": [{"name": "a1", "mac": "02:00:00:00:0A:01", "ip": "10.9.0.1/16"}]},
        {"name": "node-b", "underlay_ip": "172.31.0.2", "vms": [{"name": "b1", "mac": "02:00:00:00:0B:01", "ip": "10.9.0.2/16"}]},
        {"name": "node-c", "underlay_ip": "172.31.0.3", "vms": [{"name": "c1", "mac": "02:00:00:00:0C:01", "ip": "10.9.0.3/16"}]},
    ],
}


class Lab:
    """A lab of its own name, with its artifacts in the folder that it is started from."""

    def __init__(self, name, folder, variables=None):
        self.name = name
        self.folder = folder
        self.variables = {"lab_name": name, **(variables or {})}
        (folder / "lab.vtep_lab.yml").write_text(json.dumps({"plugin": "vxlanlab.vtep.lab", "lab": name}))

    def command(self, program, *arguments):
        return [str(BIN / program), *arguments]

    def play(self, playbook, **variables):
        """Start a playbook, by path (with the checkout's settings) or by name (without)."""
        env = {**os.environ, "PATH": PLAIN_PATH, "PWD": str(self.folder)}
        env.pop("ANSIBLE_CONFIG", None)
        if playbook.endswith(".yml"):
            env["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
        return subprocess.Popen(
            self.command("ansible-playbook", playbook, "-e", json.dumps({**self.variables, **variables})),
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, playbook, succeeds=True, **variables):
        """Run a playbook to its end, well or not as ``succeeds`` says (``None``: either), and return its output."""
        process = self.play(playbook, **variables)
        try:
            output = process.communicate(timeout=RUN_SECONDS)[0]
        finally:
            end(process, signal.SIGKILL)
        # What is read of a long failure is its end.
        assert succeeds is None or (process.returncode == 0) == succeeds, f"{output}\n\nwrong: {self.wrong}"
        return output

    def up(self, **options):
        output = self.run(str(ROOT / "playbooks/lab.yml"), **options)
        assert "WARNING" not in output
        return output

    def down(self):
        return self.run(str(ROOT / "playbooks/lab_down.yml"))

    def end_at(self, task, how):
        """Start the lab and end it when a task begins."""
        process = self.play(str(ROOT / "playbooks/lab.yml"))
        seen = []
        try:
            for line in process.stdout:
                seen.append(line)
                if line.startswith("TASK [") and task in line:
                    break
            else:
                pytest.fail(f"no task {task!r} in: {''.join(seen)}")
        finally:
            end(process, how)
        assert process.returncode != 0

    def on(self, node, command):
        """What a command says on a node, by way of what `make lab-shell` is."""
        call = [ROOT / "scripts/shell", self.name, node, *shlex.split(command)]
        done = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert not done.returncode, (node, command, done.stderr)
        return done.stdout

    @property
    def wrong(self):
        """The checks that failed, of a lab that came so far."""
        made = (self.folder / "artifacts/summary.json").is_file()
        return [check for check in self.summary["checks"] if not check["ok"]] if made else []

    @property
    def summary(self):
        return json.loads((self.folder / "artifacts/summary.json").read_text())


def end(process, how):
    """End a playbook with all its tasks."""
    # After Ctrl-C, ansible-core may hang in its own exit, on a lock that a worker held, or go on as if there had been none; as for a user,
    # the second one ends it. The lab takes longer than that.
    for patience in (INTERRUPT_SECONDS, RUN_SECONDS):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.communicate(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            pass
    pytest.fail(f"the playbook goes on after two {how.name}")


def changed_tasks(output):
    """The tasks that changed nodes outside of the story. That is, not the artifacts."""
    task, play, found = "", "", []
    for line in output.splitlines():
        if line.startswith("PLAY ["):
            play = line
        elif line.startswith("TASK ["):
            task = line
        elif line.startswith("changed:") and "of an earlier run" not in task and "story" not in play and "Check what was seen" not in play:
            found.append(f"{task} {line}")
    return found


@contextlib.contextmanager
def traces(nodes):
    """What a running lab consists of: its namespaces. Held, since the kernel soon gives the number of one that is gone to another."""
    kinds = ("net", "mnt", "uts", "ipc", "pid")
    with contextlib.ExitStack() as held:
        files = [held.enter_context(open(f"/proc/{process.pid}/ns/{kind}", "rb")) for process in nodes for kind in kinds]
        yield {os.readlink(f"/proc/self/fd/{file.fileno()}") for file in files}


def namespaces_in_use():
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            found |= {os.readlink(f"/proc/{entry}/ns/{kind}") for kind in os.listdir(f"/proc/{entry}/ns")}
        except OSError:
            continue
    return found


def host(lab):
    """What of the host a lab could leave something in."""
    folders = ("/run/openvswitch", "/run/vxlanlab", "/etc/openvswitch", "/var/lib/openvswitch", "/var/log/openvswitch")
    return {
        # Docker's come and go with tests that run beside these.
        "interfaces": sorted(
            name for name in os.listdir("/sys/class/net") if not re.fullmatch("docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7}", name)
        ),
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "routes": Path("/proc/net/route").read_text(),
        "files": sorted(str(path) for folder in folders for path in Path(folder).rglob("*")),
        "lock": os.path.exists(netns.LOCK.format(lab.name)),
    }


@pytest.fixture(scope="class")
def lab(request, tmp_path_factory):
    name = f"test-{os.getpid()}-{request.cls.__name__[4:]}"
    made = Lab(name, tmp_path_factory.mktemp(name), request.cls.variables)
    yield made
    processes.kill(processes.processes(name), processes.Deadline(30))


def proposed(output):
    """The lines that the closing text proposes, from the output as JSON."""
    lines = re.findall(r'^ *("(?:[^"\\]|\\.)*"),?$', output, re.MULTILINE)
    texts = [json.loads(line) for line in lines]
    return [text.strip() for text in texts[texts.index("Try next:") + 1 :]]


def paste(lab, line):
    """Run a line where the lab was started from."""
    env = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"} | {"PATH": PLAIN_PATH}
    done = subprocess.run(line, shell=True, cwd=lab.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def tshark(path, *fields):
    """Another dissector than the one that the lab checks itself with."""
    options = [option for field in fields for option in ("-e", field)]
    command = ["tshark", "-r", path, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


class TestSeed:
    """The seed's lab, with the seed's values."""

    variables = None

    def test_it_runs_by_name_from_any_folder(self, lab):
        type(self).before = host(lab)
        output = lab.run("vxlanlab.vtep.lab")
        type(self).proposed = proposed(output)
        assert lab.wrong == []
        assert len(lab.summary["checks"]) == SEED_CHECKS
        assert f"Checks: {SEED_CHECKS} of {SEED_CHECKS} passed" in output
        for wanted in (
            "hv1         10.0.0.1",
            "vm2      192.168.1.2/24      00:00:00:00:00:02",
            "Try next:",
            "vxlanlab.vtep.lab_down",
        ):
            assert output.count(wanted) == 1

    def test_what_it_proposes_to_look_at(self, lab):
        reader, command, _down = self.proposed
        assert "10.0.0.1" in paste(lab, reader)
        assert "br0" in paste(lab, command)

    def test_its_artifacts(self, lab):
        captures = {path.name for path in (lab.folder / "artifacts").glob("*.pcap")}
        chapters = ("", "_no_mcast_cached", "_no_mcast_flushed", "_restored", "_one_sided")
        assert captures == {
            f"{vm}_{network}{chapter}.pcap" for vm in ("vm1", "vm2") for network in ("overlay", "underlay") for chapter in chapters
        }
        page = (lab.folder / "artifacts/report.html").read_text()
        assert "<title>vm1 pings vm2 through VXLAN 5000</title>" in page and "is the tunnel to 10.1.0.1, VNI 5000" in page
        summary = lab.summary
        assert [(entry["name"], entry["underlay_ip"]) for entry in summary["hypervisors"]] == [("hv1", "10.0.0.1"), ("hv2", "10.1.0.1")]
        assert summary["hypervisors"][0]["vtep"]["logical_switches"]["ls0"]["tunnel_key"] == 5000
        assert summary["hypervisors"][0]["datapath"] in ("netdev", "system")
        assert summary["transfer"]["size"] == 10485760
        assert all(step["row"] or step["key"].startswith("underlay_arp_reply") for walk in summary["walks"] for step in walk["steps"])

    def test_its_merged_capture_says_of_each_packet_what_the_walk_says(self, lab):
        told = [line[0] for line in tshark(lab.folder / "artifacts/walk.pcapng", "frame.comment")]
        summary = lab.summary
        headings = {chapter["key"]: chapter["heading"] for chapter in summary["chapters"]}
        steps = [(headings[walk["chapter"]], step) for walk in summary["walks"] for step in walk["steps"]]
        for heading, step in steps:
            beginning = f"{heading}, step {step['order']}: {step['title']}. {step['reason']}"
            assert any(text.startswith(beginning) and (step["row"] is None or step["row"]["table"] in text) for text in told), beginning
        explained = [f"{headings[walk['chapter']]}: {why}" for walk in summary["walks"] for why in walk["explained"].values()]
        # What has no comment is of other origin.
        assert len(steps) + len(explained) == len([text for text in told if text])
        assert len(told) == len(steps) + len(explained) + sum(walk["ignored"] for walk in summary["walks"])

    def test_the_seeds_six_packets_in_its_order(self, lab):
        fields = ("arp.opcode", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "icmp.type", "udp.dstport", "vxlan.vni", "ip.src")
        packets = tshark(lab.folder / "artifacts/vm1_underlay.pcap", *fields)
        wanted = [
            ["1", "10.0.0.1", "10.1.0.1", "", "", "", ""],
            ["2", "10.1.0.1", "10.0.0.1", "", "", "", ""],
            ["1", "192.168.1.1", "192.168.1.2", "", "4789", "5000", "10.0.0.1"],
            ["2", "192.168.1.2", "192.168.1.1", "", "4789", "5000", "10.1.0.1"],
            ["", "", "", "8", "4789", "5000", "10.0.0.1,192.168.1.1"],
            ["", "", "", "0", "4789", "5000", "10.1.0.1,192.168.1.2"],
        ]
        assert [packets.index(packet) for packet in wanted] == sorted(packets.index(packet) for packet in wanted)
        # Nothing but these, again for the second and third ping. On a slow machine, vm2 confirms what it knows after 5 s.
        confirmation = [
            ["1", "192.168.1.2", "192.168.1.1", "", "4789", "5000", "10.1.0.1"],
            ["2", "192.168.1.1", "192.168.1.2", "", "4789", "5000", "10.0.0.1"],
        ]
        assert all(packet in wanted + confirmation for packet in packets)

    def test_overlay_captures_know_nothing_of_the_tunnel(self, lab):
        for vm in ("vm1", "vm2"):
            packets = tshark(lab.folder / f"artifacts/{vm}_overlay.pcap", "frame.protocols")
            assert {protocols for (protocols,) in packets} == {"eth:ethertype:arp", "eth:ethertype:ip:icmp:data"}

    def test_the_tables_are_those_of_the_seed(self, lab):
        switch = lab.on("hv1", "vtep-ctl list physical_switch")
        assert re.search(r'^description +: "OVS VTEP Emulator"$', switch, re.MULTILINE)
        assert re.search(r'^name +: "?br0"?$', switch, re.MULTILINE)
        assert re.search(r'^tunnel_ips +: \["10.0.0.1"\]$', switch, re.MULTILINE)
        assert re.search(r"^ports +: \[[0-9a-f-]{36}\]$", switch, re.MULTILINE)
        assert lab.on("hv1", "vtep-ctl list-bindings br0 vm1").split() == ["0000", "ls0"]
        remotes = lab.on("hv1", "vtep-ctl list-remote-macs ls0").split("\n")
        assert "  00:00:00:00:00:02 -> vxlan_over_ipv4/10.1.0.1" in remotes
        assert "  unknown-dst -> vxlan_over_ipv4/10.1.0.1" in remotes
        assert sum("->" in line for line in remotes) == 2
        assert re.search(
            r'Bridge "?br0"?\n(?: {8}.*\n)*? {8}Port "?vm1"?\n {12}Interface "?vm1"?\n {16}type: internal', lab.on("hv1", "ovs-vsctl show")
        )

    def test_a_second_run_over_a_broken_underlay_changes_only_what_the_story_does_and_fails_after_all_checks(self, lab):
        underlay = next(process.pid for process in processes.processes(lab.name) if process.node.is_underlay)
        for node in ("hv1", "hv2"):
            subprocess.run(["nsenter", "-t", str(underlay), "-n", "bridge", "link", "set", "dev", node, "isolated", "on"], check=True)
        output = lab.up(succeeds=False, lab_settle_seconds=3)
        assert changed_tasks(output) == []
        assert len(lab.summary["checks"]) == SEED_CHECKS
        failed = {check["name"]: check["seen"] for check in lab.wrong}
        assert failed["All VMs that share a logical switch"] == "0 of 2 pings"
        assert failed["Nobody knows any address"] == "0 replies"
        assert failed["vm1_underlay.pcap"].startswith("step 2 (hv2 answers hv1): no such packet")
        assert failed["vm1 sends vm2 bytes over TCP"].startswith("192.168.1.2:")
        assert "Multicast remote deleted, caches emptied" not in failed
        assert f"Checks: {SEED_CHECKS - len(failed)} of {SEED_CHECKS} passed" in output
        assert output.count("FAILED") >= len(failed)

    def test_nothing_is_left(self, lab):
        nodes = processes.processes(lab.name)
        assert len(nodes) == 3
        with traces(nodes) as namespaces:
            assert len(namespaces) == 15
            assert namespaces <= namespaces_in_use()
            assert "changed: [localhost]" in paste(lab, self.proposed[-1])
            assert not namespaces & namespaces_in_use()
        assert not processes.processes(lab.name)
        assert host(lab) == self.before
        assert sorted(path.name for path in lab.folder.iterdir()) == ["artifacts", "lab.vtep_lab.yml"]

    def test_it_can_be_removed_again(self, lab):
        output = lab.down()
        assert "changed=0" in output
        assert f"Lab {lab.name} does not run on this machine" in " ".join(output.split())


class TestLost:
    """A node that cannot be reached any more ends the run, as one that fails does."""

    variables = None

    @pytest.mark.parametrize(
        ("task", "not_begun"),
        [
            ("Compute the tables of this host", "Ping every VM that is reached through a tunnel"),
            ("start capturing", "Note what was seen"),
        ],
    )
    def test_the_run_ends_with_the_reason(self, lab, task, not_begun, tmp_path):
        artifacts = lab.folder / "artifacts"
        artifacts.mkdir(exist_ok=True)
        for name in ("summary.json", "report.html", "vm2_underlay.pcap", "vm1_overlay_no_mcast_flushed.pcap", "mine.pcap"):
            (artifacts / name).write_text("of an earlier run")
        (tmp_path / "precious").write_text("of somebody")
        (artifacts / "vm1_overlay.pcap").symlink_to(tmp_path / "precious")
        process = lab.play(str(ROOT / "playbooks/lab.yml"))
        try:
            seen = []
            for line in process.stdout:
                seen.append(line)
                if line.startswith("TASK [") and task in line:
                    os.kill(processes.running(lab.name)["hv2"].pid, signal.SIGKILL)
                    break
            seen.append(process.communicate(timeout=RUN_SECONDS)[0])
        finally:
            end(process, signal.SIGKILL)
        output = " ".join("".join(seen).split())
        assert process.returncode
        assert "UNREACHABLE" in output and "A node was lost on the way: which, and why, is above at UNREACHABLE" in output
        begun = [line for line in "".join(seen).splitlines() if line.startswith("TASK [")]
        assert not [line for word in (not_begun, "Read the captures", "Sum up") for line in begun if word in line]
        # What it says of the lab that is left is right.
        assert {path.name for path in artifacts.iterdir()} == {"mine.pcap", "lab.json"}
        assert (tmp_path / "precious").read_text() == "of somebody"

    def test_nothing_is_left(self, lab):
        assert processes.processes(lab.name)
        lab.down()
        assert not processes.processes(lab.name)


class TestKilled:
    """Other values, more hypervisors, and a start that is killed again and again."""

    variables = THREE_HYPERVISORS

    @pytest.mark.parametrize(
        ("task", "how"),
        [
            ("Start the nodes", signal.SIGKILL),
            ("Make the underlay bridge", signal.SIGKILL),
            ("Wait until it has set up what is in the database", signal.SIGINT),
            ("Write the logical switches", signal.SIGKILL),
            ("start capturing", signal.SIGKILL),
        ],
    )
    def test_killed(self, lab, task, how):
        type(self).before = host(lab)
        lab.end_at(task, how)
        assert not (lab.folder / "artifacts/summary.json").exists()

    def test_the_next_run_works(self, lab):
        output = lab.up()
        assert lab.wrong == []
        mesh = lab.summary["checks"][0]
        assert (mesh["expected"], mesh["seen"]) == ("6 of 6 pings", "6 of 6 pings")
        assert "blue/7, 16777215" in output
        captures = {path.name for path in (lab.folder / "artifacts").glob("*.pcap")}
        assert {
            "a1_overlay.pcap",
            "a1_underlay.pcap",
            "b1_overlay.pcap",
            "b1_underlay.pcap",
        } <= captures

    def test_nothing_is_left_of_a_lab_that_was_killed_in_its_story(self, lab):
        lab.end_at("Stop capturing", signal.SIGKILL)
        with traces(processes.processes(lab.name)) as namespaces:
            assert namespaces
            lab.down()
            assert not namespaces & namespaces_in_use()
        assert host(lab) == self.before


class TestRefused:
    """What is wrong with the lab's variables is told before anything is done."""

    variables = None

    @pytest.mark.parametrize(
        ("variables", "message"),
        [
            ({"lab_driver": "vagrant"}, "lab_driver: vagrant is not a driver. Use "),
            (
                {"lab_logical_switches": [{"name": "ls0", "tunnel_key": 2**24}]},
                "lab_logical_switches[0].tunnel_key: 16777216 cannot be used",
            ),
            (
                {"lab_scenario": "nowhere"},
                f"lab_scenario: nowhere is neither a scenario nor the path of a file. Use {', '.join(SCENARIOS)}",
            ),
            ({"lab_name": "a b"}, "name 'a b' is not a lab name"),
        ],
    )
    def test_refused(self, lab, variables, message):
        output = lab.up(succeeds=False, **variables)
        assert message in output
        assert not processes.processes(lab.name)

    @pytest.mark.parametrize(
        ("scenario", "message"),
        [
            ("", "is no scenario: it sets no variables"),
            ("lab_title: mine", "lab_bridge, lab_chapters, lab_hypervisors, lab_logical_switches, lab_underlay: missing in "),
            (SEED_SCENARIO.read_text() + "lab_router: []\nmine: 1\n", "lab_router: set in "),
        ],
    )
    def test_a_file_that_is_no_scenario(self, lab, scenario, message):
        (lab.folder / "mine.yml").write_text(scenario)
        output = lab.up(succeeds=False, lab_scenario="./mine.yml")
        assert message in output and "mine.yml" in output
        assert not processes.processes(lab.name)

    @pytest.mark.parametrize("playbook", ["lab_check", "lab_trace", "lab_controller_fault"])
    def test_notes_of_another_lab(self, lab, playbook):
        (lab.folder / "artifacts").mkdir(exist_ok=True)
        (lab.folder / "artifacts/lab.json").write_text('{"name": "other", "driver": "netns", "scenario": "routed"}')
        output = lab.run(str(ROOT / f"playbooks/{playbook}.yml"), succeeds=False)
        (lab.folder / "artifacts/lab.json").unlink()
        assert f"lab_name: {lab.name} is not the lab that" in output and "which is other." in output

    def test_what_make_does_is_about_the_lab_that_it_is_given(self):
        targets = [
            "lab",
            "lab-check",
            "lab-trace",
            "lab-run",
            "lab-down",
            "controller-fault",
            "exercise",
            "exercise-hint",
            "exercise-check",
        ]
        said = subprocess.run(["make", "-n", *targets, "LAB=two"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        commands = re.findall(r"ansible-playbook .*?playbooks/", said)
        assert len(commands) == len(targets) + 2 and all("-e lab_name=two " in command for command in commands)

    def test_a_lab_that_never_ran_can_be_removed(self, lab):
        assert "changed=0" in lab.down()
