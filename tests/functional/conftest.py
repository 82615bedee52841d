# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A private ovsdb-server for each test class, and the modules run against it as Ansible runs them; names for labs of namespaces."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible.module_utils import basic

from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab import netns, processes

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:
    # ansible-core 2.17
    @contextlib.contextmanager
    def patch_module_args(arguments: dict) -> Iterator[None]:
        """What later releases offer by this name."""
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = None


SCHEMA = Path("/usr/share/openvswitch/vtep.ovsschema")
BIN = Path(sys.executable).parent
MODULES = "ansible_collections.vxlanlab.vtep.plugins.modules"


class Server:
    """An ovsdb-server in a directory of its own."""

    #: What to run it by, where it is to be somewhere else than here.
    enter: Sequence[str] = ()

    def __init__(
        self,
        directory: Path,
        schema: Path = SCHEMA,
        remotes: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
        database: Path | None = None,
    ):
        self.directory = directory
        self.socket = directory / "db.sock"
        self.remote = f"unix:{self.socket}"
        if database is None:
            database = directory / "vtep.db"
            subprocess.run(["ovsdb-tool", "create", database, schema], check=True)
        self.start(database, *(f"--remote={remote}" for remote in remotes), *options)

    def start(self, database: Path, *options: str) -> None:
        directory = self.directory
        # --detach returns when the server listens, so there is nothing to wait for.
        subprocess.run(
            [
                *self.enter,
                "ovsdb-server",
                "--detach",
                "--no-chdir",
                f"--pidfile={directory}/pid",
                f"--log-file={directory}/log",
                "-vconsole:off",
                f"--remote=punix:{self.socket}",
                f"--unixctl={directory}/ctl",
                *options,
                database,
            ],
            check=True,
            # The pid file needs a directory that exists, whatever the host has.
            env={**os.environ, "OVS_RUNDIR": str(directory)},
        )
        self.pid = int((directory / "pid").read_text())

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def transact(self, *operations: dict) -> list[dict]:
        """Raw operations, past everything under test."""
        text = json.dumps(["hardware_vtep", *operations])
        done = subprocess.run(["ovsdb-client", "transact", self.remote, text], check=True, capture_output=True, text=True)
        results = json.loads(done.stdout)
        assert not [result for result in results if result and "error" in result], results
        return results

    def rows(self, table: str, *columns: str) -> list[dict]:
        (answer,) = self.transact({"op": "select", "table": table, "where": [], "columns": list(columns) or ["_uuid"]})
        return answer["rows"]

    def dump(self) -> dict[str, list]:
        """The whole database, to tell whether anything changed."""
        tables = json.loads(SCHEMA.read_text())["tables"]
        answers = self.transact(*({"op": "select", "table": table, "where": []} for table in tables))
        return {table: sorted(map(json.dumps, answer["rows"])) for table, answer in zip(tables, answers)}

    def empty(self) -> None:
        roots = [table for table, spec in json.loads(SCHEMA.read_text())["tables"].items() if spec.get("isRoot")]
        # References are checked before what nobody refers to is collected, so bindings go first.
        unbind = {"op": "update", "table": "Physical_Port", "where": [], "row": {"vlan_bindings": ["map", []], "acl_bindings": ["map", []]}}
        self.transact(unbind, *({"op": "delete", "table": table, "where": []} for table in roots))

    def ctl(self, *command: str) -> str:
        """What the upstream tool says."""
        arguments = ["vtep-ctl", f"--db={self.remote}", "--timeout=20", *command]
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


class Failed(Exception):
    """A module ended with fail_json; ``msg`` is its message."""

    def __init__(self, result: dict):
        super().__init__(result["msg"])
        self.msg = result["msg"]


class Task:
    """Runs modules with ``database`` and, where wanted, check mode set."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture, check: bool = False):
        self.server = server
        self._capsys = capsys
        self._check = check

    @property
    def check(self) -> Task:
        return Task(self.server, self._capsys, check=True)

    def __call__(self, module: str, **options: Any) -> dict:
        args = {"database": self.server.remote, **options, "_ansible_check_mode": self._check, "_ansible_diff": True}
        code = importlib.import_module(f"{MODULES}.{module}")
        self._capsys.readouterr()
        warnings: list[str] = []
        # Where an earlier test has loaded Ansible's own side, warnings are shown instead of returned, and each only once.
        with (
            patch_module_args(args),
            patch.object(basic.AnsibleModule, "warn", lambda unused, warning: warnings.append(warning)),
            pytest.raises(SystemExit),
        ):
            code.main()
        result = {**json.loads(self._capsys.readouterr().out), "warnings": warnings}
        if result.get("failed"):
            raise Failed(result)
        return result

    def fails(self, module: str, **options: Any) -> str:
        """The message of a task that must fail and must leave the database as it was."""
        before = self.server.dump()
        with pytest.raises(Failed) as failed:
            self(module, **options)
        assert self.server.dump() == before
        return failed.value.msg

    def twice(self, module: str, **options: Any) -> dict:
        """Check mode, the real run, and again: the same change is predicted, done, and then not needed."""
        before = self.server.dump()
        predicted = self.check(module, **options)
        assert self.server.dump() == before
        done = self(module, **options)
        assert predicted["changed"] == done["changed"]
        assert predicted["diff"] == done["diff"]
        assert predicted["counts"] == done["counts"]
        assert (predicted.get("before"), predicted.get("after")) == (done.get("before"), done.get("after"))
        after = self.server.dump()
        again = self(module, **options)
        assert not again["changed"]
        assert not any(again["counts"].values())
        assert self.server.dump() == after
        for key in ("row", "rows"):
            assert again.get(key) == done.get(key)
        return done


@pytest.fixture(scope="class")
def server(tmp_path_factory: pytest.TempPathFactory):
    running = Server(tmp_path_factory.mktemp("ovsdb"))
    yield running
    running.stop()


@pytest.fixture
def task(server: Server, capsys: pytest.CaptureFixture):
    server.empty()
    return Task(server, capsys)


@contextlib.contextmanager
def removed_afterwards(name: str) -> Iterator[str]:
    """The name of a lab that does not run, and does not afterwards."""
    assert not processes.processes(name)
    try:
        yield name
    finally:
        processes.kill(processes.processes(name), processes.Deadline(10))
        # That of a module which the test has killed.
        Path(netns.LOCK.format(name)).unlink(missing_ok=True)


@pytest.fixture
def lab() -> Iterator[str]:
    """The name of a lab that does not run, and does not after the test."""
    with removed_afterwards(f"test-{os.getpid()}") as name:
        yield name


@pytest.fixture
def other_lab() -> Iterator[str]:
    with removed_afterwards(f"test-{os.getpid()}-other") as name:
        yield name


@pytest.fixture
def ansible(lab: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run an Ansible program on the lab as an inventory."""
    inventory = tmp_path / "test.vtep_lab.yml"
    inventory.write_text(f"---\nplugin: vxlanlab.vtep.lab\nlab: {lab}\n")

    def run(program: str, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        env = (
            os.environ
            | {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_REMOTE_TMP": str(tmp_path / "home/remote"), "ANSIBLE_NOCOLOR": "1"}
            | env
        )
        command = [BIN / program, "-i", inventory, *arguments]
        return subprocess.run(command, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    return run
