# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: built, installed into an empty directory, and used by a playbook from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAB = f"tarball{os.getpid()}"


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(command, cwd=cwd, env=os.environ | env, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """A directory outside of the checkout with the collection as installed, and settings that find no other."""
    folder = tmp_path_factory.mktemp("away")
    env = {
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        # Where the set-up has linked the checkout.
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
    }
    (folder / "ansible.cfg").write_text("")
    run("ansible-galaxy", "collection", "build", "--output-path", str(folder), cwd=ROOT)
    (tarball,) = folder.glob("vxlanlab-vtep-*.tar.gz")
    run(
        "ansible-galaxy",
        "collection",
        "install",
        "--no-deps",
        str(tarball),
        "--collections-path",
        str(folder / "collections"),
        cwd=folder,
        **env,
    )
    return folder, env


def test_the_installed_one_is_used(away):
    folder, env = away
    found = json.loads(run("ansible-doc", "--json", "vxlanlab.vtep.vtep_info", cwd=folder, **env))
    assert (
        found["vxlanlab.vtep.vtep_info"]["doc"]["filename"]
        == f"{folder}/collections/ansible_collections/vxlanlab/vtep/plugins/modules/vtep_info.py"
    )


def test_it_holds_what_it_needs_and_no_more(away):
    folder, _env = away
    names = {path.name for path in (folder / "collections/ansible_collections/vxlanlab/vtep").iterdir()}
    assert {"README.md", "COPYING", "meta", "playbooks", "plugins", "roles"} <= names
    assert not names & {".venv", ".cache", ".git", ".ansible", "artifacts"}


@pytest.fixture
def hosts(away):
    """Two machines for the playbook: nodes of a lab."""
    folder, env = away
    (folder / "hosts.vtep_lab.yml").write_text(f"plugin: vxlanlab.vtep.lab\nlab: {LAB}\n")
    (folder / "hosts.yml").write_text("vteps: {children: {vtep_hypervisors: {}}}\n")
    nodes = [
        {"name": name, "address": address, "interface": "eth0"} for name, address in (("left", "10.9.0.1/24"), ("right", "10.9.0.2/24"))
    ]
    try:
        run("ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", json.dumps({"name": LAB, "nodes": nodes}), cwd=folder, **env)
        yield
    finally:
        run("ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", json.dumps({"name": LAB, "state": "absent"}), cwd=folder, **env)


def test_a_playbook_from_elsewhere(away, hosts):
    folder, env = away
    shutil.copy(ROOT / "tests/integration/tarball/join_two_hosts.yml", folder)
    command = ["ansible-playbook", "-i", "hosts.vtep_lab.yml", "-i", "hosts.yml", "join_two_hosts.yml"]
    run(*command, cwd=folder, **env)
    again = run(*command, cwd=folder, **env)
    assert again.count("changed=0") == 2, again


@pytest.mark.parametrize("playbook", ["lab", "lab_down"])
def test_the_playbooks_have_names(away, playbook):
    folder, env = away
    checked = run("ansible-playbook", "--syntax-check", f"vxlanlab.vtep.{playbook}", cwd=folder, **env)
    assert f"{folder}/collections/ansible_collections/vxlanlab/vtep/playbooks/{playbook}.yml" in checked
