# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/vtep-ctl.md, row by row: what vtep-ctl does to one database the task does to an equal one, and what it shows the task returns."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import SCHEMA, Failed, Server, Task
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

DOCUMENT = SyntaxTreeNode(
    MarkdownIt("commonmark").enable("table").parse((Path(__file__).resolve().parents[2] / "docs/vtep-ctl.md").read_text())
)
TABLES = json.loads(SCHEMA.read_text())["tables"]
ALARM = 14


@dataclass(frozen=True)
class Line:
    """A row of the page: the command and the tasks, as they are written, and what is said beside."""

    command: str
    tasks: tuple[str, ...]
    beside: str = ""

    def __str__(self) -> str:
        return self.command

    @property
    def name(self) -> str:
        return next(word for word in self.command.split() if not word.startswith("-"))

    def renamed(self, names: Mapping[str, str]) -> Line:
        """The same about other rows of the database."""
        new = partial(re.sub, r"\w+", lambda word: names.get(word[0], word[0]))
        return Line(new(self.command), tuple(map(new, self.tasks)))

    @property
    def calls(self) -> list[tuple[str, dict]]:
        """The module and the options of each task."""
        return [call for task in self.tasks for call in yaml.safe_load(f"{{{task}}}").items()]


def code(cell: SyntaxTreeNode) -> list[str]:
    return [node.content for node in cell.walk() if node.type == "code_inline"]


def lines(table: SyntaxTreeNode) -> list[Line]:
    cells = [row.children for row in table.walk() if row.type == "tr"][1:]
    return [Line(*code(command), tuple(code(tasks)), *(cell.children[0].content for cell in beside)) for command, tasks, *beside in cells]


CHANGING, SHOWING, FAILING = (lines(node) for node in DOCUMENT.children if node.type == "table")
(START,) = (node.content.splitlines() for node in DOCUMENT.children if node.type == "fence")
# The rows of the page are about the former; the database has the latter as well.
OTHERS = {"br0": "br1", "vm1": "vm7", "ls0": "ls1", "lr0": "lr1", "5000": "5001"}
BOTH = list(dict.fromkeys(one for line in SHOWING for one in (line, line.renamed(OTHERS))))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    running = [Server(tmp_path_factory.mktemp(name)) for name in ("ctl", "module")]
    yield running
    for server in running:
        server.stop()


def start(server: Server) -> None:
    server.empty()
    for command in START:
        server.ctl(*shlex.split(command)[1:])


@pytest.fixture
def pair(servers, capsys):
    for server in servers:
        start(server)
    return servers[0], Task(servers[1], capsys)


@pytest.fixture(scope="module")
def shown(servers):
    start(servers[0])
    # As the server itself says it.
    servers[0].ctl("set", "Manager", "ptcp:6641:127.0.0.9", "is_connected=true")
    return servers[0]


def content(server: Server) -> dict[str, list]:
    """The rows that live by themselves, each with all that it refers to in place of the UUIDs."""
    answers = server.transact(*({"op": "select", "table": table, "where": []} for table in TABLES))
    rows = {row["_uuid"][1]: row for answer in answers for row in answer["rows"]}

    def whole(value: Any) -> Any:
        if isinstance(value, list) and value[0] == "uuid":
            return {name: whole(one) for name, one in rows[value[1]].items() if name not in ("_uuid", "_version")}
        if isinstance(value, list) and value[0] in ("set", "map"):
            return [value[0], sorted(map(whole, value[1]), key=json.dumps)]
        return [whole(one) for one in value] if isinstance(value, list) else value

    return {
        table: sorted((whole(row["_uuid"]) for row in answer["rows"]), key=json.dumps)
        for table, answer in zip(TABLES, answers)
        if TABLES[table].get("isRoot")
    }


def run(server: Server, command: str, timeout: int = 20) -> subprocess.CompletedProcess:
    arguments = ["vtep-ctl", f"--db={server.remote}", f"--timeout={timeout}", "--format=json", *shlex.split(command)]
    return subprocess.run(arguments, check=False, capture_output=True, text=True)


# -- what vtep-ctl prints, as data


def overview(text: str) -> dict:
    """What ``show`` prints: the columns that are not empty, one level of indentation for each level of the structure."""
    vtep: dict = {"managers": {}, "physical_switches": {}}
    above: list[dict] = [vtep]
    for line in text.splitlines()[1:]:
        above = above[: (len(line) - len(line.lstrip())) // 4]
        if "=" in line:
            key, value = line.strip().split("=")
            above[-1][key] = value
            continue
        word, rest = re.split(r":? |:$", line.strip(), maxsplit=1)
        value = yaml.safe_load(rest)
        if word == "Manager":
            above.append(vtep["managers"].setdefault(value, {"is_connected": False}))
        elif word == "Physical_Switch":
            above.append(vtep["physical_switches"].setdefault(value, {"management_ips": [], "tunnel_ips": [], "ports": {}}))
        elif word == "Physical_Port":
            above.append(above[-1]["ports"].setdefault(value, {}))
        elif word == "vlan_bindings":
            above.append(above[-1].setdefault(word, {}))
        else:
            above[-1][word] = value
    return vtep


def macs(text: str) -> dict:
    """What ``list-local-macs`` and ``list-remote-macs`` print: a heading for each table, and a line for each locator."""
    tables: dict[str, dict] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("  "):
            mac, encapsulation, locator = re.fullmatch(r"  (\S+) -> (\S+)/(\S+)", line).groups()
            assert encapsulation == "vxlan_over_ipv4"
            if table.startswith("ucast"):
                assert mac not in tables[table]
                tables[table][mac] = {"locator": locator, "encapsulation": encapsulation}
            else:
                tables[table].setdefault(mac, {"locators": []})["locators"].append(locator)
        elif line:
            kind, unused, side = line.split("-")
            table = f"{kind}_{side}"
            tables[table] = {}
    return tables


def bindings(text: str) -> dict[str, str]:
    return {str(int(vlan)): name for vlan, name in map(str.split, text.splitlines())}


def value(text: str) -> Any:
    """One value that ``get`` or ``get-replication-mode`` prints; nothing is an empty set to the one and no pointer to the other."""
    return None if text.strip() in ("[]", "(null)") else yaml.safe_load(text)


def records(text: str, table: str) -> list[dict]:
    """What the database commands print as JSON."""
    answer = json.loads(text)
    return [
        {name: datum(cell, TABLES[table]["columns"].get(name, {"type": "uuid"})["type"]) for name, cell in zip(answer["headings"], row)}
        for row in answer["data"]
    ]


def datum(cell: Any, kind: Any) -> Any:
    if isinstance(kind, str):
        return cell[1] if isinstance(cell, list) else cell
    if "value" in kind:
        return dict(cell[1])
    members = cell[1] if isinstance(cell, list) and cell[0] == "set" else [cell]
    if kind.get("max", 1) == 1:
        return members[0] if members else None
    return sorted(members)


def listed(text: str, line: Line) -> dict:
    """Rows by name, or, where the command has a record beside the table, that one."""
    words = line.command.split()
    by_name = {record.pop("name"): record for record in records(text, words[1])}
    return by_name[words[2]] if len(words) > 2 else by_name


# How each command's output is read.
READ: dict[str, Callable[[str, Line], Any]] = {
    "show": lambda text, line: overview(text),
    "list-bindings": lambda text, line: bindings(text),
    "get-replication-mode": lambda text, line: value(text),
    "get": lambda text, line: value(text),
    "list-local-macs": lambda text, line: macs(text),
    "list-remote-macs": lambda text, line: macs(text),
    "list": listed,
    "find": lambda text, line: sorted(record["name"] for record in records(text, line.command.split()[2])),
    **{name: lambda text, line: text.split() for name in ("list-ps", "list-ports", "list-ls", "list-lr", "get-manager")},
}
ROW_TABLES = {f"{kind}_{side}" for kind in ("ucast", "mcast") for side in ("local", "remote")}
# The columns that a task returns and the command does not print.
UNPRINTED = {
    "show": {
        *("_uuid", "description", "other_config", "switch_fault_status", "acl_bindings", "port_fault_status", "vlan_stats"),
        *("inactivity_probe", "max_backoff", "status"),
    },
    "list": ROW_TABLES,
    "list-local-macs": {"_uuid", "ipaddr"},
    "list-remote-macs": {"_uuid", "ipaddr"},
}


def without(data: Any, columns: set[str]) -> Any:
    if isinstance(data, dict):
        return {name: without(one, columns) for name, one in data.items() if name not in columns}
    return data


# -- the tests


def test_every_command_has_its_row():
    text = subprocess.run(["vtep-ctl", "--help"], check=True, capture_output=True, text=True).stdout
    commands = text.split("VTEP commands:")[1].split("Potentially unsafe")[0]
    described = set(re.findall(r"^  (?:\[\S+\] )?([a-z-]+)", commands, re.MULTILINE))
    assert len(described) > 40
    assert described == {line.name for line in CHANGING + SHOWING}


@pytest.mark.parametrize("line", CHANGING, ids=str)
def test_a_command_that_changes(pair, line):
    server, task = pair
    before = content(server)
    assert before == content(task.server)
    assert run(server, line.command).returncode == 0
    changed = [task.twice(module, **options)["changed"] for module, options in line.calls]
    after = content(server)
    assert after == content(task.server)
    assert set(changed) == {before != after}


@pytest.mark.parametrize("line", FAILING, ids=str)
def test_a_command_that_fails_where_a_task_does_not(pair, line):
    server, task = pair
    before = content(server)
    assert run(server, line.command).returncode == 1
    assert content(server) == before
    ((module, options),) = line.calls
    assert task.twice(module, **options)["changed"] is (line.beside != "nothing")
    assert (content(task.server) == before) is (line.beside == "nothing")


@pytest.mark.parametrize("line", [line for line in BOTH if line.name in READ], ids=str)
def test_a_command_that_shows(shown, capsys, line):
    done = run(shown, line.command)
    assert done.returncode == 0
    ((module, options),) = line.calls
    answer = Task(shown, capsys)(module, **options)["vtep"]
    assert without(answer, UNPRINTED.get(line.name, set())) == READ[line.name](done.stdout, line)


@pytest.mark.parametrize("line", [line for line in SHOWING if line.name.endswith("-exists")], ids=str)
def test_a_command_that_tells_whether_something_is_there(shown, capsys, line):
    for one, there in ((line, True), (line.renamed(OTHERS), True), (line.renamed(dict.fromkeys(OTHERS, "none")), False)):
        ((module, options),) = one.calls
        assert run(shown, one.command).returncode == (0 if there else 2)
        assert Task(shown, capsys)(module, **options)["vtep"] is there


@pytest.mark.parametrize("line", [line for line in SHOWING if line.name == "wait-until"], ids=str)
def test_a_command_that_waits(shown, capsys, line):
    task = Task(shown, capsys)
    for one in (line, line.renamed(OTHERS)):
        ((module, options),) = one.calls
        assert run(shown, one.command).returncode == 0
        table, name = one.command.split()[1:3]
        (record,) = records(run(shown, f"list {table} {name}").stdout, table)
        row = task(module, **options)["row"]
        assert row["_uuid"] == record["_uuid"] and row["name"] == name
    never = line.renamed({"5000": "5001"})
    ((module, options),) = never.calls
    assert run(shown, never.command, timeout=1).returncode == -ALARM
    with pytest.raises(Failed, match="timeout: waited 1"):
        task(module, timeout=1, **options)


def test_every_showing_row_is_run():
    assert {line.name for line in SHOWING} == READ.keys() | {"ps-exists", "ls-exists", "lr-exists", "wait-until"}
