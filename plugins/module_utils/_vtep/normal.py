# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wanted rows in normal form: every key and value checked against the tables, errors in the words of the user's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Choice, Integer, Parse, text
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import NO_DOUBTS, Add, Ref, Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, Column, Key, describe


def normalise(wanted: Wanted) -> Wanted:
    """The same with every key and value checked and in normal form.

    Raises ``UserError`` that names the option and the value for what no database can hold, and for a row that is listed twice.
    What could be in a database, though we would not write it, becomes a doubt of its row.
    """
    return replace(wanted, present=_normal_rows(wanted.present, wanted), absent=_normal_rows(wanted.absent, wanted))


class _Bad(ValueError):
    """A value that is not accepted, and the option that it came from, within its entry."""

    def __init__(self, option: str, value: Any, error: ValueError) -> None:
        super().__init__(f"{value!r} is not accepted: {error}")
        self.option = option
        self.value = value
        self.error = error


def _normal_rows(rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    place = wanted.place
    said = {table: _as_said(table, wanted.options) for table in {row.table for row in rows}}
    normal: list[Row] = []
    seen: dict[tuple, int] = {}
    for index, row in enumerate(rows):
        said_columns = said[row.table]
        try:
            key = tuple([_normal_part(part, value) for part, value in zip(TABLES[row.table].key, row.key)])
            columns = {name: _normal_value(said_columns[name], name, value) for name, value in row.columns.items()}
            doubts = NO_DOUBTS
        except _Bad:
            key, columns, doubts = _doubtful(row, said_columns, f"{place(index, row)}." if place else "")
        contradictions = TABLES[row.table].contradictions
        for name, expected in contradictions(columns) if contradictions else ():
            option, where = said_columns[name].option or name, f"{place(index, row)}." if place else ""
            doubts = {**doubts, name: f"{where}{option}: {row.columns[name]!r} is not accepted: expected {expected}"}
        identity = (row.table, key)
        earlier = seen.setdefault(identity, index)
        if earlier != index:
            what = "the same values" if normal[earlier].columns == columns else "different values"
            both = f"{place(earlier, rows[earlier])} and {place(index, row)}: " if place else ""
            raise UserError(f"{both}{describe(Ref(*identity))} is listed twice, with {what}; keep one of them")
        normal.append(Row(row.table, key, columns, row.must_exist, doubts))
    return normal


def _as_said(table: str, options: Mapping[str, str]) -> dict[str, Column]:
    """The columns of a table, in the words of this task: ``Wanted.options``."""
    columns = TABLES[table].columns
    return {**columns, **{name: replace(columns[name], option=options[name], entry=None) for name in options.keys() & columns}}


def _doubtful(row: Row, said_columns: Mapping[str, Column], where: str) -> tuple[tuple, dict[str, Any], dict[str, str]]:
    """A row with values that are not accepted, as another writer may have stored them, and what is wrong with them.

    Raises ``UserError`` for a value that no database can hold.
    """
    doubts: dict[str, str] = {}

    def read(name: str, parse: Callable[[bool], Any]) -> Any:
        try:
            return parse(False)
        except _Bad as bad:
            doubts.setdefault(name, f"{where}{bad.option}: {bad}")
        try:
            return parse(True)
        except _Bad as bad:
            raise UserError(f"{where}{bad.option}: {bad}") from None

    key = tuple([read("", partial(_normal_part, part, value)) for part, value in zip(TABLES[row.table].key, row.key)])
    columns = {name: read(name, partial(_normal_value, said_columns[name], name, value)) for name, value in row.columns.items()}
    return key, columns, doubts


def _normal_part(part: Key, value: Any, as_stored: bool = False) -> Any:
    if part.refers and isinstance(value, tuple):
        try:
            return _normal_ref(Ref(part.refers, value), as_stored).key
        except _Bad as bad:
            raise _Bad(part.option, bad.value, bad.error) from None
    return _parsed(part.parse, value, part.option, as_stored)


def _normal_value(column: Column, name: str, value: Any, as_stored: bool = False) -> Any:
    option = column.option or name
    if isinstance(value, Add):
        return Add(_normal_value(column, name, value.members, as_stored))
    if value is None:
        return None
    if column.kind == "set":
        return frozenset([_normal_atom(column, member, option, as_stored) for member in value])
    if column.kind == "map":
        return _normal_map(column, option, value, as_stored)
    return _normal_atom(column, value, option, as_stored)


def _normal_map(column: Column, option: str, value: Any, as_stored: bool) -> dict[Any, Any]:
    key_option, value_option = column.entry or (option, option)
    normal: dict[Any, Any] = {}
    for key, member in value.items():
        parsed = _parsed(column.key, key, key_option, as_stored)
        if parsed in normal:
            raise _Bad(key_option, key, ValueError(f"{parsed!r} is already given in another spelling; keep one of them"))
        if column.fields:
            normal[parsed] = _normal_field(column, parsed, member, option, as_stored)
        else:
            normal[parsed] = _normal_atom(column, member, value_option, as_stored)
    return normal


def _normal_field(column: Column, key: str, value: Any, option: str, as_stored: bool) -> str:
    if key in column.fields:
        return _parsed(column.fields[key], value, f"{option}.{key}", as_stored)
    if as_stored:
        return _parsed(column.parse, value, f"{option}.{key}", as_stored)
    raise _Bad(option, key, ValueError(f"expected one of {', '.join(column.fields)}"))


def _normal_atom(column: Column, value: Any, option: str, as_stored: bool) -> Any:
    if not column.refers:
        return _parsed(column.parse, value, option, as_stored)
    if value is None:
        return None
    try:
        return _normal_ref(value, as_stored)
    except _Bad as bad:
        # The option that holds the reference is the one to blame for the name in it, whatever the referred row calls that.
        raise _Bad(bad.option if bad.option in TABLES[column.refers].beside else option, bad.value, bad.error) from None


def _normal_ref(ref: Ref, as_stored: bool) -> Ref:
    try:
        return _shared(ref, as_stored)
    except TypeError:
        # A list or dictionary where a name belongs: its parser says so.
        return _checked(ref, as_stored)


def _checked(ref: Ref, as_stored: bool) -> Ref:
    parts = zip(TABLES[ref.table].key, ref.key)
    return Ref(ref.table, tuple(_parsed(part.parse, value, part.beside or part.option, as_stored) for part, value in parts))


# Many rows refer to the same one.
_shared = lru_cache(maxsize=4096)(_checked)


def _parsed(parse: Parse, value: Any, option: str, as_stored: bool) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        # Words to choose from are part of the schema: no writer can store others.
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if as_stored and not isinstance(parse, Choice) and (is_number if isinstance(parse, Integer) else _is_storable(value)):
            return value
        raise _Bad(option, value, error) from None


def _is_storable(value: Any) -> bool:
    try:
        return text(value) == value
    except ValueError:
        return False
