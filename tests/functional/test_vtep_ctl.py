# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/vtep-ctl.md, row by row: vtep-ctl on one database, the module on an equal one, and the results compared."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import Server, Task

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/vtep-ctl.md").read_text()
CHANGING, SHOWING = DOCUMENT.split("## Commands that show")

#: vtep-ctl has no list of its commands; these are the ones of its manual page.
COMMANDS = [
    "add-ps",
    "del-ps",
    "list-ps",
    "ps-exists",
    "list-ports",
    "add-port",
    "del-port",
    "add-ls",
    "del-ls",
    "list-ls",
    "ls-exists",
    "bind-ls",
    "unbind-ls",
    "list-bindings",
    "set-replication-mode",
    "get-replication-mode",
    "add-lr",
    "del-lr",
    "list-lr",
    "lr-exists",
    "add-ucast-local",
    "del-ucast-local",
    "add-mcast-local",
    "del-mcast-local",
    "clear-local-macs",
    "list-local-macs",
    "add-ucast-remote",
    "del-ucast-remote",
    "add-mcast-remote",
    "del-mcast-remote",
    "clear-remote-macs",
    "list-remote-macs",
    "get-manager",
    "del-manager",
    "set-manager",
    "list",
    "find",
    "get",
    "set",
    "add",
    "remove",
    "clear",
    "create",
    "destroy",
    "wait-until",
]

START = (
    "add-ps br0 -- set Physical_Switch br0 tunnel_ips=10.0.0.1 -- add-port br0 vm1 -- add-port br0 vm2 -- add-ls ls0 -- add-ls ls1 -- add-lr lr0",
    "set Logical_Switch ls0 tunnel_key=5000 -- set-replication-mode ls0 source_node -- bind-ls br0 vm1 5 ls0 -- set-manager ptcp:6641:127.0.0.9",
    "add-ucast-local ls0 00:00:00:00:00:01 10.0.0.1 -- add-mcast-local ls0 unknown-dst 10.0.0.1",
    "add-ucast-remote ls0 00:00:00:00:00:02 10.1.0.1 -- add-mcast-remote ls0 unknown-dst 10.1.0.1",
)


def rows(text: str) -> list[tuple[str, list[tuple[str, dict]]]]:
    """The command and the tasks of each row."""
    found = []
    for command, tasks in re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE):
        parsed = [yaml.safe_load("{" + task + "}") for task in re.findall(r"`([^`]+)`", tasks)]
        found.append((command, [(module, options) for task in parsed for module, options in task.items()]))
    return found


def ids(table: list) -> list[str]:
    return [command for command, unused in table]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    running = [Server(tmp_path_factory.mktemp(name)) for name in ("ctl", "module")]
    yield running
    for server in running:
        server.stop()


@pytest.fixture
def pair(servers, capsys):
    for server in servers:
        server.empty()
        for command in START:
            server.ctl(*command.split())
    return servers[0], Task(servers[1], capsys)


def content(server: Server, capsys) -> dict:
    """Everything by name, without the UUIDs."""

    def stripped(value):
        if isinstance(value, dict):
            return {key: stripped(one) for key, one in value.items() if key != "_uuid"}
        return value

    return stripped(Task(server, capsys)("vtep_info")["vtep"])


def test_every_command_has_its_row():
    written = {next(word for word in command.split() if not word.startswith("--")) for command, unused in rows(DOCUMENT)}
    assert set(COMMANDS) | {"show"} == written
    manual = subprocess.run(["man", "-P", "cat", "8", "vtep-ctl"], check=False, capture_output=True, text=True).stdout
    if manual:
        commands = manual.split("Physical Switch Commands")[1].split("EXIT STATUS")[0]
        described = re.findall(r"^ {7}(?:\[[^]]+\] )*([a-z]+(?:-[a-z]+)*)(?: |$)", commands, re.MULTILINE)
        assert {word for word in described if "-" in word} <= set(COMMANDS)


@pytest.mark.parametrize(("command", "tasks"), rows(CHANGING), ids=ids(rows(CHANGING)))
def test_a_command_that_changes(pair, capsys, command, tasks):
    server, task = pair
    assert content(server, capsys) == content(task.server, capsys)
    server.ctl(*shlex.split(command))
    for module, options in tasks:
        task.twice(module, **options)
    assert content(server, capsys) == content(task.server, capsys)


@pytest.mark.parametrize(("command", "tasks"), rows(SHOWING), ids=ids(rows(SHOWING)))
def test_a_command_that_shows(pair, command, tasks):
    server, task = pair
    ((module, options),) = tasks
    arguments = ["vtep-ctl", f"--db={server.remote}", "--timeout=20", *shlex.split(command)]
    shown = subprocess.run(arguments, check=False, capture_output=True, text=True)
    result = task(module, **options)
    answer = result["vtep"] if module == "vtep_info" else result["row"]
    if isinstance(answer, bool):
        assert answer is (shown.returncode == 0)
        # And the other way round.
        other = options["query"].replace(".br0", ".none").replace(".ls0", ".none").replace(".lr0", ".none")
        absent = subprocess.run([*arguments[:-1], "none"], check=False, capture_output=True, text=True)
        assert task(module, query=other)["vtep"] is (absent.returncode == 0) is False
        return
    assert shown.returncode == 0
    for one in answer if isinstance(answer, list) else [answer]:
        if not isinstance(one, dict):
            assert str(one) in shown.stdout
