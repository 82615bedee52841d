# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner: desired rows and current rows in, changes out."""

from __future__ import annotations

import pytest

from ansible_collections.vxlanlab.vtep.plugins.module_utils._errors import UserError
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.plan import CREATE, DELETE, UPDATE, plan
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.render import diff
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.rows import Add, Current, Have, Missing, Ref, Row, Scope, Wanted
from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES, locator, reference

LS0 = Ref("Logical_Switch", ("ls0",))
THERE = locator("10.1.0.1")
MAC = ("ls0", "00:00:00:00:00:02")


def have(uuid: str, table: str, **columns) -> Have:
    return Have(uuid, {**TABLES[table].defaults, **columns})


def current(*rows: tuple[str, tuple, Have]) -> Current:
    result = Current()
    for table, key, one in rows:
        result.rows.setdefault(table, {}).setdefault(key, []).append(one)
    return result


SWITCH = ("Logical_Switch", ("ls0",), have("u-ls0", "Logical_Switch", tunnel_key=5000))


def actions(done) -> list[tuple[str, tuple]]:
    return [(change.action, change.ref.key) for change in done.changes]


def test_a_missing_row_is_created_with_the_defaults_of_the_schema():
    done = plan(Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})]), current(SWITCH))
    (change,) = done.changes
    assert (change.action, change.before, change.after) == (CREATE, {}, {"locator": THERE, "ipaddr": ""})


def test_a_row_that_is_right_is_left_alone():
    row = ("Ucast_Macs_Remote", MAC, have("u", "Ucast_Macs_Remote", locator=THERE))
    assert not plan(Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})]), current(SWITCH, row)).changes


def test_only_the_columns_that_differ_change():
    done = plan(Wanted(present=[Row("Logical_Switch", ("ls0",), {"tunnel_key": 5001, "description": ""})]), current(SWITCH))
    (change,) = done.changes
    assert (change.action, change.before, change.after) == (UPDATE, {"tunnel_key": 5000}, {"tunnel_key": 5001})


def test_none_clears_and_what_is_not_named_stays():
    done = plan(Wanted(present=[Row("Logical_Switch", ("ls0",), {"tunnel_key": None})]), current(SWITCH))
    assert done.changes[0].after == {"tunnel_key": None}
    assert not plan(Wanted(present=[Row("Logical_Switch", ("ls0",), {})]), current(SWITCH)).changes


def test_a_row_may_refer_to_one_of_the_same_task():
    rows = [Row("Ucast_Macs_Remote", MAC, {"locator": THERE}), Row("Logical_Switch", ("ls0",), {})]
    assert len(plan(Wanted(present=rows), Current()).changes) == 2


def test_a_missing_reference_is_an_error_and_in_check_mode_a_warning():
    wanted = Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})])
    with pytest.raises(Missing, match="logical switch ls0 is not in the database; create it with vtep_logical_switch"):
        plan(wanted, Current())
    done = plan(wanted, Current(), lenient=True)
    assert len(done.warnings) == 1 and len(done.changes) == 1


def test_a_thousand_rows_with_one_missing_reference_warn_once():
    rows = [Row("Ucast_Macs_Remote", ("ls0", str(number)), {"locator": THERE}) for number in range(1000)]
    assert len(plan(Wanted(present=rows), Current(), lenient=True).warnings) == 1


def test_add_merges_sets_and_maps():
    elsewhere = locator("10.2.0.1")
    row = ("Mcast_Macs_Remote", ("ls0", "unknown-dst"), have("m", "Mcast_Macs_Remote", locator_set=frozenset({THERE})))
    wanted = Row("Mcast_Macs_Remote", ("ls0", "unknown-dst"), {"locator_set": Add(frozenset({elsewhere}))})
    assert plan(Wanted(present=[wanted]), current(SWITCH, row)).changes[0].after == {"locator_set": frozenset({THERE, elsewhere})}
    port = ("Physical_Port", ("br0", "vm1"), have("p", "Physical_Port", vlan_bindings={1: LS0}))
    wanted = Row("Physical_Port", ("br0", "vm1"), {"vlan_bindings": Add({2: LS0})})
    assert plan(Wanted(present=[wanted]), current(SWITCH, port)).changes[0].after == {"vlan_bindings": {1: LS0, 2: LS0}}


def test_taking_the_last_member_of_a_needed_set_takes_the_row():
    key = ("ls0", "unknown-dst")
    row = ("Mcast_Macs_Remote", key, have("m", "Mcast_Macs_Remote", locator_set=frozenset({THERE})))
    done = plan(Wanted(absent=[Row("Mcast_Macs_Remote", key, {"locator_set": frozenset({THERE})})]), current(SWITCH, row))
    assert actions(done) == [(DELETE, key)]
    other = Wanted(absent=[Row("Mcast_Macs_Remote", key, {"locator_set": frozenset({locator("10.9.0.1")})})])
    assert not plan(other, current(SWITCH, row)).changes


def test_a_locator_without_a_key_means_the_one_in_use():
    keyed = reference("Physical_Locator", "10.1.0.1", {"locator_tunnel_key": 7})
    row = ("Ucast_Macs_Remote", MAC, have("u", "Ucast_Macs_Remote", locator=keyed))
    assert not plan(Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})]), current(SWITCH, row)).changes
    other = reference("Physical_Locator", "10.1.0.1", {"locator_tunnel_key": 8})
    assert plan(Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": other})]), current(SWITCH, row)).changes


def test_purge_removes_the_rest_of_the_scope_only():
    rows = [
        ("Ucast_Macs_Remote", (switch, str(i)), have(f"{switch}{i}", "Ucast_Macs_Remote", locator=THERE))
        for switch in ("ls0", "ls1")
        for i in (1, 2)
    ]
    wanted = Wanted(present=[Row("Ucast_Macs_Remote", ("ls0", "1"))], purge=[Scope("Ucast_Macs_Remote", ("ls0",))])
    assert actions(plan(wanted, current(SWITCH, *rows))) == [(DELETE, ("ls0", "2"))]


def test_twins_become_one_and_the_right_one_stays():
    wrong = have("wrong", "Ucast_Macs_Remote", locator=locator("10.9.0.1"))
    right = have("right", "Ucast_Macs_Remote", locator=THERE)
    done = plan(
        Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})]),
        current(SWITCH, ("Ucast_Macs_Remote", MAC, wrong), ("Ucast_Macs_Remote", MAC, right)),
    )
    assert [(change.action, change.uuid) for change in done.changes] == [(DELETE, "wrong")]
    assert done.after(Scope("Ucast_Macs_Remote", MAC))[MAC].uuid == "right"


def test_a_row_in_use_stays_unless_it_cascades():
    mac = ("Ucast_Macs_Remote", MAC, have("u", "Ucast_Macs_Remote", locator=THERE))
    port = ("Physical_Port", ("br0", "vm1"), have("p", "Physical_Port", vlan_bindings={0: LS0, 3: Ref("Logical_Switch", ("ls1",))}))
    gone = [Row("Logical_Switch", ("ls0",))]
    with pytest.raises(UserError, match=r"in use by .*vm1 of physical switch br0 \(VLAN 0\).*cascade: true"):
        plan(Wanted(absent=gone), current(SWITCH, mac, port))
    done = plan(Wanted(absent=gone, cascade=True), current(SWITCH, mac, port))
    assert sorted(actions(done)) == [(DELETE, ("ls0",)), (DELETE, MAC), (UPDATE, ("br0", "vm1"))]
    (update,) = (change for change in done.changes if change.action == UPDATE)
    assert update.after == {"vlan_bindings": {3: Ref("Logical_Switch", ("ls1",))}}


def test_what_lets_go_in_the_same_task_is_no_user():
    port = ("Physical_Port", ("br0", "vm1"), have("p", "Physical_Port", vlan_bindings={0: LS0}))
    rows = [Row("Physical_Port", ("br0", "vm1"), {"vlan_bindings": {}})]
    done = plan(Wanted(present=rows, absent=[Row("Logical_Switch", ("ls0",))]), current(SWITCH, port))
    assert sorted(actions(done)) == [(DELETE, ("ls0",)), (UPDATE, ("br0", "vm1"))]


def test_what_is_needed_cannot_be_removed_in_the_same_task():
    wanted = Wanted(present=[Row("Ucast_Macs_Remote", MAC, {"locator": THERE})], absent=[Row("Logical_Switch", ("ls0",))])
    with pytest.raises(UserError, match="logical switch ls0 is both removed and referred to by this task"):
        plan(wanted, current(SWITCH))


def test_many_users_are_counted_not_listed():
    macs = [("Ucast_Macs_Remote", ("ls0", str(i)), have(str(i), "Ucast_Macs_Remote", locator=THERE)) for i in range(500)]
    with pytest.raises(UserError, match="and 480 more") as error:
        plan(Wanted(absent=[Row("Logical_Switch", ("ls0",))]), current(SWITCH, *macs))
    assert len(str(error.value)) < 2000


def test_what_a_row_owns_goes_with_it_by_name():
    switch = ("Physical_Switch", ("br0",), have("s", "Physical_Switch"))
    port = ("Physical_Port", ("br0", "vm1"), have("p", "Physical_Port"))
    done = plan(Wanted(absent=[Row("Physical_Switch", ("br0",))]), current(switch, port))
    assert actions(done) == [(DELETE, ("br0", "vm1")), (DELETE, ("br0",))]


def test_the_diff_is_bounded_and_counts_the_rest():
    rows = [Row("Ucast_Macs_Remote", ("ls0", f"{number:04}"), {"locator": THERE}) for number in range(50)]
    shown = diff(plan(Wanted(present=rows), current(SWITCH)))
    assert shown["before"] == "" and len(shown["after"]) == 21 and shown["after"]["..."] == "and 30 more rows: 30 to create"
