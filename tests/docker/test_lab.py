# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole lab on containers: its checks and artifacts, what it may do, what it leaves alone and what it removes."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from conftest import ROOT, play

NAME = f"dockerlab{os.getpid()}"
THIS = ("-e", f"lab_name={NAME}")
LABEL = {"label": f"vxlanlab.lab={NAME}"}


@pytest.fixture(scope="module")
def lab(engine, tmp_path_factory):
    """A lab that has run: where its artifacts are, and what it printed."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    try:
        done = play(ROOT / "playbooks/lab.yml", *THIS, "-e", f"lab_artifacts={artifacts}", PWD=str(ROOT))
        assert done.returncode == 0, done.stdout + done.stderr
        yield artifacts, done.stdout
        # The last line that it proposes, which names no driver.
        down = paste(proposed(done.stdout)[-1])
    except BaseException:
        play(ROOT / "playbooks/lab_down.yml", *THIS)
        raise
    assert down.returncode == 0 and "changed=0" not in down.stdout, down.stdout
    assert not engine.containers.list(all=True, filters=LABEL, ignore_removed=True)
    assert not engine.networks.list(filters=LABEL)
    again = play(ROOT / "playbooks/lab_down.yml", *THIS)
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout
    assert f"Lab {NAME} does not run on this machine: it has no namespaces, and no containers" in " ".join(again.stdout.split())


def proposed(shown: str) -> list[str]:
    """The lines that the closing text proposes."""
    return [line.strip() for line in shown.split("Try next:\n", 1)[1].split("\n\n", 1)[0].splitlines()]


def paste(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line where the lab was started from."""
    return subprocess.run(line, shell=True, cwd=ROOT, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def nodes(engine) -> dict[str, dict]:
    return {container.labels["vxlanlab.node"]: container.attrs for container in engine.containers.list(filters=LABEL)}


def test_checks_and_artifacts(lab):
    artifacts, _printed = lab
    assert {f"{vm}_{side}.pcap" for vm in ("vm1", "vm2") for side in ("overlay", "underlay")} <= {path.name for path in artifacts.iterdir()}
    summary = json.loads((artifacts / "summary.json").read_text())
    assert summary["driver"] == "docker" and summary["checks"]
    assert [check for check in summary["checks"] if not check["ok"]] == []


def test_what_it_proposes_to_look_at(lab):
    _artifacts, shown = lab
    reader, command, down = proposed(shown)
    seen = paste(reader)
    assert seen.returncode == 0 and "10.0.0.1" in seen.stdout, seen.stdout + seen.stderr
    told = paste(command)
    assert told.returncode == 0 and "br0" in told.stdout, told.stdout + told.stderr
    assert "lab_driver" not in down
    # The name alone does not say enough where nothing has it: those that are there are named.
    none = paste("make lab-down ARGS='-e lab_name=none-has-it'")
    assert none.returncode == 0 and NAME in none.stdout and "Name one with" in " ".join(none.stdout.split()), none.stdout


def test_the_inventory_lists_it(lab, tmp_path):
    inventory = tmp_path / "lab.vtep_lab.yml"
    inventory.write_text(f"plugin: vxlanlab.vtep.lab\nlab: {NAME}\n")
    command = ["ansible", "-i", str(inventory), "hv2", "-m", "ansible.builtin.command", "-a", "vtep-ctl list-remote-macs ls0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and "00:00:00:00:00:01 -> vxlan_over_ipv4/10.0.0.1" in done.stdout, done.stdout + done.stderr


def test_nodes_may_do_little(lab, engine):
    for node in nodes(engine).values():
        host = node["HostConfig"]
        assert not host["Privileged"]
        assert [capability.removeprefix("CAP_") for capability in host["CapAdd"]] == ["NET_ADMIN"]
        assert [device["PathOnHost"] for device in host["Devices"]] == ["/dev/net/tun"]
        assert not host["Binds"]


def test_again_changes_nothing(lab, engine):
    before = {name: node["Id"] for name, node in nodes(engine).items()}
    done = play(ROOT / "tests/docker/up_again.yml", *THIS)
    assert done.returncode == 0 and done.stdout.count("changed=0") == 3, done.stdout
    assert {name: node["Id"] for name, node in nodes(engine).items()} == before


def test_a_node_of_an_interrupted_start_is_made_anew(lab, engine):
    before = {name: node["Id"] for name, node in nodes(engine).items()}
    engine.networks.get(NAME).disconnect(before["hv1"])
    done = play(ROOT / "tests/docker/up_again.yml", *THIS)
    assert done.returncode == 0, done.stdout
    after = nodes(engine)
    assert after["hv1"]["Id"] != before["hv1"] and after["hv2"]["Id"] == before["hv2"]
    assert {name: list(node["NetworkSettings"]["Networks"]) for name, node in after.items()} == {"hv1": [NAME], "hv2": [NAME]}


@pytest.mark.parametrize("name", ["wrong-vni", "no-flood"])
def test_an_exercise(lab, name):
    """Once it has begun, nothing has to say that the nodes are containers."""
    artifacts, _printed = lab
    these = f"-e lab_name={NAME} -e lab_artifacts={artifacts}"
    begun = paste(f"make exercise NAME={name} ARGS='{these} -e lab_driver=docker'")
    assert begun.returncode == 0 and "vm1 does not reach vm2" in begun.stdout, begun.stdout + begun.stderr
    checked = paste(f"make exercise-check ARGS='{these}'")
    assert checked.returncode != 0 and "The lab is not right." in checked.stdout + checked.stderr, checked.stdout + checked.stderr
    repaired = paste(f"make exercise-solution ARGS='{these}'")
    assert repaired.returncode == 0 and "The lab is right." in repaired.stdout, repaired.stdout + repaired.stderr
