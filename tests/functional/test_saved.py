# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved databases: what the tools of Open vSwitch write, read without a server, is what is gathered from the server that wrote it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import test_feedback
import yaml
from conftest import BIN, MODULES, SCHEMA, Server, Task
from hypothesis import HealthCheck, given, settings, strategies as st
from markdown_it import MarkdownIt
from test_config import LEAF, databases, macs, vteps
from test_vtep_ctl import content

from ansible_collections.vxlanlab.vtep.plugins.module_utils._vtep.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
#: What the VTEP reports. It is gathered, and never written.
STATUS = {name for table in TABLES.values() for name, column in table.columns.items() if column.status}
#: A log does not hold what the schema calls ephemeral.
EPHEMERAL = {
    column
    for table in json.loads(SCHEMA.read_text())["tables"].values()
    for column, said in table["columns"].items()
    if said.get("ephemeral")
}
EMPTY = (["set", []], ["map", []])
COUNTED = {"packets_from_local": 1, "bytes_from_local": 2**40, "packets_to_local": 3, "bytes_to_local": 0}


# -- ways to save a database ----------------------------------------------------------------------------------------


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def dumped(server: Server, path: Path, *options: str) -> Path:
    path.write_bytes(run("ovsdb-client", "-f", "json", *options, "dump", server.remote, "hardware_vtep"))
    return path


def backed_up(server: Server, path: Path) -> Path:
    path.write_bytes(run("ovsdb-client", "backup", server.remote, "hardware_vtep"))
    return path


def copied(server: Server, path: Path) -> Path:
    shutil.copy(server.directory / "vtep.db", path)
    return path


def compacted_copy(server: Server, path: Path) -> Path:
    """A copy without what had been and is no more."""
    run("ovsdb-tool", "compact", copied(server, path))
    return path


def compacted(server: Server, path: Path) -> Path:
    """The file of a server that has written it anew, and goes on with it."""
    run("ovs-appctl", "-t", str(server.directory / "ctl"), "ovsdb-server/compact", "hardware_vtep")
    return copied(server, path)


FORMATS: dict[str, Callable[[Server, Path], Path]] = {
    "dump": dumped,
    "pretty dump": lambda server, path: dumped(server, path, "--pretty"),
    "backup": backed_up,
    "database file": copied,
    "compacted copy": compacted_copy,
    "compacted by the server": compacted,
}
#: How the server writes its file; since 2.15 the differences of sets and maps, before that their new values.
WRITERS: dict[str, tuple[str, ...]] = {"differences": (), "values": ("--disable-file-column-diff",)}


@pytest.fixture(scope="class", params=WRITERS)
def writer(request, tmp_path_factory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("writer"), options=WRITERS[request.param])
    yield running
    running.stop()


def without(data: Any, names: set[str]) -> Any:
    """The same without these keys, wherever they are."""
    if isinstance(data, dict):
        return {key: without(value, names) for key, value in data.items() if key not in names}
    return [without(one, names) for one in data] if isinstance(data, list) else data


def held_by(form: str, structure: dict) -> dict:
    """What a file of this format holds of a structure."""
    return structure if "dump" in form else without(structure, EPHEMERAL)


def parsed(task: Task, path: Path, **options: Any) -> dict:
    return task("vtep_config", state="parsed", src=str(path), database="unix:/nonexistent", **options)["parsed"]


def gathered(task: Task) -> dict:
    return task("vtep_config", state="gathered")["gathered"]


def rows(server: Server) -> dict[str, list]:
    """All that is in a database, but for a global row that holds nothing, which a database may have or not."""
    return {
        table: [row for row in held if table != "Global" or any(value not in EMPTY for value in row.values())]
        for table, held in content(server).items()
    }


# -- every format ---------------------------------------------------------------------------------------------------


bfd_params = st.fixed_dictionaries({}, optional={"enable": st.sampled_from(["true", "false"]), "min_rx": st.integers(1, 9000).map(str)})
bfd_ends = st.fixed_dictionaries({}, optional={"bfd_dst_mac": macs, "bfd_dst_ip": vteps})


@st.composite
def wide_databases(draw: Any) -> dict:
    """Databases with rows in every table."""
    config = draw(databases())
    for name, item in config["physical_switches"].items():
        item["tunnel_ips"] = draw(st.lists(vteps, max_size=2, unique=True))
        item["management_ips"] = draw(st.lists(vteps, max_size=3, unique=True))
        ends = st.tuples(vteps, vteps)
        config.setdefault("tunnels", []).extend(
            {"physical_switch": name, "local": local, "remote": remote, "bfd_params": draw(bfd_params), "bfd_config_local": draw(bfd_ends)}
            for local, remote in draw(st.lists(ends, max_size=2, unique=True))
        )
    for item in config["logical_routers"].values():
        item["static_routes"] = draw(st.dictionaries(vteps.map(lambda address: f"{address}/32"), vteps, max_size=3))
    config["arp_sources_local"] = draw(st.dictionaries(macs, st.fixed_dictionaries({"locator": vteps}), max_size=2))
    return config


class TestRoundTrip:
    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(first=wide_databases(), second=wide_databases())
    def test_what_is_saved_makes_the_same_database(self, writer, server, capsys, tmp_path, first, second):
        source, target = Task(writer, capsys), Task(server, capsys)
        # Rows and members that were there before are in the log.
        writer.empty()
        for config in (first, second):
            source("vtep_config", config=config, state="overridden")
        structure = gathered(source)
        for form, save in FORMATS.items():
            assert parsed(source, save(writer, tmp_path / form)) == held_by(form, structure), form
        server.empty()
        saved = parsed(source, tmp_path / form)
        target("vtep_config", config=json.loads(json.dumps(saved)), state="overridden")
        assert rows(server) == rows(writer)
        assert not target("vtep_config", config=saved, state="overridden")["changed"]

    def test_odd_values_have_the_same_form(self, writer, capsys, tmp_path):
        source = Task(writer, capsys)
        for odd, operations in test_feedback.ODD.items():
            writer.empty()
            writer.transact(*operations)
            structure = gathered(source)
            for form, save in FORMATS.items():
                assert parsed(source, save(writer, tmp_path / form)) == held_by(form, structure), (odd, form)

    @pytest.mark.parametrize("version", test_feedback.TestOlderSchemas.LACKS)
    def test_older_schemas(self, capsys, tmp_path, version):
        schema = json.loads(SCHEMA.read_text())
        for table, column in test_feedback.TestOlderSchemas.LACKS[version]:
            if column is None:
                del schema["tables"][table]
            else:
                schema["tables"][table]["columns"].pop(column)
        schema["tables"]["Physical_Locator"].pop("indexes", None)
        (tmp_path / "older.ovsschema").write_text(json.dumps(schema))
        server = Server(tmp_path, schema=tmp_path / "older.ovsschema")
        try:
            task = Task(server, capsys)
            config = without(LEAF, {"acl_binding", "replication_mode"})
            task("vtep_config", config={part: items for part, items in config.items() if part != "acls"})
            structure = gathered(task)
            for form, save in FORMATS.items():
                held = task("vtep_config", state="parsed", src=str(save(server, tmp_path / form)))
                if "dump" in form:
                    # It may be that the table was not saved.
                    assert held["parsed"] == {part: rows for part, rows in structure.items() if part != "acls"}
                    assert held["warnings"] == [f"src: {form!r} has no table ACL, so acls is left out"]
                else:
                    assert held["parsed"] == held_by(form, structure) and not held["warnings"]
            run("ovsdb-tool", "convert", copied(server, tmp_path / "converted"), SCHEMA)
            assert parsed(task, tmp_path / "converted") == held_by("log", structure)
        finally:
            server.stop()

    def test_values_that_only_the_vtep_writes(self, writer, capsys, tmp_path):
        report(writer)
        source = Task(writer, capsys)
        structure = gathered(source)
        assert structure["physical_switches"]["br0"]["ports"]["vm1"]["vlan_stats"] == {"5": COUNTED}
        for form, save in FORMATS.items():
            assert parsed(source, save(writer, tmp_path / form)) == held_by(form, structure)

    def test_neither_a_server_nor_the_library_that_speaks_to_one_is_needed(self, server, task, tmp_path):
        task("vtep_config", config=LEAF)
        arguments = tmp_path / "arguments.json"
        options = {"src": str(backed_up(server, tmp_path / "backup")), "state": "parsed"}
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
        hidden = (
            "import runpy, sys; sys.modules |= dict.fromkeys(('ovs', 'ovsdbapp')); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
        )
        command = [sys.executable, "-c", hidden, f"{MODULES}.vtep_config", str(arguments)]
        assert json.loads(run(*command))["parsed"] == held_by("log", gathered(task))


def report(server: Server) -> None:
    """A port with a binding and its counters."""
    server.empty()
    server.ctl("add-ps", "br0", "--", "add-port", "br0", "vm1", "--", "add-ls", "ls0", "--", "bind-ls", "br0", "vm1", "5", "ls0")
    server.transact(
        {"op": "insert", "table": "Logical_Binding_Stats", "uuid-name": "s", "row": COUNTED},
        {"op": "update", "table": "Physical_Port", "where": [], "row": {"vlan_stats": ["map", [[5, ["named-uuid", "s"]]]]}},
    )


class TestText:
    @pytest.mark.parametrize("form", FORMATS)
    def test_it_may_be_given_as_text_without_its_last_end_of_line(self, server, task, tmp_path, form):
        task("vtep_config", config=LEAF)
        text = FORMATS[form](server, tmp_path / "saved").read_text()
        for given_text in (text, text.rstrip("\n")):
            done = task("vtep_config", state="parsed", running_config=given_text)
            assert done["parsed"] == held_by(form, gathered(task)) and not done["warnings"]
            assert "running_config" not in done["invocation"]["module_args"]


class TestPage:
    """docs/offline.md, through Ansible itself and the action plugin, which brings the file to the module."""

    def test_its_tasks_bring_back_what_was_saved(self, server, task, tmp_path):
        page = MarkdownIt("commonmark").parse((ROOT / "docs/offline.md").read_text())
        tasks = "".join(block.content for block in page if block.type == "fence" and block.info == "yaml")
        play: dict[str, Any] = {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/vxlanlab.vtep.vtep": {"database": server.remote}},
            "tasks": yaml.safe_load(tasks.replace("ssl:192.0.2.10:6640", server.remote).replace("gather: [logical_switches]", "")),
        }
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        (tmp_path / "backups").mkdir()
        task("vtep_config", config=LEAF)
        structure = gathered(task)
        backed_up(server, tmp_path / "backups/leaf1.backup")
        task("vtep_config", config={"logical_switches": {"ls0": {"tunnel_key": 6000}, "ls1": None, "new": {}}}, state="overridden")
        done = subprocess.run(
            [BIN / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "play.yml"],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        )
        assert done.returncode == 0 and "changed=2 " in done.stdout, done.stdout
        assert re.search(r"(?m)^-.*tunnel_key.*6000", done.stdout) and re.search(r"(?m)^\+.*tunnel_key.*5000", done.stdout), done.stdout
        assert without(gathered(task), {"_uuid"} | STATUS) == without(structure, {"_uuid"} | STATUS)


class TestParts:
    def test_gather_selects(self, server, task, tmp_path):
        task("vtep_config", config=LEAF)
        for form, save in FORMATS.items():
            held = parsed(task, save(server, tmp_path / form), gather=["managers", "acls"])
            assert held == held_by(form, {part: rows for part, rows in gathered(task).items() if part in ("managers", "acls")})

    def saved_tables(self, server: Server, path: Path, *tables: str) -> Path:
        commands = (["ovsdb-client", "-f", "json", "dump", server.remote, "hardware_vtep", *table.split()] for table in tables)
        path.write_bytes(b"".join(run(*command) for command in commands))
        return path

    def test_a_part_that_was_not_saved_is_left_out(self, server, task, tmp_path):
        task("vtep_config", config=LEAF)
        path = self.saved_tables(server, tmp_path / "some.json", "Manager")
        done = task("vtep_config", state="parsed", src=str(path), gather=["managers", "acls"])
        assert done["parsed"] == {"managers": gathered(task)["managers"]}
        assert done["warnings"] == ["src: 'some.json' has no table ACL, so acls is left out"]
        assert "no table of acls" in task.fails("vtep_config", state="parsed", src=str(path), gather=["acls"])

    @pytest.mark.parametrize(
        ("tables", "part", "words"),
        [
            (["Logical_Switch"], "logical_switches", "lacks the table Ucast_Macs_Remote"),
            (["Arp_Sources_Remote"], "arp_sources_remote", "lacks the table Physical_Locator, without which the rows of"),
            (["Manager max_backoff target"], "managers", "lacks the column Manager._uuid"),
            (["Manager _uuid"], "managers", "lacks the column Manager.target"),
            (["ACL", "ACL_entry _uuid sequence action"], "acls", "lacks the column ACL_entry.direction"),
            (["ACL _uuid acl_name", "ACL_entry"], "acls", "lacks the column ACL.acl_entries"),
        ],
    )
    def test_what_a_row_cannot_be_without_is_named(self, server, task, tmp_path, tables, part, words):
        task("vtep_config", config=LEAF)
        path = self.saved_tables(server, tmp_path / "some.json", *tables)
        message = task.fails("vtep_config", state="parsed", src=str(path), gather=[part])
        assert message.startswith("src: 'some.json' ") and words in message and "ovsdb-client -f json dump" in message


# -- what is no saved database, or a broken one ---------------------------------------------------------------------


def record(content: object) -> bytes:
    body = json.dumps(content).encode() + b"\n"
    return b"OVSDB JSON %d %s\n%s" % (len(body), hashlib.sha1(body).hexdigest().encode(), body)


FIRST = record(json.loads(SCHEMA.read_text()))
UUID = "03e2dc5f-15f3-4e2e-9e13-a292d547e241"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["saved.json", "saved.backup"])
def test_a_saved_database_is_no_structure(server, task, tmp_path, form, name):
    path = FORMATS[form](server, tmp_path / name)
    before = server.dump()
    for state in ("merged", "overridden", "rendered"):
        assert f"src: '{name}' is a saved database; read it with state: parsed" in task.fails("vtep_config", state=state, src=str(path))
    assert server.dump() == before


class TestBroken:
    def refused(self, task: Task, path: Path, content: bytes) -> str:
        path.write_bytes(content)
        return task.fails("vtep_config", state="parsed", src=str(path))

    def test_a_record_that_is_cut_off_did_not_take_place(self, server, task, capsys, tmp_path):
        """At every byte of the last record; the server itself is the judge."""
        server.ctl("add-ls", "ls0")
        kept = held_by("log", gathered(task))
        size = (server.directory / "vtep.db").stat().st_size
        server.ctl("add-ls", "ls1")
        whole = (server.directory / "vtep.db").read_bytes()
        path = tmp_path / "vtep.db"
        for end in [*range(size + 1, size + 60), *range(size + 60, len(whole) - 1, 37)]:
            path.write_bytes(whole[:end])
            done = task("vtep_config", state="parsed", src=str(path))
            assert done["parsed"] == kept
            assert "the last one, is cut off" in done["warnings"][0] and "as ovsdb-server leaves it out" in done["warnings"][0]
        (tmp_path / "other").mkdir()
        other = Server(tmp_path / "other", database=path)
        try:
            assert held_by("log", gathered(Task(other, capsys))) == kept
        finally:
            other.stop()

    def test_a_backup_of_which_no_rows_are_left_is_refused(self, server, task, tmp_path):
        server.ctl("add-ls", "ls0")
        whole = backed_up(server, tmp_path / "backup").read_bytes()
        for end in (10, 40, len(FIRST) // 2, len(whole) - 40):
            assert "nothing is left without it" in self.refused(task, tmp_path / "backup", whole[:end])

    def test_a_wrong_checksum_names_the_record(self, server, task, tmp_path):
        server.ctl("add-ls", "damaged")
        server.ctl("add-ls", "ls1")
        whole = (server.directory / "vtep.db").read_bytes()
        number = whole[: whole.index(b'"damaged"')].count(b"OVSDB JSON ")
        message = self.refused(task, tmp_path / "vtep.db", whole.replace(b'"damaged"', b'"Damaged"'))
        assert message.startswith(f"src: 'vtep.db' is broken: record {number}: its SHA-1 sum is wrong")

    def test_a_cluster_is_refused_and_its_remedies_work(self, server, task, tmp_path):
        server.ctl("add-ls", "ls0")
        run("ovsdb-tool", "create-cluster", tmp_path / "raft.db", backed_up(server, tmp_path / "backup"), "tcp:127.0.0.1:6644")
        message = task.fails("vtep_config", state="parsed", src=str(tmp_path / "raft.db"))
        assert "server in a cluster" in message and "'ovsdb-tool cluster-to-standalone'" in message and "'ovsdb-client backup'" in message
        run("ovsdb-tool", "cluster-to-standalone", tmp_path / "alone.db", tmp_path / "raft.db")
        assert parsed(task, tmp_path / "alone.db") == held_by("log", gathered(task))

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty; save the database with"),
            (b"_uuid name\n", "a dump in any other format than json"),
            (b"\xff\xfe", "is no saved database"),
            (b"[]", "is no saved database"),
            (b"{}", "JSON value 1 is not a table"),
            (b'{"caption":"Manager table","data":[]}', "without the names of its columns"),
            (b'{"caption":"Manager table","headings":["_uuid"],"data":[', "table 1 is cut off or no JSON"),
            (b'{"caption":"Manager table","headings":["_uuid"],"data":[]}{', "table 2 is cut off or no JSON"),
            (b'{"caption":"Manager table","headings":["_uuid"],"data":[]}' * 2, "the table Manager twice"),
            (b'{"caption":"Manager table","headings":["_uuid"],"data":[[]]}', "table Manager, row 1: expected 1 values, got []"),
            (b'{"caption":"Manager table","headings":["_uuid"],"data":[["x"]]}', "row 1: Manager._uuid: 'x' is not a reference"),
            (b'{"caption":"Manager table","headings":["other_config"],"data":[["x"]]}', "Manager.other_config: 'x' is not a map"),
            (b'{"caption":"Manager table","headings":["target"],"data":[[null]]}', "Manager.target: None is not a value"),
            (b'{"caption":"Manager table","headings":["status"],"data":[[["map",[[1]]]]]}', "Manager.status"),
            (b'{"caption":"Bridge table","headings":["_uuid"],"data":[]}', "no table of a hardware_vtep database (it has: Bridge)"),
            (b'{"caption":"\xff table"}', "byte 0xff at offset 12"),
            (b"[" * 9, "is no saved database"),
            (b'{"caption":' + b"[" * 200_000, "table 1 is cut off or no JSON"),
            (b"OVSDB JSON\n", "record 1: it begins with"),
            (b"OVSDB JSON 3 " + b"0" * 40 + b"\n{}\n", "record 1: its SHA-1 sum is wrong"),
            (record([]), "record 1: expected an object"),
            (record({"name": "Open_vSwitch"}), "is a database 'Open_vSwitch'; expected hardware_vtep"),
            (record({"name": "hardware_vtep"}), "record 1: it is no schema"),
            (record({"name": "hardware_vtep", "tables": {"Manager": {"columns": {"other_config": {"type": "string"}}}}}), "the type of Manager.other_config"),
            (FIRST + b"rubbish\n", "record 2: it begins with"),
            (FIRST + record({"Bridge": {}}), "record 2: the schema has no table Bridge"),
            (FIRST + record({"Manager": {UUID: {"nope": 1}}}), f"record 2: the row {UUID} of Manager has a column that the schema lacks"),
            (FIRST + record({"Manager": {UUID: None}}), f"record 2: it deletes the row {UUID} of Manager, which is not there"),
            (FIRST + record({"Manager": {UUID: {"target": []}}}), "record 2: Manager.target: [] is not a value"),
            (FIRST + record({"Manager": []}), "record 2: the schema has no table Manager"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, server, task, tmp_path, content, words):
        message = self.refused(task, tmp_path / "saved", content)
        assert message.startswith("src: 'saved' ") and words in message

    def test_the_state_says_what_is_read(self, server, task, tmp_path):
        assert "running_config" in task.fails("vtep_config", state="parsed")
        assert "running_config" in task.fails("vtep_config", state="parsed", config={})
        assert "config" in task.fails("vtep_config", running_config="{}")
        assert "is a directory" in task.fails("vtep_config", state="parsed", src=str(tmp_path))
        assert "cannot read" in task.fails("vtep_config", state="parsed", src=str(tmp_path / "nowhere"))


# -- before and after -----------------------------------------------------------------------------------------------


class TestBeforeAndAfter:
    def test_of_the_rows_that_change_all_that_is_configured(self, server, task):
        done = task.twice("vtep_config", config=LEAF)
        assert done["before"] == {}
        assert done["after"]["logical_switches"]["ls1"] == {
            "description": "", "tunnel_key": None, "replication_mode": "source_node", "other_config": {},
        }  # fmt: skip
        # What a task made makes the same again, and is all that there is.
        assert without(gathered(task), {"_uuid"} | STATUS) == {
            "arp_sources_local": {}, **without(with_inner(done["after"]), STATUS),
        }  # fmt: skip

    def test_a_row_above_is_there_by_its_name(self, server, task):
        task("vtep_config", config=LEAF)
        mac = {"00:00:00:00:00:02": {"locator": "10.7.0.1"}}
        done = task.twice("vtep_config", config={"logical_switches": {"ls0": {"ucast_remote": mac}}})
        for when, locator in (("before", "10.1.0.1"), ("after", "10.7.0.1")):
            assert done[when] == {
                "logical_switches": {
                    "ls0": {"ucast_remote": {"00:00:00:00:00:02": {"locator": locator, "encapsulation": "vxlan_over_ipv4", "ipaddr": ""}}}
                }
            }

    def test_what_goes_with_a_row_is_before(self, server, task):
        task("vtep_config", config=LEAF)
        done = task.twice("vtep_config", config={"logical_switches": {"ls0": None}}, state="deleted")
        assert set(done["before"]) == {"physical_switches", "logical_switches", "logical_routers"}
        assert set(done["before"]["logical_switches"]["ls0"]["ucast_remote"]) == {"00:00:00:00:00:02", "00:00:00:00:00:03"}
        assert done["after"]["physical_switches"]["leaf1"]["ports"]["eth1"]["vlan_bindings"] == {"7": "ls1"}
        assert "logical_switches" not in done["after"]

    def test_merging_what_was_before_brings_it_back(self, server, task):
        task("vtep_config", config=LEAF)
        structure = gathered(task)
        done = task("vtep_config", config={"logical_switches": {}, "managers": {}, "arp_sources_remote": {}}, state="overridden")
        assert done["changed"]
        task("vtep_config", config=done["before"])
        assert without(gathered(task), {"_uuid"}) == without(structure, {"_uuid"})

    def test_no_change(self, server, task):
        task("vtep_config", config=LEAF)
        done = task("vtep_config", config=LEAF)
        assert done["before"] == {} and "after" not in done

    def test_many_rows_are_left_out(self, server, task):
        many = {"logical_switches": {f"ls{number}": {} for number in range(4)}}
        done = task.check("vtep_config", config=many, result_rows=3)
        assert done["changed"] and "before" not in done and "after" not in done
        assert set(task("vtep_config", config=many, result_rows=4)["after"]["logical_switches"]) == set(many["logical_switches"])
        assert task("vtep_config", config=many, result_rows=0)["before"] == {}
        assert "before" not in task("vtep_config", config=many, result_rows=-1)


def with_inner(structure: dict) -> dict:
    """The same with the places below each row that hold none."""
    for switch in structure["logical_switches"].values():
        for inner in ("ucast_remote", "mcast_remote", "ucast_local", "mcast_local"):
            switch.setdefault(inner, {})
    return structure


# -- rendered as commands -------------------------------------------------------------------------------------------


def make(server: Server, commands: list[str]) -> None:
    for command in commands:
        program, arguments = command.split(" ", 1)
        assert program == "vtep-ctl"
        subprocess.run(["/bin/sh", "-c", f"{program} --db={server.remote} --timeout=20 {arguments}"], check=True, capture_output=True)


class TestCommands:
    def same(self, server: Server, task: Task, config: dict) -> None:
        """vtep-ctl makes of an empty database what the module makes."""
        server.empty()
        make(server, task("vtep_config", config=config, state="rendered")["commands"])
        assert not task("vtep_config", config=config)["changed"]
        made = rows(server)
        server.empty()
        task("vtep_config", config=config)
        assert made == rows(server)

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(config=wide_databases())
    def test_they_make_what_the_module_makes(self, server, task, config):
        self.same(server, task, config)

    def test_every_kind_of_row(self, server, task):
        config = {
            **LEAF,
            "physical_switches": {
                "leaf1": {"ports": {"eth 1": {"acl_bindings": {7: "web"}, "vlan_bindings": {7: "ls0"}}}},
                "leaf2": {"ports": {"eth 1": {"description": "a, \"b\""}}},
            },
            "managers": {"ptcp:6641:127.0.0.9": {"inactivity_probe": 0, "other_config": {"dscp": "48"}}, "ptcp:6642:127.0.0.9": {}},
        }  # fmt: skip
        self.same(server, task, config)

    def test_a_locator_that_no_mac_address_has_led_to(self, server, task):
        macs = {"ls0": {"ucast_remote": {"00:00:00:00:00:02": {"locator": "10.1.0.1"}, "00:00:00:00:00:03": {"locator": "10.2.0.1"}}}}
        tunnel = {"physical_switch": "leaf1", "local": "10.0.0.1", "remote": "10.2.0.1"}
        self.same(server, task, {"arp_sources_remote": {"02:00:00:00:00:99": {"locator": "10.1.0.1"}}, "logical_switches": macs})
        self.same(server, task, {"physical_switches": {"leaf1": {}}, "tunnels": [tunnel], "logical_switches": macs})

    def test_a_port_that_is_called_what_its_switch_is_called(self, server, task):
        config = {"physical_switches": {"leaf1": {"ports": {"leaf1": {"vlan_bindings": {7: "ls0"}}}}}, "logical_switches": {"ls0": {}}}
        self.same(server, task, config)

    def test_locators_with_keys(self, server, task):
        tunnel = {"physical_switch": "leaf1", "local": "10.0.0.1", "remote": "10.1.0.1", "remote_tunnel_key": 7}
        self.same(server, task, {**LEAF, "tunnels": [tunnel, {**tunnel, "remote_tunnel_key": 8}]})

    def test_a_command_where_there_is_one(self, task):
        config = {"logical_switches": {"ls0": {"tunnel_key": 7, "ucast_remote": {"00:00:00:00:00:02": {"locator": "10.1.0.1"}}}}}
        assert task("vtep_config", config=config, state="rendered")["commands"] == [
            "vtep-ctl add-ls ls0 -- set Logical_Switch ls0 tunnel_key=7",
            "vtep-ctl add-ucast-remote ls0 00:00:00:00:00:02 10.1.0.1",
        ]

    def test_a_name_that_it_cannot_take_is_named(self, task):
        done = task("vtep_config", config={"logical_switches": {"--": {}}}, state="rendered")
        assert done["rendered"] and done["commands"] == []
        assert done["warnings"] == [
            "commands: logical switch --: vtep-ctl cannot take this name, which separates its commands; there are no commands in the result"
        ]


# -- what the VTEP counts -------------------------------------------------------------------------------------------


class TestStatistics:
    def test_they_are_shown_and_ignored_when_they_come_back(self, server, task):
        report(server)
        port = task("vtep_info", gather=["physical_switches"])["vtep"]["physical_switches"]["br0"]["ports"]["vm1"]
        assert port["vlan_stats"] == {"5": COUNTED}
        before = server.dump()
        for state in ("merged", "replaced", "overridden"):
            assert not task("vtep_config", config=gathered(task), state=state)["changed"]
        assert server.dump() == before

    def test_a_port_that_has_none(self, server, task):
        server.ctl("add-ps", "br0", "--", "add-port", "br0", "vm1")
        assert gathered(task)["physical_switches"]["br0"]["ports"]["vm1"]["vlan_stats"] == {}

    def test_they_cannot_be_waited_for_by_name(self, server, task):
        message = task.fails("vtep_wait", row={"table": "Physical_Port", "match": {"physical_switch": "br0", "vlan_stats": {"5": "x"}}})
        assert "Physical_Port has no 'vlan_stats'" in message
