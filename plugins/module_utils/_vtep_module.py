# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place that touches AnsibleModule: options in, result out, every error one ``fail_json``."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _ovsdb, _source, _tree
from ansible_collections.vxlanlab.vtep.plugins.module_utils._look import Look
from ansible_collections.vxlanlab.vtep.plugins.module_utils._plan import CREATE, DELETE, SAMPLE, UPDATE, Current, Plan, listed, plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._render import diff, row
from ansible_collections.vxlanlab.vtep.plugins.module_utils._rows import Desired, Missing, Ref, Scope, VtepError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._schema import TABLES, normalise

#: How often a task starts over because somebody else wrote in between.
TRIES = 10

#: Seconds after the deadline to find out what an error should say.
SPARE = 2

CONNECTION = {
    "database": {"type": "str", "default": "unix:/var/run/openvswitch/db.sock"},
    "timeout": {"type": "float", "default": 10},
    "private_key": {"type": "path"},
    "certificate": {"type": "path"},
    "ca_cert": {"type": "path"},
}
STATE = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}


class Outcome:
    """What a task did, or would do: the plan, read as plain rows. ``reported``: what the VTEP says of them, if asked for."""

    def __init__(self, done: Plan, reported: Current):
        self._plan = done
        self._reported = reported

    def row(self, ref: Ref) -> dict:
        """One row as it is now; empty where it is not there."""
        have = self._plan.rows(ref.table, [ref.key]).get(ref.key)
        if not have:
            return {}
        status = {name for name, column in TABLES[ref.table].columns.items() if column.status}
        reported = {name: one.columns[name] for one in self._reported.get(*ref) for name in status}
        return row(ref, {**have.columns, **reported}, have.uuid)

    def rows(self, scope: Scope) -> list[dict]:
        """The rows of a scope as they are now, in the order of their keys."""
        return [row(Ref(scope.table, key), have.columns, have.uuid) for key, have in sorted(self._plan.after(scope).items())]

    def names(self, scope: Scope) -> list[str]:
        """The last part of the key of every row in a scope."""
        return sorted(key[-1] for key in self._plan.after(scope))

    def sample(self, desired: Desired) -> list[dict]:
        """The first rows that a bulk task was about."""
        table = desired.present[0].table if desired.present else ""
        held = self._plan.rows(table, [one.key for one in desired.present[:SAMPLE]])
        return [row(Ref(table, key), have.columns, have.uuid) for key, have in held.items()]


def first_row(outcome: Outcome, desired: Desired) -> dict:
    """The result of a task that is about one row."""
    return {"row": outcome.row((desired.present or desired.absent)[0].ref)}


class VtepModule:
    """An Ansible module on the hardware_vtep database.

    ``options`` are those beyond the connection's. ``apply`` and ``read`` do not return: they end the module.
    """

    def __init__(self, options: dict, state: bool = True, **kwargs: Any):
        # A module is a short process that builds much and drops little: collecting its garbage only costs time.
        gc.disable()
        spec = {**CONNECTION, **(STATE if state else {}), **options}
        self.module = AnsibleModule(argument_spec=spec, supports_check_mode=True, **kwargs)
        self.params = self.module.params
        if _ovsdb.OVS_ERROR:
            self.module.fail_json(msg=missing_required_lib("ovs (it comes with ovsdbapp)"), exception=_ovsdb.OVS_ERROR)

    def apply(
        self,
        wishes: Callable[[dict], Desired],
        result: Callable[[Outcome, Desired], dict] = first_row,
        wait: bool = False,
        status: bool = False,
        unseen: bool = False,
    ) -> None:
        """Look, plan, commit. ``wait``: a row that must exist and does not (yet) is waited for until the timeout.
        ``status``: return what the VTEP reports of the rows, too. ``unseen``: try first as if the rows were not there."""
        try:
            wanted = normalise(wishes(self.params))
            with self._database() as db:
                done = self._commit(db, wanted, wait, unseen)
                reported = _reported(db, wanted) if status else Current()
            answer = result(Outcome(done, reported), wanted)
        except VtepError as error:
            self.module.fail_json(msg=str(error))
        for warning in done.warnings:
            self.module.warn(warning)
        counts = {"created": done.count(CREATE), "updated": done.count(UPDATE), "deleted": done.count(DELETE)}
        shown = {"diff": diff(done)} if self.module._diff else {}
        # The result repeats the arguments; of a long list the beginning does.
        self.module.params = {k: v[:SAMPLE] if isinstance(v, list) else v for k, v in self.params.items() if k != "config"}
        self.module.exit_json(changed=bool(done.changes), counts=counts, **shown, **answer)

    def configure(self) -> None:
        """Bring the database in line with a structure such as vtep_info returns, or show what that takes."""
        state = self.params["state"]
        if state == "gathered":
            self.read(lambda db: {"gathered": gathered(db, self.params["gather"])})
        if state == "rendered":
            try:
                operations = _ovsdb.rendered(plan(normalise(_tree.desired(self._config(), _tree.MERGED)), Current()))
            except VtepError as error:
                self.module.fail_json(msg=str(error))
            self.module.exit_json(changed=False, rendered=operations)
        self.apply(lambda unused: _tree.desired(self._config(), state), lambda outcome, wanted: {})

    def _config(self) -> dict:
        return self.params["config"] if self.params["src"] is None else _source.load(self.params["src"])

    def wait(self, table: str, match: dict, what: str) -> None:
        """Wait for a row; ``what`` says in words what is waited for, and what to check when it does not come."""
        # Here and not above, since it takes its time and no other module needs it.
        from ansible_collections.vxlanlab.vtep.plugins.module_utils import _wait

        if _wait.OVSDBAPP_ERROR:
            self.module.fail_json(msg=missing_required_lib("ovsdbapp"), exception=_wait.OVSDBAPP_ERROR)
        absent = self.params["state"] == "absent"
        try:
            watch = _wait.Watch(table, match)
            # Says at once what a wait for a server that cannot be reached would say at its end, and less clearly.
            with self._database() as db:
                schema, deadline = db.schema, db.deadline
            remotes = ",".join(db.remotes)
            words = ("no more " if absent else "") + what
            # In check mode an earlier task may be the one that makes it, so one look is all.
            found = _wait.wait(schema, remotes, watch, absent, deadline, words, once=self.module.check_mode)
        except VtepError as error:
            self.module.fail_json(msg=str(error))
        if not found and not absent:
            self.module.warn(f"not there now: {what}. The real run waits for it.")
        self.module.exit_json(changed=False, row=found or {})

    def read(self, answer: Callable[[Any], dict]) -> None:
        """For modules that only look: ``answer`` gets the connected database."""
        try:
            with self._database() as db:
                result = answer(db)
        except VtepError as error:
            self.module.fail_json(msg=str(error))
        self.module.exit_json(changed=False, **result)

    def _database(self) -> Any:
        if not self.params["timeout"] > 0:
            raise VtepError(f"timeout: {self.params['timeout']:g} is not accepted: expected a number of seconds above 0")
        tls = {option: self.params[option] for option in ("private_key", "certificate", "ca_cert")}
        return _ovsdb.Database(self.params["database"], self.params["timeout"], tls)

    def _commit(self, db: Any, wanted: Desired, wait: bool, unseen: bool) -> Plan:
        previous = None
        unanswered: Plan | None = None
        tries = 0
        # Without a commit no guard tells, and what is to go has to be seen.
        unseen = unseen and not (self.module.check_mode or wanted.absent or wanted.purge)
        while True:
            look, unseen = Look(db, unseen=unseen), False
            sent = None
            try:
                current = look.for_plan(wanted)
                _require_columns(db, wanted)
                try:
                    done = plan(wanted, current, lenient=self.module.check_mode)
                except Missing as missing:
                    if not wait or missing.table not in {one.table for one in wanted.present}:
                        raise VtepError(f"{missing}{_siblings(db, missing)}") from None
                    self._await(db, look, missing)
                    continue
                if unanswered and not done.changes:
                    return _arrived(unanswered, current)
                if self.module.check_mode or not done.changes:
                    return done
                sent = done
                _ovsdb.commit(db, done, look)
                return done
            except _ovsdb.Lost:
                # It may still arrive: the next leader of a cluster can have it before it shows it.
                unanswered = sent or unanswered
                db.reconnect()
            except _ovsdb.Conflict as conflict:
                if look.guessed:
                    continue
                tries += 1
                # A refusal that is repeated on an unchanged database is no race: the server does not want the change.
                if not conflict.guard and current == previous:
                    raise VtepError(f"the server refuses the change: {conflict}") from None
                if tries == TRIES:
                    raise VtepError(
                        f"gave up after {TRIES} tries: other writers change the same rows all the time ({conflict}); "
                        "run the task again when they are quiet, or make it smaller"
                    ) from None
                previous = current
            except VtepError:
                # What is wrong with a new row may be right with the one that is there.
                if not look.guessed:
                    raise

    def _await(self, db: Any, look: Look, missing: Missing) -> None:
        read = next(read for read in look.reads if read.table == missing.table)
        try:
            db.wait_for_change(read)
        except _ovsdb.TimedOut:
            db.extend(SPARE)
            raise VtepError(f"timeout: waited {db.timeout:g} s: {missing}{_siblings(db, missing)}") from None


def _arrived(sent: Plan, current: Current) -> Plan:
    """A plan whose commit was never answered, and yet took place: the database is as it wanted it."""
    for change in sent.changes:
        for have in current.get(*change.ref) if change.action == CREATE else ():
            change.uuid = have.uuid
    return sent


def _reported(db: Any, wanted: Desired) -> Current:
    """The wanted rows with what the VTEP writes; apart from the plan, which a ticking counter would upset."""
    look = Look(db, status=True)
    for one in wanted.present:
        look.find(one.table, {one.key})
    return look.current()


def _siblings(db: Any, missing: Missing) -> str:
    """What there is instead, for the error: often a name is only spelled wrong."""
    scope = Scope(missing.table, missing.key[:-1])
    look = Look(db)
    look.under(*scope)
    names = sorted(str(key[-1]) for key, unused in look.current().under(scope))
    return f" (there is: {listed(names) or 'none'})"


def _require_columns(db: Any, wanted: Desired) -> None:
    """A column that the server's schema lacks cannot be managed there."""
    for table, column in {(one.table, column) for one in wanted.present for column in one.columns}:
        if not db.has(table, column):
            spec = TABLES[table].columns[column]
            raise VtepError(
                f"{spec.option or column}: the server's hardware_vtep schema is older and has no {table}.{column}; leave it out"
            )


def gathered(db: Any, parts: list[str]) -> dict:
    """These parts of the database as nested data, what the VTEP reports included, from one consistent picture."""
    look = Look(db, status=True)
    look.whole(_tree.tables(parts))
    return _tree.gather(look.current(), parts)


def compiled_query(module: VtepModule, text: str | None) -> Callable[[Any], Any]:
    """A JMESPath expression as a function, checked before anything is read; without one, the data as it is."""
    if text is None:
        return lambda data: data
    try:
        import jmespath
    except ImportError:
        module.module.fail_json(msg=missing_required_lib("jmespath", reason="for query"), exception=traceback.format_exc())
    try:
        expression = jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        module.module.fail_json(msg=f"query: {text!r} is not a JMESPath expression: {error}")

    def search(data: Any) -> Any:
        try:
            return expression.search(data)
        except jmespath.exceptions.JMESPathError as error:
            raise VtepError(f"query: {text!r} does not fit the data: {error}") from None

    return search
