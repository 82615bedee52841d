# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema as data says nothing that the installed vtep.ovsschema does not."""

from __future__ import annotations

import json

import pytest
from conftest import SCHEMA

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, own_parts

INSTALLED = json.loads(SCHEMA.read_text())["tables"]


def kind(column: dict) -> str:
    described = column["type"]
    if isinstance(described, str) or described.get("min", 1) == described.get("max", 1) == 1:
        return "atom"
    if "value" in described:
        return "map"
    return "optional" if described.get("max", 1) == 1 else "set"


def target(column: dict) -> str | None:
    described = column["type"]
    if isinstance(described, str):
        return None
    part = described.get("value", described["key"])
    return part.get("refTable") if isinstance(part, dict) else None


@pytest.mark.parametrize("table", TABLES)
def test_tables_and_columns(table):
    columns = INSTALLED[table]["columns"]
    for name, column in TABLES[table].columns.items():
        if column.through:
            between, holding = column.through
            assert target(columns[name]) == between
            assert target(INSTALLED[between]["columns"][holding]) == column.refers
        else:
            assert kind(columns[name]) == column.kind
            assert target(columns[name]) == column.refers
    for part in own_parts(table)[1]:
        assert target(columns[part.column]) == part.refers


@pytest.mark.parametrize("table", [table for table, spec in TABLES.items() if spec.owner])
def test_owners(table):
    owner, column = TABLES[table].owner
    assert target(INSTALLED[owner]["columns"][column]) == table
