# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads from an OVSDB server what a plan needs, and no more, with every read remembered as a guard.

A read is a ``select``; the same read, sent back as ``wait`` until ``==`` (RFC 7047, section 5.2.6), makes a transaction fail
when what was read is no longer so; sent back as ``wait`` until ``!=``, it waits for news.

What takes several transactions to read was not so at one moment, unless that is shown. A commit shows it, since it carries all
guards. Where none follows, ``prove`` does. Tables that may be long (MAC addresses) are read last, together with the guards of
all that was read before, so that they need not be searched again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, repeat
from typing import Any

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import Parse, tolerant
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.encoding import NOTHING, is_uuid, members, optional
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Have, Ref, Scope, Wanted, as_key, references
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import (
    OWNED,
    REFERRERS,
    TABLES,
    Column,
    is_open,
    is_referable,
    own_parts,
    owner_ref,
    said_key,
)

#: Up to so many rows are asked for one by one; beyond, the whole (switch's) table is read. Each condition is a linear
#: scan on the server, while a row that was not needed costs about 10 us here.
ONE_BY_ONE = 8
#: References to small tables are looked up by UUID, which the server indexes, up to so many at a time.
BY_UUID = 64


class Read:
    """One select and its answer; the base of a guard.

    ``ref``: the one row that it asks for by its key. ``watched``: the columns that a guard compares.
    ``is_long``: whether the table may be long, so that a condition on it costs a scan worth avoiding.
    """

    __slots__ = ("columns", "is_long", "ref", "rows", "table", "watched", "where")

    def __init__(self, table: str, where: list, columns: list[str], ref: Ref | None = None, watched: list[str] | None = None) -> None:
        self.table = table
        self.where = where
        self.columns = columns
        self.watched = columns if watched is None else watched
        self.ref = ref
        self.is_long = not is_referable(table)
        self.rows: list[dict] = []

    def select(self) -> dict:
        """The read as an operation (RFC 7047, section 5.2.2)."""
        return {"op": "select", "table": self.table, "where": self.where, "columns": self.columns}

    def wait(self, until: str = "==") -> dict:
        """An operation (RFC 7047, section 5.2.6) that holds while the answer is what it was, or, ``until`` ``!=``, once it is another."""
        rows = self.rows if self.watched is self.columns else [{name: row[name] for name in self.watched} for row in self.rows]
        return {
            "op": "wait", "timeout": 0, "table": self.table, "where": self.where, "columns": self.watched, "until": until, "rows": rows,
        }  # fmt: skip

    def guards(self, created: set[Ref]) -> list[dict]:
        """What makes a commit fail when this is not so any more. A condition on a key is a scan on the server, a UUID is
        indexed: unless the commit creates the row, it is enough that what was found is as it was."""
        if self.ref is None or self.ref in created:
            return [self.wait()]
        wait = self.wait()
        return [{**wait, "where": is_uuid(row["_uuid"]), "rows": [row]} for row in wait["rows"]]


class Look:
    """A look at the rows that a task is about. ``db`` is a connected ``Database``.

    Every method that reads raises ``Conflict`` where another writer came in between: then look again.
    ``status``: read what the VTEP itself reports, too. No guard compares it: a counter that ticks would fail every one.
    ``assume_new``: rows that are asked for by their key, and to which nothing refers, are taken for absent; ``assumed`` says
    whether there was one. Where that is true it saves half of the scans; where not, the guards tell.
    """

    def __init__(self, db: Any, status: bool = False, assume_new: bool = False) -> None:
        self.db = db
        self.status = status
        self.assume_new = assume_new
        self.assumed = False
        self.reads: list[Read] = []
        self._transactions = 0
        # Whether the last transaction showed that all that was read before was still so.
        self._proven = False
        self._raw: dict[str, dict[str, dict]] = {}
        self._asked: set[str] = set()
        self._whole: set[str] = set()
        self._refs: dict[str, Ref] = {}
        self._owners: dict[str, tuple] = {}
        self._key_readers: dict[str, Callable[[str, dict], tuple]] = {}

    def guards(self, created: set[Ref]) -> list[dict]:
        """What makes a commit that creates these rows fail when anything that was read is no longer so."""
        return [guard for read in self.reads for guard in read.guards(created)]

    def prove(self, searched: bool = False) -> None:
        """Make sure that all that was read was so at one moment; ``Conflict`` where it was not.

        Of long tables, that the rows found are still as they were; ``searched``: and that a search still finds no others.
        """
        if self._transactions > 1 and (not self._proven or searched):
            reads = chain.from_iterable([one.wait()] if searched or not one.is_long else one.guards(set()) for one in self.reads)
            self.db.transact(reads)
        self._proven = True

    def forget(self) -> None:
        """Let go of all that was read, which is not freed by going out of sight, since its readers refer to it."""
        for held in (self.reads, self._raw, self._refs, self._owners, self._key_readers):
            held.clear()

    # -- what a plan needs

    def for_plan(self, wanted: Wanted) -> Current:
        """Read what planning this takes: the rows, what they refer to, and who refers to those that go."""
        named: dict[str, set[tuple]] = {}
        referred: set[Ref] = set()
        for row in (*wanted.present, *wanted.absent):
            named.setdefault(row.table, set()).add(row.key)
            for name in TABLES[row.table].referring:
                if name in row.columns:
                    referred.update(references(row.columns[name]))
        # A map to take entries out of may leave open what they hold.
        for ref in referred - {None}:
            named.setdefault(ref.table, set()).add(ref.key)
        scopes = (*wanted.purge, *wanted.show, *(reset.scope for reset in wanted.reset))
        # Long tables come last, so that what is searched there is known to belong to all the rest.
        for is_long in (False, True):
            self._under_all(scope for scope in scopes if is_referable(scope.table) is not is_long)
            for table, keys in named.items():
                if is_referable(table) is not is_long:
                    self.find(table, keys)
                    self._find_owners(table, keys)
        going = {row.ref for row in wanted.absent if not row.columns} | self._left_over(wanted)
        # With its last member may go one that cannot be without.
        owners = {owner for row in wanted.absent if (owner := owner_ref(row.table, row.key)) and TABLES[owner.table].members}
        going |= owners
        self._under_all(Scope(table, ref.key) for ref in going for table in OWNED[ref.table])
        self._referrers(going)
        return self.current()

    def find(self, table: str, keys: set[tuple]) -> None:
        """Read the rows that these keys name."""
        if not keys:
            return
        self._find_parents(table, keys)
        if table in self._whole:
            return
        start, parts = own_parts(table)
        if len(keys) > ONE_BY_ONE:
            keys = {tuple(value if part.refers else None for part, value in zip(parts, key[start:])) for key in keys}
            start = 0
        wheres: list[list] = []
        refs: list[Ref | None] = []
        for key in keys:
            options: list[list] = [[]]
            # Part of an owned row's key is not in the row itself, so others may have these columns too.
            ref = None if TABLES[table].owner else Ref(table, key)
            for part, value in zip(parts, key[start:]):
                # Not asked for by value: a row with a value of its own serves one that leaves this part open.
                if value is None or part.open:
                    ref = None
                    continue
                if part.refers:
                    parents = self._uuids(part.refers, as_key(value))
                    spellings: list = [["uuid", uuid] for uuid in parents]
                else:
                    spellings = part.spellings(value)
                options = [[*option, [part.column, "==", spelled]] for option in options for spelled in spellings]
            wheres += options
            refs += [ref] * len(options)
        self._select(table, wheres, refs)

    def under(self, table: str, prefix: tuple) -> None:
        """Read all rows whose key begins with this; ``()`` is the whole table."""
        spec = TABLES[table]
        if not prefix or not spec.key[0].refers:
            self._select(table, [[]])
            if spec.owner:
                self.under(spec.owner[0], ())
            return
        parent = spec.key[0].refers
        self.find(parent, {prefix[:1]})
        uuids = self._uuids(parent, prefix[:1])
        if spec.owner:
            children = [child for uuid in uuids for child in members(self._raw[parent][uuid][spec.owner[1]])]
            self._by_uuid(table, [child[1] for child in children])
        else:
            self._select(table, [[[spec.key[0].column, "==", ["uuid", uuid]]] for uuid in uuids])

    def whole(self, tables: Iterable[str]) -> None:
        """Read these tables, and those that they refer to, in one transaction: one consistent picture."""
        closure: list[str] = []
        pending = list(tables)
        while pending:
            table = pending.pop()
            if table not in closure:
                closure.append(table)
                spec = TABLES[table]
                pending += [part.refers for part in spec.key if part.refers]
                pending += [_pointed(column) for column in self._shown(table).values() if column.refers]
        self._read([self._whole_read(table) for table in closure if self.db.has(table)])

    def _under_all(self, scopes: Iterable[Scope]) -> None:
        prefixes: dict[str, set[tuple]] = {}
        for scope in scopes:
            prefixes.setdefault(scope.table, set()).add(scope.prefix)
        for table, some in prefixes.items():
            for prefix in [()] if len(some) > BY_UUID else some:
                self.under(table, prefix)

    def _left_over(self, wanted: Wanted) -> set[Ref]:
        """The rows in the scopes to purge that are not wanted, as far as others may refer to them or belong to them."""
        found = {
            Ref(scope.table, self._key(scope.table, uuid))
            for scope in wanted.purge
            if REFERRERS[scope.table] or OWNED[scope.table]
            for uuid in self._raw.get(scope.table, {})
        }
        return found - {row.ref for row in wanted.present} if found else found

    def _referrers(self, refs: set[Ref]) -> None:
        """Read the rows that refer to these. A map cannot be searched by value, so its table is read whole."""
        for target in {ref.table for ref in refs}:
            uuids = [uuid for ref in refs if ref.table == target for uuid in self._uuids(target, ref.key)]
            for table, column in REFERRERS[target]:
                if not uuids or not self.db.has(table, column):
                    continue
                if len(uuids) > BY_UUID or TABLES[table].columns.get(column, Column("atom")).kind in ("map", "set"):
                    self.under(table, ())
                else:
                    self._select(table, [[[column, "==", ["uuid", uuid]]] for uuid in uuids])

    # -- the wire

    def columns(self, table: str) -> list[str]:
        """The columns to read: those of the key, those that are managed, those that hold owned rows; an older schema
        may lack some."""
        names = ["_uuid", *(part.column for part in own_parts(table)[1]), *self._shown(table)]
        names += [owner[1] for child in OWNED[table] if (owner := TABLES[child].owner)]
        return [name for name in names if self.db.has(table, name)]

    def _select(self, table: str, wheres: Iterable[list], refs: Iterable[Ref | None] = repeat(None)) -> None:
        if table in self._whole or not self.db.has(table):
            return
        columns, watched = self.columns(table), self._watched(table)
        reads = []
        for where, ref in zip(wheres, refs):
            mark = f"{table} {where}"
            if mark not in self._asked:
                self._asked.add(mark)
                reads.append(Read(table, where, columns, ref, watched))
        if not reads:
            return
        if self.assume_new and not is_referable(table) and all(read.ref for read in reads):
            self.assumed = True
            self.reads += reads
            return
        if reads[0].is_long and not all(read.ref for read in reads):
            reads += self._along(table)
        self._read(reads)

    def _watched(self, table: str) -> list[str] | None:
        """The columns that a guard compares, where these are not all that are read."""
        return (
            [name for name in self.columns(table) if name not in TABLES[table].columns or not TABLES[table].columns[name].status]
            if self.status
            else None
        )

    def _whole_read(self, table: str) -> Read:
        return Read(table, [], self.columns(table), watched=self._watched(table))

    def _along(self, table: str) -> list[Read]:
        """What the many rows of a long table refer to, read with them: nothing has to be read, or proven, after them."""
        tables = {_pointed(column) for column in TABLES[table].columns.values() if column.refers}
        tables |= {_pointed(column) for between in tables for column in TABLES[between].columns.values() if column.refers}
        return [self._whole_read(one) for one in sorted(tables) if one not in self._whole and self.db.has(one)]

    def _read(self, reads: list[Read]) -> None:
        is_long = any(read.is_long for read in reads)
        earlier = [read.wait() for read in self.reads if not read.is_long] if is_long else []
        answers = self.db.transact(chain(earlier, (read.select() for read in reads)))[len(earlier) :]
        self._transactions += 1
        # What was read of a long table before is not shown again.
        self._proven = is_long and not any(read.is_long for read in self.reads)
        for read, answer in zip(reads, answers):
            read.rows = answer["rows"]
            self.reads.append(read)
            held = self._raw.setdefault(read.table, {})
            for row in read.rows:
                held[row["_uuid"][1]] = row
            if not read.where:
                self._whole.add(read.table)

    def _by_uuid(self, table: str, uuids: Iterable[str]) -> None:
        held = self._raw.setdefault(table, {})
        missing = [uuid for uuid in uuids if uuid not in held]
        if len(missing) > BY_UUID:
            self._select(table, [[]])
        else:
            self._select(table, [is_uuid(["uuid", uuid]) for uuid in missing])

    # -- names

    def _find_parents(self, table: str, keys: set[tuple]) -> None:
        self._find_owners(table, keys)
        if TABLES[table].is_single:
            self._select(table, [[]])
        for index, target in TABLES[table].key_references:
            self.find(target, {as_key(key[index]) for key in keys})

    def _find_owners(self, table: str, keys: set[tuple]) -> None:
        owners = {owner for key in keys if (owner := owner_ref(table, key))} if TABLES[table].owner else set()
        for target in {owner.table for owner in owners}:
            self.find(target, {owner.key for owner in owners})

    def _uuids(self, table: str, key: tuple) -> list[str]:
        """The rows of this name; of one that leaves a part open, all that have the rest."""
        ref = Ref(table, key)
        if is_open(ref):
            return [uuid for uuid in self._raw.get(table, {}) if said_key(Ref(table, self._key(table, uuid))) == said_key(ref)]
        return [uuid for uuid in self._raw.get(table, {}) if self._key(table, uuid) == key]

    def _resolve(self) -> None:
        """Read the rows that the rows at hand refer to, and those that own them, until every one has a name."""
        done: set[str] = set()
        while True:
            missing: dict[str, set[str]] = {}
            for table in list(self._raw):
                spec = TABLES[table]
                if spec.owner:
                    self._own(spec.owner)
                pointing = [(part.column, part.refers) for part in own_parts(table)[1] if part.refers]
                pointing += [(name, _pointed(column)) for name, column in spec.columns.items() if column.refers]
                for column, target in pointing:
                    rows = self._raw[table].values()
                    found = {member[1] for row in rows for member in members(row.get(column, NOTHING))} - done
                    missing.setdefault(target, set()).update(found - self._raw.get(target, {}).keys())
            missing = {table: uuids for table, uuids in missing.items() if uuids}
            if not missing:
                break
            for table, uuids in missing.items():
                done |= uuids
                self._by_uuid(table, uuids)
        for table, spec in TABLES.items():
            if spec.owner and self._raw.get(table):
                self._own(spec.owner)

    def _own(self, owner: tuple[str, str]) -> None:
        """Which row owns which, from the owners read so far."""
        table, column = owner
        for uuid, row in self._raw.get(table, {}).items():
            key = self._key(table, uuid)
            for child in members(row.get(column, NOTHING)):
                self._owners[child[1]] = key

    def _key(self, table: str, uuid: str) -> tuple:
        return self._key_reader(table)(uuid, self._raw[table][uuid])

    def _key_reader(self, table: str) -> Callable[[str, dict], tuple]:
        """What makes the key of a raw row; made once for all rows of a table."""
        reader = self._key_readers.get(table)
        if reader is None:
            reader = self._key_readers[table] = self._new_key_reader(table)
        return reader

    def _new_key_reader(self, table: str) -> Callable[[str, dict], tuple]:
        spec = TABLES[table]
        owner = spec.owner if spec.owner and spec.key and spec.key[0].refers == spec.owner[0] else None
        parts = [(part.column, part.refers, part.parse) for part in own_parts(table)[1]]

        def part_of(row: dict, column: str, target: str | None, parse: Callable[[Any], Any]) -> Any:
            value = optional(row.get(column, NOTHING))
            if not target:
                return tolerant(parse, value)
            key = self._ref(target, value[1]).key
            return key[0] if len(key) == 1 else key

        def read(uuid: str, row: dict) -> tuple:
            own = tuple([part_of(row, *part) for part in parts])
            if owner is None:
                return own
            if uuid not in self._owners:
                self._own(owner)
            return self._owners.get(uuid, (None,)) + own

        return read

    def _ref(self, table: str, uuid: str) -> Ref:
        ref = self._refs.get(uuid)
        if ref is None:
            if uuid not in self._raw.get(table, {}):
                # A row that is not read yet, or not there any more, has its UUID for a name; the guard will tell.
                return Ref(table, (uuid,))
            ref = self._refs[uuid] = Ref(table, self._key(table, uuid))
        return ref

    # -- the result

    def current(self) -> Current:
        """Everything read, by name and in normal form."""
        self._resolve()
        current = Current()
        for table, held in self._raw.items():
            spec = TABLES[table]
            if spec.is_nameless:
                continue
            rows = current.rows.setdefault(table, {})
            readers = [(name, self._reader(column)) for name, column in self._shown(table).items()]
            key_of = self._key_reader(table)
            for uuid, raw in held.items():
                columns = {name: read(raw.get(name)) for name, read in readers}
                rows.setdefault(key_of(uuid, raw), []).append(Have(uuid, columns))
        return current

    def _shown(self, table: str) -> dict[str, Column]:
        """The columns that are read; of those that only the VTEP writes, the ones that a server or a saved database has."""
        spec = TABLES[table]
        return (
            {name: column for name, column in spec.columns.items() if self._reports(table, name, column)} if self.status else spec.managed
        )

    def _reports(self, table: str, name: str, column: Column) -> bool:
        if not column.status:
            return True
        target = TABLES.get(column.refers or "")
        # Where the values are rows without a name, they are these rows' columns.
        return self.db.has(table, name) and (not target or any(self.db.has(column.refers or "", one) for one in target.columns))

    def _reader(self, column: Column) -> Parse:
        """What brings the raw value of a column into normal form; made once for all rows. ``None``: an older schema lacks it."""
        parse, target, key = column.parse, column.refers, column.key
        atom: Parse = partial(tolerant, parse)
        if target:
            atom = self._row_reader(target) if TABLES[target].is_nameless else lambda value: self._ref(target, value[1])

        if column.through:
            between, holding = column.through
            sets = self._raw.get(between, {})
            return lambda raw: frozenset(
                atom(member) for one in members(raw or NOTHING) if one[1] in sets for member in members(sets[one[1]][holding])
            )
        if column.kind == "map":
            return lambda raw: {tolerant(key, name): atom(value) for name, value in raw[1]} if raw else {}
        if column.kind == "set":
            return lambda raw: frozenset(map(atom, members(NOTHING if raw is None else raw)))

        def one(raw: Any) -> Any:
            value = None if raw is None else optional(raw)
            return None if value is None else atom(value)

        return one

    def _row_reader(self, table: str) -> Parse:
        """What makes the columns of a row without a name of the reference to it."""
        rows = self._raw.get(table, {})
        readers = [(name, self._reader(column)) for name, column in self._shown(table).items()]

        def row_of(reference: Any) -> dict[str, Any]:
            row = rows.get(reference[1])
            return {name: read(row.get(name)) for name, read in readers} if row else {}

        return row_of


def _pointed(column: Column) -> str:
    """The table whose rows a referring column points to."""
    return column.through[0] if column.through else column.refers or ""
