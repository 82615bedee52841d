# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Six real databases: every defect is found there, the remedies mend it, and nothing is found where nothing is wrong."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import BIN, Server, Task

from ansible_collections.vxlanlab.vtep.plugins.filter.overlay_tables import overlay_tables
from ansible_collections.vxlanlab.vtep.tests.unit.fabric_world import DEFECTS, OWN, UNKNOWN, broken, databases, endpoints, mac, vnis_of

#: What no task can mend: the VTEP itself, its underlay or its ports have to be looked at, or it is a question of what is meant.
BY_HAND = {
    "not_read", "duplicate_address", "no_address", "name_mismatch", "local_locator", "mac_twice", "bfd_down", "bfd_silent", "switch_fault",
    "port_fault", "router_fault", "acl_fault", "remote_unconfirmed",
}  # fmt: skip


class Leaf(Server):
    """The database of a leaf."""

    def fill(self, database: dict[str, Any]) -> None:
        """Write these rows, as vtep_info returns them, past everything under test, what only a VTEP writes included."""
        self.empty()
        self.transact(*Filling().operations(database))


class Filling:
    """Rows as operations."""

    def __init__(self) -> None:
        self._names = (f"row{number}" for number in itertools.count())
        self._operations: list[dict] = []
        self._locators: dict[tuple, list] = {}

    def operations(self, database: dict[str, Any]) -> list[dict]:
        acls = database.get("acls", {})
        for name, acl in acls.items():
            entries = [self._insert("ACL_entry", row) for row in self._faulty(acl["entries"], "acle_fault_status")]
            self._insert("ACL", {"acl_name": name, "acl_entries": ["set", entries], **self._status(acl, "acl_fault_status")})
        switches = {name: self._logical(name, switch) for name, switch in database["logical_switches"].items()}
        for name, router in database.get("logical_routers", {}).items():
            bound = ["map", [[prefix, switches[switch]] for prefix, switch in router["switch_binding"].items()]]
            self._insert("Logical_Router", {"name": name, "switch_binding": bound, **self._status(router, "LR_fault_status")})
        physical = [self._physical(name, switch, switches, database["tunnels"]) for name, switch in database["physical_switches"].items()]
        if not any(operation["table"] == "Global" for operation in self._operations):
            self._operations.append({"op": "delete", "table": "Global", "where": []})
            self._insert("Global", {"switches": ["set", physical]})
        return self._operations

    def _insert(self, table: str, row: dict) -> list:
        name = next(self._names)
        self._operations.append({"op": "insert", "table": table, "uuid-name": name, "row": row})
        return ["named-uuid", name]

    def _faulty(self, rows: Iterable[dict], column: str) -> list[dict]:
        return [{**row, **self._status(row, column)} for row in rows]

    def _status(self, row: dict, *columns: str) -> dict:
        return {column: ["set", row[column]] for column in columns if row.get(column)}

    def _logical(self, name: str, switch: dict) -> list:
        row = {column: switch[column] for column in ("tunnel_key", "replication_mode") if switch.get(column) is not None}
        uuid = self._insert("Logical_Switch", {"name": name, **row})
        for branch, table in (("ucast_remote", "Ucast_Macs_Remote"), ("ucast_local", "Ucast_Macs_Local")):
            for address, rows in switch.get(branch, {}).items():
                for one in rows if isinstance(rows, list) else [rows]:
                    columns = {"locator": self._locator(one), "ipaddr": one.get("ipaddr", "")}
                    self._insert(table, {"logical_switch": uuid, "MAC": address, **columns})
        for address, one in switch.get("mcast_remote", {}).items():
            members = self._insert(
                "Physical_Locator_Set", {"locators": ["set", [self._locator({"locator": ip}) for ip in one["locators"]]]}
            )
            self._insert("Mcast_Macs_Remote", {"logical_switch": uuid, "MAC": address, "locator_set": members})
        return uuid

    def _locator(self, row: dict) -> list:
        key = (row["locator"],)
        if key not in self._locators:
            self._locators[key] = self._insert("Physical_Locator", {"dst_ip": key[0], "encapsulation_type": "vxlan_over_ipv4"})
        return self._locators[key]

    def _physical(self, name: str, switch: dict, switches: dict[str, list], tunnels: list[dict]) -> list:
        ports = []
        for port, row in switch["ports"].items():
            bound = ["map", [[int(vlan), switches[bound]] for vlan, bound in row.get("vlan_bindings", {}).items()]]
            ports.append(self._insert("Physical_Port", {"name": port, "vlan_bindings": bound, **self._status(row, "port_fault_status")}))
        made = []
        for row in tunnels:
            ends = {"local": self._locator({"locator": row["local"]}), "remote": self._locator({"locator": row["remote"]})}
            maps = {column: ["map", list(map(list, row.get(column, {}).items()))] for column in ("bfd_status", "bfd_params")}
            made.append(self._insert("Tunnel", {**ends, **maps}))
        columns = {"tunnel_ips": ["set", switch["tunnel_ips"]], "ports": ["set", ports], "tunnels": ["set", made]}
        return self._insert("Physical_Switch", {"name": name, **columns, **self._status(switch, "switch_fault_status")})


class Leaves:
    """Six leaves, and the audit of them."""

    def __init__(self, directory: Path) -> None:
        self.servers: dict[str, Leaf] = {}
        for host in OWN:
            (directory / host).mkdir()
            self.servers[host] = Leaf(directory / host, remotes=("ptcp:0:127.0.0.1",))
        self._held: dict[str, Any] = {}

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()

    def hold(self, dbs: dict[str, Any]) -> None:
        """Write what differs from what they hold."""
        for host, database in dbs.items():
            if database is not None and json.dumps(database) != self._held.get(host):
                self.servers[host].fill(database)
                self._held[host] = json.dumps(database)

    def changed(self, remote: str) -> None:
        """Somebody else has written to this one."""
        self._held = {host: held for host, held in self._held.items() if self.servers[host].remote != remote}

    def entries(self, lost: Iterable[str] = (), ends: list[dict] | None = None, known: dict[str, list[str]] | None = None) -> list[dict]:
        """The VTEPs as the module takes them; at those that are lost, nobody listens."""
        return [
            {
                "name": host,
                "database": "unix:/nonexistent/db.sock" if host in lost else server.remote,
                "tunnel_ips": (known or {}).get(host, []),
                **({"wanted": overlay_tables(ends, host)} if ends is not None else {}),
            }
            for host, server in self.servers.items()
        ]


@pytest.fixture(scope="module")
def leaves(tmp_path_factory):
    running = Leaves(tmp_path_factory.mktemp("leaves"))
    yield running
    running.stop()


@pytest.fixture
def task(leaves, capsys):
    return Task(leaves.servers["leaf1"], capsys)


def pairs(result: dict) -> list[tuple[str, str]]:
    return sorted((one["kind"], one["vteps"][0]) for one in result["findings"])


def apply(leaves: Leaves, task: Task, findings: list[dict]) -> None:
    """Run the remedies, in their order."""
    for one in findings:
        for said in yaml.safe_load(one["remedy"]) or ():
            ((module, arguments),) = ((key, value) for key, value in said.items() if key != "name")
            leaves.changed(arguments["database"])
            task(module.removeprefix("vxlanlab.vtep."), **arguments)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found_and_its_remedy_mends_it(leaves, task, name):
    defect = DEFECTS[name]
    dbs = broken(defect)
    leaves.hold(dbs)
    vnis = defect.options.get("vnis", {})
    options = {
        "vteps": leaves.entries(
            [host for host, database in dbs.items() if database is None],
            endpoints() if defect.compared else None,
            defect.options.get("known"),
        ),
        "switches": [{"name": switch, "tunnel_key": vni} for switch, vni in vnis.items()],
    }
    result = task("vtep_audit", **options)
    assert pairs(result) == sorted(defect.found)
    assert sum(result["summary"].values()) == len(defect.found) and set(result["kinds"]) == {kind for kind, _vtep in defect.found}
    by_hand = {one["kind"] for one in result["findings"] if not one["remedy"]}
    # What the endpoints ask for, no remedy takes away.
    assert by_hand <= BY_HAND | ({"remote_elsewhere"} if defect.compared else {"wanted_address"})
    apply(leaves, task, result["findings"])
    left = {one["kind"] for one in task("vtep_audit", **options)["findings"]}
    # A row that leads to nobody is removed, and what is only then seen to be missing is told.
    assert left <= by_hand | {"flood_one_sided", "flood_incomplete", "wanted_unicast", "wanted_multicast", "switch_unused"}, left
    assert not left & {kind for kind, _vtep in defect.found} - by_hand


VNIS = {"blue": 5000, "green": 5001, "red": 5002}
PAIR = [["leaf2", "leaf3"]]
HOSTS = ("leaf1", "leaf2", "leaf3", "leaf4")


def some_endpoints(draw: random.Random, is_pair: bool) -> list[dict]:
    """Endpoints of four leaves, of which two may be a pair."""
    places = draw.sample(list(itertools.product(HOSTS, ("eth1", "eth2"), (0, 5))), draw.randint(2, 10))
    return [
        {
            "host": host, "physical_switch": host, "port": port, "vlan": vlan, "logical_switch": draw.choice(list(VNIS)), "mac": mac(number),
            "ip": f"192.168.0.{number}", "vtep": OWN["leaf2" if is_pair and host == "leaf3" else host],
        }
        for number, (host, port, vlan) in enumerate(places)
    ]  # fmt: skip


def written(before: dict[str, Any] | None, after: dict[str, Any] | None, host: str, ends: list[dict]) -> dict[str, Any]:
    """What the role makes of a database with the rows of earlier endpoints: it leaves alone what is no more in the list."""
    address = next((one["vtep"] for one in ends if one["host"] == host), OWN[host])
    made: dict[str, Any] = {"physical_switches": {host: {"tunnel_ips": [address], "ports": {}}}, "logical_switches": {}, "tunnels": []}
    ports = made["physical_switches"][host]["ports"]
    for port in ("eth1", "eth2"):
        ports[port] = {"vlan_bindings": {}}
    for database in (before, after):
        if database:
            made["logical_switches"] |= database["logical_switches"]
            for port, row in database["physical_switches"][host]["ports"].items():
                ports[port]["vlan_bindings"] |= row["vlan_bindings"]
    return made


def damage(draw: random.Random, database: dict[str, Any]) -> None:
    """Somebody has changed a row of a logical switch, or a binding."""
    switches = database["logical_switches"]
    if not switches:
        return
    name = draw.choice(sorted(switches))
    switch, leads_to = switches[name], draw.choice([*(OWN[host] for host in HOSTS), "10.9.9.9"])
    ((_host, physical),) = database["physical_switches"].items()
    draw.choice(
        [
            lambda: switch.update(tunnel_key=draw.choice([*VNIS.values(), 9, None])),
            lambda: switch.update(replication_mode=draw.choice([None, "service_node", "source_node"])),
            lambda: switch["ucast_remote"].update({mac(draw.randrange(12)): {"locator": leads_to, "ipaddr": ""}}),
            switch["ucast_remote"].clear,
            lambda: switch["mcast_remote"].update({UNKNOWN: {"locators": [leads_to]}}),
            switch["mcast_remote"].clear,
            lambda: physical["ports"][draw.choice(["eth1", "eth2"])].update(vlan_bindings={"0": name}),
            lambda: physical["ports"][draw.choice(["eth1", "eth2"])].update(vlan_bindings={}),
        ]
    )()


@pytest.mark.parametrize("seed", range(24))
def test_the_remedies_lead_to_what_the_endpoints_say_whatever_was_before(leaves, task, seed):
    """Endpoints come and go, and the role runs on all leaves, or on some: no remedy takes back what another one has done."""
    draw = random.Random(seed)
    is_pair = draw.random() < 0.5
    mlag, nodes = PAIR if is_pair else [], draw.choice([[], [], ["10.0.1.1"]])
    ends = some_endpoints(draw, is_pair)
    later = [one for one in ends if draw.random() < 0.6] if draw.random() < 0.5 else some_endpoints(draw, is_pair)
    before, after = (databases(one, nodes, with_locals=False, mlag=mlag, vnis=VNIS) for one in (ends, later))
    ran = set(HOSTS) if draw.random() < 0.5 else {host for host in HOSTS if draw.random() < 0.5}
    dbs = {host: written(before.get(host), after.get(host) if host in ran else None, host, [*later, *ends]) for host in HOSTS}
    for _change in range(draw.choice([0, 0, 1, 3])):
        damage(draw, dbs[draw.choice(HOSTS)])
    leaves.hold(dbs)
    options = {
        "vteps": [
            {"name": host, "database": leaves.servers[host].remote, "wanted": overlay_tables(later, host, nodes, mlag)} for host in HOSTS
        ],
        "mlag": mlag,
        "service_nodes": nodes,
        "switches": [{"name": name, "tunnel_key": vni} for name, vni in VNIS.items()],
    }
    for _round in range(6):
        findings = task("vtep_audit", **options)["findings"]
        if not findings:
            break
        assert all(one["remedy"] for one in findings)
        apply(leaves, task, findings)
    assert findings == []
    for one in later:
        row = task("vtep_info", database=leaves.servers[one["host"]].remote)["vtep"]["physical_switches"][one["host"]]["ports"][one["port"]]
        assert row["vlan_bindings"][str(one["vlan"])] == one["logical_switch"]


def saved(leaves, directory: Path, how: str) -> list[dict]:
    """The same databases as files."""
    found = []
    for host, server in leaves.servers.items():
        path = directory / host
        if how == "file":
            path.write_bytes((server.directory / "vtep.db").read_bytes())
        else:
            command = ["ovsdb-client", *how.split(), server.remote, "hardware_vtep"]
            path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
        found.append({"name": host, "src": str(path)})
    return found


#: One defect of each of several leaves at once.
SEVERAL = (
    "vni of blue on leaf1", "own locator of red on leaf2", "red address of leaf3 also on leaf2", "no flood list",
    "tunnel of leaf2 forwards nothing", "switch fault of leaf6", "a binding of leaf3 without peer", "an address that nobody reports",
)  # fmt: skip


@pytest.fixture
def several(leaves) -> list[tuple[str, str]]:
    """Databases with several defects, and what is to be found in them."""
    dbs = databases(endpoints())
    for name in SEVERAL:
        DEFECTS[name].change(dbs)
    leaves.hold(dbs)
    return sorted(pair for name in SEVERAL for pair in DEFECTS[name].found)


def test_an_audit_changes_nothing_and_is_the_same_in_check_mode(leaves, task, several):
    before = {host: server.dump() for host, server in leaves.servers.items()}
    result = task("vtep_audit", vteps=leaves.entries())
    assert pairs(result) == several and result["changed"] is False
    assert task.check("vtep_audit", vteps=leaves.entries())["findings"] == result["findings"]
    assert {host: server.dump() for host, server in leaves.servers.items()} == before
    assert [one["read"] for one in result["vteps"]] == [True] * 6
    assert result["vteps"][4]["rows"]["Ucast_Macs_Remote"] == 5 and result["vteps"][4]["tunnel_ips"] == ["10.0.0.5"]


@pytest.mark.parametrize("how", ["-f json dump", "backup", "file"])
def test_saved_databases_are_audited_like_live_ones(leaves, task, several, tmp_path, how):
    live = task("vtep_audit", vteps=leaves.entries())
    result = task("vtep_audit", vteps=saved(leaves, tmp_path, how))
    # The schema says that columns of faults and BFD are ephemeral: they are never on disk.
    kept = [one for one in live["findings"] if how == "-f json dump" or one["kind"] not in ("bfd_down", "switch_fault")]
    assert len(kept) > 5
    assert [{**one, "remedy": ""} for one in result["findings"]] == [{**one, "remedy": ""} for one in kept]
    # Nobody has said where they are from, so a task is refused, whatever the default is.
    remedies = [said for one in result["findings"] for said in yaml.safe_load(one["remedy"]) or ()]
    for said in remedies:
        ((module, arguments),) = ((key, value) for key, value in said.items() if key != "name")
        refused = task.fails(module.removeprefix("vxlanlab.vtep."), **arguments)
        assert re.search(r"'the database of leaf\d' is not accepted", refused)
    assert remedies


def test_a_task_that_mends_a_vtep_names_its_database(leaves, task, tmp_path):
    leaves.hold(broken(DEFECTS["vni of blue on leaf1"]))
    files = saved(leaves, tmp_path, "backup")

    def remedy(**first: str) -> dict:
        vteps = [{"name": "leaf1", **first}, *files[1:]]
        (said,) = yaml.safe_load(task("vtep_audit", vteps=vteps)["findings"][0]["remedy"])
        return {**said["vxlanlab.vtep.vtep_logical_switch"], "delegate_to": said.get("delegate_to")}

    src, here = files[0]["src"], leaves.servers["leaf1"].remote
    mended = {"name": "blue", "tunnel_key": 5000}
    assert remedy(database=here) == remedy() == {"database": here, "delegate_to": None, **mended}
    # What was saved elsewhere is mended there.
    assert remedy(src=src, database="ssl:192.0.2.11:6640") == {"database": "ssl:192.0.2.11:6640", "delegate_to": None, **mended}
    assert remedy(src=src, database="unix:/run/db.sock") == {"database": "unix:/run/db.sock", "delegate_to": "leaf1", **mended}


def test_a_clean_fabric_has_no_findings(leaves, task):
    leaves.hold(databases(endpoints()))
    for ends in (None, endpoints()):
        result = task("vtep_audit", vteps=leaves.entries(ends=ends))
        assert (result["findings"], result["summary"], result["counts"]) == ([], {"error": 0, "warning": 0, "note": 0}, {})


def test_what_cannot_be_read_is_named_with_the_reason(leaves, task, tmp_path):
    leaves.hold(databases(endpoints()))
    (tmp_path / "junk").write_text("junk")
    entries = leaves.entries(known={host: [address] for host, address in OWN.items()})
    for index, instead in enumerate(
        ({"database": "unix:/nonexistent/db.sock"}, {"src": "/nonexistent/db"}, {"src": str(tmp_path / "junk")})
    ):
        entries[index] = {"name": f"leaf{index + 1}", "tunnel_ips": [f"10.0.0.{index + 1}"], **instead}
    result = task("vtep_audit", vteps=entries)
    assert pairs(result) == [("not_read", "leaf1"), ("not_read", "leaf2"), ("not_read", "leaf3")]
    reasons = [one["seen"] for one in result["findings"]]
    assert not any("remote_src" in reason for reason in reasons)
    assert "ovsdb-server is running" in reasons[0] and "No such file" in reasons[1] and "no saved database" in reasons[2]
    assert [one["error"] for one in result["vteps"]] == [*reasons, "", "", ""]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vteps": []}, "vteps: [] is not accepted: expected at least one VTEP"),
        ({"vteps": [{"name": "a"}, {"name": "a"}]}, "vteps: 'a' is not accepted: expected a different name"),
        ({"vteps": [{"name": ""}]}, "vteps[0].name"),
        ({"vteps": [{"name": "a", "database": "leaf1:6640"}]}, "vteps[0], a: database: 'leaf1:6640' is not accepted"),
        ({"vteps": [{"name": "a", "unreadable": "no", "src": "/x"}]}, "mutually exclusive: src|unreadable"),
        ({"vteps": [{"name": "a", "tunnel_ips": ["224.0.0.1"]}]}, "vteps[0].tunnel_ips[0]: '224.0.0.1' is not accepted"),
        ({"vteps": [{"name": "a"}], "mlag": [["a", "b"]]}, "mlag[0]: 'b' is not accepted: expected the name of one of the VTEPs"),
        ({"vteps": [{"name": "a"}], "service_nodes": ["x"]}, "service_nodes[0]: 'x' is not accepted"),
        ({"vteps": [{"name": "a"}], "switches": [{"name": "blue", "tunnel_key": -1}]}, "switches[0].tunnel_key: -1 is not accepted"),
        ({"vteps": [{"name": "a"}], "severities": {"vni": "error"}}, "severities: 'vni' is not accepted: expected not_read or"),
        ({"vteps": [{"name": "a"}], "severities": {"vni_mismatch": "bad"}}, "severities: vni_mismatch: 'bad' is not accepted"),
        ({"vteps": [{"name": "a"}], "limit": 0}, "limit: 0 is out of range"),
        (
            {"vteps": [{"name": "a", "wanted": {"logical_switches": [{"name": "b", "unicast": [{"mac": "x", "locator": "10.0.0.1"}]}]}}]},
            "vteps[0].wanted.logical_switches[0].unicast[0].mac: 'x' is not accepted",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_read(task, options, said):
    assert said in task.fails("vtep_audit", **options)


def test_each_vtep_may_have_its_own_tls_options(task):
    options = {"vteps": [{"name": "a", "database": "ssl:127.0.0.1:1", "private_key": "/nonexistent.pem"}], "private_key": "/other.pem"}
    (one,) = task("vtep_audit", **options)["findings"]
    assert one["kind"] == "not_read" and "private_key: cannot read '/nonexistent.pem'" in one["seen"]


# -- the playbook ---------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def play(leaves, tmp_path):
    """Run the playbook on an inventory in which three databases are reached on their hosts, and three over the network."""
    no_ssh = tmp_path / "ssh"
    no_ssh.write_text("#!/bin/sh\necho 'No route to host' >&2\nexit 255\n")
    no_ssh.chmod(0o755)
    hosts: dict[str, dict] = {}
    for number, (host, server) in enumerate(leaves.servers.items()):
        (port,) = re.findall(r"0:127\.0\.0\.1: listening on port (\d+)", (server.directory / "log").read_text())
        hosts[host] = {
            "vtep_database": server.remote if number < 3 else f"tcp:127.0.0.1:{port}",
            "ansible_python_interpreter": sys.executable,
        }
    hosts["leaf1"] |= {"ansible_connection": "local"}
    hosts["leaf2"] |= {"ansible_connection": "local", "vtep_database": "unix:/nonexistent/db.sock"}
    hosts["leaf3"] |= {"ansible_connection": "ssh", "ansible_ssh_executable": str(no_ssh)}

    def run(*options: str, lost: bool = False, ends: list[dict] | None = None, **variables: Any) -> tuple[int, str, dict[str, Any]]:
        for host in () if lost else ("leaf2", "leaf3"):
            hosts[host] = {**hosts["leaf1"], "vtep_database": leaves.servers[host].remote}
        (tmp_path / "hosts.json").write_text(json.dumps({"vteps": {"hosts": hosts}}))
        given = {"fabric_audit_artifacts": str(tmp_path / "artifacts"), **variables}
        if ends is not None:
            switches = [{"name": name, "tunnel_key": vni} for name, vni in vnis_of(ends).items()]
            given |= {"vtep_overlay_endpoints": ends, "vtep_overlay_switches": switches}
        playbook = ["-i", tmp_path / "hosts.json", ROOT / "playbooks/fabric_audit.yml", "-e", json.dumps(given)]
        command = [BIN / "ansible-playbook", *playbook, *options]
        env = os.environ | {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        env |= {"TMPDIR": str(tmp_path / "tmp"), "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"), "PWD": str(tmp_path)}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        done = subprocess.run(command, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert not list((tmp_path / "tmp").glob("tmp.*")), "a dump is left on a host"
        written = tmp_path / "artifacts/fabric_audit.json"
        return done.returncode, said, json.loads(written.read_text()) if written.exists() else {}

    return run


def test_the_playbook_says_that_a_clean_fabric_is(leaves, play, tmp_path):
    leaves.hold(databases(endpoints()))
    status, said, result = play(ends=endpoints())
    assert status == 0, said
    assert "6 of 6 VTEPs read: 0 errors, 0 warnings, 0 notes." in said and "The fabric is clean." in said
    assert result["findings"] == [] and [one["read"] for one in result["vteps"]] == [True] * 6
    suites = ElementTree.parse(tmp_path / "artifacts/fabric_audit.xml").getroot()
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [(host, "1", "0") for host in OWN]


def test_the_playbook_names_what_is_wrong_and_fails(leaves, play, several, tmp_path):
    renamed = databases(endpoints())
    for name in SEVERAL:
        DEFECTS[name].change(renamed)
    DEFECTS["name of blue on leaf6"].change(renamed)
    leaves.hold(renamed)
    status, said, result = play(lost=True)
    assert status == 2, said
    assert "4 of 6 VTEPs read" in said and "The fabric is clean" not in said
    kinds = {(one["kind"], one["vteps"][0]) for one in result["findings"]}
    assert {("not_read", "leaf2"), ("not_read", "leaf3"), ("vni_mismatch", "leaf1"), ("switch_fault", "leaf6")} <= kinds
    reasons = {one["name"]: one["error"] for one in result["vteps"]}
    assert "failed to connect" in reasons["leaf2"] and "No route to host" in reasons["leaf3"], reasons
    suites = {suite.get("name"): suite for suite in ElementTree.parse(tmp_path / "artifacts/fabric_audit.xml").getroot()}
    assert all(int(suites[host].get("failures")) > 0 for host in ("leaf1", "leaf2", "leaf3", "leaf6"))
    page = (tmp_path / "artifacts/fabric_audit.html").read_text()
    assert "What does not fit together" in page and "Different VNIs for one logical switch" in page and "tunnel_key: 5000" in page
    # What it has saved can be audited again, without any host, and without a failure where it is not to fail.
    others = [address for host, address in OWN.items() if host != "leaf1"]
    again = {"fabric_audit_folder": "artifacts/databases", "fabric_audit_other_vteps": others}
    status, said, result = play(lost=True, fabric_audit_fail_on="never", **again)
    assert status == 0 and "1 of 1 VTEPs read" in said, said
    assert [one["name"] for one in result["vteps"]] == ["leaf1"]


def test_the_tasks_of_the_page_go_to_the_vteps_that_they_are_for(leaves, play, tmp_path):
    """Put into a play on localhost, they mend the fabric: each names its database, and a socket's host."""
    dbs = broken(DEFECTS["vni of blue on leaf1"])
    for database in dbs.values():
        database["logical_switches"]["unused"] = {"tunnel_key": 8}
    leaves.hold(dbs)
    _status, said, live = play()
    remedies = {one["kind"]: one["remedy"] for one in live["findings"]}
    assert set(remedies) == {"vni_mismatch", "switch_unused"}, said
    tasks = yaml.safe_load("".join(remedies.values()))
    where = [(one.get("delegate_to"), next(value for key, value in one.items() if "." in key)["database"]) for one in tasks]
    assert where[0] == ("leaf1", leaves.servers["leaf1"].remote)
    assert where[1:4] == [(host, leaves.servers[host].remote) for host in ("leaf1", "leaf2", "leaf3")]
    assert [host for host, _database in where[4:]] == [None] * 3 and all(database.startswith("tcp:") for _host, database in where[4:])
    # Of a saved database, the inventory may know the host.
    _status, said, again = play(fabric_audit_folder="artifacts/databases", fabric_audit_other_vteps=[OWN[host] for host in OWN])
    assert [yaml.safe_load(one["remedy"]) for one in again["findings"] if one["kind"] == "switch_unused"] == [tasks[1:4]], said
    playbook = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "mend.json").write_text(json.dumps(playbook))
    env = os.environ | {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = [BIN / "ansible-playbook", "-i", tmp_path / "hosts.json", tmp_path / "mend.json"]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for server in leaves.servers.values():
        leaves.changed(server.remote)
    assert play()[2]["findings"] == []


def test_the_playbook_refuses_options_before_it_asks_anybody(play):
    status, said, result = play(fabric_audit_fail_on="fatal", fabric_audit_folder="/nonexistent")
    assert status == 2 and not result
    assert "fabric_audit_fail_on: fatal is not accepted. Use error, warning, note or never." in said
    status, said, result = play(fabric_audit_other_vteps="10.0.0.9")
    assert status == 2 and not result and "fabric_audit_other_vteps: 10.0.0.9 is not accepted. Give a list" in said
    # It would leave out localhost, and nothing would be audited.
    status, said, result = play("--limit", "leaf1")
    assert status == 2 and not result and "-e fabric_vteps=leaf1" in said
