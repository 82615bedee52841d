# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wanted rows in normal form: every key and value checked against the tables, errors in the words of the user's options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Parse
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Ref, Row, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, Column, Key, describe


def normalise(wanted: Wanted) -> Wanted:
    """The same with every key and value checked and in normal form.

    Raises ``UserError`` that names the option and the value, also for a row that is listed twice.
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
    place, options = wanted.place, wanted.options
    normal: list[Row] = []
    seen: dict[tuple, int] = {}
    for index, row in enumerate(rows):
        spec = TABLES[row.table]
        try:
            key = tuple([_normal_part(part, value) for part, value in zip(spec.key, row.key)])
            columns = {name: _normal_value(spec.columns[name], name, value, options.get(name)) for name, value in row.columns.items()}
        except _Bad as bad:
            where = f"{place(index, row)}." if place else ""
            raise UserError(f"{where}{bad.option}: {bad}") from None
        identity = (row.table, key)
        earlier = seen.setdefault(identity, index)
        if earlier != index:
            what = "the same twice" if normal[earlier].columns == columns else "two different things"
            both = f"{place(earlier, rows[earlier])} and {place(index, row)}" if place else "two options"
            raise UserError(f"{both}: {describe(Ref(*identity))} is listed more than once, saying {what}; keep one of them")
        normal.append(Row(row.table, key, columns, row.must_exist))
    return normal


def _normal_part(part: Key, value: Any) -> Any:
    if part.refers and isinstance(value, tuple):
        try:
            return _normal_ref(Ref(part.refers, value)).key
        except _Bad as bad:
            raise _Bad(part.option, bad.value, bad.error) from None
    return _parsed(part.parse, value, part.option)


def _normal_value(column: Column, name: str, value: Any, said: str | None) -> Any:
    option = said or column.option or name
    if isinstance(value, Add):
        return Add(_normal_value(column, name, value.members, said))
    if value is None:
        return None
    if column.kind == "set":
        return frozenset([_normal_atom(column, member, option) for member in value])
    if column.kind == "map":
        key_option, value_option = column.entry if column.entry and not said else (option, option)
        return {_parsed(column.key, k, key_option): _normal_atom(column, v, value_option) for k, v in value.items()}
    return _normal_atom(column, value, option)


def _normal_atom(column: Column, value: Any, option: str) -> Any:
    if not column.refers:
        return _parsed(column.parse, value, option)
    if value is None:
        return None
    try:
        return _normal_ref(value)
    except _Bad as bad:
        # The option that holds the reference is the one to blame for the name in it, whatever the referred row calls that.
        raise _Bad(bad.option if bad.option in TABLES[column.refers].beside else option, bad.value, bad.error) from None


def _normal_ref(ref: Ref) -> Ref:
    try:
        return _shared(ref)
    except TypeError:
        # A list or dictionary where a name belongs: its parser says so.
        return _checked(ref)


def _checked(ref: Ref) -> Ref:
    parts = zip(TABLES[ref.table].key, ref.key)
    return Ref(ref.table, tuple(_parsed(part.parse, value, part.beside or part.option) for part, value in parts))


# Many rows refer to the same one.
_shared = lru_cache(maxsize=4096)(_checked)


def _parsed(parse: Parse, value: Any, option: str) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise _Bad(option, value, error) from None
