# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it, used by a playbook from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from away import ROOT, Away, install

LAB = f"tarball{os.getpid()}"


@pytest.fixture
def away(tmp_path: Path) -> Away:
    """The installed collection."""
    return install(tmp_path)


@pytest.fixture
def hosts(away: Away) -> Iterator[None]:
    """Two machines for the playbook: nodes of a lab."""
    (away.folder / "hosts.vtep_lab.yml").write_text(f"plugin: vxlanlab.vtep.lab\nlab: {LAB}\n")
    (away.folder / "hosts.yml").write_text("vteps: {children: {vtep_hypervisors: {}}}\n")
    nodes = [
        {"name": name, "address": address, "interface": "eth0"} for name, address in (("left", "10.9.0.1/24"), ("right", "10.9.0.2/24"))
    ]
    try:
        away.run("ansible", "localhost", "-m", "vxlanlab.vtep.lab_netns", "-a", json.dumps({"name": LAB, "nodes": nodes}))
        yield
    finally:
        away.run("ansible-playbook", "vxlanlab.vtep.lab_down", "-e", f"lab_name={LAB}")


def test_a_playbook_from_elsewhere(away: Away, hosts: None) -> None:
    shutil.copy(ROOT / "tests/integration/tarball/join_two_hosts.yml", away.folder)
    command = ["ansible-playbook", "-i", "hosts.vtep_lab.yml", "-i", "hosts.yml", "join_two_hosts.yml"]
    away.run(*command)
    again = away.run(*command)
    assert again.count("changed=0") == 2, again
