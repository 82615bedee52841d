# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for a row: a replica of the rows and columns that matter, and nothing else, kept by the server's own updates."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import MissingLibrary, UserError, accepted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Parse, string, text, tolerant
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
    when the row has at least these members.

    Raises ``UserError`` for an option that the table does not have.
    """

    def __init__(self, table: str, match: dict[str, Any]) -> None:
        self.table = table
        spec = TABLES[table]
        start, parts = own_parts(table)
        self.owner = spec.key[0].option if start else None
        self.keys = {part.option: part for part in parts}
        self.columns = {column.option or name: (name, column) for name, column in spec.named.items()}
        known = {*self.keys, *self.columns, *([self.owner] if self.owner else [])}
        unknown = sorted(set(match) - known)
        if unknown:
            raise UserError(f"match: {table} has no {unknown[0]!r}; expected: {', '.join(sorted(known))}")
        self.match = {option: self._normal(option, value) for option, value in match.items()}

    def _normal(self, option: str, value: Any) -> Any:
        part = self.keys.get(option)
        if part and not part.refers:
            return accepted(part.parse, option, value)
        parse = self._parse(option)
        if isinstance(value, list):
            return [tolerant(parse, member) for member in value]
        if isinstance(value, dict):
            key = self.columns[option][1].key if option in self.columns else string
            return {str(tolerant(key, name)): tolerant(parse, member) for name, member in value.items()}
        return tolerant(parse, value)

    def _parse(self, option: str) -> Parse:
        """How a value of this option is read; of a reference, its name."""
        column = None if option == self.owner or option in self.keys else self.columns[option][1]
        target = self.keys[option].refers if option in self.keys else column.refers if column else None
        if target:
            return TABLES[target].key[TABLES[target].label or 0].parse
        return column.parse if column else text

    def needs(self) -> Iterator[tuple[str, list[str]]]:
        """The tables and columns that tell whether a row matches."""
        yield self.table, [self._column(option) for option in self.match if option != self.owner]
        owner = TABLES[self.table].owner
        # A row of the table Global needs no name.
        if self.owner and owner:
            yield owner[0], [_name_column(owner[0]), owner[1]]
        for option in self.match:
            if option in self.keys:
                target, through = self.keys[option].refers, None
            elif option != self.owner:
                target, through = self.columns[option][1].refers, self.columns[option][1].through
            else:
                continue
            if through:
                yield through[0], [through[1]]
            if target:
                yield target, [_name_column(target)]

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
        if not self.owner or not owner:
            return {}
        table, column = owner
        return {
            child.uuid: getattr(row, _name_column(table)) for row in replica.tables[table].rows.values() for child in getattr(row, column)
        }

    def _column(self, option: str) -> str:
        return self.keys[option].column if option in self.keys else self.columns[option][0]

    def _plain(self, row: Any, option: str) -> Any:
        value = getattr(row, self._column(option))
        part = self.keys.get(option)
        column = Column("atom", part.parse, refers=part.refers) if part else self.columns[option][1]
        if column.through:
            between = value if isinstance(value, list) else [value]
            value = [member for one in between for member in getattr(one, column.through[1])]
        if isinstance(value, dict):
            return {str(key): _named(member, column) for key, member in value.items()}
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
    for table, columns in watch.needs():
        if not set(columns) <= schema["tables"].get(table, {"columns": {}})["columns"].keys():
            raise UserError(f"the server's {DATABASE} schema is older and has no {table} with {', '.join(columns)}")
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


def _named(value: Any, column: Column) -> Any:
    if column.refers and isinstance(value, idl.Row):
        return getattr(value, _name_column(column.refers))
    return tolerant(column.parse, value)


def _fits(held: Any, wanted: Any) -> bool:
    if isinstance(held, dict):
        return isinstance(wanted, dict) and all(held.get(str(key)) == str(value) for key, value in wanted.items())
    if isinstance(held, list):
        return isinstance(wanted, list) and set(wanted) <= set(held)
    return held == wanted or (held is not None and str(held) == str(wanted))
