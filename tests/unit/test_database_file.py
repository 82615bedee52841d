# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which transactions of a database's file an update tells of, however far the file is ahead of the updates."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.database_file import DatabaseFile
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.log_rows import types
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.replica import compact

SEVERAL = {"min": 0, "max": "unlimited"}
SCHEMA = {
    "tables": {
        "Port": {
            "columns": {
                "name": {"type": "string"},
                "key": {"type": {"key": "integer", "min": 0, "max": 1}},
                "ips": {"type": {"key": "string", **SEVERAL}},
                "config": {"type": {"key": "string", "value": "string", **SEVERAL}},
                # In updates, and not in the file.
                "status": {"type": "string", "ephemeral": True},
                # In the file, and not in updates.
                "unfollowed": {"type": "integer"},
            }
        }
    }
}
FOLLOWED = ["name", "key", "ips", "config", "status"]
COLUMNS = {"Port": {name: types(SCHEMA)["Port"][name] for name in FOLLOWED}}
# What a row has of which nothing was said (RFC 7047, section 5.2.1).
DEFAULTS = {"name": "", "key": ["set", []], "ips": ["set", []], "config": ["map", []], "status": "", "unfollowed": 0}
UUIDS = ["r0", "r1", "r2"]
Row = dict[str, Any]
State = dict[str, Row]


def a_set(members: list) -> Any:
    return members[0] if len(members) == 1 else ["set", members]


# Sets and maps in any order, as a file and an update need not agree on it.
SETS = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)
VALUES = {
    "name": st.sampled_from(["", "x", "y"]),
    "key": st.sampled_from([["set", []], 0, 5]),
    "ips": SETS.map(a_set),
    "config": st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")).map(
        lambda held: ["map", [list(pair) for pair in held.items()]]
    ),
    "status": st.sampled_from(["", "up"]),
    "unfollowed": st.sampled_from([0, 1]),
}
#: What a transaction makes of a row: nothing of it, or new values of some columns.
WRITES = st.dictionaries(st.sampled_from(UUIDS), st.none() | st.fixed_dictionaries({}, optional=VALUES), min_size=1)


def plain(name: str, value: Any) -> Any:
    """A value in which the order of members does not count."""
    return json.dumps([value[0], sorted(value[1])]) if isinstance(value, list) else value


def difference(name: str, old: Any, new: Any) -> Any:
    """What the file says of a column that changes (ovsdb(5)), worked out by another way than the one that is tested."""
    if name == "config":
        was, now = dict(old[1]), dict(new[1])
        gone = [[key, value] for key, value in was.items() if key not in now]
        return ["map", gone + [[key, value] for key, value in now.items() if was.get(key) != value]]
    if name == "ips":
        was, now = ({*value[1]} if isinstance(value, list) else {value} for value in (old, new))
        return a_set(sorted(was ^ now))
    return new


class World:
    """A database with its file, and the updates that it owes to who follows it."""

    def __init__(self, path: Path, is_difference: bool) -> None:
        self.path = path
        self.is_difference = is_difference
        self.rows: State = {}
        self.told: State = {}
        self.append(SCHEMA)

    def append(self, record: dict) -> None:
        data = f"{json.dumps(record)}\n".encode()
        head = f"OVSDB JSON {len(data)} {hashlib.sha1(data).hexdigest()}\n".encode()
        with self.path.open("ab") as file:
            file.write(head + data)

    def transact(self, number: int, writes: dict[str, Row | None]) -> None:
        said: dict[str, Any] = {}
        for uuid, values in writes.items():
            old = self.rows.get(uuid)
            if values is None:
                if old:
                    said[uuid] = None
                    del self.rows[uuid]
                continue
            base = old or DEFAULTS
            new = self.rows[uuid] = {**base, **values}
            changed = {name for name in new if name != "status" and plain(name, new[name]) != plain(name, base[name])}
            if changed or not old:
                by_members = self.is_difference and old
                said[uuid] = {name: difference(name, base[name], new[name]) if by_members else new[name] for name in sorted(changed)}
        self.append({"_date": number, "_comment": str(number), **({"_is_diff": True} if self.is_difference else {}), "Port": said})

    def update(self) -> dict:
        """What has changed since the last update (RFC 7047, section 4.1.6)."""
        now = {uuid: {name: row[name] for name in FOLLOWED} for uuid, row in self.rows.items()}
        found: dict[str, Any] = {}
        for uuid in {*self.told, *now}:
            old, new = self.told.get(uuid), now.get(uuid)
            if old and new:
                changed = {name: old[name] for name in FOLLOWED if plain(name, old[name]) != plain(name, new[name])}
                found.update({uuid: {"old": changed, "new": new}} if changed else {})
            else:
                found[uuid] = {"old": old} if old else {"new": new}
        self.told = now
        return {"Port": found} if found else {}


def logged(update: dict) -> bool:
    """Whether the update tells of something that the file has as well."""
    return any("new" not in row or "old" not in row or row["old"].keys() - {"status"} for row in update.get("Port", {}).values())


class Reader:
    """Who follows the updates, and asks the file for their comments."""

    def __init__(self, world: World) -> None:
        self.file = DatabaseFile(str(world.path))
        self.rows: State = {}

    def comments(self, update: dict) -> list[int]:
        found = self.file.of(update, COLUMNS, self.before)
        for uuid, row in update.get("Port", {}).items():
            if "new" in row:
                self.rows[uuid] = row["new"]
            else:
                del self.rows[uuid]
        return [int(record.comment) for record in found]

    def before(self, table: str, uuid: str) -> Row | None:
        assert table == "Port"
        row = self.rows.get(uuid)
        return None if row is None else {name: compact(value) for name, value in row.items()}


def over_random_transactions(test: Any) -> Any:
    """Both kinds of files, each with any transactions."""
    test = given(data=st.data(), all_writes=st.lists(WRITES, min_size=1, max_size=8))(test)
    test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)(test)
    return pytest.mark.parametrize("is_difference", [True, False], ids=["differences", "whole values"])(test)


@over_random_transactions
def test_each_update_has_the_comment_of_its_transaction(tmp_path_factory, data, all_writes, is_difference):
    """A server that tells of each transaction, and a reader that is any number of transactions behind."""
    world = World(tmp_path_factory.mktemp("database") / "db", is_difference)
    reader = Reader(world)
    waiting: list[tuple[int, dict]] = []
    for number, writes in enumerate(all_writes):
        world.transact(number, writes)
        if update := world.update():
            waiting.append((number, update))
        for _step in range(data.draw(st.integers(0, len(waiting)), label="updates read")):
            number_of, told = waiting.pop(0)
            assert reader.comments(told) == ([number_of] if logged(told) else [])
    for number_of, told in waiting:
        assert reader.comments(told) == ([number_of] if logged(told) else [])


@over_random_transactions
def test_updates_of_several_transactions(tmp_path_factory, data, all_writes, is_difference):
    """A server that tells of some together: each comment comes once at most, in order, and never before its update; none is missed."""
    world = World(tmp_path_factory.mktemp("database") / "db", is_difference)
    reader = Reader(world)
    waiting: list[tuple[int, dict]] = []
    for number, writes in enumerate(all_writes):
        world.transact(number, writes)
        if (number == len(all_writes) - 1 or data.draw(st.booleans(), label="told at once")) and (update := world.update()):
            waiting.append((number, update))
    seen: list[int] = []
    for last, update in waiting:
        found = reader.comments(update)
        assert bool(found) == logged(update)
        assert not found or found[-1] <= last
        seen += found
    assert seen == sorted(set(seen))


def test_what_was_appended_before_is_forgotten(tmp_path):
    """An update whose transaction is not in what is left of the file has no comment, and takes none from others."""
    world = World(tmp_path / "db", is_difference=True)
    reader = Reader(world)
    world.transact(0, {"r0": {"ips": "a"}})
    reader.file.skip()
    first = world.update()
    world.transact(1, {"r0": {"ips": ["set", ["a", "b"]]}})
    second = world.update()
    assert reader.comments(first) == []
    assert reader.comments(second) == [1]


def test_what_is_changed_and_changed_back_is_not_left_for_the_next_update(tmp_path):
    """A server that tells of three transactions at once, of which the last takes back what the first has done."""
    world = World(tmp_path / "db", is_difference=True)
    reader = Reader(world)
    world.transact(0, {"r0": {"ips": "a"}})
    assert reader.comments(world.update()) == [0]
    for number, writes in enumerate([{"r0": {"ips": "b"}}, {"r1": {}}, {"r0": {"ips": "a"}}], 1):
        world.transact(number, writes)
    assert reader.comments(world.update()) == [1, 2, 3]
    world.transact(4, {"r0": {"ips": "c"}})
    assert reader.comments(world.update()) == [4]


def test_a_row_that_comes_back_under_its_uuid_is_another_row(tmp_path):
    """A transaction may name the UUID of a new row (ovsdb-server(7)): what the file says of it is whole then, and no difference."""
    world = World(tmp_path / "db", is_difference=True)
    reader = Reader(world)
    for number, writes in enumerate([{"r1": {"ips": "c"}}, {"r0": {}, "r1": None}, {"r1": {"ips": "c"}}, {"r0": None, "r1": {"key": 0}}]):
        world.transact(number, writes)
        if number in (0, 2):
            assert reader.comments(world.update()) == ([0] if number == 0 else [1, 2])
    assert reader.comments(world.update()) == [3]
