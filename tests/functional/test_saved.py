# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved databases: what the tools of Open vSwitch write, read without a server, is what is gathered from the server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Server
from test_config import LEAF

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import saved, task as engine, tree


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def dumped(server: Server, path: Path, *options: str) -> Path:
    path.write_bytes(run("ovsdb-client", "-f", "json", *options, "dump", server.remote, "hardware_vtep"))
    return path


def backed_up(server: Server, path: Path) -> Path:
    path.write_bytes(run("ovsdb-client", "backup", server.remote, "hardware_vtep"))
    return path


def copied(server: Server, path: Path) -> Path:
    shutil.copy(server.directory / "vtep.db", path)
    return path


def compacted(server: Server, path: Path) -> Path:
    """The file after the server has written it anew, without what had been and is no more."""
    run("ovs-appctl", "-t", str(server.directory / "ctl"), "ovsdb-server/compact", "hardware_vtep")
    return copied(server, path)


FORMATS: dict[str, Callable[[Server, Path], Path]] = {
    "dump": dumped,
    "pretty dump": lambda server, path: dumped(server, path, "--pretty"),
    "backup": backed_up,
    "database file": copied,
    "compacted database file": compacted,
}


@pytest.mark.parametrize("form", FORMATS)
class TestFormats:
    def test_it_is_what_is_gathered(self, server, task, tmp_path, form):
        task("vtep_config", config=LEAF)
        less = {"logical_switches": {"ls0": {"ucast_remote": {"00:00:00:00:00:02": {}}}}, "managers": LEAF["managers"]}
        task("vtep_config", config=less, state="deleted")
        held = saved.read(str(FORMATS[form](server, tmp_path / "saved")))
        assert engine.parsed(held, list(tree.PARTS)) == task("vtep_config", state="gathered")["gathered"]
