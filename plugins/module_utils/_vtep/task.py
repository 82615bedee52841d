# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task from what it wants to what the database holds: look, plan, guard, commit, retry, wait. No Ansible in it."""

from __future__ import annotations

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep import tree
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.commit import commit, operations
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.connection import Conflict, Database, Lost, TimedOut
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.normal import normalise
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, Plan, enumerated, plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Current, Missing, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES

#: How often a task starts over because somebody else wrote in between.
TRIES = 10

#: Seconds after the deadline to find out what an error should say.
SPARE = 2


def carry_out(db: Database, wanted: Wanted, *, check: bool = False, wait: bool = False, assume_new: bool = False) -> Plan:
    """Bring the database to what is wanted: look, plan, commit, and again where another writer came in between.

    ``wanted`` must be in normal form, ``db`` connected. All of it takes place in one transaction, or none of it.
    ``check``: the changes are planned and not made. ``wait``: a row that must exist and does not (yet) is waited for
    until the deadline of ``db``. ``assume_new``: try first as if the rows were not there, which saves a scan where it is so.
    Returns the plan as it was carried out. Raises ``UserError`` for what cannot be done; then nothing has changed.
    """
    previous = None
    unanswered: Plan | None = None
    tries = 0
    # Without a commit no guard tells, and what is to go has to be seen.
    assume_new = assume_new and not (check or wanted.absent or wanted.purge)
    while True:
        look, assume_new = Look(db, assume_new=assume_new), False
        sent = None
        try:
            current = look.for_plan(wanted)
            _require_columns(db, wanted)
            try:
                done = plan(wanted, current, lenient=check)
            except Missing as missing:
                if not wait or missing.table not in {one.table for one in wanted.present}:
                    raise UserError(f"{missing}{_siblings(db, missing)}") from None
                _await(db, look, missing)
                continue
            if unanswered and not done.changes:
                return _arrived(unanswered, current)
            if check or not done.changes:
                return done
            sent = done
            commit(db, done, look.guards({change.ref for change in done.changes if change.action == CREATE}))
            return done
        except Lost:
            # It may still arrive: the next leader of a cluster can have it before it shows it.
            unanswered = sent or unanswered
            db.reconnect()
        except Conflict as conflict:
            if look.assumed:
                continue
            tries += 1
            # A refusal that is repeated on an unchanged database is no race: the server does not want the change.
            if not conflict.guard and current == previous:
                raise UserError(f"the server refuses the change: {conflict}") from None
            if tries == TRIES:
                raise UserError(
                    f"gave up after {TRIES} tries: other writers change the same rows all the time ({conflict}); "
                    "run the task again when they are quiet, or make it smaller"
                ) from None
            previous = current
        except UserError:
            # What is wrong with a new row may be right with the one that is there.
            if not look.assumed:
                raise


def _await(db: Database, look: Look, missing: Missing) -> None:
    read = next(read for read in look.reads if read.table == missing.table)
    try:
        db.wait_for(read.wait("!="))
    except TimedOut:
        db.extend(SPARE)
        raise UserError(f"timeout: waited {db.timeout:g} s: {missing}{_siblings(db, missing)}") from None


def _arrived(sent: Plan, current: Current) -> Plan:
    """A plan whose commit was never answered, and yet took place: the database is as it wanted it."""
    for change in sent.changes:
        for have in current.get(*change.ref) if change.action == CREATE else ():
            change.uuid = have.uuid
    return sent


def reported(db: Database, wanted: Wanted) -> Current:
    """The wanted rows with what the VTEP writes; apart from the plan, which a ticking counter would upset."""
    look = Look(db, status=True)
    for one in wanted.present:
        look.find(one.table, {one.key})
    return look.current()


def _siblings(db: Database, missing: Missing) -> str:
    """What there is instead, for the error: often a name is only spelled wrong."""
    scope = Scope(missing.table, missing.key[:-1])
    look = Look(db)
    look.under(*scope)
    names = sorted(str(key[-1]) for key, unused in look.current().under(scope))
    return f" (there is: {enumerated(names) or 'none'})"


def _require_columns(db: Database, wanted: Wanted) -> None:
    """A column that the server's schema lacks cannot be managed there."""
    for table, column in {(one.table, column) for one in wanted.present for column in one.columns}:
        if not db.has(table, column):
            spec = TABLES[table].columns[column]
            raise UserError(
                f"{spec.option or column}: the server's hardware_vtep schema is older and has no {table}.{column}; leave it out"
            )


def gathered(db: Database, parts: list[str]) -> dict:
    """These parts of the database as nested data, what the VTEP reports included, from one consistent picture."""
    look = Look(db, status=True)
    look.whole(tree.tables(parts))
    return tree.gather(look.current(), parts)


def rendered(config: dict) -> list[dict]:
    """What a structure becomes in an empty database, as operations (RFC 7047, section 5.2); needs no server."""
    return operations(plan(normalise(tree.wanted(config, tree.MERGED)), Current()))
