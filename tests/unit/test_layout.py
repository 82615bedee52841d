# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the tree that no linter knows: who may import whom, and what every plugin, module and role has."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(ROOT.glob("plugins/*/*.py"))
VTEP_MODULES = sorted(ROOT.glob("plugins/modules/vtep_*.py"))
ROLES = sorted(path for path in ROOT.glob("roles/*") if path.is_dir())
OUR_UTILS = "ansible_collections.vxlanlab.vtep.plugins.module_utils"

# What the front of the engine (_rows, _vtep_module and what is built on them) keeps from the modules.
BEHIND_THE_FRONT = {"_schema", "_plan", "_look", "_render", "_ovsdb"}
WIRE = {"ovs", "ovsdbapp", "socket", "ssl"}


@cache
def imports(path: Path) -> set[str]:
    """All that a file imports, by full name; a part of our module_utils as OUR_UTILS._part."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == OUR_UTILS else {node.module}
    return found


def parts(names: set[str]) -> set[str]:
    """Those of the names that are parts of our module_utils."""
    return {name.removeprefix(f"{OUR_UTILS}.").split(".")[0] for name in names if name.startswith(f"{OUR_UTILS}.")}


def engine() -> set[str]:
    """The parts that the modules reach."""
    found: set[str] = set()
    new = parts(set().union(*map(imports, VTEP_MODULES)))
    while new:
        found |= new
        new = parts(set().union(*(imports(ROOT / f"plugins/module_utils/{part}.py") for part in new))) - found
    return found


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", VTEP_MODULES, ids=ids(VTEP_MODULES))
def test_a_module_sees_only_the_front_of_the_engine(path):
    assert imports(path) <= {"__future__"} | {f"{OUR_UTILS}.{part}" for part in engine() - BEHIND_THE_FRONT}


@pytest.mark.parametrize("part", sorted(engine()))
def test_one_part_of_the_engine_touches_the_wire_and_one_touches_ansible(part):
    top_level = {name.split(".")[0] for name in imports(ROOT / f"plugins/module_utils/{part}.py")}
    assert part in ("_ovsdb", "_wait") or not top_level & WIRE
    assert part == "_vtep_module" or "ansible" not in top_level


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
    yaml_files = [path for folder in ("roles", "playbooks", "molecule") for path in (ROOT / folder).rglob("*.y*ml")]
    sleeping = [str(path.relative_to(ROOT)) for path in yaml_files if any(word in path.read_text() for word in ("builtin.pause", "sleep "))]
    assert not sleeping, "wait for the condition instead"
