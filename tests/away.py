# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others get it: built, and installed from its tarball into an empty folder, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A command after these words is in a network namespace of its own, which has no interface that is up: it reaches nothing.
OFFLINE = ("unshare", "--net", *(() if os.geteuid() == 0 else ("--map-root-user",)))


@dataclass
class Away:
    """A folder outside of the checkout with the collection, and with settings by which Ansible finds no other."""

    folder: Path
    tarball: Path
    collection: Path

    def run(self, *command: str | Path) -> str:
        """Run a command in the folder. It must succeed; return what it prints."""
        return run(
            *command,
            cwd=self.folder,
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"),
            ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
            # Where the set-up has linked the checkout.
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
        )


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | env, stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(folder: Path) -> Away:
    """Build the collection, and install it into the folder."""
    run(Path(sys.executable).with_name("ansible-galaxy"), "collection", "build", "--output-path", folder, cwd=ROOT)
    (tarball,) = folder.glob("vxlanlab-vtep-*.tar.gz")
    (folder / "ansible.cfg").touch()
    collections = folder / "collections"
    away = Away(folder, tarball, collections / "ansible_collections/vxlanlab/vtep")
    away.run(*OFFLINE, "ansible-galaxy", "collection", "install", tarball, "--collections-path", collections)
    return away
