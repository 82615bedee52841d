# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Run tasks in a lab node that consists of namespaces
version_added: 0.1.0
description:
  - Runs commands and copies files with C(nsenter(1)) in a node that M(vxlanlab.vtep.lab_netns) created on the controller.
  - Tasks run as root, in all namespaces of the node, in the directory C(/).
  - A controller user other than root needs C(sudo) for C(nsenter). If C(sudo) requires a password, the plugin uses Ansible's
    C(become) password, for example from C(--ask-become-pass).
options:
  lab:
    description: Name of the lab.
    type: str
    default: vxlanlab
    vars:
      - name: ansible_netns_lab
  node:
    description: Name of the node in the lab.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_netns_node
  become_pass:
    description:
      - Password for C(sudo) of a controller user other than root. The default is the password from C(--ask-become-pass) or
        C(--become-password-file).
    type: str
    vars:
      - name: ansible_become_password
      - name: ansible_become_pass
  pipelining:
    description:
      - Send modules over standard input instead of copying them into the node first, which is faster.
      - Enabled by default, because without a terminal C(requiretty) cannot interfere.
    type: boolean
    default: true
    env:
      - name: ANSIBLE_PIPELINING
    ini:
      - section: defaults
        key: pipelining
      - section: connection
        key: pipelining
    vars:
      - name: ansible_pipelining
  warm:
    description:
      - Run modules in a warm interpreter of the node, which takes a fraction of the time that a new one takes to start. It has Python's
        library, C(ovs) and C(ovsdbapp) imported, and forks for each module. The results are the same.
      - It serves modules that come over standard input (O(pipelining)) with the controller's own Python, as root, without C(environment)
        and C(async). Everything else, and any module that it cannot serve, starts an interpreter of its own.
      - It starts with the first module, and ends with the node, after a minute without a module, and when a file that it has imported
        changes. Controllers with another environment, or other limits, have another one.
      - It serves controllers that run as root and have no terminal, as those of ansible-core 2.19 and later.
    type: boolean
    default: true
    version_added: 1.0.0
    env:
      - name: ANSIBLE_NETNS_WARM
    ini:
      - section: netns_connection
        key: warm
    vars:
      - name: ansible_netns_warm
notes:
  - A node shares all files with the controller, except for the private directories that M(vxlanlab.vtep.lab_netns) lists.
  - A node shares the controller's programs, so set C(ansible_python_interpreter) to C({{ ansible_playbook_python }}).
author:
  - The vxlanlab.vtep maintainers (@vxlanlab)
"""

import gc
import os
import shutil
import subprocess
from typing import IO, Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_native, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.processes import Process, read_process, running
from ansible_collections.vxlanlab.vtep.plugins.plugin_utils import warm

display = Display()

# Ansible forks for each task, after its main process has loaded this file. Each fork would search for garbage among all that Ansible
# consists of, and copy its memory by that.
gc.freeze()

# The nodes that were found, by lab and name: a fork need not search all processes of the machine for what its parent has found.
_found: dict[tuple[str, str], Process] = {}

# sudo asks a program for the password, with its prompt as the argument. The program is printenv, and the prompt the variable's name:
# so the password is in no file, in no command line, and not in the way of what a command reads. sudo keeps the variable for itself.
PASSWORD = "VXLANLAB_SUDO_PASSWORD"


class Connection(ConnectionBase):
    """Commands and files in the namespaces of a lab node."""

    transport = "vxlanlab.vtep.netns"
    has_pipelining = True
    # What Ansible compares become_user with: becoming root in a node needs no sudo.
    default_user = "root"
    _connected: bool

    def _connect(self) -> Connection:
        self._play_context.remote_user = self.default_user
        if not self._connected:
            self._find_node()
            if os.geteuid() != 0:
                self._check_sudo()
            self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command in the node: its status, output and errors."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        display.vvv(f"EXEC {to_text(cmd)}", host=self.get_option("node"))
        command = [self._shell.executable, "-c", to_text(cmd)]
        result = self._run_warm(command, in_data) or self._run(command, input=in_data or b"")
        return result.returncode, result.stdout, result.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of the controller into the node."""
        super().put_file(in_path, out_path)
        display.vvv(f"PUT {in_path} TO {out_path}", host=self.get_option("node"))
        if not os.path.exists(to_bytes(in_path, errors="surrogate_or_strict")):
            raise AnsibleFileNotFound(f"file or module does not exist: {to_native(in_path)}")
        with open(to_bytes(in_path, errors="surrogate_or_strict"), "rb") as source:
            result = self._run([self._shell.executable, "-c", 'cat >"$1"', "sh", out_path], stdin=source)
        if result.returncode:
            raise AnsibleError(
                f"failed to copy {to_native(in_path)} to {to_native(out_path)} in the node: {to_native(result.stderr).strip()}"
            )

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of the node to the controller."""
        super().fetch_file(in_path, out_path)
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self.get_option("node"))
        copy = to_bytes(out_path, errors="surrogate_or_strict")
        try:
            with open(copy, "wb") as target:
                result = self._run(["cat", "--", in_path], stdin=subprocess.DEVNULL, stdout=target)
            if result.returncode:
                raise AnsibleError(f"failed to fetch {to_native(in_path)} from the node: {to_native(result.stderr).strip()}")
        except AnsibleError:
            os.unlink(copy)
            raise

    def reset(self) -> None:
        """Look for the node anew."""
        self.close()
        self._connect()

    def close(self) -> None:
        """Nothing is kept open between two commands."""
        self._connected = False

    def _run(self, command: list[str], stdout: IO[bytes] | int = subprocess.PIPE, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the node."""
        process = self._find_node()
        return self._checked(process, self._call("nsenter", "-t", str(process.pid), "-a", "--", *command, stdout=stdout, **streams))

    def _run_warm(self, command: list[str], source: bytes | None) -> subprocess.CompletedProcess[bytes] | None:
        """Execute a module in the node's warm interpreter. None: it has to be done the ordinary way."""
        if not source or not self.get_option("warm") or os.geteuid() != 0 or not warm.is_served(command[-1]):
            return None
        process = self._find_node()
        result = warm.run(process, command, source)
        return result and self._checked(process, result)

    def _checked(self, process: Process, result: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[bytes]:
        """The result of a command, which the node has lived to see."""
        if result.returncode and self._find_node() != process:
            raise AnsibleConnectionFailure(f"node {process.node.name!r} of lab {process.node.lab!r} was removed while a command ran in it.")
        return result

    def _call(self, *command: str, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the controller, as root."""
        sudo: list[str] = []
        env = None
        if os.geteuid() != 0:
            password, asker = self._password(), shutil.which("printenv")
            sudo = ["sudo", "-n"]
            if password and asker:
                sudo = ["sudo", "-A", "-p", PASSWORD]
                env = {**os.environ, "SUDO_ASKPASS": asker, PASSWORD: password}
        arguments = [to_bytes(argument, errors="surrogate_or_strict") for argument in [*sudo, *command]]
        try:
            return subprocess.run(arguments, stderr=subprocess.PIPE, check=False, env=env, **streams)
        except OSError as error:
            raise AnsibleConnectionFailure(
                f"{to_native(arguments[0])} cannot be run on the controller: {error}. Install it"
                " (nsenter: package util-linux), or run Ansible as root (needs no sudo)."
            ) from error

    def _password(self) -> str | None:
        """The password for sudo. Ansible keeps one that it has asked for among the settings of the play."""
        return self.get_option("become_pass") or self._play_context.become_pass

    def _find_node(self) -> Process:
        """The node's PID 1. Looked up once; later only checked, as the node may have been made again."""
        lab, node = self.get_option("lab"), self.get_option("node")
        process = _found.get((lab, node))
        if not process or read_process(process.pid) != process:
            process = running(lab).get(node)
        if not process:
            raise AnsibleConnectionFailure(
                f"node {node!r} of lab {lab!r} does not run on this machine. Start the lab: make lab"
                " (or ansible-playbook vxlanlab.vtep.lab)."
            )
        _found[lab, node] = process
        return process

    def _check_sudo(self) -> None:
        trial = self._call("nsenter", "--version", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if trial.returncode:
            raise AnsibleConnectionFailure(
                f"entering a node needs root, and sudo refused: {to_native(trial.stderr).strip()}."
                " Let Ansible ask for the password of sudo (--ask-become-pass), or run it as root."
            )
