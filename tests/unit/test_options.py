# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every column of the tables against the module option that sets it, as documented: there, of this type, with this range.

The modules take their options from the tables, and `ansible-test sanity` compares these options with the documentation,
type by type. What is left to compare is what a reader is told in words.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Choice, Integer, Parse
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import NAMED_TABLES, TABLES

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"

# The module whose options set the columns of a table, and the option that holds them where they are not its own.
MODULES = {
    "Physical_Switch": ("vtep_physical_switch", None),
    "Physical_Port": ("vtep_physical_port", None),
    "Tunnel": ("vtep_tunnel", None),
    "Manager": ("vtep_manager", None),
    "Logical_Switch": ("vtep_logical_switch", None),
    "Ucast_Macs_Remote": ("vtep_ucast_remote", None),
    "Mcast_Macs_Remote": ("vtep_mcast_remote", None),
    "Ucast_Macs_Local": ("vtep_ucast_local", None),
    "Mcast_Macs_Local": ("vtep_mcast_local", None),
    "Logical_Router": ("vtep_logical_router", None),
    "ACL": ("vtep_acl", None),
    "ACL_entry": ("vtep_acl", "entries"),
    "Arp_Sources_Local": ("vtep_arp_source", None),
    "Arp_Sources_Remote": ("vtep_arp_source", None),
}
# The module that sets one entry of a map at a time.
ENTRIES = {("Physical_Port", "vlan_bindings"): "vtep_binding"}

COLUMNS = [(table, name) for table in NAMED_TABLES for name in TABLES[table].managed]


@cache
def documented(module: str, inside: str | None = None) -> dict[str, dict]:
    """The options of a module, those of its documentation fragments included."""
    documentation = constant(PLUGINS / f"modules/{module}.py", "DOCUMENTATION")
    options: dict[str, dict] = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        name, _unused, part = fragment.removeprefix("vxlanlab.vtep.").partition(".")
        options |= constant(PLUGINS / f"doc_fragments/{name}.py", (part or "documentation").upper()).get("options", {})
    options |= documentation.get("options", {})
    return options if inside is None else options[inside]["suboptions"]


def constant(path: Path, name: str) -> dict:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{path.name} has no {name}")


def described(option: dict) -> str:
    text = option["description"]
    return " ".join(text) if isinstance(text, list) else text


def check(option: dict, parse: Parse) -> None:
    """An option as documented says what the parser of its value accepts."""
    if isinstance(parse, Integer):
        assert option["type"] == "int"
        assert f"{parse.low} to {parse.high}" in described(option)
    elif isinstance(parse, Choice) and "choices" in option:
        assert option["choices"] == list(parse.allowed)
    else:
        assert option["type"] == "str" and "choices" not in option


def test_every_table_with_names_has_a_module():
    assert set(MODULES) == set(NAMED_TABLES)


@pytest.mark.parametrize(("table", "name"), COLUMNS, ids=[".".join(column) for column in COLUMNS])
def test_a_column_is_set_by_an_option_that_says_what_it_takes(table, name):
    column = TABLES[table].columns[name]
    options = documented(*MODULES[table])
    option = options[column.option or name]
    if column.kind == "map":
        assert option["type"] == "dict"
        if isinstance(column.key, Integer):
            assert f"{column.key.low} to {column.key.high}" in described(option)
    elif column.kind == "set":
        assert (option["type"], option["elements"]) == ("list", "str")
    elif column.refers:
        assert option["type"] == "str"
    else:
        check(option, column.parse)
    if column.refers and column.kind != "map":
        beside = {part.beside: part.parse for part in TABLES[column.refers].key if part.beside and not part.open}
        for shared, parse in beside.items():
            check(options[shared], str if isinstance(parse, Choice) else parse)
    assert set(column.aliases) == set(option.get("aliases", []))


@pytest.mark.parametrize(("table", "name"), ENTRIES, ids=[".".join(column) for column in ENTRIES])
def test_an_entry_of_a_map_is_set_by_an_option_for_its_key_and_one_for_its_value(table, name):
    column = TABLES[table].columns[name]
    options = documented(ENTRIES[table, name])
    key, value = column.entry
    check(options[key], column.key)
    assert options[value]["type"] == "str"
    # The row that holds the map is named here, too.
    assert {part.option for part in TABLES[table].key} <= set(options)


@pytest.mark.parametrize("table", NAMED_TABLES)
def test_what_names_a_row_is_an_option(table):
    options = documented(*MODULES[table])
    inside = MODULES[table][1]
    for part in TABLES[table].key:
        # The entries of a list belong to the row that the other options name.
        if inside and part.refers:
            continue
        check(options[part.option], str if part.refers or not isinstance(part.parse, Integer) else part.parse)
