# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words in which a task says what it wants, and those in which a database says what it holds. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError


class Missing(UserError):
    """A row that has to be there is not; ``table`` and ``key`` say which, so that a task may wait for it."""

    def __init__(self, message: str, table: str, key: tuple) -> None:
        super().__init__(message)
        self.table = table
        self.key = key


class Ref(NamedTuple):
    """A row of another table, by the names that identify it instead of its UUID."""

    table: str
    key: tuple


class Scope(NamedTuple):
    """All rows of a table whose key begins with ``prefix``."""

    table: str
    prefix: tuple


# -- what a task wants ----------------------------------------------------------------------------------------------


#: Shared, since nearly every row has none.
NO_DOUBTS: Mapping[str, str] = MappingProxyType({})


class Add(NamedTuple):
    """Members to add to a set or a map; those that are there already stay."""

    members: Any


@dataclass(slots=True)
class Row:
    """One row by table and key. ``columns`` holds the managed columns only: what is left out is not touched.

    A value replaces the column; ``Add`` merges into it; ``None`` clears an optional one.
    ``doubts``: what is wrong with a value, by column, and with the key as ``""``. It may be left as it is where another
    writer stored it, and is never written.
    """

    table: str
    key: tuple
    columns: dict[str, Any] = field(default_factory=dict)
    must_exist: bool = False
    doubts: Mapping[str, str] = field(default_factory=lambda: NO_DOUBTS)

    @property
    def ref(self) -> Ref:
        """The row's name."""
        return Ref(self.table, self.key)


class Reset(NamedTuple):
    """The rows of a scope that are not named get the default in these columns, and stay."""

    scope: Scope
    columns: tuple[str, ...]


@dataclass(slots=True)
class Wanted:
    """What one task wants.

    ``present``: rows that shall exist, with these columns.
    ``absent``: rows that shall not; one with columns loses only these members, and goes when nothing is left in it.
    ``purge``: scopes in which no row but those of ``present`` shall be left.
    ``show``: scopes that are read only to be returned.
    ``cascade``: rows that refer to a deleted row go with it, instead of being an error.
    ``reset``: rows that are not ours to remove, and lose their configuration where ``present`` does not name them.
    ``keep_twins``: where others wrote a row twice and one of them is as it is wanted, the other stays, too.
    ``place``: where a row came from, such as ``entries[3]``, from its index and itself; for errors.
    ``options``: the option that holds a column, where it is not the one that the tables name; for errors, too.
    """

    present: list[Row] = field(default_factory=list)
    absent: list[Row] = field(default_factory=list)
    purge: list[Scope] = field(default_factory=list)
    show: list[Scope] = field(default_factory=list)
    cascade: bool = False
    reset: list[Reset] = field(default_factory=list)
    keep_twins: bool = False
    place: Callable[[int, Row], str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def managed(**columns: Any) -> dict[str, Any]:
    """The columns that the user set: an option that was left out (None) is not managed."""
    return {name: value for name, value in columns.items() if value is not None}


def entry_place(index: int, unused: Row) -> str:
    """The place of a row that came from the option ``entries``."""
    return f"entries[{index}]"


# -- what a database holds ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Have:
    """A row of the database: its UUID and its columns in normal form."""

    uuid: str
    columns: dict[str, Any]


@dataclass(slots=True)
class Current:
    """A part of the database: table -> key -> rows (more than one where others wrote twins)."""

    rows: dict[str, dict[tuple, list[Have]]] = field(default_factory=dict)

    def get(self, table: str, key: tuple) -> list[Have]:
        """The rows of this name."""
        return self.rows.get(table, {}).get(key, [])

    def under(self, scope: Scope) -> Iterator[tuple[tuple, list[Have]]]:
        """The rows of a scope, by key."""
        size = len(scope.prefix)
        for key, haves in self.rows.get(scope.table, {}).items():
            if key[:size] == scope.prefix:
                yield key, haves


def references(value: Any) -> Iterable[Ref]:
    """What a value of a referring column refers to."""
    if isinstance(value, Add):
        value = value.members
    if isinstance(value, Ref):
        return (value,)
    if isinstance(value, dict):
        return value.values()
    return value or ()


def as_key(part: Any) -> tuple:
    """A part of a key as the key of the row that it names: the name itself, or all of that row's parts."""
    return part if isinstance(part, tuple) else (part,)
