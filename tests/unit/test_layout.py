# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the tree that no linter knows: who may import whom, and what every plugin, module and role has."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path for path in ROOT.glob("plugins/**/*.py") if path.name != "__init__.py")
MODULE_UTILS = [path for path in PLUGINS if "module_utils" in path.parts]
VTEP_MODULES = sorted(ROOT.glob("plugins/modules/vtep_*.py"))
CONTROLLER = [path for path in PLUGINS if not {"module_utils", "modules", "doc_fragments"} & set(path.parts)]
ROLES = sorted(path for path in ROOT.glob("roles/*") if path.is_dir())
YAML = [path for folder in ("roles", "playbooks", "molecule", "examples") for path in (ROOT / folder).rglob("*.y*ml")]
OURS = "ansible_collections.vxlanlab.vtep.plugins."
UTILS = f"{OURS}module_utils."

# The rooms of the engine, from the inside out, and the rooms that each one looks into; all may use what is FOR_ALL.
ENGINE = {
    "rows": set(),
    "encoding": set(),
    "source": set(),
    "query": set(),
    "tables": {"rows"},
    "normal": {"rows", "tables"},
    "plan": {"rows", "tables"},
    "render": {"plan", "rows", "tables"},
    "ctl": {"plan", "rows", "tables"},
    "tree": {"render", "rows", "tables"},
    "replica": {"render", "rows", "tables"},
    "recording": {"rows", "tables", "tree"},
    "connection": {"tables"},
    "framing": set(),
    "log_rows": {"encoding"},
    "saved": {"encoding", "framing", "log_rows", "tables"},
    "database_file": {"framing", "log_rows"},
    "recorder": {"connection", "database_file", "log_rows", "recording", "replica"},
    "look": {"encoding", "rows", "tables"},
    "commit": {"encoding", "plan", "rows", "tables"},
    "wait": {"tables"},
    "task": {"commit", "connection", "ctl", "look", "normal", "plan", "rows", "saved", "tables", "tree"},
    "fabric": {"look", "rows"},
    "remedy": set(),
    "audit": {"fabric", "remedy", "rows", "tables"},
    "module": {"connection", "normal", "plan", "render", "rows", "tables", "task"},
    "mac_module": {"module", "render", "rows", "source", "tables"},
    "audit_module": {"audit", "fabric", "module", "saved"},
}
# The same for the lab. What is pure touches no system.
LAB = {
    "node": set(),
    "hosts": {"node"},
    "topology": {"node"},
    "wiring": {"node"},
    "processes": {"node"},
    "netns": {"node", "processes", "wiring"},
    "walk": set(),
    "model": {"node", "walk"},
    "trace": set(),
    "flows": set(),
    "way": {"model", "node", "trace", "walk"},
    "story": {"model", "node", "topology", "walk"},
    "verify": {"model", "node", "story", "topology", "trace"},
    "exercise": {"model", "story", "topology"},
    "by_hand": {"model"},
    "comments": {"walk"},
    "background": set(),
    "programs": set(),
    "warm": set(),
}
# And for the emulator, which runs on any node with Python's standard library alone.
VTEPD = {
    "connection": set(),
    "replica": set(),
    "survey": {"replica"},
    "acl": {"replica", "survey"},
    "flows": {"acl", "survey"},
    "ports": {"replica", "survey"},
    "publish": {"ports", "replica", "survey"},
    "openflow": {"flows"},
    "devices": set(),
    "supervise": set(),
    "emulator": {"acl", "connection", "devices", "flows", "openflow", "ports", "publish", "replica", "supervise", "survey"},
    "main": {"connection", "emulator", "ports", "replica", "supervise"},
}
FLOORS = {"_vtep": ENGINE, "_lab": LAB, "_vtepd": VTEPD}
PURE_ROOMS = {
    "_vtepd.replica",
    "_vtepd.survey",
    "_vtepd.acl",
    "_vtepd.flows",
    "_vtepd.ports",
    "_vtepd.publish",
    "_vtep.rows",
    "_vtep.tables",
    "_vtep.normal",
    "_vtep.plan",
    "_vtep.render",
    "_vtep.ctl",
    "_vtep.tree",
    "_vtep.replica",
    "_vtep.recording",
    "_vtep.audit",
    "_vtep.remedy",
    "_vtep.framing",
    "_lab.node",
    "_lab.hosts",
    "_lab.topology",
    "_lab.wiring",
    "_lab.walk",
    "_lab.model",
    "_lab.story",
    "_lab.trace",
    "_lab.flows",
    "_lab.verify",
    "_lab.way",
    "_lab.exercise",
    "_lab.by_hand",
    "_lab.comments",
}
SYSTEM = {"os", "subprocess", "socket", "select", "signal", "time"}
# What a module of the action group `vtep` sees of it. `wait` is for vtep_wait, `recorder` for vtep_record.
FRONT = {"audit_module", "mac_module", "module", "query", "recorder", "render", "rows", "saved", "source", "tables", "task", "tree", "wait"}
FOR_ALL = {"_errors", "_files", "_names", "_values", "_packets"}
# How OVSDB is reached, and the only rooms that do.
WIRE = {"ovs", "ovsdbapp", "ssl"}
ON_THE_WIRE = {"_vtep.connection", "_vtep.wait", "_vswitch"}
# Whoever runs on a target without being a module has no Ansible in it.
TOUCHES_ANSIBLE = {"_module", "_vtep.module"}


@cache
def imports(path: Path) -> frozenset[str]:
    """All that a file imports, by full name, wherever in the file it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def utils(path: Path) -> set[str]:
    """The parts of our module_utils that a file imports, as _values or _vtep.rows."""
    known = {name_of(one) for one in MODULE_UTILS}
    named = {name.removeprefix(UTILS) for name in imports(path) if name.startswith(UTILS)}
    return {part for part in known for name in named if name == part or name.startswith(f"{part}.")}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "plugins/module_utils").with_suffix("").parts)


def reached(path: Path) -> set[str]:
    """The parts of our module_utils that a file needs, directly or through others."""
    by_name = {name_of(one): one for one in MODULE_UTILS}
    found: set[str] = set()
    new = utils(path)
    while new:
        found |= new
        new = set().union(*(utils(by_name[part]) for part in new)) - found
    return found


def outside(path: Path) -> set[str]:
    """The libraries that a file imports."""
    return {name.split(".")[0] for name in imports(path) if not name.startswith(OURS)}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


ROOMS = [(floor, room) for floor, rooms in FLOORS.items() for room in rooms]


@pytest.mark.parametrize(("floor", "rooms"), FLOORS.items())
def test_every_room_is_on_the_plan(floor, rooms):
    assert {path.stem for path in MODULE_UTILS if path.parent.name == floor} == set(rooms)


@pytest.mark.parametrize("room", VTEPD)
def test_the_emulator_needs_nothing_but_the_standard_library(room):
    assert outside(ROOT / f"plugins/module_utils/_vtepd/{room}.py") <= sys.stdlib_module_names


@pytest.mark.parametrize(("floor", "room"), ROOMS, ids=[".".join(pair) for pair in ROOMS])
def test_a_room_looks_only_into_those_further_in(floor, room):
    rooms = FLOORS[floor]
    allowed = {f"{floor}.{name}" for name in rooms[room]} | FOR_ALL | ({"_module"} if room == "module" else set())
    assert utils(ROOT / f"plugins/module_utils/{floor}/{room}.py") <= allowed
    assert list(rooms).index(room) > max((list(rooms).index(name) for name in rooms[room]), default=-1)


@pytest.mark.parametrize("room", sorted(PURE_ROOMS))
def test_a_pure_room_touches_no_system(room):
    assert not outside(ROOT / f"plugins/module_utils/{room.replace('.', '/')}.py") & SYSTEM


@pytest.mark.parametrize("path", VTEP_MODULES, ids=ids(VTEP_MODULES))
def test_a_module_sees_only_the_front_of_the_engine(path):
    assert utils(path) <= {f"_vtep.{name}" for name in FRONT} | FOR_ALL
    assert outside(path) == {"__future__"}


@pytest.mark.parametrize("path", MODULE_UTILS, ids=ids(MODULE_UTILS))
def test_few_parts_touch_the_wire_and_one_touches_ansible(path):
    assert name_of(path) in ON_THE_WIRE or not outside(path) & WIRE
    assert name_of(path) in TOUCHES_ANSIBLE or "ansible" not in outside(path)


@pytest.mark.parametrize("path", CONTROLLER, ids=ids(CONTROLLER))
def test_what_runs_on_the_controller_has_nothing_of_the_engine_and_nothing_of_the_wire(path):
    assert not {part for part in reached(path) if part in ON_THE_WIRE or part.startswith("_vtep.")}
    assert not outside(path) & WIRE


def test_the_action_group_has_every_vtep_module():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["vtep"]) == [path.stem for path in VTEP_MODULES]


@pytest.mark.parametrize("path", PLUGINS, ids=ids(PLUGINS))
def test_a_plugin_starts_with_licence_and_annotations(path):
    lines = path.read_text().splitlines()
    if lines[0].startswith("#!"):
        assert path.parent.name == "modules"
        del lines[0]
    assert lines[:3] == [
        "# Copyright (c) 2026 The vxlanlab.vtep maintainers",
        "# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)",
        "# SPDX-License-Identifier: GPL-3.0-or-later",
    ]
    assert "from __future__ import annotations" in lines


@pytest.mark.parametrize("role", ROLES, ids=ids(ROLES))
def test_a_role_tells_its_arguments_and_has_a_readme(role):
    assert (role / "README.md").is_file()
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text()) or {}
    documented = specs["argument_specs"]["main"]["options"]
    assert set(defaults) <= set(documented)
    assert {name: documented[name].get("default") for name in defaults if "default" in documented[name]} == {
        name: value for name, value in defaults.items() if "default" in documented[name]
    }


def test_nothing_sleeps():
    sleeping = [str(path.relative_to(ROOT)) for path in YAML if any(word in path.read_text() for word in ("builtin.pause", "sleep "))]
    assert not sleeping, "wait for the condition instead"


def test_what_is_told_has_an_order():
    """Ansible's filters for sets return their members in any order, another one in each run; reject('in', ...) and unique keep it."""
    templates = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.j2")]
    lines = [(path, number, line) for path in YAML + templates for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert not [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for path, number, line in lines if has_no_order(line)]


FILTER_FOR_SETS = r"\|\s*(?:ansible\.builtin\.)?(?:difference|union|intersect|symmetric_difference)\s*\("


def has_no_order(line: str) -> bool:
    """Whether a filter for sets is in the line, and nothing sorts what comes out of it, or of another one that takes it."""
    for found in re.finditer(FILTER_FOR_SETS, line):
        depth, end = 1, found.end()
        while depth and end < len(line):
            depth += {"(": 1, ")": -1}.get(line[end], 0)
            end += 1
        if not re.match(rf"\s*(?:\|\s*sort\b|{FILTER_FOR_SETS})", line[end:]):
            return True
    return False


@pytest.mark.parametrize(
    ("line", "is_bad"),
    [
        ("a | difference(b)", True),
        ("a | ansible.builtin.difference (b)", True),
        ("a | difference(b | sort)", True),
        ("a | difference(b) + (c) | sort", True),
        ("a | union(b) | difference(c) | join(', ')", True),
        ("a | difference(f(b)) | sort | join(', ')", False),
        ("a | union(b) | difference(c) | sort", False),
        ("a | reject('in', b) | join(', ')", False),
    ],
)
def test_the_rule_knows_what_has_no_order(line, is_bad):
    assert has_no_order(line) == is_bad
