# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for a row: a replica of the rows and columns that matter, and nothing else, kept by the server's own updates."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError, accepted, check
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Parse, ip, name, string, text, tolerant, tunnel_ipv4
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import DATABASE, TABLES, Column, own_parts

try:
    from ovs.db import idl
    from ovsdbapp.backend.ovs_idl import idlutils
    from ovsdbapp.exceptions import TimeoutException

    OVSDBAPP_ERROR = None
except ImportError:
    OVSDBAPP_ERROR = traceback.format_exc()


class Watch:
    """Rows of one table that match. ``match`` is option -> value, in the words of the modules; lists and dictionaries match
    when the row has at least these members. ``place`` is where the options are, for errors.

    Raises ``UserError`` for an option that the table does not have, and for a value that no row can have.
    """

    def __init__(self, table: str, match: dict[str, Any], place: str = "") -> None:
        self.table = table
        self.place = place
        spec = TABLES[table]
        start, parts = own_parts(table)
        self.keys = {part.option: part for part in parts}
        self.columns = {part.option: (part.column, Column("atom", part.parse, refers=part.refers)) for part in parts}
        self.columns |= {column.option or held: (held, column) for held, column in spec.named.items()}
        self.owner: str | None = None
        if start and spec.owner:
            # The column is the owner's, and holds the row.
            self.owner = spec.key[0].option
            self.columns[self.owner] = (spec.owner[1], Column("atom", spec.key[0].parse))
        unknown = sorted(map(str, set(match) - self.columns.keys()))
        if unknown:
            raise UserError(f"{place}{unknown[0]}: {table} has no {unknown[0]!r}; expected: {', '.join(sorted(self.columns))}")
        self.match = {option: self._read(option, value) for option, value in match.items()}

    def _read(self, option: str, value: Any) -> Any:
        """A value in normal form, as the modules read it."""
        column, where = self.columns[option][1], f"{self.place}{option}"
        parse = _reading(column)
        if column.kind == "map":
            check(isinstance(value, dict), where, value, "a dictionary")
            read: dict[str, Any] = {}
            for given, member in value.items():
                key = str(accepted(string if column.key is text else column.key, where, given))
                check(key not in read, where, given, f"each key once, and {key} is already given in another spelling")
                read[key] = accepted(parse, where, member)
            return read
        if column.kind == "set":
            members = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
            return [accepted(parse, where, member) for member in members]
        return None if value is None and column.kind == "optional" else accepted(parse, where, value)

    def needs(self) -> Iterator[tuple[str, str, list[str]]]:
        """What tells whether a row matches: an option, and the table and columns that it takes."""
        yield "table", self.table, []
        for option in self.match:
            held, column = self.columns[option]
            owner = TABLES[self.table].owner
            if option == self.owner and owner:
                yield option, owner[0], [_name_column(owner[0]), held]
                continue
            yield option, self.table, [held]
            if column.through:
                yield option, column.through[0], [column.through[1]]
            if column.refers:
                yield option, column.refers, [_name_column(column.refers)]

    def conditions(self) -> list | str:
        """What the server is asked for; of a MAC table, which may be large, just the address."""
        for option, part in self.keys.items():
            if option in self.match and not part.refers and not part.open:
                return [[part.column, "==", spelled] for spelled in part.spellings(self.match[option])]
        return [True]

    def found(self, replica: idl.Idl) -> dict | None:
        """A row that matches, as plain data of the options that were asked for."""
        owners = self._owners(replica)
        for row in replica.tables[self.table].rows.values():
            plain = {option: owners.get(row.uuid) if option == self.owner else self._plain(row, option) for option in self.match}
            if all(_fits(plain[option], value) for option, value in self.match.items()):
                return {**plain, "_uuid": str(row.uuid)}
        return None

    def _owners(self, replica: idl.Idl) -> dict:
        owner = TABLES[self.table].owner
        if self.owner not in self.match or not owner:
            return {}
        table, column = owner
        return {
            child.uuid: getattr(row, _name_column(table)) for row in replica.tables[table].rows.values() for child in getattr(row, column)
        }

    def _plain(self, row: Any, option: str) -> Any:
        held, column = self.columns[option]
        value = getattr(row, held)
        if column.through:
            between = value if isinstance(value, list) else [value]
            value = [member for one in between for member in getattr(one, column.through[1])]
        if isinstance(value, dict):
            return {str(tolerant(column.key, key)): _named(member, column) for key, member in value.items()}
        if isinstance(value, list):
            members = [_named(member, column) for member in value]
            return (members or [None])[0] if column.kind in ("atom", "optional") else sorted(members)
        return _named(value, column)


def wait(schema: dict, remotes: str, watch: Watch, absent: bool, deadline: float, what: str, once: bool) -> dict | None:
    """Wait until a row matches, or none does (``absent``); the row.

    ``schema``: what the server at ``remotes`` says of its database. ``deadline``: of the monotonic clock, in seconds.
    ``what``: what is waited for, in words. ``once``: just look.
    Raises ``UserError`` when the time is up, or where the server's schema lacks what is waited for, and ``MissingLibrary`` where
    ovsdbapp is not installed.
    """
    if OVSDBAPP_ERROR:
        raise MissingLibrary("ovsdbapp", OVSDBAPP_ERROR)
    helper = idl.SchemaHelper(schema_json=schema)
    older = f"the server's {DATABASE} schema is older and has no"
    for option, table, columns in watch.needs():
        if table not in schema["tables"]:
            raise UserError(f"{older} table {table}, so no row of {watch.table} can come or go; leave this task out")
        for column in columns:
            if column not in schema["tables"][table]["columns"]:
                raise UserError(f"{watch.place}{option}: {older} {table}.{column}; leave it out")
        helper.register_columns(table, columns)
    replica = idl.Idl(remotes, helper)
    replica.cond_change(watch.table, watch.conditions())
    started = time.monotonic()
    try:
        while True:
            # The first change is the replica's arrival.
            left = deadline - time.monotonic()
            # No time at all would mean no limit.
            if left <= 0:
                raise TimeoutException(commands=[watch.table], timeout=0, cause=what)
            idlutils.wait_for_change(replica, left)
            found = watch.found(replica)
            if bool(found) != absent or once:
                return found
    except TimeoutException:
        raise UserError(f"timeout: waited {time.monotonic() - started:.1f} s for {what}") from None
    finally:
        replica.close()


def _name_column(table: str) -> str:
    label = TABLES[table].label
    return TABLES[table].key[-1 if label is None else label].column


def _parse(column: Column) -> Parse:
    """The normal form of a value, or a member; of a reference, of the name of its row."""
    target = TABLES.get(column.refers or "")
    parse = target.key[target.label or 0].parse if target else column.parse
    # Other programs have locators with IPv6 addresses.
    return ip if parse is tunnel_ipv4 else parse


def _named(value: Any, column: Column) -> Any:
    if column.refers and isinstance(value, idl.Row):
        value = getattr(value, _name_column(column.refers))
    return tolerant(_parse(column), value)


def _reading(column: Column) -> Parse:
    """How a value, or a member, of a task is read: of what is text in the database, YAML makes numbers and booleans."""
    parse = _parse(column)
    if parse is bool:
        return _boolean
    if parse is text and column.kind == "map":
        return string
    if parse in (name, text):
        return lambda value: parse(str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value)
    return parse


def _boolean(value: Any) -> bool:
    said = {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
    if said is None:
        raise ValueError("expected true or false")
    return said


def _fits(held: Any, wanted: Any) -> bool:
    if isinstance(held, dict):
        return all(held.get(key) == value for key, value in wanted.items())
    if isinstance(held, list):
        return set(wanted) <= set(held)
    return held == wanted
