# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab nodes that are namespaces, for tests: made by the module, entered by the connection plugin. Needs root."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import yaml
from ansible import constants
from ansible.playbook.play_context import PlayContext

from ansible_collections.vxlanlab.vtep.plugins.connection import netns as plugin_file

MODULE = "ansible_collections.vxlanlab.vtep.plugins.modules.lab_netns"
HV1 = {"name": "hv1", "address": "10.0.0.1/8"}
HV2 = {"name": "hv2", "address": "10.1.0.1/8"}
HV3 = {"name": "hv3", "address": "10.2.0.1/8"}


def module(lab, *nodes, prefix=(), env=None, **options):
    """Run the module in a process of its own and return its result."""
    if nodes:
        options["nodes"] = nodes
    process = subprocess.run(
        [*prefix, *module_command()], input=module_input(lab, **options), env=env, capture_output=True, text=True, check=False
    )
    assert process.stdout, process.stderr
    return json.loads(process.stdout)


def module_command():
    return [sys.executable, "-m", MODULE]


def module_input(lab, check=False, **options):
    return json.dumps({"ANSIBLE_MODULE_ARGS": {"name": lab, "_ansible_check_mode": check, **options}})


def made(lab, *nodes, **options):
    result = module(lab, *nodes, **options)
    assert not result.get("failed"), result["msg"]
    return result


def pids(result):
    return {node["name"]: node["pid"] for node in result["nodes"]} | {"underlay": result["underlay"]["pid"]}


def inside(pid, *command, **options):
    """Run a command in the node whose PID 1 is pid, and return what it says."""
    return subprocess.run(["nsenter", "-t", str(pid), "-a", "--", *command], check=True, capture_output=True, text=True, **options).stdout


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not {what} after {seconds} s"


def connection(lab, node, **variables):
    # What Ansible's loader does. The loader itself refuses a collection that Python has imported before it.
    plugin_file.Connection._load_name = "vxlanlab.vtep.netns"
    constants.config.initialize_plugin_configuration_definitions(
        "connection", "vxlanlab.vtep.netns", yaml.safe_load(plugin_file.DOCUMENTATION)["options"]
    )
    plugin = plugin_file.Connection(PlayContext(), None)
    plugin.set_options(var_options={"ansible_netns_lab": lab, "inventory_hostname": "somebody", "ansible_netns_node": node} | variables)
    return plugin._connect()
