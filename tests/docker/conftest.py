# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks with the docker driver, and the engine to look at. scripts/with-docker gives these tests an engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import docker
import pytest

ROOT = Path(__file__).resolve().parents[2]


def play(playbook: str | Path, *arguments: str, before: tuple[str, ...] = (), **env: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook with the docker driver; `before` is what the command starts with."""
    command = [*before, "ansible-playbook", str(playbook), "-e", "lab_driver=docker", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)


@pytest.fixture(scope="session")
def engine():
    client = docker.from_env()
    yield client
    client.close()
