# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random tasks, one after the other, against a model of the documentation: a database as plain nested data, as vtep_info shows it.

After each task the database equals the model; check mode said the same change and diff; again is no change; and what is there,
fed back, is none. The suite takes about a thousand steps; any number by hand:

    VTEP_STEPS=10000 .venv/bin/pytest tests/functional/test_model.py --hypothesis-seed=1
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Failed, Server, Task
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ansible_collections.vxlanlab.vtep.plugins.module_utils._values import mac as normal_mac

STEPS = int(os.environ.get("VTEP_STEPS", "1000"))
STEPS_IN_ONE_DATABASE = 40

MERGED, REPLACED, OVERRIDDEN, DELETED = "merged", "replaced", "overridden", "deleted"
#: The columns of each place in the structure, and what a new row has in them.
PORT = {"description": "", "vlan_bindings": {}, "acl_bindings": {}, "other_config": {}}
UNICAST = {"locator": None, "ipaddr": ""}
MULTICAST = {"locators": [], "ipaddr": ""}
COLUMNS: dict[str, dict[str, Any]] = {
    "physical_switches": {"description": "", "management_ips": [], "tunnel_ips": [], "other_config": {}},
    "logical_switches": {"description": "", "tunnel_key": None, "replication_mode": None, "other_config": {}},
    "logical_routers": {"description": "", "switch_binding": {}, "static_routes": {}, "acl_binding": {}, "other_config": {}},
    "acls": {},
    "managers": {"max_backoff": None, "inactivity_probe": None, "other_config": {}},
    "ports": PORT,
    "ucast_remote": UNICAST,
    "ucast_local": UNICAST,
    "mcast_remote": MULTICAST,
    "mcast_local": MULTICAST,
}
INNER = {"physical_switches": ["ports"], "logical_switches": ["ucast_remote", "mcast_remote", "ucast_local", "mcast_local"]}
#: What the VTEP makes itself: such rows and columns stay, but for these.
REGISTERED = {"physical_switches": [], "ports": ["vlan_bindings", "acl_bindings"], "ucast_local": [], "mcast_local": []}
NEEDED = ("locator", "locators")
SWITCH_MAPS, ACL_MAPS = ("vlan_bindings", "switch_binding"), ("acl_bindings", "acl_binding")


class Refused(Exception):
    """The documentation says that such a task fails."""


# -- the documentation as a function --------------------------------------------------------------------------------


def configured(data: dict, config: dict, state: str) -> dict:
    """What vtep_config makes of a database."""
    data = copy.deepcopy(data)
    said: dict[str, set[str]] = {"logical_switches": set(), "acls": set()}
    for part, items in config.items():
        if state == DELETED:
            delete(data[part], part, items)
        else:
            fill(data[part], part, items, state, said, is_inner=False)
    settle(data, said)
    return data


def delete(rows: dict, part: str, items: dict) -> None:
    for name, item in items.items():
        inside = {inner: item[inner] for inner in INNER.get(part, []) if (item or {}).get(inner) is not None}
        for inner, below in inside.items():
            delete(rows.get(name, {}).get(inner, {}), inner, below)
        if part == "acls" and (item or {}).get("entries"):
            gone = {entry["sequence"] for entry in item["entries"]}
            left = [entry for entry in rows.get(name, {}).get("entries", []) if entry["sequence"] not in gone]
            # An ACL has at least one entry, and goes with its last.
            if left:
                rows[name]["entries"] = left
                continue
        if not inside:
            rows.pop(name, None)


def fill(rows: dict, part: str, items: dict, state: str, said: dict, is_inner: bool) -> None:
    for name, item in items.items():
        item = item or {}
        columns = COLUMNS[part]
        row = rows.setdefault(
            name, {**copy.deepcopy(columns), **{inner: {} for inner in INNER.get(part, [])}, **({"entries": []} if part == "acls" else {})}
        )
        if state != MERGED:
            row.update(copy.deepcopy({c: columns[c] for c in REGISTERED.get(part, columns) if c not in NEEDED}))
        for column, value in item.items():
            if column not in columns or value is None:
                continue
            merges = state == MERGED and isinstance(columns[column], (list, dict))
            row[column] = (
                united(row[column], value)
                if merges
                else united(type(columns[column])(), value)
                if isinstance(value, (list, dict))
                else value
            )
            if column in SWITCH_MAPS:
                said["logical_switches"] |= set(value.values())
            if column in ACL_MAPS:
                said["acls"] |= set(value.values())
        if any(not row[column] for column in NEEDED if column in columns):
            raise Refused
        for inner in INNER.get(part, []):
            if item.get(inner) is not None or state != MERGED:
                fill(row[inner], inner, item.get(inner) or {}, state, said, is_inner=True)
        if part == "acls":
            entries(row, item.get("entries"), state)
    if state == OVERRIDDEN or (state == REPLACED and is_inner):
        for name in rows.keys() - items.keys():
            if part not in REGISTERED:
                del rows[name]
            rows.get(name, {}).update(copy.deepcopy({c: COLUMNS[part][c] for c in REGISTERED.get(part, [])}))


def united(held: Any, new: Any) -> Any:
    return {**held, **new} if isinstance(new, dict) else sorted({*held, *new})


def entries(row: dict, given: list[dict] | None, state: str) -> None:
    held = {entry["sequence"]: entry for entry in row["entries"]} if state == MERGED else {}
    held.update({entry["sequence"]: {**held.get(entry["sequence"], {}), **entry} for entry in given or []})
    if not held:
        raise Refused
    row["entries"] = [held[sequence] for sequence in sorted(held)]


def settle(data: dict, said: dict[str, set[str]]) -> None:
    """Names that are referred to exist, or what refers to them goes with them."""
    if said["logical_switches"] - data["logical_switches"].keys() or said["acls"] - data["acls"].keys():
        raise Refused
    holders = [
        *data["logical_routers"].values(),
        *(port for switch in data["physical_switches"].values() for port in switch["ports"].values()),
    ]
    for holder in holders:
        for columns, part in ((SWITCH_MAPS, "logical_switches"), (ACL_MAPS, "acls")):
            for column in columns:
                if column in holder:
                    holder[column] = {key: name for key, name in holder[column].items() if name in data[part]}


def used(data: dict, part: str, name: str) -> bool:
    """Whether something refers to a logical switch or an ACL."""
    without = copy.deepcopy(data)
    del without[part][name]
    before = copy.deepcopy(without)
    settle(without, {"logical_switches": set(), "acls": set()})
    macs = [inner for inner in INNER.get(part, []) if data[part][name][inner]]
    return bool(macs) or without != before


# -- what is random -------------------------------------------------------------------------------------------------

switches = st.sampled_from(["ls0", "ls 1", "7"])
leaves = st.sampled_from(["br0", "leaf/1"])
ports = st.sampled_from(["p1", "2"])
acls = st.sampled_from(["web", "mail"])
texts = st.sampled_from(["", "blue", 'a"b\\', "\u00e4"])
configs = st.dictionaries(st.sampled_from(["a", "b: c", ""]), st.sampled_from(["", "7", "x y"]), max_size=2)
addresses = st.sampled_from(["10.1.0.1", "10.2.0.1", "10.3.0.1"])
unicast = st.sampled_from(["00:00:00:00:00:02", "0a:bb:cc:00:00:03", "02:00:00:00:00:04"])
multicast = st.sampled_from(["unknown-dst", "01:00:5e:00:00:01"])
prefixes = st.sampled_from(["192.168.1.1/24", "2001:db8::1/64"])
ips = st.sampled_from(["", "192.168.1.9", "2001:db8::9"])
locators = st.lists(addresses, min_size=1, max_size=2, unique=True)
vlans = st.sampled_from(["0", "7", "4095"])


def some(**columns: Any) -> st.SearchStrategy:
    """Some of these columns."""
    return st.fixed_dictionaries({}, optional=columns)


ENTRY = st.fixed_dictionaries(
    {"sequence": st.integers(1, 3), "action": st.sampled_from(["permit", "deny"]), "direction": st.just("ingress")},
    optional={"protocol": st.integers(0, 255), "source_ip": st.just("192.168.1.9"), "ethertype": st.just("0x0800")},
)
ENTRIES = st.lists(ENTRY, min_size=1, max_size=2, unique_by=lambda entry: entry["sequence"])
ROWS: dict[str, tuple[st.SearchStrategy, st.SearchStrategy]] = {
    "ports": (ports, some(vlan_bindings=st.dictionaries(vlans, switches, max_size=2), acl_bindings=st.dictionaries(vlans, acls, max_size=1),
                          description=texts, other_config=configs)),
    "ucast_remote": (unicast, some(locator=addresses, ipaddr=ips)),
    "ucast_local": (unicast, some(locator=addresses, ipaddr=ips)),
    "mcast_remote": (multicast, some(locators=locators, ipaddr=ips)),
    "mcast_local": (multicast, some(locators=locators, ipaddr=ips)),
}  # fmt: skip


def rows(part: str) -> st.SearchStrategy:
    return st.dictionaries(*ROWS[part], max_size=2)


ROWS |= {
    "physical_switches": (leaves, some(description=texts, tunnel_ips=st.lists(addresses, max_size=2, unique=True), other_config=configs, ports=rows("ports"))),
    "logical_switches": (switches, some(description=texts, tunnel_key=st.none() | st.integers(0, 16777215), other_config=configs,
                                        replication_mode=st.sampled_from([None, "service_node", "source_node"]),
                                        **{inner: rows(inner) for inner in INNER["logical_switches"]})),
    "logical_routers": (st.just("lr0"), some(switch_binding=st.dictionaries(prefixes, switches, max_size=2), description=texts,
                                             static_routes=st.dictionaries(prefixes, addresses, max_size=1),
                                             acl_binding=st.dictionaries(prefixes, acls, max_size=1))),
    "acls": (acls, some(entries=ENTRIES)),
    "managers": (st.sampled_from(["ssl:vtep.example", "ptcp:6641:127.0.0.9"]), some(max_backoff=st.integers(1000, 9000), other_config=configs)),
}  # fmt: skip
CONFIGS = some(**{part: rows(part) for part in ("physical_switches", "logical_switches", "logical_routers", "acls", "managers")})


def spelled(data: st.DataObject, mac: str) -> str:
    """One of the ways to write a MAC."""
    if ":" not in mac:
        return mac
    return data.draw(st.sampled_from([mac, mac.upper(), mac.replace(":", "-"), mac.replace(":", "")]))


def nameless(value: Any) -> Any:
    """What vtep_info shows, without UUIDs, what the VTEP reports, and the entries' empty columns."""
    if isinstance(value, dict):
        hidden = ("_uuid", "encapsulation", "is_connected", "status", "vlan_stats")
        return {key: nameless(one) for key, one in value.items() if key not in hidden and not key.endswith("fault_status")}
    if isinstance(value, list):
        return [{k: v for k, v in nameless(one).items() if v is not None} if isinstance(one, dict) else one for one in value]
    return value


class Machine(RuleBasedStateMachine):
    """One database, and what it must hold."""

    server: Server
    capsys: pytest.CaptureFixture
    steps = 0

    @initialize()
    def start(self) -> None:
        self.server.empty()
        self.task = Task(self.server, self.capsys)
        self.data: dict[str, Any] = {part: {} for part in ROWS if part not in ("ports", *INNER["logical_switches"])}

    def carry_out(self, predict: Callable[[dict], dict], module: str, **options: Any) -> None:
        type(self).steps += 1
        try:
            expected = predict(copy.deepcopy(self.data))
        except Refused:
            for run in (self.task.check, self.task):
                # Check mode warns of a missing row, since an earlier task may create it.
                if run is self.task:
                    with pytest.raises(Failed):
                        run(module, **options)
            assert self.content() == self.data
            return
        predicted = self.task.check(module, **options)
        assert self.content() == self.data
        done = self.task(module, **options)
        assert self.content() == expected
        assert done["changed"] == predicted["changed"] == (expected != self.data)
        assert done["diff"] == predicted["diff"] and done["counts"] == predicted["counts"]
        assert not self.task(module, **options)["changed"]
        self.data = expected

    def content(self) -> dict:
        found = self.task("vtep_info")["vtep"]
        return {part: nameless(found[part]) for part in self.data}

    @rule(config=CONFIGS, state=st.sampled_from([MERGED, REPLACED, OVERRIDDEN, DELETED]))
    def config(self, config: dict, state: str) -> None:
        self.carry_out(lambda data: configured(data, config, state), "vtep_config", config=config, state=state)

    @rule(state=st.sampled_from([MERGED, REPLACED, OVERRIDDEN]))
    def feed_back(self, state: str) -> None:
        gathered = self.task("vtep_config", state="gathered")["gathered"]
        self.carry_out(lambda data: data, "vtep_config", config=gathered, state=state)

    @rule(part=st.sampled_from(["logical_switches", "physical_switches", "logical_routers", "managers"]), data=st.data())
    def present(self, part: str, data: st.DataObject) -> None:
        name = data.draw(ROWS[part][0])
        columns = {k: v for k, v in data.draw(ROWS[part][1]).items() if k in COLUMNS[part] and v is not None}

        def predict(held: dict) -> dict:
            row = {**copy.deepcopy(COLUMNS[part]), **{inner: {} for inner in INNER.get(part, [])}}
            held[part].setdefault(name, row).update({k: sorted(v) if isinstance(v, list) else v for k, v in columns.items()})
            settle(
                held,
                {"logical_switches": set(columns.get("switch_binding", {}).values()), "acls": set(columns.get("acl_binding", {}).values())},
            )
            return held

        option = "target" if part == "managers" else "name"
        self.carry_out(
            predict, f"vtep_{part.removesuffix('es') if part.endswith('ches') else part.removesuffix('s')}", **{option: name}, **columns
        )

    @rule(
        part=st.sampled_from(["logical_switches", "physical_switches", "logical_routers", "managers", "acls"]),
        cascade=st.booleans(),
        data=st.data(),
    )
    def absent(self, part: str, cascade: bool, data: st.DataObject) -> None:
        name = data.draw(ROWS[part][0])
        cascades = part in ("logical_switches", "acls")

        def predict(held: dict) -> dict:
            if cascades and not cascade and name in held[part] and used(held, part, name):
                raise Refused
            held[part].pop(name, None)
            settle(held, {"logical_switches": set(), "acls": set()})
            return held

        option = "target" if part == "managers" else "name"
        module = f"vtep_{part.removesuffix('es') if part.endswith('ches') else part.removesuffix('s')}"
        self.carry_out(predict, module, **{option: name}, state="absent", **({"cascade": cascade} if cascades else {}))

    @rule(name=acls, entries=ENTRIES)
    def acl(self, name: str, entries: list[dict]) -> None:
        def predict(held: dict) -> dict:
            held["acls"][name] = {"entries": sorted(entries, key=lambda entry: entry["sequence"])}
            return held

        self.carry_out(predict, "vtep_acl", name=name, entries=entries)

    @rule(leaf=leaves, names=st.lists(ports, unique=True, max_size=2), purge=st.booleans())
    def leaf_ports(self, leaf: str, names: list[str], purge: bool) -> None:
        def predict(held: dict) -> dict:
            switch = held["physical_switches"].setdefault(leaf, {**copy.deepcopy(COLUMNS["physical_switches"]), "ports": {}})
            for name in names:
                switch["ports"].setdefault(name, copy.deepcopy(PORT))
            if purge:
                switch["ports"] = {name: port for name, port in switch["ports"].items() if name in names}
            return held

        self.carry_out(predict, "vtep_physical_switch", name=leaf, ports=names, purge_ports=purge)

    @rule(leaf=leaves, port=ports, vlan=vlans, switch=switches, present=st.booleans())
    def binding(self, leaf: str, port: str, vlan: str, switch: str, present: bool) -> None:
        def predict(held: dict) -> dict:
            there = held["physical_switches"].get(leaf, {"ports": {}})["ports"].get(port)
            if present:
                if there is None or switch not in held["logical_switches"]:
                    raise Refused
                there["vlan_bindings"][vlan] = switch
            elif there and there["vlan_bindings"].get(vlan) == switch:
                del there["vlan_bindings"][vlan]
            return held

        options = {
            "physical_switch": leaf,
            "port": port,
            "vlan": int(vlan),
            "logical_switch": switch,
            "timeout": 0.05 if present and self.lacks(leaf, port) else 10,
        }
        self.carry_out(predict, "vtep_binding", **options, state="present" if present else "absent")

    def lacks(self, leaf: str, port: str) -> bool:
        """A missing port is waited for."""
        return port not in self.data["physical_switches"].get(leaf, {"ports": {}})["ports"]

    @rule(side=st.sampled_from(["remote", "local"]), switch=switches, macs=rows("ucast_remote"), state=st.sampled_from(["present", "absent"]),
          purge=st.booleans(), data=st.data())  # fmt: skip
    def unicasts(self, side: str, switch: str, macs: dict, state: str, purge: bool, data: st.DataObject) -> None:
        purge = purge and state == "present"

        def predict(held: dict) -> dict:
            table = held["logical_switches"].get(switch, {}).get(f"ucast_{side}", {})
            for mac, columns in macs.items():
                if state == "absent":
                    table.pop(mac, None)
                    continue
                row = table.setdefault(mac, copy.deepcopy(UNICAST))
                row.update(columns)
                if not row["locator"] or switch not in held["logical_switches"]:
                    raise Refused
            for mac in table.keys() - macs.keys() if purge else ():
                del table[mac]
            return held

        entries = [{"mac": spelled(data, mac), **columns} for mac, columns in macs.items()]
        assert all(normal_mac(entry["mac"]) in macs for entry in entries)
        self.carry_out(predict, f"vtep_ucast_{side}", logical_switch=switch, entries=entries, state=state, purge=purge)

    @rule(side=st.sampled_from(["remote", "local"]), switch=switches, mac=multicast, to=st.none() | locators,
          state=st.sampled_from(["present", "absent"]), exclusive=st.booleans(), data=st.data())  # fmt: skip
    def multicasts(self, side: str, switch: str, mac: str, to: list[str] | None, state: str, exclusive: bool, data: st.DataObject) -> None:
        def predict(held: dict) -> dict:
            table = held["logical_switches"].get(switch, {}).get(f"mcast_{side}", {})
            if state == "absent":
                left = set(table.get(mac, {"locators": []})["locators"]) - set(to or ())
                if to is None or not left:
                    table.pop(mac, None)
                else:
                    table[mac]["locators"] = sorted(left)
                return held
            row = table.setdefault(mac, copy.deepcopy(MULTICAST))
            row["locators"] = sorted({*(() if exclusive and to else row["locators"]), *(to or ())})
            if not row["locators"] or switch not in held["logical_switches"]:
                raise Refused
            return held

        options = {"logical_switch": switch, "mac": spelled(data, mac), "state": state, "exclusive": exclusive and state == "present"}
        self.carry_out(predict, f"vtep_mcast_{side}", **options, **({} if to is None else {"locators": to}))


def test_the_database_is_what_the_documentation_says(server, capsys):
    Machine.server, Machine.capsys, Machine.steps = server, capsys, 0
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=max(STEPS // STEPS_IN_ONE_DATABASE, 1), stateful_step_count=STEPS_IN_ONE_DATABASE, deadline=None,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip
