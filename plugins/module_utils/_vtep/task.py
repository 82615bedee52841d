# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task from what it wants to what the database holds: look, plan, guard, commit, retry, wait. No Ansible in it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import NamedTuple
from uuid import uuid4

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._names import EMULATOR, port_trouble, switch_trouble
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import tree
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.commit import commit, operations
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.connection import Conflict, Database, Lost, TimedOut, Unsupported
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.ctl import commands
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, Plan, enumerated, plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Current, Missing, Ref, Row, Scope, Wanted, references
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.saved import Saved
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, describe, owner_ref

#: Seconds after the deadline to find out what an error should say.
SPARE = 2

#: The longest pause, in seconds, before the second try; it doubles with each further one, up to a second.
FIRST_PAUSE = 0.01


def carry_out(db: Database, wanted: Wanted, *, check: bool = False, wait: bool = False, assume_new: bool = False) -> Plan:
    """Bring the database to what is wanted: look, plan, commit, and again where another writer came in between.

    ``wanted`` must be in normal form, ``db`` connected. All of it takes place in one transaction, or none of it.
    ``check``: the changes are planned and not made. ``wait``: a row that must exist and does not (yet) is waited for
    until the deadline of ``db``, and so is the one that owns it. ``assume_new``: try first as if the rows were not there, which saves
    a scan where it is so.
    Returns the plan as it was carried out. Raises ``UserError`` for what cannot be done; then nothing has changed.
    Whatever is returned or raised was true of the database at one moment.
    """
    task = _Task(db, wanted, check, wait)
    # Without a commit no guard tells, and what is to go has to be seen.
    look = Look(db, assume_new=assume_new and not (check or wanted.absent or wanted.purge))
    while (done := task.attempt(look)) is None:
        look = Look(db)
    return done


class _Sent(NamedTuple):
    """A plan whose commit was never answered: it took place, or not, or it still may."""

    plan: Plan
    mark: str | None


class _Task:
    """The attempts of one task, and what is known from the earlier ones."""

    def __init__(self, db: Database, wanted: Wanted, check: bool, wait: bool) -> None:
        self.db = db
        self.wanted = _for_schema(db, wanted)
        self.check = check
        self.wait = wait
        self._late = ""
        self._conflicts = 0
        self._refused: Current | None = None
        self._sent: list[_Sent] = []
        self._marks = True

    def attempt(self, look: Look) -> Plan | None:
        """Look, plan and commit; ``None`` where it has to be done again."""
        try:
            if not self.check:
                self.db.lock()
            current = look.for_plan(self.wanted)
            return self._carry_out(look, current)
        except Lost:
            self.db.reconnect()
        except Conflict as conflict:
            # Taken for new, and not new.
            if not look.assumed:
                self._give_way(conflict)
        except TimedOut as timed_out:
            if self._conflicts:
                raise UserError(f"{timed_out}; before that, other writers changed the same rows {self._conflicts} times") from None
            raise
        except UserError:
            # What is wrong with a new row may be right with the one that is there.
            if not look.assumed:
                raise
        return None

    def _carry_out(self, look: Look, current: Current) -> Plan | None:
        try:
            done = plan(self.wanted, current, lenient=self.check)
        except Missing as missing:
            if look.assumed:
                raise
            self._missing(look, missing)
            return None
        except UserError:
            if not look.assumed:
                look.prove(searched=True)
            raise
        done.warnings += self._troubles()
        if done.changes and not self.check:
            self._commit(look, current, done)
            return done
        look.prove(searched=self.check)
        return self._arrived(current) or done

    def _troubles(self) -> list[str]:
        """What the emulator, where the database is that of one, does not cope with in the names that the task gives."""
        # The physical switches that each of them belongs to; of a logical switch alone, it may be any.
        named: dict[Ref, set[str]] = {}
        for row in self.wanted.present:
            if row.table == "Physical_Port" and port_trouble(row.key[1]):
                named[row.ref] = {row.key[0]}
            for ref in references(row.columns.get("vlan_bindings")):
                if switch_trouble(ref.key[0]):
                    named.setdefault(ref, set()).add(row.key[0])
            if row.table == "Logical_Switch" and switch_trouble(row.key[0]):
                named.setdefault(row.ref, set())
        if not named:
            return []
        look = Look(self.db)
        look.whole(["Physical_Switch"])
        held = look.current().under(Scope("Physical_Switch", ()))
        emulated = {key[0] for key, haves in held if any(have.columns["description"] == EMULATOR for have in haves)}
        return [
            f"{describe(ref)}: the emulator ovs-vtep, which physical switch {min(here)} is, "
            + (f"{switch_trouble(ref.key[0])}, once it is bound there" if ref.table == "Logical_Switch" else f"{port_trouble(ref.key[1])}")
            + "; name it with letters, digits and _ . / - only"
            for ref, switches in named.items()
            if (here := emulated & switches if switches else emulated)
        ]

    def _commit(self, look: Look, current: Current, done: Plan) -> None:
        created = {change.ref for change in done.changes if change.action == CREATE}
        mark = str(uuid4()) if created and self._marks else None
        try:
            commit(self.db, done, look.guards(created), mark)
        except Unsupported:
            if not mark:
                raise
            self._marks = False
            self._commit(look, current, done)
        except Lost:
            # It may still arrive: the next leader of a cluster can have it before it shows it. Without a mark, rows that were taken
            # for new cannot be told from those that had been there.
            if mark or not look.assumed:
                self._sent.append(_Sent(done, mark))
            raise
        except Conflict as conflict:
            # A refusal that is repeated on an unchanged database is no race: the server does not want the change.
            if not conflict.guard and current == self._refused:
                raise UserError(f"the server refused the change: {conflict}") from None
            self._refused = None if look.assumed else current
            raise

    def _arrived(self, current: Current) -> Plan | None:
        """The plan whose commit was never answered, and yet took place: the database is as it wanted it."""
        for sent in self._sent:
            held = {have.uuid for rows in current.rows.values() for haves in rows.values() for have in haves} if sent.mark else set()
            if not sent.mark or sent.mark in held:
                for change in sent.plan.changes:
                    for have in current.get(*change.ref) if change.action == CREATE else ():
                        change.uuid = have.uuid
                return sent.plan
        return None

    def _give_way(self, conflict: Conflict) -> None:
        """Let another writer finish; the more often it comes in between, the longer, and each task for another time."""
        try:
            self.db.pause(random.uniform(0, min(FIRST_PAUSE * 2**self._conflicts, 1)))
            self.db.left()
        except TimedOut:
            raise UserError(
                f"timeout: gave up after {self._conflicts + 1} attempts in {self.db.timeout:g} s: other writers keep changing the same "
                f"rows ({conflict}); run the task again when they are idle, split it, or raise timeout"
            ) from None
        self._conflicts += 1

    def _missing(self, look: Look, missing: Missing) -> None:
        """Wait for the row where that may help; else the error, with what there is instead: often a name is only spelled wrong."""
        # Whoever registers a row registers the one that owns it, and that first.
        awaited = {ref for one in self.wanted.present if one.must_exist for ref in (one.ref, owner_ref(*one.ref))}
        if self.wait and Ref(missing.table, missing.key) in awaited:
            # The task that brings the row may be one that waits for its turn.
            self.db.unlock()
            # News of another row would be none.
            named = [[TABLES[missing.table].key[-1].column, "==", missing.key[-1]]]
            read = next(read for read in look.reads if read.table == missing.table and (not read.where or read.where == named))
            try:
                self.db.wait_for(read.wait("!="))
            except TimedOut:
                self.db.extend(SPARE)
                self.wait, self._late = False, f"timeout: waited {self.db.timeout:g} s: "
            return
        scope = Scope(missing.table, missing.key[:-1])
        look.under(*scope)
        names = sorted(str(key[-1]) for key, unused in look.current().under(scope))
        look.prove(searched=True)
        raise UserError(f"{self._late}{missing} (existing: {enumerated(names) or 'none'})")


def reported(db: Database, wanted: Wanted) -> Current:
    """The wanted rows with what the VTEP writes; apart from the plan, which a ticking counter would upset."""
    while True:
        look = Look(db, status=True)
        try:
            for one in wanted.present:
                look.find(one.table, {one.key})
            current = look.current()
            look.prove()
            return current
        except Conflict:
            db.left()


def _for_schema(db: Database, wanted: Wanted) -> Wanted:
    """The same without what the server's schema, which may be an older one, lacks: a default there is no change, all else an error."""
    older = "the server's hardware_vtep schema is older and has no"

    lacking = {
        table: [name for name in TABLES[table].managed if not db.has(table, name)] for table in {row.table for row in wanted.present}
    }

    def known(row: Row) -> Row:
        spec = TABLES[row.table]
        if not db.has(row.table):
            raise UserError(f"{describe(row.ref)}: {older} table {row.table}; leave it out")
        missing = [name for name in lacking[row.table] if name in row.columns]
        for name in missing:
            value = row.columns[name]
            if (value.members if isinstance(value, Add) else value) not in (spec.defaults[name], None):
                raise UserError(f"{spec.columns[name].option or name}: {older} {row.table}.{name}; leave it out")
        return replace(row, columns={name: value for name, value in row.columns.items() if name not in missing}) if missing else row

    if not any(missing or not db.has(table) for table, missing in lacking.items()):
        return wanted
    return replace(wanted, present=[known(row) for row in wanted.present])


def gathered(db: Database | Saved, parts: list[str], with_macs: bool = True) -> dict:
    """These parts of the database as nested data, what the VTEP reports included, from one consistent picture."""
    look = Look(db, status=True)
    branches = tree.branches(parts, with_macs)
    look.whole(tree.tables(branches.values()))
    return tree.gather(look.current(), branches)


def parsed(saved: Saved, parts: list[str]) -> dict:
    """These parts of a saved database, as ``gathered`` returns them.

    A part whose table a dump lacks is left out, with a warning of ``saved``: an empty one would ask for an empty table. Raises
    ``UserError`` where nothing is left, or where what a part needs was not saved.
    """
    there = parts if saved.is_whole else [part for part in parts if saved.has(tree.TREE[part].table)]
    left_out = [part for part in parts if part not in there]
    if not there:
        raise UserError(f"{saved.name} has no table of {', '.join(parts)}; save the whole database, or name other parts with gather")
    saved.require(tree.tables(tree.branches(there).values()))
    for part in left_out:
        saved.warnings.append(f"{saved.name} has no table {tree.TREE[part].table}, so {part} is left out")
    return gathered(saved, there)


class Rendered(NamedTuple):
    """What a structure becomes in an empty database; ``trouble``: why there are no commands."""

    operations: list[dict]
    commands: list[str]
    trouble: str


def rendered(config: dict) -> Rendered:
    """What a structure becomes in an empty database, as operations (RFC 7047, section 5.2) and as vtep-ctl commands; needs no server."""
    done = plan(normalise(tree.wanted(config, tree.MERGED)), Current())
    try:
        return Rendered(operations(done), commands(done), "")
    except UserError as error:
        return Rendered(operations(done), [], str(error))
