# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words in which a module says what it wants: rows, references, and what to do with them. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple


class VtepError(Exception):
    """What went wrong, in words for the person who wrote the task: option, value and remedy."""


class Missing(VtepError):
    """A row that has to be there is not; ``table`` and ``key`` say which, so that a module may wait for it."""

    def __init__(self, message: str, table: str, key: tuple):
        super().__init__(message)
        self.table = table
        self.key = key


class Ref(NamedTuple):
    """A row of another table, by the names that identify it instead of its UUID."""

    table: str
    key: tuple


class Add(NamedTuple):
    """Members to add to a set or a map; those that are there already stay."""

    members: Any


@dataclass(slots=True)
class Row:
    """One row by table and key. ``columns`` holds the managed columns only: what is left out is not touched.

    A value replaces the column; ``Add`` merges into it; ``None`` clears an optional one.
    """

    table: str
    key: tuple
    columns: dict = field(default_factory=dict)
    must_exist: bool = False

    @property
    def ref(self) -> Ref:
        return Ref(self.table, self.key)


class Scope(NamedTuple):
    """All rows of a table whose key begins with ``prefix``."""

    table: str
    prefix: tuple


class Reset(NamedTuple):
    """The rows of a scope that are not named get the default in these columns, and stay."""

    scope: Scope
    columns: tuple[str, ...]


@dataclass(slots=True)
class Desired:
    """What one task wants.

    ``present``: rows that shall exist, with these columns.
    ``absent``: rows that shall not; one with columns loses only these members, and goes when nothing is left in it.
    ``purge``: scopes in which no row but those of ``present`` shall be left.
    ``show``: scopes that are read only to be returned.
    ``cascade``: rows that refer to a deleted row go with it, instead of being an error.
    ``reset``: rows that are not ours to remove, and lose their configuration where ``present`` does not name them.
    ``place``: where a row came from, such as ``entries[3]``, from its index and itself; for errors.
    """

    present: list[Row] = field(default_factory=list)
    absent: list[Row] = field(default_factory=list)
    purge: list[Scope] = field(default_factory=list)
    show: list[Scope] = field(default_factory=list)
    cascade: bool = False
    reset: list[Reset] = field(default_factory=list)
    place: Callable[[int, Row], str] | None = None


def managed(**columns: Any) -> dict:
    """The columns that the user set: an option that was left out (None) is not managed."""
    return {name: value for name, value in columns.items() if value is not None}


@lru_cache(maxsize=4096)
def locator(dst_ip: str, encapsulation: str = "vxlan_over_ipv4", tunnel_key: int | None = None) -> Ref:
    """The far end of a tunnel (vtep.5, Physical_Locator)."""
    return Ref("Physical_Locator", (encapsulation, dst_ip, tunnel_key))


def entry_place(index: int, unused: Row) -> str:
    """The place of a row that came from the option ``entries``."""
    return f"entries[{index}]"


def refs(table: str, names: dict[Any, str] | None) -> dict[Any, Ref] | None:
    """A dictionary of names as one of references to rows that have this one name."""
    return None if names is None else {key: Ref(table, (name,)) for key, name in names.items()}
